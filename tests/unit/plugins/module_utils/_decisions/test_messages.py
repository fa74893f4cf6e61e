# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of each problem, to the letter, for one and for several."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions import (
    checks,
    failover,
    histories,
    primary,
    promotion,
    readiness,
    rejoining,
    repointing,
    roles,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import elect, filters_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import SemiSync
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    UUIDS,
    channel,
    cluster,
    connected,
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
    unlisted,
)


def said(problems: t.Iterable[Problem]) -> list[str]:
    return [short(problem.message) for problem in problems]


def closed(name: str, executed: str = "P:1-9") -> Member:
    return living(name, executed, read_only=True)


def opened(member: Member) -> Member:
    return replace(member, state=replace(member.known, read_only=False))


ONE, TWO = replica("db1", "P:1-9"), replica("db2", "P:1-9")
WELL = (connected(ONE), connected(TWO))


def from_(source: str, name: str = "db2", executed: str = "P:1-9") -> Member:
    return replica(name, executed, source=source)


# --- What is wrong with a cluster

CHECKS: list[tuple[t.Callable[[Topology], t.Iterable[Problem]], Topology, list[str]]] = [
    (
        checks.check_identities,
        cluster(ONE, replica("db2", "0-1-9")),
        ["the cluster has servers of both families: db1 8.0.36, db2 10.11.6-MariaDB-log"],
    ),
    (
        checks.check_identities,
        cluster(replica("db1", "P:1-9", also=["x"]), replica("db3", "P:1-9", also=["x"], server_id=2)),
        ["db1 and db3 are the same server"],
    ),
    (checks.check_identities, cluster(ONE, replica("db2", "P:1-9", server_id=2)), ["db1 and db2 have the same server_id 2"]),
    (checks.check_identities, cluster(ONE, replica("db2", "P:1-9", server_uuid=UUIDS["A"])), ["db1 and db2 have the same server_uuid A"]),
    (checks.check_replication, cluster(dead(), replica("db1", "P:1-9", gtid_mode="OFF_PERMISSIVE")), ["db1 has gtid_mode=OFF_PERMISSIVE"]),
    (
        checks.check_replication,
        cluster(dead(), replica("db1", "P:1-9", on_channel={"auto_position": False, "auto_failover": True})),
        ["db1 replicates by file and position, not by GTID", "db1 has SOURCE_CONNECTION_AUTO_FAILOVER=1"],
    ),
    (
        checks.check_replication,
        cluster(dead(), TWO, server("db1", state("db1", "P:1-9", channels=[channel(), channel("elsewhere", name="east")]))),
        ["db1 replicates over several channels: '', 'east'"],
    ),
    (checks.check_replication, cluster(dead(), ONE, TWO, from_("elsewhere", "db3")), ["db3 replicates from elsewhere:3306, not from db0"]),
    (
        checks.check_replication,
        cluster(from_("elsewhere", "db1"), from_("other", "db2")),
        [
            "db1 replicates from elsewhere:3306, not from a member of this cluster",
            "db2 replicates from other:3306, not from a member of this cluster",
        ],
    ),
    (
        checks.check_addresses,
        cluster(living(), connected(replica("db1", "P:1-9", source="inside", on_channel={"source_uuid": UUIDS["P"]}))),
        ["db1 replicates from db0 by the address inside:3306, which the inventory does not have: that it is db0 can only be told while db0 lives"],
    ),
    (
        checks.check_addresses,
        cluster(living(), *(connected(replica(name, "P:1-9", source="inside", on_channel={"source_uuid": UUIDS["P"]})) for name in ("db1", "db2"))),
        ["db1, db2 replicate from db0 by the address inside:3306, which the inventory does not have: that it is db0 can only be told while db0 lives"],
    ),
    (
        checks.check_relay_logs,
        cluster(dead(), stopped(replica("db2", "0-1-7", waiting="0-1-9"))),
        ["the replication threads of db2 are stopped, and its relay logs hold 2 transactions not applied yet: 0-1-8..9"],
    ),
    (
        checks.check_relay_logs,
        cluster(dead(), stopped(replica("db2", "0-1-7"), "they break off")),
        ["the replication threads of db2 are stopped, and its relay logs cannot be applied: they break off"],
    ),
    (checks.check_relay_logs, cluster(dead(), stopped(replica("db2", "0-1-7", waiting="0-1-9"), "they are too large", is_complete=False)), []),
    (
        checks.check_relay_logs_are_known,
        cluster(dead(), stopped(replica("db2", "0-1-7"), "they are too large", is_complete=False)),
        ["the replication threads of db2 are stopped, and it cannot be told what its relay logs hold: they are too large"],
    ),
    (checks.check_relay_logs_are_known, cluster(dead(), stopped(replica("db2", "0-1-7"), "they break off")), []),
    (checks.check_writers, cluster(closed("db0"), *WELL), ["the primary db0 is read-only"]),
    (
        checks.check_writers,
        cluster(closed("db0"), *map(opened, WELL), primary="db0"),
        ["the primary db0 is read-only, and writes are taken by db1, db2"],
    ),
    (checks.check_writers, cluster(living(), opened(WELL[0])), ["db1 takes writes, although it is a replica of db0"]),
    (checks.check_writers, cluster(living(), *WELL, living("db3")), ["db3 takes writes, and so does the primary db0"]),
    (checks.check_writers, cluster(dead(), ONE, opened(TWO)), []),
    (checks.check_followers, cluster(living(), *WELL, closed("db3")), ["db3 replicates from nobody"]),
    (
        checks.check_followers,
        cluster(living(), WELL[0], closed("db3"), connected(from_("db3"))),
        ["db3 replicates from nobody", "db2 replicates from db3, and the primary is db0"],
    ),
    (checks.check_followers, cluster(living(), connected(replica("db1", "P:1-8", error="Duplicate"))), ["the applier of db1 failed: Duplicate"]),
    (checks.check_followers, cluster(living(), stopped(ONE)), ["db1 does not replicate: receiver stopped, applier stopped"]),
    (
        checks.check_followers,
        cluster(living(), stopped(replica("db1", "P:1-9", on_channel={"receiver_error": "purged"}))),
        ["db1 does not replicate: receiver stopped, applier stopped: purged"],
    ),
    (
        checks.check_followers,
        cluster(living(), opened(stopped(replica("db1", "P:1-9", error="Duplicate"))), primary="db0"),
        ["db1 does not replicate: receiver stopped, applier stopped: Duplicate"],
    ),
    (
        checks.check_followers,
        cluster(living(), replica("db1", "P:1-9", on_channel={"receiver_error": "refused"})),
        ["db1 cannot connect to db0: refused"],
    ),
    *(
        (
            checks.check_followers,
            cluster(living(), connected(replica("db1", "P:1-9", **changes)), connected(from_("db1"))),
            [f"db2 replicates from db1, which does not log all that it replicates ({why}): db2 never gets it"],
        )
        for changes, why in (
            ({"log_replica_updates": False}, "log_replica_updates is off"),
            ({"log_bin": False, "log_replica_updates": False}, "log_bin is off"),
            ({"log_bin": False}, "log_bin is off"),
            ({"binlog_filters": ("binlog_do_db=a", "binlog_ignore_db=b")}, "binlog_do_db=a, binlog_ignore_db=b"),
        )
    ),
    (
        checks.check_primary_is_dead,
        cluster(dead("db0"), dead("db3"), ONE, from_("db3")),
        ["it cannot be told which server is the primary: db1 follows db0, db2 follows db3"],
    ),
    (
        checks.check_primary_is_dead,
        cluster(living("db0", "P:1-10"), living("db1", "P:1-9,A:1")),
        [
            "it cannot be told whether db0 is the primary: it takes writes, nobody follows it, and it alone has 1 transaction: P:10",
            "it cannot be told whether db1 is the primary: it takes writes, nobody follows it, and it alone has 1 transaction: A:1",
        ],
    ),
    (checks.check_primary_is_dead, cluster(), ["it cannot be told which server is the primary: no server follows another"]),
    (checks.check_primary_is_dead, cluster(living(), *WELL), ["the primary db0 is alive"]),
    (
        checks.check_primary_is_dead,
        cluster(refusing(), ONE),
        ["the primary db0 is alive (it answered: db0 refused the login: Too many connections)"],
    ),
    (
        checks.check_primary_is_dead,
        cluster(dead(), WELL[0], TWO),
        ["the primary db0 does not answer here, but db1 still is connected to it"],
    ),
    (
        checks.check_primary_is_dead,
        cluster(dead(), *WELL),
        ["the primary db0 does not answer here, but db1, db2 still are connected to it"],
    ),
    (
        checks.check_primary_is_dead,
        cluster(hung(), ONE),
        ["the primary db0 may be alive: db0 accepts connections but did not finish the login"],
    ),
    (checks.check_primary_is_dead, cluster(ONE), ["the primary db0:3306 may be alive: it was not asked"]),
    (checks.check_primary_is_dead, cluster(dead(), ONE), []),
    (checks.check_primary_lives, cluster(dead(), ONE), ["the primary db0 is dead: nothing answers there and no replica receives from it"]),
    (checks.check_primary_lives, cluster(living(), WELL[0]), []),
    (
        checks.check_connected,
        cluster(dead(), *(replica(name, "P:1-9", on_channel={"source_id": 0}) for name in ("db1", "db2"))),
        [
            f"{name} has never been connected to db0 since it was started or pointed to it, nor has any other replica: it lacks what db0 wrote meanwhile"
            for name in ("db1", "db2")
        ],
    ),
    (checks.check_identities, cluster(dead()), []),
    (checks.check_connected, cluster(dead(), replica("db1", "P:1-9", on_channel={"source_id": 0}), TWO), []),
    (
        # Of a second channel, which is not its cluster's.
        checks.check_connected,
        cluster(dead(), server("db1", state("db1", "P:1-9", channels=[channel(), channel("elsewhere", name="east", source_id=9)]))),
        ["db1 has never been connected to db0 since it was started or pointed to it, nor has any other replica: it lacks what db0 wrote meanwhile"],
    ),
    (
        histories.check_histories,
        cluster(
            dead(),
            ONE,
            server("db2", state("db2", "P:1-9,X:1", channels=[channel(source_uuid=UUIDS["P"]), channel("elsewhere", name="east", source_uuid=UUIDS["X"])])),
        ),
        ["db2 holds transactions that no other server has and that its primary never had: X:1"],
    ),
    (checks.check_connected, cluster(dead(), replica("db1", "0-1-9", on_channel={"source_id": 0, "applies_relay_logs": True})), []),
    (checks.check_connected, cluster(dead(), replica("db1", "P:1-9", on_channel={"source_id": 0}), living("db3")), []),
    # Only those that are members tell what was received.
    (
        checks.check_connected,
        cluster(dead(), replica("db1", "P:1-9", on_channel={"source_id": 0}), unlisted(TWO)),
        ["db1 has never been connected to db0 since it was started or pointed to it, nor has any other replica: it lacks what db0 wrote meanwhile"],
    ),
    (
        histories.check_histories,
        cluster(dead(), ONE, replica("db2", "P:1-9,B:1-2")),
        ["db2 holds transactions that no other server has and that its primary never had: B:1-2"],
    ),
    (
        lambda topology: readiness.check_privileges(topology.members),
        cluster(replica("db1", "P:1-9", missing=("SUPER",)), replica("db2", "P:1-9", missing=("RELOAD", "PROCESS", "FILE"))),
        [
            "the account that Ansible logs in with lacks the privilege SUPER on db1",
            "the account that Ansible logs in with lacks the privileges RELOAD, PROCESS on db2",
        ],
    ),
    (
        lambda topology: readiness.check_serves_clients(topology["db0"]),
        cluster(living(variables={"offline_mode": "ON"}, unacknowledged=5, blocked=True)),
        [
            "db0 has offline_mode=ON: clients could not write to it",
            "a commit on db0 has waited for 5 s for an acknowledgement (semi-synchronous replication): nobody can commit",
            "every write on db0 waits for a lock that somebody holds",
        ],
    ),
    (
        primary.check_rivals,
        cluster(living("db0", "P:1-10"), living("db1", "P:1-9,A:1-5"), replica("db2", "P:1-9"), replica("db3", "P:1-9")),
        [
            "it cannot be told whether db0 is the primary: it takes writes, db2, db3 follow it, and it alone has 1 transaction: P:10",
            "it cannot be told whether db1 is the primary: it takes writes, nobody follows it, and it alone has 5 transactions: A:1-5",
        ],
    ),
    (
        primary.check_rivals,
        cluster(living("db0"), living("db1"), connected(from_("db0")), connected(from_("db1", "db3"))),
        [
            f"it cannot be told whether {name} is the primary: it takes writes, {follower} follows it, and it has nothing that the other lacks"
            for name, follower in (("db0", "db2"), ("db1", "db3"))
        ],
    ),
    (
        primary.check_rivals,
        cluster(closed("db0", "P:1-10"), living("db1", "P:1-9,A:1"), from_("db0")),
        [
            "it cannot be told whether db0 is the primary: it takes no writes, db2 follows it, and it alone has 1 transaction: P:10",
            "it cannot be told whether db1 is the primary: it takes writes, nobody follows it, and it alone has 1 transaction: A:1",
        ],
    ),
]


