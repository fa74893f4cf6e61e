# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source on real servers: what it tells, and that it never takes a living primary for dead."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest

from sandbox import PASSWORDS, Cluster, SandboxError, Server
from sandbox.runs.playbook import Playbooks
from sandbox.runs.watching import QUICKLY, Watching, arguments
from sandbox.servers.network import Network
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike

ONLY = pytest.mark.server("mariadb-10.11", "mysql-9.7")
ANY = pytest.mark.server("mariadb-10.11")


@contextlib.contextmanager
def crowded(server: Server, is_seen: Callable[[], object]) -> Iterator[None]:
    """Take all connections of a server, those of the watcher too, until that is seen."""
    with contextlib.ExitStack() as opened:
        ours = opened.enter_context(contextlib.closing(server.connect())).cursor()
        ours.execute("SELECT @@GLOBAL.max_connections AS most")
        most = ours.fetchone()["most"]
        # MariaDB allows no less. One more is let in if it is privileged.
        ours.execute("SET GLOBAL max_connections = 10")

        def crowd() -> object:
            ours.execute("SELECT id FROM information_schema.PROCESSLIST WHERE user = 'failover'")
            for row in ours.fetchall():
                with contextlib.suppress(pymysql.err.MySQLError):
                    ours.execute(f"KILL {next(iter(row.values()))}")
            with contextlib.suppress(pymysql.err.OperationalError):
                while True:
                    opened.enter_context(contextlib.closing(server.connect()))
            return is_seen()

        wait_until(crowd, pause=0.05)
        ours.execute(f"SET GLOBAL max_connections = {most}")
        yield


@ONLY
def test_a_living_primary_is_never_taken_for_dead_and_a_dead_one_is(cluster: Cluster, tmp_path: Path) -> None:
    primary = cluster.primary
    paused = tmp_path / "paused"
    paused.mkdir()
    with Watching(tmp_path, arguments(cluster, pause_directory=str(paused), **QUICKLY)) as watching:

        def tell_something() -> None:
            """See that it looks, and tells what it sees."""
            count = len(watching.events)
            primary.set_read_only()
            watching.wait_for("primary_read_only", after=count)
            primary.set_read_only(False)

        first = watching.wait_for("topology_changed")
        assert first["message"] == "the primary is db0; db1 follows db0; db2 follows db0; db3 follows db0"

        # Slow, or paused: it may be alive.
        primary.pause()
        suspected = watching.wait_for("primary_suspected")
        assert (suspected["server"], suspected["code"], suspected["primary"]["status"]) == ("db0", "primary_maybe_alive", "maybe_alive")
        primary.resume()
        assert watching.wait_for("primary_back")["server"] == "db0"

        # A watcher that stands still knows nothing of the meantime, in which the servers went on.
        count = len(watching.events)
        watching.pause()
        for server in cluster.servers.values():
            server.pause()
        time.sleep(1.5)
        watching.go_on()
        for server in cluster.servers.values():
            server.resume()
        tell_something()
        assert {event["type"] for event in watching.events[count:]} <= {"primary_read_only", "primary_suspected", "primary_back", "cut_off"}

        # A run at work is nobody's fault, whatever it does to the primary.
        with contextlib.ExitStack() as runs:
            for server in cluster.servers.values():
                runs.enter_context(contextlib.closing(server.connect())).cursor().execute("SELECT GET_LOCK('dbha.mysql', 1)")
            count = len(watching.events)
            primary.set_read_only()
            time.sleep(1.5)
            assert watching.events[count:] == []
        assert watching.wait_for("primary_read_only", after=count)["remedy"]
        primary.set_read_only(False)

        assert "primary_dead" not in watching.types
        (paused / "all").touch()
        primary.kill()
        dead = watching.wait_for("primary_dead")
        assert (dead["cluster"], dead["server"], dead["code"], dead["paused"]) == ("orders", "db0", "primary_dead", True)
        assert dead["primary"]["status"] == "dead"
        assert [(each["name"], each["reachable"], each["receives_from_primary"]) for each in dead["replicas"]] == [
            (name, True, False) for name in ("db1", "db2", "db3")
        ]
        # It goes on, because whoever is to act may have failed.
        (paused / "all").unlink()
        again = watching.wait_for("primary_dead", lambda event: event["times"] >= 2 and not event["paused"])
        assert again["since"] == dead["since"]

        done = Playbooks(cluster, tmp_path).run("dbha.mysql.failover")
        assert done.returncode == 0, done
        new = done.dbha_result["new_primary"]["name"]
        changed = watching.wait_for("topology_changed", lambda event: event is not first)
        assert changed["primary"]["name"] == new
        assert changed["message"].startswith(f"the primary is {new}, and was db0; ")

        # It is back, and does not know that it has been replaced.
        count = len(watching.events)
        primary.start()
        assert watching.wait_for("two_writable", after=count)["server"] == "db0"
        assert "primary_back" not in {event["type"] for event in watching.events[count:]}
        shown = str(watching.events) + watching.errors
    assert PASSWORDS["failover"] not in shown
    assert watching.errors == ""


