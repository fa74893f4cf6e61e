# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carrying rounds out on one cluster, which is whole again at the end of each."""

from __future__ import annotations

import re
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pymysql

from sandbox import Cluster, SandboxError, Server, Writer, rows
from sandbox.runs.fault import Fault
from sandbox.runs.playbook import Playbooks, Run
from sandbox.runs.watching import Told, Watching, arguments
from sandbox.scenes.clusters import is_whole
from sandbox.scenes.scene import Scene
from sandbox.servers.accounts import PASSWORDS, SCHEMA
from sandbox.servers.network import Network
from sandbox.servers.process import is_paused
from sandbox.servers.programs import tool
from sandbox.servers.replication import domains
from sandbox.servers.waiting import wait_until

from .plan import REPLICAS, Plan, Trouble
from .report import longest_gap, rows_in
from .watch import Watch

CLIENTS = 4
_COPIER = {"rejoin_copy_user": "copier", "rejoin_copy_password": "copier"}
_MOST_RUNS = 8
_NEVER = 3_600_000
_FORCED = b"SEMISYNC: Forced shutdown. Some updates might not be replicated."

_WATCHING = {"connect_timeout": 1, "read_timeout": 1}
_LOOK = 5.0
"""Seconds that a look of the watcher may take, on a busy machine and with servers that are silent."""
_TOLD = 45.0
"""Seconds after which it is silent. Three looks take a second where a server is dead, ten where it hangs, and more on a busy machine."""


@dataclass
class Outcome:
    """What came of a round."""

    runs: list[tuple[str, Run]] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    """Why another run was needed."""
    acknowledged: int = 0
    missing: int = 0
    """Acknowledged rows that the new primary lacked when the run had succeeded."""
    forced: int = 0
    """Those of them that a MySQL may have acknowledged while it was shut down: without a replica it then waits no longer, and says so in its log."""
    named: int = 0
    """Those of them that were given up in the end, each named and saved."""
    unnamed: int = 0
    received_and_lost: int = 0
    """Transactions of the old primary alone that a replica had received which could be asked."""
    differ: list[str] = field(default_factory=list)
    two: list[str] = field(default_factory=list)
    gap: float = 0.0
    """The longest time without an accepted write, from the moment on at which it began."""
    seconds: float = 0.0
    events: list[Told] = field(default_factory=list)
    """What the watcher has told."""
    told_after: float | None = None
    """How many seconds after the primary went it said that it is dead."""
    false_alarms: int = 0
    """How often it said so of a primary that answered, or was only paused."""
    untold: int = 0
    """Dead primaries of which it said nothing, or less than it could know."""
    findings: list[str] = field(default_factory=list)


class Night:
    """A cluster to which bad things happen: a primary and three replicas, each on a host of its own if the machine allows that."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.directory = directory
        self.has_hosts = True
        try:
            Network.try_out()
        except SandboxError:
            self.has_hosts = False
        self.is_mariadb = kind.startswith("mariadb")
        self.sides = ("master", "slave") if self.is_mariadb else ("source", "replica")
        self._cluster: Cluster | None = None

    def cluster(self) -> Cluster:
        """Return the cluster, after making it if there is none."""
        if self._cluster is None:
            self._cluster = Cluster(self.kind, REPLICAS, options=self._options(), hosts=self.has_hosts)
            self._cluster.primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'copier'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")
            if self.kind == "mysql-9.7":
                # What the README says of mysql_safe_start and of clones.
                more = "SELECT, BACKUP_ADMIN, CLONE_ADMIN, INSERT, SYSTEM_VARIABLES_ADMIN, PERSIST_RO_VARIABLES_ADMIN"
                self._cluster.primary.execute(f"GRANT {more} ON *.* TO failover@'%'")
            self._cluster.wait_in_sync()
        return self._cluster

    def _options(self) -> list[str]:
        options = ["--loose-slave-net-timeout=2", "--loose-replica-net-timeout=2"]
        if self.kind == "mysql-5.6":  # its package has no plugins
            return options
        if not self.is_mariadb:
            options.append("--plugin-load-add=semisync_source.so;semisync_replica.so")
        source, replica = self.sides
        # A primary that goes on without acknowledgements after some seconds promises nothing.
        return [*options, f"--loose-rpl-semi-sync-{replica}-enabled=1", f"--loose-rpl-semi-sync-{source}-timeout={_NEVER}"]

    def close(self) -> None:
        """Remove the cluster; the next round gets a new one."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.close()

    def carry_out(self, plan: Plan, number: int) -> Outcome:
        """Carry a round out. Whatever goes wrong is a finding; after one that the cluster may not survive, it is made anew."""
        outcome, begun = Outcome(), time.monotonic()
        directory = self.directory / f"round-{number}"
        directory.mkdir(parents=True, exist_ok=True)
        try:
            work = Round(self, self.cluster(), plan, outcome, directory)
            try:
                work.carry_out()
            finally:
                work.close()
        except subprocess.TimeoutExpired as error:
            said = error.output.decode(errors="replace") if isinstance(error.output, bytes) else error.output
            outcome.findings.append(f"a run hangs:\n{said}")
        except (SandboxError, pymysql.Error, OSError) as error:
            outcome.findings.append(f"{type(error).__name__}: {error}")
            (directory / "traceback.txt").write_text(traceback.format_exc(), encoding="utf-8")
        if outcome.findings:
            self.close()
        outcome.seconds = time.monotonic() - begun
        return outcome


