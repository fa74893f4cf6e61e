# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two runs on one cluster at the same time: they do not get in each other's way, and the cluster is in order afterwards."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster import held
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from sandbox import PASSWORDS, Server
from sandbox.runs.fault import Fault
from sandbox.runs.modules import find_best_replica, switch_over
from sandbox.runs.playbook import Run
from sandbox.scenes.actions import stage
from sandbox.scenes.interruption import kill_connections, while_held
from sandbox.scenes.stage import Stage
from sandbox.servers.pool import POOL
from sandbox.servers.waiting import HANGS, wait_until

pytestmark = pytest.mark.alike

ONE_OF_EACH_FAMILY = pytest.mark.server("mariadb-10.11", "mysql-9.7")

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


@ONE_OF_EACH_FAMILY
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


# What is held at a statement has that statement's time limit.
PATIENT: dict[str, Any] = {"mysql_read_timeout": 100}

# --- While one changes something no other one does


def assert_locked(run: Run) -> None:
    assert (run.returncode, run.codes) == (2, {"locked"}), run
    assert re.search(r"is being worked on by another run: connection \d+ of failover from ", run.output), run
    assert run.seconds < HANGS


@ONE_OF_EACH_FAMILY
@pytest.mark.parametrize(
    ("text", "server"),
    [("GET_LOCK", "db3"), ("SET GLOBAL read_only = 0", None), ("CHANGE ", "db3")],
    ids=["while it elects", "while it promotes", "while it repoints"],
)
def test_a_failover_that_is_at_work_keeps_another_one_off(kind: str, text: str, server: str | None) -> None:
    with stage(kind, "failover") as made:
        runs: list[Run] = []
        first = while_held(made, Fault("hold", text, server=server), lambda: runs.append(made.run(failover_candidates="db2")), **PATIENT)
        assert first.returncode == 0, first
        assert_locked(runs[0])
        assert len(made.writable()) == 1
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_a_switchover_that_is_at_work_keeps_another_one_and_a_forced_failover_off(kind: str) -> None:
    with stage(kind, "switchover") as made:
        runs: list[Run] = []

        def others() -> None:
            with ThreadPoolExecutor() as pool:
                switchover = pool.submit(made.run, switchover_to="db1")
                runs.append(made.run(**FORCED))
                runs.append(switchover.result())

        first = while_held(made, Fault("hold", "SET GLOBAL read_only = 0"), others, switchover_timeout=120, **PATIENT)
        assert first.returncode == 0, first
        for run in runs:
            assert_locked(run)
        assert made.writable() == ["db2"]
        assert made.faults_in_end() == []
        # What the remedy of locked says: the other run was waited for.
        assert_succeeds(made.run(switchover_to="db1"))
        assert made.writable() == ["db1"]


# --- What was decided is looked at again before it is acted upon

# Before the promotion locks or reads any server. The task that elects promotes as well.
ELECTED = Fault("hold-all", "GET_LOCK", place="promote")
FORCED: dict[str, Any] = {"playbook": "failover", "failover_dead_primary": "db0", "failover_force": True}
CHOSEN = Fault("hold-at-task", "end of task: dbha.mysql.switchover : Look at every member, and choose")


def meanwhile(made: Stage, act: Callable[[], None], **variables: Any) -> Run:
    """Run a failover, and do something between its election and its promotion."""
    return while_held(made, ELECTED, act, **PATIENT, **variables)


