# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan expects of each server: as the step leaves it where it is taken, as it was where it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_election, after_promotion, after_repointing, as_if_dead
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, connected, dead, hung, living, replica, short, stopped, unlisted


def left(topology: Topology, *unchanged: str, **effects: expected.Effect) -> tuple[Member, ...]:
    """Return the members as these effects leave them; all must be named."""
    assert {*unchanged, *effects} == {member.name for member in topology.members}
    return tuple(replace(member, state=effects[member.name](member.known)) if member.name in effects else member for member in topology.members)


AHEAD, BEHIND = replica("db2", "P:1-8", waiting="P:9"), replica("db1", "P:1-7", waiting="P:8")
CHAINED = connected(replica("db3", "P:1-7", source="db1"))


@pytest.mark.parametrize("most_advanced", [None, "db1"])
def test_the_one_that_is_elected_of_a_dead_primarys_is_drained_and_the_others_are_frozen(most_advanced: str | None) -> None:
    found = cluster(dead(), BEHIND, AHEAD, CHAINED, hung("db4"))
    planned = after_election(found, "db1", most_advanced, forced=False)
    assert planned == replace(found, members=left(found, "db0", "db3", "db4", db1=expected.drained, db2=expected.frozen))


def test_the_most_advanced_one_is_drained_and_the_best_one_frozen_also_where_it_follows_a_living_one() -> None:
    found = cluster(dead(), BEHIND, AHEAD, replica("db3", "P:1-7", source="db2"))
    planned = after_election(found, "db3", "db2", forced=False)
    assert planned == replace(found, members=left(found, "db0", db1=expected.frozen, db2=expected.drained, db3=expected.frozen))


def test_those_that_receive_are_left_alone_unless_it_is_forced() -> None:
    found = cluster(living("db0", "P:1-9"), connected(BEHIND), connected(AHEAD), CHAINED)
    assert after_election(found, "db1", forced=False) == found
    forced = after_election(found, "db1", forced=True)
    assert forced == replace(found, members=left(found, "db3", db0=expected.closed, db1=expected.drained, db2=expected.frozen))


def test_a_server_without_replication_is_frozen_as_it_is() -> None:
    found = cluster(dead(), BEHIND, living("db5", ""), primary="db0")
    planned = after_election(found, "db1", forced=False)
    assert (planned["db5"], planned["db1"].known) == (found["db5"], expected.drained(found["db1"].known))


def test_if_the_primary_died_now_its_own_replicas_would_try_to_connect() -> None:
    both = connected(replica("db2", "P:1-9", source="db1"))
    found = cluster(living(), connected(replica("db1", "P:1-9")), both, stopped(replica("db3", "P:1-9")), hung("db4"))
    supposed = as_if_dead(found)
    assert (supposed["db0"].state, supposed["db0"].failure) == (None, Failure("unreachable", "db0 is dead", False))
    assert supposed["db1"] == replica("db1", "P:1-9")
    assert [supposed[name] for name in ("db2", "db3", "db4")] == [found[name] for name in ("db2", "db3", "db4")]
    assert supposed.connected == {"db1": frozenset(), "db2": frozenset(["db1"]), "db3": frozenset()}
    assert (supposed.sources, supposed.primary) == (found.sources, "db0")


def test_whoever_is_promoted_in_a_dead_ones_place_has_what_all_have_received_and_follows_nobody() -> None:
    found = cluster(dead(), BEHIND, AHEAD)
    planned = after_promotion(found, "db1")
    prepared = after_election(found, "db1", "db2", forced=False)
    everything = expected.applied(AHEAD.known.received)(expected.opened(prepared["db1"].known))
    opened = replace(found["db1"], state=replace(everything, channels=()))
    assert planned == replace(prepared, members=(prepared["db0"], opened, prepared["db2"]), sources={"db2": "db0"}, primary="db1")
    assert (planned["db1"].known.channels, planned["db1"].known.read_only, short(planned["db1"].known.executed)) == ((), False, "P:1-9")


def test_whoever_is_promoted_in_a_living_ones_place_has_what_that_has_written_and_closes_it() -> None:
    found = cluster(living("db0", "P:1-12"), connected(BEHIND), connected(AHEAD), living("db5", "0-1-9"), hung("db6"), primary="db0")
    planned = after_promotion(found, "db1")
    assert (planned.primary, planned.sources) == ("db1", {"db2": "db0"})
    assert (planned["db1"].known.leads, short(planned["db1"].known.executed)) == (True, "P:1-12")
    # Of the other family only what it stands like counts.
    assert planned.members[0] == replace(found["db0"], state=expected.closed(found["db0"].known))
    assert planned["db5"] == replace(found["db5"], state=expected.closed(found["db5"].known))
    assert (planned["db2"], planned["db6"]) == (found["db2"], found["db6"])
    # The others stay where they are, whatever they are called.
    assert after_promotion(found, "db2").sources == {"db1": "db0"}


def test_those_that_are_repointed_replicate_from_the_new_primary_then() -> None:
    found = cluster(dead(), living("db1", "P:1-9"), stopped(replica("db2", "P:1-9")), replica("db3", "P:1-9"), hung("db4"), primary="db1")
    planned = after_repointing(found, ["db2", "db4", "db9"], "db1")
    assert planned == replace(found, members=left(found, "db0", "db1", "db3", "db4", db2=expected.replicating), sources={"db2": "db1", "db3": "db0"})
    assert unlisted(planned["db2"]).known.channels[0].is_running
