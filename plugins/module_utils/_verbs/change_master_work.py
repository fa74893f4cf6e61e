# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What mysql_change_master does to replicas, all at once: repoint them, or only start them; former primaries last."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.account import AccountTrial
from ansible_collections.dbha.mysql.plugins.module_utils._copy.unfinished import databases_of, is_unfinished
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import (
    Account,
    Comparison,
    Settings,
    check_account,
    check_left_behind,
    check_may_be_started,
    check_may_be_told,
    check_may_follow,
    check_password,
    check_purged,
    check_replicates,
    former_primaries,
    has_stumbled,
    is_login_error,
    log_in_by_certificate,
    must_apply_first,
    must_be_seen_to_apply,
    need_only_be_started,
    settings_for,
    without_login,
)
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problems_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
from ansible_collections.dbha.mysql.plugins.module_utils._steps.drain import drain
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import kill_remaining
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import set_semi_sync_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import repoint
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import let_receiver_stop, start_replicating, wait_until_replicating
from ansible_collections.dbha.mysql.plugins.module_utils._steps.trial import clear_the_way
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import forbid_writes, persist_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Entry, Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.record import Record


# Seconds in which a replica applies something of its new source that did so before.
_PATIENCE = 1.0


@dataclass(frozen=True)
class Repointing:
    """Who is to replicate from whom, how it logs in there, and what may be done for that.

    ``defaults``: how a former primary logs in, where ``settings`` leave that open. ``wait_timeout``: seconds for each replica.
    ``unfinished``: what is left to do on the primary, which has been opened by the same run.
    ``tolerates_left_behind``: a replica that does not follow is only warned of.
    ``dead``: the primary before, which was found dead, and which must not have come back meanwhile. ``record``: what is to be remembered of that.
    """

    members: Members
    primary: str
    replicas: t.Tuple[str, ...]
    settings: Settings
    defaults: t.Optional[Settings]
    wait_timeout: float
    allow_data_loss: bool
    unfinished: t.Tuple[Problem, ...] = ()
    tolerates_left_behind: bool = False
    dead: t.Optional[Entry] = None
    record: t.Optional[Record] = None


@dataclass(frozen=True)
class Decision:
    """Who is to be changed, and the primary, whose clients would lose it if it did not stay one."""

    primary: str
    to_change: t.Tuple[str, ...]

    @property
    def touched(self) -> t.Tuple[str, ...]:
        return (self.primary, *self.to_change) if self.to_change else ()


