# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an election gives back: all that the tasks after it ask for."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Choice, Terms, choose, judge
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._report.elected import (
    Elected,
    chosen,
    describe_look,
    elected,
    finishing,
    nobody_elected,
    reopened,
    with_outlook,
    with_record,
    with_return,
)
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, connected, dead, hung, living, replica, server, unlisted

ONE, TWO = replica("db1", "P:1-9"), replica("db2", "P:1-9")
DONE: t.Any = {"fenced": (), "salvage": False}
ALIVE = cluster(living(), connected(ONE), connected(TWO))
DEAD = cluster(dead(), ONE, TWO)


def choice(topology: Topology, expect_primary: str = "any") -> Choice:
    return choose(judge(topology, Terms(expect_primary=expect_primary)))


def names(entries: list[dict[str, object]]) -> list[object]:
    return [entry["name"] for entry in entries]


def test_after_a_failovers_election_the_best_one_is_to_be_promoted_and_the_others_repointed() -> None:
    found = elected(DEAD, choice(DEAD), {"db1": {"receiver": True}}, fenced=(), salvage=True)
    assert found["todo"] == {"promote": True, "salvage": True, "repoint": ["db2"], "follow": found["best"], "verify": False}
    assert (found["best"], found["most_advanced"]) == ({"name": "db1", "host": "db1", "port": 3306},) * 2
    assert (found["draining"], elected(DEAD, choice(DEAD), {}, fenced=(), salvage=False, draining=True)["draining"]) == (False, True)
    assert (found["found_dead"], found["demote"]) == ({"name": "db0", "host": "db0", "port": 3306}, None)
    assert names(found["answering"]) == ["db1", "db2"]
    assert found["msg"] == "the primary db0 is dead; db1 is the best replica; nothing is lost of what db1, db2 have received"


def test_of_replicas_that_do_not_answer_it_is_not_said_that_nothing_is_lost() -> None:
    topology = cluster(dead(), ONE, hung("db2"), dead("db3"))
    chosen_without = choose(judge(topology, Terms(expect_primary="any", leave_out_silent=True)))
    found = elected(topology, chosen_without, {}, fenced=(), salvage=False)
    told = "nothing is lost of what db1 has received; what only db2 or db3 received is not known"
    assert found["msg"] == f"the primary db0 is dead; db1 is the best replica; {told}"
    assert (names(found["answering"]), names(found["silent"])) == (["db1"], ["db2", "db3"])
    assert found["silent_status"] == {"db2": "maybe_alive", "db3": "dead"}
    # Of one that does not let us in it would be news if it did.
    refuses = elected(cluster(dead(), ONE, server("db2", Failure("login_refused", "db2 has too many connections", True))), chosen_without, {}, **DONE)
    assert (names(refuses["silent"]), refuses["silent_status"]) == (["db2"], {"db2": "alive"})
    # Whoever lets us in and cannot be read need not be asked whether it answers.
    unreadable = cluster(dead(), ONE, server("db2", Failure("unreadable", "db2 says something odd", True)))
    assert elected(unreadable, chosen_without, {}, fenced=(), salvage=False)["silent"] == []


def test_a_primary_that_may_live_is_asked_again_like_a_dead_one() -> None:
    topology = cluster(hung(), ONE)
    found = elected(topology, choice(topology), {}, fenced=(), salvage=False)
    assert found["found_dead"] == {"name": "db0", "host": "db0", "port": 3306}
    assert found["todo"]["promote"]


def test_a_primary_that_lives_and_was_closed_is_looked_at_again_like_a_replica() -> None:
    found = elected(ALIVE, choice(ALIVE), {}, fenced=("db0",), salvage=False)
    assert (found["found_dead"], names(found["answering"])) == (None, ["db0", "db1", "db2"])
    assert found["todo"]["promote"]
    of_a_stranger = cluster(unlisted(living()), connected(ONE))
    assert names(elected(of_a_stranger, choice(of_a_stranger), {}, fenced=("db0",), salvage=False)["answering"]) == ["db0", "db1"]


def test_who_only_asks_who_would_be_elected_promotes_nobody() -> None:
    found = elected(ALIVE, choice(ALIVE), {}, fenced=(), salvage=False)
    assert (found["todo"]["promote"], found["found_dead"]) == (False, None)


def drawn(topology: Topology, found: Elected) -> list[str]:
    """Return who follows whom once what is left to do has been done, with who takes writes."""
    return [line.partition("  (")[0] + (" writable" if "writable" in line else "") for line in with_outlook(topology, found)["topology_after"].splitlines()]


CHAINED = cluster(dead(), ONE, TWO, replica("db3", "P:1-9", source="db2"))
ASTRAY = cluster(living(), connected(ONE), replica("db2", "P:1-9", source="elsewhere"))


@pytest.mark.parametrize(
    ("topology", "found", "lines"),
    [
        (DEAD, elected(DEAD, choice(DEAD), {}, fenced=(), salvage=False), ["db1 writable", "+- db2", "db0"]),
        # Who follows another living replica goes on with that.
        (CHAINED, elected(CHAINED, choice(CHAINED), {}, fenced=(), salvage=False), ["db1 writable", "+- db2", "   +- db3", "db0"]),
        # The old primary follows, too, and takes no writes any more.
        (ALIVE, chosen(ALIVE, choice(ALIVE), "db2"), ["db2 writable", "+- db0", "+- db1"]),
        (ALIVE, elected(ALIVE, choice(ALIVE), {}, fenced=("db0",), salvage=False), ["db1 writable", "+- db2", "db0"]),
        # Nothing is to be done about the primary, and who is to be repointed to it is.
        (ALIVE, nobody_elected(ALIVE, []), ["db0 writable", "+- db1", "+- db2"]),
        (ASTRAY, nobody_elected(ASTRAY, ["db2"]), ["db0 writable", "+- db1", "+- db2"]),
        # Who is asked for and not promoted changes nothing.
        (ALIVE, elected(ALIVE, choice(ALIVE), {}, fenced=(), salvage=False), ["db0 writable", "+- db1", "+- db2"]),
    ],
)
def test_what_is_left_to_do_is_drawn_as_it_will_be(topology: Topology, found: Elected, lines: list[str]) -> None:
    assert drawn(topology, found) == lines


