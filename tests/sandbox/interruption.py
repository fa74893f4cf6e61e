# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A failover, or a switchover, that is interrupted and run again; what has to hold then."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .cluster import Cluster
from .playbook import Run
from .scene import Scene
from .server import Server
from .snapshot import differences
from .writer import Writer, rows

FAULTS = Path(__file__).with_name("faults")
_CALLBACKS = [Path(__file__).with_name("callback_plugins"), FAULTS / "callback_plugins"]

Standing = dict[str, Any]


@dataclass(frozen=True)
class Action:
    """What is carried out, and what it is told."""

    playbook: str
    variables: tuple[tuple[str, Any], ...] = ()


ACTIONS = {
    "failover": Action("failover"),
    "catch-up": Action("failover", (("failover_candidates", "db2"),)),
    "switchover": Action("switchover", (("switchover_to", "db2"),)),
}
"""Failover: all replicas have received what none has applied. Catch-up: the one that is wanted lacks what the others have received."""


@dataclass(frozen=True)
class Fault:
    """How and where a run is interrupted: at the nth statement (to that server), or at the nth start or end of a task, that contains a text."""

    mode: str
    text: str = ""
    number: int = 1
    server: str | None = None

    def environment(self, log: Path, cluster: Cluster) -> dict[str, str]:
        """Return what the interrupters read (see faults/)."""
        what = "DBHA_FAULT_TASK" if self.mode.endswith("at-task") else "DBHA_FAULT_TEXT"
        environment = {**watching(log), "DBHA_FAULT_MODE": self.mode, what: self.text, "DBHA_FAULT_NUMBER": str(self.number)}
        if self.server is not None:
            environment.update(DBHA_FAULT_PORT=str(cluster[self.server].port), DBHA_FAULT_PID=str(cluster[self.server].pid))
        return environment

    def __str__(self) -> str:
        return f"{self.mode} {self.server or ''} {self.text}".strip() + (f" #{self.number}" if self.number > 1 else "")


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

    def run(self, environment: dict[str, str] | None = None, *, playbook: str = "", **variables: Any) -> Run:
        """Carry the action out, or another playbook."""
        variables = {**dict(self.action.variables), **variables}
        return self._playbooks.run(f"dbha.mysql.{playbook or self.action.playbook}", environment=environment, cluster="orders", **variables)

    @property
    def living(self) -> list[Server]:
        """The servers that run."""
        return [server for server in self.cluster.servers.values() if server.is_running]

    def writable(self) -> list[str]:
        """Name the servers that take writes."""
        return [server.name for server in self.living if server.is_writable]

    def standing(self) -> Standing:
        """Tell how the living servers stand to each other, by what they are and not by their names."""
        ports = {server.port: server.name for server in self.cluster.servers.values()}
        each = {server.name: _standing(server, ports) for server in self.living}
        for name, what in each.items():
            source = what.get("source")
            what["source"] = None if source is None else "a primary" if source in each and each[source].get("source") is None else source
            what["name"] = name if self.action.variables and what["source"] is None else ""
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
        replicas = [server for server in self.living if server is not primary]
        while (late := _not_following(primary, replicas)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return wrong + late


def _standing(server: Server, ports: dict[int, str]) -> Standing:
    variables = {row["Variable_name"]: row["Value"] for row in server.query("SHOW GLOBAL VARIABLES WHERE Variable_name REGEXP 'read_only$|_enabled$'")}
    kept = server.datadir / "mysqld-auto.cnf"
    persisted = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    status = server.replica_status()
    replication = {key: status.get(key) for key in ("receiver", "applier", "source_user", "delay")}
    by_gtid = {name: value for name, value in status.get("raw", {}).items() if name in ("Using_Gtid", "Auto_Position")}
    source = ports.get(status["source_port"], status["source_port"]) if status else None
    settings = {name: entry["Value"] for group in persisted.values() if isinstance(group, dict) for name, entry in group.items()}
    return {"variables": variables, "persisted": settings, "replication": {**replication, **by_gtid}, "source": source}


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


@contextmanager
def stage(kind: str, action: str) -> Iterator[Stage]:
    """Make a cluster that has been written to; but for a switchover its primary is dead, and replicas have received what they have not applied."""
    with Cluster(kind, replicas=3) as cluster, tempfile.TemporaryDirectory() as directory:
        made = Stage(cluster, action, Path(directory))
        made.received = made.write(20)
        cluster.wait_in_sync()
        if action != "switchover":
            behind = [cluster["db2"]] if action == "catch-up" else []
            for server in cluster.replicas:
                made.thread("STOP", server, "IO_THREAD" if server in behind else "SQL_THREAD")
            made.received = made.write(20)
            made.await_received(*(server for server in cluster.replicas if server not in behind))
            made.kill_primary()
        yield made


@dataclass(frozen=True)
class Clean:
    """An undisturbed run: the statements (server, outline) and events of tasks in their order, and how the cluster stands after it."""

    statements: tuple[tuple[str, str], ...]
    tasks: tuple[str, ...]
    standing: Standing


@cache
def clean_run(kind: str, action: str) -> Clean:
    """Carry an action out once undisturbed."""
    with stage(kind, action) as made:
        run = made.run(watching(made.log))
        wrong = made.faults_in_end()
        if run.returncode or wrong:
            raise SystemExit(f"an undisturbed {action} fails: {wrong}\n{run}")
        ports = {str(server.port): server.name for server in made.cluster.servers.values()}
        lines = [line.split("\t", 1) for line in made.log.read_text(encoding="utf-8").splitlines()]
        tasks = Path(f"{made.log}.tasks").read_text(encoding="utf-8").splitlines()
        return Clean(tuple((ports[port], text) for port, text in lines), tuple(tasks), made.standing())


@dataclass(frozen=True)
class Outcome:
    """What came of an interrupted run and the one after it."""

    where: str
    """The statement or task at which it was interrupted; empty if it did not come up."""
    first: str = ""
    """How the interrupted run ended: killed, finished, or refused with codes."""
    found: str = ""
    """How the cluster stood then: before, after (as after an undisturbed run), between."""
    wrong: tuple[str, ...] = ()


def interrupt(kind: str, action: str, fault: Fault) -> Outcome:
    """Carry an action out with an interruption, then again without."""
    clean = clean_run(kind, action)
    with stage(kind, action) as made:
        before = made.standing()
        first = made.run(fault.environment(made.log, made.cluster))
        done = Path(f"{made.log}.done")
        if not done.exists():
            return Outcome("")
        where, codes = done.read_text(encoding="utf-8"), ", ".join(sorted(first.codes))
        ended = "killed" if first.returncode < 0 else "finished" if not first.returncode else f"refused: {codes or 'no code'}"
        wrong = ["the interrupted run failed without a code"] if ended.endswith("no code") else []
        if len(made.writable()) > 1:
            wrong.append(f"after the interruption {made.writable()} took writes")
        stood = made.standing()
        found = "before" if stood == before else "after" if stood == clean.standing else "between"
        # What a server waits for on behalf of one that was killed keeps the lock for as long: that is refused, with a code that says so.
        deadline = time.monotonic() + 30
        while (second := made.run()).codes == {"locked"} and time.monotonic() < deadline:
            pass
        if second.returncode:
            wrong.append(f"the second run failed:\n{second}")
        wrong += made.faults_in_end()
        different = differences(clean.standing, made.standing())
        if different:
            wrong.append(f"it stands otherwise than after an undisturbed run: {different}")
        return Outcome(where, ended, found, tuple([*wrong, f"the first run:\n{first}"] if wrong else []))
