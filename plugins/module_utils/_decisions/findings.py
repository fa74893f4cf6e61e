# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Whether a cluster whose primary lives is ready for the day on which it does not: findings, and a rehearsal. Pure.

A problem (``health.py``) is what is wrong now, and each one blocks. A finding is what would be wrong then.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.accounts import account_for, comes_to, find_origins, origin_of
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_log_is_whole, elect_whole
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import filters_of, lacks_log, lacks_rows
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Terms
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import as_if_dead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.readiness import names_always_needed
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import lacks_key
from ansible_collections.dbha.mysql.plugins.module_utils._state.accounts import LetIn
from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import Setup
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.accounts import Origin
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Election
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Tried
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
    from ansible_collections.dbha.mysql.plugins.module_utils._state.host import Host
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel, State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

# A failover or switchover would be refused or lose data; it would take long, or something would be left to do; it could be better.
BLOCKS, HURTS, ADVICE = "blocks", "hurts", "advice"
GRADES = (BLOCKS, HURTS, ADVICE)

FAILOVER, SWITCHOVER, REJOIN = "failover", "switchover", "rejoin"

_DAY = 24 * 3600

# A replica that gives its source up sooner (s) than a host takes that is repaired does not come back with it.
_TRIES = 3600

# Where members differ in one of these, what works on one of them may not work on another, or not run there at all.
_MUST_AGREE = ("binlog_format", "event_scheduler", "lower_case_table_names", "sql_require_primary_key")
_SHOULD_AGREE = ("character_set_server", "collation_server", "max_allowed_packet", "sql_mode", "time_zone")

# What only some of the work takes, of the privileges that the README lists: reading what only a former primary has; applying what only a dead one
# has; moving events with the role, and connections of accounts that are privileged themselves.
_FOR_REJOIN = frozenset(["REPLICATION SLAVE"])
_FOR_SALVAGE = frozenset(["BINLOG REPLAY", "BINLOG_ADMIN"])
_FOR_EVENTS = frozenset(["BINLOG ADMIN", "REPLICATION MASTER ADMIN", "SET USER", "SET_ANY_DEFINER", "SET_USER_ID", "SYSTEM_USER"])


@dataclass(frozen=True)
class Finding:
    """One thing that would be in the way some day.

    ``grade`` is one of ``GRADES``; ``verbs``: what it concerns; ``server`` is empty where it is one of the whole cluster. ``message``: what was seen,
    of a server without its name; ``remedy``: what to do about it, for exactly this version. ``gtids``: the transactions at stake, if there are any.
    """

    code: str
    grade: str
    verbs: t.Tuple[str, ...]
    server: str
    message: str
    remedy: str
    gtids: str = ""

    @property
    def told(self) -> str:
        """What was seen, with the name of the server."""
        return self.message if not self.server or self.server in self.message else "%s: %s" % (self.server, self.message)


@dataclass(frozen=True)
class Rehearsal:
    """What a failover would do if the primary died now.

    ``best``: who would be elected; ``None`` where nobody could be. ``to_apply``: how many transactions that one has received and not applied,
    ``seconds``: how long that would take, as fast as it is now; ``None`` where that is not known, or it gets nothing done. ``lost``: how many only the
    primary has; ``None`` where it could not be asked. ``reasons``: for each replica that could not be elected, why. ``site``: where the primary stands,
    if servers are said to stand elsewhere, and ``best_elsewhere``: who would be elected if all servers there died. ``because``: what decides for the
    best one; see ``Election``.
    """

    best: t.Optional[str]
    to_apply: int
    lost: t.Optional[int]
    reasons: t.Mapping[str, t.Tuple[str, ...]]
    site: str = ""
    best_elsewhere: t.Optional[str] = None
    seconds: t.Optional[float] = None
    because: str = ""


@dataclass(frozen=True)
class Thresholds:
    """From when on something counts.

    ``max_lag``: seconds that a replica may be behind. ``max_silence``: seconds after which a receiver should have noticed that its source is gone.
    ``logs_kept``: seconds for which binary logs should be there: a replica that was down over night is back by then. ``connections_used``: the part of all
    connections that may be in use (%), ``disk_used`` that of a disk.
    """

    max_lag: float = 60
    max_silence: float = 60
    logs_kept: float = _DAY
    connections_used: int = 90
    disk_used: int = 90


def rehearse(topology: Topology, terms: t.Optional[Terms] = None) -> Rehearsal:
    """Say what a failover would do if the primary died now, on these terms, or on none."""
    terms = terms or Terms()

    def elect(left: Topology) -> Election:
        return elect_whole(left, terms.candidates, terms.exclude, terms.site, terms.max_to_apply)[0]

    election = elect(as_if_dead(topology))
    primary = topology.primary_member
    received = [member.known.received for member in topology.replicas]
    lost: t.Optional[int] = None
    if primary is not None and primary.state is not None:
        missing = [primary.state.executed.subtract(each).count() for each in received]
        lost = min(missing) if missing else primary.state.executed.count()
    best, site = election.best, _site_of_primary(topology)
    elsewhere = elect(as_if_dead(topology, [member.name for member in topology.members if member.site == site])).best if site else None
    return Rehearsal(
        best,
        0 if best is None else topology[best].known.not_applied.count(),
        lost,
        {rank.name: rank.reasons for rank in election.ranking if rank.reasons},
        site,
        elsewhere,
        because=election.because,
    )


