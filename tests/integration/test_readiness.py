# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a check finds months before it matters, on servers that are set up so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server
from sandbox.runs.modules import Refused, Some, gtid_check
from sandbox.runs.playbook import Playbooks
from sandbox.servers.accounts import PASSWORDS
from sandbox.servers.pool import POOL
from sandbox.servers.waiting import wait_until

ACCOUNT = {"replication_user": "repl", "replication_password": PASSWORDS["repl"]}


def look(cluster: Cluster | Some, **options: Any) -> list[tuple[str, str, str]]:
    """Return code, grade and server of each finding."""
    found = gtid_check(cluster, **{"purpose": "readiness", "fail_on": "never", **ACCOUNT, **options})["findings"]
    return [(each["code"], each["grade"], each["server"]) for each in found]


def drawn(cluster: Cluster) -> dict[str, str]:
    """Return the line of each server in the drawing."""
    lines = gtid_check(cluster, purpose="readiness", fail_on="never", **ACCOUNT)["drawing"].replace("\n    ", " ").splitlines()
    return {line.lstrip("+- ").partition("  ")[0]: line for line in lines}


@contextmanager
def with_setting(server: Server, name: str, value: str) -> Iterator[None]:
    """Let a server have another setting, and then again the one that it had."""
    before = server.query_one(f"SELECT @@GLOBAL.{name} AS value")["value"]
    server.execute(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL {name} = {before!r}" if isinstance(before, str) else f"SET GLOBAL {name} = {before}")


def make_ready(cluster: Cluster) -> None:
    """Set all servers up as the check advises, as far as that can be done while they run."""
    for server in cluster.servers.values():
        settings = ["sync_binlog = 1", "innodb_flush_log_at_trx_commit = 1"]
        settings += ["gtid_strict_mode = ON"] if server.installation.is_mariadb else ["slave_net_timeout = 60"]
        server.execute_all(*(f"SET GLOBAL {each}" for each in settings))


def test_a_cluster_that_is_set_up_well_is_ready_and_each_fault_is_found(cluster: Cluster) -> None:
    primary, first, second = cluster["db0"], cluster["db1"], cluster["db2"]
    is_mariadb = primary.installation.is_mariadb
    make_ready(cluster)
    cluster.wait_in_sync()
    told = gtid_check(cluster, purpose="readiness", **ACCOUNT)
    # Old servers do not say what they will be after a restart.
    assert {each["code"] for each in told["findings"]} <= {"read_only_not_kept", "relay_logs_not_recovered", "comes_back_open"}, told["findings"]
    # (A variable of MySQL that only a restart changes.)
    assert ("relay_logs_not_recovered" in {each["code"] for each in told["findings"]}) != is_mariadb
    assert {each["grade"] for each in told["findings"]} <= {"advice"}
    assert told["rehearsal"] == {"best": "db1", "to_apply": 0, "lost": 0, "not_eligible": {}, "site": None, "best_elsewhere": None}

    faults: list[tuple[Server, str, str, tuple[str, str, str]]] = [
        (first, "sync_binlog", "0", ("not_durable", "advice", "db1")),
        (first, "slave_net_timeout", "3600", ("notices_late", "hurts", "db1")),
    ]
    if is_mariadb:
        faults.append((second, "gtid_strict_mode", "OFF", ("not_strict", "advice", "db2")))
    if not _is_old(primary):
        faults.append((primary, "binlog_expire_logs_seconds", "3600", ("logs_expire_early", "hurts", "db0")))
    for server, name, value, expected in faults:
        with with_setting(server, name, value):
            assert expected in look(cluster), name
            assert f"  <- {expected[1]}" in drawn(cluster)[server.name]
            # What the remedy says to do on this server helps.
            follow(cluster, server, expected[0])
            assert expected not in look(cluster), name

    with with_setting(first, "max_connections", "100"), ExitStack() as clients:
        for _number in range(92):
            clients.enter_context(first.connect())
        assert ("connections_scarce", "hurts", "db1") in look(cluster)
        # What the remedy says: more are allowed.
        with with_setting(first, "max_connections", "200"):
            assert "connections_scarce" not in {code for code, _grade, _server in look(cluster)}

    # A setting that members have to share, and a replica that the group does not have.
    with with_setting(primary, "binlog_format", "'MIXED'"):
        assert ("settings_differ", "hurts", "") in look(cluster)
    # What the remedy says: all have the same value.
    assert ("settings_differ", "hurts", "") not in look(cluster)
    if not is_mariadb:
        # (MariaDB tells that only to accounts with a privilege that a failover does not need.)
        assert ("unlisted_replica", "hurts", "db0") in look(Some(primary, first, second))
    # The remedy says: add the server to the group. So it does here, and to name the account.
    complete = {code for code, _grade, _server in look(cluster)}
    assert not complete & {"unlisted_replica", "primary_not_in_group", "no_replication_account"}
    # A failover without a word would be refused.
    assert ("primary_not_in_group", "blocks", f"{primary.host}:{primary.port}") in look(Some(first, second))
    assert ("no_replication_account", "hurts", "") in look(cluster, replication_user=None, replication_password=None)

    # The account is refused by one member only, because somebody has changed its password there.
    changed = "SET PASSWORD FOR 'repl'@'%' = PASSWORD('other')" if _is_old(first) else "ALTER USER repl IDENTIFIED BY 'other'"
    first.set_read_only(False)
    first.execute_all("SET SESSION sql_log_bin = 0", changed)
    first.set_read_only(True)
    assert ("replication_login_refused", "blocks", "db1") in look(cluster)
    with pytest.raises(Refused) as refusal:
        look(cluster, fail_on="blocks")
    assert refusal.value.codes == {"replication_login_refused"}


def follow(cluster: Cluster, server: Server, code: str) -> None:
    """Carry out the statements of a finding's remedy. (The servers here have no option file, and are started with --no-defaults.)"""
    found = gtid_check(cluster, purpose="readiness", fail_on="never", replication_user="repl", replication_password=PASSWORDS["repl"])["findings"]
    (remedy,) = {each["remedy"] for each in found if (each["code"], each["server"]) == (code, server.name)}
    statements = [part for part in remedy.split("; ") if part.startswith("SET ")]
    assert statements
    server.execute_all(*statements)
    if any(statement.startswith("SET PERSIST") for statement in statements):
        server.execute("RESET PERSIST")


def _is_old(server: Server) -> bool:
    return server.installation.kind.name == "mysql-5.6"


@pytest.mark.server("mysql-9.7")
def test_a_replica_that_would_take_writes_after_a_restart_is_found(cluster: Cluster) -> None:
    replica = cluster["db1"]
    replica.execute("SET PERSIST_ONLY read_only = OFF")
    replica.execute("SET PERSIST_ONLY super_read_only = OFF")
    assert ("read_only_not_kept", "hurts", "db1") in look(cluster)
    # What the finding says to do helps. (The servers here are started with --no-defaults, which leaves out what is persisted.)
    found = gtid_check(cluster, purpose="readiness", fail_on="never")["findings"]
    (finding,) = [each for each in found if (each["code"], each["server"]) == ("read_only_not_kept", "db1")]
    replica.execute_all(*finding["remedy"].split("; "))
    assert ("read_only_not_kept", "db1") not in {(code, server) for code, _grade, server in look(cluster)}
    replica.execute("RESET PERSIST")


@pytest.mark.server("mysql-9.7")
def test_what_an_option_file_has_to_say_is_right_once_the_server_was_started_with_it(kind: str) -> None:
    """The servers here have no option file: the command line stands in for one."""
    with POOL.cluster(kind, replicas=1) as cluster:
        primary, replica = cluster["db0"], cluster["db1"]
        assert {("comes_back_open", "db0"), ("relay_logs_not_recovered", "db1")} <= {(code, server) for code, _grade, server in look(cluster)}
        # What the remedy of each says. (The other half, mysql_safe_start, is what opens the primary again.)
        primary.restart("--read-only", "--super-read-only")
        replica.restart("--read-only", "--super-read-only", "--relay-log-recovery=ON")
        primary.execute_all("SET GLOBAL super_read_only = 0", "SET GLOBAL read_only = 0")
        assert not {"comes_back_open", "relay_logs_not_recovered"} & {code for code, _grade, _server in look(cluster)}


@pytest.mark.server("mysql-9.7")
def test_a_login_that_would_be_refused_after_a_restart_is_found(cluster: Cluster) -> None:
    # By now every server remembers the password.
    assert "password_withheld" not in {code for code, _grade, _server in look(cluster)}
    found = look(cluster, allow_unverified=False)
    assert {server for code, _grade, server in found if code == "password_withheld"} == {server.name for server in cluster.servers.values()}


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_nobody_could_be_elected_so_the_check_fails(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=1) as cluster:
        replica = cluster["db1"]
        replica.restart("--read-only", "--skip-log-slave-updates")
        wait_until(lambda: replica.replica_status()["receiver"] == "Yes")
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.check")
        assert run.returncode != 0
        assert ("no_candidate", "") in {(each["code"], each["server"]) for each in run.problems}, run
        left = run.dbha_result
        assert left["rehearsal"]["best"] is None
        assert {"not_logging", "no_candidate"} <= {each["code"] for each in left["findings"]}
        # With a name of one's own for what is too bad, and without any.
        assert "advice [not_durable]" in Playbooks(cluster, tmp_path).run("dbha.mysql.check", check_fail_on="never").output
        strict = Playbooks(cluster, tmp_path).run("dbha.mysql.check", check_fail_on="advice")
        assert "not_durable" in {each["code"] for each in strict.problems}
        # What the remedy of not_logging says.
        replica.restart("--read-only")
        wait_until(lambda: replica.replica_status()["receiver"] == "Yes")
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.check")
        assert not {"not_logging", "no_candidate"} & {each["code"] for each in run.dbha_result["findings"]}, run