@pytest.mark.parametrize(("check", "topology", "sentences"), CHECKS)
def test_what_is_wrong_with_a_cluster_is_said(check: t.Callable[[Topology], t.Iterable[Problem]], topology: Topology, sentences: list[str]) -> None:
    assert said(check(topology)) == sentences


# --- What an election says


@pytest.mark.parametrize(
    ("topology", "options", "sentences"),
    [
        (cluster(dead()), {}, ["there is no replica whose state is known"]),
        (
            cluster(dead(), replica("db1", "P:1-9", log_bin=False, binlog_filters=("binlog_do_db=a",)), TWO),
            {"exclude": ["db2"]},
            [
                "no replica may be promoted: db1: its binary log is off, so no server could replicate from it, "
                "its binary log leaves databases out (binlog_do_db=a): no server gets their rows from it; db2: excluded by the user"
            ],
        ),
        (
            cluster(dead(), ONE, living("db3", "P:1-3")),
            {},
            ["db3 takes writes and follows nobody (promoted by an earlier run?): db1 would be the second"],
        ),
        (
            cluster(dead(), ONE, opened(replica("db2", "P:1-8,B:1")), from_("db2", "db3"), from_("db2", "db4")),
            {"candidates": ["db1"]},
            [
                "db2 takes writes and feeds db3, db4 (promoted by an earlier run?): db1 would be the second",
                "db2 has 1 transaction that db1 cannot get: B:1",
            ],
        ),
        (
            cluster(dead(), living("db3", "P:1-9", log_bin=False), primary="db0"),
            {},
            [
                "no replica may be promoted: db3: its binary log is off, so no server could replicate from it",
                "db3 takes writes and follows nobody (promoted by an earlier run?): another would be the second",
            ],
        ),
        (
            cluster(dead(), ONE, replica("db2", "P:1-7", waiting="P:8-11", error="Duplicate")),
            {},
            ["the applier of db2 failed (Duplicate), and it has received 2 transactions that db1 cannot get: P:10-11"],
        ),
        (
            cluster(dead(), replica("db1", "0-1-9"), stopped(replica("db2", "0-1-7", waiting="0-1-10"), "they break off")),
            {},
            ["the relay logs of db2 cannot be applied (they break off), and it has received 1 transaction that db1 cannot get: 0-1-10"],
        ),
        (
            cluster(dead(), replica("db1", "P:1-7", waiting="P:8", error="Duplicate")),
            {},
            [
                "no replica may be promoted: db1: its applier failed: Duplicate",
                "the applier of db1 failed (Duplicate), and it has received 1 transaction that no other replica can get: P:8",
            ],
        ),
        (
            cluster(
                dead(),
                replica("db1", "P:1-9", log_replica_updates=False),
                server("db2", state("db2", "P:1-9", channels=[channel(filters=("Replicate_Do_DB", "Replicate_Do_Table")), channel("other", name="east")])),
                replica("db3", "P:1-9", variables={"offline_mode": "ON"}),
            ),
            {},
            [
                "no replica may be promoted: "
                "db1: it does not log what it replicates (log_replica_updates is off), so no server could fetch that from it; "
                "db2: its replication is filtered (Replicate_Do_DB, Replicate_Do_Table): it does not hold all rows, it replicates over several channels; "
                "db3: it has offline_mode=ON, so clients could not write to it"
            ],
        ),
    ],
)
def test_what_speaks_against_an_election_is_said(topology: Topology, options: dict[str, t.Any], sentences: list[str]) -> None:
    assert sorted(said(checks.check_election(topology, elect(topology, **options)))) == sorted(sentences)


