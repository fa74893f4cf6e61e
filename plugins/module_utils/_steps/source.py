# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Whom a server replicates from: forget it, change it, fill gaps before that, and put threads back as they were found."""

from __future__ import annotations

import time
import typing as t
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.position import count_own_as_replicated
from ansible_collections.dbha.mysql.plugins.module_utils._steps.relay_logs import at_risk, keeper_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import end_half_transaction, found_as, let_receiver_stop, stop_for_good

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found

# ER_MTS_CHANGE_MASTER_CANT_RUN_WITH_GAPS: the workers of a replica ended out of order (seen: MySQL 5.6, killed; with GTIDs 9.7 does not mind).
_GAPS = 1802


# Seconds that the gaps of parallel workers may take to be filled: each of them had a few transactions in hand.
_LONGEST_FILL = 20.0


def forget_source(node: Node) -> None:
    """End replication on a server that is promoted, and forget where it came from."""
    end_half_transaction(node)
    for channel in node.state.channels:
        if not channel.is_stopped:
            node.act(node.flavor.stop_replica(channel.name), expected.replica_stopped(channel.name))
        node.act(node.flavor.forget_source(channel.name), expected.source_forgotten(channel.name))


def repoint(node: Node, source: SourceOptions, say: t.Callable[[str], None]) -> None:
    """Let a replica follow another source from what it has executed; it fetches there what was in its relay logs."""
    channel = node.channel
    name = channel.name if channel is not None else ""
    end_half_transaction(node)
    if channel is not None and not channel.is_stopped:
        stop_for_good(node, name, say)
    count_own_as_replicated(node, former_primary=source.demote)
    change = partial(node.act, node.flavor.change_source(source, name), expected.source_changed(name, source))
    try:
        change()
    except StatementFailed as error:
        if error.errno != _GAPS:
            raise
        _fill_gaps(node)
        change()
    node.act(node.flavor.start_replica(name), expected.replica_started(name))


def _fill_gaps(node: Node) -> None:
    """Apply what is missing before transactions that parallel workers have applied already, and no more."""
    name = node.channel.name if node.channel is not None else ""
    node.act(node.flavor.fill_gaps(name), expected.applier_stopped(name))
    deadline = time.monotonic() + _LONGEST_FILL
    node.read()
    while node.channel is not None and node.channel.applier != STOPPED:
        if not node.moves(0.05, deadline):
            raise Refusal([Problem("drain_timeout", node.name, "the gaps in what %s has applied were not filled within %g s" % (node.name, _LONGEST_FILL))])


def restore_threads(node: Node, found: Found, say: t.Callable[[str], None]) -> None:
    """Let the threads run as they were found. The receiver first, so that never both are stopped.

    Raises ``Refusal`` with ``relay_logs_at_risk`` where starting one would throw relay logs away.
    """
    let_receiver_stop(node, say)
    channel, keeper = node.channel, keeper_of(node)
    if channel is None:
        return
    if channel.applies_relay_logs:
        if channel.applier == RUNNING:
            return  # let it get on: to stop it may take long, and the next run takes it up where it is then
        keeper.put_back()
    now = found_as(node)
    if (found.receiver or found.applier) and keeper.would_lose():
        raise at_risk(node)
    if found.receiver and not now.receiver:
        node.act(node.flavor.start_receiver(channel.name), expected.receiver_started(channel.name))
    if found.applier and not now.applier:
        node.act(node.flavor.start_applier(channel.name), expected.applier_started(channel.name))
    if channel.receiver == RUNNING:
        return  # we had stopped it: another run has been faster, and it is a replica of the new primary
    if now.receiver and not found.receiver:
        node.act(node.flavor.stop_receiver(channel.name), expected.receiver_stopped(channel.name))
    if now.applier and not found.applier:
        node.act(node.flavor.stop_applier(channel.name), expected.applier_stopped(channel.name))
