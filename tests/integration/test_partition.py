# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network that is cut in two, and healed: the old primary, and replicas if there are enough, go on without the others, which elect another primary.

Each server is on a host of its own, and clients write on both sides. Whatever is run in whichever order then, one server is the primary: the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene
from sandbox.servers.errors import SandboxError
from sandbox.servers.network import Network
from sandbox.servers.waiting import wait_until

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]

# A replica notices so late that its source is gone.
OPTIONS = ["--loose-slave-net-timeout=2", "--loose-replica-net-timeout=2"]
# Nobody answers across the cut.
PROCEED = {"failover_unreachable": "proceed", "mysql_connect_timeout": 2}

# Where only the old side reaches it, and with no id that the other side has.
OWN_ROW = 10**9

ORDERS = (("failover", "rejoin"), ("rejoin", "failover"))
# How many servers there are, and in which order what is run; the old primary is closed once, and open once.
CASES = [
    pytest.param(servers, order, id=f"{servers}_servers_{order[0]}_first", marks=() if (servers, order) == (3, ORDERS[1]) else pytest.mark.thorough)
    for servers in (2, 3, 4, 5)
    for order in ORDERS
]


class Parted(Scene):
    """A cluster, and who was on which side of the cut."""

    old: Server
    new: Server
    strays: list[Server]

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Cut the primary off, and with it every other replica but the first; fail over on this side; heal the cut at the end."""
        network = self.cluster.network
        assert network is not None
        self.old = self.new_primary
        replicas = [server for server in self.cluster.servers.values() if server is not self.old]
        self.strays = replicas[1::2]
        here = replicas[0::2]
        network.cut_off(server.name for server in (self.old, *self.strays))
        for server in here:
            wait_until(partial(_has_lost_its_source, server))
        run = self.failover(**PROCEED)
        assert run.returncode == 0, run
        (self.new,) = [server for server in here if server.is_writable]
        yield
        network.heal()
        for stray in self.strays:
            wait_until(lambda stray=stray: stray.replica_status()["receiver"] == "Yes")

    def write_to(self, server: Server) -> set[int]:
        with Writer(server) as writer:
            writer.wait_for(5)
        return writer.acknowledged

    def names(self, code: str) -> set[tuple[str, str]]:
        return {(code, stray.name) for stray in self.strays}


def _has_lost_its_source(server: Server) -> bool:
    return bool(server.replica_status()["receiver"] != "Yes")


def _has(server: Server, expected: set[int]) -> bool:
    return rows(server) == expected


def codes(run: Run) -> set[tuple[str, str]]:
    return {(problem["code"], problem["server"]) for problem in run.problems}


@pytest.mark.parametrize(("servers", "order"), CASES)
def test_whatever_is_run_once_the_cut_is_healed_the_new_primary_stays_the_only_one(kind: str, servers: int, order: tuple[str, str], tmp_path: Path) -> None:
    try:
        Network.try_out()
    except SandboxError as error:
        pytest.skip(str(error))
    with Cluster(kind, replicas=servers - 1, options=OPTIONS, hosts=True) as cluster:
        scene = Parted(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        for closed in (True, False):
            with scene.cut():
                written |= scene.write_to(scene.new)
                scene.old.set_read_only(closed)
            written |= come_together(scene, order, closed=closed)
            everybody = cluster.servers.values()
            scene.assert_whole(written, replicas=everybody)
            written = rows(scene.new)
            for server in everybody:
                wait_until(partial(_has, server, written))

        # And last with rows on the old side that no other server can have.
        with scene.cut():
            written |= scene.write_to(scene.new)
            scene.old.execute("INSERT INTO dbha_demo.rows (id, client) VALUES (%s, 0)", (OWN_ROW,))
        both_have_something(scene, order, written, tmp_path / "saved")


def come_together(scene: Parted, order: tuple[str, str], *, closed: bool) -> set[int]:
    """Run what there is to run, in an order, while clients write to the new primary; return their rows."""
    check = scene.check()
    assert check.returncode == 2, check
    assert codes(check) == {*scene.names("stray_replica"), ("not_a_replica" if closed else "two_writable", scene.old.name)}, check
    with Writer(scene.new, clients=2) as writer:
        writer.wait_for(3)
        for verb in order:
            run = getattr(scene, verb)()
            refused = verb == "failover" == order[0] and not closed
            assert (run.returncode, codes(run)) == ((2, {("two_writable", scene.old.name)}) if refused else (0, set())), run
            if scene.strays or not refused:  # one that had nothing to do names nobody
                assert run.dbha_result["new_primary"]["name"] == scene.new.name
            assert scene.new.is_writable
    assert scene.writable() == [scene.new.name]
    return writer.acknowledged


def both_have_something(scene: Parted, order: tuple[str, str], written: set[int], directory: Path) -> None:
    """Nothing is closed, opened or repointed before somebody has decided; then what only the old one has is saved, and nobody is joined with it."""
    both = {("two_primaries", scene.old.name), ("two_primaries", scene.new.name)}
    with scene.untouched():
        for verb in ("check", *order):
            run = getattr(scene, verb)()
            assert run.returncode == 2, run
            assert codes(run) >= both, run
    rejoin = scene.rejoin(rejoin_primary=scene.new.name, rejoin_save_to=str(directory))
    assert rejoin.returncode == 2, rejoin
    assert ("own_transactions", scene.old.name) in codes(rejoin), rejoin
    assert rejoin.dbha_result["own"]["count"] == 1, rejoin
    assert rejoin.dbha_result["saved"], rejoin
    assert scene.writable() == [scene.new.name]
    assert rows(scene.new) == written
    assert rows(scene.old) - written == {OWN_ROW}
