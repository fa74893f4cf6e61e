# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write what every task gave to the file named by DBHA_RESULTS, a line of JSON each, and the statistics last."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: dbha_results
type: notification
short_description: Results as JSON, for tests
description: Writes the result of every task to a file, as programs that watch Ansible receive it.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # what Ansible's own classes are is not known to mypy
    """What tests see of a run besides what it prints."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "dbha_results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began = 0.0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._began = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write_task("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write_task("failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write_task("skipped", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        hosts = {host: stats.summarize(host) for host in stats.processed}
        self._write({"hosts": hosts, "custom": stats.custom.get("_run", {})})

    def _write_task(self, status: str, result: Any) -> None:
        ended = time.monotonic()
        task = getattr(result, "task", None) or result._task
        record = {"status": status, "name": task.name, "action": task.action, "result": getattr(result, "result", None) or result._result}
        self._write({**record, "began": self._began, "ended": ended})

    def _write(self, record: dict[str, Any]) -> None:
        with open(os.environ["DBHA_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(record, default=str) + "\n")
