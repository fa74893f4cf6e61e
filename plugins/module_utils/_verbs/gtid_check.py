# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_gtid_check: look at a cluster, and say what it is like and what is wrong with it. Changes nothing."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import LOGIN_ARGUMENTS, BadInput, server_argument, servers_argument, told
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import (
    check_followers,
    check_histories,
    check_identities,
    check_leaders,
    check_primary_is_dead,
    check_primary_lives,
    check_reading,
    check_relay_logs,
    check_replication,
    check_writers,
    refuse,
)
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import describe_member, describe_primary
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, channel_of

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import Call, Result
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import Problem
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "replicas": servers_argument(required=True),
    "primary": server_argument(),
    "expect_primary": {"type": "str", "choices": ["dead", "alive", "any"], "default": "any"},
    "before": {"type": "str"},
}


def check_gtids(call: Call) -> Result:
    """Look at the cluster. With C(expect_primary=any) problems are told, not failed for: a caller decides on what is found."""
    begun = time.time()
    with call.cluster("primary", "replicas") as cluster:
        if not cluster.entries:
            raise BadInput("replicas: name at least one server")
        topology = cluster.look()
        named = call.name_of("primary")
        if named is not None and topology.primary_status != ALIVE:
            topology = cluster.arrange(named)
    read = [member for member in topology.members if member.state is not None]
    call.found = {
        "flavor": read[0].known.family if read else None,
        "gtid_mode": "ON" if read and all(member.known.gtid_mode == "ON" for member in read) else "OFF",
        "primary": describe_primary(topology),
        "replicas": [describe_member(member, topology) for member in topology.listed if member.name != topology.primary],
        "misplaced": misplaced(topology),
        "writers_problem": "\n".join(told(problem) for problem in check_leaders(topology)) or None,
        "topology": topology.tree(),
        "time": round(begun, 3),
    }
    if call.options["before"] is not None:
        call.found["diff"] = {"before": call.options["before"], "after": topology.tree()}
    problems = find_problems(topology, call.options["expect_primary"])
    if call.options["expect_primary"] == "any":
        if not read or topology.primary is None:
            refuse(problems)
        call.warn(problems)
        problems = []
    refuse(problems)
    return {"msg": _message(topology)}


def _message(topology: Topology) -> str:
    replicas = ", ".join(member.name for member in topology.replicas) or "none"
    member = topology.primary_member
    if member is None:
        return "it cannot be told which server is the primary; servers that answer: %s" % replicas
    status = topology.primary_status.replace("_", " ")
    if member.state is not None:
        status += " and writable" if member.state.writable else " and read-only"
    return "the primary %s is %s; replicas that answer: %s" % (member.name, status, replicas)


def find_problems(topology: Topology, expect_primary: str) -> t.List[Problem]:
    """Return what is wrong with a cluster whose primary is expected to be dead, alive, or either."""
    problems = [*check_reading(topology), *check_identities(topology)]
    if any(problem.code == "mixed_families" for problem in problems):
        return problems  # their sets cannot be compared
    problems += [*check_replication(topology), *check_histories(topology), *check_relay_logs(topology)]
    if expect_primary == "dead":
        problems += check_primary_is_dead(topology)
    elif expect_primary == "alive" or topology.primary is None:
        problems += check_primary_lives(topology)
    if topology.primary_status == ALIVE:
        problems += [*check_writers(topology), *check_followers(topology)]
    return problems


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
        never_started = follows_primary and channel.is_stopped and not channel.has_connected
        source = topology.sources[member.name]
        fed_by_stranger = channel.receiver == RUNNING and not (source in topology and topology[source].listed)
        if never_started or not (follows_primary or topology.follows_replica(member.name) or fed_by_stranger):
            names.append(member.name)
    return names
