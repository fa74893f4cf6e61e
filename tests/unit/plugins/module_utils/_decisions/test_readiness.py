# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether clients could write to a server, whether our account may do what is to be done, and who is elected by that."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_leaders
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import elect
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Terms, judge
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import find_problems
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import Terms as PromotionTerms
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import check_promotion
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.readiness import check_eligible, check_privileges, check_serves_clients, too_late
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import SemiSync
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, connected, dead, living, replica


def codes(problems: t.Iterable[Problem]) -> list[str]:
    return [f"{problem.code} {problem.server}" for problem in problems]


CLOSED = [
    ({"offline_mode": "ON"}, "offline_mode=ON"),
    ({"tx_read_only": "ON"}, "tx_read_only=ON"),
    ({"transaction_read_only": "1"}, "transaction_read_only=1"),
    ({"innodb_read_only": "ON"}, "innodb_read_only=ON"),
    ({"innodb_force_recovery": "4"}, "innodb_force_recovery=4"),
]
OPEN: list[dict[str, str]] = [{}, {"offline_mode": "OFF", "tx_read_only": "OFF"}, {"innodb_force_recovery": "3"}, {"innodb_force_recovery": ""}]


@pytest.mark.parametrize(("variables", "said"), CLOSED)
def test_one_that_is_closed_to_clients_is_not_promoted_and_as_a_primary_not_in_order(variables: dict[str, str], said: str) -> None:
    topology = cluster(dead(), replica("db1", "P:1-9", variables=variables), replica("db2", "P:1-9"))
    election = elect(topology, candidates=["db1"])
    assert election.best == "db2"
    (problem,) = check_eligible("db1", election.ranking)
    assert problem.code == "no_candidate"
    assert said in problem.message
    assert list(check_eligible("db2", election.ranking)) == []
    assert codes(check_promotion(topology, PromotionTerms("db1"))) == ["closed_to_clients db1"]
    assert codes(check_leaders(cluster(living(variables=variables), connected(replica("db1", "P:1-9"))))) == ["closed_to_clients db0"]


@pytest.mark.parametrize("variables", OPEN)
def test_others_serve_clients(variables: dict[str, str]) -> None:
    assert list(check_serves_clients(living(variables=variables))) == []


def test_among_equals_one_is_elected_that_nobody_keeps_from_being_written_to() -> None:
    def best(*members: t.Any, **wish: t.Any) -> str | None:
        return elect(cluster(dead(), *members), **wish).best

    blocked = replica("db1", "P:1-9", blocked=True)
    assert best(blocked, replica("db2", "P:1-9")) == "db2"
    # Data, and the user's wish, go before it; and so does who may have been opened already.
    assert best(blocked, replica("db2", "P:1-8")) == "db1"
    assert best(blocked, replica("db2", "P:1-9"), candidates=["db1"]) == "db1"
    assert best(replica("db1", "P:1-9", blocked=True, read_only=False), replica("db2", "P:1-9")) == "db1"
    assert best(blocked, replica("db2", "P:1-9", blocked=True)) == "db1"


def test_a_primary_that_is_locked_is_not_in_order_and_a_replica_that_is_may_be() -> None:
    follower = connected(replica("db1", "P:1-9", blocked=True))
    assert codes(find_problems(cluster(living(), follower), "alive")) == []
    assert codes(find_problems(cluster(living(blocked=True), follower), "alive")) == ["writes_blocked db0"]


@pytest.mark.parametrize(
    ("missing", "semi_sync", "always"),
    [
        (("READ_ONLY ADMIN",), False, True),
        (("SYSTEM_VARIABLES_ADMIN",), False, True),
        (("SUPER",), False, True),
        (("RELOAD", "BINLOG REPLAY"), False, True),
        (("BINLOG REPLAY", "SET USER", "REPLICATION SLAVE"), False, False),
        (("REPLICATION MASTER ADMIN",), False, False),
        (("REPLICATION MASTER ADMIN",), True, True),
    ],
)
def test_what_every_run_needs_forbids_it_and_the_rest_is_told_by_a_check(missing: tuple[str, ...], semi_sync: bool, always: bool) -> None:
    acknowledges = SemiSync("rpl_semi_sync_master_enabled", False, "rpl_semi_sync_slave_enabled", semi_sync)
    member = replica("db1", "P:1-9", missing=missing, semi_sync=acknowledges)
    topology = cluster(dead(), member, replica("db2", "P:1-9"))
    wanted = ["privilege_missing db1"] if always else []
    assert codes(check_privileges(topology.members)) == wanted
    assert codes(judge(topology, Terms()).against) == wanted
    assert codes(check_promotion(topology, PromotionTerms("db1"))) == wanted
    assert codes(find_problems(topology, "dead")) == ["privilege_missing db1"]
    (problem,) = check_privileges(topology.members, everything=True)
    for name in missing:
        assert name in problem.message


def test_who_could_not_take_over_now_is_late() -> None:
    topology = cluster(
        living(),
        connected(replica("db1", "P:1-9")),
        connected(replica("db2", "P:1-9", on_channel={"delay": 600})),
        connected(replica("db3", "P:1-9", on_channel={"lag": 11})),
        connected(replica("db4", "P:1-9", on_channel={"lag": 10, "delay": 10})),
        replica("db5", "P:1-9"),
    )
    assert too_late(topology, 10.0) == ["db2", "db3", "db5"]
    # It may have received more than the others at this moment.
    topology = cluster(living(), connected(replica("db1", "P:1-8", waiting="P:9", on_channel={"delay": 600})), connected(replica("db2", "P:1-8")))
    assert elect(topology).best == "db1"
    assert elect(topology, exclude=too_late(topology, 10.0)).best == "db2"


def test_a_commit_that_waits_long_keeps_everybody_from_committing() -> None:
    assert codes(check_serves_clients(living(unacknowledged=4))) == []
    assert codes(check_serves_clients(living(unacknowledged=5))) == ["commits_wait db0"]
