# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Situations of a cluster -> what is wrong with it, by code, server and the GTIDs at stake."""

from __future__ import annotations

import ast
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions import checks
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import (
    check_addresses,
    check_election,
    check_leaders,
    check_names,
    check_primary_is_read,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import elect
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Terms, judge
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import find_problems
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_histories, must_look_into_histories
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import to_rejoin
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import REMEDIES, remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    UUIDS,
    channel,
    cluster,
    connected,
    crashed,
    dead,
    gtids,
    hung,
    living,
    refusing,
    replica,
    server,
    short,
    state,
    stopped,
    stuck,
    unlisted,
)

ONE, TWO = replica("db1", "P:1-9"), replica("db2", "P:1-9")
MARIA_ONE, MARIA_TWO = replica("db1", "0-1-9"), replica("db2", "0-1-9")


def told(problems: t.Iterable[Problem]) -> list[str]:
    """Write problems down: code, server, and the GTIDs where there are any."""
    return [" ".join(filter(None, [problem.code, problem.server, short(problem.gtids)])) for problem in problems]


# --- A cluster whose primary is expected to be dead

DEAD: dict[str, tuple[Topology, list[str]]] = {
    "nothing_is_wrong": (cluster(dead(), ONE, TWO), []),
    "one_has_lost_something_in_a_crash": (
        cluster(dead(), crashed("db1", "0-1-95", "0-1-100"), replica("db2", "0-1-100")),
        ["log_ahead db1 0-1-96..100"],
    ),
    "nothing_is_wrong_with_mariadb": (cluster(dead(), MARIA_ONE, MARIA_TWO), []),
    "nor_with_replicas_that_differ_in_how_far_they_came": (cluster(dead(), replica("db1", "P:1-5"), replica("db2", "P:1-9", waiting="P:10")), []),
    # servers that something else manages: what else is wrong with them is not told
    "a_replica_is_managed_by_something_else": (
        cluster(dead(), replica("db1", "P:1-9", managed_by=("Galera", "MaxScale")), dead("db2")),
        ["managed_elsewhere db1", "managed_elsewhere db1"],
    ),
    # servers that cannot be asked
    "a_replica_does_not_answer": (cluster(dead(), ONE, dead("db2")), ["unreachable db2"]),
    "a_replica_is_paused": (cluster(dead(), ONE, hung("db2")), ["not_responding db2"]),
    "a_replica_lets_nobody_in": (cluster(dead(), ONE, refusing("db2")), ["login_refused db2"]),
    "no_replica_can_be_read": (cluster(dead("db1"), dead("db2")), ["unreachable db1", "unreachable db2"]),
    # the primary
    "it_lives": (cluster(living(), ONE, TWO), ["primary_alive db0", "not_replicating db1", "not_replicating db2"]),
    "it_lets_nobody_in": (cluster(refusing(), ONE, TWO), ["primary_alive db0", "not_replicating db1", "not_replicating db2"]),
    "it_is_paused": (cluster(hung(), ONE, TWO), ["primary_maybe_alive db0"]),
    "it_lets_us_in_and_hangs": (cluster(stuck(), connected(ONE), TWO), ["primary_hangs db0"]),
    "a_replica_sees_it": (cluster(dead(), connected(ONE), TWO), ["primary_maybe_alive db0"]),
    "it_was_not_asked": (cluster(ONE, TWO), ["primary_maybe_alive db0:3306"]),
    "it_cannot_be_told": (
        cluster(dead("db0"), dead("db3"), ONE, replica("db2", "P:1-9", source="db3")),
        ["unreachable db0", "unreachable db3", "primary_unknown"],
    ),
    "a_former_one_takes_writes_beside_it": (
        cluster(dead("db1"), replica("db2", "P:1-9,A:1-9", source="db1"), replica("db3", "P:1-9,A:1-9", source="db1"), living("db0", "P:1-9")),
        ["two_writable db0"],
    ),
    "a_former_one_of_mariadb_takes_writes_beside_it_and_has_some_that_nobody_else_has": (
        cluster(dead("db1"), replica("db2", "0-1-9,0-2-20", source="db1"), replica("db3", "0-1-9,0-2-20", source="db1"), living("db0", "0-1-12")),
        ["two_writable db0", "diverged db0 0-1-10..12"],
    ),
    # members that do not belong together
    "one_server_under_two_names": (
        cluster(dead(), ONE, replace(replica("db1", "P:1-9", also=["db1"]), name="again")),
        ["same_server again"],
    ),
    "one_server_under_two_addresses": (
        cluster(dead(), replica("db1", "P:1-9", also=["10.0.0.1"]), replica("again", "P:1-9", also=["10.0.0.1"], server_id=2, server_uuid=UUIDS["A"])),
        ["same_server again"],
    ),
    "one_copied_from_the_other_with_its_identity": (
        cluster(dead(), ONE, replica("db2", "P:1-9", server_id=2, server_uuid=UUIDS["A"])),
        ["same_server_uuid db2"],
    ),
    "one_copied_from_the_other_with_its_uuid": (cluster(dead(), ONE, replica("db2", "P:1-9", server_uuid=UUIDS["A"])), ["same_server_uuid db2"]),
    "two_with_one_server_id": (cluster(dead(), ONE, replica("db2", "P:1-9", server_id=2)), ["same_server_id db2"]),
    "two_of_mariadb_with_one_server_id": (cluster(dead(), MARIA_ONE, replica("db2", "0-1-9", server_id=2)), ["same_server_id db2"]),
    "servers_of_both_families": (cluster(dead(), ONE, MARIA_TWO), ["mixed_families"]),
    "a_replica_of_a_server_outside": (
        cluster(dead(), ONE, TWO, replica("db3", "P:1-9", source="elsewhere")),
        ["other_primary db3"],
    ),
    "a_replica_over_two_channels": (
        cluster(dead(), TWO, server("db1", state("db1", "P:1-9", channels=[channel(), channel("elsewhere", name="east")]))),
        ["multi_source db1"],
    ),
    # GTIDs
    "gtids_are_off": (cluster(dead(), ONE, replica("db2", "P:1-9", gtid_mode="OFF")), ["gtid_off db2"]),
    "gtids_are_only_permitted": (cluster(dead(), ONE, replica("db2", "P:1-9", gtid_mode="ON_PERMISSIVE")), ["gtid_off db2"]),
    "one_replicates_by_file_and_position": (cluster(dead(), ONE, replica("db2", "P:1-9", on_channel={"auto_position": False})), ["gtid_off db2"]),
    # replicas
    "one_may_repoint_itself": (cluster(dead(), ONE, replica("db2", "P:1-9", on_channel={"auto_failover": True})), ["auto_failover_on db2"]),
    "mariadb_has_relay_logs_that_a_start_would_discard": (
        cluster(dead(), MARIA_ONE, stopped(replica("db2", "0-1-7", waiting="0-1-9"))),
        ["relay_logs_at_risk db2 0-1-8..9"],
    ),
    "mariadb_has_relay_logs_that_cannot_be_applied": (
        cluster(dead(), MARIA_ONE, stopped(MARIA_TWO, trouble="relay.000003 breaks off")),
        ["relay_logs_at_risk db2"],
    ),
    "mariadb_has_relay_logs_that_cannot_be_read": (
        cluster(dead(), MARIA_ONE, stopped(MARIA_TWO, trouble="they are too large", is_complete=False)),
        ["relay_logs_at_risk db2"],
    ),
    "mariadb_with_everything_applied_has_nothing_at_risk": (cluster(dead(), MARIA_ONE, stopped(MARIA_TWO)), []),
    "mysql_keeps_its_relay_logs": (cluster(dead(), ONE, stopped(replica("db2", "P:1-7", waiting="P:8-9"))), []),
    "a_stopped_replica_is_no_hindrance": (cluster(dead(), stopped(ONE), TWO), []),
    "nor_is_a_broken_applier_as_long_as_nothing_is_lost": (cluster(dead(), replica("db1", "P:1-9", error="1062"), TWO), []),
}