class Round:
    """One round."""

    def __init__(self, night: Night, cluster: Cluster, plan: Plan, outcome: Outcome, directory: Path) -> None:
        self.night, self.cluster, self.plan, self.outcome, self.directory = night, cluster, plan, outcome, directory
        self.servers = list(cluster.servers.values())
        self.playbooks = Playbooks(cluster, directory)
        self.scene = Scene(cluster, directory)
        (self.old,) = [server for server in self.servers if server.is_writable]
        self.replicas = [server for server in self.servers if server is not self.old]
        self.watch = Watch(self.servers)
        self.watcher: Watching | None = None
        self.pool = ThreadPoolExecutor(8)
        self.saved: set[int] = set()
        """The rows that a rejoin has saved of a server that alone had them."""
        self.received: dict[str, str] = {}
        self._locks: list[pymysql.Connection[Any]] = []
        self._delayed: set[str] = set()
        self._cut: set[str] = set()
        self._waited = True
        """Whether the old primary acknowledged nothing, to the end, that no replica had."""
        self._word: dict[str, Any] = {}
        """What a rejoin is told besides: which of two primaries is the one."""
        self._mutex = threading.RLock()
        self._timers: list[threading.Timer] = []
        self._failed: list[BaseException] = []

    def close(self) -> None:
        """End what would go on by itself."""
        for timer in self._timers:
            timer.cancel()
            timer.join()
        if self.watcher is not None:
            self.watcher.end()
        self.watch.close()
        self.pool.shutdown()
        self._unlock()

    def carry_out(self) -> None:
        """Carry it out."""
        self.old.execute(f"TRUNCATE TABLE {SCHEMA}.`rows`")
        self._set_semi_sync()
        self.cluster.wait_in_sync(source=self.old, replicas=self.servers)
        wait_until(lambda: self.watch.writable is self.old)
        with Writer(self.old, CLIENTS, follow=lambda: self.watch.writable, pause=0.04, timeout=1) as writer:
            writer.wait_for(30)
            if self.plan.watched:
                self._let_it_be_watched()
            self._before()
            began = time.monotonic()
            died = time.time()
            self._let_it_go()
            self._wait_to_be_told(died)
            for trouble in self.plan.troubles:
                if trouble.after is not None:
                    self._later(trouble.after, partial(self._bring_about, trouble))
            done = self._run_until_done()
            if done:
                self._see_what_is_missing(writer)
                self._mend(writer)
                writer.wait_for(10)
            ended = time.monotonic()
        self.outcome.acknowledged = len(writer.acknowledged)
        self.outcome.gap = longest_gap(list(writer.times.values()), began, ended)
        if done and not self.outcome.findings:
            self._compare(writer.acknowledged)
        if self.watch.two:
            self.outcome.two = sorted(self.watch.two)
            self.outcome.findings.append(f"these took writes at the same moment: {', '.join(self.outcome.two)}")
        if not self.watch.is_at_work:
            raise SandboxError("not all servers could be asked all the time whether they take writes")
        if self.watcher is not None and (self.watcher.process.poll() is not None or self.watcher.errors):
            self.outcome.findings.append(f"the watcher has failed: {self.watcher.errors}")

    # --- who watches

    def _let_it_be_watched(self) -> None:
        self.watcher = Watching(self.directory, arguments(self.cluster, **_WATCHING), seen=self._see_event)
        wait_until(lambda: self.outcome.events)
        first = self.outcome.events[0]
        if first["type"] != "topology_changed" or first["primary"].get("name") != self.old.name:
            self.outcome.findings.append(f"the watcher begins with {first['type']}, {first['message']}, and the primary is {self.old.name}")

    def _see_event(self, event: Told) -> None:
        """See, at once, that what is called dead does not live."""
        self.outcome.events.append(event)
        if event["type"] != "primary_dead":
            return
        server = self.cluster[event["server"]]
        since, pid, asked = self.watch.answering.get(server.name), server.pid, _moment(event) - _LOOK
        # It may have been dead when it was asked, a look before.
        answers = since is not None and since < asked
        if answers or (pid is not None and server.name not in self._cut and is_paused(pid)):
            self.outcome.false_alarms += 1
            self.outcome.findings.append(f"{server.name} {'answers' if answers else 'is paused'}, and the watcher says: {event['message']}")

    def _wait_to_be_told(self, died: float) -> None:
        """Wait until the watcher says that the primary is dead, and so starts the failover, or as much as it can know: then somebody starts it."""
        watcher, old = self.watcher, self.old
        if watcher is None or not self.plan.death:
            return
        enough = ["primary_dead"] if self._can_be_known_to_be_dead() else ["primary_dead", "primary_suspected", "cut_off"]

        def find() -> Told | None:
            return next((event for event in self.outcome.events if event["type"] in enough), None)

        with suppress(SandboxError):
            # One that is restarted may be back before that.
            wait_until(lambda: find() or old.name not in self.watch.away, _TOLD)
        event = find()
        if event is None and old.name in self.watch.away:
            self.outcome.untold += 1
            told = [(each["type"], each["code"], each["message"]) for each in self.outcome.events]
            self.outcome.findings.append(f"the watcher does not tell any of {enough}, although {old.name} is {self.plan.death}, but {told}")
        elif event is not None and event["type"] == "primary_dead":
            self.outcome.told_after = _moment(event) - died

    def _can_be_known_to_be_dead(self) -> bool:
        """Tell whether the primary does not live, and more than half of the replicas say that they do not receive from it."""
        silent = [server for server in self.replicas if server.name in self.watch.away]
        # Where no server runs, the host says so.
        unheard = [server for server in silent if server.pid is not None or server.name in self._cut]
        is_gone = self.old.pid is None or self.old.name in self._cut
        return is_gone and len(silent) < len(self.replicas) and 2 * len(unheard) < len(self.replicas)

    # --- what happens

    def _set_semi_sync(self) -> None:
        if self.night.kind == "mysql-5.6":
            return
        source = self.night.sides[0]
        for server in self.servers:
            server.execute(f"SET GLOBAL rpl_semi_sync_{source}_enabled = {int(self.plan.semi_sync and server is self.old)}")
        if self.plan.semi_sync:
            wait_until(lambda: int(self.old.query_one(f"SHOW STATUS LIKE 'Rpl_semi_sync_{source}_clients'")["Value"]) == len(self.replicas))

    def _before(self) -> None:
        for trouble in self.plan.troubles:
            if trouble.after is None:
                self._bring_about(trouble)
        if self.plan.lock_on_primary:
            self._lock(self.old)
        if self.plan.unreceived:
            for server in self.replicas:
                if server.name not in self.watch.away:
                    self.scene.thread("STOP", server, "IO_THREAD")
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

    def _wait_for_timers(self) -> None:
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
                self._start(server)

    def _stop_threads(self, server: Server, what: str) -> None:
        thread = {"receiver stopped": "IO_THREAD", "applier stopped": "SQL_THREAD"}.get(what, "")
        with suppress(pymysql.Error):  # a run is at it: a member may be without replication for a moment
            self.scene.thread("STOP", server, thread)

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
        self._cut.update(server.name for server in servers)

    def _lock(self, server: Server) -> None:
        with suppress(pymysql.Error):
            connection = server.connect(user="app", password=PASSWORDS["app"], read_timeout=5)
            connection.query(f"LOCK TABLES {SCHEMA}.`rows` READ")
            self._locks.append(connection)

    def _unlock(self) -> None:
        while self._locks:
            with suppress(pymysql.Error, OSError):  # it has been killed
                self._locks.pop().close()

    def _start(self, server: Server) -> None:
        # As docs/guides/ready.md wants it: a server comes back closed. And one of MariaDB with relay logs that nobody has thrown away.
        server.start("--read-only", *(["--skip-slave-start"] if self.night.is_mariadb else []))
        self.watch.away.discard(server.name)

    def _let_it_go(self) -> None:
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
                self._waited = _FORCED not in log.read()
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
                self._start(self.old)

    def _has(self, server: Server) -> str:
        return ",".join(filter(None, [server.replica_status().get("received", ""), server.executed()]))

    def _receives(self, server: Server) -> bool:
        if server.name in self.watch.away:
            return False
        return self.old.name in self.watch.away and server.replica_status().get("receiver") == "Yes"

    def _heal(self, spare: Sequence[Server] = ()) -> None:
        """Let all but a dead primary, and those that are spared, be there again, and nothing be locked."""
        new = self.watch.look()
        with self._mutex:
            if new is not None and new is not self.old and self.old.name in self.watch.away:
                self.watch.retired.add(self.old.name)
            self._unlock()
            if self._cut and self.cluster.network is not None:
                self.cluster.network.heal()
                self._cut.clear()
            for server in self.servers:
                pid = server.pid
                if server in spare:
                    continue
                if pid is None:
                    if server is not self.old:
                        self._start(server)
                elif server is self.old and self.plan.then == "killed" and server.name in self.watch.away:
                    server.kill()
                else:
                    if is_paused(pid):  # it may have been cut off as well
                        server.resume()
                    self.watch.away.discard(server.name)

    def _start_threads(self, *, of: Server | None = None) -> None:
        """Let replicas of a living primary replicate, and without a delay, as the remedies say; ``of``: only those that follow this one."""
        self._end_delays()
        for server in self.servers:
            status = server.replica_status() if server.is_running and server.name not in self.watch.away else None
            if status and (of is None or status["source_port"] == of.port):
                self.scene.thread("START", server)

    def _let_one_acknowledge(self) -> None:
        """Do what is asked for where commits wait for an acknowledgement: start the replicas of the primary, and have the others repointed."""
        self._start_threads(of=self._primary())
        self._play("failover", **{f"failover_{name}": value for name, value in self._word.items()})

    def _end_delays(self) -> None:
        for name in sorted(self._delayed):
            server = self.cluster[name]
            status = server.replica_status()
            if status and status["delay"]:
                word, prefix = ("REPLICA", "SOURCE") if self.scene.has_new_words else ("SLAVE", "MASTER")
                change = "CHANGE REPLICATION SOURCE TO" if self.scene.has_new_words else "CHANGE MASTER TO"
                server.execute_all(f"STOP {word}", f"{change} {prefix}_DELAY = 0", f"START {word}")
        self._delayed.clear()

    # --- what is done about it

    def _play(self, playbook: str, environment: Mapping[str, str] | None = None, **variables: Any) -> Run:
        run = self.playbooks.run(f"dbha.mysql.{playbook}", environment=environment, timeout=240, mysql_safe_start=True, **variables)
        self.outcome.runs.append((playbook, run))
        return run

    def _variables(self) -> dict[str, Any]:
        if self.plan.action == "switchover":
            return {} if self.plan.to is None else {"switchover_to": self.replicas[self.plan.to].name}
        return {"failover_unreachable": "proceed"} if self.plan.proceed else {}

    def _run_until_done(self) -> bool:
        """Run the playbook until it succeeds, doing something about what was in its way, as somebody would who reads what it says."""
        runs = self._first_runs()
        for attempt in range(_MOST_RUNS):
            if any(run.returncode == 0 for run in runs):
                self._wait_for_timers()
                return True
            self.outcome.again.append(_why(runs[0]))
            self._wait_for_timers()
            if runs[0].codes & {"two_primaries", "two_writable"} and self._primary() is not self.old:
                return True  # one that was killed has opened it, and what the remedies ask for is a rejoin of the other one, which comes next
            if runs[0].codes == {"locked"}:
                time.sleep(0.2)
            variables = self._variables()
            forced = self.plan.then == "forced" and self.old.name in self.watch.away
            if forced:
                variables.update(failover_force=True, failover_dead_primary=self.old.name)
            self._heal(spare=[self.old] if forced else [])
            if "commits_wait" in runs[0].codes:
                self._let_one_acknowledge()
            if "never_connected" in runs[0].codes and not self.old.is_running:
                # All replicas were restarted without it: as is asked for, it is started, and they receive what they lack.
                self._start(self.old)
            if self.plan.action == "switchover":
                self._start_threads()
                if attempt:
                    variables = {}
            playbook = self.plan.action
            if attempt > 2:  # it is asked for a server that takes writes, whoever it is
                playbook, variables = "failover", {}
            runs = [self._play(playbook, **variables)]
        self.outcome.findings.append(f"it has not succeeded in {_MOST_RUNS} runs; the last one:\n{runs[0]}")
        return False

    def _first_runs(self) -> list[Run]:
        plan, variables = self.plan, self._variables()
        if plan.interruption == "twice":
            first: Future[Run] = self.pool.submit(self._play, plan.action, **variables)
            time.sleep(plan.head_start)
            second = self._play(plan.action, **variables)
            return [first.result(), second]
        environment = None
        if plan.interruption:
            environment = Fault(plan.interruption, number=plan.statement).environment(self.directory / "statements", self.cluster)
        return [self._play(plan.action, environment, **variables)]

    def _mend(self, writer: Writer) -> None:
        """Bring everything back, until one server takes writes and all others replicate from it."""
        seen: list[str] = []
        for _attempt in range(_MOST_RUNS):
            self._heal()
            if not self.old.is_running:
                self._start(self.old)
            primary = self._primary()
            if primary is not None and self._is_whole_soon():
                self._end_delays()
                return
            run = self._rejoin(self._strays(primary)) if primary is not None and self._strays(primary) else self._play("failover")
            if run.returncode:
                seen.append(_why(run))
                if "commits_wait" in run.output:
                    self._let_one_acknowledge()
                if "two_primaries" in run.codes and primary is not None:
                    # As its remedy says: only clients know whom they have written to.
                    self._word = {"primary": primary.name}
                    continue
                # Those who cannot follow as they are: what only they have is saved, and they are overwritten, or it is brought to the primary.
                apart = [name for name in dict.fromkeys(problem.get("server") for problem in run.problems) if name in self.cluster.servers]
                if primary is not None and len(seen) > 1 and apart and apart != [primary.name]:
                    self._rejoin([name for name in apart if name != primary.name], by_name=True)
            elif "not_replicating" in run.output:
                # Somebody may have stopped them on purpose: where the primary lives, no run starts them, and a warning says how.
                self._start_threads()
        self.outcome.findings.append(f"it is not whole after {_MOST_RUNS} runs: {', '.join(seen)}; the last one:\n{self.outcome.runs[-1][1]}")

    def _primary(self) -> Server | None:
        with suppress(SandboxError):
            wait_until(lambda: self.watch.writable is not None, timeout=2)
        return self.watch.writable

    def _is_whole_soon(self) -> bool:
        with suppress(SandboxError):
            wait_until(lambda: is_whole(self.cluster), timeout=1)
            return True
        return False

    def _strays(self, primary: Server) -> list[str]:
        """Name those that replicate from nobody, or take writes beside the primary."""
        return [server.name for server in self.servers if server is not primary and (server.is_writable or not server.replica_status())]

    def _rejoin(self, names: Sequence[str], *, by_name: bool = False) -> Run:
        program = tool(self.night.kind, "mariadb-binlog" if self.night.is_mariadb else "mysqlbinlog")
        variables: dict[str, Any] = {"rejoin_save_to": str(self.directory / "saved"), "rejoin_binlog_program": str(program), **_COPIER}
        if self.night.kind != "mysql-5.6":
            variables["rejoin_dump_program"] = str(tool(self.night.kind, "mariadb-dump" if self.night.is_mariadb else "mysqldump"))
        if self.plan.overwrite != "replay":
            variables["rejoin_method"] = self.plan.overwrite
        if by_name or len(names) > 1:
            variables["rejoin_server"] = names[0]
        run = self._play("rejoin", **variables, **{f"rejoin_{name}": value for name, value in self._word.items()})
        self._note_what_is_saved(run)
        if "restart_needed" in run.output:
            for server in self.servers:
                if not server.is_running or server.name in names:
                    server.stop()
                    self._start(server)
        return run

    def _note_what_is_saved(self, run: Run) -> None:
        result = run.custom.get("dbha_result") or {}
        saved = result.get("saved")
        if not saved:
            return
        self.saved |= rows_in(Path(saved["sql"]))
        self._see_what_was_received(result["own"]["gtids"])
        if self.plan.overwrite == "replay" and "own_transactions" in run.codes:
            primary = self._primary()
            if primary is not None:
                replay(Path(saved["sql"]), primary)

    # --- what came of it

    def _see_what_is_missing(self, writer: Writer) -> None:
        primary = self._primary()
        if primary is None:
            self.outcome.findings.append("the run has succeeded, and no server takes writes")
            return
        if primary is not self.old and self.old.name in self.watch.away:
            self.watch.retired.add(self.old.name)
        acknowledged = writer.acknowledged  # before the rows are read
        missing = acknowledged - rows(primary)
        self.outcome.missing = len(missing)
        if missing and self.plan.semi_sync and not self._waited:
            self.outcome.forced = len(missing)
        elif missing and self.plan.semi_sync:
            self.outcome.findings.append(f"{len(missing)} rows are lost that were acknowledged with semi-synchronous replication: {sorted(missing)[:10]}")

    def _see_what_was_received(self, own: str) -> None:
        """See that nothing of what only an old primary has had been received by a replica that could be asked when it went."""
        for name, received in self.received.items():
            if common := self._common(own, received):
                self.outcome.received_and_lost += 1
                self.outcome.findings.append(f"{name} had received what is lost: {common}")

    def _common(self, own: str, received: str) -> str:
        if self.night.is_mariadb:
            had = domains(received)
            numbers = re.findall(r"(\d+)-\d+-(\d+)", own)
            return ",".join(f"{domain}-{number}" for domain, number in numbers if int(number) <= had.get(int(domain), 0))
        # Any server can tell; the old primary may have to be started, after a clone.
        return str((self._primary() or self.old).value("SELECT GTID_SUBTRACT(%s, GTID_SUBTRACT(%s, %s))", (own, own, received)))

    def _compare(self, acknowledged: set[int]) -> None:
        primary = self._primary()
        assert primary is not None
        self.cluster.wait_in_sync(source=primary, replicas=self.servers)
        with suppress(SandboxError):
            wait_until(lambda: not self._differing(primary), timeout=5, pause=0.1)
        self.outcome.differ = self._differing(primary)
        if self.outcome.differ:
            self.outcome.findings.append(f"servers differ: {', '.join(self.outcome.differ)}")
        missing = acknowledged - rows(primary)
        self.outcome.named = len(missing & self.saved)
        self.outcome.unnamed = len(missing - self.saved)
        if self.outcome.unnamed:
            self.outcome.findings.append(f"rows are lost and named nowhere: {sorted(missing - self.saved)[:10]}")

    def _differing(self, primary: Server) -> list[str]:
        told = {server.name: _content(server) for server in self.servers}
        return [f"{name}: {said}, {primary.name}: {told[primary.name]}" for name, said in told.items() if said != told[primary.name]]


