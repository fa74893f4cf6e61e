# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Situations before a promotion, and in the middle of one -> in which way a replica is promoted, and what speaks against opening it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_election
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import (
    AGAIN,
    FINISH,
    FROM_DEAD,
    FROM_LIVING,
    Acknowledging,
    Terms,
    acknowledging,
    check_answering,
    check_can_catch_up,
    check_may_be_opened,
    check_opened_elsewhere,
    check_promoted,
    check_promotion,
    check_unopened,
    lacks,
    opened_or_silent,
    way_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED, SemiSync
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    cluster,
    connected,
    dead,
    gtids,
    hung,
    living,
    long,
    replica,
    server,
    short,
    state,
    stopped,
    unlisted,
)


def told(problems: t.Iterable[Problem]) -> list[str]:
    """Write problems down: code, server, and the GTIDs where there are any."""
    return [" ".join(filter(None, [problem.code, problem.server, short(problem.gtids)])) for problem in problems]


def closed(name: str, executed: str = "P:1-9") -> Member:
    """A server that answers, takes no writes and follows nobody."""
    return server(name, state(name, executed, read_only=True))


def opened(member: Member) -> Member:
    """The same replica, which takes writes already."""
    return replace(member, state=replace(member.known, read_only=False))


ONE, TWO = stopped(replica("db1", "P:1-9")), stopped(replica("db2", "P:1-9"))
FOLLOWS, OTHER = connected(replica("db1", "P:1-9")), connected(replica("db2", "P:1-9"))
PLAIN = Terms("db1")
FROM_DB0 = Terms("db1", demote="db0")


# --- In which way


@pytest.mark.parametrize(
    ("topology", "terms", "way"),
    [
        pytest.param(cluster(dead(), ONE, TWO), PLAIN, FROM_DEAD, id="its_primary_is_dead"),
        pytest.param(cluster(dead(), opened(ONE), TWO), PLAIN, FROM_DEAD, id="it_was_opened_before"),
        pytest.param(cluster(dead(), living("db1"), TWO), PLAIN, FROM_DEAD, id="it_is_a_primary_already"),
        pytest.param(cluster(closed("db1"), TWO), PLAIN, AGAIN, id="it_was_closed_by_a_switchover"),
        pytest.param(cluster(living(), FOLLOWS, OTHER), FROM_DB0, FROM_LIVING, id="its_primary_lives"),
        pytest.param(cluster(closed("db0"), FOLLOWS, OTHER), FROM_DB0, FROM_LIVING, id="its_primary_was_closed_before"),
        pytest.param(cluster(closed("db0"), opened(FOLLOWS), OTHER), FROM_DB0, FINISH, id="it_has_the_role_already"),
        pytest.param(cluster(closed("db0"), living("db1"), OTHER, primary="db0"), FROM_DB0, FINISH, id="and_follows_nobody"),
        pytest.param(cluster(closed("db0", "P:1-10"), opened(FOLLOWS), OTHER), FROM_DB0, FROM_LIVING, id="it_takes_writes_and_lacks_something"),
        pytest.param(cluster(living(), opened(FOLLOWS), OTHER), FROM_DB0, FROM_LIVING, id="replicas_take_writes_at_all_times"),
    ],
)
def test_in_which_way_a_replica_is_promoted(topology: Topology, terms: Terms, way: str) -> None:
    assert way_of(topology, terms) == way


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        (PLAIN, ("db1",)),
        (Terms("db1", catch_up_from="db1"), ("db1",)),
        (Terms("db1", catch_up_from="db2"), ("db1", "db2")),
        (Terms("db1", demote="db0"), ("db1", "db0")),
        (Terms("db1", demote="db0", catch_up_from="db2"), ("db1", "db0")),
    ],
)
def test_without_whom_nothing_can_be_done(terms: Terms, names: tuple[str, ...]) -> None:
    assert terms.acting == names


def test_only_those_that_are_needed_have_to_answer() -> None:
    assert told(check_answering(cluster(dead(), hung("db1"), dead("db2")), ["db1", "db3"])) == ["not_responding db1"]


# --- From a dead primary


def asked(topology: Topology, answer: Failure | None) -> Topology:
    """The same cluster, whose dead primary was asked again."""
    return replace(topology, asked_again={"db0": answer})