@pytest.mark.parametrize("situation", DEAD)
def test_what_speaks_against_a_failover(situation: str) -> None:
    topology, problems = DEAD[situation]
    assert told(find_problems(topology, "dead")) == problems


# --- A cluster whose primary is expected to live

WELL = (connected(ONE), connected(TWO))
ALIVE: dict[str, tuple[Topology, list[str]]] = {
    "nothing_is_wrong": (cluster(living(), *WELL), []),
    "it_is_dead": (cluster(dead(), ONE, TWO), ["primary_dead db0"]),
    "it_may_be_dead": (cluster(hung(), ONE, TWO), ["primary_maybe_alive db0"]),
    "it_hangs": (cluster(stuck(), *WELL), ["primary_hangs db0"]),
    "it_takes_no_writes": (cluster(living(read_only=True), *WELL), ["primary_read_only db0"]),
    "another_takes_writes_too": (cluster(living(), connected(ONE), connected(replica("db2", "P:1-9", read_only=False))), ["replica_writable db2"]),
    "one_stands_alone_and_takes_writes": (cluster(living(), *WELL, living("db3", "P:1-9")), ["two_writable db3"]),
    "one_follows_nobody": (cluster(living(), *WELL, server("db3", state("db3", "P:1-9", read_only=True))), ["not_a_replica db3"]),
    "an_applier_failed": (cluster(living(), connected(ONE), connected(replica("db2", "P:1-8", error="1062"))), ["applier_broken db2"]),
    "one_stumbles_over_its_log_after_a_crash": (
        cluster(living(executed="0-1-99"), connected(crashed("db1", "0-1-95", "0-1-99", waiting="0-1-99", error="1950")), connected(replica("db2", "0-1-99"))),
        ["log_ahead db1 0-1-96..99"],
    ),
    "one_gets_again_what_a_crash_took": (
        cluster(living(executed="0-1-100"), connected(crashed("db1", "0-1-95", "0-1-100", waiting="0-1-100")), connected(replica("db2", "0-1-100"))),
        [],
    ),
    "a_receiver_is_stopped": (cluster(living(), connected(ONE), replica("db2", "P:1-9", on_channel={"receiver": "stopped"})), ["not_replicating db2"]),
    "an_applier_is_stopped": (
        cluster(living(), connected(ONE), connected(replica("db2", "P:1-9", on_channel={"applier": "stopped"}))),
        ["not_replicating db2"],
    ),
    "a_receiver_cannot_connect": (cluster(living(), connected(ONE), TWO), ["not_replicating db2"]),
    "one_follows_a_server_that_is_no_replica": (
        cluster(living(), connected(ONE), server("db3", state("db3", "P:1-8", read_only=True)), connected(replica("db2", "P:1-8", source="db3"))),
        ["not_a_replica db3", "stray_replica db2"],
    ),
    "one_follows_a_replica_that_does_not_log_what_it_replicates": (
        cluster(living(), connected(replica("db1", "P:1-9", log_replica_updates=False)), connected(replica("db2", "P:1-9", source="db1"))),
        ["source_does_not_log db2"],
    ),
    "the_replica_of_a_replica_is_none": (cluster(living(), connected(ONE), connected(replica("db2", "P:1-9", source="db1"))), []),
}