@ANY
def test_what_ails_replicas_is_told(cluster: Cluster, tmp_path: Path) -> None:
    given = arguments(cluster, **{**QUICKLY, "max_lag": 1})
    # Where an address is all that is said, that is the name.
    given["clusters"]["orders"] = [f"{server.host}:{server.port}" for server in cluster.servers.values()]
    db1, db2, db3 = (f"{cluster[name].host}:{cluster[name].port}" for name in ("db1", "db2", "db3"))
    with Watching(tmp_path, given) as watching:
        watching.wait_for("topology_changed")
        # The primary lets nobody in: it is alive, and that is what is told.
        with crowded(cluster.primary, lambda: "login_refused" in {event["code"] for event in watching.events}):
            refused = watching.wait_for("not_ready", lambda event: event["code"] == "login_refused")
        assert refused["server"].endswith(f":{cluster.primary.port}")
        count = len(watching.events)
        cluster["db1"].execute("STOP SLAVE")
        assert watching.wait_for("replica_broken", lambda event: event["server"] == db1, after=count)["code"] == "not_replicating"
        cluster["db2"].kill()
        assert watching.wait_for("replica_broken", lambda event: event["server"] == db2, after=count)["code"] == "unreachable"
        cluster["db3"].set_read_only(False)
        cluster["db3"].execute("CREATE TABLE dbha_demo.own (id INT)")
        errant = watching.wait_for("errant", after=count)
        assert (errant["server"], bool(errant["gtids"])) == (db3, True)
        # Nobody else is asked who is the primary, and what cannot be read is not known to be dead.
        cluster["db1"].kill()
        cluster["db3"].kill()
        cluster.primary.kill()
        watching.wait_for("cut_off", after=count)
        assert not watching.types & {"primary_dead", "primary_suspected", "primary_back"}
        wait_until(lambda: watching.process.poll() is None)
    assert watching.errors == ""


@ANY
def test_a_watcher_that_is_cut_off_from_the_primary_asks_the_replicas(kind: str, tmp_path: Path) -> None:
    try:
        Network.try_out()
    except SandboxError as error:
        pytest.skip(str(error))
    # A replica notices so late that its source is gone.
    with Cluster(kind, replicas=2, options=["--loose-slave-net-timeout=2"], hosts=True) as cluster:
        network = cluster.network
        assert network is not None
        network.add("watcher")
        with Watching(tmp_path, arguments(cluster, **QUICKLY), prefix=network.prefix_of("watcher")) as watching:
            watching.wait_for("topology_changed")
            # Only from the watcher what is sent there is lost without a word.
            network.lose("watcher", "db0")
            watching.wait_for("primary_suspected", lambda event: event["times"] > 1 and all(each["receives_from_primary"] for each in event["replicas"]))
            network.find("watcher", "db0")
            watching.wait_for("primary_back")
            assert "primary_dead" not in watching.types
            # From all.
            network.cut_off(["db0"])
            dead = watching.wait_for("primary_dead")
            assert {each["receives_from_primary"] for each in dead["replicas"]} == {False}
            network.heal()
            watching.wait_for("primary_back", lambda event: event["time"] > dead["time"])
            # From nobody can anything be learned.
            count = len(watching.events)
            network.cut_off(["watcher"])
            watching.wait_for("cut_off")
            assert "primary_dead" not in {event["type"] for event in watching.events[count:]}