ALIVE = Failure("login_refused", "db0 refused the login", True)
HANGS = Failure("not_responding", "db0 takes connections", None)
GONE = Failure("unreachable", "db0 cannot be reached", False)
DEAD = cluster(dead(), ONE, TWO)
SAME = Terms("db1", received=long("P:1-9"), writable=())
KNOWN = replace(SAME, received_by_any=long("P:1-9"))
MORE = stopped(replica("db2", "P:1-10", waiting="P:11"))
ASKS = Terms("db1", dead="db0")


@pytest.mark.parametrize(
    ("topology", "terms", "problems"),
    [
        pytest.param(DEAD, PLAIN, [], id="nothing_speaks_against_it"),
        pytest.param(DEAD, SAME, [], id="nothing_has_changed"),
        pytest.param(cluster(dead(), replica("db1", "P:1-9"), TWO), PLAIN, [], id="its_receiver_tries_to_connect"),
        # the replica itself
        pytest.param(cluster(dead(), FOLLOWS, TWO), PLAIN, ["still_receiving db1"], id="it_still_receives"),
        pytest.param(cluster(dead(), stopped(replica("db1", "P:1-9", waiting="P:10")), TWO), PLAIN, ["not_drained db1 P:10"], id="it_is_not_drained"),
        pytest.param(cluster(dead(), stopped(replica("db1", "P:1-9", log_bin=False)), TWO), PLAIN, ["no_candidate db1"], id="it_has_no_binary_log"),
        pytest.param(cluster(dead(), stopped(replica("db1", "P:1-9", gtid_mode="OFF")), TWO), PLAIN, ["gtid_off db1"], id="it_has_no_gtids"),
        # what has changed since the election
        pytest.param(cluster(dead(), stopped(replica("db1", "P:1-10")), TWO), SAME, ["changed_meanwhile db1"], id="it_has_more_than_when_it_was_elected"),
        pytest.param(cluster(dead(), stopped(replica("db1", "P:1-8")), TWO), SAME, ["changed_meanwhile db1"], id="it_has_less"),
        pytest.param(cluster(dead(), opened(stopped(replica("db1", "P:1-9,A:1"))), TWO), SAME, [], id="it_is_open_already_and_was_written_to"),
        pytest.param(cluster(dead(), ONE, replica("db2", "P:1-9")), SAME, ["changed_meanwhile db2"], id="another_one_receives_again"),
        pytest.param(cluster(dead(), ONE, replica("db2", "P:1-9")), PLAIN, [], id="nobody_has_stopped_it"),
        pytest.param(cluster(dead(), ONE, TWO, connected(replica("db3", "P:1-9", source="db2"))), SAME, [], id="one_that_a_living_replica_feeds"),
        pytest.param(cluster(dead(), opened(ONE), replica("db2", "P:1-9")), SAME, [], id="another_one_receives_again_and_this_one_is_open"),
        pytest.param(cluster(dead(), ONE, MORE), KNOWN, ["changed_meanwhile db2 P:10-11"], id="the_receiver_of_another_one_ran_in_between"),
        pytest.param(cluster(dead(), ONE, MORE), SAME, [], id="nobody_knows_what_it_had"),
        pytest.param(cluster(dead(), ONE, MORE), replace(KNOWN, received_by_any=long("P:1-11")), [], id="it_had_that_and_that_is_known_to_be_lost"),
        pytest.param(cluster(dead(), ONE, MORE), replace(KNOWN, catch_up_from="db2"), [], id="it_is_going_to_have_that"),
        pytest.param(cluster(dead(), opened(ONE), MORE), KNOWN, [], id="the_receiver_of_another_one_ran_and_this_one_is_open"),
        pytest.param(
            cluster(dead(), ONE, TWO, connected(replica("db3", "P:1-10", source="db2"))), KNOWN, ["changed_meanwhile db3 P:10"], id="and_no_longer_feeds_it"
        ),
        pytest.param(cluster(dead(), opened(ONE), TWO), Terms("db1", writable=("db1",)), [], id="it_took_writes_and_still_does"),
        pytest.param(DEAD, Terms("db1", writable=("db1",)), ["changed_meanwhile db1"], id="it_took_writes_and_is_closed_now"),
        pytest.param(
            cluster(closed("db1"), TWO, primary="db1"), Terms("db1", writable=("db1",)), ["changed_meanwhile db1"], id="it_replicated_from_nobody_then"
        ),
        pytest.param(DEAD, replace(KNOWN, received_by_any="0-1-9"), ["bad_input db1"], id="what_all_had_is_of_the_other_family"),
        pytest.param(DEAD, Terms("db1", received="0-1-9"), ["bad_input db1"], id="what_it_had_is_of_the_other_family"),
        pytest.param(cluster(dead(), ONE, opened(TWO)), SAME, ["changed_meanwhile db2"], id="another_one_takes_writes_by_now"),
        pytest.param(cluster(dead(), ONE, opened(TWO)), replace(SAME, writable=("db2",)), [], id="it_did_so_before"),
        pytest.param(cluster(dead(), ONE, opened(TWO)), PLAIN, [], id="or_nobody_knows"),
        pytest.param(cluster(dead(), ONE, living("db2")), PLAIN, ["two_writable db2"], id="another_one_is_a_primary"),
        pytest.param(cluster(dead(), ONE, living("db2")), replace(SAME, writable=("db2",)), ["two_writable db2"], id="even_if_it_was_one_before"),
        pytest.param(
            cluster(dead(), stopped(replica("db1", "P:1-9")), opened(stopped(replica("db2", "P:1-9,B:1"))), replica("db3", "P:1-9", source="db2")),
            PLAIN,
            ["two_writable db2"],
            id="another_one_takes_writes_and_feeds_others",
        ),
        # who was asked at the election, and may have been opened since
        pytest.param(cluster(dead(), ONE, hung("db2")), SAME, ["not_responding db2"], id="another_one_does_not_answer"),
        pytest.param(cluster(dead(), ONE, dead("db2")), SAME, ["unreachable db2"], id="or_has_died"),
        pytest.param(cluster(dead(), ONE, hung("db2")), replace(SAME, silent=("db2",)), [], id="it_was_left_out_then"),
        pytest.param(cluster(dead(), opened(ONE), hung("db2")), SAME, [], id="another_one_does_not_answer_and_this_one_is_open"),
        pytest.param(asked(cluster(ONE, dead(), TWO, primary="db1"), GONE), ASKS, [], id="the_dead_one_is_no_longer_taken_for_the_primary"),
        # the dead primary
        pytest.param(asked(DEAD, GONE), ASKS, [], id="it_is_still_dead"),
        pytest.param(asked(DEAD, None), ASKS, ["primary_alive db0"], id="it_answers_again"),
        pytest.param(replace(DEAD, asked_again={"db0": GONE, "db3": None}), ASKS, ["changed_meanwhile db3"], id="who_was_left_out_answers_again"),
        pytest.param(replace(DEAD, asked_again={"db0": GONE, "db3": HANGS}), ASKS, [], id="who_was_left_out_is_silent_still"),
        pytest.param(replace(DEAD, asked_again={"db0": GONE, "db3": ALIVE}), ASKS, ["changed_meanwhile db3"], id="it_lets_nobody_in"),
        *(
            pytest.param(
                replace(DEAD, asked_again={"db0": GONE, "db3": now}),
                replace(ASKS, silent=("db3",), silent_status={"db3": then}),
                ["changed_meanwhile db3"] if is_news else [],
                id=f"who_was_{then}_is_{None if now is None else now.alive}",
            )
            for then, news in (("dead", [False, True, True, True]), ("maybe_alive", [False, False, True, True]), ("alive", [False, False, False, True]))
            for now, is_news in zip([GONE, HANGS, ALIVE, None], news, strict=True)
        ),
        # one to which there is no connection, by what came of that
        pytest.param(
            replace(cluster(dead(), ONE, dead("db2")), asked_again={"db0": GONE, "db2": HANGS}),
            ASKS,
            ["changed_meanwhile db2"],
            id="nobody_was_there_and_somebody_is",
        ),
        pytest.param(
            replace(cluster(dead(), ONE, hung("db2")), asked_again={"db0": GONE, "db2": HANGS}), ASKS, ["not_responding db2"], id="it_hangs_as_it_did"
        ),
        pytest.param(asked(DEAD, None), replace(ASKS, force=True), ["primary_alive db0"], id="whatever_is_forced"),
        pytest.param(asked(DEAD, ALIVE), ASKS, ["primary_alive db0"], id="it_lets_nobody_in_but_answers"),
        pytest.param(asked(DEAD, HANGS), ASKS, ["primary_maybe_alive db0"], id="it_hangs"),
        pytest.param(asked(DEAD, HANGS), replace(ASKS, force=True), [], id="it_hangs_and_that_is_forced"),
        pytest.param(DEAD, ASKS, ["primary_maybe_alive db0"], id="it_was_not_asked"),
        pytest.param(cluster(dead(), living("db1"), TWO), ASKS, [], id="it_need_not_be_asked_once_the_replica_is_a_primary"),
        # all at once, and what comes from that is not told
        pytest.param(
            asked(cluster(dead(), connected(replica("db1", "P:1-10")), living("db2")), None),
            replace(SAME, dead="db0"),
            ["changed_meanwhile db2", "changed_meanwhile db1", "primary_alive db0"],
            id="everything_at_once",
        ),
    ],
)
def test_what_speaks_against_opening_a_replica_of_a_dead_primary(topology: Topology, terms: Terms, problems: list[str]) -> None:
    assert told(check_promotion(topology, terms)) == problems


