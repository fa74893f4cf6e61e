# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence -> who is the primary: whoever takes writes and has everything, whomever the replicas happen to follow."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import (
    acts_as_primary,
    alone,
    check_claim,
    check_rivals,
    check_stayed_dead,
    check_undecided,
    handed_over_by,
    is_written_to,
    keeps_old_source,
    strays,
)
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, DEAD, Member
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    channel,
    cluster,
    connected,
    dead,
    hung,
    living,
    refusing,
    replica,
    server,
    short,
    state,
    stopped,
    unlisted,
)


def follows(name: str, source: str, executed: str, **changes: t.Any) -> Member:
    """A replica that is connected to its source."""
    return connected(replica(name, executed, source=source, **changes))


def closed(name: str, executed: str) -> Member:
    """A server that takes no writes and follows nobody."""
    return living(name, executed, read_only=True)


def opened(member: Member) -> Member:
    """The same replica, but it takes writes."""
    return replace(member, state=replace(member.known, read_only=False))


def leftover(name: str, executed: str, *, source: str = "db0") -> Member:
    """A replica that was opened without an end of its replication: its threads are stopped."""
    return opened(stopped(replica(name, executed, source=source)))


# What the old primary (db0) had when db1 was promoted; what it wrote later, alone; what db1 wrote later, alone; for each family.
HISTORIES = {
    "mysql": ("P:1-9", "P:1-12", "P:1-9,A:1-5"),
    "mariadb": ("0-1-9", "0-1-12", "0-1-9,0-2-14"),
}

