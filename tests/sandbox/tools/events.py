# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long clients cannot write when nobody looks: from the death of a primary, which the event source notices, to the first write on the new one.

make bench-events: ansible-rulebook with the rulebook of the collection and its own defaults, the primary killed (kill -9) at a random moment.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from ..runs.rulebook import Rulebook
from ..scenes.first_write import FirstWrite
from ..servers.errors import SandboxError
from ..servers.pool import POOL
from ..servers.waiting import wait_until

STEPS = ("noticed", "started", "first task", "first write")


def measure(kind: str, directory: Path, watchers: int = 1) -> dict[str, float]:
    """Kill a primary, and return after how many seconds each step was done."""
    with POOL.cluster(kind, replicas=2) as cluster:
        rulebooks = [Rulebook(directory / str(number), cluster) for number in range(watchers)]
        try:
            for rulebook in rulebooks:
                rulebook.start()
            for rulebook in rulebooks:
                rulebook.wait_for("topology_changed")
            time.sleep(random.uniform(1, 2))
            seen: dict[str, float] = {}
            over = threading.Event()

            def look() -> None:
                while not over.wait(0.005):
                    for rulebook in rulebooks:
                        for step, line in (("started", "PLAY [Fail over]"), ("first task", "TASK [dbha.mysql.failover")):
                            if step not in seen and line in rulebook.output:
                                seen[step] = time.monotonic()

            watcher = threading.Thread(target=look, daemon=True)
            watcher.start()
            with FirstWrite(list(cluster.replicas)) as client:
                killed, clock = time.monotonic(), time.time()
                cluster.primary.kill()
                seen["first write"] = client.wait()
            for rulebook in rulebooks:
                rulebook.wait_for("topology_changed", 2)
            over.set()
            watcher.join()
            # Each watcher has started a run of its own, and all of them have ended.
            wait_until(lambda: all("PLAY RECAP" in rulebook.output for rulebook in rulebooks))
            writable = [server.name for server in cluster.servers.values() if server.is_running and server.is_writable]
            if len(writable) != 1:
                raise SandboxError(f"not one server takes writes in the end, but {writable or 'none'}")
            said = [line for rulebook in rulebooks for line in rulebook.said("primary_dead")]
            moments = [datetime.strptime(found, "%Y-%m-%dT%H:%M:%S.%fZ") for line in said for found in re.findall(r"\S+Z(?= orders:)", line)]
            seen["noticed"] = killed + min(each.replace(tzinfo=UTC).timestamp() for each in moments) - clock
        finally:
            for rulebook in rulebooks:
                rulebook.__exit__(None, None, None)
    return {step: seen[step] - killed for step in STEPS}


def main() -> None:
    """Measure, and say it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="mariadb-10.11")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--watchers", type=int, default=1, help="how many of them watch the cluster at once")
    arguments = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(arguments.runs):
            found.append(measure(arguments.server, Path(scratch, str(number)), arguments.watchers))
            print("  ".join(f"{step} {found[-1][step]:.2f} s" for step in STEPS), flush=True)
    POOL.close()
    for step in STEPS:
        times = sorted(each[step] for each in found)
        print(f"{step}: median {statistics.median(times):.2f} s, {times[0]:.2f} to {times[-1]:.2f} s")


if __name__ == "__main__":
    main()