def test_where_nobody_is_elected_there_is_every_key_all_the_same() -> None:
    keys = set(elected(DEAD, choice(DEAD), {}, fenced=(), salvage=False))
    others: list[Elected] = [nobody_elected(ALIVE, []), chosen(ALIVE, choice(ALIVE), "db1"), reopened(ALIVE, "db0")]
    assert [set(each) for each in others] == [keys] * 3
    assert others[0]["todo"] == {"promote": False, "salvage": False, "repoint": [], "follow": {"name": "db0", "host": "db0", "port": 3306}, "verify": False}


def test_a_primary_that_was_opened_and_kept_its_replication_is_promoted_to_the_end() -> None:
    found = nobody_elected(ALIVE, ["db2"], finish="db0", verify=True)
    assert found["best"] == found["most_advanced"] == {"name": "db0", "host": "db0", "port": 3306}
    assert found["todo"] == {"promote": True, "salvage": False, "repoint": ["db2"], "follow": found["best"], "verify": True}


def test_a_switchover_takes_the_role_from_the_primary_and_lets_it_follow_last() -> None:
    found = chosen(ALIVE, choice(ALIVE, "alive"), "db2")
    assert (found["best"], found["demote"]) == ({"name": "db2", "host": "db2", "port": 3306}, {"name": "db0", "host": "db0", "port": 3306})
    assert found["todo"] == {"promote": True, "salvage": False, "repoint": ["db1", "db0"], "follow": found["best"], "verify": False}
    assert found["msg"] == "the primary db0 is alive and writable; db2 is to be the primary"


def test_one_that_is_opened_again_takes_the_role_from_nobody() -> None:
    found = reopened(ALIVE, "db0")
    assert (found["best"], found["demote"]) == ({"name": "db0", "host": "db0", "port": 3306}, None)
    assert found["todo"] == {"promote": True, "salvage": False, "repoint": ["db1", "db2"], "follow": found["best"], "verify": False}


def test_the_look_is_told_whatever_comes_of_it() -> None:
    look = describe_look(DEAD, 1795369413.8123)
    assert (look["primary"] or {})["status"] == "dead"
    assert names(look["replicas"]) == ["db1", "db2"]
    assert (look["time"], look["topology"].splitlines()[0]) == (1795369413.812, "db0  (dead)")


# --- What is to be remembered


def test_who_is_promoted_in_whose_place_and_why_is_to_be_remembered() -> None:
    found = with_record(DEAD, elected(DEAD, choice(DEAD), {}, fenced=(), salvage=False), "failover", 1000.0004)
    record = found["record"]
    assert (record["event"], record["old_primary"], record["begun"], record["lost"]) == ("failover", "db0", 1000.0, "")
    assert record["why"].startswith("the primary db0 is dead: ")
    of_switchover = with_record(ALIVE, chosen(ALIVE, choice(ALIVE), "db1"), "switchover", 0)
    assert (of_switchover["record"]["event"], of_switchover["record"]["old_primary"]) == ("switchover", "db0")


def test_of_a_promotion_that_is_to_be_finished_the_source_that_it_left_is_the_old_primary() -> None:
    left = replica("db1", "P:1-9,A:1", read_only=False)
    topology = cluster(dead(), left, replica("db2", "P:1-9"), primary="db1")
    assert with_record(topology, finishing(topology, "db1", None), "failover", 0)["record"]["old_primary"] == "db0"
    assert with_record(ALIVE, finishing(ALIVE, "db1", "db0"), "switchover", 0)["record"]["old_primary"] == "db0"


def test_a_primary_that_takes_writes_again_took_the_role_from_nobody() -> None:
    record = with_record(ALIVE, reopened(ALIVE, "db0"), "failover", 0)["record"]
    assert (record["event"], record["old_primary"]) == ("reopened", "")


def test_where_nobody_is_promoted_there_is_nothing_to_remember() -> None:
    assert with_record(ALIVE, nobody_elected(ALIVE, ["db2"]), "failover", 0)["record"] == {}
    assert with_record(ALIVE, elected(ALIVE, choice(ALIVE), {}, fenced=(), salvage=False), "failover", 0)["record"] == {}


# --- How the old primary comes back


def test_the_primary_that_is_replaced_comes_back_one_day() -> None:
    found = elected(DEAD, choice(DEAD), {}, fenced=(), salvage=False)
    back = with_return(DEAD, found, persists=False, safe_start=False)["comes_back"]
    assert back is not None
    assert (back["server"], back["member"], back["closed"]) == ("db0", True, None)
    fenced = elected(ALIVE, choice(ALIVE), {"db0": {"receiver": False}}, fenced=("db0",), salvage=False)
    for persists, closed in ((True, True), (False, None)):
        back = with_return(ALIVE, fenced, persists=persists, safe_start=False)["comes_back"]
        assert back is not None
        assert back["closed"] is closed


def test_where_nobody_is_replaced_nobody_comes_back() -> None:
    assert with_return(ALIVE, nobody_elected(ALIVE, []), persists=True, safe_start=True)["comes_back"] is None
    assert with_return(ALIVE, reopened(ALIVE, "db0"), persists=True, safe_start=True)["comes_back"] is None
