# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From where servers let replicas in: what a check says of that is what becomes of a login from there. The servers are on hosts with addresses of their own."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pymysql
import pytest

from sandbox import PASSWORDS, Cluster, Server
from sandbox.runs.modules import gtid_check
from sandbox.servers.host import can_be_had
from sandbox.servers.waiting import wait_until

pytestmark = [
    pytest.mark.server("mariadb-10.11", "mysql-9.7"),
    pytest.mark.skipif(not can_be_had(), reason="needs root and the program ip, for hosts of their own"),
]

ACCOUNT = {"replication_user": "repl", "replication_password": PASSWORDS["repl"]}


def is_let_in(cluster: Cluster, comer: Server, server: Server) -> bool:
    """Log in to a server from the host of another one."""
    found: list[bool] = []

    def log_in() -> None:
        assert cluster.network is not None
        cluster.network.enter(comer.name)
        try:
            with contextlib.closing(pymysql.connect(host=server.host, port=server.port, user="repl", password=PASSWORDS["repl"])) as connection:
                connection.query("SHOW GRANTS")
            found.append(True)
        except pymysql.err.OperationalError as error:
            # Wrong account, none for that host, locked. Anything else is no answer.
            found.extend([False] if error.args[0] in (1045, 1130, 3118, 4151) else [])

    thread = threading.Thread(target=log_in)
    thread.start()
    thread.join(30)
    (answer,) = found
    return answer


