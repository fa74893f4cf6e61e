# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is rare, and right: prepared transactions, work that is under way, domains and sets that are not as usual, over all that moves the role.

There and back: a switchover, a failover, and the return of the one that was killed, and everything is everywhere then.
"""

from __future__ import annotations

import contextlib
import threading
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
        for _doubling in range(15):
            db0.execute("INSERT INTO dbha_demo.large (a) SELECT a FROM dbha_demo.large")
        prepare(db0, 1)
        cluster.wait_in_sync()

        # Any account may take a lock by its name, and that keeps no run off.
        strangers = [server.connect(user="app", password=PASSWORDS["app"]) for server in cluster.servers.values()]
        for stranger in strangers:
            stranger.query("DO GET_LOCK('dbha.mysql', 0)")
        with under_way(db0):
            run = scene.switchover(switchover_to="db1")
        assert run.returncode == 0, run
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


@contextlib.contextmanager
def under_way(server: Server) -> Iterator[None]:
    """Let a table be altered (in MariaDB in two phases), and a large transaction be rolled back, by clients that may be killed."""
    started = []
    for before, statement in (
        (["SET SESSION binlog_alter_two_phase = 1"] if server.installation.is_mariadb else [], "ALTER TABLE dbha_demo.large ADD b INT, ALGORITHM = COPY"),
        (["CREATE TABLE dbha_demo.more LIKE dbha_demo.large", "BEGIN", "INSERT INTO dbha_demo.more SELECT * FROM dbha_demo.large"], "ROLLBACK"),
    ):
        client: Any = server.connect()
        for each in before:
            client.query(each)
        thread = threading.Thread(target=_run, args=(client, statement))
        thread.start()
        started.append((client, thread))
    yield
    for client, thread in started:
        thread.join()
        with contextlib.suppress(pymysql.Error):
            client.close()


def _run(client: Any, statement: str) -> None:
    with contextlib.suppress(pymysql.Error):
        client.query(statement)


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
