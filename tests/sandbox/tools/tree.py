# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who replicates from whom, drawn from what the servers say."""

from __future__ import annotations

from collections.abc import Sequence

from ..servers.server import Server


def tree(servers: Sequence[Server], indent: str = "") -> str:
    """Draw servers as a tree, each replica under the one that it replicates from, a line each."""
    sources = {server: _source(server, servers) for server in servers}
    roots = [server for server in servers if sources[server] is None]
    lines = []
    for root in sorted(roots, key=lambda server: (server not in sources.values(), server.name)):
        lines.append(indent + _describe(root))
        replicas = [server for server in servers if sources[server] is root]
        lines += [f"{indent}{'└─' if replica is replicas[-1] else '├─'} {_describe(replica)}" for replica in replicas]
    return "\n".join(lines)


def _source(server: Server, servers: Sequence[Server]) -> Server | None:
    status = server.replica_status() if server.is_running else {}
    return next((other for other in servers if status and other.port == status["source_port"]), None)


def _describe(server: Server) -> str:
    name = f"{server.name}  {server.host}:{server.port}  "
    if not server.is_running:
        return name + "dead"
    name += "takes writes" if server.is_writable else "read-only"
    status = server.replica_status()
    if not status:
        return name
    replicates = (status["receiver"], status["applier"]) == ("Yes", "Yes")
    return name + (", replicates" if replicates else ", has lost its source" if status["receiver"] != "Yes" else ", does not apply")
