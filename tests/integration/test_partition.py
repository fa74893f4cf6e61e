# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network that is cut in two, and healed: the old primary, and replicas if there are enough, go on without the others, which elect another primary.

Each server is on a host of its own. Whatever is run in whichever order then, one server is the primary: the new one. Where a client on the old side has gone
on writing to the old primary, both have what the other one lacks, and nothing is done before somebody has decided.
"""

from __future__ import annotations

import itertools
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

ORDERS = tuple(itertools.permutations(("check", "failover", "rejoin")))
USUAL = (3, ("check", "rejoin", "failover"))
# How many servers there are, and in which order what is run.
CASES = [
    pytest.param(servers, order, id=f"{servers}_servers_{'_'.join(order)}", marks=() if (servers, order) == USUAL else pytest.mark.thorough)
    for servers in (2, 3, 4, 5)
    for order in ORDERS
]
# A host beside the old primary, with a client of that.
CLIENT = "client"


class Parted(Scene):
    """A cluster, and who was on which side of the cut."""

    old: Server
    new: Server
    strays: list[Server]
    own: set[int]
    """The rows of the client on the old side."""

    @contextmanager
    def cut(self, *, with_client: bool = False) -> Iterator[None]:
        """Cut the primary off, and with it every other replica but the first; fail over on this side; heal the cut at the end.

        A client on the old side writes from before the failover until after it.
        """
        network = self.cluster.network
        assert network is not None
        self.old = self.new_primary
        replicas = [server for server in self.cluster.servers.values() if server is not self.old]
        self.strays = replicas[1::2]
        here = replicas[0::2]
        network.cut_off([self.old.name, *(stray.name for stray in self.strays), CLIENT])
        for server in here:
            wait_until(partial(_has_lost_its_source, server))
        with Writer(self.old, clients=int(with_client), enter=partial(network.enter, CLIENT)) as client:
            client.wait_for(5 * with_client)
            run = self.failover(**PROCEED)
            assert run.returncode == 0, run
            client.wait_for(5 * with_client)
        self.own = client.acknowledged
        (self.new,) = [server for server in here if server.is_writable]
        yield
        self.cluster.wait_in_sync(source=self.old, replicas=self.strays)
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
def test_whatever_is_run_once_the_cut_is_healed_the_new_primary_stays_the_only_one(kind: str, servers: int, order: tuple[str, ...], tmp_path: Path) -> None:
    try:
        Network.try_out()
    except SandboxError as error:
        pytest.skip(str(error))
    with Cluster(kind, replicas=servers - 1, options=OPTIONS, hosts=True) as cluster:
        assert cluster.network is not None
        cluster.network.add(CLIENT)
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

        # And last with rows on the old side that no other server can have. Somebody has closed the old primary before the cut is healed, and opens it again.
        with scene.cut(with_client=True):
            written |= scene.write_to(scene.new)
            scene.old.set_read_only()
        nothing_is_done(scene, order, tmp_path / "saved", closed=True)
        scene.old.set_read_only(False)
        nothing_is_done(scene, order, tmp_path / "saved", closed=False)
        is_decided(scene, written, tmp_path / "saved")


def come_together(scene: Parted, order: tuple[str, ...], *, closed: bool) -> set[int]:
    """Run what there is to run, in an order, while clients write to the new primary; return their rows."""
    left = {*scene.names("stray_replica"), ("not_a_replica" if closed else "two_writable", scene.old.name)}
    with Writer(scene.new, clients=2) as writer:
        writer.wait_for(3)
        for verb in order:
            run = getattr(scene, verb)()
            if verb == "failover":
                left -= scene.names("stray_replica")
            elif verb == "rejoin":
                left = set()
            # What is left to do is no success of a check; of a failover it is, unless two take writes.
            expected = {"check": left, "failover": {each for each in left if each[0] == "two_writable"}, "rejoin": set()}[verb]
            assert (run.returncode, codes(run)) == (2 if expected else 0, expected), run
            if verb != "check" and (scene.strays or not expected):  # one that had nothing to do names nobody
                assert run.dbha_result["new_primary"]["name"] == scene.new.name
            assert scene.new.is_writable
    assert scene.writable() == [scene.new.name]
    return writer.acknowledged


def nothing_is_done(scene: Parted, order: tuple[str, ...], directory: Path, *, closed: bool) -> None:
    """Nothing is closed, opened or repointed before somebody has decided.

    Only where the old primary is closed and nobody follows it there is no doubt who is the primary; and who comes back has something of its own.
    """
    both = {("two_primaries", scene.old.name), ("two_primaries", scene.new.name)}
    expected = {"check": both, "failover": both, "rejoin": both}
    if closed and not scene.strays:
        expected = {"check": {("not_a_replica", scene.old.name)}, "failover": set(), "rejoin": {("own_transactions", scene.old.name)}}
    with scene.untouched():
        for verb in order:
            run = getattr(scene, verb)(rejoin_save_to=str(directory))
            assert run.returncode == (2 if expected[verb] else 0), run
            assert codes(run) >= expected[verb], run


def is_decided(scene: Parted, written: set[int], directory: Path) -> None:
    """What only the old one has is saved, and nobody is joined with it."""
    rejoin = scene.rejoin(rejoin_primary=scene.new.name, rejoin_save_to=str(directory))
    assert rejoin.returncode == 2, rejoin
    assert ("own_transactions", scene.old.name) in codes(rejoin), rejoin
    assert rejoin.dbha_result["own"]["count"] == len(scene.own), rejoin
    assert rejoin.dbha_result["saved"], rejoin
    assert scene.writable() == [scene.new.name]
    assert rows(scene.new) == written
    for server in (scene.old, *scene.strays):
        assert rows(server) - written == scene.own