# Left out, then back: db1 was promoted while db2 and db3 did not answer; they go on, and db0 is back. Of each member what it has: 0 the common
# history, 1 what db0 wrote later too, 2 what db1 wrote later too.
Story = t.Callable[[str, str, str], t.Sequence[Member]]
LEFT_OUT: dict[str, tuple[Story, str | None]] = {
    "the_old_one_is_back_and_closed": (
        lambda common, _old, new: [closed("db0", common), living("db1", new), follows("db2", "db0", common), follows("db3", "db0", common)],
        "db1",
    ),
    "the_old_one_is_back_and_open": (
        lambda common, _old, new: [living("db0", common), living("db1", new), follows("db2", "db0", common), follows("db3", "db0", common)],
        "db1",
    ),
    "nobody_has_written_since_and_the_old_one_is_closed": (
        lambda common, _old, _new: [closed("db0", common), living("db1", common), follows("db2", "db0", common)],
        "db1",
    ),
    "the_old_one_has_taken_writes_that_the_strays_have": (
        lambda _common, old, new: [living("db0", old), living("db1", new), follows("db2", "db0", old), follows("db3", "db0", old)],
        None,
    ),
    "the_old_one_had_written_something_before_it_died_and_is_closed": (
        lambda _common, old, new: [closed("db0", old), living("db1", new), follows("db2", "db0", old)],
        None,
    ),
    "the_old_one_is_closed_and_has_more_and_the_open_one_nothing_of_its_own": (
        lambda common, old, _new: [closed("db0", old), living("db1", common), follows("db2", "db0", old)],
        None,
    ),
    "some_follow_one_and_some_the_other_and_each_has_written": (
        lambda _common, old, new: [living("db0", old), living("db1", new), follows("db2", "db0", old), follows("db3", "db1", new)],
        None,
    ),
    "some_follow_one_and_some_the_other_and_the_old_one_has_nothing_of_its_own": (
        lambda common, _old, new: [living("db0", common), living("db1", new), follows("db2", "db0", common), follows("db3", "db1", new)],
        "db1",
    ),
    "more_follow_the_old_one_than_the_new_one": (
        lambda common, _old, new: [
            living("db0", common),
            living("db1", new),
            follows("db2", "db0", common),
            follows("db3", "db0", common),
            follows("db4", "db1", new),
        ],
        "db1",
    ),
    # What a failover leaves behind where nobody was left out: the old primary comes back without replicas.
    "nobody_was_left_out_and_the_old_one_is_closed": (
        lambda _common, old, new: [closed("db0", old), living("db1", new), follows("db2", "db1", new)],
        "db1",
    ),
    "nobody_was_left_out_and_the_old_one_is_open": (
        lambda _common, old, new: [living("db0", old), living("db1", new), follows("db2", "db1", new)],
        "db1",
    ),
    "the_old_one_alone_goes_on_writing_and_is_followed_by_nobody": (
        lambda _common, old, new: [living("db0", old), living("db1", new)],
        None,
    ),
    "two_servers_and_the_old_one_is_back_with_nothing_of_its_own": (lambda common, _old, new: [living("db0", common), living("db1", new)], "db1"),
    "two_servers_and_the_old_one_is_back_and_closed": (lambda common, _old, new: [closed("db0", common), living("db1", new)], "db1"),
    "two_servers_and_the_old_one_is_back_and_closed_with_something_of_its_own": (lambda _common, old, new: [closed("db0", old), living("db1", new)], "db1"),
    "the_old_one_is_still_dead": (
        lambda common, _old, new: [dead("db0"), living("db1", new), replica("db2", common), replica("db3", common)],
        "db0",
    ),
    # An ordinary cluster, and what stands beside it
    "a_primary_with_its_replicas": (lambda common, old, _new: [living("db0", old), follows("db1", "db0", common), follows("db2", "db0", old)], "db0"),
    "a_stale_one_that_nobody_follows_takes_writes_too": (
        lambda common, old, _new: [living("db0", old), living("db1", common), follows("db2", "db0", old)],
        "db0",
    ),
    "one_was_opened_and_its_replication_not_ended": (
        # db2 follows it; the stale one is back, closed or open.
        lambda common, _old, new: [closed("db0", common), leftover("db1", new), follows("db2", "db1", new)],
        "db1",
    ),
    "one_was_opened_and_its_replication_not_ended_and_the_stale_one_takes_writes": (
        lambda common, _old, new: [living("db0", common), leftover("db1", new), follows("db2", "db1", new)],
        "db1",
    ),
    "one_was_opened_and_its_replication_not_ended_and_nobody_follows_it": (
        lambda common, _old, new: [closed("db0", common), leftover("db1", new), follows("db2", "db0", common)],
        "db1",
    ),
    "one_was_opened_and_its_replication_not_ended_and_both_have_written": (
        lambda _common, old, new: [living("db0", old), leftover("db1", new), follows("db2", "db1", new), follows("db3", "db0", old)],
        None,
    ),
    "one_was_opened_and_its_replication_not_ended_and_it_has_nothing_of_its_own": (
        # As an interrupted switchover leaves it: running it again finishes that.
        lambda common, _old, _new: [closed("db0", common), leftover("db1", common), follows("db2", "db0", common)],
        "db0",
    ),
    "one_was_opened_and_its_replication_not_ended_while_the_old_one_is_dead": (
        # A failover finishes that.
        lambda common, _old, new: [dead("db0"), leftover("db1", new), follows("db2", "db1", new), replica("db3", common)],
        "db0",
    ),
    "an_interrupted_switchover_has_opened_one_that_still_replicates": (
        lambda common, _old, new: [closed("db0", common), opened(follows("db1", "db0", new)), follows("db2", "db0", common)],
        "db0",
    ),
    "a_replica_that_takes_writes_and_has_stopped": (
        lambda common, old, _new: [living("db0", old), leftover("db1", common), follows("db2", "db0", old)],
        "db0",
    ),
}


@pytest.mark.parametrize("family", HISTORIES)
@pytest.mark.parametrize("case", LEFT_OUT)
def test_left_out_then_back(case: str, family: str) -> None:
    story, expected = LEFT_OUT[case]
    members = story(*HISTORIES[family])
    for order in itertools.permutations(members):
        topology = cluster(*order)
        assert topology.primary == expected
        assert bool(topology.rivals) is (expected is None)
        if expected is None:
            assert set(topology.rivals) == {"db0", "db1"}


