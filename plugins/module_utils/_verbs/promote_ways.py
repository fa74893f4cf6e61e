# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The ways in which mysql_promote makes a replica the primary. Each opens it for writes, the point of no return, and finishes what is slow after that."""

from __future__ import annotations

import typing as t
from abc import ABC, abstractmethod

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_own_history
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import (
    AGAIN,
    FINISH,
    FROM_LIVING,
    Terms,
    acknowledging,
    check_answering,
    check_closed,
    check_may_be_opened,
    check_promotion,
    check_unopened,
    way_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Account, Settings
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problems_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._steps.events import enabled_events, events_to_run, switch_events
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Limits, hand_over, kill_remaining
from ansible_collections.dbha.mysql.plugins.module_utils._steps.semi_sync import set_semi_sync_replica, set_semi_sync_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.source import forget_source
from ansible_collections.dbha.mysql.plugins.module_utils._steps.threads import let_receiver_stop
from ansible_collections.dbha.mysql.plugins.module_utils._steps.trial import clear_the_way, try_to_write
from ansible_collections.dbha.mysql.plugins.module_utils._steps.writes import allow_writes, close_at_next_start, persist_read_only
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Entry, Members
    from ansible_collections.dbha.mysql.plugins.module_utils._state.events import Event
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.record import Record
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology


# Problems with which a server says that it has not carried a statement out. Of all others nobody knows.
_NOT_CARRIED_OUT = ("statement_failed", "privilege_missing")


class MayBeOpen(Refusal):
    """It is not known whether a server was opened for writes, so that nothing may be undone."""


@dataclass(frozen=True)
class Promotion:
    """Who is to be the primary, on what terms, and how long that may take.

    ``dead`` is where the primary was found dead, ``silent`` are members that were left out because they did not answer, ``left_out`` the names of those that
    the user has left out. ``timeout`` bounds catching up;
    with a living primary all of it, until the new one is open.
    ``grace``: seconds for writers to end by themselves; ``kill``: whether the rest is killed. ``acknowledgers``: how many replicas can acknowledge to
    the new primary (semi-synchronous replication). ``go_on``: somebody else tells what is left to do once the server is open, and goes on meanwhile.
    ``account``: what the old primary will be told to log in with; ``try_account``: whether that is to be tried before, and ``told``
    what the replicas will be told of TLS and of public keys besides. ``safe_start``: the new primary is to come back closed.
    ``record``: what is to be remembered of it, if anything is. ``drain``: what was received may not be applied yet.
    """

    members: Members
    terms: Terms
    dead: t.Optional[Entry]
    timeout: float
    grace: float
    kill: bool
    acknowledgers: int
    go_on: bool = False
    account: Account = Account(None, None)
    try_account: bool = True
    told: Settings = Settings()
    safe_start: bool = False
    record: t.Optional[Record] = None
    drain: bool = False
    silent: t.Tuple[Entry, ...] = ()
    left_out: t.Tuple[str, ...] = ()

    @property
    def found_dead(self) -> t.List[Entry]:
        """Who did not answer when the replica was elected, and is asked again right before it is opened."""
        return [*([self.dead] if self.dead is not None else []), *self.silent]

    @property
    def not_locked(self) -> t.List[str]:
        """Who was left out, for whatever reason: no lock keeps another run from opening one of them."""
        return [*(entry.name for entry in self.silent), *self.left_out]


def decide(topology: Topology, terms: Terms, *, caught_up: bool = False) -> str:
    """Return in which way a replica is promoted. Raises ``Refusal`` with everything that speaks against opening it."""
    refuse(check_answering(topology, terms.acting))
    refuse(check_promotion(topology, terms, caught_up=caught_up))
    return way_of(topology, terms)


class Way(ABC):
    """One way to a new primary."""

    # What decide() calls it.
    name: t.ClassVar[str]

    def __init__(self, call: Call, promotion: Promotion, cluster: Cluster, held: Held[str]) -> None:
        self.call = call
        self.promotion = promotion
        self.cluster = cluster
        self.held = held
        self.node = cluster.nodes[promotion.terms.replica]
        # Whether it may have been told to take writes, so that nothing may be undone after an interruption.
        self.may_be_open = False
        # Whether it has fetched what it lacked when it was elected.
        self.caught_up = False
        self._was_writable = self.node.state.writable

    @abstractmethod
    def open(self) -> None:
        """Open the new primary for writes. Raises ``Refusal`` if that cannot be done and is undone; ``MayBeOpen`` if nobody can tell whether it is open."""

    @abstractmethod
    def finish(self) -> t.List[Problem]:
        """Do what is slow, once clients can write. Return what is left to do, which another run does."""

    @property
    def downtime(self) -> t.Optional[float]:
        """How many seconds nobody could write, where the primary lived."""
        return None

    def decide_again(self, topology: Topology) -> str:
        """Decide once more, right before the opening, on what was read anew. It has to be promoted in the same way still."""
        way = decide(topology, self.promotion.terms, caught_up=self.caught_up)
        if way != self.name:
            message = "%s was to be promoted (%s), but its situation has changed since then (%s)" % (self.node.name, self.name, way)
            raise Refusal([Problem("changed_meanwhile", self.node.name, message)])
        return way

    def open_for_writes(self, *, semi_sync: bool) -> None:
        """Open the replica, which no living primary is to be closed for: the point of no return."""
        name, before = self.node.name, self.node.state.semi_sync.source
        if semi_sync != before:
            self.cluster.on_one(name, lambda node: set_semi_sync_source(node, semi_sync)).result()
        try:
            self.held.make_sure(self.decide_again)
            self._allow_writes()
        except MayBeOpen:
            raise
        except Refusal as refusal:
            undone = self._put_semi_sync_back(before) if semi_sync != before else ()
            raise Refusal([*refusal.problems, *undone]) from refusal
        except BaseException:
            if semi_sync != before and not self.may_be_open:
                self._put_semi_sync_back(before)
            raise

    def _allow_writes(self) -> None:
        name = self.node.name
        self.may_be_open = True
        try:
            outcome = self.cluster.on_one(name, allow_writes, "allow writes")
        except BaseException as error:
            self.call.tell({"opened": True})
            if isinstance(error, Exception):
                raise MayBeOpen(problems_of(error, name)) from error
            raise
        if outcome.problem is not None:
            failed = outcome.problem.code in _NOT_CARRIED_OUT
            self.call.tell({"opened": not failed})
            raise (Refusal if failed else MayBeOpen)(outcome.problems)

    def _put_semi_sync_back(self, enabled: bool) -> t.Tuple[Problem, ...]:
        def put_back(node: Node) -> None:
            self.may_undo(node)
            set_semi_sync_source(node, enabled)

        return self.cluster.on_one(self.node.name, put_back, "undo").problems

    def may_undo(self, node: Node) -> None:
        """See that nobody else can have worked on the replica, nor have opened it, or another one. Raises ``Refusal``."""
        self.held.may_undo(node, self.promotion.not_locked)
        refuse(check_unopened(node.name, node.read(), was_writable=self._was_writable))

    def finish_promotion(self, find_events: t.Callable[[Node], t.Sequence[Event]]) -> t.List[Problem]:
        """Run events, stay writable over a restart, and end replication, whatever of it fails.

        As long as something has, the replication configuration stays: it tells a run that comes after us how far this one got.
        """

        def forget(node: Node) -> None:
            let_receiver_stop(node, self.call.say)
            forget_source(node)

        if not self.node.state.channels:
            return []
        name = self.node.name
        problems = [
            *self.cluster.on_one(name, lambda node: switch_events(node, find_events(node), enable=True), "enable events").problems,
            *self.cluster.on_one(name, self.prepare_next_start, "persist").problems,
        ]
        return problems or list(self.cluster.on_one(name, forget, "end replication").problems)

    def prove(self) -> t.List[Problem]:
        """See that a client's write gets through, now that the server is open; who holds a lock that it would wait for is killed."""

        def write(node: Node) -> None:
            try_to_write(node)
            clear_the_way(node, self.call.say, kill=self.promotion.kill)

        return [] if self.call.check_mode else list(self.cluster.on_one(self.node.name, write, "try to write").problems)

    def prepare_next_start(self, node: Node) -> None:
        """Let the new primary stay open over a restart, or come back closed: by then another one may have its role."""
        if not self.promotion.safe_start:
            self.persist(node, read_only=False)
            return
        try:
            why = "" if close_at_next_start(node) else "set read_only=1 in its option files"
        except StatementFailed as error:
            # No reason to leave the rest undone.
            why = "%s%s" % (error.message, " (it takes %s)" % error.needs if error.needs else "")
        if why:
            self.call.warnings.append("%s could not be told to come back read-only (mysql_safe_start): %s" % (node.name, why))

    def persist(self, node: Node, *, read_only: bool) -> None:
        """Let ``read_only`` outlast a restart, or warn that it does not."""
        if not persist_read_only(node, read_only):
            message = "%s cannot keep read_only across a restart: set read_only=%d in its option files"
            self.call.warnings.append(message % (node.name, read_only))

    def acknowledges(self, was: bool) -> bool:
        """Return whether the new primary is to wait for acknowledgements, and warn the user where it cannot."""
        decided = acknowledging(self.held.topology[self.node.name], was, self.promotion.acknowledgers)
        if decided.warning:
            self.call.warnings.append(decided.warning)
        return decided.wanted


class Again(Way):
    """A primary that an interrupted switchover has closed gets its role back."""

    name = AGAIN

    def open(self) -> None:
        """Open it; it waits for acknowledgements as it did."""
        self.open_for_writes(semi_sync=self.node.state.semi_sync.source)

    def finish(self) -> t.List[Problem]:
        """Run the events again that the switchover has disabled, and stay writable over a restart."""

        def finish(node: Node) -> None:
            enabled = enabled_events(node)
            switch_events(node, [event for event in events_to_run(node, primary=True) if event not in enabled], enable=True)
            self.prepare_next_start(node)

        return list(self.cluster.on_one(self.node.name, finish, "enable events").problems)


class FromLiving(Way):
    """A replica takes the role from a living primary, which is closed for writes first and is a replica afterwards."""

    name = FROM_LIVING

    def __init__(self, call: Call, promotion: Promotion, cluster: Cluster, held: Held[str]) -> None:
        super().__init__(call, promotion, cluster, held)
        self.old = cluster.nodes[promotion.terms.demote or ""]
        self._downtime = 0.0
        self._events: t.Sequence[Event] = ()

    @property
    def downtime(self) -> t.Optional[float]:
        """How many seconds nobody could write; 0 if the role had been handed over before."""
        return self._downtime

    def open(self) -> None:
        """Hand the role over. The old primary takes writes again where that fails."""
        semi_sync = self.acknowledges(self.old.state.semi_sync.source or self.node.state.semi_sync.source)
        limits = Limits(self.promotion.timeout, self.promotion.grace, self.promotion.kill, semi_sync)
        handover = hand_over(self.old, self.node, limits, self, self.call.journal, self.call.say)
        self._downtime, self._events = handover.downtime, handover.events

    def may_close(self) -> None:
        """See that nothing will keep the old primary from following: what was read of the new one is older, so that it has nothing yet that is on its way.

        But for what waits for an acknowledgement: replicas have that before their primary counts it as executed (seen: 9.7). It is closed first then.
        """
        if not self.old.state.semi_sync.source:
            self._check_old_primary_can_follow()

    def _check_old_primary_can_follow(self) -> None:
        if list(check_own_history(self.old.name, self.old.state, self.node.name, self.node.state)):
            # Somebody privileged may have written there since, and the new one has that by now.
            self.old.read()
            refuse(check_own_history(self.old.name, self.old.state, self.node.name, self.node.state))

    def may_open(self) -> None:
        """See, in the middle of the hand-over, that everything is still as it was decided on, but for what the hand-over itself has done."""
        self._check_old_primary_can_follow()
        self.held.make_sure(self._decide_closed)
        # However young what was decided on is: the old one was read again after the new one had applied everything.
        refuse(check_closed(self.old.name, self.old.state))

    def may_open_again(self, node: Node) -> None:
        """See that nobody else can have worked on the old primary, nor have opened another server instead."""
        self.held.may_undo(node, self.promotion.not_locked)

    def _decide_closed(self, topology: Topology) -> str:
        refuse(check_may_be_opened(topology, self.promotion.terms, self.old.name))
        return self.name

    def finish(self) -> t.List[Problem]:
        """Run the events of the old primary on the new one, end its replication, and prepare the old one for its own."""
        acknowledges = self.node.state.semi_sync.replica
        problems = self.cluster.on_one(self.old.name, lambda old: self._demote(old, acknowledges), "demote").problems
        return [*problems, *self.finish_promotion(lambda node: self._events)]

    def _demote(self, old: Node, acknowledges: bool) -> None:
        """Let a former primary have no client that could go on writing or is in the applier's way, be semi-synchronous as the new one was, and read-only
        for good.
        """
        if old.state.channels:
            return
        if self.promotion.kill:
            kill_remaining(old, self.call.say)
        if old.state.semi_sync.source:
            set_semi_sync_source(old, False)
        if acknowledges:
            set_semi_sync_replica(old, True)
        self.persist(old, read_only=True)


class Finish(FromLiving):
    """An earlier run has opened the new primary: only what comes after that is left."""

    name = FINISH

    def open(self) -> None:
        """Find out which events are to run on it."""
        self._events = events_to_run(self.old, primary=True)
