# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is rare, and right: prepared transactions, work that is under way, domains and sets that are not as usual, over all that moves the role.

There and back: a switchover, a failover, and the return of the one that was killed, and everything is everywhere then.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from sandbox import PASSWORDS, Cluster, Server
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.replication import change_statement, start_statement, stop_statement
from sandbox.servers.waiting import wait_until

UUIDS = 3000

# What other tests have written into a shared cluster is below that, or from 10**18 on.
FIRST_XA_ROW = 5 * 10**17
XA_ROWS = f"id BETWEEN {FIRST_XA_ROW} AND {FIRST_XA_ROW + 999}"


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_whatever_is_prepared_or_under_way_and_however_servers_count_the_role_moves(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))
        written = scene.write(20)
        cluster.wait_in_sync()
        count_strangely(cluster)
        db0.execute("CREATE TABLE dbha_demo.large (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, a VARCHAR(200)) ENGINE = InnoDB")
        db0.execute("INSERT INTO dbha_demo.large (a) VALUES (REPEAT('x', 200))")
        for _doubling in range(17):
            db0.execute("INSERT INTO dbha_demo.large (a) SELECT a FROM dbha_demo.large")
        prepare(db0, 1)
        cluster.wait_in_sync()

        # Any account may take a lock by its name, and that keeps no run off.
        strangers = [server.connect(user="app", password=PASSWORDS["app"]) for server in cluster.servers.values()]
        for stranger in strangers:
            stranger.query("DO GET_LOCK('dbha.mysql', 0)")
        with UnderWay(db0, tmp_path) as work:
            run = scene.switchover(switchover_to="db1", switchover_before_open=[str(work.hook)])
        assert run.returncode == 0, run
        work.assert_in_the_way()
        assert scene.writable() == ["db1"]
        cluster.wait_in_sync(source=db1, replicas=[db0, db2])
        commit(db1, 1)

        prepare(db1, 2)
        cluster.wait_in_sync(source=db1, replicas=[db0, db2])
        scene.kill(db1)
        run = scene.failover()
        assert run.returncode == 0, run
        new = scene.new_primary
        commit(new, 2)
        db1.start("--read-only")
        run = scene.rejoin()
        assert run.returncode == 0, run
        cluster.wait_in_sync(source=new, replicas=[server for server in cluster.servers.values() if server is not new])
        for server in cluster.servers.values():
            assert [row["id"] for row in server.query(f"SELECT id FROM dbha_demo.rows WHERE {XA_ROWS} ORDER BY id")] == list(map(xa_row, (1, 2)))
            assert server.query("XA RECOVER") == []
        new.execute(f"DELETE FROM dbha_demo.rows WHERE {XA_ROWS}")
        scene.assert_whole(written, replicas=cluster.servers.values())


def count_strangely(cluster: Cluster) -> None:
    """Let servers of MariaDB write in a domain of their own each, in order, and those of MySQL have 3000 others' GTIDs, and one no positions besides."""
    if cluster.primary.installation.is_mariadb:
        for number, server in enumerate(cluster.servers.values(), 11):
            server.execute_all(f"SET GLOBAL gtid_domain_id = {number}", "SET GLOBAL gtid_strict_mode = 1")
        return
    others = ",".join(f"{number:08x}-0000-4000-8000-000000000000:1-{number}" for number in range(1, UUIDS + 1))
    for server in cluster.servers.values():
        server.execute("SET GLOBAL gtid_purged = %s", (f"+{others}",))
    db2 = cluster["db2"]
    db2.execute_all(stop_statement(db2.installation), "CHANGE REPLICATION SOURCE TO REQUIRE_ROW_FORMAT = 1, GTID_ONLY = 1", start_statement(db2.installation))
    db2.restart("--read-only")
    wait_until(lambda: db2.replica_status()["receiver"] == "Yes")


def xa_row(number: int) -> int:
    return FIRST_XA_ROW + number


def prepare(server: Server, number: int) -> None:
    """Let a client prepare a distributed transaction and be gone."""
    client: Any = pymysql.connect(host=server.host, port=server.port, user="app", password=PASSWORDS["app"])
    with contextlib.closing(client):
        for statement in ("XA START '%d'", f"INSERT INTO dbha_demo.rows (id, client) VALUES ({xa_row(number)}, 0)", "XA END '%d'", "XA PREPARE '%d'"):
            client.query(statement % number if "%" in statement else statement)


