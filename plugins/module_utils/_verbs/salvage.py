# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_salvage: what a dead primary has in its binary log files and no replica received, applied on a replica under its own GTIDs.

What runs on the dead server's host is in C(_binlog/dead_host). Each transaction that was applied is kept, whatever becomes of the next; a second run
takes up only what is lacking then.
"""

from __future__ import annotations

import base64
import re
import time
import typing as t
import zlib
from contextlib import closing

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids, transactions_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.plugins.module_utils._steps.relay_logs import keeper_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import stop_applying
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import open_to_privileged
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.legacy import OldCall, legacy

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Result, Verb
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "replica": server_argument(),
    "directory": {"type": "path", "default": "/var/lib/mysql"},
    "binlog_program": {"type": "path"},
    "connect_within": {"type": "float", "default": 3},
    "timeout": {"type": "float", "default": 20},
    # What the action plugin tells the part that runs on the dead server's host.
    "family": {"type": "str", "choices": ["mysql", "mariadb"]},
    "have": {"type": "str"},
}

# What begins a transaction in the output of the vendors' tools.
_BEGINS = re.compile(r"(?:/\*!\d+ )?SET @@SESSION\.(?:GTID_NEXT ?= ?'[^']+:\d+'|gtid_seq_no ?= ?\d+)", re.IGNORECASE)

# What only the command-line client understands.
_CLIENT_COMMAND = "/*!\\C"


def ask_replica(call: OldCall) -> Result:
    """Say what a replica has, if transactions can be applied on it as it is."""
    call.seconds("timeout")
    with call.cluster("replica") as cluster:
        node = _look(call, cluster)
        left = node.state.not_applied
        if left and not call.check_mode:
            message = "%s has received %s that it has not applied: %s" % (node.name, left.counted(), left)
            raise Refusal([Problem("not_drained", node.name, message, str(left))])
        return {"family": node.state.family, "have": str(node.state.received), "writable": node.state.writable}


def _look(call: OldCall, cluster: Cluster) -> Node:
    name = call.name_of("replica")
    if name is None:
        raise BadInput("replica: name the server that is to have the transactions")
    topology = cluster.look(ask_source=False)
    refuse(Problem(member.failure.code, member.name, member.failure.message) for member in topology.listed if member.failure is not None)
    return cluster.nodes[name]


def apply_salvage(call: OldCall, reading: Result, seconds: float) -> Result:
    """Apply on a replica what was read from the dead server, one transaction after the other for as long as there is time."""
    deadline = time.monotonic() + seconds
    family, found = reading["family"], reading["found"]
    call.found = {"received": None, **describe_salvage(family, found, found)}
    with call.cluster("replica") as cluster:
        node = _look(call, cluster)
        refuse(cluster.lock([node.name], seconds))
        refuse(_check_untouched(node, parse_gtids(family, reading["have"]), reading["writable"]))
        sql = zlib.decompress(base64.b64decode(reading["sql"])).decode("utf-8", "surrogateescape")
        problems = problems_in(cluster.on_each([node.name], lambda each: _apply(each, sql, deadline), "salvage"))
        problems += problems_in(cluster.on_each([node.name], _read_back))
        left = [gtid for gtid in found if not node.state.executed.contains(parse_gtids(family, gtid))]
        call.found = {"received": str(node.state.received), **describe_salvage(family, found, left)}
        applied = parse_gtids(family, ",".join(gtid for gtid in found if gtid not in left))
        problems += problems_in(cluster.on_each([node.name], lambda each: keeper_of(each).count_as_replicated(applied)))
        if left and not problems:
            problems = [Problem("salvage_failed", node.name, "%s has not got them although all went well" % node.name)]
        refuse(Problem("salvage_failed", node.name, problem.message, call.found["left"]) for problem in problems if left)
        return {}


def _check_untouched(node: Node, had: Gtids, was_writable: bool) -> Iterator[Problem]:
    """See that nobody has worked on the replica since it was asked what it has: what is applied now would be errant on a replica of another server."""
    state = node.read()
    channel = node.channel
    if state.writable and not was_writable:
        yield Problem("changed_meanwhile", node.name, "%s takes writes by now" % node.name)
    elif (channel is not None and not channel.receives_no_more) or state.received.subtract(had):
        yield Problem("changed_meanwhile", node.name, "%s had received %s when it was asked, and now %s" % (node.name, had, state.received))


def describe_salvage(family: str, found: t.Sequence[str], left: t.Sequence[str]) -> Result:
    """Describe what a dead server alone had, what of that was applied, and what is left."""
    result: Result = {}
    missing = set(left)
    for name, gtids in (("found", found), ("applied", [gtid for gtid in found if gtid not in missing]), ("left", left)):
        transactions = transactions_of(family, gtids)
        result.update({name: str(transactions), name + "_count": transactions.count()})
    return result


def _apply(node: Node, sql: str, deadline: float) -> None:
    """Apply SQL over a connection of its own, which takes its settings, and a transaction that it did not come through with, along when it ends."""
    stop_applying(node)
    with open_to_privileged(node), closing(node.server.twin()) as twin, twin.within(max(deadline - time.monotonic(), 0.1)):
        for text in split_statements(sql):
            begins = _BEGINS.match(text) is not None
            if begins and time.monotonic() >= deadline:
                raise Refusal([Problem("salvage_failed", node.name, "there was no time to apply all of it on %s" % node.name)])
            twin.send(Statement(text, changes=begins, shown=text if begins else "(a part of a transaction of the dead primary)"))


def _read_back(node: Node) -> None:
    if not node.server.is_open:
        node.reconnect()
    node.read()


def split_statements(sql: str) -> Iterator[str]:
    """Yield the statements of what C(mysqlbinlog) writes, as the command-line client would find them: C(DELIMITER) and comments are for it alone."""
    delimiter = ";"
    lines: t.List[str] = []
    for line in sql.split("\n"):
        if not lines and (not line.strip() or line.startswith(("#", _CLIENT_COMMAND))):
            continue
        if not lines and line.startswith("DELIMITER "):
            delimiter = line.split(" ", 1)[1].strip()
            continue
        lines.append(line)
        if line.endswith(delimiter):
            yield "\n".join(lines)[: -len(delimiter)]
            lines = []


ASK = legacy(ARGUMENTS, ask_replica)


def applying(reading: Result, seconds: float) -> Verb[Options]:
    """Return what applies on a replica what was read from the dead server."""
    return legacy(ARGUMENTS, lambda call: apply_salvage(call, reading, seconds))
