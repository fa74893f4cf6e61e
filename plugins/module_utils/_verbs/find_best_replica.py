# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_find_best_replica: stop receiving everywhere, elect by what was received, drain the winner. Undoes itself when it fails."""

from __future__ import annotations

import time
import typing as t
from dataclasses import asdict, fields, replace
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held, look_at_once
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.restore import restore, undo
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_addresses, check_forced, check_leaders, check_names, check_opened
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import only_sends
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import (
    SILENT,
    Terms,
    check_frozen,
    choose,
    has_received_all,
    judge,
    must_be_fenced,
    with_loss_of_primary,
    without_living_source,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import find_problems, misplaced
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import as_if_dead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import check_claim, keeps_old_source
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.readiness import check_eligible, too_late
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.remembering import check_cooldown, last_of
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import have_failed
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import (
    came_back_closed,
    check_demotion,
    check_finished_first,
    check_reopening,
    follow_after_switchover,
    needs_failover,
    needs_reopening,
    needs_switchover,
    repoints_in_spite,
    salvage_is_wanted,
    to_finish,
)
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problems_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal, refuse, warned
from ansible_collections.dbha.mysql.plugins.module_utils._report.elected import (
    chosen,
    describe_look,
    elected,
    finishing,
    nobody_elected,
    reopened,
    with_outlook,
    with_record,
    with_return,
)
from ansible_collections.dbha.mysql.plugins.module_utils._state.record import FAILOVER, SWITCHOVER
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Limits, kill_clients, make_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import Found, found_as, stop_receiving
from ansible_collections.dbha.mysql.plugins.module_utils._steps.trial import clear_the_way
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import persist_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import ANY_SITE, SITE_RULES
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.journal import recall

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Choice
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
    from ansible_collections.dbha.mysql.plugins.module_utils._report.elected import Elected
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.record import Entry
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    **CLUSTER_ARGUMENTS,
    "primary": server_argument(),
    "purpose": {"type": "str", "choices": ["failover", "switchover"], "default": "failover"},
    "if_alive": {"type": "str", "choices": ["refuse", "unchanged"], "default": "refuse"},
    "to": {"type": "str"},
    "max_lag": {"type": "float", "default": 10},
    "candidates": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "site": {"type": "str", "choices": list(SITE_RULES), "default": ANY_SITE},
    "max_to_apply": {"type": "int"},
    "expect_primary": {"type": "str", "choices": ["dead", "alive", "any"], "default": "dead"},
    "drain": {"type": "bool", "default": True},
    "drain_timeout": {"type": "float", "default": 60},
    "await_drain": {"type": "bool", "default": True},
    "unreachable": {"type": "str", "choices": ["refuse", "proceed"], "default": "refuse"},
    "allow_data_loss": {"type": "bool", "default": False},
    "living_primary": {"type": "str"},
    "force": {"type": "bool", "default": False},
    "salvage": {"type": "str", "choices": ["auto", "require", "never"], "default": "auto"},
    "without_ssh": {"type": "list", "elements": "str", "default": []},
    "replication_user": {"type": "str"},
    "replication_password": {"type": "str", "no_log": True},
    "time_limits": {"type": "dict", "default": {}},
    "safe_start": {"type": "bool", "default": False},
    "journal": {"type": "bool", "default": False},
    "cooldown": {"type": "float", "default": 0},
    "restore": {"type": "dict"},
}


@dataclass(frozen=True)
class ElectionRequest:
    """Among whom to elect, on what terms, and whether the replicas are to be prepared for it: ``drain``, within ``drain_timeout`` seconds.

    Without ``await_drain`` nobody waits until the one that has the most has applied it, if it does so by itself.
    ``primary``: the name of the server that the user takes for the primary. ``living_primary``: the name of the server that the user says is the
    primary where that cannot be told. ``content_if_alive``: where the primary lives there is nothing to be done. ``opens_again``: a primary that has
    come back closed takes writes again. ``salvage``: whether to fetch what no replica received, ``without_ssh``: from whose hosts that cannot be
    done. ``journal``: what is done is to be remembered. ``cooldown``: the seconds after a failover in which there is to be no other one.
    """

    members: Members
    primary: t.Optional[str]
    terms: Terms
    living_primary: t.Optional[str]
    content_if_alive: bool
    drain: bool
    drain_timeout: float
    salvage: str
    without_ssh: t.Tuple[str, ...]
    opens_again: bool = False
    journal: bool = False
    cooldown: float = 0.0
    await_drain: bool = True


