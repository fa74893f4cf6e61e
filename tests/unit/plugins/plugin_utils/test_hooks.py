# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which task files of the user's are run, and that what is none is named before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
from ansible_collections.dbha.mysql.plugins.plugin_utils import _hooks
from ansible_collections.dbha.mysql.plugins.plugin_utils._hooks import hooks_of, with_reach
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory

ROOT = Path(__file__).resolve().parents[4]

TASK = "- name: Do nothing\n  ansible.builtin.meta: noop\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(TASK, encoding="utf-8")
    (tmp_path / "empty.yml").write_text("", encoding="utf-8")
    (tmp_path / "broken.yml").write_text("- name: [\n", encoding="utf-8")
    return tmp_path


def found(directory: Path, given: dict[str, Any], *, role: str = "failover", group: dict[str, Any] | None = None, check: bool = False) -> Any:
    hosts: dict[str, dict[str, Any]] = {"localhost": {}, **{name: group or {} for name in ("db0", "db1")}}
    inventory = Inventory({"orders": ["db0", "db1"]}, hosts)
    return hooks_of(role, given, inventory, cluster="orders", at="localhost", places=[str(directory)], check=check)


def files(result: Any) -> dict[str, list[str]]:
    return {moment: [Path(hook["file"]).name for hook in named] for moment, named in result["moments"].items() if named}


@pytest.mark.parametrize("nothing", ["", None, [], " , "])
def test_where_none_is_named_nothing_is_run(nothing: Any, directory: Path) -> None:
    result = found(directory, {"before": nothing, "fence_timeout": "soon"})
    assert (files(result), result["steps"], result["fenced"]) == ({}, False, 0)


@pytest.mark.parametrize("value", [["a.yml", "b.yml"], "a.yml, b"])
def test_a_path_is_relative_to_the_playbook_and_a_list_may_be_text(value: Any, directory: Path) -> None:
    result = found(directory, {"after": value})
    assert files(result) == {"after": ["a.yml", "b.yml"]}
    assert [hook["file"] for hook in result["moments"]["after"]] == [str(directory / "a.yml"), str(directory / "b.yml")]
    # Nothing of that is before or right after the opening.
    assert result["steps"] is False


def test_the_group_of_the_cluster_says_it_and_the_play_goes_before_it(directory: Path) -> None:
    group = {"failover_before_open": ["a.yml"]}
    assert files(found(directory, {}, group=group)) == {"before_open": ["a.yml"]}
    assert files(found(directory, {"before_open": ["b.yml"]}, group=group)) == {"before_open": ["b.yml"]}
    assert found(directory, {}, group=group)["steps"] is True


def test_a_group_that_is_not_there_says_nothing(directory: Path) -> None:
    result = hooks_of("failover", {"after": "a.yml"}, Inventory({}, {}), cluster="orders", at="localhost", places=[str(directory)], check=False)
    assert files(result) == {"after": ["a.yml"]}


