# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A member that takes writes and follows somebody: no second server is opened beside it, and its replication is not taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import PASSWORDS, Cluster, Server, Writer, rows
from sandbox.runs.fault import Fault
from sandbox.runs.playbook import Run
from sandbox.scenes.actions import stage
from sandbox.scenes.interruption import while_held
from sandbox.scenes.scene import Scene
from sandbox.servers.waiting import wait_until

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]


def codes(run: Run) -> set[tuple[str, str]]:
    return {(problem["code"], problem["server"]) for problem in run.problems}


@pytest.fixture
def scene(kind: str, tmp_path: Path) -> Iterator[Scene]:
    with Cluster(kind, replicas=2) as cluster:
        yield Scene(cluster, tmp_path)


def follow_by_name(server: Server, source: Server, name: str) -> None:
    """Let a server follow another one over a channel with a name."""
    if server.installation.is_mariadb:
        where = f"MASTER_HOST = '127.0.0.1', MASTER_PORT = {source.port}, MASTER_USER = 'repl', MASTER_PASSWORD = %s, MASTER_USE_GTID = slave_pos"
        change, start = f"CHANGE MASTER '{name}' TO {where}", f"START SLAVE '{name}'"
    else:
        where = f"SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {source.port}, SOURCE_USER = 'repl', SOURCE_PASSWORD = %s"
        more = "SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1"
        change, start = f"CHANGE REPLICATION SOURCE TO {where}, {more} FOR CHANNEL '{name}'", f"START REPLICA FOR CHANNEL '{name}'"
    server.execute_all((change, (PASSWORDS["repl"],)), start)


def channels(server: Server) -> list[tuple[str, int]]:
    """Name the channels of a server, and the port of the source of each."""
    if server.installation.is_mariadb:
        return [(row["Connection_name"], int(row["Master_Port"])) for row in server.query("SHOW ALL SLAVES STATUS")]
    return [(row["Channel_Name"], int(row["Source_Port"])) for row in server.query("SHOW REPLICA STATUS")]


def test_of_a_pair_the_one_that_takes_writes_stays_the_primary_when_the_other_dies(scene: Scene) -> None:
    """db0 and db1 follow each other, db2 follows db0; then db1 is killed."""
    cluster = scene.cluster
    db0, db1 = cluster["db0"], cluster["db1"]
    cluster.replicate(db0, db1)
    scene.write(10)
    cluster.wait_in_sync()
    well = scene.check()
    assert "the primary db0 is alive and writable" in well.output or well.returncode == 0, well
    db1.kill()
    wait_until(lambda: db0.replica_status()["receiver"] == "Connecting")
    with Writer(db0) as writer:
        writer.wait_for(5)
    with scene.untouched():
        check = scene.check()
        assert codes(check) == {("unreachable", "db1")}, check
        assert "the primary db0" in check.output or "db0  (" in check.output
        for options in ({}, {"failover_candidates": ["db2"]}, {"failover_dead_primary": "db1"}):
            run = scene.failover(**options)
            assert (run.returncode, run.changed) == (0, 0), run
            assert "nothing is to be done" in run.output
            rehearsal = scene.failover("--check", **options)
            assert (rehearsal.returncode, codes(rehearsal)) == (2, {("unreachable", "db1")}), rehearsal
            assert "if db0 died now, a failover would be refused: db1" in rehearsal.output
    assert scene.writable() == ["db0"]
    assert channels(db0) == [("", db1.port)]
    # Nor is one opened where the elections are asked for by themselves.
    entries = [{"name": name, "host": server.host, "port": server.port} for name, server in cluster.servers.items()]
    task = {"dbha.mysql.mysql_find_best_replica": {"replicas": entries, "primary": entries[1], "unreachable": "proceed", "candidates": ["db2"], **scene.login}}
    run = scene.run_tasks([task])
    assert ("two_writable", "db0") in codes(run), run


# The channels of a source that is not of the cluster are named otherwise in each family.
@pytest.mark.also("mariadb-10.11", "mysql-9.7")
def test_a_primary_that_follows_an_outsider_stays_the_primary_whether_that_lives_or_not(scene: Scene) -> None:
    cluster = scene.cluster
    db0, outside = cluster["db0"], cluster.add("outside")
    if outside.installation.is_mariadb:
        outside.execute("SET GLOBAL gtid_domain_id = 7")
    outside.execute("CREATE DATABASE elsewhere")
    follow_by_name(db0, outside, "east")
    wait_until(lambda: db0.query("SHOW DATABASES LIKE 'elsewhere'"))
    members = ["db0", "db1", "db2"]
    written = scene.write(10)
    cluster.wait_in_sync(replicas=[cluster["db1"], cluster["db2"]])
    for lives in (True, False):
        if not lives:
            outside.kill()
        with scene.untouched([cluster[name] for name in members]):
            run = scene.run_on("failover", members)
        assert (run.returncode, run.changed) == (0, 0), run
        assert run.dbha_result["new_primary"]["name"] == "db0"
        assert channels(db0) == [("east", outside.port)]
        assert scene.run_on("check", members).problems == []
    assert rows(cluster["db1"]) == written