def test_that_everybody_leaves_rows_out_is_said_of_the_one_that_is_elected() -> None:
    filtered = replica("db1", "P:1-9", on_channel={"filters": ("Replicate_Do_DB",)}, binlog_filters=("binlog_do_db=a",))
    assert filters_of(cluster(dead(), ONE), ONE) == []
    election, problems = checks.elect_whole(cluster(dead(), filtered))
    assert election.best == "db1"
    assert [(problem.code, problem.server) for problem in problems] == [("filtered", "db1")]
    assert said(problems) == [
        "db1 leaves rows out, as does every replica that may be promoted otherwise: its replication is filtered (Replicate_Do_DB): it does not hold all rows; "
        "its binary log leaves databases out (binlog_do_db=a): no server gets their rows from it"
    ]
    assert checks.elect_whole(cluster(dead(), filtered), exclude=["db1"])[1] == []
    # Where one holds all rows, it is elected, whatever the wish.
    election, problems = checks.elect_whole(cluster(dead(), filtered, TWO), candidates=["db1"])
    assert (election.best, problems) == ("db2", [])


def test_one_that_was_opened_is_promoted_first() -> None:
    topology = cluster(dead(), ONE, opened(stopped(TWO)))
    assert said(checks.check_opened(topology, "db1")) == [
        "db2 takes writes (opened by an interrupted run?), and db1 would be the second. To finish that run, promote db2 (failover_candidates, switchover_to)"
    ]
    assert said(checks.check_opened(topology, "db2")) == []


