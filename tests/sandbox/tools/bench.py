# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench`: how long nobody can write, next to a playbook without any task, measured right before it and under the same load.

The collection promises one of these: with MariaDB 10.11 and an idle cluster, a failover takes until the first accepted write at most 1.6
times as long as a playbook without any task. Where that is missed, the exit code is 1.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pymysql

from ..runs.timed import Timed, run_playbook, run_without_tasks
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

PROMISED_TO = "mariadb-10.11"
PROMISED_TIMES = 1.6


def measure_failover(cluster: Cluster, inventory: Path) -> Seconds:
    """Kill the primary of an idle cluster and fail over."""
    nothing = run_without_tasks(cluster.directory, inventory)
    cluster.primary.kill()
    deadline = time.monotonic() + 10
    while any(replica.replica_status()["receiver"] == "Yes" for replica in cluster.replicas) and time.monotonic() < deadline:
        time.sleep(0.01)
    with FirstWrite(cluster.replicas) as first_write:
        run = run_playbook("dbha.mysql.failover", inventory, "--extra-vars", "cluster=orders")
        _require_success(run)
        accepted = first_write.wait()
    return {WITHOUT_TASKS: nothing.seconds, FIRST_WRITE: accepted - run.began, "end of the playbook": run.seconds}


def measure_switchover(cluster: Cluster, inventory: Path, other_clients: int = 0) -> Seconds:
    """Hand the role over while a client writes, and others beside it."""

    def writable() -> Server | None:
        return next((server for server in cluster.servers.values() if server.is_writable), None)

    with Writer(cluster.primary, other_clients, follow=writable, pause=_PAUSE), Writer(cluster.primary, follow=writable, pause=_PAUSE) as client:
        client.wait_for(200)
        nothing = run_without_tasks(cluster.directory, inventory)
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


MEASUREMENTS: dict[str, Callable[[Cluster, Path], Seconds]] = {
    "failover": measure_failover,
    "switchover": measure_switchover,
    "switchover while four clients write": functools.partial(measure_switchover, other_clients=4),
}
"""Each is given a new cluster, in sync and idle."""


def measure(kind: str, name: str) -> Seconds:
    """Take one measurement on a new cluster."""
    with Cluster(kind, replicas=3) as cluster:
        inventory = cluster.directory / "inventory.yml"
        cluster.write_inventory(inventory)
        with Writer(cluster.primary, pause=_PAUSE) as writer:
            writer.wait_for(100)
        cluster.wait_in_sync()
        return MEASUREMENTS[name](cluster, inventory)


def bench(kind: str, name: str, runs: int) -> bool:
    """Measure several times, print medians, and tell whether they are as promised."""
    print(f"{name}, {kind}, a primary and three replicas, {runs} runs", flush=True)
    measure(kind, name)  # not counted: it fills the caches of the disk, and Python's
    taken = [measure(kind, name) for _run in range(runs)]
    print(f"   {'':40} median   fastest   slowest   times")
    nothing = statistics.median(run[WITHOUT_TASKS] for run in taken)
    kept = True
    for what in taken[0]:
        values = [run[what] for run in taken]
        median = statistics.median(values)
        verdict = ""
        if what == FIRST_WRITE and kind == PROMISED_TO:
            kept = median / nothing <= PROMISED_TIMES
            verdict = f"   target {PROMISED_TIMES}: {'met' if kept else 'missed'}"
        elif what == FIRST_WRITE:
            verdict = f"   (the target, {PROMISED_TIMES}, is for {PROMISED_TO})"
        print(f"   {what:40} {median:4.2f} s    {min(values):4.2f} s    {max(values):4.2f} s   {median / nothing:5.2f}{verdict}", flush=True)
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tools.bench", description=__doc__)
    parser.add_argument("--server", default=KINDS[0], metavar="KIND", help=f"one of: {', '.join(KINDS)} (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="how often (default: %(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(MEASUREMENTS)} (default: all)")
    parsed = parser.parse_args(arguments)
    if parsed.runs < 1 or not set(parsed.names) <= set(MEASUREMENTS):
        parser.error(f"--runs takes 1 or more, and NAME is one of: {', '.join(MEASUREMENTS)}")
    try:
        kept = [bench(parsed.server, name, parsed.runs) for name in parsed.names or MEASUREMENTS]
    except (SandboxError, pymysql.Error) as error:
        print(f"make bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
