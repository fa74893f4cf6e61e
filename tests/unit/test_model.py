# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An invariant of opening, tested on a model: small clusters, and runs that stand still anywhere while servers die and come back and other runs go by.

Servers are values. What is decided, on what was read, when it is read again and what may be undone are the product's own decisions and its own frame
(``_cluster/held.py``); only what a statement does to a server is modelled. Whatever happens:

- none of our steps opens a server while another one that lives is open;
- a run that says that nothing is lost opens a server that has every row that any server had received which it could read;
- none closes a server that has everything, nor is a server called the primary while an open one has all that it has, and more.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import currently_in_test_context, given, note, settings
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import YOUNG, Held
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_leaders, check_opened
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import (
    Choice,
    Terms,
    check_frozen,
    choose,
    judge,
    must_be_repointed,
    without_living_source,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import misplaced
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import alone, find_primary, keeps_old_source, with_primary
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import AGAIN, FINISH, check_closed, check_may_be_opened
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.promotion import Terms as PromotionTerms
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.rejoining import check_ends
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import check_source
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import (
    check_finished_first,
    check_reopening,
    follow_after_switchover,
    needs_failover,
    needs_reopening,
    needs_switchover,
    repoints_in_spite,
    to_finish,
    to_rejoin,
)
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, empty, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, Topology, make_topology
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_ways import decide as decide_promotion
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import UUIDS, channel, server, state

UP, DOWN, HUNG = "up", "down", "hung"

# Seconds after which a server ends a connection over which it hears nothing.
_SILENCE = 120.0


class Killed(Exception):
    """A run was killed."""


class Violation(AssertionError):
    """What must never happen."""


@dataclass
class Host:
    """A server. ``rows``: what it really has, whatever its GTIDs say; ``locked_by``: the run whose connection holds the lock there."""

    name: str
    family: str
    number: int
    executed: Gtids
    condition: str = UP
    read_only: bool = False
    source: str | None = None
    receives: bool = False
    rows: set[int] = field(default_factory=set)
    locked_by: int | None = None
    seen_source: str | None = None
    was_open: bool = False

    @property
    def origin(self) -> str:
        """What names it in GTIDs."""
        return UUIDS["PABC"[self.number]] if self.family == "mysql" else str(self.number + 1)

    def write(self, row: int) -> None:
        """Commit a transaction of its own."""
        if self.family == "mysql":
            last = max((last for _first, last in self.executed.runs_of(self.origin)), default=0)
            gtid = f"{self.origin}:{last + 1}"
        else:
            last = max((number for _key, number in t.cast(t.Any, self.executed).numbers), default=0)
            gtid = f"0-{self.origin}-{last + 1}"
        self.executed = self.executed.union(parse_gtids(self.family, gtid))
        self.rows.add(row)

    @property
    def is_open(self) -> bool:
        """Whether clients can write to it, now or once it does not hang any more."""
        return self.condition != DOWN and not self.read_only


class World:
    """A cluster, a clock, and what comes in between."""

    def __init__(self, family: str, number: int, draw: t.Callable[[st.SearchStrategy[t.Any]], t.Any]) -> None:
        self.hosts = {f"db{index}": Host(f"db{index}", family, index, empty(family)) for index in range(number)}
        self.family = family
        self.now = 1000.0
        self.runs = 0
        self.rows = 0
        self.depth = 0
        # How many steps the outermost runs have taken, and the only one at which anything comes in between, if one is chosen.
        self.steps = 0
        self.chosen_step: int | None = None
        # What happens there; drawn if it is not said.
        self.story: t.Sequence[tuple[str, str]] = ()
        self.said: list[str] = []
        self._draw = draw
        for name, host in self.hosts.items():
            if name != "db0":
                host.read_only, host.source, host.receives, host.seen_source = True, "db0", True, "db0"
        self.hosts["db0"].was_open = True
        self.write("db0")
        for name in self.hosts:
            self.replicate(name)

    # What a server does

    def feeds(self, host: Host) -> Host | None:
        """Return the source that a server is connected to."""
        source = self.hosts[host.source] if host.source is not None else None
        if source is None or not host.receives or UP not in (host.condition, source.condition) or source.condition != UP or host.condition != UP:
            return None
        return source

    def replicate(self, name: str) -> None:
        """Let a replica catch up with its source. MariaDB does not where it has something that the source lacks."""
        host = self.hosts[name]
        source = self.feeds(host)
        if source is None or source is host:
            return
        host.seen_source = source.name
        if self.family == "mariadb" and not host.rows <= source.rows:
            return
        host.rows |= source.rows
        host.executed = host.executed.union(source.executed)

    def write(self, name: str) -> None:
        """Let a client write where it can."""
        host = self.hosts[name]
        if host.condition == UP and not host.read_only:
            self.rows += 1
            host.write(self.rows)

    # What we read of it

    def read(self, primary: str | None = None, *, asked: t.Collection[str] = (), members: t.Collection[str] | None = None) -> Topology:
        """Return the topology as it is found now. ``members``: who is asked; all if it is not given."""
        read = [self._member(host) for host in self.hosts.values() if members is None or host.name in members]
        topology = make_topology(read, primary=primary)
        reach = {host.name: parse_gtids("mariadb", "0-1-1") for host in self.hosts.values() if self.family == "mariadb"}
        topology = replace(topology if primary is not None else with_primary(topology), reach=reach)
        return replace(topology, asked_again={name: self._member(self.hosts[name]).failure for name in asked})

    def _member(self, host: Host) -> t.Any:
        if host.condition == DOWN:
            return server(host.name, Failure("unreachable", f"{host.name}: connection refused", False, refused=True))
        if host.condition == HUNG:
            return server(host.name, Failure("not_responding", f"{host.name} does not answer", None))
        channels = []
        if host.source is not None:
            seen = self.hosts[host.seen_source] if host.seen_source is not None else None
            receiver = RUNNING if self.feeds(host) else CONNECTING if host.receives else STOPPED
            identity = {"source_uuid": seen.origin if seen and self.family == "mysql" else "", "source_id": seen.number + 1 if seen else 0}
            details: dict[str, t.Any] = {**identity, "receiver": receiver, "has_connected": host.seen_source == host.source}
            channels = [channel(host.source, family=self.family, **details)]
        return server(host.name, replace(state(host.name, str(host.executed), channels=channels, family=self.family), read_only=host.read_only))

    # What our runs do to it

    def open(self, name: str, readable: t.Collection[str], *, is_whole: bool) -> None:
        """Open a server for writes, and see what must hold then. ``is_whole``: it is said that nothing is lost that any of these has received."""
        host = self.hosts[name]
        others = [other.name for other in self.hosts.values() if other is not host and other.is_open]
        if others:
            raise Violation(f"{name} is opened while {others} is open")
        for other in readable if is_whole else ():
            if not self.hosts[other].rows <= host.rows:
                raise Violation(f"{name} is opened without rows of {other}")
        self.act(name)
        host.read_only, host.was_open = False, True

    def close(self, name: str, primary: str) -> None:
        """Close a server that is not to be the primary."""
        host, stays = self.hosts[name], self.hosts[primary]
        if not host.read_only and (stays.condition != UP or host.rows > stays.rows):
            raise Violation(f"{name} is closed, which has everything, for {primary}")
        self.act(name)
        host.read_only = True

    def act(self, name: str) -> None:
        """Send something that changes a server."""
        if self.hosts[name].condition != UP:
            raise Refusal([Problem("outcome_unknown", name, "it does not answer")])

    def follow(self, name: str, source: str) -> None:
        """Repoint a server."""
        self.act(name)
        host = self.hosts[name]
        host.source, host.receives, host.seen_source = source, True, None
        self.replicate(name)

    # What happens between two steps of a run

    def interleave(self, run: Run | None = None) -> None:
        """Let something happen; between two steps of a run only now and then, or only at the one that is chosen, and then as much as is drawn."""
        self.steps += run is not None and self.depth == 1
        if self.story:
            if run is not None and (self.depth, self.steps) == (1, self.chosen_step):
                for event, name in self.story:
                    self.happen(event, name, run)
                    self.see()
            return
        if run is None:
            events = 1
        elif self.chosen_step is not None:
            events = self._draw(st.integers(1, 5)) if (self.depth, self.steps) == (1, self.chosen_step) else 0
        else:
            events = int(self._draw(st.integers(0, 9)) == 9)
        for _event in range(events):
            self.happen(self._draw(_EVENTS), self._draw(st.sampled_from(sorted(self.hosts))), run)
            self.see()

    def say(self, text: str) -> None:
        """Have something shown where an example fails."""
        self.said.append("  " * self.depth + text)
        if currently_in_test_context():
            note(self.said[-1])

    def happen(self, event: str, name: str, run: Run | None = None) -> None:
        """Let something happen to a server, or a run go by."""
        host = self.hosts[name]
        self.say(f"{event} {name}")
        if event == "write":
            self.write(name)
        elif event == "replicate":
            self.replicate(name)
        elif event == "die" and host.condition != DOWN:
            host.condition, host.locked_by = DOWN, None
        elif event == "hang" and host.condition == UP:
            host.condition = HUNG
        elif event in ("come back", "come back closed") and host.condition != UP:
            if host.condition == DOWN:
                # As its option files say, which may be those of a primary. A start takes its time.
                host.read_only = event == "come back closed" or not host.was_open
                host.receives = host.source is not None
                self.now += YOUNG * 1.1
            host.condition = UP
        elif event == "stand still" and run is not None:
            self.now += _SILENCE
            for each in self.hosts.values():
                each.locked_by = None if each.locked_by == run.number else each.locked_by
        elif event == "be killed" and run is not None:
            raise Killed
        elif event in RUNS and self.depth < 2:
            self.depth += 1
            RUNS[event](Run(self, name)).carry_out()
            self.depth -= 1

    def see(self) -> None:
        """See that no stale server is called the primary. One that a run has opened and not finished still follows it, and is told of as that."""
        topology = self.read()
        name = find_primary(topology).primary
        if name is None or name not in topology or topology[name].state is None:
            return
        for other in self.hosts.values():
            if other.name != name and other.condition == UP and not other.read_only and other.source is None and other.rows > self.hosts[name].rows:
                raise Violation(f"{name} is called the primary, and {other.name} is open and has more")


_EVENTS = st.sampled_from(
    [
        *("write", "replicate", "die", "hang", "come back", "come back closed", "stand still", "be killed"),
        *("failover", "failover without those that are silent", "switchover", "rejoin"),
    ]
)


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

    def look(self, primary: str | None = None, found_dead_too: t.Sequence[t.Any] = ()) -> Topology:
        self.world.interleave(self)
        found = self.world.read(primary, asked=list(found_dead_too), members=self.members)
        self.world.interleave(self)
        return found

    def hold(self, seconds: float) -> list[Problem]:
        """As `Cluster.hold`: all that answer when they are connected to."""
        answering = [host.name for host in self.world.hosts.values() if host.condition == UP and (self.members is None or host.name in self.members)]
        return self.lock(answering, seconds)

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

    def look_again(self, topology: Topology, found_dead: t.Sequence[t.Any] = ()) -> Topology:
        found = self.world.read(topology.primary, asked=list(found_dead), members=self.members)
        self.world.interleave(self)
        return found

    def check_locks(self) -> list[Problem]:
        return [Problem("changed_meanwhile", name, "the lock is lost") for name in self._taken if not self._holds(name)]

    def _holds(self, name: str) -> bool:
        host = self.world.hosts[name]
        return host.condition == UP and host.locked_by == self.number

    def regain(self, node: t.Any, seconds: float) -> Problem | None:
        """As `Cluster.regain` decides it."""
        if self._holds(node):
            return None
        lost = Problem("changed_meanwhile", node, "the lock is lost")
        if not any(self._holds(name) for name in self._taken if name != node):
            return lost
        return next(iter(self.lock([node], seconds)), None)

    def held(
        self, decide: t.Callable[[Topology], t.Any], touches: t.Callable[[t.Any], t.Iterable[str]], tolerates: t.Any = lambda problem: False, dead: t.Any = ()
    ) -> Held[t.Any]:
        """The product's own frame, over this model."""
        return Held(t.cast(t.Any, self), decide, touches, 60.0, tolerates, dead, lambda: self.world.now)


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

    def open_when_sure(self, held: Held[t.Any], name: str, readable: t.Collection[str], decide: t.Callable[[Topology], t.Any], *, is_whole: bool) -> None:
        """Pass the point of no return. Nothing can come between the last look and that for longer than what is young."""
        self.world.interleave(self.run)
        looked_at = held._looked_at
        held.make_sure(decide)
        if self.world.now - held._looked_at > YOUNG:
            if held._looked_at == looked_at:
                raise Violation(f"{name} is opened on what was read long ago")
            refuse([Problem("changed_meanwhile", name, "it is too old")])
        self.world.open(name, readable, is_whole=is_whole)

    def repoint(self, names: t.Iterable[str], primary: str) -> None:
        """Repoint replicas: mysql_change_master."""
        self.run.disconnect()
        self.run.members = None
        topology = self.run.look(primary)
        wanted = [name for name in names if topology[name].state is not None and topology.sources.get(name) != primary]
        held = self.run.held(lambda found: refuse(check_source(found, primary)), lambda nothing: [primary, *wanted], lambda problem: problem.server != primary)
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
                self.world.close(name, primary)
            if self.world.hosts[name].rows <= self.world.hosts[primary].rows:
                self.world.follow(name, primary)


class Failover(Work):
    """mysql_find_best_replica, mysql_promote, mysql_change_master."""

    leave_out_silent = False

    def tasks(self) -> None:
        run, world = self.run, self.world
        terms = Terms(leave_out_silent=self.leave_out_silent)
        topology = run.look()
        if self.leave_out_silent:
            # Whoever says so must know that they are no primaries.
            known = [host for host in world.hosts.values() if host.condition != UP and host.is_open and host.name != topology.primary]
            refuse([Problem("unreachable", host.name, "it may be open") for host in known])
        if not needs_failover(topology, None):
            unclear = list(check_leaders(topology))
            refuse([] if repoints_in_spite(topology) else unclear)
            primary = topology.primary or ""
            if keeps_old_source(topology):
                self._promote(PromotionTerms(primary, catch_up_from=primary), None, primary, is_whole=False)
            self.repoint(misplaced(topology), primary)
            return

        def decide(found: Topology) -> tuple[Choice, list[str]]:
            choice = choose(judge(found, terms))
            refuse(check_opened(found, choice.best))
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

            def elect(found: Topology) -> tuple[Choice, list[str]]:
                refuse(check_frozen(found, [name for name in affected if found[name].state is not None]))
                return choose(judge(found, terms)), affected

            held.look_again(elect)
        except (Refusal, Killed) as error:
            if isinstance(error, Refusal):
                self._restart(before)
            raise
        topology, choice = held.topology, held.decision[0]
        run.disconnect()
        dead = topology.primary if topology.primary is not None and topology.primary in world.hosts else None
        answering = [member.name for member in topology.replicas]
        writable = tuple(member.name for member in topology.listed if member.state is not None and member.state.writable)
        received = str(topology[choice.best].known.received)
        promotion = PromotionTerms(choice.best, catch_up_from=choice.most_advanced, dead=dead, received=received, writable=writable)
        try:
            self._promote(promotion, dead, choice.best, answering, is_whole=not choice.lost)
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

    def _promote(self, terms: PromotionTerms, dead: str | None, best: str, answering: t.Collection[str] = (), *, is_whole: bool) -> None:
        run, world = self.run, self.world
        run.members = {best, *answering}
        asked = [dead] if dead is not None else []
        held = run.held(lambda found: decide_promotion(found, terms), lambda way: terms.acting, lambda problem: problem.server not in terms.acting, asked)
        held.begin_locked(lambda: run.look(found_dead_too=asked))
        source, host = terms.catch_up_from, world.hosts[best]
        if source not in (None, best) and not world.hosts[source or ""].rows <= host.rows:
            host.rows |= world.hosts[source or ""].rows
            host.executed = host.executed.union(world.hosts[source or ""].executed)
            held.look_again(lambda found: decide_promotion(found, terms, caught_up=True))
            caught_up = True
        else:
            caught_up = False
        readable = [member.name for member in held.topology.members if member.state is not None]
        if host.read_only:
            self.open_when_sure(held, best, readable, lambda found: decide_promotion(found, terms, caught_up=caught_up), is_whole=is_whole)
        world.interleave(run)
        world.act(best)
        host.source, host.receives = None, False


class FailoverWithoutTheSilent(Failover):
    """The user says that who does not answer may be left out."""

    leave_out_silent = True


class Switchover(Work):
    """To one server that is named."""

    def tasks(self) -> None:
        run, to = self.run, self.run.target
        topology = run.look()
        if needs_reopening(topology, to):
            refuse(check_reopening(topology))
            self._promote(PromotionTerms(to), None)
            return
        unfinished = to_finish(topology, to)
        if unfinished is not None:
            self._promote(PromotionTerms(unfinished[0], demote=unfinished[1]), unfinished[1])
            self.repoint(follow_after_switchover(topology, unfinished[0]), unfinished[0])
            return
        if not needs_switchover(topology, to):
            return
        refuse(check_finished_first(topology, to))
        choice = choose(judge(topology, Terms(candidates=(to,), expect_primary="alive")))
        refuse(check_opened(topology, choice.best))
        writable = tuple(member.name for member in topology.listed if member.state is not None and member.state.writable)
        self._promote(PromotionTerms(to, demote=topology.primary, writable=writable), topology.primary)
        self.repoint(follow_after_switchover(topology, to), to)

    def _promote(self, terms: PromotionTerms, old: str | None) -> None:
        run, world, new = self.run, self.world, terms.replica
        run.disconnect()
        held = run.held(lambda found: decide_promotion(found, terms), lambda way: terms.acting, lambda problem: problem.server not in terms.acting)
        held.begin_locked(lambda: run.look(old))
        way = held.decision
        if way == AGAIN:
            readable = [member.name for member in held.topology.members if member.state is not None]
            self.open_when_sure(held, new, readable, lambda found: decide_promotion(found, terms), is_whole=True)
        elif way != FINISH and old is not None:
            self._hand_over(held, terms, old)
        world.interleave(run)
        world.act(new)
        world.hosts[new].source, world.hosts[new].receives = None, False

    def _hand_over(self, held: Held[t.Any], terms: PromotionTerms, old: str) -> None:
        run, world, new = self.run, self.world, terms.replica
        was_open = not world.hosts[old].read_only
        try:
            world.act(old)
            world.hosts[old].read_only = True
            world.interleave(run)
            world.replicate(new)
            # It is read again once the new one has applied everything.
            closed = world.read(old)[old]
            refuse([] if closed.state is not None else [Problem("outcome_unknown", old, "it does not answer")])
            refuse([] if world.hosts[old].rows <= world.hosts[new].rows else [Problem("drain_timeout", new, "it has not applied everything")])

            def decide(found: Topology) -> str:
                refuse(check_may_be_opened(found, terms, old))
                return "as before"

            looked_at = world.now
            world.interleave(run)
            held.make_sure(decide)
            closed = closed if world.now - looked_at <= YOUNG else held.topology[old]
            refuse(check_closed(old, closed.known))
            if world.hosts[old].is_open:
                # Somebody else has opened it within the second that what was read is good for.
                raise Refusal([Problem("not_read_only", old, "it was opened meanwhile")])
            world.open(new, [old, new], is_whole=True)
        except Refusal:
            if was_open and world.hosts[old].condition == UP and world.hosts[old].read_only and run.regain(old, 60.0) is None and world.hosts[new].read_only:
                world.open(old, [], is_whole=False)
            raise


class Rejoin(Work):
    """What follows nobody is closed and brought back."""

    def tasks(self) -> None:
        run, world = self.run, self.world
        topology = run.look()
        todo = to_rejoin(topology, None)
        primary = topology.primary or ""
        for name in todo["rejoin"]:

            def decide(found: Topology, name: str = name) -> tuple[str, str]:
                refuse(check_ends(found, name, primary))
                return name, primary

            held = run.held(decide, lambda decision: decision)
            held.begin(run.look(primary))
            world.interleave(run)
            refuse(run.check_locks())
            world.close(name, primary)
            if not alone(world.read(primary)[name], world.read(primary)[primary]):
                if not world.hosts[name].rows <= world.hosts[primary].rows:
                    raise Violation(f"{name} joins {primary} with hidden rows")
                world.follow(name, primary)
        assert topology.primary_status == ALIVE


RUNS: dict[str, type[Work]] = {
    "failover": Failover,
    "failover without those that are silent": FailoverWithoutTheSilent,
    "switchover": Switchover,
    "rejoin": Rejoin,
}


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_comes_between_no_second_server_is_opened_and_nothing_is_lost(family: str, data: st.DataObject) -> None:
    world = World(family, data.draw(st.integers(2, 4)), data.draw)
    for _turn in range(data.draw(st.integers(1, 12))):
        world.interleave()


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_wherever_a_run_stands_still_while_others_go_by_no_second_server_is_opened(family: str, data: st.DataObject) -> None:
    stand_still_in_a_run(World(family, data.draw(st.integers(2, 4)), data.draw), data.draw)


def stand_still_in_a_run(world: World, draw: t.Callable[[st.SearchStrategy[t.Any]], t.Any]) -> None:
    """Let a failover, a switchover or a rejoin be held up at one step, and much happen there."""
    for event, name in draw(st.sampled_from(_BEFORE)):
        world.happen(event, name)
    world.chosen_step = draw(st.integers(1, 16))
    world.happen(draw(st.sampled_from(["failover", "switchover", "rejoin"])), draw(st.sampled_from(sorted(world.hosts))))
    world.chosen_step = None
    for name in world.hosts:
        world.happen("come back", name)
    world.see()


_STORIES: list[list[tuple[str, str]]] = [
    [("come back", "db0")],
    [("come back closed", "db0")],
    [("die", "db0")],
    [("die", "db1")],
    [("hang", "db0"), ("come back", "db0")],
    [("hang", "db1")],
    [("write", "db0"), ("die", "db0")],
    [("stand still", "db0")],
    [("stand still", "db0"), ("come back", "db0")],
    [("stand still", "db0"), ("failover", "db0"), ("write", "db1"), ("write", "db2"), ("come back", "db0")],
    [("stand still", "db0"), ("switchover", "db2"), ("write", "db2")],
    [("stand still", "db0"), ("switchover", "db1"), ("switchover", "db0"), ("write", "db0")],
    [("stand still", "db0"), ("die", "db0"), ("failover", "db0"), ("come back", "db0"), ("rejoin", "db0")],
    [("be killed", "db0")],
    [("rejoin", "db0"), ("switchover", "db0"), ("write", "db0")],
]
"""What is likely to happen while a run is at work."""

_WORK: dict[str, tuple[list[tuple[str, str]], tuple[str, str]]] = {
    "a failover": ([("write", "db0"), ("replicate", "db1"), ("die", "db0")], ("failover", "db0")),
    "a switchover": ([], ("switchover", "db1")),
    "a switchover back": ([("switchover", "db1"), ("write", "db1")], ("switchover", "db0")),
    "a rejoin": ([("die", "db0"), ("failover", "db0"), ("write", "db1"), ("write", "db2"), ("come back", "db0")], ("rejoin", "db0")),
}


@pytest.mark.parametrize("work", _WORK)
@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_what_is_likely_to_happen_does_no_harm_at_any_step(family: str, work: str) -> None:
    before, (verb, name) = _WORK[work]
    for story in _STORIES:
        step, goes_on = 0, True
        while goes_on:
            step += 1
            world = World(family, 3, _nothing_drawn)
            world.story = story
            for event in before:
                world.happen(*event)
            world.steps, world.chosen_step = 0, step
            try:
                world.happen(verb, name)
                goes_on = world.steps >= step
                for host in world.hosts:
                    world.happen("come back", host)
                world.see()
            except Violation as violation:
                raise Violation("\n".join([str(violation), f"at step {step}:", *world.said])) from violation
        assert step > 5, story


def _nothing_drawn(strategy: st.SearchStrategy[t.Any]) -> t.Any:
    raise AssertionError(f"nothing is to be drawn: {strategy}")


_BEFORE: list[list[tuple[str, str]]] = [
    [],
    [("die", "db0")],
    [("die", "db0"), ("failover", "db0"), ("write", "db1"), ("come back", "db0")],
    [("write", "db0"), ("replicate", "db1"), ("die", "db0")],
    [("switchover", "db1"), ("write", "db1")],
]
