# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What a module prints on a host, read while it still runs: Ansible gives back what one has printed when it has ended, and holds all of it several times.

Only over SSH, where nobody has to be asked for a password and Ansible may send a module's code to the Python there (pipelining). Where that cannot be,
a module is run again for each part.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import time
import typing as t

from ansible.errors import AnsibleError

if t.TYPE_CHECKING:
    from collections.abc import Callable

# The longest line, and the longest part, that are taken from a host.
_LONGEST_LINE = 1 << 20
_LONGEST_PART = 96 << 20


class NoStream(Exception):
    """There is none: what is wanted is to be asked for in another way."""


class Stream:
    """Parts that a module prints, each after a line that begins with ``mark`` and says its length and whether more follow; and then its result."""

    def __init__(self, process: subprocess.Popen[bytes], mark: bytes) -> None:
        self._process = process
        self._mark = mark
        self._read = bytearray()
        self._has_given = False

    def next(self, seconds: float, limit: float) -> t.Tuple[bytes, bool]:
        """Return a part, and whether more follow.

        Raises ``AnsibleError`` for a host that is silent for some seconds, of ``limit`` in all; ``ModuleEnded`` where there is a result instead, and
        ``NoStream`` where there is nothing at all.
        """
        until, said = time.monotonic() + seconds, b""
        while True:
            line = self._line(until, limit)
            if not line:
                break
            if line.startswith(self._mark):
                length, more = _numbers(line[len(self._mark) :])
                self._has_given = True
                return self._bytes(length, until, limit), bool(more)
            said = line.strip() or said
        if not self._has_given and not said.startswith(b"{"):
            raise NoStream
        raise ModuleEnded(_result(said))

    def close(self) -> None:
        """End what runs here. What runs there ends when it prints more."""
        self._process.terminate()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()

    def _line(self, until: float, limit: float) -> bytes:
        """Return a line, empty at the end."""
        while b"\n" not in self._read and len(self._read) <= _LONGEST_LINE and self._more(until, limit):
            pass
        end = self._read.find(b"\n") + 1 or len(self._read)
        if end > _LONGEST_LINE:
            raise AnsibleError("its host gave back a line of more than %d bytes" % _LONGEST_LINE)
        line = bytes(self._read[:end])
        del self._read[:end]
        return line

    def _bytes(self, length: int, until: float, limit: float) -> bytes:
        while len(self._read) < length:
            if not self._more(until, limit):
                raise AnsibleError("what its host gave back breaks off")
        part = bytes(memoryview(self._read)[:length])
        del self._read[:length]
        return part

    def _more(self, until: float, limit: float) -> bool:
        """Read more, if there is more. Raises ``AnsibleError`` where nothing comes in time."""
        stdout = self._process.stdout
        number = stdout.fileno() if stdout is not None else -1
        left = until - time.monotonic()
        if left <= 0 or not select.select([number], [], [], left)[0]:
            raise AnsibleError("its host did not answer within %g s" % limit)
        read = os.read(number, 1 << 18)
        self._read += read
        return bool(read)


class ModuleEnded(Exception):
    """A module has ended with this result."""

    def __init__(self, result: t.Dict[str, t.Any]) -> None:
        super().__init__(result)
        self.result = result


def begin(connection: t.Any, mark: bytes, pipelines: Callable[[], bool], execute: Callable[[t.Any], object]) -> Stream:
    """Begin a module, and return what it prints. Raises ``NoStream``, ``AnsibleError``, and ``OSError``.

    :arg pipelines: whether Ansible would send the code of a module to Python now.
    :arg execute: lets Ansible run the module over the connection that it is given.
    """
    becoming = connection.become
    if connection.transport != "ssh" or connection.get_option("password") or (becoming is not None and becoming.expect_prompt()):
        raise NoStream
    before = connection.get_option("pipelining")
    begun = _Beginning(connection)
    connection.set_option("pipelining", True)
    try:
        if pipelines():  # no terminal was asked for, and no files are to be kept
            execute(begun)
    finally:
        connection.set_option("pipelining", before)
    if begun.process is None:
        raise NoStream
    return Stream(begun.process, mark)


class _Beginning:
    """A connection over which a module is begun, whose end nobody waits for."""

    def __init__(self, connection: t.Any) -> None:
        self._connection = connection
        self.process: t.Optional[subprocess.Popen[bytes]] = None

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._connection, name)

    def exec_command(self, cmd: str, in_data: t.Optional[bytes] = None, sudoable: bool = True) -> t.Tuple[int, bytes, bytes]:
        """Begin what is given its code, and say that it is well; what Ansible asks beside that, to look for Python, is done as ever."""
        if not in_data or not sudoable:
            return t.cast("t.Tuple[int, bytes, bytes]", self._connection.exec_command(cmd, in_data=in_data, sudoable=sudoable))
        connection = self._connection
        connection.host = connection.get_option("host") or connection._play_context.remote_addr
        command = [os.fsdecode(word) for word in connection._build_command(connection.get_option("ssh_executable"), "ssh", connection.host, cmd)]
        with tempfile.TemporaryFile() as code:
            code.write(in_data if isinstance(in_data, bytes) else str(in_data).encode())
            code.seek(0)
            self.process = subprocess.Popen(command, stdin=code, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return 0, b'{"changed": false}', b""


def _numbers(text: bytes) -> t.Tuple[int, int]:
    words = text.split()
    if len(words) != 2 or not all(word.isdigit() and len(word) < 10 for word in words) or int(words[0]) > _LONGEST_PART:
        raise AnsibleError("its host gave back %.80r, which is not the length of a part" % text)
    return int(words[0]), int(words[1])


def _result(text: bytes) -> t.Dict[str, t.Any]:
    try:
        result = json.loads(text)
    except ValueError:
        result = None
    return result if isinstance(result, dict) else {"failed": True, "msg": " ".join(text.decode(errors="replace").split())[-300:]}
