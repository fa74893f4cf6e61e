# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas whose applier stopped at an error: what they have received and not applied can be given up, but only by the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Cluster, Server, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike


@pytest.fixture
def scene(cluster: Cluster, tmp_path: Path) -> Scene:
    scene, installation = Scene(cluster, tmp_path), cluster.primary.installation
    if not installation.is_mariadb and installation.version >= (5, 7):
        # What a parallel worker has failed with stands nowhere else.
        cluster.primary.execute("GRANT SELECT ON performance_schema.replication_applier_status_by_worker TO failover")
    return scene


def change_unseen(server: Server, statement: str) -> None:
    """Change rows of a replica without a trace in its binary log, so that nothing but its applier can stumble over it."""
    server.set_read_only(False)
    server.execute_all("SET sql_log_bin = 0", statement)
    server.set_read_only(True)


def stumble(scene: Scene, server: Server) -> None:
    """Let the applier of a replica stop at a duplicate key."""
    change_unseen(server, "INSERT INTO dbha_demo.`rows` (id, client) VALUES (777777777, 0)")
    scene.cluster.primary.execute("INSERT INTO dbha_demo.`rows` (id, client) VALUES (777777777, 1)")
    wait_until(lambda: server.replica_status()["applier_errno"] == 1062)


def test_a_replica_whose_applier_failed_is_passed_over_where_another_has_everything(scene: Scene) -> None:
    broken = scene.cluster["db1"]
    scene.write(20)
    scene.cluster.wait_in_sync()
    stumble(scene, broken)
    written = scene.write(20)
    scene.await_received(*scene.cluster.replicas)
    scene.cluster.wait_in_sync(replicas=[scene.cluster["db2"], scene.cluster["db3"]])
    scene.kill_primary()
    run = scene.failover()
    assert scene.new_primary is scene.cluster["db2"]
    assert rows(scene.new_primary) == written
    assert run.of("mysql_find_best_replica")["lost"] == []
    # It fetches the same transaction again, and stumbles over it again.
    assert [(problem["code"], problem["server"]) for problem in run.problems if problem["code"] != "primary_dead"] == [("not_replicating", "db1")]
    assert "1062" in run.output
    assert "Duplicate entry '777777777'" in run.output
    assert scene.cluster["db3"].replica_status()["source_port"] == scene.new_primary.port
    # What the remedy says.
    change_unseen(broken, "DELETE FROM dbha_demo.`rows` WHERE id = 777777777")
    scene.thread("START", broken)
    wait_until(lambda: rows(broken) == written)


def test_what_only_a_replica_with_a_failed_applier_has_received_is_given_up_only_if_the_user_says_so(scene: Scene) -> None:
    broken = scene.cluster["db1"]
    kept = scene.write(20)
    scene.cluster.wait_in_sync()
    for name in ("db2", "db3"):
        scene.thread("STOP", scene.cluster[name], "IO_THREAD")
    stumble(scene, broken)
    written = scene.write(20)
    scene.await_received(broken)
    scene.kill_primary()
    with scene.untouched():
        run = scene.failover()
    assert run.returncode != 0
    assert run.codes == {"applier_broken"}, str(run)
    (problem,) = [each for each in run.problems if each["code"] == "applier_broken"]
    assert "1062" in problem["message"]
    assert "Duplicate entry '777777777'" in problem["message"]
    # The second of the two ways out that the remedy names.
    run = scene.failover(failover_allow_data_loss=True)
    assert run.returncode == 0, str(run)
    (loss,) = run.dbha_result["lost"]
    assert (loss["server"], loss["count"], loss["gtids"]) == ("db1", len(written - kept), problem["gtids"])
    change_unseen(broken, "DELETE FROM dbha_demo.`rows` WHERE id = 777777777")
    scene.assert_whole(kept)
