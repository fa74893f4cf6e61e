# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the binary logs of a server do not hold. The server is a stand-in: what real ones do is in ``test_what_sets_prove.py``."""

from __future__ import annotations

import struct
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.mariadb import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils._state.test_state import MARIADB, MYSQL, Asked, answer

# A binary log: what all files before it hold, and its events. A number stands for so many that hold no GTID.
Log = tuple[str, t.Sequence["str | int"]]


def parse(text: str) -> MariaDBGtids:
    return MariaDBGtids.parse(text)


def raw(gtid: str) -> bytes:
    domain, server, number = (int(part) for part in gtid.split("-"))
    return struct.pack("<IBIIIH", 0, 162, server, 32, 0, 0) + struct.pack("<QIB", number, domain, 0)


class Logging(Asked):
    """A server with these binary logs. As a replica gets them: what comes after a position in some domains, up to a GTID of each."""

    name = "db1"
    login = Login()
    check_mode = False

    def __init__(self, *logs: Log) -> None:
        super().__init__("", MARIADB[0])
        self._logs = {f"binlog.{number:06}": log for number, log in enumerate(logs, 1)}
        self.read: list[tuple[str, int]] = []
        self.dumps: list[tuple[str, str]] = []
        self.closed = 0
        self.broken: Exception | bytes | None = None

    def close(self) -> None:
        self.closed += 1

    def show(self, statement: t.Any) -> str:
        return str(statement.text)

    def send(self, statement: t.Any) -> Rows:
        if statement.text == "SHOW BINARY LOGS":
            return answer(*({"Log_name": name} for name in self._logs))
        if statement.text.startswith("SHOW BINLOG EVENTS"):
            file, most = statement.values
            self.read.append((file, most))
            return answer(*self._events(file)[:most])
        if statement.text.startswith("SET @slave_connect_state"):
            self.dumps.append(statement.values)
            return answer()
        return answer() if statement.text.startswith("SET @") else super().send(statement)

    def _events(self, file: str) -> list[dict[str, str]]:
        before, events = self._logs[file]
        found = [("Format_desc", "Server ver: 10.11"), ("Gtid_list", f"[{before}]")]
        for each in events:
            found += [("Binlog_checkpoint", file)] * each if isinstance(each, int) else [("Gtid", f"BEGIN GTID {each}")]
        return [{"Event_type": kind, "Info": info} for kind, info in found]

    def read_binary_log(self, file: str, seconds: float) -> t.Iterator[bytes]:
        assert (file, seconds) == ("", self.login.read_timeout)
        if isinstance(self.broken, Exception):
            raise self.broken
        if self.broken is not None:
            yield self.broken
        position, until = (parse(text) for text in self.dumps[-1])
        for _before, events in self._logs.values():
            for each in events:
                domain = 0 if isinstance(each, int) else min(parse(each).heads())
                if isinstance(each, int) or domain not in until.heads() or position.contains(parse(each)):
                    yield struct.pack("<IBIIIH", 0, 161, 1, 19, 0, 0)
                else:
                    yield raw(each)


def node_of(server: Logging, executed: str, unlogged: str = "") -> Node:
    node = Node(t.cast(t.Any, server))
    node.state = replace(node.state, executed=parse(executed), unlogged=parse(unlogged))
    return node


FAR = [1, *(f"0-1-{number}" for number in range(11, 31)), "1-1-8"]


