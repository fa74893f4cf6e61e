# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What binary logs hold becomes statements, or is refused as a whole. What real servers write and take is in tests/integration/test_salvage_formats.py."""

from __future__ import annotations

import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.replay import Replay, decimal, is_logged
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import BinlogError


def event(kind: int, body: bytes, flags: int = 0) -> bytes:
    return struct.pack("<IBIIIH", 1700000000, kind, 1, 19 + len(body), 0, flags) + body


def query(text: bytes, status: bytes = b"", error: int = 0, kind: int = 2) -> bytes:
    return event(kind, struct.pack("<IIBHH", 7, 0, 4, error, len(status)) + status + b"shop\0" + text)


def begun(number: int, *, alone: bool = False, flags: int = 0, more: bytes = bytes(6)) -> bytes:
    return event(162, struct.pack("<QIB", number, 0, alone | flags) + more)


def rows(*, ends: bool, size: int = 8) -> bytes:
    return event(23, bytes(6) + bytes([ends, 0]) + bytes(size))


FORMAT = event(15, b"\x04\x00" + b"10.11.6-MariaDB".ljust(50, b"\0") + bytes(38) + b"\0" + bytes(4))
COMMIT = event(16, bytes(8))
TABLE = event(19, bytes(6) + b"\1\0" + bytes(9))
BEGINS = "SET @@SESSION.gtid_domain_id = 0, @@SESSION.server_id = 1, @@SESSION.gtid_seq_no = 1"


def acts(*parts: bytes, family: str = "mariadb") -> list[tuple[str, str]]:
    replay = Replay(family, lambda gtid: True, lambda: {45: ("utf8mb4", "utf8mb4_general_ci")}, dict)
    return [(act.kind, act.text.decode("utf-8", "surrogateescape")) for part in parts for act in replay.acts(part)]


def test_rows_are_sent_as_they_are_with_what_says_how_to_read_them() -> None:
    kinds = [(kind, text[:8]) for kind, text in acts(FORMAT + begun(1) + TABLE + rows(ends=True) + COMMIT)]
    assert kinds == [("begin", BEGINS[:8]), ("do", "START TR"), ("do", "BINLOG '"), ("do", "BINLOG '"), ("end", "COMMIT")]


def test_many_rows_are_sent_a_part_at_a_time_each_with_its_tables_and_an_end() -> None:
    many = [rows(ends=False, size=300_000) for _each in range(4)]
    sent = [text for _kind, text in acts(FORMAT + begun(1) + TABLE + b"".join(many), FORMAT + rows(ends=True) + COMMIT) if text.startswith("BINLOG")]
    assert len(sent) == 1 + 3
    assert all(len(text) < 1 << 20 for text in sent)


def test_a_statement_has_its_session_and_its_bytes() -> None:
    status = b"".join([b"\x00", struct.pack("<I", 1 << 26), b"\x01", struct.pack("<Q", 5), b"\x04", struct.pack("<HHH", 45, 45, 8), b"\x05\x06+05:30"])
    given = acts(FORMAT + begun(1) + query(b"INSERT INTO t VALUES ('caf\xe9;\n/*!*/;')", status) + COMMIT)
    assert [text for kind, text in given if kind == "do"][1] == "USE `shop`"
    (told,) = [text for _kind, text in given if text.startswith("SET @@SESSION.timestamp")]
    for each in ("timestamp = 1700000000.000000", "foreign_key_checks = 0", "sql_mode = 5", "character_set_client = utf8mb4", "time_zone = '+05:30'"):
        assert "@@SESSION." + each in told
    assert given[-2:] == [("do", "INSERT INTO t VALUES ('caf\udce9;\n/*!*/;')"), ("end", "COMMIT")]


def test_a_compressed_statement_is_unpacked() -> None:
    text = b"CREATE TABLE t (a INT)" * 9
    packed = bytes([1]) + bytes([len(text)]) + zlib.compress(text)
    assert acts(FORMAT + begun(1, alone=True) + query(packed, kind=165))[-1] == ("end", text.decode())
    with pytest.raises(BinlogError, match="another length"):
        acts(FORMAT + begun(1, alone=True) + query(packed[:-9], kind=165))


