# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interrupt a failover, or a switchover, at each of its statements, run it again, and see that it ends as an undisturbed one does: `make sweep`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .cluster import Cluster
from .playbook import Playbooks, Run
from .server import Server
from .writer import Writer, rows

MODES = ("kill-before", "kill-after", "unsent", "unanswered")
ACTIONS = ("failover", "switchover")
FAULTS = Path(__file__).with_name("faults")


@dataclass(frozen=True)
class Fault:
    """Where and how a run is interrupted: at a statement's number, or at the first that contains a text."""

    mode: str
    at: int | None = None
    text: str | None = None

    def environment(self, log: Path) -> dict[str, str]:
        """Return what the interrupter reads (see faults/sitecustomize.py)."""
        place = {"DBHA_FAULT_AT": str(self.at)} if self.at is not None else {"DBHA_FAULT_TEXT": str(self.text)}
        return {**watching(log), "DBHA_FAULT_MODE": self.mode, **place}


def watching(log: Path) -> dict[str, str]:
    """Return the environment in which statements are only written down."""
    return {"PYTHONPATH": str(FAULTS), "DBHA_FAULT_LOG": str(log)}


class Scene:
    """A cluster on which one action is carried out, and which is looked at afterwards."""

    def __init__(self, cluster: Cluster, action: str, directory: Path) -> None:
        self.cluster = cluster
        self.action = action
        self._playbooks = Playbooks(cluster, directory)
        self.directory = directory
        self.received: set[int] = set()

    def run(self, environment: dict[str, str] | None = None) -> Run:
        """Carry the action out."""
        more: dict[str, Any] = {} if self.action == "failover" else {"switchover_to": "db2"}
        return self._playbooks.run(f"dbha.mysql.{self.action}", environment=environment, cluster="orders", **more)

    @property
    def living(self) -> list[Server]:
        """The servers that run."""
        return [server for server in self.cluster.servers.values() if server.is_running]

    def writable(self) -> list[str]:
        """Name the servers that take writes."""
        return [server.name for server in self.living if server.is_writable]

    def faults_in_end(self, timeout: float = 15) -> list[str]:
        """Say what is wrong with the cluster now that it should be in order; nothing if nothing is."""
        writable = self.writable()
        if len(writable) != 1:
            return [f"writable: {writable}"]
        primary = self.cluster[writable[0]]
        wrong = [f"{primary.name} still has a source"] if primary.replica_status() else []
        if self.action == "switchover" and primary.name != "db2":
            wrong.append(f"{primary.name} is the primary, not db2")
        missing = self.received - rows(primary)
        if missing:
            wrong.append(f"{len(missing)} rows are lost")
        deadline = time.monotonic() + timeout
        replicas = [server for server in self.living if server is not primary]
        while (late := self._not_following(primary, replicas)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return wrong + late

    def _not_following(self, primary: Server, replicas: list[Server]) -> list[str]:
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
def scene(kind: str, action: str) -> Iterator[Scene]:
    """Make a cluster that has been written to; for a failover its primary is killed while that goes on."""
    with Cluster(kind, replicas=3) as cluster, tempfile.TemporaryDirectory() as directory:
        with Writer(cluster.primary, clients=2) as writer:
            writer.wait_for(20)
            if action == "failover":
                cluster.primary.kill()
        made = Scene(cluster, action, Path(directory))
        if action == "switchover":
            cluster.wait_in_sync()
        made.received = set().union(*(rows(server) for server in made.living))
        yield made


def interrupt(kind: str, action: str, fault: Fault) -> tuple[str, list[str]]:
    """Carry an action out with an interruption, then again without.

    Return the statement at which it was interrupted ("" if there was none such), and what is wrong afterwards.
    """
    with scene(kind, action) as made:
        log = made.directory / "statements"
        first = made.run(fault.environment(log))
        if not Path(f"{log}.done").exists():
            return "", []
        lines = log.read_text(encoding="utf-8").splitlines()
        where = lines[fault.at - 1] if fault.at is not None else next(line for line in lines if str(fault.text) in line)
        wrong = [f"after the interruption {made.writable()} took writes"] if len(made.writable()) > 1 else []
        second = made.run()
        if second.returncode:
            wrong.append(f"the second run failed:\n{second}")
        wrong += made.faults_in_end()
        third = made.run()
        if third.returncode or third.changed:
            wrong.append(f"the third run changed {third.changed}:\n{third}")
        if wrong:
            wrong.append(f"the first run:\n{first}")
        return where, wrong


def statements_of(kind: str, action: str) -> list[str]:
    """Return the statements of an undisturbed run, a line each (port, tab, statement)."""
    with scene(kind, action) as made:
        log = made.directory / "statements"
        run = made.run(watching(log))
        wrong = made.faults_in_end()
        if run.returncode or wrong:
            raise SystemExit(f"an undisturbed {action} fails: {wrong}\n{run}")
        return log.read_text(encoding="utf-8").splitlines()


def main() -> int:
    """Sweep as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.sweep", description=__doc__)
    parser.add_argument("--server", action="append", help="kind of server (default: mariadb-10.11 and mysql-9.7)")
    parser.add_argument("--action", choices=ACTIONS, action="append")
    parser.add_argument("--mode", choices=MODES, action="append")
    parser.add_argument("--first", type=int, default=1, help="the first statement to interrupt at")
    parser.add_argument("--last", type=int, help="the last one")
    parser.add_argument("--step", type=int, default=1, help="take every nth")
    options = parser.parse_args()
    passed = failed = 0
    for kind in options.server or ("mariadb-10.11", "mysql-9.7"):
        for action in options.action or ACTIONS:
            count = len(statements_of(kind, action))
            print(f"{kind}, {action}: {count} statements", flush=True)
            for mode in options.mode or MODES:
                for at in range(options.first, min(count, options.last or count) + 1, options.step):
                    where, wrong = interrupt(kind, action, Fault(mode, at=at))
                    passed, failed = passed + (not wrong), failed + bool(wrong)
                    print(f"{'FAILED' if wrong else 'ok':7}{mode:12}{at:4}  {where[:120]}", *wrong, sep="\n        ", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
