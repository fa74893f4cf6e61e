# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Watching which servers take writes, through all that happens to them; clients are led by it, as by a proxy."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pymysql

from sandbox import SandboxError
from sandbox.servers.server import Server
from sandbox.servers.waiting import wait_until


class Watch:
    """A thread that asks servers all the time whether they take writes.

    Those that are away (dead, paused, cut off) are not asked. Those that are retired, because another one was opened while they were away, are
    asked and not counted, and no client is led to them.
    """

    def __init__(self, servers: Iterable[Server]) -> None:
        self.away: set[str] = set()
        self.retired: set[str] = set()
        self.two: set[str] = set()
        """Who took writes at the same moment."""
        self.writable: Server | None = None
        self.answering: dict[str, float] = {}
        """Since when (time.time()) each server has answered every time. Who does not is not in it."""
        self._looks = 0
        self._servers = list(servers)
        self._connections: dict[str, pymysql.Connection[Any]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._stop.is_set():
            # A server that says so before and after another one has said so took writes at the same moment.
            there = [self._is_writable(server) for server in self._servers]
            back = [self._is_writable(server) for server in reversed(self._servers)][::-1]
            both = [
                server for server, one, other in zip(self._servers, there, back, strict=True) if one and other and server.name not in self.away | self.retired
            ]
            if len(both) > 1:
                self.two.update(server.name for server in both)
            self.writable = next(iter(both), None)
            self._looks += 1
            self._stop.wait(0.04)  # the servers need the processor, too

    def _is_writable(self, server: Server) -> bool:
        if server.name in self.away:
            self._forget(server)
            return False
        try:
            if server.name not in self._connections:
                self._connections[server.name] = server.connect(connect_timeout=1, read_timeout=1)
            with self._connections[server.name].cursor() as cursor:
                cursor.execute("SELECT @@GLOBAL.read_only AS read_only")
                read_only = int(cursor.fetchone()["read_only"])
            self.answering.setdefault(server.name, time.time())
            return not read_only
        except (pymysql.Error, OSError):  # it is on its way down or up, or the connections of clients were killed
            self._forget(server)
            return False

    def _forget(self, server: Server) -> None:
        self.answering.pop(server.name, None)
        connection = self._connections.pop(server.name, None)
        if connection is not None and connection.open:
            connection._force_close()  # type: ignore[attr-defined]  # saying good-bye would wait for a server that is paused

    def look(self) -> Server | None:
        """Return who takes writes as a look sees it that begins now: on a busy machine the last one may be older than what a run has just done."""
        enough = self._looks + 2  # the next one may have begun already
        wait_until(lambda: self._looks >= enough or not self.is_at_work)
        return self.writable

    def primary(self) -> Server | None:
        """Return who takes writes, after waiting a little for one who does."""
        with suppress(SandboxError):
            wait_until(lambda: self.writable is not None, timeout=2)
        return self.writable

    @property
    def is_at_work(self) -> bool:
        """Tell whether it has not failed."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()
        for server in self._servers:
            self._forget(server)
