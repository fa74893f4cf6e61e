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
from dataclasses import field, replace

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.own import find_own, find_skipped
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.reused import Reused, find_reused
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.save import gone_with_job, save, say_rows
from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.account import AccountTrial
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held
from ansible_collections.dbha.mysql.plugins.module_utils._copy.backup import Hosts
from ansible_collections.dbha.mysql.plugins.module_utils._copy.compare import is_compared
from ansible_collections.dbha.mysql.plugins.module_utils._copy.overwrite import BY_DUMP, Copying, choose_way, overwrite
from ansible_collections.dbha.mysql.plugins.module_utils._copy.restart import wait_until_back
from ansible_collections.dbha.mysql.plugins.module_utils._copy.unfinished import databases_of, is_unfinished
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_was_ahead, was_ahead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import check_undecided
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.rejoining import (
    Alone,
    check_account,
    check_copied,
    check_copy,
    check_donor,
    check_ends,
    check_fit,
    check_gtid_mode,
    check_may_be_overwritten,
    check_told,
    check_unchanged,
    choose_donor,
    not_of_members,
    why_unknown,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Account, Settings, check_key, check_may_be_told, check_password, lacks_key
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MySQLGtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problems_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import entry_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import tree
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._steps.closing import close_for_good
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Limits
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import Extract
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.save import Saved
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import T
    from ansible_collections.dbha.mysql.plugins.module_utils._copy.overwrite import Way
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import Place
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    "server": server_argument(required=True),
    "primary": server_argument(required=True),
    "primary_named": {"type": "bool", "default": True},
    **CLUSTER_ARGUMENTS,
    "method": {"type": "str", "choices": ["refuse", "clone", "rebuild"], "default": "refuse"},
    "anew": {"type": "bool", "default": False},
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
    "answer_within": {"type": "float", "default": 0},
    "replication_user": {"type": "str"},
    "replication_password": {"type": "str", "no_log": True},
    "source_ssl": {"type": "bool"},
    "source_public_key": {"type": "bool"},
}


class OwnTransactions(t.TypedDict):
    """The transactions that a server alone has."""

    gtids: str
    count: int
    without_gtid: int


class Rejoined(t.TypedDict, total=False):
    """What mysql_rejoin gives back; its documentation says what each is."""

    server: Place
    own: OwnTransactions
    saved: t.Optional[Saved]
    copied_from: Place
    copied_with: t.Optional[str]
    restart_needed: bool
    topology: str
    msg: str


@dataclass(frozen=True)
class Saving:
    """Where what only one server has is kept, if it is, which program translates it, and how long reading and translating may take (seconds each)."""

    wanted: bool
    directory: str
    program: t.Optional[str]
    seconds: float


@dataclass(frozen=True)
class Rejoining:
    """The server that is to be a replica, of which primary, and what may be done for that.

    ``copying`` is ``None`` where it must not be overwritten. ``donor`` is the server to copy, if the user names one. ``knows_account``: it is known what
    the server is to log in to the primary with, and ``told`` what it will be told of TLS and of public keys besides. ``answer_seconds`` is what it may
    take to answer, because it was started a moment ago. ``primary_named``: the user has said who is the primary, and not only what the servers were like.
    ``anew``: it is overwritten even where it lacks nothing for all that GTIDs tell.
    """

    members: Members
    server: str
    primary: str
    donor: t.Optional[str]
    limits: Limits
    saving: Saving
    copying: t.Optional[Copying]
    knows_account: bool = True
    replication_password: t.Optional[str] = field(default=None, repr=False)
    answer_seconds: float = 0
    replication_user: t.Optional[str] = None
    told: Settings = Settings()
    primary_named: bool = True
    anew: bool = False

    @property
    def seconds(self) -> float:
        """What it may take to close the server, to compare it, and to save what it alone has. Copying takes its own time."""
        return self.limits.timeout + 3 * self.saving.seconds


