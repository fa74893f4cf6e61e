# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Situations of a cluster and the user's terms -> whether a failover may go ahead, and whom it concerns."""

from __future__ import annotations

import sys
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_opened
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import (
    Terms,
    acknowledgers,
    check_frozen,
    choose,
    has_received_all,
    judge,
    must_be_fenced,
    must_be_repointed,
    with_loss_of_primary,
    without_living_source,
)
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import SemiSync
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    cluster,
    connected,
    crashed,
    dead,
    hung,
    living,
    replica,
    short,
    stopped,
    stuck,
    unlisted,
    was_refused,
)

ONE, TWO = replica("db1", "P:1-9"), replica("db2", "P:1-9")
AHEAD = replica("db2", "P:1-9", waiting="P:10")
FILTERED = replica("db1", "P:1-9", on_channel={"filters": ("Replicate_Do_DB",)})
UNLOGGED = replica("db2", "P:1-9", log_bin=False)
AWAY = replica("db1", "P:1-9", on_channel={"source_id": 0})
BROKEN = replica("db2", "P:1-9", waiting="P:10", error="Duplicate entry")
REFUSED = (was_refused("db1", "P:1-9"), was_refused("db2", "P:1-9"))
DIVERGED = (replica("db1", "P:1-8,A:1"), replica("db2", "P:1-9,B:1"))


CRASHED = crashed("db1", "0-1-95", "0-1-100")


def told(problems: t.Iterable[Problem]) -> list[str]:
    """Write problems down: code, server, and the GTIDs where there are any."""
    return [" ".join(filter(None, [problem.code, problem.server, short(problem.gtids)])) for problem in problems]


