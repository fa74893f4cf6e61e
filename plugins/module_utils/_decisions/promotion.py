# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""In which way a replica is promoted, and what speaks against opening it for writes. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import field

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import check_frozen, without_living_source
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import is_written_to
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.readiness import check_privileges, check_serves_clients
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, MAYBE_ALIVE, STATUSES, channel_of, status_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

# The ways to a new primary. FINISH: an earlier run has handed the role over, and only what comes after that is left.
FROM_DEAD = "from a dead primary"
FROM_LIVING = "from a living primary"
FINISH = "handed over already"
AGAIN = "opened again"


@dataclass(frozen=True)
class Terms:
    """What is to be promoted, on what it was decided, and what the user allows.

    ``replica``: the name of the server that is to be opened; ``demote``: of the living primary that it takes the role from; ``catch_up_from``: of
    the replica that has what this one may lack; ``dead``: of the primary that was found dead. ``received``: what the replica had received when it was
    elected, ``received_by_any``: what all replicas had received then, ``writable``: who took writes then; ``None`` where that is not known. ``silent``:
    who was left out then, because of not answering, or of not letting us in; ``silent_status``: how alive each of them was, if that is known.
    ``force``: go on although the dead primary may be alive.
    ``max_lag``: how many seconds a replica may be behind a living primary.
    """

    replica: str
    demote: t.Optional[str] = None
    catch_up_from: t.Optional[str] = None
    dead: t.Optional[str] = None
    received: t.Optional[str] = None
    writable: t.Optional[t.Tuple[str, ...]] = None
    received_by_any: t.Optional[str] = None
    silent: t.Tuple[str, ...] = ()
    silent_status: t.Mapping[str, str] = field(default_factory=dict)
    force: bool = False
    max_lag: float = 10.0

    @property
    def acting(self) -> t.Tuple[str, ...]:
        """The servers without which nothing can be done."""
        other = self.demote if self.demote is not None else self.catch_up_from
        return (self.replica,) if other in (None, self.replica) else (self.replica, other or "")


def check_answering(topology: Topology, names: Collection[str]) -> Iterator[Problem]:
    """Servers that are needed and whose state is not known."""
    for member in topology.listed:
        if member.failure is not None and member.name in names:
            yield Problem(member.failure.code, member.name, member.failure.message)


def way_of(topology: Topology, terms: Terms) -> str:
    """Return in which way a replica becomes the primary."""
    state = topology[terms.replica].known
    if terms.demote is not None:
        return FINISH if _is_handed_over(topology[terms.demote].known, state) else FROM_LIVING
    # A primary that an interrupted switchover has closed, and that gets its role back.
    return AGAIN if not state.channels and not state.writable else FROM_DEAD


def _is_handed_over(old: State, new: State) -> bool:
    opened = new.writable and not old.writable and not old.executed.subtract(new.executed)
    return opened or new.leads


def lacks(topology: Topology, terms: Terms) -> t.Optional[Transactions]:
    """Return what a replica of a dead primary has to fetch from another one before it is opened; ``None`` if there is nothing, or nobody to ask."""
    member, source = topology[terms.replica], terms.catch_up_from
    if source in (None, terms.replica) or channel_of(member) is None:
        return None
    return topology[source or ""].known.executed.subtract(member.known.received) or None


def check_can_catch_up(member: Member, source: str, purged: Gtids) -> Iterator[Problem]:
    """What a replica lacks that the one it is to catch up from has purged from its binary logs."""
    gone = purged.subtract(member.known.executed)
    if gone:
        message = "%s lacks %s that %s has purged: %s" % (member.name, gone.counted(), source, gone)
        yield Problem("catch_up_failed", member.name, message, str(gone))


def check_promotion(topology: Topology, terms: Terms, *, caught_up: bool = False) -> Iterator[Problem]:
    """What speaks against opening a replica for writes, on what was read last.

    ``caught_up``: it has fetched by now what it lacked, so that it has more than when it was elected.
    """
    member, way = topology[terms.replica], way_of(topology, terms)
    overtaken = [*_check_promotable(member), *check_privileges(topology[name] for name in terms.acting), *check_rivals(topology, terms)]
    if not member.known.writable:
        overtaken += _check_still_open(member, terms)
        overtaken += _check_received_since(topology, terms, caught_up=caught_up)
    if not member.known.leads:
        overtaken += [*_check_still_dead(topology, terms), *_check_still_silent(topology, terms)]
    yield from overtaken
    if overtaken:
        return  # what else is wrong comes from that
    if way == FROM_DEAD and (caught_up or lacks(topology, terms) is None):
        yield from _check_drained(member)
    elif terms.demote is not None:
        old = topology[terms.demote]
        yield from _check_handed_over(old, member) if way == FINISH else _check_can_take_over(old, member, terms)
    if way != FINISH and not topology[terms.demote or terms.replica].known.writable:
        # Nobody is known to have taken writes when this was chosen: who answered then, and does not now, may have been opened in between.
        yield from _check_still_answering(topology, terms)