@pytest.mark.parametrize("situation", ALIVE)
def test_what_is_wrong_with_a_cluster_whose_primary_should_live(situation: str) -> None:
    topology, problems = ALIVE[situation]
    assert told(find_problems(topology, "alive")) == problems


@pytest.mark.parametrize(
    ("topology", "problems"),
    [
        pytest.param(cluster(refusing(), *WELL), ["login_refused db0"], id="it_lets_us_in_no_more"),
        pytest.param(cluster(living(), *WELL), [], id="it_says_how_it_stands"),
        pytest.param(cluster(hung(), ONE, TWO), [], id="it_may_be_dead_which_is_told"),
        pytest.param(cluster(dead(), ONE, TWO), [], id="it_is_dead_which_is_told"),
    ],
)
def test_a_primary_that_lives_and_cannot_be_read_is_named(topology: Topology, problems: list[str]) -> None:
    assert told(check_primary_is_read(topology)) == problems


def test_a_second_writer_beside_a_primary_that_is_closed_is_no_second_writer() -> None:
    topology = cluster(living(read_only=True), connected(ONE), connected(replica("db2", "P:1-9", read_only=False)))
    # Nor is it one that may simply take writes again: an interrupted switchover may have opened the other one.
    assert told(find_problems(topology, "alive")) == ["switchover_unfinished db0"]


def test_with_either_expected_only_what_forbids_both_is_told() -> None:
    assert told(find_problems(cluster(dead(), ONE, TWO), "any")) == []
    assert told(find_problems(cluster(living(), *WELL), "any")) == []
    assert told(find_problems(cluster(dead("db1"), dead("db2")), "any")) == ["unreachable db1", "unreachable db2"]


# --- Errant transactions

BEHIND = replica("db2", "0-1-9,0-3-10")


def reaching(topology: Topology, **reach: str) -> Topology:
    """The same cluster, where it is known of these servers how far back their histories reach."""
    return replace(topology, reach={name: gtids(earliest) for name, earliest in reach.items()})


