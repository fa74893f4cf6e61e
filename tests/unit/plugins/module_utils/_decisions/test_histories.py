# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas of a living primary -> what they have skipped, told from what is still on its way."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_holes, check_was_ahead, was_ahead, without_holes
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, connected, dead, living, replica, short, stopped, was_refused

PRIMARY = living("db0", "X:1-20,P:1-9")


def feeding(executed: str) -> Member:
    return connected(replica("db1", executed))


@pytest.mark.parametrize(
    ("before", "now", "problems"),
    [
        pytest.param(feeding("X:1-20,P:1-9"), feeding("X:1-20,P:1-9"), [], id="it_has_everything"),
        pytest.param(feeding("X:1-20,P:1-5"), feeding("X:1-20,P:1-7"), [], id="it_lags"),
        pytest.param(feeding("X:1-10,P:1-5"), feeding("X:1-10,P:1-9"), ["history_lost db1 X:11-20"], id="it_has_come_past_what_it_lacks"),
        pytest.param(feeding("X:1-10,P:1-5"), feeding("X:1-20,P:1-9"), [], id="it_was_on_its_way"),
        pytest.param(feeding("X:1-10,P:1-5"), feeding("X:1-10,P:1-8"), [], id="it_may_be_on_its_way"),
        pytest.param(feeding("X:1-10,P:1-9"), stopped(replica("db1", "X:1-10,P:1-9")), [], id="it_has_been_stopped_meanwhile"),
        pytest.param(stopped(replica("db1", "X:1-10,P:1-9")), feeding("X:1-10,P:1-12"), ["history_lost db1 X:11-20"], id="it_was_started_meanwhile"),
    ],
)
def test_a_hole_is_what_a_replica_has_come_past_and_does_not_have(before: Member, now: Member, problems: list[str]) -> None:
    found = list(check_holes(cluster(PRIMARY, before), cluster(PRIMARY, now)))
    assert [f"{problem.code} {problem.server} {short(problem.gtids)}" for problem in found] == problems
    if problems and before.known.channels[0].is_running:
        assert not without_holes(cluster(PRIMARY, before))


@pytest.mark.parametrize(
    ("executed", "changes", "hole"),
    [
        ("0-2-5,0-1-20", {}, "0-2-6..10"),
        ("0-2-10,0-1-20", {}, ""),
        # Made from a copy: it knows nobody but the last.
        ("0-1-20", {}, ""),
        # What it has not logged is in no state.
        ("0-2-5,0-1-20", {"log_replica_updates": False}, ""),
        ("0-3-5,0-2-10,0-1-20", {"server_id": 7}, ""),
    ],
)
def test_in_mariadb_it_is_what_a_replica_wrote_itself_and_has_lost(executed: str, changes: dict[str, bool], hole: str) -> None:
    topology = cluster(living("db0", "0-3-8,0-2-10,0-1-20"), connected(replica("db1", executed, **changes)))
    assert [problem.gtids for problem in check_holes(topology, topology)] == ([hole] if hole else [])
    assert without_holes(topology) == (not hole)


def test_nobody_has_a_hole_whose_primary_is_not_read() -> None:
    member = feeding("X:1-10,P:1-5")
    for topology in (cluster(dead(), member), cluster(member), cluster(PRIMARY, stopped(member)), cluster(PRIMARY, living("db1", "X:1"), primary="db0")):
        assert without_holes(topology)
        assert list(check_holes(topology, topology)) == []
    # Nor is one told of that was not there, or not read, before.
    for before in (cluster(PRIMARY), cluster(PRIMARY, dead("db1"))):
        assert list(check_holes(before, cluster(PRIMARY, feeding("X:1-10,P:1-9")))) == []


# As they are said (seen: 10.11; 5.6).
BY_MARIADB = "Got fatal error 1236 from master when reading data from binary log: 'Error: connecting slave requested to start from GTID 0-1-11, which is "
BY_MARIADB += "not in the master's binlog' (error 1236)"
BY_OLD_MYSQL = "Got fatal error 1236 from master when reading data from binary log: 'Slave has more GTIDs than the master has, using the master's "
BY_OLD_MYSQL += "SERVER_UUID. This may indicate that the end of the binary log was truncated' (error 1236)"


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        pytest.param(was_refused("db1", "P:1-9"), True, id="mysql"),
        pytest.param(was_refused("db1", "P:1-9", BY_OLD_MYSQL), True, id="mysql_5_6"),
        pytest.param(was_refused("db1", "0-1-9", BY_MARIADB), True, id="mariadb"),
        pytest.param(was_refused("db1", "P:1-9", "error 1236: the source purged required binary logs"), False, id="its_source_has_purged_something"),
        pytest.param(was_refused("db1", "P:1-9", ""), False, id="somebody_has_stopped_it"),
        pytest.param(was_refused("db1", "P:1-9", source_id=0), False, id="it_shows_the_error_of_its_last_source"),
        pytest.param(was_refused("db1", "P:1-9", receiver=RUNNING), False, id="it_receives"),
        pytest.param(living("db1"), False, id="it_follows_nobody"),
    ],
)
def test_a_replica_that_had_more_than_its_source_shows_it_until_it_is_started(member: Member, expected: bool) -> None:
    assert was_ahead(member.known.channel) is expected
    assert [(problem.code, problem.server) for problem in check_was_ahead("db1", member.known.channel, "db0")] == [("diverged", "db1")] * expected
