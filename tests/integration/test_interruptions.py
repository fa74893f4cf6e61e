# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Killed or cut off at the most dangerous places, run again: it ends as an undisturbed run does. `make sweep` takes every statement."""

from __future__ import annotations

import pytest

from sandbox.interruption import Fault, interrupt

KINDS = pytest.mark.server("mariadb-10.11", "mysql-9.7")

OPEN, CLOSE = "SET GLOBAL read_only = 0", "read_only = 1"
FAILOVER = [
    Fault("kill-after", "STOP REPLICA IO_THREAD"),
    Fault("kill-after", OPEN),
    Fault("unanswered", OPEN),
    Fault("kill-after", "RESET REPLICA ALL"),
    Fault("unsent", "CHANGE "),
]
CATCH_UP = [
    Fault("kill-after", "CHANGE "),
    Fault("unanswered", "START REPLICA", server="db2"),
]
SWITCHOVER = [
    Fault("kill-after", CLOSE),
    Fault("unanswered", CLOSE),
    Fault("kill-after", OPEN),
    Fault("kill-after", "STOP REPLICA"),
    Fault("unanswered", "CHANGE "),
]


def assert_finished_by_the_next_run(kind: str, action: str, fault: Fault) -> None:
    outcome = interrupt(kind, action, fault)
    assert outcome.where, "there was no such statement"
    assert not outcome.wrong, "\n".join([outcome.where, *outcome.wrong])


@KINDS
@pytest.mark.parametrize("fault", FAILOVER, ids=str)
def test_an_interrupted_failover_is_finished_by_the_next_run(kind: str, fault: Fault) -> None:
    assert_finished_by_the_next_run(kind, "failover", fault)


@KINDS
@pytest.mark.parametrize("fault", CATCH_UP, ids=str)
def test_a_failover_interrupted_while_the_wanted_replica_catches_up_is_finished_by_the_next_run(kind: str, fault: Fault) -> None:
    assert_finished_by_the_next_run(kind, "catch-up", fault)


@KINDS
@pytest.mark.parametrize("fault", SWITCHOVER, ids=str)
def test_an_interrupted_switchover_is_finished_by_the_next_run(kind: str, fault: Fault) -> None:
    assert_finished_by_the_next_run(kind, "switchover", fault)


@pytest.mark.server("mysql-9.7")
def test_a_former_primary_stays_read_only_after_a_restart_though_it_was_not_told_at_first(kind: str) -> None:
    assert_finished_by_the_next_run(kind, "switchover", Fault("unsent", "SET PERSIST super_read_only = 1"))


@pytest.mark.server("mariadb-10.11")
@pytest.mark.parametrize("task", ["Stop receiving, elect and drain", "Promote"])
def test_a_failover_killed_between_two_tasks_is_finished_by_the_next_run(kind: str, task: str) -> None:
    assert_finished_by_the_next_run(kind, "failover", Fault("kill-at-task", f"end of task: dbha.mysql.failover : {task}"))


@pytest.mark.server("mysql-9.7")
def test_a_switchover_killed_between_two_tasks_is_finished_by_the_next_run(kind: str) -> None:
    assert_finished_by_the_next_run(kind, "switchover", Fault("kill-at-task", "end of task: dbha.mysql.switchover : Hand the role over"))
