# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""In a failover, the task that elects also promotes, at once, and not a task later.

A task of its own is a fork and templates, and takes longer than the promotion waits for all servers. In a run for many clusters, each of which is a host,
Ansible begins the second task of the first host when it has begun the first task of all hosts: the first cluster would be opened when all have elected.
The task that promotes is carried out all the same: it returns what has come of it.
"""

from __future__ import annotations

import copy
import signal
import traceback
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
# By which names somebody may say, once for many tasks, what the module that promotes is to be told.
_SAID_FOR_IT = ("group/dbha.mysql.all", "group/dbha.mysql.cluster", _PROMOTES)


def is_next(own: DirectAction, result: Result, steps: object) -> bool:
    """Whether the promotion is what comes next.

    :arg result: of the election; ``steps``: whether anything is to be run before the opening, or right after it.
    """
    if result.get("failed") or steps or context.CLIARGS.get("step") or own._task.debugger == "always":
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
        given = {**_said_for_it(own), **own._templar.template(written)}
    except AnsibleError as error:
        # The next task is going to meet the same, and to say what is to be done about it.
        display.vvv("it is not promoted at once: %s" % error)
        return None
    task = copy.copy(own._task)
    task.action, task.args, task.diff = _PROMOTES, given, False
    action: DirectAction = own.acting_for(task)
    # What the inventory says has been asked already.
    action._known = own._inventory(variables)
    return _in_time_of_its_own(lambda: action._work(seen), own._task.timeout)


def _said_for_it(own: DirectAction) -> Result:
    """Return what ``module_defaults`` say that the module which promotes is to be told, as Ansible merges them."""
    merged: Result = {}
    for each in own._task.module_defaults:
        merged.update(each)
    said = own._templar.template({key: merged[key] for key in _SAID_FOR_IT if key in merged})
    return {name: value for key in _SAID_FOR_IT for name, value in said.get(key, {}).items()}


def _in_time_of_its_own(promote: t.Callable[[], Result], seconds: t.Optional[int]) -> Result:
    """Promote in the time that a task may take. What ends it is the result of the next task: what was elected is not lost, so that it can be undone."""
    if seconds:
        # Ansible has set what is to happen then.
        signal.alarm(seconds)
    try:
        return promote()
    except (KeyboardInterrupt, SystemExit):
        raise
    except Exception as error:
        return {"failed": True, "msg": str(error), "exception": traceback.format_exc()}
    except BaseException as error:
        # By this Ansible ends a task whose time is up. Each of its versions has the class elsewhere.
        if type(error).__name__ != "TaskTimeoutError":
            raise
        return {"failed": True, "msg": "Timed out after %s second(s)." % seconds, "timedout": {"period": seconds}}


def done_before(variables: t.Mapping[str, t.Any]) -> t.Optional[Result]:
    """Return what has come of the promotion if the task that elected has promoted."""
    election = variables.get(_REGISTERED)
    found: t.Optional[Result] = plain(election["promotion"]) if isinstance(election, dict) and "promotion" in election else None
    return found
