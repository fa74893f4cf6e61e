# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When the task that elects promotes as well. That it does so is tested on real servers."""

from __future__ import annotations

import signal
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleError

from ansible_collections.dbha.mysql.plugins.plugin_utils._at_once import done_before, is_next, promoted

ELECTED = {"todo": {"promote": True, "salvage": False}}
PROMOTE = SimpleNamespace(action="dbha.mysql.mysql_promote", args={"replica": "db1"})


class _Action:
    """What elects, in a block with other tasks. What is template for Ansible is none here."""

    def __init__(self, *tasks: object, does: Any = None, **task: Any) -> None:
        parent = SimpleNamespace(block=tasks)
        self._task = SimpleNamespace(**{"_parent": parent, "module_defaults": [], "timeout": 0, "debugger": None, "diff": True, **task})
        self._templar = SimpleNamespace(template=lambda written: written)
        self._does = does
        self.promotes: Any = None

    def _inventory(self, _variables: object) -> str:
        return "the inventory"

    def acting_for(self, task: Any) -> Any:
        self.promotes = task
        return SimpleNamespace(_work=self._does)


def electing(*tasks: object, **more: Any) -> Any:
    """Return a stand-in for the action plugin, with what is asked of it: a real one takes a whole run of Ansible."""
    return _Action(*tasks, **more)


@pytest.mark.parametrize(
    ("result", "steps", "said"),
    [
        (ELECTED, False, True),
        # Somebody is to be asked, or something to be run, in between.
        (ELECTED, True, False),
        ({"todo": {"promote": True, "salvage": True}}, False, False),
        ({"todo": {"promote": False, "salvage": False}}, False, False),
        ({**ELECTED, "failed": True}, False, False),
        ({"failed": True}, False, False),
        ({}, False, False),
    ],
)
def test_it_promotes_if_nothing_comes_in_between(result: dict[str, Any], steps: bool, said: bool) -> None:
    assert is_next(electing(), result, steps) is said


def test_who_wants_to_be_asked_before_each_task_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_next(electing(debugger="always"), ELECTED, False)
    assert is_next(electing(debugger="on_failed"), ELECTED, False)
    monkeypatch.setattr(context, "CLIARGS", {"step": True})
    assert not is_next(electing(), ELECTED, False)


def promoted_by(own: Any) -> Any:
    return promoted(own, {}, ELECTED)


def test_what_it_cannot_promote_is_left_to_the_next_task() -> None:
    def template(_written: object) -> object:
        raise AnsibleError("failover_force is not defined")

    assert promoted_by(electing()) is None
    alone = electing()
    alone._task._parent = None
    assert promoted_by(alone) is None
    failing = electing(SimpleNamespace(), PROMOTE)
    failing._templar.template = template
    assert promoted_by(failing) is None


def test_the_module_is_told_what_the_play_says_of_it_and_what_the_role_says_goes_before() -> None:
    defaults = [
        {"group/dbha.mysql.all": {"login_user": "all", "connect_timeout": 9}, "group/dbha.mysql.cluster": {"cluster": "users"}},
        {"dbha.mysql.mysql_promote": {"connect_timeout": 2, "replica": "db9"}, "dbha.mysql.mysql_find_best_replica": {"candidates": "db3"}},
        {"group/dbha.mysql.cluster": {"cluster": "orders"}},
    ]
    own = electing(PROMOTE, does=lambda seen: seen, module_defaults=defaults, name="Elect")
    assert promoted_by(own) == {"_failover_election": ELECTED}
    assert own.promotes.args == {"login_user": "all", "connect_timeout": 2, "cluster": "orders", "replica": "db1"}
    assert (own.promotes.action, own.promotes.diff, own._task.diff) == ("dbha.mysql.mysql_promote", False, True)


class TaskTimeoutError(BaseException):
    """As the one of Ansible's is called."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TaskTimeoutError(), {"failed": True, "msg": "Timed out after 60 second(s).", "timedout": {"period": 60}}),
        (ValueError("a mistake"), {"failed": True, "msg": "a mistake"}),
    ],
)
def test_whatever_ends_the_promotion_what_was_elected_is_not_lost(error: BaseException, said: dict[str, Any]) -> None:
    def work(_seen: object) -> None:
        # It has the time that a task may take to itself.
        assert 55 < signal.alarm(0) <= 60
        raise error

    result = promoted_by(electing(PROMOTE, does=work, timeout=60))
    assert ("exception" in result) == isinstance(error, ValueError)
    assert {**said, **result} == result


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_who_ends_the_whole_run_ends_it(error: type[BaseException]) -> None:
    def work(_seen: object) -> None:
        raise error

    with pytest.raises(error):
        promoted_by(electing(PROMOTE, does=work))


def test_the_next_task_says_what_came_of_it() -> None:
    assert done_before({"_failover_election": {**ELECTED, "promotion": {"opened": True}}}) == {"opened": True}
    for variables in ({}, {"_failover_election": ELECTED}, {"_failover_election": "{{ x }}"}):
        assert done_before(variables) is None