def seconds_to_apply(left: int, applied: int, elapsed: float) -> t.Optional[float]:
    """Return how many seconds the rest takes, if this much was applied within those seconds; ``None`` if nothing was."""
    return round(left / applied * elapsed, 1) if applied else None


def _site_of_primary(topology: Topology) -> str:
    """Return where the primary stands, if that is said of it, and that another member stands elsewhere."""
    primary = topology.primary_member
    site = primary.site if primary is not None else ""
    return site if any(member.site and member.site != site for member in topology.listed) else ""


def find(
    topology: Topology,
    setups: Mapping[str, Setup],
    thresholds: Thresholds,
    *,
    knows_account: bool = True,
    knows_size: bool = True,
    user: t.Optional[str] = None,
    tried: t.Optional[Mapping[str, Tried]] = None,
    rehearsal: t.Optional[Rehearsal] = None,
    hosts: t.Optional[Mapping[str, Host]] = None,
    salvages: str = "",
    elsewhere: t.Optional[Mapping[str, t.Sequence[str]]] = None,
) -> t.List[Finding]:
    """Return what would be in the way of a failover, a switchover or a rejoin, the gravest first.

    :arg setups: how the members are set up, by their names, as far as they could be asked.
    :arg knows_account: whether the inventory names an account to replicate with, ``user``. ``tried``: what came of logging in with it.
    :arg knows_size: whether the inventory says how many servers the cluster has, or there is no need to.
    :arg rehearsal: what a failover would do now, if that was found out already.
    :arg hosts: what was seen on the hosts of those servers whose hosts were asked; ``salvages``: what the group says of salvaging (``failover_salvage``).
    :arg elsewhere: where else the inventory has a server, for each of which it says that.
    """
    rehearsal = rehearsal or rehearse(topology)
    found = [
        *_check_privileges(topology),
        *_check_primary_logs(topology),
        *_check_replicas(topology, thresholds),
        *_check_purged(topology, rehearsal),
        *_check_next_start(topology, setups),
        *_check_comes_back(topology, setups),
        *_check_agreement(topology, setups),
        *_check_versions(topology),
        *_check_semi_sync(topology),
        *_check_settings(topology, setups, thresholds, knows_account=knows_account),
        *_check_skipping(topology, setups),
        *_check_time_of_day(setups),
        *_check_registered(topology, setups),
        *_check_account(setups, knows_account, user, tried or {}),
        *_check_hosts_of_accounts(topology, setups, user, tried or {}),
        *_check_tls(topology, user, tried or {}),
        *_check_keys(topology, tried or {}),
        *_check_site(rehearsal),
        *_check_policy(topology, rehearsal),
        *_check_size(topology, knows_size),
        *_check_hosts(topology, hosts or {}, salvages),
        *_check_disks(topology, setups, hosts or {}, thresholds.disk_used),
        *_check_domains(topology, setups),
        *_check_elsewhere(elsewhere or {}),
    ]
    return sorted(found, key=lambda finding: GRADES.index(finding.grade))


def as_findings(problems: Iterable[Problem]) -> t.List[Finding]:
    """Return problems as findings, each of which blocks. What privileges are missing is a finding of its own: that need not block."""
    blocking = [each for each in problems if each.code != "privilege_missing"]
    return [Finding(each.code, BLOCKS, (FAILOVER, SWITCHOVER), each.server, each.message, each.remedy(), each.gtids) for each in blocking]


def told_once(findings: Iterable[Finding], topology: Topology) -> t.List[Finding]:
    """Return findings of which none repeats what an applier failed with, where another one says it already."""
    found = list(findings)
    told = {each.server for each in found if each.code == "applier_broken"}
    errors = [channel.applier_error for member in topology.replicas if member.name in told for channel in member.known.channels if channel.applier_error]
    for error in errors:
        found = [replace(each, message=each.message.replace(": %s" % error, "")) if each.code == "no_candidate" else each for each in found]
    return found


def fails(findings: Iterable[Finding], fail_on: str) -> t.List[Finding]:
    """Return the findings for which a check fails that is to fail from a grade on (``never``: none)."""
    return [] if fail_on == "never" else [each for each in findings if GRADES.index(each.grade) <= GRADES.index(fail_on)]


def marks(findings: Iterable[Finding]) -> t.Dict[str, str]:
    """Return the grade of the gravest finding of each server that has one, by its name."""
    found: t.Dict[str, str] = {}
    for each in sorted(findings, key=lambda finding: GRADES.index(finding.grade)):
        if each.server:
            found.setdefault(each.server, each.grade)
    return found


def _in_option_file(name: str, value: str) -> str:
    return "In the option file below [mysqld]: %s = %s, and restart the server." % (name, value)


