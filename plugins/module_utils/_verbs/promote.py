# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_promote: make one replica the primary, of a dead one or, with ``demote``, in place of a living one.

Opening it for writes is the point of no return. What is slow comes after that, in an order in which an interrupted run is recognised by the
replication configuration that is still there. The ways to the opening are in ``promote_ways`` and ``promote_from_dead``.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import asdict, replace
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument, servers_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.account import AccountTrial
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import must_be_repointed
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_election
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import check_stayed_dead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import FROM_DEAD, FROM_LIVING, Terms, check_answering, check_promoted
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.remembering import is_news
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import (
    Account,
    Settings,
    check_account_tried,
    check_key,
    check_may_be_told,
    check_password,
    lacks_key,
    log_in_by_certificate,
    log_in_over_tls,
    settings_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import describe_settings, entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import tree
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import quoted
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import STATUSES, channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.trial import clear_the_way
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.journal import record_in, remember
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_from_dead import FromDead
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_ways import Again, Finish, FromLiving, Promotion, Way, decide

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import DescribedSettings, Diff, Place
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "replica": server_argument(required=True),
    "catch_up_from": server_argument(),
    "demote": server_argument(),
    **CLUSTER_ARGUMENTS,
    "primary": server_argument(),
    "silent": servers_argument(),
    "silent_status": {"type": "dict", "default": {}},
    "force": {"type": "bool", "default": False},
    "received": {"type": "str"},
    "received_by_any": {"type": "str"},
    "salvaged": {"type": "dict"},
    "writable": {"type": "list", "elements": "str"},
    "drain": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 60},
    "max_lag": {"type": "float", "default": 10},
    "grace": {"type": "float", "default": 1},
    "kill": {"type": "bool", "default": True},
    "acknowledgers": {"type": "int", "default": 0},
    "go_on": {"type": "bool", "default": False},
    "safe_start": {"type": "bool", "default": False},
    "record": {"type": "dict", "default": {}},
    "replication_user": {"type": "str"},
    "replication_password": {"type": "str", "no_log": True},
    "try_account": {"type": "bool", "default": True},
    "source_ssl": {"type": "bool"},
    "source_public_key": {"type": "bool"},
}

_WAYS: t.Mapping[str, t.Type[Way]] = {way.name: way for way in (FromDead, FromLiving, Finish, Again)}


class Binlog(t.TypedDict):
    """A position in a binary log; ``None`` where there is none."""

    file: t.Optional[str]
    position: t.Optional[int]


class Promoted(t.TypedDict, total=False):
    """What mysql_promote gives back; its documentation says what each is."""

    primary: Place
    opened: bool
    time: float
    replication: t.Optional[DescribedSettings]
    downtime: float
    unfinished: t.List[t.Dict[str, str]]
    record: t.Dict[str, t.Any]
    gtid: str
    binlog: Binlog
    diff: Diff
    msg: str


def parse(options: Options) -> Promotion:
    """Read the options of mysql_promote. Raises ``BadInput``."""
    replica, demote, catch_up_from, dead = (
        options.required_server("replica"),
        options.server("demote"),
        options.server("catch_up_from"),
        options.server("primary"),
    )
    silent = options.servers("silent")
    terms = Terms(
        replica=replica.name,
        demote=demote.name if demote else None,
        catch_up_from=catch_up_from.name if catch_up_from else None,
        dead=dead.name if dead else None,
        received=_received(options, catch_up_from is None or catch_up_from.name == replica.name),
        received_by_any=_gtids(options, "received_by_any"),
        writable=options.texts("writable") if options.is_given("writable") else None,
        silent=tuple(entry.name for entry in silent),
        silent_status=_statuses(options, "silent_status"),
        force=options.flag("force"),
        max_lag=options.number("max_lag"),
    )
    return Promotion(
        members=options.members("replica", "catch_up_from", "demote", "replicas"),
        terms=terms,
        dead=dead,
        silent=silent,
        left_out=options.texts("leave_out"),
        drain=options.flag("drain"),
        timeout=options.seconds("timeout"),
        grace=options.seconds("grace"),
        kill=options.flag("kill"),
        acknowledgers=options.count("acknowledgers"),
        go_on=options.flag("go_on"),
        account=Account(options.text("replication_user"), options.text("replication_password")),
        try_account=options.flag("try_account"),
        told=Settings(tls=options.flag_or_none("source_ssl"), get_public_key=options.flag_or_none("source_public_key")),
        safe_start=options.flag("safe_start"),
        record=record_in(options),
    )


