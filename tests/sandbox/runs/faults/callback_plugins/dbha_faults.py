# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills ansible-playbook between tasks: at the DBHA_FAULT_NUMBERth start or end of one that has DBHA_FAULT_TASK in its line.

With DBHA_FAULT_MODE=hold-at-task it waits there until there is a file DBHA_FAULT_LOG with .go added.
Each start or end gets a line in the file DBHA_FAULT_LOG with .tasks added.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: dbha_faults
type: notification
short_description: Kills ansible-playbook between tasks, for tests
description: Kills the process of ansible-playbook when a task starts or has ended, as an operator or a machine may at any moment.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]  # what Ansible's own classes are is not known to mypy
    """What kills the run."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "dbha_faults"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._number = 0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._come_to("start", task)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._come_to("end", getattr(result, "task", None) or result._task)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._come_to("end", getattr(result, "task", None) or result._task)

    def _come_to(self, event: str, task: Any) -> None:
        log = os.environ["DBHA_FAULT_LOG"]
        line = f"{event} of task: {task.get_name()}"
        with open(f"{log}.tasks", "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        wanted = os.environ.get("DBHA_FAULT_TASK")
        if wanted is None or wanted not in line:
            return
        self._number += 1
        if self._number == int(os.environ["DBHA_FAULT_NUMBER"]):
            with open(f"{log}.done", "x", encoding="utf-8") as done:
                done.write(line)
            if os.environ["DBHA_FAULT_MODE"] == "kill-at-task":
                os.kill(os.getpid(), signal.SIGKILL)
            deadline = time.monotonic() + 300
            while not os.path.exists(f"{log}.go") and time.monotonic() < deadline:
                time.sleep(0.02)
