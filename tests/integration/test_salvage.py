# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A primary that was cut off from its replicas before its last commits, and whose host still answers over SSH."""

from __future__ import annotations

import os
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import Cluster, Writer, rows
from sandbox.runs.fault import Fault
from sandbox.runs.leaks import leaked
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.process import is_paused
from sandbox.servers.programs import tool
from sandbox.servers.sshd import Sshd
from sandbox.servers.waiting import HANGS, wait_until

pytestmark = [pytest.mark.server("mysql-9.7", "mariadb-10.11"), pytest.mark.alike]


@pytest.fixture
def scene(cluster: Cluster, tmp_path: Path) -> Scene:
    return Scene(cluster, tmp_path)


def die_with_what_nobody_received(scene: Scene) -> tuple[set[int], set[int]]:
    """Kill the primary while clients write; return the rows that they had been told of, and those of them that no replica has."""
    primary, replicas = scene.cluster.primary, scene.cluster.replicas
    with Writer(primary, clients=4) as writer:
        writer.wait_for(50)
        for replica in replicas:
            scene.thread("STOP", replica, "IO_THREAD")
        writer.wait_for(50)
        primary.execute("FLUSH LOGS")
        writer.wait_for(50)
        scene.kill_primary()
    have = set[int]().union(*(rows(replica) for replica in replicas))
    lacking = writer.acknowledged - have
    assert len(lacking) >= 100
    return writer.acknowledged, lacking


def test_what_no_replica_received_is_fetched_before_the_new_primary_is_opened(scene: Scene, sshd: Sshd) -> None:
    cluster = scene.cluster
    acknowledged, lacking = die_with_what_nobody_received(scene)
    host = sshd.host_of(cluster.primary)
    with scene.untouched():
        check = scene.failover("--check", hosts=host)
    assert check.returncode == 0, check
    assert "would be salvaged" in check.output

    run = scene.failover("-vvv", hosts=host)
    assert run.returncode == 0, run
    result = run.dbha_result
    assert result["salvaged"]["problem"] is None, result
    # Of a row that was committed when the primary died, its client may not have been told any more.
    assert len(lacking) <= result["salvaged"]["count"] <= len(lacking) + 4
    assert result["lost"] == []
    assert leaked(run.output) == []
    new_primary = scene.new_primary
    kept = rows(new_primary)
    assert acknowledged <= kept
    scene.assert_whole(kept)

    # Under their own GTIDs: the old primary has nothing that is its own.
    cluster.primary.start()
    assert new_primary.has_executed(cluster.primary.executed())


def test_it_is_fetched_by_sudo_and_also_where_replicas_are_not_read_only(scene: Scene) -> None:
    for replica in scene.cluster.replicas:
        replica.set_read_only(False)
    acknowledged, _lacking = die_with_what_nobody_received(scene)
    for replica in scene.cluster.replicas:
        scene.thread("START", replica, "IO_THREAD")
    # Whoever logs in there may not read the files, unless the inventory says who may (ansible_become): Debian's sudo, with its defaults.
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, Sshd(Path(directory), sudo=True) as sshd:
        Path(directory).chmod(0o755)
        ((name, host),) = sshd.host_of(scene.cluster.primary).items()
        # Its name in the inventory does not resolve, nor is it said how SSH reaches it: where its server was is its host.
        host["mysql_host"] = host.pop("ansible_host")
        refused = scene.failover(hosts={name: host}, failover_salvage="require")
        assert (refused.returncode, refused.codes) == (2, {"salvage_failed"}), refused
        run = scene.failover(hosts={name: {**host, "ansible_become": True}}, failover_salvage="require")
    assert run.returncode == 0, run
    new_primary = scene.cluster[run.dbha_result["new_primary"]["name"]]
    assert acknowledged <= rows(new_primary)


