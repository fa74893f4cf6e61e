# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs on one cluster at the same time: they do not get in each other's way, and the cluster is in order afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from sandbox import Server
from sandbox.interruption import Fault, Stage, stage
from sandbox.playbook import Run
from sandbox.scene import wait_until

# What a run may be refused with that another one is ahead of.
# Once the other one has ended, the dead primary is a member that does not answer, as any other.
OVERTAKEN = {
    "locked",
    "unreachable",
    "changed_meanwhile",
    "still_receiving",
    "primary_alive",
    "outcome_unknown",
    "statement_failed",
    "not_replicating",
    "not_promoted",
}


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
@pytest.mark.parametrize("head_start", [0.0, 0.3])
def test_of_two_failovers_at_once_one_succeeds_and_the_other_does_no_harm(kind: str, head_start: float) -> None:
    with stage(kind, "failover") as made, ThreadPoolExecutor() as pool:

        def start(delay: float) -> Run:
            time.sleep(delay)
            return made.run()

        runs = list(pool.map(start, [0.0, head_start]))
        assert len(made.writable()) == 1
        for run in runs:
            assert run.returncode == 0 or run.codes <= OVERTAKEN, run
        last = made.run()
        assert last.returncode == 0, last
        assert made.faults_in_end() == []


# --- What was decided is looked at again before it is acted upon


def meanwhile(made: Stage, act: Callable[[], None]) -> Run:
    """Run a failover, and do something between its election and its promotion."""
    fault = Fault("hold-at-task", "end of task: dbha.mysql.failover : Stop receiving, elect and drain")
    with ThreadPoolExecutor() as pool:
        run = pool.submit(made.run, fault.environment(made.log, made.cluster))
        try:
            wait_until(lambda: run.done() or Path(f"{made.log}.done").exists(), timeout=60)
            act()
        finally:
            Path(f"{made.log}.go").touch()
        return run.result()


@pytest.mark.server("mariadb-10.11")
def test_a_failover_that_another_one_has_overtaken_with_another_winner_is_refused_and_does_no_harm(kind: str) -> None:
    with stage(kind, "failover") as made:

        def overtake() -> None:
            other = made.run(failover_candidates="db2")
            assert other.returncode == 0, other

        run = meanwhile(made, overtake)
        assert run.returncode == 2, run
        assert run.codes <= {"still_receiving", "changed_meanwhile"}, run
        assert made.writable() == ["db2"]
        assert made.faults_in_end() == []


def receives(server: Server) -> bool:
    return bool(server.replica_status()["receiver"] == "Yes")


@pytest.mark.server("mysql-9.7")
def test_a_primary_that_comes_back_after_the_election_stays_the_primary(kind: str) -> None:
    with stage(kind, "failover") as made:
        run = meanwhile(made, made.cluster.primary.start)
        assert run.returncode == 2, run
        assert run.codes == {"primary_alive"}, run
        assert made.writable() == ["db0"]
        # They run again as they were found: the receivers, but not the appliers.
        for server in made.cluster.replicas:
            wait_until(partial(receives, server))
            made.thread("START", server, "SQL_THREAD")
        assert made.faults_in_end() == []


@pytest.mark.server("mariadb-10.11")
def test_a_winner_that_is_written_to_after_the_election_is_not_promoted(kind: str) -> None:
    with stage(kind, "failover") as made:
        run = meanwhile(made, lambda: made.cluster["db1"].execute_all("CREATE DATABASE meanwhile"))
        assert run.returncode == 2, run
        assert [(problem["code"], problem["server"]) for problem in run.problems] == [("changed_meanwhile", "db1")], run
        assert made.writable() == []
        assert {server.name: server.replica_status()["receiver"] for server in made.cluster.replicas} == dict.fromkeys(("db1", "db2", "db3"), "Connecting")