@dataclass(frozen=True)
class ChoosingRequest:
    """Who is to take the role from a living primary, and on what terms: the member that is named (``to``), or the best one.

    ``knows_account``: it is known what the old primary is to log in with as a replica. ``max_lag``: how many seconds the best one may be behind.
    """

    members: Members
    terms: Terms
    to: t.Optional[str]
    knows_account: bool
    max_lag: float
    journal: bool = False


@dataclass(frozen=True)
class RestoreRequest:
    """How the servers were found before an election that is to be undone, within ``seconds``."""

    members: Members
    found: t.Mapping[str, Found]
    seconds: float


Request = t.Union[ElectionRequest, ChoosingRequest, RestoreRequest]


def parse(options: Options) -> Request:
    """Read the options of mysql_find_best_replica. Raises ``BadInput``."""
    members = options.members("primary", "replicas")
    if not options.servers("replicas"):
        raise BadInput("replicas: name at least one server, or the group that holds the servers (cluster)")
    drain_timeout = options.seconds("drain_timeout")
    if options.is_given("restore"):
        return RestoreRequest(members, {name: _found(name, given, members) for name, given in options.mapping("restore").items()}, drain_timeout)
    options.time_limits("time_limits")
    to, is_switchover = options.text("to"), options.text("purpose") == "switchover"
    terms = Terms(
        candidates=options.texts("candidates") if to is None else (to,),
        # Who is named may be excluded from what is chosen otherwise.
        exclude=options.texts("exclude") if to is None else (),
        site=options.text("site") or ANY_SITE,
        max_to_apply=_max_to_apply(options),
        expect_primary="alive" if is_switchover else options.text("expect_primary") or "dead",
        leave_out_silent=options.text("unreachable") == "proceed",
        allow_data_loss=options.flag("allow_data_loss"),
        force=options.flag("force") and not is_switchover,
        salvages=options.text("salvage") == "require",
        # Who names the primary knows what is not in the group. A task that only elects is given the replicas.
        is_whole=options.text("if_alive") == "unchanged" and not is_switchover and not options.is_given("primary"),
    )
    journal = options.flag("journal")
    if is_switchover:
        knows_account = bool(options.text("replication_user") and options.text("replication_password"))
        return ChoosingRequest(members, terms, to, knows_account, options.number("max_lag"), journal)
    if to is not None:
        raise BadInput("to: only a switchover names the server that takes the role (purpose=switchover); a failover takes candidates")
    if options.flag("drain") and terms.expect_primary != "dead":
        raise BadInput("drain: only the replicas of a dead primary may be kept from receiving (expect_primary=dead)")
    primary = options.server("primary")
    return ElectionRequest(
        members,
        primary.name if primary else None,
        terms,
        options.text("living_primary"),
        options.text("if_alive") == "unchanged",
        options.flag("drain"),
        drain_timeout,
        options.text("salvage") or "auto",
        options.texts("without_ssh"),
        options.flag("safe_start"),
        journal,
        _cooldown(options),
        options.flag("await_drain"),
    )


def _cooldown(options: Options) -> float:
    cooldown = options.number("cooldown")
    if cooldown and not options.flag("journal"):
        raise BadInput("cooldown: when the last failover was is told from the journal of the cluster, which is off (mysql_journal)")
    return cooldown


def _max_to_apply(options: Options) -> t.Optional[int]:
    if not options.is_given("max_to_apply"):
        return None
    if options.count("max_to_apply") < 0:
        raise BadInput("max_to_apply: takes a number of transactions, 0 or more, not %d" % options.count("max_to_apply"))
    return options.count("max_to_apply")


