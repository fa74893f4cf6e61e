# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Hosts that are logged in to, and whose Python has our program already, before anybody knows what they will be asked to do.

To log in over SSH and to start a Python takes half a second, and each task of Ansible's is a process of its own, which can leave no connection to the
next one. So the first task of a role begins a process that keeps one session for each host, and tasks after it reach that over sockets. They lie in
Ansible's temporary directory, which is of this run and of nobody else. When Ansible has ended, the process ends, and with it what runs on the hosts.

Whoever finds no such process, or a session that could not begin, logs in himself, and says what is wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
import typing as t
from contextlib import suppress
from pathlib import Path

from ansible import constants as C
from ansible.utils.display import Display

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import HostFailed
    from ansible_collections.dbha.mysql.plugins.module_utils._clients.on_host import HEARD, MARK

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import Way

# The longest path that a socket can have (Linux has 108 bytes).
_LONGEST = 100

# Seconds after which it is looked whether Ansible still runs.
_LOOK = 0.2


class NoSession(Exception):
    """There is no session that could be used: whoever wants to know why logs in himself."""


class Login(t.NamedTuple):
    """How a session begins: a command here, what it is to be sent first, and another command where the first one says that there is no such host."""

    command: t.Sequence[str]
    program: bytes
    otherwise: t.Optional[t.Sequence[str]]


def ask(host: str, request: Mapping[str, object], way: Way) -> str:
    """Let a host do something over its session, and return what it printed. Raises ``NoSession``; ``HostFailed`` where it does not answer."""
    path = _path(host, os.getppid())
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(way.connect_within + way.within + 1)
        try:
            asking.connect(path)
            asking.sendall(json.dumps({"request": request, "within": way.within}).encode() + b"\n")
            said = json.loads(b"".join(iter(lambda: asking.recv(65536), b"")))
        except (OSError, ValueError) as error:
            raise NoSession(str(error)) from error
    if said.get("silent"):
        raise HostFailed(str(said["silent"]))
    if "text" not in said:
        raise NoSession("it has ended")
    return str(said["text"])


def _path(host: str, run: int) -> str:
    return str(Path(str(C.DEFAULT_LOCAL_TMP)) / ("dbha-%d-%s" % (run, hashlib.sha256(host.encode()).hexdigest()[:12])))


def begin(hosts: Sequence[str], prepare: Callable[[], t.Tuple[Way, Callable[[str], Login]]]) -> None:
    """Begin a process that logs in to these hosts, each at once, and return without waiting for any.

    :arg prepare: is called there, and returns how long that may take, and what says how each host is logged in to; ``NoSession`` where it cannot be.
    """
    run = os.getppid()
    paths = {host: _path(host, run) for host in hosts}
    if any(len(path.encode()) > _LONGEST or os.path.exists(path) for path in paths.values()):
        return
    listening = {host: socket.socket(socket.AF_UNIX) for host in hosts}
    try:
        for host, each in listening.items():
            each.bind(paths[host])
            each.listen(4)
        if os.fork() == 0:
            try:
                _keep(run, listening, prepare)
            finally:
                for path in paths.values():
                    with suppress(OSError):
                        os.unlink(path)
                os._exit(0)
    finally:
        for each in listening.values():
            each.close()


def _keep(run: int, listening: Mapping[str, socket.socket], prepare: Callable[[], t.Tuple[Way, Callable[[str], Login]]]) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Whoever waits for the end of what Ansible prints is not to wait for us, and what Ansible reads from its processes is not from us.
    Display()._final_q = None
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    kept = {each.fileno() for each in listening.values()}
    for number in map(int, os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else range(256)):
        if number > 2 and number not in kept:
            with suppress(OSError):
                os.close(number)
    way, login = prepare()
    begun = time.monotonic()
    sessions = [_Session(run, host, each, way.connect_within, begun, login) for host, each in listening.items()]
    for session in sessions:
        session.thread.start()
    for session in sessions:
        session.thread.join()