@pytest.mark.parametrize(
    ("logs", "executed", "unlogged", "needed_by", "lacking", "read", "dumps"),
    [
        pytest.param([("", [1, "0-1-1"])], "0-1-9", "", ["0-1-5"], "", [1], [], id="all is there"),
        pytest.param([("0-1-4", [1, "0-1-5"])], "0-1-9", "", ["0-1-4"], "", [1], [], id="just enough"),
        pytest.param([("0-1-4", [1, "0-1-5"])], "0-1-9", "", ["0-1-3"], "0-1-4", [1], [], id="purged"),
        pytest.param([("0-1-4", [1, "0-1-5"])], "0-1-9", "", ["0-1-7", "0-1-3"], "0-1-4", [1], [], id="for one of two"),
        pytest.param([("", [1, "0-1-1"]), ("0-1-4", [1, "0-1-5"])], "0-1-9", "", ["0-1-4"], "", [2], [], id="no older file than is needed"),
        pytest.param([("", [1, "0-1-1"]), ("0-1-4", [1, "0-1-5"])], "0-1-9", "", ["0-1-3"], "", [2, 1], [], id="an older one where it is"),
        pytest.param([("", [1, "0-1-1"]), ("0-1-10", [1, "0-1-31"])], "0-1-40", "", ["0-1-10"], "0-1-30", [2], [], id="a hole"),
        pytest.param([("0-1-10", [1, "0-1-31"]), ("0-1-34", [1, "0-1-35"])], "0-1-40", "", ["0-1-10"], "0-1-30", [2, 1], [], id="a hole in an older file"),
        pytest.param([("0-1-10", [1, "0-1-31"]), ("0-1-34", [1, "0-1-35"])], "0-1-40", "", ["0-1-36"], "", [2], [], id="a hole that is behind"),
        pytest.param([("0-1-10", [1])], "0-1-30", "0-1-30", ["0-1-10"], "0-1-30", [1], [], id="what is not logged is looked for in no file"),
        pytest.param([("", [1, "0-2-31"])], "0-1-30,0-2-40", "0-1-30", ["0-1-9"], "0-1-30,0-2-30", [1], [], id="a copy"),
        # The other domain, too.
        pytest.param([("", [1, "1-1-7", "0-1-81"])], "0-1-81,1-1-7", "", ["0-1-60,1-1-6"], "0-1-80,1-1-6", [1], [], id="two domains"),
        pytest.param([("", [1, "1-1-7", 5, "0-1-81"])], "0-1-81,1-1-7", "", ["0-1-60,1-1-6"], "0-1-80,1-1-6", [1], [("", "0-1-81")], id="far behind"),
        pytest.param([("", [1, "1-1-7", 5, "0-1-81"])], "0-1-81,1-1-7", "", ["0-1-81,1-1-6"], "1-1-6", [1], [], id="of which nobody lacks anything"),
        pytest.param([("0-1-10,1-1-7", FAR)], "0-1-30,1-1-8", "", ["0-1-20,1-1-7"], "", [1], [("0-1-10,1-1-7", "1-1-8")], id="a rare domain is whole"),
        pytest.param([("0-1-10,1-1-5", FAR)], "0-1-30,1-1-8", "", ["0-1-20,1-1-5"], "1-1-7", [1], [("0-1-10,1-1-5", "1-1-8")], id="a rare domain is not"),
        pytest.param([("0-1-10,1-1-8", FAR[:-1])], "0-1-30,1-1-8", "", ["0-1-20,1-1-8"], "", [1], [], id="a domain that does not go on"),
        pytest.param([("0-1-10,1-1-8", FAR[:-1])], "0-1-30,1-1-8", "", ["0-1-20,1-1-7"], "0-1-10,1-1-8", [1], [], id="which somebody lacks"),
        pytest.param(
            [("0-1-10", [*FAR[:-1], "1-1-1", "2-1-1"])],
            "0-1-30,1-1-1,2-1-1,3-1-1",
            "3-1-1",
            ["0-1-20"],
            "3-1-1",
            [1],
            [("0-1-10", "1-1-1,2-1-1")],
            id="new domains",
        ),
        # What is said to be there and is not.
        pytest.param([("0-1-10", [1, "0-1-11"])], "0-1-11,1-1-3", "", ["0-1-11"], "1-1-3", [1], [], id="nothing of a domain"),
        pytest.param([("0-1-10", FAR[:-1])], "0-1-30,1-1-3", "", ["0-1-11"], "1-1-3", [1], [("0-1-10", "1-1-3")], id="nothing of it far behind"),
        # Whatever a file begins with.
        pytest.param([("0-1-10", [40, "0-1-31"])], "0-1-40", "", ["0-1-10"], "0-1-30", [1, 1], [], id="behind much else"),
        pytest.param([("0-1-10", [6])], "0-1-10", "", ["0-1-10"], "", [1, 1], [], id="nothing but that"),
        pytest.param([("0-1-10", [2100, "0-1-31"])], "0-1-40", "", ["0-1-10"], "0-1-30", [1, 1, 1], [("0-1-10", "0-1-40")], id="behind very much else"),
        # A lower number of another server, without strict mode.
        pytest.param([("0-1-10", [1, "0-2-5", "0-1-31"])], "0-1-40,0-2-5", "", ["0-1-10"], "0-1-30", [1], [], id="a number that is no news"),
    ],
)
def test_what_the_binary_logs_lack(
    logs: list[Log], executed: str, unlogged: str, needed_by: list[str], lacking: str, read: list[int], dumps: list[tuple[str, str]]
) -> None:
    server = Logging(*logs)
    node = node_of(server, executed, unlogged)
    assert str(node.purged([parse(each) for each in needed_by])) == lacking
    assert [int(file.rpartition(".")[2]) for file, _most in server.read] == read
    assert server.dumps == dumps
    assert server.closed == len(dumps)
    assert [most for _file, most in server.read][: read.count(read[0])] == [8, 128, 2048][: read.count(read[0])]


def test_mysql_says_it_itself() -> None:
    node = Node(t.cast(t.Any, Asked("", MYSQL[0])))
    assert node.purged([node.state.executed]) is node.state.purged


def test_what_is_known_of_a_server_is_found_behind_whatever_else_its_oldest_log_begins_with() -> None:
    assert str(node_of(Logging(("", [40, "0-1-31"])), "0-1-40").reach()) == "0-1-31"


@pytest.mark.parametrize("broken", [b"", b"\0\0", raw("0-1-81")[:25]])
def test_a_log_that_breaks_off_is_not_taken_for_one_without_a_hole(broken: bytes) -> None:
    server = Logging(("", [1, "1-1-7", 5, "0-1-81"]))
    server.broken = broken
    with pytest.raises(Unreadable, match="db1: its binary logs cannot be understood"):
        node_of(server, "0-1-81,1-1-7").purged([parse("0-1-60,1-1-6")])
    assert server.closed == 1


def test_nor_is_one_that_is_not_read_in_time() -> None:
    server = Logging(("", [1, "1-1-7", 5, "0-1-81"]))
    server.broken = OutcomeUnknown("db1", "db1 did not answer within 10 s")
    with pytest.raises(OutcomeUnknown):
        node_of(server, "0-1-81,1-1-7").purged([parse("0-1-60,1-1-6")])
    assert server.closed == 1
