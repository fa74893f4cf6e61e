# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Global variables that somebody has set for the sessions of others, and bytes that are not text: neither is in the way of a failover."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server as Connection
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import AnswerTooLarge
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from sandbox import PASSWORDS, Cluster, Server, rows
from sandbox.runs.modules import Refused, change_master, gtid_check, rejoin
from sandbox.runs.playbook import Playbooks
from sandbox.scenes.scene import Scene
from sandbox.servers.programs import tool
from sandbox.servers.sessions import ODD, globals_of, strange, strange_but_for_replication
from sandbox.servers.snapshot import event_states
from sandbox.servers.waiting import wait_until


@contextmanager
def connected(server: Server) -> Iterator[Connection]:
    connection = Connection("db0", Address(server.host, server.port), Login("failover", PASSWORDS["failover"], allow_unverified=True))
    connection.connect()
    try:
        yield connection
    finally:
        connection.close()


def test_a_session_is_what_we_make_it(kind: str) -> None:
    with Server(kind) as server:
        values = strange(server)
        with globals_of([server], values), connected(server) as connection:
            wanted = {**dict.fromkeys(values, 0), "autocommit": 1, "sql_mode": "", "sql_select_limit": 2**64 - 1, "completion_type": "NO_CHAIN"}
            wanted.update({"lock_wait_timeout": 86400, "wait_timeout": 28800, "sql_big_selects": 1, "sql_safe_updates": 0})
            for name in ("max_join_size", *ODD):
                del wanted[name]
            found = {name: connection.send(Statement(f"SELECT @@SESSION.{name} AS value")).only()["value"] for name in wanted}
            assert found == wanted
            assert len(connection.send(Statement("SHOW GLOBAL VARIABLES"))) > 100
            assert connection.send(Statement("SELECT %s AS value", ("a\\'b\"",))).only().text("value") == "a\\'b\""


@pytest.mark.alike
def test_what_others_sessions_begin_with_is_not_in_the_way_of_a_switchover(cluster: Cluster, tmp_path: Path) -> None:
    names = [f"e{number:02}" for number in range(20)]
    cluster.primary.execute_all(*(f"CREATE EVENT dbha_demo.{name} ON SCHEDULE EVERY 1 DAY DO DO 1" for name in names))
    cluster.wait_in_sync()
    values = strange_but_for_replication(cluster.primary)
    playbooks = Playbooks(cluster, tmp_path)
    with globals_of(list(cluster.servers.values()), values):
        check = playbooks.run("dbha.mysql.check")
        run = playbooks.run("dbha.mysql.switchover", switchover_to="db1")
    assert (check.returncode, check.problems) == (0, []), check
    assert run.returncode == 0, run
    assert (cluster["db1"].is_writable, cluster["db0"].is_writable) == (True, False)
    assert [(state[0], state[1]) for state in event_states(cluster["db1"])] == [(name, "ENABLED") for name in names]
    assert not [state for state in event_states(cluster["db0"]) if state[1] == "ENABLED"]


