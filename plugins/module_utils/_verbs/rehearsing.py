# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a failover would send to servers whose primary lives, if that died now, and how long it would take. Nothing of it is sent.

The steps are those of a failover. Each server is told apart from what it is: that it has lost its primary, as in the plan of a failover.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_opened
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import (
    acknowledgers,
    choose,
    judge,
    must_be_repointed,
    without_living_source,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import seconds_to_apply
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import as_if_dead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import acknowledging
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import events_to_run, switch_events
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import set_semi_sync_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import forget_source, repoint
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import stop_receiving
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes, close_at_next_start, persist_read_only

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Choice, Terms
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import Rehearsal
    from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

# Seconds for which an applier is watched, to see how fast it is.
_WATCHED = 1.0


def measure(cluster: Cluster, rehearsal: Rehearsal) -> t.Optional[float]:
    """Return how many seconds the one that would be elected would take to apply what it has received, as fast as it is now.

    ``None`` where it gets nothing done, and where it cannot be asked. Where something is left to apply, it is watched for a second.
    """
    if rehearsal.best is None or not rehearsal.to_apply:
        return None if rehearsal.best is None else 0.0

    def watch(node: Node) -> t.Tuple[int, float]:
        begun, before = time.monotonic(), node.read().executed
        time.sleep(_WATCHED)
        return node.read().executed.subtract(before).count(), time.monotonic() - begun

    seen = cluster.on_one(rehearsal.best, watch, "watch the applier").value
    return seconds_to_apply(rehearsal.to_apply, *seen) if seen is not None else None


def statements_of_failover(cluster: Cluster, topology: Topology, terms: Terms, *, safe_start: bool) -> t.List[Sent]:
    """Return what a failover would send on these terms if the primary died now. Nothing where it would be refused.

    After that nothing that changes a server can be sent to any in this call. Replicas keep how they log in. Raises ``Refusal`` where a server
    cannot be asked what there would be to do on it.
    """
    left = as_if_dead(topology)
    try:
        choice = choose(judge(left, terms))
        refuse(check_opened(left, choice.best))
    except Refusal:
        return []
    journal = cluster.pretend(left)
    _elect(cluster, left, choice)
    _promote(cluster, left, choice, safe_start=safe_start)
    for name in must_be_repointed(left, choice.best):
        _follow(cluster, name, choice.best)
    return journal.statements


def _elect(cluster: Cluster, left: Topology, choice: Choice) -> None:
    """Stop receiving, one after the other, so that it is told in the same order each time; who has the most applies it."""
    for name in without_living_source(left):
        cluster.on_one(name, stop_receiving).result()
    cluster.on_one(choice.most_advanced, lambda node: drain(node, 1, _quietly)).result()
    if choice.best != choice.most_advanced:
        _follow(cluster, choice.best, choice.most_advanced)
        cluster.on_one(choice.best, stop_receiving).result()


def _promote(cluster: Cluster, left: Topology, choice: Choice, *, safe_start: bool) -> None:
    def promote(node: Node) -> None:
        was = node.state.semi_sync.source
        wanted = acknowledging(left[choice.best], was or node.state.semi_sync.replica, acknowledgers(left, choice.best)).wanted
        if wanted != was:
            set_semi_sync_source(node, wanted)
        allow_writes(node)
        switch_events(node, events_to_run(node, primary=False), enable=True)
        if safe_start:
            close_at_next_start(node)
        else:
            persist_read_only(node, False)
        forget_source(node)

    cluster.on_one(choice.best, promote).result()


def _follow(cluster: Cluster, name: str, source: str) -> None:
    address = cluster.address_for_replicas(source)
    cluster.on_one(name, lambda node: repoint(node, SourceOptions(address.host, address.port), _quietly)).result()


def _quietly(message: str) -> None:
    """Say nothing: nothing is done."""