def check_may_be_opened(topology: Topology, terms: Terms, old: str) -> Iterator[Problem]:
    """What speaks against opening a replica in the middle of a switchover, when its primary has been closed and it has applied everything."""
    closed, member = topology[old], topology[terms.replica]
    yield from check_answering(topology, terms.acting)
    if closed.state is None or member.state is None:
        return
    yield from check_rivals(topology, terms)
    yield from _check_still_silent(topology, terms)
    yield from _check_handed_over(closed, member)
    yield from check_closed(old, closed.state)


def check_opened_elsewhere(topology: Topology, name: str, kept: Collection[str], left_out: Collection[str] = ()) -> Iterator[Problem]:
    """What speaks against undoing anything on a server that another run may have left out: one that it has opened, or may have opened, instead.

    A failover that leaves out whoever is silent also leaves out servers whose locks we hold. What it has opened is none of these. The server must not take
    writes again then, nor be pointed back to whom it followed before.

    :arg kept: the servers whose locks have been held all the time, so that nobody has opened them. ``left_out``: those that we have left out.
    """
    for other in left_out:
        yield Problem("changed_meanwhile", name, "other runs were not kept off %s, and may have opened %s, which was left out" % (name, other))
    for member in topology.listed:
        if member.name == name or member.name in kept:
            continue
        if member.state is None:
            message = "other runs were not kept off %s, and may have opened %s, which does not answer"
            yield Problem("changed_meanwhile", name, message % (name, member.name))
        elif member.state.writable:
            message = "other runs were not kept off %s, and %s takes writes now: one of them has opened it"
            yield Problem("changed_meanwhile", name, message % (name, member.name))


def opened_or_silent(topology: Topology, known: Collection[str]) -> t.List[str]:
    """Return the members, those that are ``known`` apart, that take writes, or of which nobody knows it: another run may have opened each of them."""
    return [member.name for member in topology.listed if member.name not in known and (member.state is None or member.state.writable)]


def check_unopened(name: str, state: State, *, was_writable: bool) -> Iterator[Problem]:
    """Whether a replica on which something is to be undone takes writes now: then it is a primary, and no longer ours."""
    if state.writable and not was_writable:
        yield Problem("changed_meanwhile", name, "%s takes writes now: something else has opened it" % name)


def check_closed(name: str, state: State) -> Iterator[Problem]:
    """Whether a primary that was closed takes writes again."""
    if state.writable:
        yield Problem("not_read_only", name, "%s takes writes again: something else has allowed them" % name)


def check_rivals(topology: Topology, terms: Terms) -> Iterator[Problem]:
    """Other servers that take writes, or that have what a primary which is opened again lacks."""
    name, opened_again = terms.replica, way_of(topology, terms) == AGAIN
    have = topology[name].known.executed
    for member in topology.members:
        if member.name in (name, terms.demote) or member.state is None:
            continue
        extra = member.state.received.subtract(have) if opened_again else None
        if terms.writable is not None and member.state.writable and member.name not in terms.writable:
            yield Problem("changed_meanwhile", member.name, "%s takes writes now: %s would be the second" % (member.name, name))
        elif is_written_to(topology, member) or (opened_again and member.state.writable):
            yield Problem("two_writable", member.name, "%s takes writes: %s would be the second" % (member.name, name))
        elif terms.demote is not None and member.state.writable:
            yield Problem("replica_writable", member.name, "%s takes writes, although it is to stay a replica" % member.name)
        elif extra:
            yield Problem("diverged", member.name, "%s has %s that %s lacks: %s" % (member.name, extra.counted(), name, extra), str(extra))


def _check_promotable(member: Member) -> Iterator[Problem]:
    state = member.known
    if not state.log_bin:
        yield Problem("no_candidate", member.name, "%s has no binary log: no server could replicate from it" % member.name)
    elif state.stops_replicas:
        message = "the name of the binary log of %s is not UTF-8 (%s): no server could replicate from it"
        yield Problem("no_candidate", member.name, message % (member.name, state.odd_log))
    if state.gtid_mode != "ON":
        yield Problem("gtid_off", member.name, "%s has gtid_mode=%s" % (member.name, state.gtid_mode))
    yield from (problem for problem in check_serves_clients(member) if problem.code == "closed_to_clients")


