# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Evidence -> who is the primary. Pure.

Whom the replicas follow is a hint, and the last word only where nobody takes writes. A server that was left out of a failover goes on following
the old primary, which may be back; a replica may have been opened by hand, or by a run that was interrupted; a primary may follow somebody itself.
So a server that takes writes and acts as a primary does comes before one that is merely followed, and of several the one whose transactions
contain the others'. Where each has something of its own, only the user can say which is to stay.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology


@dataclass(frozen=True)
class Found:
    """Who is the primary, or between whom only the user can decide; neither where nobody knows."""

    primary: t.Optional[str] = None
    rivals: t.Tuple[str, ...] = ()


def with_primary(topology: Topology) -> Topology:
    """Return the same servers with what they say of who is the primary."""
    found = find_primary(topology)
    return replace(topology, primary=found.primary, rivals=found.rivals)


def find_primary(topology: Topology) -> Found:
    """Say who is the primary, by what the servers say of themselves: who takes writes, who has what, and who follows whom."""
    tops = _count_followers_of_tops(topology)
    acting = [member for member in topology.members if acts_as_primary(topology, member)]
    outside = _outsiders(topology, acting)
    acting = [member for member in acting if member.name not in outside]
    tops = {name: count for name, count in tops.items() if name not in outside}
    fed = [member for member in acting if topology.followers(member.name)]
    silent = [name for name in tops if name not in topology or topology[name].state is None]
    if not acting and not tops:
        # Those that follow each other in a ring, where more than one takes writes.
        return Found(rivals=tuple(sorted(name for name in topology.sources if topology[name].known.writable and _ring(topology, name))))
    if not acting or (silent and not fed):
        # Where a failover was interrupted right after it opened a server, that one is elected again, and repointed to.
        return Found(_followed_most(tops))
    # One that is closed and followed may have been closed by a switchover that was interrupted; or it was dead, and is back.
    closed = [topology[name] for name in tops if name not in silent and topology[name] not in acting]
    claimants = [*acting, *closed]
    for each in claimants:
        if all(_outranks(topology, each, other) for other in claimants if other is not each):
            return Found(each.name)
    return Found(rivals=tuple(sorted(each.name for each in claimants if not any(_outranks(topology, other, each) for other in claimants))))


def acts_as_primary(topology: Topology, member: Member) -> bool:
    """Whether a server does what a primary does: it takes writes, and either follows nobody or feeds others and is fed by nobody of this cluster.

    A replica that merely takes writes (``read_only=0``) is none, nor is one that a run has opened and not finished: its source is
    still the primary, and running it again finishes that.
    """
    if member.state is None or not member.state.writable:
        return False
    if not member.state.channels:
        return True
    ring = _ring(topology, member.name)
    if ring:
        return not any(topology[name].known.writable for name in ring if name != member.name)
    name = topology.sources[member.name]
    source = next((each for each in topology.members if each.name == name), None)
    feeds = bool(topology.followers(member.name))
    has_stopped = all(channel.receives_no_more for channel in member.state.channels)
    is_outsider = source is None or not source.listed
    if source is None or source.state is None or is_outsider:
        if not feeds or len(topology.followers(name)) > 1:
            return False
        return is_outsider or (not has_stopped and wrote(member))
    # Its source answers. Where it was opened by hand, or by a run that was interrupted, it has gone on and left the source behind.
    return has_stopped and bool(alone(member, source)) and (feeds or not source.known.writable)


def keeps_old_source(topology: Topology) -> bool:
    """Whether the primary was opened, by hand or by a run that was interrupted, and still has the replication that it left: its threads are stopped."""
    member = topology.primary_member
    state = member.state if member is not None else None
    return state is not None and state.writable and bool(state.channels) and all(channel.receives_no_more for channel in state.channels)


def handed_over_by(topology: Topology) -> t.Optional[str]:
    """Name the server that had the role before, is closed, follows nobody and has nothing of its own.

    ``None`` if there is none, or more than one. One that never wrote never had the role: it may be the empty remains of a copy.

    A switchover that was interrupted leaves it, and so does a server that was dead and is back. It can be demoted as it is.
    """
    primary = topology.primary_member
    if primary is None or primary.state is None or not primary.state.writable:
        return None
    closed = [
        member for member in topology.replicas if not member.known.channels and not member.known.writable and wrote(member) and not alone(member, primary)
    ]
    return closed[0].name if len(closed) == 1 else None


def is_written_to(topology: Topology, member: Member) -> bool:
    """Whether clients may write to a server as to a primary: no other is opened beside it. A replica that merely takes writes is left out."""
    if member.state is None or not member.state.writable:
        return False
    return member.state.leads or acts_as_primary(topology, member) or (wrote(member) and bool(topology.followers(member.name)))


def strays(topology: Topology) -> t.List[str]:
    """Name the replicas of a living primary that follow another server, which is not a replica itself: one that was left out of a failover does."""
    if topology.primary_status != ALIVE:
        return []
    left = [(name, source) for name, source in topology.sources.items() if name != topology.primary and source != topology.primary]
    return [name for name, source in left if source in topology and topology[source].listed and source not in topology.sources]