# --- What speaks against a promotion


def _asked(answer: Failure | None) -> Topology:
    return replace(cluster(dead(), stopped(ONE), stopped(TWO)), asked_again={"db0": answer})


PLAIN, OF_DB0, ASKS = promotion.Terms("db1"), promotion.Terms("db1", demote="db0", max_lag=5), promotion.Terms("db1", dead="db0")


@pytest.mark.parametrize(
    ("topology", "terms", "sentences"),
    [
        (
            cluster(dead(), connected(from_("db0:3307", "db1"))),
            PLAIN,
            ["db1 still receives from its source db0:3307", "db0 cannot be reached: Connection refused; it may have been opened since db1 was chosen"],
        ),
        (
            cluster(dead(), stopped(replica("db1", "P:1-9", waiting="P:10-11"))),
            PLAIN,
            ["db1 has received 2 transactions that it has not applied: P:10-11"],
        ),
        (
            cluster(dead(), stopped(replica("db1", "P:1-9", log_bin=False, gtid_mode="OFF"))),
            PLAIN,
            ["db1 has no binary log: no server could replicate from it", "db1 has gtid_mode=OFF"],
        ),
        (
            cluster(dead(), stopped(replica("db1", "P:1-9", odd_log="b\\xff.000001"))),
            PLAIN,
            ["the name of the binary log of db1 is not UTF-8 (b\\xff.000001): no server could replicate from it"],
        ),
        (
            cluster(dead(), stopped(replica("db1", "P:1-10"))),
            replace(PLAIN, received=f"{UUIDS['P']}:1-9"),
            ["db1 had received P:1-9 when it was elected, and has now received P:1-10"],
        ),
        (
            cluster(dead(), stopped(ONE)),
            replace(PLAIN, received="1-2-3"),
            ["received: '1-2-3' is not a server UUID"],
        ),
        (cluster(dead(), stopped(ONE), opened(TWO)), replace(PLAIN, writable=()), ["db2 takes writes now: db1 would be the second"]),
        (cluster(dead(), stopped(ONE), living("db2")), PLAIN, ["db2 takes writes: db1 would be the second"]),
        (_asked(None), ASKS, ["the primary db0 answers again"]),
        (_asked(Failure("login_refused", "db0 refused the login", True)), ASKS, ["the primary db0 answers again: db0 refused the login"]),
        (_asked(Failure("not_responding", "db0 hangs", None)), ASKS, ["the primary db0 may be alive again: db0 hangs"]),
        (cluster(dead(), stopped(ONE)), ASKS, ["the primary db0 was not asked again whether it answers"]),
        (cluster(closed("db1"), from_("db1", "db2", "P:1-10"), primary="db1"), PLAIN, ["db2 has 1 transaction that db1 lacks: P:10"]),
        (cluster(living(), closed("db1"), primary="db0"), OF_DB0, ["db1 replicates from nobody"]),
        (cluster(living(), connected(replica("db1", "P:1-9", error="Duplicate"))), OF_DB0, ["the applier of db1 failed: Duplicate"]),
        (cluster(living(), stopped(ONE)), OF_DB0, ["db1 does not replicate from db0: receiver stopped, applier stopped"]),
        (
            cluster(living(), connected(replica("db1", "P:1-9", on_channel={"lag": 12, "delay": 4}))),
            OF_DB0,
            ["db1 is 12 s behind db0 (its delay: 4 s), more than 5 s"],
        ),
        *(
            (
                cluster(living(), connected(replica("db1", "P:1-9", on_channel={"lag": lag}))),
                promotion.Terms("db1", demote="db0"),
                [f"db1 is {lag} s behind db0 (its delay: 0 s), more than 10 s"] * (lag > 10),
            )
            for lag in (10, 11)
        ),
        (cluster(living(), connected(replica("db1", "P:1-9,A:1-2"))), OF_DB0, ["db1 holds 2 transactions of its own that db0 lacks: A:1-2"]),
        (
            cluster(connected(from_("db9:3307", "db0")), connected(ONE), primary="db0"),
            OF_DB0,
            ["db0, from which db1 was to take the role, replicates from db9:3307 now"],
        ),
        (cluster(living(), connected(ONE), opened(WELL[1])), OF_DB0, ["db2 takes writes, although it is to stay a replica"]),
        (cluster(closed("db0", "P:1-10"), living("db1"), primary="db0"), OF_DB0, ["db0 has 1 transaction that db1 lacks: P:10"]),
        (cluster(living("db0"), living("db1"), primary="db0"), OF_DB0, ["db0 and db1 both take writes"]),
    ],
)
def test_what_speaks_against_a_promotion_is_said(topology: Topology, terms: promotion.Terms, sentences: list[str]) -> None:
    assert said(promotion.check_promotion(topology, terms)) == sentences


