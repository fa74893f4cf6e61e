# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters whose primary is dead -> who is promoted, who hands over what that one lacks, and what would be lost."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Election, elect
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    channel,
    cluster,
    connected,
    dead,
    gtids,
    living,
    replica,
    server,
    short,
    state,
    stopped,
)


def vote(*members: Member, candidates: t.Sequence[str] = (), exclude: t.Sequence[str] = ()) -> Election:
    return elect(cluster(dead("db0"), *members), candidates=candidates, exclude=exclude)


def outcome(election: Election) -> str:
    """Write an election down: the best one, who it catches up from, what is lost."""
    text = str(election.best)
    if election.best != election.most_advanced:
        text += f" from {election.most_advanced}"
    for loss in election.lost:
        text += f", lost: {short(loss.transactions)} of {loss.server}"
    return text


Situation = tuple[list[Member], dict[str, t.Any], str]


def told(member: Member, promotion: str = "neutral", site: str = "") -> Member:
    """A member of which the inventory says something."""
    return replace(member, promotion=promotion, site=site)


SKIPS = {"slave_exec_mode": "IDEMPOTENT"}
WHOLE = "it does not go on without rows that it cannot apply"
ONE, TWO, THREE = (replica(name, "P:1-9") for name in ("db1", "db2", "db3"))
LESS = replica("db3", "P:1-8")


@pytest.mark.parametrize(
    ("members", "best", "because"),
    [
        ([ONE, TWO], "db1", ""),
        ([ONE], "db1", ""),
        ([LESS, TWO], "db2", "it has the most data"),
        ([ONE, told(TWO, "prefer")], "db2", "the inventory prefers it (mysql_promotion)"),
        ([told(ONE, "prefer_not"), TWO], "db2", "the inventory prefers it (mysql_promotion)"),
        ([told(ONE, "prefer_not"), LESS], "db1", "it has the most data"),
        ([told(LESS, "prefer"), TWO], "db2", "it has the most data"),
        ([told(ONE, "never"), told(TWO, "prefer_not")], "db2", ""),
        # Who has more hands it over, whatever the inventory says of it.
        ([told(ONE, "never"), LESS], "db3", ""),
        ([told(ONE, "never"), told(TWO, "never")], None, ""),
        ([told(replica("db1", "P:1-9", read_only=False), "prefer_not"), told(TWO, "prefer")], "db1", "it takes writes already"),
        ([replica("db1", "P:1-9", on_channel={"delay": 600}), TWO], "db2", "it applies without a delay"),
        ([replica("db1", "P:1-9", variables=SKIPS), TWO], "db2", WHOLE),
        ([replica("db1", "P:1-9", source="db3"), TWO, replica("db3", "P:1-9", variables=SKIPS)], "db2", WHOLE),
        # The rows go before what the inventory prefers; what one has received goes before what it may have skipped.
        ([told(replica("db1", "P:1-9", variables=SKIPS), "prefer"), told(TWO, "prefer_not")], "db2", WHOLE),
        ([replica("db1", "P:1-9", variables=SKIPS), LESS], "db1", "it has the most data"),
        ([replica("db1", "P:1-9", variables=SKIPS)], "db1", ""),
        # An earlier run has opened it, and clients may be writing there.
        ([replica("db1", "P:1-9", read_only=False, variables=SKIPS), TWO], "db1", "it takes writes already"),
    ],
)
def test_the_inventory_says_who_is_preferred_among_those_that_have_the_same(members: list[Member], best: str | None, because: str) -> None:
    election = vote(*members)
    assert (election.best, election.because) == (best, because)


@pytest.mark.parametrize("opened", ["P:1-9,A:1-3", "0-1-9,0-2-12"])
@pytest.mark.parametrize(
    ("receives", "source", "has_own", "best"),
    [
        pytest.param(True, "db1", False, "db1", id="it_was_written_to_since_it_was_read"),
        pytest.param(True, "db2", False, "db1", id="what_it_wrote_comes_by_way_of_another"),
        pytest.param(False, "db1", False, "db3 because it has the most data", id="it_may_have_lost_that"),
        pytest.param(True, "db1", True, "db3 because it has the most data", id="another_wrote_that"),
    ],
)
def test_one_that_was_opened_has_of_its_own_what_others_receive_from_it(opened: str, receives: bool, source: str, has_own: bool, best: str) -> None:
    later = {False: {"P": "P:1-9,A:1-5", "0": "0-1-9,0-2-14"}, True: {"P": "P:1-9,A:1-3,C:1", "0": "0-1-9,0-2-12,0-4-13"}}[has_own][opened[0]]
    third = replica("db3", later, source=source)
    second = connected(replica("db2", opened, source="db1"))
    election = vote(stopped(replica("db1", opened, read_only=False)), second, connected(third) if receives else third)
    assert (str(election.best) + (" because " + election.because) * ("most" in election.because)) == best
    assert election.lost == ()


