# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers on hosts of their own, which let us in over SSH and share an address that clients use. The hosts are network namespaces of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

from ..servers.cluster import Cluster
from ..servers.network import Network
from ..servers.server import Server
from ..servers.sshd import Sshd


@dataclass(frozen=True)
class Place:
    """An address that clients connect to, whichever server is behind it; for a Writer."""

    host: str
    port: int
    server: Server

    def value(self, sql: str, args: Any = None) -> Any:
        """Ask the first primary."""
        return self.server.value(sql, args)


class SharedAddress:
    """A cluster each of whose hosts has an SSH daemon, and whose servers listen at the same port."""

    def __init__(self, cluster: Cluster, network: Network, daemons: dict[str, Sshd]) -> None:
        self.cluster = cluster
        self.network = network
        self.daemons = daemons
        self.addresses = network.shared_addresses()

    @property
    def places(self) -> list[Any]:
        """The shared addresses, as a Writer takes them."""
        return [Place(address, self.cluster.primary.port, self.cluster.primary) for address in self.addresses]

    @property
    def hosts(self) -> dict[str, dict[str, Any]]:
        """What the inventory says of each host."""
        return {name: daemon.variables for name, daemon in self.daemons.items()}

    def holders(self, address: str) -> list[str]:
        """Return the hosts that have an address, by what the kernel shows to a process there: whoever looks all the time cannot wait for the program ip."""
        return [name for name, daemon in self.daemons.items() if _has(daemon.pid, ip_address(address))]

    def give(self, name: str) -> None:
        """Let a host have the addresses, as one does by hand for the first time."""
        for address, length in zip(self.addresses, (24, 64), strict=True):
            self.network.on(name, "address", "add", f"{address}/{length}", "dev", "eth0", *(["nodad"] if ":" in address else []))


def _has(pid: int, address: IPv4Address | IPv6Address) -> bool:
    """Tell whether the host of a process has an address."""
    tables = Path(f"/proc/{pid}/net")
    if isinstance(address, IPv6Address):
        return f"{address.packed.hex()} " in (tables / "if_inet6").read_text(encoding="ascii")
    return re.search(rf"-- {re.escape(str(address))}\n +/32 host LOCAL\n", (tables / "fib_trie").read_text(encoding="ascii")) is not None


@contextmanager
def shared_address(kind: str, replicas: int, *, start: bool = True) -> Iterator[SharedAddress]:
    """Yield a cluster whose primary has the shared addresses; the servers run unless start=False."""
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(kind, replicas, hosts=True, start=False))
        network = cluster.network
        assert network is not None
        daemons = {}
        for name, server in cluster.servers.items():
            server.port = cluster.primary.port
            server.options += [f"--port={server.port}", "--bind-address=*"]
            directory = cluster.directory / f"ssh-{name}"
            directory.mkdir()
            daemons[name] = stack.enter_context(Sshd(directory, address=server.host, prefix=server.prefix))
        if start:
            cluster.start()
        shared = SharedAddress(cluster, network, daemons)
        shared.give("db0")
        yield shared
