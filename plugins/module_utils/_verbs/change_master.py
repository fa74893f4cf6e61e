# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_change_master: let replicas follow a primary, all at once, and see that they do. Also puts threads back as they were found."""

from __future__ import annotations

import typing as t
from dataclasses import fields

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import Outcome
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.restore import undo
from ansible_collections.dbha.mysql.plugins.module_utils._copy.unfinished import is_unfinished
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_identities
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_own_history
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_repointing
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import acts_as_primary, keeps_old_source
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import describe_settings, entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import tree
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import repoint
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found, let_receiver_stop, start_replicating, wait_until_replicating
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes, forbid_writes, persist_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.legacy import OldCall, legacy

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Result
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    **CLUSTER_ARGUMENTS,
    "primary": server_argument(),
    "replication_user": {"type": "str"},
    "replication_password": {"type": "str", "no_log": True},
    "source_ssl": {"type": "bool"},
    "source_ssl_ca": {"type": "str"},
    "source_ssl_cert": {"type": "str"},
    "source_ssl_key": {"type": "str", "no_log": False},  # a path
    "source_ssl_verify_server_cert": {"type": "bool"},
    "source_public_key": {"type": "bool"},
    "defaults": {"type": "dict"},
    "wait_timeout": {"type": "float", "default": 30},
    "allow_data_loss": {"type": "bool", "default": False},
    "restore": {"type": "dict"},
}


# What a replica that has no configuration takes over from another one.
_SETTINGS = (
    "replication_user",
    "source_ssl",
    "source_ssl_ca",
    "source_ssl_cert",
    "source_ssl_key",
    "source_ssl_verify_server_cert",
    "source_public_key",
)


def change_primary(call: OldCall) -> Result:
    """Repoint the replicas that do not follow the primary, start those that do and stand still, leave the others alone."""
    if not call.options["replicas"]:
        raise BadInput("replicas: name at least one server, or the group that holds the servers (cluster)")
    if call.options["restore"] is not None:
        return _restore(call)
    if not call.options["primary"]:
        raise BadInput("primary: name the server that the replicas are to follow")
    wait_timeout = call.seconds("wait_timeout")
    with call.cluster("primary", "replicas") as cluster:
        primary = call.name_of("primary") or ""
        topology = cluster.look(primary)
        refuse(_check_primary(topology, primary, check_mode=call.check_mode))
        refuse(problem for problem in check_identities(topology) if problem.code == "mixed_families")
        names = [name for name in call.names_of("replicas") if name != primary]
        to_change = _needing_change(call, cluster, topology, names)
        if to_change and not call.check_mode:
            held = cluster.lock([primary, *to_change], wait_timeout)
            refuse(problem for problem in held if problem.code == "locked")
            topology = cluster.look_again(topology)
            refuse(_check_primary(topology, primary, check_mode=False))
            to_change = _needing_change(call, cluster, topology, to_change)
        before = tree(topology)
        readable = [name for name in names if topology[name].state is not None]
        source = cluster.nodes[primary]
        former_primaries = [name for name in to_change if cluster.nodes[name].channel is None]
        outcomes: t.Dict[str, Outcome[None]] = {}
        stumbled = {name: cluster.nodes[name].state.executed for name in to_change if _has_stumbled(cluster.nodes[name], source)}
        purged = source.purged() if to_change else source.state.purged
        # A former primary comes last, and only once it has no replicas. As long as it follows nobody they are no replicas of a replica, which
        # would be left alone when this is interrupted and run again.
        for turn in ([name for name in to_change if name not in former_primaries], former_primaries):
            left_behind = {topology.sources.get(name): name for name, outcome in outcomes.items() if outcome.problem is not None}
            # Nor is it known whom those follow that could not be read.
            left_behind.update((name, unread) for unread in names if unread not in readable for name in former_primaries)
            outcomes.update({name: Outcome(problems=(_must_wait(name, left_behind[name]),)) for name in turn if name in left_behind})
            turn = [name for name in turn if name not in left_behind]
            outcomes.update(cluster.on_each(turn, lambda node: _follow(call, cluster, node, source, topology, purged), "repoint", record=True))
        if not call.check_mode:
            repointed = [name for name in to_change if outcomes[name].problem is None]
            outcomes.update(cluster.on_each(repointed, lambda node: _await(node, source, wait_timeout, stumbled.get(node.name)), "wait", record=True))
        silent = {member.name: Problem(member.failure.code, member.name, member.failure.message) for member in topology.unread if member.failure}
        problems = {name: outcomes[name].problem if name in outcomes else silent.get(name) for name in names}
        if call.check_mode:
            topology = after_repointing(topology, [name for name in to_change if problems[name] is None], primary)
        elif to_change:
            topology = cluster.look_again(topology)
        changed = {sent.server for sent in call.journal.statements}
        call.found = {
            "replicas": [
                dict(
                    entry_of(topology[name]),
                    changed=name in changed,
                    replicating=name in cluster.nodes and _replicates(cluster.nodes[name]) and problems[name] is None,
                    problem=_describe(problems[name]),
                )
                for name in names
            ],
            "diff": {"before": before, "after": tree(topology), "before_header": primary, "after_header": primary},
            "topology": tree(topology),
        }
        refuse(problem for problem in problems.values() if problem is not None)
        return {"msg": _message(names, changed, primary, call.check_mode)}


