# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_gtid_check: look at a cluster, and say what it is like and what is wrong with it. Changes nothing."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import (
    check_followers,
    check_identities,
    check_leaders,
    check_primary_is_dead,
    check_primary_lives,
    check_reading,
    check_relay_logs,
    check_replication,
    check_writers,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_histories
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import refuse, told
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import Described, Diff, describe_member, describe_primary
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import tree
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, channel_of

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    **CLUSTER_ARGUMENTS,
    "primary": server_argument(),
    "expect_primary": {"type": "str", "choices": ["dead", "alive", "any"], "default": "any"},
    "before": {"type": "str"},
}


class Checked(t.TypedDict, total=False):
    """What mysql_gtid_check gives back; its documentation says what each is."""

    flavor: t.Optional[str]
    gtid_mode: str
    primary: t.Optional[Described]
    replicas: t.List[Described]
    misplaced: t.List[str]
    writers_problem: t.Optional[str]
    topology: str
    time: float
    diff: Diff
    msg: str


@dataclass(frozen=True)
class Check:
    """What is to be looked at, and what is expected of it.

    ``primary`` is the name of the server that the user takes for the primary; ``expect_primary`` is V(dead), V(alive) or V(any); ``before`` is a
    topology, drawn, that is to be compared with what is found.
    """

    members: Members
    primary: t.Optional[str]
    expect_primary: str
    before: t.Optional[str]


def parse(options: Options) -> Check:
    """Read the options of mysql_gtid_check. Raises ``BadInput``."""
    members = options.members("primary", "replicas")
    if not members.entries:
        raise BadInput("replicas: name at least one server, or the group that holds the servers (cluster)")
    primary = options.server("primary")
    return Check(members, primary.name if primary else None, options.text("expect_primary") or "any", options.text("before"))


def check_gtids(call: Call, check: Check) -> Checked:
    """Look at the cluster. With C(expect_primary=any) problems are told, not failed for: a caller decides on what is found."""
    begun = time.time()
    with Cluster(check.members, call.journal, check_mode=call.check_mode) as cluster:
        topology = cluster.look()
        if check.primary is not None and topology.primary_status != ALIVE:
            topology = cluster.arrange(check.primary)
    read = [member for member in topology.members if member.state is not None]
    found: Checked = {
        "flavor": read[0].known.family if read else None,
        "gtid_mode": "ON" if read and all(member.known.gtid_mode == "ON" for member in read) else "OFF",
        "primary": describe_primary(topology),
        "replicas": [describe_member(member, topology) for member in topology.listed if member.name != topology.primary],
        "misplaced": misplaced(topology),
        "writers_problem": "\n".join(told(problem) for problem in check_leaders(topology)) or None,
        "topology": tree(topology),
        "time": round(begun, 3),
    }
    if check.before is not None:
        found["diff"] = {"before": check.before, "after": tree(topology)}
    call.tell(found)
    problems = find_problems(topology, check.expect_primary)
    if check.expect_primary == "any":
        if not read or topology.primary is None:
            refuse(problems)
        call.warn(problems)
        problems = []
    refuse(problems)
    return {"msg": _message(topology)}


VERB = Verb(ARGUMENTS, parse, check_gtids, strangers=("primary",))


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
