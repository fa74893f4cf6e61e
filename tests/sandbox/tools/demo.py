# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`make demo`: a primary is killed in the middle of writes, the failover playbook is run, and the rows are counted."""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pymysql

from ..runs.timed import Timed, run_playbook, run_without_tasks
from ..scenes.first_write import ROW, FirstWrite
from ..scenes.writer import Writer, rows
from ..servers.cluster import Cluster
from ..servers.errors import SandboxError
from ..servers.kinds import KINDS
from ..servers.server import Server
from ..servers.waiting import HANGS
from .tree import tree

CLIENTS = 4
ROWS = 2000
"""How many rows the clients have written when the primary dies."""


def show(kind: str) -> bool:
    """Show a failover, and return whether nothing is lost that could be had."""
    print(_bold("dbha.mysql: a primary dies in the middle of writes, and its best replica takes over"))
    print(f"\nStarting four servers of {kind} (the first time they are installed, which takes up to a minute) …", flush=True)
    with Cluster(kind, replicas=3) as cluster:
        servers = list(cluster.servers.values())
        inventory = cluster.directory / "inventory.yml"
        cluster.write_inventory(inventory)
        _heading(f"1. A primary and three replicas, {_title(cluster.primary)}")
        print(tree(servers, "   "))
        return _fail_over(cluster, servers, inventory)


def _fail_over(cluster: Cluster, servers: Sequence[Server], inventory: Path) -> bool:
    empty = [run_without_tasks(cluster.directory, inventory)]
    number_before = _last_number(cluster.primary.executed())
    new_primary: Server | None = None
    with Writer(cluster.primary, CLIENTS, follow=lambda: new_primary, pause=0.002) as writer:
        writer.wait_for(ROWS)
        cluster.primary.kill()
        received = _last_received(cluster.replicas) - number_before
        _heading(f"2. {CLIENTS} clients write; after {ROWS} rows: kill -9 {cluster.primary.name}")
        print(tree(servers, "   "))

        _heading("3. $ ansible-playbook -i inventory.yml dbha.mysql.failover -e cluster=orders")
        with FirstWrite(cluster.replicas) as first_write:
            run = run_playbook("dbha.mysql.failover", inventory, "--extra-vars", "cluster=orders", live=True)
            if run.code != 0:
                raise SandboxError(f"The playbook failed (exit code {run.code}); what it says is above.")
            accepted = first_write.wait()
            new_primary = first_write.server
        writer.wait_for(ROWS // 10)
    assert new_primary is not None
    empty.append(run_without_tasks(cluster.directory, inventory))
    cluster.wait_in_sync(source=new_primary, replicas=cluster.replicas)

    _heading("4. Afterwards")
    print(tree(servers, "   "))
    count = count_rows(writer.times, accepted, received, {server.name: rows(server) for server in cluster.replicas}, new_primary.name)
    print("\n" + "\n".join(count.lines()))
    print("\n" + "\n".join(_time_lines(run, accepted, empty)))
    return count.is_well


# --- what became of the rows


def _last_number(gtids: str) -> int:
    """Return the number of the last transaction: while one server writes, every row has the next one."""
    return max((int(number) for number in re.findall(r"(?<=[-:])\d+(?=,|$)", gtids)), default=0)


def _last_received(replicas: Sequence[Server]) -> int:
    """Return the number of the last transaction that any replica has, once all have noticed that the primary is gone."""
    deadline = time.monotonic() + HANGS
    while any(replica.replica_status()["receiver"] == "Yes" for replica in replicas):
        if time.monotonic() > deadline:
            raise SandboxError("The replicas do not notice that the primary is gone.")
        time.sleep(0.01)
    return max(_last_number(replica.replica_status()["received"]) for replica in replicas)


@dataclass(frozen=True)
class Count:
    """How many rows of the old primary are where."""

    acknowledged: int
    received: int
    on_new_primary: int
    on_every_server: int
    lost: int
    """Acknowledged, and not on the new primary."""
    since: int
    since_on_every_server: int

    @property
    def never_left(self) -> int:
        """Acknowledged rows that no replica had received: replication is asynchronous, only the dead server has them."""
        return max(self.acknowledged - self.received, 0)

    @property
    def is_well(self) -> bool:
        """Whether every row that a replica had received is on all servers, and all that was written since, too."""
        is_whole = self.on_every_server == self.on_new_primary >= self.received and self.lost <= self.never_left
        return is_whole and self.since_on_every_server == self.since > 0

    def lines(self) -> Iterator[str]:
        """Say it."""
        yield f"   {_bold('Rows')}"
        yield f"   acknowledged by the old primary          {self.acknowledged:6}"
        yield f"   received by a replica before it died     {self.received:6}{self._remark()}"
        yield f"   on the new primary                       {self.on_new_primary:6}"
        yield f"   on every server                          {self.on_every_server:6}"
        yield _bold(f"   acknowledged, and lost                   {self.lost:6}")
        yield f"   written since, to the new primary        {self.since:6}"
        yield f"   of these on every server                 {self.since_on_every_server:6}"
        if self.lost and self.lost <= self.never_left:
            yield "   (No replica had received these when the primary died: replication is asynchronous here. Semi-synchronous replication prevents it.)"

    def _remark(self) -> str:
        on_their_way = self.received - self.acknowledged
        return f"   ({on_their_way} of them died with the primary's answer to the client)" if on_their_way > 0 else ""


def count_rows(times: Mapping[int, float], accepted: float, received: int, tables: Mapping[str, set[int]], new_primary: str) -> Count:
    """Count the rows in each server's table; times says when each was acknowledged, accepted when the new primary took the first."""
    since = {row for row, moment in times.items() if moment > accepted}
    acknowledged = set(times) - since
    everywhere = set.intersection(*tables.values())
    old = tables[new_primary] - since - {ROW}
    return Count(len(acknowledged), received, len(old), len(everywhere - since - {ROW}), len(acknowledged - old), len(since), len(everywhere & since))


# --- what is shown


def _time_lines(run: Timed, accepted: float, empty: Sequence[Timed]) -> Iterator[str]:
    first, nothing = accepted - run.began, statistics.mean(each.seconds for each in empty)
    yield f"   {_bold('Time since ansible-playbook was started')}"
    yield f"   first write accepted by the new primary  {first:6.2f} s   {first / nothing:.2f} times"
    yield f"   all replicas follow it, playbook ended   {run.seconds:6.2f} s   {run.seconds / nothing:.2f} times"
    yield f"   a playbook without any task              {nothing:6.2f} s"


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


def _heading(text: str) -> None:
    print(f"\n{_bold(text)}", flush=True)


def _title(server: Server) -> str:
    return f"{'MariaDB' if server.installation.is_mariadb else 'MySQL'} {'.'.join(map(str, server.installation.version))}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tools.demo", description=__doc__)
    parser.add_argument("--server", default=KINDS[0], metavar="KIND", help=f"one of: {', '.join(KINDS)} (default: %(default)s)")
    kind = parser.parse_args(arguments).server
    try:
        is_well = show(kind)
    except (SandboxError, pymysql.Error) as error:
        print(f"\nmake demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nmake demo: interrupted; the servers are stopped and their files removed.", file=sys.stderr)
        return 130
    verdict = "Nothing is lost that any replica had received." if is_well else "Something is wrong: see the rows above."
    print(f"\n{_bold(verdict)} The servers are stopped and their files removed.")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
