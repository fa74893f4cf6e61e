# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Applying what a replica has received: its delay, its relay logs where MariaDB would throw them away, and how long that may take."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.delay import without_delay
from ansible_collections.dbha.mysql.plugins.module_utils._steps.relay_logs import keeper_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import find_lock_waits, let_receiver_stop, start_applier

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# A wait on the server ends at least this often (seconds): it goes on when the applier fails meanwhile (seen: MySQL 9.7, MariaDB 10.11, 11.8).
_LONGEST_SLICE = 5


def drain(node: Node, timeout: float, say: t.Callable[[str], None], goal: t.Optional[Gtids] = None) -> None:
    """Apply all that was received, or at least ``goal``, within ``timeout`` seconds.

    Raises ``Refusal`` with ``applier_broken`` when the applier fails and ``drain_timeout`` when time is up, each with what is left.
    """
    wanted = goal if goal is not None else node.state.received
    channel = node.channel
    deadline = time.monotonic() + timeout
    if goal is None and channel is not None and channel.delay and node.state.not_applied:
        with without_delay(node, channel.delay, say):
            _apply_until(node, wanted, deadline, timeout, say)
            keeper_of(node).end_applying()
        return
    _apply_until(node, wanted, deadline, timeout, say)
    left, channel = wanted.subtract(node.state.executed), node.channel
    if goal is not None and left:
        # Of what it has received itself, only a half may be left. This it was to fetch.
        why = "its receiver stopped: %s" % channel.receiver_error if channel is not None else "somebody has removed its replication"
        raise Refusal([Problem("not_replicating", node.name, _how_far(node, left, why), str(left))])
    keeper_of(node).end_applying()


def _apply_until(node: Node, wanted: Gtids, deadline: float, timeout: float, say: t.Callable[[str], None]) -> None:
    started = False
    wait = 1
    while True:
        left = wanted.subtract(node.state.executed)
        channel = node.channel
        if not left or channel is None:
            return
        if channel.applier == STOPPED:
            if channel.applier_error and started:
                raise Refusal([Problem("applier_broken", node.name, _how_far(node, left, "the applier failed: " + channel.applier_error), str(left))])
            let_receiver_stop(node, say)
            start_applier(node)
        started = True
        if node.state.will_apply_no_more:
            return
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            why = "%g s were not enough" % timeout + _what_holds_it_up(node)
            raise Refusal([Problem("drain_timeout", node.name, _how_far(node, left, why), str(left))])
        before = node.state.executed
        node.act(node.flavor.wait_until_applied(str(wanted.position()), max(1, min(wait, int(remaining))), channel.name), expected.applied(wanted))
        wait = min(wait * 2, _LONGEST_SLICE)
        node.read()
        if wait >= 4:
            done = node.state.executed.subtract(before).count()
            still = wanted.subtract(node.state.executed).counted()
            held_up = "" if done else _what_holds_it_up(node)
            limit = "; the limit is %g s" % timeout if held_up else ""
            say("%s: applying what it has received: %s left, %d done since%s%s" % (node.name, still, done, held_up, limit))


def _what_holds_it_up(node: Node) -> str:
    waits = find_lock_waits(node.server, node.flavor)
    return "; " + waits.text if waits is not None else ""


def _how_far(node: Node, left: Transactions, why: str) -> str:
    return "%s has not applied all it has received, %s left (%s): %s" % (node.name, left.counted(), left, why)
