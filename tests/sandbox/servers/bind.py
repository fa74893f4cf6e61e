# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A name server: Debian's BIND, with a zone that takes updates, and a configuration of our own. The system's is neither started nor touched."""

from __future__ import annotations

import contextlib
import os
import shutil
from types import TracebackType
from typing import Any

import dns.exception
import dns.message
import dns.query

from .cache import locked
from .daemon import Daemon
from .errors import SandboxError
from .packages import apt_install, services_stay_down
from .ports import give_back_port, take_port
from .waiting import HANGS
from .workspace import Workspace

ZONE = "orders.example"
KEY = {"key_name": "dbha", "key_secret": "c2FuZGJveC1vbmx5LXNlY3JldC1vZi1hLWtleS0zMi1i"}

_ZONE_FILE = """\
$TTL 60
@ IN SOA ns.orders.example. root.orders.example. 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
writer 60 IN A 192.0.2.1
writer 60 IN AAAA 2001:db8::1
alias 60 IN CNAME writer
"""


class Bind(Daemon):
    """A name server for the length of a `with` block. Whoever has the key may change the zone."""

    def __init__(self) -> None:
        self._workspace = Workspace()
        self.port = take_port()

    @property
    def address(self) -> str:
        """Where it is, as host:port."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Bind:
        directory = self._workspace.path
        (directory / "zone").write_text(_ZONE_FILE, encoding="utf-8")
        (directory / "named.conf").write_text(
            f'options {{ directory "{directory}"; pid-file "{directory}/pid"; session-keyfile "{directory}/session.key"; lock-file none;\n'
            f"  listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; }};\n"
            "controls {};\n"
            f'key "{KEY["key_name"]}" {{ algorithm hmac-sha256; secret "{KEY["key_secret"]}"; }};\n'
            f'zone "{ZONE}" {{ type primary; file "{directory}/zone"; allow-update {{ key "{KEY["key_name"]}"; }}; }};\n',
            encoding="utf-8",
        )
        self.start()
        return self

    def start(self) -> None:
        """Start it, and wait until it answers."""
        directory = self._workspace.path

        def answers() -> bool:
            with contextlib.suppress(dns.exception.DNSException, OSError, EOFError):
                return bool(self.ask("ns", "A"))
            return False

        self._start([_program(), "-g", "-n", "1", "-c", str(directory / "named.conf")], directory / "log", answers)

    def ask(self, name: str, kind: str) -> list[tuple[int, str]]:
        """Return what a client gets for a name of the zone: for how long, and what."""
        answer = dns.query.tcp(dns.message.make_query(f"{name}.{ZONE}", kind), "127.0.0.1", port=self.port, timeout=HANGS)
        found: list[Any] = [(each.ttl, record.to_text()) for each in answer.answer for record in each]
        return sorted(found)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.kill()
        give_back_port(self.port)
        self._workspace.close()


def _program() -> str:
    """Return the path of named; install it without starting it where it is missing."""
    for _attempt in ("look", "install"):
        path = shutil.which("named", path=os.environ["PATH"] + ":/usr/sbin")
        if path is not None:
            return path
        with locked("bind"), services_stay_down():
            apt_install("A name server that clients ask", "bind9")
    raise SandboxError("There is no named, although bind9 is installed.")
