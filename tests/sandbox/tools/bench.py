# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench`: how long nobody can write, next to a playbook without any task, measured right before it and under the same load.

Beside a failover stands where its time goes, and what the fewest statements take that could do it, sent by a script that checks nothing. What a
failover may take is a promise (TARGETS): where it is missed, the exit code is 1.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import re
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pymysql

from ..runs.playbook import Task
from ..runs.timed import Timed, run_playbook, run_without_tasks
from ..scenes.bare import open_first
from ..scenes.first_write import FirstWrite
from ..scenes.writer import Writer
from ..servers.cluster import Cluster
from ..servers.errors import SandboxError
from ..servers.kinds import KINDS
from ..servers.server import Server

Seconds = dict[str, float]
"""What one run has measured, by what it is."""

_PAUSE = 0.002
"""Seconds between the writes of a client: what pauses are measured to."""

WITHOUT_TASKS = "a playbook without any task"
FIRST_WRITE = "first accepted write"
BARE = "a script with the fewest statements"

TARGETS = {"mariadb-10.11": 1.3, "mysql-5.6": 1.3, "mysql-9.7": 1.6}
"""How many times as long as a playbook without any task a failover with three replicas may take until the first accepted write, by kind."""

MANY = 20
MANY_TARGET = 1.15
"""How many times as long it may take with so many replicas."""


def measure_failover(cluster: Cluster, directory: Path) -> Seconds:
    """Kill the primary of an idle cluster and fail over."""
    inventory = directory / "inventory.yml"
    nothing = run_without_tasks(directory, inventory)
    _kill_primary(cluster)
    with FirstWrite(cluster.replicas) as first_write:
        run = run_playbook("dbha.mysql.failover", inventory, "--extra-vars", "cluster=orders", results=directory / "results.jsonl")
        _require_success(run)
        accepted = first_write.wait()
    return {WITHOUT_TASKS: nothing.seconds, FIRST_WRITE: accepted - run.began, **phases(run, accepted), "end of the playbook": run.seconds}


def phases(run: Timed, accepted: float) -> Seconds:
    """Say where the time of a failover went until the first accepted write. Its tasks keep a timeline, in seconds since each began its work."""
    election, promotion = (next(_Timeline(task) for task in run.tasks if task.action.endswith(name)) for name in ("mysql_find_best_replica", "mysql_promote"))
    start = run.tasks[0].began - run.began
    look = election.end("look")
    drain = election.end("drain") - election.begin("drain")
    elect = election.end("drain") - look - drain
    promote = promotion.end("allow writes")
    rest = accepted - run.began - start - look - elect - drain - promote
    return {"  start": start, "  look": look, "  elect": elect, "  drain": drain, "  promote": promote, "  Ansible, between": rest}


class _Timeline:
    """What a task did when, in seconds."""

    def __init__(self, task: Task) -> None:
        self._steps = task.result["timeline"]

    def begin(self, step: str) -> float:
        return min(float(each["start"]) for each in self._steps if each["step"] == step)

    def end(self, step: str) -> float:
        return max(float(each["start"] + each["seconds"]) for each in self._steps if each["step"] == step)


def measure_bare(cluster: Cluster, directory: Path) -> Seconds:
    """Kill the primary of an idle cluster and open a replica without looking at anything."""
    _kill_primary(cluster)
    begun = time.monotonic()
    open_first(cluster.replicas)
    return {BARE: time.monotonic() - begun}


def _kill_primary(cluster: Cluster) -> None:
    cluster.primary.kill()
    deadline = time.monotonic() + 10
    while any(replica.replica_status()["receiver"] == "Yes" for replica in cluster.replicas) and time.monotonic() < deadline:
        time.sleep(0.01)


def measure_switchover(cluster: Cluster, directory: Path, other_clients: int = 0) -> Seconds:
    """Hand the role over while a client writes, and others beside it."""
    inventory = directory / "inventory.yml"

    def writable() -> Server | None:
        return next((server for server in cluster.servers.values() if server.is_writable), None)

    with Writer(cluster.primary, other_clients, follow=writable, pause=_PAUSE), Writer(cluster.primary, follow=writable, pause=_PAUSE) as client:
        client.wait_for(200)
        nothing = run_without_tasks(directory, inventory)
        run = run_playbook("dbha.mysql.switchover", inventory, "--extra-vars", "cluster=orders")
        _require_success(run)
        client.wait_for(50)
    moments = [moment for moment in sorted(client.times.values()) if run.began <= moment <= run.ended + 1]
    pause = max(after - before for before, after in itertools.pairwise(moments))
    closed = re.search(r"nobody could write for ([0-9.]+) s", run.output)
    if closed is None:
        raise SandboxError(f"The playbook did not say for how long nobody could write: {run.output}")
    return {
        WITHOUT_TASKS: nothing.seconds,
        "no server took writes": float(closed[1]),
        "longest pause of a client that writes": pause,
        "end of the playbook": run.seconds,
    }


