# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks with other versions of ansible-core than the one that runs all other tests, each in an environment of its own (`make cores`).

Until 2.18 whatever a template gives becomes text, unless it is a list or a dictionary: a number too, and what is none becomes an empty one.
From 2.19 on conditions must be booleans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.sshd import Sshd

BUILD = Path(__file__).resolve().parents[2] / ".build"
# The newest one is there only where there is a Python that can run it.
CORES = [name for name in ("core-oldest", "core-newest") if name == "core-oldest" or (BUILD / name).exists()]

REPLICA = {"name": "str", "host": "str", "port": "int", "changed": "bool", "replicating": "bool", "problem": "NoneType"}
SERVER = {"name": "str", "host": "str", "port": "int"}
RESULT = {"cluster": "str", "old_primary": SERVER, "new_primary": SERVER, "replicas": [REPLICA], "seconds": "float"}
FAILOVER = {**RESULT, "lost": [], "salvaged": {"count": "int", "gtids": "str", "problem": "NoneType"}}
SWITCHOVER = {**RESULT, "lost": [], "downtime": "float"}
REJOIN = {**RESULT, "own": {"gtids": "str", "count": "int", "without_gtid": "int"}, "saved": "NoneType"}


def types(value: Any) -> Any:
    """Return a result with the names of types in place of values; of a list only the different ones."""
    if isinstance(value, dict):
        return {key: types(each) for key, each in value.items()}
    if isinstance(value, list):
        return [each for index, each in enumerate(map(types, value)) if each not in list(map(types, value))[:index]]
    return type(value).__name__


@dataclass
class Story:
    """What became of one cluster, run by run."""

    runs: dict[str, Run] = field(default_factory=dict)


@pytest.fixture(scope="module", params=CORES)
def story(request: pytest.FixtureRequest, some_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Tell it: a check, a refusal, a switchover, a failover that salvages, the same once more, and the return of the dead one."""
    ansible = BUILD / request.param / "bin/ansible-playbook"
    assert ansible.exists(), f"{ansible} is missing: make cores"
    directory = tmp_path_factory.mktemp("ssh")
    with POOL.cluster(some_kind, replicas=2) as cluster, Sshd(directory) as sshd:
        scene, playbooks, story = Scene(cluster, directory), Playbooks(cluster, directory, ansible=ansible), Story()

        def act(name: str, playbook: str, *arguments: str, **options: Any) -> None:
            story.runs[name] = playbooks.run(f"dbha.mysql.{playbook}", *arguments, **options)

        act("check", "check")
        act("refusal", "failover", failover_dead_primary="db0")
        act("nothing to do", "failover")
        act("switchover", "switchover", switchover_to="db1")
        cluster.wait_in_sync(source=cluster["db1"], replicas=cluster.servers.values())
        for replica in (cluster["db0"], cluster["db2"]):
            scene.thread("STOP", replica, "IO_THREAD")
        cluster["db1"].execute_all("INSERT INTO dbha_demo.`rows` (id, client) VALUES (1, 0)", "INSERT INTO dbha_demo.`rows` (id, client) VALUES (2, 0)")
        cluster["db1"].kill()
        host = sshd.host_of(cluster["db1"])
        act("plan", "failover", "--check", "--diff", hosts=host, failover_salvage="require")
        act("failover", "failover", "--diff", hosts=host, failover_salvage="require")
        act("failover again", "failover", hosts=host)
        cluster["db1"].restart()
        act("rejoin", "rejoin")
        yield story


def test_no_run_ends_otherwise_than_it_should(story: Story) -> None:
    expected = {name: 2 if name == "refusal" else 0 for name in story.runs}
    assert {name: run.returncode for name, run in story.runs.items()} == expected, story.runs
    assert story.runs["refusal"].codes == {"primary_alive"}
    changing = [name for name, run in story.runs.items() if run.changed]
    assert changing == ["switchover", "plan", "failover", "rejoin"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("nothing to do", FAILOVER), ("switchover", SWITCHOVER), ("failover", FAILOVER), ("failover again", FAILOVER), ("rejoin", REJOIN)],
)
def test_what_is_in_a_result_is_of_the_type_that_the_readme_shows(story: Story, name: str, expected: dict[str, Any]) -> None:
    assert types(story.runs[name].dbha_result) == expected


def test_what_was_salvaged_is_kept(story: Story) -> None:
    result = story.runs["failover"].dbha_result
    assert result["salvaged"]["count"] == 2
    assert result["old_primary"]["name"] == "db1"


def test_the_plan_is_what_is_done_then(story: Story) -> None:
    planned = [line.strip().strip('",') for line in story.runs["plan"].output.splitlines()]
    modules = ("mysql_find_best_replica", "mysql_promote", "mysql_change_master")
    done = [f"{sent['server']}: {sent['statement']}" for module in modules for sent in story.runs["failover"].of(module)["statements"]]
    assert [statement for statement in done if "GLOBAL" in statement and statement not in planned] == []
    assert len(planned) > 10


def test_the_difference_is_shown(story: Story) -> None:
    ((before, after),) = story.runs["failover"].differences
    assert before[0] == "db1  (dead)"
    assert after[0].endswith("writable)")


def test_ansible_warns_of_nothing(story: Story) -> None:
    for run in story.runs.values():
        assert "[DEPRECATION" not in run.output
        assert run.output.partition("PLAY [")[0].strip() == ""
