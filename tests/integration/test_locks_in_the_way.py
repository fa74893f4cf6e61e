# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks on a whole server, as backups hold them, on each server that a failover or a switchover works on: who is open takes writes, and all follow it.

The modules are called in this process, against real servers.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_ways import Way
from sandbox import PASSWORDS, Cluster, Server
from sandbox.runs.modules import Refused, change_master, find_best_replica, gtid_check, promote, switch_over
from sandbox.scenes.clusters import Clusters, assert_all_equal, candidate_of, primary_of
from sandbox.scenes.interruption import right_before
from sandbox.servers.pool import POOL
from sandbox.servers.waiting import HANGS, wait_until

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql"), pytest.mark.alike]

_BLOCK_DDL = ("BACKUP STAGE START", "BACKUP STAGE FLUSH", "BACKUP STAGE BLOCK_DDL")
LOCKS: dict[str, tuple[str, ...]] = {
    "FLUSH TABLES WITH READ LOCK": ("FLUSH TABLES WITH READ LOCK",),
    "BACKUP STAGE BLOCK_DDL": _BLOCK_DDL,
    "BACKUP STAGE BLOCK_COMMIT": (*_BLOCK_DDL, "BACKUP STAGE BLOCK_COMMIT"),
    "LOCK INSTANCE FOR BACKUP": ("LOCK INSTANCE FOR BACKUP",),
}


def cases(*locks: str) -> list[Any]:
    """Let each lock be held where it is known: BACKUP STAGE is MariaDB's alone, and LOCK INSTANCE that of MySQL 8.0 and later."""
    known = {"BACKUP": [pytest.mark.only("mariadb")], "LOCK": [pytest.mark.only("mysql-8", "mysql-9")]}
    return [pytest.param(lock, marks=known.get(lock.split()[0], ())) for lock in locks]


PLACES = ("the candidate", "the old primary", "a bystander")


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    """A primary and two replicas; which is which depends on the tests before."""
    return clusters.whole()


@contextlib.contextmanager
def held(lock: str, *servers: Server) -> Iterator[list[Any]]:
    """Hold a lock on servers, as a backup does that takes long."""
    with contextlib.ExitStack() as stack:
        holders = []
        for server in servers:
            holder: Any = server.connect()
            stack.callback(_close, holder)
            holders.append(holder)
            for statement in LOCKS[lock]:
                holder.query(statement)
        yield holders


def _close(connection: Any) -> None:
    with contextlib.suppress(pymysql.Error):
        connection.close()


def lives(connection: Any) -> bool:
    try:
        connection.query("DO 1")
    except pymysql.Error:
        return False
    return True


_numbers = iter(range(10**12, 10**13))


def assert_takes_writes(server: Server) -> None:
    """See that a client can change rows and tables, at once."""
    client: Any = pymysql.connect(host=server.host, port=server.port, user="app", password=PASSWORDS["app"], autocommit=True, read_timeout=10)
    with contextlib.closing(client):
        client.query(f"INSERT INTO dbha_demo.rows (id, client) VALUES ({next(_numbers)}, 0)")
        client.query("CREATE TABLE IF NOT EXISTS dbha_demo.after (id INT NOT NULL PRIMARY KEY) ENGINE = InnoDB")
        client.query("DROP TABLE dbha_demo.after")


@pytest.mark.parametrize("lock", cases(*LOCKS))
def test_a_switchover_gets_past_a_lock_wherever_it_is_held(lock: str, cluster: Cluster) -> None:
    for place in PLACES:
        old, new = primary_of(cluster), candidate_of(cluster)
        (third,) = [server for server in cluster.servers.values() if server not in (old, new)]
        server = dict(zip(PLACES, (new, old, third), strict=True))[place]
        begun = time.monotonic()
        with held(lock, server):
            switch_over(cluster, new)
            assert_takes_writes(new)
            assert time.monotonic() - begun < HANGS, place
        assert primary_of(cluster) is new
        assert_all_equal(cluster, set())