@pytest.mark.parametrize(
    ("limit", "best", "because"),
    [
        (None, "db1", "the inventory prefers it (mysql_promotion)"),
        (2, "db1", "the inventory prefers it (mysql_promotion)"),
        (1, "db2", "it has no more left to apply than a candidate may have (failover_max_to_apply)"),
    ],
)
def test_who_has_too_much_left_to_apply_wins_only_over_those_that_have_received_less(limit: int | None, best: str, because: str) -> None:
    behind = told(replica("db1", "P:1-7", waiting="P:8-9"), promotion="prefer")
    election = elect(cluster(dead("db0"), behind, TWO), max_to_apply=limit)
    assert (election.best, election.because) == (best, because)
    less = elect(cluster(dead("db0"), behind, replica("db2", "P:1-8")), max_to_apply=limit)
    assert (less.best, less.because) == ("db1", "it has the most data")


def test_who_may_have_skipped_rows_loses_to_one_that_has_too_much_left_to_apply() -> None:
    election = elect(cluster(dead("db0"), replica("db1", "P:1-9", variables=SKIPS), replica("db2", "P:1-2", waiting="P:3-9")), max_to_apply=3)
    assert (election.best, election.because) == ("db2", WHOLE)


@pytest.mark.parametrize(
    ("rule", "best", "because"),
    [
        ("any", "db1", ""),
        ("prefer", "db2", "it stands where the primary does (mysql_site)"),
        ("same", "db2", "it stands where the primary does (mysql_site)"),
    ],
)
def test_a_replica_in_the_site_of_the_primary_may_be_preferred(rule: str, best: str, because: str) -> None:
    here, there, anywhere = told(TWO, site="Wien"), told(ONE, site="Graz"), THREE
    members = told(dead("db0"), site="Wien"), there, here
    election = elect(cluster(*members), site=rule)
    assert election.best == best
    assert (election.because == because) == (rule != "same")
    # One of which no site is said may stand anywhere.
    assert elect(cluster(told(dead("db0"), site="Wien"), there, anywhere), site="same").best == "db3"
    assert elect(cluster(told(dead("db0"), site="Wien"), there), site="same").best is None
    assert elect(cluster(dead("db0"), there), site="same").best == "db1"
    # A wish goes before what is only preferred.
    assert elect(cluster(*members), candidates=["db1"], site="prefer").best == "db1"
    (rank,) = [rank for rank in elect(cluster(*members), site="same").ranking if rank.name == "db1"]
    assert rank.reasons == ("it stands in another site, Graz, than the primary (mysql_site)",)


def test_what_is_never_to_be_promoted_is_not_though_it_is_wanted() -> None:
    election = vote(told(ONE, "never"), TWO, candidates=["db1"])
    assert election.best == "db2"
    assert [rank.reasons for rank in election.ranking if rank.name == "db1"] == [("the inventory says so (mysql_promotion=never)",)]


