# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""The task that a role begins with, which also says what task files of the user's the role runs.

It has read the variables of the cluster by then. To ask for them again, in a template, would take a third of what the look itself takes.
"""

from __future__ import annotations

import math
import os
import typing as t
from contextlib import suppress

from ansible import constants as C
from ansible.errors import AnsibleError

from ansible_collections.dbha.mysql.plugins.plugin_utils._at_once import ROLE, is_next, promoted
from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, Result
from ansible_collections.dbha.mysql.plugins.plugin_utils._hooks import VARIABLES, Hook, hooks_of, with_reach
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory, plain

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
    from ansible_collections.dbha.mysql.plugins.module_utils._report.hooks import event

# The module that each role begins with. Later in a role it may have other work, for which no cluster is looked at.
_BEGINS = {"dbha.mysql.failover": "mysql_find_best_replica", "dbha.mysql.switchover": "mysql_find_best_replica", "dbha.mysql.rejoin": "mysql_gtid_check"}
_REGISTERED = {"failover": "election", "switchover": "election", "rejoin": "look"}
_CONNECT_TIMEOUT = 3
_LATER = ("restore", "before")


class FirstLook(DirectAction):
    """Do the work of a module; in a role of this collection that begins with it, return the task files of the user's, too, as ``hooks``.

    What is no task file is refused before anything is looked at. Where somebody is to be asked before anything is changed, an election only looks,
    unless the task says ``drain``.
    """

    def _work(self, task_vars: Result) -> Result:
        role = self._role()
        if role is None or _BEGINS.get(role) != self._task.action.rpartition(".")[2] or any(option in self._task.args for option in _LATER):
            return super()._work(task_vars)
        verb = role.rpartition(".")[2]
        said = {name: variable for name, variable in VARIABLES[verb].items() if variable in task_vars}
        given = {name: plain(self._templar.template(task_vars[variable])) for name, variable in said.items()}
        places = [plain(task_vars.get("playbook_dir", "")), os.getcwd()]
        try:
            inventory, at = self._inventory(task_vars), task_vars.get("inventory_hostname")
            hooks = hooks_of(verb, given, inventory, cluster=self._task.args.get("cluster"), at=at, places=places, check=self._task.check_mode)
        except Refusal as refusal:
            return self._refused_with(refusal)
        if "drain" in self.verb.arguments and "drain" not in self._task.args:
            self._task.args["drain"] = not hooks["looks"]
            self._task.check_mode = self._task.check_mode or hooks["plans"]
        if hooks["fenced"] and not hooks["moments"]["before_open"]:
            # Fencing and applying take their time at once. Who is asked before the opening is to see everything applied.
            self._task.args["await_drain"] = False
        if hooks["moments"].get("after_open") and self._runs_here():
            # Who has none need not wait for Python to read what they take.
            from ansible_collections.dbha.mysql.plugins.plugin_utils._head_start import log_in

            log_in(self, task_vars, hooks["moments"]["after_open"])
        result = super()._work(task_vars)
        if role == ROLE and not self._task.check_mode and self._runs_here() and is_next(self, result, hooks["steps"]):
            promotion = promoted(self, task_vars, result)
            result = result if promotion is None else {**result, "promotion": promotion}
        if not any(hooks["moments"].values()) and not hooks["would"]:
            return result
        known = event(verb, {_REGISTERED[verb]: result}, str(self._task.args.get("cluster")), [])
        return {**result, "hooks": with_reach(hooks, lambda hook: self._named(hook, {**task_vars, "dbha_event": {**known, **hook["known"]}}))}

    def _named(self, hook: Hook, variables: Result) -> t.Iterator[Result]:
        """Yield the hosts that tasks are delegated to, but for those that only the task file itself can name, and the seconds in which each is to let us in."""
        inventory = self._inventory(variables)
        members = inventory.servers_of(self._task.args.get("cluster"))
        # No other template is evaluated in this task.
        self._templar.available_variables = variables
        for written in hook["delegates"]:
            # A variable that is not defined yet, for example that of a loop.
            with suppress(AnsibleError):
                host = plain(self._templar.template(written))
                if isinstance(host, str) and "{{" not in host:
                    yield {"host": host, "within": _seconds(inventory, host, host in members)}


def _seconds(inventory: Inventory, host: str, is_member: bool) -> int:
    """Return in how many seconds a host is to let us in: one of the cluster's in those that a server has, any other as it is with Ansible."""
    said = inventory.value_of("mysql_connect_timeout", host) or _CONNECT_TIMEOUT if is_member else None
    if said is None and inventory.host_called(host) is not None:
        said = inventory.value_of("ansible_ssh_timeout", host) or inventory.value_of("ansible_timeout", host)
    try:
        return max(1, math.ceil(float(said if said is not None else C.DEFAULT_TIMEOUT)))
    except (TypeError, ValueError):
        return int(C.DEFAULT_TIMEOUT)