@pytest.mark.parametrize(
    ("one", "two", "missing"),
    [
        (ONE, stopped(replica("db2", "P:1-12")), "P:10-12"),
        (ONE, TWO, None),
        (stopped(replica("db1", "P:1-9", waiting="P:10-12")), stopped(replica("db2", "P:1-12")), None),
        (living("db1"), stopped(replica("db2", "P:1-12")), None),
    ],
    ids=["it_lacks_something", "it_lacks_nothing", "it_only_has_to_apply_it", "it_is_no_replica_any_more"],
)
def test_what_a_replica_has_to_fetch_from_another_one(one: Member, two: Member, missing: str | None) -> None:
    topology = cluster(dead(), one, two, primary="db0")
    found = lacks(topology, Terms("db1", catch_up_from="db2"))
    assert (found and short(found)) == missing
    assert lacks(topology, Terms("db1")) is None
    assert lacks(topology, Terms("db1", catch_up_from="db1")) is None


def test_a_replica_that_has_to_catch_up_need_be_drained_only_then() -> None:
    terms = Terms("db1", catch_up_from="db2", received=long("P:1-10"))
    before = cluster(dead(), stopped(replica("db1", "P:1-9", waiting="P:10")), stopped(replica("db2", "P:1-12")))
    assert told(check_promotion(before, terms)) == []
    half = cluster(dead(), stopped(replica("db1", "P:1-10", waiting="P:11-12")), stopped(replica("db2", "P:1-12")))
    assert told(check_promotion(half, terms, caught_up=True)) == ["not_drained db1 P:11-12"]
    after = cluster(dead(), stopped(replica("db1", "P:1-12")), stopped(replica("db2", "P:1-12")))
    assert told(check_promotion(after, terms, caught_up=True)) == []
    # And whoever it has caught up from may have received more meanwhile.
    more = cluster(dead(), stopped(replica("db1", "P:1-12")), stopped(replica("db2", "P:1-13")))
    assert told(check_promotion(more, replace(terms, received_by_any=long("P:1-12")), caught_up=True)) == ["changed_meanwhile db2 P:13"]


