# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""From where a server of MariaDB asks its source: ``gtid_slave_pos`` names only what was replicated, not what the server wrote itself."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import gtids_in

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


def count_own_as_replicated(node: Node, *, former_primary: bool = False) -> None:
    """Add what a server wrote itself to its ``gtid_slave_pos``, where it would otherwise ask its next source for that; its threads have stopped.

    A former primary does before 10.10 (later versions are told in the ``CHANGE MASTER``), and a replica with ``MASTER_USE_GTID=current_pos`` does
    once it is told to use ``slave_pos``. A source that has purged those transactions answers with error 1236, although the server lacks
    nothing (seen: 10.5, 10.11). Where the server had another server_id once, neither ``MASTER_DEMOTE_TO_SLAVE`` nor ``current_pos`` counts what it
    wrote under that, and it would apply that a second time (seen: 10.5, 10.11).
    """
    flavor, channel = node.flavor, node.channel
    if not isinstance(flavor, MariaDB):
        return
    if former_primary or (channel is not None and channel.uses_current_pos):
        gtids = node.server.send(flavor.select_gtids()).only()
        replicated, logged = (gtids_in(gtids, column, flavor.family) for column in ("slave_pos", "binlog_pos"))
        position = replicated.union(logged).position()
        if position == replicated.union(logged.of_origins([node.state.identity])).position():
            if not (former_primary and flavor.demotes):
                node.act(flavor.count_current_as_replicated())
        else:  # part of it was written under another server_id, before the server got this one
            node.act(flavor.count_as_replicated(str(position)))