def refusals(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """Return by server what is found in from where it lets replicas in."""
    found = gtid_check(cluster, purpose="readiness", fail_on="never", **ACCOUNT)["findings"]
    said = [each for each in found if each["code"] == "replication_login_refused" and "would not let" in each["message"]]
    assert len({each["server"] for each in said}) == len(said), said
    return {each["server"]: each for each in said}


def named(finding: dict[str, Any] | None) -> set[str]:
    """Return whom a finding says that a server would not let in."""
    return {name for name in ("db0", "db1", "db2") if finding is not None and f"{name} (from " in finding["message"]}


def apart(server: Server, *statements: str) -> None:
    """Change the accounts of a replica alone."""
    server.set_read_only(False)
    server.execute_all("SET SESSION sql_log_bin = 0", *statements)
    server.set_read_only(True)


def follow(cluster: Cluster, finding: dict[str, Any]) -> None:
    """Do what a remedy says, with the password that it stands for."""
    where, _colon, statements = finding["remedy"].partition(": ")
    password = pymysql.converters.escape_string(PASSWORDS["repl"])
    cluster[where.removeprefix("On ")].execute_all(*(each.replace("the password of the replicas", password) for each in statements.split("; ")))


def test_what_is_said_of_the_hosts_of_accounts_is_what_becomes_of_a_login_from_there(kind: str) -> None:
    with Cluster(kind, replicas=2, hosts=True) as cluster:
        primary, first, second = cluster["db0"], cluster["db1"], cluster["db2"]
        is_mariadb = primary.installation.is_mariadb
        net = primary.host.rpartition(".")[0]
        password = pymysql.converters.escape_string(PASSWORDS["repl"])

        def create(host: str, user: str = "repl") -> str:
            return f"CREATE USER '{user}'@'{host}' IDENTIFIED BY '{password if user else 'nobody'}'"

        for name in ("repl", "failover"):
            assert primary.value(f"SELECT COUNT(*) FROM mysql.user WHERE User = '{name}' AND Host = '%'") == 1
        # As long as our account may not read that, nothing is said.
        apart(first, "RENAME USER repl@'%' TO repl@'192.0.2.1'")
        assert refusals(cluster) == {}
        primary.execute(f"GRANT SELECT (User, Host, ssl_type, {'is_role' if is_mariadb else 'account_locked'}) ON mysql.user TO failover")
        cluster.wait_in_sync()
        assert named(refusals(cluster).get("db1")) == {"db0", "db2"}
        apart(first, "RENAME USER repl@'192.0.2.1' TO repl@'%'")
        assert refusals(cluster) == {}

        # Accounts for the replicas, and none for the primary, which will be one: it is to be made on the primary. We are not let in either, and need not be.
        primary.execute_all(*(text for host in (first.host, second.host) for text in (create(host), f"GRANT REPLICATION SLAVE ON *.* TO repl@'{host}'")))
        primary.execute("DROP USER repl@'%'")
        cluster.wait_in_sync()
        found = refusals(cluster)
        assert {server: named(finding) for server, finding in found.items()} == {"db1": {"db0"}, "db2": {"db0"}}
        assert (found["db1"]["grade"], is_let_in(cluster, primary, first)) == ("hurts", False)
        assert f"db0 (from {primary.host})" in found["db1"]["message"]
        assert f"it has repl only from {first.host}, {second.host}" in found["db1"]["message"]
        assert found["db1"]["remedy"].startswith(f"On db0: CREATE USER 'repl'@'{primary.host}'")
        follow(cluster, found["db1"])
        cluster.wait_in_sync()
        assert refusals(cluster) == {}
        assert is_let_in(cluster, primary, first)
        told = gtid_check(cluster, purpose="readiness", **ACCOUNT)["findings"]
        ours = [each for each in told if each["code"] == "replication_login_refused"]
        assert [(each["server"], each["grade"], "switchover_try_account" in each["remedy"]) for each in ours] == [
            (server, "advice", True) for server in cluster.servers
        ]

        # One that is missing on a replica alone is made there, in no transaction.
        apart(first, f"DROP USER repl@'{second.host}'")
        (finding,) = refusals(cluster).values()
        assert (finding["server"], named(finding), is_let_in(cluster, second, first)) == ("db1", {"db2"}, False)
        follow(cluster, finding)
        assert refusals(cluster) == {}
        assert is_let_in(cluster, second, first)
        assert not gtid_check(cluster)["problems"]

        # All ways to write a host, on one replica alone.
        own = [f"DROP USER repl@'{host}'" for host in (primary.host, first.host, second.host)]
        apart(first, *own)
        hosts: list[list[tuple[str, str]]] = [
            [("%", "repl")],
            [(f"{net}.%", "repl")],
            [(f"{net}.1_", "repl")],
            [(f"{net}.8/255.255.255.252", "repl")],
            # Somebody without a name goes before one whose host is less specific.
            [(f"{net}.%", "repl"), (second.host, "")],
            [(f"{net}.%", "repl"), ("%", "")],
            [(second.host, "repl"), (second.host, "")],
            [(f"{net}.0/255.255.255.0", "repl"), (f"{net}.1_", "")],
            [(f"{net}.0/255.255.255.0", "repl"), (f"{net}.__", "")],
            [(f"{net}.0/255.255.255.0", "repl"), (f"{net}.12/255.255.255.254", "")],
        ]
        if not is_mariadb:
            hosts += [[(f"{net}.12/32", "repl")], [(f"{net}.8/30", "repl")], [(f"{net}.0/24", "repl"), (f"{net}.0/255.255.255.0", "")]]
        for accounts in hosts:
            apart(first, *(create(host, user) for host, user in accounts))
            refused = {server.name for server in (primary, second) if not is_let_in(cluster, server, first)}
            assert named(refusals(cluster).get("db1")) == refused, accounts
            apart(first, *(f"DROP USER '{user}'@'{host}'" for host, user in accounts))
        # What a name server says nobody here knows.
        apart(first, create("db2.example.com"))
        resolves = not first.value("SELECT @@GLOBAL.skip_name_resolve")
        assert (named(refusals(cluster).get("db1")) == set()) is resolves
        if not is_mariadb:
            apart(first, f"RENAME USER repl@'db2.example.com' TO repl@'{net}.%'", f"ALTER USER repl@'{net}.%' ACCOUNT LOCK")
            (finding,) = refusals(cluster).values()
            assert (named(finding), is_let_in(cluster, second, first)) == ({"db0", "db2"}, False)
            follow(cluster, finding)
            assert refusals(cluster) == {}
            wait_until(lambda: is_let_in(cluster, second, first))
