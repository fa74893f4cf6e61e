# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for servers that real ones cannot be made to be: that break the protocol, or say what we want them to.

A behaviour is a function that talks over the accepted connection; when it returns, the connection is closed.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address

Behaviour = t.Callable[[socket.socket, threading.Event], None]

# Of the protocol ("Client/Server Protocol" in MySQL's source documentation) just what a login without TLS needs.
_LONG_PASSWORD, _PROTOCOL_41, _TRANSACTIONS, _SECURE_CONNECTION, _PLUGIN_AUTH = 1, 1 << 9, 1 << 13, 1 << 15, 1 << 19
_CAPABILITIES = _LONG_PASSWORD | _PROTOCOL_41 | _TRANSACTIONS | _SECURE_CONNECTION | _PLUGIN_AUTH
TLS = 1 << 11
_AUTOCOMMIT = 2
SEED = b"01234567890123456789"
OK = b"\0\0\0" + struct.pack("<HH", _AUTOCOMMIT, 0)


def packet(number: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def greeting(version: str = "8.0.36", plugin: bytes = b"mysql_native_password", *, tls: bool = False) -> bytes:
    seed = SEED
    offered = _CAPABILITIES | TLS if tls else _CAPABILITIES
    low, high = struct.pack("<H", offered & 0xFFFF), struct.pack("<H", offered >> 16)
    payload = b"\n" + version.encode() + b"\0" + struct.pack("<I", 7) + seed[:8] + b"\0" + low + b"\x2d" + struct.pack("<H", _AUTOCOMMIT) + high
    return packet(0, payload + b"\x15" + bytes(10) + seed[8:] + b"\0" + plugin + b"\0")


def without_tls(server: socket.socket) -> bytes:
    """Receive the greeting of a real server, and return it as if that offered no TLS."""
    header = server.recv(4, socket.MSG_WAITALL)
    said = server.recv(int.from_bytes(header[:3], "little"), socket.MSG_WAITALL)
    at = said.index(b"\0") + 1 + 4 + 8 + 1
    return header + said[:at] + (int.from_bytes(said[at : at + 2], "little") & ~TLS).to_bytes(2, "little") + said[at + 2 :]


def error(number: int, code: int, message: str) -> bytes:
    return packet(number, b"\xff" + struct.pack("<H", code) + b"#HY000" + message.encode())


def receive(connection: socket.socket) -> bytes:
    """Read one packet; nothing once the client is gone."""
    header = _read(connection, 4)
    return _read(connection, int.from_bytes(header[:3], "little")) if header else b""


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            return b""
        data += more
    return data


def log_in(connection: socket.socket) -> None:
    """Let anybody in. The client then sets the character set and autocommit."""
    connection.sendall(greeting())
    receive(connection)
    connection.sendall(packet(2, OK))


def answer_queries(connection: socket.socket, answer: t.Callable[[str], bytes]) -> None:
    """Answer the statements of a client that has logged in; those that the driver sends by itself are fine."""
    while True:
        query = receive(connection)
        if not query or query[:1] != b"\x03":
            return
        text = query[1:].decode("utf-8", "replace")
        connection.sendall(packet(1, OK) if text.startswith(("SET NAMES", "SET SESSION TRANSACTION")) else answer(text))


@contextlib.contextmanager
def fake_server(behave: Behaviour, path: str | os.PathLike[str] | None = None, port: int = 0) -> t.Iterator[Address]:
    """Listen on loopback, at any port or at this one (or on a socket of this path), and behave like that on every connection."""
    ended = threading.Event()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_INET if path is None else socket.AF_UNIX))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port) if path is None else str(path))
        listener.listen()
        threads: list[threading.Thread] = []

        def talk(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                behave(connection, ended)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threads.append(threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True))
                    threads[-1].start()

        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        try:
            yield Address("127.0.0.1", listener.getsockname()[1]) if path is None else Address(unix_socket=str(path))
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            for thread in [acceptor, *threads]:
                thread.join(2)


# --- Behaviours


def asks_for_the_whole_password(connection: socket.socket, ended: threading.Event) -> None:
    """Let nobody in by what it remembers (caching_sha2_password): the password is to be encrypted with a key that it sends."""
    connection.sendall(greeting(plugin=b"caching_sha2_password"))
    receive(connection)
    connection.sendall(packet(2, b"\x01\x04"))
    receive(connection)
    connection.sendall(packet(4, b"\x01-----BEGIN PUBLIC KEY-----"))
    ended.wait(10)


def never_greets(connection: socket.socket, ended: threading.Event) -> None:
    ended.wait(10)


def closes_at_once(connection: socket.socket, ended: threading.Event) -> None:
    pass


def closes_after_the_greeting(connection: socket.socket, ended: threading.Event) -> None:
    connection.sendall(greeting())
    receive(connection)


def sends(data: bytes) -> Behaviour:
    """Send something and wait."""

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(data)
        ended.wait(10)

    return behave


def sends_slowly(data: bytes, pause: float) -> Behaviour:
    """Send one byte at a time."""

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            if ended.wait(pause):
                return

    return behave


def answers(answer: t.Callable[[str], bytes]) -> Behaviour:
    """Let anybody in and answer statements."""

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        log_in(connection)
        answer_queries(connection, answer)

    return behave


def falls_silent(connection: socket.socket, ended: threading.Event) -> None:
    """Let anybody in, and never answer a statement."""
    log_in(connection)
    answer_queries(connection, lambda text: b"")


def resets(connection: socket.socket, ended: threading.Event) -> None:
    """Break the connection off so that the client gets an error instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.01)