# Who is the primary where one that takes writes follows somebody itself; P is written by db0, A by db1.
FED: dict[str, tuple[t.Sequence[Member], str | None, str]] = {
    "a_pair_that_is_well": (
        [opened(follows("db0", "db1", "P:1-9")), follows("db1", "db0", "P:1-9"), follows("db2", "db0", "P:1-9")],
        "db0",
        ALIVE,
    ),
    "a_pair_of_which_the_passive_one_is_dead": ([opened(replica("db0", "P:1-9", source="db1")), dead("db1"), follows("db2", "db0", "P:1-9")], "db0", ALIVE),
    "a_pair_of_which_the_passive_one_hangs": ([opened(replica("db0", "P:1-9", source="db1")), hung("db1"), follows("db2", "db0", "P:1-9")], "db0", ALIVE),
    "a_pair_of_which_the_active_one_is_dead": ([dead("db0"), replica("db1", "P:1-9"), replica("db2", "P:1-9")], "db0", DEAD),
    "a_pair_of_which_both_take_writes": (
        [opened(follows("db0", "db1", "P:1-9")), opened(follows("db1", "db0", "P:1-9")), follows("db2", "db0", "P:1-9")],
        None,
        "",
    ),
    "a_ring_of_three_of_which_one_takes_writes": (
        [opened(follows("db0", "db2", "P:1-9")), follows("db1", "db0", "P:1-9"), follows("db2", "db1", "P:1-9")],
        "db0",
        ALIVE,
    ),
    "a_primary_that_follows_an_outsider": (
        [opened(replica("db0", "P:1-9", source="outside")), follows("db1", "db0", "P:1-9"), follows("db2", "db0", "P:1-9")],
        "db0",
        ALIVE,
    ),
    "a_primary_that_follows_an_outsider_and_has_written_nothing": (
        [opened(replica("db0", "X:1-9", source="outside")), follows("db1", "db0", "X:1-9")],
        "db0",
        ALIVE,
    ),
    "a_primary_that_follows_a_living_outsider": (
        [opened(follows("db0", "outside", "P:1-9")), follows("db1", "db0", "P:1-9"), unlisted(living("outside", "X:1"))],
        "db0",
        ALIVE,
    ),
    "a_primary_whose_old_source_is_an_outsider_that_it_no_longer_follows": (
        [opened(stopped(replica("db0", "P:1-9", source="outside"))), follows("db1", "db0", "P:1-9")],
        "db0",
        ALIVE,
    ),
    "a_dead_primary_that_is_not_listed_and_of_whose_replicas_one_takes_writes": (
        [opened(replica("db1", "P:1-9", source="outside")), replica("db2", "P:1-9", source="outside"), follows("db3", "db1", "P:1-9")],
        "outside:3306",
        "",
    ),
    "a_replica_that_takes_writes_between_the_primary_and_another_one": (
        [living("db0"), opened(follows("db1", "db0", "P:1-9")), follows("db2", "db1", "P:1-9")],
        "db0",
        ALIVE,
    ),
    "the_same_and_the_primary_dies": ([dead("db0"), opened(replica("db1", "P:1-9")), follows("db2", "db1", "P:1-9")], "db0", DEAD),
    "the_same_and_it_was_the_primary_once": ([dead("db0"), opened(replica("db1", "A:1-3,P:1-9")), follows("db2", "db1", "A:1-3,P:1-9")], "db1", ALIVE),
    "the_same_and_another_follows_the_dead_one": (
        [dead("db0"), opened(replica("db1", "A:1-3,P:1-9")), follows("db2", "db1", "P:1-9"), replica("db3", "P:1-9")],
        "db0",
        DEAD,
    ),
    "a_replica_of_a_closed_primary_takes_writes": (
        [closed("db0", "P:1-9"), opened(follows("db1", "db0", "P:1-9")), follows("db2", "db1", "P:1-9")],
        "db0",
        ALIVE,
    ),
    "a_primary_that_lets_nobody_in_and_one_that_stands_beside_it": ([refusing("db0"), living("db4", "X:1"), replica("db1", "P:1-9")], "db0", ALIVE),
    "one_of_another_cluster_takes_writes_too": ([living("db0"), living("db4", "X:1"), follows("db1", "db0", "P:1-9")], "db0", ALIVE),
    "one_of_another_cluster_takes_writes_while_the_primary_is_closed": (
        [closed("db0", "P:1-9"), living("db4", "X:1"), follows("db1", "db0", "P:1-9")],
        "db0",
        ALIVE,
    ),
    "a_new_server_that_has_nothing_takes_writes_too": ([living("db0"), living("db4", "")], "db0", ALIVE),
    "servers_of_both_families_take_writes": ([living("db0"), living("db4", "0-5-3"), follows("db1", "db0", "P:1-9")], "db0", ALIVE),
}