def test_of_what_a_session_had_each_part_is_read_and_what_does_not_matter_passed_over() -> None:
    catalogs, numbers = [b"\x02\x03std\0", b"\x06\x03std"], [b"\x09" + bytes(8), b"\x0a" + bytes(4), b"\x82\x04" + bytes(8), b"\x82\x01"]
    names = [b"\x0b\x01a\x01b", b"\x0c\x01shop\0"]
    status = b"".join([*catalogs, *numbers, *names, b"\x08", struct.pack("<H", 45), b"\x07", struct.pack("<H", 3), b"\xff\0\0"])
    told = [text for _kind, text in acts(FORMAT + begun(1) + query(b"INSERT INTO t VALUES (1)", status) + query(b"INSERT INTO t VALUES (2)") + COMMIT)]
    first, second = [text for text in told if text.startswith("SET @@SESSION.") and "collation_database" in text]
    assert "lc_time_names = 3" in first
    assert "@@SESSION.collation_database = 45" in first
    # The next one says nothing of it: it has what its database has.
    assert "@@SESSION.collation_database = DEFAULT" in second


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (query(b"INSERT", b"\x05\x09UT"), "what its session had breaks off"),
        (event(2, struct.pack("<IIBHH", 7, 0, 40, 0, 0) + b"shop\0INSERT"), "its lengths do not fit"),
        (query(bytes([0x11, 5]) + zlib.compress(b"CREATE"), kind=165), "a statement is compressed in a way that is not known"),
        (query(b"SET GLOBAL read_only = 0"), "no server writes to its binary log"),
        (query(b"SHUTDOWN"), "no server writes to its binary log"),
        (query(b"/* INSERT */ KILL 7"), "no server writes to its binary log"),
        (query(b"INSERT", b"\x63"), "not known \\(99\\)"),
        (query(b"INSERT", b"\x05\x09' , a = 1"), "is not a time zone"),
        (query(b"XA START 'a'"), "distributed transaction"),
        (event(17, bytes(9)), "LOAD DATA"),
        (event(99, bytes(9)), "a kind that is not known \\(99\\)"),
        (TABLE + rows(ends=False) + COMMIT, "rows in it do not end"),
        (begun(2), "the end of 0-1-1 cannot be told"),
        (FORMAT, "0-1-1 is not whole"),
    ],
)
def test_what_cannot_be_brought_to_another_server_is_refused(events: bytes, why: str) -> None:
    with pytest.raises(BinlogError, match=why):
        acts(FORMAT + begun(1) + events)


def test_what_is_not_known_but_may_be_passed_over_is() -> None:
    assert len(acts(FORMAT + begun(1) + event(99, b"", flags=0x80) + event(160, b"# a statement") + COMMIT + event(161, bytes(9)))) == 3


@pytest.mark.parametrize(("flags", "more", "why"), [(0x40, bytes(6), "XA"), (0, b"\x02" + bytes(13), "ALTER TABLE")])
def test_halves_of_transactions_are_refused(flags: int, more: bytes, why: str) -> None:
    with pytest.raises(BinlogError, match=why):
        acts(FORMAT + begun(1, alone=True, flags=flags, more=more))


def test_only_what_was_asked_for_is_taken_and_once() -> None:
    replay = Replay("mariadb", "0-1-2".__eq__, dict, dict)
    with pytest.raises(BinlogError, match="0-1-1 was not asked for"):
        list(replay.acts(FORMAT + begun(1)))
    with pytest.raises(BinlogError, match="belongs to no transaction"):
        acts(FORMAT + query(b"INSERT"))
    with pytest.raises(BinlogError, match="does not begin as a binary log does"):
        acts(begun(1))


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        (b"insert into t values (1)", True),
        (b"/* a */ # b\n-- c\n(SELECT f(1))", True),
        (b"/*!40000 ALTER TABLE t DISABLE KEYS */", True),
        (b"/*M!100100 CREATE TABLE t (a INT) */", True),
        (b"SET PASSWORD FOR a = '*A'", True),
        (b"SET STATEMENT max_statement_time = 0 FOR INSERT INTO t VALUES (1)", True),
        (b"ROLLBACK TO SAVEPOINT a", True),
        (b"ROLLBACK", False),
        (b"SET GLOBAL a = 1", False),
        (b"/*! SET GLOBAL a = 1 */", False),
        (b"/* INSERT", False),
        (b"LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t", False),
        (b"CHANGE MASTER TO MASTER_HOST = 'a'", False),
        (b"", False),
    ],
)
def test_what_servers_write_is_told_by_its_first_word(text: bytes, logged: bool) -> None:
    assert is_logged(text) is logged


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (bytes([4, 2, 0x81, 0x17]), b"1.23"),
        (bytes([4, 2, 0x7E, 0xE8]), b"-1.23"),
        (bytes([14, 4, 0x81, 0x0D, 0xFB, 0x38, 0xD2, 0x04, 0xD2]), b"1234567890.1234"),
        (bytes([1, 1, 0x85]), b"0.5"),
        (bytes([3, 0, 0x80, 0x07]), b"7"),
    ],
)
def test_exact_numbers_are_read_as_servers_keep_them(value: bytes, text: bytes) -> None:
    assert decimal(value) == text


kinds = st.sampled_from([2, 5, 13, 14, 15, 16, 19, 23, 33, 38, 40, 42, 162, 165, 0])


@pytest.mark.parametrize("family", ["mariadb", "mysql"])
@given(st.lists(st.tuples(kinds, st.binary(max_size=60)), max_size=6))
def test_events_of_any_content_become_statements_or_are_refused(family: str, events: list[tuple[int, bytes]]) -> None:
    with contextlib.suppress(BinlogError):
        acts(FORMAT + begun(1) + b"".join(event(kind, body) for kind, body in events), family=family)