def _received(options: Options, has_most: bool) -> t.Optional[str]:
    """Return what the replica is to have received, and nobody to have added to; ``None`` if that is not known.

    :arg has_most: what was salvaged was applied on this replica.
    """
    if not has_most or not options.mapping("salvaged"):
        return _gtids(options, "received")
    # Where salvaging was cut off in the middle it is not known what it has applied.
    return str(options.mapping("salvaged").get("received") or "") or None


def _statuses(options: Options, option: str) -> t.Dict[str, str]:
    statuses = {str(name): str(status) for name, status in options.mapping(option).items()}
    for name, status in statuses.items():
        if status not in STATUSES:
            raise BadInput("%s: takes %s for each server, not %s for %s" % (option, ", ".join(STATUSES), quoted(status), quoted(name)))
    return statuses


def _gtids(options: Options, option: str) -> t.Optional[str]:
    """Return the GTIDs of an option as they are written, of whichever family they are."""
    text = options.text(option)
    if text is not None:
        try:
            parse_gtids("mysql", text)
        except GtidError:
            try:
                parse_gtids("mariadb", text)
            except GtidError as error:
                raise BadInput("%s: %s" % (option, error)) from error
    return text


def promote(call: Call, promotion: Promotion) -> Promoted:
    """Open a replica for writes and end its replication; take the role from a living primary first if one is named."""
    terms = promotion.terms
    trial = _try_account(promotion) if terms.demote is not None else None
    with Cluster(promotion.members, call.journal, check_mode=call.check_mode, worked_on=terms.acting) as cluster:
        found_dead = promotion.found_dead
        held: Held[str] = Held(
            cluster,
            lambda topology: decide(topology, terms),
            lambda way: terms.acting,
            promotion.timeout,
            tolerates=lambda problem: problem.server not in terms.acting,
            found_dead=found_dead,
            asks_unread=True,
        )
        look = partial(cluster.look, terms.demote, ask_source=False, relay_logs_of=terms.acting)
        if call.check_mode:
            topology = look()
            refuse(check_answering(topology, terms.acting))
            if terms.demote is None:
                topology = cluster.suppose(after_election(topology, terms.replica, terms.catch_up_from, forced=terms.force))
            held.begin(topology)
        else:
            # Another run may be at work until all are locked, so that nothing is read before.
            held.begin_locked(partial(_drained, call, promotion, cluster, partial(look, found_dead_too=found_dead, asks_unread=True)))
        node = cluster.nodes[terms.replica]
        before = tree(held.topology)
        settings = describe_settings(node.channel)
        way = _WAYS[held.decision](call, promotion, cluster, held)
        is_new = is_news(node.state)
        if held.decision == FROM_LIVING:
            refuse(_check_account(cluster.nodes[terms.demote or ""], promotion.account.password))
        refuse(problems_in(cluster.on_each(terms.acting, lambda node: clear_the_way(node, call.say, kill=promotion.kill), record=True)))
        if held.decision == FROM_LIVING and trial is not None:
            password = promotion.account.password
            how = {"by_certificate": log_in_by_certificate(held.topology), "over_tls": log_in_over_tls(held.topology, promotion.told.tls)}
            refuse(check_account_tried(trial.results(), terms.replica, terms.demote or "", node.state.family, password, **how))
        if held.decision in (FROM_LIVING, FROM_DEAD):
            _make_sure_that_keys_are_known(promotion, held.topology, trial)
        way.open()
        call.opened()
        # Behind the point of no return: nothing is undone any more.
        opened: Promoted = {"primary": entry_of(held.topology[terms.replica]), "opened": True, "time": round(time.time(), 3), "replication": settings}
        if way.downtime is not None:
            opened["downtime"] = way.downtime
        call.tell(opened)
        call.stands = "%s is the primary now, and takes writes. This is left to do:" % node.name
        proved = way.prove()
        left = remember(call, cluster, node, promotion, blocked=proved) if is_new and promotion.record is not None else None
        call.tell({"record": asdict(left) if left is not None else {}})
        problems = [*proved, *way.finish()]
        if call.check_mode:
            topology = cluster.expected(replace(held.topology, primary=terms.replica))
        else:
            # Where others are to be repointed it is asked once that is done.
            dead = [promotion.dead] if promotion.dead is not None and not must_be_repointed(held.topology, terms.replica) else []
            with cluster.watch(dead) as watch:
                topology = cluster.look_again(held.topology)
            problems += [problem for name, each in watch.found.items() for problem in check_stayed_dead(name, each, terms.replica)]
            problems = problems or [*check_answering(topology, [terms.replica]), *check_promoted(topology[terms.replica])]
        if problems and promotion.go_on:
            return {"unfinished": [asdict(problem) for problem in problems], "msg": "%s is the primary now, and something is left to do" % node.name}
        refuse(problems)
        return {**_result(call, topology, node, before), "unfinished": []}


