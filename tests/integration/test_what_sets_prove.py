# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A set of GTIDs proves something only if every write got one and the binary log is whole: nobody says otherwise where that is not so."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.modules import Refused, Result, change_master, rejoin
from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until

TWO = pytest.mark.server("mariadb-10.11", "mysql-9.7")


def codes(run: Run) -> set[tuple[str, str]]:
    return {(problem["code"], problem["server"]) for problem in run.problems}


def lag_behind(scene: Scene, server: Server, number: int) -> set[int]:
    """Keep a replica from receiving while rows are written; then let it go on once the primary is dead. Return all rows."""
    scene.thread("STOP", server, "IO_THREAD")
    written = scene.write(number)
    scene.await_received(*(other for other in scene.cluster.replicas if other is not server and other.is_running))
    return written


def apply_without_logging(scene: Scene, replica: Server, *, behind: Server) -> set[int]:
    """Let a replica apply rows that it does not log, while another one does not receive them; then it logs again. Return all rows."""
    scene.write(10)
    scene.cluster.wait_in_sync()
    replica.restart("--read-only", "--skip-log-slave-updates")
    written = lag_behind(scene, behind, 20)
    scene.cluster.wait_in_sync(replicas=[each for each in scene.cluster.replicas if each is not behind])
    replica.restart("--read-only")
    wait_until(lambda: replica.replica_status()["receiver"] == "Yes")
    return written


@pytest.mark.server("mariadb-10.11", "mysql-9.7", "mysql-5.6")
def test_replicas_that_were_away_while_the_primary_wrote_are_not_promoted_as_if_they_had_everything(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=1) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1 = cluster["db0"], cluster["db1"]
        scene.write(10)
        cluster.wait_in_sync()
        db1.stop()
        written = scene.write(20)
        db0.kill()
        db1.start()
        wait_until(lambda: db1.replica_status()["receiver"] == "Connecting")
        with scene.untouched():
            run = scene.failover()
            assert (run.returncode, codes(run)) == (2, {("never_connected", "db1")}), run
            assert "nothing is lost" not in run.output
        # The remedy: it receives what it lacks.
        db0.start()
        cluster.wait_in_sync()
        scene.kill_primary()
        run = scene.failover()
        assert run.returncode == 0, run
        assert rows(db1) == written


@pytest.mark.server("mariadb-10.11")
def test_what_is_lost_so_may_be_given_up(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=1) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1 = cluster["db0"], cluster["db1"]
        received = scene.write(10)
        cluster.wait_in_sync()
        db1.stop()
        assert scene.write(20) > received
        db0.kill()
        db1.start()
        run = scene.failover(failover_allow_data_loss=True)
        assert run.returncode == 0, run
        assert "never been connected to db0" in run.output
        assert rows(db1) == received


@pytest.mark.server("mariadb-10.11")
def test_a_backlog_that_spans_a_change_of_the_primary_is_nobodys_own(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2, options=["--gtid-strict-mode=ON"]) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        scene.write(20)
        cluster.wait_in_sync()
        db2.execute_all("STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY = 3600", "START SLAVE")
        scene.write(20)
        run = scene.switchover(switchover_to="db1")
        assert run.returncode == 0, run
        with Writer(db1) as writer:
            writer.wait_for(20)
        cluster.wait_in_sync(source=db1, replicas=[db0])
        wait_until(lambda: db2.replica_status()["received"] == db1.value("SELECT @@gtid_binlog_pos"))
        assert scene.check().problems == []
        expected = rows(db1)
        db1.kill()
        wait_until(lambda: db2.replica_status()["receiver"] == "Connecting")
        check = scene.failover("--check")
        assert check.returncode == 0, check
        run = scene.failover()
        assert run.returncode == 0, run
        assert scene.writable() == ["db0"]
        assert rows(db0) == expected

        # The delayed one alone has everything, too.
        with Writer(db0) as writer:
            writer.wait_for(5)
        expected = rows(db0)
        wait_until(lambda: db2.replica_status()["received"] == db0.value("SELECT @@gtid_binlog_pos"))
        scene.kill(db0)
        run = scene.failover(failover_unreachable="proceed")
        assert run.returncode == 0, run
        assert rows(db2) == expected


