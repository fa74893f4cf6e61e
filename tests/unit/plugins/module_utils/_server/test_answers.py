# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a connection makes of the bytes of an answer, and how much of it it takes. Real servers do not send such answers when they are asked to."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import tracemalloc
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._server import connection as connections
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, StatementFailed, Unreachable, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
from ansible_collections.dbha.mysql.plugins.module_utils._server.session import SESSION
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.fake_server import (
    OK,
    answers,
    error,
    fake_server,
    log_in,
    packet,
    receive,
    sends,
)

LONGLONG, DOUBLE, NEWDECIMAL, BLOB, TEXT, DATETIME = 8, 5, 246, 252, 253, 12
UTF8, BINARY = 45, 63

LOGIN = Login("failover", "secret", connect_timeout=30, read_timeout=30)
QUERY = Statement("SELECT a")


def text(value: bytes | None) -> bytes:
    """Encode a value of a row, or of a description."""
    if value is None:
        return b"\xfb"
    if len(value) < 251:
        return bytes([len(value)]) + value
    return b"\xfd" + struct.pack("<I", len(value))[:3] + value


def head(*columns: tuple[str, int, int]) -> t.Iterator[bytes]:
    """Yield the packets that say what columns there are: name, type and character set."""
    yield bytes([len(columns)])
    for name, kind, charset in columns:
        description = text(b"def") + text(b"") * 3 + text(name.encode()) * 2
        yield description + b"\x0c" + struct.pack("<HIBHBH", charset, 1024, kind, 0, 0, 0)
    yield b"\xfe\0\0\2\0"


def numbered(packets: t.Iterable[bytes]) -> bytes:
    return b"".join(packet(number % 256, payload) for number, payload in enumerate(packets, 1))


def table(*columns: tuple[str, int, int], rows: t.Iterable[t.Sequence[bytes | None]]) -> bytes:
    return numbered([*head(*columns), *(b"".join(map(text, row)) for row in rows), b"\xfe\0\0\2\0"])


def asked(answer: bytes) -> t.Any:
    with fake_server(answers(lambda statement: answer)) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        try:
            return server.send(QUERY)
        finally:
            server.close()


@pytest.mark.parametrize(
    ("kind", "charset", "value", "read"),
    [
        (TEXT, UTF8, b"caf\xe9", "caf\\xe9"),
        (TEXT, UTF8, "caf\u00e9".encode(), "caf\u00e9"),
        (TEXT, UTF8, b"", ""),
        (TEXT, UTF8, None, None),
        (BLOB, BINARY, b"\xff\0a", "\\xff\0a"),
        (LONGLONG, BINARY, b"18446744073709551615", 18446744073709551615),
        (LONGLONG, BINARY, b"-1", -1),
        (LONGLONG, BINARY, b"caf\xe9", "caf\\xe9"),
        (DOUBLE, BINARY, b"1.5", 1.5),
        (NEWDECIMAL, BINARY, b"1.50", "1.50"),
        (DATETIME, BINARY, b"2026-11-27 00:00:00", "2026-11-27 00:00:00"),
    ],
)
def test_a_value_is_a_number_or_text_whatever_its_bytes_are(kind: int, charset: int, value: bytes | None, read: t.Any) -> None:
    assert asked(table(("a", kind, charset), rows=[[value]])) == [{"a": read}]


def test_an_error_that_is_not_utf8_is_an_error() -> None:
    with pytest.raises(StatementFailed) as failed:
        asked(packet(1, b"\xff" + struct.pack("<H", 1064) + b"#42000caf\xe9"))
    assert failed.value.errno == 1064


# How much


def endless(*first: bytes, then: t.Callable[[int], t.Iterable[bytes]]) -> t.Callable[[socket.socket, threading.Event], None]:
    """Let anybody in, and answer without end."""

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        log_in(connection)
        while receive(connection)[1:].startswith(b"SET "):
            connection.sendall(packet(1, OK))
        connection.sendall(numbered(first))
        for number in itertools.count(len(first) + 1):
            for part in then(number % 256):
                connection.sendall(part)

    return behave


ROW = text(b"x" * 1000)
COLUMN = list(head(("a", TEXT, UTF8)))[1]
# The greatest length of a packet says that it goes on in the next one.
PART = struct.pack("<I", 0xFFFFFF)[:3]
LONG = b"y" * 0xFFFFFF


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (list(head(("a", TEXT, UTF8))), lambda number: [packet(number, ROW)]),
        (list(head(("a", TEXT, UTF8))), lambda number: [packet(number, b"\xfb")]),
        (list(head(*((f"c{each}", TEXT, UTF8) for each in range(200)))), lambda number: [packet(number, b"\xfb" * 200)]),
        (list(head(("a", TEXT, UTF8))), lambda number: [PART + bytes([number]), LONG]),
        ([b"\xfd\xff\xff\xff"], lambda number: [packet(number, COLUMN)]),
    ],
    ids=["rows", "rows of nothing", "rows of many columns", "one row", "columns"],
)
def test_an_answer_without_end_is_not_taken_in(first: list[bytes], then: t.Callable[[int], t.Iterable[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 4 * 2**20
    monkeypatch.setattr(connections, "_LARGEST_ANSWER", largest)
    with fake_server(endless(*first, then=then)) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        tracemalloc.start()
        try:
            with pytest.raises(Unreadable) as failed:
                server.send(QUERY)
            _now, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            server.close()
    assert failed.value.message == "db1: its answer is larger than 4 MB: SELECT a"
    assert most < 3 * largest
    with pytest.raises(OutcomeUnknown):
        server.send(QUERY)


def test_a_login_without_end_is_not_taken_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_server(sends(PART + b"\0" + b"\x0a" + b"8" * 2**21)) as address:
        server = Server("db1", address, LOGIN)
        with pytest.raises(Unreachable) as failed:
            server.connect()
    assert failed.value.accepts


def test_each_answer_has_the_whole_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LARGEST_ANSWER", 2**16)
    answer = table(("a", TEXT, UTF8), rows=[[b"x" * 1000]] * 40)
    with fake_server(answers(lambda statement: answer)) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        assert [len(server.send(QUERY)) for _time in range(5)] == [40] * 5
        server.close()


# The session


def test_a_session_is_made_ours_before_anything_is_asked() -> None:
    statements: list[str] = []

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        log_in(connection)
        while query := receive(connection):
            statements.append(query[1:].decode())
            connection.sendall(packet(1, OK))

    with fake_server(behave) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        server.close()
    # From 1.1 on the driver would say SET NAMES before, once more.
    assert [statement for statement in statements if statement.startswith("SET")] == list(SESSION)


def test_a_server_that_will_not_have_that_is_alive_and_says_why() -> None:
    def refusing(connection: socket.socket, ended: threading.Event) -> None:
        log_in(connection)
        receive(connection)
        connection.sendall(error(1, 1820, "You must reset your password"))

    with fake_server(refusing) as address, pytest.raises(connections.LoginRefused) as refused:
        Server("db1", address, LOGIN).connect()
    assert (refused.value.errno, "You must reset your password" in refused.value.message) == (1820, True)