def test_a_task_file_in_a_role_of_a_collection(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ansible's own loader of collections is not there in unit tests.
    monkeypatch.setattr(_hooks, "_get_collection_role_path", lambda name: (name, str(ROOT / "roles" / name.rpartition(".")[2]), "dbha.mysql"))
    monkeypatch.setattr(_hooks, "_read", lambda path: iter(()))
    (hook,) = found(directory, {"fence": ["dbha.mysql.fence/service"]})["moments"]["fence"]
    assert (hook["role"], hook["file"], hook["timeout"], hook["stops"]) == ("dbha.mysql.fence", "service", 30, False)


@pytest.mark.parametrize(
    ("given", "required"),
    [
        ({}, False),
        ({"force": "true"}, True),
        ({"force": True, "fence_required": False}, False),
        ({"force": "", "fence_required": "yes"}, True),
    ],
)
def test_with_force_a_fence_is_required_where_nobody_says_otherwise(given: dict[str, Any], required: bool, directory: Path) -> None:
    result = found(directory, {"fence": ["a.yml"], "fence_timeout": "7", **given})
    (hook,) = result["moments"]["fence"]
    assert (hook["stops"], hook["timeout"], result["fenced"]) == (required, 7, 1)


@pytest.mark.parametrize(("force", "looks", "plans"), [("", True, False), ("true", False, True)])
def test_where_somebody_is_asked_first_an_election_only_looks(force: str, looks: bool, plans: bool, directory: Path) -> None:
    given = {"before": "a.yml", "force": force}
    result = found(directory, given)
    assert (result["looks"], result["plans"]) == (looks, plans)
    for other in (found(directory, given, check=True), found(directory, {"before_open": "a.yml", "force": force})):
        assert (other["looks"], other["plans"]) == (False, False)


def test_who_takes_writes_next_is_not_known_before_everybody_was_asked(directory: Path) -> None:
    moments = found(directory, {"before": "a", "before_open": "a"})["moments"]
    assert moments["before"][0]["known"] == {"moment": "before", "new_primary": None}
    assert moments["before_open"][0]["known"] == {"moment": "before_open"}
    assert found(directory, {"before": "a"}, role="rejoin")["moments"]["before"][0]["known"] == {"moment": "before"}


def test_in_check_mode_it_is_said_what_would_be_run(directory: Path) -> None:
    result = found(directory, {"before": "a.yml", "fence": "b.yml", "failed": "a.yml"}, check=True)
    assert (files(result), result["steps"], result["fenced"]) == ({}, False, 0)
    assert result["would"] == ["before: a.yml", "fence: b.yml"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"before": {"file": "a.yml"}}, "failover_before: takes a list of task files"),
        ({"before": ["a.yml", 7]}, "failover_before: takes a list of task files"),
        ({"failed": ["c.yml"]}, "failover_failed: there is no task file c.yml"),
        ({"after": ["empty.yml"]}, "empty.yml cannot be run: it is no list of tasks"),
        ({"after_open": ["broken.yml"]}, "broken.yml cannot be run: "),
        ({"fence": ["dbha.mysql.nothing/service"]}, "a role of that name is not installed"),
        ({"fence": ["a.yml"], "fence_required": "perhaps"}, "failover_fence_required: takes a truth value"),
        ({"fence": ["a.yml"], "fence_timeout": 0}, "failover_fence_timeout: takes a whole number"),
        ({"fence": ["a.yml"], "fence_timeout": True}, "failover_fence_timeout: takes a whole number"),
    ],
)
def test_what_cannot_be_run_is_named(given: dict[str, Any], message: str, directory: Path) -> None:
    for check in (False, True):
        with pytest.raises(Refusal, match=message):
            found(directory, given, check=check)


def test_before_a_task_file_that_may_refuse_its_hosts_are_reached(directory: Path) -> None:
    tasks = """
- ansible.builtin.meta: noop
  delegate_to: proxy1
- block:
    - ansible.builtin.meta: noop
      delegate_to: "{{ dbha_event.old_primary.name }}"
  always:
    - ansible.builtin.meta: noop
      delegate_to: proxy1
- ansible.builtin.meta: noop
  delegate_to: elsewhere
  ignore_unreachable: true
"""
    (directory / "far.yml").write_text(tasks, encoding="utf-8")
    given = {"before": "a.yml", "before_open": ["far.yml", "a.yml"], "fence": "far.yml", "after": "far.yml"}
    reached = with_reach(found(directory, given), lambda hook: [{"host": name} for name in hook["delegates"]])["moments"]
    assert files({"moments": reached}) == {
        "before": ["a.yml"],
        "before_open": ["reach.yml", "reach.yml", "far.yml", "a.yml"],
        # It is not required.
        "fence": ["far.yml"],
        "after": ["far.yml"],
    }
    first = reached["before_open"][0]
    assert [each.get("host") for each in reached["before_open"]] == ["proxy1", "{{ dbha_event.old_primary.name }}", None, None]
    # It is refused in the name of the task file.
    assert (first["name"], first["stops"], first["moment"]) == ("far.yml", True, "before_open")
    assert with_reach(found(directory, given), lambda _hook: [])["moments"]["before_open"][0]["name"] == "far.yml"
    required = with_reach(found(directory, {**given, "fence_required": True}), lambda hook: [{"host": name} for name in hook["delegates"]])
    assert files(required)["fence"] == ["reach.yml", "reach.yml", "far.yml"]