def _check_privileges(topology: Topology) -> Iterator[Finding]:
    for member in topology.members:
        missing = set(member.state.missing) if member.state is not None else set()
        always = missing.intersection(names_always_needed(member.known)) if missing else set()
        some = _FOR_REJOIN | _FOR_SALVAGE | _FOR_EVENTS
        for names, grade, verbs, without in (
            (always | (missing - some), BLOCKS, (FAILOVER, SWITCHOVER, REJOIN), "a failover, a switchover and a rejoin would be refused, or fail"),
            (missing & _FOR_SALVAGE, BLOCKS, (FAILOVER,), "what a dead primary alone has could not be applied there"),
            (missing & _FOR_EVENTS - always, HURTS, (FAILOVER, SWITCHOVER), "events and clients of privileged accounts would be left to you"),
            (missing & _FOR_REJOIN, HURTS, (REJOIN,), "what only a former primary has could not be saved before it is brought back"),
        ):
            if names:
                message = "the account that Ansible logs in with lacks %s: %s" % (", ".join(sorted(names)), without)
                remedy = "GRANT %s ON *.* TO that account, on the primary." % ", ".join(sorted(names))
                yield Finding("privilege_missing", grade, verbs, member.name, message, remedy)


def _check_purged(topology: Topology, rehearsal: Rehearsal) -> Iterator[Finding]:
    """What the next primary no longer has in its binary logs, and a replica has not received."""
    if rehearsal.best is None:
        return
    gone = topology[rehearsal.best].known.unsendable
    for member in topology.replicas:
        lacking = gone.subtract(member.known.received)
        if lacking and member.name != rehearsal.best:
            message = "lacks %s that %s, which would be elected now, cannot send it any more" % (lacking.counted(), rehearsal.best)
            remedy = "Let it replicate before the primary dies, or copy it anew (rejoin_method)."
            yield Finding("purged", HURTS, (FAILOVER, SWITCHOVER), member.name, message, remedy, str(lacking))


def _check_primary_logs(topology: Topology) -> Iterator[Finding]:
    primary = topology.primary_member
    for problem in check_log_is_whole(topology):
        remedy = "Start it without these options, then overwrite each replica with a copy of it: dbha.mysql.rejoin with rejoin_server, rejoin_donor=%s, "
        remedy += "rejoin_method and rejoin_anew=true. If nobody needs these rows after a failover, nothing has to be done."
        yield Finding("binlog_filtered", HURTS, (FAILOVER, SWITCHOVER), problem.server, problem.message, remedy % problem.server)
    if primary is not None and primary.state is not None and primary.state.log_bin and not primary.state.log_replica_updates:
        message = "can never be the primary again once it is a replica: it would not log what it replicates"
        yield Finding("not_logging", HURTS, (SWITCHOVER, REJOIN), primary.name, message, _in_option_file(_log_updates(primary.state), "ON"))


def _check_replicas(topology: Topology, thresholds: Thresholds) -> Iterator[Finding]:
    for member in topology.replicas:
        state, channel, name = member.known, channel_of(member), member.name
        for reason in lacks_log(member):
            line = _in_option_file("log_bin", "ON") if not state.log_bin else _in_option_file(_log_updates(state), "ON")
            if state.log_bin and state.log_replica_updates:
                line = _in_option_file("log_bin", "binlog (a name in plain letters)")
            yield Finding("not_logging", HURTS, (FAILOVER, SWITCHOVER), name, "can never be the primary: %s" % reason, line)
        lacking = lacks_rows(topology, member)
        for reason in filters_of(topology, member):
            # The rows that have been left out do not come once the filter is gone.
            remedy = "Remove the filter%s. If it is on purpose, let nobody count on %s." % (", then %s" % _ANEW % name if reason in lacking else "", name)
            yield Finding("filtered", HURTS, (FAILOVER, SWITCHOVER), name, reason, remedy)
        if channel is None:
            continue
        yield from _check_retries(member, channel)
        if channel.delay:
            message = "applies %d s late on purpose: if it is elected, it first has to apply all that" % channel.delay
            remedy = "Name it in failover_exclude, if another replica is there to take over."
            yield Finding("delayed", ADVICE if len(topology.replicas) > 1 else HURTS, (FAILOVER,), name, message, remedy)
        elif (channel.lag or 0) > thresholds.max_lag:
            message = "lags %d s behind: a failover that elects it takes about as long" % (channel.lag or 0)
            yield Finding("lagging", HURTS, (FAILOVER, SWITCHOVER), name, message, "Find out what holds its applier up, or let it apply in parallel.")


def _check_skipping(topology: Topology, setups: Mapping[str, Setup]) -> Iterator[Finding]:
    """Replicas that go on without what they cannot apply, or leave out what was marked: nobody sees it then."""
    for member in topology.replicas:
        setup = setups.get(member.name, Setup({}))
        for name, value in member.known.may_skip if channel_of(member) is not None else ():
            if name.endswith("exec_mode"):
                does, remedy = "goes on where a row is missing, or is there already", setup.keep((name, "STRICT"))
            elif name.endswith("skip_errors"):
                does, remedy = "goes on after errors without what it could not apply", _in_option_file(name, "OFF").rstrip(".")
            else:
                does, remedy = "leaves out what was marked for that", "STOP ALL SLAVES; SET GLOBAL %s=REPLICATE; START ALL SLAVES" % name
                remedy += "; in the option file below [mysqld]: %s=REPLICATE" % name
            message = "%s (%s=%s): it may have the GTID of a transaction, and not its rows" % (does, name, value)
            remedy += ". Then compare its rows with those of the primary, or %s." % _ANEW % member.name
            yield Finding("skips_rows", HURTS, (FAILOVER, SWITCHOVER, REJOIN), member.name, message, remedy)


# Its GTIDs do not show that it lacks anything.
_ANEW = "copy it anew from a server that holds all rows: dbha.mysql.rejoin with rejoin_server=%s, rejoin_method and rejoin_anew=true"


