# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account of the replicas: tried before a switchover, kept where it works, and sent where it does not. The modules are called in this process."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import pytest

from sandbox import PASSWORDS, Cluster, Server
from sandbox.runs.modules import Refused, Some, change_master, entry, find_best_replica, gtid_check, promote, rejoin
from sandbox.scenes.clusters import Clusters, assert_all_equal, candidate_of, primary_of
from sandbox.servers.pool import POOL
from sandbox.servers.replication import change_statement, start_statement, stop_statement

ONE_OF_EACH_FAMILY = pytest.mark.server("mariadb-10.11", "mysql-9.7")

RIGHT = {"replication_user": "repl", "replication_password": PASSWORDS["repl"]}
WRONG = {**RIGHT, "replication_password": "wrong"}


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    """A primary and two replicas; which is which depends on the tests before."""
    return clusters.whole()


def apart(server: Server, *statements: str) -> None:
    """Change the accounts of one server alone."""
    closed = server.has_super_read_only and bool(server.value("SELECT @@GLOBAL.super_read_only"))
    if closed:
        server.execute("SET GLOBAL super_read_only = 0")
    try:
        server.execute_all("SET SESSION sql_log_bin = 0", *statements)
    finally:
        if closed:
            server.execute("SET GLOBAL super_read_only = 1")


def with_fault(fault: str, back: str) -> Callable[[Server], contextlib.AbstractContextManager[None]]:
    @contextlib.contextmanager
    def faulty(server: Server) -> Iterator[None]:
        apart(server, fault)
        try:
            yield
        finally:
            apart(server, back)

    return faulty


@contextlib.contextmanager
def over_tls_only(server: Server) -> Iterator[None]:
    """Let it be let in over TLS only, and a replica connect without."""
    mariadb, installation = server.installation.is_mariadb, server.installation
    require = "ALTER USER repl REQUIRE" if mariadb or installation.version >= (5, 7) else "GRANT USAGE ON *.* TO repl REQUIRE"
    change = "CHANGE MASTER TO MASTER_SSL =" if mariadb else "CHANGE REPLICATION SOURCE TO GET_SOURCE_PUBLIC_KEY = 1, SOURCE_SSL ="
    used = server.replica_status()["raw"].get("Master_SSL_Allowed" if mariadb else "Source_SSL_Allowed") == "Yes"
    if used:
        server.execute_all(stop_statement(installation), f"{change} 0", start_statement(installation))
    try:
        with with_fault(f"{require} SSL", f"{require} NONE")(server):
            yield
    finally:
        if used:
            server.execute_all(stop_statement(installation), f"{change} 1", start_statement(installation))


FAULTS: dict[str, Callable[[Server], contextlib.AbstractContextManager[None]]] = {
    "another password": with_fault("ALTER USER repl IDENTIFIED BY 'another'", "ALTER USER repl IDENTIFIED BY " + repr(PASSWORDS["repl"])),
    "locked": with_fault("ALTER USER repl ACCOUNT LOCK", "ALTER USER repl ACCOUNT UNLOCK"),
    "expired": with_fault("ALTER USER repl PASSWORD EXPIRE", "ALTER USER repl IDENTIFIED BY " + repr(PASSWORDS["repl"])),
    "missing": with_fault("RENAME USER repl TO gone", "RENAME USER gone TO repl"),
    "from another host": with_fault("RENAME USER repl@'%' TO repl@'192.0.2.1'", "RENAME USER repl@'192.0.2.1' TO repl@'%'"),
    "over TLS only": over_tls_only,
    "without the privilege": with_fault("REVOKE REPLICATION SLAVE ON *.* FROM repl", "GRANT REPLICATION SLAVE ON *.* TO repl"),
}


def change_master_of(primary: Server, replicas: list[Server]) -> Callable[..., object]:
    return functools.partial(change_master, primary, replicas)


def rejoin_of(server: Server, primary: Server) -> Callable[..., object]:
    return functools.partial(rejoin, server, primary, [])