@pytest.mark.parametrize(("purged", "problems"), [("P:1-9", []), ("P:1-10", ["catch_up_failed db1 P:10"])])
def test_what_another_one_has_purged_cannot_be_fetched_from_it(purged: str, problems: list[str]) -> None:
    assert told(check_can_catch_up(ONE, "db2", gtids(purged))) == problems


# --- Opened again


@pytest.mark.parametrize(
    ("other", "problems"),
    [
        pytest.param(replica("db2", "P:1-9", source="db1"), [], id="its_replica_has_nothing_more"),
        pytest.param(replica("db2", "P:1-9", waiting="P:10", source="db1"), ["diverged db2 P:10"], id="one_has_received_more"),
        pytest.param(opened(replica("db2", "P:1-9", source="db1")), ["two_writable db2"], id="one_takes_writes"),
        pytest.param(living("db2"), ["two_writable db2"], id="one_is_a_primary"),
        pytest.param(hung("db2"), ["not_responding db2"], id="one_does_not_answer"),
    ],
)
def test_what_speaks_against_opening_a_closed_primary_again(other: Member, problems: list[str]) -> None:
    assert told(check_promotion(cluster(closed("db1"), other, primary="db1"), PLAIN)) == problems


def test_a_closed_primary_whose_former_one_answers_is_not_opened_again() -> None:
    topology = asked(cluster(closed("db1"), TWO, primary="db1"), None)
    assert told(check_promotion(topology, ASKS)) == ["primary_alive db0"]


