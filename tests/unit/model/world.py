# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers of a cluster as values, and what happens to them: the world that runs work in. See ``tests/unit/test_model.py``."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace
from functools import lru_cache

from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import YOUNG
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import find_primary, with_primary
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, empty, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology, make_topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import UUIDS, channel, server, state

UP, DOWN, HUNG, FULL = "up", "down", "hung", "full"
"""``full``: so many clients are there that we are not let in."""

# Seconds after which a server ends a connection over which it hears nothing.
SILENCE = 120.0


class Killed(Exception):
    """A run was killed."""


class Violation(AssertionError):
    """What must never happen."""


@dataclass
class Host:
    """A server. ``rows``: what it really has, whatever its GTIDs say; ``locked_by``: the run whose connection holds the lock there.

    ``waiting`` and ``waiting_rows``: what it has received and not applied, because its applier ``lags``. ``promoted``: how late it was, among all promotions.
    """

    name: str
    family: str
    number: int
    executed: Gtids
    waiting: Gtids
    condition: str = UP
    read_only: bool = False
    source: str | None = None
    receives: bool = False
    lags: bool = False
    rows: set[int] = field(default_factory=set)
    waiting_rows: set[int] = field(default_factory=set)
    locked_by: int | None = None
    seen_source: str | None = None
    was_open: bool = False
    was_promoted: bool = False
    promoted: int = 0

    @property
    def origin(self) -> str:
        """What names it in GTIDs."""
        return UUIDS["PABC"[self.number]] if self.family == "mysql" else str(self.number + 1)

    @property
    def has_received(self) -> set[int]:
        """All rows that it has, applied or not."""
        return self.rows | self.waiting_rows

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

    def take(self, source: Host) -> None:
        """Receive all that a source has, and apply it unless the applier lags."""
        if not source.rows <= self.has_received:
            self.waiting = self.waiting.union(source.executed)
            self.waiting_rows |= source.rows - self.rows
        if not self.lags:
            self.apply()

    def apply(self) -> None:
        """Apply all that was received."""
        if self.waiting_rows:
            self.executed, self.waiting = self.executed.union(self.waiting), empty(self.family)
            self.rows |= self.waiting_rows
            self.waiting_rows = set()

    def forget(self) -> None:
        """Throw away what was received and not applied, and end replication."""
        self.waiting, self.waiting_rows = empty(self.family), set()
        self.source, self.receives = None, False

    @property
    def is_open(self) -> bool:
        """Whether clients can write to it, now or once it does not hang any more."""
        return self.condition != DOWN and not self.read_only


