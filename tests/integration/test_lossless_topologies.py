# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of several servers, domains and tags, and replicas of replicas: two failovers in a row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL

pytestmark = pytest.mark.alike


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    with POOL.cluster(kind, replicas=4) as cluster:
        yield cluster


def write_apart(server: Server, number: int) -> None:
    """Write transactions that a plain sequence of numbers does not count: of another domain (MariaDB), or with a tag (MySQL 8.3 and later)."""
    apart = "SET gtid_domain_id = 7" if server.installation.is_mariadb else "SET gtid_next = 'AUTOMATIC:apart'"
    for _transaction in range(number):
        server.execute_all(apart, "INSERT INTO dbha_demo.apart VALUES ()")


def apart(server: Server) -> int:
    return int(server.value("SELECT COUNT(*) FROM dbha_demo.apart"))


@pytest.mark.server("mysql-9.7", "mariadb-10.11")
def test_a_replica_of_a_replica_keeps_its_living_source_and_is_repointed_when_that_one_dies(cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    old, most_advanced, between, below, candidate = cluster.servers.values()
    cluster.replicate(below, between)
    old.execute("CREATE TABLE dbha_demo.apart (id INT AUTO_INCREMENT PRIMARY KEY)")
    scene.write(20)
    write_apart(old, 5)
    cluster.wait_in_sync()
    scene.thread("STOP", candidate, "IO_THREAD")
    write_apart(old, 3)
    cluster.wait_in_sync(replicas=[most_advanced, between, below])
    scene.thread("STOP", between, "IO_THREAD")
    written = scene.write(20)
    cluster.wait_in_sync(replicas=[most_advanced])

    scene.kill_primary()
    run = scene.failover(failover_candidates=[candidate.name])
    assert run.returncode == 0, run
    assert scene.new_primary is candidate
    assert run.dbha_result["lost"] == []
    assert below.replica_status()["source_port"] == between.port
    scene.assert_whole(written, replicas=[most_advanced, between])

    # The sets hold what two primaries wrote now.
    write_apart(candidate, 4)
    cluster.wait_in_sync(source=candidate, replicas=[most_advanced, between, below])
    written = rows(candidate)
    assert rows(below) == written
    scene.kill(candidate, between)
    run = scene.failover(failover_dead_primary=candidate.name, failover_unreachable="proceed")
    assert run.returncode == 0, run
    assert run.dbha_result["lost"] == []
    new_primary = scene.new_primary
    (other,) = {most_advanced, below} - {new_primary}
    with Writer(new_primary) as writer:
        writer.wait_for(3)
    cluster.wait_in_sync(source=new_primary, replicas=[other])
    assert rows(other) == rows(new_primary) == written | writer.acknowledged
    assert [apart(server) for server in (most_advanced, below)] == [12, 12]
