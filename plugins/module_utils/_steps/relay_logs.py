# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Relay logs of MariaDB, which a start of one thread throws away once both have stopped: apply them by position, put them back, go back to GTIDs."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.position import count_own_as_replicated

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import Position
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel


def start_applier(node: Node) -> None:
    """Start the applier where it does not run; in MariaDB, after both threads were stopped, in the way that keeps the relay logs."""
    channel = node.channel
    if channel is None:
        return
    start = relay_log_start(channel)
    if isinstance(node.flavor, MariaDB) and start is not None:
        count_own_as_replicated(node)  # with GTIDs off it is not known any more how it asked its source
        node.server.send(node.flavor.keep_relay_logs(*start, channel.name, lifted_delay=node.lifted_delay))
    node.server.send(node.flavor.start_applier(channel.name))


def relay_log_start(channel: Channel) -> t.Optional[Position]:
    """Return where applying has to begin if starting the applier as usual would throw relay logs away."""
    return channel.relay_logs.start if channel.is_stopped and channel.relay_logs is not None else None


def end_applying_relay_logs(node: Node) -> None:
    """Go back to GTID mode, after the relay logs of a replica that was found with both threads stopped are applied."""
    channel = node.channel
    if channel is None or not isinstance(node.flavor, MariaDB):
        return
    if channel.applies_relay_logs or (node.server.check_mode and relay_log_start(channel) is not None):
        if channel.applier != STOPPED or node.server.check_mode:
            node.server.send(node.flavor.stop_applier(channel.name))
        node.server.send(node.flavor.use_gtid(channel.name, node.lifted_delay))
        node.read()


def put_relay_logs_back(node: Node) -> None:
    """Go back to GTID mode with the rest of the relay logs in place, after the applier has failed at one.

    The position does not matter much: what is not applied is always found out from the events.
    """
    channel = node.channel
    if channel is None or not isinstance(node.flavor, MariaDB):
        return
    node.server.send(node.flavor.put_relay_logs_back(*channel.relay_log, *channel.source_log, channel.name, node.lifted_delay))


def has_waiting_relay_logs(node: Node) -> bool:
    """Whether relay logs are lost when a thread is started now."""
    channel = node.channel
    if channel is None or node.state.family != "mariadb" or not channel.is_stopped:
        return False
    node.look_into_relay_logs()
    return bool(node.state.not_applied)