@ONE_OF_EACH_FAMILY
def test_a_switchover_that_another_one_has_overtaken_or_may_have_opens_no_second_server(kind: str) -> None:
    with stage(kind, "switchover") as made:
        run = while_held(made, CHOSEN, lambda: assert_succeeds(made.run(switchover_to="db1")))
        assert (run.returncode, run.codes) == (2, {"changed_meanwhile"}), run
        assert made.writable() == ["db1"]

        # A failover that has taken the role from a primary leaves it closed, and what it has opened need not answer here.
        primary, other = made.cluster["db1"], made.cluster["db3"]
        run = while_held(made, CHOSEN, primary.set_read_only, switchover_to="db2")
        assert (run.returncode, [(problem["code"], problem["server"]) for problem in run.problems]) == (2, [("changed_meanwhile", "db1")]), run
        assert "took writes when db2 was chosen, and is read-only now" in run.output
        assert made.writable() == []

        def open_another() -> None:
            other.set_read_only(False)
            other.pause()

        try:
            run = while_held(made, CHOSEN, open_another, switchover_to="db2")
        finally:
            other.resume()
        assert (run.returncode, [(problem["code"], problem["server"]) for problem in run.problems]) == (2, [("not_responding", "db3")]), run
        assert made.writable() == ["db3"]
        other.set_read_only()
        # What the remedies say: run again, it goes on.
        assert_succeeds(made.run(switchover_to="db2"))
        assert made.writable() == ["db2"]
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_an_old_primary_that_is_back_and_takes_writes_before_the_run_ends_is_told_of(kind: str) -> None:
    with stage(kind, "failover") as made:

        def come_back() -> None:
            made.cluster["db0"].start()
            made.cluster["db0"].set_read_only(False)

        run = while_held(made, Fault("hold", "CHANGE ", server="db3"), come_back, **PATIENT)
        assert (run.returncode, {(problem["code"], problem["server"]) for problem in run.problems}) == (2, {("two_writable", "db0")}), run
        new = run.dbha_result["new_primary"]["name"]
        assert "db0 was dead, is back, and takes writes" in run.output
        # What was begun is finished all the same: the others follow the new one.
        others = [server for server in made.cluster.replicas if server.name != new]
        assert {server.replica_status()["source_port"] for server in others} == {made.cluster[new].port}
        # What the remedy says.
        rejoin = made.run(playbook="rejoin")
        assert rejoin.returncode == 0, rejoin
        assert made.writable() == [new]


@ONE_OF_EACH_FAMILY
def test_a_switchover_back_opens_no_second_server_while_the_one_that_was_opened_does_not_answer(kind: str) -> None:
    with stage(kind, "switchover") as made:
        log = made.directory / "killed"
        assert made.run(Fault("kill-after", "SET GLOBAL read_only = 0").environment(log, made.cluster)).returncode == -9
        (name,) = made.writable()
        opened = made.cluster[name]
        opened.pause()
        try:
            run = made.run(switchover_to="db0")
        finally:
            opened.resume()
        assert (run.returncode, {(problem["code"], problem["server"]) for problem in run.problems}) == (2, {("not_responding", name)}), run
        assert made.writable() == [name]
        # What the remedy says: it was waited for.
        again, _locked = made.second_run()
        assert again.returncode == 0, again
        assert made.faults_in_end() == []


def write_to(replica: Server) -> None:
    replica.set_read_only(False)
    replica.execute("CREATE DATABASE meanwhile")
    replica.set_read_only()


def assert_succeeds(run: Run) -> None:
    assert run.returncode == 0, run


@ONE_OF_EACH_FAMILY
@pytest.mark.parametrize("answers", [True, False], ids=["and it answers", "and it hangs"])
def test_a_failover_does_not_open_a_second_server_beside_what_one_that_was_killed_has_opened(kind: str, answers: bool) -> None:
    with stage(kind, "failover") as made:

        def open_another_and_die() -> None:
            fault = Fault("kill-after", "SET GLOBAL read_only = 0")
            log = made.directory / "killed"
            assert made.run(fault.environment(log, made.cluster), failover_candidates="db2").returncode == -9
            if not answers:
                # The run that is held has logged in there already, and would wait for an answer.
                kill_connections(made.cluster["db2"])
                made.cluster["db2"].pause()

        # Whoever has less left to apply would be elected, and that may be db2.
        run = meanwhile(made, open_another_and_die, failover_candidates="db1")
        made.cluster["db2"].resume()
        assert run.returncode == 2, run
        assert run.codes == ({"changed_meanwhile"} if answers else {"outcome_unknown", "not_responding"}), run
        assert made.writable() == ["db2"]
        # A wish for another one is refused as long as that is so; without one the new primary is finished.
        wish = made.run(failover_candidates="db1")
        assert (wish.returncode, wish.codes) == (2, {"two_writable"}), wish
        assert made.writable() == ["db2"]
        assert_succeeds(made.run())
        assert made.writable() == ["db2"]
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_a_primary_that_comes_back_while_the_wanted_replica_catches_up_stays_the_primary(kind: str) -> None:
    with stage(kind, "catch-up") as made:
        before = made.cluster["db2"].replica_status()
        run = while_held(made, Fault("hold", "START REPLICA", server="db2"), made.cluster.primary.start, **PATIENT)
        assert (run.returncode, run.codes) in ((2, {"primary_alive"}), (2, {"primary_maybe_alive"})), run
        assert made.writable() == ["db0"]
        after = made.cluster["db2"].replica_status()
        assert (after["source_port"], after["receiver"]) == (made.cluster.primary.port, before["receiver"])


