# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One process of a server, and connections to it."""

from __future__ import annotations

import contextlib
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pymysql
import pymysql.cursors
from pymysql.constants import COMMAND

from .certificate import certificate_options
from .errors import SandboxError
from .installation import Installation
from .process import is_alive, is_paused, spawn
from .waiting import HANGS

_LONGEST_SOCKET = 100
_POLL = 0.01

_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_TLS.check_hostname = False
_TLS.verify_mode = ssl.CERT_NONE


class Client(pymysql.Connection):
    """A connection of a client: with TLS where the server has it, and one context for all of them.

    PyMySQL makes one for each, and reads the certificates of all authorities that this machine trusts, which takes 20 to 40 ms.
    """

    def _create_ssl_ctx(self, _options: object) -> ssl.SSLContext:
        return _TLS


class Instance:
    """A server in a directory of its own: its process, its files, connections as root over its socket."""

    def __init__(self, installation: Installation, directory: Path, *, options: Sequence[str] = (), detached: bool = False) -> None:
        self.installation = installation
        self.directory = directory
        self.options = list(options)
        """Options that every start has."""
        self.prefix: list[str] = []
        """What its command line begins with."""
        self.detached = detached
        self.datadir = directory / "data"
        self.error_log = directory / "error.log"
        self._process: subprocess.Popen[bytes] | None = None

    # --- the process

    @property
    def socket(self) -> str:
        """Where the server listens besides its port; moved to a short path where the directory's is too long for a socket."""
        path = str(self.directory / "mysqld.sock")
        return path if len(path) <= _LONGEST_SOCKET else f"/tmp/dbha-{self.directory.stat().st_ino}.sock"

    @property
    def command(self) -> list[str]:
        """The command line, without what a single start adds."""
        return [
            *self.installation.command,
            "--no-defaults",
            *self.installation.options,
            f"--datadir={self.datadir}",
            f"--socket={self.socket}",
            f"--pid-file={self.directory / 'mysqld.pid'}",
            f"--tmpdir={self.directory / 'tmp'}",
            *certificate_options(self.datadir),
            *self.options,
        ]

    @property
    def pid(self) -> int | None:
        """The id of the process, None when it is not running."""
        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            pid = int((self.directory / "pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if is_alive(pid, f"--datadir={self.datadir}") else None

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives, paused or not."""
        return self.pid is not None

    def start(self, *extra: str, timeout: float = HANGS) -> None:
        """Start the server, with additional options for this time, and wait until it answers."""
        self._spawn(extra)
        self._await_answer(timeout)

    def _spawn(self, extra: Sequence[str]) -> None:
        if self.is_running:
            raise SandboxError(f"{self} is running already.")
        (self.directory / "tmp").mkdir(exist_ok=True)
        self._remove_socket()
        self._process = spawn(
            [*self.prefix, *self.command, *extra],
            environment=self.installation.full_environment,
            output=self.error_log,
            detached=self.detached,
        )
        (self.directory / "pid").write_text(f"{self._process.pid}\n")

    def _await_answer(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while True:
            if not self.is_running:
                raise SandboxError(f"{self} ended while it started; its log {self.error_log} says: {self._last_words()}")
            if Path(self.socket).exists():
                with contextlib.suppress(pymysql.Error):
                    self.connect(connect_timeout=1, read_timeout=max(1, int(deadline - time.monotonic()))).close()
                    return
            if time.monotonic() > deadline:
                raise SandboxError(f"{self} did not answer within {timeout:g} s; its log {self.error_log} says: {self._last_words()}")
            time.sleep(_POLL)

    def _last_words(self) -> str:
        try:
            lines = self.error_log.read_text(errors="replace").splitlines()
        except OSError:
            return "nothing"
        errors = [line for line in lines if "[ERROR]" in line]
        return " / ".join((errors or lines)[-4:])

    def stop(self, timeout: float = HANGS) -> None:
        """Shut the server down cleanly."""
        self._signal(signal.SIGTERM, signal.SIGCONT)
        try:
            self._await_end(timeout)
        except SandboxError:
            self.kill()
            raise

    def send_kill(self) -> None:
        """Send SIGKILL and do not wait."""
        self._signal(signal.SIGKILL)

    def kill(self) -> None:
        """End the server with SIGKILL and wait until it is gone."""
        self.send_kill()
        self._await_end(HANGS)

    def pause(self) -> None:
        """Stop the process with SIGSTOP: its port accepts connections and never answers."""
        self._signal(signal.SIGSTOP)
        pid, deadline = self.pid, time.monotonic() + HANGS
        # The signal takes a moment to reach a thread that runs.
        while pid is not None and not is_paused(pid):
            if time.monotonic() > deadline:
                raise SandboxError(f"{self} was not stopped by SIGSTOP.")
            time.sleep(_POLL / 10)

    def resume(self) -> None:
        """Let a paused process run on."""
        self._signal(signal.SIGCONT)

    def restart(self, *extra: str) -> None:
        """Shut the server down cleanly and start it again, with additional options for this time."""
        if self.is_running:
            self.stop()
        self.start(*extra)

    def _signal(self, *signals: signal.Signals) -> None:
        pid = self.pid
        if pid is not None:
            for number in signals:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _await_end(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while self.is_running:
            if time.monotonic() > deadline:
                raise SandboxError(f"{self} did not end within {timeout:g} s.")
            time.sleep(_POLL / 2)
        self._remove_socket()

    def _remove_socket(self) -> None:
        for path in (self.socket, f"{self.socket}.lock"):
            Path(path).unlink(missing_ok=True)

    # --- connections

    def connect(self, **arguments: Any) -> pymysql.Connection[Any]:
        """Connect as root over the socket, or as the arguments of PyMySQL say; with autocommit and rows as dictionaries."""
        defaults: dict[str, Any] = {
            "user": "root",
            "unix_socket": self.socket,
            "ssl_disabled": True,
            "autocommit": True,
            "connect_timeout": 5,
            "read_timeout": 60,
            "cursorclass": pymysql.cursors.DictCursor,
        }
        if "host" in arguments:
            del defaults["unix_socket"], defaults["ssl_disabled"]
        return Client(**(defaults | arguments))

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[Any]:
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def query(self, sql: str, args: Any = None) -> list[dict[str, Any]]:
        """Run one statement on a connection of its own and return its rows."""
        with self._cursor() as cursor:
            cursor.execute(sql, args)
            return list(cursor.fetchall())

    def execute(self, sql: str, args: Any = None) -> int:
        """Run one statement on a connection of its own and return the number of rows it affected."""
        with self._cursor() as cursor:
            return int(cursor.execute(sql, args))

    def execute_all(self, *statements: str | tuple[str, Any]) -> None:
        """Run statements, each with or without arguments, on one connection."""
        with self._cursor() as cursor:
            for statement in statements:
                cursor.execute(*(statement if isinstance(statement, tuple) else (statement,)))

    def query_one(self, sql: str, args: Any = None) -> dict[str, Any]:
        """Return the first row; there must be one."""
        rows = self.query(sql, args)
        if not rows:
            raise SandboxError(f"{self} returned no row for: {sql}")
        return rows[0]

    def value(self, sql: str, args: Any = None) -> Any:
        """Return the first column of the first row."""
        return next(iter(self.query_one(sql, args).values()))

    def __str__(self) -> str:
        return f"{self.installation.kind.name} in {self.directory}"


def begin_query(connection: pymysql.Connection[Any], sql: bytes) -> None:
    """Send a statement, byte by byte as it is, and do not wait for its answer."""
    # The driver has no public way to do either, and so its stubs have none.
    connection._execute_command(COMMAND.COM_QUERY, sql)  # type: ignore[attr-defined]
