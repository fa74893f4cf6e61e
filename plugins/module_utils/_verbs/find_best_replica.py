# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_find_best_replica: stop receiving everywhere, elect by what was received, drain the winner. Undoes itself when it fails."""

from __future__ import annotations

import time
import typing as t
from dataclasses import asdict, dataclass
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.restore import undo
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_opened
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import (
    SILENT,
    Terms,
    acknowledgers,
    check_frozen,
    choose,
    has_received_all,
    judge,
    must_be_fenced,
    must_be_repointed,
    with_loss_of_primary,
    without_living_source,
)
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problems_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import Described, describe_loss, describe_rank, entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Limits, kill_clients, make_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found, found_as, stop_receiving
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import persist_read_only

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Choice
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    **CLUSTER_ARGUMENTS,
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


class Elected(t.TypedDict, total=False):
    """What mysql_find_best_replica gives back; its documentation says what each is."""

    best: Described
    received: str
    most_advanced: Described
    ranking: t.List[Described]
    lost: t.List[Described]
    repoint: t.List[str]
    writable: t.List[str]
    acknowledgers: int
    found: t.Dict[str, t.Dict[str, bool]]
    msg: str


@dataclass(frozen=True)
class ElectionRequest:
    """Among whom to elect, on what terms, and whether the replicas are to be prepared for it: ``drain``, within ``drain_timeout`` seconds.

    ``primary``: the name of the server that the user takes for the primary; ``found_dead``: of one that did not answer a moment ago.
    """

    members: Members
    primary: t.Optional[str]
    found_dead: t.Optional[str]
    terms: Terms
    drain: bool
    drain_timeout: float


def parse(options: Options) -> ElectionRequest:
    """Read the options of mysql_find_best_replica. Raises ``BadInput``."""
    members = options.members("primary", "replicas")
    if not options.servers("replicas"):
        raise BadInput("replicas: name at least one server, or the group that holds the servers (cluster)")
    drain_timeout = options.seconds("drain_timeout")
    expect_primary = options.text("expect_primary") or "dead"
    if options.flag("drain") and expect_primary != "dead":
        raise BadInput("drain: only the replicas of a dead primary may be kept from receiving (expect_primary=dead)")
    terms = Terms(
        candidates=options.texts("candidates"),
        exclude=options.texts("exclude"),
        expect_primary=expect_primary,
        leave_out_silent=options.text("unreachable") == "proceed",
        allow_data_loss=options.flag("allow_data_loss"),
        force=options.flag("force"),
    )
    primary = options.server("primary")
    return ElectionRequest(members, primary.name if primary else None, options.text("found_dead"), terms, options.flag("drain"), drain_timeout)


@dataclass(frozen=True)
class _Decision:
    """Who is elected, and whose servers are touched for that: replicas whose receivers are stopped, and a primary that is kept from writing."""

    choice: Choice
    affected: t.Tuple[str, ...]
    fenced: t.Tuple[str, ...]

    @property
    def touched(self) -> t.Tuple[str, ...]:
        return (*self.affected, *self.fenced)


def find_best_replica(call: Call, request: ElectionRequest) -> Elected:
    """Elect, and leave the winner with everything applied and all replicas with receivers stopped; or, without ``drain``, only say who it is."""
    with Cluster(request.members, call.journal, check_mode=call.check_mode) as cluster:
        topology = cluster.look(request.primary, found_dead=request.found_dead)
        fenced = (topology.primary or "",) if request.drain and must_be_fenced(topology, request.terms) else ()

        def decide(topology: Topology) -> _Decision:
            verdict = judge(topology, request.terms, fenced=bool(fenced))
            call.warn(verdict.allowed)
            choice = choose(verdict)
            refuse(check_opened(topology, choice.best))
            return _Decision(choice, tuple(without_living_source(topology)), fenced)

        if not request.drain:
            return _result(topology, decide(topology).choice, {})
        held = Held(cluster, decide, lambda decision: decision.touched, request.drain_timeout, partial(_may_be_left_out, request))
        held.begin(topology)
        found = {name: found_as(cluster.nodes[name]) for name in held.decision.touched}
        call.tell({"found": _describe_found(found)})
        try:
            _prepare(call, request, cluster, held, found)
        except Exception as error:
            problems = problems_of(error)
            undone = undo(cluster, found, call.say)
            # What stopped answering cannot be undone either: once is enough to say so.
            silent = {problem.server for problem in problems if problem.code in SILENT}
            raise Refusal([*problems, *(problem for problem in undone if problem.server not in silent)]) from error
        except BaseException:
            undo(cluster, found, call.say)
            raise
        return _result(cluster.arrange(topology.primary), held.decision.choice, found)


