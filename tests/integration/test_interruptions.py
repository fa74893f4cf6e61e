# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Killed or cut off at the most dangerous places, run again: it ends as an undisturbed run does. `make sweep` takes every statement."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from subprocess import TimeoutExpired

import pytest

from sandbox.runs.fault import Fault, watching
from sandbox.scenes.actions import stage
from sandbox.scenes.interruption import Clean, Outcome, Sent, interrupt, overtake
from sandbox.scenes.stage import Stage
from sandbox.servers.waiting import HANGS
from sandbox.tools import sweep

pytestmark = pytest.mark.alike

ONE_OF_EACH_FAMILY = pytest.mark.server("mariadb-10.11", "mysql-9.7")

OPEN, CLOSE = "SET GLOBAL read_only = 0", "read_only = 1"
# Some of what the sweep does everywhere: each way of interrupting, with both families.
MARIADB = [
    ("failover", Fault("kill-after", "STOP REPLICA IO_THREAD")),
    ("failover", Fault("unanswered", OPEN)),
    ("failover", Fault("kill-before", "CHANGE ")),
    ("catch-up", Fault("unsent", "START REPLICA", server="db2")),
    ("relay-logs", Fault("kill-after", "RELAY_LOG_FILE")),
    ("undone", Fault("kill-before", "START REPLICA IO_THREAD")),
    ("switchover", Fault("kill-after", CLOSE)),
    ("switchover", Fault("kill-at-task", "end of task: dbha.mysql.switchover : Hand the role over")),
    # The former primary waits for acknowledgements no more though it was not told at first.
    ("switchover-full", Fault("unsent", "SET GLOBAL rpl_semi_sync_master_enabled = 0", server="db0")),
]
MYSQL = [
    ("failover", Fault("kill-before", OPEN)),
    ("failover", Fault("kill-at-task", "end of task: dbha.mysql.failover : Promote")),
    ("failover", Fault("unanswered", "RESET REPLICA ALL")),
    ("catch-up", Fault("kill-after", "CHANGE ")),
    ("forced", Fault("unsent", OPEN)),
    # The former primary stays read-only after a restart though it was not told at first.
    ("switchover", Fault("unsent", "SET PERSIST super_read_only = 1")),
    ("switchover-full", Fault("kill-after", "KILL ")),
]


def assert_finished_by_the_next_run(kind: str, action: str, fault: Fault) -> None:
    outcome = interrupt(kind, action, fault)
    assert outcome.where, "there was no such statement"
    assert not outcome.wrong, "\n".join([outcome.where, *outcome.wrong])


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
        assert (back.returncode, back.codes) == (2, {"switchover_unfinished"}), back
        assert made.writable() == ["db2"]
        # What the remedy says.
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


# --- Standing still while others go by: `make sweep` does it at every statement, too


@ONE_OF_EACH_FAMILY
def test_a_switchover_that_stood_still_while_others_went_by_does_no_harm(kind: str) -> None:
    assert_harmless(kind, "switchover", Fault("overtaken-back", OPEN))


@pytest.mark.server("mariadb-10.11")
def test_a_failover_that_stood_still_while_others_went_by_does_no_harm(kind: str) -> None:
    assert_harmless(kind, "catch-up", Fault("overtaken-rejoin", "CHANGE "))


def assert_harmless(kind: str, action: str, fault: Fault) -> None:
    outcome = overtake(kind, action, fault)
    assert outcome.where, "there was no such statement"
    assert not outcome.wrong, "\n".join([outcome.where, *outcome.wrong])


# --- Ctrl-C


@ONE_OF_EACH_FAMILY
def test_ctrl_c_ends_a_failover_that_waits_for_a_replica_at_once_and_the_next_run_finishes_it(kind: str) -> None:
    with stage(kind, "undone") as made:
        run = made.run(Fault("ctrl-c", "WAIT").environment(made.log, made.cluster), failover_drain_timeout=10 * HANGS)
        assert Path(f"{made.log}.done").exists(), run
        assert "User interrupted execution" in run.output
        assert run.seconds < HANGS, run
        assert made.writable() == []
        made.remove_hindrances()
        again, _locked = made.second_run()
        assert again.returncode == 0, again
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_a_switchover_that_ctrl_c_ends_while_nobody_may_write_is_finished_by_the_next_run(kind: str) -> None:
    assert_finished_by_the_next_run(kind, "switchover", Fault("ctrl-c", "SELECT @@GLOBAL.read_only"))


# --- A time limit of Ansible's for the task


def threads(made: Stage) -> dict[str, tuple[str, str]]:
    statuses = {server.name: server.replica_status() for server in made.cluster.replicas}
    return {name: (status["receiver"], status["applier"]) for name, status in statuses.items()}