def test_what_is_found_around_a_promotion_is_said() -> None:
    assert said(promotion.check_closed("db0", living().known)) == ["db0 takes writes again: something else has allowed them"]
    assert said(promotion.check_can_catch_up(ONE, "db2", gtids("P:1-10"))) == ["db1 lacks 1 transaction that db2 has purged: P:10"]
    assert said(promotion.check_promoted(ONE)) == [
        "db1 is read-only again: something else has set read_only",
        "db1 still has a replication configuration",
    ]
    assert said(readiness.check_eligible("db1", elect(cluster(dead(), ONE), exclude=["db1"]).ranking)) == ["db1 may not be promoted: excluded by the user"]


@pytest.mark.parametrize(
    ("wait_for", "count", "sentence"),
    [
        (1, 0, "db1 will not wait for acknowledgements (semi-synchronous replication): it needs 1, and 0 replicas can acknowledge"),
        (2, 1, "db1 will not wait for acknowledgements (semi-synchronous replication): it needs 2, and 1 replica can acknowledge"),
        (3, 2, "db1 will not wait for acknowledgements (semi-synchronous replication): it needs 3, and 2 replicas can acknowledge"),
        (2, 2, ""),
    ],
)
def test_how_many_acknowledge_is_said(wait_for: int, count: int, sentence: str) -> None:
    member = replica("db1", "P:1-9", semi_sync=SemiSync("rpl_semi_sync_source_enabled", True, "", False, wait_for))
    assert promotion.acknowledging(member, was=True, acknowledgers=count) == promotion.Acknowledging(not sentence, sentence)


