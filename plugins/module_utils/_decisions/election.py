# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""States -> the best replica, the most advanced one, the ranking and why. Pure.

What a replica has is what it *received*; sets decide, never file positions and never one sequence number.
"""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import ANY_SITE, NEVER, PROMOTIONS, SAME_SITE

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology


@dataclass(frozen=True)
class Rank:
    """One replica in the election. ``missing``: what the most advanced replica has and this one has not.

    ``reasons``: why it must not be promoted; it is eligible without any.
    """

    name: str
    received: Gtids
    executed: Gtids
    missing: Transactions
    reasons: t.Tuple[str, ...]

    @property
    def eligible(self) -> bool:
        """Whether it may be promoted."""
        return not self.reasons


@dataclass(frozen=True)
class Loss:
    """Transactions that a replica has and that the new primary will not have."""

    server: str
    transactions: Transactions


@dataclass(frozen=True)
class Election:
    """Who is to be promoted. ``best`` is ``None`` when nobody may be.

    ``most_advanced``: the replica that holds what the best one still lacks, or the best one itself.
    ``lost``: what others have and cannot hand over. ``because``: what decided for the best one and against the next; empty where nothing had to.
    """

    best: t.Optional[str]
    most_advanced: t.Optional[str]
    ranking: t.Tuple[Rank, ...]
    lost: t.Tuple[Loss, ...]
    because: str = ""


def applier_broken(member: Member) -> bool:
    """Whether the applier of a replica stopped at an error: what it has received and not applied can be had from nobody.

    One that has applied everything and takes writes was opened by an earlier run, which ended its applier at a transaction that breaks off.
    """
    state, channel = member.known, channel_of(member)
    was_opened = state.writable and not state.not_applied
    return channel is not None and bool(channel.applier_error) and channel.applier != RUNNING and not was_opened


def relay_log_trouble(member: Member) -> str:
    """Say why what waits in the relay logs of a replica that stands still cannot be applied; nothing where it can."""
    channel = channel_of(member)
    return channel.relay_logs.trouble if channel is not None and channel.relay_logs is not None else ""


def usable(member: Member) -> Gtids:
    """What a replica can bring in: all it received, or only what it executed if it cannot apply the rest."""
    return member.known.executed if applier_broken(member) or relay_log_trouble(member) else member.known.received


def _with_what_it_writes(topology: Topology, member: Member) -> Gtids:
    """What a replica can bring in. One that takes writes has also what others have received of its own: it was written after this one was read."""
    have = usable(member)
    if not member.known.writable:
        return have
    fed, more = {member.name}, {member.name}
    while more:
        more = {name for name, sources in topology.connected.items() if sources & more} - fed
        fed |= more
    for other in topology.replicas:
        if other.name in fed:
            have = have.union(other.known.received.of_origins([member.known.identity]))
    return have


# What decides among those that have the same, in this order; of the new primary, as the reason why it and not the next.
_BECAUSE = (
    "it is named first",
    "it takes writes already",
    "nothing there keeps writes waiting",
    "it can feed more of the others",
    "it does not go on without rows that it cannot apply",
    "it has no more left to apply than a candidate may have (failover_max_to_apply)",
    "the inventory prefers it (mysql_promotion)",
    "it stands where the primary does (mysql_site)",
    "it applies without a delay",
    "it follows no other replica",
    "it has less left to apply",
    "its version is older, so that the others can follow it",
    # The name: nothing tells them apart.
    "",
)


def elect(
    topology: Topology,
    *,
    candidates: Sequence[str] = (),
    exclude: Sequence[str] = (),
    site: str = ANY_SITE,
    max_to_apply: t.Optional[int] = None,
    filtered_too: bool = False,
) -> Election:
    """Choose among the replicas of a dead primary.

    The one with the most data wins. Among equals: the user's wish, one that is writable already (an earlier run got that far), one where
    nobody holds a lock that keeps writes waiting, the one that can feed most of the others, one whose settings let it skip no rows, one that has not too
    much left to apply, what the inventory says of it, one without a delay, the one with the least left to apply, the oldest version (a newer one can read
    its binary log, not the other way round), the name.
    A wanted candidate wins even if another has more; it then catches up from that one. A wish comes too late once an earlier run has opened
    a replica that has everything: clients may be writing there.

    :arg site: one of ``SITE_RULES``. Whoever says nothing of the site of a server, or of the primary's, leaves that open: no rule applies.
    :arg max_to_apply: how many transactions a candidate may have received and not applied: one that has more wins over nobody who has the same data.
    :arg filtered_too: also those may be promoted that leave rows out, of what they replicate or of what they log.
    """
    replicas = topology.replicas
    if not replicas:
        return Election(None, None, (), ())
    wish = {name: position for position, name in enumerate(candidates)}
    reasons = {member.name: _reasons(topology, member, exclude, site, filtered_too=filtered_too) for member in replicas}

    def prefer(member: Member) -> t.Tuple[t.Any, ...]:
        state = member.known
        channel = channel_of(member)
        return (
            wish.get(member.name, len(wish)),
            not state.writable,
            state.blocked,
            _count_cut_off(member, replicas),
            bool(may_skip_rows(topology, member)),
            max_to_apply is not None and state.not_applied.count() > max_to_apply,
            PROMOTIONS.index(member.promotion),
            site != ANY_SITE and _stands_elsewhere(topology, member),
            bool(channel and channel.delay),
            topology.follows_living_member(member.name),
            state.not_applied.count(),
            state.version,
            member.name,
        )

    have = {member.name: _with_what_it_writes(topology, member) for member in replicas}
    lacking = _count_lacking(have)
    preferences = {member.name: prefer(member) for member in replicas}

    def preference(member: Member) -> t.Tuple[t.Any, ...]:
        return preferences[member.name]

    def advance(member: Member) -> t.Tuple[t.Any, ...]:
        return (lacking[member.name], bool(reasons[member.name]), preference(member))

    most_advanced = min([member for member in replicas if _can_serve(topology, member)] or replicas, key=advance)
    eligible = [member for member in replicas if not reasons[member.name]]
    opened = [member for member in eligible if member.known.leads and not lacking[member.name]]
    wanted = opened or [member for member in eligible if member.name in wish]
    best: t.Optional[Member] = None
    if eligible:
        best = min(wanted, key=preference) if wanted else min(eligible, key=advance)
        if have[best.name].contains(have[most_advanced.name]):
            most_advanced = best
    top = have[most_advanced.name]
    ranking = sorted(
        (Rank(member.name, member.known.received, member.known.executed, top.subtract(member.known.received), reasons[member.name]) for member in replicas),
        key=lambda rank: (rank.name != (best.name if best else None), not rank.eligible, rank.missing.count(), preferences[rank.name]),
    )
    lost = tuple(Loss(member.name, missing) for member in replicas for missing in [member.known.received.subtract(top)] if missing)
    because = _because(best, [member for member in wanted or eligible if member is not best], preference if wanted else advance) if best else ""
    return Election(best.name if best else None, most_advanced.name, tuple(ranking), lost, because)


def _because(best: Member, others: Sequence[Member], order: t.Callable[[Member], t.Tuple[t.Any, ...]]) -> str:
    """Say what decided between the best one and the next."""
    if not others:
        return ""

    def flat(member: Member) -> t.Tuple[t.Any, ...]:
        ordered = order(member)
        return (*ordered[:-1], *ordered[-1]) if isinstance(ordered[-1], tuple) else ordered

    first, second = flat(best), flat(min(others, key=order))
    differs = next(position for position, (one, other) in enumerate(zip(first, second)) if one != other)
    reasons = _BECAUSE if len(first) == len(_BECAUSE) else ("it has the most data", "", *_BECAUSE)
    return reasons[differs]


def _stands_elsewhere(topology: Topology, member: Member) -> bool:
    """Whether a replica stands in another site than the primary does, or did."""
    primary = topology.primary_member
    return primary is not None and bool(primary.site and member.site) and primary.site != member.site


def lacks_log(member: Member) -> t.List[str]:
    """Say why no server could replicate from a replica."""
    if not member.known.log_bin:
        return ["its binary log is off, so no server could replicate from it"]
    if not member.known.log_replica_updates:
        return ["it does not log what it replicates (log_replica_updates is off), so no server could fetch that from it"]
    if member.known.stops_replicas:
        return ["the name of its binary log is not UTF-8 (%s), so no server could replicate from it" % member.known.odd_log]
    return []


def filters_of(topology: Topology, member: Member) -> t.List[str]:
    """Say what keeps rows out of a replica, or out of its binary log, so that nobody who follows it gets them."""
    left_out = ", ".join(member.known.binlog_filters)
    of_its_log = ["its binary log leaves databases out (%s): no server gets their rows from it" % left_out] if left_out else []
    return _filtered(member) + of_its_log + _kept_from_sources(topology, member)


def lacks_rows(topology: Topology, member: Member) -> t.List[str]:
    """Say why a replica lacks rows although it has their GTIDs. What it keeps out of its own binary log, it has."""
    return _filtered(member) + _kept_from_sources(topology, member)


def _kept_from_sources(topology: Topology, member: Member) -> t.List[str]:
    """Say which replicas that stand between a replica and its primary leave rows out of what they send on.

    What the primary keeps out of its binary log no replica is to have.
    """
    found = []
    for source in _sources_before(topology, member):
        if _filters(source):
            found.append("it replicates from %s, whose replication is filtered (%s): it does not hold all rows" % (source.name, ", ".join(_filters(source))))
        if source.known.binlog_filters:
            left_out = ", ".join(source.known.binlog_filters)
            found.append("it replicates from %s, whose binary log leaves databases out (%s): it does not get their rows" % (source.name, left_out))
    return found


def may_skip_rows(topology: Topology, member: Member) -> t.List[str]:
    """Say because of which settings of a replica, or of those before it, rows may be missing of which it has the GTIDs."""
    before = ["%s=%s on %s" % (name, value, source.name) for source in _sources_before(topology, member) for name, value in source.known.may_skip]
    return ["%s=%s" % each for each in member.known.may_skip] + before


def _sources_before(topology: Topology, member: Member) -> t.List[Member]:
    """Return the replicas that stand between a replica and its primary, as far as they were read."""
    found: t.List[Member] = []
    name, seen = topology.sources.get(member.name), {member.name, topology.primary}
    while name is not None and name in topology.sources and name in topology and name not in seen:
        found.append(topology[name])
        seen.add(name)
        name = topology.sources.get(name)
    return found


def _filtered(member: Member) -> t.List[str]:
    return ["its replication is filtered (%s): it does not hold all rows" % ", ".join(_filters(member))] if _filters(member) else []


def _filters(member: Member) -> t.Tuple[str, ...]:
    channel = channel_of(member)
    return channel.filters if channel is not None else ()


def _count_lacking(have: t.Mapping[str, Gtids]) -> t.Dict[str, int]:
    """Count the transactions of others that each lacks; 0 means that its set contains every other's. Most of many replicas have the same."""
    equals = Counter(have.values())
    lacking = {one: sum(count * other.subtract(one).count() for other, count in equals.items() if other is not one) for one in equals}
    return {name: lacking[one] for name, one in have.items()}


