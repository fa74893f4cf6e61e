# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_find_best_replica: stop receiving everywhere, elect by what was received, drain the winner. Undoes itself when it fails."""

from __future__ import annotations

import time
import typing as t
from dataclasses import asdict, replace

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import LOGIN_ARGUMENTS, server_argument, servers_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import (
    check_election,
    check_identities,
    check_names,
    check_opened,
    check_primary_is_dead,
    check_primary_lives,
    check_reading,
    check_relay_logs_are_known,
    check_replication,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Loss, elect
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_histories
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import describe_loss, describe_rank, entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Limits, kill_clients, make_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import restore_threads
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found, found_as, keeps_receiver, stop_receiving
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes, persist_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.legacy import OldCall, legacy

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Result
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Election
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "replicas": servers_argument(required=True),
    "primary": server_argument(),
    "found_dead": {"type": "str"},
    "candidates": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "expect_primary": {"type": "str", "choices": ["dead", "alive", "any"], "default": "dead"},
    "drain": {"type": "bool", "default": True},
    "drain_timeout": {"type": "float", "default": 60},
    "unreachable": {"type": "str", "choices": ["refuse", "proceed"], "default": "refuse"},
    "allow_data_loss": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
}

# Problems that the user may say to go on with.
_LOSSES = ("applier_broken", "diverged", "relay_logs_at_risk")
_SILENT = ("unreachable", "not_responding", "outcome_unknown", "login_refused", "not_mysql", "unreadable", "unsupported_version")


def find_best_replica(call: OldCall) -> Result:
    """Elect, and leave the winner with everything applied and all replicas with receivers stopped; or, without C(drain), only say who it is."""
    with call.cluster("primary", "replicas") as cluster:
        if not call.options["replicas"]:
            raise BadInput("replicas: name at least one server")
        drain_timeout = call.seconds("drain_timeout")
        if call.options["drain"] and call.options["expect_primary"] != "dead":
            raise BadInput("drain: only the replicas of a dead primary may be kept from receiving (expect_primary=dead)")
        topology = cluster.look(call.name_of("primary"), found_dead=call.options["found_dead"])
        fence = _must_be_fenced(call, topology)
        election = _decide(call, topology, fenced=fence)
        refuse(check_opened(topology, election))
        if not call.options["drain"]:
            return _result(topology, election, {})
        affected = _without_living_source(topology)
        fenced = [topology.primary or ""] if fence else []
        _lock(call, cluster, [*affected, *fenced])
        if not call.check_mode:
            topology = cluster.look_again(topology)
            election = _decide(call, topology, fenced=fence)
            locked, affected = affected, _without_living_source(topology)
            refuse(_overtaken(name) for name in affected if name not in locked)
        found = {name: found_as(cluster.nodes[name]) for name in [*affected, *fenced]}
        call.found["found"] = _describe_found(found)
        try:
            if fence:
                topology = _fence(call, cluster, topology, drain_timeout)
            election, topology = _freeze_and_elect(call, cluster, topology, affected, fenced=fence)
            while election.best not in affected and not topology[election.best or ""].known.leads:
                # It follows another replica, because it always did or because an interrupted run let it catch up from that one.
                follower = election.best or ""
                _lock(call, cluster, [follower])
                affected.append(follower)
                found[follower] = found_as(cluster.nodes[follower])
                call.found["found"] = _describe_found(found)
                election, topology = _freeze_and_elect(call, cluster, topology, [follower], fenced=fence)
            source = cluster.nodes[election.most_advanced or ""]
            with call.journal.step("drain", source.name):
                outcome = cluster.on_each([source.name], lambda node: drain(node, drain_timeout, call.say), record=True)
                refuse(problems_in(outcome))
            topology = cluster.arrange(topology.primary)
        except Refusal as refusal:
            undone = undo(cluster, found, call.say)
            # What stopped answering cannot be undone either: once is enough to say so.
            silent = {problem.server for problem in refusal.problems if problem.code in _SILENT}
            raise Refusal([*refusal.problems, *(problem for problem in undone if problem.server not in silent)]) from refusal
        except BaseException:
            undo(cluster, found, call.say)
            raise
        return _result(topology, election, found)