@dataclass(frozen=True)
class Compared:
    """What a server alone has, compared with the primary, and what was read of it; ``None`` if nothing was, or could be.

    ``received``: all that it had when it was compared. ``waiting``: what of its own it has received and not applied, so that it is in no binary log.
    ``databases``: those of users that it has. ``unknown``: why it cannot be told what it alone has. ``skipped``: what it would never get.
    ``reused``: under which GTIDs the primary has other transactions.
    """

    topology: Topology
    received: Gtids
    own: Transactions
    waiting: Transactions
    extract: t.Optional[Extract]
    databases: t.Tuple[str, ...]
    unknown: str = ""
    skipped: t.Optional[Gtids] = None
    reused: str = ""

    @property
    def alone(self) -> Alone:
        """What it alone has, for those who decide."""
        return Alone(self.own, self.extract.anonymous if self.extract is not None else 0, self.waiting, self.unknown, self.skipped, self.reused)


def parse(options: Options) -> Rejoining:
    """Read the options of mysql_rejoin. Raises ``BadInput``."""
    server, primary, donor = options.required_server("server"), options.required_server("primary"), options.server("donor")
    if server.name == primary.name:
        raise BadInput("server: %s is the primary itself" % server.name)
    method, seconds, restart_seconds = options.text("method") or "", options.seconds("copy_timeout"), options.seconds("restart_timeout")
    if options.flag("anew") and method == "refuse":
        raise BadInput("anew: a server is copied anew only with method: clone or rebuild")
    shells = {str(name): str(command) for name, command in options.mapping("host_shells").items() if command}
    copying = Copying(
        method,
        options.text("copy_user"),
        options.text("copy_password"),
        seconds,
        restart_seconds,
        options.text("dump_program"),
        Hosts(shells, options.text("stop_command") or "", options.text("start_command") or "", restart_seconds),
    )
    return Rejoining(
        options.members("server", "primary", "donor", "replicas"),
        server.name,
        primary.name,
        donor.name if donor else None,
        Limits(options.seconds("timeout"), options.seconds("grace"), options.flag("kill")),
        Saving(options.flag("save"), options.text("save_to") or "", options.text("binlog_program"), options.seconds("save_timeout")),
        None if method == "refuse" else copying,
        bool(options.text("replication_user") and options.text("replication_password")),
        options.text("replication_password"),
        options.number("answer_within"),
        options.text("replication_user"),
        Settings(tls=options.flag_or_none("source_ssl"), get_public_key=options.flag_or_none("source_public_key")),
        options.flag("primary_named"),
        options.flag("anew"),
    )


def rejoin(call: Call, wanted: Rejoining) -> Rejoined:
    """Close a former primary for writes, say whether it can become a replica as it is, and overwrite it where it cannot and may be."""
    name, primary = wanted.server, wanted.primary
    if wanted.copying is not None and wanted.copying.method == "rebuild":
        refuse(check_account(name, primary, known=wanted.knows_account))
    _wait_for_answer(wanted)
    with Cluster(wanted.members, call.journal, check_mode=call.check_mode, worked_on=(name,)) as cluster:

        def to_close(topology: Topology) -> t.Tuple[str, ...]:
            refuse(check_ends(topology, name, primary))
            refuse(() if wanted.primary_named else check_undecided(topology))
            refuse(_check_account(cluster.nodes[name], wanted))
            # Somebody may be about to close the primary: that is kept off, too, until this one is closed.
            return (name, primary)

        held = Held(cluster, to_close, tuple, wanted.seconds)
        held.begin(cluster.look(primary))
        _make_sure_that_key_is_known(held.topology, wanted)
        acknowledges = any(other.state.semi_sync.replica for other in cluster.nodes.values())
        was_open = cluster.nodes[name].state.writable
        try:
            _close(call, cluster, wanted, held, to_close, acknowledges=acknowledges)
            return _bring_back(call, cluster, wanted, held)
        except (Refusal, ServerError) as error:
            if call.check_mode or not was_open or cluster.nodes[name].state.writable:
                raise
            raise _told_that_it_is_closed(name, error) from error


def _told_that_it_is_closed(name: str, error: Exception) -> Refusal:
    """Say with what is refused, or has gone wrong, that this call has closed a server which took writes."""
    first, *others = problems_of(error, name)
    return Refusal([replace(first, message="%s has been closed for writes; %s" % (name, first.message)), *others])