@pytest.mark.parametrize("case", FED)
def test_one_that_takes_writes_and_feeds_others_is_the_primary_whomever_it_follows(case: str) -> None:
    members, expected, status = FED[case]
    for order in itertools.permutations(members):
        topology = cluster(*order)
        assert topology.primary == expected
        assert not status or topology.primary_status == status


def test_an_open_one_that_follows_somebody_and_feeds_nobody_is_a_replica() -> None:
    two = server("db1", state("db1", "P:1-9,A:1", channels=[channel("db0"), channel("other", name="east")], read_only=False))
    topology = cluster(dead("db0"), two, replica("db2", "P:1-9"))
    assert not acts_as_primary(topology, topology["db1"])
    assert topology.primary == "db0"


# --- Which of two took over from the other. Both were the primary before: db1 wrote first, then db0, and then they parted.

TWICE = {
    # What the followed one has, what the lonely one has, and whether it is certain that the followed one is the primary.
    "mysql_and_the_followed_one_never_was_the_primary_before": ("P:1-9,A:1-5", "P:1-12", True),
    "mysql_and_the_followed_one_was_the_primary_before": ("A:1-8,P:1-9", "A:1-3,P:1-12", False),
    "mariadb_and_the_lonely_one_was_the_primary_last": ("0-1-9,0-2-14", "0-1-12,0-2-3", True),
    "mariadb_and_the_followed_one_was_the_primary_last": ("0-1-9,0-2-14", "0-1-16,0-2-11", False),
    "mariadb_and_both_were_as_far_when_they_parted": ("0-1-9,0-2-14", "0-1-12,0-2-9", False),
    "mariadb_and_only_the_followed_one_wrote_to_a_domain": ("0-1-9,0-2-14", "0-1-12,7-2-1", False),
    "mariadb_in_two_domains": ("0-1-9,0-2-14,1-1-9,1-2-14", "0-1-12,0-2-3,1-1-12,1-2-3", True),
    "mariadb_in_two_domains_that_contradict_each_other": ("0-1-9,0-2-14,1-1-9,1-2-14", "0-1-12,0-2-3,1-1-16,1-2-11", False),
}


@pytest.mark.parametrize("case", TWICE)
def test_of_two_that_went_on_alone_the_followed_one_is_the_primary_only_where_it_is_certain_that_it_took_over(case: str) -> None:
    followed, lonely, certain = TWICE[case]
    topology = cluster(living("db1", followed), living("db0", lonely), follows("db2", "db1", followed))
    assert topology.primary == ("db1" if certain else None)
    assert topology.rivals == (() if certain else ("db0", "db1"))


# --- What is said where only the user can decide


def test_of_each_it_is_said_who_follows_it_and_what_it_alone_has() -> None:
    members = [living("db0", "P:1-12"), living("db1", "P:1-9,A:1-5"), follows("db2", "db0", "P:1-11"), follows("db3", "db0", "P:1-12")]
    problems = list(check_rivals(cluster(*members)))
    assert [(problem.code, problem.server, short(problem.gtids)) for problem in problems] == [
        ("two_primaries", "db0", "P:10-12"),
        ("two_primaries", "db1", "A:1-5"),
    ]
    assert short(problems[0].message).endswith("db0 is the primary: it takes writes, db2, db3 follow it, and it alone has 3 transactions: P:10-12")
    assert short(problems[1].message).endswith("db1 is the primary: it takes writes, nobody follows it, and it alone has 5 transactions: A:1-5")


def test_in_mariadb_what_each_alone_has_is_counted_from_where_they_parted() -> None:
    members = [living("db0", "0-1-12"), living("db1", "0-1-9,0-2-14"), follows("db2", "db0", "0-1-12")]
    assert [(problem.server, problem.gtids) for problem in check_rivals(cluster(*members))] == [("db0", "0-1-10..12"), ("db1", "0-2-10..14")]


