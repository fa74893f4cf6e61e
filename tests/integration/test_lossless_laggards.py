# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas that are behind: they hold nobody up, and are waited for only where they alone have the data."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import Cluster, Server, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.waiting import wait_until


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


def test_a_delayed_replica_is_not_elected_and_keeps_its_delay(scene: Scene) -> None:
    delayed = scene.cluster["db1"]
    scene.cluster.replicate(delayed, delay=3600)
    written = scene.write(50)
    scene.await_received(*scene.cluster.replicas)
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