SITUATIONS: dict[str, Situation] = {
    # --- by what was received
    "the_one_that_executed_most_wins": ([replica("db1", "P:1-9"), replica("db2", "P:1-10")], {}, "db2"),
    "what_was_received_counts_and_not_what_was_executed": ([replica("db1", "P:1-9"), replica("db2", "P:1-5", waiting="P:6-10")], {}, "db2"),
    "what_waits_counts_together_with_what_was_executed": (
        # Retrieved_Gtid_Set covers only what came since the relay logs were last reset.
        [replica("db1", "P:1-8"), replica("db2", "P:1-7", waiting="P:8-9")],
        {},
        "db2",
    ),
    "a_replica_that_stopped_receiving_long_ago_loses_though_it_is_first_by_name": ([replica("db1", "P:1-3"), replica("db2", "P:1-9")], {}, "db2"),
    "sets_decide_and_not_their_size": (
        # 12 transactions against 10, but all of the ten are newer: neither contains the other.
        [replica("db1", "P:1-8,X:1-4"), replica("db2", "P:1-9,X:1")],
        {},
        "db1, lost: P:9 of db2",
    ),
    "mariadb_the_highest_number_wins": ([replica("db1", "0-1-9"), replica("db2", "0-1-10")], {}, "db2"),
    "mariadb_what_waits_in_relay_logs_counts": ([replica("db1", "0-1-9"), replica("db2", "0-1-5", waiting="0-1-10")], {}, "db2"),
    "mariadb_every_domain_counts": ([replica("db1", "0-1-9,1-1-3"), replica("db2", "0-1-9,1-1-4")], {}, "db2"),
    "mariadb_a_domain_that_only_one_knows_counts": ([replica("db1", "0-1-9"), replica("db2", "0-1-9,1-1-1")], {}, "db2"),
    "mariadb_replicas_ahead_in_different_domains_exclude_each_other": (
        [replica("db1", "0-1-9,1-1-3"), replica("db2", "0-1-8,1-1-5")],
        {},
        "db2, lost: 0-1-9 of db1",
    ),
    "mariadb_a_primary_of_the_past_is_no_difference": ([replica("db1", "0-7-4,0-1-9"), replica("db2", "0-1-10")], {}, "db2"),
    "mariadb_the_same_number_of_another_server_is_another_transaction": (
        [replica("db1", "0-1-9"), replica("db2", "0-1-8,0-3-9")],
        {},
        "db1, lost: 0-3-9 of db2",
    ),
    # --- among equals
    "the_wish_decides": ([replica("db1", "P:1-9"), replica("db2", "P:1-9")], {"candidates": ["db2"]}, "db2"),
    "the_first_wish_decides": ([replica("db1", "P:1-9"), replica("db2", "P:1-9"), replica("db3", "P:1-9")], {"candidates": ["db3", "db2"]}, "db3"),
    "one_that_is_writable_already_wins": ([replica("db1", "P:1-9"), replica("db2", "P:1-9", read_only=False)], {}, "db2"),
    "one_that_may_have_skipped_rows_wins_if_it_is_wanted": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-9", variables={"slave_skip_errors": "1062"})],
        {"candidates": ["db2"]},
        "db2",
    ),
    "one_that_cannot_feed_the_others_loses_to_one_that_may_have_skipped_rows": (
        [replica("db1", "P:1-9", purged=gtids("P:1-8")), replica("db2", "P:1-9", variables={"slave_skip_errors": "1062"}), replica("db3", "P:1-7")],
        {},
        "db2",
    ),
    "one_without_a_delay_wins": ([replica("db1", "P:1-9", on_channel={"delay": 3600}), replica("db2", "P:1-9")], {}, "db2"),
    "one_at_the_top_of_its_chain_wins": ([replica("db1", "P:1-9", source="db2"), replica("db2", "P:1-9")], {}, "db2"),
    "one_with_less_left_to_apply_wins": ([replica("db1", "P:1-7", waiting="P:8-9"), replica("db2", "P:1-8", waiting="P:9")], {}, "db2"),
    "the_oldest_version_wins": ([replica("db1", "P:1-9", version=(8, 4, 0)), replica("db2", "P:1-9", version=(8, 0, 36))], {}, "db2"),
    "versions_are_compared_as_numbers": (
        [replica("db1", "0-1-9", version=(10, 11, 6)), replica("db2", "0-1-9", version=(10, 6, 21))],
        {},
        "db2",
    ),
    "one_that_can_feed_the_others_wins": ([replica("db1", "P:1-9", purged=gtids("P:1-8")), replica("db2", "P:1-9"), replica("db3", "P:1-7")], {}, "db2"),
    "one_that_has_nothing_that_the_others_lack_can_feed_them": ([replica("db1", "P:1-9", purged=gtids("P:1-8")), replica("db2", "P:1-8")], {}, "db1"),
    "mariadb_one_that_has_logged_what_the_others_lack_wins": (
        [replica("db1", "0-1-9", unlogged=gtids("0-1-9")), replica("db2", "0-1-9"), replica("db3", "0-1-7")],
        {},
        "db2",
    ),
    "mariadb_what_waits_comes_from_whoever_was_the_primary": ([replica("db1", "0-1-50", waiting="0-3-140"), replica("db2", "0-1-100,0-3-140")], {}, "db2"),
    "mariadb_what_was_written_after_what_waits_is_lacking": (
        [replica("db1", "0-1-50", waiting="0-3-140"), replica("db2", "0-3-140,0-1-150")],
        {"candidates": ["db1"]},
        "db1 from db2",
    ),
    "the_name_decides_at_last": ([replica("db2", "P:1-9"), replica("db1", "P:1-9")], {}, "db1"),
    # --- wishes and exclusions against data
    "a_wanted_replica_that_is_behind_catches_up_first": ([replica("db1", "P:1-9"), replica("db2", "P:1-10")], {"candidates": ["db1"]}, "db1 from db2"),
    "a_replica_that_is_ahead_but_excluded_is_used_as_a_source": ([replica("db1", "P:1-9"), replica("db2", "P:1-10")], {"exclude": ["db2"]}, "db1 from db2"),
    "an_excluded_replica_that_is_not_ahead_is_left_alone": ([replica("db1", "P:1-9"), replica("db2", "P:1-9")], {"exclude": ["db2"]}, "db1"),
    "exclusion_counts_for_more_than_a_wish": ([replica("db1", "P:1-9"), replica("db2", "P:1-9")], {"candidates": ["db2"], "exclude": ["db2"]}, "db1"),
    "a_wanted_replica_that_must_not_be_promoted_gives_way_to_the_next_wish": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-9", log_bin=False), replica("db3", "P:1-9")],
        {"candidates": ["db2", "db3"]},
        "db3",
    ),
    "without_another_wish_the_best_one_wins": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-10"), replica("db3", "P:1-10", log_bin=False)],
        {"candidates": ["db3"]},
        "db2",
    ),
    "all_are_excluded": ([replica("db1", "P:1-9"), replica("db2", "P:1-10")], {"exclude": ["db1", "db2"]}, "None from db2"),
    "nobody_is_left": ([dead("db1")], {}, "None"),
    # --- what keeps a replica from being promoted
    "one_whose_binary_log_is_off": ([replica("db1", "P:1-9", log_bin=False), replica("db2", "P:1-9")], {}, "db2"),
    "one_that_does_not_log_what_it_replicates": ([replica("db1", "P:1-9", log_replica_updates=False), replica("db2", "P:1-9")], {}, "db2"),
    "one_whose_replication_is_filtered": ([replica("db1", "P:1-9", on_channel={"filters": ("Replicate_Do_DB",)}), replica("db2", "P:1-9")], {}, "db2"),
    "one_whose_binary_log_is_filtered": ([replica("db1", "P:1-9", binlog_filters=("binlog_do_db=a",)), replica("db2", "P:1-9")], {}, "db2"),
    "one_behind_one_whose_replication_is_filtered": (
        [replica("db1", "P:1-9", source="db3"), replica("db2", "P:1-9"), replica("db3", "P:1-9", on_channel={"filters": ("Replicate_Do_DB",)})],
        {},
        "db2",
    ),
    "one_behind_one_whose_binary_log_is_filtered": (
        [replica("db1", "P:1-9", source="db3"), replica("db2", "P:1-9"), replica("db3", "P:1-9", binlog_filters=("binlog_do_db=a",))],
        {},
        "db2",
    ),
    "one_behind_two_of_which_the_first_is_filtered": (
        [
            replica("db1", "P:1-9", source="db3"),
            replica("db2", "P:1-8"),
            replica("db3", "P:1-9", source="db4"),
            replica("db4", "P:1-9", on_channel={"filters": ("Replicate_Do_DB",)}),
        ],
        {},
        "db2, lost: P:9 of db1, lost: P:9 of db3, lost: P:9 of db4",
    ),
    "two_that_follow_each_other": ([replica("db1", "P:1-9", source="db2"), replica("db2", "P:1-9", source="db1")], {}, "db1"),
    "one_at_whose_binary_log_replicas_would_stop": ([replica("db1", "P:1-9", odd_log="b\\xff.000001"), replica("db2", "P:1-9")], {}, "db2"),
    "one_of_5_6_with_such_a_binary_log_may": ([replica("db1", "P:1-9", odd_log="b\\xff.1", version=(5, 6, 24)), replica("db2", "P:1-9")], {}, "db1"),
    "one_of_mariadb_may_too": ([replica("db1", "0-1-9", odd_log="b\\xff.000001"), replica("db2", "0-1-9")], {}, "db1"),
    "what_such_a_one_alone_has_cannot_be_fetched": (
        [replica("db1", "P:1-10", odd_log="b\\xff.000001"), replica("db2", "P:1-9")],
        {},
        "db2, lost: P:10 of db1",
    ),
    "one_with_two_channels": (
        [server("db1", state("db1", "P:1-9", channels=[channel(), channel("other", name="east")])), replica("db2", "P:1-9")],
        {},
        "db2",
    ),
    "one_whose_applier_failed": ([replica("db1", "P:1-9", error="1062"), replica("db2", "P:1-9")], {}, "db2"),
    "one_whose_applier_failed_once_and_runs_again_may": ([replica("db1", "P:1-9", on_channel={"applier_error": "1062"}), replica("db2", "P:1-9")], {}, "db1"),
    "one_whose_applier_was_stopped_by_hand_may": ([stopped(replica("db1", "P:1-9")), replica("db2", "P:1-8")], {}, "db1"),
    # --- what can be had from one that may not be promoted
    "what_a_broken_applier_has_not_applied_is_lost_if_nobody_else_has_it": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-7", waiting="P:8-10", error="1062")],
        {},
        "db1, lost: P:10 of db2",
    ),
    "what_a_broken_applier_has_not_applied_does_not_matter_if_another_has_it": (
        [replica("db1", "P:1-10"), replica("db2", "P:1-7", waiting="P:8-10", error="1062")],
        {},
        "db1",
    ),
    "what_a_broken_applier_has_applied_can_be_fetched": (
        [replica("db1", "P:1-7"), replica("db2", "P:1-9", waiting="P:10", error="1062")],
        {},
        "db1 from db2, lost: P:10 of db2",
    ),
    "nothing_can_be_fetched_from_one_that_leaves_databases_out": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-10", binlog_filters=("binlog_ignore_db=a",))],
        {},
        "db1, lost: P:10 of db2",
    ),
    "nothing_can_be_fetched_from_one_without_a_binary_log": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-10", log_bin=False)],
        {},
        "db1, lost: P:10 of db2",
    ),
    "nothing_can_be_fetched_from_one_that_does_not_log_what_it_replicates": (
        [replica("db1", "0-1-9"), replica("db2", "0-1-10", log_replica_updates=False)],
        {},
        "db1, lost: 0-1-10 of db2",
    ),
    "the_binary_log_of_a_filtered_replica_lacks_rows": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-10", on_channel={"filters": ("Replicate_Do_DB",)})],
        {},
        "db1, lost: P:10 of db2",
    ),
    "what_is_in_relay_logs_that_cannot_be_applied_is_lost": (
        [replica("db1", "0-1-9"), stopped(replica("db2", "0-1-7", waiting="0-1-10"), trouble="relay.000003 breaks off")],
        {},
        "db1, lost: 0-1-10 of db2",
    ),
    "relay_logs_of_a_replica_that_stands_still_count_where_they_can_be_applied": (
        [replica("db1", "0-1-9"), stopped(replica("db2", "0-1-7", waiting="0-1-10"))],
        {},
        "db2",
    ),
    "one_that_was_opened_may_have_a_broken_applier": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-9,B:1-5", error="killed", read_only=False)],
        {},
        "db2",
    ),
    "one_that_is_read_only_may_not": ([replica("db1", "P:1-9"), replica("db2", "P:1-10", error="killed")], {}, "db1 from db2"),
    # --- replicas that exclude each other
    "two_with_different_transactions_lose_either_ones": (
        [replica("db1", "P:1-9,X:1"), replica("db2", "P:1-10")],
        {},
        "db1, lost: P:10 of db2",
    ),
    "a_third_shows_which_one_lacks_less": (
        [replica("db1", "P:1-9,X:1"), replica("db2", "P:1-10"), replica("db3", "P:1-10")],
        {},
        "db2, lost: X:1 of db1",
    ),
    "a_wanted_one_with_transactions_of_its_own_does_not_get_away_with_it": (
        [replica("db1", "P:1-8,X:1"), replica("db2", "P:1-10")],
        {"candidates": ["db1"]},
        "db1 from db2, lost: X:1 of db1",
    ),
    # --- after an interrupted run
    "one_that_was_promoted_and_written_to_is_taken_up_again": ([replica("db1", "P:1-9"), living("db2", "P:1-9,B:1-5")], {}, "db2"),
    "one_that_was_opened_and_still_has_its_source_is_taken_up_again": (
        [replica("db1", "P:1-9"), replica("db2", "P:1-9,B:1-5", read_only=False)],
        {},
        "db2",
    ),
    "a_wish_comes_too_late_once_another_takes_writes": (
        [replica("db1", "P:1-9"), living("db2", "P:1-9,B:1-5")],
        {"candidates": ["db1"]},
        "db2",
    ),
    "a_wish_counts_among_two_that_were_promoted": ([living("db1", "P:1-9"), living("db2", "P:1-9")], {"candidates": ["db2"]}, "db2"),
    "a_stray_server_that_takes_writes_is_not_taken_for_a_promoted_one": (
        [replica("db1", "P:1-9"), living("db2", "P:1-3")],
        {"candidates": ["db1"]},
        "db1",
    ),
    "mariadb_one_that_was_promoted_and_written_to_is_taken_up_again": ([replica("db1", "0-1-9"), living("db2", "0-1-9,0-3-12")], {}, "db2"),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_election(situation: str) -> None:
    members, options, expected = SITUATIONS[situation]
    assert outcome(vote(*members, **options)) == expected


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_order_of_the_servers_does_not_decide(situation: str) -> None:
    members, options, _expected = SITUATIONS[situation]
    first = vote(*members, **options)
    for order in itertools.permutations(members):
        assert elect(cluster(*order, dead("db0")), **options).best == first.best