# --- From a living primary


def candidate(**on_channel: t.Any) -> Member:
    return connected(replica("db1", "P:1-9", on_channel=on_channel)) if "receiver" not in on_channel else replica("db1", "P:1-9", on_channel=on_channel)


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        pytest.param(living(), FOLLOWS, [], id="nothing_speaks_against_it"),
        pytest.param(closed("db0"), FOLLOWS, [], id="nor_if_an_interrupted_run_has_closed_the_primary"),
        pytest.param(living("db0", "P:1-99"), FOLLOWS, [], id="nor_if_it_is_a_little_behind"),
        # the replica
        pytest.param(living(), closed("db1"), ["not_a_replica db1"], id="it_is_no_replica"),
        pytest.param(living(), candidate(applier=STOPPED, applier_error="Duplicate entry"), ["applier_broken db1"], id="its_applier_failed"),
        pytest.param(living(), candidate(applier=STOPPED), ["not_replicating db1"], id="its_applier_stands_still"),
        pytest.param(living(), candidate(receiver=STOPPED), ["not_replicating db1"], id="its_receiver_stands_still"),
        pytest.param(living(), candidate(receiver=CONNECTING), ["not_replicating db1"], id="its_receiver_cannot_connect"),
        pytest.param(living(), candidate(lag=5), [], id="it_lags_as_much_as_it_may"),
        pytest.param(living(), candidate(lag=6), ["lagging db1"], id="it_lags_more"),
        pytest.param(living(), candidate(lag=9, delay=4), [], id="what_it_lags_on_purpose_does_not_count"),
        pytest.param(living(), candidate(delay=6), ["lagging db1"], id="unless_it_is_too_much"),
        pytest.param(living(), connected(replica("db1", "P:1-9,A:1")), ["errant db1 A:1"], id="it_was_written_to"),
        pytest.param(living(), opened(connected(replica("db1", "P:1-9,A:1"))), [], id="while_it_takes_writes_and_may_have_been_opened"),
        # the old primary
        pytest.param(connected(replica("db0", "P:1-9", source="db2")), FOLLOWS, ["changed_meanwhile db0"], id="it_follows_somebody_by_now"),
        # the role was handed over before
        pytest.param(closed("db0"), opened(FOLLOWS), [], id="it_was_handed_over"),
        pytest.param(closed("db0", "P:1-10"), living("db1"), ["diverged db0 P:10"], id="the_old_one_has_more_by_now"),
        pytest.param(living("db0"), living("db1"), ["two_writable db0"], id="the_old_one_takes_writes_by_now"),
    ],
)
def test_what_speaks_against_taking_the_role_from_a_living_primary(old: Member, new: Member, problems: list[str]) -> None:
    topology = cluster(old, new, OTHER, primary="db0")
    assert told(check_promotion(topology, Terms("db1", demote="db0", max_lag=5))) == problems


@pytest.mark.parametrize(
    ("old", "writable", "problems"),
    [
        (closed("db0"), ("db0",), ["changed_meanwhile db0", "not_responding db2"]),
        (closed("db0"), (), ["not_responding db2"]),
        (closed("db0"), None, ["not_responding db2"]),
        (living("db0"), ("db0",), []),
        (connected(replica("db0", "P:1-9", source="db2")), ("db0",), ["changed_meanwhile db0", "not_responding db2"]),
    ],
    ids=["closed_since", "closed_before", "not_known", "open_still", "a_replica_by_now"],
)
def test_a_closed_primary_may_have_been_replaced_since_the_choice(old: Member, writable: tuple[str, ...] | None, problems: list[str]) -> None:
    topology = cluster(old, FOLLOWS, hung("db2"), primary="db0")
    assert told(check_promotion(topology, Terms("db1", demote="db0", writable=writable))) == problems