ERRANT: dict[str, tuple[Topology, list[str]]] = {
    "a_replica_was_written_to": (cluster(dead(), ONE, replica("db2", "P:1-9,B:1-2")), ["errant db2 B:1-2"]),
    "each_of_two_was_written_to": (
        cluster(dead(), replica("db1", "P:1-9,A:1"), replica("db2", "P:1-9,B:1")),
        ["errant db1 A:1", "errant db2 B:1"],
    ),
    "it_is_seen_though_the_replica_is_ahead": (cluster(dead(), ONE, replica("db2", "P:1-20,B:1")), ["errant db2 B:1"]),
    "it_may_have_been_the_primary_for_a_while_that_one_that_stands_still_missed": (cluster(dead(), stopped(ONE), replica("db2", "P:1-20,B:1")), []),
    "a_living_primary_has_missed_nothing": (cluster(living(), connected(ONE), connected(replica("db2", "P:1-20,B:1"))), ["errant db2 B:1"]),
    "it_is_seen_though_the_replica_is_behind": (cluster(dead(), ONE, replica("db2", "P:1-3,B:1")), ["errant db2 B:1"]),
    "mariadb_what_waits_in_a_backlog_may_be_of_any_server": (
        cluster(dead("db2"), replica("db0", "0-1-100,0-3-140", source="db2"), replica("db1", "0-1-50", waiting="0-3-140", source="db2")),
        [],
    ),
    "mariadb_before_a_backlog_it_may_not": (
        cluster(dead("db2"), replica("db0", "0-1-45,0-3-140", source="db2"), replica("db1", "0-1-40,0-3-50", waiting="0-3-140", source="db2")),
        ["errant db0 0-1-45"],
    ),
    "tags_are_seen": (cluster(dead(), ONE, replica("db2", "P:1-9,B:tag:1")), ["errant db2 B:tag:1"]),
    "what_came_from_a_server_that_is_no_member": (cluster(dead(), ONE, replica("db2", "P:1-9,X:7")), ["errant db2 X:7"]),
    "what_waits_in_relay_logs_may_be_errant_too": (cluster(dead(), ONE, replica("db2", "P:1-9", waiting="X:1")), ["errant db2 X:1"]),
    "what_only_the_fastest_replica_got_of_the_dead_primary_is_not": (cluster(dead(), ONE, replica("db2", "P:1-30")), []),
    "what_the_primary_wrote_under_a_tag_is_not": (cluster(dead(), ONE, replica("db2", "P:1-9:tag:1-5")), []),
    "what_an_earlier_primary_wrote_is_not": (cluster(dead(), replica("db1", "X:1-5,A:1-3,P:1-9"), replica("db2", "X:1-5,A:1-3,P:1-8")), []),
    "what_an_earlier_primary_wrote_after_it_was_replaced_is": (
        cluster(dead(), replica("db1", "A:1-5,P:1-9"), replica("db2", "A:1-3,P:1-9")),
        ["errant db1 A:4-5"],
    ),
    "one_that_lags_since_an_earlier_primary_proves_nothing": (cluster(dead(), replica("db1", "X:1-5,A:1-3,P:1-9"), replica("db2", "X:1-4")), []),
    "a_single_replica_cannot_be_compared": (cluster(dead(), replica("db1", "P:1-9,A:1")), []),
    "with_a_living_primary_it_can": (cluster(living(), connected(replica("db1", "P:1-9,A:1"))), ["errant db1 A:1"]),
    "what_a_replica_got_before_we_asked_again_is_not": (cluster(living(), connected(replica("db1", "P:1-12"))), []),
    "the_unknown_uuid_of_a_dead_primary_proves_only_what_a_server_wrote_itself": (
        cluster(dead(), replica("db1", "X:1-9,A:1", on_channel={"source_uuid": ""}), replica("db2", "X:1-8", on_channel={"source_uuid": ""})),
        ["errant db1 A:1"],
    ),
    "a_primary_that_replicas_knew_by_two_uuids_is_known_by_both": (
        cluster(dead(), replica("db1", "X:1-9,P:1-9"), replica("db2", "X:1-5,P:1", on_channel={"source_uuid": UUIDS["X"]})),
        [],
    ),
    # after an interrupted run
    "what_clients_wrote_to_a_promoted_replica_is_not": (cluster(dead(), ONE, TWO, living("db3", "P:1-9,C:1-50")), []),
    "nor_to_one_that_was_opened_and_still_has_its_source": (
        cluster(dead(), ONE, stopped(TWO), replica("db3", "P:1-9,C:1-50", read_only=False, on_channel={"receiver": "stopped"})),
        [],
    ),
    "one_that_is_read_only_was_not": (
        cluster(dead(), ONE, replica("db3", "P:1-9,C:1-50", on_channel={"receiver": "stopped"})),
        ["errant db3 C:1-50"],
    ),
    "nor_to_one_that_a_switchover_has_opened": (
        cluster(living(read_only=True), connected(ONE), connected(replica("db3", "P:1-9,C:1-50", read_only=False))),
        [],
    ),
    # Clients go on while one server after the other is read.
    "nor_is_what_was_written_there_before_its_replica_was_read": (
        cluster(living(read_only=True), connected(replica("db3", "P:1-9,C:1-50", read_only=False)), connected(replica("db4", "P:1-9,C:1-51", source="db3"))),
        [],
    ),
    "nor_where_a_failover_has_opened_it": (
        cluster(
            *(dead(), replica("db3", "P:1-9,C:1-50", read_only=False, on_channel={"receiver": "stopped"})),
            *(connected(replica("db4", "P:1-9,C:1-51", source="db3")), TWO),
        ),
        [],
    ),
    "but_a_run_has_opened_none_that_lacks_what_another_one_has": (
        cluster(
            living(read_only=True), connected(replica("db3", "P:1-9,C:1-50", read_only=False)), connected(replica("db4", "P:1-9,C:1-51,X:1", source="db3"))
        ),
        ["errant db4 C:51,X:1"],
    ),
    "one_that_lacks_something_was_not_opened_by_a_run": (
        cluster(dead(), ONE, replica("db3", "P:1-8,C:1-50", read_only=False, on_channel={"receiver": "stopped"})),
        ["errant db3 C:1-50"],
    ),
    "nor_was_one_whose_primary_lives": (
        cluster(living(), connected(ONE), replica("db3", "P:1-9,C:1-50", read_only=False, on_channel={"receiver": "stopped"})),
        ["errant db3 C:1-50"],
    ),
    "unless_a_switchover_has_closed_it_already": (
        cluster(living(read_only=True), connected(ONE), connected(replica("db3", "P:1-9,C:1-50", read_only=False)), primary="db0"),
        [],
    ),
    "what_some_replicas_have_already_from_the_promoted_one_is_not": (
        cluster(dead(), living("db1", "P:1-9,A:1-50"), connected(replica("db2", "P:1-9,A:1-40", source="db1")), replica("db3", "P:1-9")),
        [],
    ),
    # MariaDB
    "mariadb_a_replica_was_written_to": (cluster(dead(), MARIA_ONE, replica("db2", "0-1-9,0-3-10")), ["errant db2 0-3-10"]),
    "mariadb_though_it_went_on_replicating": (cluster(dead(), MARIA_ONE, replica("db2", "0-1-30,0-3-10")), ["errant db2 0-3-10"]),
    "mariadb_it_may_have_been_the_primary_while_another_stood_still": (cluster(dead(), stopped(MARIA_ONE), replica("db2", "0-1-30,0-3-10")), []),
    "mariadb_a_living_primary_has_missed_nothing": (
        cluster(living("db0", "0-1-9"), connected(replica("db1", "0-1-30,0-2-10"))),
        ["errant db1 0-2-10"],
    ),
    "mariadb_though_it_is_behind": (reaching(cluster(dead(), replica("db1", "0-1-30"), BEHIND), db1="0-1-9"), ["errant db2 0-3-10"]),
    "mariadb_one_that_was_built_from_a_copy_after_that_proves_nothing": (reaching(cluster(dead(), replica("db1", "0-1-30"), BEHIND), db1="0-1-11"), []),
    "mariadb_nor_does_one_of_which_nobody_knows_how_far_back_its_history_reaches": (cluster(dead(), replica("db1", "0-1-30"), BEHIND), []),
    "mariadb_one_that_has_not_come_so_far_was_not": (cluster(dead(), replica("db1", "0-1-10"), BEHIND), ["errant db2 0-3-10"]),
    "mariadb_one_that_knows_an_earlier_primary_was_there": (cluster(dead(), replica("db1", "0-4-8,0-1-30"), BEHIND), ["errant db2 0-3-10"]),
    "mariadb_one_that_knows_another_domain_from_earlier_was_perhaps_not": (
        reaching(cluster(dead(), replica("db1", "0-1-30,5-1-3"), BEHIND), db1="0-1-20,5-1-3"),
        [],
    ),
    "mariadb_one_that_was_there_is_enough": (
        reaching(cluster(dead(), replica("db1", "0-1-30"), BEHIND, replica("db3", "0-1-30")), db1="0-1-11", db3="0-1-2"),
        ["errant db2 0-3-10"],
    ),
    "mariadb_in_a_domain_of_its_own": (cluster(dead(), MARIA_ONE, replica("db2", "0-1-9,7-3-1")), ["errant db2 7-3-1"]),
    "mariadb_with_a_living_primary": (
        reaching(cluster(living("db0", "0-1-9"), connected(replica("db1", "0-1-9,0-2-5"))), db0="0-1-1"),
        ["errant db1 0-2-5"],
    ),
    "mariadb_with_a_living_primary_that_was_built_from_a_copy": (
        reaching(cluster(living("db0", "0-1-9"), connected(replica("db1", "0-1-9,0-2-5"))), db0="0-1-8"),
        [],
    ),
    "mariadb_what_an_earlier_primary_wrote_is_not": (cluster(dead(), replica("db1", "0-2-5,0-1-9"), replica("db2", "0-2-5,0-1-8")), []),
    "mariadb_nor_where_another_has_more_of_it": (cluster(dead(), replica("db1", "0-2-5,0-1-9"), replica("db2", "0-2-6,0-1-8")), []),
    "mariadb_what_an_earlier_primary_wrote_after_it_was_replaced_is": (
        cluster(dead(), replica("db1", "0-2-7,0-1-9"), replica("db2", "0-2-5,0-1-9")),
        ["errant db1 0-2-7"],
    ),
    "mariadb_one_built_from_a_copy_knows_no_earlier_primaries_and_proves_nothing": (
        cluster(dead(), replica("db1", "0-8-3,0-2-5,0-1-9"), replica("db2", "0-1-9")),
        [],
    ),
    "mariadb_what_the_primary_wrote_itself_is_not_even_if_a_copy_of_it_has_its_id": (
        cluster(dead(), MARIA_ONE, replica("db2", "0-1-20", server_id=1)),
        [],
    ),
    "mariadb_one_that_does_not_log_what_it_applies_proves_nothing": (
        cluster(dead(), replica("db1", "0-2-5,0-1-9"), replica("db2", "0-1-9", log_replica_updates=False)),
        [],
    ),
    "mariadb_what_clients_wrote_to_a_promoted_replica_is_not": (cluster(dead(), MARIA_ONE, living("db2", "0-1-9,0-3-50")), []),
    "mariadb_nor_to_one_that_was_opened_and_still_has_its_source": (
        cluster(dead(), MARIA_ONE, replica("db2", "0-1-9,0-3-50", read_only=False, on_channel={"receiver": "stopped"})),
        [],
    ),
    "beside_one_that_follows_a_stranger": (
        cluster(dead(), replica("db1", "P:1-9", source="10.9.9.9"), replica("db2", "P:1-9,B:1"), replica("db3", "P:1-9")),
        ["errant db2 B:1"],
    ),
}