class World:
    """A cluster, a clock, and what comes in between.

    :arg verbs: what may be run, by name. ``aliased``: replicas know their sources by another name than the inventory does.
    """

    def __init__(
        self,
        family: str,
        number: int,
        verbs: t.Mapping[str, t.Callable[[World, str], None]],
        draw: t.Callable[[st.SearchStrategy[t.Any]], t.Any] | None = None,
        *,
        aliased: bool = False,
    ) -> None:
        self.hosts = {f"db{index}": Host(f"db{index}", family, index, empty(family), empty(family)) for index in range(number)}
        self.family = family
        self.aliased = aliased
        self.now = 1000.0
        self.runs = 0
        self.rows = 0
        self.depth = 0
        # How many steps the outermost runs have taken, and the only one at which anything comes in between, if one is chosen.
        self.steps = 0
        self.chosen_step: int | None = None
        # What happens at which step of the outermost run; drawn if it is not said.
        self.story: t.Mapping[int, t.Sequence[tuple[str, str]]] | None = None
        # Runs that are carried out side by side, if there are any (``turns.py``).
        self.turns: t.Any = None
        self.said: list[str] = []
        self._verbs = verbs
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
        if source is None or not host.receives or source.condition != UP or host.condition != UP:
            return None
        return source

    def replicate(self, name: str) -> None:
        """Let a replica receive what its source has. MariaDB does not where it has something that the source lacks."""
        host = self.hosts[name]
        source = self.feeds(host)
        if source is None or source is host:
            return
        host.seen_source = source.name
        if self.family == "mariadb" and not host.has_received <= source.rows:
            return
        host.take(source)

    def write(self, name: str) -> None:
        """Let a client write where it can."""
        host = self.hosts[name]
        if host.condition == UP and not host.read_only:
            self.rows += 1
            host.write(self.rows)

    # What we read of it

    def read(
        self,
        primary: str | None = None,
        *,
        asked: t.Collection[str] = (),
        members: t.Collection[str] | None = None,
        unread: t.Mapping[str, Failure] | None = None,
    ) -> Topology:
        """Return the topology as it is found now.

        ``members``: who is asked; all if it is not given. ``unread``: why there is no connection to some of them, as that was found. ``asked``: who is
        only asked whether it answers.
        """
        read = [self._member(host, (unread or {}).get(host.name)) for host in self.hosts.values() if members is None or host.name in members]
        resolved = {(_alias(name), 3306): frozenset([(name, 3306)]) for name in self.hosts}
        topology = make_topology(read, primary=primary, resolved=resolved)
        reach = {host.name: parse_gtids("mariadb", "0-1-1") for host in self.hosts.values() if self.family == "mariadb"}
        topology = replace(topology if primary is not None else with_primary(topology), reach=reach)
        return replace(topology, asked_again={name: self.failure_of(name) for name in asked})

    def failure_of(self, name: str) -> Failure | None:
        """Return why a server does not let us in, if it does not."""
        return self._member(self.hosts[name]).failure

    def _member(self, host: Host, failure: Failure | None = None) -> Member:
        if failure is not None:
            return server(host.name, failure)
        if host.condition == DOWN:
            return server(host.name, Failure("unreachable", f"{host.name}: connection refused", False, refused=True))
        if host.condition == FULL:
            return server(host.name, Failure("login_refused", f"{host.name}: Too many connections", True))
        if host.condition == HUNG:
            return server(host.name, Failure("not_responding", f"{host.name} does not answer", None))
        receiver = RUNNING if self.feeds(host) else CONNECTING if host.receives else STOPPED
        seen = self.hosts[host.seen_source] if host.seen_source is not None else None
        source = None if host.source is None else _alias(host.source) if self.aliased else host.source
        own = (host.name, self.family, str(host.executed), host.read_only)
        return _read(*own, source, str(host.waiting), receiver, seen.number + 1 if seen else 0, host.seen_source == host.source)

    # What our runs do to it

    def open(self, name: str, whole: t.Collection[str] = (), promised: t.Collection[int] = (), *, undoes: bool = False) -> None:
        """Open a server for writes, and see what must hold then. Where that undoes what was done, who takes writes by other means did so before.

        ``whole``: it is said that nothing is lost that any of these has received, ``promised``: nor any of these rows.
        """
        host = self.hosts[name]
        others = [other.name for other in self.hosts.values() if other is not host and other.is_open and (other.was_promoted or not undoes)]
        if others:
            raise Violation(f"{name} is opened while {others} is open")
        for other in whole:
            if not self.hosts[other].has_received <= host.has_received:
                raise Violation(f"{name} is opened without rows of {other}")
        if not set(promised) <= host.has_received:
            raise Violation(f"{name} is opened without rows that were not to be lost")
        if host.waiting_rows:
            raise Violation(f"{name} is opened before it has applied all that it has received")
        self.act(name)
        host.read_only, host.was_open, host.was_promoted = False, True, True
        if not undoes:
            host.promoted = 1 + max(other.promoted for other in self.hosts.values())

    def close(self, name: str, primary: str, seen: t.Mapping[str, t.Collection[int]] | None = None, *, named: bool = False) -> None:
        """Close a server that is not to be the primary, and see what must hold then.

        Rows that it alone has forbid it, unless the user has said who is the primary (``named``), or the role has moved from this one to that one since.
        ``seen``: the rows that each had when it was looked at a moment ago; as many as it has now if they are not given.
        """
        host, stays = self.hosts[name], self.hosts[primary]
        rows = host.rows if seen is None else set(seen[name])
        if not host.read_only and (stays.condition != UP or stays.read_only):
            raise Violation(f"{name} is closed, which takes writes, and {primary} takes none")
        if not host.read_only and rows > stays.rows:
            raise Violation(f"{name} is closed, which has everything, for {primary}")
        if not host.read_only and not named and not rows <= stays.rows and host.promoted >= stays.promoted:
            raise Violation(f"{name} is closed, which has rows that {primary} lacks, and nobody has said so")
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
        host.forget()
        host.source, host.receives, host.seen_source = source, True, None
        self.replicate(name)

    def point_back(self, name: str, source: str | None) -> None:
        """Let a server follow whom it followed before, because it is not promoted after all."""
        self.act(name)
        host, now = self.hosts[name], self.hosts[self.hosts[name].source or name]
        if host.is_open:
            raise Violation(f"{name} is pointed back, which is open")
        if now is not host and now.is_open:
            raise Violation(f"{name} is taken away from {now.name}, which is open")
        host.source, host.receives, host.seen_source = source, True, None

    # What happens between two steps of a run

    def interleave(self, run: t.Any = None) -> None:
        """Let something happen; between two steps of a run only now and then, or only at the one that is chosen, and then as much as is drawn.

        Where runs are carried out side by side, another one may go on.
        """
        if self.turns is not None:
            self.turns.at_step(run)
            return
        is_outermost = run is not None and self.depth == 1
        self.steps += is_outermost
        if self.story is not None:
            for event, name in self.story.get(self.steps, ()) if is_outermost else ():
                self.happen(event, name, run)
                self.see()
            return
        if run is None:
            events = 1
        elif self.chosen_step is not None:
            events = self.draw(st.integers(1, 5)) if is_outermost and self.steps == self.chosen_step else 0
        else:
            events = int(self.draw(st.integers(0, 9)) == 9)
        for _event in range(events):
            self.happen(self.draw(EVENTS), self.draw(st.sampled_from(sorted(self.hosts))), run)
            self.see()

    def draw(self, strategy: st.SearchStrategy[t.Any]) -> t.Any:
        """Draw what is not said."""
        assert self._draw is not None, f"nothing is to be drawn: {strategy}"
        return self._draw(strategy)

    def say(self, text: str) -> None:
        """Have something shown where an example fails."""
        self.said.append("  " * self.depth + text)
        if currently_in_test_context():
            note(self.said[-1])

    def happen(self, event: str, name: str, run: t.Any = None) -> None:
        """Let something happen to a server, or a run go by."""
        host = self.hosts[name]
        self.say(f"{event} {name}")
        if event == "stand still" and run is not None:
            self.stand_still(run.number)
        elif event == "be killed" and run is not None:
            raise Killed
        elif event in self._verbs and self.depth < 2:
            self.depth += 1
            self.begin(event, name)
            self.depth -= 1
        elif event in _TO_SERVERS:
            _TO_SERVERS[event](self, host)
        elif event in _BY_HAND and host.condition == UP:
            # Whoever does that needs time to type it.
            self.now += YOUNG * 1.1
            _BY_HAND[event](self, host)

    def begin(self, verb: str, name: str) -> None:
        """Carry out a run."""
        self._verbs[verb](self, name)

    def stand_still(self, run: int | None) -> None:
        """Let so much time pass that a run has lost its connections, and with them its locks."""
        self.now += SILENCE
        for each in self.hosts.values():
            each.locked_by = None if each.locked_by == run else each.locked_by

    def see(self) -> None:
        """See that no stale server is called the primary. One that a run has opened and not finished still follows it, and is told of as that."""
        topology = self.read()
        name = find_primary(topology).primary
        if name is None or name not in topology or topology[name].state is None:
            return
        for other in self.hosts.values():
            if other.name != name and other.condition == UP and not other.read_only and other.source is None and other.rows > self.hosts[name].rows:
                raise Violation(f"{name} is called the primary, and {other.name} is open and has more")


