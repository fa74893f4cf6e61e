# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The primary dies in the middle of sending a large transaction. Nobody waits for the rest, which never comes."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from sandbox import Server
from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.sshd import Sshd
from sandbox.servers.waiting import HANGS, wait_until

MEGABYTE = 1_000_000

_CREATE = "CREATE TABLE dbha_demo.big (id INT AUTO_INCREMENT PRIMARY KEY, body LONGBLOB)"
_DOUBLE = "INSERT INTO dbha_demo.big (body) SELECT body FROM dbha_demo.big"


def relay_logs(server: Server) -> int:
    return sum(path.stat().st_size for path in server.datadir.glob("relay*"))


def commit_large(server: Server, doublings: int) -> None:
    """Commit 0.2 MB, doubled so many times, as one transaction."""
    with contextlib.suppress(pymysql.Error):
        server.execute_all("BEGIN", "INSERT INTO dbha_demo.big (body) VALUES (REPEAT('x', 200000))", *[_DOUBLE] * doublings, "COMMIT")


@contextlib.contextmanager
def first_in_line() -> Iterator[None]:
    """Let this thread wait for no processor, where that is allowed."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def die_while_sending(scene: Scene, *, doublings: int, after: int) -> None:
    """Kill the primary when so many bytes of a large transaction have arrived at some replica.

    Replicas run a moment at a time, and stand still when it is killed: what is on its way to them then is no more than a few megabytes, also where
    this process has to wait for a processor.
    """
    primary, replicas = scene.cluster.primary, scene.cluster.replicas
    primary.execute(_CREATE)
    scene.cluster.wait_in_sync()
    before = {server.name: relay_logs(server) for server in replicas}
    client = threading.Thread(target=commit_large, args=(primary, doublings))

    def has_arrived() -> bool:
        for server in replicas:
            server.resume()
        time.sleep(0.001)
        for server in replicas:
            server.pause()
        return max(relay_logs(server) - before[server.name] for server in replicas) >= after

    client.start()
    with first_in_line():
        wait_until(has_arrived, pause=0.001)
        primary.kill()
    for server in replicas:
        server.resume()
    scene.kill_primary()
    client.join()
    arrived = [relay_logs(server) - before[server.name] for server in replicas]
    assert max(arrived) < 200_000 * 2**doublings, f"all of it has arrived: {arrived}"


def timed(scene: Scene, **variables: Any) -> tuple[Run, float]:
    """Fail over, and return how long it took until a replica accepted writes."""
    opened: list[float] = []

    def watch() -> None:
        wait_until(lambda: any(server.is_writable for server in scene.cluster.replicas), timeout=2 * HANGS)
        opened.append(time.monotonic())

    watcher = threading.Thread(target=watch)
    begun = time.monotonic()
    watcher.start()
    run = scene.failover(**variables)
    watcher.join()
    return run, opened[0] - begun


@pytest.mark.slow
@pytest.mark.parametrize(("doublings", "after"), [(7, MEGABYTE), (9, 70 * MEGABYTE)])
def test_half_a_transaction_holds_nobody_up(kind: str, tmp_path: Path, doublings: int, after: int) -> None:
    with POOL.cluster(kind, replicas=3, options=["--max-allowed-packet=64M"]) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        die_while_sending(scene, doublings=doublings, after=after)
        # Whoever waits for the rest waits that long.
        run, opened = timed(scene, failover_drain_timeout=10 * HANGS)
        assert run.returncode == 0, str(run)
        assert run.dbha_result["lost"] == []
        assert opened < HANGS
        assert run.seconds < HANGS
        assert all(server.value("SELECT COUNT(*) FROM dbha_demo.big") == 0 for server in cluster.replicas)
        scene.assert_whole(written)


@pytest.mark.slow
@pytest.mark.alike
@pytest.mark.server("mysql-9.7", "mariadb-10.11")
def test_the_whole_of_it_is_fetched_where_the_host_of_the_dead_primary_answers(kind: str, tmp_path: Path, sshd: Sshd) -> None:
    with POOL.cluster(kind, replicas=3, options=["--max-allowed-packet=64M"]) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        die_while_sending(scene, doublings=7, after=MEGABYTE)
        run = scene.failover(hosts=sshd.host_of(cluster.primary), failover_salvage_timeout=5 * HANGS)
        assert run.returncode == 0, str(run)
        assert (run.dbha_result["lost"], run.dbha_result["salvaged"]["problem"]) == ([], None)
        scene.assert_whole(written)
        for server in cluster.replicas:
            assert server.value("SELECT COUNT(*) FROM dbha_demo.big") == 128


@pytest.mark.slow
@pytest.mark.server("mysql-5.6", "mysql-9.7", "mariadb-10.11")
@pytest.mark.parametrize("is_idle", [False, True], ids=["before it has applied what it has", "while it stands at the half"])
def test_one_that_has_the_half_catches_up_from_one_that_has_the_whole(kind: str, tmp_path: Path, is_idle: bool) -> None:
    """MySQL 5.6 counts the half as received, which is seen only once all before it is applied."""
    with POOL.cluster(kind, replicas=3, options=["--max-allowed-packet=64M"]) as cluster:
        scene = Scene(cluster, tmp_path)
        half, whole, other = cluster.replicas
        if not is_idle:
            scene.thread("STOP", half, "SQL_THREAD")
        written = scene.write(10)
        cluster.primary.execute(_CREATE)
        scene.await_received(*cluster.replicas)
        before = relay_logs(half)
        client = threading.Thread(target=commit_large, args=(cluster.primary, 8))
        client.start()
        wait_until(lambda: relay_logs(half) - before >= MEGABYTE, pause=0.001)
        for server in (half, other):
            server.pause()
        client.join()
        wait_until(lambda: whole.value("SELECT COUNT(*) FROM dbha_demo.big") == 256)
        cluster.primary.kill()
        for server in (half, other):
            server.resume()
        scene.kill_primary()
        assert relay_logs(half) - before < 200_000 * 2**8, "all of it has arrived"
        run = scene.failover(failover_candidates=half.name)
        assert run.returncode == 0, str(run)
        assert run.dbha_result["lost"] == []
        scene.assert_whole(written)
        assert {server.value("SELECT COUNT(*) FROM dbha_demo.big") for server in cluster.replicas} == {256}