def _check_retries(member: Member, channel: Channel) -> Iterator[Finding]:
    """A receiver that gives up. Where the number of its attempts is not shown, it is large (MariaDB); 0 is without end."""
    settings = dict(channel.settings)
    retries, pause = (int(text) if text.isdigit() else None for text in (settings.get("RETRY_COUNT", ""), settings.get("CONNECT_RETRY", "60")))
    if retries and pause and retries * pause < _TRIES:
        message = "gives its source up after %d attempts, %d s apart, and does not come back by itself when that is there again" % (retries, pause)
        new = member.known.version >= (8, 0, 23)
        replica, change, prefix = ("REPLICA", "REPLICATION SOURCE", "SOURCE") if new else ("SLAVE", "MASTER", "MASTER")
        where = " FOR CHANNEL '%s'" % channel.name if channel.name else ""
        steps = ("STOP %s IO_THREAD" % replica, "CHANGE %s TO %s_RETRY_COUNT = 86400" % (change, prefix), "START %s IO_THREAD" % replica)
        yield Finding("gives_up", ADVICE, (FAILOVER,), member.name, message, "; ".join(step + where for step in steps))


def _log_updates(state: State) -> str:
    return "log_replica_updates" if "log_replica_updates" in state.variables else "log_slave_updates"


def _check_next_start(topology: Topology, setups: Mapping[str, Setup]) -> Iterator[Finding]:
    for member in topology.replicas:
        if member.name not in setups or not member.known.read_only:
            continue
        setup = setups[member.name]
        keeps = setup.keeps_read_only
        names = [name for name in ("read_only", "super_read_only") if name == "read_only" or name in member.known.variables]
        remedy = setup.keep(*((name, "ON") for name in names))
        if keeps is False:
            message = "is read-only now, and will take writes after its next start%s" % _as_said(setup)
            yield Finding("read_only_not_kept", HURTS, (FAILOVER, REJOIN), member.name, message, remedy)
        elif keeps is None:
            message = "is read-only now, by a statement; whether its option files say so too cannot be told" if setup.persists else _NOT_TOLD
            yield Finding("read_only_not_kept", ADVICE, (FAILOVER, REJOIN), member.name, message, remedy)


_NOT_TOLD = "is read-only now; whether it will be after its next start cannot be told"


def _as_said(setup: Setup) -> str:
    return " (read_only=OFF in %s)" % setup.said_in if setup.said_in else ""


def _check_comes_back(topology: Topology, setups: Mapping[str, Setup]) -> Iterator[Finding]:
    primary = topology.primary_member
    setup = setups.get(primary.name) if primary is not None else None
    # Where only option files outlast a start, one that was opened by a statement does not say what they hold.
    if primary is None or setup is None or setup.keeps_read_only or (setup.keeps_read_only is None and not setup.persists):
        return
    will = "may take writes after its next start, which cannot be told"
    if setup.keeps_read_only is False:
        will = "will take writes after its next start%s" % _as_said(setup)
    message = "%s, also if another server has its role by then" % will
    in_file = "read_only=ON in the option file below [mysqld]"
    remedy = "Set mysql_safe_start=true for the group; %s" % ("SET PERSIST_ONLY read_only=ON" if setup.persists else in_file)
    yield Finding("comes_back_open", ADVICE, (FAILOVER, REJOIN), primary.name, message, remedy)


def _check_agreement(topology: Topology, setups: Mapping[str, Setup]) -> Iterator[Finding]:
    for name in (*_MUST_AGREE, *_SHOULD_AGREE):
        values: t.Dict[str, t.List[str]] = {}
        for member, setup in sorted(setups.items()):
            if name in setup.settings:
                values.setdefault(setup.settings[name], []).append(member)
        if len(values) > 1:
            said = "; ".join("%s on %s" % (value or "''", ", ".join(members)) for value, members in sorted(values.items()))
            grade = HURTS if name in _MUST_AGREE else ADVICE
            remedy = "Set %s to the same value on all members." % name
            yield Finding("settings_differ", grade, (FAILOVER, SWITCHOVER), "", "%s differs: %s" % (name, said), remedy)


def _check_time_of_day(setups: Mapping[str, Setup]) -> Iterator[Finding]:
    """Clocks that show another time, whatever their time zone is called: that has another name in summer, from the start of the server on."""
    values: t.Dict[int, t.List[str]] = {}
    for member, setup in sorted(setups.items()):
        values.setdefault(setup.utc_offset, []).append(member)
    if len(values) > 1:
        said = "; ".join("%+d minutes from UTC on %s" % (offset, ", ".join(members)) for offset, members in sorted(values.items()))
        logs_statements = any(setup.settings.get("binlog_format", "ROW").upper() != "ROW" for setup in setups.values())
        message = "the time of day differs: %s%s" % (said, ". What is logged as a statement (binlog_format) gives other rows there" if logs_statements else "")
        remedy = "Set default_time_zone to the same value in the option files of all members, and time_zone on those that run."
        yield Finding("settings_differ", HURTS if logs_statements else ADVICE, (FAILOVER, SWITCHOVER), "", message, remedy)


