# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""Closing a server for good that is to be a replica: nobody writes to it any more, and it waits for no acknowledgement."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import enabled_events, switch_events
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import kill_remaining, make_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import set_semi_sync_replica, set_semi_sync_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import persist_read_only

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Limits


def close_for_good(node: Node, limits: Limits, say: Callable[[str], None], *, acknowledges: bool = False) -> bool:
    """Let nobody write to a server any more, now and after a restart. Return whether it stays closed after a restart, as far as we have a say in that.

    ``acknowledges``: it is to acknowledge transactions as a replica. Raises ``Refusal``.
    """
    if not node.state.channels:
        if not node.state.super_read_only:
            switch_events(node, enabled_events(node), enable=False)
        if node.state.semi_sync.source:
            set_semi_sync_source(node, False)
        if acknowledges:
            set_semi_sync_replica(node, True)
    was_writable = node.state.writable
    make_read_only(node, limits, time.monotonic() + limits.timeout, say)
    if not was_writable:
        return True
    persisted = persist_read_only(node, True)
    if limits.kill:
        kill_remaining(node, say)
    return persisted
