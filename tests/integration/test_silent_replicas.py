# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A replica that stops answering in the middle of a failover: failover_unreachable decides, and what was done on the others is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import Server
from sandbox.runs.fault import Fault
from sandbox.runs.playbook import Run
from sandbox.scenes.actions import stage
from sandbox.scenes.interruption import while_held
from sandbox.scenes.stage import Stage
from sandbox.servers.waiting import HANGS, wait_until

pytestmark = pytest.mark.alike

KINDS = pytest.mark.server("mariadb-10.11", "mysql-9.7")

READ_TIMEOUT = 10
"""The default of the modules."""

CONNECT_TIMEOUT = 3

LOCK = Fault("die", "GET_LOCK", 1, "db3")
STOP = Fault("die", "STOP REPLICA IO_THREAD", 1, "db3")
# The look after receiving has been stopped, on which the election is decided: the second after the first one, which lists variables.
LOOK = Fault("die", "@@GLOBAL.server_id", 2, "db3")


@contextmanager
def failover_to_db1(kind: str) -> Iterator[Stage]:
    """A failover in which db1 is wanted: all have received the same, and whoever has applied the most of it by then would be elected."""
    with stage(kind, "failover") as made:
        made.action = replace(made.action, variables={"failover_candidates": "db1"})
        yield made


def carry_out(made: Stage, fault: Fault, unreachable: str) -> Run:
    run = made.run(fault.environment(made.log, made.cluster), failover_unreachable=unreachable)
    assert Path(f"{made.log}.done").exists(), f"there was no such statement\n{run}"
    return run


def rename_account(server: Server, name: str, new_name: str) -> None:
    """Let nobody log in any more as this user, on this replica only."""
    server.set_read_only(False)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("RENAME USER %s@'%%' TO %s@'%%'", (name, new_name))
    server.set_read_only()


def places(made: Stage, *names: str) -> dict[str, str | None]:
    """Tell whom servers follow."""
    by_port = {server.port: server.name for server in made.cluster.servers.values()}
    statuses = {name: made.cluster[name].replica_status() for name in names}
    return {name: by_port[status["source_port"]] if status else None for name, status in statuses.items()}


@KINDS
def test_one_that_dies_before_the_election_is_refused_and_nothing_is_changed_on_the_others(kind: str) -> None:
    with failover_to_db1(kind) as made:
        run = carry_out(made, LOCK if kind == "mysql-9.7" else STOP, "refuse")
        assert run.returncode == 2, run
        assert {(problem["code"], problem["server"]) for problem in run.problems} == {("outcome_unknown", "db3")}, run
        assert made.writable() == []
        for name in ("db1", "db2"):
            status = made.cluster[name].replica_status()
            assert (status["receiver"], status["applier"]) == ("Connecting", "No")

        without = made.run(failover_unreachable="proceed")
        assert without.returncode == 0, without
        assert made.faults_in_end() == []


@pytest.mark.server("mysql-9.7")
def test_those_that_are_silent_from_the_start_are_done_without_if_that_is_how_the_user_wants_it(kind: str) -> None:
    with failover_to_db1(kind) as made:
        rename_account(made.cluster["db2"], "failover", "away")
        made.cluster["db3"].pause()
        run = made.run(failover_unreachable="proceed")
        made.cluster["db3"].resume()
        rename_account(made.cluster["db2"], "away", "failover")
        assert run.returncode == 0, run
        assert "[login_refused] db2" in run.output
        assert "[not_responding] db3" in run.output
        assert "nothing is lost of what db1 has received; what only db2 or db3 received is not known" in run.output
        waits = [
            [step for step in task.result["timeline"] if (step["step"], step["server"]) == ("connect", "db3") and step["seconds"] > CONNECT_TIMEOUT - 1]
            for task in run.tasks
            if "timeline" in task.result
        ]
        assert sum(map(len, waits)) > 0, run
        assert max(map(len, waits)) == 1, run  # each module asks it once
        assert places(made, "db1", "db2", "db3") == {"db1": None, "db2": "db0", "db3": "db0"}

        again = made.run()
        assert again.returncode == 0, again
        assert made.faults_in_end() == []


@pytest.mark.server("mariadb-10.11")
def test_one_that_lets_us_in_no_more_after_the_election_may_have_been_opened_since_and_is_refused(kind: str) -> None:
    with failover_to_db1(kind) as made:
        # Before the last statement of the election: all are logged in by then, and the promotion, which comes next, logs in anew.
        elected = replace(LOOK, mode="hold", server="db1")
        run = while_held(made, elected, lambda: rename_account(made.cluster["db3"], "failover", "away"), mysql_read_timeout=100)
        assert run.returncode == 2, run
        assert {(problem["code"], problem["server"]) for problem in run.problems} == {("login_refused", "db3")}, run
        assert "it may have been opened since db1 was chosen" in run.output
        assert made.writable() == []
        assert places(made, "db1", "db2", "db3") == {"db1": "db0", "db2": "db0", "db3": "db0"}

        # What the remedy says: the account may log in again.
        rename_account(made.cluster["db3"], "away", "failover")
        again = made.run()
        assert again.returncode == 0, again
        assert made.faults_in_end() == []


