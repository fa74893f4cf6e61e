# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What binary logs are called, and how they begin: also where no statement can name them."""

from __future__ import annotations

import struct
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
from ansible_collections.dbha.mysql.plugins.module_utils._state.binary_logs import first_events, read_names

MARIADB, MYSQL = "10.11.6-MariaDB-log", "5.6.24-log"
ROTATE, FORMAT = 4, 15


def event(kind: int, body: bytes = b"", *, server_id: int = 1, flags: int = 0) -> bytes:
    return struct.pack("<IBIIIH", 0, kind, server_id, 19 + len(body), 0, flags) + body


BEGINNING = [
    event(ROTATE, b"name", flags=0x20),
    event(FORMAT, bytes(90)),
    event(163, struct.pack("<IIIQIIQ", 2 | 0x10000000, 0, 1, 7, 3, 2, 5)),
    event(161, bytes(20)),
    event(162, struct.pack("<QIB", 9, 3, 0), server_id=2),
    event(ROTATE, b"the next file"),
    event(162, struct.pack("<QIB", 10, 3, 0), server_id=2),
]


class Server:
    """A server with these binary logs, of which it takes for text only those that are; it notes what it is told, and over which of two connections."""

    name = "db1"
    login = Login()

    def __init__(self, *logs: str, texts: t.Collection[str] = (), events: t.Sequence[bytes] = ()) -> None:
        self._logs, self._texts, self._events = logs, texts, events
        self.told: list[str] = []
        self.at = ""

    def send(self, statement: t.Any) -> Rows:
        self.told.append(self.at + statement.text)
        if statement.text == "SHOW BINARY LOGS":
            return Rows([{"Log_name": name} for name in self._logs], "db1", statement.text)
        if statement.text.startswith("SHOW BINLOG EVENTS") and not self.at and statement.values[0] not in self._texts:
            raise StatementFailed("db1", "Could not find target log", 1220)
        return Rows([{"Event_type": "asked"}], "db1", statement.text)

    def twin(self) -> Server:
        self.at = "twin: "
        return self

    def close(self) -> None:
        self.at = ""

    def show(self, statement: t.Any) -> str:
        return str(statement.text)

    def read_binary_log(self, file: str, seconds: float) -> t.Iterator[bytes]:
        assert seconds == self.login.read_timeout
        self.told.append(f"{self.at}{file!a}")
        yield from self._events


def flavor(version: str) -> t.Any:
    return flavor_of(version)


def test_a_name_that_looks_as_if_it_held_bytes_does_only_if_the_server_does_not_know_it_so() -> None:
    server = Server("binlog.000001", r"a\xff.000001", r"b\xff.000001", texts=[r"a\xff.000001"])
    assert read_names(t.cast(t.Any, server), flavor(MARIADB)) == ["binlog.000001", r"a\xff.000001", "b\udcff.000001"]
    assert len(server.told) == 3


@pytest.mark.parametrize(("texts", "expected"), [([], "b\udcff"), ([r"b\xff.000003"], r"b\xff")])
def test_logs_of_one_base_name_are_asked_for_once_by_the_newest_which_is_never_purged(texts: list[str], expected: str) -> None:
    server = Server(r"b\xff.000001", r"b\xff.000002", r"b\xff.000003", texts=texts)
    assert read_names(t.cast(t.Any, server), flavor(MARIADB)) == [f"{expected}.00000{number}" for number in (1, 2, 3)]
    assert server.told == ["SHOW BINARY LOGS", "SHOW BINLOG EVENTS IN %s LIMIT %s"]


def test_another_error_is_not_taken_for_an_answer() -> None:
    class Failing(Server):
        def send(self, statement: t.Any) -> Rows:
            if "EVENTS" in statement.text:
                raise StatementFailed("db1", "denied", 1227)
            return super().send(statement)

    with pytest.raises(StatementFailed, match="denied"):
        read_names(t.cast(t.Any, Failing(r"b\xff.000001")), flavor(MARIADB))


def test_a_log_whose_name_is_text_is_asked_for_over_the_connection_that_is_there() -> None:
    server = Server(texts=["binlog.000001"])
    assert first_events(t.cast(t.Any, server), flavor(MARIADB), "binlog.000001") == [{"Event_type": "asked"}]
    assert server.told == ["SHOW BINLOG EVENTS IN %s LIMIT %s"]


def test_mysql_is_asked_byte_by_byte() -> None:
    server = Server()
    assert first_events(t.cast(t.Any, server), flavor(MYSQL), "b\udcff.000001") == [{"Event_type": "asked"}]
    assert server.told == ["twin: SET NAMES binary", "twin: SHOW BINLOG EVENTS IN %s LIMIT %s"]
    assert server.at == ""


@pytest.mark.parametrize(("number", "expected"), [(8, ["other", "Gtid_list", "other", "Gtid"]), (2, ["other", "Gtid_list"])])
def test_the_file_of_mariadb_is_read_as_a_replica_does(number: int, expected: list[str]) -> None:
    server = Server(events=BEGINNING)
    found = first_events(t.cast(t.Any, server), flavor(MARIADB), "b\udcff.000001", number)
    assert [row.text("Event_type") for row in found] == expected
    assert found[1].text("Info") == "[0-1-7,3-2-5]"
    assert [row.text("Info") for row in found[3:]] == ["BEGIN GTID 3-2-9"] * (number == 8)
    assert server.told[-1] == r"twin: 'b\udcff.000001'"
    assert server.at == ""


@pytest.mark.parametrize("raw", [b"", b"\0\0", BEGINNING[2][:30], BEGINNING[4][:25], event(163, b"\2\0\0\0"), event(162, bytes(8))])
def test_what_breaks_off_cannot_be_understood(raw: bytes) -> None:
    server = Server(events=[raw])
    with pytest.raises(Unreadable, match=r"db1: its binary log .* cannot be understood"):
        first_events(t.cast(t.Any, server), flavor(MARIADB), "b\udcff.000001")
    assert server.at == ""