@pytest.mark.parametrize("situation", ERRANT)
def test_errant_transactions_are_told_from_those_that_others_lack(situation: str) -> None:
    topology, problems = ERRANT[situation]
    assert told(check_histories(topology)) == problems


@pytest.mark.parametrize(
    ("topology", "names"),
    [
        pytest.param(cluster(dead(), replica("db1", "0-1-30"), BEHIND), ["db1"], id="of_the_one_that_lacks_it"),
        pytest.param(cluster(living("db0", "0-1-30,0-3-10"), replica("db1", "0-1-30"), BEHIND), ["db0", "db1"], id="though_the_living_primary_has_it"),
        pytest.param(cluster(dead(), replica("db1", "0-1-30,0-3-10"), BEHIND), [], id="of_nobody_where_another_one_has_it"),
        pytest.param(cluster(dead(), replica("db1", "0-1-30", log_bin=False), BEHIND), [], id="of_nobody_without_a_binary_log"),
        pytest.param(cluster(dead(), replica("db1", "P:1-9"), replica("db2", "P:1-9,B:1")), [], id="of_no_server_of_mysql"),
    ],
)
def test_it_is_asked_how_far_back_a_history_reaches(topology: Topology, names: list[str]) -> None:
    assert must_look_into_histories(topology) == names


