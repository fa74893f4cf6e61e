# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import signal
import subprocess
import time
import traceback
import typing as t
from contextlib import contextmanager

from ansible.errors import AnsibleError

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, refused_with

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage import ASK, applying, describe_salvage

if t.TYPE_CHECKING:
    from collections.abc import Iterator

Result = t.Dict[str, t.Any]


class ActionModule(DirectAction):
    """Run M(dbha.mysql.mysql_salvage): ask the replica from here, read on the dead server's host, apply from here."""

    verb = ASK

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> Result:
        """Do the three steps, each only after the one before it; say which failed and why, and what was applied."""
        try:
            result = self._salvage(task_vars or {})
        except Refusal as refusal:
            result = refused_with(refusal)
        return dict(result, problem=result["msg"] if result.get("failed") else None)

    def _salvage(self, task_vars: Result) -> Result:
        begun = time.monotonic()
        given = self._given(task_vars)
        result = self._work_here(given)
        if result.get("failed"):
            return result
        have, family, writable = (result.pop(name) for name in ("have", "family", "writable"))
        result.update(describe_salvage(family, [], []), received=have)
        options = result["invocation"]["module_args"]
        deadline = begun + options["timeout"]
        self._keep_to(options["connect_within"])
        try:
            reading = dict(self._read(options, deadline, family, have, task_vars), family=family, have=have, writable=writable)
        except (AnsibleError, OSError) as error:
            return dict(result, failed=True, msg="nothing is salvaged from the dead primary: %s" % " ".join(str(error).split()))
        result.update(describe_salvage(family, reading["found"], reading["found"]))
        if reading["trouble"]:
            return dict(result, failed=True, msg="nothing is salvaged of %(found_count)d transactions" % result + ": %s" % reading["trouble"])
        if not reading["found"]:
            return dict(result, msg="the dead primary has nothing that no replica has received")
        if self._task.check_mode:
            result.update(describe_salvage(family, reading["found"], []))
            return dict(result, msg="%(found_count)d transactions that no replica has received would be salvaged from the dead primary" % result)
        result.update(self._work_here(given, applying(reading, deadline - time.monotonic())))
        if not result.get("failed"):
            result["msg"] = "%(applied_count)d transactions that no replica had received are salvaged from the dead primary" % result
        return result

    def _keep_to(self, seconds: float) -> None:
        """Let SSH take no longer than that to connect, once, and ask nobody anything."""
        if self._connection.transport != "ssh":
            return
        self._connection.set_option("timeout", max(1, round(seconds)))
        self._connection.set_option("reconnection_retries", 0)
        if not self._connection.get_option("password"):
            self._connection.set_option("ssh_extra_args", "%s -o BatchMode=yes" % (self._connection.get_option("ssh_extra_args") or ""))

    def _read(self, options: Result, deadline: float, family: str, have: str, task_vars: Result) -> Result:
        """Run the module on the dead server's host. What it gives back holds users' data, which are not for Ansible's own log."""
        # A host that does not let us in is to cost no more than that: to pack the module takes longer (seen: 0.3 s on an idle machine).
        with _within(options["connect_within"]):
            self._low_level_execute_command("true", sudoable=False)
        self._connection._play_context.no_log = True
        left = max(deadline - time.monotonic(), 0.1)
        arguments = {name: options[name] for name in ("directory", "binlog_program")}
        # It is to give up by itself, and say what it has found, before it is given up: to pack, send and start it takes seconds on a busy machine.
        arguments.update(family=family, have=have, timeout=max(left - 4, left / 2))
        with _within(left, options["timeout"]):
            reading: Result = self._execute_module(module_name="dbha.mysql.mysql_salvage", module_args=arguments, task_vars=task_vars)
        if reading.get("failed") or "found" not in reading:
            raise AnsibleError(str(reading.get("msg", "the module ended without a result")))
        return reading


@contextmanager
def _within(seconds: float, limit: t.Optional[float] = None) -> Iterator[None]:
    """Let a host answer in time. SSH limits only how long connecting takes, and one whose disk hangs still lets in whoever asks.

    The time limit that a task can have for itself would not do: what it ends has failed whatever C(failed_when) says. Raises ``AnsibleError``.
    """

    def give_up(_signal: int, _frame: t.Any) -> None:
        raise AnsibleError("its host did not answer within %g s" % (limit or seconds))

    begun = time.monotonic()
    before = signal.signal(signal.SIGALRM, give_up)
    others, _interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except AnsibleError as error:
        # Ansible leaves the ssh behind that it was waiting for.
        for frame, _line in traceback.walk_tb(error.__traceback__):
            for process in frame.f_locals.values():
                if isinstance(process, subprocess.Popen):
                    process.terminate()
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if others:
            signal.setitimer(signal.ITIMER_REAL, max(others - (time.monotonic() - begun), 0.001))