def test_a_candidate_fetches_what_was_salvaged_from_the_most_advanced_replica_and_half_a_transaction_is_left_out(scene: Scene, sshd: Sshd) -> None:
    primary, most_advanced, candidate = scene.cluster.primary, scene.cluster["db1"], scene.cluster["db3"]
    for replica in scene.cluster.replicas:
        if replica is not most_advanced:
            scene.thread("STOP", replica, "IO_THREAD")
    scene.write(50)
    scene.cluster.wait_in_sync(replicas=[most_advanced])
    scene.thread("STOP", most_advanced, "IO_THREAD")
    written = scene.write(50)
    newest = int(primary.value("SELECT id FROM dbha_demo.`rows` ORDER BY id DESC LIMIT 1")) + 1
    primary.execute(f"INSERT INTO dbha_demo.`rows` (id, client) VALUES ({newest}, 0)")
    scene.kill_primary()
    last = max(path for path in primary.datadir.glob("*bin*.0*") if path.suffix[1:].isdigit() and "relay" not in path.name)
    with last.open("r+b") as file:
        file.truncate(last.stat().st_size - 20)
    run = scene.failover(hosts=sshd.host_of(primary), failover_candidates=[candidate.name])
    assert run.returncode == 0, run
    assert run.dbha_result["salvaged"]["problem"] is None, run.dbha_result
    assert scene.new_primary is candidate
    scene.assert_whole(written)


def test_what_cannot_be_fetched_in_time_is_named_and_holds_nobody_up(scene: Scene, sshd: Sshd, tmp_path: Path) -> None:
    """Somebody has a table locked on the replicas, of which only a few of the transactions are."""
    primary, replicas = scene.cluster.primary, scene.cluster.replicas
    primary.execute("CREATE TABLE dbha_demo.locked (id INT PRIMARY KEY)")
    scene.cluster.wait_in_sync()
    for replica in replicas:
        scene.thread("STOP", replica, "IO_THREAD")
    before = scene.write(20)
    primary.execute("INSERT INTO dbha_demo.locked VALUES (1)")
    written = scene.write(20) - before
    executed = primary.executed()
    scene.kill_primary()
    host = sshd.host_of(primary)
    connections = [replica.connect() for replica in replicas]
    for connection in connections:
        connection.cursor().execute("LOCK TABLES dbha_demo.locked READ")
    with scene.untouched():
        renamed = primary.datadir.rename(primary.datadir.with_name("elsewhere"))
        run = scene.failover(hosts=host, failover_salvage="require")
        renamed.rename(primary.datadir)
    assert run.returncode != 0
    assert run.codes == {"salvage_failed"}, run

    run = scene.failover(hosts=host, failover_salvage_timeout=14)
    assert run.returncode == 0, run
    salvaged, (loss,) = run.dbha_result["salvaged"], run.dbha_result["lost"]
    assert "(a part of the transaction" in salvaged["problem"]
    assert loss["server"] == "db0"
    assert loss["count"] == 1 + len(written)
    assert salvaged["count"] >= len(before)
    # What waits for a lock is not carried out once clients write, under the GTID of a transaction that was given up.
    for connection in connections:
        connection.close()
    new_primary = scene.new_primary
    assert rows(new_primary) == before
    assert new_primary.value("SELECT COUNT(*) FROM dbha_demo.locked") == 0
    assert not new_primary.has_executed(executed)
    # What the remedy says: a rejoin saves it.
    primary.start("--read-only")
    program = tool(scene.cluster.kind, "mariadb-binlog" if primary.installation.is_mariadb else "mysqlbinlog")
    run = scene.rejoin(rejoin_save_to=str(tmp_path / "saved"), rejoin_binlog_program=str(program))
    assert run.codes == {"own_transactions"}, run
    assert run.dbha_result["saved"]["count"] == loss["count"]