def test_a_check_asks_what_a_failover_would_ask_once_the_primary_is_dead() -> None:
    well = connected(replica("db1", "0-3-10,0-1-30")), connected(replica("db2", "0-1-30,0-3-12"))
    assert told(find_problems(cluster(living("db0", "0-1-30,0-3-12"), *well), "alive")) == ["errant db2 0-3-12"]
    filtered = connected(replica("db1", "P:1-9", on_channel={"filters": ("Replicate_Do_DB",)}))
    assert told(find_problems(cluster(living(), filtered), "alive")) == ["filtered db1"]
    without_log = connected(replica("db1", "P:1-9", log_bin=False))
    assert told(find_problems(cluster(living(), without_log), "alive")) == ["no_candidate"]
    assert told(find_problems(cluster(dead(), replica("db1", "P:1-9", on_channel={"filters": ("Replicate_Do_DB",)})), "any")) == ["filtered db1"]
    assert told(find_problems(cluster(living()), "alive")) == []


def test_where_a_server_is_there_twice_nothing_else_is_told_of() -> None:
    twice = cluster(server("db0", state("db0", "P:1-9"), also=["same"]), server("same", state("db0", "P:1-9")), connected(ONE))
    assert told(find_problems(twice, "alive")) == ["same_server same"]
    assert told(check_leaders(twice)) == ["same_server same"]
    with pytest.raises(Refusal) as refusal:
        to_rejoin(twice, None)
    assert told(refusal.value.problems) == ["same_server same"]


