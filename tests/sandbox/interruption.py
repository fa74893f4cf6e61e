# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failover, or a switchover, that is interrupted and run again; what has to hold then."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pymysql
import yaml

from .accounts import PASSWORDS
from .cluster import Cluster
from .errors import SandboxError
from .playbook import TESTS, Run
from .sampler import Sampler
from .scene import Scene, wait_until
from .server import Server
from .snapshot import differences
from .writer import Writer, rows

FAULTS = Path(__file__).with_name("faults")
_CALLBACKS = [Path(__file__).with_name("callback_plugins"), FAULTS / "callback_plugins"]

# What one server is given at most to answer: connect_timeout and read_timeout.
_ANSWER = 13
# A killed run's lock is held for as long as its last statement runs on the server: a stop of threads, the longest, is given 20 s.
_LOCKED = 25

Standing = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """How and where a run is interrupted: at the nth statement (to that server), or at the nth start or end of a task, that contains a text."""

    mode: str
    text: str = ""
    number: int = 1
    server: str | None = None
    place: str = ""
    """From where in the product's code; anywhere if it is not said."""

    def environment(self, log: Path, cluster: Cluster) -> dict[str, str]:
        """Return what the interrupters read (see faults/)."""
        what = "DBHA_FAULT_TASK" if self.mode.endswith("at-task") else "DBHA_FAULT_TEXT"
        environment = {**watching(log), "DBHA_FAULT_MODE": self.mode, what: self.text, "DBHA_FAULT_NUMBER": str(self.number)}
        if self.place:
            environment["DBHA_FAULT_PLACE"] = self.place
        if self.server is not None:
            environment.update(DBHA_FAULT_PORT=str(cluster[self.server].port), DBHA_FAULT_PID=str(cluster[self.server].pid))
        return environment

    @property
    def innermost(self) -> str:
        """The last functions on the way to that place."""
        return " ".join(self.place.split()[-2:])

    def __str__(self) -> str:
        number, place = f" #{self.number}" if self.number > 1 else "", f" in {self.place}" if self.place else ""
        return f"{self.mode} {self.server or ''} {self.text}".strip() + number + place


def watching(log: Path) -> dict[str, str]:
    """Return the environment in which statements and tasks are only written down."""
    callbacks = ":".join(str(path) for path in _CALLBACKS)
    return {
        "PYTHONPATH": str(FAULTS),
        "DBHA_FAULT_LOG": str(log),
        "ANSIBLE_CALLBACK_PLUGINS": callbacks,
        "ANSIBLE_CALLBACKS_ENABLED": "dbha_results,dbha_faults",
    }


