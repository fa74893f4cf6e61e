# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench`: how long nobody can write, next to a playbook without any task, measured in turn with it."""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pymysql

from .cluster import Cluster
from .errors import SandboxError
from .first_write import FirstWrite
from .kinds import KINDS
from .timed import run_playbook, run_without_tasks
from .writer import Writer

Seconds = dict[str, float]
"""What one run has measured, by what it is."""

WITHOUT_TASKS = "a playbook without any task"


def measure_failover(cluster: Cluster, inventory: Path) -> Seconds:
    """Kill the primary of an idle cluster and fail over."""
    cluster.primary.kill()
    deadline = time.monotonic() + 10
    while any(replica.replica_status()["receiver"] == "Yes" for replica in cluster.replicas) and time.monotonic() < deadline:
        time.sleep(0.01)
    with FirstWrite(cluster.replicas) as first_write:
        run = run_playbook("dbha.mysql.failover", inventory, "--extra-vars", "cluster=orders")
        if run.code != 0:
            raise SandboxError(f"The playbook failed (exit code {run.code}): {run.output}")
        accepted = first_write.wait(5)
    return {"failover: first accepted write": accepted - run.began, "failover: end of the playbook": run.seconds}


MEASUREMENTS: dict[str, Callable[[Cluster, Path], Seconds]] = {"failover": measure_failover}
"""Each is given a new cluster, in sync and idle."""


def measure(kind: str, name: str) -> Seconds:
    """Take one measurement on a new cluster, right after one of a playbook without any task."""
    with Cluster(kind, replicas=3) as cluster:
        inventory = cluster.directory / "inventory.yml"
        cluster.write_inventory(inventory)
        with Writer(cluster.primary) as writer:
            writer.wait_for(100)
        cluster.wait_in_sync()
        empty = run_without_tasks(cluster.directory, inventory).seconds
        return {WITHOUT_TASKS: empty, **MEASUREMENTS[name](cluster, inventory)}


def bench(kind: str, name: str, runs: int) -> None:
    """Measure several times, and print medians."""
    print(f"{name}, {kind}, a primary and three replicas, idle, {runs} runs", flush=True)
    measure(kind, name)  # not counted: it fills the caches of the disk, and Python's
    taken = [measure(kind, name) for _run in range(runs)]
    print(f"   {'':36} median   fastest   slowest   times")
    nothing = statistics.median(run[WITHOUT_TASKS] for run in taken)
    for what in taken[0]:
        values = [run[what] for run in taken]
        median = statistics.median(values)
        print(f"   {what:36} {median:4.2f} s    {min(values):4.2f} s    {max(values):4.2f} s   {median / nothing:5.2f}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.bench", description=__doc__)
    parser.add_argument("--server", default=KINDS[0], metavar="KIND", help=f"one of: {', '.join(KINDS)} (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="how often (default: %(default)s)")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(MEASUREMENTS)} (default: all)")
    parsed = parser.parse_args(arguments)
    if parsed.runs < 1 or not set(parsed.names) <= set(MEASUREMENTS):
        parser.error(f"--runs takes 1 or more, and NAME is one of: {', '.join(MEASUREMENTS)}")
    try:
        for name in parsed.names or MEASUREMENTS:
            bench(parsed.server, name, parsed.runs)
    except (SandboxError, pymysql.Error) as error:
        print(f"make bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