@ONE_OF_EACH_FAMILY
def test_what_the_new_primary_refuses_is_known_before_the_old_one_is_closed(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    for fault, made in FAULTS.items():
        with made(new):
            for check_mode in (True, False):
                with pytest.raises(Refused) as refusal:
                    promote(new, demote=old, check_mode=check_mode, **RIGHT)
                assert refusal.value.codes == {"replication_login_refused"}, fault
                assert refusal.value.result["statements"] == []
                assert PASSWORDS["repl"] not in str(refusal.value.result)
    with pytest.raises(Refused) as refusal:
        promote(new, demote=old, **WRONG)
    assert refusal.value.codes == {"replication_login_refused"}
    if not old.installation.is_mariadb:
        with pytest.raises(Refused, match="40 characters, and a replica of MySQL takes 32"):
            promote(new, demote=old, **{**RIGHT, "replication_password": "x" * 40})
    for password in ("two\nlines", "with a \0"):
        with pytest.raises(Refused, match="holds the end of a line or a NUL") as refusal:
            promote(new, demote=old, try_account=False, **{**RIGHT, "replication_password": password})
        assert refusal.value.result["statements"] == []
    # Whoever is at the other end of an unverified connection does not learn the password, not even after the role was moved.
    for check_mode in (True, False):
        for try_account in (True, False):
            with pytest.raises(Refused) as refusal:
                promote(new, demote=old, allow_unverified=False, check_mode=check_mode, try_account=try_account, **RIGHT)
            assert refusal.value.codes == {"password_withheld"}
            assert refusal.value.result["statements"] == []
    assert_all_equal(cluster, set())
    # What the remedy says: from their own hosts the servers may be let in all the same, and nothing is tried.
    with FAULTS["from another host"](new):
        promote(new, demote=old, try_account=False, **RIGHT)
    assert old.value("SELECT @@GLOBAL.read_only")
    for password, allowed, code in ((PASSWORDS["repl"], False, "password_withheld"), ("two\nlines", True, "replication_login_refused")):
        for call in (change_master_of(new, [old]), rejoin_of(old, new)):
            with pytest.raises(Refused) as refusal:
                call(allow_unverified=allowed, **{**RIGHT, "replication_password": password})
            assert refusal.value.codes == {code}
            assert refusal.value.result["statements"] == []
    change_master(new, [server for server in cluster.servers.values() if server is not new])
    assert_all_equal(cluster, set())


@ONE_OF_EACH_FAMILY
def test_replicas_keep_the_account_that_works_and_are_told_another_one_that_does(kind: str) -> None:
    with POOL.cluster(kind, replicas=3) as cluster:
        keeps, other, stale = cluster["db1"], cluster["db2"], cluster["db3"]
        cluster.primary.execute_all("CREATE USER other IDENTIFIED BY 'other'", "GRANT REPLICATION SLAVE ON *.* TO other")
        cluster.wait_in_sync()
        installation = other.installation
        change, _values = change_statement(installation, host=cluster.primary.host, port=cluster.primary.port)
        prefix = "SOURCE" if "SOURCE" in change else "MASTER"
        words = "REPLICATION SOURCE" if prefix == "SOURCE" else "MASTER"
        keys = f", GET_{prefix}_PUBLIC_KEY = 1" if prefix == "SOURCE" else ""
        other.execute_all(
            stop_statement(installation), f"CHANGE {words} TO {prefix}_USER = 'other', {prefix}_PASSWORD = 'other'{keys}", start_statement(installation)
        )
        cluster.wait_in_sync()
        cluster.primary.kill()
        new = keeps
        elected = find_best_replica(cluster, candidates=["db1"])
        promote(new, primary=cluster["db0"], received=elected["received"], writable=[])
        # A wrong password in the inventory cuts nobody off: neither who has this account, nor who has another one.
        result = change_master(new, [other, stale], **WRONG)
        assert not [sent for sent in result["statements"] if "PASSWORD" in sent["statement"]]
        assert "replicas keep the account that they log in with" in str(result["warnings"]) or result["warnings"] == []
        cluster.wait_in_sync(source=new, replicas=[other, stale])
        assert {server.replica_status()["receiver"] for server in (other, stale)} == {"Yes"}

        # The right one for another account is not sent to whoever answers, and keeps nobody from following.
        result = change_master(new, [other, stale], allow_unverified=False, **RIGHT)
        assert not [sent for sent in result["statements"] if "PASSWORD" in sent["statement"]]
        assert f"the account that replicas log in with stays as it is on {other.name}: the password of repl is not sent" in str(result["warnings"])
        assert other.replica_status()["receiver"] == "Yes"

        # Where it no longer works, a failover says so, and with the right password it is repaired.
        new.execute("ALTER USER repl IDENTIFIED BY 'fresh'")
        cluster.wait_in_sync(source=new, replicas=[other, stale])
        stale.execute_all(stop_statement(stale.installation), start_statement(stale.installation))
        living = [new, other, stale]
        _wait_until_refused(stale)
        look = find_best_replica(Some(*living), if_alive="unchanged")
        assert look["todo"]["repoint"] == ["db3"]
        look = find_best_replica(Some(*living), purpose="switchover", **RIGHT)
        assert (look["todo"]["promote"], look["todo"]["repoint"]) == (False, ["db3"])
        with pytest.raises(Refused) as refusal:
            change_master(new, [other, stale], wait_timeout=20, **RIGHT)
        assert refusal.value.codes == {"not_replicating"}
        with pytest.raises(Refused, match="would be sent the password of the replication account over a connection that is not verified") as refusal:
            change_master(new, [stale], wait_timeout=20, allow_unverified=False, replication_user="repl", replication_password="fresh")
        assert refusal.value.codes == {"password_withheld"}
        # What the remedy says: it is allowed.
        result = change_master(new, [stale], allow_unverified=True, replication_user="repl", replication_password="fresh")
        assert any("PASSWORD" in sent["statement"] for sent in result["statements"])
        assert not gtid_check(Some(*living))["warnings"]


def without_key(server: Server) -> None:
    """Let a replica log in to its source without TLS and without its public key: it is let in because that remembers the password."""
    server.execute_all("STOP REPLICA IO_THREAD", "CHANGE REPLICATION SOURCE TO SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 0", "START REPLICA IO_THREAD")


@pytest.mark.server("mysql-9.7")
def test_a_new_source_that_would_have_to_be_sent_the_password_is_found_before_anything_is_opened_or_closed(kind: str) -> None:
    """It remembers none that it was not sent since it was started (caching_sha2_password; error 2061)."""
    with POOL.cluster(kind, replicas=2) as cluster:
        old, new, other = cluster["db0"], cluster["db1"], cluster["db2"]

        def forget(server: Server) -> None:
            """Let a server forget all passwords, as it does when it is restarted, and remember that of our own account."""
            server.execute("FLUSH LOCAL PRIVILEGES")
            gtid_check(cluster)

        def refused(attempt: Callable[[], object], code: str) -> str:
            with pytest.raises(Refused) as refusal:
                attempt()
            assert refusal.value.codes == {code}, refusal.value
            assert refusal.value.result["statements"] == []
            assert PASSWORDS["repl"] not in str(refusal.value.result)
            return str(refusal.value)

        for server in (new, other):
            without_key(server)
        forget(new)
        cluster.wait_in_sync()
        # Switchover: the account is tried, so that the new primary remembers its password when the others come.
        promote(new, demote=old, **RIGHT)
        change_master(new, [old, other])
        assert old.replica_status()["raw"]["Source_SSL_Allowed"] == "No"
        cluster.wait_in_sync(source=new, replicas=[old, other])

        # Failover: as it may not be sent the password, db2 would not be let in.
        forget(old)
        cluster.wait_in_sync(source=new, replicas=[old, other])
        new.kill()
        elected = find_best_replica(Some(old, new, other), candidates=["db0"], primary=entry(new))
        known = {"primary": new, "replicas": elected["answering"], "received": elected["received"], "writable": []}
        for check_mode in (True, False):
            told = refused(functools.partial(promote, old, allow_unverified=False, check_mode=check_mode, **known, **RIGHT), "public_key_missing")
            assert "db0 would not let db2 in as its replica" in told
        assert old.value("SELECT @@GLOBAL.read_only")
        # What the remedy says, first of the public key, and then where the password may be sent.
        promote(old, allow_unverified=False, check_mode=True, source_public_key=True, **known, **RIGHT)
        promote(old, **known, **RIGHT)
        change_master(old, [other])
        cluster.wait_in_sync(source=old, replicas=[other])

        # Rejoin: the former primary is closed only when it will be let in. It would have to be told the password, too.
        new.start()
        forget(old)
        cluster.wait_in_sync(source=old, replicas=[other])
        refused(functools.partial(rejoin, new, old, [other], allow_unverified=False, **RIGHT), "password_withheld")
        assert not new.value("SELECT @@GLOBAL.read_only")
        rejoin(new, old, [other], **RIGHT)
        change_master(old, [new])
        cluster.wait_in_sync(source=old, replicas=[new, other])


def _wait_until_refused(server: Server) -> None:
    from sandbox.servers.waiting import wait_until

    wait_until(lambda: "repl" in str(server.replica_status()["raw"].get("Last_IO_Error")))
