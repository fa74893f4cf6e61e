# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, refused_with
from ansible_collections.dbha.mysql.plugins.plugin_utils._hosts import Hosts
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.address_primary import VERB, addressing


class ActionModule(DirectAction):
    """Run M(dbha.mysql.address_primary): hosts are asked from here, wherever the task is for."""

    verb = VERB

    def _work(self, task_vars: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        try:
            given = self._given(task_vars)
        except Refusal as refusal:
            return refused_with(refusal)
        known = task_vars.get("hostvars", {})
        hosts = Hosts(Inventory(task_vars.get("groups", {}), known), known, self._play_context)
        return self._work_here(given, addressing(hosts.ask))