def check_claim(topology: Topology, name: str) -> Iterator[Problem]:
    """See whether a server is the primary, as somebody says who wants others to follow it, or to be closed beside it."""
    found = find_primary(topology).primary
    if found is None or found == name or found not in topology or topology[found].state is None:
        return
    member = topology[found]
    has_all = name in topology and topology[name].state is not None and not alone(topology[name], member)
    reasons = ["takes writes" if member.known.writable else "is followed", "has all that %s has" % name if has_all else ""]
    yield Problem("not_the_primary", name, "%s is not the primary: %s %s" % (name, found, " and ".join(filter(None, reasons))))


def check_stayed_dead(name: str, found: t.Union[State, Failure], primary: str) -> Iterator[Problem]:
    """See whether a server that was found dead, and has been replaced, is back and takes writes, or may."""
    if isinstance(found, Failure):
        if found.alive:
            message = "%s was dead and answers again, so that it may take writes beside the new primary %s: %s"
            yield Problem("two_writable", name, message % (name, primary, found.message))
    elif found.writable:
        yield Problem("two_writable", name, "%s was dead, is back, and takes writes, and so does the new primary %s" % (name, primary))


def wrote(member: Member) -> bool:
    """Whether a server has transactions that it committed itself."""
    return bool(member.known.received.of_origins([member.known.identity]))


def alone(member: Member, *others: Member) -> Transactions:
    """Return what a server has and none of the others can be shown to have; all of it where they are of different families."""
    have = member.known.received
    known = [other.known.received for other in others if other.known.family == member.known.family]
    if not known:
        return have
    elsewhere = known[0]
    for each in known[1:]:
        elsewhere = elsewhere.union(each)
    return have.not_proven_in(elsewhere)


def check_rivals(topology: Topology) -> Iterator[Problem]:
    """Say of each server that may be the primary what speaks for it: who follows it, and what it alone has."""
    rivals = [topology[name] for name in topology.rivals]
    for member in rivals:
        own = alone(member, *(other for other in rivals if other is not member))
        followers = ", ".join(sorted(follower.name for follower in topology.followers(member.name)))
        message = "it cannot be told whether %s is the primary: it takes %s, %s, and %s" % (
            member.name,
            "writes" if member.known.writable else "no writes",
            "%s follows it" % followers if followers and "," not in followers else "%s follow it" % followers if followers else "nobody follows it",
            "it alone has %s: %s" % (own.counted(), own) if own else "it has nothing that the other lacks",
        )
        yield Problem("two_primaries", member.name, message, str(own))


def check_undecided(topology: Topology) -> Iterator[Problem]:
    """See whether only the user can say who is the primary, by what the servers say now, whoever was taken for it before."""
    yield from check_rivals(replace(topology, rivals=find_primary(topology).rivals))


def _count_followers_of_tops(topology: Topology) -> t.Dict[str, int]:
    """Count, for each server that is followed and is not itself known to be a replica, how many follow it."""
    return Counter(source for source in topology.sources.values() if source not in topology.sources)


def _outsiders(topology: Topology, acting: t.Sequence[Member]) -> t.Set[str]:
    """Name the servers that do not belong to the cluster: nobody has listed them, and only such as act as a primary themselves follow them."""
    names = {member.name for member in acting}
    return {
        source
        for source in topology.sources.values()
        if not (source in topology and topology[source].listed) and all(each.name in names for each in topology.followers(source))
    }


def _followed_most(followed: t.Mapping[str, int]) -> t.Optional[str]:
    """Return whom most follow, of one or more; nobody where as many follow another one."""
    ranked = sorted(followed, key=lambda name: -followed[name])
    if len(ranked) == 1 or followed[ranked[0]] > followed[ranked[1]]:
        return ranked[0]
    return None


def _ring(topology: Topology, name: str) -> t.Tuple[str, ...]:
    """Name the servers that follow each other in a ring with this one; none where it is in no ring."""
    passed = [name]
    while topology.sources.get(passed[-1]) in topology.sources:
        passed.append(topology.sources[passed[-1]])
        if passed[-1] == name:
            return tuple(passed[:-1])
        if passed[-1] in passed[:-1]:
            break  # it follows a ring without being in it
    return ()


def _outranks(topology: Topology, one: Member, other: Member) -> bool:
    """Whether of two that may be the primary one is, for certain."""
    followers, others = len(topology.followers(one.name)), len(topology.followers(other.name))
    own, their_own = alone(one, other), alone(other, one)
    if one.known.writable == other.known.writable:
        if own and their_own:
            return bool(followers) and not others and _took_over(one, other)
        return bool(own) or (not their_own and followers > others)
    if one.known.writable:
        return not their_own
    # A server of another cluster, or one that was never a part of this one, is no successor of a primary that is closed.
    return bool(followers) and not others and own == one.known.received


def _took_over(one: Member, other: Member) -> bool:
    """Whether, of two servers that each went on alone, it is certain that this one took the role over from the other, and not the other way round.

    Who was the primary last before they parted had the role before. In MariaDB numbers tell: that one's last number that both have is the
    higher one. In MySQL it is certain only where this one had never written before.
    """
    mine, theirs = one.known.received, other.known.received
    if not (isinstance(mine, MariaDBGtids) and isinstance(theirs, MariaDBGtids)):
        return not theirs.of_origins([one.known.identity])
    known_of_one, known_of_other = _numbers(theirs, one.known.server_id), _numbers(mine, other.known.server_id)
    return all(domain in known_of_other and number < known_of_other[domain] for domain, number in known_of_one.items())


def _numbers(gtids: MariaDBGtids, server_id: int) -> t.Dict[int, int]:
    return {domain: number for (domain, server), number in gtids.numbers if server == server_id}
