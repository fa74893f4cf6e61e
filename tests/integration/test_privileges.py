# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account that Ansible logs in with may do what the README grants it, and no more: each of these privileges is needed by some step.

That they are enough is what all other tests show: they log in with this account.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.own import read_transactions
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import read_events
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problem_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server as Connection
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login, make_tls_context
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.plugins.module_utils._steps import handover
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import events_to_run, switch_events
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import set_semi_sync_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import forget_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import start_replicating, stop_receiving
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes
from sandbox import PASSWORDS, Cluster, Server, Writer
from sandbox.runs.modules import Refused, gtid_check
from sandbox.runs.playbook import Playbooks
from sandbox.servers.accounts import SCHEMA
from sandbox.servers.pool import POOL
from sandbox.servers.privileges import failover_privileges
from sandbox.servers.snapshot import differences, snapshots, wait_until_still

ACCOUNT = "failover@'%'"


@pytest.fixture(scope="module")
def cluster(kind: str) -> Iterator[Cluster]:
    with POOL.cluster(kind, replicas=1) as cluster:
        cluster.primary.execute_all(
            # The definer of the first has every privilege, the other's has hardly any.
            f"CREATE DEFINER = root@localhost EVENT {SCHEMA}.of_root ON SCHEDULE EVERY 1 YEAR DO DELETE FROM {SCHEMA}.rows WHERE id = 1",
            f"CREATE DEFINER = app@'%' EVENT {SCHEMA}.of_app ON SCHEDULE EVERY 1 YEAR DO DELETE FROM {SCHEMA}.rows WHERE id = 1",
        )
        cluster.wait_in_sync()
        yield cluster


@contextmanager
def without(privilege: str, *servers: Server) -> Iterator[None]:
    """Take a privilege from the account, on each server alone."""
    for server in servers:
        _alter_account(server, f"REVOKE {privilege} ON *.* FROM {ACCOUNT}")
    try:
        yield
    finally:
        for server in servers:
            _alter_account(server, f"GRANT {privilege} ON *.* TO {ACCOUNT}")


def _alter_account(server: Server, *statements: str) -> None:
    closed = server.has_super_read_only and bool(server.value("SELECT @@GLOBAL.super_read_only"))
    if closed:
        server.execute("SET GLOBAL super_read_only = 0")  # read_only stays
    server.execute_all("SET SESSION sql_log_bin = 0", *statements)
    if closed:
        server.execute("SET GLOBAL super_read_only = 1")


# --- the steps of all playbooks, each on a server that is ready for it


