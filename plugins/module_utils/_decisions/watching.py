# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a watcher tells of what it sees, look after look. Pure: what it remembers goes in and comes out again.

What is wrong with a cluster is decided where all others decide it: whether the primary is dead in ``_state/topology``, all else in ``health``. Here it is
only decided what that is called as an event, from when on it counts, and when it is told again.
"""

from __future__ import annotations

import typing as t
from dataclasses import field, replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_primary_is_dead, check_primary_is_member
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import Thresholds, find
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import find_problems
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import REMEDIES
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, DEAD
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

PRIMARY_DEAD = "primary_dead"
PRIMARY_SUSPECTED = "primary_suspected"
PRIMARY_BACK = "primary_back"
PRIMARY_READ_ONLY = "primary_read_only"
TWO_WRITABLE = "two_writable"
REPLICA_BROKEN = "replica_broken"
REPLICA_LAGGING = "replica_lagging"
ERRANT = "errant"
NOT_READY = "not_ready"
TOPOLOGY_CHANGED = "topology_changed"
CUT_OFF = "cut_off"

# Public, and never renamed. The documentation of the event source says what each means.
EVENTS = (
    PRIMARY_DEAD,
    PRIMARY_SUSPECTED,
    PRIMARY_BACK,
    PRIMARY_READ_ONLY,
    TWO_WRITABLE,
    REPLICA_BROKEN,
    REPLICA_LAGGING,
    ERRANT,
    NOT_READY,
    TOPOLOGY_CHANGED,
    CUT_OFF,
)

# As what a problem is told. Of all others: as what would forbid a failover.
_EVENT_OF = {
    "primary_read_only": PRIMARY_READ_ONLY,
    "switchover_unfinished": PRIMARY_READ_ONLY,
    "closed_to_clients": PRIMARY_READ_ONLY,
    "two_writable": TWO_WRITABLE,
    "errant": ERRANT,
    "lagging": REPLICA_LAGGING,
}
_BROKEN = (
    "not_a_replica",
    "not_replicating",
    "diverged",
    "applier_broken",
    "stray_replica",
    "source_does_not_log",
    "other_primary",
    "relay_logs_at_risk",
    "unreachable",
    "not_responding",
    "outcome_unknown",
    "login_refused",
    "password_withheld",
    "tls_failed",
    "not_mysql",
    "unreadable",
    "unsupported_version",
)

# What counts as soon as it was seen often enough. All else has to last a while: replicas that reconnect are no news.
_AT_ONCE = (PRIMARY_DEAD, PRIMARY_SUSPECTED, CUT_OFF, TOPOLOGY_CHANGED)
# What is told again often, because somebody has to act on it, and what only now and then.
_URGENT = (PRIMARY_DEAD, PRIMARY_SUSPECTED, PRIMARY_READ_ONLY, TWO_WRITABLE, CUT_OFF)

# A change is nothing to be mended.
NO_PROBLEM = ""

_Key = t.Tuple[str, str, str]


@dataclass(frozen=True)
class Patience:
    """When something counts, and when it is told again.

    ``failures``: in how many looks in a row a fault must be seen. ``grace``: for how many seconds, unless it is about whether the primary lives.
    ``repeat`` and ``remind``: after how many seconds a fault that lasts is told again, and one that is not urgent.
    ``max_lag``: the seconds that a replica may be behind.
    """

    failures: int = 3
    grace: float = 5
    repeat: float = 10
    remind: float = 600
    max_lag: float = 60


@dataclass(frozen=True)
class Look:
    """What was seen at one moment, ``at`` (seconds since 1970).

    ``worked_on``: the servers whose lock a run of this collection holds. ``stood_still``: this process did for a while, so that what did not come in time
    says nothing.
    """

    topology: Topology
    at: float
    worked_on: t.Tuple[str, ...] = ()
    stood_still: bool = False


@dataclass(frozen=True)
class Event:
    """What is to be told. ``server`` is empty where it is about the cluster; ``since``: when it was first seen; ``times``: how often it was told by now."""

    type: str
    server: str
    code: str
    message: str
    remedy: str
    gtids: str
    since: float
    times: int


@dataclass(frozen=True)
class Counted:
    """A fault that was seen: in how many looks in a row, since when, how often it was told and when last."""

    looks: int
    since: float
    times: int = 0
    told: float = 0.0


@dataclass(frozen=True)
class Memory:
    """What is remembered from one look to the next.

    ``primary``: the last one that was seen alive. ``sources``: who followed whom when all was well, and whom each server of which that is not known now.
    ``missed``: of which primary it was told that it does not answer.
    """

    primary: t.Optional[str] = None
    sources: t.Mapping[str, str] = field(default_factory=dict)
    faults: t.Mapping[_Key, Counted] = field(default_factory=dict)
    missed: t.Optional[str] = None

    @property
    def is_doubtful(self) -> bool:
        """Whether something was seen that counts at once, and not often enough yet: the next look is urgent."""
        return any(key[0] in _AT_ONCE and not counted.times for key, counted in self.faults.items())

    @property
    def is_calm(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def observe(memory: Memory, look: Look, patience: Patience) -> t.Tuple[Memory, t.List[Event]]:
    """Take a look in, and return what is remembered from then on, and what is to be told now."""
    if look.stood_still or look.worked_on:
        # What a run does to servers is no fault, and it says itself how it ends.
        return replace(memory, faults={key: replace(each, looks=0) for key, each in memory.faults.items() if each.times}), []
    topology = look.topology
    found = {_key(event, problem): (event, problem) for event, problem in _find(memory, topology, patience)}
    faults: t.Dict[_Key, Counted] = {}
    events: t.List[Event] = []
    missed, primary, sources = memory.missed, memory.primary, memory.sources
    for key, (event, problem) in found.items():
        before = memory.faults.get(key) or _doubted(memory, event, problem)
        counted = Counted(1, look.at) if before is None else replace(before, looks=before.looks + 1)
        if _is_due(event, counted, look.at, patience):
            counted = replace(counted, times=counted.times + 1, told=look.at)
            events.append(Event(event, problem.server, problem.code, problem.message, _remedy(problem), problem.gtids, counted.since, counted.times))
            if event in (PRIMARY_DEAD, PRIMARY_SUSPECTED):
                missed = problem.server
            if event == TOPOLOGY_CHANGED:
                primary, sources = topology.primary, _sources(memory, topology)
                continue
        faults[key] = counted
    if topology.primary_status == ALIVE and topology.primary is not None:
        if missed == topology.primary:
            events.append(_back(missed, look.at))
        missed = None
    return Memory(primary, sources, faults, missed), events


def _key(event: str, problem: Problem) -> _Key:
    # What is doubtful about a primary is one fault, whatever it is that it does not say.
    if event in (PRIMARY_DEAD, PRIMARY_SUSPECTED):
        return (event, problem.server, "")
    # Each other shape is another change, which has to be seen as often.
    return (event, problem.server, problem.message if event == TOPOLOGY_CHANGED else problem.code)


def _doubted(memory: Memory, event: str, problem: Problem) -> t.Optional[Counted]:
    """Return since when a primary does not answer that was suspected until now and is dead, or the other way round."""
    other = {PRIMARY_DEAD: PRIMARY_SUSPECTED, PRIMARY_SUSPECTED: PRIMARY_DEAD}.get(event)
    before = memory.faults.get((other, problem.server, "")) if other is not None else None
    return None if before is None else replace(before, times=0, told=0.0)


def _is_due(event: str, counted: Counted, now: float, patience: Patience) -> bool:
    if counted.looks < patience.failures or (event not in _AT_ONCE and now - counted.since < patience.grace):
        return False
    pause = patience.repeat if event in _URGENT else patience.remind
    # A clock that is put back must not silence it.
    return not counted.times or not 0 <= now - counted.told < pause


def _remedy(problem: Problem) -> str:
    return problem.remedy() if problem.code in REMEDIES else ""


def _back(name: str, now: float) -> Event:
    return Event(PRIMARY_BACK, name, "", "the primary %s answers again" % name, "", "", now, 1)


def _find(memory: Memory, topology: Topology, patience: Patience) -> t.Iterator[t.Tuple[str, Problem]]:
    """Return what is wrong, as events."""
    if not any(member.state is not None for member in topology.listed):
        reasons = "; ".join(member.failure.message for member in topology.listed if member.failure is not None)
        yield CUT_OFF, Problem("unreachable", "", "no server of this cluster can be read, so that nothing is known of it: %s" % reasons)
        return
    if topology.primary_status == ALIVE:
        yield from _check_living(memory, topology, patience)
        return
    if topology.primary is None:
        writable = [name for name in topology.rivals if topology[name].known.writable]
        for problem in find_problems(topology, "any"):
            yield TWO_WRITABLE if problem.code == "two_primaries" and len(writable) > 1 else _event_of(problem), problem
        return
    outside = list(check_primary_is_member(topology))
    if outside:
        # It was not asked, and a failover would be refused.
        yield from ((NOT_READY, problem) for problem in outside)
        return
    if topology.primary_status == DEAD:
        silent = unheard(topology)
        if not silent:
            message = "the primary %s is dead: nothing answers there and no replica receives from it" % topology.primary
            yield PRIMARY_DEAD, Problem("primary_dead", topology.primary, message)
            return
        message = "the primary %s does not answer here, and too few replicas can be asked whether they still receive from it (not: %s)"
        yield PRIMARY_SUSPECTED, Problem("primary_maybe_alive", topology.primary, message % (topology.primary, ", ".join(silent)))
        return
    yield from ((PRIMARY_SUSPECTED, problem) for problem in check_primary_is_dead(topology))


def _check_living(memory: Memory, topology: Topology, patience: Patience) -> t.Iterator[t.Tuple[str, Problem]]:
    primary = topology.primary_member
    if primary is not None and primary.failure is not None:
        yield NOT_READY, Problem(primary.failure.code, primary.name, primary.failure.message)
        return
    for problem in find_problems(topology, "any"):
        yield _event_of(problem), problem
    for finding in find(topology, {}, Thresholds(max_lag=patience.max_lag)):
        if finding.code == "lagging":
            yield REPLICA_LAGGING, Problem("lagging", finding.server, finding.told)
    if topology.primary != memory.primary or _sources(memory, topology) != memory.sources:
        yield TOPOLOGY_CHANGED, Problem(NO_PROBLEM, "", _say_change(memory, topology))


def _event_of(problem: Problem) -> str:
    return _EVENT_OF.get(problem.code) or (REPLICA_BROKEN if problem.code in _BROKEN and problem.server else NOT_READY)


def unheard(topology: Topology) -> t.List[str]:
    """Name the replicas that cannot be asked whether they receive from a primary that is gone, if those that can are not more than half.

    Whoever is cut off together with a few replicas would take a living primary for dead. One whose host says that no server runs there receives nothing.
    """
    replicas = [member for member in topology.listed if member.name != topology.primary]
    silent = [member.name for member in replicas if member.state is None and not (member.failure is not None and member.failure.refused)]
    return silent if 2 * (len(replicas) - len(silent)) <= len(replicas) else []


def _sources(memory: Memory, topology: Topology) -> Mapping[str, str]:
    """Return who follows whom; of servers that cannot be read, whom they followed before."""
    unread = [member.name for member in topology.listed if member.state is None]
    return {**{name: memory.sources[name] for name in unread if name in memory.sources}, **topology.sources}


def _say_change(memory: Memory, topology: Topology) -> str:
    sources = _sources(memory, topology)
    if memory.primary is None:
        return "; ".join(["the primary is %s" % topology.primary, *("%s %s" % (name, _follows(sources[name])) for name in sorted(sources))])
    said = ["the primary is %s, and was %s" % (topology.primary, memory.primary)] if topology.primary != memory.primary else []
    for name in sorted({*sources, *memory.sources}):
        now, before = sources.get(name), memory.sources.get(name)
        if now != before:
            said.append("%s %s, and %s before" % (name, _follows(now), _follows(before)))
    return "; ".join(said)


def _follows(source: t.Optional[str]) -> str:
    return "follows %s" % source if source is not None else "follows nobody"
