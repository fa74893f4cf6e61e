# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""failover_force with a primary that lives: it is kept from writing first, and nothing that it alone has is given up in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import PASSWORDS, Cluster, Writer, rows
from sandbox.runs.playbook import Playbooks
from sandbox.scenes.scene import Scene
from sandbox.servers.accounts import SCHEMA

pytestmark = pytest.mark.alike

KINDS = pytest.mark.server("mariadb-10.11", "mysql-9.7")


@KINDS
def test_a_living_primary_is_made_read_only_before_another_is_opened_and_no_row_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    playbooks = Playbooks(cluster, tmp_path)
    with Writer(cluster.primary, clients=2) as writer:
        writer.wait_for(20)
        run = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert run.returncode == 0, run
    new_primary = cluster[run.dbha_result["new_primary"]["name"]]
    assert [server.name for server in cluster.servers.values() if server.is_writable] == [new_primary.name]
    assert writer.acknowledged <= rows(new_primary)
    assert run.dbha_result["lost"] == []

    again = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert (again.returncode, again.changed) == (0, 0), again


@KINDS
def test_a_primary_that_lives_and_is_not_named_is_left_alone_and_that_is_said(cluster: Cluster, tmp_path: Path) -> None:
    playbooks, scene = Playbooks(cluster, tmp_path), Scene(cluster, tmp_path)
    for arguments in ((), ("--check",)):
        with scene.untouched():
            run = playbooks.run("dbha.mysql.failover", *arguments, failover_force=True)
        assert run.returncode == 0, run
        told = " ".join(run.output.split())
        assert "db0 is alive: failover_force changes nothing unless failover_dead_primary names it" in told, run
        assert "[primary_alive]" in told, run
    # What the message says, for a primary that hangs for its clients.
    run = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert run.returncode == 0, run
    assert not cluster.primary.is_writable
    # Run again as it was first, it is another one that lives, and it is left alone, too.
    new = scene.writable()
    again = playbooks.run("dbha.mysql.failover", failover_force=True)
    assert (again.returncode, again.changed, scene.writable()) == (0, 0, new), again


@KINDS
def test_the_plan_shows_how_the_primary_is_kept_from_writing_and_its_clients_are_ended(cluster: Cluster, tmp_path: Path) -> None:
    playbooks = Playbooks(cluster, tmp_path)
    scene = Scene(cluster, tmp_path)
    with scene.untouched():
        check = playbooks.run("dbha.mysql.failover", "--check", failover_dead_primary="db0", failover_force=True)
    assert check.returncode == 0, check
    assert "db0: SET GLOBAL" in check.output
    client = cluster.primary.connect(user="app", password=PASSWORDS["app"], database=SCHEMA)
    with client.cursor() as cursor:
        cursor.execute("BEGIN")
    run = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert run.returncode == 0, run
    assert cluster.primary.query("SELECT ID FROM information_schema.PROCESSLIST WHERE ID = %s", (client.thread_id(),)) == []


@KINDS
def test_what_only_the_primary_has_is_not_given_up_without_leave(cluster: Cluster, tmp_path: Path) -> None:
    for replica in cluster.replicas:
        replica.execute("STOP REPLICA IO_THREAD")
    with Writer(cluster.primary) as writer:
        writer.wait_for(5)
    playbooks = Playbooks(cluster, tmp_path)

    refused = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert refused.returncode != 0, refused
    assert refused.codes == {"diverged"}, refused
    assert [server.name for server in cluster.servers.values() if server.is_writable] == ["db0"]

    # The last way out that the remedy names.
    allowed = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True, failover_allow_data_loss=True)
    assert allowed.returncode == 0, allowed
    assert [(loss["server"], loss["count"]) for loss in allowed.dbha_result["lost"]] == [("db0", len(writer.acknowledged))]
    assert not cluster.primary.is_writable


@pytest.mark.server("mariadb-10.11")
def test_a_living_primary_that_cannot_be_kept_from_writing_is_not_replaced_and_one_that_hangs_is(cluster: Cluster, tmp_path: Path) -> None:
    cluster.primary.execute_all(
        "CREATE USER 'onlooker'@'%' IDENTIFIED BY 'look'", "GRANT REPLICATION SLAVE ADMIN, BINLOG MONITOR, SLAVE MONITOR, PROCESS ON *.* TO 'onlooker'@'%'"
    )
    cluster.wait_in_sync()
    playbooks = Playbooks(cluster, tmp_path)
    onlooker = {"db0": {"mysql_login_user": "onlooker", "mysql_login_password": "look"}}

    refused = playbooks.run("dbha.mysql.failover", hosts=onlooker, failover_dead_primary="db0", failover_force=True)
    assert refused.returncode == 2, refused
    assert {(problem["code"], problem["server"]) for problem in refused.problems} == {("privilege_missing", "db0")}, refused
    assert cluster.primary.is_writable
    for replica in cluster.replicas:
        assert (replica.replica_status()["receiver"], replica.replica_status()["applier"], replica.is_writable) == ("Yes", "Yes", False)

    cluster.primary.pause()
    without = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0")
    assert without.codes == {"primary_maybe_alive"}, without
    forced = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert forced.returncode == 0, forced
    assert sum(replica.is_writable for replica in cluster.replicas) == 1

    cluster.primary.resume()
    check = playbooks.run("dbha.mysql.check")
    assert ("two_writable", "db0") in {(problem["code"], problem["server"]) for problem in check.problems}, check