@lru_cache(maxsize=10000)
def _read(
    name: str, family: str, executed: str, read_only: bool, source: str | None, waiting: str, receiver: str, seen: int, has_connected: bool
) -> Member:
    """Return a server that answers; ``seen`` is the server_id of whom it was connected to last. Kept, because what is worked out from it is kept there."""
    channels = []
    if source is not None:
        identity = {"source_uuid": UUIDS["PABC"[seen - 1]] if seen and family == "mysql" else "", "source_id": seen}
        details: dict[str, t.Any] = {**identity, "receiver": receiver, "has_connected": has_connected}
        channels = [channel(source, family=family, waiting=waiting, **details)]
    return server(name, replace(state(name, executed, channels=channels, family=family), read_only=read_only))


def _alias(name: str) -> str:
    return f"{name}.replication.example"


def _die(world: World, host: Host) -> None:
    if host.condition != DOWN:
        host.condition, host.locked_by, host.was_promoted = DOWN, None, False


def _hang(world: World, host: Host) -> None:
    if host.condition == UP:
        host.condition = HUNG


def _fill_up(world: World, host: Host) -> None:
    if host.condition == UP:
        host.condition = FULL


def _come_back(world: World, host: Host, *, closed: bool = False) -> None:
    if host.condition == DOWN:
        # As its option files say, which may be those of a primary.
        host.read_only = closed or not host.was_open
        host.receives = host.source is not None
    if host.condition != UP:
        # Nobody is taken for silent who hangs for a shorter time.
        world.now += YOUNG * 1.1
    host.condition = UP


def _come_back_closed(world: World, host: Host) -> None:
    if host.condition != UP:
        _come_back(world, host, closed=True)


def _lag(world: World, host: Host) -> None:
    host.lags = True


def _catch_up(world: World, host: Host) -> None:
    host.lags = False
    host.apply()


_TO_SERVERS: dict[str, t.Callable[[World, Host], None]] = {
    "write": lambda world, host: world.write(host.name),
    "replicate": lambda world, host: world.replicate(host.name),
    "die": _die,
    "hang": _hang,
    "fill up": _fill_up,
    "come back": _come_back,
    "come back closed": _come_back_closed,
    "lag": _lag,
    "catch up": _catch_up,
}


def _open(world: World, host: Host) -> None:
    host.read_only = False


def _close(world: World, host: Host) -> None:
    host.read_only = True


def _start_receiver(world: World, host: Host) -> None:
    host.receives = host.source is not None


def _stop_receiver(world: World, host: Host) -> None:
    host.receives = False


def _reset(world: World, host: Host) -> None:
    source = host.source
    host.forget()
    host.source = source


_BY_HAND: dict[str, t.Callable[[World, Host], None]] = {
    "open by hand": _open,
    "close by hand": _close,
    "start receiver by hand": _start_receiver,
    "stop receiver by hand": _stop_receiver,
    "throw relay logs away by hand": _reset,
}

EVENTS = st.sampled_from(
    [
        *("write", "replicate", "die", "hang", "come back", "come back closed", "stand still", "be killed", "lag", "catch up"),
        *("failover", "failover without those that are silent", "switchover", "rejoin", "rejoin to"),
    ]
)
