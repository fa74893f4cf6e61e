# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""A replica that is late on purpose: lift its delay while it applies what it has received, and put it back."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager

from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.relay_logs import keeper_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import stop_applying

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


@contextmanager
def without_delay(node: Node, delay: int, say: t.Callable[[str], None]) -> t.Iterator[None]:
    """Let a replica that is late on purpose apply at once what it has received. Its delay is put back afterwards.

    Where neither the server can change it without losing its relay logs nor we can keep them (MySQL 5.6), it has to be waited for.
    """
    changed = _change_delay(node, 0)
    lifted = changed or keeper_of(node).lift_delay(delay)
    how = "its delay is lifted while it applies what it has received" if lifted else "what it received last is applied only then"
    say("%s: it replicates %d s late on purpose: %s" % (node.name, delay, how))
    try:
        yield
    finally:
        if changed and node.server.is_open:
            _change_delay(node, delay)


def _change_delay(node: Node, seconds: int) -> bool:
    """Change the delay of a replica whose relay logs stay while its receiver runs. Return whether that can be done."""
    channel = node.channel
    statement = node.flavor.set_delay(seconds, channel.name) if channel is not None else None
    if channel is None or statement is None:
        return False
    applies = channel.applier != STOPPED
    receives = channel.receiver != STOPPED
    if not receives:
        node.act(node.flavor.start_receiver(channel.name), expected.receiver_started(channel.name))
    stop_applying(node)
    node.act(statement, expected.delay_set(channel.name, seconds))
    if applies:
        node.act(node.flavor.start_applier(channel.name), expected.applier_started(channel.name))
    if not receives:
        node.act(node.flavor.stop_receiver(channel.name), expected.receiver_stopped(channel.name))
    node.read()
    return True