def _found(name: str, given: t.Any, members: Members) -> Found:
    if name not in members.names or not isinstance(given, dict) or set(given) != {each.name for each in fields(Found)}:
        raise BadInput("restore: takes what mysql_find_best_replica returned as found, for servers of replicas; not %r" % name)
    return Found(**{key: bool(value) for key, value in given.items()})


@dataclass(frozen=True)
class _Decision:
    """Who is elected, and whose servers are touched for that: replicas whose receivers are stopped, and a primary that is kept from writing."""

    choice: Choice
    affected: t.Tuple[str, ...]
    fenced: t.Tuple[str, ...]

    @property
    def touched(self) -> t.Tuple[str, ...]:
        return (*self.affected, *self.fenced)


def find_best_replica(call: Call, request: Request) -> Elected:
    """Look at all servers, say what is to be done, and do the first part of it; or undo that."""
    begun = time.time()
    with Cluster(request.members, call.journal, check_mode=call.check_mode) as cluster:
        if isinstance(request, RestoreRequest):
            refuse(restore(cluster, request.found, request.seconds, call.say))
            return {"msg": "the replication threads run as they were found"}
        named = request.primary if isinstance(request, ElectionRequest) and not request.content_if_alive else None
        topology = cluster.look_into_histories(look_at_once(cluster, named))
        if call.check_mode or topology.primary_status == ALIVE:
            # Otherwise that is done where nobody waits for it, while the servers are locked.
            topology = cluster.try_out(topology)
        call.tell(describe_look(topology, begun))
        if isinstance(request, ChoosingRequest):
            found, primary, event = _choose(call, request, topology), None, SWITCHOVER
        else:
            found, topology = _elect(call, request, cluster, topology, begun)
            found = with_return(topology, found, persists=_persists(cluster, topology.primary), safe_start=request.opens_again)
            primary, event = request.living_primary, FAILOVER
        if request.journal:
            found = with_record(topology, found, event, begun)
        return with_outlook(cluster.arrange(primary), found) if call.check_mode else found


VERB = Verb(ARGUMENTS, parse, find_best_replica, names=("candidates", "exclude", "to", "living_primary"), strangers=("primary",))


