# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Multi-threaded appliers that commit out of order leave gaps: a transaction that is missing among later ones. None may stay.

MariaDB's commit in order within a domain, in all parallel modes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pymysql
import pytest

from sandbox import Cluster, Server, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.waiting import wait_until

OPTIONS = {
    "mysql-9.7": ["--replica-parallel-workers=4", "--replica-preserve-commit-order=OFF"],
    "mysql-5.6": ["--slave-parallel-workers=4"],
}


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    with POOL.cluster(kind, replicas=4, options=OPTIONS[kind]) as cluster:
        yield cluster


@contextmanager
def held_up(server: Server) -> Iterator[Callable[[], None]]:
    """Lock the one row of a table, so that a worker waits for it while the others get on. Give what lets it go on."""
    connection = server.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM other.one LOCK IN SHARE MODE")
        yield connection.rollback
    finally:
        with suppress(pymysql.Error):
            connection.close()


def value(server: Server) -> int:
    return int(server.value("SELECT value FROM other.one"))


def has_gap(server: Server, written: set[int]) -> bool:
    """Tell whether all rows are there that were written after the one that is held up."""
    return rows(server) == written and value(server) == 0


@pytest.mark.server("mysql")
@pytest.mark.also("mysql-5.6")  # this alone minds gaps
def test_no_gap_is_left_behind(cluster: Cluster, kind: str, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    winner, behind, held, killed = cluster.replicas
    cluster.primary.execute_all(
        "CREATE DATABASE other", "CREATE TABLE other.one (id INT PRIMARY KEY, value INT) ENGINE=InnoDB", "INSERT INTO other.one VALUES (1, 0)"
    )
    cluster.wait_in_sync()
    scene.thread("STOP", behind, "IO_THREAD")
    with held_up(winner), held_up(killed), held_up(held) as let_go:
        cluster.primary.execute("UPDATE other.one SET value = 1")
        written = scene.write(50)
        scene.await_received(winner, killed, held)
        for server in (winner, killed, held):
            wait_until(partial(has_gap, server, written))
        scene.kill_primary()
        for server in (winner, killed):
            server.kill()
            server.start("--skip-slave-start")
            server.set_read_only()
            assert has_gap(server, written)
        if kind == "mysql-5.6":
            let_go()  # this one must end in order
        run = scene.failover(failover_candidates=[winner.name])
    assert run.returncode == 0, str(run)
    assert scene.new_primary is winner
    assert run.dbha_result["lost"] == []
    scene.assert_whole(written)
    assert [value(server) for server in cluster.replicas] == [1, 1, 1, 1]
