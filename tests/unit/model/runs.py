# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our runs, in a world that is a model: the product's own decisions and its own frame, and what its statements do to servers. See ``tests/unit/test_model.py``.

The decisions that are taken by a step alone are called by the name of their module, so that a test can break one.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import YOUNG, Held
from ansible_collections.dbha.mysql.plugins.module_utils._decisions import checks, failover, primary, promotion, rejoining, repointing, roles
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Choice, Terms, choose, judge, must_be_repointed, without_living_source
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import misplaced
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import alone, check_claim, keeps_old_source
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import AGAIN, FINISH
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import Terms as PromotionTerms
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import (
    came_back_closed,
    follow_after_switchover,
    needs_failover,
    needs_reopening,
    needs_switchover,
    repoints_in_spite,
    to_finish,
    to_rejoin,
)
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, Topology, status_of
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_ways import decide as decide_promotion
from ansible_collections.dbha.mysql.tests.unit.model.world import DOWN, UP, Killed, Violation, World


class Run:
    """One of our runs: what `Cluster` is for `Held`, over the model."""

    check_mode = False

    def __init__(self, world: World, target: str) -> None:
        world.runs += 1
        self.number = world.runs
        self.world = world
        self.target = target
        self.journal = Journal()
        self.members: t.Collection[str] | None = None
        self._taken: dict[str, bool] = {}
        # Why those did not answer that did not when they were connected to: there is no connection to them, and they are not read again.
        self._unread: dict[str, Failure] = {}
        # The rows that each server had when this run looked last.
        self.seen: dict[str, set[int]] = {}

    @property
    def locks(self) -> t.Collection[str]:
        """The servers whose lock was taken."""
        return self._taken

    def disconnect(self) -> None:
        """End the connections, as at the end of each task."""
        for host in self.world.hosts.values():
            if host.locked_by == self.number:
                host.locked_by = None
        self._taken.clear()
        self._unread = {}

    def look(self, primary: str | None = None, found_dead_too: t.Sequence[t.Any] = (), asks_unread: bool = False) -> Topology:
        self.world.interleave(self)
        found = self._read(primary, [*found_dead_too, *(self._unread if asks_unread else ())])
        self._unread = {member.name: member.failure for member in found.members if member.failure is not None}
        self.world.interleave(self)
        return found

    def hold(self, seconds: float) -> list[Problem]:
        """As `Cluster.hold`: all that answer when they are connected to."""
        found = {name: self.world.failure_of(name) for name in self._entries}
        self._unread = {name: failure for name, failure in found.items() if failure is not None}
        return self.lock([name for name in found if name not in self._unread], seconds)

    @property
    def _entries(self) -> list[str]:
        return sorted(self.world.hosts if self.members is None else self.members)

    def lock(self, names: t.Iterable[str], seconds: float) -> list[Problem]:
        problems = []
        for name in sorted(names):
            self.world.interleave(self)
            host = self.world.hosts[name]
            if host.condition != UP:
                problems.append(Problem("unreachable" if host.condition == DOWN else "not_responding", name, "it does not answer"))
            elif host.locked_by not in (None, self.number):
                return [*problems, Problem("locked", name, "another run is there")]
            else:
                host.locked_by = self.number
                self._taken[name] = True
        return problems

    def look_again(self, topology: Topology, found_dead: t.Sequence[t.Any] = (), asks_unread: bool = False) -> Topology:
        found = self._read(topology.primary, [*found_dead, *(self._unread if asks_unread else ())])
        self.world.interleave(self)
        return found

    def _read(self, primary: str | None, asked: t.Collection[str]) -> Topology:
        self.seen = {name: set(host.rows) for name, host in self.world.hosts.items()}
        return self.world.read(primary, asked=asked, members=self.members, unread=self._unread)

    def release(self, names: t.Iterable[str]) -> list[Problem]:
        """As `Cluster.release`."""
        for name in names:
            host = self.world.hosts[name]
            host.locked_by = None if host.locked_by == self.number else host.locked_by
            self._taken.pop(name, None)
        return []

    def check_locks(self) -> list[Problem]:
        return [Problem("changed_meanwhile", name, "the lock is lost") for name in self._taken if not self._holds(name)]

    def _holds(self, name: str) -> bool:
        host = self.world.hosts[name]
        return host.condition == UP and host.locked_by == self.number

    def send(self, name: str) -> None:
        """Send something that changes a server over the connection that holds its lock. Nothing is sent over another one."""
        self.world.act(name)
        refuse([] if self._holds(name) else [Problem("outcome_unknown", name, "the connection was lost")])

    def regain(self, node: t.Any, seconds: float, left_out: t.Collection[str] = ()) -> list[Problem]:
        """As `Cluster.regain` does it: who was not kept off is locked and read before the product decides."""
        if self._holds(node):
            return []
        kept = [name for name in self._taken if name != node and self._holds(name)]
        if not kept:
            return [Problem("changed_meanwhile", node, "the lock is lost")]
        problems = self.lock([node], seconds)
        if problems:
            return problems
        locked = [problem for problem in self.lock([name for name in self._entries if name not in (node, *kept)], seconds) if problem.code == "locked"]
        return locked or list(promotion.check_opened_elsewhere(self.world.read(members=self.members), node, kept, left_out))

    def held(
        self,
        decide: t.Callable[[Topology], t.Any],
        touches: t.Callable[[t.Any], t.Iterable[str]],
        tolerates: t.Any = lambda problem: False,
        dead: t.Any = (),
        asks_unread: bool = False,
    ) -> Held[t.Any]:
        """The product's own frame, over this model."""
        return Held(t.cast(t.Any, self), decide, touches, 60.0, tolerates, dead, asks_unread, lambda: self.world.now)