@KINDS
@pytest.mark.parametrize("when", ["locking", "deciding"])
def test_one_that_dies_before_the_election_is_done_without_if_that_is_how_the_user_wants_it(kind: str, when: str) -> None:
    with failover_to_db1(kind) as made:
        run = carry_out(made, LOCK if when == "locking" else LOOK, "proceed")
        assert run.returncode == 0, run
        assert made.faults_in_end() == []


@KINDS
def test_when_the_best_one_dies_before_it_takes_writes_the_next_run_takes_another_and_no_row_is_lost(kind: str) -> None:
    with failover_to_db1(kind) as made:
        # While it applies what it has received; when it is opened.
        text = "WAIT_FOR_EXECUTED_GTID_SET" if kind == "mysql-9.7" else "SET GLOBAL read_only = 0"
        run = carry_out(made, Fault("die", text, 1, "db1"), "proceed")
        assert run.returncode == 2, run
        assert ("outcome_unknown", "db1") in {(problem["code"], problem["server"]) for problem in run.problems}, run
        assert made.writable() == []

        assert made.run().codes & {"unreachable"}
        assert made.writable() == []
        # What the remedy of unreachable says: the user knows that it does not hold what no other server has.
        proceeding = made.run(failover_unreachable="proceed")
        assert proceeding.returncode == 0, proceeding
        assert made.faults_in_end() == []


@KINDS
def test_one_that_dies_while_it_is_repointed_is_named_and_the_others_are_repointed(kind: str) -> None:
    with failover_to_db1(kind) as made:
        run = carry_out(made, Fault("die", "CHANGE ", 1, "db3"), "refuse")
        assert run.returncode == 2, run
        assert {(problem["code"], problem["server"]) for problem in run.problems} == {("outcome_unknown", "db3")}, run
        assert {each["name"]: each["replicating"] for each in run.dbha_result["replicas"]} == {"db2": True, "db3": False}
        assert made.faults_in_end() == []


@KINDS
def test_the_best_one_is_taken_up_again_where_it_was_paused_before_it_took_writes(kind: str) -> None:
    with failover_to_db1(kind) as made:
        # While it applies what it has received; when it is opened.
        text = "WAIT_FOR_EXECUTED_GTID_SET" if kind == "mysql-9.7" else "SET GLOBAL read_only = 0"
        run = carry_out(made, Fault("pause", text, 1, "db1"), "proceed")
        made.cluster["db1"].resume()
        assert run.returncode == 2, run
        assert ("outcome_unknown", "db1") in {(problem["code"], problem["server"]) for problem in run.problems}, run
        assert run.seconds < HANGS, run
        # What the remedy says.
        again = made.run()
        assert again.returncode == 0, again
        assert made.writable() == ["db1"]
        assert made.faults_in_end() == []


@KINDS
def test_one_that_is_paused_before_the_election_costs_its_time_limit_and_no_more(kind: str) -> None:
    with failover_to_db1(kind) as made:
        run = carry_out(made, replace(LOCK if kind == "mysql-9.7" else STOP, mode="pause"), "proceed")
        made.cluster["db3"].resume()
        assert run.returncode == 0, run
        assert places(made, "db1", "db2", "db3") == {"db1": None, "db2": "db1", "db3": "db0"}
        looks = [step["seconds"] for task in run.tasks for step in task.result.get("timeline", []) if step["step"] == "look"]
        assert max(looks) < READ_TIMEOUT - 1, run
        assert run.seconds < HANGS, run

        again = made.run()
        assert again.returncode == 0, again
        assert made.faults_in_end() == []


@pytest.mark.server("mariadb-10.11")
def test_one_that_is_paused_while_it_is_repointed_costs_its_time_limit_and_no_more(kind: str) -> None:
    with failover_to_db1(kind) as made:
        run = carry_out(made, Fault("pause", "CHANGE ", 1, "db3"), "refuse")
        assert run.returncode == 2, run
        assert {(problem["code"], problem["server"]) for problem in run.problems} == {("outcome_unknown", "db3")}, run
        steps = [step for task in run.tasks for step in task.result.get("timeline", []) if step["seconds"] >= READ_TIMEOUT - 1]
        assert [(step["step"], step["server"]) for step in steps] == [("repoint", "db3")], run
        assert run.seconds < HANGS, run
        assert places(made, "db1", "db2") == {"db1": None, "db2": "db1"}

        made.cluster["db3"].resume()
        wait_until(lambda: made.cluster["db3"].replica_status()["source_port"] == made.cluster["db1"].port)
        again = made.run()
        assert again.returncode == 0, again
        assert made.faults_in_end() == []
