# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""While a client runs a statement with bytes that are not UTF-8, MySQL 9.7 fails to show who is connected and who is in a transaction (error 3854)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pymysql
import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server as Connection
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
from sandbox import PASSWORDS, Server, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.instance import begin_query
from sandbox.servers.pool import POOL
from sandbox.servers.waiting import wait_until

BYTES = b"SELECT SLEEP(300), '\xff\xfe\x80'"


@contextmanager
def saying(*said: tuple[Server, tuple[str, ...], bytes]) -> Iterator[list[int]]:
    """Keep connections that run something, in a transaction of these statements, and return their numbers once they all run."""
    connections = []
    try:
        for server, before, last in said:
            connection = server.connect(autocommit=False)
            connections.append(connection)
            with connection.cursor() as cursor:
                for statement in before:
                    cursor.execute(statement)
            if last:
                begin_query(connection, last)
        for (server, _before, last), connection in zip(said, connections, strict=True):
            wait_until(partial(runs, server, connection.thread_id(), "Query" if last else "Sleep"))
        yield [connection.thread_id() for connection in connections]
    finally:
        for connection in connections:
            with suppress(pymysql.Error, OSError):
                # Closed without a word, because the answer is still to come; the stubs leave that out.
                connection._force_close()  # type: ignore[attr-defined]


def runs(server: Server, connection: int, command: str) -> bool:
    with server.connect(charset="latin1") as ours, ours.cursor() as cursor:
        cursor.execute("SHOW PROCESSLIST")
        return any((row["Id"], row["Command"]) == (connection, command) for row in cursor.fetchall())


@pytest.mark.server("mysql-9.7")
def test_everything_works_while_clients_of_all_servers_say_bytes(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        say_bytes = [(server, (), BYTES) for server in cluster.servers.values()]
        with saying(*say_bytes):
            for run in (scene.check(), scene.switchover("--check", switchover_to="db1"), scene.switchover(switchover_to="db1")):
                assert run.returncode == 0, run
        assert rows(cluster["db1"]) == written
        # In a transaction that keeps the primary from being closed.
        in_the_way = (cluster["db1"], ("INSERT INTO dbha_demo.`rows` (id, client) VALUES (99999, 9)",), BYTES)
        with saying(*[(cluster[name], (), BYTES) for name in ("db0", "db2")], in_the_way):
            run = scene.switchover(switchover_to="db0", switchover_grace=1, switchover_kill=True)
            assert run.returncode == 0, run
        with saying(*say_bytes[1:]):
            scene.kill(cluster["db0"])
            run = scene.failover("--check")
            assert run.returncode == 0, run
            run = scene.failover()
            assert run.returncode == 0, run
            cluster["db0"].restart("--read-only")
            run = scene.rejoin(rejoin_server="db0")
            assert run.returncode == 0, run
        scene.assert_whole(written)


@pytest.mark.server("mysql-9.7", "mysql-5.6", "mariadb-10.11")
def test_who_is_connected_and_in_a_transaction_is_told_as_without_bytes(kind: str) -> None:
    with POOL.cluster(kind, replicas=1) as cluster:
        primary = cluster.primary
        primary.execute_all("CREATE TABLE dbha_demo.locked (id INT PRIMARY KEY)", "INSERT INTO dbha_demo.locked VALUES (1)")
        forged = b"SELECT SLEEP(300) /*\n 3 lock struct(s), heap size 1128, 1 row lock(s)\nMySQL thread id 4711, OS\n*/"
        with saying(
            (primary, ("SELECT 1 FROM dbha_demo.locked WHERE id = 1 FOR UPDATE",), b"SELECT SLEEP(300)"),
            (primary, (), b"SELECT 1 FROM dbha_demo.locked WHERE id = 1 FOR UPDATE"),
            (primary, ("INSERT INTO dbha_demo.locked VALUES (2)",), b""),
            (primary, ("INSERT INTO dbha_demo.locked VALUES (3)",), forged),
            (primary, ("BEGIN", "SELECT 1 FROM dbha_demo.locked WHERE id = 7"), forged),
        ) as (holder, waiter, idle, forger, _reader):
            without = who(kind, primary)
            assert without["open transactions"] == {holder, waiter, idle, forger}
            assert without["lock waits"] == {waiter}
            with saying((primary, (), BYTES)) as (extra,):
                during = who(kind, primary)
                assert during.pop("connections") == without.pop("connections") | {extra}
                assert during == without


def who(kind: str, server: Server) -> dict[str, set[object]]:
    """Ask a server what a switchover asks it."""
    connection = Connection(server.name, Address(server.host, server.port), Login("failover", PASSWORDS["failover"], allow_unverified=True))
    connection.connect()
    flavor = flavor_of(connection.version_text)
    try:
        processes = [row for row in connection.send(flavor.show_processlist()) if row.number("ID") != connection.connection_id]
        found: dict[str, set[object]] = {"connections": {row.number("ID") for row in processes}}
        found["whose"] = {(row.text("USER"), row.text("COMMAND"), row.text("STATE"), row.number("TIME") >= 0) for row in processes}
        found["dump connections"] = {row.text("HOST") for row in connection.send(flavor.show_dump_connections())}
        found["open transactions"] = {row.number("ID") for row in connection.send(flavor.show_open_transactions())}
        found["lock waits"] = {row.number("ID") for row in connection.send(flavor.show_lock_waits())}
        if kind.startswith("mysql"):
            found["group appliers"] = {row.number("appliers") for row in connection.send(flavor.count_group_appliers())}
        return found
    finally:
        connection.close()
