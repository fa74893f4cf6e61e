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
from ansible_collections.dbha.mysql.plugins.plugin_utils._direct import DirectAction, problems_of_result
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory, plain
from ansible_collections.dbha.mysql.plugins.plugin_utils._stream import ModuleEnded, NoStream, Stream, begin

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import PART
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal, warned
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage import HostFailed, salvaging
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage_host import READ

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Question
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage import Salvaging

Result = t.Dict[str, t.Any]

# The variables of the dead server's host that options come from, each with mysql_ before it.
_VARIABLES = {"directory": "binlog_directory"}


class ActionModule(DirectAction):
    """Run M(dbha.mysql.mysql_salvage): ask the replica from here, read on the dead server's host, apply from here."""

    verb = READ

    _connection: t.Any

    # What the dead server's host gives once it has given the first part; ``None`` before that, and where it has to be asked for each.
    _stream: t.Optional[Stream] = None
    _no_stream = False

    def _work(self, task_vars: Result) -> Result:
        """Do the half that asks here, and let it run the other one on the dead server's host."""
        dead = str(self._task.delegate_to or task_vars.get("inventory_hostname", ""))
        try:
            given = {**self._of_host(dead, task_vars), **self._given(task_vars)}
            result = self._work_here(given, salvaging(dead, lambda wanted, question: self._ask_host(wanted, question, task_vars)))
        except Refusal as refusal:
            given, result = {}, self._refused_with(refusal)
        finally:
            self._end_stream()
        if not result.get("failed"):
            return dict(result, problem=None)
        result["problem"] = " ".join(problem["message"] for problem in result["problems"])
        if given.get("policy") == "auto" and not any(problem.code == "primary_maybe_alive" for problem in problems_of_result(result)):
            # What could not be salvaged forbids no failover, but a server that runs after all does.
            warnings = [*result.get("warnings", []), *warned(problems_of_result(result), self._remedies_for())]
            del result["failed"]
            result.update(problems=[], warnings=warnings, msg=result["problem"])
        return result

    def _of_host(self, dead: str, task_vars: Result) -> Result:
        """Return what the inventory says of the dead server's host: where its files are, and what reads them."""
        hosts = task_vars.get("hostvars", {})
        inventory = Inventory({}, hosts)
        values = {option: inventory.value_of("mysql_" + variable, dead) for option, variable in _VARIABLES.items()} if dead in hosts else {}
        return {option: value for option, value in values.items() if value is not None}

    def _ask_host(self, wanted: Salvaging, question: Question, task_vars: Result) -> Result:
        """Run the module on the dead server's host. What it gives back holds users' data, which are not for Ansible's own log.

        The first question is answered with the first part; all that follow are read as they come, if they can be.
        """
        begun = time.monotonic()
        arguments: Result = {"directory": question.directory, "family": question.family, "have": str(question.have), "place": question.place}
        try:
            if question.place is not None:
                try:
                    return self._next(wanted, question, {**arguments, "stream": True}, task_vars)
                except NoStream:
                    self._end_stream()
                    self._no_stream = True
            self._keep_to(wanted.connect_within)
            # A host that does not let us in is to cost no more than that: to pack the module takes longer (seen: 0.3 s on an idle machine).
            with _within(wanted.connect_within):
                self._log_in(task_vars)
            self._connection._play_context.no_log = True
            left = max(question.seconds - (time.monotonic() - begun), 0.1)
            # It is to give up by itself, and say what it has found, before it is given up: to pack, send and start it takes seconds on a busy machine.
            for_itself = left - min(max(4.0, left / 4), left / 2)
            with _within(left, wanted.timeout):
                arguments["timeout"] = for_itself
                return t.cast("Result", plain(self._execute_module(module_name="dbha.mysql.mysql_salvage", module_args=arguments, task_vars=task_vars)))
        except (AnsibleError, OSError) as error:
            raise HostFailed(" ".join(str(error).split())) from error

    def _next(self, wanted: Salvaging, question: Question, arguments: Result, task_vars: Result) -> Result:
        """Return the next part. Raises ``NoStream`` where the host has to be asked for it."""
        if self._no_stream:
            raise NoStream
        if self._stream is None:
            arguments["timeout"] = question.seconds

            def execute(connection: t.Any) -> None:
                real, self._connection = self._connection, connection
                try:
                    self._execute_module(module_name="dbha.mysql.mysql_salvage", module_args=arguments, task_vars=task_vars)
                finally:
                    self._connection = real

            with _within(question.seconds, wanted.timeout):
                self._stream = begin(self._connection, PART, lambda: bool(self._is_pipelining_enabled("new")), execute)
        try:
            events, more = self._stream.next(question.seconds, wanted.timeout)
        except ModuleEnded as ended:
            return ended.result
        return {"found": [], "events": events, "place": question.place if more else None, "trouble": None}

    def _end_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _log_in(self, task_vars: Result) -> None:
        """Run a first command on the host, by the address of its server if its own name does not resolve."""
        try:
            self._low_level_execute_command("true", sudoable=False)
        except AnsibleError as error:
            # The name may be an alias in the configuration of SSH, so only SSH can say that it leads nowhere.
            name, hosts = str(self._task.delegate_to or ""), task_vars.get("hostvars", {})
            address = Inventory({}, hosts).value_of("mysql_host", name) if name in hosts else None
            if self._connection.transport != "ssh" or address is None or "Could not resolve hostname" not in str(error):
                raise
            self._connection.set_option("host", str(address))
            self._low_level_execute_command("true", sudoable=False)

    def _keep_to(self, seconds: float) -> None:
        """Let SSH take no longer than that to connect, once, and ask nobody anything."""
        if self._connection.transport != "ssh":
            return
        self._connection.set_option("timeout", max(1, round(seconds)))
        self._connection.set_option("reconnection_retries", 0)
        if not self._connection.get_option("password"):
            self._connection.set_option("ssh_extra_args", "%s -o BatchMode=yes" % (self._connection.get_option("ssh_extra_args") or ""))


@contextmanager
def _within(seconds: float, limit: t.Optional[float] = None) -> Iterator[None]:
    """Let a host answer in time. SSH limits only how long connecting takes, and one whose disk hangs still lets in whoever asks.

    The time limit that a task can have for itself would not do: what it ends has failed whatever ``failed_when`` says. Raises ``AnsibleError``.
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