def _elect(call: Call, request: ElectionRequest, cluster: Cluster, topology: Topology, begun: float) -> t.Tuple[Elected, Topology]:
    """Elect, and leave the winner with everything applied and all replicas with receivers stopped; or, without ``drain``, only say who it is.

    Return also the cluster as it was decided on.
    """
    if request.living_primary is not None and request.living_primary != topology.primary:
        refuse(check_names([request.living_primary], [member.name for member in topology.listed]))
        refuse(check_claim(topology, request.living_primary))
        topology = cluster.arrange(request.living_primary)
        call.tell(describe_look(topology, begun))
    if request.content_if_alive and not needs_failover(topology, request.primary):
        if request.opens_again and came_back_closed(topology):
            # Whoever is to be gone on without is a replica (``leave_out_silent``). The one that does not answer here may be the primary by now.
            refuse(check_reopening(topology))
            return reopened(topology, topology.primary or ""), topology
        call.warn(check_forced(topology, request.primary) if request.terms.force else ())
        unclear = _told_of_others(call, topology)
        if not repoints_in_spite(topology):
            refuse(unclear)
        finish = topology.primary if keeps_old_source(topology) else None
        repoint = list(dict.fromkeys([*misplaced(topology), *have_failed(topology)]))
        rehearsal = _rehearse(request, topology, is_all=not (repoint or finish)) if call.check_mode else None
        return nobody_elected(topology, repoint, rehearsal, finish=finish, verify=bool(unclear)), topology
    if request.content_if_alive and request.primary is not None and request.primary != topology.primary:
        topology = cluster.arrange(request.primary)
        call.tell(describe_look(topology, begun))
    fenced = (topology.primary or "",) if request.drain and must_be_fenced(topology, request.terms) else ()
    last = _last_failover(call, cluster, topology) if request.cooldown else None

    def decide(topology: Topology) -> _Decision:
        verdict = judge(topology, request.terms, fenced=bool(fenced))
        call.warn(verdict.allowed)
        choice = choose(verdict)
        refuse(check_opened(topology, choice.best))
        refuse(check_cooldown(last, request.cooldown, topology[choice.best]))
        return _Decision(choice, tuple(without_living_source(topology)), fenced)

    if not request.drain:
        return elected(topology, decide(topology).choice, {}, fenced=(), salvage=False), topology
    held = Held(cluster, decide, lambda decision: decision.touched, request.drain_timeout, partial(_may_be_left_out, request))
    held.begin(topology)
    found = {name: found_as(cluster.nodes[name]) for name in held.decision.touched}
    call.tell({"found": _describe_found(found)})
    try:
        _prepare(call, request, cluster, held, found)
        topology, choice = cluster.arrange(topology.primary), held.decision.choice
        receiving = [name for name, each in found.items() if each.receiver]
        salvage = salvage_is_wanted(topology, choice, policy=request.salvage, receiving=receiving, fenced=bool(fenced), without_ssh=request.without_ssh)
        draining = _drain_and_elect(call, request, cluster, held, found, awaited=request.await_drain or salvage)
    except Exception as error:
        problems = problems_of(error)
        undone = undo(cluster, found, call.say)
        # What stopped answering cannot be undone either: once is enough to say so.
        silent = {problem.server for problem in problems if problem.code in SILENT}
        raise Refusal([*problems, *(problem for problem in undone if problem.server not in silent)]) from error
    except BaseException:
        undo(cluster, found, call.say)
        raise
    topology, choice = cluster.arrange(topology.primary), held.decision.choice
    return elected(topology, choice, _describe_found(found), fenced=fenced, salvage=salvage, draining=draining), topology


def _persists(cluster: Cluster, name: t.Optional[str]) -> bool:
    """Whether a primary, if it answers, can be told to be read-only after its next start."""
    node = cluster.nodes.get(name or "")
    return node is not None and bool(node.flavor.persist_read_only(True))


def _last_failover(call: Call, cluster: Cluster, topology: Topology) -> t.Optional[Entry]:
    """Ask all members for the last failover that they remember."""
    answering = [member.name for member in topology.listed if member.state is not None]
    return last_of(entry for entries in recall(call, cluster, answering, 1, FAILOVER) for entry in entries)


def _choose(call: Call, request: ChoosingRequest, topology: Topology) -> Elected:
    """Say who is to take the role from a living primary. Changes nothing."""
    to = request.to
    if needs_reopening(topology, to):
        refuse(check_reopening(topology))
        return reopened(topology, to or "")
    unfinished = to_finish(topology, to)
    if unfinished is not None:
        return finishing(topology, *unfinished)
    if not needs_switchover(topology, to):
        refuse(_told_of_others(call, topology))
        return nobody_elected(topology, follow_after_switchover(topology, topology.primary or ""))
    refuse(check_finished_first(topology, to))
    if to is None and have_failed(topology):
        # Perhaps the role has just moved: whoever named nobody wants that finished first, and not the role moved on.
        return nobody_elected(topology, have_failed(topology))
    terms, late = request.terms, too_late(topology, request.max_lag)
    if to is None and {member.name for member in topology.replicas} - {*late, *terms.exclude}:
        # Who is ahead at this moment need not be who could take over; and who is named is not chosen.
        terms = replace(terms, exclude=(*terms.exclude, *late))
    verdict = judge(topology, terms)
    call.warn(verdict.allowed)
    choice = choose(verdict)
    refuse(check_eligible(to or choice.best, choice.ranking))
    refuse(check_opened(topology, choice.best))
    refuse(check_demotion(topology, knows_account=request.knows_account))
    call.warn(check_addresses(topology, to or choice.best))
    return chosen(topology, choice, to or choice.best)