# --- The ranking


def test_the_ranking_begins_with_the_best_and_says_what_each_lacks_and_why_it_may_not() -> None:
    election = vote(
        replica("db1", "P:1-5"),
        replica("db2", "P:1-9", log_bin=False),
        replica("db3", "P:1-7", waiting="P:8"),
        candidates=["db3"],
    )
    ranking = [(rank.name, short(rank.executed), short(rank.received), short(rank.missing), rank.eligible) for rank in election.ranking]
    assert ranking == [
        ("db3", "P:1-7", "P:1-8", "", True),
        ("db1", "P:1-5", "P:1-5", "P:6-8", True),
        ("db2", "P:1-9", "P:1-9", "", False),
    ]
    assert election.ranking[2].reasons == ("its binary log is off, so no server could replicate from it",)


def test_every_reason_is_named() -> None:
    worst = replica(
        "db1",
        "P:1-9",
        error="duplicate entry (error 1062)",
        log_replica_updates=False,
        on_channel={"filters": ("Replicate_Do_DB", "Replicate_Wild_Do_Table")},
    )
    (rank,) = vote(worst, exclude=["db1"]).ranking
    assert rank.reasons == (
        "excluded by the user",
        "it does not log what it replicates (log_replica_updates is off), so no server could fetch that from it",
        "its applier failed: duplicate entry (error 1062)",
        "its replication is filtered (Replicate_Do_DB, Replicate_Wild_Do_Table): it does not hold all rows",
    )


