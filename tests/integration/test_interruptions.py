# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Killed or cut off at the most dangerous places, run again: it ends as an undisturbed run does. `make sweep` takes every statement."""

from __future__ import annotations

import pytest

from sandbox.interruption import Fault, interrupt

OPEN, CLOSE = "SET GLOBAL read_only = 0", "read_only = 1"
# Some of what the sweep does everywhere.
MARIADB = [
    ("failover", Fault("kill-after", "STOP REPLICA IO_THREAD")),
    ("failover", Fault("unanswered", OPEN)),
    ("failover", Fault("kill-at-task", "end of task: dbha.mysql.failover : Promote")),
    ("failover", Fault("unsent", "CHANGE ")),
    ("catch-up", Fault("unanswered", "START REPLICA", server="db2")),
    ("switchover", Fault("kill-after", CLOSE)),
    ("switchover", Fault("kill-after", OPEN)),
]
MYSQL = [
    ("failover", Fault("kill-after", OPEN)),
    ("failover", Fault("kill-after", "RESET REPLICA ALL")),
    ("catch-up", Fault("kill-after", "CHANGE ")),
    ("switchover", Fault("unanswered", CLOSE)),
    ("switchover", Fault("kill-at-task", "end of task: dbha.mysql.switchover : Hand the role over")),
    # The former primary stays read-only after a restart though it was not told at first.
    ("switchover", Fault("unsent", "SET PERSIST super_read_only = 1")),
]


def assert_finished_by_the_next_run(kind: str, action: str, fault: Fault) -> None:
    outcome = interrupt(kind, action, fault)
    assert outcome.where, "there was no such statement"
    assert not outcome.wrong, "\n".join([outcome.where, *outcome.wrong])


@pytest.mark.server("mariadb-10.11")
@pytest.mark.parametrize(("action", "fault"), MARIADB, ids=str)
def test_what_is_interrupted_on_mariadb_is_finished_by_the_next_run(kind: str, action: str, fault: Fault) -> None:
    assert_finished_by_the_next_run(kind, action, fault)


@pytest.mark.server("mysql-9.7")
@pytest.mark.parametrize(("action", "fault"), MYSQL, ids=str)
def test_what_is_interrupted_on_mysql_is_finished_by_the_next_run(kind: str, action: str, fault: Fault) -> None:
    assert_finished_by_the_next_run(kind, action, fault)