class Work:
    """Repointing what was decided on, all replicas at once; former primaries after them."""

    def __init__(self, call: Call, wanted: Repointing, cluster: Cluster, held: Held[Decision]) -> None:
        self._call = call
        self._wanted = wanted
        self._cluster = cluster
        self._held = held
        self._source = cluster.nodes[wanted.primary]
        self._purged: Gtids
        self._is_refused = False
        # Who was told the account.
        self._told_account: t.Set[str] = set()

    def repoint(self) -> t.Dict[str, t.Optional[Problem]]:
        """Let all follow, and wait until they do. Return what is wrong with each."""
        topology, to_change = self._held.topology, self._held.decision.to_change
        if not to_change:
            return {}
        needed_by = [self._cluster.nodes[name].state.executed for name in to_change]
        self._purged = self._cluster.on_one(self._source.name, lambda source: source.purged(needed_by)).result()
        self._is_refused = self._is_account_refused(to_change)
        self._say_who_keeps_its_account(to_change)
        compared = {name: self._compare(self._cluster.nodes[name]) for name in to_change}
        standing = {name: each.state.executed for name, each in compared.items() if has_stumbled(each) or must_be_seen_to_apply(each)}
        # One that has replicated so far does so again, or waits for a client's lock; of the others nothing is known yet.
        patient = [name for name, each in compared.items() if each.channel is None or has_stumbled(each)]
        last = former_primaries(topology, to_change)
        problems = self._on_each([name for name in to_change if name not in last], self._follow, "repoint")
        failed = [name for name, problem in problems.items() if problem is not None]
        left_behind = {name: problem for name in last for problem in check_left_behind(topology, name, self._wanted.replicas, failed)}
        problems.update(left_behind)
        if self._wanted.unfinished and self._source.state.channels:
            # A run that finishes this knows by a former primary that follows nobody that there is something to finish.
            left_behind.update((name, problem) for problem in self._wanted.unfinished for name in last)
        problems.update(self._demote([name for name in last if name not in left_behind]))
        if not self._call.check_mode:
            following = [name for name in to_change if name not in left_behind and problems[name] is None]
            problems.update(self._on_each(following, lambda node: self._await(node, standing.get(node.name), node.name in patient), "wait"))
        return problems

    def _is_account_refused(self, names: Iterable[str]) -> bool:
        """Try the account that replicas are to be told which log in with another one. What is refused would cut them off."""
        wanted, channels = self._wanted.settings, [self._cluster.nodes[name].channel for name in names]
        if all(channel is None or wanted.user in (None, channel.user) for channel in channels):
            return False
        if wanted.client_cert or log_in_by_certificate(self._held.topology):
            return False
        trial = AccountTrial(self._wanted.members, [self._source.name], Account(wanted.user, wanted.password))
        refused = [tried.message or "it lacks REPLICATION SLAVE" for tried in trial.results().values() if tried.let_in is False or not tried.may_replicate]
        if refused:
            message = "replicas keep the account that they log in with, because %s does not take %s: %s"
            self._call.warnings.append(message % (self._source.name, wanted.user, refused[0]))
        return bool(refused)

    def _say_who_keeps_its_account(self, names: Iterable[str]) -> None:
        nodes, user = [self._cluster.nodes[name] for name in names], self._wanted.settings.user
        keep = [node.name for node in nodes if node.channel is not None and user not in (None, node.channel.user) and self._is_withheld(node)]
        if keep and not self._is_refused:
            message = "the account that replicas log in with stays as it is on %s: the password of %s is not sent over a connection that is not verified"
            self._call.warnings.append(message % (listed(keep), user))

    def _is_withheld(self, node: Node) -> bool:
        """Whether there is a password that this server may not be sent."""
        return bool(self._wanted.settings.password) and not node.server.may_be_told_secrets

    def _on_each(self, names: Iterable[str], work: Callable[[Node], None], step: str) -> t.Dict[str, t.Optional[Problem]]:
        return {name: outcome.problem for name, outcome in self._cluster.on_each(names, work, step, record=True).items()}

    def _compare(self, node: Node, databases: t.Sequence[str] = ()) -> Comparison:
        follows = self._held.topology.sources.get(node.name) == self._source.name
        own, source, found = node.state, self._source, tuple(databases)
        return Comparison(node.name, own, source.name, source.state, follows, self._wanted.allow_data_loss, is_unfinished(found), found)

    def _follow(self, node: Node) -> None:
        """Repoint one replica, or start it."""
        each = self._compare(node)
        refuse(check_may_follow(each, is_plan=self._call.check_mode))
        clear_the_way(node, self._call.say)
        let_receiver_stop(node, self._call.say)
        if need_only_be_started(each, None if self._is_refused or self._is_withheld(node) else self._wanted.settings.user):
            refuse(check_may_be_started(each, self._purged))
            start_replicating(node)
            return
        goal = must_apply_first(each, self._purged)
        if goal is not None:
            refuse(check_purged(each, self._purged))
            drain(node, self._wanted.wait_timeout, self._call.say, goal)
        repoint(node, self._told(node), self._call.say)

    def _demote(self, names: t.List[str]) -> t.Dict[str, t.Optional[Problem]]:
        """Let former primaries follow. One that takes writes is closed first, and stays closed if somebody has written to it since it was compared."""
        problems = self._on_each(names, self._may_be_demoted, "compare")
        closed = [name for name in names if problems[name] is None and self._cluster.nodes[name].state.writable]
        problems.update(self._close(closed))
        closed = [name for name in closed if problems[name] is None]
        if closed:
            unread = self._cluster.on_one(self._source.name, Node.read, record=True).problems
            problems.update(self._on_each(closed, lambda node: self._see_that_nobody_wrote(node, unread), "look again"))
        problems.update(self._on_each([name for name in names if problems[name] is None], self._become_replica, "repoint"))
        return problems

    def _close(self, names: t.List[str]) -> t.Dict[str, t.Optional[Problem]]:
        """Close former primaries for writes, if the primary is seen to be one still: that was read before the others were repointed, which may take long."""
        if not names:
            return {}
        try:
            self._held.make_sure()
        except Refusal as refusal:
            # What has become of the others is told as well.
            return dict.fromkeys(names, refusal.problems[0])
        return self._on_each(names, self._close_one, "forbid writes")

    def _close_one(self, node: Node) -> None:
        refuse(check_may_follow(self._compare(node), is_plan=self._call.check_mode))
        was_writable = node.state.writable
        forbid_writes(node)
        if was_writable:
            kill_remaining(node, self._call.say)

    def _may_be_demoted(self, node: Node) -> None:
        each = self._compare(node, databases_of(node))
        refuse(check_may_follow(each, is_plan=self._call.check_mode))
        refuse(check_purged(each, self._purged))
        settings = self._settings(node)
        refuse(check_account(node.name, node.state, settings))
        refuse(check_password(node.name, node.state.family, settings.password))
        refuse(check_may_be_told(node.name, settings.password, is_withheld=self._is_withheld(node)))
        clear_the_way(node, self._call.say)

    def _see_that_nobody_wrote(self, node: Node, unread: t.Sequence[Problem]) -> None:
        """Compare once more what is closed by now; ``unread`` is what keeps us from knowing what the primary has."""
        try:
            node.read()
            refuse(unread)
            refuse(check_may_follow(self._compare(node), is_plan=self._call.check_mode))
        except Exception as error:
            # Opened again it would be the second one that takes writes.
            message = "%s; it has been closed for writes, because %s is the primary"
            problems = problems_of(error, node.name)
            raise Refusal([replace(each, message=message % (each.message, self._source.name)) for each in problems]) from error

    def _become_replica(self, node: Node) -> None:
        # A switchover does both when it demotes; this may be what is left of one that was interrupted before.
        if node.state.semi_sync.source:
            set_semi_sync_source(node, False)
        persist_read_only(node, True)
        repoint(node, self._told(node), self._call.say)

    def _settings(self, node: Node) -> Settings:
        return settings_for(self._held.topology, node.name, self._wanted.settings, self._wanted.defaults)

    def _told(self, node: Node) -> SourceOptions:
        """Return what a replica is told about its source: what is not given stays as it is, and an account that it has is not told it again."""
        settings = without_login(node.channel, self._settings(node), is_refused=self._is_refused, is_withheld=self._is_withheld(node))
        if settings.password is not None:
            self._told_account.add(node.name)
        return self._source_options(node, settings)

    def _source_options(self, node: Node, settings: Settings) -> SourceOptions:
        address = self._cluster.address_for_replicas(self._source.name)
        return SourceOptions(
            address.host,
            address.port,
            user=settings.user,
            password=settings.password,
            tls=settings.tls,
            ca_cert=settings.ca_cert,
            client_cert=settings.client_cert,
            client_key=settings.client_key,
            verify_cert=settings.verify_cert,
            get_public_key=settings.get_public_key,
            more=settings.more or (),
            demote=node.channel is None,
        )

    def _await(self, node: Node, standing: t.Optional[Gtids], is_patient: bool) -> None:
        """Wait until a replica replicates, and for a while until it has more than it had (``standing``), for its applier may fail at that."""
        timeout = self._wanted.wait_timeout
        patience = timeout if is_patient else _PATIENCE
        trouble = wait_until_replicating(node, timeout, standing, patience, is_login_error)
        settings = self._settings(node)
        if trouble is not None and is_login_error(trouble) and settings.password is not None and node.name not in self._told_account:
            why = "%s does not replicate from %s: %s" % (node.name, self._source.name, trouble)
            refuse(check_may_be_told(node.name, settings.password, is_withheld=self._is_withheld(node), trouble=why))
            # Its own account does not work there, so that there is nothing to lose.
            self._call.say("%s: %s does not let it in with the account that it has; trying the one that is given" % (node.name, self._source.name))
            self._told_account.add(node.name)
            repoint(node, self._source_options(node, settings), self._call.say)
            trouble = wait_until_replicating(node, timeout, standing, patience, is_login_error)
        refuse(check_replicates(node.name, self._source.name, trouble, is_ahead=node.state.ahead is not None))
