# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decide, lock, look again, decide anew: in which order, what is refused, and what is asked right before the point of no return.

The cluster is a stand-in that notes what it is asked for. That a server releases the lock of a connection that ends is tested on real ones.
"""

from __future__ import annotations

import time
import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster import held as module
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import YOUNG, Held, since_boot
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster as topology_of
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import living, replica

LOCKED = Problem("locked", "db1", "db1 is being worked on by another run")
SILENT = Problem("outcome_unknown", "db2", "db2 did not answer")
LOST = Problem("changed_meanwhile", "db1", "other runs are no longer kept off db1")


class FakeCluster:
    """A cluster whose looks are given: what is read of it is a text, and a decision is the names in that text."""

    def __init__(self, *looks: str, problems: t.Sequence[Problem] = (), seconds: t.Sequence[float] = (), check_mode: bool = False) -> None:
        self.journal = Journal()
        self.check_mode = check_mode
        self.locks: list[str] = []
        self.events: list[str] = []
        self.now = 1000.0
        self.lost: list[Problem] = []
        self.regained: Problem | None = None
        self.planned: Topology | None = None
        self._looks = list(looks)
        self._problems = {problem.server: problem for problem in problems}
        self._seconds = list(seconds)

    def lock(self, names: t.Iterable[str], seconds: float) -> list[Problem]:
        chosen = list(names)
        self.events.append(f"lock {' '.join(chosen)} for {seconds:g} s")
        self.locks += [name for name in chosen if name not in self._problems]
        return [self._problems[name] for name in chosen if name in self._problems]

    def hold(self, seconds: float) -> list[Problem]:
        self.events.append(f"hold for {seconds:g} s")
        self.locks += [name for name in ("db1", "db2") if name not in self._problems]
        return list(self._problems.values())

    def look_again(self, topology: str, *, found_dead: t.Sequence[str] = (), asks_unread: bool = False) -> str:
        self.events.append(" ".join(["look", *found_dead, *(["and who could not be read"] if asks_unread else [])]))
        self.now += self._seconds.pop(0) if self._seconds else 0.01
        return self._looks.pop(0) if self._looks else topology

    def expected(self, topology: t.Any) -> Topology | None:
        return self.planned

    def ask_again(self, topology: str, found_dead: t.Sequence[str]) -> str:
        self.events += [f"ask {name}" for name in found_dead]
        return topology

    def check_locks(self) -> list[Problem]:
        self.events.append("check locks")
        return self.lost

    def regain(self, node: t.Any, seconds: float, left_out: t.Sequence[str]) -> list[Problem]:
        self.events.append(" ".join([f"regain {node} for {seconds:g} s", *left_out]))
        return [self.regained] if self.regained is not None else []


def held(cluster: FakeCluster, tolerates: t.Callable[[Problem], bool] = module.no_problem, found_dead: t.Sequence[str] = ()) -> Held[str]:
    def decide(topology: t.Any) -> str:
        cluster.events.append(f"decide on {topology}")
        if topology.startswith("no"):
            raise Refusal([Problem("no_candidate", "", topology)])
        return str(topology)

    return Held(t.cast(t.Any, cluster), decide, str.split, 60, tolerates, t.cast(t.Any, found_dead), clock=lambda: cluster.now)


def begun(cluster: FakeCluster, topology: str = "db1 db2") -> Held[str]:
    made = held(cluster)
    made.begin(t.cast(t.Any, topology))
    cluster.events.clear()
    return made


def codes(refused: pytest.ExceptionInfo[Refusal]) -> list[str]:
    return [f"{problem.code} {problem.server}".strip() for problem in refused.value.problems]


# --- Beginning


def test_what_a_decision_touches_is_locked_before_it_is_decided_anew_on_what_is_read_then() -> None:
    cluster = FakeCluster("db1")
    made = held(cluster)
    made.begin(t.cast(t.Any, "db1 db2"))
    assert cluster.events == ["decide on db1 db2", "lock db1 db2 for 60 s", "look", "decide on db1"]
    assert (made.decision, made.topology) == ("db1", "db1")
    assert [step.step for step in cluster.journal.timeline] == ["look again"]


def test_nothing_is_locked_for_what_is_refused() -> None:
    cluster = FakeCluster()
    with pytest.raises(Refusal):
        held(cluster).begin(t.cast(t.Any, "nobody"))
    assert cluster.events == ["decide on nobody"]


def test_in_check_mode_nothing_is_locked_nor_read_again_and_what_is_expected_is_decided_on() -> None:
    found, moved_on = topology_of(living("db0"), replica("db1", "P:1-9")), topology_of(living("db1"))
    cluster = FakeCluster(check_mode=True)
    cluster.planned = moved_on
    seen: list[Topology] = []

    def decide(topology: Topology) -> str:
        seen.append(topology)
        return "db1"

    made: Held[str] = Held(t.cast(t.Any, cluster), decide, lambda decision: [decision], 60)
    made.begin(found)
    made.look_again()
    made.make_sure()
    assert seen == [found, moved_on]
    assert cluster.events == []


def test_where_everything_is_locked_beforehand_one_look_is_enough() -> None:
    cluster = FakeCluster()

    def look() -> t.Any:
        cluster.events.append("look")
        cluster.now += 0.2
        return "db1"

    made = held(cluster)
    made.begin_locked(look)
    assert cluster.events == ["hold for 60 s", "look", "decide on db1"]
    assert (made.topology, made.decision) == ("db1", "db1")
    cluster.events.clear()
    made.make_sure()
    assert cluster.events == ["check locks"]
    cluster.now += YOUNG
    made.make_sure()
    assert cluster.events[1:] == ["check locks", "look", "decide on db1", "check locks"]


@pytest.mark.parametrize(
    ("problems", "tolerates", "events", "refused"),
    [
        ([LOCKED], lambda problem: True, ["hold for 60 s"], ["locked db1"]),
        ([SILENT], module.no_problem, ["hold for 60 s"], ["outcome_unknown db2"]),
        # What cannot be locked is not worked on.
        ([SILENT], lambda problem: True, ["hold for 60 s", "look", "decide on db1 db2"], ["changed_meanwhile db2"]),
    ],
)
def test_what_cannot_be_held_is_refused(problems: list[Problem], tolerates: t.Any, events: list[str], refused: list[str]) -> None:
    cluster = FakeCluster(problems=problems)

    def look() -> t.Any:
        cluster.events.append("look")
        return "db1 db2"

    with pytest.raises(Refusal) as refusal:
        held(cluster, tolerates).begin_locked(look)
    assert (cluster.events, codes(refusal)) == (events, refused)


def test_a_server_that_another_run_works_on_is_not_looked_at_again() -> None:
    cluster = FakeCluster(problems=[LOCKED])
    with pytest.raises(Refusal) as refused:
        held(cluster, tolerates=lambda problem: True).begin(t.cast(t.Any, "db1 db2"))
    assert codes(refused) == ["locked db1"]
    assert "look" not in cluster.events


def test_a_server_that_cannot_be_locked_is_refused_unless_the_work_goes_on_without_it() -> None:
    with pytest.raises(Refusal) as refused:
        held(FakeCluster(problems=[SILENT])).begin(t.cast(t.Any, "db1 db2"))
    assert codes(refused) == ["outcome_unknown db2"]
    made = held(FakeCluster("db1", problems=[SILENT]), tolerates=lambda problem: problem.server == "db2")
    made.begin(t.cast(t.Any, "db1 db2"))
    assert made.decision == "db1"


def test_a_decision_that_touches_by_then_what_is_not_locked_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        held(FakeCluster("db1 db3 db4")).begin(t.cast(t.Any, "db1 db2"))
    assert codes(refused) == ["changed_meanwhile db3", "changed_meanwhile db4"]


def test_what_is_refused_once_it_is_locked_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        held(FakeCluster("nobody")).begin(t.cast(t.Any, "db1 db2"))
    assert codes(refused) == ["no_candidate"]


@pytest.mark.parametrize("asks_unread", [False, True])
def test_members_that_could_not_be_read_are_asked_again_where_that_is_wanted(asks_unread: bool) -> None:
    cluster = FakeCluster()
    made: Held[str] = Held(t.cast(t.Any, cluster), str, str.split, 60, asks_unread=asks_unread, clock=lambda: cluster.now)
    made.begin(t.cast(t.Any, "db1"))
    assert [event for event in cluster.events if event.startswith("look")] == ["look and who could not be read" if asks_unread else "look"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_server_that_was_found_dead_is_asked_again_whenever_something_is_decided_to_be_acted_on(check_mode: bool) -> None:
    cluster = FakeCluster(check_mode=check_mode)
    made = held(cluster, found_dead=["db0"])
    made.begin(t.cast(t.Any, "db1"))
    assert [event for event in cluster.events if "db0" in event] == ["ask db0" if check_mode else "look db0"]
    cluster.events.clear()
    cluster.now += 60
    made.make_sure()
    assert [event for event in cluster.events if "db0" in event] == ([] if check_mode else ["look db0"])


# --- Going on


def test_what_the_work_has_changed_is_decided_on_by_other_rules() -> None:
    cluster = FakeCluster("db1 db2", "db1 as it is now")
    made = begun(cluster)
    made.look_again(lambda topology: "db2")
    assert (made.decision, made.topology) == ("db2", "db1 as it is now")
    assert cluster.events == ["look"]


def test_more_servers_can_be_locked_and_are_touched_then() -> None:
    cluster = FakeCluster("db1 db2", "db1 db2 db3")
    made = begun(cluster)
    made.lock(["db3"])
    made.look_again()
    assert made.decision == "db1 db2 db3"


# --- Right before the point of no return


def test_a_decision_that_is_young_and_held_needs_no_other_look() -> None:
    cluster = FakeCluster()
    made = begun(cluster)
    cluster.now += module.YOUNG - 0.1
    made.make_sure()
    assert cluster.events == ["check locks"]


def test_an_old_decision_is_looked_at_again_and_made_anew() -> None:
    cluster = FakeCluster("db1 db2", "db2")
    made = begun(cluster)
    cluster.now += module.YOUNG + 0.1
    made.make_sure()
    assert cluster.events == ["check locks", "look", "decide on db2", "check locks"]
    assert made.decision == "db2"


def test_an_old_decision_that_no_longer_holds_is_refused() -> None:
    cluster = FakeCluster("db1 db2", "nobody")
    made = begun(cluster)
    cluster.now += 3600
    with pytest.raises(Refusal) as refused:
        made.make_sure()
    assert codes(refused) == ["no_candidate"]


def test_an_old_decision_is_made_anew_by_the_rules_that_hold_by_then() -> None:
    cluster = FakeCluster("db1 db2", "nobody")
    made = begun(cluster)
    cluster.now += 3600
    made.make_sure(lambda topology: "db1")
    assert made.decision == "db1"


def test_without_its_locks_nothing_is_held_however_young_it_is() -> None:
    cluster = FakeCluster()
    made = begun(cluster)
    cluster.lost = [LOST]
    with pytest.raises(Refusal) as refused:
        made.make_sure()
    assert codes(refused) == ["changed_meanwhile db1"]


@pytest.mark.parametrize(
    ("seconds", "holds", "looks"),
    [
        pytest.param([0.01, 1.4, 1.6], True, 2, id="the_network_is_slow"),
        pytest.param([0.01, 1.4, 0.2], True, 2, id="it_was_slow_once"),
        pytest.param([0.01, 1.4, 3600], False, 2, id="this_machine_stood_still"),
        pytest.param([0.01, 3600, 1.4], False, 2, id="it_stood_still_and_the_network_is_slow"),
        pytest.param([0.01, 3600, 0.2], True, 2, id="it_stood_still_and_runs_again"),
        pytest.param([0.01, 3600, 3600], False, 2, id="it_stands_still_again_and_again"),
        pytest.param([0.01, 0.9], True, 1, id="one_look_is_enough"),
    ],
)
def test_a_look_that_takes_long_is_told_from_a_time_in_which_this_machine_stood_still(seconds: list[float], holds: bool, looks: int) -> None:
    cluster = FakeCluster(seconds=seconds)
    made = begun(cluster)
    cluster.now += 60
    if holds:
        made.make_sure()
    else:
        with pytest.raises(Refusal, match="stood still meanwhile"):
            made.make_sure()
    assert cluster.events.count("look") == looks


@pytest.mark.parametrize("problem", [None, LOST], ids=["it_may", "it_may_not"])
def test_whether_something_may_be_undone_is_asked_of_the_lock(problem: Problem | None) -> None:
    cluster = FakeCluster()
    made = begun(cluster)
    cluster.regained = problem
    if problem is None:
        made.may_undo(t.cast(t.Any, "db1"), ["db3"])
    else:
        with pytest.raises(Refusal) as refused:
            made.may_undo(t.cast(t.Any, "db1"), ["db3"])
        assert codes(refused) == ["changed_meanwhile db1"]
    assert cluster.events == ["regain db1 for 60 s db3"]


def test_the_clock_runs_on_while_the_machine_sleeps_where_there_is_such_a_clock() -> None:
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert abs(since_boot() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 60
    begun_at = since_boot()
    assert 0 <= since_boot() - begun_at < 60
