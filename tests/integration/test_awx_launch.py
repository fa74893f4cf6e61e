# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job of AWX for each of many clusters: the playbook dbha.mysql.launch, against a stand-in for the API of AWX (see sandbox/runs/awx.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.runs.awx import TOKEN, AwxStandIn
from sandbox.runs.playbook import Task, noted, watched

pytestmark = pytest.mark.timeout(600)

# More than AWX launches at once.
CLUSTERS = [f"shop_{number:03}" for number in range(102)]


@pytest.fixture
def awx() -> Iterator[AwxStandIn]:
    with AwxStandIn() as stand_in:
        project = stand_in.answer("POST", "/api/v2/projects/", {}, {"name": "dbha"})[1]["id"]
        for cluster in CLUSTERS:
            made = stand_in.answer("POST", "/api/v2/job_templates/", {}, {"name": f"{cluster} failover", "project": project, "playbook": "failover.yml"})
            assert made[0] == 201, made
        stand_in.changes.clear()
        yield stand_in


def launch(awx: AwxStandIn, directory: Path, *arguments: str) -> tuple[int, str, tuple[Task, ...], dict[str, object]]:
    """Run the playbook, and return its exit code, what it printed, its tasks, and what it left."""
    results = directory / "results.jsonl"
    results.unlink(missing_ok=True)
    inventory = directory / "inventory.json"
    inventory.write_text(json.dumps({cluster: {"hosts": {f"{cluster}_db0": {}}} for cluster in CLUSTERS}), encoding="utf-8")
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [str(program), "-vvv", "-i", str(inventory), "dbha.mysql.launch", "-e", "launch_interval=1", *arguments]
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    run = subprocess.run(
        command, env={**own, **watched(results), **awx.environment, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, timeout=500, check=False
    )
    tasks, statistics = noted(results)
    return run.returncode, run.stdout + run.stderr, tasks, statistics["custom"]


def test_a_job_is_launched_for_each_cluster_and_each_says_what_became_of_it(awx: AwxStandIn, tmp_path: Path) -> None:
    problem = {"code": "unreachable", "server": "shop_007_db1", "message": "m", "remedy": "r"}
    awx.ends["shop_007 failover"] = ("failed", {"dbha_result": {"outcome": "refused", "problems": [problem]}})
    code, output, tasks, left = launch(awx, tmp_path, "-e", "clusters=all")
    assert code == 2, output
    assert [len(nodes) for nodes in awx.bulks.values()] == [100, 2]
    assert sorted(node["identifier"] for nodes in awx.bulks.values() for node in nodes) == CLUSTERS
    summary = tasks[-1].result["msg"]
    assert summary[0].endswith("failed; refused (unreachable)")
    assert summary[0].startswith("shop_007: job ")
    assert (len(summary), summary[-1]) == (103, "1 of 102 jobs failed")
    told = left["dbha_launched"]
    assert isinstance(told, dict)
    assert (told["failed"], told["jobs"]["shop_007"]["result"]["outcome"]) == (["shop_007"], "refused")
    assert TOKEN not in output


def test_in_a_workflow_those_are_launched_that_a_check_found_fault_with(awx: AwxStandIn, tmp_path: Path) -> None:
    code, output, tasks, _left = launch(awx, tmp_path, "-e", json.dumps({"dbha_result": {"failed": ["shop_001", "shop_100"]}}))
    assert code == 0, output
    assert tasks[-1].result["msg"][-1] == "none of 2 jobs failed"
    assert awx.changes == ["POST /api/v2/bulk/job_launch/"]
    # A plan launches nothing, and where it found none, nothing is to be done.
    code, output, tasks, _left = launch(awx, tmp_path, "--check", "-e", "clusters=shop_01[01]")
    assert (code, tasks[-1].result["msg"]) == (0, ["shop_010: would be launched", "shop_011: would be launched"]), output
    code, output, tasks, _left = launch(awx, tmp_path)
    assert (code, tasks[-1].result["msg"]) == (0, ["none of 0 jobs failed"]), output
    assert len(awx.bulks) == 1


def test_what_awx_refuses_and_what_it_has_no_template_for_is_named(awx: AwxStandIn, tmp_path: Path) -> None:
    code, output, tasks, _left = launch(awx, tmp_path, "-e", "clusters=shop_000,payments")
    assert code == 2, output
    assert tasks[-1].result["msg"][0] == "payments: not launched; AWX has no template payments failover"
    assert tasks[-1].result["msg"][2:] == ["1 of 2 jobs failed"]
    # The templates do not ask for variables.
    code, output, tasks, _left = launch(awx, tmp_path, "-e", json.dumps({"clusters": "shop_000", "launch_variables": {"failover_force": ["errant"]}}))
    assert code == 2, output
    assert tasks[-1].result["msg"][0] == "shop_000: not launched; AWX has refused it, or has not begun yet"
    assert "not allowed on launch" in output
