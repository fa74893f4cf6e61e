# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import Result
from ansible_collections.dbha.mysql.plugins.plugin_utils._first_look import FirstLook
from ansible_collections.dbha.mysql.plugins.plugin_utils._role_options import CHECK
from ansible_collections.dbha.mysql.plugins.plugin_utils._screen import show

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import title_of
    from ansible_collections.dbha.mysql.plugins.module_utils._report.roles import say_look
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.gtid_check import VERB


class ActionModule(FirstLook):
    """Fill in inventory hosts and run M(dbha.mysql.mysql_gtid_check) directly where the connection is local. For the playbook, show the report."""

    verb = VERB

    def _presented(self, result: Result) -> Result:
        if self._role() != CHECK:
            return super()._presented(result)
        lines = say_look(result)
        if lines:
            show([title_of(result, str(self._task.args.get("cluster", ""))), *lines])
        # Each finding is told with what to do about it, the gravest first.
        return self._shortened(result) if "findings" in result else super()._presented(result)
