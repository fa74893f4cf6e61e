# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan (--check) of what is out of the ordinary names the statements that are then sent, to each server, and no others.

Of an ordinary failover and switchover: test_failover.py, test_switchover.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, rows
from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]


def planned_and_done(scene: Scene, **variables: Any) -> tuple[Run, Run]:
    """Plan a failover, and do it."""
    plan = scene.failover("--check", **variables)
    assert plan.returncode == 0, plan
    run = scene.failover(**variables)
    assert run.returncode == 0, run
    return plan, run


def test_of_replicas_that_stand_still_are_late_or_lack_something_a_plan_says_what_is_done(cluster: Cluster, tmp_path: Path) -> None:
    """Db1, which is wanted, has to catch up from db3; the appliers of db2, which applies late, and db3 were stopped, and the receiver of db3 too."""
    scene = Scene(cluster, tmp_path)
    cluster.replicate(cluster["db2"], delay=600)
    scene.thread("STOP", cluster["db1"], "IO_THREAD")
    for name in ("db2", "db3"):
        scene.thread("STOP", cluster[name], "SQL_THREAD")
    acknowledged = scene.write(20)
    scene.await_received(cluster["db2"], cluster["db3"])
    scene.thread("STOP", cluster["db3"], "IO_THREAD")
    scene.kill_primary()
    plan, run = planned_and_done(scene, failover_candidates=["db1"])
    assert plan.sent == run.sent
    assert {module for module, _server in run.sent} == {"mysql_find_best_replica", "mysql_promote", "mysql_change_master"}
    assert rows(cluster["db1"]) >= acknowledged


def test_a_plan_of_closing_a_living_primary_says_what_is_done(cluster: Cluster, tmp_path: Path) -> None:
    scene = Scene(cluster, tmp_path)
    plan, run = planned_and_done(scene, failover_force=True, failover_dead_primary="db0")
    assert plan.sent == run.sent
    assert ("mysql_find_best_replica", "db0") in run.sent
