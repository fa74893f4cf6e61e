# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_rejoin: make a former primary that is up again fit to be a replica, and never hide what it alone has.

It is closed for writes before anything is compared, so that what it alone has grows no more.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._arguments import LOGIN_ARGUMENTS, BadInput, server_argument, servers_argument
from ansible_collections.dbha.mysql.plugins.module_utils._binlog_extract import ExtractFailed, extract_over_connection
from ansible_collections.dbha.mysql.plugins.module_utils._checks import Problem, check_identities, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._cluster import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._events import enabled_events, switch_events
from ansible_collections.dbha.mysql.plugins.module_utils._handover import Limits, kill_clients, make_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._replication import persist_read_only, set_semi_sync_replica, set_semi_sync_source
from ansible_collections.dbha.mysql.plugins.module_utils._report import entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._save import save
from ansible_collections.dbha.mysql.plugins.module_utils._server import ServerError

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._arguments import Call, Result
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog_extract import Extract
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._replication import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._save import Saved
    from ansible_collections.dbha.mysql.plugins.module_utils._topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "server": server_argument(required=True),
    "primary": server_argument(required=True),
    "replicas": servers_argument(default=[]),
    "save": {"type": "bool", "default": True},
    "save_to": {"type": "path", "default": "~/dbha-saved"},
    "save_timeout": {"type": "float", "default": 300},
    "binlog_program": {"type": "path"},
    "timeout": {"type": "float", "default": 30},
    "grace": {"type": "float", "default": 1},
    "kill": {"type": "bool", "default": True},
}


def rejoin(call: Call) -> Result:
    """Close a former primary for writes, and say whether it can become a replica as it is."""
    name, primary = call.name_of("server") or "", call.name_of("primary") or ""
    if name == primary:
        raise BadInput("server: %s is the primary itself" % name)
    limits = Limits(call.seconds("timeout"), call.seconds("grace"), call.options["kill"], 0)
    with call.cluster("server", "primary", "replicas") as cluster:
        topology = cluster.look(primary)
        refuse(_check_members(topology, name, primary))
        node, source = cluster.nodes[name], cluster.nodes[primary]
        acknowledges = any(other.state.semi_sync.replica for other in cluster.nodes.values())
        cluster.lock([name])
        refuse(problems_in(cluster.on_each([name], lambda each: _close(call, each, limits, acknowledges), "close")))
        # First what it has, then what the primary has: that one goes on writing, and a replica may have received what it writes meanwhile.
        refuse(problems_in(cluster.on_each([name], lambda each: each.read())))
        received = node.state.received
        topology = cluster.look_again(topology)
        have = source.state.executed
        own = received.subtract(have)
        extract = _extract(call, node, own, have) if own else None
        if extract is not None:
            own = extract.transactions
        call.found = {"server": entry_of(topology[name]), "own": _describe(own), "saved": None, "topology": topology.tree()}
        if extract is not None and call.options["save"] and not call.check_mode:
            call.found["saved"] = _save(call, node, extract)
        refuse(_check_history(call, node, source, own))
        return {"msg": "%s has nothing that %s lacks" % (name, primary)}


def _check_members(topology: Topology, name: str, primary: str) -> t.Iterator[Problem]:
    for member in (topology[name], topology[primary]):
        if member.failure is not None:
            yield Problem(member.failure.code, member.name, member.failure.message)
    source = topology[primary].state
    if source is not None and source.channels:
        yield Problem("primary_unknown", primary, "%s is no primary: it replicates from %s" % (primary, topology.sources[primary]))
    elif source is not None and not source.writable:
        yield Problem("primary_read_only", primary, "the primary %s is read-only" % primary)
    yield from check_identities(topology)


def _close(call: Call, node: Node, limits: Limits, acknowledges: bool) -> None:
    """Let nobody write any more, now and after a restart, and let it wait for no acknowledgement."""
    if not node.state.channels:
        if not node.state.super_read_only:
            switch_events(node, enabled_events(node), enable=False)
        if node.state.semi_sync.source:
            set_semi_sync_source(node, False)
        if acknowledges:
            set_semi_sync_replica(node, True)
    was_writable = node.state.writable
    make_read_only(node, limits, time.monotonic() + limits.timeout, call.say)
    if was_writable:
        if not persist_read_only(node, True):
            call.warnings.append("%s cannot keep read_only over a restart: see to it that its option files say read_only=1" % node.name)
        if call.options["kill"]:
            kill_clients(node, call.say, in_transaction=True)


def _extract(call: Call, node: Node, own: Transactions, have: Gtids) -> t.Optional[Extract]:
    """Take what only this server has out of its binary logs. Where that cannot be done, it is said."""
    try:
        with call.journal.step("read binary logs", node.name):
            return extract_over_connection(node, have, call.seconds("save_timeout"))
    except (ExtractFailed, ServerError) as error:
        call.warn([Problem("not_saved", node.name, "what only %s has cannot be read: %s" % (node.name, error), str(own))])
        return None


def _save(call: Call, node: Node, extract: Extract) -> t.Optional[Saved]:
    options = call.options
    gtids = str(extract.transactions)
    try:
        with call.journal.step("save", node.name):
            saved = save(node.name, extract, options["save_to"], options["binlog_program"], call.seconds("save_timeout"))
    except ExtractFailed as error:
        call.warn([Problem("not_saved", node.name, "what only %s has could not be saved: %s" % (node.name, error), gtids)])
        return None
    if saved["problem"]:
        message = "what only %s has is saved in %s, but not as SQL: %s" % (node.name, saved["directory"], saved["problem"])
        call.warn([Problem("not_saved", node.name, message, gtids)])
    return saved


def _check_history(call: Call, node: Node, source: Node, own: Transactions) -> t.Iterator[Problem]:
    if own:
        saved = call.found["saved"]
        where = ". They are saved in %s" % saved["directory"] if saved is not None else ""
        message = "%s has %d transactions that %s lacks: %s%s" % (node.name, own.count(), source.name, own, where)
        yield Problem("own_transactions", node.name, message, str(own))


def _describe(own: Transactions) -> t.Dict[str, t.Any]:
    return {"gtids": str(own), "count": own.count()}