@ONE_OF_EACH_FAMILY
def test_a_primary_that_takes_connections_again_and_hangs_may_be_alive(kind: str) -> None:
    with stage(kind, "failover") as made:

        def come_back_and_hang() -> None:
            made.cluster.primary.start()
            made.cluster.primary.pause()

        run = meanwhile(made, come_back_and_hang)
        assert (run.returncode, run.codes) == (2, {"primary_maybe_alive"}), run
        made.cluster.primary.resume()
        assert made.writable() == ["db0"]


@ONE_OF_EACH_FAMILY
def test_a_primary_that_hung_and_answers_again_is_not_replaced_with_force_either(kind: str) -> None:
    with stage(kind, "switchover") as made:
        made.cluster.primary.pause()
        run = while_held(made, ELECTED, made.cluster.primary.resume, **PATIENT, **FORCED)
        assert (run.returncode, run.codes) in ((2, {"primary_alive"}), (2, {"primary_maybe_alive"})), run
        assert made.writable() == ["db0"]
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_a_primary_that_was_kept_from_writing_and_takes_writes_again_is_not_replaced(kind: str) -> None:
    with stage(kind, "switchover") as made:
        run = while_held(made, ELECTED, lambda: made.cluster.primary.set_read_only(False), **PATIENT, **FORCED)
        assert (run.returncode, run.codes) == (2, {"changed_meanwhile"}), run
        assert made.writable() == ["db0"]
        assert made.faults_in_end() == []