@pytest.mark.parametrize("word", ["db0", "db1"])
def test_the_word_of_the_user_decides(word: str) -> None:
    members = [living("db0", "P:1-12"), living("db1", "P:1-9,A:1-5"), follows("db2", "db0", "P:1-12")]
    topology = cluster(*members, primary=word)
    assert (topology.primary, topology.primary_status, topology.rivals) == (word, ALIVE, ())


# --- What follows from it


def test_a_claim_that_another_server_contradicts_is_refused_with_the_reason() -> None:
    left_out = [living("db0"), living("db1", "P:1-9,A:1-5"), follows("db2", "db0", "P:1-9")]
    assert [problem.message for problem in check_claim(cluster(*left_out), "db0")] == [
        "db0 is not the primary: db1 takes writes and has all that db0 has",
    ]
    assert list(check_claim(cluster(*left_out), "db1")) == []
    assert [problem.message for problem in check_claim(cluster(*left_out), "db2")] == ["db2 is not the primary: db1 takes writes and has all that db2 has"]
    # Where only the user can tell, and where the primary is dead, the word counts.
    rivals = [living("db0", "P:1-12"), living("db1", "P:1-9,A:1-5"), follows("db2", "db0", "P:1-12")]
    assert [list(check_claim(cluster(*rivals), name)) for name in ("db0", "db1")] == [[], []]
    # Whoever has only found one of them to be the primary, and has no word of the user's for it, is told of both.
    for word in ("db0", "db1", None):
        found = list(check_undecided(cluster(*rivals, primary=word)))
        assert [(problem.code, problem.server) for problem in found] == [("two_primaries", "db0"), ("two_primaries", "db1")]
    assert list(check_undecided(cluster(*left_out))) == []
    assert list(check_claim(cluster(dead("db0"), replica("db1", "P:1-9")), "db1")) == []


def test_those_that_follow_neither_the_primary_nor_a_replica_of_it_are_strays() -> None:
    new = living("db1", "P:1-9,A:1")
    assert strays(cluster(living("db0"), new, follows("db2", "db0", "P:1-9"), follows("db3", "db1", "P:1-9"))) == ["db2"]
    assert strays(cluster(dead("db0"), new, replica("db2", "P:1-9"), follows("db3", "db1", "P:1-9"))) == ["db2"]
    assert strays(cluster(new, follows("db2", "db1", "P:1-9"), follows("db3", "db2", "P:1-9"))) == []
    assert strays(cluster(new, follows("db2", "db1", "P:1-9"), follows("db3", "outside", "P:1-9"))) == []
    assert strays(cluster(dead("db0"), replica("db2", "P:1-9"))) == []
    pair = cluster(opened(follows("db0", "db1", "P:1-9")), follows("db1", "db0", "P:1-9"), follows("db2", "db0", "P:1-9"))
    assert strays(pair) == []


@pytest.mark.parametrize(
    ("members", "name", "expected"),
    [
        pytest.param([living("db0")], "db0", True, id="one_that_follows_nobody"),
        pytest.param([closed("db0", "P:1-9")], "db0", False, id="one_that_is_closed"),
        pytest.param([dead("db0")], "db0", False, id="one_that_is_dead"),
        pytest.param([living("db0"), opened(follows("db1", "db0", "P:1-9"))], "db1", False, id="a_replica_that_takes_writes"),
        pytest.param(
            [dead("db0"), opened(replica("db1", "P:1-9")), follows("db2", "db1", "P:1-9")],
            "db1",
            False,
            id="a_replica_that_takes_writes_and_feeds_another_and_never_wrote_anything",
        ),
        pytest.param(
            [dead("db0"), leftover("db1", "P:1-9,A:1"), follows("db2", "db1", "P:1-9")], "db1", True, id="one_that_feeds_another_and_has_written_something"
        ),
    ],
)
def test_beside_whom_no_second_server_is_opened(members: t.Sequence[Member], name: str, expected: bool) -> None:
    topology = cluster(*members)
    assert is_written_to(topology, topology[name]) is expected