@pytest.mark.alike
def test_what_others_sessions_begin_with_is_not_in_the_way_of_a_failover_that_takes_its_time(cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    locks = [server.connect() for server in cluster.replicas]
    for connection in locks:
        connection.query("LOCK TABLES dbha_demo.rows READ")
    received = scene.write(20)
    scene.await_received(*cluster.replicas)
    scene.kill_primary()
    timer = threading.Timer(4, lambda: [connection.close() for connection in locks])
    with globals_of(cluster.replicas, strange_but_for_replication(cluster["db1"])):
        timer.start()
        run = scene.failover()
        timer.join()
        assert run.returncode == 0, run
        cluster.primary.start("--read-only")
        rejoin = scene.rejoin()
    assert rejoin.returncode == 0, rejoin
    assert scene.new_primary is not cluster.primary
    scene.assert_whole(received, replicas=cluster.servers.values())


@pytest.mark.alike
@pytest.mark.server("mariadb", "mysql-9.7")  # MySQL 5.6 takes mysqldump of 5.6 to 8.0, and these cannot be had here
def test_what_others_sessions_begin_with_is_not_in_the_way_of_a_copy(cluster: Cluster, tmp_path: Path) -> None:
    """The vendors' programs that dump and load have sessions of their own. One that cannot be told how to begin it is not used before that is right."""
    mariadb, (donor, replica) = cluster.primary.installation.is_mariadb, cluster.replicas[:2]
    cluster.primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'c'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")
    tables = {engine: f"dbha_demo.in_{engine}" for engine in ("InnoDB", "MyISAM")}
    for engine, table in tables.items():
        cluster.primary.execute_all(f"CREATE TABLE {table} (id INT PRIMARY KEY, said TEXT) ENGINE={engine}", f"INSERT INTO {table} VALUES (0, 'it''s')")
        cluster.primary.execute_all(*(f"INSERT INTO {table} SELECT id + {1 << power}, '\\\\\"' FROM {table}" for power in range(10)))
    cluster.wait_in_sync()
    replica.set_read_only(False)
    # In MariaDB it cannot be told from what the others have once they have come to its number.
    replica.execute_all(*(["SET SESSION gtid_seq_no = 1000000"] if mariadb else []), "CREATE TABLE dbha_demo.only_there (id INT PRIMARY KEY)")
    replica.set_read_only()
    options = {"copy_user": "copier", "copy_password": "c", "save_to": str(tmp_path / "saved"), "method": "rebuild"}
    options["dump_program"] = str(tool(cluster.kind, "mariadb-dump" if mariadb else "mysqldump"))
    with globals_of([donor, replica], strange(donor)):
        if mariadb:
            with pytest.raises(Refused, match="sessions on db1 begin with another sql_select_limit, max_join_size than the vendor's") as refused:
                rejoin(replica, cluster.primary, [donor], **options)
            assert refused.value.codes == {"cannot_copy"}
            assert not [sent for sent in refused.value.result["statements"] if "DROP" in sent["statement"]]
            # What the message says.
            donor.execute_all("SET GLOBAL sql_select_limit = DEFAULT", "SET GLOBAL max_join_size = DEFAULT")
        assert rejoin(replica, cluster.primary, [donor], **options)["copied_with"] == "dump"
    change_master(cluster.primary, [replica])
    cluster.wait_in_sync()
    for table in tables.values():
        checksums = {server.query_one(f"CHECKSUM TABLE {table} EXTENDED")["Checksum"] for server in (cluster.primary, replica)}
        assert len(checksums) == 1, table


def write_latin(server: Server, text: str) -> None:
    """Write a row as a client does whose text is Latin-1, so that its statement is in the binary log with bytes that are not UTF-8."""
    connection = server.connect(charset="latin1")
    connection.query("SET SESSION binlog_format = 'STATEMENT'")
    connection.query(f"INSERT INTO dbha_demo.words VALUES ('{text}')")
    connection.close()


def described(cluster: Cluster, name: str) -> dict[str, Any]:
    """Return what a check says of a replica."""
    (found,) = [each for each in gtid_check(cluster)["replicas"] if each["name"] == name]
    return dict(found)


WORDS = "CREATE TABLE dbha_demo.words (word VARCHAR(100) CHARACTER SET latin1 PRIMARY KEY)"


@pytest.mark.server("mariadb-10.11", "mariadb-11.8", "mysql-5.6")
def test_an_error_that_is_not_utf8_is_told_and_keeps_nobody_from_a_failover(kind: str, cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    cluster.primary.execute(WORDS)
    cluster.wait_in_sync()
    cluster["db1"].execute_all("SET sql_log_bin = 0", "INSERT INTO dbha_demo.words VALUES ('caf\u00e9')")
    write_latin(cluster.primary, "caf\u00e9")
    received = scene.write(10)
    others = [cluster["db2"], cluster["db3"]]
    cluster.wait_in_sync(replicas=others)

    # The sandbox cannot read it: its connections take it for text.
    wait_until(lambda: described(cluster, "db1")["applier_error"])
    said = described(cluster, "db1")["applier_error"]
    assert ("caf?" if kind == "mariadb-11.8" else "caf\\xe9") in said

    cluster.primary.kill()
    wait_until(lambda: all(server.replica_status()["receiver"] != "Yes" for server in others))
    run = scene.failover()
    assert scene.new_primary in others, run
    assert rows(scene.new_primary) == received
    assert {problem["server"] for problem in run.problems} == {"db1"}, run


@pytest.mark.server("mariadb-10.11", "mariadb-11.8")
def test_relay_logs_that_hold_what_is_not_utf8_are_read_and_applied(cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    cluster.primary.execute(WORDS)
    cluster.wait_in_sync()
    for server in cluster.replicas:
        scene.thread("STOP", server, "SQL_THREAD")
    write_latin(cluster.primary, "caf\u00e9")
    received = scene.write(10)
    scene.await_received(*cluster.replicas)
    for server in cluster.replicas:
        scene.thread("STOP", server)
    scene.kill_primary()

    run = scene.failover()

    assert run.returncode == 0, run
    scene.assert_whole(received)
    assert [row["word"] for row in scene.new_primary.query("SELECT word FROM dbha_demo.words")] == ["caf\u00e9"]


@pytest.mark.server("mariadb-10.11", "mysql-5.6")
def test_what_would_steer_a_terminal_does_not_reach_it(cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    word = "\x1b[2J\x1b]0;all is well\x07"
    cluster.primary.execute(WORDS)
    cluster.wait_in_sync()
    cluster["db1"].execute_all("SET sql_log_bin = 0", ("INSERT INTO dbha_demo.words VALUES (%s)", (word,)))
    cluster.primary.execute("INSERT INTO dbha_demo.words VALUES (%s)", (word,))
    wait_until(lambda: described(cluster, "db1")["applier_error"])

    run = scene.check()

    assert "all is well" in run.output
    assert "\x1b" not in run.output
    assert "\x07" not in run.output


@pytest.mark.alike
def test_an_answer_that_is_too_large_is_not_taken_in(kind: str) -> None:
    with Server(kind) as server, connected(server) as connection:
        rows_of_a_megabyte = Statement("SELECT REPEAT('x', 1000000) AS a FROM information_schema.COLUMNS LIMIT 300", timeout=60.0)
        with pytest.raises(AnswerTooLarge):
            connection.send(rows_of_a_megabyte)
        assert not connection.is_open
        connection.connect()
        assert len(connection.send(Statement("SELECT REPEAT('x', 1000000) AS a FROM information_schema.COLUMNS LIMIT 50", timeout=60.0))) == 50
