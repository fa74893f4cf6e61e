# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Running the vendors' programs that copy servers: find them, tell them how to log in, and let one feed another."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import typing as t
from contextlib import ExitStack, contextmanager, suppress

from ansible_collections.dbha.mysql.plugins.module_utils._server.security import VERIFIED, may_send_secrets, security_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

_CHUNK = 1 << 20

# Seconds between two reports of how far a copy is.
_REPORT = 10.0


class ProgramFailed(Exception):
    """A program is missing, has failed, or took too long. The message says which, and what it said."""


def find_program(named: t.Optional[str], names: t.Sequence[str]) -> str:
    """Return the path of a program: the one that is named, or the first of ``names`` on the PATH. Raises ``ProgramFailed``."""
    for name in [named] if named else names:
        path = shutil.which(os.path.expanduser(name))
        if path is not None:
            return path
    raise ProgramFailed("%s is not installed where the task runs" % (named or " or ".join(names)))


def check_reads_all(program: str, donor: Node) -> None:
    """Raise ``ProgramFailed`` where a program, whose session cannot be begun otherwise, would read only a part of a server."""
    defaults = donor.server.send(donor.flavor.select_cutting_defaults()).only()
    cutting = [name for name in defaults if defaults.number(name)]
    if cutting:
        message = "%s would not read all of it, because sessions on %s begin with another %s than the vendor's; set it to DEFAULT there meanwhile (SET GLOBAL)"
        raise ProgramFailed(message % (program, donor.name, ", ".join(cutting)))


# A verified connection, by what a program says of itself: that of MySQL from 5.7.11 on, that of MariaDB. Each of them then insists on TLS (seen:
# MariaDB 10.5, 10.11 and 11.8, MySQL 9.7; those of 11.8 do not mind the name of 127.0.0.1). With a certificate to trust and nothing else, those of
# MariaDB before 11.4 go on in clear text where a server offers no TLS, and none minds the name.
_MODE = b"ssl-mode"
_VERIFY = b"ssl-verify-server-cert"
_MARIADB = b"MariaDB"


# How a value of an option file is written: a line that ended in it would begin another option.
_ESCAPED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}


def verification(program: str, said: bytes, address: Address, account: Login) -> t.Dict[str, str]:
    """Return the options that make a program send no more than we would ourselves. ``said``: its ``--help``. Raises ``ProgramFailed``."""
    security = security_of(address, account)
    if not may_send_secrets(address, account):
        raise ProgramFailed("%s would send the password to a server that is not verified: that takes ca_cert, or allow_unverified" % program)
    if security != VERIFIED:
        return {}
    if _MODE in said:
        return {"ssl-mode": "VERIFY_CA" if account.check_hostname is False else "VERIFY_IDENTITY"}
    if _MARIADB not in said or _VERIFY not in said:
        raise ProgramFailed("%s is too old to verify servers (ca_cert)" % program)
    if account.check_hostname is False:
        if account.allow_unverified:
            return {"ssl-verify-server-cert": "0"}
        raise ProgramFailed("%s cannot verify a server without its name (check_hostname=false): that takes allow_unverified" % program)
    return {"ssl-verify-server-cert": "1"}


def login_options(address: Address, account: Login, more: t.Optional[t.Mapping[str, str]] = None, *, on_its_host: bool = False) -> bytes:
    """Return how to log in as an option file: command lines are seen by everybody.

    ``more`` are other options. ``on_its_host``: it is for a program on the server's own host, which does not have our certificates, and where nobody
    is in between.
    """
    options = {"user": account.user, "password": account.password}
    if not on_its_host:
        files = {"ssl-ca": account.ca_cert, "ssl-cert": account.client_cert, "ssl-key": account.client_key}
        options.update({name: os.path.expanduser(path) for name, path in files.items() if path})
    options.update({"socket": address.unix_socket} if address.unix_socket else {"host": address.host, "port": str(address.port), "protocol": "tcp"})
    options.update(more or {})
    lines = ['%s="%s"' % (name, "".join(_ESCAPED.get(each, each) for each in value)) for name, value in options.items() if value is not None]
    # Bytes that are no UTF-8 come as surrogates.
    return "\n".join(["[client]", *lines, ""]).encode("utf-8", "surrogateescape")


