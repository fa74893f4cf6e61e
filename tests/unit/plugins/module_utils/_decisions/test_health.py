# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an interrupted run has left to be done. What is found wrong with a cluster is in test_checks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import misplaced, open_together
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, connected, dead, living, replica, server, state, stopped

PROMOTED = living("db1", "P:1-9,A:1")
FOLLOWS = connected(replica("db2", "P:1-9", source="db1"))
LEFT = replica("db3", "P:1-9")
FORMER = server("db0", state("db0", "P:1-9", read_only=True))
NEVER_CONNECTED = {"has_connected": False}


@pytest.mark.parametrize(
    ("topology", "names"),
    [
        pytest.param(cluster(living(), connected(replica("db1", "P:1-9")), connected(LEFT)), [], id="all_follow_the_primary"),
        pytest.param(cluster(dead(), replica("db1", "P:1-9"), LEFT), [], id="the_primary_is_dead"),
        pytest.param(cluster(dead(), PROMOTED, FOLLOWS, LEFT), ["db3"], id="one_still_follows_the_dead_primary"),
        pytest.param(cluster(PROMOTED, FOLLOWS, LEFT), ["db3"], id="and_nobody_listed_that_one"),
        pytest.param(cluster(dead(), PROMOTED, FOLLOWS, stopped(LEFT)), ["db3"], id="though_its_threads_are_stopped"),
        pytest.param(
            cluster(PROMOTED, FOLLOWS, stopped(replica("db3", "P:1-9", source="db1", on_channel=NEVER_CONNECTED))),
            ["db3"],
            id="one_was_pointed_at_the_new_primary_and_never_started",
        ),
        pytest.param(
            # MariaDB keeps the error of the connection to the source before.
            cluster(PROMOTED, FOLLOWS, stopped(replica("db3", "P:1-9", source="db1", on_channel={**NEVER_CONNECTED, "receiver_error": "2003"}))),
            ["db3"],
            id="and_still_shows_the_error_of_the_dead_one",
        ),
        pytest.param(
            cluster(PROMOTED, FOLLOWS, replica("db3", "P:1-9", source="db1", on_channel={**NEVER_CONNECTED, "receiver": STOPPED})),
            ["db3"],
            id="one_was_killed_while_it_started_the_threads",
        ),
        pytest.param(cluster(PROMOTED, FOLLOWS, replica("db3", "P:1-9", source="db1", on_channel=NEVER_CONNECTED)), [], id="one_tries_to_connect"),
        pytest.param(cluster(PROMOTED, FOLLOWS, stopped(replica("db3", "P:1-9", source="db1"))), [], id="one_was_stopped_by_somebody_on_purpose"),
        pytest.param(cluster(PROMOTED, FOLLOWS, connected(replica("db3", "P:1-9", source="db2"))), [], id="one_follows_a_living_replica"),
        pytest.param(cluster(PROMOTED, FOLLOWS, dead("db4"), replica("db3", "P:1-9", source="db4")), ["db3"], id="one_follows_a_dead_replica"),
        pytest.param(cluster(PROMOTED, FOLLOWS, connected(replica("db3", "P:1-9,B:1", source="stranger"))), [], id="one_receives_from_a_stranger"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS, connected(LEFT)), ["db3"], id="one_receives_from_the_former_primary"),
        pytest.param(cluster(PROMOTED, FOLLOWS, server("db3", state("db3", "P:1-9", read_only=True))), [], id="one_follows_nobody"),
    ],
)
def test_replicas_that_an_interrupted_run_left_behind_are_found(topology: Topology, names: list[str]) -> None:
    assert misplaced(topology) == names


BACK = server("db0", state("db0", "P:1-12"))


@pytest.mark.parametrize(
    ("topology", "names"),
    [
        pytest.param(cluster(PROMOTED, FOLLOWS), [], id="one_takes_writes"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS), [], id="the_former_primary_is_closed"),
        pytest.param(cluster(dead(), PROMOTED, FOLLOWS), [], id="the_former_primary_is_dead"),
        pytest.param(cluster(server("db0", state("db0", "P:1-9")), PROMOTED, FOLLOWS), ["db0", "db1"], id="the_former_primary_is_open"),
        pytest.param(cluster(BACK, PROMOTED, FOLLOWS), ["db0", "db1"], id="and_has_gone_on"),
        pytest.param(cluster(BACK, PROMOTED), ["db0", "db1"], id="and_nobody_follows_either"),
        pytest.param(replace(cluster(dead(), PROMOTED, FOLLOWS), rivals=("db0", "db1")), [], id="one_of_two_cannot_be_asked"),
    ],
)
def test_who_takes_writes_side_by_side(topology: Topology, names: list[str]) -> None:
    assert open_together(topology) == names