def _drained(call: Call, promotion: Promotion, cluster: Cluster, look: Callable[[], Topology]) -> Topology:
    """Look; where something is left that was to be applied since the election, wait until that is done, and look again."""
    topology, source = look(), promotion.terms.catch_up_from or promotion.terms.replica
    if not promotion.drain or topology[source].state is None:
        return topology
    channel = channel_of(topology[source])
    if channel is None or channel.receiver == RUNNING or not cluster.nodes[source].state.not_applied:
        return topology
    refuse(problems_in(cluster.on_each([source], lambda node: drain(node, promotion.timeout, call.say), "drain", record=True)))
    return cluster.look_again(topology, found_dead=promotion.found_dead, asks_unread=True)


def _try_account(promotion: Promotion) -> AccountTrial:
    return AccountTrial(promotion.members, [promotion.terms.replica], promotion.account if promotion.try_account else Account(None, None))


def _make_sure_that_keys_are_known(promotion: Promotion, topology: Topology, trial: t.Optional[AccountTrial]) -> None:
    """Refuse where a replica would not be let in for want of a public key. Where the new primary lets the account in from here, it will let in the others.

    After a failover nobody needs the account to be known, and nobody waits until it was tried where no replica lacks a key.
    """
    replica = promotion.terms.replica
    channel = channel_of(topology[replica])
    # A former primary is told what it was told.
    defaults = settings_of(channel) if channel is not None else None
    others = [member.name for member in topology.listed if member.name != replica and not topology.follows_living_member(member.name)]
    names = [name for name in others if lacks_key(topology, name, promotion.told, defaults)]
    if names:
        refuse(check_key(topology, names, replica, promotion.account.user, (trial or _try_account(promotion)).results()))


def _check_account(old: Node, password: t.Optional[str]) -> t.Iterator[Problem]:
    """Whether the old primary can be told what it is to log in to the new one with, once it is a replica."""
    if old.channel is None:
        yield from check_password(old.name, old.state.family, password)
        yield from check_may_be_told(old.name, password, is_withheld=not old.server.may_be_told_secrets)


VERB = Verb(ARGUMENTS, parse, promote, names=("writable",), strangers=("primary",))


def promoting(opened: Callable[[], None]) -> Verb[Promotion]:
    """Return the verb, with what is to be called as soon as the server is open for writes."""

    def work(call: Call, promotion: Promotion) -> Promoted:
        call.opened = opened
        return promote(call, promotion)

    return replace(VERB, work=work)


def _result(call: Call, topology: Topology, node: Node, before: str) -> Promoted:
    row: t.Mapping[str, t.Any] = (node.server.send(node.flavor.show_binary_log_status()) or [{}])[0]
    now = "would be the primary" if call.check_mode else "is the primary now"
    return {
        "gtid": str(node.state.executed),
        "binlog": {"file": row.get("File"), "position": row.get("Position")},
        "diff": {"before": before, "after": tree(topology), "before_header": node.name, "after_header": node.name},
        "msg": "%s %s" % (node.name, now if call.journal.statements else "is a primary already: writable, and without a source"),
    }