def run_program(command: t.Sequence[str], seconds: float, given: bytes = b"") -> bytes:
    """Run a program in a session of its own, so that what interrupts us does not interrupt it, and return what it printed.

    One that takes too long is ended, with all that it has started. Raises ``ProgramFailed``.
    """
    process = _spawn(command, subprocess.PIPE, subprocess.PIPE)
    try:
        output, errors = process.communicate(given, seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise ProgramFailed("%s did not finish within %g s" % (command[0], seconds)) from error
    if process.returncode != 0:
        raise ProgramFailed("%s failed: %s" % (command[0], _last_words(errors) or _last_words(output) or "exit code %d" % process.returncode))
    return output


def feed(source: t.Sequence[str], sink: t.Sequence[str], deadline: float, say: Callable[[str], None], given: bytes = b"") -> None:
    """Let one program feed another; both must succeed in time. ``given`` is the input of the first. Raises ``ProgramFailed``.

    All goes through our own hands: when we are killed, the second program meets the end of its input, and the first one a closed pipe, so that
    neither goes on behind the back of whoever runs this again.
    """
    with tempfile.TemporaryFile() as errors, ExitStack() as started:
        first = started.enter_context(_start(source, subprocess.PIPE, errors))
        second = started.enter_context(_start(sink, subprocess.DEVNULL, errors))
        late = threading.Event()

        def end() -> None:
            late.set()
            _kill(first)
            _kill(second)

        watch = threading.Timer(max(deadline - time.monotonic(), 0.1), end)
        watch.start()
        try:
            _pump(first, second, given, say)
            codes = [first.wait(), second.wait()]
        finally:
            watch.cancel()
        if late.is_set():
            raise ProgramFailed("%s and %s did not finish in time" % (source[0], sink[0]))
        if any(codes):
            errors.seek(0)
            raise ProgramFailed("%s or %s failed: %s" % (source[0], sink[0], _last_words(errors.read())))


@contextmanager
def _start(command: t.Sequence[str], output: int, errors: t.BinaryIO) -> Iterator[subprocess.Popen[bytes]]:
    process = _spawn(command, output, errors)
    try:
        yield process
    finally:
        _end(process)


def _spawn(command: t.Sequence[str], output: int, errors: t.Union[int, t.BinaryIO]) -> subprocess.Popen[bytes]:
    try:
        # run_command is a method of a module, and connects no program with another one.
        # pylint: disable-next=ansible-bad-function
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=errors, start_new_session=True)
    except OSError as error:
        raise ProgramFailed("%s cannot be run: %s" % (command[0], error)) from error


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and what it has started: a shell would leave its children behind."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()


def _pump(first: subprocess.Popen[bytes], second: subprocess.Popen[bytes], given: bytes, say: Callable[[str], None]) -> None:
    """Hand on what the first program writes. One that ends early is told by its exit code, and the other one by a closed pipe."""
    options, source, sink = (t.cast("t.IO[bytes]", pipe) for pipe in (first.stdin, first.stdout, second.stdin))
    try:
        with suppress(BrokenPipeError), options:
            options.write(given)
        with suppress(BrokenPipeError), sink:
            for chunk in _reported(iter(lambda: os.read(source.fileno(), _CHUNK), b""), say):
                sink.write(chunk)
    finally:
        source.close()


def _reported(chunks: Iterator[bytes], say: Callable[[str], None]) -> Iterator[bytes]:
    """Say from time to time how much has gone through."""
    total, last = 0, time.monotonic()
    for chunk in chunks:
        yield chunk
        total += len(chunk)
        if time.monotonic() - last >= _REPORT:
            last = time.monotonic()
            say("%.1f MB" % (total / 1e6))


def _last_words(output: bytes) -> str:
    return " / ".join(output.decode("utf-8", "replace").strip().splitlines()[-2:])