def _require_success(run: Timed) -> None:
    if run.code != 0:
        raise SandboxError(f"The playbook failed (exit code {run.code}): {run.output}")


@dataclass(frozen=True)
class Measurement:
    """What is measured, each time on new clusters, in sync and idle, of so many replicas."""

    take: Callable[[Cluster, Path], Seconds]
    replicas: int = 3
    beside: Callable[[Cluster, Path], Seconds] | None = None
    """What is measured on another cluster right before it."""

    def run(self, kind: str) -> Seconds:
        """Measure once."""
        taken: Seconds = {}
        for take in filter(None, (self.take, self.beside)):
            with Cluster(kind, replicas=self.replicas) as cluster:
                cluster.write_inventory(cluster.directory / "inventory.yml")
                with Writer(cluster.primary, pause=_PAUSE) as writer:
                    writer.wait_for(100)
                cluster.wait_in_sync()
                taken.update(take(cluster, cluster.directory))
        return taken


FAILOVER, FAILOVER_OF_MANY = "failover", f"failover, {MANY} replicas"
MEASUREMENTS = {
    FAILOVER: Measurement(measure_failover, beside=measure_bare),
    FAILOVER_OF_MANY: Measurement(measure_failover, MANY, beside=measure_bare),
    "switchover": Measurement(measure_switchover),
    "switchover while four clients write": Measurement(functools.partial(measure_switchover, other_clients=4)),
}


def bench(kind: str, name: str, runs: int) -> float:
    """Measure several times and print medians. Return the median of the first accepted write, or of the longest pause, times a playbook without tasks."""
    measurement = MEASUREMENTS[name]
    print(f"{name}, {kind}, a primary and {measurement.replicas} replicas, {runs} runs", flush=True)
    measurement.run(kind)  # not counted: it fills the caches of the disk, and Python's
    taken = [measurement.run(kind) for _run in range(runs)]
    print(f"   {'':40} median   fastest   slowest   times")
    times: dict[str, float] = {}
    for what in taken[0]:
        values = [run[what] for run in taken]
        # Each is held against what was measured right before it: the load of a machine changes from one minute to the next.
        times[what] = statistics.median(run[what] / run[WITHOUT_TASKS] for run in taken)
        print(f"   {what:40} {statistics.median(values):5.3f} s   {min(values):5.3f} s   {max(values):5.3f} s   {times[what]:5.2f}", flush=True)
    return times.get(FIRST_WRITE, 0.0)


def judge(kind: str, times: Mapping[str, float]) -> bool:
    """Print the promises that were measured, and tell whether all are kept."""
    promises = []
    if FAILOVER in times and kind in TARGETS:
        promises.append((f"{FAILOVER}, {FIRST_WRITE}, times {WITHOUT_TASKS}", times[FAILOVER], TARGETS[kind]))
    if {FAILOVER, FAILOVER_OF_MANY} <= set(times):
        promises.append((f"{FAILOVER_OF_MANY}, times what it takes with 3", times[FAILOVER_OF_MANY] / times[FAILOVER], MANY_TARGET))
    for what, measured, target in promises:
        print(f"{kind}: {what}: {measured:.2f}, target {target}: {'met' if measured <= target else 'missed'}", flush=True)
    return all(measured <= target for _what, measured, target in promises)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tools.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", metavar="KIND", help=f"one of: {', '.join(KINDS)} (default: {', '.join(TARGETS)})")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="how often (default: %(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {'; '.join(MEASUREMENTS)} (default: all)")
    parsed = parser.parse_args(arguments)
    if parsed.runs < 1 or not set(parsed.names) <= set(MEASUREMENTS):
        parser.error(f"--runs takes 1 or more, and NAME is one of: {'; '.join(MEASUREMENTS)}")
    kept = []
    try:
        for kind in parsed.server or TARGETS:
            kept.append(judge(kind, {name: bench(kind, name, parsed.runs) for name in parsed.names or MEASUREMENTS}))
    except (SandboxError, pymysql.Error) as error:
        print(f"make bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