def commit(server: Server, number: int) -> None:
    """Let whoever coordinates it find it prepared, and commit it."""
    (found,) = server.query("XA RECOVER")
    assert found["data"] in (str(number), str(number).encode())
    server.execute(f"XA COMMIT '{number}'")


class UnderWay:
    """A table that is altered (in MariaDB in two phases), and a large transaction that is rolled back, by clients that may be killed.

    They begin with a task file that is run right before the primary is closed, which waits until both are seen at work.
    """

    def __init__(self, server: Server, directory: Path) -> None:
        self.hook = directory / "begin.yml"
        self._server, self._go, self._begun, self._over = server, directory / "go", directory / "begun", threading.Event()
        self._last_seen = {"ALTER": 0.0, "ROLLBACK": 0.0}
        self._closing = float("inf")
        wait = f"touch {self._go}; until test -e {self._begun}; do sleep 0.02; done"
        self.hook.write_text(json.dumps([{"name": "Begin", "ansible.builtin.raw": wait}]), encoding="utf-8")

    def __enter__(self) -> UnderWay:
        self._clients = [threading.Thread(target=self._run, args=each) for each in self._prepare()]
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in (self._watcher, *(client for client in self._clients if client.ident is not None)):
            thread.join()

    def assert_in_the_way(self) -> None:
        """See that neither had ended when the server was about to be closed."""
        assert all(seen >= self._closing for seen in self._last_seen.values()), (self._last_seen, self._closing)

    def _prepare(self) -> Iterator[tuple[Any, str]]:
        for before, statement in (
            (
                ["SET SESSION binlog_alter_two_phase = 1"] if self._server.installation.is_mariadb else [],
                "ALTER TABLE dbha_demo.large ADD b INT, ALGORITHM = COPY",
            ),
            (["CREATE TABLE dbha_demo.more LIKE dbha_demo.large", "BEGIN", "INSERT INTO dbha_demo.more SELECT * FROM dbha_demo.large"], "ROLLBACK"),
        ):
            client: Any = self._server.connect()
            for each in before:
                client.query(each)
            yield client, statement

    def _run(self, client: Any, statement: str) -> None:
        with contextlib.suppress(pymysql.Error), contextlib.closing(client):
            client.query(statement)

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            if not self._go.exists():
                continue
            if self._clients[0].ident is None:
                for client in self._clients:
                    client.start()
            with contextlib.suppress(pymysql.Error):  # clients are killed, and so are we
                self._look()
            if all(self._last_seen.values()):
                self._begun.touch()

    def _look(self) -> None:
        now = time.monotonic()
        for row in self._server.query("SELECT USER, INFO FROM information_schema.PROCESSLIST WHERE INFO IS NOT NULL"):
            verb = str(row["INFO"]).partition(" ")[0]
            if verb in self._last_seen:
                self._last_seen[verb] = now
            elif row["USER"] == "failover" and "read_only" in str(row["INFO"]):
                self._closing = min(self._closing, now)
        if self._server.value("SELECT @@GLOBAL.read_only"):
            self._closing = min(self._closing, now)


@pytest.mark.server("mariadb-10.11")
def test_an_ipv6_address_that_is_spelt_in_two_ways_is_one(kind: str, tmp_path: Path) -> None:
    if "00000000000000000000000000000001" not in Path("/proc/net/if_inet6").read_text(encoding="ascii"):
        pytest.skip("there is no IPv6 here")
    with POOL.cluster(kind, replicas=2) as cluster:
        scene, hosts = Scene(cluster, tmp_path), {"db0": {"mysql_host": "::1"}}
        cluster.primary.restart("--bind-address=127.0.0.1,::1")
        for name, spelt in (("db1", "::1"), ("db2", "0:0:0:0:0:0:0:1")):
            installation = cluster[name].installation
            change = change_statement(installation, host=spelt, port=cluster.primary.port)
            cluster[name].execute_all(stop_statement(installation), change, start_statement(installation))
        written = scene.write(10)
        cluster.wait_in_sync()
        check = scene.check(hosts=hosts)
        assert (check.returncode, check.problems) == (0, []), check
        scene.kill_primary()
        run = scene.failover(hosts=hosts)
        assert run.returncode == 0, run
        scene.assert_whole(written)
