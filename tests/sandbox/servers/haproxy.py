# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HAProxy between clients and servers: Debian's, with a configuration of our own. The system's is neither started nor touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from .cache import locked
from .daemon import Daemon
from .errors import SandboxError
from .packages import apt_install, services_stay_down
from .ports import give_back_port, take_port
from .server import Server
from .waiting import HANGS
from .workspace import Workspace

_MAINT = 0x01 | 0x02 | 0x20 | 0x40


class Haproxy(Daemon):
    """A proxy for the length of a `with` block: clients that write are sent to the first of the servers, those that read to the others.

    Its runtime API answers at a port and at a socket (level admin), and at another port (level operator). `names`: what the servers are called in it;
    `more` comes after the sections `writers` and `readers` of its configuration, and `more_global` into the section global.
    """

    def __init__(self, servers: Sequence[Server], *, names: Sequence[str] = (), more: str = "", more_global: str = "") -> None:
        self._workspace = Workspace()
        self.directory = self._workspace.path
        self.socket = str(self.directory / "h.sock")
        self._ports = [take_port() for _number in range(4)]
        self.port, self.readers_port, self._api, self._operator = self._ports
        self.host = "127.0.0.1"
        self._servers = servers
        self._names = names or [server.name for server in servers]
        self._more = more
        self._more_global = more_global

    @property
    def api(self) -> str:
        """Where its runtime API is, as host:port."""
        return f"127.0.0.1:{self._api}"

    @property
    def operator(self) -> str:
        """Where its runtime API may only be looked at and not be used to change anything."""
        return f"127.0.0.1:{self._operator}"

    def value(self, sql: str, args: Any = None) -> Any:
        """Ask the server behind it that clients write to; for a Writer."""
        return self._servers[0].value(sql, args)

    def __enter__(self) -> Haproxy:
        self.start()
        return self

    def start(self) -> None:
        """Start it, with the states of its configuration, and wait until it answers."""
        configuration = self.directory / "haproxy.cfg"
        configuration.write_text(self._configuration(), encoding="utf-8")

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return "Uptime" in self.ask("show info")
            return False

        self._start([_program(), "-db", "-f", str(configuration)], self.directory / "haproxy.log", answers)

    def ask(self, command: str) -> str:
        """Send a command to its runtime API, and return the answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(HANGS)
            connection.connect(self.socket)
            connection.sendall(command.encode() + b"\n")
            parts = list(iter(lambda: connection.recv(65536), b""))
        return b"".join(parts).decode()

    def open_to(self, backend: str = "writers") -> list[str]:
        """Return the names of the servers of a backend that may get clients, as far as nobody has put them into maintenance."""
        rows = [line.split() for line in self.ask(f"show servers state {backend}").splitlines() if line.count(" ") > 10 and line[0] != "#"]
        return [row[3] for row in rows if not int(row[6]) & _MAINT]

    def up(self, backend: str) -> list[str]:
        """Return the names of the servers of a backend that get clients, by their health checks too."""
        rows = [line.split(",") for line in self.ask("show stat -1 4 -1").splitlines()]
        return [row[1] for row in rows if row[0] == backend and row[17].startswith("UP")]

    def sessions(self, backend: str = "writers") -> dict[str, int]:
        """Return how many sessions each server of a backend has."""
        rows = [line.split(",") for line in self.ask("show stat -1 4 -1").splitlines()]
        return {row[1]: int(row[4]) for row in rows if row[0] == backend}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.kill()
        for port in self._ports:
            give_back_port(port)
        self._workspace.close()

    def _configuration(self) -> str:
        places = [f"server {name} {server.host}:{server.port}" for name, server in zip(self._names, self._servers, strict=True)]
        writers = [f"{place}{' disabled' if number else ''}" for number, place in enumerate(places)]
        readers = [f"{place}{'' if number else ' disabled'}" for number, place in enumerate(places)]
        sections = {
            "global": [
                f"stats socket {self.socket} mode 600 level admin",
                f"stats socket ipv4@{self.api} level admin",
                f"stats socket ipv4@{self.operator} level operator",
                *self._more_global.splitlines(),
            ],
            "defaults": ["mode tcp", "timeout connect 1s", "timeout client 1h", "timeout server 1h"],
            "listen writers": [f"bind {self.host}:{self.port}", *writers],
            "listen readers": [f"bind {self.host}:{self.readers_port}", *readers],
        }
        return "".join("".join([f"{name}\n", *(f"    {line}\n" for line in lines)]) for name, lines in sections.items()) + self._more


def _program() -> str:
    """Return the path of haproxy; install it without starting it where it is missing."""
    for _attempt in ("look", "install"):
        path = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
        if path is not None:
            return path
        with locked("haproxy"), services_stay_down():
            apt_install("A proxy before the servers", "haproxy")
    raise SandboxError("There is no haproxy, although the package is installed.")
