# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server wrote that its set of GTIDs does not show: without GTIDs, without its binary log, or by numbers that the others have come past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.modules import Refused, Result, change_master, find_best_replica, promote, rejoin, switch_over
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until


class Return:
    """A cluster whose primary died with everything received, and is back."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster, self.directory = cluster, directory
        self.scene = Scene(cluster, directory)
        self.former: Server = cluster.primary
        self.new: Server

    def fail_over(self, *options: str) -> None:
        """Promote a replica, write more on it than the former primary has alone, and start that one."""
        with Writer(self.former) as writer:
            writer.wait_for(10)
        self.cluster.wait_in_sync()
        self.scene.kill(self.former)
        self.take_over()
        self.former.start(*options)

    def take_over(self) -> None:
        best = find_best_replica(self.cluster, primary={"name": self.former.name, "host": self.former.host, "port": self.former.port})
        self.new = self.cluster[best["best"]["name"]]
        promote(self.new)
        change_master(self.new, [server for server in self.cluster.servers.values() if server not in (self.new, self.former)])
        with Writer(self.new) as writer:
            writer.wait_for(30)

    def run(self, **options: Any) -> Result:
        others = [server for server in self.cluster.servers.values() if server not in (self.new, self.former)]
        kind = self.cluster.kind
        program = tool("mysql-9.7", "mysqlbinlog") if kind.startswith("mysql") else tool(kind, "mariadb-binlog")
        given = {"save_to": str(self.directory / "saved"), "binlog_program": str(program), **options}
        return rejoin(self.former, self.new, others, **given)

    def refused(self, **options: Any) -> Refused:
        with pytest.raises(Refused) as refused:
            self.run(**options)
        return refused.value


@pytest.fixture
def back(kind: str, tmp_path: Path) -> Iterator[Return]:
    with POOL.cluster(kind, replicas=2) as cluster:
        yield Return(cluster, tmp_path)


OWN = (
    "INSERT INTO dbha_demo.`rows` (id, client) VALUES (1000000007, 0)",
    "CREATE TABLE dbha_demo.only_there (id INT PRIMARY KEY)",
    "INSERT INTO dbha_demo.only_there VALUES (1)",
)


def assert_own_are_saved(refused: Refused) -> None:
    assert refused.result["own"] == {"gtids": "", "count": 3, "without_gtid": 3}
    saved = refused.result["saved"]
    assert (saved["count"], saved["without_gtid"], saved["gtids"]) == (3, 3, "")
    assert [(table["table"], table["inserted"]) for table in saved["tables"]] == [("only_there", 1), ("rows", 1)]


@pytest.mark.server("mysql-9.7")
def test_what_was_written_without_gtids_is_seen_and_saved(back: Return) -> None:
    back.fail_over()
    former = back.former
    former.set_read_only(False)
    for mode in ("ON_PERMISSIVE", "OFF_PERMISSIVE"):
        former.execute(f"SET GLOBAL gtid_mode = {mode}")
    former.execute_all(*OWN)
    refused = back.refused()
    assert refused.codes == {"own_transactions", "gtid_off"}
    assert_own_are_saved(refused)
    assert back.refused(method="rebuild").codes == {"gtid_off"}

    # Nor does switching GTIDs on again hide it, nor a restart.
    former.set_read_only(False)
    for mode in ("ON_PERMISSIVE", "ON"):
        former.execute(f"SET GLOBAL gtid_mode = {mode}")
    former.restart()
    refused = back.refused()
    assert refused.codes == {"own_transactions"}, refused
    assert "has 3 transactions without a GTID, written after the last one that" in str(refused)
    assert_own_are_saved(refused)
    assert former.replica_status() == {}


@pytest.mark.server("mysql-5.6")
def test_so_it_is_where_the_server_has_to_be_restarted_for_that(back: Return) -> None:
    back.fail_over("--gtid-mode=OFF", "--skip-slave-start")
    back.former.set_read_only(False)
    back.former.execute_all(*OWN)
    back.former.restart()
    refused = back.refused()
    assert refused.codes == {"own_transactions"}
    assert_own_are_saved(refused)


@pytest.mark.alike
def test_of_a_server_that_has_only_been_started_again_nothing_is_said(back: Return) -> None:
    back.fail_over()
    for _each in range(2):
        back.former.restart()
    found = back.run()
    assert found["own"] == {"gtids": "", "count": 0, "without_gtid": 0}
    change_master(back.new, [back.former])
    back.cluster.wait_in_sync(source=back.new, replicas=[back.former])
    assert rows(back.former) == rows(back.new)


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_server_that_runs_without_its_binary_log_is_not_joined(back: Return) -> None:
    back.fail_over("--skip-log-bin")
    back.former.set_read_only(False)
    back.former.execute("INSERT INTO dbha_demo.`rows` (id, client) VALUES (1000000007, 0)")
    assert back.refused().codes == {"history_unknown"}
    assert back.refused(method="rebuild").codes == {"not_saved"}
    assert 1000000007 in rows(back.former)
    assert back.former.replica_status() == {}


@pytest.mark.server("mariadb")
def test_numbers_that_the_new_primary_has_come_past_do_not_hide_what_it_never_received(back: Return) -> None:
    cluster = back.cluster
    with Writer(cluster.primary) as writer:
        writer.wait_for(10)
    back.former = cluster["db1"]
    switch_over(cluster, back.former)
    others = [cluster["db0"], cluster["db2"]]
    for server in others:
        back.scene.thread("STOP", server, "IO_THREAD")
    # The new primary dies before anybody has received anything of it, and nobody knows its server_id.
    with Writer(back.former) as writer:
        writer.wait_for(5)
    own = writer.acknowledged
    back.scene.kill(back.former)
    back.take_over()
    back.former.start()
    assert own <= rows(back.former)
    assert not own & rows(back.new)

    refused = back.refused()
    assert refused.codes == {"own_transactions"}
    assert refused.result["own"]["count"] == len(own)
    (table,) = refused.result["saved"]["tables"]
    assert (table["table"], table["inserted"]) == ("rows", len(own))
    assert back.former.replica_status() == {}


@pytest.mark.server("mariadb")
def test_what_somebody_wrote_to_a_replica_is_seen_although_it_went_on_replicating(back: Return) -> None:
    cluster = back.cluster
    back.new, back.former = cluster.primary, cluster["db2"]
    back.former.execute("SET GLOBAL gtid_strict_mode = OFF")
    with Writer(cluster.primary) as writer:
        writer.wait_for(10)
    cluster.wait_in_sync()
    back.former.set_read_only(False)
    back.former.execute_all(*OWN[1:])
    back.former.set_read_only()
    for _each in range(2):
        back.former.execute("FLUSH BINARY LOGS")
        with Writer(cluster.primary) as writer:
            writer.wait_for(10)
        cluster.wait_in_sync()
        # Its position may seem to be there already.
        wait_until(lambda: rows(back.former) == rows(cluster.primary))

    refused = back.refused()
    assert refused.codes == {"own_transactions"}
    assert refused.result["own"]["count"] == 2
    assert [(table["table"], table["inserted"]) for table in refused.result["saved"]["tables"]] == [("only_there", 1)]


@pytest.mark.server("mariadb-10.11")
def test_what_a_replica_wrote_when_it_was_the_primary_is_not_taken_for_its_own(back: Return) -> None:
    cluster = back.cluster
    back.former = cluster["db1"]
    switch_over(cluster, back.former)
    with Writer(back.former) as writer:
        writer.wait_for(10)
    switch_over(cluster, cluster["db2"])
    back.new = cluster["db2"]
    with Writer(back.new) as writer:
        writer.wait_for(10)
    cluster.wait_in_sync(source=back.new, replicas=cluster.servers.values())
    # The others know nothing of when it was: they have been made from copies since.
    for server in (back.new, cluster["db0"]):
        position = server.value("SELECT @@GLOBAL.gtid_binlog_pos")
        server.execute_all("STOP SLAVE", "RESET MASTER", ("SET GLOBAL gtid_slave_pos = %s", (position,)))
    with Writer(back.new) as writer:
        writer.wait_for(10)
    found = back.run()
    assert found["own"] == {"gtids": "", "count": 0, "without_gtid": 0}
