# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Clients are moved at the moment at which the new primary is opened, and not a task later, where what moves them is ready-made.

Between two tasks of a role lies what Ansible takes for including a task file and for beginning a process: longer than moving clients takes. So the task
that opens a server prepares the ready-made task files that are to be run right after it, beside its own work, and begins with them when the server is
open. It neither waits for them nor says what has failed: the task files are run all the same, find done what is done, do the rest, and say that.
"""

from __future__ import annotations

import copy
import threading
import typing as t
from contextvars import copy_context
from pathlib import Path

from ansible.utils.display import Display

from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, Result
from ansible_collections.dbha.mysql.plugins.plugin_utils._hooks import written_in
from ansible_collections.dbha.mysql.plugins.plugin_utils._sessions import begin

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import Way
    from ansible_collections.dbha.mysql.plugins.plugin_utils._sessions import Login

display = Display()

# The task file that asks hosts over SSH.
_ADDRESS = "address"

_ROLE = "dbha.mysql.clients"
_TASKS = Path(__file__).resolve().parents[2] / "roles/clients/tasks"

# Seconds that the task waits at its end for what was begun, which the task file would wait for otherwise. Where somebody does not answer, that says so.
_LEFT = 2.0


class _Role:
    """The role whose task file it is, for what asks a task for it."""

    def get_name(self, include_role_fqcn: bool = True) -> str:
        return _ROLE


def ready_made(hooks: Sequence[Mapping[str, t.Any]]) -> t.List[str]:
    """Return the ready-made task files before the first one of the user's, by their names: what comes after that may depend on it."""
    found = []
    for hook in hooks:
        name = str(hook["file"]).partition(".")[0]
        if hook["role"] != _ROLE or not (_TASKS / (name + ".yml")).is_file():
            break
        found.append(name)
    return found


class HeadStart:
    """Prepares in a thread what these task files do, and does it when told to.

    :arg action: the task that opens the server; ``variables``: those that it sees, C(dbha_event) as the task files are to see it among them.
    """

    def __init__(self, action: DirectAction, variables: Mapping[str, t.Any], names: Sequence[str]) -> None:
        self._action = action
        self._variables = dict(variables)
        self._names = names
        self._told = threading.Event()
        self._goes = False
        self._results: t.List[Result] = []
        # Templates are evaluated in a context that threads do not inherit.
        self._thread = threading.Thread(target=copy_context().run, args=(self._work,), daemon=True)
        self._thread.start()

    def go(self) -> None:
        """Begin, because the server is open."""
        self._goes = True
        self._told.set()

    def ended(self) -> t.List[Result]:
        """Return the results of those that have ended by now, or do so at once."""
        self._told.set()
        self._thread.join(_LEFT)
        return list(self._results)

    def _work(self) -> None:
        try:
            ready = [self._prepared(name) for name in self._names]
            self._told.wait()
            for begin in ready if self._goes else ():
                self._results.append(begin())
        except Exception as error:
            # The task file is going to meet the same, and to say what is to be done about it.
            display.vvv("clients are not moved at the opening itself: %s" % error)

    def _prepared(self, name: str) -> Callable[[], Result]:
        return _task_of(self._action, name).prepared(self._variables)


def log_in(action: DirectAction, variables: Mapping[str, t.Any], hooks: Sequence[Mapping[str, t.Any]]) -> None:
    """Begin to log in to the hosts of a cluster if addresses are to be moved between them by the first of these task files, whoever is going to have them.

    :arg action: the task that this is for, and which names the cluster; ``variables``: those that it sees.
    """
    members = action._inventory(dict(variables)).servers_of(action._task.args.get("cluster")) if _ADDRESS in ready_made(hooks) else []

    def prepare() -> t.Tuple[Way, Callable[[str], Login]]:
        event = {"moment": "before_open", "new_primary": members[0], "old_primary": None, "replicas": members[1:]}
        seen = {**variables, "dbha_event": event}
        action._templar.available_variables = seen
        way: t.Tuple[Way, Callable[[str], Login]] = _task_of(action, _ADDRESS).log_in(seen)
        return way

    if members:
        begin(members, prepare)


def _task_of(own: DirectAction, name: str) -> t.Any:
    """Return the task of a task file, as it is in the place of another one."""
    (written,) = written_in(own._loader, str(_TASKS / (name + ".yml")))
    module = next(key for key in written if str(key).startswith("dbha.mysql."))
    task = copy.copy(own._task)
    task.action, task.args, task._role = str(module), own._templar.template(written[module]), _Role()
    return own.acting_for(task)
