# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From where a replica of MariaDB asks its source: what it wrote itself it has, though its ``gtid_slave_pos`` does not say so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.modules import Refused, promote
from sandbox.runs.playbook import Playbooks
from sandbox.scenes.scene import Scene, purge
from sandbox.servers.replication import change_statement, domains

# Before 10.10 a former primary is demoted in another way than later; a replica with current_pos there may be in all versions.
pytestmark = [pytest.mark.server("mariadb-10.11"), pytest.mark.also("mariadb-10.5")]

# What the servers write in domains of their own.
OWN_DOMAIN = 7


def write_in_own_domain(server: Server) -> None:
    inserts = (f"INSERT INTO dbha_demo.rows (id, client) VALUES ({number}, 0)" for number in range(100_000, 100_005))
    server.execute_all(f"SET SESSION gtid_domain_id = {OWN_DOMAIN}", *inserts)


def hand_over_by_hand(cluster: Cluster, old: Server, new: Server) -> None:
    """Give the role to another server as the manual of MariaDB before 10.10 has it: the former primary is told to use current_pos."""
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())
    old.set_read_only()
    new.execute_all("STOP SLAVE", "RESET SLAVE ALL")
    for server in cluster.servers.values():
        if server is not new:
            statement, arguments = change_statement(server.installation, host=new.host, port=new.port)
            if server is old:
                statement = statement.replace("slave_pos", "current_pos")
            server.execute_all("STOP SLAVE", (statement, arguments), "START SLAVE")
    new.set_read_only(False)


@pytest.mark.parametrize("has_new_server_id", [False, True])
def test_a_former_primary_follows_the_next_one_too_although_nothing_was_written_in_between(has_new_server_id: bool, kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        with Writer(db0) as writer:
            writer.wait_for(20)
        write_in_own_domain(db0)
        if has_new_server_id:
            db0.execute("SET GLOBAL server_id = 101")
            with Writer(db0) as writer:
                writer.wait_for(5)
            assert OWN_DOMAIN not in domains(db0.value("SELECT @@gtid_current_pos"))
        for new in (db1, db2):
            run = playbooks.run("dbha.mysql.switchover", cluster="orders", switchover_to=new.name)
            assert run.returncode == 0, run
            for server in (db1, db2):
                purge(server)
        with Writer(db2) as writer:
            writer.wait_for(5)
        cluster.wait_in_sync(source=db2, replicas=[db0, db1])
        assert db0.replica_status()["source_port"] == db2.port


@pytest.mark.parametrize("stands_still", [False, True])
def test_a_replica_with_current_pos_does_not_ask_for_what_it_wrote_itself(stands_still: bool, kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        scene.write(20)
        hand_over_by_hand(cluster, db0, db1)
        write_in_own_domain(db1)
        hand_over_by_hand(cluster, db1, db0)
        if stands_still:
            scene.thread("STOP", db1, "SQL_THREAD")
            scene.write(20)
            scene.await_received(db1)
            scene.thread("STOP", db1)
        cluster.wait_in_sync(replicas=[db2])
        purge(db2)
        status = db1.replica_status()["raw"]
        assert status["Using_Gtid"] == "Current_Pos"
        assert OWN_DOMAIN not in domains(status["Gtid_Slave_Pos"] if "Gtid_Slave_Pos" in status else db1.value("SELECT @@gtid_slave_pos"))
        expected = rows(db0)
        scene.kill_primary()

        run = scene.failover(failover_candidates=["db2"])
        assert run.returncode == 0, run
        scene.assert_whole(expected)


def test_a_primary_that_was_told_to_forget_a_domain_follows_once_it_is_told_that_it_has_it(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2, options=["--gtid-strict-mode=ON"]) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        db0, db1 = cluster["db0"], cluster["db1"]
        write_in_own_domain(db0)
        with Writer(db0) as writer:
            writer.wait_for(20)
        cluster.wait_in_sync()
        for server in cluster.servers.values():
            purge(server)
        db0.execute(f"FLUSH BINARY LOGS DELETE_DOMAIN_ID = ({OWN_DOMAIN})")
        # A switchover would leave it without a source, so that is refused before it is closed.
        for check_mode in (True, False):
            with pytest.raises(Refused) as refusal:
                promote(db1, demote=db0, check_mode=check_mode)
            assert refusal.value.codes == {"domain_unknown"}
            assert refusal.value.result["statements"] == []
        db0.kill()
        assert playbooks.run("dbha.mysql.failover", cluster="orders", failover_candidates="db1").returncode == 0
        db0.start()

        run = playbooks.run("dbha.mysql.rejoin", cluster="orders")
        assert run.codes == {"domain_unknown"}, run
        said = re.search(r"SET GLOBAL gtid_slave_pos = CONCAT_WS\(.*?\d'\)", run.output)
        assert said is not None, run
        # What the remedy says.
        db0.execute(said[0])
        run = playbooks.run("dbha.mysql.rejoin", cluster="orders")
        assert run.returncode == 0, run
        with Writer(db1) as writer:
            writer.wait_for(5)
        cluster.wait_in_sync(source=db1, replicas=[db0])
        assert rows(db0) == rows(db1)