def _must_wait(name: str, replica: str) -> Problem:
    return Problem("not_replicating", name, "%s is left alone, for its replica %s could not be repointed" % (name, replica))


def _message(names: t.Sequence[str], changed: t.Collection[str], primary: str, check_mode: bool) -> str:
    told = [name for name in names if name in changed] or names
    verb = "would replicate" if changed and check_mode else "replicates" if len(told) == 1 else "replicate"
    return "%s %s from %s%s" % (", ".join(told), verb, primary, " already" if not changed else "" if check_mode else " now")


def _check_primary(topology: Topology, primary: str, *, check_mode: bool) -> t.Iterator[Problem]:
    member = topology[primary]
    if member.failure is not None:
        yield Problem(member.failure.code, primary, member.failure.message)
    elif not member.known.log_bin:
        yield Problem("no_candidate", primary, "%s has no binary log: nobody can replicate from it" % primary)
    elif not member.known.writable and not check_mode:
        yield Problem("primary_read_only", primary, "%s is read-only: nobody could write any more once all replicate from it" % primary)
    elif topology.sources.get(primary) in topology and not check_mode and (keeps_old_source(topology) or not acts_as_primary(topology, member)):
        message = "%s still follows %s: an earlier run was interrupted before it was the primary in every respect" % (primary, topology.sources[primary])
        yield Problem("not_promoted", primary, message)


def _needing_change(call: OldCall, cluster: Cluster, topology: Topology, names: t.Iterable[str]) -> t.List[str]:
    """Return which of these servers do not replicate from the primary as they are to; what could not be read is left out."""
    return [name for name in names if topology[name].state is not None and _needs_change(call, cluster.nodes[name], topology)]


def _needs_change(call: OldCall, node: Node, topology: Topology) -> bool:
    channel = node.channel
    if channel is None or topology.sources.get(node.name) != topology.primary:
        return True
    user = call.options["replication_user"]
    return not _replicates(node) or (user is not None and channel.user != user)


def _replicates(node: Node) -> bool:
    channel = node.channel
    return channel is not None and channel.is_running


def _follow(call: OldCall, cluster: Cluster, node: Node, source: Node, topology: Topology, purged: Gtids) -> None:
    """Repoint one replica, or start it. Raises ``Refusal`` when it must not."""
    channel = node.channel
    follows = channel is not None and topology.sources.get(node.name) == source.name
    if channel is None and is_unfinished(node):
        raise Refusal([Problem("not_copied", node.name, "%s holds only a part of a copy: an earlier rejoin was interrupted" % node.name)])
    # In check mode the old primary still writes, so that sets read one after the other differ.
    if not call.check_mode or (channel is not None and channel.receiver == STOPPED):
        refuse(_check_history(node, source, follows=follows, give_up=call.options["allow_data_loss"]))
        refuse(check_own_history(node.name, node.state, source.name, source.state) if channel is None else ())
    let_receiver_stop(node, call.say)
    options = call.options
    same_user = options["replication_user"] is None or (channel is not None and channel.user == options["replication_user"])
    if follows and same_user and channel is not None and not channel.receiver_error and not channel.applies_relay_logs:
        start_replicating(node)
    else:
        _apply_what_cannot_be_fetched(call, node, source, purged)
        options_of_source = _source_options(call, cluster, node, source)
        if channel is None:
            _close(call, node, source)
            # A switchover does that when it demotes; this may be what is left of one that was interrupted before.
            persist_read_only(node, True)
        repoint(node, options_of_source)


def _close(call: OldCall, node: Node, source: Node) -> None:
    """Close a former primary for writes, unless somebody has written to it since it was read."""
    if not node.state.writable:
        return
    forbid_writes(node)
    if not call.check_mode:
        try:
            node.read()
            source.read()
            refuse(_check_history(node, source, follows=False, give_up=call.options["allow_data_loss"]))
        except Refusal:
            allow_writes(node)
            raise


def _has_stumbled(node: Node, source: Node) -> bool:
    """Whether the applier of a replica had failed, and the new source has more for it to stumble over."""
    channel = node.channel
    return channel is not None and channel.applier == STOPPED and bool(channel.applier_error) and not node.state.executed.contains(source.state.executed)


