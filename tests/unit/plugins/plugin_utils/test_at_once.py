# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the task that elects promotes as well. That it does so is tested on real servers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleError

from ansible_collections.dbha.mysql.plugins.plugin_utils._at_once import done_before, is_next, promoted

ELECTED = {"todo": {"promote": True, "salvage": False}}
MANY = {"dbha_cluster": "orders"}


@pytest.mark.parametrize(
    ("result", "variables", "steps", "said"),
    [
        (ELECTED, MANY, False, True),
        # A run for one cluster has its tasks one after the other.
        (ELECTED, {}, False, False),
        # Somebody is to be asked, or something to be run, in between.
        (ELECTED, MANY, True, False),
        ({"todo": {"promote": True, "salvage": True}}, MANY, False, False),
        ({"todo": {"promote": False, "salvage": False}}, MANY, False, False),
        ({**ELECTED, "failed": True}, MANY, False, False),
        ({"failed": True}, MANY, False, False),
        ({}, MANY, False, False),
    ],
)
def test_it_promotes_if_nothing_comes_in_between(result: dict[str, Any], variables: dict[str, Any], steps: bool, said: bool) -> None:
    assert is_next(result, variables, steps) is said


def test_who_wants_to_be_asked_before_each_task_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "CLIARGS", {"step": True})
    assert not is_next(ELECTED, MANY, False)


def test_what_it_cannot_promote_is_left_to_the_next_task() -> None:
    def template(_written: object) -> object:
        raise AnsibleError("failover_force is not defined")

    def own(*tasks: object) -> Any:
        return SimpleNamespace(_task=SimpleNamespace(_parent=SimpleNamespace(block=tasks)), _templar=SimpleNamespace(template=template))

    assert promoted(own(), MANY, ELECTED) is None
    assert promoted(SimpleNamespace(_task=SimpleNamespace(_parent=None)), MANY, ELECTED) is None  # type: ignore[arg-type]  # none of Ansible's
    assert promoted(own(SimpleNamespace(), SimpleNamespace(action="dbha.mysql.mysql_promote", args={})), MANY, ELECTED) is None


def test_the_next_task_says_what_came_of_it() -> None:
    assert done_before({"_failover_election": {**ELECTED, "promotion": {"opened": True}}}) == {"opened": True}
    for variables in ({}, {"_failover_election": ELECTED}, {"_failover_election": "{{ x }}"}):
        assert done_before(variables) is None
