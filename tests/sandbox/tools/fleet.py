# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make bench-fleet`: the primaries of many clusters die at once, and one run fails all of them over.

For each number of forks it prints when the first, the middle and the last cluster took writes, when the run ended, how much memory it took, and how much
processor time it had taken when the first and the last took writes, and at the end. That says what two idle processors would make of it where these are
not idle. Beside it stands one cluster alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pymysql

from ..runs.playbook import TESTS
from ..runs.timed import program
from ..scenes.first_write import FirstWrite
from ..scenes.fleet import Fleet, inventory_of
from ..servers.errors import SandboxError
from ..servers.kinds import KINDS

TARGET = 12.0
"""Seconds within which fifty clusters are to be open on two processors that have nothing else to do."""

_TICKS = os.sysconf("SC_CLK_TCK")
_EACH = 0.1
"""Seconds between two looks at the processes."""


@dataclass(frozen=True)
class Look:
    """The processes of a run at one moment."""

    moment: float
    processor: float
    """Seconds, of those too that have ended."""
    memory: float
    """Megabytes, what several share counted once."""


def _processes(pid: int) -> Iterator[int]:
    yield pid
    yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())


def _look(pid: int) -> Look:
    processor, memory = 0, 0
    for each in _processes(pid):
        with contextlib.suppress(OSError):  # it has ended
            fields = Path(f"/proc/{each}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            processor += sum(map(int, fields[11:15]))
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")
            memory += sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return Look(time.monotonic(), processor / _TICKS, memory / 1024)


def measure(kind: str, clusters: int, forks: int) -> str:
    """Measure one run, and return a line of the table."""
    with Fleet(kind, clusters) as fleet, ExitStack() as clients:
        directory = next(iter(fleet.clusters.values())).directory
        inventory = directory / "fleet.json"
        inventory.write_text(json.dumps(inventory_of(fleet.clusters)), encoding="utf-8")
        for cluster in fleet.clusters.values():
            cluster.primary.send_kill()
        for cluster in fleet.clusters.values():
            cluster.primary.kill()
        writes = [clients.enter_context(FirstWrite(cluster.replicas, pause=_EACH)) for cluster in fleet.clusters.values()]
        chosen = "clusters=all" if clusters > 1 else "cluster=shop_01"
        command = [program(), "--inventory", str(inventory), "dbha.mysql.failover", "--extra-vars", chosen, "--forks", str(forks)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        environment["ANSIBLE_CONFIG"] = str(TESTS / "ansible.cfg")
        looks: list[Look] = []
        with (directory / "output.txt").open("w", encoding="utf-8") as output:
            began = time.monotonic()
            with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT) as run:
                while run.poll() is None:
                    with contextlib.suppress(OSError):
                        looks.append(_look(run.pid))
                    time.sleep(_EACH)
            ended = time.monotonic()
        if run.returncode != 0:
            raise SandboxError(f"The run failed (exit code {run.returncode}): {(directory / 'output.txt').read_text(encoding='utf-8')[-5000:]}")
        moments = sorted(each.wait() for each in writes)
    last = moments[-1]
    used = [next((look.processor for look in looks if look.moment >= moment), looks[-1].processor) for moment in (moments[0], last)]
    seconds = [moments[0] - began, statistics.median(moments) - began, last - began, ended - began]
    told = "".join(f"{each:8.2f} s" for each in [*seconds, *used, looks[-1].processor])
    load = os.getloadavg()[0]
    return f"{clusters:8} {forks:6} {told} {max(look.memory for look in looks):7.0f} MB {load:6.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tools.fleet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="mysql-5.6", metavar="KIND", help=f"one of: {', '.join(KINDS)} (default: %(default)s, of 40 MB each)")
    parser.add_argument("--clusters", type=int, default=50, metavar="N", help="how many clusters of a primary and two replicas (default: %(default)s)")
    parser.add_argument("--forks", default="1,5,25,50", metavar="N,…", help="for which numbers of forks (default: %(default)s)")
    parsed = parser.parse_args(arguments)
    print(f"{parsed.server}, clusters of a primary and two replicas, target for fifty: the last within {TARGET:g} s on two idle processors")
    print("clusters  forks      first     median       last    the end  cpu: first       last    the end     memory   load", flush=True)
    try:
        for clusters, forks in [(1, 5), *((parsed.clusters, int(each)) for each in parsed.forks.split(","))]:
            print(measure(parsed.server, clusters, forks), flush=True)
    except (SandboxError, pymysql.Error) as error:
        print(f"make bench-fleet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