def _must_be_fenced(call: OldCall, topology: Topology) -> bool:
    """Whether the user wants to go on although the primary lives: it then has to be kept from writing first."""
    primary = topology.primary_member
    forced = bool(call.options["force"] and call.options["drain"])
    return forced and primary is not None and primary.state is not None and bool(topology.followers(primary.name))


def _fence(call: OldCall, cluster: Cluster, topology: Topology, timeout: float) -> Topology:
    """Make a living primary read-only, for good where it can be, end its clients, and let the replicas receive what it wrote last."""
    name = topology.primary or ""
    deadline = time.monotonic() + timeout
    limits = Limits(timeout=timeout, grace=1, kill=True)

    def fence(node: Node) -> None:
        make_read_only(node, limits, deadline, call.say)
        persist_read_only(node, True)
        kill_clients(node, call.say)

    refuse(problems_in(cluster.on_each([name], fence, "fence")))
    while not call.check_mode:
        topology = cluster.look_again(topology)
        member = topology[name]
        if member.state is None or time.monotonic() >= deadline or not topology.receiving_from_primary:
            break
        if any(replica.known.received.contains(member.state.executed) for replica in topology.replicas):
            break
        time.sleep(0.02)
    return topology


def _without_living_source(topology: Topology) -> t.List[str]:
    """Name the replicas whose receivers are to be stopped: not those of a living replica, which goes on feeding them."""
    return [member.name for member in topology.replicas if not topology.follows_living_member(member.name)]


def _lock(call: OldCall, cluster: Cluster, names: t.List[str]) -> None:
    """Keep other runs off these servers. One that stops answering here is left out of what follows, if that is how the user wants it."""
    problems = cluster.lock(names, call.seconds("drain_timeout"))
    refuse(problem for problem in problems if problem.code not in _SILENT or call.options["unreachable"] != "proceed")


def _overtaken(name: str) -> Problem:
    return Problem("changed_meanwhile", name, "%s followed a living replica a moment ago, and no longer does" % name)


def _freeze_and_elect(call: OldCall, cluster: Cluster, topology: Topology, affected: t.List[str], *, fenced: bool) -> t.Tuple[Election, Topology]:
    outcomes = cluster.on_each(affected, stop_receiving, "stop receiving", record=True)
    refuse(problem for problem in problems_in(outcomes) if problem.code not in _SILENT)
    if not call.check_mode:
        topology = cluster.look_again(topology)
        refuse(_still_receiving(topology, affected))
    election = _decide(call, topology, fenced=fenced)
    return (_with_loss_of_primary(call, topology, election) if fenced and not call.check_mode else election), topology


def _with_loss_of_primary(call: OldCall, topology: Topology, election: Election) -> Election:
    """Count as lost what the fenced primary has and no replica received, and refuse that unless the user allows it."""
    primary = topology.primary_member
    if primary is None or primary.state is None:
        return election
    left = primary.state.executed.subtract(topology[election.most_advanced or ""].known.received)
    if not left:
        return election
    message = "%s has %s that no replica received: %s" % (primary.name, left.counted(), left)
    problem = Problem("diverged", primary.name, message, str(left))
    if not call.options["allow_data_loss"]:
        raise Refusal([problem])
    call.warn([problem])
    return replace(election, lost=(*election.lost, Loss(primary.name, left)))


def _still_receiving(topology: Topology, names: t.Sequence[str]) -> t.List[Problem]:
    problems = []
    for name in names:
        member = topology[name]
        channel = channel_of(member) if member.state is not None else None
        if channel is not None and not channel.receives_no_more and not keeps_receiver(channel, topology[name].known.family):
            problems.append(Problem("changed_meanwhile", name, "the receiver of %s runs again: something else starts it" % name))
    return problems