def test_who_else_takes_writes_is_told_before_what_comes_from_that() -> None:
    overtaken = cluster(connected(replica("db0", "P:1-9", source="db2")), connected(replica("db1", "P:1-9", source="db2")), living("db2"))
    assert told(check_promotion(overtaken, Terms("db1", demote="db0", writable=("db0",)))) == ["changed_meanwhile db2"]


@pytest.mark.parametrize(
    ("old", "new", "other", "problems"),
    [
        pytest.param(closed("db0"), FOLLOWS, OTHER, [], id="all_is_as_it_was"),
        pytest.param(closed("db0"), FOLLOWS, hung("db2"), [], id="another_one_does_not_answer"),
        pytest.param(closed("db0"), FOLLOWS, living("db2"), ["two_writable db2"], id="another_one_is_a_primary"),
        pytest.param(closed("db0"), FOLLOWS, opened(OTHER), ["replica_writable db2"], id="another_one_takes_writes"),
        pytest.param(closed("db0", "P:1-10"), FOLLOWS, OTHER, ["diverged db0 P:10"], id="somebody_wrote_to_the_old_one"),
        pytest.param(living("db0"), FOLLOWS, OTHER, ["not_read_only db0"], id="it_takes_writes_again"),
        pytest.param(dead("db0"), FOLLOWS, OTHER, ["unreachable db0"], id="it_died"),
        pytest.param(closed("db0"), hung("db1"), OTHER, ["not_responding db1"], id="the_new_one_hangs"),
    ],
)
def test_what_speaks_against_opening_a_replica_once_its_primary_is_closed(old: Member, new: Member, other: Member, problems: list[str]) -> None:
    assert told(check_may_be_opened(cluster(old, new, other, primary="db0"), FROM_DB0, "db0")) == problems


@pytest.mark.parametrize(
    ("other", "now", "problems"),
    [
        pytest.param(hung("db2"), None, ["changed_meanwhile db2"], id="it_hung_and_answers"),
        pytest.param(hung("db2"), HANGS, [], id="it_hangs_as_it_did"),
        pytest.param(dead("db2"), HANGS, ["changed_meanwhile db2"], id="it_was_dead_and_takes_connections"),
        pytest.param(dead("db2"), GONE, [], id="it_is_dead_as_it_was"),
    ],
)
def test_who_did_not_answer_is_silent_still_when_a_switchover_opens_a_server(other: Member, now: Failure | None, problems: list[str]) -> None:
    topology = replace(cluster(closed("db0"), FOLLOWS, other, primary="db0"), asked_again={"db2": now})
    assert told(check_may_be_opened(topology, FROM_DB0, "db0")) == problems


@pytest.mark.parametrize(
    ("other", "kept", "problems"),
    [
        pytest.param(OTHER, [], [], id="it_is_closed"),
        pytest.param(opened(OTHER), [], ["db0: db2 takes writes now"], id="it_takes_writes"),
        pytest.param(living("db2"), [], ["db0: db2 takes writes now"], id="it_is_a_primary"),
        pytest.param(hung("db2"), [], ["db0: may have opened db2"], id="it_hangs"),
        pytest.param(dead("db2"), [], ["db0: may have opened db2"], id="it_is_dead"),
        pytest.param(opened(OTHER), ["db2"], [], id="its_lock_was_held_all_the_time"),
        pytest.param(unlisted(dead("db2")), [], [], id="it_is_no_member"),
    ],
)
def test_nothing_is_opened_again_beside_what_another_run_has_opened_or_may_have(other: Member, kept: list[str], problems: list[str]) -> None:
    found = list(check_opened_elsewhere(cluster(closed("db0"), FOLLOWS, other, primary="db0"), "db0", ["db1", *kept]))
    assert told(check_opened_elsewhere(cluster(closed("db0"), FOLLOWS, OTHER, primary="db0"), "db0", ["db1"], ["db3"])) == ["changed_meanwhile db0"]
    assert [problem.code for problem in found] == ["changed_meanwhile"] * len(problems)
    for problem, words in zip(found, problems, strict=True):
        server, said = words.split(": ")
        assert (problem.server, said in problem.message) == (server, True), problem


