# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Killed or cut off at the most dangerous places, run again: it ends as an undisturbed run does. `make sweep` takes every statement."""

from __future__ import annotations

import pytest

from sandbox.interruption import Fault, interrupt, stage

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


ONE_OF_EACH_FAMILY = pytest.mark.server("mariadb-10.11", "mysql-9.7")


@ONE_OF_EACH_FAMILY
def test_an_interrupted_switchover_can_be_taken_back_as_long_as_no_other_server_is_open(kind: str) -> None:
    with stage(kind, "switchover") as made:
        made.cluster.primary.execute("CREATE DEFINER = 'app'@'%' EVENT dbha_demo.a ON SCHEDULE EVERY 1 DAY DO DO 1")
        made.cluster.wait_in_sync()
        assert made.run(Fault("kill-after", CLOSE).environment(made.log, made.cluster)).returncode == -9
        assert made.writable() == []
        # Nothing else is said to be in order meanwhile.
        failover = made.failover()
        assert (failover.returncode, failover.changed) == (2, 0), failover
        assert "[primary_read_only]" in failover.output
        back = made.run(switchover_to="db0")
        assert back.returncode == 0, back
        assert made.writable() == ["db0"]
        assert made.cluster.primary.value("SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_NAME = 'a'") == "ENABLED"
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_an_interrupted_switchover_that_has_opened_the_new_primary_is_not_taken_back_but_finished(kind: str) -> None:
    with stage(kind, "switchover") as made:
        fault = Fault("kill-at-task", "end of task: dbha.mysql.switchover : Hand the role over")
        assert made.run(fault.environment(made.log, made.cluster)).returncode == -9
        back = made.run(switchover_to="db0")
        assert (back.returncode, back.codes) == (2, {"two_writable"}), back
        assert made.writable() == ["db2"]
        last = made.run()
        assert last.returncode == 0, last
        assert made.writable() == ["db2"]
        assert made.faults_in_end() == []


@pytest.mark.server("mariadb-10.11")
@pytest.mark.parametrize(("action", "fault"), MARIADB, ids=str)
def test_what_is_interrupted_on_mariadb_is_finished_by_the_next_run(kind: str, action: str, fault: Fault) -> None:
    assert_finished_by_the_next_run(kind, action, fault)


@pytest.mark.server("mysql-9.7")
@pytest.mark.parametrize(("action", "fault"), MYSQL, ids=str)
def test_what_is_interrupted_on_mysql_is_finished_by_the_next_run(kind: str, action: str, fault: Fault) -> None:
    assert_finished_by_the_next_run(kind, action, fault)
