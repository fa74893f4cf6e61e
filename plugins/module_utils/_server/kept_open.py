# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""A connection that its server ends after a short silence, and that lives for as long as this process does, whatever that is busy with."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import Interrupted, ServerError

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement


class KeptOpen:
    """Lets a server hear of a connection while nothing is sent over it. What is sent meanwhile goes through here.

    So silence means that this process stands still, or has lost its network.
    """

    def __init__(self, server: Server, seconds: float) -> None:
        """Begin to let the server hear something every so many seconds."""
        self._server = server
        self._seconds = seconds
        self._turn = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="dbha-kept-open", daemon=True)
        self._thread.start()

    def send(self, statement: Statement) -> Rows:
        """Send a statement, as ``Server.send`` does."""
        with self._turn:
            return self._server.send(statement)

    def close(self) -> None:
        """Leave the connection to itself."""
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._end.wait(self._seconds):
            with self._turn:
                try:
                    self._server.ping()
                except (ServerError, Interrupted):
                    return  # Whoever sends something next is told.
