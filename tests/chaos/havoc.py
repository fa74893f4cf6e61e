# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to servers in a round, and how it is over again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pymysql

from sandbox import SandboxError, Server
from sandbox.scenes.scene import Scene
from sandbox.servers.accounts import PASSWORDS, SCHEMA
from sandbox.servers.process import is_paused
from sandbox.servers.waiting import wait_until

from .plan import Trouble
from .setting import Part, Setting

_FORCED = b"SEMISYNC: Forced shutdown. Some updates might not be replicated."


class Havoc(Part):
    """What a plan lets happen to servers."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.received: dict[str, str] = {}
        """What each replica that could be asked had when the primary went."""
        self.cut: set[str] = set()
        """Who is cut off."""
        self.waited = True
        """Whether the old primary acknowledged nothing, to the end, that no replica had."""
        self._scene = Scene(self.cluster, self.directory)
        self._locks: list[pymysql.Connection[Any]] = []
        self._delayed: set[str] = set()
        self._mutex = threading.RLock()
        self._timers: list[threading.Timer] = []
        self._failed: list[BaseException] = []

    def close(self) -> None:
        """Let nothing more happen."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        self._unlock()

    def set_semi_sync(self) -> None:
        """Switch semi-synchronous replication on or off, as the plan has it."""
        if self.night.kind == "mysql-5.6":
            return
        source = self.night.sides[0]
        for server in self.servers:
            server.execute(f"SET GLOBAL rpl_semi_sync_{source}_enabled = {int(self.plan.semi_sync and server is self.old)}")
        if self.plan.semi_sync:
            wait_until(lambda: int(self.old.query_one(f"SHOW STATUS LIKE 'Rpl_semi_sync_{source}_clients'")["Value"]) == len(self.replicas))

    def begin(self) -> None:
        """Bring about what happens before the primary goes."""
        for trouble in self.plan.troubles:
            if trouble.after is None:
                self._bring_about(trouble)
        if self.plan.lock_on_primary:
            self._lock(self.old)
        if self.plan.unreceived:
            for server in self.replicas:
                if server.name not in self.watch.away:
                    self._scene.thread("STOP", server, "IO_THREAD")
        if self.plan.troubles or self.plan.unreceived:
            time.sleep(0.2)  # clients write on, and not every replica receives it

    def _later(self, after: float, act: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                act()
            except (SandboxError, pymysql.Error, OSError) as error:
                self._failed.append(error)

        timer = threading.Timer(after, guarded)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def go_on(self) -> None:
        """Let the rest happen, each at its time, while others go on."""
        for trouble in self.plan.troubles:
            if trouble.after is not None:
                self._later(trouble.after, partial(self._bring_about, trouble))

    def wait_for_all(self) -> None:
        """Wait until all has happened."""
        for timer in self._timers:
            timer.join()
        self._timers.clear()
        if self._failed:
            raise SandboxError(f"what was to happen did not: {self._failed[0]}")

    def _bring_about(self, trouble: Trouble) -> None:
        server = self.replicas[trouble.replica]
        with self._mutex:
            if server.name in self.watch.away or server.is_writable:
                return  # it is the primary by now, or has gone with the primary
            if trouble.what.endswith("stopped"):
                self._stop_threads(server, trouble.what)
            elif trouble.what == "killed":
                self._take_away(server, server.kill)
            elif trouble.what == "paused":
                self._take_away(server, server.pause)
            elif trouble.what == "cut off":
                self._cut_off(server)
            elif trouble.what == "delayed":
                if trouble.after is None:  # later its relay logs would be thrown away with it
                    self.cluster.replicate(server, self.old, delay=600)
                    self._delayed.add(server.name)
            elif trouble.what == "locked":
                self._lock(server)
            else:
                self._take_away(server, server.kill)
                self.start(server)

    def _stop_threads(self, server: Server, what: str) -> None:
        thread = {"receiver stopped": "IO_THREAD", "applier stopped": "SQL_THREAD"}.get(what, "")
        with suppress(pymysql.Error):  # a run is at it: a member may be without replication for a moment
            self._scene.thread("STOP", server, thread)

    def _take_away(self, server: Server, act: Callable[[], None]) -> None:
        self._make_away(server)
        act()

    def _make_away(self, *servers: Server) -> None:
        for server in servers:
            self.watch.away.add(server.name)
            if self.plan.proceed:  # a run may do without it then, whatever it has received
                self.received.pop(server.name, None)

    def _cut_off(self, *servers: Server) -> None:
        if not self.night.has_hosts:  # the nearest thing to it
            for server in servers:
                self._take_away(server, server.pause)
            return
        self._make_away(*servers)
        assert self.cluster.network is not None
        self.cluster.network.cut_off(server.name for server in servers)
        self.cut.update(server.name for server in servers)

    def _lock(self, server: Server) -> None:
        with suppress(pymysql.Error):
            connection = server.connect(user="app", password=PASSWORDS["app"], read_timeout=5)
            connection.query(f"LOCK TABLES {SCHEMA}.`rows` READ")
            self._locks.append(connection)

    def _unlock(self) -> None:
        while self._locks:
            with suppress(pymysql.Error, OSError):  # it has been killed
                self._locks.pop().close()

    def start(self, server: Server) -> None:
        """Start a server again."""
        # As docs/guides/ready.md wants it: a server comes back closed. And one of MariaDB with relay logs that nobody has thrown away.
        server.start("--read-only", *(["--skip-slave-start"] if self.night.is_mariadb else []))
        self.watch.away.discard(server.name)

    def let_it_go(self) -> None:
        """Let the primary go, and wait until its replicas have noticed."""
        death, old = self.plan.death, self.old
        if not death:
            return
        if death in ("killed", "restarted"):
            self._take_away(old, old.kill)
        elif death == "shut down":
            self._unlock()
            said = old.error_log.stat().st_size
            self._take_away(old, old.stop)
            with old.error_log.open("rb") as log:
                log.seek(said)
                self.waited = _FORCED not in log.read()
        elif death == "paused":
            self._take_away(old, old.pause)
        else:
            self._cut_off(*([old, self.replicas[self.plan.companion]] if "replica" in death else [old]))
        for server in self.replicas:
            if server.name not in self.watch.away:
                self.received[server.name] = self._has(server)
        if death == "restarted":
            self._later(self.plan.delay, self._come_back)
        wait_until(lambda: not any(self._receives(server) for server in self.replicas))

    def _come_back(self) -> None:
        with self._mutex:
            if not self.old.is_running:
                self.start(self.old)

    def _has(self, server: Server) -> str:
        return ",".join(filter(None, [server.replica_status().get("received", ""), server.executed()]))

    def _receives(self, server: Server) -> bool:
        if server.name in self.watch.away:
            return False
        return self.old.name in self.watch.away and server.replica_status().get("receiver") == "Yes"

    def heal(self, spare: Sequence[Server] = ()) -> None:
        """Let all but a dead primary, and those that are spared, be there again, and nothing be locked."""
        new = self.watch.look()
        with self._mutex:
            if new is not None and new is not self.old and self.old.name in self.watch.away:
                self.watch.retired.add(self.old.name)
            self._unlock()
            if self.cut and self.cluster.network is not None:
                self.cluster.network.heal()
                self.cut.clear()
            for server in self.servers:
                pid = server.pid
                if server in spare:
                    continue
                if pid is None:
                    if server is not self.old:
                        self.start(server)
                elif server is self.old and self.plan.then == "killed" and server.name in self.watch.away:
                    server.kill()
                else:
                    if is_paused(pid):  # it may have been cut off as well
                        server.resume()
                    self.watch.away.discard(server.name)

    def start_threads(self, *, of: Server | None = None) -> None:
        """Let replicas of a living primary replicate, and without a delay, as the remedies say; ``of``: only those that follow this one."""
        self.end_delays()
        for server in self.servers:
            status = server.replica_status() if server.is_running and server.name not in self.watch.away else None
            if status and (of is None or status["source_port"] == of.port):
                self._scene.thread("START", server)

    def end_delays(self) -> None:
        """Let nobody replicate with a delay any more."""
        for name in sorted(self._delayed):
            server = self.cluster[name]
            status = server.replica_status()
            if status and status["delay"]:
                word, prefix = ("REPLICA", "SOURCE") if self._scene.has_new_words else ("SLAVE", "MASTER")
                change = "CHANGE REPLICATION SOURCE TO" if self._scene.has_new_words else "CHANGE MASTER TO"
                server.execute_all(f"STOP {word}", f"{change} {prefix}_DELAY = 0", f"START {word}")
        self._delayed.clear()