def _check_versions(topology: Topology) -> Iterator[Finding]:
    """A server may be newer than its source, not older: from a newer primary an older replica may get what it does not understand."""
    read = [member for member in topology.listed if member.state is not None]
    series = {member.name: member.known.version[:2] for member in read}
    oldest = min(series.values(), default=())
    newer = [member.name for member in topology.replicas if series[member.name] > oldest]
    if newer:
        older = [name for name, version in series.items() if version == oldest]
        message = "%s: newer than %s, which may not be able to follow" % (", ".join(newer), ", ".join(older))
        remedy = "Upgrade the older servers, the primary last. Until then name the newer ones in failover_exclude."
        yield Finding("versions_differ", ADVICE, (FAILOVER, SWITCHOVER), "", message, remedy)


def _check_semi_sync(topology: Topology) -> Iterator[Finding]:
    primary = topology.primary_member
    if primary is None or primary.state is None or not primary.state.semi_sync.source:
        return
    semi_sync = primary.state.semi_sync
    acknowledgers = [member.name for member in topology.replicas if member.known.semi_sync.replica]
    if len(acknowledgers) < max(1, semi_sync.wait_for):
        message = "waits for %d acknowledgements, and %d replicas can give them" % (max(1, semi_sync.wait_for), len(acknowledgers))
        remedy = "Enable it on the replicas (rpl_semi_sync_replica_enabled or rpl_semi_sync_slave_enabled), or disable it on the primary."
        yield Finding("semi_sync_incomplete", HURTS, (FAILOVER, SWITCHOVER), primary.name, message, remedy)
    elif len(acknowledgers) - 1 < max(1, semi_sync.wait_for):
        message = "once one of its replicas is the primary, %d are left to acknowledge: a failover would switch the waiting off" % (len(acknowledgers) - 1)
        remedy = "Let one more replica acknowledge."
        yield Finding("semi_sync_incomplete", ADVICE, (FAILOVER, SWITCHOVER), primary.name, message, remedy)
    without = [member.name for member in topology.replicas if not member.known.semi_sync.source_variable]
    for name in without:
        message = "cannot wait for acknowledgements once it is the primary: its plugin is not loaded"
        remedy = "Load the plugin of the source's side of semi-synchronous replication."
        yield Finding("semi_sync_incomplete", HURTS, (FAILOVER, SWITCHOVER), name, message, remedy)


_VERIFY = "Set mysql_ca_cert for the group. In a network that you trust: mysql_allow_unverified=true."


def _check_settings(topology: Topology, setups: Mapping[str, Setup], thresholds: Thresholds, *, knows_account: bool) -> Iterator[Finding]:
    for member in topology.listed:
        if member.name not in setups or member.state is None:
            continue
        yield from _check_login(member, setups[member.name], knows_account)
        yield from _check_durability(member, setups[member.name])
        yield from _check_logs(member, setups[member.name], thresholds.logs_kept)
        yield from _check_connections(member, setups[member.name], thresholds.connections_used)
        if channel_of(member) is not None:
            yield from _check_receiving(member, setups[member.name], thresholds.max_silence)


def _check_login(member: Member, setup: Setup, knows_account: bool) -> Iterator[Finding]:
    if setup.lets_in_from_memory:
        message = "lets Ansible in only as long as it remembers the password: after its next start it would ask for it, and is not verified"
        yield Finding("password_withheld", HURTS, (FAILOVER, SWITCHOVER, REJOIN), member.name, message, _VERIFY)
    elif knows_account and not setup.may_be_told_secrets:
        message = "is not verified, so that it is not sent the password of the replication account: to make it a replica of another one would be refused"
        yield Finding("password_withheld", HURTS, (SWITCHOVER, REJOIN), member.name, message, _VERIFY)


def _check_durability(member: Member, setup: Setup) -> Iterator[Finding]:
    loose = [name for name in ("sync_binlog", "innodb_flush_log_at_trx_commit") if setup.number(name) not in (1, None)]
    if loose:
        said = ", ".join("%s=%s" % (name, setup.settings[name]) for name in loose)
        if "innodb_flush_log_at_trx_commit" in loose:
            message = "may lose transactions that replicas, or its own binary log, have, if its host crashes (%s)" % said
        else:
            message = "may lose transactions that replicas have, if its host crashes as the primary (%s)" % said
        remedy = setup.keep(*((name, "1") for name in loose))
        yield Finding("not_durable", ADVICE, (FAILOVER, REJOIN), member.name, message, remedy)


def _check_logs(member: Member, setup: Setup, needed: float) -> Iterator[Finding]:
    seconds, days = setup.number("binlog_expire_logs_seconds"), setup.number("expire_logs_days")
    kept = seconds if seconds is not None and (seconds or not days) else (days or 0) * _DAY
    if member.known.log_bin and 0 < kept < needed:
        message = "keeps its binary logs for %d s only: a server that is down for longer has to be copied" % kept
        name = "binlog_expire_logs_seconds" if seconds is not None else "expire_logs_days"
        days_needed = max(7, math.ceil(needed / _DAY))
        remedy = setup.keep((name, str(days_needed * (_DAY if seconds is not None else 1))))
        yield Finding("logs_expire_early", HURTS, (FAILOVER, REJOIN), member.name, message, remedy)
    if setup.settings.get("gtid_strict_mode", "ON").upper() in ("OFF", "0"):
        message = "takes transactions out of order without an error (gtid_strict_mode=OFF)"
        yield Finding("not_strict", ADVICE, (FAILOVER, REJOIN), member.name, message, setup.keep(("gtid_strict_mode", "ON")))