class _Session:
    """One host, from when it is logged in to until Ansible ends; and who asks it, one after the other."""

    def __init__(self, run: int, host: str, listening: socket.socket, connect_within: float, begun: float, login: Callable[[str], Login]) -> None:
        self.thread = threading.Thread(target=self._live, daemon=True)
        self._run = run
        self._host = host
        self._listening = listening
        self._place = str(listening.getsockname())
        self._connect_within = connect_within
        self._until = begun + connect_within
        self._login = login
        self._process: t.Optional[subprocess.Popen[bytes]] = None
        self._said = b""
        # Why nobody need try again, if that is so.
        self._silent = ""

    def _live(self) -> None:
        try:
            self._begin()
            self._listening.settimeout(_LOOK)
            while self._is_wanted():
                try:
                    asking, _none = self._listening.accept()
                except socket.timeout:
                    continue
                with asking, suppress(OSError, ValueError):
                    asking.settimeout(_LOOK)
                    wanted = json.loads(asking.makefile("rb").readline())
                    asking.sendall(json.dumps(self._answer(wanted)).encode())
        finally:
            self._end()

    def _is_wanted(self) -> bool:
        try:
            os.kill(self._run, 0)
        except OSError:
            return False
        return os.path.exists(self._place)

    def _begin(self) -> None:
        try:
            login = self._login(self._host)
        except NoSession:
            return
        if not self._begun(login.command, login.program) and not self._silent and login.otherwise is not None:
            self._begun(login.otherwise, login.program)

    def _begun(self, command: t.Sequence[str], program: bytes) -> bool:
        with tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
            self._said = b""
            try:
                self._send(b"%d\n%s" % (len(program), program))
                self._read_until(HEARD, self._until)
                return True
            except TimeoutError:
                self._silent = "it did not answer within %g s" % self._connect_within
            except (OSError, EOFError):
                pass  # there is no session then: whoever asks logs in himself, and is told what is wrong
            self._end()
            errors.seek(0)
            return b"Could not resolve hostname" not in errors.read()

    def _answer(self, wanted: Mapping[str, t.Any]) -> t.Dict[str, str]:
        if self._process is None:
            return {"silent": self._silent} if self._silent else {}
        try:
            self._send(json.dumps(wanted["request"]).encode() + b"\n")
            # A host that has gone off since is found out as fast as one that was off before.
            within = self._connect_within
            self._read_until(HEARD, time.monotonic() + within)
            within = float(wanted["within"])
            return {"text": MARK + self._read_until(MARK, time.monotonic() + within)}
        except TimeoutError:
            self._silent = "it did not answer within %g s" % within
        except (OSError, EOFError):
            pass  # it has ended: whoever asks logs in himself
        self._end()
        return {"silent": self._silent} if self._silent else {}

    def _pipes(self) -> t.Tuple[t.IO[bytes], t.IO[bytes]]:
        """Return what the session reads and what it prints. Raises ``EOFError`` where it has ended."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise EOFError
        return process.stdin, process.stdout

    def _send(self, text: bytes) -> None:
        reads, _prints = self._pipes()
        reads.write(text)
        reads.flush()

    def _read_until(self, mark: str, until: float) -> str:
        """Return the rest of the next line that begins so. Raises ``TimeoutError``, and ``EOFError`` where the session has ended."""
        number = self._pipes()[1].fileno()
        while True:
            line, end, rest = self._said.partition(b"\n")
            if end:
                self._said = rest
                if line.startswith(mark.encode()):
                    return line[len(mark) :].decode(errors="replace")
                continue
            left = until - time.monotonic()
            if left <= 0 or not select.select([number], [], [], left)[0]:
                raise TimeoutError
            more = os.read(number, 65536)
            if not more:
                raise EOFError
            self._said += more

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            with suppress(OSError):
                for end in (process.stdin, process.stdout):
                    if end is not None:
                        end.close()
            process.wait()
