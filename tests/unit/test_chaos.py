# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``make chaos`` draws, and what it makes of what came of it: the part of it that needs no server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.tests.chaos.plan import DEATHS, INTERRUPTIONS, OUT_OF_REACH, REPLICAS, TROUBLES, draw
from ansible_collections.dbha.mysql.tests.chaos.report import figures, longest_gap, percentile, reasons, rows_in, seeds, table

ROUNDS = 300


def test_a_seed_and_a_number_are_all_that_counts() -> None:
    assert draw(7, 3, "mariadb-10.11") == draw(7, 3, "mariadb-10.11")
    assert len({str(draw(seed, number, "mysql-9.7")) for seed in (1, 2) for number in range(50)}) > 50


def test_what_was_carried_out_before_there_was_a_watcher_is_drawn_as_it_was() -> None:
    assert str(draw(2026, 140, "mysql-9.7")).startswith(
        "failover; the primary is restarted; killed (replica 2, 0.7 s after the start); run: twice after 0.7 s; those that do not answer are left out"
    )
    assert str(draw(2026, 43, "mysql-9.7")).startswith("failover; the primary is killed; semi-sync; both stopped (replica 1); no replica receives what is")


def test_in_as_many_rounds_as_are_published_everything_happens() -> None:
    plans = [draw(1, number, "mysql-9.7") for number in range(ROUNDS)]
    assert {plan.action for plan in plans} == {"failover", "switchover"}
    assert {plan.death for plan in plans} == {*DEATHS, ""}
    assert {plan.then for plan in plans} == {"", "resumed", "killed", "forced"}
    assert {trouble.what for plan in plans for trouble in plan.troubles} == set(TROUBLES)
    assert {trouble.replica for plan in plans for trouble in plan.troubles} == set(range(REPLICAS))
    assert {trouble.after is None for plan in plans for trouble in plan.troubles} == {True, False}
    assert {len(plan.troubles) for plan in plans} == set(range(REPLICAS + 1))
    assert {plan.interruption for plan in plans} == {"", "twice", *INTERRUPTIONS}
    for name in ("semi_sync", "proceed", "lock_on_primary", "unreceived", "watched"):
        assert {getattr(plan, name) for plan in plans} == {True, False}
    assert {plan.overwrite for plan in plans} == {"replay", "clone", "rebuild"}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_what_is_drawn_makes_sense(number: int) -> None:
    plan = draw(1, number, "mariadb-10.11")
    assert bool(plan.death) == (plan.action == "failover")
    assert plan.to is None or plan.action == "switchover"
    assert plan.overwrite == "rebuild"
    if plan.proceed:
        # With semi-synchronous replication it would be allowed to lose what was promised to be safe.
        assert not plan.semi_sync
        assert "replica" in plan.death or any(trouble.what in OUT_OF_REACH for trouble in plan.troubles)
    assert str(plan).startswith(plan.action)


def test_a_server_is_asked_for_nothing_that_it_has_not() -> None:
    plans = [draw(1, number, "mysql-5.6") for number in range(ROUNDS)]
    assert {plan.semi_sync for plan in plans} == {False}
    assert {plan.overwrite for plan in plans} == {"replay"}


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.99, 0.0), ([3.0], 0.99, 3.0), ([float(each) for each in range(1, 101)], 0.99, 99.0), ([2.0, 1.0], 0.5, 1.0), ([5.0, 1.0, 9.0], 1.0, 9.0)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ([1.0, 2.0, 9.9, 10.5, 12.0], 8.0),  # the pause after the last row counts, too
        ([1.0, 9.0, 13.0, 19.5], 6.5),
        ([8.0, 13.0, 20.0], 7.0),  # begins after it
        ([0.0, 9.0, 9.9, 10.1, 19.9], 9.8),  # what was before does not count
        ([], 0.0),
    ],
)
def test_the_longest_time_without_a_write(moments: list[float], expected: float) -> None:
    assert longest_gap(moments, 10.0, 20.0) == pytest.approx(expected)


def test_the_rows_that_were_saved_are_read_from_what_the_tools_write(tmp_path: Path) -> None:
    sql = tmp_path / "transactions.sql"
    sql.write_text("### INSERT INTO `dbha_demo`.`rows`\n### SET\n###   @1=17 /* LONGINT */\n###   @2=1\n### INSERT\n### SET\n###   @1=4\n# @1=5\n")
    assert rows_in(sql) == {17, 4}


def record(**told: Any) -> dict[str, Any]:
    ordinary: dict[str, Any] = {
        "kind": "mysql-9.7", "seed": 1, "round": 1, "action": "failover", "semi_sync": False, "again": [], "acknowledged": 1000, "missing": 0, "named": 0,
        "unnamed": 0, "received_and_lost": 0, "differ": [], "two": [], "gap": 2.0, "findings": [], "watched": True, "told_after": None, "false_alarms": 0,
        "untold": 0,
    }  # fmt: skip
    return {**ordinary, **told}


def test_what_is_published_is_counted() -> None:
    records = [
        record(),
        record(round=2, semi_sync=True, missing=5, forced=2, findings=["lost"]),
        record(round=3, named=2, missing=5, unnamed=3, differ=["db1"], again=["locked"], gap=9.0),
        record(round=4, action="switchover", gap=0.5, two=["db0", "db1"], again=["locked", "unreachable"]),
    ]
    records[0].update(told_after=0.5)
    records[1].update(told_after=1.5, false_alarms=1)
    records[2].update(untold=1)
    # Of one that was carried out before there was a watcher, nothing is known.
    for name in ("watched", "told_after", "false_alarms", "untold"):
        del records[3][name]
    told = figures(records)
    assert told["rounds"] == "4"
    assert told["failovers, switchovers"] == "3, 1"
    assert told["rows acknowledged"] == "4,000"
    assert told["acknowledged rows lost with semi-sync"] == "3"
    assert told["… beside those of a MySQL that was shut down without a replica"] == "2"
    assert told["without: only the old primary had them, saved and named"] == "2"
    assert told["without: lost, and named nowhere"] == "3"
    assert told["servers that differ in the end"] == "1"
    assert told["two servers took writes at once"] == "1"
    assert told["rounds that needed a second run"] == "2 (50%)"
    assert told["no write accepted, failovers"] == "2.0 / 9.0 / 9.0 s"
    assert told["… where one run was enough"] == "2.0 / 2.0 / 2.0 s"
    assert told["rounds with findings"] == "1"
    assert told["watched rounds"] == "3"
    assert told["… in which the watcher started the failover"] == "2"
    assert told["… until it said that the primary is dead"] == "1.0 / 1.5 / 1.5 s"
    assert told["living primaries that it called dead"] == "1"
    assert told["dead primaries of which it said nothing"] == "1"
    assert reasons(records) == {"locked": 2, "unreachable": 1}
    assert list(seeds(records)) == ["mysql-9.7: seed 1, rounds 1 to 4"]


def test_each_kind_of_server_has_its_column() -> None:
    lines = list(table([record(), record(kind="mysql-5.6"), record()]))
    assert lines[0] == "| | mysql-9.7 | mysql-5.6 |"
    assert lines[2] == "| rounds | 2 | 1 |"
    assert {line.count("|") for line in lines} == {4}
    assert list(table([])) == ["| |  |", "| --- |"]