def test_a_primary_whose_process_runs_behind_a_closed_port_may_be_alive(scene: Scene, sshd: Sshd) -> None:
    """It does not listen yet while it recovers after a crash, which takes long where much is to be done."""
    primary = scene.cluster.primary
    written = scene.write(10)
    scene.cluster.wait_in_sync()
    scene.kill_primary()
    primary.start("--skip-networking")
    host = sshd.host_of(primary)
    with scene.untouched():
        for run in (scene.failover(hosts=host), scene.failover("--check", hosts=host), scene.failover(hosts=host, failover_salvage="require")):
            assert (run.returncode, run.codes) == (2, {"primary_maybe_alive"}), run
            assert f"the primary db0 may be alive: process {primary.pid} still has the binary logs" in run.output
        required = scene.failover(hosts=host, failover_salvage="require", failover_force=True)
        assert (required.returncode, required.codes) == (2, {"salvage_failed"}), required
    # Both ways out that the remedy names.
    forced = scene.failover("--check", hosts=host, failover_force=True)
    assert forced.returncode == 0, forced
    primary.kill()
    run = scene.failover(hosts=host)
    assert run.returncode == 0, run
    scene.assert_whole(written)


@pytest.mark.parametrize("is_silent", [False, True], ids=["for a moment", "until the server ends it"])
def test_one_that_stood_still_right_before_a_commit_while_another_one_failed_over_applies_nothing_more(
    is_silent: bool, scene: Scene, sshd: Sshd, tmp_path: Path
) -> None:
    """As a virtual machine does that is moved. Whoever is kept off is told of the connection that holds the lock, and kills that alone."""
    acknowledged, _lacking = die_with_what_nobody_received(scene)
    host, log = sshd.host_of(scene.cluster.primary), tmp_path / "fault.log"
    fault = Fault("overtaken-", "COMMIT", 20, place="_send")
    with ThreadPoolExecutor() as pool:
        begun = pool.submit(scene.failover, hosts=host, environment=fault.environment(log, scene.cluster))
        wait_until(lambda: begun.done() or Path(f"{log}.done").exists())
        process = int(Path(f"{log}.pid").read_text(encoding="utf-8"))
        try:
            wait_until(lambda: is_paused(process))
            refused = scene.failover(hosts=host)
            assert refused.codes == {"locked"}, refused
            (replica,) = [server for server in scene.cluster.replicas if server.value("SELECT IS_USED_LOCK('dbha.mysql')") is not None]
            second = "SELECT IS_USED_LOCK('dbha.mysql:second')"
            assert replica.value(second) is not None
            if is_silent:
                wait_until(lambda: replica.value(second) is None)
            replica.execute("KILL %s", (replica.value("SELECT IS_USED_LOCK('dbha.mysql')"),))
            other = scene.failover(hosts=host)
            assert other.returncode == 0, other
            written = scene.new_primary.executed()
        finally:
            os.kill(process, signal.SIGCONT)
        run = begun.result()
    assert "internal_error" not in run.codes, run
    assert scene.new_primary.executed() == written
    assert acknowledged <= rows(scene.new_primary)
    scene.assert_whole(rows(scene.new_primary))


@pytest.mark.slow
@pytest.mark.parametrize(("hangs", "limit"), [("every command", 3), ("the module", 4)])
def test_a_host_that_hangs_holds_the_failover_up_only_for_a_while(some_kind: str, sshd: Sshd, tmp_path: Path, hangs: str, limit: float) -> None:
    with POOL.cluster(some_kind, replicas=1) as cluster:
        scene = Scene(cluster, tmp_path)
        scene.kill_primary()
        sshd.hang("" if hangs == "every command" else "python")
        options = {"hosts": sshd.host_of(cluster.primary), "failover_salvage_timeout": 4}
        with scene.untouched():
            refusal = scene.failover(failover_salvage="require", **options)
        assert refusal.returncode != 0, refusal
        assert "did not answer within 4 s" in refusal.output

        run = scene.failover(**options)
        assert run.returncode == 0, run
        assert f"did not answer within {limit} s" in run.dbha_result["salvaged"]["problem"]
        assert scene.new_primary is cluster["db1"]
    assert max(refusal.seconds, run.seconds) < HANGS
    assert "fatal" not in run.output
    assert sshd.clients == []