@pytest.mark.parametrize("lock", cases(*LOCKS))
def test_where_nobody_may_be_killed_who_may_hold_it_is_named_before_anything_is_opened(lock: str, cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with held(lock, new) as (holder,):
        with pytest.raises(Refused) as refusal:
            promote(new, demote=old, kill=False)
        assert lives(holder)
        assert f"connection {holder.thread_id()} of root from localhost" in str(refusal.value)
    assert refusal.value.codes == {"writes_blocked"}
    assert refusal.value.result["statements"] == []
    assert_takes_writes(old)
    assert_all_equal(cluster, set())


@pytest.mark.parametrize("kill", [True, False], ids=["", "nobody may be killed"])
@pytest.mark.parametrize("lock", cases("FLUSH TABLES WITH READ LOCK", "LOCK INSTANCE FOR BACKUP"))
def test_a_lock_that_is_taken_once_the_server_is_open_is_ended_or_told(lock: str, kill: bool, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with contextlib.ExitStack() as stack, monkeypatch.context() as patch:
        right_before(Way, "prove", lambda: stack.enter_context(held(lock, new)), patch)
        if kill:
            switch_over(cluster, new)
            assert_takes_writes(new)
        else:
            with pytest.raises(Refused) as refusal:
                promote(new, demote=old, kill=False)
            # The one of MySQL also keeps the server from forgetting its source.
            assert {"writes_blocked"} <= refusal.value.codes <= {"writes_blocked", "statement_failed"}
            assert "of root from localhost" in str(refusal.value)
            assert (old.is_writable, new.is_writable) == (False, True)
    # What holds it has ended, and the same again finishes what was begun.
    switch_over(cluster, new)
    assert_takes_writes(new)
    assert primary_of(cluster) is new
    assert_all_equal(cluster, set())


@pytest.mark.parametrize("lock", cases("FLUSH TABLES WITH READ LOCK", "LOCK INSTANCE FOR BACKUP"))
def test_of_equals_one_is_elected_that_nobody_holds_a_lock_on(lock: str, kind: str) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        cluster.primary.kill()
        with held(lock, cluster["db1"]) as (holder,):
            elected = find_best_replica(cluster)
            assert elected["best"]["name"] == "db2"
            promote(cluster["db2"], primary=cluster["db0"], received=elected["received"], writable=[], replicas=elected["answering"])
            assert lives(holder)
            assert_takes_writes(cluster["db2"])
            change_master(cluster["db2"], [cluster["db1"]])
        assert_takes_writes(cluster["db2"])
        cluster.wait_in_sync(source=cluster["db2"], replicas=[cluster["db1"]])


def test_where_all_are_locked_the_winner_is_freed_before_it_is_opened(kind: str) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        cluster.primary.execute("INSERT INTO dbha_demo.rows (id, client) VALUES (7, 0)")
        cluster.wait_in_sync()
        with held("FLUSH TABLES WITH READ LOCK", *cluster.replicas) as (holder, other):
            # What it has received waits for the lock, too.
            received = [replica.replica_status()["received"] for replica in cluster.replicas]
            cluster.primary.execute("INSERT INTO dbha_demo.rows (id, client) VALUES (8, 0)")
            wait_until(lambda: all(replica.replica_status()["received"] != before for replica, before in zip(cluster.replicas, received, strict=True)))
            cluster.primary.kill()
            elected = find_best_replica(cluster, candidates=["db1"])
            assert elected["best"]["name"] == "db1"
            assert not lives(holder)
            with held("FLUSH TABLES WITH READ LOCK", cluster["db1"]):
                promote(cluster["db1"], primary=cluster["db0"], received=elected["received"], writable=[])
                assert_takes_writes(cluster["db1"])
            change_master(cluster["db1"], [cluster["db2"]])
            assert not lives(other)
        cluster.wait_in_sync(source=cluster["db1"], replicas=[cluster["db2"]])


def test_a_primary_that_somebody_keeps_from_being_written_to_is_not_in_order(cluster: Cluster) -> None:
    primary = primary_of(cluster)
    with held("FLUSH TABLES WITH READ LOCK", primary):
        with pytest.raises(Refused) as refusal:
            gtid_check(cluster, expect_primary="alive")
        assert refusal.value.codes == {"writes_blocked"}
        with pytest.raises(Refused) as refusal:
            find_best_replica(cluster, if_alive="unchanged")
        assert refusal.value.codes == {"writes_blocked"}
    # What the remedy says: whoever holds the lock has ended.
    gtid_check(cluster, expect_primary="alive")
    assert_takes_writes(primary)


# --- What keeps clients out, or from writing


def test_a_candidate_that_is_closed_to_clients_is_not_promoted(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    (third,) = [server for server in cluster.servers.values() if server not in (old, new)]
    is_new = not old.installation.is_mariadb and old.installation.version >= (8, 0)
    variable = "offline_mode" if is_new else "tx_read_only"
    read_only = "transaction_read_only" if is_new else "tx_read_only"
    new.execute(f"SET GLOBAL {variable} = 1")
    try:
        for work in (
            lambda: find_best_replica(cluster, purpose="switchover", to=new.name, replication_user="repl", replication_password="x"),
            lambda: promote(new, demote=old),
        ):
            with pytest.raises(Refused) as refusal:
                work()
            assert refusal.value.codes <= {"no_candidate", "closed_to_clients"}
            assert f"{variable}=ON" in str(refusal.value)
        elected = find_best_replica(cluster, expect_primary="alive", drain=False)
        assert elected["best"]["name"] == third.name
        gtid_check(cluster, expect_primary="alive")
        old.execute(f"SET GLOBAL {read_only} = 1")
        with pytest.raises(Refused) as refusal:
            gtid_check(cluster, expect_primary="alive")
        assert refusal.value.codes == {"closed_to_clients"}
    finally:
        new.execute(f"SET GLOBAL {variable} = 0")
        old.execute(f"SET GLOBAL {read_only} = 0")
    # What the remedy of closed_to_clients says: both variables are set so that clients can write.
    gtid_check(cluster, expect_primary="alive")
    switch_over(cluster, new)
    assert_takes_writes(new)
    assert_all_equal(cluster, set())