def _await(node: Node, source: Node, wait_timeout: float, stumbled: t.Optional[Gtids]) -> None:
    """Wait until a replica replicates. Raises ``Refusal`` when it does not."""
    trouble = wait_until_replicating(node, wait_timeout, stumbled)
    if trouble is not None:
        raise Refusal([Problem(_code_of(trouble), node.name, "%s does not replicate from %s: %s" % (node.name, source.name, trouble))])


def _code_of(trouble: str) -> str:
    """Tell what keeps a replica from replicating, by the error that its source has sent: 1236, with MySQL 8.0.30 and later also 13114."""
    # MariaDB; MySQL 5.7 and later.
    if "which is not in the master's binlog" in trouble or "more GTIDs than the" in trouble:
        return "diverged"
    return "purged" if "1236" in trouble or "13114" in trouble else "not_replicating"


def _source_options(call: OldCall, cluster: Cluster, node: Node, source: Node) -> SourceOptions:
    """Return what a replica is told about its source: what is not given stays as it is, or is as a replica had it that is the primary now."""
    options = call.options
    former_primary = node.channel is None
    if former_primary:
        defaults = call.options["defaults"] or _settings_of_another(cluster, node) or {}
        options = {**options, **{name: value for name, value in defaults.items() if name in _SETTINGS and options[name] is None}}
        if options["replication_user"] is None or options["replication_password"] is None:
            message = "%s has no replication configured, and replication_user and replication_password are not given" % node.name
            raise Refusal([Problem("replication_user_missing", node.name, message)])
    address = source.server.address
    return SourceOptions(
        address.host,
        address.port,
        user=options["replication_user"],
        password=options["replication_password"],
        tls=options["source_ssl"],
        ca_cert=options["source_ssl_ca"],
        client_cert=options["source_ssl_cert"],
        client_key=options["source_ssl_key"],
        verify_cert=options["source_ssl_verify_server_cert"],
        get_public_key=options["source_public_key"],
        demote=former_primary,
    )


def _settings_of_another(cluster: Cluster, node: Node) -> t.Optional[t.Dict[str, t.Any]]:
    return next((describe_settings(other.channel) for other in cluster.nodes.values() if other is not node and other.channel is not None), None)


def _check_history(node: Node, source: Node, *, follows: bool, give_up: bool) -> t.Iterator[Problem]:
    """A replica that has what its new source lacks would go on with rows of its own, or stop at the first conflict.

    One that follows the source already may have more by now than that one had when it was read.

    RV(give_up): what it has received and not applied goes with its relay logs, because the user has said so.
    """
    extra = (node.state.executed if give_up else node.state.received).subtract(source.state.received)
    channel = node.channel
    still_fed = follows and channel is not None and channel.receiver == RUNNING and source.state.writable
    if extra and not still_fed:
        yield Problem("diverged", node.name, "%s has %s that %s lacks: %s" % (node.name, extra.counted(), source.name, extra), str(extra))


def _apply_what_cannot_be_fetched(call: OldCall, node: Node, source: Node, purged: Gtids) -> None:
    """Apply the relay logs first if the new source no longer has what is in them; changing the source deletes them."""
    needed = purged.subtract(node.state.executed)
    if not needed:
        return
    if purged.subtract(node.state.received):
        raise Refusal([Problem("purged", node.name, "%s lacks %s that %s has purged: %s" % (node.name, needed.counted(), source.name, needed), str(needed))])
    drain(node, call.seconds("wait_timeout"), call.say, purged.union(node.state.executed))


def _restore(call: OldCall) -> Result:
    with call.cluster("replicas") as cluster:
        found = {}
        for name, given in call.options["restore"].items():
            if name not in call.names_of("replicas") or not isinstance(given, dict) or set(given) != {each.name for each in fields(Found)}:
                raise BadInput("restore: takes what mysql_find_best_replica returned as found, for servers of replicas; not %r" % name)
            found[name] = Found(**{key: bool(value) for key, value in given.items()})
        topology = cluster.look()
        readable = {name: each for name, each in found.items() if name in cluster.nodes}
        refuse(problem for problem in cluster.lock(readable, call.seconds("wait_timeout")) if problem.code == "locked")
        problems = undo(cluster, readable, call.say)
        problems += [Problem(member.failure.code, member.name, member.failure.message) for member in topology.unread if member.name in found and member.failure]
        refuse(problems)
        return {"msg": "the replication threads run as they were found"}


def _describe(problem: t.Optional[Problem]) -> t.Optional[t.Dict[str, str]]:
    return None if problem is None else {"code": problem.code, "message": problem.message, "remedy": problem.remedy}


VERB = legacy(ARGUMENTS, change_primary)
