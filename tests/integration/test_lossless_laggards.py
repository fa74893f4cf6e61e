# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas that are behind: they hold nobody up, and are waited for only where they alone have the data."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.waiting import HANGS, wait_until

pytestmark = pytest.mark.alike


@pytest.fixture
def scene(cluster: Cluster, tmp_path: Path) -> Scene:
    return Scene(cluster, tmp_path)


def only_a_late_one_has_received(scene: Scene, delay: int) -> tuple[Server, set[int]]:
    """Let the primary die when only a replica that is late on purpose has what was written last; return it, and the rows that there are."""
    delayed = scene.cluster["db1"]
    scene.cluster.replicate(delayed, delay=delay)
    for name in ("db2", "db3"):
        scene.thread("STOP", scene.cluster[name], "IO_THREAD")
    written = scene.write(50)
    scene.await_received(delayed)
    scene.kill_primary()
    return delayed, written


def test_a_replica_with_a_backlog_holds_nobody_up(scene: Scene) -> None:
    laggard = scene.cluster["db1"]
    blocker = laggard.connect()
    with blocker.cursor() as cursor:
        cursor.execute("LOCK TABLES dbha_demo.`rows` READ")
        written = scene.write(200)
        scene.await_received(*scene.cluster.replicas)
        scene.cluster.wait_in_sync(replicas=[scene.cluster["db2"], scene.cluster["db3"]])
        scene.kill_primary()
        with ThreadPoolExecutor() as pool:
            running = pool.submit(scene.failover)
            # Only once another one takes writes can it go on.
            wait_until(lambda: running.done() or scene.cluster["db2"].is_writable, timeout=60)
            blocker.close()
            run = running.result()
    assert run.returncode == 0, str(run)
    assert scene.new_primary is scene.cluster["db2"]
    scene.assert_whole(written)


def hold(server: Server, *statements: str) -> Any:
    """Hold locks on a server with a connection."""
    connection = server.connect()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    return connection


@pytest.mark.server("mariadb", "mysql-9.7")
def test_a_lock_of_tables_that_a_client_holds_on_a_replica_holds_nobody_up(scene: Scene) -> None:
    # super_read_only lets nobody lock a table for writing.
    lock = "WRITE" if scene.cluster.primary.installation.is_mariadb else "READ"
    assert_nobody_is_held_up(scene, [f"LOCK TABLES dbha_demo.`rows` {lock}"], ["FLUSH TABLES WITH READ LOCK"])


@pytest.mark.server("mariadb")
def test_nor_does_a_lock_of_rows_or_of_a_backup(scene: Scene) -> None:
    stages = [f"BACKUP STAGE {stage}" for stage in ("START", "FLUSH", "BLOCK_DDL", "BLOCK_COMMIT")]
    assert_nobody_is_held_up(scene, ["BEGIN", "SELECT * FROM dbha_demo.`rows` FOR UPDATE"], stages)


def assert_nobody_is_held_up(scene: Scene, *locking: list[str]) -> None:
    """Fail over while clients hold locks on two replicas, which they give up only when the run has ended."""
    cluster = scene.cluster
    scene.write(20)
    cluster.wait_in_sync()
    blockers = [hold(cluster[name], *statements) for name, statements in zip(("db1", "db3"), locking, strict=True)]
    cluster.primary.execute("UPDATE dbha_demo.`rows` SET client = client + 1000")
    written = scene.write(20)
    scene.await_received(*cluster.replicas)
    cluster.wait_in_sync(replicas=[cluster["db2"]])
    scene.kill_primary()
    begun = time.monotonic()
    run = scene.failover()
    took = time.monotonic() - begun
    for blocker in blockers:
        blocker.close()
    assert run.returncode == 0, str(run)
    assert scene.new_primary is cluster["db2"]
    # To wait for a lock would be to wait for the end of the test.
    assert took < HANGS
    scene.assert_whole(written)


def test_a_delayed_replica_is_not_elected_and_keeps_its_delay(scene: Scene) -> None:
    delayed = scene.cluster["db1"]
    scene.cluster.replicate(delayed, delay=3600)
    written = scene.write(50)
    scene.await_received(*scene.cluster.replicas)
    # Of two that are on a level, the first: on a busy machine the second one may be ahead.
    scene.cluster.wait_in_sync(replicas=[scene.cluster["db2"], scene.cluster["db3"]])
    scene.kill_primary()
    run = scene.failover()
    assert run.returncode == 0, str(run)
    assert scene.new_primary is scene.cluster["db2"]
    status = delayed.replica_status()
    assert (status["source_port"], status["delay"]) == (scene.new_primary.port, 3600)
    scene.assert_whole(written, replicas=[scene.cluster["db3"]])


@pytest.mark.server("mariadb", "mysql-9.7")
def test_a_delayed_replica_that_alone_has_the_data_applies_it_at_once_and_keeps_its_delay(scene: Scene) -> None:
    delayed, written = only_a_late_one_has_received(scene, delay=3600)
    with scene.untouched():
        check = scene.failover("--check", failover_exclude=["db1"])
    run = scene.failover(failover_exclude=["db1"])
    assert run.returncode == 0, str(run)
    assert "its delay is lifted" in run.output
    planned, sent = (each.of("mysql_find_best_replica")["statements"] for each in (check, run))
    assert planned == sent
    assert scene.new_primary is scene.cluster["db2"]
    assert rows(delayed) == written
    status = delayed.replica_status()
    assert (status["source_port"], status["delay"]) == (scene.new_primary.port, 3600)
    scene.assert_whole(written, replicas=[scene.cluster["db3"]])


@pytest.mark.server("mariadb-10.11")
def test_a_delay_that_was_lifted_comes_back_although_applying_takes_too_long_the_first_time(scene: Scene) -> None:
    delayed, _written = only_a_late_one_has_received(scene, delay=3600)
    blocker = delayed.connect()
    with blocker.cursor() as cursor:
        cursor.execute("LOCK TABLES dbha_demo.`rows` READ")
        run = scene.failover(failover_exclude=["db1"], failover_drain_timeout=2)
        assert run.codes == {"drain_timeout"}, run
        cursor.execute("UNLOCK TABLES")
    run = scene.failover(failover_exclude=["db1"])
    assert run.returncode == 0, run
    assert delayed.replica_status()["delay"] == 3600


@pytest.mark.server("mysql-5.6")
def test_a_delayed_replica_that_alone_has_the_data_is_waited_for_as_long_as_the_user_says(scene: Scene) -> None:
    delayed, written = only_a_late_one_has_received(scene, delay=12)
    run = scene.failover(failover_drain_timeout=1)
    assert run.codes == {"drain_timeout"}, str(run)
    assert "transactions left" in run.output
    status = delayed.replica_status()
    assert (status["receiver"], status["applier"], status["delay"]) == ("Connecting", "Yes", 12)
    run = scene.failover(failover_drain_timeout=60)
    assert run.returncode == 0, str(run)
    assert "db1: it replicates 12 s late on purpose" in run.output
    assert scene.new_primary is delayed
    scene.assert_whole(written)