@pytest.mark.alike
@TWO
def test_a_replica_whose_binary_log_leaves_databases_out_is_not_promoted(kind: str, tmp_path: Path) -> None:
    filtered = ["--binlog-ignore-db=dbha_demo"]
    with Cluster(kind, replicas=2, replica_options={"db1": filtered}) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        assert scene.check().problems == []
        db2 = cluster["db2"]
        db2.restart("--read-only", *filtered)
        cluster.wait_in_sync()
        check = scene.check()
        assert codes(check) == {("filtered", "db1")}, check
        db2.restart("--read-only")
        cluster.wait_in_sync()
        scene.kill_primary()
        run = scene.failover(failover_candidates=["db1"])
        assert run.returncode == 0, run
        assert scene.writable() == ["db2"]
        scene.assert_whole(written)


@pytest.mark.alike
@TWO
def test_where_all_replicas_leave_rows_out_that_is_known_before_and_may_be_accepted(kind: str, tmp_path: Path) -> None:
    option = "--binlog-do-db=elsewhere" if kind.startswith("mysql") else "--replicate-ignore-db=elsewhere"
    with Cluster(kind, replicas=2, replica_options={"db1": [option], "db2": [option]}) as cluster:
        scene = Scene(cluster, tmp_path)
        scene.write(10)
        check = scene.check()
        assert (check.returncode, codes(check)) == (2, {("filtered", "db1")}), check
        scene.kill_primary()
        with scene.untouched():
            run = scene.failover()
        assert (run.returncode, {code for code, _server in codes(run)}) == (2, {"filtered"}), run
        # The second way out that the remedy names.
        run = scene.failover(failover_allow_data_loss=True)
        assert "leaves rows out" in run.output
        assert len(scene.writable()) == 1


def grant_copier(primary: Server) -> None:
    primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'c'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")


def rebuild(kind: str) -> dict[str, str]:
    """Return the options that overwrite a server with a dump."""
    program = tool(kind, "mariadb-dump" if kind.startswith("mariadb") else "mysqldump")
    return {"rejoin_method": "rebuild", "rejoin_copy_user": "copier", "rejoin_copy_password": "c", "rejoin_dump_program": str(program)}


@pytest.mark.alike
@TWO
def test_a_replica_behind_one_that_does_not_log_is_told(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=3, replica_options={"db1": ["--skip-log-slave-updates"]}) as cluster:
        scene = Scene(cluster, tmp_path)
        cluster.replicate(cluster["db2"], cluster["db1"])
        grant_copier(cluster.primary)
        scene.write(10)
        cluster.wait_in_sync(replicas=[cluster["db1"], cluster["db3"]])
        check = scene.check()
        assert ("source_does_not_log", "db2") in codes(check) or ("not_replicating", "db2") in codes(check), check
        assert rows(cluster["db2"]) != rows(cluster["db0"])
        # What the remedy says.
        run = scene.rejoin(rejoin_server="db2", **rebuild(kind))
        assert run.returncode == 0, run
        scene.write(10)
        cluster.wait_in_sync()
        assert rows(cluster["db2"]) == rows(cluster["db0"])
        assert "db2" not in {server for _code, server in codes(scene.check())}


@pytest.mark.server("mariadb-10.11")
def test_what_was_applied_and_not_logged_can_be_had_from_another(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=3) as cluster:
        scene = Scene(cluster, tmp_path)
        db1, db3 = cluster["db1"], cluster["db3"]
        expected = apply_without_logging(scene, db1, behind=db3)
        scene.kill_primary()
        run = scene.failover()
        assert run.returncode == 0, run
        assert scene.writable() == ["db2"]
        scene.assert_whole(expected)


