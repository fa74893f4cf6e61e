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
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed, extract_over_connection
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.save import save
from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._copy.backup import Hosts, rebuild_by_backup, why_not_by_backup
from ansible_collections.dbha.mysql.plugins.module_utils._copy.clone import clone
from ansible_collections.dbha.mysql.plugins.module_utils._copy.dump import rebuild_by_dump
from ansible_collections.dbha.mysql.plugins.module_utils._copy.restart import wait_until_back
from ansible_collections.dbha.mysql.plugins.module_utils._copy.unfinished import is_unfinished
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_identities
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_own_history
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import tree
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import enabled_events, switch_events
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Limits, kill_clients, make_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import set_semi_sync_replica, set_semi_sync_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import persist_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.legacy import OldCall, legacy

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import Extract
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.save import Saved
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Result
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "server": server_argument(required=True),
    "primary": server_argument(required=True),
    **CLUSTER_ARGUMENTS,
    "method": {"type": "str", "choices": ["refuse", "clone", "rebuild"], "default": "refuse"},
    "donor": server_argument(),
    "copy_user": {"type": "str"},
    "copy_password": {"type": "str", "no_log": True},
    "copy_timeout": {"type": "float", "default": 3600},
    "dump_program": {"type": "path"},
    "host_shells": {"type": "dict", "default": {}},
    "stop_command": {"type": "str", "default": ""},
    "start_command": {"type": "str", "default": ""},
    "restart_timeout": {"type": "float", "default": 60},
    "save": {"type": "bool", "default": True},
    "save_to": {"type": "path", "default": "~/dbha-saved"},
    "save_timeout": {"type": "float", "default": 300},
    "binlog_program": {"type": "path"},
    "timeout": {"type": "float", "default": 30},
    "grace": {"type": "float", "default": 1},
    "kill": {"type": "bool", "default": True},
}


def rejoin(call: OldCall) -> Result:
    """Close a former primary for writes, and say whether it can become a replica as it is."""
    name, primary = call.name_of("server") or "", call.name_of("primary") or ""
    if name == primary:
        raise BadInput("server: %s is the primary itself" % name)
    limits = Limits(call.seconds("timeout"), call.seconds("grace"), call.options["kill"])
    for option in ("copy_timeout", "restart_timeout", "save_timeout"):
        call.seconds(option)
    with call.cluster("server", "primary", "donor", "replicas") as cluster:
        topology = cluster.look(primary)
        refuse(_check_members(topology, name, primary))
        node, source = cluster.nodes[name], cluster.nodes[primary]
        acknowledges = any(other.state.semi_sync.replica for other in cluster.nodes.values())
        refuse(cluster.lock([name], call.seconds("copy_timeout")))
        refuse(problems_in(cluster.on_each([name], lambda each: _close(call, each, limits, acknowledges), "close")))
        # First what it has, then what the primary has: that one goes on writing, and a replica may have received what it writes meanwhile.
        refuse(problems_in(cluster.on_each([name], lambda each: each.read())))
        received = node.state.received
        topology = cluster.look_again(topology)
        refuse(_check_members(topology, name, primary))
        have = source.state.executed
        own = received.subtract(have)
        extract = _extract(call, node, own, have) if own else None
        if extract is not None:
            own = extract.transactions
        call.found = {"server": entry_of(topology[name]), "own": _describe(own), "saved": None, "topology": tree(topology)}
        if extract is not None and call.options["save"] and not call.check_mode:
            call.found["saved"] = _save(call, node, extract)
        lacking = list(_check_history(call, node, source, own))
        if not lacking:
            return {"msg": "%s has nothing that %s lacks" % (name, primary)}
        if call.options["method"] == "refuse":
            refuse(lacking)
        if own and call.options["save"] and not call.check_mode and not (call.found["saved"] or {}).get("binary_logs"):
            refuse([Problem("not_saved", name, "%s is not overwritten: what it alone has could not be saved" % name, str(own))])
        donor = cluster.nodes[_choose_donor(call, topology, name, primary)]
        refuse(cluster.lock([donor.name], call.seconds("copy_timeout")))
        call.found.update(copied_from=entry_of(topology[donor.name]), copied_with=None, restart_needed=False)
        refuse(problems_in(cluster.on_each([name], lambda each: _overwrite(call, cluster, each, donor, source, limits), "copy")))
        said = "would be overwritten by a copy of %s (%s)" if call.check_mode else "is a copy of %s now (%s)"
        if call.found["restart_needed"]:
            said = "is a copy of %s (%s), and waits to be started"
        return {"msg": "%s %s" % (name, said % (donor.name, call.found["copied_with"]))}


def _choose_donor(call: OldCall, topology: Topology, name: str, primary: str) -> str:
    """Return whom to copy: the one that the user names, else a replica that lags least, so that the primary is spared; the primary if there is none.

    It must have all that the former primary wrote, which that one would skip as a replica.
    """
    named = call.name_of("donor")
    if named is not None:
        failure = topology[named].failure
        if failure is not None:
            raise Refusal([Problem(failure.code, named, failure.message)])
        return named
    own = topology[primary].known.executed.of_origins([topology[name].known.identity])
    fit = []
    for member in topology.replicas:
        channel = channel_of(member)
        follows = member.name != name and channel is not None and channel.is_running and topology.sources[member.name] == primary
        if channel is not None and follows and member.known.executed.contains(own):
            fit.append((channel.delay, channel.lag or 0, member.name))
    return min(fit)[2] if fit else primary


