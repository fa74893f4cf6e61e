# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_promote: make one replica the primary. Opening it for writes is the point of no return; what is slow comes after it."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._arguments import LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._checks import Problem, Refusal, check_reading, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._cluster import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._flavor import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._replication import (
    allow_writes,
    drain,
    forget_source,
    nothing_more_will_be_applied,
    repoint,
    stop_receiving,
)
from ansible_collections.dbha.mysql.plugins.module_utils._report import entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._topology import after_promotion

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._arguments import Call, Result
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._replication import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._topology import Member, Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "replica": server_argument(required=True),
    "catch_up_from": server_argument(),
    "timeout": {"type": "float", "default": 60},
}


def promote(call: Call) -> Result:
    """Let a replica catch up if it is told to, open it for writes, and end its replication."""
    timeout = call.seconds("timeout")
    with call.cluster("replica", "catch_up_from") as cluster:
        topology = cluster.look()
        refuse(check_reading(topology))
        name = call.name_of("replica") or ""
        refuse(problem for member in topology.listed for problem in _check_readable(member))
        node = cluster.nodes[name]
        before = topology.tree()
        refuse(_check_promotable(node))
        cluster.lock([name])
        source = call.name_of("catch_up_from")
        if source is not None and source != name:
            _catch_up(call, cluster, node, cluster.nodes[source], timeout)
        refuse(_check_drained(call, node))
        with call.journal.step("allow writes", name):
            problems = problems_in(cluster.on_each([name], allow_writes))
        # Here is the point of no return: nothing is undone any more, nor where it is not known whether the statement was carried out.
        call.found = {
            "primary": entry_of(topology[name]),
            "opened": not problems or problems[0].code == "outcome_unknown",
            "time": round(time.time(), 3),
        }
        refuse(problems)
        with call.journal.step("end replication", name):
            problems = problems_in(cluster.on_each([name], forget_source))
        if not call.check_mode:
            topology = cluster.look_again(topology)
            problems += [problem for problem in _check_promoted(node) if not problems]
        else:
            topology = after_promotion(topology, name)
        refuse(problems)
        return _result(call, cluster, topology, node, before)


def _check_readable(member: Member) -> t.Iterator[Problem]:
    if member.failure is not None:
        yield Problem(member.failure.code, member.name, member.failure.message)


def _check_promotable(node: Node) -> t.Iterator[Problem]:
    channel = node.channel
    if not node.state.log_bin:
        yield Problem("no_candidate", node.name, "%s has no binary log: nobody could replicate from it" % node.name)
    if node.state.gtid_mode != "ON":
        yield Problem("gtid_off", node.name, "%s has gtid_mode=%s" % (node.name, node.state.gtid_mode))
    if channel is not None and channel.receiver == RUNNING:
        yield Problem("still_receiving", node.name, "%s still receives from its source %s:%d" % (node.name, channel.source_host, channel.source_port))


def _check_drained(call: Call, node: Node) -> t.Iterator[Problem]:
    left = node.state.not_applied
    if left and not nothing_more_will_be_applied(node) and not call.check_mode:
        yield Problem("not_drained", node.name, "%s has received %d transactions that it has not applied: %s" % (node.name, left.count(), left), str(left))


def _check_promoted(node: Node) -> t.Iterator[Problem]:
    if not node.state.writable:
        yield Problem("not_writable", node.name, "%s is read-only again: something else has set it" % node.name)
    if node.state.channels:
        yield Problem("statement_failed", node.name, "%s still has a replication configuration" % node.name)


def _catch_up(call: Call, cluster: Cluster, node: Node, source: Node, timeout: float) -> None:
    """Fetch from another replica what this one lacks. It takes two steps and the time of both, and happens before anything is opened."""
    missing = source.state.executed.subtract(node.state.received)
    if not missing:
        return
    call.say("%s: catching up on %d transactions from %s" % (node.name, missing.count(), source.name))
    address = source.server.address
    goal = source.state.executed.union(node.state.executed)

    def fetch(own: Node) -> None:
        deadline = time.monotonic() + timeout
        repoint(own, SourceOptions(address.host, address.port))
        if not call.check_mode:
            own.read()
            drain(own, max(deadline - time.monotonic(), 1), call.say, goal)
        stop_receiving(own)
        if not call.check_mode:
            own.read()

    with call.journal.step("catch up", node.name):
        problems = problems_in(cluster.on_each([node.name], fetch))
    if problems:
        raise Refusal([Problem("catch_up_failed", node.name, problem.message, problem.gtids) for problem in problems])


def _result(call: Call, cluster: Cluster, topology: Topology, node: Node, before: str) -> Result:
    row = (node.server.send(node.flavor.show_binary_log_status()) or [{}])[0]
    now = "would be the primary" if call.check_mode else "is the primary now"
    return {
        "primary": entry_of(topology[node.name]),
        "gtid": str(node.state.executed),
        "binlog": {"file": row.get("File"), "position": row.get("Position")},
        "diff": {"before": before, "after": topology.tree(), "before_header": node.name, "after_header": node.name},
        "msg": "%s %s" % (node.name, now if call.journal.statements else "is a primary already: writable, and without a source"),
    }