def _check_connections(member: Member, setup: Setup, percent: int) -> Iterator[Finding]:
    most = setup.number("max_connections")
    if most and setup.connected * 100 > percent * most:
        message = "has %d of %d connections in use: a failover may not get in, nor may the clients that come with the role" % (setup.connected, most)
        remedy = "Find out who holds them (SHOW PROCESSLIST), or allow more: %s" % setup.keep(("max_connections", str(2 * most)))
        yield Finding("connections_scarce", HURTS, (FAILOVER, SWITCHOVER), member.name, message, remedy)


def _check_receiving(member: Member, setup: Setup, longest: float) -> Iterator[Finding]:
    # MariaDB fetches relay logs anew by itself where it replicates by GTID.
    if member.known.family == "mysql" and setup.settings.get("relay_log_recovery", "ON").upper() in ("OFF", "0"):
        message = "may have relay logs that it cannot apply after a crash of its host (relay_log_recovery=OFF)"
        remedy = _in_option_file("relay_log_recovery", "ON")
        yield Finding("relay_logs_not_recovered", ADVICE, (FAILOVER, REJOIN), member.name, message, remedy)
    name = "replica_net_timeout" if setup.number("replica_net_timeout") is not None else "slave_net_timeout"
    timeout = setup.number(name)
    if timeout is not None and timeout > longest:
        message = "notices only after %d s that its source is silent: until then a failover takes the primary for perhaps alive" % timeout
        grade, remedy = HURTS if timeout > 10 * longest else ADVICE, setup.keep((name, "%d" % max(1, longest)))
        yield Finding("notices_late", grade, (FAILOVER,), member.name, message, remedy)


def _check_site(rehearsal: Rehearsal) -> Iterator[Finding]:
    if rehearsal.site and rehearsal.best is not None and rehearsal.best_elsewhere is None:
        message = "if all servers in %s died, where the primary stands (mysql_site), nobody could be elected" % rehearsal.site
        yield Finding("site_lost", HURTS, (FAILOVER,), "", message, "Let a replica in another site be promoted (mysql_promotion, log_bin).")


def _check_policy(topology: Topology, rehearsal: Rehearsal) -> Iterator[Finding]:
    """Servers of which somebody could be elected, if nobody had excluded him. That nobody could at all is a problem already (``health.py``)."""
    if rehearsal.best is None and rehearse(topology).best is not None:
        message = "nobody may be elected: %s" % "; ".join("%s: %s" % (name, ", ".join(why)) for name, why in sorted(rehearsal.reasons.items()))
        yield Finding("no_candidate", BLOCKS, (FAILOVER,), "", message, "Take a replica off failover_exclude, or let one in another site win (failover_site).")


def _check_size(topology: Topology, knows_size: bool) -> Iterator[Finding]:
    if not knows_size:
        message = "the inventory does not say how many servers the cluster has: a run that sees only some of them takes these for all"
        remedy = "Set mysql_cluster_size=%d for the group, if these are all." % len(topology.listed)
        yield Finding("size_not_set", ADVICE, (FAILOVER,), "", message, remedy)


def _check_keys(topology: Topology, tried: Mapping[str, Tried]) -> Iterator[Finding]:
    """Replicas that a server which does not remember the password of their account, as after its start, would not let in."""
    asks = [name for name, login in sorted(tried.items()) if login.takes_key]
    for member in topology.replicas:
        if channel_of(member) is not None and lacks_key(topology, member.name) and any(name != member.name for name in asks):
            message = "has neither TLS nor the public key of its source: one that has just been started would not let its account in (caching_sha2_password)"
            remedy = "STOP REPLICA IO_THREAD; CHANGE REPLICATION SOURCE TO GET_SOURCE_PUBLIC_KEY=1; START REPLICA IO_THREAD"
            if member.known.version < (8, 0, 23):
                remedy = "STOP SLAVE IO_THREAD; CHANGE MASTER TO GET_MASTER_PUBLIC_KEY=1; START SLAVE IO_THREAD"
            yield Finding("public_key_missing", HURTS, (FAILOVER, SWITCHOVER), member.name, message, remedy)


_ONE_CLUSTER = "Take it out of all groups but one: who works on one of them does not know what is done to it in another one."


def _check_elsewhere(elsewhere: Mapping[str, t.Sequence[str]]) -> Iterator[Finding]:
    for name, told in sorted(elsewhere.items()):
        for each in told:
            yield Finding("in_two_clusters", HURTS, (FAILOVER, SWITCHOVER, REJOIN), name, each, _ONE_CLUSTER)


def _check_hosts(topology: Topology, hosts: Mapping[str, Host], salvages: str) -> Iterator[Finding]:
    """What is in the way of salvaging, where the group says that there is to be salvaging."""
    for name, host in sorted(hosts.items()):
        now = name == topology.primary
        if host.error or host.unreadable:
            grade = (BLOCKS if now else HURTS) if salvages == "require" else (HURTS if now else ADVICE)
            what = "its host cannot be logged in to" if host.error else "its binary logs cannot be read on its host"
            message = "%s: %s. What only it has, as a dead primary, could not be salvaged (failover_salvage=%s)"
            message %= (what, host.error or host.unreadable, salvages)
            remedy = "Let the machine that runs Ansible log in there over SSH (ansible_host, ansible_user)." if host.error else _READABLE
            yield Finding("salvage_impossible", grade, (FAILOVER,), name, message, remedy)


