# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that crashes comes back closed, whoever it was; a primary that does is opened again as long as nobody else has its role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import Writer
from sandbox.runs.playbook import Playbooks
from sandbox.servers.pool import POOL
from sandbox.servers.waiting import wait_until

SAFE: dict[str, Any] = {"mysql_safe_start": True}


@pytest.mark.server("mariadb-10.11", "mariadb-11.8", "mysql-9.7", "mysql-5.6")
def test_a_primary_that_came_back_closed_is_opened_again_unless_somebody_lacks_it(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        old, playbooks = cluster.primary, Playbooks(cluster, tmp_path)
        with Writer(old) as writer:
            writer.wait_for(20)
        cluster.wait_in_sync()
        old.kill()
        old.start("--read-only")
        wait_until(lambda: all(server.replica_status()["receiver"] == "Yes" for server in cluster.replicas))

        # Without the variable, somebody may have closed it on purpose. The remedy names it.
        told = playbooks.run("dbha.mysql.failover")
        assert (told.returncode, told.codes, old.is_writable) == (2, {"primary_read_only"}, False), told
        assert "mysql_safe_start=true" in told.output

        plan = playbooks.run("dbha.mysql.failover", "--check", **SAFE)
        assert (plan.returncode, old.is_writable) == (0, False), plan

        # A replica that does not answer may have been opened by somebody. That replicas may be left out says nothing of that.
        cluster["db2"].pause()
        try:
            for word in ("refuse", "proceed"):
                silent = playbooks.run("dbha.mysql.failover", **SAFE, failover_unreachable=word)
                assert (silent.returncode, silent.codes, old.is_writable) == (2, {"not_responding"}, False), silent
                assert "it may have been opened in place of db0" in silent.output
        finally:
            cluster["db2"].resume()

        again = playbooks.run("dbha.mysql.failover", **SAFE)
        assert (again.returncode, old.is_writable) == (0, True), again
        assert [server.name for server in cluster.replicas if server.is_writable] == []
        assert "db0 is the primary" in again.output
        nothing = playbooks.run("dbha.mysql.failover", **SAFE)
        assert (nothing.returncode, nothing.changed) == (0, 0), nothing

        # A replica that has more than a closed primary: the role cannot simply go back.
        old.set_read_only()
        ahead = cluster["db1"]
        ahead.set_read_only(False)
        ahead.execute("CREATE DATABASE meanwhile")
        ahead.set_read_only()
        refused = playbooks.run("dbha.mysql.failover", **SAFE)
        assert (refused.returncode, refused.codes, old.is_writable) == (2, {"diverged"}, False), refused.output


@pytest.mark.server("mysql-9.7", "mariadb-10.11")
def test_a_new_primary_is_told_to_come_back_closed(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=1) as cluster:
        new, playbooks = cluster["db1"], Playbooks(cluster, tmp_path)
        cluster.primary.kill()
        warned = playbooks.run("dbha.mysql.failover", **SAFE)
        assert (warned.returncode, new.is_writable) == (0, True), warned
        assert "db1 could not be told to come back read-only (mysql_safe_start)" in warned.output
        if new.installation.is_mariadb:
            assert "set read_only=1 in its option files" in warned.output
            return
        assert "it takes SYSTEM_VARIABLES_ADMIN and PERSIST_RO_VARIABLES_ADMIN" in warned.output
        cluster.primary.start("--read-only")
        assert playbooks.run("dbha.mysql.rejoin", **SAFE).returncode == 0
        new.execute("GRANT PERSIST_RO_VARIABLES_ADMIN ON *.* TO failover")
        cluster.wait_in_sync(source=new, replicas=[cluster.primary])
        switchover = playbooks.run("dbha.mysql.switchover", switchover_to="db0", **SAFE)
        assert (switchover.returncode, cluster.primary.is_writable) == (0, True), switchover
        assert "mysql_safe_start" not in switchover.output
        rows = cluster.primary.query("SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value FROM performance_schema.persisted_variables")
        assert {(row["name"], row["value"]) for row in rows} >= {("read_only", "ON"), ("super_read_only", "ON")}, rows
