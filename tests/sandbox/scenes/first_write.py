# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The moment from which a cluster takes writes again."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import pymysql

from ..servers.accounts import PASSWORDS, SCHEMA
from ..servers.errors import SandboxError
from ..servers.server import Server
from ..servers.waiting import HANGS

ROW = 0
"""The id of the row that is written; no Writer uses it."""

_READ_ONLY = (1290, 1836)


class FirstWrite:
    """A client that tries every server in turn until one accepts its row. One thread and a pause: what is measured needs the processor."""

    def __init__(self, servers: Sequence[Server], pause: float = 0.01) -> None:
        self.server: Server | None = None
        self._moment = 0.0
        self._error: Exception | None = None
        self._pause = pause
        self._stop = threading.Event()
        self._connections: list[tuple[Server, pymysql.Connection[Any]]] = [
            (server, server.connect(host=server.host, port=server.port, user="app", password=PASSWORDS["app"], read_timeout=5)) for server in servers
        ]
        self._thread = threading.Thread(target=self._work, name="first-write", daemon=True)
        self._thread.start()

    def wait(self, timeout: float = HANGS) -> float:
        """Return when the row was acknowledged (time.monotonic())."""
        self._thread.join(timeout)
        self._stop.set()
        if self.server is None:
            raise SandboxError(f"No server accepted a write within {timeout:g} s ({self._error or 'all are read-only'}): see what the playbook says.")
        return self._moment

    def _work(self) -> None:
        while not self._stop.is_set():
            for server, connection in self._connections:
                try:
                    with connection.cursor() as cursor:
                        cursor.execute(f"INSERT INTO `{SCHEMA}`.`rows` (id, client) VALUES (%s, -1)", (ROW,))
                except pymysql.Error as error:
                    if error.args[0] not in _READ_ONLY:
                        self._error = error
                    continue
                self._moment = time.monotonic()
                self.server = server
                return
            self._stop.wait(self._pause)

    def __enter__(self) -> FirstWrite:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        for _server, connection in self._connections:
            if connection.open:
                connection.close()