@pytest.mark.parametrize(
    ("topology", "terms", "against", "allowed", "best"),
    [
        pytest.param(cluster(dead(), ONE, TWO), Terms(), [], [], "db1", id="nothing_speaks_against_it"),
        pytest.param(cluster(dead(), ONE, TWO), Terms(is_whole=True), [], [], "db1", id="the_primary_is_a_member"),
        pytest.param(cluster(unlisted(dead()), ONE, TWO), Terms(is_whole=True), ["primary_not_in_group db0"], [], "db1", id="the_primary_is_no_member"),
        pytest.param(cluster(unlisted(dead()), ONE, TWO), Terms(), [], [], "db1", id="the_primary_is_no_member_and_was_named"),
        pytest.param(cluster(dead(), ONE, TWO), Terms(candidates=("db2",)), [], [], "db2", id="the_wish_decides_among_equals"),
        pytest.param(cluster(dead(), ONE, TWO), Terms(exclude=("db1",)), [], [], "db2", id="who_is_excluded_is_not_elected"),
        pytest.param(cluster(dead(), ONE, TWO), Terms(candidates=("db7",), exclude=("db8",)), ["not_a_member db7", "not_a_member db8"], [], "db1", id="names"),
        # replicas that do not answer
        pytest.param(cluster(dead(), ONE, hung("db2")), Terms(), ["not_responding db2"], [], "db1", id="one_is_silent"),
        pytest.param(
            cluster(dead(), ONE, hung("db2")), Terms(leave_out_silent=True), [], ["not_responding db2"], "db1", id="one_is_silent_and_may_be_left_out"
        ),
        pytest.param(
            cluster(dead(), dead("db1"), hung("db2")),
            Terms(leave_out_silent=True),
            ["primary_unknown", "no_replicas"],
            ["unreachable db0", "unreachable db1", "not_responding db2"],
            None,
            id="all_are_silent_and_nobody_is_left",
        ),
        # the primary
        pytest.param(cluster(living(), connected(ONE)), Terms(), ["primary_alive db0"], [], "db1", id="it_lives"),
        pytest.param(cluster(living(), connected(ONE)), Terms(force=True), ["primary_alive db0"], [], "db1", id="force_is_not_enough_unless_it_is_fenced"),
        pytest.param(cluster(hung(), ONE), Terms(), ["primary_maybe_alive db0"], [], "db1", id="it_hangs"),
        pytest.param(cluster(hung(), ONE), Terms(force=True), [], ["primary_maybe_alive db0"], "db1", id="it_hangs_and_force_allows_that"),
        pytest.param(cluster(stuck(), ONE), Terms(force=True), ["primary_hangs db0"], [], "db1", id="it_lets_clients_in_and_force_does_not_allow_that"),
        pytest.param(cluster(living(), connected(ONE)), Terms(expect_primary="alive"), [], [], "db1", id="it_lives_as_expected"),
        pytest.param(cluster(dead(), ONE), Terms(expect_primary="alive"), ["primary_dead db0"], [], "db1", id="it_is_dead_and_was_to_live"),
        pytest.param(cluster(dead(), ONE), Terms(expect_primary="any"), [], [], "db1", id="either_will_do_dead"),
        pytest.param(cluster(living(), connected(ONE)), Terms(expect_primary="any"), [], [], "db1", id="either_will_do_living"),
        pytest.param(
            cluster(living(binlog_filters=("binlog_do_db=a",)), connected(ONE)),
            Terms(expect_primary="alive"),
            [],
            ["binlog_filtered db0"],
            "db1",
            id="it_keeps_rows_out_of_its_binary_log",
        ),
        # what a crash took
        pytest.param(cluster(dead(), CRASHED, replica("db2", "0-1-98")), Terms(), [], ["log_ahead db1 0-1-96..100"], "db2", id="its_log_has_it"),
        pytest.param(
            cluster(dead(), CRASHED), Terms(allow_data_loss=True), ["no_candidate", "log_ahead db1 0-1-96..100"], [], None, id="nobody_else_can_have_it"
        ),
        # what would be lost
        pytest.param(cluster(dead(), ONE, BROKEN), Terms(), ["applier_broken db2 P:10"], [], "db1", id="an_applier_failed"),
        pytest.param(cluster(dead(), ONE, BROKEN), Terms(allow_data_loss=True), [], ["applier_broken db2 P:10"], "db1", id="what_it_has_may_be_lost"),
        pytest.param(
            cluster(dead(), replica("db1", "0-1-9"), stopped(replica("db2", "0-1-9"), "the file ends", is_complete=False)),
            Terms(),
            ["relay_logs_at_risk db2"],
            [],
            "db1",
            id="nobody_knows_what_is_in_relay_logs",
        ),
        pytest.param(
            cluster(dead(), replica("db1", "0-1-9"), stopped(replica("db2", "0-1-9"), "the file ends", is_complete=False)),
            Terms(allow_data_loss=True),
            [],
            ["relay_logs_at_risk db2"],
            "db1",
            id="which_may_be_lost",
        ),
        pytest.param(
            cluster(dead(), ONE, TWO),
            Terms(exclude=("db1", "db2"), allow_data_loss=True),
            ["no_candidate"],
            [],
            None,
            id="nobody_may_be_promoted_whatever_may_be_lost",
        ),
        pytest.param(cluster(dead(), FILTERED), Terms(), ["filtered db1"], [], "db1", id="everybody_leaves_rows_out"),
        pytest.param(cluster(dead(), FILTERED, UNLOGGED), Terms(allow_data_loss=True), [], ["filtered db1"], "db1", id="which_may_be_left_out"),
        pytest.param(cluster(dead(), FILTERED), Terms(exclude=("db1",), allow_data_loss=True), ["no_candidate"], [], None, id="but_nobody_is_left"),
        pytest.param(cluster(dead(), FILTERED, TWO), Terms(), [], [], "db2", id="one_leaves_rows_out"),
        # what nobody may have received
        pytest.param(cluster(dead(), AWAY), Terms(), ["never_connected db1"], [], "db1", id="the_only_replica_was_away"),
        pytest.param(cluster(dead(), AWAY), Terms(allow_data_loss=True), [], ["never_connected db1"], "db1", id="what_it_missed_may_be_lost"),
        pytest.param(cluster(dead(), AWAY), Terms(salvages=True), [], ["never_connected db1"], "db1", id="what_it_missed_is_fetched"),
        pytest.param(cluster(unlisted(dead()), AWAY), Terms(salvages=True), ["never_connected db1"], [], "db1", id="what_it_missed_cannot_be_fetched"),
        pytest.param(cluster(dead(), AWAY, TWO), Terms(), [], [], "db1", id="another_one_was_there"),
        pytest.param(cluster(dead(), AWAY, living("db2")), Terms(), [], [], "db2", id="it_was_away_when_another_was_promoted"),
        pytest.param(cluster(living(), connected(AWAY)), Terms(expect_primary="any"), [], [], "db1", id="the_primary_lives"),
        # what was written under GTIDs that replicas have from before
        pytest.param(cluster(dead(), *REFUSED), Terms(), [], ["diverged db0"], "db1", id="replicas_know_more_than_the_primary_did"),
        pytest.param(cluster(dead(), *REFUSED), Terms(salvages=True), ["diverged db0"], [], "db1", id="what_it_has_does_not_fit"),
        pytest.param(cluster(dead(), *REFUSED), Terms(salvages=True, allow_data_loss=True), [], ["diverged db0"], "db1", id="it_may_be_given_up"),
        pytest.param(cluster(dead(), REFUSED[0], TWO), Terms(), [], ["diverged db0"], "db1", id="one_has_not_asked_again"),
        pytest.param(
            cluster(dead(), REFUSED[0], replica("db2", "P:1-8")), Terms(), ["diverged db1"], ["diverged db0"], "db1", id="it_may_have_gone_on_with_other_rows"
        ),
        pytest.param(
            cluster(dead(), REFUSED[0], AHEAD), Terms(allow_data_loss=True), ["diverged db1"], ["diverged db0"], "db2", id="one_went_on_whatever_may_be_lost"
        ),
        pytest.param(
            cluster(living(), REFUSED[0], connected(TWO)), Terms(expect_primary="alive"), ["diverged db1"], [], "db1", id="the_primary_is_to_hand_over"
        ),
        pytest.param(cluster(living(), *REFUSED), Terms(expect_primary="alive"), ["diverged db1", "diverged db2"], [], "db1", id="to_whom_it_never_fed_that"),
        pytest.param(
            cluster(dead(), ONE, BROKEN, hung("db3")), Terms(), ["not_responding db3"], [], "db1", id="an_election_among_those_who_answered_is_not_talked_of"
        ),
    ],
)
def test_what_speaks_against_a_failover_on_the_terms_of_the_user(
    topology: Topology, terms: Terms, against: list[str], allowed: list[str], best: str | None
) -> None:
    verdict = judge(topology, terms)
    assert (told(verdict.against), told(verdict.allowed), verdict.election.best) == (against, allowed, best)


