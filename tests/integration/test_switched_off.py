# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A primary whose host is off: nothing answers there, not even with a refusal, so that every question to it costs its whole time limit."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from sandbox import Cluster
from sandbox.scenes.scene import Scene
from sandbox.servers.host import Host, can_be_had
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike


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


@pytest.fixture
def host() -> Iterator[Host]:
    """Give an address that can be switched off."""
    if not can_be_had():
        pytest.skip("a host that can be switched off takes root, and the program ip")
    with Host() as made:
        yield made


@pytest.fixture
def on_a_host(kind: str, host: Host) -> Iterator[Cluster]:
    """Start a cluster whose primary is on a host of its own."""
    with Cluster(kind, replicas=3, replica_options={"db0": ["--bind-address=0.0.0.0"]}, start=False) as cluster:
        cluster.primary.host = host.address
        cluster.start()
        yield cluster


# MariaDB 11.8 is the one that is different.
@pytest.mark.also("mariadb-11.8")
def test_it_is_given_its_whole_time_only_once(on_a_host: Cluster, host: Host, tmp_path: Path) -> None:
    cluster = on_a_host
    scene = Scene(cluster, tmp_path)
    # MariaDB 11.8 tries to connect for that long, and nothing interrupts it. The new primary must not wait for it.
    for replica in cluster.replicas:
        replica.execute("SET GLOBAL slave_net_timeout = 45")
    written = scene.write(50)
    cluster.wait_in_sync()
    scene.kill_primary()
    host.switch_off()
    # Over SSH it is not asked at all, though it could be.
    run = scene.failover(hosts={"db0": {"ansible_connection": "ssh"}})
    assert run.returncode == 0, run
    waits = {
        task.action.rpartition("_")[2]: [
            step for step in task.result["timeline"] if (step["step"], step["server"]) == ("connect", "db0") and step["seconds"] > 2.5
        ]
        for task in run.tasks
        if "timeline" in task.result
    }
    stops = [step["seconds"] for step in run.of("mysql_find_best_replica")["timeline"] if step["step"] == "stop receiving"]
    assert len(stops) == 3, run
    assert max(stops) < 30, run
    assert {task.status for task in run.tasks if task.action.endswith("mysql_salvage")} <= {"skipped"}
    assert {module: len(steps) for module, steps in waits.items()} == {"replica": 1, "promote": 0, "master": 0}, run
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


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_one_that_hangs_with_a_full_queue_and_has_lost_its_replicas_may_be_alive(kind: str, tmp_path: Path) -> None:
    """To its port the kernel answers as little as a host that is off."""
    with Cluster(kind, replicas=2, options=["--back-log=1"]) as cluster:
        scene = Scene(cluster, tmp_path)
        cluster.primary.pause()
        with full(cluster.primary.port):
            for replica in cluster.replicas:
                scene.thread("STOP", replica)
                replica.execute("SET GLOBAL slave_net_timeout = 2")
                scene.thread("START", replica)
            for replica in cluster.replicas:
                wait_until(partial(lambda replica: replica.replica_status()["receiver"] == "Connecting", replica))
            with scene.untouched(cluster.replicas):
                run = scene.failover()
            check = scene.check(expect_primary="dead")
        cluster.primary.resume()
        assert (run.returncode, run.codes) == (2, {"primary_maybe_alive"}), run
        assert "its host is up" in run.output
        assert (check.returncode, check.codes) == (2, {"primary_maybe_alive"}), check
        assert scene.writable() == ["db0"]


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_one_whose_name_does_not_resolve_may_be_alive(cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    prefix = "SOURCE" if scene.has_new_words else "MASTER"
    change = "CHANGE REPLICATION SOURCE" if scene.has_new_words else "CHANGE MASTER"
    for replica in cluster.replicas:
        scene.thread("STOP", replica)
        replica.execute(f"{change} TO {prefix}_HOST = 'db0.invalid'")
        scene.thread("START", replica)
    hosts = {"db0": {"mysql_host": "db0.invalid"}}
    for arguments in ({}, {"failover_dead_primary": "db0"}):
        with scene.untouched():
            run = scene.failover(hosts=hosts, **arguments)
        # Where a channel forgets whom it was connected to when it is pointed elsewhere, that is told as well.
        assert (run.returncode, run.codes - {"never_connected"}) == (2, {"primary_maybe_alive"}), run
        assert "db0.invalid" in run.output
    forced = scene.failover(hosts=hosts, failover_force=True, failover_allow_data_loss=True)
    assert forced.returncode == 0, forced
