# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long it takes to fetch from a dead primary with large binary logs what no replica received, and how much memory: `make bench-salvage`.

Once the replica lacks only the last transactions, so that the logs have to be looked through, and once it lacks all of them, so that what is taken
is bounded by the time limit. The exit code is 1 where one side takes more memory than it may, or where the first is not complete within its time.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..scenes.scene import Scene
from ..servers.cluster import Cluster
from ..servers.sshd import Sshd

LIMIT = 60.0
"""Seconds that fetching may take (failover_salvage_timeout)."""

MEMORY = 200
"""Megabytes that a process may take, on the host of the dead primary and where Ansible runs."""

_OPTIONS = ["--max-binlog-size=100M", "--loose-innodb-log-file-size=64M", "--max-allowed-packet=64M", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2"]
_SERVERS = ("mariadbd", "mysqld")


class Memory:
    """The most memory that a process of ours has taken, in megabytes, by where it ran."""

    def __init__(self) -> None:
        self.most: dict[str, int] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at all our processes again and again meanwhile."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(0.02):
                self._look()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look(self) -> None:
        children: dict[int, list[int]] = {}
        commands: dict[int, str] = {}
        for directory in Path("/proc").iterdir():
            if directory.name.isdigit():
                try:
                    parent = int((directory / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
                    commands[int(directory.name)] = (directory / "cmdline").read_bytes().decode("utf-8", "replace")
                except OSError:
                    continue  # it has ended
                children.setdefault(parent, []).append(int(directory.name))
        waiting = [(os.getpid(), "")]
        while waiting:
            above, where = waiting.pop()
            for process in children.get(above, ()):
                command = commands[process]
                if not any(server in command for server in _SERVERS):
                    place = "host of the dead primary" if "sshd" in command else where or "where Ansible runs"
                    self.most[place] = max(self.most.get(place, 0), _megabytes(process))
                    waiting.append((process, place))


def _megabytes(process: int) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmRSS:")), 0)


def write_much(scene: Scene, gigabytes: float, row: int) -> None:
    """Let the primary log so much, with little in its tables at a time. It cannot be compressed, as pictures cannot, so that no copy of it is small."""
    data = random.Random(1).randbytes(row << 20)
    with scene.cluster.primary.connect(database="dbha_demo", autocommit=True) as connection, connection.cursor() as cursor:
        for number in range(int(gigabytes * 1024 / row)):
            cursor.execute("INSERT INTO large VALUES (%s, %s)", (number, data))
            if number % 12 == 11:
                cursor.execute("TRUNCATE TABLE large")


def measure(kind: str, gigabytes: float, *, all_of_it: bool, limit: float, row: int) -> bool:
    """Fail over from a primary that has logged so much, say what that took, and whether that is no more than it may."""
    # Not in memory, where others are measured.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name, Cluster(kind, replicas=1, options=_OPTIONS) as cluster:
        directory = Path(name)
        scene, replica = Scene(cluster, directory), cluster.replicas[0]
        cluster.primary.execute("CREATE TABLE dbha_demo.large (id INT PRIMARY KEY, a LONGBLOB)")
        # To repeat a TRUNCATE takes more than the privileges of the README.
        cluster.primary.execute("GRANT ALL PRIVILEGES ON dbha_demo.* TO failover@'%'")
        scene.write(10)
        cluster.wait_in_sync()
        if all_of_it:
            scene.thread("STOP", replica, "IO_THREAD")
        write_much(scene, gigabytes, row)
        if not all_of_it:
            cluster.wait_in_sync(timeout=900)
            scene.thread("STOP", replica, "IO_THREAD")
        scene.write(1000)
        scene.kill_primary()
        memory = Memory()
        (directory / "ssh").mkdir()
        with Sshd(directory / "ssh") as sshd, memory.watched():
            begun = time.monotonic()
            run = scene.failover(hosts=sshd.host_of(cluster.primary), failover_salvage_timeout=limit)
            seconds = time.monotonic() - begun
        salvaged, lost = run.dbha_result["salvaged"], sum(loss["count"] for loss in run.dbha_result["lost"])
        print(f"{kind}: {gigabytes:g} GB, of which the replica lacks {'all' if all_of_it else '1000 small transactions'}")
        print(f"    {salvaged['count']} transactions fetched, {lost} given up, {seconds:.1f} s: {salvaged['problem'] or 'all of it'}")
        print(*(f"    {megabytes} MB at most {where}" for where, megabytes in memory.most.items()), sep="\n", flush=True)
        is_small = max(memory.most.values()) <= MEMORY
        return run.returncode == 0 and is_small and (all_of_it or not lost)


def main() -> int:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tools.salvaging", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="append", help="kind of server (default: mariadb-10.11 and mysql-9.7)")
    parser.add_argument("--gigabytes", type=float, default=2, help="how much the primary logs (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that fetching may take (default: %(default)s)")
    parser.add_argument("--row", type=int, default=4, help="how large a row is, in megabytes (default: %(default)s)")
    options = parser.parse_args()
    held = [
        measure(kind, options.gigabytes, all_of_it=all_of_it, limit=options.limit, row=options.row)
        for kind in options.server or ("mariadb-10.11", "mysql-9.7")
        for all_of_it in (False, True)
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
