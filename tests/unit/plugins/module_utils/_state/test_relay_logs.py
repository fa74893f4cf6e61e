# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events of a relay log -> what is in it that is not applied, where that begins, and whether it can be applied."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import AnswerTooLarge, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state import relay_logs
from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import RelayLogGone, RelayLogs, Scan, read_relay_logs

# Read off MariaDB 10.11: SHOW RELAYLOG EVENTS of a replica whose applier never ran.
EVENTS = [
    (4, "Format_desc", "Server ver: 10.11.19-MariaDB-0+deb12u1-log, Binlog ver: 4"),
    (256, "Rotate", "binlog.000001;pos=4"),
    (552, "Gtid_list", "[]"),
    (581, "Binlog_checkpoint", "binlog.000001"),
    (762, "Gtid", "GTID 0-1-2"),
    (804, "Query", "CREATE TABLE `shop`.`rows` (id BIGINT UNSIGNED NOT NULL PRIMARY KEY) ENGINE=InnoDB"),
    (1044, "Gtid", "BEGIN GTID 0-1-3"),
    (1086, "Annotate_rows", "INSERT INTO `shop`.`rows` (id) VALUES (1)"),
    (1166, "Table_map", "table_id: 18 (shop.rows)"),
    (1221, "Write_rows_v1", "table_id: 18 flags: STMT_END_F"),
    (1274, "Xid", "COMMIT /* xid=23 */"),
    (1480, "Gtid", "BEGIN GTID 0-1-5"),
    (1522, "Annotate_rows", "INSERT INTO `shop`.t VALUES (1)"),
    (1630, "Write_rows_v1", "table_id: 22 flags: STMT_END_F"),
    (1668, "Query", "COMMIT"),
    (1737, "Gtid", "BEGIN GTID 0-1-6"),
    (1779, "Query", "INSERT INTO `shop`.`rows` (id) VALUES (2)"),
    (1903, "Xid", "COMMIT /* xid=34 */"),
    (1934, "Gtid", "XA START X'78',X'',1 GTID 0-1-7"),
    (2114, "Write_rows_v1", "table_id: 18 flags: STMT_END_F"),
    (2167, "Query", "XA END X'78',X'',1"),
    (2248, "XA_prepare", "XA PREPARE X'78',X'',1"),
    (2285, "Gtid", "GTID 0-1-8"),
    (2328, "Query", "XA COMMIT X'78',X'',1"),
    (2412, "Gtid", "BEGIN GTID 7-1-1"),
    (2589, "Write_rows_v1", "table_id: 18 flags: STMT_END_F"),
    (2642, "Xid", "COMMIT /* xid=46 */"),
]
FILE = "relay.000002"

Event = tuple[int, str, str]


def rows(events: t.Iterable[Event]) -> Rows:
    return Rows(({"Pos": position, "Event_type": kind, "Info": info} for position, kind, info in events), "db1", "SHOW RELAYLOG EVENTS")


def scan(events: t.Iterable[Event], applied: str = "") -> RelayLogs:
    found = Scan(MariaDBGtids.parse(applied))
    found.add(FILE, rows(events))
    return found.result()


def test_of_a_domain_of_which_nothing_is_applied_nothing_is() -> None:
    assert scan([(4, "Gtid", "GTID 3-1-0")], "0-1-5").start == (FILE, 4)


def test_what_cannot_be_understood_begins_nothing() -> None:
    found = scan([*EVENTS[:6], (1044, "Gtid", "BEGIN"), (1100, "Xid", "COMMIT")])
    assert (str(found.received), found.start) == ("0-1-2", (FILE, 762))
    assert found.trouble == "relay.000002 has an event at 1044 that cannot be understood: BEGIN"


def test_all_whole_transactions_are_received() -> None:
    found = scan(EVENTS)
    assert str(found.received) == "0-1-8,7-1-1"
    assert (found.start, found.trouble, found.is_complete) == ((FILE, 762), "", True)


@pytest.mark.parametrize(
    ("applied", "start"),
    [
        ("0-1-2", 1044),
        ("0-1-5", 1737),
        ("0-1-6", 1934),
        ("0-1-7", 2285),
        ("0-1-8", 2412),
        ("0-1-8,7-1-1", None),
        ("0-7-8", 2285),  # of another server with a higher number: what came before is believed to be there
        ("0-1-5,0-7-9,7-1-1", 1737),
        ("0-7-7", 1934),  # and the same number is not
        ("7-1-0", 762),
    ],
)
def test_applying_begins_at_the_first_transaction_that_is_not_applied(applied: str, start: int | None) -> None:
    found = scan(EVENTS, applied)
    assert found.start == (None if start is None else (FILE, start))
    assert str(found.received) == "0-1-8,7-1-1"


@pytest.mark.parametrize(("last", "received"), [(1221, "0-1-2"), (1630, "0-1-3"), (1779, "0-1-5"), (2114, "0-1-6"), (2167, "0-1-6"), (2285, "0-1-7")])
def test_a_transaction_of_which_only_a_part_has_arrived_is_not_received(last: int, received: str) -> None:
    assert str(scan(event for event in EVENTS if event[0] <= last).received) == received


