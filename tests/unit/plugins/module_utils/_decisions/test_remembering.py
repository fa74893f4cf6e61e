# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cluster remembers of a promotion, and when it is too early for the next one."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.remembering import check_cooldown, is_news, last_of, opened
from ansible_collections.dbha.mysql.plugins.module_utils._state.record import FAILOVER, REOPENED, SWITCHOVER, Entry, Record
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import gtids, replica

RECORD = Record(FAILOVER, "db0", "the primary db0 is dead", 1000.0)
ENTRY = Entry("1f", "2026-11-27 14:03:22", 60, FAILOVER, "db0", "db1", "it is dead", "us@here", "P:1-9", 0.4, "")


def state(executed: str, **changes: t.Any) -> State:
    family = "mariadb" if "-1-" in executed else "mysql"
    return replace(replica("db1", executed).known, executed=gtids(executed, family), **changes)


def remembered(executed: str, record: Record = RECORD, **changes: t.Any) -> str:
    return opened(record, "db1", state(executed, **changes), run_by="us@here", now=1002.5).id


def test_what_is_known_once_a_server_is_open_is_added() -> None:
    found = opened(RECORD, "db1", state("P:1-9,A:1"), run_by="us@here", now=1002.5)
    assert (found.new_primary, found.run_by, found.seconds, found.gtids) == ("db1", "us@here", 2.5, str(gtids("P:1-9,A:1")))
    assert (found.event, found.old_primary, found.why) == (FAILOVER, "db0", "the primary db0 is dead")
    assert opened(RECORD, "db1", state("P:1-9"), run_by="us@here", now=900.0).seconds == 0.0  # somebody has set the clock


def test_a_run_that_goes_on_with_an_interrupted_one_writes_the_same_row() -> None:
    first = remembered("P:1-9,A:1")
    # Clients have written, whichever role goes on with it.
    assert remembered("P:1-9,A:1-7") == first
    assert remembered("P:1-9,A:1-7", replace(RECORD, event=SWITCHOVER, begun=5.0)) == first
    # The role has moved away and come back, or another server has it.
    assert remembered("P:1-10,A:1-7") != first
    assert remembered("P:1-9,A:1", server_uuid="x") != first
    assert remembered("0-1-9,0-2-10", server_uuid="", server_id=2) == remembered("0-1-9,0-2-17", server_uuid="", server_id=2)
    assert remembered("0-1-9,0-2-10", server_uuid="", server_id=2) != remembered("0-1-18,0-2-17", server_uuid="", server_id=2)


def test_a_primary_that_is_opened_again_writes_another_row_each_time() -> None:
    again = replace(RECORD, event=REOPENED)
    assert len({remembered("P:1-9,A:1"), remembered("P:1-9,A:1", again), remembered("P:1-9,A:1-2", again)}) == 3


def test_who_is_a_primary_already_is_no_news() -> None:
    closed = replica("db1", "P:1-9").known
    assert is_news(closed)
    assert is_news(replace(closed, read_only=False))
    assert not is_news(replace(closed, read_only=False, channels=()))


def test_the_last_of_what_several_members_remember_counts() -> None:
    assert last_of([]) is None
    assert last_of([replace(ENTRY, age=90), ENTRY, replace(ENTRY, age=61)]) == ENTRY


@pytest.mark.parametrize(
    ("last", "seconds", "read_only", "refused"),
    [
        (None, 600, True, False),
        (ENTRY, 600, True, True),
        (ENTRY, 60, True, False),
        (ENTRY, 61, True, True),
        # Its own row: db1 was opened by a run that got no further.
        (ENTRY, 600, False, False),
        # A replica that merely takes writes.
        (replace(ENTRY, new_primary="db2"), 600, False, True),
    ],
)
def test_a_failover_too_soon_after_another_one_is_refused(last: Entry | None, seconds: float, read_only: bool, refused: bool) -> None:
    best = replica("db1", "P:1-9")
    found = list(check_cooldown(last, seconds, replace(best, state=replace(best.known, read_only=read_only))))
    assert [problem.code for problem in found] == ["cooldown"] * refused
    assert all("db1 took over from db0 60 s ago" in problem.message or "db2 took" in problem.message for problem in found)


def test_a_record_goes_from_task_to_task_as_it_is() -> None:
    whole = opened(RECORD, "db1", state("P:1-9"), run_by="us@here", now=1002.5)
    assert Record.described(asdict(whole)) == whole
    for wrong in ({}, {"event": "else", "begun": 1}, {"event": FAILOVER, "begun": "soon"}, {"event": FAILOVER, "begun": None}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            Record.described(wrong)
