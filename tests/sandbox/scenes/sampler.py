# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watching all the time how many servers take writes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pymysql

from ..servers.errors import SandboxError
from ..servers.server import Server


class Sampler:
    """A thread that asks servers all the time whether they take writes, each over a connection of its own.

    A server that says so before and after another one has said so took writes at the same moment.
    """

    def __init__(self, servers: Sequence[Server]) -> None:
        self.samples = 0
        self.most = 0
        self.writable: Server | None = None
        """One that took writes a moment ago."""
        self._servers = list(servers)
        self._connections: dict[Server, Any] = {server: server.connect() for server in servers}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            there = [self._is_writable(server) for server in self._servers]
            back = [self._is_writable(server) for server in reversed(self._servers)][::-1]
            both = [server for server, one, other in zip(self._servers, there, back, strict=True) if one and other]
            self.most = max(self.most, len(both))
            self.writable = next(iter(both), None)
            self.samples += 1
            self._stop.wait(0.02)  # the servers need the processor, too

    def _is_writable(self, server: Server) -> bool:
        try:
            with self._connections[server].cursor() as cursor:
                cursor.execute("SELECT @@GLOBAL.read_only AS read_only")
                return not int(cursor.fetchone()["read_only"])
        except pymysql.Error:
            # A switchover ends the connections of all clients that are in its way. It counts from the next sample on.
            self._connections[server] = server.connect()
            return False

    def __enter__(self) -> Sampler:
        return self

    def __exit__(self, *error: object) -> None:
        is_at_work = self._thread.is_alive()
        self._stop.set()
        self._thread.join()
        for connection in self._connections.values():
            connection.close()
        if not is_at_work:
            raise SandboxError("not all servers could be asked all the time whether they take writes")