def _moment(event: Told) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def _position(server: Server) -> str:
    if server.installation.is_mariadb:
        return ",".join(sorted(str(server.value("SELECT @@GLOBAL.gtid_current_pos")).split(",")))
    return server.executed()


def _content(server: Server) -> tuple[str, int]:
    return _position(server), int(server.query_one(f"CHECKSUM TABLE {SCHEMA}.`rows`")["Checksum"])


def _why(run: Run) -> str:
    """Say why a run has not succeeded: its codes, or how it ended."""
    return "+".join(sorted(run.codes)) or (f"killed by signal {-run.returncode}" if run.returncode < 0 else f"exit code {run.returncode}")


def replay(sql: Path, server: Server) -> None:
    """Feed SQL to a server as users do, through the command-line client. That of MySQL 9 does not log in to 5.6 any more."""
    client = tool(server.kind, "mysql") if server.kind == "mysql-9.7" else tool("mariadb-10.11", "mariadb")
    statements = sql.read_bytes()
    if server.kind == "mysql-5.6":
        # Written by the tool of 9.7, for there is none of 5.6 here. To 5.6 these are comments, but statements all the same, and not allowed where they stand.
        statements = re.sub(rb"^/\*!80\d+ .*\n", b"", statements, flags=re.MULTILINE)
    command = [str(client), "--no-defaults", f"--socket={server.socket}", "--user=root", "--binary-mode"]
    done = subprocess.run(command, input=statements, capture_output=True, check=False)
    if done.returncode:
        raise SandboxError(f"what was saved cannot be replayed: {done.stderr.decode(errors='replace')}")
