# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""failover_force with a primary that lives: it is kept from writing first, and nothing that it alone has is given up in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Cluster, Writer, rows
from sandbox.playbook import Playbooks

pytestmark = pytest.mark.server("mariadb-10.11", "mysql-9.7")


def test_a_living_primary_is_made_read_only_before_another_is_opened_and_no_row_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    playbooks = Playbooks(cluster, tmp_path)
    with Writer(cluster.primary, clients=2) as writer:
        writer.wait_for(20)
        run = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert run.returncode == 0, run
    new_primary = cluster[run.dbha_result["new_primary"]["name"]]
    assert [server.name for server in cluster.servers.values() if server.is_writable] == [new_primary.name]
    assert writer.acknowledged <= rows(new_primary)
    assert run.dbha_result["lost"] == []

    again = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert (again.returncode, again.changed) == (0, 0), again


def test_what_only_the_primary_has_is_not_given_up_without_leave(cluster: Cluster, tmp_path: Path) -> None:
    for replica in cluster.replicas:
        replica.execute("STOP REPLICA IO_THREAD")
    with Writer(cluster.primary) as writer:
        writer.wait_for(5)
    playbooks = Playbooks(cluster, tmp_path)

    refused = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True)
    assert refused.returncode != 0, refused
    assert refused.codes == {"diverged"}, refused
    assert [server.name for server in cluster.servers.values() if server.is_writable] == ["db0"]

    allowed = playbooks.run("dbha.mysql.failover", failover_dead_primary="db0", failover_force=True, failover_allow_data_loss=True)
    assert allowed.returncode == 0, allowed
    assert [(loss["server"], loss["count"]) for loss in allowed.dbha_result["lost"]] == [("db0", len(writer.acknowledged))]
    assert not cluster.primary.is_writable
