# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many clusters in one inventory."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType

from ..servers.accounts import PASSWORDS
from ..servers.cluster import Cluster

_AT_ONCE = 3
"""How many clusters are started at once."""


class Fleet:
    """Clusters that are called shop_01, shop_02, …; in the inventory, db0 of the first is shop_01_db0."""

    def __init__(self, kind: str, clusters: int, replicas: int = 2) -> None:
        self.clusters: dict[str, Cluster] = {}
        self._lent = ExitStack()
        try:
            with ThreadPoolExecutor(_AT_ONCE) as executor:
                made = [executor.submit(Cluster, kind, replicas) for _each in range(clusters)]
            for number, each in enumerate(made, 1):
                self.clusters[f"shop_{number:02}"] = self._lent.enter_context(each.result())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove all clusters."""
        self._lent.close()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def inventory_of(clusters: Mapping[str, Cluster]) -> dict[str, object]:
    """Return an inventory with a group for each cluster."""
    login = {
        "mysql_login_user": "failover",
        "mysql_login_password": PASSWORDS["failover"],
        "mysql_replication_user": "repl",
        "mysql_replication_password": PASSWORDS["repl"],
        "mysql_allow_unverified": True,
        "ansible_connection": "local",
    }
    groups = {}
    for name, cluster in clusters.items():
        hosts = {f"{name}_{server.name}": {"mysql_host": server.host, "mysql_port": server.port} for server in cluster.servers.values()}
        groups[name] = {"hosts": hosts, "vars": {"mysql_cluster_size": len(hosts), **login}}
    return {"databases": {"children": groups}}