def test_a_primary_that_is_kept_from_writing_need_not_be_dead() -> None:
    assert told(judge(cluster(living(), connected(ONE)), Terms(force=True), fenced=True).against) == []


@pytest.mark.parametrize(
    ("allow_data_loss", "against", "allowed"), [(False, ["diverged db0"], []), (True, [], ["diverged db0"])], ids=["refused", "unless_allowed"]
)
def test_one_that_is_kept_from_writing_may_have_what_nobody_can_tell(allow_data_loss: bool, against: list[str], allowed: list[str]) -> None:
    verdict = judge(cluster(living("db0", "P:1-9"), *REFUSED), Terms(force=True, allow_data_loss=allow_data_loss), fenced=True)
    assert (told(verdict.against), told(verdict.allowed)) == (against, allowed)


def test_servers_of_both_families_are_compared_on_no_terms() -> None:
    with pytest.raises(Refusal) as refused:
        judge(cluster(dead(), ONE, replica("db2", "0-1-9")), Terms(allow_data_loss=True, force=True, leave_out_silent=True))
    assert told(refused.value.problems) == ["mixed_families"]


def test_what_is_chosen_has_a_winner_and_whom_it_catches_up_from() -> None:
    choice = choose(judge(cluster(dead(), ONE, AHEAD), Terms(candidates=("db1",))))
    assert (choice.best, choice.most_advanced) == ("db1", "db2")