VERB = Verb(ARGUMENTS, parse, find_best_replica, names=("candidates", "exclude"), strangers=("primary",))


def _may_be_left_out(request: ElectionRequest, problem: Problem) -> bool:
    """Whether the work goes on without a server that stopped answering when it was to be locked."""
    return problem.code in SILENT and request.terms.leave_out_silent


def _prepare(call: Call, request: ElectionRequest, cluster: Cluster, held: Held[_Decision], found: t.Dict[str, Found]) -> None:
    """Stop receiving, elect by what was received, and drain who has the most. Notes how further servers were found that this touches."""
    if held.decision.fenced:
        _fence(call, cluster, held.topology, request.drain_timeout)
    _freeze_and_elect(call, request, cluster, held, held.decision.affected)
    while held.decision.choice.best not in held.decision.affected and not held.topology[held.decision.choice.best].known.leads:
        # It follows another replica, because it always did or because an interrupted run let it catch up from that one.
        follower = held.decision.choice.best
        held.lock([follower])
        found[follower] = found_as(cluster.nodes[follower])
        call.tell({"found": _describe_found(found)})
        _freeze_and_elect(call, request, cluster, held, (follower,))
    source = held.decision.choice.most_advanced
    refuse(problems_in(cluster.on_each([source], lambda node: drain(node, request.drain_timeout, call.say), "drain", record=True)))


def _fence(call: Call, cluster: Cluster, topology: Topology, timeout: float) -> None:
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
        if member.state is None or time.monotonic() >= deadline or not topology.receiving_from_primary or has_received_all(topology, member):
            break
        time.sleep(0.02)


def _freeze_and_elect(call: Call, request: ElectionRequest, cluster: Cluster, held: Held[_Decision], names: t.Tuple[str, ...]) -> None:
    """Stop the receivers of these replicas, and elect anew by what all have whose receivers are stopped: that cannot grow any more."""
    fenced = held.decision.fenced
    affected = tuple(dict.fromkeys((*held.decision.affected, *names)))

    def decide(topology: Topology) -> _Decision:
        if not call.check_mode:
            refuse(check_frozen(topology, names))
        verdict = judge(topology, request.terms, fenced=bool(fenced))
        if fenced and not call.check_mode and not verdict.against:
            verdict = with_loss_of_primary(topology, verdict, request.terms)
        call.warn(verdict.allowed)
        return _Decision(choose(verdict), affected, fenced)

    outcomes = cluster.on_each(names, stop_receiving, "stop receiving", record=True)
    refuse(problem for problem in problems_in(outcomes) if problem.code not in SILENT)
    held.look_again(decide)


def _describe_found(found: t.Mapping[str, Found]) -> t.Dict[str, t.Dict[str, bool]]:
    return {name: asdict(each) for name, each in found.items()}


def _result(topology: Topology, choice: Choice, found: t.Mapping[str, Found]) -> Elected:
    return {
        "best": entry_of(topology[choice.best]),
        "received": str(topology[choice.best].known.received),
        "most_advanced": entry_of(topology[choice.most_advanced]),
        "ranking": [describe_rank(rank) for rank in choice.ranking],
        "lost": [describe_loss(loss) for loss in choice.lost],
        "repoint": must_be_repointed(topology, choice.best),
        "writable": [member.name for member in topology.listed if member.state is not None and member.state.writable],
        "acknowledgers": acknowledgers(topology, choice.best),
        "found": _describe_found(found),
        "msg": _message(choice),
    }


def _message(choice: Choice) -> str:
    message = "%s is the best replica" % choice.best
    if choice.best != choice.most_advanced:
        message += ", once it has caught up from %s" % choice.most_advanced
    lost = ["%s of %s (%s)" % (loss.transactions.counted(), loss.server, loss.transactions) for loss in choice.lost]
    return "%s; %s" % (message, "lost: " + ", ".join(lost) if lost else "nothing that any replica has received is lost")