# --- What holds for all

HISTORIES = st.sampled_from(["P:1-9", "P:1-8", "P:1-10", "P:1-9,X:1", "P:1-8,X:1-3", "P:1-3", ""])
MEMBERS = st.tuples(HISTORIES, st.sampled_from(["", "P:1-11", "P:10-12"]), st.booleans(), st.booleans(), st.booleans())


@given(st.lists(MEMBERS, min_size=1, max_size=4), st.lists(st.sampled_from(["db1", "db2", "db3"])), st.sets(st.sampled_from(["db1", "db2"])))
def test_nothing_is_given_up_that_is_not_named(drawn: list[t.Any], candidates: list[str], exclude: set[str]) -> None:
    members = [
        replica(f"db{number}", has, waiting=waiting, error="1062" if broken else "", log_bin=logs or number == 1, read_only=not writable, family="mysql")
        for number, (has, waiting, broken, logs, writable) in enumerate(drawn, 1)
    ]
    election = vote(*members, candidates=candidates, exclude=list(exclude))
    assert election.most_advanced is not None
    by_name = {member.name: member for member in members}
    top = by_name[election.most_advanced]
    lost = {loss.server: loss.transactions for loss in election.lost}
    for member in members:
        kept = top.known.executed if top.known.channels[0].applier_error else top.known.received
        assert str(member.known.received.subtract(kept)) == str(lost.get(member.name, ""))
    if election.best is not None:
        assert election.best not in exclude
        assert by_name[election.best].known.log_bin
        assert election.ranking[0].name == election.best
    else:
        assert not any(rank.eligible for rank in election.ranking)
    assert sorted(rank.name for rank in election.ranking) == sorted(by_name)
