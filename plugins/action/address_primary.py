# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, Result
from ansible_collections.dbha.mysql.plugins.plugin_utils._hosts import Hosts
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.address_primary import VERB, addressing

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import Way
    from ansible_collections.dbha.mysql.plugins.plugin_utils._sessions import Login


class ActionModule(DirectAction):
    """Run M(dbha.mysql.address_primary): hosts are asked from here, wherever the task is for."""

    verb = VERB

    def _work(self, task_vars: Result) -> Result:
        try:
            return self.prepared(task_vars)()
        except Refusal as refusal:
            return self._refused_with(refusal)

    def prepared(self, task_vars: Result) -> Callable[[], Result]:
        """Return what moves the addresses, once it is time for it. Raises ``Refusal`` for what the inventory does not have."""
        return partial(self._work_here, self._given(task_vars), addressing(self._hosts(task_vars).ask))

    def log_in(self, task_vars: Result) -> t.Tuple[Way, Callable[[str], Login]]:
        """Return how long logging in to a host may take, and what says how to. Raises ``Refusal`` and ``BadInput``."""
        options, _secrets = self._validated(self._given(task_vars))
        way, hosts = self.verb.parse(Options(options)).way, self._hosts(task_vars)
        return way, lambda host: hosts.login(host, way)

    def _hosts(self, task_vars: Result) -> Hosts:
        known = task_vars.get("hostvars", {})
        return Hosts(Inventory(task_vars.get("groups", {}), known), known, self._play_context)
