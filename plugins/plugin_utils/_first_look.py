# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""The task that a role begins with, which also says what task files of the user's the role runs.

It has read the variables of the cluster by then. To ask for them again, in a template, would take a third of what the look itself takes.
"""

from __future__ import annotations

import os

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, Result, refused_with
from ansible_collections.dbha.mysql.plugins.plugin_utils._head_start import ADDRESS, log_in, ready_made
from ansible_collections.dbha.mysql.plugins.plugin_utils._hooks import VARIABLES, hooks_of
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import plain

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal

# The module that each role begins with. Later in a role it may have other work, for which no cluster is looked at.
_BEGINS = {"dbha.mysql.failover": "mysql_find_best_replica", "dbha.mysql.switchover": "mysql_find_best_replica", "dbha.mysql.rejoin": "mysql_gtid_check"}
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
            return refused_with(refusal)
        if "drain" in self.verb.arguments and "drain" not in self._task.args:
            self._task.args["drain"] = not hooks["looks"]
            self._task.check_mode = self._task.check_mode or hooks["plans"]
        if ADDRESS in ready_made(hooks["moments"].get("after_open", [])) and self._runs_here():
            log_in(self, task_vars, self._task.args.get("cluster"))
        result = super()._work(task_vars)
        return {**result, "hooks": hooks} if any(hooks["moments"].values()) or hooks["would"] else result
