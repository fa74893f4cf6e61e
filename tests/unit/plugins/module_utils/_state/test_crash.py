# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the binary logs of a MariaDB replica end -> whether it has lost in a crash what they have kept."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state.crash import after_crash, logged_before_crash
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Ahead, State
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import channel, state

FLAVOR = MariaDB((10, 11, 6))

STOP, ROTATE, KILLED = "Stop", "Rotate", "Xid"

# A file: what those before it hold, its last event, and whether that has a checksum.
File = tuple[str, str, bool]


class Logs:
    """Stands in for a server, as far as its binary logs go."""

    name = "db1"

    def __init__(self, files: t.Sequence[File]) -> None:
        self.asked = 0
        self._files = {f"binlog.{number:06d}": file for number, file in enumerate(files, 1)}

    def send(self, statement: t.Any) -> Rows:
        self.asked += 1
        if statement.text == "SHOW BINARY LOGS":
            return self._answer({"Log_name": name, "File_size": 1000} for name in self._files)
        before, last, has_checksum = self._files[statement.values[0]]
        if "FROM" not in statement.text:
            return self._answer([{"Event_type": "Format_desc", "Info": ""}, {"Event_type": "Gtid_list", "Info": f"[{before}]"}])
        length = {STOP: 19, ROTATE: 19 + 8 + len("binlog.000002")}.get(last, 27) + 4 * has_checksum
        if statement.values[1] != 1000 - length:
            raise StatementFailed("db1", "Wrong offset or I/O error", errno=1220)
        return self._answer([{"Event_type": last, "Info": ""}])

    def _answer(self, found: t.Iterable[t.Mapping[str, t.Any]]) -> Rows:
        return Rows(map(dict, found), self.name, "")


def replica(executed: str, ahead: str, replicated: str) -> State:
    return state("db1", executed, channels=[channel(family="mariadb")], ahead=Ahead(MariaDBGtids.parse(ahead), MariaDBGtids.parse(replicated)))


BEHIND, WHOLE, AHEAD = "0-1-90", "0-1-95", "0-1-100"


@pytest.mark.parametrize("has_checksum", [True, False])
@pytest.mark.parametrize(
    ("files", "found"),
    [
        pytest.param([("", KILLED), (AHEAD, KILLED)], AHEAD, id="killed"),
        pytest.param([("", STOP), (AHEAD, KILLED)], None, id="shut_down"),
        pytest.param([("", ROTATE), (AHEAD, KILLED)], None, id="its_log_was_rotated"),
        pytest.param([("", KILLED), (BEHIND, KILLED)], None, id="killed_before_that_was_logged"),
        pytest.param([("", KILLED), (WHOLE, KILLED)], None, id="killed_and_nothing_was_lost"),
        pytest.param([("", KILLED), (AHEAD, ROTATE), (AHEAD, ROTATE), (AHEAD, KILLED)], AHEAD, id="killed_and_rotated_since"),
        pytest.param([("", KILLED), (AHEAD, STOP), (AHEAD, KILLED)], AHEAD, id="killed_and_shut_down_since"),
        pytest.param([("", KILLED), (BEHIND, STOP), (AHEAD, KILLED)], None, id="killed_and_fed_since"),
        pytest.param([("", KILLED), ("0-1-98", KILLED), (AHEAD, KILLED)], AHEAD, id="killed_twice"),
        pytest.param([(AHEAD, KILLED)], AHEAD, id="the_file_before_that_is_purged"),
        pytest.param([("", KILLED)], None, id="there_is_one_file"),
        pytest.param([], None, id="there_is_no_file"),
    ],
)
def test_a_file_that_was_not_closed_tells_of_a_crash(files: list[tuple[str, str]], found: str | None, has_checksum: bool) -> None:
    logs = Logs([(before, last, has_checksum) for before, last in files])
    lost = logged_before_crash(t.cast(t.Any, logs), FLAVOR, replica(AHEAD, AHEAD, WHOLE))
    assert (None if lost is None else str(lost)) == found


def test_one_whose_log_is_not_ahead_is_asked_nothing() -> None:
    logs = Logs([])
    assert logged_before_crash(t.cast(t.Any, logs), FLAVOR, state("db1", AHEAD)) is None
    assert logs.asked == 0


def test_another_error_is_not_taken_for_a_position_at_which_nothing_begins() -> None:
    class Denied(Logs):
        def send(self, statement: t.Any) -> Rows:
            if "FROM" in statement.text:
                raise StatementFailed("db1", "Access denied", errno=1227)
            return super().send(statement)

    with pytest.raises(StatementFailed, match="denied"):
        logged_before_crash(t.cast(t.Any, Denied([("", STOP, True), (AHEAD, STOP, True)])), FLAVOR, replica(AHEAD, AHEAD, WHOLE))


@pytest.mark.parametrize(
    ("executed", "ahead", "replicated", "logged", "left", "lost"),
    [
        ("0-1-100", "0-1-100", "0-1-95", "0-1-100", "0-1-95", "0-1-100"),
        # Since then it has got a part of it again, or was fed more.
        ("0-1-100", "0-1-100", "0-1-98", "0-1-99", "0-1-98", "0-1-99"),
        ("0-1-100", "0-1-100", "0-1-99", "0-1-99", "0-1-100", None),
        ("0-1-100", "0-1-100", "0-1-95", None, "0-1-100", None),
        # What others wrote before, and what it wrote itself, it has.
        ("0-1-90,0-2-80,0-3-100", "0-3-100", "0-1-90", "0-1-90,0-2-80,0-3-100", "0-1-90,0-2-80", "0-3-100"),
    ],
)
def test_what_was_lost_is_not_executed(executed: str, ahead: str, replicated: str, logged: str | None, left: str, lost: str | None) -> None:
    before = replica(executed, ahead, replicated)
    found = after_crash(before, None if logged is None else MariaDBGtids.parse(logged))
    expected = None if lost is None else Ahead(MariaDBGtids.parse(lost), MariaDBGtids.parse(replicated))
    assert (found.executed, found.ahead) == (MariaDBGtids.parse(left), expected)
    assert found.sends == (MariaDBGtids.parse(left) if lost is None else MariaDBGtids.parse(left).union(MariaDBGtids.parse(lost)))


def test_what_was_received_again_is_lost_no_more() -> None:
    found = after_crash(replica("0-1-100", "0-1-100", "0-1-95"), MariaDBGtids.parse("0-1-100"))
    assert str(found.lost_in_crash) == "0-1-96..100"
    again = replace(found, channels=(channel(family="mariadb", waiting="0-1-100"),))
    assert not again.lost_in_crash
    assert after_crash(state("db1", "0-1-9"), None).lost_in_crash is None
