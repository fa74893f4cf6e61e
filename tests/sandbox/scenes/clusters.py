# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters that many tests share, and seeing that a test has left one in order, whoever is its primary then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from ..servers.cluster import Cluster
from ..servers.pool import POOL
from ..servers.server import Server
from ..servers.waiting import wait_until
from .writer import rows


def primary_of(cluster: Cluster) -> Server:
    """Return the one server that takes writes."""
    (found,) = [server for server in cluster.servers.values() if server.is_writable]
    return found


def candidate_of(cluster: Cluster) -> Server:
    """Return a server that takes no writes."""
    return next(server for server in cluster.servers.values() if not server.is_writable)


def is_whole(cluster: Cluster) -> bool:
    """Tell whether one server takes writes and all others replicate from it."""
    servers = cluster.servers.values()
    if not all(server.is_running for server in servers):
        return False
    writable = [server for server in servers if server.is_writable]
    if len(writable) != 1 or writable[0].replica_status():
        return False
    status = [server.replica_status() for server in servers if server is not writable[0]]
    return all((each.get("source_port"), each.get("receiver"), each.get("applier")) == (writable[0].port, "Yes", "Yes") for each in status)


class Clusters:
    """One cluster of a kind for many tests; a new one after a test that has left it broken."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._cluster: Cluster | None = None
        self._lent = ExitStack()

    def whole(self) -> Cluster:
        """Return a cluster that is in order."""
        if self._cluster is not None and not is_whole(self._cluster):
            self.close()
        if self._cluster is None:
            self._cluster = self._lent.enter_context(POOL.cluster(self._kind, replicas=2))
        return self._cluster

    def close(self) -> None:
        """Give the cluster back, if there is one."""
        self._lent.close()
        self._cluster = None


def follow(cluster: Cluster) -> Callable[[], Server | None]:
    """Return what tells a Writer which server takes writes now."""
    return lambda: next((server for server in cluster.servers.values() if server.is_writable), None)


def assert_all_equal(cluster: Cluster, acknowledged: set[int]) -> None:
    """See that a cluster is in order (soon: a receiver may be connecting), and that all servers have the same rows, the acknowledged ones among them."""
    primary = primary_of(cluster)
    wait_until(partial(is_whole, cluster))
    cluster.wait_in_sync(source=primary, replicas=cluster.servers.values())
    for server in cluster.servers.values():
        assert acknowledged <= rows(server)
        assert rows(server) == rows(primary)
        assert primary.has_executed(server.executed())
