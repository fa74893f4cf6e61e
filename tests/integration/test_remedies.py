# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remedies that are followed to the letter, in the state in which they are printed: what they promise comes true.

Those that other tests follow by the way are named in unit/test_remedies.py.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps import handover
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import promote_ways
from sandbox import PASSWORDS, Cluster, Server, install, rows
from sandbox.runs.modules import Some, change_master, find_best_replica, gtid_check, promote, refused, switch_over
from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.replication import start_statement, stop_statement
from sandbox.servers.waiting import wait_until

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]


def codes(run: Run) -> set[tuple[str, str]]:
    return {(problem["code"], problem["server"]) for problem in run.problems}


def assert_told(run: Run, code: str, server: str = "", verb: str = "") -> None:
    """See that a run was refused with a code, and that its remedy was printed, as it is to be read in a verb."""
    assert run.returncode == 2, run
    assert (code, server) in codes(run), run
    # A check shows it in 80 columns.
    assert remedy_of(code, verb) in " ".join(run.output.replace("\\n", "\n").split()), run


def test_from_a_primary_that_lives_to_one_that_is_dead_and_back(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        db1, db2 = cluster["db1"], cluster["db2"]
        # Each remedy, to the letter. Use dbha.mysql.switchover to move the role from a living primary.
        assert_told(scene.failover(failover_dead_primary="db0"), "primary_alive", "db0", verb="failover")
        assert scene.switchover(switchover_to="db1").returncode == 0
        assert scene.writable() == ["db1"]

        # Run dbha.mysql.failover; allow one of these replicas to be promoted.
        scene.kill(db1)
        assert_told(scene.check(), "primary_dead", "db1")
        assert_told(scene.failover(failover_exclude=["db0", "db2"]), "no_candidate", verb="failover")
        assert scene.failover(failover_exclude=["db2"]).returncode == 0
        assert scene.writable() == ["db0"]

        # Start the server; bring it in with dbha.mysql.rejoin.
        assert_told(scene.check(), "unreachable", "db1")
        db1.start("--read-only")
        assert_told(scene.check(), "not_a_replica", "db1")
        assert scene.rejoin().returncode == 0

        # Kill its process, as it is paused.
        db2.pause()
        assert_told(scene.check(hosts={name: {"mysql_connect_timeout": 4} for name in cluster.servers}), "not_responding", "db2")
        db2.kill()
        db2.start("--read-only")
        wait_until(lambda: db2.replica_status()["receiver"] == "Yes")
        assert scene.check().problems == []
        scene.assert_whole(written)


def test_what_is_to_be_done_about_a_server_that_does_not_answer_belongs_to_the_verb(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        db1, db2 = cluster["db1"], cluster["db2"]
        db2.pause()
        # Each remedy, to the letter: switchover_leave_out, failover_unreachable, rejoin_leave_out.
        run = scene.switchover(switchover_to="db1")
        assert_told(run, "not_responding", "db2", verb="switchover")
        assert not re.search("failover_|rejoin_", run.output), run
        assert scene.switchover(switchover_to="db1", switchover_leave_out=["db2"]).returncode == 0

        db1.kill()
        wait_until(lambda: cluster["db0"].replica_status()["receiver"] != "Yes")
        run = scene.failover()
        assert_told(run, "not_responding", "db2", verb="failover")
        assert not re.search("switchover_|rejoin_", run.output), run
        assert scene.failover(failover_unreachable="proceed").returncode == 0
        assert cluster["db0"].is_writable

        db1.start("--read-only")
        # That is no reason to refuse it: a warning says it.
        run = scene.rejoin("--check")
        assert not re.search("failover_|switchover_", run.output), run
        (warning,) = {each for task in run.tasks for each in task.result.get("warnings", []) if "[not_responding] db2" in each}
        assert warning.endswith(remedy_of("not_responding", "rejoin")), run
        run = scene.rejoin(rejoin_leave_out=["db2"])
        assert run.returncode == 0, run
        assert "not_responding" not in run.output
        db2.kill()
        assert set(written) <= set(rows(db1))


class Misfits:
    """A primary and a replica that are in order, one (db2) that gets into each trouble in turn, and a server that is not of the cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.db2 = cluster["db2"]
        self.is_mariadb = cluster.primary.installation.is_mariadb
        self.stranger = cluster.add("stranger")
        self.members = Some(cluster["db0"], cluster["db1"], self.db2)

    def assert_told(self, code: str, server: str = "db2") -> None:
        refusal = refused(lambda: gtid_check(self.members, expect_primary="alive"))
        assert (code, server) in {(problem["code"], problem["server"]) for problem in refusal.result["problems"]}, refusal
        assert remedy_of(code) in str(refusal.result["problems"])

    def assert_in_order(self) -> None:
        wait_until(lambda: self.db2.replica_status()["receiver"] == "Yes")
        assert gtid_check(self.members, expect_primary="alive")["warnings"] == []

    def change(self, what: str) -> None:
        """Stop the replica, change how it replicates, and start it."""
        change(self.db2, what)


def change(replica: Server, what: str) -> None:
    """Stop a replica, change how it replicates, and start it."""
    installation = replica.installation
    statement = "CHANGE MASTER TO" if installation.is_mariadb else "CHANGE REPLICATION SOURCE TO"
    replica.execute_all(stop_statement(installation), f"{statement} {what}", start_statement(installation))


@pytest.fixture
def misfits(kind: str) -> Iterator[Misfits]:
    with POOL.cluster(kind, replicas=2) as cluster:
        yield Misfits(cluster)


@pytest.mark.alike
@pytest.mark.also("mariadb-10.11", "mysql-9.7")
def test_a_replica_that_does_not_fit_in_does_once_its_remedy_is_followed(misfits: Misfits) -> None:
    cluster, db2, stranger = misfits.cluster, misfits.db2, misfits.stranger
    misfits.assert_in_order()
    # Each remedy, to the letter. Switch GTIDs on.
    misfits.change("MASTER_USE_GTID = no" if misfits.is_mariadb else "SOURCE_AUTO_POSITION = 0")
    misfits.assert_told("gtid_off")
    misfits.change("MASTER_USE_GTID=slave_pos" if misfits.is_mariadb else "SOURCE_AUTO_POSITION=1")
    misfits.assert_in_order()

    # Remove the other channels from it.
    where = f"_HOST = '127.0.0.1', {{0}}_PORT = {stranger.port}, {{0}}_USER = 'repl', {{0}}_PASSWORD = %s"
    if misfits.is_mariadb:
        db2.execute_all((f"CHANGE MASTER 'east' TO {'MASTER' + where.format('MASTER')}", (PASSWORDS["repl"],)), "START SLAVE 'east'")
    else:
        db2.execute_all((f"CHANGE REPLICATION SOURCE TO {'SOURCE' + where.format('SOURCE')} FOR CHANNEL 'east'", (PASSWORDS["repl"],)))
    misfits.assert_told("multi_source")
    if misfits.is_mariadb:
        db2.execute_all("STOP SLAVE 'east'", "RESET SLAVE 'east' ALL")
    else:
        db2.execute("RESET REPLICA ALL FOR CHANNEL 'east'")
    misfits.assert_in_order()

    # Repoint it to a server of this cluster.
    cluster.replicate(db2, stranger)
    misfits.assert_told("other_primary")
    cluster.replicate(db2, cluster.primary)
    misfits.assert_in_order()

    if misfits.is_mariadb:
        # Give each server a server_id of its own. (A receiver tells its own when it connects.)
        db2.execute_all("STOP SLAVE", f"SET GLOBAL server_id = {cluster['db1'].server_id}")
        misfits.assert_told("same_server_id")
        db2.execute_all("SET GLOBAL server_id = 77", "START SLAVE")
        misfits.assert_in_order()

        # Upgrade the server, or leave it out of the group.
        db2.stop()
        db2.start("--read-only", "--version=10.4.34-MariaDB")
        misfits.assert_told("unsupported_version")
        assert gtid_check(Some(cluster["db0"], cluster["db1"]), expect_primary="alive")["warnings"] == []
        db2.stop()
        db2.start("--read-only")
        misfits.assert_in_order()
        return
    # Stop one of the two, delete auto.cnf in its data directory, and start it.
    db2.stop()
    shutil.copy(cluster["db1"].datadir / "auto.cnf", db2.datadir)
    db2.start("--read-only", "--skip-replica-start")
    misfits.assert_told("same_server_uuid")
    db2.stop()
    (db2.datadir / "auto.cnf").unlink()
    db2.start("--read-only")
    misfits.assert_in_order()

    # Switch it off.
    grant = "GRANT SELECT ON performance_schema.replication_connection_configuration TO failover"
    cluster.primary.execute(grant)
    cluster.wait_in_sync(replicas=[cluster["db1"], db2])
    misfits.change("SOURCE_CONNECTION_AUTO_FAILOVER = 1")
    misfits.assert_told("auto_failover_on")
    db2.execute_all("STOP REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_CONNECTION_AUTO_FAILOVER=0", "START REPLICA")
    misfits.assert_in_order()


def test_a_replica_by_position_keeps_what_it_has_received_when_its_remedy_is_followed(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        scene, db2 = Scene(cluster, tmp_path), cluster["db2"]
        is_mariadb = db2.installation.is_mariadb
        change(db2, "MASTER_USE_GTID = no" if is_mariadb else "SOURCE_AUTO_POSITION = 0")
        scene.thread("STOP", db2, "SQL_THREAD")
        scene.thread("STOP", cluster["db1"], "IO_THREAD")
        written = scene.write(20)
        word = "Master" if is_mariadb else "Source"
        (logged,) = cluster.primary.query("SHOW MASTER STATUS" if is_mariadb else "SHOW BINARY LOG STATUS")
        read = [f"{word}_Log_File", f"Read_{word}_Log_Pos"]
        wait_until(lambda: [str(db2.replica_status()["raw"][name]) for name in read] == [str(logged[name]) for name in ("File", "Position")])
        scene.kill(cluster.primary)
        assert_told(scene.failover(), "gtid_off", "db2", verb="failover")
        # The remedy, to the letter.
        scene.thread("START", db2, "SQL_THREAD")
        wait_until(lambda: rows(db2) == written)
        change(db2, "MASTER_USE_GTID=slave_pos" if is_mariadb else "SOURCE_AUTO_POSITION=1")
        run = scene.failover()
        assert run.returncode == 0, run
        assert scene.writable() == ["db2"]
        scene.assert_whole(written, replicas=[cluster["db1"]])


def test_which_of_two_that_follow_nobody_is_brought_back_is_for_the_user_to_say(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        for server in cluster.replicas:
            scene.thread("STOP", server)
            scene.thread("RESET", server, "ALL")
        assert_told(scene.rejoin(rejoin_primary="db0"), "former_primary_unknown", verb="rejoin")
        # What the remedy says. Of the last one it need not be said.
        assert scene.rejoin(rejoin_primary="db0", rejoin_server="db1").returncode == 0
        assert scene.rejoin().returncode == 0
        scene.assert_whole(written)


def test_a_step_out_of_order_is_taken_in_order(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What playbooks of one's own meet who call the modules in another order than the roles do."""
    with POOL.cluster(kind, replicas=2) as cluster:
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        # Each remedy, to the letter. Use dbha.mysql.switchover, which does what switch_over() does.
        assert refused(lambda: promote(db1)).codes == {"still_receiving"}
        switch_over(cluster, db1)

        # Stop the account that may write in spite of read_only, and run this again.
        with monkeypatch.context() as patch:
            patch.setattr(handover, "drain", writing_meanwhile(db1, handover.drain))
            refusal = refused(lambda: promote(db0, demote=db1, kill=False, timeout=5))
        assert refusal.codes == {"still_writing"}, refusal
        assert db1.is_writable
        cluster.wait_in_sync(source=db1, replicas=[db0, db2])
        switch_over(cluster, db0, kill=False)

        # Let the replica apply all that it has received, which mysql_find_best_replica does.
        word = start_statement(db1.installation).split()[1]
        for server in (db1, db2):
            server.execute(f"STOP {word} SQL_THREAD")
        db0.execute("CREATE DATABASE received")
        scene = Scene(cluster, tmp_path)
        scene.await_received(db1, db2)
        scene.kill(db0)
        assert "not_drained" in refused(lambda: promote(db1)).codes
        find_best_replica(cluster, candidates=["db1"])

        # Repeat the failover that was to promote it.
        db1.set_read_only(False)
        assert refused(lambda: change_master(db1, [db2])).codes == {"not_promoted"}
        find_best_replica(cluster)
        # Something else closes it again. Allow writes on it, and run it again.
        with monkeypatch.context() as patch:
            finish = promote_ways.Way.finish_promotion
            patch.setattr(promote_ways.Way, "finish_promotion", lambda *arguments: [finish(*arguments), db1.set_read_only()][0])
            refusal = refused(lambda: promote(db1))
        assert refusal.codes == {"not_writable"}, refusal
        db1.execute("SET GLOBAL read_only = 0")
        promote(db1)
        change_master(db1, [db2])
        cluster.wait_in_sync(source=db1, replicas=[db2])
        assert db2.query("SHOW DATABASES LIKE 'received'")


def writing_meanwhile(server: Server, drain: Callable[..., Any]) -> Callable[..., Any]:
    """Let a privileged account write to a server each time that another one has applied what that has."""
    numbers = iter(range(10**6))

    def and_write(*arguments: Any, **more: Any) -> Any:
        drained = drain(*arguments, **more)
        with server.connect() as connection, connection.cursor() as cursor:
            if server.has_super_read_only:
                cursor.execute("SET GLOBAL super_read_only = 0")
            cursor.execute(f"CREATE DATABASE privileged_{next(numbers)}")
        return drained

    return and_write


def test_servers_of_two_families_are_put_into_groups_of_their_own(kind: str) -> None:
    other = "mysql-9.7" if kind.startswith("mariadb") else "mariadb-10.11"
    install(other)
    with POOL.cluster(kind, replicas=1) as cluster, Server(other, "another", server_id=50) as another:
        together = Some(*cluster.servers.values(), another)
        assert "mixed_families" in refused(lambda: gtid_check(together, expect_primary="alive")).codes
        # What the remedy says.
        assert gtid_check(cluster, expect_primary="alive")["warnings"] == []


def test_of_two_primaries_that_are_dead_the_group_says_which_is_meant(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        stranger = cluster.add("stranger")
        cluster.replicate(cluster["db2"], stranger)
        scene = Scene(cluster, tmp_path)
        wait_until(lambda: cluster["db2"].replica_status()["receiver"] == "Yes")
        scene.kill(cluster["db0"], stranger)
        assert_told(scene.run_on("failover", ["db0", "db1", "db2"]), "primary_unknown", verb="failover")
        # What the remedy says: the group is checked, and a server that follows another source is none of it.
        assert scene.run_on("failover", ["db0", "db1"]).returncode == 0
        assert scene.writable() == ["db1"]