class Opened:
    """db0 was killed, db1 opened by hand without an end of its replication, db2 follows it; then db0 comes back."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.cluster = scene, scene.cluster
        self.db0, self.db1, self.db2 = (scene.cluster[name] for name in ("db0", "db1", "db2"))
        self.written = scene.write(10)
        self.cluster.wait_in_sync()
        scene.kill_primary()
        scene.thread("STOP", self.db1)
        self.db1.set_read_only(False)
        self.cluster.replicate(self.db2, self.db1)
        with Writer(self.db1) as writer:
            writer.wait_for(10)
        self.written |= writer.acknowledged

    def bring_back(self, *, closed: bool) -> None:
        self.db0.start(*(["--read-only"] if closed else []))
        self.db0.set_read_only(closed)


def test_one_that_was_opened_by_hand_is_the_primary_and_a_stale_one_that_is_back_and_closed_is_brought_to_it(scene: Scene) -> None:
    opened = Opened(scene)
    opened.bring_back(closed=True)
    check = scene.check()
    assert codes(check) == {("not_a_replica", "db0")}, check
    assert "db1  (" in check.output.splitlines()[0] or "db1" in check.output
    run = scene.failover()
    assert run.returncode == 0, run
    assert channels(opened.db1) == []
    assert scene.writable() == ["db1"]
    assert scene.rejoin().returncode == 0
    assert scene.writable() == ["db1"]
    for server in (opened.db0, opened.db2):
        assert server.replica_status()["source_port"] == opened.db1.port
        wait_until(lambda server=server: rows(server) == opened.written)
    assert scene.check().problems == []


def test_one_that_was_opened_by_hand_is_the_primary_and_no_third_one_is_opened_beside_it_and_a_stale_one(scene: Scene) -> None:
    opened = Opened(scene)
    opened.bring_back(closed=False)
    with scene.untouched():
        check = scene.check()
        assert codes(check) == {("two_writable", "db0")}, check
        for run in (scene.failover(), scene.switchover(switchover_to="db2"), scene.failover(failover_candidates=["db2"])):
            assert run.returncode == 2, run
            assert "[two_writable] db0" in run.output
    # The stale one is closed first; then the other one is the primary in every respect, and then it is joined.
    assert scene.rejoin().returncode == 2
    assert scene.writable() == ["db1"]
    assert scene.failover().returncode == 0
    assert scene.rejoin().returncode == 0
    assert scene.writable() == ["db1"]
    for server in (opened.db0, opened.db2):
        wait_until(lambda server=server: rows(server) == opened.written)


def test_one_that_was_opened_by_hand_while_the_primary_is_dead_is_finished_by_a_failover(scene: Scene) -> None:
    opened = Opened(scene)
    refused = scene.failover(failover_candidates=["db2"])
    assert (refused.returncode, codes(refused)) == (2, {("two_writable", "db1")}), refused
    run = scene.failover()
    assert run.returncode == 0, run
    assert run.dbha_result["new_primary"]["name"] == "db1"
    scene.assert_whole(opened.written)


def test_one_that_was_opened_is_not_behind_those_that_are_read_a_moment_later(kind: str) -> None:
    """A run has opened db1 and repointed the others, and no more; clients write to it while the next run reads one after the other."""
    with stage(kind, "switchover") as made:
        db1, others = made.cluster["db1"], [made.cluster["db2"], made.cluster["db3"]]
        made.kill_primary()
        made.thread("STOP", db1)
        db1.set_read_only(False)
        for other in others:
            made.cluster.replicate(other, db1)
        made.cluster.wait_in_sync(source=db1, replicas=others)

        def write() -> None:
            wait_until(lambda: any(line.startswith(f"{db1.port}\t") and "STATUS" in line for line in Path(made.log).read_text().splitlines()))
            db1.execute("CREATE DATABASE meanwhile")
            made.cluster.wait_in_sync(source=db1, replicas=others)

        run = while_held(made, Fault("hold", "SHOW GLOBAL VARIABLES", server="db3"), write, playbook="failover")
        assert run.returncode == 0, run
        assert run.dbha_result["new_primary"]["name"] == "db1"
        assert made.writable() == ["db1"]
        assert made.faults_in_end() == []


def test_a_switchover_is_refused_while_another_member_takes_writes(scene: Scene) -> None:
    cluster = scene.cluster
    cluster["db2"].set_read_only(False)
    with scene.untouched():
        run = scene.switchover(switchover_to="db1")
    assert (run.returncode, codes(run)) == (2, {("replica_writable", "db2")}), run
    assert scene.check().codes == {"replica_writable"}
    # What the remedy says.
    cluster["db2"].set_read_only()
    assert scene.check().problems == []
    assert scene.switchover(switchover_to="db1").returncode == 0
