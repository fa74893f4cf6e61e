# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible import constants as C

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import Result
from ansible_collections.dbha.mysql.plugins.plugin_utils._elsewhere import elsewhere
from ansible_collections.dbha.mysql.plugins.plugin_utils._first_look import FirstLook
from ansible_collections.dbha.mysql.plugins.plugin_utils._hosts import Hosts
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory
from ansible_collections.dbha.mysql.plugins.plugin_utils._role_options import CHECK
from ansible_collections.dbha.mysql.plugins.plugin_utils._screen import show

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import Way
    from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import title_of
    from ansible_collections.dbha.mysql.plugins.module_utils._report.roles import say_look
    from ansible_collections.dbha.mysql.plugins.module_utils._state import on_host
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.gtid_check import VERB, checking

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb

# Where the binary logs of a dead server are looked for if the inventory does not say it; see M(dbha.mysql.mysql_salvage).
_BINARY_LOGS = "/var/lib/mysql"

# Seconds that a host has to answer once it has let us in.
_TO_ANSWER = 5


class ActionModule(FirstLook):
    """Fill in inventory hosts and run M(dbha.mysql.mysql_gtid_check) directly where the connection is local. For the playbook, show the report."""

    verb = VERB

    def _given(self, task_vars: Result) -> Result:
        given = super()._given(task_vars)
        if given.get("purpose") == "readiness" and given.get("cluster") and "elsewhere" not in given:
            found = elsewhere(str(given["cluster"]), task_vars.get("groups", {}), self._inventory(task_vars), task_vars.get("hostvars", {}))
            return {**given, "elsewhere": found} if found else given
        return given

    def _work_here(self, given: Result, verb: t.Optional[Verb[t.Any]] = None) -> Result:
        """Let hosts be asked as well, from here, where the inventory says that they may be."""
        if given.get("purpose") != "readiness" or given.get("salvage") not in ("auto", "require"):
            return super()._work_here(given, verb)
        known = self._task_vars.get("hostvars", {})
        hosts = Hosts(Inventory(self._task_vars.get("groups", {}), known), known, self._play_context, on_host.__file__)
        return super()._work_here(given, checking(lambda name, request, connect_within: _ask(hosts, name, request, connect_within)))

    def _presented(self, result: Result) -> Result:
        if self._role() != CHECK:
            return super()._presented(result)
        lines = say_look(result)
        if lines:
            show([title_of(result, str(self._task.args.get("cluster", ""))), *lines])
        # Each finding is told with what to do about it, the gravest first.
        return self._shortened(result) if "findings" in result else super()._presented(result)


def _ask(hosts: Hosts, name: str, request: Mapping[str, object], connect_within: float) -> str:
    """Look at the host of a server, as the account and by the way that salvaging would take. Raises ``HostFailed``."""
    directory = hosts.value_of("mysql_binlog_directory", name) or _BINARY_LOGS
    become = hosts.value_of("ansible_become", name)
    way = Way(connect_within, connect_within + _TO_ANSWER, bool(C.config.get_config_value("DEFAULT_BECOME") if become is None else become))
    return hosts.ask(name, {**request, "directory": str(directory)}, way)
