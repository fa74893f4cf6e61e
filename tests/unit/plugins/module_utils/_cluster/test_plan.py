# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plan (check mode) makes of a cluster: the servers as they are expected to be, and who follows whom then."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_promotion
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login, Members, make_tls_context
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import dead, replica, stopped


class FakeNode:
    """A server of a plan, to which nothing is sent."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.moves = 0

    def expect(self, effect: t.Callable[[State], State]) -> None:
        self.state = effect(self.state)
        self.moves += 1


def planned(*members: Member) -> tuple[Cluster, dict[str, FakeNode]]:
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal(), check_mode=True)
    nodes = {member.name: FakeNode(member.state) for member in members if member.state is not None}
    cluster.nodes = t.cast(t.Any, nodes)
    cluster._members = {member.name: member for member in members}
    return cluster, nodes


FOUND = (dead(), replica("db1", "P:1-9"), replica("db2", "P:1-9"), stopped(replica("db3", "P:1-9")))


def test_what_another_task_would_have_done_is_supposed() -> None:
    cluster, nodes = planned(*FOUND)
    topology = cluster.suppose(after_promotion(cluster.arrange(None), "db1"))
    assert topology.primary == "db1"
    assert topology.sources == {"db2": "db0", "db3": "db0"}
    assert nodes["db1"].state.leads
    assert nodes["db2"].state.channels[0].receives_no_more
    # What is as it was may be asked.
    assert {name: node.moves for name, node in nodes.items()} == {"db1": 1, "db2": 1, "db3": 0}


def test_after_repointing_those_and_only_those_follow_the_source() -> None:
    cluster, nodes = planned(*FOUND)
    supposed = cluster.suppose(after_promotion(cluster.arrange(None), "db1"))
    nodes["db2"].expect(expected.source_changed("", SourceOptions("db1", 3306)))
    nodes["db2"].expect(expected.replica_started(""))
    topology = cluster.expected(supposed)
    assert topology.sources == {"db2": "db1", "db3": "db0"}
    receivers = {name: [each.receiver for each in topology[name].known.channels] for name in ("db2", "db3")}
    assert receivers == {"db2": ["running"], "db3": ["stopped"]}


def test_a_server_that_failed_meanwhile_is_expected_to_be_nothing() -> None:
    cluster, _nodes = planned(*FOUND)
    topology = cluster.arrange("db1")
    cluster._members["db2"] = replace(dead("db2"))
    assert cluster.expected(topology)["db2"].state is None