_READABLE = "Name the directory in the inventory (mysql_binlog_directory), and let the account there read it, or become root (ansible_become)."

# A disk with less than this (KiB) is full: InnoDB and binary logs grow by more at once.
_FULL = 1024


def _check_disks(topology: Topology, setups: Mapping[str, Setup], hosts: Mapping[str, Host], percent: int) -> Iterator[Finding]:
    for member in topology.listed:
        seen = hosts.get(member.name)
        known = seen.disks if seen is not None else ()
        for disk in known or (setups[member.name].disks if member.name in setups else ()):
            if disk.used > percent or disk.available < _FULL:
                left = "%.1f GiB" % (disk.available / 1024**2) if disk.available >= 1024**2 else "%d MiB" % (disk.available // 1024)
                message = "has %d %% of the disk in use that holds its %s, and %s left: once it is full, nobody can commit there"
                message %= (disk.used, " and ".join(filter(None, [", ".join(disk.holds[:-1]), disk.holds[-1]])), left)
                remedy = "Make room: PURGE BINARY LOGS that every replica has received, or a larger disk."
                yield Finding("disk_scarce", BLOCKS if disk.available < _FULL else HURTS, (FAILOVER, SWITCHOVER), member.name, message, remedy)


def _check_domains(topology: Topology, setups: Mapping[str, Setup]) -> Iterator[Finding]:
    """Domains of MariaDB in which nobody writes any more: who lacks one of them is refused once its transactions are in no binary log."""
    primary = topology.primary_member
    if primary is None or primary.state is None or primary.state.family != "mariadb" or topology.unread:
        return
    written = {setup.number("gtid_domain_id") for setup in setups.values()}
    if len(setups) < len(topology.listed) or None in written:
        return
    for domain in sorted({int(each.partition("-")[0]) for each in str(primary.state.executed).split(",") if each} - written):
        message = "has transactions of the domain %d, in which no server of the cluster writes (gtid_domain_id): a replica that lacks it would be refused"
        drop = "TRIM(BOTH ',' FROM REGEXP_REPLACE(@@GLOBAL.gtid_slave_pos, '(^|,)%d-[0-9]+-[0-9]+', ''))" % domain
        remedy = (
            "If no session writes in it either, let all members forget it, the primary first, once it is in none of their binary logs"
            " (FLUSH BINARY LOGS, PURGE BINARY LOGS): FLUSH BINARY LOGS DELETE_DOMAIN_ID=(%d). On a replica: STOP SLAVE; then that; then"
            " SET GLOBAL gtid_slave_pos=%s; START SLAVE." % (domain, drop)
        )
        yield Finding("domain_unused", ADVICE, (FAILOVER, SWITCHOVER, REJOIN), primary.name, message % domain, remedy)


_ADD_THEM = "Add them to the group, or they stay with a dead primary."
_LOOK_WHO = "Look who reads it (SHOW PROCESSLIST: Binlog Dump), and add the replicas among them to the group, or they stay with a dead primary."


def _check_registered(topology: Topology, setups: Mapping[str, Setup]) -> Iterator[Finding]:
    known = {member.known.server_id for member in topology.members if member.state is not None}
    for name, setup in sorted(setups.items()):
        strangers = [number for number in setup.registered or () if number not in known]
        if strangers and not topology.unread:
            message = "feeds servers that are no members of the group: server_id %s" % ", ".join(map(str, strangers))
            yield Finding("unlisted_replica", HURTS, (FAILOVER, SWITCHOVER), name, message, _ADD_THEM)
        listed = sum(channel is not None and channel.receiver == RUNNING for channel in map(channel_of, topology.followers(name)))
        if setup.registered is None and setup.readers > listed and not topology.unread:
            message = "has its binary log read over %d connections, and %d replicas of the group are connected: others may replicate from it"
            yield Finding("unlisted_replica", ADVICE, (FAILOVER, SWITCHOVER), name, message % (setup.readers, listed), _LOOK_WHO)


def _check_account(setups: Mapping[str, Setup], knows_account: bool, user: t.Optional[str], tried: Mapping[str, Tried]) -> Iterator[Finding]:
    if not knows_account:
        message = "the inventory names no account to replicate with: a switchover and a rejoin would be refused"
        remedy = "Set mysql_replication_user and mysql_replication_password for the group."
        yield Finding("no_replication_account", HURTS, (SWITCHOVER, REJOIN), "", message, remedy)
    refused = [(name, login) for name, login in sorted(tried.items()) if login.let_in is False or not login.may_replicate]
    # Whom nobody lets in from here may be let in from the servers, which is all that it needs.
    are_all = len(refused) == len(tried) and not any(login.let_in for _name, login in refused)
    for name, login in refused:
        grade = ADVICE if are_all else BLOCKS
        why = login.message if login.let_in is False else "it lacks the privilege REPLICATION SLAVE"
        message = "does not let the account of the replicas in from here: %s" % why
        remedy = "Create the account on the primary, or correct mysql_replication_user and mysql_replication_password."
        if login.let_in is False and user is not None and _is_not_for_us(user, setups.get(name)):
            # From where the members come is looked at by itself.
            remedy = "Its accounts are not for the machine that runs Ansible. Set switchover_try_account=false, or create one for that on the primary."
            grade = ADVICE
        yield Finding("replication_login_refused", grade, (FAILOVER, SWITCHOVER, REJOIN), name, message, remedy)


def _is_not_for_us(user: str, setup: t.Optional[Setup]) -> bool:
    """Whether a server has accounts for the replicas, none of which is for those who come from where we are."""
    if setup is None or setup.accounts is None or not any(account.user == user for account in setup.accounts.all):
        return False
    verdict = account_for(user, origin_of(setup.accounts.client), setup)
    return verdict.is_known and verdict.account is None


def _check_tls(topology: Topology, user: t.Optional[str], tried: Mapping[str, Tried]) -> Iterator[Finding]:
    """Replicas that log in without TLS, at servers that let their account in over TLS only."""
    for name in [name for name, login in sorted(tried.items()) if login.needs_tls]:
        channels = {member.name: channel_of(member) for member in topology.replicas if member.name != name}
        without = [other for other, channel in channels.items() if channel is not None and channel.user == user and not channel.tls.enabled]
        if without:
            message = "lets the account of the replicas in over TLS only (REQUIRE), and %s log%s in without" % (", ".join(without), "s" * (len(without) == 1))
            remedy = "Let the replicas use TLS (mysql_source_ssl=true for the group tells those that are repointed), or ALTER USER … REQUIRE NONE there."
            yield Finding("replication_login_refused", BLOCKS, (FAILOVER, SWITCHOVER), name, message, remedy)


def _check_hosts_of_accounts(topology: Topology, setups: Mapping[str, Setup], user: t.Optional[str], tried: Mapping[str, Tried]) -> Iterator[Finding]:
    """Members that another one would not let in from where they come, once it is the primary."""
    origins = {name: origin for name, origin in find_origins(topology, setups).items() if not topology.follows_replica(name)}
    for member in topology.replicas:
        refused: t.Dict[t.Tuple[str, t.Optional[LetIn]], t.Dict[str, Origin]] = {}
        setup = setups.get(member.name, Setup({}))
        for other, origin in comes_to(topology, member.name, origins).items():
            channel = channel_of(topology[other])
            logs_in_as = channel.user if channel is not None else user or ""
            verdict = account_for(logs_in_as, origin, setup)
            if logs_in_as and verdict.is_known and (verdict.account is None or verdict.account.user != logs_in_as or verdict.account.is_locked):
                refused.setdefault((logs_in_as, verdict.account), {})[other] = origin
        for (logs_in_as, account), others in refused.items():
            login = tried.get(member.name)
            if account is None and not _hosts_for(logs_in_as, setup) and login is not None and login.let_in is False and logs_in_as == user:
                # It has no such account at all, which is said already.
                continue
            yield _refused(topology, setups, member, logs_in_as, account, others)


def _hosts_for(user: str, setup: Setup) -> t.List[str]:
    """Return from where a server lets a user in, as far as it says that."""
    return sorted(account.host for account in setup.accounts.all if account.user == user) if setup.accounts is not None else []


def _refused(topology: Topology, setups: Mapping[str, Setup], member: Member, user: str, account: t.Optional[LetIn], others: Mapping[str, Origin]) -> Finding:
    """Say whom a member would not let in as its replicas. ``account``: for whom it would take them, if for anybody."""
    primary = topology.primary_member
    of_primary = setups.get(primary.name, Setup({})) if primary is not None else Setup({})
    if account is not None:
        why = "it would take %s for %s, which is %s" % (user, account, "locked" if account.is_locked else "anonymous")
        statements = ["ALTER USER %s ACCOUNT UNLOCK" % account if account.is_locked else "DROP USER %s" % account]
        is_everywhere = of_primary.accounts is not None and account in of_primary.accounts.all
    else:
        hosts = _hosts_for(user, setups[member.name])
        why = "it has %s" % ("%s only from %s" % (user, ", ".join(hosts)) if hosts else "no account %s" % user)
        new = [LetIn(user, origin.name or min(origin.addresses)) for _name, origin in sorted(others.items())]
        statements = [
            text % each for each in new for text in ("CREATE USER %s IDENTIFIED BY 'the password of the replicas'", "GRANT REPLICATION SLAVE ON *.* TO %s")
        ]
        verdicts = [account_for(user, origin, of_primary) for origin in others.values()]
        is_everywhere = all(verdict.is_known and verdict.account is None for verdict in verdicts)
    if not is_everywhere:
        # What the primary does replicas repeat. What is missing on one of them is no transaction of its own.
        closed = member.known.super_read_only
        opened, closed_again = (["SET GLOBAL super_read_only = 0"], ["SET GLOBAL super_read_only = 1"]) if closed else ([], [])
        statements = [*opened, "SET SESSION sql_log_bin = 0", *statements, "SET SESSION sql_log_bin = 1", *closed_again]
    named = ", ".join("%s (from %s)" % each for each in sorted(others.items()))
    message = "would not let %s in as its replica%s: %s" % (named, "s" * (len(others) > 1), why)
    remedy = "On %s: %s" % (topology.primary if is_everywhere else member.name, "; ".join(statements))
    return Finding("replication_login_refused", HURTS, (FAILOVER, SWITCHOVER), member.name, message, remedy)
