# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""In a run for many clusters, the task that elects also promotes, at once, and not a task later.

Ansible begins the second task of the first host when it has begun the first task of all hosts. Where hosts are clusters, the first one would be opened when
all have elected. The task that promotes is carried out all the same: it returns what has come of it.
"""

from __future__ import annotations

import copy
import typing as t

from ansible import context
from ansible.errors import AnsibleError
from ansible.utils.display import Display

from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import plain

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, Result

display = Display()

ROLE = "dbha.mysql.failover"
_PROMOTES = "dbha.mysql.mysql_promote"
_REGISTERED = "_failover_election"
# What the role sets for all of its tasks.
_OF_ROLE = ("cluster", "leave_out", "problems_as")
# By what a host is a cluster, one of many.
_ONE_OF_MANY = "dbha_cluster"


def is_next(result: Result, variables: t.Mapping[str, t.Any], steps: object) -> bool:
    """Whether the promotion is what comes next, in a run for many clusters.

    :arg result: of the election; ``steps``: whether anything is to be run before the opening, or right after it.
    """
    if _ONE_OF_MANY not in variables or result.get("failed") or steps or context.CLIARGS.get("step"):
        return False
    todo = result.get("todo", {})
    return bool(todo.get("promote")) and not todo.get("salvage")


def promoted(own: DirectAction, variables: Result, election: Result) -> t.Optional[Result]:
    """Promote whom the task has elected, and return the result; ``None`` where the next task has to see to it."""
    siblings = getattr(own._task._parent, "block", ())
    written = next((each.args for each in siblings if getattr(each, "action", "") == _PROMOTES), None)
    if written is None:
        return None
    seen = {**variables, _REGISTERED: election}
    try:
        own._templar.available_variables = seen
        given = own._templar.template(written)
    except AnsibleError as error:
        # The next task is going to meet the same, and to say what is to be done about it.
        display.vvv("it is not promoted at once: %s" % error)
        return None
    task = copy.copy(own._task)
    task.action, task.diff = _PROMOTES, False
    task.args = {**{name: own._task.args[name] for name in _OF_ROLE if name in own._task.args}, **given}
    action: DirectAction = own.acting_for(task)
    # What the inventory says has been asked already.
    action._known = own._inventory(variables)
    return action._work(seen)


def done_before(variables: t.Mapping[str, t.Any]) -> t.Optional[Result]:
    """Return what has come of the promotion if the task that elected has promoted."""
    election = variables.get(_REGISTERED)
    found: t.Optional[Result] = plain(election["promotion"]) if isinstance(election, dict) and "promotion" in election else None
    return found
