# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a client cannot write that goes through HAProxy, or uses a virtual address: `python -m sandbox.tools.clients`.

In a switchover, its longest pause. In a failover, from the first write that the new primary takes on (whoever it is that writes) to its own first one.
Both are promises (TARGETS): where one is missed, the exit code is 1. What a playbook without any task takes is measured right before each, because the
load of a machine changes from one minute to the next.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymysql

from ..runs.timed import Timed, run_playbook, run_without_tasks
from ..scenes.first_write import FirstWrite
from ..scenes.shared_address import shared_address
from ..scenes.writer import Writer
from ..servers.cluster import Cluster
from ..servers.errors import SandboxError
from ..servers.haproxy import Haproxy
from ..servers.kinds import KINDS

TARGETS = {"switchover": 0.5, "failover": 0.2}
"""Seconds."""

_REPLICAS = 2
_PAUSE = 0.002


@dataclass(frozen=True)
class Way:
    """A cluster, where its clients write, and what the inventory and the play say for that."""

    cluster: Cluster
    place: Any
    hosts: dict[str, dict[str, Any]]
    variables: dict[str, Any]


@contextmanager
def through_haproxy(kind: str) -> Iterator[Way]:
    """Clients go through a proxy."""
    with Cluster(kind, _REPLICAS) as cluster, Haproxy(list(cluster.servers.values())) as proxy:
        hooks = {f"{verb}_after_open": ["dbha.mysql.clients/haproxy"] for verb in TARGETS}
        yield Way(cluster, proxy, {}, {"clients_haproxies": [proxy.api], "clients_backend": "writers", **hooks})


@contextmanager
def by_address(kind: str) -> Iterator[Way]:
    """Clients use an address; the hosts are network namespaces, each with an sshd."""
    with shared_address(kind, _REPLICAS) as shared:
        hooks = {f"{verb}_after_open": ["dbha.mysql.clients/address"] for verb in TARGETS}
        hooks["switchover_before_open"] = ["dbha.mysql.clients/address"]
        options = {"clients_addresses": [shared.addresses[0]], "clients_address_become": False}
        yield Way(shared.cluster, shared.places[0], shared.hosts, {**options, **hooks})


WAYS: dict[str, Callable[[str], Any]] = {"HAProxy": through_haproxy, "address": by_address}


def measure(way: Way, verb: str) -> tuple[float, float]:
    """Return what is promised, and what a playbook without any task takes."""
    directory = way.cluster.directory
    inventory, own = directory / "inventory.yml", directory / "hosts.json"
    way.cluster.write_inventory(inventory)
    own.write_text(json.dumps({"all": {"hosts": way.hosts}}), encoding="utf-8")
    given = ["--inventory", str(own), "--extra-vars", json.dumps({"cluster": "orders", **way.variables})]
    with Writer(way.place, follow=lambda: way.place, pause=_PAUSE) as client:
        client.wait_for(200)
        nothing = run_without_tasks(directory, inventory).seconds
        if verb == "switchover":
            run = _succeeded(run_playbook("dbha.mysql.switchover", inventory, *given))
            client.wait_for(50)
            times = [moment for moment in sorted(client.times.values()) if moment >= run.began]
            promised = max(later - earlier for earlier, later in itertools.pairwise(times))
        else:
            way.cluster.primary.kill()
            with FirstWrite(way.cluster.replicas) as first:
                _succeeded(run_playbook("dbha.mysql.failover", inventory, *given))
                begun = first.wait()
            client.wait_for(50)
            promised = (client.first_after(begun) or begun) - begun
    return promised, nothing


def _succeeded(run: Timed) -> Timed:
    if run.code != 0:
        raise SandboxError(f"The playbook failed (exit code {run.code}): {run.output}")
    return run


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print medians."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.tools.clients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="mariadb-10.11", metavar="KIND", help=f"one of: {', '.join(KINDS)} (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="how often (default: %(default)s)")
    parsed = parser.parse_args(arguments)
    kept = True
    try:
        for (name, way), (verb, target) in itertools.product(WAYS.items(), TARGETS.items()):
            taken = []
            for _run in range(parsed.runs):
                with way(parsed.server) as made:
                    taken.append(measure(made, verb))
            promised, nothing = (statistics.median(each) for each in zip(*taken, strict=True))
            met = promised <= target
            kept = kept and met
            print(
                f"{parsed.server}, {name}, {verb}: {promised:.3f} s ({min(each[0] for each in taken):.3f} to {max(each[0] for each in taken):.3f}); "
                f"a playbook without any task: {nothing:.3f} s; target {target} s: {'met' if met else 'missed'}",
                flush=True,
            )
    except (SandboxError, pymysql.Error) as error:
        print(f"clients: {error}", file=sys.stderr)
        return 1
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
