# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.plugin_utils._at_once import ROLE, done_before
from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, Result

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote import VERB, promoting

# The variable by which a role hands on which task files are run right after the opening.
_AFTER_OPEN = "_dbha_after_open"

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb


class ActionModule(DirectAction):
    """Fill in inventory hosts and run M(dbha.mysql.mysql_promote) directly where the connection is local.

    In a role, ready-made task files that are to be run right after the opening begin with it. Of many clusters, one may have been opened by the task
    that elected.
    """

    verb = VERB

    def _work(self, task_vars: Result) -> Result:
        done = done_before(task_vars) if self._role() == ROLE else None
        return super()._work(task_vars) if done is None else done

    def _work_here(self, given: Result, verb: t.Optional[Verb[t.Any]] = None) -> Result:
        hooks = self._templar.template(self._task_vars[_AFTER_OPEN]) if _AFTER_OPEN in self._task_vars and not self._task.check_mode else []
        if not hooks:
            return super()._work_here(given, verb)
        # Who has none need not wait for Python to read what they take.
        from ansible_collections.dbha.mysql.plugins.plugin_utils._head_start import HeadStart, ready_made

        names = ready_made(hooks)
        if not names:
            return super()._work_here(given, verb)
        head_start = HeadStart(self, self._task_vars, names)
        result = super()._work_here(given, promoting(head_start.go))
        for done in head_start.ended():
            result["statements"] = [*result["statements"], *done["statements"]]
            result["changed"] = bool(result["statements"])
        return result