def _count_cut_off(member: Member, replicas: Sequence[Member]) -> int:
    """Count the replicas that lack something which this one cannot send them."""
    unsendable = member.known.unsendable
    return sum(bool(unsendable.subtract(other.known.received)) for other in replicas) if unsendable else 0


def _can_serve(topology: Topology, member: Member) -> bool:
    """Whether another replica can fetch from this one what it has applied: all of it is in its binary log."""
    return member.known.logs_all and not member.known.stops_replicas and not lacks_rows(topology, member)


def _reasons(topology: Topology, member: Member, exclude: Sequence[str], site: str, *, filtered_too: bool) -> t.Tuple[str, ...]:
    state = member.known
    channel = channel_of(member)
    reasons = ["excluded by the user"] if member.name in exclude else []
    if member.promotion == NEVER:
        reasons.append("the inventory says so (mysql_promotion=never)")
    if site == SAME_SITE and _stands_elsewhere(topology, member):
        reasons.append("it stands in another site, %s, than the primary (mysql_site)" % member.site)
    reasons += lacks_log(member)
    if applier_broken(member) and channel is not None:
        reasons.append("its applier failed: %s" % channel.applier_error)
    if relay_log_trouble(member):
        reasons.append("what waits in its relay logs cannot be applied: %s" % relay_log_trouble(member))
    if not filtered_too:
        reasons += filters_of(topology, member)
    if len(state.channels) > 1:
        reasons.append("it replicates over several channels")
    if state.closed_by:
        reasons.append("it has %s, so clients could not write to it" % state.closed_by)
    return tuple(reasons)