def _decide(call: OldCall, topology: Topology, *, fenced: bool = False) -> Election:
    """Elect on what is known now; RV(fenced) if a living primary is kept from writing. Raises ``Refusal`` with everything that speaks against a failover."""
    options = call.options
    problems = [*check_reading(topology), *check_identities(topology)]
    if options["unreachable"] == "proceed":
        call.warn(problem for problem in problems if problem.code in _SILENT)
        problems = [problem for problem in problems if problem.code not in _SILENT]
    refuse(problem for problem in problems if problem.code == "mixed_families")
    problems += [*check_replication(topology), *check_histories(topology)]
    problems += check_names(topology, [*options["candidates"], *options["exclude"]])
    if options["expect_primary"] == "alive":
        problems += check_primary_lives(topology)
    elif options["expect_primary"] == "dead":
        dead = [problem for problem in check_primary_is_dead(topology) if not (fenced and problem.code == "primary_alive")]
        if options["force"]:
            call.warn(problem for problem in dead if problem.code == "primary_maybe_alive")
            dead = [problem for problem in dead if problem.code != "primary_maybe_alive"]
        problems += dead
    election = elect(topology, candidates=options["candidates"], exclude=options["exclude"])
    against = [*check_relay_logs_are_known(topology), *check_election(topology, election)]
    if options["allow_data_loss"]:
        call.warn(problem for problem in against if problem.code in _LOSSES)
        against = [problem for problem in against if problem.code not in _LOSSES]
    if not problems or not topology.replicas:
        problems += against
    refuse(problems)
    return election


def undo(cluster: Cluster, found: t.Mapping[str, Found], say: t.Callable[[str], None]) -> t.List[Problem]:
    """Let servers be again as they were found: the threads of replicas, and a primary that was made read-only. Return what could not be put back.

    What takes writes only since then has been opened by another run: it is left alone, and no other is opened beside it.
    """

    def was_opened(node: Node) -> bool:
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
    opened = [name for name, outcome in outcomes.items() if outcome.value]
    left = [name for name, outcome in outcomes.items() if outcome.problem is None and name not in opened and not (opened and found[name].writable)]
    return [*problems_in(outcomes), *problems_in(cluster.on_each(left, put_back, "undo"))]


def _describe_found(found: t.Mapping[str, Found]) -> t.Dict[str, t.Dict[str, bool]]:
    return {name: asdict(each) for name, each in found.items()}


def _result(topology: Topology, election: Election, found: t.Mapping[str, Found]) -> Result:
    best, most_advanced = election.best or "", election.most_advanced or ""
    return {
        "best": entry_of(topology[best]),
        "received": str(topology[best].known.received),
        "most_advanced": entry_of(topology[most_advanced]),
        "ranking": [describe_rank(rank) for rank in election.ranking],
        "lost": [describe_loss(loss) for loss in election.lost],
        "repoint": _must_be_repointed(topology, best),
        "writable": [member.name for member in topology.listed if member.state is not None and member.state.writable],
        "acknowledgers": _acknowledgers(topology, best),
        "found": _describe_found(found),
        "msg": _message(election),
    }


def _message(election: Election) -> str:
    message = "%s is the best replica" % election.best
    if election.best != election.most_advanced:
        message += ", once it has caught up from %s" % election.most_advanced
    lost = ["%s of %s (%s)" % (loss.transactions.counted(), loss.server, loss.transactions) for loss in election.lost]
    return "%s; %s" % (message, "lost: " + ", ".join(lost) if lost else "nothing that any replica has received is lost")


def _must_be_repointed(topology: Topology, best: str) -> t.List[str]:
    """Name the replicas that are to follow the new primary."""
    return [name for name in _without_living_source(topology) if name != best]


def _acknowledgers(topology: Topology, best: str) -> int:
    """Count the servers that would acknowledge to a new primary in semi-synchronous replication: replicas that do now, and the old primary."""
    count = sum(member.known.semi_sync.replica for member in topology.replicas if member.name != best)
    primary = topology.primary_member
    if primary is not None and primary.state is not None and primary.state.semi_sync.replica_variable and topology[best].known.semi_sync.replica:
        count += 1
    return count


VERB = legacy(ARGUMENTS, find_best_replica)