@pytest.mark.server("mariadb-10.11")
@pytest.mark.parametrize("logs_more", [False, True], ids=["the last", "more came after it"])
def test_who_cannot_be_sent_what_was_applied_and_not_logged_is_told(logs_more: bool, kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db1, db2 = cluster["db1"], cluster["db2"]
        grant_copier(cluster.primary)
        cluster.wait_in_sync()
        expected = apply_without_logging(scene, db1, behind=db2)
        if logs_more:
            expected = scene.write(10)
            cluster.wait_in_sync(replicas=[db1])
            db1.execute("FLUSH BINARY LOGS")
        scene.kill_primary()
        run = scene.failover()
        assert (run.returncode, codes(run)) == (2, {("purged", "db2")}), run
        assert scene.writable() == ["db1"]
        assert rows(db1) == expected
        assert "1236" not in run.output
        if logs_more:
            return
        # What the remedy says. Nobody follows the new primary, so that it has to be named.
        run = scene.rejoin(rejoin_server="db2", rejoin_primary="db1", **rebuild(kind))
        assert run.returncode == 0, run
        scene.assert_whole(expected)


@pytest.mark.server("mariadb-10.11", "mariadb-11.8", "mysql-9.7")
@pytest.mark.parametrize("variables", [{"failover_candidates": ["db2"]}, {"failover_exclude": ["db1"]}], ids=["wanted", "the other one excluded"])
def test_a_candidate_does_not_catch_up_across_what_was_not_logged(variables: dict[str, list[str]], kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db1 = cluster["db1"]
        cluster.wait_in_sync()
        apply_without_logging(scene, db1, behind=cluster["db2"])
        expected = scene.write(10)
        cluster.wait_in_sync(replicas=[db1])
        scene.kill_primary()
        run = scene.failover(**variables)
        assert (run.returncode, codes(run)) == (2, {("catch_up_failed", "db2")}), run
        assert "nothing is lost" not in run.output
        assert scene.writable() == []
        # The remedy: nothing is lost, and who cannot be fed is told.
        run = scene.failover()
        assert (run.returncode, codes(run)) == (2, {("purged", "db2")}), run
        assert scene.writable() == ["db1"]
        assert rows(db1) == expected


@pytest.mark.server("mariadb-10.11")
def test_a_replica_that_was_pointed_to_such_a_server_is_not_started_there(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db1, db2 = cluster["db1"], cluster["db2"]
        cluster.wait_in_sync()
        apply_without_logging(scene, db1, behind=db2)
        expected = scene.write(10)
        cluster.wait_in_sync(replicas=[db1])
        scene.kill_primary()
        run = scene.failover()
        assert (run.returncode, codes(run)) == (2, {("purged", "db2")}), run
        before = rows(db2)
        scene.thread("STOP", db2)
        cluster.replicate(db2, db1, start=False)
        run = scene.failover()
        assert (run.returncode, codes(run)) == (2, {("purged", "db2")}), run
        assert (rows(db1), rows(db2)) == (expected, before)
        assert db2.replica_status()["receiver"] == "No"


def write_in(server: Server, domain: int, number: int) -> None:
    """Write rows in a domain, a transaction each."""
    first = 1 + max(rows(server), default=0)
    inserts = [("INSERT INTO dbha_demo.`rows` (id, client) VALUES (%s, 0)", (each,)) for each in range(first, first + number)]
    server.execute_all(f"SET gtid_domain_id = {domain}", *inserts)


def with_two_domains(scene: Scene) -> None:
    """Let both replicas have something in each of two domains; then the second one receives no more."""
    write_in(scene.cluster.primary, 0, 10)
    write_in(scene.cluster.primary, 1, 6)
    scene.cluster.wait_in_sync()
    scene.thread("STOP", scene.cluster["db2"], "IO_THREAD")


def set_position(scene: Scene, replica: Server) -> None:
    """Let a replica begin its binary log anew where it stands, as a copy does."""
    position = replica.value("SELECT @@gtid_slave_pos")
    replica.execute_all("STOP SLAVE", "RESET MASTER", ("SET GLOBAL gtid_slave_pos = %s", (position,)), "START SLAVE")
    wait_until(lambda: replica.replica_status()["receiver"] == "Yes")


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mariadb-11.8")
@pytest.mark.parametrize("first", [1, 0], ids=["far behind", "at the beginning"])
@pytest.mark.parametrize("variables", [{}, {"failover_candidates": ["db2"]}], ids=["repointed", "catching up"])
def test_what_is_not_logged_in_one_domain_is_not_hidden_by_another(variables: dict[str, list[str]], first: int, kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        with_two_domains(scene)
        write_in(db0, 0, 20)
        cluster.wait_in_sync(replicas=[db1])
        set_position(scene, db1)
        write_in(db0, first, 5)
        write_in(db0, 1 - first, 5)
        cluster.wait_in_sync(replicas=[db1])
        expected = rows(db0)
        scene.kill_primary()
        if variables:
            run = scene.failover(**variables)
            assert (run.returncode, codes(run)) == (2, {("catch_up_failed", "db2")}), run
            assert scene.writable() == []
        run = scene.failover()
        assert (run.returncode, codes(run)) == (2, {("purged", "db2")}), run
        assert scene.writable() == ["db1"]
        assert rows(db1) == expected
        assert db2.replica_status()["source_port"] == db0.port
        run = scene.rejoin(rejoin_server="db2", rejoin_primary="db1")
        assert (run.returncode, codes(run)) == (2, {("purged", "db2")}), run


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mariadb-11.8")
@pytest.mark.parametrize("variables", [{}, {"failover_candidates": ["db2"]}], ids=["repointed", "catching up"])
def test_a_domain_that_is_rarely_written_to_keeps_nobody_from_following(variables: dict[str, list[str]], kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1 = cluster["db0"], cluster["db1"]
        write_in(db0, 1, 1)
        cluster.wait_in_sync()
        set_position(scene, db1)
        with_two_domains(scene)
        for server in (db0, db1):
            server.execute("FLUSH BINARY LOGS")
        write_in(db0, 0, 20)
        write_in(db0, 1, 2)
        write_in(db0, 2, 1)
        cluster.wait_in_sync(replicas=[db1])
        expected = rows(db0)
        scene.kill_primary()
        run = scene.failover(**variables)
        assert run.returncode == 0, run
        assert scene.new_primary is cluster["db2" if variables else "db1"]
        scene.assert_whole(expected)


def begin_late(server: Server) -> None:
    """Begin new binary logs before the old ones are done: the notes that these are come into the last one, before anything that is replicated."""
    write = ["INSERT INTO dbha_demo.aside VALUES (1)", "FLUSH BINARY LOGS"] * 10
    server.execute_all("SET sql_log_bin = 0", "SET GLOBAL innodb_flush_log_at_trx_commit = 0", "CREATE TABLE dbha_demo.aside (a INT)", *write)
    last = server.query("SHOW BINARY LOGS")[-1]["Log_name"]
    wait_until(lambda: len(server.query("SHOW BINLOG EVENTS IN %s LIMIT 40", (last,))) > 10)


# MariaDB 10.11 writes one note for all.
@pytest.mark.server("mariadb-11.8")
def test_what_is_not_logged_is_seen_behind_whatever_else_a_file_begins_with(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        cluster.wait_in_sync()
        apply_without_logging(scene, db1, behind=db2)
        begin_late(db1)
        expected = scene.write(10)
        cluster.wait_in_sync(replicas=[db1])
        scene.kill_primary()
        run = scene.failover()
        assert (run.returncode, codes(run)) == (2, {("purged", "db2")}), run
        assert rows(db1) == expected
        assert db2.replica_status()["source_port"] == db0.port


def restored_from_an_old_copy(cluster: Cluster, server: Server, save: Path) -> None:
    """Bring a server back as its data were some time ago, with a server_uuid of its own and its old server_id."""
    server.stop()
    shutil.rmtree(server.datadir, ignore_errors=True)
    shutil.copytree(save, server.datadir)
    (server.datadir / "auto.cnf").unlink()
    server.start("--read-only")


@pytest.mark.server("mysql-9.7")
def test_what_carries_the_server_id_of_a_server_that_was_restored_from_an_old_copy_is_not_lost_unseen(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        scene.write(10)
        cluster.wait_in_sync()
        db0.stop()
        shutil.copytree(db0.datadir, tmp_path / "copy")
        db0.start()
        scene.write(20)
        cluster.wait_in_sync()
        assert scene.switchover(switchover_to="db1").returncode == 0
        with Writer(db1) as writer:
            writer.wait_for(10)
        cluster.wait_in_sync(source=db1, replicas=[db0, db2])
        restored_from_an_old_copy(cluster, db0, tmp_path / "copy")
        run = scene.rejoin()
        assert (run.returncode, codes(run)) == (2, {("history_lost", "db0")}), run
        assert "server_id 1" in run.output
        assert db0.replica_status() == {}
        # Somebody has joined it all the same: it goes on without them, and that is seen.
        cluster.replicate(db0, db1)
        with Writer(db1) as writer:
            writer.wait_for(10)
        assert rows(db0) != rows(db1)
        check = scene.check()
        assert ("history_lost", "db0") in codes(check), check


@TWO
def test_a_server_whose_gtids_were_emptied_beside_its_tables_is_not_joined(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        scene.write(10)
        cluster.wait_in_sync()
        db2 = cluster["db2"]
        reset = "RESET MASTER" if db2.installation.is_mariadb else "RESET BINARY LOGS AND GTIDS"
        emptied = ["SET GLOBAL gtid_slave_pos = ''"] if db2.installation.is_mariadb else []
        grant_copier(cluster.primary)
        cluster.wait_in_sync()
        scene.thread("STOP", db2)
        db2.execute_all("RESET SLAVE ALL" if db2.installation.is_mariadb else "RESET REPLICA ALL", reset, *emptied)
        run = scene.rejoin(rejoin_server="db2")
        assert (run.returncode, codes(run)) == (2, {("history_unknown", "db2")}), run
        assert "no GTID" in run.output
        # Nor is a replica said to replicate that stumbles over the first transaction that it gets. One of MariaDB creates tables anew.
        if not db2.installation.is_mariadb:
            cluster.replicate(db2, cluster.primary)
            scene.thread("STOP", db2)
            with pytest.raises(Refused) as refused:
                change_master(cluster.primary, [db2])
            assert refused.value.codes == {"not_replicating"}
            scene.thread("STOP", db2)
            db2.execute("RESET REPLICA ALL")
        # What the remedy says, as nothing that was written there is wanted.
        run = scene.rejoin(rejoin_server="db2", rejoin_save=False, **rebuild(kind))
        assert run.returncode == 0, run
        scene.write(10)
        cluster.wait_in_sync()
        assert rows(db2) == rows(cluster.primary)
        assert scene.check().problems == []


class Way(NamedTuple):
    """A way to write rows so that GTIDs do not tell of them: how the server is started, what it is told before, and the code that says so."""

    options: tuple[str, ...]
    statements: tuple[str, ...]
    code: str


WAYS = {
    "without a binary log": Way(("--skip-log-bin",), (), "history_unknown"),
    "with databases that are not logged": Way(("--binlog-ignore-db=dbha_demo",), (), "history_unknown"),
    "with only others that are logged": Way(("--binlog-do-db=elsewhere",), (), "history_unknown"),
    "under numbers that were used before": Way((), ("RESET MASTER",), "own_transactions"),
}
OF_MYSQL = {
    "under numbers that were used before": Way((), ("RESET BINARY LOGS AND GTIDS",), "own_transactions"),
    "without a GTID": Way((), tuple(f"SET GLOBAL gtid_mode = {mode}" for mode in ("ON_PERMISSIVE", "OFF_PERMISSIVE")), "own_transactions"),
    "and the GTIDs were switched on again": Way(
        (), tuple(f"SET GLOBAL gtid_mode = {mode}" for mode in ("ON_PERMISSIVE", "OFF_PERMISSIVE", "SELF", "ON_PERMISSIVE", "ON")), "own_transactions"
    ),
}


@TWO
def test_in_whichever_way_a_former_primary_hides_rows_it_is_not_said_to_have_nothing(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, program = cluster["db0"], str(tool(kind, "mariadb-binlog" if kind.startswith("mariadb") else "mysqlbinlog"))
        scene.write(20)
        cluster.wait_in_sync()
        scene.kill_primary()
        shutil.copytree(db0.datadir, tmp_path / "data")
        assert scene.failover().returncode == 0
        new = scene.new_primary
        others = [server for server in cluster.replicas if server is not new]
        with Writer(new) as writer:
            writer.wait_for(30)

        def brought_back() -> Result:
            return rejoin(db0, new, others, save_to=str(tmp_path / "saved"), binlog_program=program)

        hidden = "INSERT INTO dbha_demo.`rows` (id, client) VALUES (1000000007, 0)"
        for name, way in {**WAYS, **({} if kind.startswith("mariadb") else OF_MYSQL)}.items():
            db0.start(*way.options)
            if not any("SELF" in statement for statement in way.statements):
                db0.execute_all(*way.statements, hidden)
            else:
                for statement in way.statements:
                    db0.execute(hidden if "SELF" in statement else statement)
            with pytest.raises(Refused) as refused:
                brought_back()
            assert way.code in refused.value.codes, (name, refused.value)
            assert not db0.is_writable, name
            db0.kill()
            shutil.rmtree(db0.datadir)
            shutil.copytree(tmp_path / "data", db0.datadir)
        # As it was it has nothing of its own.
        db0.start()
        assert brought_back()["msg"] == f"db0 has nothing that {new.name} lacks"