@pytest.mark.server("mariadb-10.11")
def test_a_failover_that_another_one_has_overtaken_with_another_winner_is_refused_and_does_no_harm(kind: str) -> None:
    with stage(kind, "failover") as made:

        def overtake() -> None:
            other = made.run(failover_candidates="db2")
            assert other.returncode == 0, other

        run = meanwhile(made, overtake, failover_candidates="db1")
        assert run.returncode == 2, run
        assert run.codes <= {"still_receiving", "changed_meanwhile"}, run
        assert made.writable() == ["db2"]
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
@pytest.mark.parametrize("early", [("db3",), ("db1", "db2", "db3")], ids=["one was read", "all others were read"])
def test_one_that_stood_still_in_the_middle_of_its_look_repoints_all_that_another_one_has_moved(
    kind: str, early: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Node.read
    with POOL.cluster(kind, replicas=3) as cluster, monkeypatch.context() as patch:
        all_have_begun, has_stood_still = threading.Barrier(4), threading.Event()

        def stand_still(node: Node) -> Any:
            """Read some servers, and the old primary and others only when another run has moved its role to db1."""
            state = read(node) if node.name in early else None
            all_have_begun.wait(HANGS)
            if node.name == "db0":
                patch.setattr(Node, "read", read)
                switch_over(cluster, cluster["db1"])
                time.sleep(held.YOUNG)
                has_stood_still.set()
            has_stood_still.wait(HANGS)
            return state or read(node)

        patch.setattr(Node, "read", stand_still)
        chosen = find_best_replica(cluster, purpose="switchover", to="db2", max_lag=10, replication_user="repl", replication_password=PASSWORDS["repl"])
    assert (chosen["demote"]["name"], sorted(chosen["todo"]["repoint"])) == ("db1", ["db0", "db1", "db3"])


@ONE_OF_EACH_FAMILY
def test_one_whose_threads_another_run_has_not_started_both_is_started_by_the_next(kind: str) -> None:
    """A run was cut off while it started them: the applier runs, and the receiver has never connected."""
    with stage(kind, "switchover") as made:
        replica = made.cluster["db3"]
        made.cluster.replicate(replica, start=False)
        made.thread("START", replica, "SQL_THREAD")
        run = made.run(playbook="failover")
        assert run.returncode == 0, run
        assert receives(replica)
        assert made.faults_in_end() == []


def receives(server: Server) -> bool:
    return bool(server.replica_status()["receiver"] == "Yes")


@pytest.mark.server("mysql-9.7")
def test_a_primary_that_comes_back_after_the_election_stays_the_primary(kind: str) -> None:
    with stage(kind, "failover") as made:
        run = meanwhile(made, made.cluster.primary.start)
        # On a busy machine it does not answer at once.
        assert (run.returncode, len(run.codes)) == (2, 1), run
        assert run.codes <= {"primary_alive", "primary_maybe_alive"}, run
        assert made.writable() == ["db0"]
        # They run again as they were found: the receivers, but not the appliers.
        for server in made.cluster.replicas:
            wait_until(partial(receives, server))
            made.thread("START", server, "SQL_THREAD")
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_a_primary_that_was_kept_from_writing_takes_writes_again_when_no_other_one_is_opened(kind: str) -> None:
    with stage(kind, "switchover") as made:
        run = while_held(made, ELECTED, partial(write_to, made.cluster["db1"]), **PATIENT, **FORCED, failover_candidates="db1")
        assert (run.returncode, run.codes) == (2, {"changed_meanwhile"}), run
        assert made.writable() == ["db0"]


@ONE_OF_EACH_FAMILY
def test_nor_does_it_take_writes_again_beside_one_that_may_have_been_opened_meanwhile(kind: str) -> None:
    with stage(kind, "switchover") as made:
        other = made.cluster["db2"]

        def open_another() -> None:
            other.set_read_only(False)
            kill_connections(other)
            other.pause()

        try:
            run = while_held(made, ELECTED, open_another, **PATIENT, **FORCED, failover_candidates="db1")
        finally:
            other.resume()
        assert (run.returncode, run.codes) == (2, {"outcome_unknown", "not_responding", "not_undone"}), run
        assert "db0 stays read-only, because db2 may have been opened by another run" in run.output
        assert made.writable() == ["db2"]
        # What the remedy says, where db2 takes no writes after all.
        other.set_read_only()
        made.thread("START", other, "IO_THREAD")
        made.cluster["db0"].set_read_only(False)
        assert made.faults_in_end() == []


@ONE_OF_EACH_FAMILY
def test_what_another_replica_has_received_since_the_election_is_not_lost(kind: str) -> None:
    with stage(kind, "failover") as made:
        primary, goes_on, stops = (made.cluster[name] for name in ("db0", "db2", "db3"))

        def receive_more() -> None:
            primary.start()
            primary.set_read_only(False)
            for other in (goes_on, stops):
                made.thread("START", other, "IO_THREAD")
            primary.execute("CREATE DATABASE meanwhile")
            for other in (goes_on, stops):
                made.await_received(other)
            made.thread("STOP", stops, "IO_THREAD")
            primary.kill()

        run = meanwhile(made, receive_more, failover_candidates="db1")
        assert (run.returncode, {(problem["code"], problem["server"]) for problem in run.problems}) == (
            2,
            {("changed_meanwhile", "db2"), ("changed_meanwhile", "db3")},
        ), run
        assert "the receiver of db2 runs again" in run.output
        assert re.search(r"db3 has received \d+ transactions? since db1 was elected, which db1 lacks", run.output)
        assert made.writable() == []
        # What the remedy says: it is elected anew.
        assert_succeeds(made.run())
        (new,) = made.writable()
        assert made.cluster[new].query("SHOW DATABASES LIKE 'meanwhile'")


@ONE_OF_EACH_FAMILY
def test_a_winner_that_is_written_to_after_the_election_is_not_promoted(kind: str) -> None:
    with stage(kind, "failover") as made:
        run = meanwhile(made, partial(write_to, made.cluster["db1"]), failover_candidates="db1")
        assert run.returncode == 2, run
        assert [(problem["code"], problem["server"]) for problem in run.problems] == [("changed_meanwhile", "db1")], run
        assert made.writable() == []
        assert {server.name: server.replica_status()["receiver"] for server in made.cluster.replicas} == dict.fromkeys(("db1", "db2", "db3"), "Connecting")
