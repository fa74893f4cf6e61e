# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A virtual address: a port behind which one server is, then perhaps another one, or nobody."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from .ports import give_back_port, take_port
from .server import Server


class VirtualAddress:
    """Hands connections on to a server for the length of a `with` block. Nothing listens there while it is on no server."""

    host = "127.0.0.1"

    def __init__(self, server: Server) -> None:
        self.port = take_port()
        self._server = server
        self._listener: socket.socket | None = None
        self._open: set[socket.socket] = set()

    def __enter__(self) -> VirtualAddress:
        self.move_to(self._server)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.take_away()
        give_back_port(self.port)

    def take_away(self) -> None:
        """End all connections, and let nothing listen there."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def move_to(self, server: Server) -> None:
        """Let the next connections reach this server, and end those to the one before."""
        self.take_away()
        self._listener = socket.create_server((self.host, self.port))
        threading.Thread(target=self._serve, args=(self._listener, server), daemon=True).start()

    def _serve(self, listener: socket.socket, server: Server) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = listener.accept()
                threading.Thread(target=self._hand_on, args=(client, server), daemon=True).start()

    def _hand_on(self, client: socket.socket, server: Server) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection((server.host, server.port)) as there:
            self._open |= {client, there}
            back = threading.Thread(target=_copy, args=(there, client), daemon=True)
            back.start()
            _copy(client, there)
            back.join()
        self._open -= {client}


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