# --- What speaks against a failover


def test_what_a_failover_finds_is_said() -> None:
    topology = cluster(dead(), connected(ONE), stopped(TWO), replica("db3", "0-1-9", error="Duplicate"))
    assert said(failover.check_frozen(topology, ["db0", "db1", "db2", "db3"])) == ["the receiver of db1 runs again: something else has started it"]
    ahead = cluster(living("db0", "P:1-11"), *WELL)
    terms = failover.Terms(force=True)
    verdict = failover.with_loss_of_primary(ahead, failover.judge(ahead, terms, fenced=True), terms)
    assert said(verdict.against) == ["db0 has 2 transactions that no replica received: P:10-11"]
    giving_up = replace(terms, allow_data_loss=True)
    accepted = failover.with_loss_of_primary(ahead, failover.judge(ahead, giving_up, fenced=True), giving_up)
    assert (accepted.against, said(accepted.allowed)) == ((), said(verdict.against))
    assert [(loss.server, short(loss.transactions)) for loss in accepted.election.lost] == [("db0", "P:10-11")]


# --- What speaks against repointing, or bringing back


def _compared(member: Member, source: Member) -> repointing.Comparison:
    return repointing.Comparison(member.name, member.known, source.name, source.known, follows=False)


def test_a_comparison_says_nothing_more_than_it_was_told() -> None:
    plain = _compared(TWO, living("db1"))
    assert (plain.give_up, plain.is_unfinished, plain.databases) == (False, False, ())


