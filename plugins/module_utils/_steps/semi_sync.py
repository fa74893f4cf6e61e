# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Semi-synchronous replication: who waits for acknowledgements, and who gives them."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._state import expected

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


# How the process list shows a commit that waits for an acknowledgement (seen: 10.11, 11.8, 9.7).
_WAITS = "waiting for semi-sync ack"

# Seconds within which an acknowledgement comes, if there is anybody to give it.
_LONGER_THAN_USUAL = 0.5


def seconds_without_acknowledgement(node: Node) -> int:
    """Return for how long the first of those commits has waited, in whole seconds, that wait for an acknowledgement now; 0 where none does."""
    return max(_waiting(node).values(), default=0)


def waits_in_vain(node: Node, seconds: float) -> bool:
    """Whether a commit waits for an acknowledgement, and has for so many seconds.

    The process list shows for how long a statement runs, of which it may have waited for a lock until just now: so it is looked at twice.
    """
    waiting = {connection for connection, waited in _waiting(node).items() if waited >= seconds}
    if not waiting:
        return False
    time.sleep(_LONGER_THAN_USUAL)
    return any(connection in waiting and waited >= seconds for connection, waited in _waiting(node).items())


def _waiting(node: Node) -> t.Dict[int, int]:
    """Return the connections whose commit waits for an acknowledgement, and for how many seconds the statement of each runs."""
    rows = node.ask_who_is_in_the_way(node.flavor.show_processlist())
    return {row.number("ID"): row.number("TIME") for row in rows if _WAITS in row.text("STATE").lower()}


def set_semi_sync_source(node: Node, enabled: bool) -> None:
    """Let a server wait for acknowledgements as a source, or not."""
    semi_sync = node.state.semi_sync
    if semi_sync.source_variable:
        node.act(node.flavor.set_semi_sync(semi_sync.source_variable, enabled), expected.semi_sync_source(enabled))


def set_semi_sync_replica(node: Node, enabled: bool) -> None:
    """Let a server acknowledge as a replica, or not. It counts from the next start of its receiver."""
    semi_sync = node.state.semi_sync
    if semi_sync.replica_variable and semi_sync.replica != enabled:
        node.act(node.flavor.set_semi_sync(semi_sync.replica_variable, enabled), expected.semi_sync_replica(enabled))
