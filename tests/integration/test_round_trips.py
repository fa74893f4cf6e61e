# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often a failover asks each server before anybody can write again: each time is downtime, and so is each server's own time for its answer.

Servers are asked at once, so that what counts is how often one of them is asked. The servers say so themselves, in their general query logs.
"""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster import held
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server as Connection
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from sandbox import PASSWORDS
from sandbox.runs.modules import call, find_best_replica, promotion
from sandbox.servers.pool import POOL
from sandbox.servers.snapshot import listening
from sandbox.servers.waiting import wait_until

STATEMENTS = {
    "mariadb-10.11": {"election": 20, "promotion, the winner": 12, "promotion, the others": 9},
    "mariadb-11.8": {"election": 20, "promotion, the winner": 12, "promotion, the others": 9},
    "mysql-9.7": {"election": 19, "promotion, the winner": 15, "promotion, the others": 10},
    "mysql-5.6": {"election": 19, "promotion, the winner": 15, "promotion, the others": 10},
}
"""How many statements each server gets until the new primary is open, those at the beginning of a session included.

What is asked in addition makes every failover slower. Ask it in a statement that is there already, or of the winner alone, or after the opening.
"""


@pytest.mark.server(*STATEMENTS)
def test_no_server_is_asked_more_often_than_needed_before_it_takes_writes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine what was read may be too old for a promotion, which then reads it again.
    monkeypatch.setattr(held, "YOUNG", 60.0)
    with POOL.cluster(kind, replicas=3) as cluster:
        cluster.wait_in_sync()
        cluster.primary.kill()
        wait_until(lambda: all(replica.replica_status()["receiver"] != "Yes" for replica in cluster.replicas))
        with listening(cluster.replicas) as in_election:
            elected = find_best_replica(cluster)
        winner = elected["best"]["name"]
        with listening(cluster.replicas) as in_promotion:
            call(
                promotion.VERB,
                replica=elected["best"],
                catch_up_from=elected["most_advanced"],
                replicas=elected["answering"],
                received=elected["received"],
                writable=elected["writable"],
                primary=elected["found_dead"],
            )
    before = {name: until_opened(statements) for name, statements in in_promotion.items()}
    counted: dict[str, set[int]] = {
        "election": {len(statements) for statements in in_election.values()},
        "promotion, the winner": {len(before[winner])},
        "promotion, the others": {len(statements) for name, statements in before.items() if name != winner},
    }
    told = "\n".join(f"{name}: {statement[:200]}" for heard in (in_election, before) for name, statements in heard.items() for statement in statements)
    assert counted == {what: {number} for what, number in STATEMENTS[kind].items()}, told


def until_opened(statements: list[str]) -> list[str]:
    """Leave out what comes after the opening; right before it, it is asked everywhere whether the lock is still held."""
    last = max(place for place, statement in enumerate(statements) if "IS_USED_LOCK('dbha.mysql')" in statement or statement == "SET GLOBAL read_only = 0")
    return statements[: last + 1]


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_who_is_read_again_says_the_same(kind: str) -> None:
    with POOL.cluster(kind, replicas=1) as cluster:
        cluster.wait_in_sync()
        for server in cluster.servers.values():
            connection = Connection(server.name, Address(server.host, server.port), Login("failover", PASSWORDS["failover"], allow_unverified=True))
            connection.connect()
            node = Node(connection)
            first = node.state
            with listening([server]) as heard:
                again = node.read()
            assert [statement for statement in heard[server.name] if "VARIABLES" in statement] == []
            assert (again, dict(again.variables)) == (first, dict(first.variables))
            server.set_read_only(not first.read_only)
            assert node.read().read_only is not first.read_only
            server.set_read_only(first.read_only)
            connection.close()