def _overwrite(call: OldCall, cluster: Cluster, node: Node, donor: Node, source: Node, limits: Limits) -> None:
    """Overwrite a server, and see that it has then what it should have, and nothing else."""
    copy_timeout, restart_timeout = call.seconds("copy_timeout"), call.seconds("restart_timeout")
    for each in (node, donor, source):
        # Nothing is sent over these connections, which hold our locks, while a program copies.
        each.server.send(each.flavor.stay_connected(int(copy_timeout + 3 * restart_timeout) + 120))
    if call.options["method"] == "clone":
        if not node.flavor.can_clone:
            message = "%s is %s, which cannot be cloned: that takes MySQL 8.0.17 or later" % (node.name, node.state.version_text)
            raise Refusal([Problem("cannot_copy", node.name, message)])
        call.found["copied_with"] = "clone"
        call.found["restart_needed"] = clone(node, donor, copy_timeout, restart_timeout, call.say)
    else:
        _rebuild(call, node, donor)
    if call.check_mode or call.found["restart_needed"]:
        return
    wait_until_back(node, restart_timeout)
    # The lock went with the connection.
    refuse(cluster.lock([node.name], restart_timeout))
    _close(call, node, limits, False)
    had = node.read().received
    own = had.subtract(source.read().executed)
    if own:
        raise Refusal([Problem("own_transactions", node.name, "%s has %s, which %s lacks, also after it was copied" % (node.name, own, source.name), str(own))])


def _rebuild(call: OldCall, node: Node, donor: Node) -> None:
    """Overwrite a server by the files of its donor where the hosts allow that, else by a dump."""
    options, login = call.options, node.server.login
    account = replace(login, user=options["copy_user"] or login.user, password=options["copy_password"] or login.password)
    why_not = ""
    if node.state.family == "mariadb":
        hosts = Hosts(options["host_shells"], options["stop_command"], options["start_command"], call.seconds("restart_timeout"))
        why_not = why_not_by_backup(node, donor, hosts)
        if not why_not:
            call.found["copied_with"] = "mariadb-backup"
            rebuild_by_backup(node, donor, account, hosts, call.seconds("copy_timeout"), call.say)
            return
        why_not = "mariadb-backup, which is quicker, cannot be used: %s" % why_not
        call.warnings.append("a dump serves to overwrite %s. %s" % (node.name, why_not))
    call.found["copied_with"] = "dump"
    try:
        rebuild_by_dump(node, donor, account, call.seconds("copy_timeout"), call.say, options["dump_program"])
    except Refusal as refusal:
        if not why_not:
            raise
        problems = [replace(each, message="%s. And %s" % (each.message, why_not)) if each.code == "cannot_copy" else each for each in refusal.problems]
        raise Refusal(problems) from refusal


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


def _close(call: OldCall, node: Node, limits: Limits, acknowledges: bool) -> None:
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


def _extract(call: OldCall, node: Node, own: Transactions, have: Gtids) -> t.Optional[Extract]:
    """Take what only this server has out of its binary logs. Where that cannot be done, it is said."""
    try:
        with call.journal.step("read binary logs", node.name):
            return extract_over_connection(node, have, call.seconds("save_timeout"))
    except (ExtractFailed, ServerError) as error:
        call.warn([Problem("not_saved", node.name, "what only %s has cannot be read: %s" % (node.name, error), str(own))])
        return None


def _save(call: OldCall, node: Node, extract: Extract) -> t.Optional[Saved]:
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


def _check_history(call: OldCall, node: Node, source: Node, own: Transactions) -> t.Iterator[Problem]:
    purged = source.state.purged.subtract(node.state.executed)
    lost = list(check_own_history(node.name, node.state, source.name, source.state))
    if own:
        saved = call.found["saved"]
        where = ". They are saved in %s%s" % (saved["directory"], _describe_rows(saved["tables"] or [])) if saved is not None else ""
        message = "%s has %s that %s lacks: %s%s" % (node.name, own.counted(), source.name, own, where)
        yield Problem("own_transactions", node.name, message, str(own))
    elif is_unfinished(node):
        yield Problem("not_copied", node.name, "%s holds only a part of a copy: an earlier run was interrupted" % node.name)
    elif lost:
        yield from lost
    elif purged:
        message = "%s lacks %s that %s has purged: %s" % (node.name, purged.counted(), source.name, purged)
        yield Problem("purged", node.name, message, str(purged))


def _describe_rows(tables: t.List[t.Dict[str, t.Any]]) -> str:
    """Say what was written where, so that whoever is to decide need not open a file."""
    changed = [
        "%s.%s %s" % (table["schema"], table["table"], ", ".join("%d %s" % (table[kind], kind) for kind in ("inserted", "updated", "deleted") if table[kind]))
        for table in tables
    ]
    return ". Rows: %s" % "; ".join(changed) if changed else ""


def _describe(own: Transactions) -> t.Dict[str, t.Any]:
    return {"gtids": str(own), "count": own.count()}


VERB = legacy(ARGUMENTS, rejoin)