def test_nothing_is_chosen_that_anything_speaks_against() -> None:
    with pytest.raises(Refusal) as refused:
        choose(judge(cluster(living(), connected(ONE), hung("db2")), Terms()))
    assert told(refused.value.problems) == ["not_responding db2", "primary_alive db0"]


@pytest.mark.parametrize(
    ("topology", "force", "expected"),
    [
        pytest.param(cluster(living(), connected(ONE)), True, True, id="a_living_one"),
        pytest.param(cluster(living(), connected(ONE)), False, False, id="not_unless_it_is_wanted"),
        pytest.param(cluster(dead(), ONE), True, False, id="not_a_dead_one"),
        pytest.param(cluster(hung(), ONE), True, False, id="nor_one_that_cannot_be_told_anything"),
        pytest.param(cluster(living(), living("db1"), primary="db0"), True, False, id="nor_one_that_nobody_follows"),
    ],
)
def test_a_primary_is_fenced_if_it_lives_and_has_replicas(topology: Topology, force: bool, expected: bool) -> None:
    assert must_be_fenced(topology, Terms(force=force)) is expected


CHAINED = replica("db2", "P:1-9", source="db1")


@pytest.mark.parametrize(
    ("topology", "names"),
    [
        pytest.param(cluster(dead(), ONE, TWO), ["db1", "db2"], id="all_follow_the_dead_primary"),
        pytest.param(cluster(dead(), ONE, CHAINED), ["db1"], id="one_follows_a_living_replica"),
        pytest.param(cluster(dead(), ONE, dead("db3"), replica("db2", "P:1-9", source="db3"), primary="db0"), ["db1", "db2"], id="one_follows_a_dead_replica"),
        pytest.param(cluster(dead(), ONE, hung("db2")), ["db1"], id="one_does_not_answer"),
    ],
)
def test_receivers_are_stopped_unless_a_living_replica_feeds_them(topology: Topology, names: list[str]) -> None:
    assert without_living_source(topology) == names
    assert must_be_repointed(topology, "db1") == [name for name in names if name != "db1"]


def acknowledging(member: Member, replica_side: bool = True) -> Member:
    return replace(
        member, state=replace(member.known, semi_sync=SemiSync("rpl_semi_sync_source_enabled", False, "rpl_semi_sync_replica_enabled", replica_side))
    )


@pytest.mark.parametrize(
    ("topology", "count"),
    [
        pytest.param(cluster(dead(), ONE, TWO), 0, id="none_without_semi_sync"),
        pytest.param(cluster(dead(), acknowledging(ONE), acknowledging(TWO), acknowledging(replica("db3", "P:1"), False)), 1, id="replicas_that_do_now"),
        pytest.param(cluster(acknowledging(living(), False), acknowledging(ONE), acknowledging(TWO)), 2, id="and_the_old_primary_as_the_new_one_did"),
        pytest.param(cluster(living(), acknowledging(ONE), acknowledging(TWO)), 1, id="if_it_has_the_plugin"),
        pytest.param(cluster(acknowledging(living(), False), acknowledging(ONE, False), acknowledging(TWO)), 1, id="and_the_new_one_did"),
    ],
)
def test_who_would_acknowledge_to_a_new_primary_is_counted(topology: Topology, count: int) -> None:
    assert acknowledgers(topology, "db1") == count


def test_a_replica_that_receives_again_after_it_was_stopped_is_not_waited_for() -> None:
    topology = cluster(dead(), stopped(ONE), connected(TWO), replica("db3", "P:1-9"), unlisted(hung("db4")))
    assert told(check_frozen(topology, ["db1", "db2", "db3", "db4"])) == ["changed_meanwhile db2", "changed_meanwhile db3"]


def test_a_receiver_is_left_alone_where_stopping_it_would_put_relay_logs_at_risk() -> None:
    assert told(check_frozen(cluster(dead(), replica("db1", "0-1-9", error="Duplicate entry")), ["db1"])) == []