REPOINTING: list[tuple[t.Iterable[Problem], list[str]]] = [
    (repointing.check_source(cluster(living("db1", log_bin=False)), "db1"), ["db1 has no binary log: no server can replicate from it"]),
    (
        repointing.check_source(cluster(closed("db1"), TWO), "db1"),
        ["db1 is read-only: once all servers replicate from it, clients could not write to any of them"],
    ),
    (
        repointing.check_source(cluster(dead(), opened(ONE), TWO, primary="db1"), "db1"),
        ["db1 still follows db0: an earlier run was interrupted before it was the primary in every respect"],
    ),
    (repointing.check_source(cluster(dead(), opened(ONE), TWO, primary="db1"), "db1", is_opened=True), []),
    (repointing.check_histories_fit(_compared(replica("db2", "P:1-11"), living("db1"))), ["db2 has 2 transactions that db1 lacks: P:10-11"]),
    (
        repointing.check_may_follow(replace(_compared(closed("db0"), living("db1")), is_unfinished=True), is_plan=False),
        ["db0 holds only a part of a copy: an earlier rejoin was interrupted"],
    ),
    (
        repointing.check_may_follow(replace(_compared(closed("db0", ""), living("db1")), databases=("app", "b")), is_plan=False),
        ["it cannot be told whether db0 has transactions of its own: it has databases (app, b) and no GTID"],
    ),
    (repointing.check_purged(_compared(TWO, living("db1")), gtids("P:1-10")), ["db2 lacks 1 transaction that db1 has purged: P:10"]),
    (
        repointing.check_account("db0", closed("db0").known, repointing.Settings()),
        ["db0 has no replication configured, and replication_user and replication_password are not given"],
    ),
    (
        repointing.check_account_tried({}, "db1", "db0", "mysql", "x" * 33),
        ["the password of the replication account has 33 characters, and a replica of MySQL takes 32 at most"],
    ),
    (
        repointing.check_password("db0", "mariadb", "a\nb"),
        ["the password of the replication account holds the end of a line or a NUL, which replicas do not take, or do not keep"],
    ),
    (
        repointing.check_may_be_told("db0", "p", is_withheld=True),
        ["db0 would be sent the password of the replication account over a connection that is not verified"],
    ),
    (
        repointing.check_may_be_told("db2", "p", is_withheld=True, trouble="db2 does not replicate from db1: Access denied"),
        ["db2 does not replicate from db1: Access denied; db2 would be sent the password of the replication account over a connection that is not verified"],
    ),
    (
        repointing.check_account_tried({"db1": repointing.Tried(False, 1045, "Access denied")}, "db1", "db0", "mysql", "x"),
        ["db1 would not let db0 in as its replica: Access denied"],
    ),
    (
        repointing.check_account_tried({"db1": repointing.Tried(True, may_replicate=False)}, "db1", "db0", "mysql", "x"),
        ["the replication account lacks REPLICATION SLAVE on db1"],
    ),
    (
        repointing.check_account_tried({"db1": repointing.Tried(True, needs_tls=True)}, "db1", "db0", "mysql", "x", over_tls=False),
        ["db1 lets the replication account in over TLS only (REQUIRE), and the replicas log in without (mysql_source_ssl)"],
    ),
    (
        histories.check_own_history("db0", state("db0", "P:1-7"), "db1", state("db1", "P:1-9")),
        ["db0 lacks 2 transactions that it wrote itself and db1 has: P:8-9"],
    ),
    (
        histories.check_own_history("db0", state("db0", "0-1-9"), "db1", state("db1", "0-1-9,7-1-5")),
        [
            "db0 knows nothing of domain 7, in which it wrote 5 transactions that db1 has: 7-1-1..5. This statement tells it that it has them: "
            "SET GLOBAL gtid_slave_pos = CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_current_pos, ''), '7-1-5')"
        ],
    ),
    (
        histories.check_holes(
            cluster(living("db0", "X:1-20,P:1-9"), connected(replica("db1", "X:1-18,P:1-5"))),
            cluster(living("db0", "X:1-20,P:1-9"), connected(replica("db1", "X:1-18,P:1-9"))),
        ),
        [
            "db1 replicates, and lacks 2 transactions that db0 has from earlier primaries: X:19-20. It has skipped them, perhaps because they carry its own "
            "server_id"
        ],
    ),
    (
        rejoining.check_ends(cluster(closed("db0"), from_("db2", "db1")), "db0", "db1"),
        ["db1 is not a primary: it replicates from db2:3306"],
    ),
    (rejoining.check_ends(cluster(closed("db0"), closed("db1")), "db0", "db1"), ["the primary db1 is read-only"]),
    (rejoining.check_gtid_mode("db0", state("db0", "", gtid_mode="OFF")), ["db0 has gtid_mode=OFF"]),
    (
        rejoining.check_account("db0", "db1", known=False),
        ["db0 is not overwritten, because it would not be known afterwards which account it is to log in to db1 with"],
    ),
    (rejoining.check_account("db0", "db1", known=True), []),
    (
        rejoining.check_unchanged("db0", gtids("P:1-9"), state("db0", "P:1-10")),
        ["somebody has written to db0 since it was compared: P:10"],
    ),
    (rejoining.check_copy("db0", state("db0", "P:1-10"), "db1", state("db1", "P:1-9")), ["db0 has P:10, which db1 lacks, also after it was copied"]),
    (
        roles.check_finished_first(cluster(closed("db0"), living("db1", "P:1-9,A:1"), connected(from_("db0"))), "db0"),
        ["db0 is closed and replicates from nobody, because the role has moved to db1 in a run that was interrupted"],
    ),
    (
        roles.check_demotion(cluster(unlisted(living()), *WELL), knows_account=True),
        ["the primary db0 is not a member of this cluster, so it cannot be repointed"],
    ),
    (roles.check_demotion(cluster(living(), *WELL), knows_account=False), ["it is not known which account db0 is to log in with as a replica"]),
    (roles.check_demotion(cluster(), knows_account=False), []),
    (primary.check_stayed_dead("db0", living().known, "db1"), ["db0 was dead, is back, and takes writes, and so does the new primary db1"]),
    (primary.check_stayed_dead("db0", closed("db0").known, "db1"), []),
    (
        primary.check_stayed_dead("db0", Failure("login_refused", "it refused", True), "db1"),
        ["db0 was dead and answers again, so that it may take writes beside the new primary db1: it refused"],
    ),
    (primary.check_stayed_dead("db0", Failure("unreachable", "it is gone", False), "db1"), []),
    (primary.check_claim(cluster(living("db0"), closed("db1")), "db1"), ["db1 is not the primary: db0 takes writes and has all that db1 has"]),
    (primary.check_claim(cluster(dead("db0"), closed("db1"), from_("db1")), "db0"), ["db0 is not the primary: db1 is followed"]),
    (primary.check_claim(cluster(closed("db1"), from_("db1")), "db9"), ["db9 is not the primary: db1 is followed"]),
    (primary.check_claim(cluster(living("db0", "P:1-9"), closed("db1", "X:1")), "db1"), ["db1 is not the primary: db0 takes writes"]),
]


