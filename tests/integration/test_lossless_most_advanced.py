# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas that have more, or less, than the one that is promoted: nothing of it is lost, and what cannot be had is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Cluster, Server, rows
from sandbox.scenes.scene import Scene, purge

pytestmark = pytest.mark.alike


@pytest.fixture
def scene(cluster: Cluster, tmp_path: Path) -> Scene:
    return Scene(cluster, tmp_path)


def only_one_has(scene: Scene, server: Server, number: int) -> set[int]:
    """Write rows that only one replica receives, and applies; then kill the primary."""
    for other in scene.cluster.replicas:
        if other is not server:
            scene.thread("STOP", other, "IO_THREAD")
    written = scene.write(number)
    scene.cluster.wait_in_sync(replicas=[server])
    scene.kill_primary()
    return written


@pytest.mark.parametrize("variables", [{"failover_exclude": ["db1"]}, {"failover_candidates": ["db3", "db2"]}], ids=["excluded", "not wanted"])
def test_a_candidate_first_fetches_what_it_lacks_from_the_most_advanced_replica(scene: Scene, variables: dict[str, list[str]]) -> None:
    written = only_one_has(scene, scene.cluster["db1"], 300)
    run = scene.failover(**variables)
    assert run.returncode == 0, str(run)
    assert run.dbha_result["lost"] == []
    assert scene.new_primary is scene.cluster[variables.get("failover_candidates", ["db2"])[0]]
    scene.assert_whole(written)


def test_a_candidate_that_had_begun_to_fetch_when_the_run_was_interrupted_is_promoted_by_the_next_one(scene: Scene) -> None:
    most_advanced, candidate = scene.cluster["db1"], scene.cluster["db2"]
    written = only_one_has(scene, most_advanced, 300)
    scene.cluster.replicate(candidate, most_advanced)
    run = scene.failover(failover_candidates=["db2"])
    assert run.returncode == 0, str(run)
    assert scene.new_primary is candidate
    scene.assert_whole(written)


def test_what_the_most_advanced_replica_has_purged_is_named_and_nothing_is_changed(scene: Scene) -> None:
    most_advanced, candidate = scene.cluster["db1"], scene.cluster["db2"]
    only_one_has(scene, most_advanced, 100)
    purge(most_advanced)
    ports = {server.name: server.replica_status()["source_port"] for server in scene.cluster.replicas}
    run = scene.failover(failover_candidates=["db2"])
    assert run.codes == {"catch_up_failed"}, str(run)
    (problem,) = [each for each in run.problems if each["code"] == "catch_up_failed"]
    assert problem["gtids"]
    assert {server.name: server.replica_status()["source_port"] for server in scene.cluster.replicas} == ports
    assert not any(server.is_writable for server in scene.cluster.replicas)
    assert most_advanced.replica_status()["receiver"] == "Connecting"
    assert candidate.replica_status()["receiver"] == "No"  # as it was found


@pytest.mark.server("mariadb-10.11", "mysql")
def test_a_candidate_that_cannot_catch_up_follows_its_own_source_again(scene: Scene) -> None:
    most_advanced, candidate = scene.cluster["db1"], scene.cluster["db2"]
    written = only_one_has(scene, most_advanced, 100)
    in_the_way = max(rows(most_advanced))
    candidate.set_read_only(False)
    candidate.execute_all("SET sql_log_bin = 0", ("INSERT INTO dbha_demo.`rows` (id, client) VALUES (%s, 0)", (in_the_way,)))
    candidate.set_read_only()
    before = {server.name: server.replica_status() for server in scene.cluster.replicas}
    run = scene.failover(failover_candidates=["db2"])
    assert run.codes == {"catch_up_failed"}, str(run)
    assert scene.writable() == []
    for name, status in before.items():
        after = scene.cluster[name].replica_status()
        assert [after[key] for key in ("source_port", "receiver", "applier")] == [status[key] for key in ("source_port", "receiver", "applier")], name
    # What the remedy says.
    candidate.set_read_only(False)
    candidate.execute_all("SET sql_log_bin = 0", ("DELETE FROM dbha_demo.`rows` WHERE id = %s", (in_the_way,)))
    candidate.set_read_only()
    run = scene.failover(failover_candidates=["db2"])
    assert run.returncode == 0, str(run)
    assert scene.new_primary is candidate
    scene.assert_whole(written)


def test_a_replica_applies_its_own_relay_logs_where_the_new_primary_has_purged_what_is_in_them(scene: Scene) -> None:
    laggard = scene.cluster["db3"]
    scene.thread("STOP", laggard, "SQL_THREAD")
    written = scene.write(300)
    scene.await_received(*scene.cluster.replicas)
    scene.cluster.wait_in_sync(replicas=[scene.cluster["db1"], scene.cluster["db2"]])
    purge(scene.cluster["db1"])
    scene.kill_primary()
    run = scene.failover(failover_candidates=["db1"])
    assert run.returncode == 0, str(run)
    scene.assert_whole(written)


def test_a_replica_that_nobody_can_feed_any_more_is_left_as_it_is_and_named(scene: Scene) -> None:
    starved = scene.cluster["db3"]
    scene.thread("STOP", starved)
    scene.write(100)
    scene.cluster.wait_in_sync(replicas=[scene.cluster["db1"], scene.cluster["db2"]])
    purge(scene.cluster["db1"])
    scene.kill_primary()
    with scene.untouched([starved]):
        run = scene.failover(failover_candidates=["db1"])
    assert run.returncode != 0
    assert run.codes == {"purged"}, str(run)
    assert scene.cluster["db2"].replica_status()["source_port"] == scene.cluster["db1"].port
    assert rows(scene.cluster["db1"]) > rows(starved)