def test_whom_another_run_may_have_opened() -> None:
    assert opened_or_silent(cluster(closed("db0"), opened(ONE), TWO, hung("db3"), dead("db4")), ["db4"]) == ["db1", "db3"]
    assert opened_or_silent(cluster(closed("db0"), opened(ONE), TWO), ["db1"]) == []


@pytest.mark.parametrize(("now", "was_writable", "problems"), [(ONE, False, []), (opened(ONE), False, ["changed_meanwhile db1"]), (opened(ONE), True, [])])
def test_nothing_is_undone_on_a_replica_that_was_opened_meanwhile(now: Member, was_writable: bool, problems: list[str]) -> None:
    assert told(check_unopened("db1", now.known, was_writable=was_writable)) == problems


# --- Before and after


def semi_sync(wait_for: int = 1, variable: str = "rpl_semi_sync_source_enabled") -> Member:
    return replace(ONE, state=replace(ONE.known, semi_sync=SemiSync(variable, False, "", False, wait_for)))


@pytest.mark.parametrize(
    ("member", "was", "acknowledgers", "wanted", "warned"),
    [
        (semi_sync(), True, 1, True, False),
        (semi_sync(), False, 9, False, False),
        (semi_sync(), True, 0, False, True),
        (semi_sync(wait_for=2), True, 1, False, True),
        (semi_sync(wait_for=2), True, 2, True, False),
        (semi_sync(wait_for=0), True, 0, False, True),
        (semi_sync(variable=""), True, 9, False, True),
        (semi_sync(variable=""), False, 9, False, False),
    ],
)
def test_a_new_primary_waits_for_acknowledgements_if_that_was_so_and_enough_can_give_them(
    member: Member, was: bool, acknowledgers: int, wanted: bool, warned: bool
) -> None:
    decided = acknowledging(member, was, acknowledgers)
    assert (decided.wanted, bool(decided.warning)) == (wanted, warned)
    assert decided == Acknowledging(wanted) or "db1 will not wait for acknowledgements" in decided.warning


def test_a_new_primary_that_is_read_only_or_replicates_again_has_not_been_promoted() -> None:
    assert told(check_promoted(living("db1"))) == []
    assert told(check_promoted(ONE)) == ["not_writable db1", "not_promoted db1"]
    assert told(check_promoted(hung("db1"))) == []


@pytest.mark.parametrize("forced", [False, True])
def test_a_plan_goes_on_from_what_an_election_would_have_left(forced: bool) -> None:
    found = cluster(living("db0", "P:1-12"), connected(replica("db1", "P:1-9", waiting="P:10-12")), connected(replica("db2", "P:1-9")))
    planned = after_election(found, "db1", forced=forced)
    best = planned["db1"].known
    # One that receives from a living primary is not elected.
    assert short(best.executed) == ("P:1-12" if forced else "P:1-9")
    assert bool(best.not_applied) is not forced
    assert best.channels[0].receiver == (STOPPED if forced else RUNNING)
    assert planned["db0"].known.writable is not forced
    assert planned["db2"].known.executed == found["db2"].known.executed
    assert planned["db2"].known.channels[0].receiver == (STOPPED if forced else RUNNING)
    assert told(check_promotion(planned, PLAIN)) == ([] if forced else ["two_writable db0"])


def test_a_plan_lets_the_most_advanced_replica_apply_what_the_best_one_will_fetch_from_it() -> None:
    found = cluster(dead(), replica("db1", "P:1-7", waiting="P:8"), replica("db2", "P:1-9", waiting="P:10-12"), replica("db3", "P:1-9"))
    planned = after_election(found, "db1", "db2", forced=False)
    assert [short(planned[name].known.executed) for name in ("db1", "db2", "db3")] == ["P:1-7", "P:1-12", "P:1-9"]
    assert [planned[name].known.channels[0].receives_no_more for name in ("db1", "db2", "db3")] == [True, True, True]


def test_in_a_plan_the_replicas_of_a_living_replica_go_on_receiving_from_it() -> None:
    found = cluster(dead(), replica("db1", "P:1-9"), connected(replica("db2", "P:1-9", source="db1")))
    planned = after_election(found, "db1", forced=False)
    assert planned["db1"].known.channels[0].receives_no_more
    assert planned["db2"] == found["db2"]
