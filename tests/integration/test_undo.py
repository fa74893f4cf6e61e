# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failover that cannot go on before the point of no return: the threads run again as they were found, and it can be run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Cluster
from sandbox.scenes.scene import Scene

pytestmark = pytest.mark.alike


def threads(cluster: Cluster) -> dict[str, tuple[str, str]]:
    statuses = {server.name: server.replica_status() for server in cluster.replicas}
    return {name: (status["receiver"], status["applier"]) for name, status in statuses.items()}


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_drain_that_takes_too_long_is_undone_and_nothing_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    scene.thread("STOP", cluster["db1"], "IO_THREAD")
    up_to_date = [cluster["db2"], cluster["db3"]]
    locks = [server.connect() for server in up_to_date]
    for connection in locks:
        connection.query("LOCK TABLES dbha_demo.rows READ")
    received = scene.write(50)
    scene.await_received(*up_to_date)
    scene.kill_primary()
    assert threads(cluster) == {"db1": ("No", "Yes"), "db2": ("Connecting", "Yes"), "db3": ("Connecting", "Yes")}

    run = scene.failover(failover_drain_timeout=2)

    assert run.returncode == 2, run
    ((code, server, gtids),) = [(problem["code"], problem["server"], problem["gtids"]) for problem in run.problems]
    assert code == "drain_timeout"
    assert server in ("db2", "db3")
    assert gtids
    assert gtids in run.output
    assert "[drain_timeout]" in run.output
    assert "failover_drain_timeout" in run.output
    (holder,) = [str(connection.thread_id()) for name, connection in zip(("db2", "db3"), locks, strict=True) if name == server]
    assert "waits for a lock (Waiting for table metadata lock), held by" in run.output
    assert f"connection {holder} of root from" in run.output
    assert threads(cluster) == {"db1": ("No", "Yes"), "db2": ("Connecting", "Yes"), "db3": ("Connecting", "Yes")}
    assert not any(server.is_writable for server in cluster.replicas)

    # What the remedy says: what delays the applier was named.
    for connection in locks:
        connection.close()
    run = scene.failover()
    assert run.returncode == 0, run
    assert scene.new_primary in up_to_date
    scene.assert_whole(received)
