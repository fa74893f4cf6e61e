# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Applying what a replica has received: its delay, its relay logs where MariaDB would throw them away, and how long that may take."""

from __future__ import annotations

import time
import typing as t
from contextlib import contextmanager
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB, MySQL
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import let_receiver_stop, stop_applying

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.relay_logs import Position
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel

# A wait on the server ends at least this often (seconds), so that an applier that failed meanwhile is seen (FACTS: a wait does not end with it).
_LONGEST_SLICE = 5


def drain(node: Node, timeout: float, say: t.Callable[[str], None], goal: t.Optional[Gtids] = None) -> None:
    """Apply all that was received, or at least RV(goal), within RV(timeout) seconds.

    Raises ``Refusal`` with C(applier_broken) when the applier fails and C(drain_timeout) when time is up, each with what is left.
    """
    wanted = goal if goal is not None else node.state.received
    channel = node.channel
    deadline = time.monotonic() + timeout
    if goal is None and channel is not None and channel.delay and node.state.not_applied:
        with _without_delay(node, channel.delay, say):
            _apply_until(node, wanted, deadline, timeout, say)
            _end_applying_relay_logs(node)
        return
    _apply_until(node, wanted, deadline, timeout, say)
    left, channel = wanted.subtract(node.state.executed), node.channel
    if goal is not None and left and not node.server.check_mode:
        # Of what it has received itself, only a half may be left. This it was to fetch.
        why = "its receiver stopped: %s" % channel.receiver_error if channel is not None else "somebody has ended its replication"
        raise Refusal([Problem("not_replicating", node.name, _how_far(node, left, why), str(left))])
    _end_applying_relay_logs(node)


def _apply_until(node: Node, wanted: Gtids, deadline: float, timeout: float, say: t.Callable[[str], None]) -> None:
    started = False
    wait = 1
    while True:
        left = wanted.subtract(node.state.executed)
        channel = node.channel
        if not left or channel is None:
            return
        # In check mode stop_receiving() has started it in the plan, and the state does not know of that.
        if channel.applier == STOPPED and not (node.server.check_mode and node.state.family == "mariadb" and channel.receiver != STOPPED):
            if channel.applier_error and started:
                raise Refusal([Problem("applier_broken", node.name, _how_far(node, left, "the applier failed: " + channel.applier_error), str(left))])
            let_receiver_stop(node, say)
            _start_applier(node)
        started = True
        if node.server.check_mode or _has_applied_what_it_has(node):
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise Refusal([Problem("drain_timeout", node.name, _how_far(node, left, "%g s were not enough" % timeout), str(left))])
        before = node.state.executed
        node.server.send(node.flavor.wait_until_applied(_wait_text(wanted), max(1, min(wait, int(remaining))), channel.name))
        wait = min(wait * 2, _LONGEST_SLICE)
        node.read()
        if wait >= 4:
            done = node.state.executed.subtract(before).count()
            say("%s: applying what it has received: %s left, %d done since" % (node.name, wanted.subtract(node.state.executed).counted(), done))


def _has_applied_what_it_has(node: Node) -> bool:
    """Whether nothing more will be applied: of a transaction that was to be applied, only a part has arrived (see C(_state))."""
    channel = node.channel
    return channel is not None and channel.receives_no_more and not channel.applies_relay_logs and not node.state.not_applied


def _how_far(node: Node, left: Transactions, why: str) -> str:
    return "%s has not applied all it has received, %s left (%s): %s" % (node.name, left.counted(), left, why)


def _wait_text(wanted: Gtids) -> str:
    # MASTER_GTID_WAIT takes one GTID for each domain.
    return str(wanted.position()) if isinstance(wanted, MariaDBGtids) else str(wanted)


@contextmanager
def _without_delay(node: Node, delay: int, say: t.Callable[[str], None]) -> t.Iterator[None]:
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
        if node.state.not_applied and (node.channel is None or _relay_log_start(node.channel) is None):
            message = "%s is left with both threads stopped: to start one would throw away what waits in its relay logs" % node.name
            raise Refusal([Problem("relay_logs_at_risk", node.name, message, str(node.state.not_applied))])
    node.lifted_delay = delay
    return True


def _start_applier(node: Node) -> None:
    """Start the applier where it does not run; in MariaDB, after both threads were stopped, in the way that keeps the relay logs."""
    channel = node.channel
    if channel is None:
        return
    start = _relay_log_start(channel)
    if isinstance(node.flavor, MariaDB) and start is not None:
        node.server.send(node.flavor.keep_relay_logs(*start, channel.name, lifted_delay=node.lifted_delay))
    node.server.send(node.flavor.start_applier(channel.name))


def _relay_log_start(channel: Channel) -> t.Optional[Position]:
    """Return where applying has to begin if starting the applier as usual would throw relay logs away."""
    return channel.relay_logs.start if channel.is_stopped and channel.relay_logs is not None else None


def _end_applying_relay_logs(node: Node) -> None:
    """Go back to GTID mode, after the relay logs of a replica that was found with both threads stopped are applied."""
    channel = node.channel
    if channel is None or not isinstance(node.flavor, MariaDB):
        return
    if channel.applies_relay_logs or (node.server.check_mode and _relay_log_start(channel) is not None):
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
    source_file = str(channel.raw.get("Relay_Master_Log_File") or "")
    source_position = int(channel.raw.get("Exec_Master_Log_Pos") or 4)
    node.server.send(node.flavor.put_relay_logs_back(*channel.relay_log, source_file, source_position, channel.name, node.lifted_delay))


def has_waiting_relay_logs(node: Node) -> bool:
    """Whether relay logs are lost when a thread is started now."""
    channel = node.channel
    if channel is None or node.state.family != "mariadb" or not channel.is_stopped:
        return False
    node.look_into_relay_logs()
    return bool(node.state.not_applied)


def count_as_replicated(node: Node, applied: Gtids) -> None:
    """Let a replica that stands still know what was applied past its applier: MariaDB would ask a source for it again. MySQL sees that itself."""
    if isinstance(node.flavor, MariaDB) and applied:
        replicated = MariaDBGtids.parse(str(node.server.send(node.flavor.select_gtids())[0]["slave_pos"]))
        node.server.send(node.flavor.count_as_replicated(str(replicated.union(applied).position())))
