# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Who replicates from a server, as it says itself. Read only to find the servers of a cluster, never by a failover, which is told who they are."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import as_text
from ansible_collections.dbha.mysql.plugins.module_utils._state.accounts import host_of_client
from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import ask_if_allowed
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


@dataclass(frozen=True)
class Registered:
    """A replica that has introduced itself. ``host`` is its ``report_host``, empty where it has none; ``uuid`` is empty for MariaDB."""

    server_id: int
    uuid: str
    host: str
    port: int


@dataclass(frozen=True)
class Followers:
    """Who replicates from a server. ``registered`` is ``None`` where our account may not know; ``dump_hosts``: from where its binary log is read."""

    registered: t.Optional[t.Tuple[Registered, ...]] = ()
    dump_hosts: t.Tuple[str, ...] = ()


def read_followers(node: Node) -> Followers:
    """Ask a connected server who replicates from it, in two round trips."""
    registered = ask_if_allowed(node, node.flavor.show_registered_replicas())
    connections = ask_if_allowed(node, node.flavor.show_dump_connections()) or ()
    return Followers(
        None if registered is None else tuple(_registered(row) for row in registered),
        tuple(sorted({host_of_client(row.text("HOST")) for row in connections} - {""})),
    )


def _registered(row: Row) -> Registered:
    columns = {name.lower(): as_text(value) for name, value in row.items()}
    uuid = columns.get("replica_uuid") or columns.get("slave_uuid") or ""
    return Registered(_number(columns.get("server_id")), uuid.lower(), columns.get("host", ""), _number(columns.get("port")))


def _number(text: t.Optional[str]) -> int:
    return int(text) if text and text.isdecimal() and text.isascii() and len(text) <= 10 else 0