class Steps:
    """What the collection does on a replica, step by step."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.replica = cluster["db1"]
        self.all: dict[str, Callable[[Node], object]] = {
            "stop receiving": self.stop_receiving,
            "start replicating": start_replicating,
            "open for writes": self.open_for_writes,
            "close for writes": self.close_for_writes,
            "say where the binary log stands": lambda node: node.server.send(node.flavor.show_binary_log_status()),
            "read the binary logs": lambda node: read_transactions(
                node, node.server.send(node.flavor.show_binary_logs())[0].text("Log_name"), 10, lambda gtid: False
            ),
            "run the events": self.run_events,
            "kill clients": self.kill_clients,
            "forget the source": self.forget_source,
            "apply what a dead primary alone has": self.apply_events,
        }
        if self.replica.installation.is_mariadb:  # MySQL has it in a plugin, and asks for nothing else than for read_only
            self.all["wait for acknowledgements"] = self.wait_for_acknowledgements

    @contextmanager
    def _connected(self) -> Iterator[Node]:
        address = Address(self.replica.host, self.replica.port)
        login = Login("failover", PASSWORDS["failover"], allow_unverified=True)
        server = Connection("db1", address, login, tls=make_tls_context(login))
        server.connect()
        try:
            yield Node(server)
        finally:
            server.close()

    def problems(self) -> dict[str, Problem]:
        """Take every step, and return what kept which from being taken."""
        found = {}
        for name, step in self.all.items():
            try:
                with self._connected() as node:
                    step(node)
            except ServerError as error:
                found[name] = problem_of("db1", error)
            except Refusal as refusal:
                found[name] = refusal.problems[0]
        return found

    def stop_receiving(self, node: Node) -> None:
        stop_receiving(node)

    def open_for_writes(self, node: Node) -> None:
        self.replica.set_read_only()
        try:
            node.read()
            allow_writes(node)
        finally:
            self.replica.set_read_only(False)

    def close_for_writes(self, node: Node) -> None:
        try:
            for statement in node.flavor.forbid_writes():
                node.server.send(statement)
        finally:
            self.replica.set_read_only(False)

    def run_events(self, node: Node) -> None:
        disable = "REPLICA" if not self.replica.installation.is_mariadb and self.replica.installation.version >= (8, 2) else "SLAVE"
        for name, definer in {"of_root": "root@localhost", "of_app": "app@'%'"}.items():
            self.replica.execute_all("SET SESSION sql_log_bin = 0", f"ALTER DEFINER = {definer} EVENT {SCHEMA}.{name} DISABLE ON {disable}")
        events = events_to_run(node, primary=False)
        assert len(events) == 2
        switch_events(node, events, enable=True)

    def kill_clients(self, node: Node) -> None:
        app = {"host": self.replica.host, "port": self.replica.port, "user": "app", "password": PASSWORDS["app"]}
        with ExitStack() as stack:
            for connection in (self.replica.connect(), self.replica.connect(**app)):
                stack.callback(_close, connection)
            handover.kill_clients(node, lambda message: None)

    def forget_source(self, node: Node) -> None:
        try:
            forget_source(node)
        finally:
            self.cluster.replicate(self.replica)
            self.cluster.wait_in_sync()

    def apply_events(self, node: Node) -> None:
        log = str(node.server.send(node.flavor.show_binary_logs())[0]["Log_name"])
        with self.replica.datadir.joinpath(log).open("rb") as file:
            first = next(read_events(file))
        node.server.send(Statement("BINLOG %s", (base64.b64encode(first.raw).decode(),)))

    def wait_for_acknowledgements(self, node: Node) -> None:
        try:
            set_semi_sync_source(node, True)
        finally:
            self.replica.execute("SET GLOBAL rpl_semi_sync_master_enabled = 0")


def _close(connection: pymysql.Connection[object]) -> None:
    with suppress(pymysql.Error):
        connection.close()


@pytest.fixture(scope="module")
def steps(cluster: Cluster) -> Steps:
    cluster["db1"].set_read_only(False)
    return Steps(cluster)


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_the_privileges_of_the_readme_are_enough_for_every_step(steps: Steps) -> None:
    assert steps.problems() == {}


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_each_of_them_is_needed_and_a_missing_one_is_named_with_server_and_statement(steps: Steps) -> None:
    installation = steps.replica.installation
    unneeded = []
    for privilege in failover_privileges(installation.kind.family, installation.version):
        with without(privilege, steps.replica):
            problems = steps.problems()
        for step, problem in problems.items():
            assert problem.code == "privilege_missing", (privilege, step, problem)
            assert problem.server == "db1"
            assert "db1" in problem.message
            assert privilege in problem.message, (privilege, step, problem)
            assert re.search(r"\b(SHOW|SET|START|STOP|RESET|SELECT|ALTER|KILL|BINLOG|reading the binary log) ", problem.message), problem
        if not problems:
            unneeded.append(privilege)
    assert unneeded == []


# --- what a user sees


def privileges_by_phase(server: Server) -> dict[str, str]:
    """Return privileges that are missed one after the other; the last one behind the point of no return, if nobody asked before."""
    if server.installation.is_mariadb:
        return {"look": "SLAVE MONITOR", "stop": "REPLICATION SLAVE ADMIN", "open": "READ_ONLY ADMIN", "finish": "RELOAD"}
    return {"look": "REPLICATION CLIENT", "stop": "REPLICATION_SLAVE_ADMIN", "open": "SYSTEM_VARIABLES_ADMIN", "finish": "RELOAD"}


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_failover_without_a_privilege_is_refused_before_anything_is_changed(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        with Writer(cluster.primary) as writer:
            writer.wait_for(20)
        cluster.wait_in_sync()
        cluster.primary.kill()
        playbooks = Playbooks(cluster, tmp_path)
        for phase, privilege in privileges_by_phase(cluster["db1"]).items():
            with without(privilege, *cluster.replicas):
                before = wait_until_still(cluster.replicas)
                for arguments in (("--check",), ()) if phase == "finish" else ((),):
                    run = playbooks.run("dbha.mysql.failover", *arguments, cluster="orders")
                    assert run.returncode != 0
                    assert "privilege_missing" in run.codes, run
                    assert run.codes == {"privilege_missing"} or phase == "look", run
                    assert privilege in run.output
                    assert run.changed == 0
                assert not differences(before, snapshots(cluster.replicas)), privilege
        # What the remedy says: all that were named are granted.
        run = playbooks.run("dbha.mysql.failover", cluster="orders")
        assert run.returncode == 0, run
        new_primary = next(server for server in cluster.replicas if server.is_writable)
        cluster.wait_in_sync(source=new_primary, replicas=cluster.replicas)


@pytest.mark.alike
def test_a_check_names_each_privilege_that_is_missing_and_takes_one_that_a_role_has(cluster: Cluster) -> None:
    replica, installation = cluster["db1"], cluster["db1"].installation
    for privilege in failover_privileges(installation.kind.family, installation.version):
        with without(privilege, replica), pytest.raises(Refused) as refusal:
            gtid_check(cluster, expect_primary="alive")
        assert refusal.value.codes >= {"privilege_missing"}, privilege
        assert privilege in str(refusal.value)
    if installation.is_mariadb or installation.version >= (8, 0):
        default = "FOR" if installation.is_mariadb else "TO"
        with without("RELOAD", replica):
            _alter_account(replica, "CREATE ROLE of_test", "GRANT RELOAD ON *.* TO of_test", f"GRANT of_test TO {ACCOUNT}")
            with pytest.raises(Refused, match="lacks the privilege RELOAD on db1"):
                gtid_check(cluster, expect_primary="alive")
            _alter_account(replica, f"SET DEFAULT ROLE of_test {default} {ACCOUNT}")
            assert "RELOAD" not in str(_codes_and_messages(cluster))
            _alter_account(replica, "DROP ROLE of_test")


@pytest.mark.alike
def test_a_report_says_which_work_a_missing_privilege_is_for(cluster: Cluster) -> None:
    replica, is_mariadb = cluster["db1"], cluster["db1"].installation.is_mariadb
    works = {"REPLICATION SLAVE": ("hurts", ["rejoin"]), "RELOAD": ("blocks", ["failover", "switchover", "rejoin"])}
    if is_mariadb:
        works.update({"BINLOG REPLAY": ("blocks", ["failover"]), "SET USER": ("hurts", ["failover", "switchover"])})
    for privilege, expected in works.items():
        with without(privilege, replica):
            (found,) = _findings_of_privileges(cluster)
            assert (found["server"], found["grade"], found["concerns"]) == ("db1", *expected), found
            assert f"lacks {privilege}: " in found["message"]
            # privilege_missing: the remedy is the statement, here on the replica alone.
            _alter_account(replica, found["remedy"].replace("that account, on the primary.", ACCOUNT))
            assert not _findings_of_privileges(cluster)


def _findings_of_privileges(cluster: Cluster) -> list[dict[str, Any]]:
    found = gtid_check(cluster, purpose="readiness", fail_on="never")["findings"]
    return [each for each in found if each["code"] == "privilege_missing"]


def _codes_and_messages(cluster: Cluster) -> list[str]:
    try:
        gtid_check(cluster, expect_primary="alive")
    except Refused as refusal:
        return [problem["message"] for problem in refusal.result["problems"]]
    return []