@pytest.mark.parametrize("only_by_identity", [True, False])
def test_an_address_that_only_a_living_server_can_vouch_for_is_told_of(only_by_identity: bool) -> None:
    elsewhere = [connected(replica(name, "P:1-9", source="inside", on_channel={"source_uuid": UUIDS["P"]})) for name in ("db1", "db2")]
    topology = cluster(server("db0", state("db0", "P:1-9"), also=[] if only_by_identity else ["inside"]), *elsewhere)
    assert topology.primary == "db0"
    problems = list(check_addresses(topology))
    assert told(problems) == ["address_unknown db0"] * only_by_identity
    assert not problems or "db1, db2 replicate from db0 by the address inside:3306" in problems[0].message
    moved = list(check_addresses(topology, "db1"))
    assert told(moved) == told(problems)
    assert not moved or moved[0].message.endswith("which the inventory does not have: they are told the address of db1 in the inventory")


def test_a_check_for_a_dead_primary_sees_another_one_that_takes_writes() -> None:
    assert told(find_problems(cluster(dead(), ONE, TWO, living("db3", "P:1-5")), "dead")) == ["two_writable db3"]
    # Unless it has everything: then a failover takes it up.
    assert told(find_problems(cluster(dead(), ONE, TWO, living("db3", "P:1-9")), "dead")) == []


# --- The outcome of an election


def against(topology: Topology, candidates: t.Sequence[str] = (), exclude: t.Sequence[str] = ()) -> list[Problem]:
    return list(check_election(topology, elect(topology, candidates=candidates, exclude=exclude)))


@pytest.mark.parametrize(
    ("topology", "problems"),
    [
        pytest.param(cluster(dead(), ONE, TWO), [], id="one_has_everything"),
        pytest.param(cluster(dead(), dead("db1")), ["no_replicas"], id="no_replica_can_be_read"),
        pytest.param(cluster(dead(), replica("db1", "P:1-9", log_bin=False)), ["no_candidate"], id="nobody_may_be_promoted"),
        pytest.param(
            cluster(dead(), replica("db1", "P:1-9,X:1"), replica("db2", "P:1-10")),
            ["diverged db2 P:10"],
            id="two_that_exclude_each_other",
        ),
        pytest.param(
            cluster(dead(), ONE, replica("db2", "P:1-7", waiting="P:8-10", error="1062")),
            ["applier_broken db2 P:10"],
            id="a_broken_applier_holds_what_nobody_else_has",
        ),
        pytest.param(
            cluster(dead(), replica("db1", "P:1-7", waiting="P:8-9", error="1062")),
            ["no_candidate", "applier_broken db1 P:8-9"],
            id="the_only_replica_has_a_broken_applier",
        ),
        pytest.param(cluster(dead(), ONE, living("db2", "P:1-9,B:1-50")), [], id="one_was_promoted_by_an_earlier_run"),
        pytest.param(
            cluster(dead(), ONE, living("db2", "P:1-3")),
            ["two_writable db2"],
            id="another_takes_writes_and_lacks_something",
        ),
        pytest.param(cluster(dead(), living("db1", "P:1-9"), living("db2", "P:1-9")), ["two_writable db2"], id="two_were_promoted"),
    ],
)
def test_what_speaks_against_an_election(topology: Topology, problems: list[str]) -> None:
    assert told(against(topology)) == problems


