# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A primary whose host is off: nothing answers there, not even with a refusal, so that every question to it costs its whole time limit."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sandbox import Cluster
from sandbox.scenes.scene import Scene


@contextmanager
def full(port: int) -> Iterator[None]:
    """Let a port of loopback answer nothing: with the queue full of somebody who accepts nobody, the kernel drops what comes."""
    with ExitStack() as stack:
        for _place in range(8):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", port), timeout=0.5)
        yield


@contextmanager
def swallowing(port: int) -> Iterator[None]:
    """Listen at a port, and let it answer nothing."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        with full(port):
            yield


def test_it_is_given_its_whole_time_only_once(cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    # MariaDB 11.8 tries to connect for that long, and nothing interrupts it. The new primary must not wait for it.
    for replica in cluster.replicas:
        replica.execute("SET GLOBAL slave_net_timeout = 25")
    written = scene.write(50)
    cluster.wait_in_sync()
    scene.kill_primary()
    with swallowing(cluster.primary.port):
        # Over SSH it is not asked at all, though it could be.
        run = scene.failover(hosts={"db0": {"ansible_connection": "ssh"}})
        assert run.returncode == 0, run
        waits = {
            task.action.rpartition("_")[2]: [step for step in task.result["timeline"] if step["step"] == "connect" and step["seconds"] > 2.5]
            for task in run.tasks
            if "timeline" in task.result
        }
        stops = [step["seconds"] for step in run.of("mysql_find_best_replica")["timeline"] if step["step"] == "stop receiving"]
        assert len(stops) == 3, run
        assert max(stops) < 10, run
        assert [task.status for task in run.tasks if task.action.endswith("mysql_salvage")] == ["skipped"]
        assert {module: len(steps) for module, steps in waits.items()} == {"check": 1, "replica": 0, "promote": 0, "master": 0}, run
    scene.assert_whole(written)


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_one_that_does_not_answer_us_and_feeds_its_replicas_may_be_alive(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2, options=["--back-log=1"]) as cluster:
        scene = Scene(cluster, tmp_path)
        with scene.untouched(cluster.replicas):
            cluster.primary.pause()
            with full(cluster.primary.port):
                run = scene.failover()
            cluster.primary.resume()
        assert (run.returncode, run.codes) == (2, {"primary_maybe_alive"}), run
        assert "the primary db0 does not answer here, but db1, db2 still are connected to it" in run.output
        assert scene.writable() == ["db0"]