def test_a_primary_keeps_its_old_source_only_where_it_takes_writes_and_its_threads_are_stopped() -> None:
    back = [closed("db0", "P:1-9"), follows("db2", "db1", "P:1-9,A:1")]
    assert keeps_old_source(cluster(*back, leftover("db1", "P:1-9,A:1")))
    assert not keeps_old_source(cluster(*back, living("db1", "P:1-9,A:1")))
    assert not keeps_old_source(cluster(opened(replica("db0", "P:1-9", source="outside")), follows("db1", "db0", "P:1-9")))
    assert not keeps_old_source(cluster(dead("db0"), replica("db1", "P:1-9")))


@pytest.mark.parametrize(
    ("member", "told"),
    [
        pytest.param(dead(), [], id="it_is_dead_still"),
        pytest.param(hung(), [], id="what_it_is_cannot_be_told_as_before"),
        pytest.param(refusing(), ["two_writable db0"], id="it_answers_and_lets_nobody_in"),
        pytest.param(living(), ["two_writable db0"], id="it_takes_writes"),
        pytest.param(living(read_only=True), [], id="it_is_closed"),
    ],
)
def test_whether_one_that_was_replaced_is_back_and_takes_writes(member: Member, told: list[str]) -> None:
    found = member.failure or member.known
    assert [f"{problem.code} {problem.server}" for problem in check_stayed_dead("db0", found, "db1")] == told


def test_what_a_server_has_alone_is_what_none_of_the_others_can_be_shown_to_have() -> None:
    one, two, three = (replica(name, executed) for name, executed in (("db1", "P:1-9,A:1-3"), ("db2", "P:1-7"), ("db3", "P:1-5,A:1")))
    assert short(alone(one)) == "P:1-9,A:1-3"
    assert short(alone(one, two)) == "P:8-9,A:1-3"
    assert short(alone(one, two, three)) == "P:8-9,A:2-3"
    assert short(alone(two, one)) == ""
    assert short(alone(one, replica("db2", "0-1-9"))) == "P:1-9,A:1-3"


ROLE = living("db1", "P:1-9,A:1-5")


@pytest.mark.parametrize(
    ("members", "former"),
    [
        pytest.param([closed("db0", "P:1-9"), ROLE], "db0", id="one_that_is_closed_and_has_nothing_of_its_own"),
        pytest.param([living("db0", "P:1-9"), ROLE], None, id="not_one_that_takes_writes"),
        pytest.param([closed("db0", "P:1-12"), ROLE, follows("db2", "db1", "P:1-9")], None, id="nor_one_with_something_of_its_own"),
        pytest.param([closed("db2", "P:1-9"), ROLE], None, id="nor_one_that_never_wrote"),
        pytest.param([closed("db0", "P:1-9"), closed("db2", "P:1-9,B:1"), living("db1", "P:1-9,B:1,A:1-5")], None, id="nor_one_of_several"),
        pytest.param([dead("db0"), ROLE], None, id="nor_one_that_is_dead"),
        pytest.param([follows("db0", "db1", "P:1-9"), ROLE], None, id="nor_one_that_is_a_replica"),
        pytest.param([closed("db0", "P:1-9"), dead("db1"), replica("db2", "P:1-9", source="db1")], None, id="nobody_where_the_primary_is_dead"),
        pytest.param([closed("db0", "P:1-9"), follows("db1", "db0", "P:1-9")], None, id="nobody_where_it_is_closed_itself"),
    ],
)
def test_who_has_handed_the_role_over(members: t.Sequence[Member], former: str | None) -> None:
    assert handed_over_by(cluster(*members)) == former


def test_whoever_follows_a_ring_is_not_in_it() -> None:
    ring = [opened(follows("db0", "db1", "P:1-9")), opened(follows("db1", "db0", "P:1-9"))]
    outside = opened(follows("db2", "db0", "P:1-9"))
    topology = cluster(*ring, outside)
    assert (topology.primary, topology.rivals) == (None, ("db0", "db1"))
    assert not acts_as_primary(topology, topology["db2"])
