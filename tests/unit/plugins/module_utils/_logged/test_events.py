# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binary log files that are damaged: what is whole is read, or the file is refused. Files of real servers are in tests/integration."""

from __future__ import annotations

import contextlib
import io
import itertools
import struct
import tempfile
import typing as t
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._logged import events as module
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import (
    MAGIC,
    BinlogError,
    Event,
    Frames,
    Torn,
    Transaction,
    events_in,
    is_binary_log,
    make_event,
    read_beginning,
    read_events,
    sealed,
    stamps_of,
    take,
    walk,
    writers_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import gtids_of as names_in


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


def walked(data: bytes, wanted: Callable[[str], bool] = lambda gtid: True, **how: Any) -> list[str]:
    """Return the GTIDs of the transactions that are whole in a file."""
    frames, whole = Frames(), []
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(data)
        with contextlib.suppress(Torn):
            for _end, each in walk(file, wanted, **how):
                gtid = frames.gtid
                if frames.is_ended_by(each):
                    whole.append(gtid)
    return whole


def walked_events(data: bytes, wanted: Callable[[str], bool]) -> list[Event]:
    found = []
    with tempfile.TemporaryFile(buffering=0) as file, contextlib.suppress(Torn):
        file.write(data)
        for _end, each in walk(file, wanted):
            found.append(each)
    return found


def gtids_of(data: bytes) -> tuple[list[str], list[str]]:
    """Take all transactions, by way of a stream and by way of a whole file."""
    whole = take(read_events(io.BytesIO(data)), lambda gtid: True)
    return [transaction.gtid for segment in whole for transaction in segment.transactions], walked(data)


def test_every_kind_of_transaction_is_found() -> None:
    assert gtids_of(FILE) == (GTIDS, GTIDS)


@given(st.integers(0, len(FILE)))
def test_a_file_that_breaks_off_has_those_before(length: int) -> None:
    with contextlib.suppress(BinlogError):
        first, second = gtids_of(FILE[:length])
        assert first == second == GTIDS[: len(first)]
        assert length < len(FILE) or first == GTIDS


@pytest.mark.parametrize("first", range(len(MAGIC), len(MAGIC) + 3 * 64, 7))
def test_an_event_is_taken_out_of_a_window_only_if_it_is_whole(first: int) -> None:
    one, two = query(b"x" * (first % 40)), query(b"y" * 90)
    data = b"\0" * first + one + two
    for end in range(first, len(data) + 1):
        whole = (end >= first + len(one)) + (end >= len(data))
        assert len(list(events_in(data[:end], first))) == whole


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


def test_with_what_a_transaction_begins_that_has_no_gtid() -> None:
    # Query, Intvar, Rand, User_var, Begin_load_query, Table_map, Rows_query, Anonymous_gtid; of others a statement begins where it ends.
    begins = {2, 5, 13, 14, 17, 19, 29, 34}
    # Format_description, GTIDs, and what is whole by itself.
    for kind in set(range(256)) - {15, 33, 40, 42, 162}:
        body = struct.pack("<IIBHH", 0, 0, 0, 0, 0) + b"\0BEGIN"
        (segment,) = take(map(make_event, [FORMAT, event(kind, body), query(b"COMMIT")]), lambda gtid: False, anonymous=True)
        (transaction,) = segment.transactions
        assert [each.kind for each in transaction.events] == ([kind, 2] if kind in begins else [2])
    (segment,) = take(map(make_event, [FORMAT, event(40, b"everything"), query(b"CREATE")]), lambda gtid: False, anonymous=True)
    assert [[each.kind for each in transaction.events] for transaction in segment.transactions] == [[40], [2]]


def test_they_are_left_alone_where_they_are_not_asked_for() -> None:
    data = b"".join([MAGIC, FORMAT, ANONYMOUS, query(b"CREATE TABLE t (a INT)"), *mariadb(7)])
    assert gtids_of(data)[0] == ["0-1-7"]


# --- What ends a transaction


def begun(number: int, *, alone: bool = False) -> bytes:
    """A GTID of MariaDB, which also says whether a single statement follows."""
    return event(162, struct.pack("<QIB", number, 0, alone))


@pytest.mark.parametrize(
    ("events", "whole"),
    [
        ([begun(1), query(b"INSERT"), event(16, bytes(8))], True),
        ([begun(1), query(b"INSERT"), query(b"COMMIT")], True),
        ([begun(1), query(b"INSERT"), query(b"rollback")], True),
        ([begun(1), query(b"INSERT"), query(b"ROLLBACK TO a")], False),
        ([begun(1), query(b"INSERT")], False),
        ([begun(1), event(165, b"compressed")], False),
        ([begun(1, alone=True), event(165, b"compressed")], True),
        ([begun(1, alone=True), query(b"CREATE TABLE t (a INT)")], True),
        ([begun(1, alone=True), event(19, bytes(20))], False),
        ([begun(1, alone=True), query(b"BEGIN"), query(b"INSERT")], False),
        ([begun(1, alone=True), query(b" XA START 'x'"), query(b"INSERT"), query(b"XA END 'x'")], False),
        ([begun(1, alone=True), query(b"XA START 'x'"), query(b"XA END 'x'"), event(38, b"")], True),
        ([begun(1), query(b"XA START 'x'"), query(b"XA COMMIT 'x' ONE PHASE")], True),
        ([begun(1), query(b"XA START 'x'"), query(b"XA ROLLBACK 'x'")], True),
        ([begun(1), event(40, b"everything, compressed")], True),
    ],
)
def test_a_transaction_is_whole_once_its_end_was_read(events: list[bytes], whole: bool) -> None:
    first, second = gtids_of(b"".join([MAGIC, FORMAT, *events]))
    assert first == second == ["0-1-1"] * whole


def test_a_transaction_has_all_its_events_and_its_file_holds_nothing_else() -> None:
    (segment,) = take(read_events(io.BytesIO(FILE)), GTIDS[1].__eq__)
    assert segment.to_bytes() == MAGIC + FORMAT + b"".join(EVENTS[4:6])


def test_a_transaction_that_does_not_end_before_the_next_one_is_damage_where_it_is_wanted() -> None:
    data = b"".join([MAGIC, FORMAT, begun(1), query(b"INSERT"), *mariadb(2)])
    with pytest.raises(BinlogError, match="the end of 0-1-1 cannot be told"):
        take(read_events(io.BytesIO(data)), lambda gtid: True)
    (segment,) = take(read_events(io.BytesIO(data)), "0-1-2".__eq__)
    assert [transaction.gtid for transaction in segment.transactions] == ["0-1-2"]


def test_a_transaction_does_not_go_on_in_the_next_file() -> None:
    data = b"".join([MAGIC, FORMAT, begun(1), query(b"INSERT"), FORMAT, query(b"COMMIT"), *mariadb(2)])
    assert gtids_of(data)[0] == ["0-1-2"]


def test_what_was_made_up_for_a_connection_is_in_no_transaction() -> None:
    made_up = struct.pack("<IBIIIH", 0, 4, 1, 19 + 8, 0, 0x20) + bytes(8)
    (segment,) = take(read_events(io.BytesIO(MAGIC + FORMAT + made_up + begun(1) + made_up + query(b"COMMIT"))), lambda gtid: True)
    assert [each.kind for each in segment.transactions[0].events] == [162, 2]


# --- Names


def test_the_gtids_of_a_file_are_told_also_of_transactions_that_are_not_whole() -> None:
    assert list(names_in(read_events(io.BytesIO(MAGIC + FORMAT + b"".join(EVENTS) + begun(8))))) == [*GTIDS, "0-1-8"]
    artificial = struct.pack("<IBIIIH", 0, 162, 1, 19 + 13, 0, 0x20) + struct.pack("<QIB", 9, 0, 0)
    assert list(names_in(read_events(io.BytesIO(MAGIC + FORMAT + artificial)))) == []


def test_an_event_without_room_for_its_gtid_is_damaged() -> None:
    data = MAGIC + FORMAT + event(162, bytes(3))
    with pytest.raises(BinlogError, match=r"^an event is damaged: "):
        list(names_in(read_events(io.BytesIO(data))))
    with pytest.raises(BinlogError, match=r"^an event is damaged: "):
        take(read_events(io.BytesIO(data)), lambda gtid: True)


def number(value: int) -> bytes:
    """Write a number as MySQL's serialization library does."""
    more = next((count for count in range(8) if value < 1 << 7 * (count + 1)), 8)
    return b"\xff" + value.to_bytes(8, "little") if more == 8 else (value << (more + 1) | (1 << more) - 1).to_bytes(more + 1, "little")


@pytest.mark.parametrize("sequence", [1, *(bound + each for power in range(6, 63, 7) for bound in [2**power] for each in (-1, 0))])
@pytest.mark.parametrize("tag", ["", "a", "tag" * 10])
def test_tagged_gtids_have_numbers_of_any_length(sequence: int, tag: str) -> None:
    tagged = [number(3), number(len(tag)), tag.encode()]
    uuid = [number(1), *(number(byte) for byte in range(240, 256))]
    head = b"".join([number(1), number(99), number(3), number(0), number(1), *uuid, number(2), number(sequence << 1)])
    expected = ":".join(filter(None, ["f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff", tag, str(sequence)]))
    # When it was committed, and more, stands behind it.
    for behind in (b"", number(4) + number(7), number(250) + b"\0" * 9):
        assert list(names_in(map(make_event, [FORMAT, event(42, head + b"".join(tagged) + behind)]))) == [expected]
    assert tag or list(names_in(map(make_event, [FORMAT, event(42, head)]))) == [expected]
    # What is not there has no value.
    nothing = b"".join([number(1), number(99), number(3), *tagged])
    assert list(names_in(map(make_event, [FORMAT, event(42, nothing)]))) == [":".join(filter(None, ["----", tag, "0"]))]


def test_a_tagged_gtid_with_a_field_that_nobody_knows_cannot_be_read() -> None:
    with pytest.raises(BinlogError, match="cannot be read"):
        list(names_in(map(make_event, [FORMAT, event(42, b"".join([number(1), number(9), number(0), number(7), number(1)]))])))


# --- Files


def summed(kind: int, body: bytes) -> bytes:
    raw = struct.pack("<IBIIIH", 0, kind, 1, 19 + len(body) + 4, 0, 0) + body
    return raw + zlib.crc32(raw).to_bytes(4, "little")


SUMMED = [
    summed(15, bytes(90) + b"\1"),
    *(summed(162, struct.pack("<QIB", 7, 0, 0)), summed(2, struct.pack("<IIBHH", 0, 0, 4, 0, 3) + b"ab\0shop\0COMMIT")),
    *(summed(162, struct.pack("<QIB", 8, 0, 0)), summed(16, bytes(8))),
]


def test_what_is_read_has_its_checksum() -> None:
    assert gtids_of(MAGIC + b"".join(SUMMED)) == (["0-1-7", "0-1-8"], ["0-1-7", "0-1-8"])
    for damaged in range(1, len(SUMMED)):
        events = [each[:-1] + bytes([each[-1] ^ 1]) if position == damaged else each for position, each in enumerate(SUMMED)]
        with pytest.raises(BinlogError, match=r"^an event after (the beginning|0-1-7|0-1-8) is damaged$"):
            take(read_events(io.BytesIO(MAGIC + b"".join(events))), lambda gtid: True)
        assert walked(MAGIC + b"".join(events)) == (["0-1-7"] if damaged > 2 else [])


def test_a_file_is_known_by_its_beginning() -> None:
    assert is_binary_log(MAGIC)
    assert not is_binary_log(b"\x7fELF")
    with pytest.raises(BinlogError, match="encrypted"):
        is_binary_log(b"\xfdbin")
    with pytest.raises(BinlogError, match="it is not a binary log"):
        list(read_events(io.BytesIO(b"\x7fELF")))
    with pytest.raises(BinlogError, match="encrypted"):
        walked(MAGIC + FORMAT + event(164, bytes(20)))
    with pytest.raises(BinlogError, match="incident"):
        walked(MAGIC + FORMAT + event(26, bytes(3)))


def test_a_relay_log_is_not_taken_for_a_binary_log() -> None:
    relayed = struct.pack("<IBIIIH", 0, 15, 1, 19 + 95, 0, 0x40) + bytes(95)
    assert walked(MAGIC + relayed + begun(1, alone=True) + query(b"CREATE TABLE t (a INT)")) == []
    assert make_event(relayed).is_relayed
    assert not make_event(relayed).is_artificial


@pytest.mark.parametrize("length", [0, 18])
def test_an_event_that_is_shorter_than_its_header_ends_the_file(length: int) -> None:
    short = struct.pack("<IBIIIH", 0, 2, 1, length, 0, 0)
    assert gtids_of(MAGIC + FORMAT + b"".join(mariadb(1)) + short + b"".join(mariadb(2))) == (["0-1-1"], ["0-1-1"])


def test_an_event_of_a_connection_is_as_long_as_it_says() -> None:
    with pytest.raises(BinlogError, match="an event of 20 bytes says that it has 19"):
        make_event(event(16, b"") + b"x")


@pytest.mark.parametrize(("more", "too_large"), [(0, []), (1, [64 * 2**20 + 1])])
def test_up_to_which_size_an_event_is_read(more: int, too_large: list[int]) -> None:
    beginning, length = MAGIC + FORMAT + begun(1), 64 * 2**20 + more
    left_out: list[int] = []
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(beginning + struct.pack("<IBIIIH", 0, 19, 1, length, 0, 0))
        file.truncate(len(beginning) + length)
        assert len(list(walk(file, lambda gtid: True, leave_out=left_out.append))) == 3 - len(too_large)
    assert left_out == too_large


def test_what_is_large_is_read_in_windows_and_what_is_too_large_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    large = [b"".join([begun(number), event(19, bytes(size)), query(b"COMMIT")]) for number, size in enumerate([10, 3000, 10], 1)]
    data, left_out = MAGIC + FORMAT + b"".join(large), []  # type: bytes, list[int]
    monkeypatch.setattr(module, "_WINDOW", 200)
    assert walked(data) == ["0-1-1", "0-1-2", "0-1-3"]
    assert walked(data, "0-1-3".__eq__) == ["0-1-3"]
    monkeypatch.setattr(module, "LARGEST_EVENT", 2000)
    assert walked(data, "0-1-3".__eq__) == ["0-1-3"]
    assert walked(data, leave_out=left_out.append) == ["0-1-1", "0-1-2", "0-1-3"]
    assert left_out == [3019]
    with pytest.raises(BinlogError, match="an event of 0 MB"):
        walked(data)


UUID_SET = [struct.pack("<Q", 1), bytes(range(16)), struct.pack("<Qqqqq", 2, 1, 5, 7, 8)]
TAGGED_SET = [struct.pack("<Q", 1 << 56 | 1 << 8 | 1), bytes(range(16)), number(3), b"abc", struct.pack("<Qqq", 1, 1, 2)]
A_UUID = "00010203-0405-0607-0809-0a0b0c0d0e0f"


@pytest.mark.parametrize(
    ("kind", "body", "before"),
    [
        (35, b"".join(UUID_SET), ((A_UUID, 1, 4), (A_UUID, 7, 7))),
        (35, b"".join(TAGGED_SET), ((A_UUID + ":abc", 1, 1),)),
        (35, bytes(8), ()),
        (35, b"".join(UUID_SET)[:-3], None),
        (163, struct.pack("<IIIQIIQ", 2, 0, 1, 7, 5, 6, 9), (("0-1", 1, 7), ("5-6", 1, 9))),
        (163, struct.pack("<II", 2, 0), None),
        (2, bytes(20), None),
    ],
)
def test_a_file_says_what_all_earlier_ones_hold(kind: int, body: bytes, before: tuple[tuple[str, int, int], ...] | None) -> None:
    data = MAGIC + FORMAT + event(kind, body)
    beginning = read_beginning(data, len(data))
    assert beginning is not None
    assert (beginning.before, beginning.relayed, beginning.checksums) == (before, False, False)
    assert read_beginning(b"", 0) is None
    assert read_beginning(MAGIC, 4) is None
    # It stands before the first transaction, or nowhere.
    for first in (event(33, b""), event(162, b""), query(b"BEGIN")):
        data = MAGIC + FORMAT + first + event(kind, body)
        assert t.cast(t.Any, read_beginning(data, len(data))).before is None


# --- Any files, against a plain account of what was written


def raw_event(kind: int, body: bytes, *, is_summed: bool, server_id: int = 1, flags: int = 0) -> bytes:
    raw = struct.pack("<IBIIIH", 9, kind, server_id, 19 + len(body) + 4 * is_summed, 7, flags) + body
    return raw + zlib.crc32(raw).to_bytes(4, "little") * is_summed


def raw_query(text: bytes, variables: bytes = b"", database: bytes = b"") -> tuple[int, bytes]:
    return 2, struct.pack("<IIBHH", 3, 4, len(database), 5, len(variables)) + variables + database + b"\0" + text


QUERIES = st.builds(raw_query, st.sampled_from([b"INSERT", b" begin;", b"ROLLBACK TO a", b"XA END 'x'"]), st.binary(max_size=300), st.binary(max_size=9))
COMMITS = st.builds(raw_query, st.sampled_from([b"COMMIT", b"commit", b" ROLLBACK"]), st.binary(max_size=300), st.binary(max_size=9))
ALONE = [raw_query(b"CREATE TABLE t (a INT)"), raw_query(b"DROP TABLE t", b"abc", b"shop"), (40, b"all, compressed")]
BEGIN, START = raw_query(b"BEGIN", b"ab"), raw_query(b"XA START 'x'", b"", b"shop")
ROWS = [(19, bytes(20)), (30, bytes(20))]
BODIES = st.one_of(
    st.builds(lambda queries, end: [BEGIN, *queries, end], st.lists(QUERIES.filter(lambda each: b"begin" not in each[1]), max_size=3), COMMITS),
    st.just([BEGIN, *ROWS, (16, bytes(8))]),
    st.just([START, *ROWS, raw_query(b"XA END 'x'"), (38, bytes(9))]),
    st.just([START, raw_query(b"XA COMMIT 'x' ONE PHASE")]),
    st.sampled_from(ALONE).map(lambda each: [each]),
)
"""What stands behind a GTID of MySQL."""
OF_MARIADB = st.one_of(
    st.builds(lambda queries, end: (0, [*queries, end]), st.lists(QUERIES, max_size=3), st.one_of(COMMITS, st.just((16, bytes(8))))).filter(
        lambda flags_and_events: all(b"begin" not in body and b"XA" not in body for _kind, body in flags_and_events[1])
    ),
    st.just((0, [(165, b"compressed"), *ROWS, (16, bytes(8))])),
    st.just((1, [(165, b"compressed")])),
    st.just((1, [raw_query(b"CREATE TABLE t (a INT)")])),
    # With further flags, as MariaDB has many.
    st.just((0x0C, [*ROWS, (16, bytes(8))])),
    st.just((0x29, [raw_query(b"XA COMMIT 'x'")])),
)
ANONYMOUS_BODIES = st.one_of(
    BODIES.map(lambda events: [(34, bytes(42)), *events]),
    BODIES,
    st.tuples(st.sampled_from([5, 13, 14, 17, 19, 29]), COMMITS).map(lambda both: [(both[0], bytes(9)), both[1]]),
)
UUID = bytes(range(16, 32))


class Written(t.NamedTuple):
    """A transaction as it was written: its GTID, who wrote it, and its events."""

    gtid: str
    server_id: int
    events: list[tuple[int, bytes]]


def of_mysql(sequence: int, events: list[tuple[int, bytes]]) -> Written:
    gtid = f"10111213-1415-1617-1819-1a1b1c1d1e1f:{sequence}"
    return Written(gtid, 3, [(33, b"\1" + UUID + struct.pack("<q", sequence) + bytes(9)), *events])


def of_mariadb(sequence: int, domain: int, server_id: int, flags_and_events: tuple[int, list[tuple[int, bytes]]]) -> Written:
    flags, events = flags_and_events
    return Written(f"{domain}-{server_id}-{sequence}", server_id, [(162, struct.pack("<QIB", sequence, domain, flags) + bytes(6)), *events])


WRITTEN = st.one_of(
    st.builds(of_mysql, st.integers(1, 9), BODIES),
    st.builds(of_mariadb, st.integers(1, 9), st.integers(0, 2), st.integers(1, 2**32 - 1), OF_MARIADB),
    st.builds(Written, st.just(""), st.just(1), ANONYMOUS_BODIES),
)
# What belongs to no transaction: where a file ends, what all before it hold, what was made up for a connection.
NOISES = [(3, b"", 0), (4, bytes(20), 0), (35, bytes(8), 0), (163, bytes(4), 0), (162, bytes(13), 0x20), (2, bytes(30), 0x20)]
NOISE = st.lists(st.sampled_from(NOISES), max_size=2)
LOG_FILES = st.lists(st.tuples(st.booleans(), st.lists(st.tuples(NOISE, WRITTEN), max_size=6)), min_size=1, max_size=3)

LogFiles = list[tuple[bool, list[tuple[list[tuple[int, bytes, int]], Written]]]]


def written_out(files: LogFiles) -> list[tuple[bytes, list[tuple[str | None, bytes]]]]:
    """Return each file, as its first event and its transactions, each with its GTID; with noise before each."""
    found = []
    for is_summed, transactions in files:
        first = raw_event(15, bytes(90) + bytes([is_summed]), is_summed=True)
        pieces: list[tuple[str | None, bytes]] = []
        for noise, written in transactions:
            pieces.append((None, b"".join(raw_event(kind, body, is_summed=is_summed, flags=flags) for kind, body, flags in noise)))
            events = (raw_event(kind, body, is_summed=is_summed, server_id=written.server_id) for kind, body in written.events)
            pieces.append((written.gtid, b"".join(events)))
        found.append((first, pieces))
    return found


@settings(max_examples=60)
@given(LOG_FILES, st.sets(st.integers(0, 20)), st.booleans())
def test_of_any_files_exactly_what_is_wanted_is_taken(files: LogFiles, chosen: set[int], anonymous: bool) -> None:
    written = written_out(files)
    names = sorted({gtid for _first, pieces in written for gtid, _raw in pieces if gtid})
    wanted = {gtid for position, gtid in enumerate(names) if position in chosen}
    expected: list[tuple[bytes, list[tuple[str, bytes]]]] = []
    for first, pieces in written:
        expected.append((first, []))
        for gtid, raw in pieces:
            if gtid and gtid not in wanted:
                # Whoever has that has what was committed before it.
                expected = [(each, [(name, data) for name, data in taken if name]) for each, taken in expected]
            elif gtid or (gtid == "" and anonymous):
                expected[-1][1].append((gtid, raw))
    datas = [b"".join([MAGIC, first, *(raw for _gtid, raw in pieces)]) for first, pieces in written]
    streams = itertools.chain.from_iterable(read_events(io.BytesIO(data)) for data in datas)
    segments = take(streams, wanted.__contains__, anonymous=anonymous)
    found = [(segment.format.raw, [(each.gtid, b"".join(event.raw for event in each.events)) for each in segment.transactions]) for segment in segments]
    assert found == [(first, taken) for first, taken in expected if taken]
    if not anonymous:
        whole = itertools.chain.from_iterable(walked_events(data, wanted.__contains__) for data in datas)
        assert take(whole, wanted.__contains__) == segments
    writers = [(each.gtid, each.server_id) for _is_summed, transactions in files for _noise, each in transactions if each.gtid]
    events = list(itertools.chain.from_iterable(read_events(io.BytesIO(data)) for data in datas))
    assert list(writers_of(events)) == writers
    assert list(names_in(events)) == [gtid for gtid, _server_id in writers]


def test_a_number_may_be_negative() -> None:
    def tagged(sequence: bytes) -> bytes:
        return event(42, b"".join([number(1), number(99), number(3), number(1), bytes(16), number(2), sequence, number(3), number(0)]))

    uuid = "00000000-0000-0000-0000-000000000000"
    assert list(names_in(map(make_event, [FORMAT, *(tagged(number(each)) for each in (0, 1, 2, 3, 8, 9))]))) == [
        f"{uuid}:{value}" for value in (0, -1, 1, -2, 4, -5)
    ]


def test_an_event_says_what_it_is() -> None:
    raw = raw_event(16, bytes(8), is_summed=False, server_id=2**32 - 1, flags=0x60)
    found = make_event(raw)
    assert (found.kind, found.server_id, found.flags, found.raw, found.is_artificial, found.is_relayed) == (16, 2**32 - 1, 0x60, raw, True, True)
    none = make_event(raw_event(16, bytes(8), is_summed=False, flags=0x9F))
    assert (none.is_artificial, none.is_relayed) == (False, False)
    assert "raw" not in repr(found)
    assert repr(Transaction("0-1-7", (found,))) == "Transaction(gtid='0-1-7')"


def test_events_that_no_file_begins_are_in_no_transaction() -> None:
    assert take(map(make_event, mariadb(1)), lambda gtid: True) == []


def test_only_the_first_event_of_a_file_says_whether_there_are_checksums() -> None:
    # What ends as that one would if there were.
    odd = [begun(1), query(b"INSERT \1abcd"), query(b"COMMIT"), *mariadb(2)]
    assert gtids_of(MAGIC + FORMAT + b"".join(odd)) == (["0-1-1", "0-1-2"], ["0-1-1", "0-1-2"])
    assert list(names_in(map(make_event, [FORMAT, *odd]))) == ["0-1-1", "0-1-2"]
    # Nor are there any where nothing says so.
    assert list(names_in(map(make_event, odd))) == ["0-1-1", "0-1-2"]


def test_a_file_without_room_for_its_first_event_has_none() -> None:
    for length in range(4, 23):
        assert list(walked_events((MAGIC + FORMAT)[:length], lambda gtid: True)) == []
    assert [each.kind for each in walked_events(MAGIC + FORMAT, lambda gtid: True)] == [15]
    assert [each.kind for each in walked_events(MAGIC + event(3, b""), lambda gtid: True)] == []
    assert [each.kind for each in read_events(io.BytesIO(MAGIC + event(3, b"")))] == [3]


@pytest.mark.parametrize(("kind", "body"), [(33, b"\0" * 17), (162, b"\0" * 11), (42, TAGGED[:10])])
def test_a_gtid_that_is_cut_short_is_damage(kind: int, body: bytes) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(MAGIC + FORMAT + event(kind, body))
        with pytest.raises(BinlogError, match="an event is damaged"):
            list(walk(file, lambda gtid: True))


def test_a_checksum_counts_in_the_length_of_an_event_unless_it_is_counted_already() -> None:
    raw = query(b"BEGIN")
    longer = raw[:9] + struct.pack("<I", len(raw) + 4) + raw[13:]
    assert sealed(raw) == longer + struct.pack("<I", zlib.crc32(longer))
    assert sealed(raw, grows=False) == raw + struct.pack("<I", zlib.crc32(raw))


# --- When a transaction was committed, or began


def at(seconds: int, raw: bytes) -> bytes:
    return struct.pack("<I", seconds) + raw[4:]


def committed(*times: int) -> bytes:
    """A GTID of MySQL 8.0 and later, with the time of the commit here and, if that is another one, where it was committed first."""
    here, *first = times
    body = b"\0" + bytes(range(1, 17)) + struct.pack("<q", 5) + b"\x02" + bytes(16)
    return event(33, body + (here | (1 << 55 if first else 0)).to_bytes(7, "little") + b"".join(each.to_bytes(7, "little") for each in first) + b"\x10")


@pytest.mark.parametrize(
    ("events", "stamps"),
    [
        ([at(3, committed(70)), at(2, query(b"BEGIN")), at(2, query(b"INSERT")), at(3, event(16, bytes(8)))], [(70, 2)]),
        ([at(9, committed(90, 70)), at(2, query(b"BEGIN")), at(9, event(16, bytes(8)))], [(70, 2)]),
        ([at(3, EVENTS[0]), at(2, query(b"BEGIN")), at(3, event(16, bytes(8)))], [(0, 2)]),
        ([at(3, mariadb(7)[0]), at(2, query(b"INSERT")), at(3, query(b"COMMIT")), at(5, mariadb(8)[0]), at(4, query(b"INSERT"))], [(0, 2), (0, 4)]),
        ([at(3, mariadb(7)[0])], []),
        ([at(3, EVENTS[4]), at(2, query(b"CREATE TABLE t (a INT)"))], [(0, 2)]),
    ],
    ids=["where_it_was_committed_first", "on_a_replica", "an_old_mysql", "mariadb", "it_breaks_off", "with_a_tag"],
)
def test_a_stamp_is_the_same_wherever_a_transaction_is(events: list[bytes], stamps: list[tuple[int, int]]) -> None:
    found = stamps_of(read_events(io.BytesIO(b"".join([MAGIC, FORMAT, *events]))))
    assert [tuple(stamp) for _gtid, stamp in found] == stamps
