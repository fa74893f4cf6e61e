# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a check says of a failover that has not been needed yet."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import ADVICE, BLOCKS, GRADES, HURTS, Finding, Rehearsal
from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import (
    GOOD,
    Line,
    describe_finding,
    describe_rehearsal,
    say_check,
    say_findings,
    say_rehearsal,
    title_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent

SENT = [Sent("db1", "STOP REPLICA IO_THREAD"), Sent("db2", "CHANGE REPLICATION SOURCE TO " + ", ".join(["SOURCE_PORT = 3306"] * 5))]


@pytest.mark.parametrize(
    ("rehearsal", "said"),
    [
        (Rehearsal(None, 0, 0, {}), "if db0 died now, nobody could be elected"),
        (Rehearsal("db1", 0, 3, {}, seconds=0.0), "if db0 died now, db1 would be elected it has applied all that it has received"),
        (Rehearsal("db1", 0, 3, {}, seconds=0.0), "only db0 has 3 transactions: lost, unless its binary logs can be read"),
        (Rehearsal("db1", 9, 0, {}, seconds=2.5), "it would first apply 9 transactions that it has received (2.5 s, as fast as it is now)"),
        (Rehearsal("db1", 0, 0, {}, because="it has the most data"), "db1 would be elected (it has the most data) it has"),
        (Rehearsal("db1", 1, 1, {}), "apply 1 transaction that it has received (nothing gets applied there now) only db0 has 1 transaction: lost"),
        (Rehearsal("db1", 0, None, {}), "it has applied all that it has received whether anything is only on db0 is not known"),
        (Rehearsal("db1", 0, 0, {}, "Graz"), "nothing is only on db0 at this moment if all of Graz died: nobody"),
    ],
)
def test_a_rehearsal(rehearsal: Rehearsal, said: str) -> None:
    lines = say_rehearsal(describe_rehearsal(rehearsal), "db0")
    assert said in " ".join(line.strip() for line in lines)
    assert max(map(len, lines)) <= 78


def test_statements_are_told_in_their_order_and_in_lines_that_fit() -> None:
    lines = say_rehearsal(describe_rehearsal(Rehearsal("db1", 0, 0, {}), SENT), "db0")
    assert lines[3:5] == ["it would send:", "  db1: STOP REPLICA IO_THREAD"]
    assert lines[5].startswith("  db2: CHANGE REPLICATION SOURCE TO SOURCE_PORT = 3306,")
    assert max(map(len, lines)) <= 78
    described = describe_rehearsal(Rehearsal("db1", 0, 0, {}), SENT[:1])
    assert described["statements"] == [{"server": "db1", "statement": "STOP REPLICA IO_THREAD"}]


LATE = describe_finding(Finding("lagging", HURTS, ("failover",), "db1", "lags 90 s behind", "Find out why."))
DRAWING = "db0  (MySQL, writable)\n+- db1  (MySQL)\n      <- hurts\n"
LOOK: dict[str, t.Any] = {"time": 1795369413.81, "drawing": DRAWING, "msg": "db0 is alive", "primary": {"name": "db0"}}


def test_a_report_of_a_check_is_in_tones_that_say_how_grave_each_line_is() -> None:
    look = {**LOOK, "findings": [LATE, {**LATE, "server": "db2"}], "rehearsal": describe_rehearsal(Rehearsal(None, 0, 0, {}))}
    assert say_check(look, ["and a row of the journal"]) == [
        Line("db0  (MySQL, writable)"),
        Line("+- db1  (MySQL)"),
        Line("      <- hurts", HURTS),
        Line("db0 is alive", GOOD),
        Line("if db0 died now, nobody could be elected"),
        Line("hurts [lagging] db1, db2: lags 90 s behind", HURTS),
        Line("  > Find out why."),
        Line("and a row of the journal"),
    ]
    # What it was refused for is not told as if all were well.
    assert Line("db0 is alive", GOOD) not in say_check({**look, "problems": [{"code": "lagging"}]})


@pytest.mark.parametrize(
    ("look", "said", "tone"),
    [
        ({"findings": []}, "ready", GOOD),
        ({"findings": [LATE]}, "ready (1 hurts)", HURTS),
        ({"findings": [LATE, {**LATE, "grade": BLOCKS}, {**LATE, "grade": ADVICE}, LATE]}, "not ready (1 blocks, 2 hurts, 1 advice)", BLOCKS),
        ({}, "as expected", GOOD),
        ({"problems": [{"code": "primary_dead"}]}, "not as expected", BLOCKS),
    ],
)
def test_a_report_says_first_whose_it_is_and_how_it_stands(look: dict[str, t.Any], said: str, tone: str) -> None:
    assert title_of({"time": 1795369413.81, **look}, "orders") == Line("orders, 2026-11-22 17:43:33 UTC: " + said, tone)


def test_the_grades_have_one_order() -> None:
    look = {"findings": [{**LATE, "grade": grade} for grade in reversed(GRADES)]}
    assert title_of(look, "orders").text == "orders: not ready (1 blocks, 1 hurts, 1 advice)"
    assert [line.tone for line in say_findings(look["findings"]) if line.tone] == list(reversed(GRADES))
