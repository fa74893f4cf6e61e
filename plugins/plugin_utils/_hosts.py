# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Several hosts at once: a program of ours for the Python of each, over the connection that the inventory says.

Ansible delegates a task to one host after the other, and copies a module there first. Here each costs one command, and all take as long as the slowest.
"""

from __future__ import annotations

import copy
import os
import shlex
import subprocess
import sys
import threading
import typing as t
from contextlib import suppress
from pathlib import Path

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.plugins.loader import become_loader, connection_loader

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory
from ansible_collections.dbha.mysql.plugins.plugin_utils._sessions import Login, NoSession
from ansible_collections.dbha.mysql.plugins.plugin_utils._sessions import ask as ask_in_session

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._clients import on_host
    from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import HostFailed, program
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import Way

# Where Python is, if the inventory does not say it. The second one is the one of Red Hat's own programs.
_PYTHON = 'exec "$(command -v python3 || command -v /usr/libexec/platform-python || echo python3)" %s'

# What it is to run: what it reads until the end, or a program whose length it reads first, which then reads what it is to do.
_ALL = "-"
_BEGINNING = "-c 'import sys; exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))'"

# What a shell says, and exits with, where there is no such program.
_NO_PROGRAM = 127


class Hosts:
    """The hosts of an inventory, each with its connection, which is made when it is asked."""

    def __init__(self, inventory: Inventory, hosts: Mapping[str, t.Any], play_context: t.Any, source: t.Optional[str] = None) -> None:
        """Take the inventory, the variables of its hosts, and the file of the program; that of virtual addresses if none is named."""
        self._inventory = inventory
        self._hosts = hosts
        self._play_context = play_context
        self._source = Path(source or on_host.__file__ or "").read_text(encoding="utf-8")
        # The loaders of plugins, and the variables of hosts, are asked one after the other: nobody says that threads may.
        self._lock = threading.Lock()

    def value_of(self, variable: str, host: str) -> t.Any:
        """Return what a variable of a host says; ``None`` if it says nothing."""
        with self._lock:
            return self._inventory.value_of(variable, host)

    def ask(self, host: str, request: Mapping[str, object], way: Way) -> str:
        """Run our program on a host, and return what it printed. Raises ``HostFailed``."""
        with suppress(NoSession):
            return ask_in_session(host, request, way)
        with self._lock:
            try:
                connection, command = self._prepared(host, way)
            except (AnsibleError, Refusal) as error:
                raise HostFailed(_line(error)) from error
        try:
            # Over a connection of an earlier task, SSH waits for a host that has gone off since as long as TCP does.
            if connection.transport == "ssh" and "ControlPersist" in str(connection.get_option("ssh_args")):
                with _EndedAfter(way.connect_within):
                    self._run(host, connection, "true", None)
            with _EndedAfter(way.within):
                code, out, err = self._run(host, connection, command, program(self._source, request).encode())
        except (AnsibleError, OSError, ValueError) as error:
            raise HostFailed(_line(error)) from error
        said = " ".join(err.decode(errors="replace").split())[-300:]
        if code == _NO_PROGRAM:
            raise HostFailed("it has no Python 3, or says where it is not (ansible_python_interpreter): %s" % said)
        if code:
            raise HostFailed("what was to be run there ended with %s: %s" % (code, said))
        return str(out.decode(errors="replace"))

    def login(self, host: str, way: Way) -> Login:
        """Return how a session with a host begins. Raises ``NoSession`` where one cannot: it is reached by other means, or asks for passwords."""
        with self._lock:
            try:
                connection, command = self._prepared(host, way, _BEGINNING)
                becoming = connection.become
                if connection.transport != "ssh" or connection.get_option("password") or (becoming is not None and becoming.expect_prompt()):
                    raise NoSession("somebody is to be asked for a password, or does not speak SSH")
                commands = [self._command(connection, command)]
                address = self._inventory.value_of("mysql_host", host)
                if address is not None:
                    connection.set_option("host", str(address))
                    commands.append(self._command(connection, command))
            except (AnsibleError, Refusal) as error:
                raise NoSession(_line(error)) from error
        return Login(commands[0], program(self._source, None).encode(), commands[1] if len(commands) > 1 else None)

    @staticmethod
    def _command(connection: t.Any, command: str) -> t.List[str]:
        connection.host = connection.get_option("host") or connection._play_context.remote_addr
        built = connection._build_command(connection.get_option("ssh_executable"), "ssh", connection.host, command)
        return [os.fsdecode(word) for word in built]

    def _run(self, host: str, connection: t.Any, command: str, text: t.Optional[bytes]) -> t.Tuple[int, bytes, bytes]:
        try:
            return t.cast("t.Tuple[int, bytes, bytes]", connection.exec_command(command, in_data=text, sudoable=text is not None))
        except AnsibleError as error:
            # The name may be an alias in the configuration of SSH, so only SSH can say that it leads nowhere.
            with self._lock:
                address = self._inventory.value_of("mysql_host", host)
            if connection.transport != "ssh" or address is None or "Could not resolve hostname" not in str(error):
                raise
            connection.set_option("host", str(address))
            return t.cast("t.Tuple[int, bytes, bytes]", connection.exec_command(command, in_data=text, sudoable=text is not None))

    def _prepared(self, host: str, way: Way, arguments: str = _ALL) -> t.Tuple[t.Any, str]:
        """Return a connection to a host, and what is to be run there: Python, with these arguments."""
        if host not in self._hosts:
            raise AnsibleError("it is not a host of the inventory")

        def options_of(kind: str, name: str) -> t.Dict[str, t.Any]:
            values = {variable: self._inventory.value_of(variable, host) for variable in C.config.get_plugin_vars(kind, name)}
            return {variable: value for variable, value in values.items() if value is not None}

        kind = str(self._inventory.value_of("ansible_connection", host) or "ssh")
        context = copy.copy(self._play_context)
        address = self._inventory.value_of("ansible_host", host)
        context.remote_addr = str(address if address is not None else host)
        context.remote_user = self._inventory.value_of("ansible_user", host) or C.config.get_config_value("DEFAULT_REMOTE_USER")
        context.port = self._inventory.value_of("ansible_port", host)
        connection = connection_loader.get(kind, context, None, task_uuid="", ansible_playbook_pid=str(os.getppid()))
        if connection is None:
            raise AnsibleError("there is no plugin for its connection %s (ansible_connection)" % kind)
        connection.set_options(var_options={"inventory_hostname": host, **options_of("connection", connection._load_name)})
        if connection.transport == "ssh":
            _keep_to(connection, way.connect_within)
        interpreter = str(self._inventory.value_of("ansible_python_interpreter", host) or "")
        command = "sh -c %s" % shlex.quote(_PYTHON % arguments)
        if interpreter.startswith("/"):
            command = "%s %s" % (shlex.quote(interpreter), arguments)
        if way.become:
            method = str(self._inventory.value_of("ansible_become_method", host) or C.config.get_config_value("DEFAULT_BECOME_METHOD"))
            becoming = become_loader.get(method)
            if becoming is None:
                raise AnsibleError("there is no plugin to become root by %s (ansible_become_method)" % method)
            becoming.set_options(var_options=options_of("become", becoming._load_name))
            connection.set_become_plugin(becoming)
            command = becoming.build_become_command(command, connection._shell)
        return connection, command


def _keep_to(connection: t.Any, seconds: float) -> None:
    """Let SSH take no longer than that to connect, once, and ask nobody anything."""
    connection.set_option("timeout", max(1, round(seconds)))
    connection.set_option("reconnection_retries", 0)
    if not connection.get_option("password"):
        connection.set_option("ssh_extra_args", "%s -o BatchMode=yes" % (connection.get_option("ssh_extra_args") or ""))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


class _EndedAfter:
    """End what this thread is waiting for after some seconds: SSH limits only how long connecting takes. Raises ``HostFailed``."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over = False
        self._thread = threading.get_ident()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: t.Any, error: t.Any, traceback: t.Any) -> None:
        self._timer.cancel()
        if self._over:
            raise HostFailed("it did not answer within %g s" % self._seconds) from error

    def _end(self) -> None:
        self._over = True
        frame = sys._current_frames().get(self._thread)
        while frame is not None:
            for process in list(frame.f_locals.values()):
                if isinstance(process, subprocess.Popen):
                    process.terminate()
            frame = frame.f_back
