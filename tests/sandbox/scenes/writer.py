# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients that write rows, and remember which of them the server has acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import pymysql

from ..servers.accounts import PASSWORDS, SCHEMA
from ..servers.errors import SandboxError
from ..servers.instance import Client
from ..servers.server import Server
from ..servers.waiting import HANGS

# Seconds between two rows of a client, while somebody waits for them and otherwise.
_HURRY, _LEISURE = 0.005, 0.03

_ids = itertools.count(1)
_ids_lock = threading.Lock()


class Writer:
    """Threads that insert row after row, each over a connection of its own.

    A client ends when its server fails, unless `follow` says which server to write to next (or None: ask again soon). Between two rows it waits for so
    many seconds (`pause`). Without that it is in a hurry only while somebody waits for its rows: four servers are busy with each of them.
    Each thread begins with `enter`, which may take it to another host (see Network.enter()).
    """

    def __init__(
        self,
        server: Server,
        clients: int = 1,
        table: str = f"{SCHEMA}.rows",
        *,
        follow: Callable[[], Server | None] | None = None,
        pause: float | None = None,
        timeout: float = 5,
        enter: Callable[[], None] | None = None,
    ) -> None:
        self.server = server
        self.times: dict[int, float] = {}
        """When each row was acknowledged (time.monotonic()), by its id."""
        self.errors: list[Exception] = []
        self._table = ".".join(f"`{part}`" for part in table.split("."))
        self._follow = follow
        self._pause = pause
        self._awaited = 0
        self._timeout = timeout
        self._enter = enter
        self._stop = threading.Event()
        self._skip_existing_ids()
        self._threads = [threading.Thread(target=self._work, args=(client,), name=f"writer-{client}", daemon=True) for client in range(clients)]
        for thread in self._threads:
            thread.start()

    def _skip_existing_ids(self) -> None:
        global _ids
        highest = int(self.server.value(f"SELECT COALESCE(MAX(id), 0) FROM {self._table}"))
        with _ids_lock:
            _ids = itertools.count(max(next(_ids), highest + 1))

    @property
    def acknowledged(self) -> set[int]:
        """The ids of the rows that a server has said are committed."""
        return set(self.times.copy())

    @property
    def error(self) -> Exception | None:
        """The first error."""
        return self.errors[0] if self.errors else None

    @property
    def is_writing(self) -> bool:
        """Tell whether any client is still at work."""
        return any(thread.is_alive() for thread in self._threads)

    def wait_for(self, rows: int, timeout: float = HANGS) -> None:
        """Wait until that many more rows are acknowledged."""
        goal = len(self.times) + rows
        deadline = time.monotonic() + timeout
        self._awaited += 1
        try:
            while len(self.times) < goal:
                if not self.is_writing or time.monotonic() > deadline:
                    raise SandboxError(f"{goal - len(self.times)} of {rows} rows were not written: {self.error or f'{timeout:g} s were too short'}")
                time.sleep(0.005)
        finally:
            self._awaited -= 1

    def first_after(self, moment: float) -> float | None:
        """Return when the first row after a moment was acknowledged, None if none was."""
        return min((acknowledged for acknowledged in self.times.copy().values() if acknowledged > moment), default=None)

    def stop(self) -> set[int]:
        """Stop writing and return the ids of the acknowledged rows."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * self._timeout + 1)
        return self.acknowledged

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def _work(self, client: int) -> None:
        server: Server | None = self.server
        if self._enter is not None:
            try:
                self._enter()
            except (SandboxError, OSError) as error:
                self.errors.append(error)
                return
        while not self._stop.is_set():
            if server is not None:
                try:
                    self._write(server, client)
                except (pymysql.Error, OSError) as error:
                    self.errors.append(error)
            if self._follow is None:
                return
            self._stop.wait(0.01)
            try:
                server = self._follow()
            except (pymysql.Error, OSError) as error:  # whoever asks is a client, too, and a switchover kills those of the old primary
                self.errors.append(error)
                server = None
            if server is not None:
                self.server = server

    def _write(self, server: Server, client: int) -> None:
        """Write to one server until it fails or we are stopped."""
        connection: pymysql.Connection[Any] = Client(
            host=server.host,
            port=server.port,
            user="app",
            password=PASSWORDS["app"],
            autocommit=True,
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            write_timeout=self._timeout,
        )
        try:
            with connection.cursor() as cursor:
                while not self._stop.is_set():
                    with _ids_lock:
                        row = next(_ids)
                    cursor.execute(f"INSERT INTO {self._table} (id, client) VALUES (%s, %s)", (row, client))
                    self.times[row] = time.monotonic()
                    self._stop.wait(self._pause if self._pause is not None else _HURRY if self._awaited else _LEISURE)
        finally:
            connection.close()


def rows(server: Server, table: str = f"{SCHEMA}.rows") -> set[int]:
    """Return the ids of the rows that a server has."""
    name = ".".join(f"`{part}`" for part in table.split("."))
    return {int(row["id"]) for row in server.query(f"SELECT id FROM {name}")}
