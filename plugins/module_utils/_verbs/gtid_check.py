# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_gtid_check: look at a cluster, and say what it is like and what is wrong with it. Changes nothing."""

from __future__ import annotations

import sys
import time
import typing as t
from dataclasses import field, replace

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import HostFailed
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.account import AccountTrial
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import look_at_once
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import at_once, problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import (
    check_addresses,
    check_managed,
    check_names,
    check_primary_is_member,
    check_primary_is_read,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Terms
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import (
    BLOCKS,
    GRADES,
    Thresholds,
    as_findings,
    fails,
    find,
    marks,
    rehearse,
    told_once,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import find_problems, open_together
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_holes, without_holes
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import check_claim
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Account, to_be_like
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import left_after_rejoin, to_rejoin, to_repair
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import (
    describe_cluster,
    describe_member,
    describe_primary,
    describe_settings,
    entry_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import (
    describe_finding,
    describe_rehearsal,
    say_findings,
    say_rehearsal,
)
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import marked_tree, tree
from ansible_collections.dbha.mysql.plugins.module_utils._state.host import Host, read_host
from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import read_setup
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import ANY_SITE, SITE_RULES
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.alone import look_at_each, say_alone
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.journal import describe_entry, recall
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.rehearsing import measure, statements_of_failover

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import Finding, Rehearsal
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import ToRepair
    from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import DescribedMember, DescribedPrimary, DescribedSettings, Diff, Place
    from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import DescribedFinding, DescribedRehearsal
    from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.record import DescribedEntry
    from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import Setup
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.alone import AloneOn

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    **CLUSTER_ARGUMENTS,
    "primary": server_argument(),
    "expect_primary": {"type": "str", "choices": ["dead", "alive", "any"], "default": "any"},
    "purpose": {"type": "str", "choices": ["check", "readiness", "rejoin"], "default": "check"},
    "server": server_argument(),
    "fail_on": {"type": "str", "choices": [*GRADES, "never"], "default": BLOCKS},
    "max_lag": {"type": "float", "default": 60},
    "candidates": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "site": {"type": "str", "choices": list(SITE_RULES), "default": ANY_SITE},
    "max_to_apply": {"type": "int"},
    "max_silence": {"type": "float", "default": 60},
    "logs_kept": {"type": "float", "default": 86400},
    "connections_used": {"type": "int", "default": 90},
    "disk_used": {"type": "int", "default": 90},
    "salvage": {"type": "str", "choices": ["auto", "require", "never"]},
    "without_ssh": {"type": "list", "elements": "str", "default": []},
    "elsewhere": {"type": "dict", "default": {}},
    "cluster_size": {"type": "int"},
    "safe_start": {"type": "bool", "default": False},
    "replication_user": {"type": "str"},
    "replication_password": {"type": "str", "no_log": True},
    "time_limits": {"type": "dict", "default": {}},
    "before": {"type": "str"},
    "after": {"type": "str"},
    "journal": {"type": "bool", "default": False},
    "binlog_program": {"type": "path"},
}

AskHost = t.Callable[[str, t.Mapping[str, object], float], str]

# How many rows of the journal are told.
_ROWS = 5


class Checked(t.TypedDict, total=False):
    """What mysql_gtid_check gives back; its documentation says what each is."""

    flavor: t.Optional[str]
    gtid_mode: str
    primary: t.Optional[DescribedPrimary]
    replicas: t.List[DescribedMember]
    todo: ToRepair
    primary_named: bool
    replication: t.Optional[DescribedSettings]
    answering: t.List[Place]
    topology: str
    findings: t.List[DescribedFinding]
    rehearsal: DescribedRehearsal
    settings: t.Dict[str, t.Dict[str, str]]
    journal: t.List[DescribedEntry]
    alone: t.List[AloneOn]
    side_by_side: t.List[str]
    readiness: t.List[str]
    drawing: str
    time: float
    diff: Diff
    msg: str


@dataclass(frozen=True)
class Check:
    """What is to be looked at, and what is expected of it.

    ``for_readiness``: it is also to be said what would be in the way of a failover some day; ``fail_on`` is the grade from which on that is refused.
    ``terms``: on which a failover would elect. ``knows_size``: it is known how many servers there should be, or there is no need to.
    ``safe_start``: servers are to come back closed.

    ``listed`` are the names of the members; ``primary`` is the name of the server that the user takes for the primary; ``expect_primary`` is ``dead``,
    ``alive`` or ``any``. ``for_rejoin``: a former primary is to be brought back, ``server`` if that is named. ``before`` is a topology, drawn, that is to
    be compared with what is found, or with ``after``, what a plan expects. ``journal``: what the cluster remembers is to be told.
    ``binlog_program`` translates binary logs; one on the PATH if none is named. ``salvage``: what is said of salvaging, and ``without_ssh`` whose hosts
    are not asked for it, ``connect_within`` how many seconds a host has to let us in. ``elsewhere``: where else the inventory has a server.
    """

    members: Members
    listed: t.Tuple[str, ...]
    primary: t.Optional[str]
    expect_primary: str
    for_rejoin: bool
    for_readiness: bool
    fail_on: str
    thresholds: Thresholds
    terms: Terms
    knows_size: bool
    safe_start: bool
    account: Account
    server: t.Optional[str]
    before: t.Optional[str]
    after: t.Optional[str]
    journal: bool = False
    binlog_program: t.Optional[str] = None
    salvage: str = "never"
    without_ssh: t.Tuple[str, ...] = ()
    elsewhere: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)
    connect_within: float = 3

    @property
    def tells_who_is_alone(self) -> bool:
        """Whether binary logs are read where two servers take writes: not in a hurry, nor where a rejoin does it better."""
        return not self.for_rejoin and self.before is None and (self.for_readiness or self.expect_primary != "alive")


def parse(options: Options) -> Check:
    """Read the options of mysql_gtid_check. Raises ``BadInput``."""
    members = options.members("primary", "server", "replicas")
    primary, server, expect_primary = options.server("primary"), options.server("server"), options.text("expect_primary") or "any"
    listed, for_rejoin = options.names("replicas"), options.text("purpose") == "rejoin"
    if not listed:
        raise BadInput("replicas: name at least one server, or the group that holds the servers (cluster)")
    options.time_limits("time_limits")
    if server is not None and not for_rejoin:
        raise BadInput("server: only a rejoin brings a server back (purpose=rejoin)")
    if for_rejoin and expect_primary != "any":
        raise BadInput("expect_primary: leave it out for a rejoin (purpose=rejoin), which sets it itself")
    before, after = options.text("before"), options.text("after")
    if after is not None and before is None:
        raise BadInput("after: takes a topology to show beside another one (before)")
    for name in ("connections_used", "disk_used"):
        if not 1 <= options.count(name) <= 100:
            raise BadInput("%s: takes a part of the whole, from 1 to 100 (%%), not %d" % (name, options.count(name)))
    for_readiness = options.text("purpose") == "readiness"
    if for_readiness and expect_primary == "dead":
        raise BadInput("expect_primary: whether a cluster is ready can be seen only while its primary lives (purpose=readiness)")
    return Check(
        members,
        listed,
        primary.name if primary else None,
        expect_primary,
        for_rejoin,
        for_readiness,
        options.text("fail_on") or BLOCKS,
        Thresholds(
            max_lag=options.number("max_lag"),
            max_silence=options.number("max_silence"),
            logs_kept=options.number("logs_kept"),
            connections_used=options.count("connections_used"),
            disk_used=options.count("disk_used"),
        ),
        Terms(
            candidates=options.texts("candidates"),
            exclude=options.texts("exclude"),
            site=options.text("site") or ANY_SITE,
            max_to_apply=options.count("max_to_apply") if options.is_given("max_to_apply") else None,
        ),
        # A group may be a part of a cluster. Who names servers names those that are meant.
        options.text("cluster") is None or options.is_given("cluster_size"),
        options.flag("safe_start"),
        Account(options.text("replication_user"), options.text("replication_password")),
        server.name if server else None,
        before,
        after,
        options.flag("journal") and not for_rejoin and before is None,
        options.text("binlog_program"),
        options.text("salvage") or "never",
        options.texts("without_ssh"),
        {str(name): list(map(str, told)) for name, told in options.mapping("elsewhere").items()},
        options.seconds("connect_timeout"),
    )


def check_gtids(call: Call, check: Check, ask: t.Optional[AskHost] = None) -> Checked:
    """Look at the cluster. With ``expect_primary=any`` problems are told, not failed for: a caller decides on what is found.

    ``ask`` asks the host of a server; none is asked without it.
    """
    begun = time.time()
    if check.before is not None and check.after is not None:
        return {"diff": {"before": check.before, "after": check.after}, "msg": "no server was asked"}
    if check.for_rejoin:
        # Who is not in the group may be of another cluster, and would be closed for writes, or copied, all the same.
        refuse(check_names([name for name in (check.primary, check.server) if name is not None], check.listed))
    with Cluster(check.members, call.journal, check_mode=call.check_mode) as cluster:
        topology = look_at_once(cluster, tolerates_managers=not check.for_rejoin)
        managed = list(check_managed(topology))
        # Not even what leaves no trace: to Galera it is a statement for the whole cluster.
        if check.before is None and not managed:
            topology = cluster.try_out(topology)
        if check.primary is not None and topology.primary_status != ALIVE:
            topology = cluster.arrange(check.primary)
        holes = [] if without_holes(topology) else list(check_holes(topology, cluster.look_again(topology)))
        topology = cluster.look_into_histories(topology)
        together = open_together(topology) if check.tells_who_is_alone and not managed else []
        if together:
            at_stake = look_at_each(cluster, topology, together, check.binlog_program)
            call.tell({"alone": at_stake, "side_by_side": list(map(say_alone, at_stake))})
        if check.journal:
            call.tell({"journal": _last_entries(call, cluster, topology)})
        is_ready_to_tell = check.for_readiness and topology.primary_status == ALIVE
        rehearsal = rehearse(topology, check.terms) if is_ready_to_tell else None
        setups, findings = _look_at_setups(cluster, topology, check, rehearsal, ask) if rehearsal is not None else ({}, [])
        would_send: t.List[Sent] = []
        if rehearsal is not None and not managed:
            rehearsal = replace(rehearsal, seconds=measure(cluster, rehearsal))
            try:
                would_send = statements_of_failover(cluster, topology, check.terms, safe_start=check.safe_start)
            except Refusal as refusal:
                findings = [*as_findings(refusal.problems), *findings]
    read = [member for member in topology.members if member.state is not None]
    found: Checked = {
        "flavor": read[0].known.family if read else None,
        "gtid_mode": "ON" if read and all(member.known.gtid_mode == "ON" for member in read) else "OFF",
        "primary": describe_primary(topology),
        "replicas": [describe_member(member, topology) for member in topology.listed if member.name != topology.primary],
        "todo": to_repair(topology),
        "answering": [entry_of(member) for member in topology.replicas],
        "topology": tree(topology),
        "time": round(begun, 3),
    }
    if check.before is not None:
        found["diff"] = {"before": check.before, "after": tree(topology)}
    call.tell(found)
    problems = [*find_problems(topology, check.expect_primary), *holes]
    if check.expect_primary != "dead" and not check.for_rejoin:
        problems += check_primary_is_read(topology)
    call.warn(check_addresses(topology))
    refuse(managed)
    if rehearsal is not None:
        call.tell({"settings": {name: dict(setup.settings) for name, setup in sorted(setups.items())}})
        told = told_once([*as_findings(problems), *findings], topology)
        _tell_readiness(call, topology, rehearsal, would_send, told, check.fail_on)
        return {"msg": describe_cluster(topology)}
    if check.expect_primary != "any" or not read or topology.primary is None:
        refuse(problems)
    call.warn(left_after_rejoin(topology, check.server, problems) if check.for_rejoin else problems)
    if check.for_rejoin:
        refuse(check_claim(topology, check.primary) if check.primary not in (None, topology.primary) else ())
        todo = to_rejoin(topology, check.server)
        call.tell({"todo": todo, "primary_named": check.primary is not None})
        if todo["rejoin"]:
            # As long as it has not been overwritten, and as others can be asked.
            call.tell({"replication": describe_settings(to_be_like(topology, todo["rejoin"][0]))})
    return {"msg": describe_cluster(topology)}


def _last_entries(call: Call, cluster: Cluster, topology: Topology) -> t.List[DescribedEntry]:
    """Return what the cluster remembers, the last first: the word of the primary, or of whoever knows the latest where it does not answer."""
    answering = [member.name for member in topology.listed if member.state is not None]
    asked = [name for name in answering if name == topology.primary] or answering
    found = recall(call, cluster, asked, _ROWS)
    return [describe_entry(entry) for entry in min(found, key=lambda entries: entries[0].age if entries else sys.maxsize, default=[])]


def _look_at_setups(
    cluster: Cluster, topology: Topology, check: Check, rehearsal: Rehearsal, ask: t.Optional[AskHost]
) -> t.Tuple[t.Dict[str, Setup], t.List[Finding]]:
    """Ask the members how they are set up, with what is found of that, and meanwhile let the account of the replicas log in to each."""
    names = [member.name for member in topology.listed if member.state is not None]
    trial = AccountTrial(check.members, names, check.account)
    channels = [channel for member in topology.listed if member.state is not None for channel in member.state.channels]
    users = {user for user in (check.account.user, *(channel.user for channel in channels)) if user}
    outcomes = cluster.on_each(names, lambda node: read_setup(node, users), "read how it is set up")
    setups = {name: outcome.value for name, outcome in outcomes.items() if outcome.value is not None}
    knows_account = check.account.user is not None and check.account.password is not None
    found = find(
        topology,
        setups,
        check.thresholds,
        knows_account=knows_account,
        knows_size=check.knows_size,
        user=check.account.user,
        hosts={} if ask is None or check.salvage == "never" else _look_at_hosts(setups, check, ask),
        tried=trial.results(),
        rehearsal=rehearsal,
        salvages=check.salvage,
        elsewhere=check.elsewhere,
    )
    # One that cannot be asked any more is no server without findings.
    return setups, [*as_findings([*problems_in(outcomes), *check_primary_is_member(topology)]), *found]


def _look_at_hosts(setups: t.Mapping[str, Setup], check: Check, ask: AskHost) -> t.Dict[str, Host]:
    """Ask the hosts of all members at once, as salvaging would."""
    names = [name for name in sorted(setups) if name not in check.without_ssh]

    def look(name: str) -> Host:
        try:
            return read_host(ask(name, {"places": dict(setups[name].places), "name": setups[name].log_name}, check.connect_within))
        except HostFailed as error:
            return Host(str(error))

    return dict(zip(names, at_once(look, names)))


def _tell_readiness(call: Call, topology: Topology, rehearsal: Rehearsal, would_send: t.Sequence[Sent], findings: t.Sequence[Finding], fail_on: str) -> None:
    described, rehearsed = [describe_finding(each) for each in findings], describe_rehearsal(rehearsal, would_send)
    call.tell(
        {
            "findings": described,
            "rehearsal": rehearsed,
            "readiness": [*say_rehearsal(rehearsed, topology.primary or "the primary"), *(line.text for line in say_findings(described))],
            "drawing": marked_tree(topology, marks(findings)),
        }
    )
    refuse(Problem(each.code, each.server, each.told, each.gtids) for each in fails(findings, fail_on))


def checking(ask: t.Optional[AskHost]) -> Verb[Check]:
    """Return the verb, over what asks hosts: it is given the name of a server, what is asked, and how many seconds its host has to let us in.

    It returns what was answered, and raises ``HostFailed``.
    """
    return Verb(ARGUMENTS, parse, lambda call, check: check_gtids(call, check, ask), names=("candidates", "exclude"), strangers=("primary",))


VERB = checking(None)