class Work:
    """What a role does: its tasks in their order."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.world = run.world

    def carry_out(self) -> None:
        """Do it, as far as it is not refused or killed."""
        try:
            self.tasks()
        except (Refusal, Killed) as error:
            self.world.say(f"{type(self).__name__} {self.run.number} ends: {error!r}")
        finally:
            self.run.disconnect()

    def tasks(self) -> None:
        raise NotImplementedError

    def open_when_sure(
        self, held: Held[t.Any], name: str, decide: t.Callable[[Topology], t.Any], whole: t.Collection[str], promised: t.Collection[int] = ()
    ) -> None:
        """Pass the point of no return. Nothing can come between the last look and that for longer than what is young."""
        self.world.interleave(self.run)
        looked_at = held._looked_at
        held.make_sure(decide)
        if self.world.now - held._looked_at > YOUNG:
            if held._looked_at == looked_at:
                raise Violation(f"{name} is opened on what was read long ago")
            refuse([Problem("changed_meanwhile", name, "it is too old")])
        self.world.open(name, whole, promised)

    def repoint(self, names: t.Iterable[str], primary: str) -> None:
        """Repoint replicas: mysql_change_master."""
        self.run.disconnect()
        self.run.members = None
        topology = self.run.look(primary)
        wanted = [name for name in names if topology[name].state is not None and topology.sources.get(name) != primary]
        held = self.run.held(
            lambda found: refuse(repointing.check_source(found, primary)), lambda nothing: [primary, *wanted], lambda problem: problem.server != primary
        )
        held.begin(topology)
        for name in wanted:
            self.world.interleave(self.run)
            member = held.topology[name]
            if member.state is None or held.topology[primary].state is None or self.run.check_locks():
                return
            if not member.state.read_only and alone(member, held.topology[primary]):
                continue
            if not self.world.hosts[name].rows <= self.world.hosts[primary].rows:
                continue  # somebody has written to it since: that is named, and it is left alone
            if not self.world.hosts[name].read_only:
                try:
                    held.make_sure()
                except Refusal:
                    return
                self.world.close(name, primary)
            if self.world.hosts[name].rows <= self.world.hosts[primary].rows:
                self.world.follow(name, primary)


def _is_beside(terms: PromotionTerms) -> t.Callable[[Problem], bool]:
    return lambda problem: problem.server not in terms.acting


def _writable(topology: Topology) -> tuple[str, ...]:
    return tuple(member.name for member in topology.listed if member.state is not None and member.state.writable)


class Failover(Work):
    """mysql_find_best_replica, mysql_promote, mysql_change_master."""

    leave_out_silent = False
    opens_again = False
    drains = True
    names_candidate = False
    left_out: t.Collection[str] = ()

    def tasks(self) -> None:
        run, world = self.run, self.world
        terms = Terms(leave_out_silent=self.leave_out_silent, candidates=(run.target,) if self.names_candidate else ())
        topology = run.look()
        if self.opens_again and not needs_failover(topology, None) and came_back_closed(topology):
            refuse(roles.check_reopening(topology))
            primary = topology.primary or ""
            self._promote(PromotionTerms(primary, writable=_writable(topology)), [], primary, [member.name for member in topology.replicas])
            self.repoint(follow_after_switchover(topology, primary), primary)
            return
        if self.leave_out_silent:
            # Whoever says so must know that they are no primaries.
            known = [host for host in world.hosts.values() if host.condition != UP and host.is_open and host.name != topology.primary]
            refuse([Problem("unreachable", host.name, "it may be open") for host in known])
        if not needs_failover(topology, None):
            unclear = list(checks.check_leaders(topology))
            refuse([] if repoints_in_spite(topology) else unclear)
            primary = topology.primary or ""
            if keeps_old_source(topology):
                terms_to_finish = PromotionTerms(primary, catch_up_from=primary, writable=_writable(topology))
                self._promote(terms_to_finish, [], primary, [member.name for member in topology.replicas])
            self.repoint(misplaced(topology), primary)
            return

        def decide(found: Topology) -> tuple[Choice, list[str]]:
            choice = choose(judge(found, terms))
            refuse(checks.check_opened(found, choice.best))
            return choice, without_living_source(found)

        held = run.held(decide, lambda decision: decision[1], lambda problem: problem.code != "locked" and self.leave_out_silent)
        held.begin(topology)
        affected = held.decision[1]
        before = {name: world.hosts[name].receives for name in affected}
        try:
            for name in affected:
                world.interleave(run)
                if held.topology[name].state is not None:
                    world.act(name)
                    world.hosts[name].receives = False
            world.interleave(run)

            def elect(found: Topology) -> tuple[Choice, list[str]]:
                refuse(failover.check_frozen(found, [name for name in affected if found[name].state is not None]))
                return choose(judge(found, terms)), affected

            held.look_again(elect)
            topology, choice = held.topology, held.decision[0]
            # What is said not to be lost: all that anybody has who was asked, and of those who were not nobody may be missing.
            whole = [member.name for member in topology.listed if member.name != topology.primary and (member.state is not None or not self.leave_out_silent)]
            promised = {row for name in whole for row in world.hosts[name].has_received}
            if self.drains:
                world.interleave(run)
                world.act(choice.best)
                world.hosts[choice.best].apply()
        except (Refusal, Killed) as error:
            if isinstance(error, Refusal):
                self._restart(before)
            raise
        run.disconnect()
        dead = [topology.primary] if topology.primary is not None and topology.primary in world.hosts else []
        statuses = {member.name: status_of(member.failure) for member in topology.unread if member.failure is not None}
        silent = self.left_out = [*statuses]
        answering = [member.name for member in topology.replicas]
        writable = _writable(topology)
        received = str(topology[choice.best].known.received)
        asked = dead[0] if dead else None
        known = {"received": received, "received_by_any": str(failover.received_by_any(topology))}
        left_out: dict[str, t.Any] = {"silent": tuple(silent), "silent_status": statuses}
        terms_of_promotion = PromotionTerms(choice.best, catch_up_from=choice.most_advanced, dead=asked, writable=writable, **known, **left_out)
        try:
            if choice.lost:
                self._promote(terms_of_promotion, [*dead, *silent], choice.best, answering)
            else:
                self._promote(terms_of_promotion, [*dead, *silent], choice.best, answering, whole, promised)
        except Refusal:
            run.disconnect()
            self._restart(before)
            raise
        self.repoint(must_be_repointed(topology, choice.best), choice.best)

    def _restart(self, before: t.Mapping[str, bool]) -> None:
        """As `restore.undo` decides it: not where somebody has opened a server since."""
        problems = self.run.lock(before, 60.0)
        if not problems and not any(self.world.hosts[name].is_open for name in before):
            for name, received in before.items():
                self.world.hosts[name].receives = received

    def _promote(
        self,
        terms: PromotionTerms,
        found_dead: list[str],
        best: str,
        answering: t.Collection[str] = (),
        whole: t.Collection[str] = (),
        promised: t.Collection[int] = (),
    ) -> None:
        run, world = self.run, self.world
        run.members = {best, *answering}
        held = run.held(lambda found: decide_promotion(found, terms), lambda way: terms.acting, _is_beside(terms), found_dead, asks_unread=True)
        held.begin_locked(lambda: run.look(found_dead_too=found_dead, asks_unread=True))
        source, host = terms.catch_up_from, world.hosts[best]
        must_catch_up = source not in (None, best) and not world.hosts[source or ""].rows <= host.has_received
        if must_catch_up:
            self._catch_up_and_open(held, terms, whole, promised)
        elif host.read_only:
            self.open_when_sure(held, best, lambda found: decide_promotion(found, terms), whole, promised)
        world.interleave(run)
        world.act(best)
        host.forget()

    def _catch_up_and_open(self, held: Held[t.Any], terms: PromotionTerms, whole: t.Collection[str], promised: t.Collection[int]) -> None:
        """As `FromDead.open` does it. Whoever is not opened after all follows its own source again, if that may be undone."""
        run, world, best, source = self.run, self.world, terms.replica, terms.catch_up_from or ""
        host = world.hosts[best]
        own = host.source
        world.interleave(run)

        def decide(found: Topology) -> str:
            return decide_promotion(found, terms, caught_up=True)

        try:
            run.send(best)
            host.source, host.receives, host.seen_source = source, True, None
            world.interleave(run)
            run.send(best)
            world.replicate(best)
            host.apply()
            refuse([] if world.hosts[source].rows <= host.rows else [Problem("catch_up_failed", best, "it has not fetched everything")])
            run.send(best)
            host.receives = False
            held.look_again(decide)
            if host.read_only:
                self.open_when_sure(held, best, decide, whole, promised)
        except Refusal:
            if host.condition == UP and not run.regain(best, 60.0, self.left_out):
                state = world.read(members=[best])[best].known
                if not list(promotion.check_unopened(best, state, was_writable=False)):
                    world.point_back(best, own)
            raise


class FailoverWithoutTheSilent(Failover):
    """The user says that who does not answer may be left out."""

    leave_out_silent = True


class FailoverThatOpensAgain(FailoverWithoutTheSilent):
    """A primary that came back closed takes writes again (``mysql_safe_start``); no word of the user's says that somebody need not be asked then."""

    opens_again = True