def test_nothing_is_received_where_there_are_no_events() -> None:
    assert scan([]) == RelayLogs(MariaDBGtids.parse(""))
    assert scan(EVENTS[:4]) == RelayLogs(MariaDBGtids.parse(""))


def test_transactions_go_on_in_the_next_file_and_page() -> None:
    whole = scan(EVENTS)
    for cut in range(len(EVENTS)):
        found = Scan(MariaDBGtids.parse(""))
        found.add(FILE, rows(EVENTS[:cut]))
        found.add(FILE, rows(EVENTS[cut:]))
        assert found.result() == whole


def test_an_applied_transaction_after_others_that_are_not_makes_applying_unsafe() -> None:
    assert scan(EVENTS, "7-1-1").trouble == "7-1-1 is applied already and comes after others that are not"


def test_a_log_that_is_cut_off_at_its_end_can_be_applied() -> None:
    found = Scan(MariaDBGtids.parse(""))
    found.add(FILE, rows(EVENTS[:12]))
    found.add_cut(FILE)
    assert (str(found.result().received), found.result().trouble) == ("0-1-3", "")


def test_one_that_goes_on_after_that_cannot() -> None:
    found = Scan(MariaDBGtids.parse(""))
    found.add(FILE, rows(EVENTS[:12]))
    found.add_cut(FILE)
    found.add("relay.000003", rows(EVENTS[15:]))
    assert found.result().trouble == "relay.000002 breaks off in the middle of an event, and more follows it"


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK", "use `shop`; COMMIT", "use `a``b`; COMMIT"])
def test_a_transaction_ends_with_a_word_of_its_own(ending: str) -> None:
    events = [(4, "Gtid", "BEGIN GTID 0-1-1"), (50, "Query", "INSERT INTO t VALUES (1)"), (99, "Query", ending)]
    assert str(scan(events).received) == "0-1-1"


@pytest.mark.parametrize("info", ["INSERT INTO t VALUES ('COMMIT')", "SAVEPOINT `COMMIT`", "use `shop`; INSERT INTO t VALUES (1)", "COMMIT AND CHAIN", ""])
def test_a_statement_inside_a_transaction_does_not_end_it(info: str) -> None:
    assert not scan([(4, "Gtid", "BEGIN GTID 0-1-1"), (50, "Query", info)]).received


@given(st.lists(st.tuples(st.integers(0, 9999), st.sampled_from(["Gtid", "Query", "Xid", "Rotate", "XA_prepare", ""]), st.none() | st.text(max_size=40))))
def test_events_that_make_no_sense_are_read_or_called_trouble(events: list[tuple[int, str, t.Any]]) -> None:
    found = scan(events)
    strange = [info for _position, kind, info in events if kind == "Gtid"]
    assert bool(found.trouble) >= bool(strange)
    assert not found.received


@given(st.data())
def test_whatever_is_missing_of_the_events_only_whole_transactions_are_received(data: st.DataObject) -> None:
    left = [event for event in EVENTS if data.draw(st.booleans())]
    assert scan(EVENTS).received.contains(scan(left).received)


class Large:
    """A server whose connection takes in only so many events at once, and is replaced each time that they are too many."""

    name = "db1"

    def __init__(self, room: int, too_large: int = 0) -> None:
        self._room = room
        self._too_large = too_large
        self.asked: list[tuple[int, int]] = []
        self.is_open = True

    def send(self, statement: t.Any) -> Rows:
        assert self.is_open
        _channel, file, position, limit = statement.values
        if file != FILE:
            raise StatementFailed("db1", "db1: Could not find target log", 1220)
        self.asked.append((position, limit))
        events = [event for event in EVENTS if event[0] >= position][:limit]
        if len(events) > self._room or self._too_large in [event[0] for event in events]:
            self.is_open = False
            raise AnswerTooLarge("db1", "db1: its answer is larger than 128 MB")
        return rows(events)

    def close(self) -> None:
        self.is_open = False

    def connect(self) -> None:
        assert not self.is_open
        self.is_open = True


@pytest.mark.parametrize("room", [1, 2, 3, 10, 1000])
def test_events_that_are_large_are_read_a_few_at_a_time(room: int) -> None:
    server = Large(room)
    found = read_relay_logs(t.cast(t.Any, server), MariaDB((10, 11)), "", (FILE, 4), MariaDBGtids.parse("0-1-2"))
    if room == 1:
        # Each further page begins with the event that the last one ended with.
        assert (found.is_complete, found.trouble) == (False, "they hold an event that is too large to be read")
        return
    assert found == scan(EVENTS, "0-1-2")
    assert server.asked[0][1] == 5000


