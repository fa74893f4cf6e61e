# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a role is to do, told by the state of the cluster alone."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import to_rejoin, to_repair
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    cluster,
    connected,
    dead,
    hung,
    living,
    refusing,
    replica,
    server,
    state,
)

ONE, TWO = replica("db1", "P:1-9"), replica("db2", "P:1-9")
WELL = connected(ONE), connected(TWO)
PROMOTED, FOLLOWS = living("db1", "P:1-9,A:1"), connected(replica("db2", "P:1-9,A:1", source="db1"))
LEFT = replica("db3", "P:1-9")
FORMER = server("db0", state("db0", "P:1-9", read_only=True))
ANOTHER = server("db3", state("db3", "P:1-9", read_only=True))


def refused(topology: Topology, named: str | None = None) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refusal:
        to_rejoin(topology, named)
    return [(problem.code, problem.server) for problem in refusal.value.problems]


# --- To repair

REPAIRS: dict[str, tuple[Topology, dict[str, t.Any]]] = {
    "nothing where all is well": (cluster(living(), *WELL), {}),
    "a failover where the primary is dead": (cluster(dead(), ONE, TWO), {"failover": True}),
    "nothing where it may live": (cluster(hung(), ONE, TWO), {}),
    "nothing where it answers and lets nobody in": (cluster(refusing(), ONE, TWO), {}),
    "what an interrupted failover has left": (cluster(dead(), PROMOTED, FOLLOWS, LEFT), {"repoint": ["db3"]}),
    "the return of a former primary": (cluster(FORMER, PROMOTED, FOLLOWS), {"rejoin": ["db0"]}),
    "the return of two": (cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), {"rejoin": ["db0", "db3"]}),
    "nothing for a former primary that is still down": (cluster(dead(), PROMOTED, FOLLOWS), {}),
}


@pytest.mark.parametrize("case", REPAIRS)
def test_what_a_cluster_needs(case: str) -> None:
    topology, needed = REPAIRS[case]
    assert to_repair(topology) == {"failover": False, "repoint": [], "rejoin": [], **needed}


# --- To rejoin


@pytest.mark.parametrize(
    ("topology", "named", "names"),
    [
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS), None, ["db0"], id="the_only_one_that_follows_nobody"),
        pytest.param(cluster(dead(), PROMOTED, FOLLOWS), None, [], id="nobody_where_all_follow"),
        pytest.param(cluster(living("db0"), PROMOTED, FOLLOWS), None, ["db0"], id="one_that_takes_writes_beside_the_primary"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), "db3", ["db3"], id="the_one_that_is_named"),
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS), "db2", ["db2"], id="one_that_is_named_though_it_follows"),
        pytest.param(cluster(dead(), PROMOTED, FOLLOWS), "db0", ["db0"], id="one_that_is_named_though_it_does_not_answer"),
        pytest.param(cluster(FORMER, refusing("db1"), FOLLOWS), None, ["db0"], id="the_primary_answers_and_lets_nobody_in"),
    ],
)
def test_who_is_brought_back(topology: Topology, named: str | None, names: list[str]) -> None:
    assert to_rejoin(topology, named)["rejoin"] == names


@pytest.mark.parametrize(
    ("topology", "named", "problems"),
    [
        pytest.param(cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), None, [("former_primary_unknown", "")], id="several_follow_nobody"),
        pytest.param(cluster(dead(), ONE, TWO), None, [("primary_dead", "db0")], id="the_primary_is_dead"),
        pytest.param(cluster(dead(), ONE, TWO), "db0", [("primary_dead", "db0")], id="also_if_somebody_is_named"),
        pytest.param(cluster(hung(), ONE, TWO), None, [("not_responding", "db0")], id="the_primary_hangs"),
        pytest.param(cluster(dead(), connected(ONE), TWO), None, [("unreachable", "db0")], id="we_cannot_reach_it_but_a_replica_can"),
        pytest.param(cluster(FORMER, ANOTHER), None, [("primary_unknown", "")], id="nobody_follows_anybody"),
    ],
)
def test_nobody_is_brought_back_to_a_primary_that_does_not_live(topology: Topology, named: str | None, problems: list[tuple[str, str]]) -> None:
    assert refused(topology, named) == problems


def test_those_that_may_be_meant_are_named() -> None:
    with pytest.raises(Refusal) as refusal:
        to_rejoin(cluster(FORMER, PROMOTED, FOLLOWS, ANOTHER), None)
    assert refusal.value.problems[0].message.startswith("db0 and db3 replicate from nobody")