class FailoverToOne(Failover):
    """The user names who is to be promoted."""

    names_candidate = True


class FailoverWithoutDraining(Failover):
    """Nobody waits until the winner has applied everything (``drain: false``)."""

    drains = False


class Switchover(Work):
    """To one server that is named."""

    left_out: t.Collection[str] = ()

    def look(self) -> Topology:
        return self.run.look()

    def tasks(self) -> None:
        to = self.run.target
        topology = self.look()
        if needs_reopening(topology, to):
            refuse(roles.check_reopening(topology))
            self._promote(PromotionTerms(to, writable=_writable(topology)), None)
            return
        unfinished = to_finish(topology, to)
        if unfinished is not None:
            self._promote(PromotionTerms(unfinished[0], demote=unfinished[1], writable=_writable(topology)), unfinished[1])
            self.repoint(follow_after_switchover(topology, unfinished[0]), unfinished[0])
            return
        if not needs_switchover(topology, to):
            return
        refuse(roles.check_finished_first(topology, to))
        choice = choose(judge(topology, Terms(candidates=(to,), expect_primary="alive")))
        refuse(checks.check_opened(topology, choice.best))
        self._promote(PromotionTerms(to, demote=topology.primary, writable=_writable(topology)), topology.primary)
        self.repoint(follow_after_switchover(topology, to), to)

    def _promote(self, terms: PromotionTerms, old: str | None) -> None:
        run, world, new = self.run, self.world, terms.replica
        run.disconnect()
        held = run.held(lambda found: decide_promotion(found, terms), lambda way: terms.acting, _is_beside(terms), asks_unread=True)
        held.begin_locked(lambda: run.look(old, asks_unread=True))
        way = held.decision
        if way == AGAIN:
            readable = [member.name for member in held.topology.members if member.state is not None]
            self.open_when_sure(held, new, lambda found: decide_promotion(found, terms), readable)
        elif way != FINISH and old is not None:
            self._hand_over(held, terms, old)
        world.interleave(run)
        world.act(new)
        world.hosts[new].forget()

    def _hand_over(self, held: Held[t.Any], terms: PromotionTerms, old: str) -> None:
        run, world, new = self.run, self.world, terms.replica
        was_open = not world.hosts[old].read_only
        try:
            world.act(old)
            world.hosts[old].read_only = True
            world.interleave(run)
            world.replicate(new)
            world.hosts[new].apply()
            # It is read again once the new one has applied everything.
            closed = world.read(old)[old]
            refuse([] if closed.state is not None else [Problem("outcome_unknown", old, "it does not answer")])
            lacking = closed.known.executed.subtract(world.read(old)[new].known.executed) if world.hosts[new].condition == UP else True
            refuse([Problem("not_replicating", new, "it has not applied everything")] if lacking else [])

            def decide(found: Topology) -> str:
                refuse(promotion.check_may_be_opened(found, terms, old))
                return "as before"

            looked_at = world.now
            world.interleave(run)
            held.make_sure(decide)
            # However young the decision is: this was read after it.
            closed = closed if world.now - looked_at <= YOUNG else held.topology[old]
            refuse(promotion.check_closed(old, closed.known))
            world.open(new, [old, new])
        except Refusal:
            if was_open and world.hosts[old].condition == UP and not run.regain(old, 60.0, self.left_out) and world.hosts[old].read_only:
                world.open(old, undoes=True)
            raise


