# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A primary that is killed under load, failed over, started again and brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.leaks import leaked
from sandbox.playbook import Playbooks
from sandbox.snapshot import differences, snapshots, wait_until_still

EVENT = "CREATE EVENT dbha_demo.hourly ON SCHEDULE EVERY 1 HOUR DO SELECT 1"


def fail_over(cluster: Cluster, playbooks: Playbooks) -> Server:
    """Fail over from a dead primary, let clients write to the new one, and start the old one again, as any supervisor would."""
    run = playbooks.run("dbha.mysql.failover", cluster="orders")
    assert run.returncode == 0, run
    (new,) = [server for server in cluster.replicas if server.is_writable]
    with Writer(new) as writer:
        writer.wait_for(30)
    cluster.primary.start()
    return new


def kill_with_nothing_of_its_own(cluster: Cluster) -> None:
    """Kill the primary while clients write, at a moment when its replicas have all that was committed."""
    with Writer(cluster.primary, clients=4) as writer:
        writer.wait_for(100)
        connection = cluster.primary.connect()
        connection.cursor().execute("FLUSH TABLES WITH READ LOCK")
        cluster.wait_in_sync()
        assert writer.is_writing
        cluster.primary.kill()


def replicates_from(server: Server, source: Server) -> bool:
    status = server.replica_status()
    return (status["source_port"], status["receiver"], status["applier"]) == (source.port, "Yes", "Yes") and not server.is_writable


@pytest.fixture
def playbooks(cluster: Cluster, tmp_path: Path) -> Playbooks:
    return Playbooks(cluster, tmp_path)


def test_a_former_primary_with_nothing_of_its_own_becomes_a_replica(cluster: Cluster, playbooks: Playbooks) -> None:
    cluster.primary.execute(EVENT)
    kill_with_nothing_of_its_own(cluster)
    new = fail_over(cluster, playbooks)

    before = wait_until_still(cluster.servers.values())
    check = playbooks.run("dbha.mysql.rejoin", "--check", "--diff", cluster="orders")
    assert check.returncode == 0, check
    assert f"db0 would replicate from {new.name}" in check.output
    assert differences(before, snapshots(cluster.servers.values())) == {}

    run = playbooks.run("dbha.mysql.rejoin", "-vvv", cluster="orders")
    assert run.returncode == 0, run
    assert run.dbha_result["own"] == {"gtids": "", "count": 0}
    assert run.dbha_result["old_primary"]["name"] == "db0"
    assert leaked(run.output) == []
    assert replicates_from(cluster.primary, new)
    with Writer(new) as writer:
        writer.wait_for(20)
    cluster.wait_in_sync(source=new, replicas=cluster.servers.values())
    assert rows(cluster.primary) == rows(new) >= writer.acknowledged
    assert [server.name for server in cluster.servers.values() if "ENABLED" in server.value("SELECT status FROM information_schema.events")] == [new.name]

    before = wait_until_still(cluster.servers.values())
    again = playbooks.run("dbha.mysql.rejoin", cluster="orders", rejoin_server="db0")
    assert again.returncode == 0, again
    assert again.changed == 0
    assert differences(before, snapshots(cluster.servers.values())) == {}