def _told_of_others(call: Call, topology: Topology) -> t.List[Problem]:
    """Warn of what is wrong with a cluster whose primary stays the primary. Return what leaves open who takes writes, which is no matter of a warning."""
    unclear = list(check_leaders(topology))
    call.warn(problem for problem in find_problems(topology, "any") if problem not in unclear)
    return unclear


def _rehearse(request: ElectionRequest, topology: Topology, *, is_all: bool) -> str:
    """Say what a failover would do if the living primary died now, by what it would decide then.

    :arg is_all: there is nothing else to be planned. Then a failover that would be refused is refused here, too: raises ``Refusal``.
    """
    left = as_if_dead(topology)
    try:
        choice = choose(judge(left, replace(request.terms, expect_primary="dead", force=False)))
        refuse(check_opened(left, choice.best))
    except Refusal as refusal:
        if is_all:
            message = "if %s died now, a failover would be refused: %s"
            raise Refusal([replace(each, message=message % (topology.primary, each.message)) for each in refusal.problems]) from refusal
        return "if %s died now, a failover would be refused: %s" % (topology.primary, " ".join(warned(refusal.problems, "failover")))
    return "if %s died now, %s would be elected" % (topology.primary, choice.best)


def _may_be_left_out(request: ElectionRequest, problem: Problem) -> bool:
    """Whether the work goes on without a server that stopped answering when it was to be locked."""
    return problem.code in SILENT and request.terms.leave_out_silent


def _prepare(call: Call, request: ElectionRequest, cluster: Cluster, held: Held[_Decision], found: t.Dict[str, Found]) -> None:
    """Stop receiving, and elect by what was received. Notes how further servers were found that this touches."""
    if held.decision.fenced:
        _fence(call, cluster, held.topology, request.drain_timeout)
    _elect_frozen(call, request, cluster, held, found, held.decision.affected)


def _elect_frozen(
    call: Call, request: ElectionRequest, cluster: Cluster, held: Held[_Decision], found: t.Dict[str, Found], names: t.Tuple[str, ...]
) -> None:
    """Stop the receivers of these replicas, and elect by what was received: who follows another replica, and is elected, receives no more either."""
    _freeze_and_elect(call, request, cluster, held, names)
    while held.decision.choice.best not in held.decision.affected and not held.topology[held.decision.choice.best].known.leads:
        # It follows another replica, because it always did or because an interrupted run let it catch up from that one.
        follower = held.decision.choice.best
        held.lock([follower])
        found[follower] = found_as(cluster.nodes[follower])
        call.tell({"found": _describe_found(found)})
        _freeze_and_elect(call, request, cluster, held, (follower,))


def _drain_and_elect(
    call: Call, request: ElectionRequest, cluster: Cluster, held: Held[_Decision], found: t.Dict[str, Found], *, awaited: bool
) -> bool:
    """Let who has the most apply it, as _drain() does. MySQL 5.6 counts half a transaction as received until all before it is applied.

    So whoever has fewer by then than it was elected with may have less than another one: it is elected anew. What has come out of one does not change
    any more, so that ends.
    """
    while True:
        source = held.decision.choice.most_advanced
        counted = cluster.nodes[source].state.received
        draining = _drain(call, request, cluster, held.topology[source], awaited=awaited)
        if draining or only_sends(held.topology[source]) or cluster.nodes[source].state.received.contains(counted):
            return draining
        _elect_frozen(call, request, cluster, held, found, ())


def _drain(call: Call, request: ElectionRequest, cluster: Cluster, source: Member, *, awaited: bool) -> bool:
    """Let who has the most apply it, and return whether it is still at that: where nobody waits for it, and it goes on by itself."""
    as_it_is = only_sends(source)
    draining = not awaited and not as_it_is and cluster.nodes[source.name].state.is_applying

    def prepare(node: Node) -> None:
        clear_the_way(node, call.say)
        if not draining and not as_it_is:
            drain(node, request.drain_timeout, call.say)

    refuse(problems_in(cluster.on_each([source.name], prepare, "drain", record=True)))
    return draining


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