class Stage(Scene):
    """A cluster on which one action is carried out, and which is looked at afterwards."""

    def __init__(self, cluster: Cluster, action: str, directory: Path) -> None:
        super().__init__(cluster, directory)
        self.action = ACTIONS[action]
        self.directory = directory
        self.log = directory / "statements"
        self.received: set[int] = set()
        self.hindrances: list[pymysql.Connection[Any]] = []
        """Clients that hold what the action needs."""

    def run(self, environment: dict[str, str] | None = None, *, playbook: str = "", **variables: Any) -> Run:
        """Carry the action out, or another playbook. Raises TimeoutExpired if it takes longer than all its time limits together."""
        variables = {**self.action.variables, **variables}
        playbook = playbook or self.action.playbook
        limit = _time_limit(playbook)
        return self._playbooks.run(f"dbha.mysql.{playbook}", environment=environment, timeout=limit, cluster="orders", **variables)

    def first_run(self, environment: dict[str, str]) -> Run:
        """Carry the action out as the hindrances let it, which are gone then."""
        run = self.run(environment, **self.action.hindered)
        if self.action.refused_with:
            self.remove_hindrances()
        return run

    def second_run(self) -> tuple[Run, int]:
        """Carry the action out again, and return also how often that was refused before, since servers still kept the lock of a killed run.

        They do for as long as they are at its last statement. The refusal has a code that says so.
        """
        deadline, locked = time.monotonic() + _LOCKED, 0
        while (run := self.run()).codes == {"locked"} and time.monotonic() < deadline:
            locked += 1
        return run, locked

    def remove_hindrances(self) -> None:
        """Let what was in the way be gone."""
        while self.hindrances:
            with suppress(pymysql.Error):  # it has been killed
                self.hindrances.pop().close()

    def lock_table(self, server: Server, table: str, how: str) -> None:
        """Let a client lock a table: READ or WRITE."""
        connection = pymysql.connect(host=server.host, port=server.port, user="app", password=PASSWORDS["app"], read_timeout=60)
        connection.query(f"LOCK TABLES dbha_demo.`{table}` {how}")
        self.hindrances.append(connection)

    @property
    def living(self) -> list[Server]:
        """The servers that run."""
        return [server for server in self.cluster.servers.values() if server.is_running]

    def standing(self) -> Standing:
        """Tell how the living servers stand to each other, by what they are and not by their names."""
        ports = {server.port: server.name for server in self.cluster.servers.values()}
        each = {server.name: _standing(server, ports) for server in self.living}
        for name, what in each.items():
            source = what.get("source")
            what["source"] = None if source is None else "a primary" if source in each and each[source].get("source") is None else source
            what["name"] = name if self.action.winner and what["source"] is None else ""
        return {str(index): what for index, what in enumerate(sorted(each.values(), key=lambda what: json.dumps(what, sort_keys=True)))}

    def faults_in_end(self, timeout: float = 30) -> list[str]:
        """Say what is wrong with the cluster now that it should be in order; nothing if nothing is."""
        writable = self.writable()
        if len(writable) != 1:
            return [f"writable: {writable}"]
        primary = self.cluster[writable[0]]
        wrong = [f"{primary.name} still has a source"] if primary.replica_status() else []
        missing = self.received - rows(primary)
        if missing:
            wrong.append(f"{len(missing)} rows are lost")
        with Writer(primary) as writer:
            writer.wait_for(1)
        deadline = time.monotonic() + timeout
        replicas = [server for server in self.living if server is not primary and not self._is_left_alone(server)]
        while (late := _not_following(primary, replicas)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return wrong + late

    def _is_left_alone(self, server: Server) -> bool:
        """Tell whether a server is a former primary that a failover was forced past: what becomes of it is said by a rejoin."""
        return self.action.variables.get("failover_dead_primary") == server.name and not server.replica_status()


@cache
def _time_limit(playbook: str) -> float:
    """Return how long a role may take: its time limits together, and those of a login."""
    defaults = yaml.safe_load((TESTS.parent / "roles" / playbook / "defaults" / "main.yml").read_text(encoding="utf-8"))
    return _ANSWER + sum(float(value) for name, value in defaults.items() if name.endswith("_timeout"))


def _standing(server: Server, ports: dict[int, str]) -> Standing:
    variables = {row["Variable_name"]: row["Value"] for row in server.query("SHOW GLOBAL VARIABLES WHERE Variable_name REGEXP 'read_only$|_enabled$'")}
    kept = server.datadir / "mysqld-auto.cnf"
    persisted = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    status = server.replica_status()
    replication = {key: status.get(key) for key in ("receiver", "applier", "source_user", "delay")}
    by_gtid = {name: value for name, value in status.get("raw", {}).items() if name in ("Using_Gtid", "Auto_Position")}
    source = ports.get(status["source_port"], status["source_port"]) if status else None
    settings = {name: entry["Value"] for group in persisted.values() if isinstance(group, dict) for name, entry in group.items()}
    if settings.get("super_read_only") == "ON":
        settings.pop("read_only", None)  # it says nothing then (seen: MySQL 9.7 is read-only after a restart with OFF for it)
    events = {row["EVENT_NAME"]: row["STATUS"] for row in server.query("SELECT EVENT_NAME, STATUS FROM information_schema.EVENTS")}
    return {"variables": variables, "persisted": settings, "replication": {**replication, **by_gtid}, "source": source, "events": events}


def _not_following(primary: Server, replicas: list[Server]) -> list[str]:
    wrong, there = [], rows(primary)
    for server in replicas:
        status = server.replica_status()
        threads = (status.get("receiver"), status.get("applier"))
        if status.get("source_port") != primary.port or threads != ("Yes", "Yes"):
            wrong.append(f"{server.name} does not replicate from {primary.name}: {threads}, port {status.get('source_port')}")
        elif rows(server) != there:
            wrong.append(f"{server.name} has other rows than {primary.name}")
    return wrong


# --- What is carried out


def _only_received(made: Stage) -> None:
    """Let the primary die when all replicas have received what none has applied."""
    _write_what_is_only_received(made, made.cluster.replicas)


def _one_behind(made: Stage) -> None:
    """Let the primary die when only one replica has received what the others, of which one is wanted, have not: from whom it catches up is then certain."""
    _write_what_is_only_received(made, [made.cluster["db1"]])


def _standing_still(made: Stage) -> None:
    """Let the primary die when only one replica has received what it wrote last, and that one stands still: starting it would throw that away."""
    winner = made.cluster["db1"]
    _write_what_is_only_received(made, [winner])
    made.thread("STOP", winner)


def _late_on_purpose(made: Stage) -> None:
    """Let the primary die when only one replica has received what it wrote last, and that one is to apply it ten minutes later."""
    winner = made.cluster["db1"]
    made.cluster.replicate(winner, delay=600)
    for server in made.cluster.replicas:
        if server is not winner:
            made.thread("STOP", server, "IO_THREAD")
    made.received = made.write(20)
    made.await_received(winner)
    made.kill_primary()


def _appliers_blocked(made: Stage) -> None:
    """Let the primary die when two replicas have received what they cannot apply, since a client has the table locked, and one has not."""
    made.thread("STOP", made.cluster["db3"], "IO_THREAD")
    up_to_date = [made.cluster["db1"], made.cluster["db2"]]
    for server in up_to_date:
        made.lock_table(server, "rows", "READ")
    made.received = made.write(20)
    made.await_received(*up_to_date)
    made.kill_primary()


def _write_what_is_only_received(made: Stage, receiving: list[Server]) -> None:
    for server in made.cluster.replicas:
        made.thread("STOP", server, "SQL_THREAD" if server in receiving else "IO_THREAD")
    made.received = made.write(20)
    made.await_received(*receiving)
    made.kill_primary()


def _nothing(made: Stage) -> None:
    """Leave everything in order."""


def _a_second_behind(made: Stage) -> None:
    """Let the candidate always lack what the primary wrote last, so that it is seen if that is not waited for."""
    made.cluster.replicate(made.cluster["db2"], delay=1)


def _everything_in_the_way(made: Stage) -> None:
    """Let there be an event, semi-synchronous replication, and a client whose lock read_only waits for."""
    primary, side = made.cluster.primary, "master" if made.cluster.primary.installation.is_mariadb else "source"
    primary.execute_all(
        "CREATE DEFINER = 'app'@'%' EVENT dbha_demo.nightly ON SCHEDULE EVERY 1 DAY DO DO 1",
        "CREATE TABLE dbha_demo.reports (id INT NOT NULL PRIMARY KEY)",
        f"SET GLOBAL rpl_semi_sync_{side}_enabled = 1",
    )
    made.cluster.wait_in_sync()
    made.lock_table(primary, "reports", "WRITE")


def _semi_sync_options(kind: str) -> list[str]:
    if kind.startswith("mariadb"):
        return ["--rpl-semi-sync-slave-enabled=1"]
    return ["--plugin-load-add=semisync_source.so;semisync_replica.so", "--loose-rpl-semi-sync-replica-enabled=1"]


@dataclass(frozen=True)
class Action:
    """What is carried out, in what scene, and what it is told."""

    playbook: str
    scene: Callable[[Stage], None]
    variables: Mapping[str, Any] = field(default_factory=dict)
    winner: str = ""
    """Who has to be the primary afterwards; if it is not named, any of them."""
    refused_with: str = ""
    """The code with which an undisturbed first run is refused; the second one finds that what was in its way is gone."""
    hindered: Mapping[str, Any] = field(default_factory=dict)
    """What the first run is told besides."""
    options: Callable[[str], list[str]] = lambda _kind: []
    families: tuple[str, ...] = ("mariadb", "mysql")
    twin: str = ""
    """A replica with which everything is done that is done with another one, at the same moment, by the same code."""


ACTIONS = {
    "failover": Action("failover", _only_received, twin="db3"),
    "catch-up": Action("failover", _one_behind, {"failover_candidates": "db2"}, winner="db2"),
    "switchover": Action("switchover", _a_second_behind, {"switchover_to": "db2"}, winner="db2", twin="db3"),
    "switchover-full": Action("switchover", _everything_in_the_way, {"switchover_to": "db2"}, winner="db2", options=_semi_sync_options, twin="db3"),
    "relay-logs": Action("failover", _standing_still, winner="db1", families=("mariadb",), twin="db3"),
    "delayed": Action("failover", _late_on_purpose, winner="db1", twin="db3"),
    "undone": Action("failover", _appliers_blocked, refused_with="drain_timeout", hindered={"failover_drain_timeout": 2}),
    "forced": Action("failover", _nothing, {"failover_dead_primary": "db0", "failover_force": True}, twin="db3"),
}
"""What is interrupted, so that nearly every statement of a failover or a switchover is sent by one of them."""


@contextmanager
def stage(kind: str, action: str) -> Iterator[Stage]:
    """Make a cluster that has been written to, in the state that the action is about."""
    told = ACTIONS[action]
    with Cluster(kind, replicas=3, options=told.options(kind)) as cluster, tempfile.TemporaryDirectory() as directory:
        made = Stage(cluster, action, Path(directory))
        made.received = made.write(20)
        cluster.wait_in_sync()
        told.scene(made)
        try:
            yield made
        finally:
            made.remove_hindrances()


@contextmanager
def writing(made: Stage) -> Iterator[Sampler]:
    """Write to whatever server takes writes meanwhile, count what it acknowledges as received, and watch how many take writes."""
    with Sampler(made.living) as sampler:
        with Writer(made.living[0], follow=lambda: sampler.writable) as writer:
            yield sampler
        made.received = made.received | writer.acknowledged


# --- Interrupting it


@dataclass(frozen=True)
class Sent:
    """A statement, to which server, from where in the code."""

    server: str
    place: str
    text: str


def while_held(made: Stage, fault: Fault, act: Callable[[], None], **variables: Any) -> Run:
    """Carry an action out, and do something while it is held where the fault says."""
    with ThreadPoolExecutor() as pool:
        run = pool.submit(made.run, fault.environment(made.log, made.cluster), **variables)
        try:
            wait_until(lambda: run.done() or Path(f"{made.log}.done").exists(), timeout=60)
            act()
        finally:
            Path(f"{made.log}.go").touch()
        return run.result()


@dataclass(frozen=True)
class Clean:
    """An undisturbed run: its statements and events of tasks in their order, and how the cluster stands after it (and a second one if it is refused)."""

    statements: tuple[Sent, ...]
    tasks: tuple[str, ...]
    standing: Standing


@cache
def clean_run(kind: str, action: str) -> Clean:
    """Carry an action out once undisturbed."""
    with stage(kind, action) as made:
        before, received = made.standing(), made.received
        with writing(made) as sampler:
            run = made.first_run(watching(made.log))
            expected = {made.action.refused_with} - {""}
            wrong = [] if bool(run.returncode) == bool(expected) and run.codes == expected else [f"codes: {sorted(run.codes)}"]
            if expected:
                wrong += [] if made.standing() == before else [f"it is not undone: {differences(before, made.standing())}"]
                run = made.run()
                wrong += ["the second run fails"] if run.returncode else []
        wrong += ["two took writes"] if sampler.most > 1 else []
        wrong += ["no client could write"] if made.received == received else []
        wrong += made.faults_in_end()
        if wrong:
            raise SandboxError(f"an undisturbed {action} fails: {wrong}\n{run}")
        ports = {str(server.port): server.name for server in made.cluster.servers.values()}
        lines = [line.split("\t", 2) for line in made.log.read_text(encoding="utf-8").splitlines()]
        tasks = Path(f"{made.log}.tasks").read_text(encoding="utf-8").splitlines()
        return Clean(tuple(Sent(ports[port], place, text) for port, place, text in lines), tuple(tasks), made.standing())


@dataclass(frozen=True)
class Outcome:
    """What came of an interrupted run and the one after it."""

    where: str
    """The statement or task at which it was interrupted; empty if it did not come up."""
    first: str = ""
    """How the interrupted run ended: killed, stopped by Ctrl-C, finished, or refused with codes."""
    found: str = ""
    """How the cluster stood then: before, after (as after an undisturbed run), between."""
    wrong: tuple[str, ...] = ()
    seconds: tuple[float, float] = (0.0, 0.0)
    """How long the interrupted run took, and the one after it."""
    locked: int = 0
    """How often a run was refused before that one, since the servers still kept the lock of the one that was killed."""


def interrupt(kind: str, action: str, fault: Fault) -> Outcome:
    """Carry an action out with an interruption, then again without."""
    clean = clean_run(kind, action)
    with stage(kind, action) as made:
        before = made.standing()
        with writing(made) as sampler:
            first = made.first_run(fault.environment(made.log, made.cluster))
            done = Path(f"{made.log}.done")
            if not done.exists():
                return Outcome("", wrong=("it did not come up",))
            ended = _end(first)
            wrong = ["the interrupted run failed without a code"] if ended == "refused: " else []
            stood = made.standing()
            found = "before" if stood == before else "after" if stood == clean.standing else "between"
            if ended == "finished" and found != "after":
                wrong.append(f"the interrupted run says that it has finished, and it has not: {differences(clean.standing, stood)}")
            second, locked = made.second_run()
        if sampler.most > 1:
            wrong.append(f"{sampler.most} servers took writes at the same time")
        if second.returncode:
            wrong.append(f"the second run failed:\n{second}")
        wrong += made.faults_in_end()
        different = differences(clean.standing, made.standing())
        if different:
            wrong.append(f"it stands otherwise than after an undisturbed run: {different}")
        seconds = (round(first.seconds, 1), round(second.seconds, 1))
        where = done.read_text(encoding="utf-8")
        return Outcome(where, ended, found, tuple([*wrong, f"the first run:\n{first}"] if wrong else []), seconds, locked)


def _end(run: Run) -> str:
    if run.returncode < 0:
        return "killed"
    if run.returncode == 99:
        return "stopped"  # what ansible-playbook says of Ctrl-C
    return f"refused: {', '.join(sorted(run.codes))}" if run.returncode else "finished"