def test_one_that_takes_writes_already_cannot_be_excluded() -> None:
    topology = cluster(dead(), ONE, living("db2", "P:1-9,B:1-50"))
    assert told(against(topology, exclude=["db2"])) == ["two_writable db2"]


def test_the_reasons_against_each_are_named_when_nobody_may_be_promoted() -> None:
    (problem,) = against(cluster(dead(), ONE, replica("db2", "P:1-9", log_bin=False)), exclude=["db1"])
    assert "db1: excluded by the user" in problem.message
    assert "db2: its binary log is off" in problem.message


def test_what_would_be_lost_is_named_with_who_has_it_and_who_cannot_get_it() -> None:
    (problem,) = against(cluster(dead(), replica("db1", "P:1-9,X:1"), replica("db2", "P:1-12")), candidates=["db2"])
    assert short(problem.message) == "db1 has 1 transaction that db2 cannot get: X:1"


def test_what_the_best_one_would_lose_itself_can_be_had_by_nobody_else() -> None:
    (problem,) = against(cluster(dead(), replica("db1", "P:1-8,X:1"), replica("db2", "P:1-10")), candidates=["db1"])
    assert short(problem.message) == "db1 has 1 transaction that no other replica can get: X:1"


# --- Names, remedies, messages


def test_names_that_are_no_members_are_refused_however_hostile() -> None:
    hostile = ["'; DROP TABLE t; --", "{{ lookup('pipe', 'id') }}", "%s", "a\nb", "x" * 300, ""]
    assert [problem.server for problem in check_names(["db1", "db0", *hostile], ["db0", "db1"])] == hostile
    assert all(len(problem.message) < 250 for problem in check_names(hostile, ["db0", "db1"]))


def test_a_member_that_the_user_has_not_named_is_no_candidate() -> None:
    assert told(judge(cluster(unlisted(dead()), ONE), Terms(candidates=("db0",))).against) == ["not_a_member db0"]


CORE = Path(str(checks.__file__)).parent.parent
# What is refused before the core is asked is refused by what the action plugins share.
FILES = [*CORE.glob("_*/*.py"), *(CORE.parent / "plugin_utils").glob("*.py")]


def _constants(path: Path) -> set[str]:
    """Give the texts in a file, the table of remedies apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = [node for node in tree.body if not (isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "REMEDIES")]
    return {node.value for part in body for node in ast.walk(part) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_code_with_a_remedy_is_produced_somewhere() -> None:
    produced = set().union(*(_constants(path) for path in FILES))
    assert set(REMEDIES) - produced == set()


def test_every_code_that_is_produced_has_a_remedy() -> None:
    calls = [
        node
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Problem", "Failure")
    ]
    codes = {constant.value for call in calls for constant in ast.walk(call.args[0]) if isinstance(constant, ast.Constant) and isinstance(constant.value, str)}
    assert len(codes) > 30
    assert codes - set(REMEDIES) == set()


@pytest.mark.parametrize("code", sorted(REMEDIES))
def test_a_code_is_one_word_and_its_remedy_a_sentence(code: str) -> None:
    assert code.isidentifier()
    assert code.islower()
    assert remedy_of(code).endswith(".")
    assert Problem(code, "db1", "something").remedy() == remedy_of(code)


def test_every_problem_names_its_server_in_its_message() -> None:
    tables = {**DEAD, **{"alive " + name: value for name, value in ALIVE.items()}}
    for topology, _told in tables.values():
        for problem in [*find_problems(topology, "dead"), *find_problems(topology, "alive")]:
            assert problem.server in problem.message


def test_a_failure_keeps_its_own_message() -> None:
    topology = cluster(dead(), ONE, server("db2", Failure("driver_incomplete", "db2: cryptography is missing", True)))
    assert [(problem.code, problem.message) for problem in find_problems(topology, "dead")] == [("driver_incomplete", "db2: cryptography is missing")]


def test_no_problem_is_no_refusal() -> None:
    refuse(iter([]))


def test_a_refusal_carries_its_problems_and_says_them() -> None:
    problems = [Problem("unreachable", "db1", "db1 is gone"), Problem("gtid_off", "db2", "db2 has none")]
    with pytest.raises(Refusal) as refused:
        refuse(iter(problems))
    assert refused.value.problems == tuple(problems)
    assert str(refused.value) == "[unreachable] db1 is gone; [gtid_off] db2 has none"