def _bring_back(call: Call, cluster: Cluster, wanted: Rejoining, held: Held[t.Tuple[str, ...]]) -> Rejoined:
    """Say whether a server that is closed can become a replica as it is, and overwrite it where it cannot and may be."""
    name, primary = wanted.server, wanted.primary
    compared = _compare(call, cluster, wanted, held)
    found: Rejoined = {"server": entry_of(compared.topology[name]), "own": _describe(compared), "saved": None, "topology": tree(compared.topology)}
    call.tell(found)
    saved = _save(call, wanted, compared)
    call.tell({"saved": saved})
    node, source = cluster.nodes[name], cluster.nodes[primary]
    where = _describe_saved(saved) if saved is not None else ""
    gone, unfinished = _on(cluster, primary, lambda each: each.purged([node.state.executed])), is_unfinished(compared.databases)
    lacking = list(check_fit(name, node.state, primary, source.state, compared.alone, where, unfinished=unfinished, gone=gone))
    if compared.topology.sources.get(name) == primary:
        lacking += check_was_ahead(name, node.channel, primary)
    if not lacking and not wanted.anew:
        return {"msg": "%s has nothing that %s lacks" % (name, primary)}
    if wanted.copying is None:
        raise Refusal(lacking)
    refuse(check_gtid_mode(name, node.state))
    if wanted.saving.wanted and not call.check_mode:
        gone_with = gone_with_job(saved["directory"]) if saved is not None else ""
        refuse(check_may_be_overwritten(name, compared.alone, kept=saved is not None and bool(saved["binary_logs"]), gone_with=gone_with))
    return _overwrite(call, cluster, wanted, wanted.copying, compared, held)


def _make_sure_that_key_is_known(topology: Topology, wanted: Rejoining) -> None:
    """Refuse where the primary would not let the server in for want of a public key. Once it has let the account in from here, it lets in the server."""
    name, primary = wanted.server, wanted.primary
    if lacks_key(topology, name, wanted.told):
        trial = AccountTrial(wanted.members, [primary], Account(wanted.replication_user, wanted.replication_password))
        refuse(check_key(topology, [name], primary, wanted.replication_user, trial.results()))


def _check_account(node: Node, wanted: Rejoining) -> t.Iterator[Problem]:
    """Whether a server can be told what it will log in with: one that has no channel, or will have none because it is overwritten."""
    if node.channel is None or wanted.copying is not None:
        yield from check_password(node.name, node.state.family, wanted.replication_password)
        yield from check_may_be_told(node.name, wanted.replication_password, is_withheld=not node.server.may_be_told_secrets)


VERB = Verb(ARGUMENTS, parse, rejoin)


def _wait_for_answer(wanted: Rejoining) -> None:
    """Give a server that was started a moment ago time to answer. Whether it does is asked by whoever looks at it then."""
    (entry,) = [each for each in wanted.members.entries if each.name == wanted.server]
    deadline = time.monotonic() + wanted.answer_seconds
    while time.monotonic() < deadline:
        with Cluster(replace(wanted.members, entries=(entry,)), Journal()) as alone:
            if alone.look(ask_source=False)[entry.name].state is not None:
                return
        time.sleep(0.2)


def _close(
    call: Call,
    cluster: Cluster,
    wanted: Rejoining,
    held: Held[t.Tuple[str, ...]],
    decide: Callable[[Topology], t.Tuple[str, ...]],
    *,
    acknowledges: bool = False,
) -> None:
    """Close a server if what was decided still holds. From then on other runs may change the primary: copying takes long."""
    held.make_sure(decide)
    if not _on(cluster, wanted.server, lambda each: close_for_good(each, wanted.limits, call.say, acknowledges=acknowledges), "close"):
        call.warnings.append("%s cannot keep read_only across a restart: set read_only=1 in its option files" % wanted.server)
    held.release([wanted.primary])


def _still(topology: Topology, wanted: Rejoining) -> t.Tuple[str, ...]:
    """Decide anew once it is closed: only the primary must be the primary still. Return what is worked on from then on."""
    refuse(check_ends(topology, wanted.server, wanted.primary))
    return (wanted.server,)