def assert_undone_and_done_by_the_next_run(made: Stage, before: dict[str, tuple[str, str]]) -> None:
    assert threads(made) == before
    assert made.writable() == []
    made.remove_hindrances()
    again = made.run()
    assert again.returncode == 0, again
    assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_a_task_whose_time_is_up_ends_at_once_and_is_undone_while_its_locks_are_held(kind: str) -> None:
    with stage(kind, "undone") as made:
        before = threads(made)
        environment = {**watching(made.log), "ANSIBLE_TASK_TIMEOUT": "3"}
        run = made.run(environment, failover_drain_timeout=HANGS - 10)
        assert run.returncode == 2, run
        assert "Timed out after 3 second(s)" in run.output, run
        assert run.seconds < HANGS / 2, run
        assert "WAIT" in made.log.read_text(encoding="utf-8")
        assert_undone_and_done_by_the_next_run(made, before)


@ONE_OF_EACH_FAMILY
def test_a_promotion_whose_time_is_up_ends_at_once_and_what_was_elected_is_undone(kind: str) -> None:
    with stage(kind, "catch-up") as made:
        before, wanted = threads(made), made.cluster["db2"]
        # It catches up from another one, and cannot.
        made.lock_table(wanted, "rows", "READ")
        run = made.run({"ANSIBLE_TASK_TIMEOUT": "8"}, failover_drain_timeout=HANGS - 10)
        assert run.returncode == 2, run
        assert [task.action.rpartition(".")[2] for task in run.tasks if task.status == "failed"] == ["mysql_promote"], run
        assert "Timed out after 8 second(s)" in run.output, run
        assert_undone_and_done_by_the_next_run(made, before)


@ONE_OF_EACH_FAMILY
def test_a_check_whose_time_is_up_does_not_wait_for_a_server_that_hangs(kind: str) -> None:
    with stage(kind, "switchover") as made:
        hanging = made.cluster["db1"]
        hanging.pause()
        try:
            run = made.check(environment={"ANSIBLE_TASK_TIMEOUT": "2"}, mysql_connect_timeout=HANGS - 10)
        finally:
            hanging.resume()
        assert run.returncode == 2, run
        assert run.seconds < HANGS / 2, run


# --- What the sweep makes of a point


def outcome_of(monkeypatch: pytest.MonkeyPatch, *came: Outcome | Exception) -> Outcome:
    """Sweep one point that comes to this, the one after the other."""
    coming = iter(came)

    def come(*_point: object) -> Outcome:
        outcome = next(coming)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(sweep, "interrupt", come)
    return sweep.sweep("mariadb-10.11", "failover", Fault("kill-after", OPEN))[0]


MISSED, PASSED = Outcome("", wrong=("it did not come up",)), Outcome(OPEN, "killed", "between")


def test_a_point_that_does_not_come_up_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome_of(monkeypatch, MISSED, MISSED, PASSED) == PASSED


def test_a_point_that_never_comes_up_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome_of(monkeypatch, *[MISSED] * 5).wrong == ("it did not come up",)


def test_what_goes_wrong_at_a_point_is_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome_of(monkeypatch, TimeoutExpired("ansible-playbook", 120)).wrong == ("TimeoutExpired: Command 'ansible-playbook' timed out after 120 seconds",)


def test_each_that_goes_by_is_met_where_something_is_changed_and_one_of_them_where_not() -> None:
    sent = [Sent(server, "act:1", text) for server in ("db1", "db3") for text in ("SET GLOBAL read_only = 0", "SHOW GRANTS")]
    found = {}
    for everything in (False, True):
        faults = sweep.points(Clean(tuple(sent), (), {}), "" if everything else "db3", ["failover", "rejoin"], everything=everything)
        found[everything] = Counter(fault.text for fault in faults if fault.mode.startswith("overtaken-"))
    assert found == {False: {"SET GLOBAL read_only = 0": 2, "SHOW GRANTS": 1}, True: {"SET GLOBAL read_only = 0": 4, "SHOW GRANTS": 4}}


def test_a_sweep_is_taken_up_only_with_the_same_code(tmp_path: Path) -> None:
    file = tmp_path / "sweep.jsonl"
    results = sweep.Results(file, "this code", resume=False)
    results.add("passed", PASSED)
    results.add("failed", MISSED)
    again = sweep.Results(file, "this code", resume=True)
    assert (again.passed("passed"), again.passed("failed")) == (True, False)
    assert not sweep.Results(file, "other code", resume=True).outcomes
    assert not sweep.Results(file, "this code", resume=True).outcomes
