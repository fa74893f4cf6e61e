# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binary log files that are damaged: what is whole is read, or the file is refused. Files of real servers are in tests/integration."""

from __future__ import annotations

import contextlib
import io
import struct

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.events import MAGIC, BinlogError, read_events, read_wanted_events, take


def event(kind: int, body: bytes, server_id: int = 1) -> bytes:
    return struct.pack("<IBIIIH", 0, kind, server_id, 19 + len(body), 0, 0) + body


def query(text: bytes) -> bytes:
    return event(2, struct.pack("<IIBHH", 0, 0, 4, 0, 0) + b"shop\0" + text)


# As the manuals have them: Format_description (without checksums), GTIDs of MySQL, tagged ones of 8.3, those of MariaDB; Query, Xid.
FORMAT = event(15, bytes(90) + b"\0" + bytes(4))
TAGGED = bytes([0x02, 0x80, 0x02, 0x00, 0x00, 0x02, *(2 * byte for byte in range(1, 17)), 0x04, 0x14, 0x06, 0x06, *b"tag"])
EVENTS = [
    *(event(33, b"\0" + bytes(range(1, 17)) + struct.pack("<q", 5)), query(b"BEGIN"), query(b"INSERT"), event(16, bytes(8))),
    *(event(42, TAGGED), query(b"CREATE TABLE t (a INT)")),
    *(event(162, struct.pack("<QIB", 7, 0, 0)), query(b"INSERT"), query(b"COMMIT")),
]
FILE = b"".join([MAGIC, FORMAT, *EVENTS])
GTIDS = ["01020304-0506-0708-090a-0b0c0d0e0f10:5", "01020304-0506-0708-090a-0b0c0d0e0f10:tag:5", "0-1-7"]


def gtids_of(data: bytes) -> tuple[list[str], list[str]]:
    """Take all transactions, by way of a stream and by way of a whole file."""
    whole = take(read_events(io.BytesIO(data)), lambda gtid: True)
    wanted = take(read_wanted_events(data, lambda gtid: True), lambda gtid: True)
    first, second = ([transaction.gtid for segment in segments for transaction in segment.transactions] for segments in (whole, wanted))
    return first, second


def test_every_kind_of_transaction_is_found() -> None:
    assert gtids_of(FILE) == (GTIDS, GTIDS)


@given(st.integers(0, len(FILE)))
def test_a_file_that_breaks_off_has_those_before(length: int) -> None:
    with contextlib.suppress(BinlogError):
        first, second = gtids_of(FILE[:length])
        assert first == second == GTIDS[: len(first)]
        assert length < len(FILE) or first == GTIDS


@given(st.dictionaries(st.integers(len(MAGIC), len(FILE) - 1), st.integers(0, 255), min_size=1, max_size=8))
def test_a_damaged_file_is_read_or_refused(damage: dict[int, int]) -> None:
    data = bytearray(FILE)
    for position, byte in damage.items():
        data[position] = byte
    with contextlib.suppress(BinlogError):
        gtids_of(bytes(data))


@given(st.lists(st.tuples(st.sampled_from([2, 15, 16, 33, 38, 40, 42, 162, 0]), st.binary(max_size=60)), max_size=6))
def test_events_of_any_content_are_read_or_refused(events: list[tuple[int, bytes]]) -> None:
    with contextlib.suppress(BinlogError):
        gtids_of(b"".join([MAGIC, FORMAT, *(event(kind, body) for kind, body in events)]))


ANONYMOUS = event(34, bytes(42))


def taken(*events: bytes, wanted: str = "") -> list[str]:
    """Take what has no GTID, and what has this one, out of a file."""
    segments = take(read_events(io.BytesIO(b"".join([MAGIC, FORMAT, *events]))), wanted.__eq__, anonymous=True)
    return [transaction.gtid for segment in segments for transaction in segment.transactions]


def mariadb(number: int) -> list[bytes]:
    return [event(162, struct.pack("<QIB", number, 0, 0)), query(b"INSERT"), query(b"COMMIT")]


def test_transactions_without_a_gtid_are_found_after_the_last_that_is_known() -> None:
    row = [query(b"BEGIN"), event(19, bytes(20)), event(30, bytes(20)), event(16, bytes(8))]
    ddl = [query(b"CREATE TABLE t (a INT)")]
    assert taken(ANONYMOUS, *row, ANONYMOUS, *ddl) == ["", ""]
    # MySQL 5.6 does not say that there is none.
    assert taken(*row, *ddl, query(b"BEGIN"), event(5, bytes(9)), query(b"INSERT"), query(b"COMMIT")) == ["", "", ""]
    assert taken(ANONYMOUS, *row, *mariadb(7), ANONYMOUS, *ddl) == [""]
    assert taken(ANONYMOUS, *row, *mariadb(7), ANONYMOUS, *ddl, wanted="0-1-7") == ["", "0-1-7", ""]
    # One that is not whole, and what belongs to no transaction.
    assert taken(event(35, bytes(8)), ANONYMOUS, *row[:3]) == []
    assert taken(event(4, bytes(20)), event(3, b"")) == []


def test_they_are_left_alone_where_they_are_not_asked_for() -> None:
    data = b"".join([MAGIC, FORMAT, ANONYMOUS, query(b"CREATE TABLE t (a INT)"), *mariadb(7)])
    assert gtids_of(data)[0] == ["0-1-7"]