@pytest.mark.parametrize(("problems", "sentences"), [(list(problems), sentences) for problems, sentences in REPOINTING])
def test_what_speaks_against_repointing_or_bringing_back_is_said(problems: list[Problem], sentences: list[str]) -> None:
    assert said(problems) == sentences


@pytest.mark.parametrize(
    ("alone", "where", "sentences"),
    [
        (rejoining.Alone(gtids("X:1")), "", ["db0 has 1 transaction that db1 lacks: X:1"]),
        (rejoining.Alone(gtids(""), anonymous=1), "!", ["db0 has 1 transaction without a GTID, written after the last one that db1 has!"]),
        (rejoining.Alone(gtids(""), anonymous=2), "", ["db0 has 2 transactions without a GTID, written after the last one that db1 has"]),
        (rejoining.Alone(gtids(""), unknown="no log"), "", ["it cannot be told whether db0 has transactions of its own: no log"]),
        (
            rejoining.Alone(gtids(""), skipped=gtids("X:1-2")),
            "",
            ["db0 lacks 2 transactions that db1 has, and would skip them because they carry its own server_id 1: X:1-2"],
        ),
    ],
)
def test_what_forbids_that_it_becomes_a_replica_is_said(alone: rejoining.Alone, where: str, sentences: list[str]) -> None:
    assert said(rejoining.check_fit("db0", state("db0", "P:1-9"), "db1", state("db1", "P:1-9"), alone, where)) == sentences


@pytest.mark.parametrize(
    ("unfinished", "purged", "sentences"),
    [
        (True, "", ["db0 holds only a part of a copy: an earlier run was interrupted"]),
        (False, "A:1-2", ["db0 lacks 2 transactions that db1 has purged: A:1-2"]),
    ],
)
def test_what_it_cannot_get_is_said(unfinished: bool, purged: str, sentences: list[str]) -> None:
    source = state("db1", "P:1-9,A:1-2", purged=gtids(purged))
    assert said(rejoining.check_fit("db0", state("db0", "P:1-9"), "db1", source, rejoining.Alone(gtids("")), unfinished=unfinished)) == sentences


@pytest.mark.parametrize(
    ("alone", "options", "sentences"),
    [
        (rejoining.Alone(gtids("X:1")), {"kept": False}, ["db0 is not overwritten: what it alone has could not be saved"]),
        (
            rejoining.Alone(gtids("X:1")),
            {"kept": True, "gone_with": "its directory"},
            ["db0 is not overwritten: where what it alone has is saved will be gone with its directory"],
        ),
        (rejoining.Alone(gtids("")), {"kept": True, "gone_with": "its directory"}, []),
        (
            rejoining.Alone(gtids("X:1"), waiting=gtids("X:1")),
            {"kept": True},
            ["db0 is not overwritten: what it has received and not applied is in no binary log, and cannot be saved: X:1"],
        ),
        (
            rejoining.Alone(gtids(""), unknown="no log"),
            {"kept": True},
            ["db0 is not overwritten: what it may have of its own cannot be saved (no log)"],
        ),
    ],
)
def test_why_a_server_is_not_overwritten_is_said(alone: rejoining.Alone, options: dict[str, t.Any], sentences: list[str]) -> None:
    assert said(rejoining.check_may_be_overwritten("db0", alone, **options)) == sentences


def test_who_cannot_be_told_to_come_back_is_said() -> None:
    with pytest.raises(Refusal) as refusal:
        roles.to_rejoin(cluster(closed("db0"), living("db1", "P:1-9,A:1"), connected(from_("db1")), closed("db3")), None)
    assert said(refusal.value.problems) == ["db0 and db3 replicate from nobody, and it cannot be told which of them is to be brought back"]