def test_an_event_that_cannot_be_read_at_all_is_said() -> None:
    server = Large(1000, too_large=1522)
    found = read_relay_logs(t.cast(t.Any, server), MariaDB((10, 11)), "", (FILE, 4), MariaDBGtids.parse("0-1-2"))
    # Of a further page always more than the event that is known.
    assert all(limit > (begin != 4) for begin, limit in server.asked)
    assert (found.is_complete, found.trouble) == (False, "they hold an event that is too large to be read")
    assert found.start == (FILE, 1044)


class Files:
    """A server with relay logs in several files; of one that is damaged, nothing can be shown from some position on."""

    name = "db1"

    def __init__(self, files: dict[str, list[Event]], damaged: dict[str, int] | None = None) -> None:
        self._files = files
        self._damaged = damaged or {}
        self.asked: list[tuple[str, int, int]] = []

    def send(self, statement: t.Any) -> Rows:
        _channel, file, position, limit = statement.values
        self.asked.append((file, position, limit))
        if file not in self._files:
            raise StatementFailed("db1", "db1: Could not find target log", 1220)
        events = [event for event in self._files[file] if event[0] >= position][:limit]
        if any(event[0] >= self._damaged.get(file, 99999) for event in events):
            raise StatementFailed("db1", "db1: Error when executing command SHOW RELAYLOG EVENTS: Wrong offset or I/O error", 1220)
        return rows(events)


def found_in(server: t.Any, begin: tuple[str, int] = (FILE, 4)) -> RelayLogs:
    return read_relay_logs(server, MariaDB((10, 11)), "", begin, MariaDBGtids.parse("0-1-2"))


def test_all_files_are_read_from_the_applier_to_the_end() -> None:
    server = Files({"relay.000008": EVENTS[:3], "relay.000009": EVENTS[:12], "relay.000010": EVENTS[12:]})
    assert found_in(server, ("relay.000009", 762)) == RelayLogs(MariaDBGtids.parse("0-1-8,7-1-1"), ("relay.000009", 1044))
    assert [(file, position) for file, position, _limit in server.asked] == [("relay.000009", 762), ("relay.000010", 4), ("relay.000011", 4)]


@pytest.mark.parametrize("page", [2, 3, 4, 100])
def test_however_many_events_are_asked_for_at_once(page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_logs, "_PAGE", page)
    server = Files({FILE: EVENTS})
    assert found_in(server) == scan(EVENTS, "0-1-2")
    # Each further page begins with the event that the last one ended with.
    step = page - 1
    pages = [EVENTS[position][0] for position in range(0, len(EVENTS) - 1, step)] if page < len(EVENTS) else [4]
    assert server.asked[: len(pages)] == [(FILE, position, page) for position in pages]


@pytest.mark.parametrize("position", [event[0] for event in EVENTS])
def test_of_a_file_that_breaks_off_what_is_before_that_is_known(position: int) -> None:
    before = [event for event in EVENTS if event[0] < position]
    server = Files({FILE: EVENTS}, {FILE: position})
    assert found_in(server) == scan(before, "0-1-2")
    # Half of it each time, and of a further page always more than the event that is known.
    assert all(limit > (begin != 4) for _file, begin, limit in server.asked)
    assert [limit for _file, begin, limit in server.asked if begin == 4][:4] == [5000, 2500, 1250, 625]
    assert len(server.asked) < 30


def test_a_file_that_follows_one_that_breaks_off_cannot_be_applied() -> None:
    found = found_in(Files({FILE: EVENTS, "relay.000003": EVENTS[15:]}, {FILE: 1737}))
    assert found.trouble == "relay.000002 breaks off in the middle of an event, and more follows it"
    assert found.is_complete


def test_a_file_that_is_not_there_is_told_apart_from_one_without_events() -> None:
    with pytest.raises(RelayLogGone):
        found_in(Files({"relay.000003": EVENTS}))
    assert found_in(Files({FILE: []})) == RelayLogs(MariaDBGtids())


def test_another_error_is_not_taken_for_the_end() -> None:
    class Refusing(Files):
        def send(self, statement: t.Any) -> Rows:
            raise StatementFailed("db1", "db1: Access denied", 1227)

    with pytest.raises(StatementFailed, match="Access denied"):
        found_in(Refusing({}))


def test_reading_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_logs, "_LONGEST_READING", -1)
    found = found_in(Files({FILE: EVENTS}))
    assert (found.is_complete, found.trouble) == (False, "they are too large to be read within -1 s")


def test_an_event_that_cannot_be_understood_is_quoted_with_its_position() -> None:
    assert scan([(762, "Gtid", "GTID of yore" + "!" * 200)]).trouble == "relay.000002 has an event at 762 that cannot be understood: GTID of yore" + "!" * 88


def test_of_two_transactions_of_a_server_the_later_number_was_received() -> None:
    events = [(4, "Gtid", "GTID 0-1-9"), (50, "Query", "CREATE TABLE t (a INT)"), (99, "Gtid", "GTID 0-1-4"), (120, "Execute_load_query", "LOAD DATA")]
    assert str(scan(events).received) == "0-1-9"
