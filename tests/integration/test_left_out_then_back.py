# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas that were left out of a failover go on following the old primary, and that one comes back: nobody takes it for the primary again.

db1 was promoted while db2 and db3 were paused. They go on, and db0 is started.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene
from sandbox.servers.programs import tool
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike

ONE_OF_EACH_FAMILY = pytest.mark.server("mariadb-10.11", "mysql-9.7")


class LeftOut(Scene):
    """What happened, and the rows that clients were told are safe: on the new primary, and on the old one once it was back."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        super().__init__(cluster, directory)
        self.old, self.new = cluster["db0"], cluster["db1"]
        self.strays = [cluster["db2"], cluster["db3"]]
        self.safe = self.write(20)
        cluster.wait_in_sync()
        self.kill_primary()
        for stray in self.strays:
            stray.pause()
        run = self.failover(failover_unreachable="proceed")
        assert run.returncode == 0, run
        assert self.new.is_writable
        for stray in self.strays:
            stray.resume()

    def bring_back(self, *, closed: bool) -> None:
        self.old.start(*(["--read-only"] if closed else []))
        self.old.set_read_only(closed)
        for stray in self.strays:
            wait_until(partial(_receives, stray))

    def write_to(self, server: Server, number: int = 10) -> set[int]:
        with Writer(server) as writer:
            writer.wait_for(number)
        return writer.acknowledged

    def assert_one_primary(self) -> None:
        """See that db1 alone takes writes, has all that is safe, and that all others get what is written to it."""
        assert self.writable() == ["db1"]
        written = self.safe | self.write_to(self.new, 3)
        for server in (self.old, *self.strays):
            status = server.replica_status()
            assert (status["source_port"], status["receiver"], status["applier"]) == (self.new.port, "Yes", "Yes"), f"{server}: {status}"
            wait_until(partial(lambda server: rows(server) == written, server))
        check = self.check()
        assert (check.returncode, check.problems) == (0, []), check


def _receives(server: Server) -> bool:
    return bool(server.replica_status()["receiver"] == "Yes")


@pytest.fixture
def left_out(cluster: Cluster, tmp_path: Path) -> LeftOut:
    return LeftOut(cluster, tmp_path)


def codes(run: Run) -> set[tuple[str, str]]:
    return {(problem["code"], problem["server"]) for problem in run.problems}


@ONE_OF_EACH_FAMILY
@pytest.mark.parametrize("order", ["failover, rejoin", "rejoin, failover"])
@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
def test_the_new_primary_stays_the_primary_and_the_others_are_brought_to_it(left_out: LeftOut, closed: bool, order: str) -> None:
    left_out.safe |= left_out.write_to(left_out.new)
    left_out.bring_back(closed=closed)
    check = left_out.check()
    assert check.returncode == 2, check
    assert "the primary db1 is alive and writable" in check.output or "db1  (" in check.output
    strays = {("stray_replica", "db2"), ("stray_replica", "db3")}
    assert codes(check) == {*strays, ("not_a_replica" if closed else "two_writable", "db0")}, check
    # What the remedy of each says, one after the other.

    with Writer(left_out.new, clients=2) as writer:
        writer.wait_for(3)
        for verb in order.split(", "):
            run = getattr(left_out, verb)()
            if verb == "failover" and order.startswith("failover") and not closed:
                # That the old one takes writes still is no success, though the replicas follow the new one by now.
                assert run.returncode == 2, run
                assert "[two_writable] db0 takes writes, and so does the primary db1" in run.output
                assert {stray.replica_status()["source_port"] for stray in left_out.strays} == {left_out.new.port}
            else:
                assert run.returncode == 0, run
            assert run.dbha_result["new_primary"]["name"] == "db1"
            assert left_out.new.is_writable
    left_out.safe |= writer.acknowledged
    left_out.assert_one_primary()


@ONE_OF_EACH_FAMILY
def test_nobody_has_written_yet(left_out: LeftOut) -> None:
    left_out.bring_back(closed=True)
    assert left_out.failover().returncode == 0
    assert left_out.rejoin().returncode == 0
    left_out.assert_one_primary()


@ONE_OF_EACH_FAMILY
def test_where_both_have_taken_writes_both_are_named_and_the_word_of_the_user_decides(left_out: LeftOut, tmp_path: Path) -> None:
    new_rows = left_out.write_to(left_out.new)
    left_out.bring_back(closed=False)
    old_rows = left_out.write_to(left_out.old)
    left_out.cluster.wait_in_sync(source=left_out.old, replicas=left_out.strays)
    both = {("two_primaries", "db0"), ("two_primaries", "db1")}

    def own(run: Run) -> dict[str, str]:
        return {problem["server"]: problem["gtids"] for problem in run.problems if problem["code"] == "two_primaries"}

    with Writer(left_out.new, clients=2) as writer, left_out.untouched(left_out.strays):
        writer.wait_for(3)
        for run in (left_out.check(), left_out.failover(), left_out.rejoin(), left_out.switchover(), left_out.rejoin(rejoin_server="db1")):
            assert run.returncode == 2, run
            assert codes(run) >= both, run
            assert all(gtids and gtids in run.output for gtids in own(run).values()), run
            # Both go on: nobody is closed before somebody has decided.
            assert set(left_out.writable()) == {"db0", "db1"}
    new_rows |= writer.acknowledged
    if left_out.old.installation.is_mariadb:
        check = left_out.check()
        counted = {problem["server"]: problem["message"].split(" transactions")[0].rpartition(" ")[2] for problem in check.problems if problem["gtids"]}
        assert counted == {"db0": str(len(old_rows)), "db1": str(len(new_rows))}, check

    # What is at stake: the check has it of both, and they go on.
    program = tool(left_out.cluster.kind, "mariadb-binlog" if left_out.old.installation.is_mariadb else "mysqlbinlog")
    check = left_out.check(check_binlog_program=str(program))
    assert [each["problem"] for each in check.dbha_result["alone"]] == [None, None], check
    inserted = {each["server"]: [(table["table"], table["inserted"]) for table in each["tables"]] for each in check.dbha_result["alone"]}
    assert inserted == {"db0": [("rows", len(old_rows))], "db1": [("rows", len(new_rows))]}, check
    assert f"Rows: dbha_demo.rows {len(old_rows)} inserted" in check.output
    assert set(left_out.writable()) == {"db0", "db1"}

    # From here on, what the remedy says. Replicas that have what only the other one wrote are not repointed in silence.
    failover = left_out.failover(failover_primary="db1")
    assert failover.returncode == 2, failover
    assert {("diverged", "db2"), ("diverged", "db3")} <= codes(failover), failover
    assert {stray.replica_status()["source_port"] for stray in left_out.strays} == {left_out.old.port}

    rejoin = left_out.rejoin(rejoin_primary="db1", rejoin_save_to=str(tmp_path / "saved"))
    assert rejoin.returncode == 2, rejoin
    assert ("own_transactions", "db0") in codes(rejoin), rejoin
    assert left_out.writable() == ["db1"]
    assert rejoin.dbha_result["own"]["count"] == len(old_rows), rejoin
    assert rejoin.dbha_result["saved"], rejoin
    assert rows(left_out.new) == left_out.safe | new_rows


@ONE_OF_EACH_FAMILY
def test_the_word_of_the_user_for_the_old_primary_counts_too_and_what_the_new_one_has_is_saved(left_out: LeftOut, tmp_path: Path) -> None:
    new_rows = left_out.write_to(left_out.new)
    left_out.bring_back(closed=False)
    left_out.write_to(left_out.old)
    rejoin = left_out.rejoin(rejoin_primary="db0", rejoin_save_to=str(tmp_path / "saved"))
    assert ("own_transactions", "db1") in codes(rejoin), rejoin
    assert left_out.writable() == ["db0"]
    assert rejoin.dbha_result["own"]["count"] == len(new_rows), rejoin


@ONE_OF_EACH_FAMILY
def test_a_word_that_contradicts_what_the_servers_say_is_refused_and_the_living_primary_is_not_closed(left_out: LeftOut) -> None:
    left_out.safe |= left_out.write_to(left_out.new)
    left_out.bring_back(closed=False)
    with left_out.untouched():
        for run in (
            left_out.rejoin(rejoin_primary="db0"),
            left_out.rejoin(rejoin_primary="db0", rejoin_server="db1"),
            left_out.failover(failover_primary="db0"),
        ):
            assert run.returncode == 2, run
            assert "[not_the_primary] db0 is not the primary: db1 takes writes and has all that db0 has" in run.output
    # Said to the module itself, it is refused too.
    entries = {name: {"name": name, "host": server.host, "port": server.port} for name, server in left_out.cluster.servers.items()}
    task = {"dbha.mysql.mysql_rejoin": {"server": entries["db1"], "primary": entries["db0"], "replicas": list(entries.values()), **left_out.login}}
    with left_out.untouched():
        run = left_out.run_tasks([task])
    assert ("not_the_primary", "db0") in codes(run), run
    # What the remedy says: the current primary is named, or nothing.
    assert left_out.rejoin(rejoin_primary="db1").returncode == 0
    assert left_out.failover().returncode == 0
    left_out.assert_one_primary()


@ONE_OF_EACH_FAMILY
def test_a_cluster_of_two_whose_old_primary_is_back(kind: str, tmp_path: Path) -> None:
    """Each alone, and nobody follows anybody: the sets decide."""
    with Cluster(kind, replicas=1) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        scene.kill_primary()
        assert scene.failover().returncode == 0
        with Writer(cluster["db1"]) as writer:
            writer.wait_for(5)
        cluster["db0"].start()
        # Also for whoever expects that the primary is dead.
        for expected in ("alive", "dead"):
            check = scene.check(expect_primary=expected)
            assert check.returncode == 2, check
            also = {("primary_alive", "db1")} if expected == "dead" else set()
            assert codes(check) == {("two_writable", "db0"), *also}, check
        assert scene.rejoin().returncode == 0
        scene.assert_whole(written | writer.acknowledged, replicas=cluster.servers.values())