def _compare(call: Call, cluster: Cluster, wanted: Rejoining, held: Held[t.Tuple[str, ...]]) -> Compared:
    """Find out what a server that is closed for writes has and the primary lacks."""
    name, primary = wanted.server, wanted.primary
    # First what it has, then what the primary has: that one goes on writing, and a replica may have received what it writes meanwhile.
    node = cluster.nodes[name]
    received = _on(cluster, name, lambda each: each.read()).received
    held.look_again(lambda topology: _still(topology, wanted))
    topology = held.topology
    if call.check_mode:
        # Nothing has been closed, so that this has gone on, too.
        topology = cluster.look_again(topology)
    have, state = topology[primary].known.executed, topology[name].known
    waiting = received.subtract(state.executed.union(have))
    reused = _compare_logs(call, cluster, wanted, topology)
    for why in reused.unknown:
        call.warnings.append("whether %s has other transactions than %s under the same GTIDs cannot be told: %s" % (name, primary, why))
    own = received.not_proven_in(reused.have)
    databases = tuple(_on(cluster, name, databases_of))
    others = [member.known.received for member in topology.members if member.state is not None and member.name not in (name, primary)]
    try:
        with call.journal.step("read binary logs", name):
            found = find_own(node, reused.have, others, wanted.saving.seconds)
    except (ExtractFailed, ServerError) as error:
        if not own:
            return Compared(topology, received, own, waiting, None, databases, unknown=str(error))
        call.warn([Problem("not_saved", name, "what only %s has cannot be read: %s" % (name, error), str(own))])
        return Compared(topology, received, own, waiting, None, databases, reused=reused.gtids)
    if found.too_short:
        call.warn(check_told(name, "what it wrote itself, and no other member knows, is older than its binary logs"))
    extract = found.extract
    unknown, skipped = why_unknown(state, () if is_unfinished(databases) else databases), None
    lacking = have.subtract(received)
    if isinstance(lacking, MySQLGtids):
        try:
            with call.journal.step("read binary logs", primary):
                lacking = lacking.subtract(topology[primary].known.purged)
                skipped = find_skipped(cluster.nodes[primary], lacking.of_origins(not_of_members(topology, lacking)), state.server_id, wanted.saving.seconds)
        except (ExtractFailed, ServerError) as error:
            unknown = unknown or "what it lacks cannot be read: %s" % error
    # In MariaDB the states alone do not tell exactly which they are.
    return Compared(topology, received, own if waiting else extract.transactions, waiting, extract, databases, unknown, skipped, reused.gtids)


def _compare_logs(call: Call, cluster: Cluster, wanted: Rejoining, topology: Topology) -> Reused:
    """Find out whether a server has other transactions than the primary under the same GTIDs: its own, and the primary's if that had lost its own."""
    name, primary = wanted.server, wanted.primary
    node, source = cluster.nodes[name], cluster.nodes[primary]
    found = Reused("", topology[primary].known.executed)
    if not all(each.state.log_bin and each.state.gtid_mode == "ON" for each in (node, source)):
        return found
    is_refused = topology.sources.get(name) == primary and was_ahead(node.channel)
    for origin in [node.state.identity, *([source.state.identity] if is_refused else [])]:
        try:
            with call.journal.step("compare binary logs", name):
                each = find_reused(node, origin, source, found.have, wanted.saving.seconds)
        except ServerError as error:
            each = Reused("", found.have, (str(error),))
        found = Reused(",".join(filter(None, (found.gtids, each.gtids))), each.have, (*found.unknown, *each.unknown))
    return found


def _save(call: Call, wanted: Rejoining, compared: Compared) -> t.Optional[Saved]:
    """Keep what a server alone has, if that is wanted. Where that cannot be done, it is said."""
    name, saving, extract = wanted.server, wanted.saving, compared.extract
    if extract is None or not extract.segments or not saving.wanted or call.check_mode:
        return None
    gtids = str(extract.transactions)
    try:
        with call.journal.step("save", name):
            saved = save(name, extract, saving.directory, saving.program, saving.seconds, anew=bool(compared.reused))
    except ExtractFailed as error:
        call.warn([Problem("not_saved", name, "what only %s has could not be saved: %s" % (name, error), gtids)])
        return None
    if saved["problem"]:
        message = "what only %s has is saved in %s, but not as SQL: %s" % (name, saved["directory"], saved["problem"])
        call.warn([Problem("not_saved", name, message, gtids)])
    elif gone_with_job(saved["directory"]):
        message = "what only %s has is saved in %s, which will be gone with %s" % (name, saved["directory"], gone_with_job(saved["directory"]))
        call.warn([Problem("not_saved", name, message, gtids)])
    return saved