@pytest.mark.parametrize(
    ("allow_data_loss", "against", "allowed", "lost"),
    [(False, ["diverged db0 P:10-12"], [], []), (True, [], ["diverged db0 P:10-12"], [("db0", "P:10-12")])],
    ids=["it_is_refused", "unless_it_is_allowed"],
)
def test_what_only_a_fenced_primary_has_is_lost(allow_data_loss: bool, against: list[str], allowed: list[str], lost: list[tuple[str, str]]) -> None:
    terms = Terms(force=True, allow_data_loss=allow_data_loss)
    topology = cluster(living("db0", "P:1-12"), stopped(ONE), stopped(TWO))
    verdict = with_loss_of_primary(topology, judge(topology, terms, fenced=True), terms)
    assert (told(verdict.against), told(verdict.allowed)) == (against, allowed)
    assert [(loss.server, short(loss.transactions)) for loss in verdict.election.lost] == lost


@pytest.mark.parametrize(
    "topology",
    [
        pytest.param(cluster(living("db0", "P:1-10"), stopped(ONE), stopped(AHEAD)), id="a_replica_has_received_it"),
        pytest.param(cluster(dead(), stopped(ONE)), id="it_died_meanwhile"),
        pytest.param(cluster(living(), hung("db1")), id="no_replica_can_be_read"),
    ],
)
def test_nothing_is_lost_with_a_fenced_primary_whose_transactions_others_have(topology: Topology) -> None:
    terms = Terms(force=True)
    verdict = judge(topology, terms, fenced=True)
    assert with_loss_of_primary(topology, verdict, terms) == verdict


@pytest.mark.parametrize(
    ("primary", "replicas", "expected"),
    [
        (living("db0", "P:1-10"), (ONE, AHEAD), True),
        (living("db0", "P:1-11"), (ONE, AHEAD), False),
        (dead(), (ONE, AHEAD), False),
    ],
    ids=["one_has_all", "none_has_all", "nobody_knows"],
)
def test_the_replicas_are_waited_for_until_one_has_what_the_primary_wrote(primary: Member, replicas: tuple[Member, ...], expected: bool) -> None:
    assert has_received_all(cluster(primary, *replicas), primary) is expected


OPENED = stopped(replica("db2", "P:1-9", read_only=False))


@pytest.mark.parametrize(
    ("topology", "best", "problems"),
    [
        pytest.param(cluster(dead(), ONE, OPENED), "db1", ["two_writable db2"], id="an_interrupted_run_has_opened_another_one"),
        pytest.param(cluster(dead(), ONE, OPENED), "db2", [], id="which_is_promoted_now"),
        pytest.param(cluster(dead(), ONE, replica("db2", "P:1-9", read_only=False)), "db1", [], id="one_whose_receiver_runs_was_not_opened_by_a_run"),
        pytest.param(cluster(dead(), replica("db1", "P:1-10"), OPENED), "db1", [], id="nor_one_that_lacks_something"),
        pytest.param(cluster(dead(), replica("db1", "P:1-9", read_only=False), OPENED), "db1", [], id="where_all_take_writes_nobody_can_tell"),
        pytest.param(cluster(dead(), ONE, living("db2", "P:1-9")), "db1", [], id="one_that_follows_nobody_is_told_of_elsewhere"),
    ],
)
def test_no_other_replica_is_promoted_beside_what_an_interrupted_run_may_have_opened(topology: Topology, best: str, problems: list[str]) -> None:
    assert told(check_opened(topology, best)) == problems


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_an_election_among_forty_works_nothing_out_twice(family: str) -> None:
    # Each is compared with each, three times before anybody can write. Calls of functions, because seconds depend on the machine: 7,400 of them for each
    # replica (MySQL), or 10,900 (MariaDB), where what a replica has received was put together anew for each comparison.
    number = 40
    sets = ("P:1-9", "P:10") if family == "mysql" else ("0-1-9", "0-1-10")
    identities: list[dict[str, t.Any]] = [{"server_uuid": f"{place:032x}"} if family == "mysql" else {} for place in range(number)]
    replicas = [replica(f"db{place + 1}", sets[0], waiting=sets[1] if place % 3 == 0 else "", **identities[place]) for place in range(number)]
    topology = cluster(dead(), *replicas)
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        choice = choose(judge(topology, Terms()))
    finally:
        sys.setprofile(before)
    assert choice.best == "db1"
    assert calls / number < 2500
