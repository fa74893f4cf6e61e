# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What is wrong with a cluster as it stands, and what an interrupted run has left to be done. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import (
    check_connected,
    check_election,
    check_followers,
    check_identities,
    check_logs_ahead,
    check_managed,
    check_primary_is_dead,
    check_primary_lives,
    check_reading,
    check_relay_logs,
    check_relay_logs_are_known,
    check_replication,
    check_writers,
    elect_whole,
    without_consequences,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_histories
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import as_if_dead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.readiness import check_privileges
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, DEAD, channel_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology


def find_problems(topology: Topology, expect_primary: str) -> t.List[Problem]:
    """Return what is wrong with a cluster whose primary is expected to be dead, alive, or either."""
    managed = list(check_managed(topology))
    if managed:
        return managed  # what else seems wrong is as the manager wants it, and its remedies would be wrong
    problems = [*check_reading(topology), *check_identities(topology)]
    if any(problem.code in ("mixed_families", "same_server") for problem in problems):
        return problems  # their sets cannot be compared, or what else would be told is of a server that is there twice
    problems += [*check_replication(topology), *check_histories(topology), *check_relay_logs(topology), *check_relay_logs_are_known(topology)]
    problems += check_privileges(topology.members, everything=True)
    if expect_primary == "dead":
        problems += check_primary_is_dead(topology)
    elif expect_primary == "alive" or topology.primary is None:
        problems += check_primary_lives(topology)
    if topology.primary_status == ALIVE:
        writers = list(check_writers(topology))
        # To bring in one that takes writes beside the primary is what it is told already.
        beside = [problem.server for problem in writers if problem.code == "two_writable"]
        followers = [problem for problem in check_followers(topology) if problem.code != "not_a_replica" or problem.server not in beside]
        problems += [*writers, *followers, *_check_once_it_is_dead(topology)]
    elif topology.primary_status == DEAD:
        election, filtered = elect_whole(topology)
        problems += [*check_connected(topology), *filtered, *check_election(topology, election), *check_logs_ahead(topology)]
    return without_consequences(topology, _each_once(problems))


def _check_once_it_is_dead(topology: Topology) -> Iterator[Problem]:
    """What a failover would find if the primary died now, and cannot be seen while it lives."""
    left = as_if_dead(topology)
    if left.replicas:
        election, filtered = elect_whole(left)
        yield from check_histories(left)
        yield from filtered
        yield from (problem for problem in check_election(left, election) if problem.code == "no_candidate")


def _each_once(problems: t.Sequence[Problem]) -> t.List[Problem]:
    """Return the first problem of each kind that a server has: some are found in several ways."""
    found: t.Dict[t.Tuple[str, str], Problem] = {}
    for problem in problems:
        found.setdefault((problem.code, problem.server), problem)
    return list(found.values())


def open_together(topology: Topology) -> t.List[str]:
    """Name the servers that take writes side by side, or of which any may be the primary; none where there is no second one."""
    writers = [problem.server for problem in check_writers(topology) if problem.code == "two_writable"]
    names = [*topology.rivals, *([topology.primary] if writers and topology.primary is not None else []), *writers]
    found = [name for name in dict.fromkeys(names) if name in topology and topology[name].state is not None]
    return sorted(found) if len(found) > 1 and len({topology[name].known.family for name in found}) == 1 else []


def misplaced(topology: Topology) -> t.List[str]:
    """Return the replicas that an interrupted run has left to be repointed: they follow neither the living primary nor a living replica of it.

    One that receives from a server outside the cluster is somebody else's. One that was pointed at the primary and never connected counts too;
    MySQL shows it with the error of its last source (seen: 5.6, 9.7). One whose threads somebody stopped does not: that may be on purpose.
    """
    if topology.primary_status != ALIVE:
        return []
    names = []
    for member in topology.replicas:
        channel = channel_of(member)
        if channel is None:
            continue
        follows_primary = topology.sources[member.name] == topology.primary
        never_started = follows_primary and channel.receiver == STOPPED and not channel.has_connected
        source = topology.sources[member.name]
        fed_by_stranger = channel.receiver == RUNNING and not (source in topology and topology[source].listed)
        if never_started or not (follows_primary or topology.follows_replica(member.name) or fed_by_stranger):
            names.append(member.name)
    return names
