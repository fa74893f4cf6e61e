# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that Ansible is told to cut down: nothing is left out silently, and none of it does harm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from sandbox.runs.playbook import Playbooks, watched
from sandbox.servers.cluster import Cluster
from sandbox.servers.pool import POOL
from sandbox.servers.snapshot import differences, snapshots, wait_until_still


@pytest.fixture(scope="module")
def nobody(some_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playbooks]:
    """Playbooks for a cluster of which no server runs: whatever looks at it fails."""
    with Cluster(some_kind, replicas=1, start=False) as cluster:
        yield Playbooks(cluster, tmp_path_factory.mktemp("partial"))


@pytest.mark.parametrize(
    ("playbook", "options"),
    [
        ("failover", ("--limit", "db1")),
        ("check", ("--limit", "all")),
        ("failover", ("--tags", "emergency")),
        ("rejoin", ("--skip-tags", "untagged")),
        ("switchover", ("--start-at-task", "*Say how it stands")),
    ],
)
def test_a_run_of_which_nothing_is_left_is_refused(playbook: str, options: tuple[str, ...], nobody: Playbooks) -> None:
    run = nobody.run(f"dbha.mysql.{playbook}", *options)
    assert run.returncode != 0, run
    assert "[partial_run]" in run.output
    assert remedy_of("partial_run", playbook) in " ".join(run.output.split()), run
    assert not run.tasks


def test_a_limit_that_an_imported_playbook_would_not_survive_is_refused_too(nobody: Playbooks, tmp_path: Path) -> None:
    project = tmp_path / "failover.yml"
    project.write_text("- ansible.builtin.import_playbook: dbha.mysql.failover\n", encoding="utf-8")
    run = nobody.run(str(project), "--limit", "orders")
    assert run.returncode != 0, run
    assert "[partial_run]" in run.output


@pytest.mark.parametrize("options", [("--limit", "orders,localhost"), ("--skip-tags", "slow"), ("--tags", "untagged")], ids="=".join)
def test_a_run_of_which_all_is_left_is_one(options: tuple[str, ...], nobody: Playbooks) -> None:
    run = nobody.run("dbha.mysql.check", *options)
    assert run.codes == {"unreachable"}, run


def test_tags_of_those_who_import_a_playbook_are_theirs(nobody: Playbooks, tmp_path: Path) -> None:
    project = tmp_path / "all.yml"
    plays = [{"ansible.builtin.import_playbook": f"dbha.mysql.{playbook}", "tags": playbook} for playbook in ("failover", "check")]
    project.write_text(json.dumps(plays), encoding="utf-8")
    run = nobody.run(str(project), "--tags", "check")
    assert {task.action.rpartition(".")[2] for task in run.tasks if task.status != "skipped"} == {"mysql_gtid_check", "set_fact", "set_stats"}, run
    # The play that has another tag is none of what was asked for, and says nothing.
    assert run.codes == {"unreachable"}


def test_a_role_that_is_begun_in_the_middle_is_no_success(nobody: Playbooks) -> None:
    role = {"ansible.builtin.import_role": {"name": "dbha.mysql.failover"}, "vars": {"failover_cluster": "orders"}}
    for name in ("Say how it stands", "Promote"):
        run = nobody.run_tasks([role], "--start-at-task", f"dbha.mysql.failover : {name}")
        assert run.returncode == 2, run
        assert run.dbha_result["outcome"] in ("refused", "failed")
        assert not run.codes - {"partial_run", "task_failed"}


def step_by_step(cluster: Cluster, directory: Path, playbook: str, declined: set[str], **variables: Any) -> tuple[int, str]:
    """Run a playbook with --step and decline some of its tasks."""
    results = directory / "results.jsonl"
    inventory = directory / "inventory.yml"
    cluster.write_inventory(inventory)
    command = [str(Path(sys.executable).with_name("ansible-playbook")), f"dbha.mysql.{playbook}", "-i", str(inventory), "--step"]
    command += ["--extra-vars", json.dumps({"cluster": "orders", **variables})]
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment = {**own, "ANSIBLE_NOCOLOR": "1", "PYTHONUNBUFFERED": "1", **watched(results)}
    output = ""
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # The answer is asked for at the end of what is printed so far.
        while read := os.read(process.stdout.fileno(), 65536):
            output += read.decode()
            if output.endswith("(c)ontinue: "):
                name = output.rpartition("Perform task: TASK: ")[2].partition(" (N)o")[0].rpartition(" : ")[2]
                process.stdin.write(b"n\n" if name in declined else b"y\n")
                process.stdin.flush()
        return process.wait(), output


STEPS = [{"Promote", "Repoint the others"}, {"Promote"}, {"Repoint the others"}]


@pytest.mark.parametrize("declined", STEPS, ids=lambda names: " and ".join(sorted(names)))
def test_a_failover_with_a_step_that_is_declined_is_no_success_and_does_no_harm(declined: set[str], some_kind: str, tmp_path: Path) -> None:
    with POOL.cluster(some_kind, replicas=2) as cluster:
        cluster.primary.kill()
        before = wait_until_still(cluster.replicas)
        returncode, output = step_by_step(cluster, tmp_path, "failover", declined)
        assert returncode == 2, output
        assert set(re.findall(r"\[([a-z]+_[a-z_]+)\]", output)) == {"partial_run"}, output
        if "Promote" in declined:
            assert not differences(before, snapshots(cluster.replicas)), output
        # What the remedy says.
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.failover")
        assert run.returncode == 0, run
        assert len([server for server in cluster.replicas if server.is_writable]) == 1


def test_a_switchover_whose_first_step_is_declined_leaves_all_as_it_was_and_does_not_say_to_open_a_second_server(some_kind: str, tmp_path: Path) -> None:
    with POOL.cluster(some_kind, replicas=2) as cluster:
        cluster.wait_in_sync()
        before = wait_until_still(cluster.servers.values())
        returncode, output = step_by_step(cluster, tmp_path, "switchover", {"Hand the role over"}, switchover_to="db1")
        assert returncode == 2, output
        assert set(re.findall(r"\[([a-z]+_[a-z_]+)\]", output)) == {"partial_run"}, output
        assert "SET GLOBAL" not in output
        assert not differences(before, snapshots(cluster.servers.values())), output