def _check_still_open(member: Member, terms: Terms) -> Iterator[Problem]:
    """Whether a replica took writes when it was chosen, and is closed now. What was to be finished would be an opening then, on no evidence of its own."""
    if member.name in (terms.writable or ()):
        message = "%s took writes when it was chosen, and is read-only now: another server may have been opened in its place"
        yield Problem("changed_meanwhile", member.name, message % member.name)


def _check_received_since(topology: Topology, terms: Terms, *, caught_up: bool) -> Iterator[Problem]:
    """What replicas have received since one of them was elected, which would be lost without a word."""
    if terms.received is not None:
        yield from check_frozen(topology, [name for name in without_living_source(topology) if name != terms.replica])
        if not caught_up:
            yield from _check_received(topology[terms.replica], terms.received)
    if terms.received_by_any is not None:
        yield from _check_received_by_others(topology, terms, terms.received_by_any, caught_up=caught_up)


def _check_received_by_others(topology: Topology, terms: Terms, received: str, *, caught_up: bool) -> Iterator[Problem]:
    """Replicas that have something which neither the new primary will have nor was known of at the election: a receiver may have run in between."""
    state, source = topology[terms.replica].known, terms.catch_up_from
    try:
        known = parse_gtids(state.family, received).union(state.received)
    except GtidError as error:
        yield Problem("bad_input", terms.replica, "received_by_any: %s" % error)
        return
    if source is not None and not caught_up:
        known = known.union(topology[source].known.received)
    for member in topology.replicas:
        extra = member.known.received.subtract(known)
        if extra:
            message = "%s has received %s since %s was elected, which %s lacks: %s"
            yield Problem("changed_meanwhile", member.name, message % (member.name, extra.counted(), terms.replica, terms.replica, extra), str(extra))


def _check_received(member: Member, received: str) -> Iterator[Problem]:
    now = member.known.received
    try:
        decided = parse_gtids(member.known.family, received)
    except GtidError as error:
        yield Problem("bad_input", member.name, "received: %s" % error)
        return
    if not (now.contains(decided) and decided.contains(now)):
        yield Problem("changed_meanwhile", member.name, "%s had received %s when it was elected, and has now received %s" % (member.name, decided, now))


def _check_still_dead(topology: Topology, terms: Terms) -> Iterator[Problem]:
    """A primary that was found dead, and that answers again. What was not asked is unknown, and not dead."""
    if terms.dead is None:
        return
    if terms.dead not in topology.asked_again:
        yield Problem("primary_maybe_alive", terms.dead, "the primary %s was not asked again whether it answers" % terms.dead)
        return
    failure = topology.asked_again[terms.dead]
    if failure is None or failure.alive:
        yield Problem("primary_alive", terms.dead, "the primary %s answers again%s" % (terms.dead, "" if failure is None else ": " + failure.message))
    elif failure.alive is None and not terms.force:
        yield Problem("primary_maybe_alive", terms.dead, "the primary %s may be alive again: %s" % (terms.dead, failure.message))


def _check_still_silent(topology: Topology, terms: Terms) -> Iterator[Problem]:
    """Servers that were left out, and that are more alive by now: another run may have left ours out, and have opened one of them.

    Whoever was silent then and hangs still is no news. Where nothing was there, and something takes connections now, it may have come back and be open.
    """
    for name, failure in topology.asked_again.items():
        if name == terms.dead:
            continue
        then = _status_then(topology, terms, name)
        if failure is None:
            yield _opened_meanwhile(terms, name, "%s answers again: it was left out because it did not" % name)
        elif STATUSES.index(status_of(failure)) > STATUSES.index(then):
            answers = "answers again" if failure.alive else "may be alive again"
            yield _opened_meanwhile(terms, name, "%s %s, although it lets nobody in (%s): it was left out" % (name, answers, failure.message))


def _status_then(topology: Topology, terms: Terms, name: str) -> str:
    """Return how alive a server was that was left out, or to which there is no connection."""
    if name in terms.silent or name not in topology:
        return terms.silent_status.get(name, MAYBE_ALIVE)
    failure = topology[name].failure
    return status_of(failure) if failure is not None else ALIVE


def _opened_meanwhile(terms: Terms, name: str, what: str) -> Problem:
    return Problem("changed_meanwhile", name, "%s, and may have been opened meanwhile by a run to which %s was silent" % (what, terms.replica))


