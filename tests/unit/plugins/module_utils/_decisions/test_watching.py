# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a watcher tells, look after look: which fault is which event, when it counts, and when it is told again."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.watching import EVENTS, Event, Look, Memory, Patience, observe, unheard
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import REMEDIES, remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    cluster,
    connected,
    dead,
    hung,
    living,
    refusing,
    replica,
    server,
    stopped,
    unlisted,
    was_refused,
)

PATIENCE = Patience()


def follower(name: str, executed: str = "P:1-9", **changes: t.Any) -> Member:
    """A replica that receives and keeps up."""
    return connected(replica(name, executed, **{"on_channel": {"lag": 0, **changes.pop("on_channel", {})}, **changes}))


def gone(name: str) -> Member:
    """A replica whose host says that no server runs there."""
    return server(name, Failure("unreachable", f"{name} cannot be reached", False, refused=True))


GOOD = cluster(living(), follower("db1"), follower("db2"))
DEAD = cluster(dead(), replica("db1", "P:1-9"), replica("db2", "P:1-9"))
HUNG = cluster(hung(), replica("db1", "P:1-9"), replica("db2", "P:1-9"))
BLIND = cluster(dead("db0"), dead("db1"), dead("db2"))


class Seer:
    """Takes looks in, one each second unless told otherwise."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        self.memory, self.now, self.patience = Memory(), 0.0, patience

    def see(self, *looks: Topology, every: float = 1.0, **how: t.Any) -> list[Event]:
        told: list[Event] = []
        for topology in looks:
            self.now += every
            self.memory, events = observe(self.memory, Look(topology, self.now, **how), self.patience)
            told += events
        return told


def seer(**patience: t.Any) -> Seer:
    """One who knows the cluster as it is good."""
    new = Seer(replace(PATIENCE, **patience))
    assert types(new.see(GOOD, GOOD, GOOD)) == ["topology_changed"]
    return new


def types(events: t.Iterable[Event]) -> list[str]:
    return [event.type for event in events]


def told(events: t.Iterable[Event]) -> list[tuple[str, str, str]]:
    return [(event.type, event.server, event.code) for event in events]


def test_who_is_the_primary_is_told_at_the_beginning_and_nothing_as_long_as_all_is_well() -> None:
    new = Seer()
    (event,) = new.see(GOOD, GOOD, GOOD)
    assert (event.type, event.message) == ("topology_changed", "the primary is db0; db1 follows db0; db2 follows db0")
    assert new.see(*[GOOD] * 1000) == []
    assert new.memory.is_calm


def test_a_dead_primary_is_told_once_it_was_seen_often_enough_and_again_and_again() -> None:
    new = seer()
    assert new.see(DEAD, DEAD) == []
    assert new.memory.is_doubtful
    (event,) = new.see(DEAD)
    assert (event.type, event.server, event.code, event.remedy) == ("primary_dead", "db0", "primary_dead", "Run dbha.mysql.failover.")
    assert (event.since, event.times) == (4, 1)
    assert not new.memory.is_doubtful
    assert new.see(*[DEAD] * 9) == []
    assert [(each.type, each.times, each.since) for each in new.see(*[DEAD] * 20)] == [("primary_dead", 2, 4), ("primary_dead", 3, 4)]


@pytest.mark.parametrize("between", [GOOD, cluster(living(), follower("db1"), gone("db2"))], ids=["good", "something_else_is_wrong"])
def test_an_answer_in_between_counts(between: Topology) -> None:
    new = seer()
    assert new.see(DEAD, DEAD, between, DEAD, DEAD) == []
    assert types(new.see(DEAD)) == ["primary_dead"]


def test_looks_at_which_it_was_only_suspected_count_as_well_because_replicas_notice_later() -> None:
    new = seer()
    receiving = cluster(dead(), follower("db1"), replica("db2", "P:1-9"))
    assert new.see(receiving, DEAD) == []
    (event,) = new.see(DEAD)
    assert (event.type, event.since) == ("primary_dead", 4)


def test_a_pause_of_the_watcher_and_a_run_at_work_count_for_nothing() -> None:
    for how in ({"stood_still": True}, {"worked_on": ("db1",)}):
        new = seer()
        assert new.see(DEAD, DEAD) == []
        assert new.see(*[DEAD] * 20, **how) == []
        assert new.see(DEAD, DEAD) == []
        assert types(new.see(DEAD)) == ["primary_dead"]


def test_what_was_told_before_a_run_is_told_again_if_it_lasts_and_not_as_if_it_were_new() -> None:
    new = seer()
    (first,) = new.see(DEAD, DEAD, DEAD)
    assert new.see(*[DEAD] * 20, worked_on=("db1", "db2")) == []
    (again,) = new.see(DEAD, DEAD, DEAD)
    assert (again.times, again.since) == (2, first.since)


def test_one_that_is_back_is_told_if_it_was_missed_and_only_then() -> None:
    new = seer()
    assert new.see(DEAD, DEAD, GOOD) == []
    assert types(new.see(DEAD, DEAD, DEAD, GOOD)) == ["primary_dead", "primary_back"]
    assert new.see(GOOD, GOOD) == []
    assert types(new.see(HUNG, HUNG, HUNG, GOOD)) == ["primary_suspected", "primary_back"]
    # Another one took over.
    after = cluster(living("db1", "P:1-9"), follower("db2", source="db1"), dead("db0"))
    events = new.see(DEAD, DEAD, DEAD, after, after, after)
    assert types(events) == ["primary_dead", "topology_changed"]
    assert events[-1].message == "the primary is db1, and was db0; db1 follows nobody, and follows db0 before; db2 follows db1, and follows db0 before"
    # Who was missed is not missed any more.
    assert "primary_back" not in types(new.see(cluster(living("db1", "P:1-9"), follower("db2", source="db1"), follower("db0", source="db1"))))


def test_a_change_is_told_once_and_not_before_it_lasts() -> None:
    new = seer()
    changed = cluster(living(), follower("db1"), follower("db2", source="db1"))
    assert new.see(changed, GOOD, changed, GOOD) == []
    (event,) = new.see(*[changed] * 100)
    assert event.message == "db2 follows db1, and follows db0 before"
    # Of one that cannot be read it is not known that it follows somebody else.
    assert "topology_changed" not in types(new.see(*[cluster(living(), follower("db1"), dead("db2"))] * 100))


NOT_DEAD = {
    "slow": (HUNG, "primary_suspected", "primary_maybe_alive"),
    "replicas_receive": (cluster(dead(), follower("db1"), replica("db2", "P:1-9")), "primary_suspected", "primary_maybe_alive"),
    "name_not_resolved": (
        cluster(server("db0", Failure("unreachable", "Name or service not known", None)), replica("db1", "P:1-9"), replica("db2", "P:1-9")),
        "primary_suspected",
        "primary_maybe_alive",
    ),
    "cut_off_with_few_replicas": (cluster(dead(), replica("db1", "P:1-9"), dead("db2")), "primary_suspected", "primary_maybe_alive"),
    "too_many_connections": (cluster(refusing(), follower("db1"), follower("db2")), "not_ready", "login_refused"),
    "cut_off_from_all": (BLIND, "cut_off", "unreachable"),
    "not_a_member": (cluster(replica("db1", "P:1-9", source="other"), replica("db2", "P:1-9", source="other")), "not_ready", "primary_not_in_group"),
}


@pytest.mark.parametrize("name", NOT_DEAD)
def test_what_is_not_known_to_be_dead_is_never_called_so(name: str) -> None:
    topology, event, code = NOT_DEAD[name]
    found = {(each.type, each.code) for each in seer().see(*[topology] * 100)}
    assert "primary_dead" not in {each for each, _code in found}
    assert (event, code) in found


FAULTS = {
    "read_only": (cluster(living(read_only=True), follower("db1"), follower("db2")), ("primary_read_only", "db0", "primary_read_only")),
    "two": (cluster(living(), follower("db1"), living("db2", "P:1-8")), ("two_writable", "db2", "two_writable")),
    "not_replicating": (cluster(living(), follower("db1"), stopped(replica("db2", "P:1-9"))), ("replica_broken", "db2", "not_replicating")),
    "refused": (cluster(living(), follower("db1"), was_refused("db2", "P:1-9")), ("replica_broken", "db2", "diverged")),
    "applier": (cluster(living(), follower("db1"), replica("db2", "P:1-8", error="duplicate")), ("replica_broken", "db2", "applier_broken")),
    "not_a_replica": (cluster(living(), follower("db1"), living("db2", "P:1-9", read_only=True)), ("replica_broken", "db2", "not_a_replica")),
    "down": (cluster(living(), follower("db1"), gone("db2")), ("replica_broken", "db2", "unreachable")),
    "lagging": (cluster(living(), follower("db1"), follower("db2", on_channel={"lag": 61})), ("replica_lagging", "db2", "lagging")),
    "errant": (cluster(living(), follower("db1"), follower("db2", "P:1-9,B:1")), ("errant", "db2", "errant")),
    "managed": (cluster(living(managed_by=("Galera (wsrep_on=ON)",)), follower("db1"), follower("db2")), ("not_ready", "db0", "managed_elsewhere")),
    "open_replica": (cluster(living(), follower("db1"), follower("db2", read_only=False)), ("not_ready", "db2", "replica_writable")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_which_fault_is_which_event(name: str) -> None:
    topology, expected = FAULTS[name]
    new = seer()
    # For a moment it is no news.
    assert set(types(new.see(*[topology] * 5))) <= {"topology_changed"}
    events = new.see(*[topology] * 2)
    assert expected in told(events), told(events)
    assert all(event.type in EVENTS and (event.remedy == (remedy_of(event.code) if event.code in REMEDIES else "")) for event in events)
    # It is told again, urgent or not.
    pause = 10 if expected[0] in ("primary_read_only", "two_writable") else 600
    assert expected not in told(new.see(*[topology] * (pause - 3)))
    assert expected in told(new.see(*[topology] * 5))


def test_of_two_that_may_be_the_primary_it_is_told_if_both_take_writes() -> None:
    both = cluster(living("db0", "P:1-9,B:1"), living("db1", "P:1-9,A:1"))
    assert both.primary is None
    found = told(seer().see(*[both] * 8))
    assert {each for each in found if each[0] == "two_writable"} == {("two_writable", "db0", "two_primaries"), ("two_writable", "db1", "two_primaries")}


def test_what_stays_is_told_again_as_soon_as_the_pause_is_over() -> None:
    new = seer(repeat=10)
    assert types(new.see(DEAD, DEAD, DEAD)) == ["primary_dead"]
    assert [types(new.see(DEAD)) for _second in range(11)] == [*[[]] * 9, ["primary_dead"], []]


def test_a_clock_that_is_put_back_silences_nothing() -> None:
    new = seer()
    assert types(new.see(DEAD, DEAD, DEAD)) == ["primary_dead"]
    new.now -= 3600
    assert types(new.see(DEAD)) == ["primary_dead"]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([replica("db1", "P:1-9")], []),
        ([dead("db1")], ["db1"]),
        ([replica("db1", "P:1-9"), dead("db2")], ["db2"]),
        ([replica("db1", "P:1-9"), gone("db2")], []),
        ([replica("db1", "P:1-9"), replica("db2", "P:1-9"), dead("db3")], []),
        ([replica("db1", "P:1-9"), hung("db2"), dead("db3")], ["db2", "db3"]),
        ([replica("db1", "P:1-9"), unlisted(dead("db4"))], []),
    ],
)
def test_more_than_half_of_the_replicas_have_to_say_that_they_receive_nothing(members: list[Member], expected: list[str]) -> None:
    assert unheard(cluster(dead(), *members, primary="db0")) == expected