def _overwrite(call: Call, cluster: Cluster, wanted: Rejoining, copying: Copying, compared: Compared, held: Held[t.Tuple[str, ...]]) -> Rejoined:
    """Overwrite a server, and see that it has then what it should have, and nothing else."""
    name, primary = wanted.server, wanted.primary

    chosen = wanted.donor

    def to_copy(topology: Topology) -> t.Tuple[str, ...]:
        refuse(check_ends(topology, name, primary))
        refuse(check_unchanged(name, compared.received, topology[name].known))
        refuse(check_donor(topology, name, primary, wanted.donor) if wanted.donor is not None else ())
        return (name, wanted.donor or choose_donor(topology, name, primary, chosen))

    _name, chosen = to_copy(held.topology)
    held.lock([chosen])
    held.look_again(to_copy)
    donor, source = cluster.nodes[held.decision[1]], cluster.nodes[primary]
    call.warn(check_copied(held.topology, primary, donor.name))
    call.tell({"copied_from": entry_of(held.topology[donor.name]), "copied_with": None, "restart_needed": False})

    def prepare(each: Node) -> Way:
        for idle in (each, donor, source):
            # Nothing is sent over these connections, which hold our locks, while a program copies.
            idle.server.send(idle.flavor.stay_connected(int(copying.seconds + 3 * copying.restart_seconds) + 120))
        return choose_way(each, donor, copying)

    way = _on(cluster, name, prepare)
    call.tell({"copied_with": way.name})
    if way.why_not_by_files:
        call.warnings.append("%s is overwritten with a dump, because %s" % (name, way.why_not_by_files))
    if way.name != BY_DUMP and not is_compared(donor):
        call.warnings.append("%s is not compared with its copy, because it is the primary and would be kept from writing meanwhile" % donor.name)
    held.make_sure(to_copy)
    has_ended = _on(cluster, name, lambda each: overwrite(each, donor, way, copying, call.say), "copy")
    if call.check_mode:
        return {"msg": "%s would be overwritten with a copy of %s (%s)" % (name, donor.name, way.name)}
    if has_ended:
        call.tell({"restart_needed": True})
        message = "%s is a copy of %s (%s), and waits to be started" % (name, donor.name, way.name)
        message += ". It need not be copied anew once more: run it without that" if wanted.anew and not copying.hosts.start else ""
        if is_compared(donor):
            call.warnings.append("%s is not compared with its copy, because %s has ended" % (donor.name, name))
        refuse([Problem("restart_needed", name, message)] if not copying.hosts.start else [])
        return {"msg": message}
    _on(cluster, name, lambda each: wait_until_back(each, copying.restart_seconds))
    # The lock went with the connection. What it has by now is a copy, also where it takes writes.
    held.lock([name, primary])

    def to_close_again(topology: Topology) -> t.Tuple[str, ...]:
        return (*_still(topology, wanted), primary)

    held.look_again(to_close_again)
    _close(call, cluster, wanted, held, to_close_again)
    state, of_primary = (_on(cluster, each, lambda node: node.read()) for each in (name, primary))
    refuse(check_copy(name, state, primary, of_primary))
    return {"msg": "%s is a copy of %s now (%s)" % (name, donor.name, way.name)}


def _on(cluster: Cluster, name: str, work: Callable[[Node], T], step: str = "") -> T:
    """Take a step on one server, and return what it gave. Raises ``Refusal``."""
    outcome = cluster.on_each([name], work, step)[name]
    refuse(outcome.problems)
    return t.cast("T", outcome.value)


def _describe_saved(saved: Saved) -> str:
    """Say where what a server alone has is saved, and what was written, so that whoever is to decide need not open a file."""
    changed = say_rows(saved["tables"] or [])
    rows = ". Rows: %s" % changed if changed else ""
    replay = ". To bring them to the primary, add how to log in there: %s" % saved["replay"] if saved["replay"] else ""
    return ". They are saved in %s%s%s" % (saved["directory"], rows, replay)


def _describe(compared: Compared) -> OwnTransactions:
    alone = compared.alone
    return {"gtids": str(alone.own), "count": alone.own.count() + alone.anonymous, "without_gtid": alone.anonymous}