def _check_still_answering(topology: Topology, terms: Terms) -> Iterator[Problem]:
    """Members that were asked when the replica was chosen, and cannot be read now: a run that was killed since then may have opened one of them."""
    for member in topology.unread:
        if member.failure is not None and member.name not in (terms.dead, *terms.silent):
            message = "%s; it may have been opened since %s was chosen"
            yield Problem(member.failure.code, member.name, message % (member.failure.message, terms.replica))


def _check_drained(member: Member) -> Iterator[Problem]:
    channel, left = channel_of(member), member.known.not_applied
    if channel is not None and channel.receiver == RUNNING:
        yield Problem("still_receiving", member.name, "%s still receives from its source %s:%d" % (member.name, channel.source_host, channel.source_port))
    elif left:
        yield Problem("not_drained", member.name, "%s has received %s that it has not applied: %s" % (member.name, left.counted(), left), str(left))


def _check_handed_over(old: Member, new: Member) -> Iterator[Problem]:
    extra = old.known.executed.subtract(new.known.executed)
    if extra:
        yield Problem("diverged", old.name, "%s has %s that %s lacks: %s" % (old.name, extra.counted(), new.name, extra), str(extra))
    elif old.known.leads and new.known.writable:
        yield Problem("two_writable", old.name, "%s and %s both take writes" % (old.name, new.name))


def _check_can_take_over(old: Member, new: Member, terms: Terms) -> Iterator[Problem]:
    channel, max_lag = channel_of(new), terms.max_lag
    if channel is None:
        yield Problem("not_a_replica", new.name, "%s replicates from nobody" % new.name)
    elif channel.applier_error and channel.applier != RUNNING:
        yield Problem("applier_broken", new.name, "the applier of %s failed: %s" % (new.name, channel.applier_error))
    elif channel.receiver != RUNNING or channel.applier != RUNNING:
        message = "%s does not replicate from %s: receiver %s, applier %s" % (new.name, old.name, channel.receiver, channel.applier)
        yield Problem("not_replicating", new.name, message)
    elif (channel.lag or 0) > max_lag + channel.delay or channel.delay > max_lag:
        message = "%s is %s s behind %s (its delay: %d s), more than %g s" % (new.name, channel.lag, old.name, channel.delay, max_lag)
        yield Problem("lagging", new.name, message)
    extra = new.known.executed.subtract(old.known.executed).of_origins([new.known.identity])
    if extra and not new.known.writable:
        yield Problem("errant", new.name, "%s holds %s of its own that %s lacks: %s" % (new.name, extra.counted(), old.name, extra), str(extra))
    source = channel_of(old)
    if source is None and old.name in (terms.writable or ()) and not old.known.writable:
        # A failover may have taken the role from it, and have opened a server that does not answer here.
        yield Problem("changed_meanwhile", old.name, "%s took writes when %s was chosen, and is read-only now" % (old.name, new.name))
    if source is not None:
        # It would not be closed for writes, because it is closed already, and nobody knows where they go by now.
        message = "%s, from which %s was to take the role, replicates from %s:%d now"
        yield Problem("changed_meanwhile", old.name, message % (old.name, new.name, source.source_host, source.source_port))


def check_promoted(member: Member) -> Iterator[Problem]:
    """What a new primary is not, or still has, although every statement succeeded. Nothing where it could not be read."""
    if member.state is None:
        return
    if not member.known.writable:
        yield Problem("not_writable", member.name, "%s is read-only again: something else has set read_only" % member.name)
    if member.known.channels:
        yield Problem("not_promoted", member.name, "%s still has a replication configuration" % member.name)


@dataclass(frozen=True)
class Acknowledging:
    """Whether a new primary is to wait for acknowledgements (semi-synchronous replication), and what the user is warned of."""

    wanted: bool
    warning: str = ""


def acknowledging(member: Member, was: bool, acknowledgers: int) -> Acknowledging:
    """Decide whether a new primary waits for acknowledgements: if that was so before, and enough replicas can give them.

    With too few, its first commit would hang.
    """
    semi_sync = member.known.semi_sync
    needed = max(1, semi_sync.wait_for)
    if not was or (semi_sync.source_variable and acknowledgers >= needed):
        return Acknowledging(was)
    message = "%s will not wait for acknowledgements (semi-synchronous replication): it needs %d, and %d replica%s can acknowledge"
    return Acknowledging(False, message % (member.name, needed, acknowledgers, "s" * (acknowledgers != 1)))