class SwitchoverWithoutOne(Switchover):
    """The user says that one server is to be left out, and must know that it is no primary. It is neither read nor locked."""

    def look(self) -> Topology:
        run, hosts = self.run, self.world.hosts
        self.left_out = [name for name in sorted(hosts) if name != run.target and not hosts[name].is_open][-1:]
        run.members = {*hosts} - {*self.left_out}
        topology = run.look()
        refuse([Problem("two_writable", name, "it is open") for name in self.left_out if hosts[name].is_open])
        return topology


class Rejoin(Work):
    """What follows nobody is closed and brought back."""

    names_primary = False

    def tasks(self) -> None:
        run = self.run
        named = run.target if self.names_primary else None
        topology = run.look()
        if named is not None and topology.primary_status != ALIVE:
            topology = self.world.read(named)
        refuse(check_claim(topology, named) if named not in (None, topology.primary) else ())
        for name in to_rejoin(topology, None)["rejoin"]:
            run.disconnect()
            self._bring_back(name, topology.primary or "")
        assert topology.primary_status == ALIVE

    def _bring_back(self, name: str, to: str) -> None:
        run, world = self.run, self.world

        def decide(found: Topology) -> tuple[str, ...]:
            refuse(rejoining.check_ends(found, name, to))
            refuse(() if self.names_primary else primary.check_undecided(found))
            return name, to

        def go_on(found: Topology) -> tuple[str, ...]:
            refuse(rejoining.check_ends(found, name, to))
            return (name,)

        held = run.held(decide, lambda decision: decision)
        held.begin(run.look(to))
        world.interleave(run)
        looked_at = held._looked_at
        held.make_sure()
        if world.now - held._looked_at > YOUNG:
            if held._looked_at == looked_at:
                raise Violation(f"{name} is closed on what was read long ago")
            refuse([Problem("changed_meanwhile", name, "it is too old")])
        world.close(name, to, run.seen, named=self.names_primary)
        held.release([to])
        world.interleave(run)
        held.look_again(go_on)
        found = world.read(to)
        if found[name].state is not None and found[to].state is not None and not alone(found[name], found[to]):
            if not world.hosts[name].rows <= world.hosts[to].rows:
                raise Violation(f"{name} joins {to} with hidden rows")
            world.follow(name, to)


class RejoinToOne(Rejoin):
    """The user names the primary."""

    names_primary = True


_WORK: dict[str, type[Work]] = {
    "failover": Failover,
    "failover without those that are silent": FailoverWithoutTheSilent,
    "failover that opens again": FailoverThatOpensAgain,
    "failover to": FailoverToOne,
    "failover that does not drain": FailoverWithoutDraining,
    "switchover": Switchover,
    "switchover without one": SwitchoverWithoutOne,
    "rejoin": Rejoin,
    "rejoin to": RejoinToOne,
}


def _begin(work: type[Work]) -> t.Callable[[World, str], None]:
    return lambda world, name: work(Run(world, name)).carry_out()


VERBS = {name: _begin(work) for name, work in _WORK.items()}
"""What may be run in a world, by name."""
