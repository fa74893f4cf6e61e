# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""A replica that is late on purpose: lift its delay while it applies what it has received, and put it back."""

from __future__ import annotations

import typing as t
from contextlib import contextmanager
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB, MySQL
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.relay_logs import relay_log_start
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import stop_applying

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


@contextmanager
def without_delay(node: Node, delay: int, say: t.Callable[[str], None]) -> t.Iterator[None]:
    """Let a replica that is late on purpose apply at once what it has received. Its delay is put back afterwards.

    MariaDB changes it only while both threads stand still, so that the relay logs have to be kept as after a stop of both; it is put back with
    the GTID mode. MySQL 5.6 cannot change it without losing them: there it has to be waited for.
    """
    if isinstance(node.flavor, MariaDB):
        lifted = _stop_to_apply_at_once(node, delay)
    else:
        lifted = not node.flavor.counts_halves
        if lifted:
            _change_delay(node, 0)
    how = "its delay is lifted while it applies what it has received" if lifted else "what it received last is applied only then"
    say("%s: it replicates %d s late on purpose: %s" % (node.name, delay, how))
    try:
        yield
    finally:
        if lifted and node.server.is_open and not isinstance(node.flavor, MariaDB):
            _change_delay(node, delay)


def _change_delay(node: Node, seconds: int) -> None:
    """Change the delay of a replica of MySQL. Its relay logs stay because its receiver runs meanwhile."""
    channel = node.channel
    if channel is None or not isinstance(node.flavor, MySQL):
        return
    applies = channel.applier != STOPPED
    receives = channel.receiver != STOPPED and not node.server.check_mode  # where stop_receiving() has stopped it, in the plan
    if not receives:
        node.server.send(node.flavor.start_receiver(channel.name))
    stop_applying(node)
    node.server.send(node.flavor.set_delay(seconds, channel.name))
    if applies:
        node.server.send(node.flavor.start_applier(channel.name))
    if not receives:
        node.server.send(node.flavor.stop_receiver(channel.name))
    node.read()


def _stop_to_apply_at_once(node: Node, delay: int) -> bool:
    """Stop the applier of a replica of MariaDB, so that it is started without its delay. Return C(False) where that would put relay logs at risk."""
    node.look_into_relay_logs()
    channel = node.channel
    if channel is None or channel.applier_error or channel.relay_logs is None or channel.relay_logs.trouble or channel.relay_logs.start is None:
        return False
    if channel.applier != STOPPED:
        node.server.send(node.flavor.stop_applier(channel.name))
    if node.server.check_mode:
        node.state = replace(node.state, channels=(replace(channel, receiver=STOPPED, applier=STOPPED), *node.state.channels[1:]))
    else:
        node.read()
        node.look_into_relay_logs()
        if node.state.not_applied and (node.channel is None or relay_log_start(node.channel) is None):
            message = "%s is left with both threads stopped: to start one would throw away what waits in its relay logs" % node.name
            raise Refusal([Problem("relay_logs_at_risk", node.name, message, str(node.state.not_applied))])
    node.lifted_delay = delay
    return True
