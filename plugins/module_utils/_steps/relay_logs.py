# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What has to be done around the threads of a replica so that it keeps the relay logs that it has not applied: nothing in MySQL, a lot in MariaDB.

In GTID mode MariaDB throws its relay logs away at the first start of a thread while both are stopped (seen: 10.5, 10.11, 11.8). So never both are
stopped; where they were found so, or where a delay is to be lifted, the relay logs are applied by position, and GTID mode comes back afterwards.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import gtids_in
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.position import count_own_as_replicated

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


class Keeper:
    """Keeps the relay logs of a replica. This one is for servers that keep them by themselves, whatever is started and stopped (MySQL)."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def before_receiver_stops(self) -> None:
        """Do what must come before the receiver is stopped."""

    def before_applier_starts(self) -> None:
        """Do what must come before the applier is started."""

    def lift_delay(self, delay: int) -> bool:
        """Let the applier be started without its delay (s), where that cannot be changed by itself. Return whether it will be.

        The delay comes back with ``end_applying`` or ``put_back``.
        """
        return False

    def end_applying(self) -> None:
        """Come back to where things stand as usual, after the relay logs are applied."""

    def put_back(self) -> None:
        """Come back to where things stand as usual with the rest of the relay logs in place, after the applier has failed."""

    def would_lose(self) -> bool:
        """Whether relay logs are lost when a thread is started now."""
        return False

    def count_as_replicated(self, applied: Gtids) -> None:
        """Let a replica that stands still know what was applied past its applier, so that it does not ask a source for it."""


class MariaDBKeeper(Keeper):
    """Keeps the relay logs of a replica of MariaDB."""

    def __init__(self, node: Node, flavor: MariaDB) -> None:
        super().__init__(node)
        self.flavor = flavor

    def before_receiver_stops(self) -> None:
        """Start an applier that does not run: once both threads are stopped it is too late."""
        channel = self.node.channel
        if channel is not None and channel.applier == STOPPED:
            self.node.act(self.flavor.start_applier(channel.name), expected.applier_started(channel.name))

    def before_applier_starts(self) -> None:
        """Name the event to begin with where starting the applier as usual would throw relay logs away."""
        channel = self.node.channel
        if channel is not None and channel.relay_log_start is not None:
            count_own_as_replicated(self.node)  # without GTIDs it is no longer known how it asked its source
            statement = self.flavor.keep_relay_logs(*channel.relay_log_start, channel.name, lifted_delay=self.node.lifted_delay)
            self.node.act(statement, expected.applying_relay_logs(channel.name, self.node.lifted_delay))

    def lift_delay(self, delay: int) -> bool:
        """Stop the applier too, so that it is started without its delay: it changes only while both threads stand still.

        Returns ``False`` where that would put relay logs at risk.
        """
        self.node.look_into_relay_logs()
        channel = self.node.channel
        if channel is None or not channel.can_apply_by_position:
            return False
        if channel.applier != STOPPED:
            self.node.act(self.flavor.stop_applier(channel.name), expected.applier_stopped(channel.name))
        self.node.read()
        self.node.look_into_relay_logs()
        if self.node.state.not_applied and (self.node.channel is None or self.node.channel.relay_log_start is None):
            raise at_risk(self.node)
        self.node.lifted_delay = delay
        return True

    def end_applying(self) -> None:
        """Go back to GTID mode, after the relay logs of a replica that was found with both threads stopped are applied."""
        channel, delay = self.node.channel, self.node.lifted_delay
        if channel is not None and channel.applies_relay_logs:
            if channel.applier != STOPPED:
                self.node.act(self.flavor.stop_applier(channel.name), expected.applier_stopped(channel.name))
            self.node.act(self.flavor.use_gtid(channel.name, delay), expected.gtid_mode_restored(channel.name, delay))
            self.node.read()

    def put_back(self) -> None:
        """Go back to GTID mode with the rest of the relay logs in place, after the applier has failed at one.

        The position does not matter much: what is not applied is always found out from the events.
        """
        channel, delay = self.node.channel, self.node.lifted_delay
        if channel is not None:
            statement = self.flavor.put_relay_logs_back(*channel.relay_log, *channel.source_log, channel.name, delay)
            self.node.act(statement, expected.gtid_mode_restored(channel.name, delay))
            self.node.read()

    def would_lose(self) -> bool:
        """Whether both threads are stopped and something waits in the relay logs."""
        channel = self.node.channel
        if channel is None or not channel.is_stopped:
            return False
        self.node.look_into_relay_logs()
        return bool(self.node.state.not_applied)

    def count_as_replicated(self, applied: Gtids) -> None:
        """Add to its position what was applied past its applier: it would ask a source for it again. MySQL sees that by itself."""
        if applied:
            replicated = gtids_in(self.node.server.send(self.flavor.select_gtids()).only(), "slave_pos", self.flavor.family)
            self.node.act(self.flavor.count_as_replicated(str(replicated.union(applied).position())), expected.applied(applied))


def keeper_of(node: Node) -> Keeper:
    """Return what keeps the relay logs of a replica, by its family."""
    return MariaDBKeeper(node, node.flavor) if isinstance(node.flavor, MariaDB) else Keeper(node)


def at_risk(node: Node) -> Refusal:
    """Return what is to be raised where starting a thread would throw away what waits in the relay logs."""
    message = "%s is left with both threads stopped: starting either of them would throw away what waits in its relay logs" % node.name
    return Refusal([Problem("relay_logs_at_risk", node.name, message, str(node.state.not_applied))])
