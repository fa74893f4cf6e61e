# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster on which a failover, or a switchover, is carried out, perhaps with an interruption, and how it stands then."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pymysql
import yaml

from ..runs.playbook import TESTS, Run
from ..servers.accounts import PASSWORDS
from ..servers.cluster import Cluster
from ..servers.server import Server
from ..servers.waiting import HANGS, wait_until
from .sampler import Sampler
from .scene import Scene
from .writer import Writer, rows

# What one server is given at most to answer: connect_timeout and read_timeout.
_ANSWER = 13
# A killed run's lock is held for as long as its last statement runs on the server: a stop of threads, the longest, is given 20 s.
_LOCKED = 20 + HANGS

Standing = dict[str, Any]


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
    overtakers: Mapping[str, Callable[[Stage], list[Run]]] = field(default_factory=dict)
    """What other runs do while this one stands still."""
    twin: str = ""
    """A replica with which everything is done that is done with another one, at the same moment, by the same code."""


class Stage(Scene):
    """A cluster on which one action is carried out, and which is looked at afterwards."""

    def __init__(self, cluster: Cluster, action: Action, directory: Path) -> None:
        super().__init__(cluster, directory)
        self.action = action
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

    def end_connections(self) -> None:
        """End all connections of ours to servers, and with them the locks, as a server does that has heard nothing for too long."""
        for server in self.living:
            for row in _ours(server):
                with suppress(pymysql.Error):
                    server.execute("KILL %s", (row["ID"],))
        for server in self.living:
            wait_until(partial(_has_nobody_of_ours, server))

    def remove_hindrances(self) -> None:
        """Let what was in the way be gone."""
        while self.hindrances:
            with suppress(pymysql.Error):  # it has been killed
                self.hindrances.pop().close()

    def lock_table(self, server: Server, table: str, how: str) -> None:
        """Let a client lock a table: READ or WRITE."""
        connection = server.connect(host=server.host, port=server.port, user="app", password=PASSWORDS["app"], autocommit=False, read_timeout=60)
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

    def faults_in_end(self, timeout: float = HANGS) -> list[str]:
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
    specification = yaml.safe_load((TESTS.parent / "roles" / playbook / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options = specification["argument_specs"]["main"]["options"]
    return _ANSWER + sum(float(option["default"]) for name, option in options.items() if name.endswith("_timeout"))


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


def _ours(server: Server) -> list[dict[str, Any]]:
    return server.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'failover'")


def _has_nobody_of_ours(server: Server) -> bool:
    return not _ours(server)


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
def writing(made: Stage) -> Iterator[Sampler]:
    """Write to whatever server takes writes meanwhile, count what it acknowledges as received, and watch how many take writes."""
    with Sampler(made.living) as sampler:
        with Writer(made.living[0], follow=lambda: sampler.writable) as writer:
            yield sampler
        made.received = made.received | writer.acknowledged
