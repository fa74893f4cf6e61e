# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Undoing an election: the servers of a cluster are again as they were found."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import opened_or_silent
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import restore_threads
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes, persist_read_only

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found


def undo(cluster: Cluster, found: t.Mapping[str, Found], say: t.Callable[[str], None], maybe_open: t.Collection[str] = ()) -> t.List[Problem]:
    """Let servers be again as they were found: the threads of replicas, and a primary that was made read-only. Return what could not be put back.

    A server that this run no longer keeps other runs off is left alone: what it was found as may not hold any more. What takes writes only since
    then has been opened by another run: it is left alone as well, and no other is opened beside it.

    :arg maybe_open: other servers that another run may have opened.
    """

    def was_opened(node: Node) -> bool:
        lost = cluster.locks.check(node)
        refuse([lost] if lost is not None else [])
        return node.read().writable and not found[node.name].writable

    def put_back(node: Node) -> None:
        if found[node.name].writable and not node.state.writable:
            allow_writes(node)
            persist_read_only(node, False)
        else:
            restore_threads(node, found[node.name], say)

    if cluster.check_mode:
        return []
    outcomes = cluster.on_each(found, was_opened)
    problems = problems_in(outcomes)
    left = [name for name, outcome in outcomes.items() if outcome.problem is None and not outcome.value]
    for name in [name for name in left if found[name].writable and not cluster.nodes[name].state.writable]:
        if any(outcome.value for outcome in outcomes.values()):
            left.remove(name)
        elif problems or maybe_open:
            left.remove(name)
            others = " or ".join([*(problem.server for problem in problems), *maybe_open])
            problems.append(Problem("not_undone", name, "%s stays read-only, because %s may have been opened by another run" % (name, others)))
    return [*problems, *problems_in(cluster.on_each(left, put_back, "undo"))]


def restore(cluster: Cluster, found: t.Mapping[str, Found], seconds: float, say: t.Callable[[str], None]) -> t.List[Problem]:
    """Undo an election that another call has made, as it found the servers. Return what could not be put back.

    Raises ``Refusal`` where another run works on one of them.
    """
    topology = cluster.look(tolerates_managers=True)
    # Nothing has kept other runs off since then.
    refuse(problem for problem in cluster.lock(cluster.nodes, seconds) if problem.code == "locked")
    topology = cluster.look_again(topology)
    readable = {name: each for name, each in found.items() if name in cluster.nodes}
    problems = undo(cluster, readable, say, opened_or_silent(topology, readable))
    return problems + [
        Problem(member.failure.code, member.name, member.failure.message) for member in topology.listed if member.name in found and member.failure
    ]
