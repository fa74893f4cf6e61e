# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Whose transactions are whose: errant ones, and what a former primary wrote and lost. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtidRanges, MariaDBGtids, empty
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, channel_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel, State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

_Numbers = t.Mapping[t.Tuple[int, int], int]

# With what a source refuses a replica that has transactions which it does not have, although it should: MariaDB; MySQL 5.6 and later.
_KNOWS_LESS = ("which is not in the master's binlog", "more GTIDs than the")


def says_that_source_knows_less(error: str) -> bool:
    """Whether by this error a source has refused a replica because that has what it lacks."""
    return any(text in error for text in _KNOWS_LESS)


def was_ahead(channel: t.Optional[Channel]) -> bool:
    """Whether a replica had more than its source when it last asked for more, so that its receiver has stopped.

    The source may have written on since, and the two sets may look alike: under the GTIDs that it had lost it has other transactions then. Nobody else
    tells that, and only until the receiver is started, or the replica: then both go on as if nothing had happened (seen: 5.6, 9.7, 10.11). A STOP leaves
    the error as it is. MySQL shows also the error of its last source, until it has connected to the next one.
    """
    return channel is not None and channel.receiver != RUNNING and bool(channel.source_id) and says_that_source_knows_less(channel.receiver_error)


def check_was_ahead(name: str, channel: t.Optional[Channel], source_name: t.Optional[str], gtids: str = "") -> Iterator[Problem]:
    """A replica that would go on without what its source has written under GTIDs that the replica has from before."""
    if channel is not None and was_ahead(channel):
        message = "%s has transactions that %s had lost when %s last asked for more, and %s may have written others under the same GTIDs since: %s"
        yield Problem("diverged", name, message % (name, source_name, name, source_name, channel.receiver_error), gtids)


def ahead_of_primary(topology: Topology) -> t.List[Member]:
    """Return the replicas of the primary that had more than it had when they last asked it for more."""
    return [member for member in topology.replicas if topology.sources.get(member.name) == topology.primary and was_ahead(channel_of(member))]


def check_ahead_of_primary(topology: Topology, *, goes_on: bool) -> Iterator[Problem]:
    """Replicas that have other transactions than their primary under the same GTIDs, and are to follow one that has those of the primary, or the reverse.

    Where all are such replicas they have the same: all of it came from that primary before it lost it. One that has gone on with it may have what it wrote
    since; what cannot be told apart from that is one that has not asked again.

    :arg goes_on: the primary lives, and is to hand over all that it has.
    """
    ahead = ahead_of_primary(topology)
    others = [member for member in topology.replicas if topology.sources.get(member.name) == topology.primary and member not in ahead]
    if goes_on or any(not _have_the_same(member.known, other.known) for member in ahead for other in others):
        for member in ahead:
            yield from check_was_ahead(member.name, channel_of(member), topology.primary)


def check_told_apart(topology: Topology) -> Iterator[Problem]:
    """A primary whose transactions cannot be told from those of its replicas, so that nobody can say what is lost with it."""
    ahead, primary = ahead_of_primary(topology), topology.primary
    if ahead and primary is not None:
        message = "%s had lost transactions that %s has, and what it may have written under the same GTIDs since, no replica has received"
        yield Problem("diverged", primary, message % (primary, ", ".join(member.name for member in ahead)))


def _have_the_same(one: State, other: State) -> bool:
    return one.received.contains(other.received) and other.received.contains(one.received)


def check_histories(topology: Topology) -> Iterator[Problem]:
    """Transactions of a replica that cannot have come from its primary, as far as that can be told from what the servers have.

    What replicas hold beyond the dead primary's last polled set is not errant (seen: false alarms in other tools), nor what clients have
    written to a replica since an interrupted run has opened it, whoever has that from there by now.
    """
    origins = _primary_origins(topology)
    read = [member for member in topology.members if member.state is not None]
    others_of = {member.name: [other for other in read if other is not member] for member in topology.replicas}
    opened = {member.name: member.known.identity for member in topology.replicas if may_have_been_opened(member, others_of[member.name], topology)}
    written = frozenset(opened.values())
    for member in topology.replicas:
        others = others_of[member.name]
        if member.known.leads or follows_stranger(member, topology) or member.name in opened:
            continue
        is_mysql = member.known.family == "mysql"
        errant = _errant_in_mysql(member, others, origins, written) if is_mysql else _errant_in_mariadb(member, others, origins, topology.reach)
        if errant:
            message = "%s holds transactions that no other server has and that its primary never had: %s" % (member.name, errant)
            yield Problem("errant", member.name, message, gtids=str(errant))


def without_holes(before: Topology) -> bool:
    """Whether no replica may have a hole: of each that is fed by a living primary, all that it lacks may still be on its way to it."""
    return not any(_hole_of(member, before, None) for member in before.replicas)


def check_holes(before: Topology, now: Topology) -> Iterator[Problem]:
    """Replicas that go on without what their primary has of earlier ones, because they skip it: it carries their own server_id.

    ``before`` is an earlier look: who has by now all that the primary had written itself has come past what earlier primaries had written.
    """
    for member in now.replicas:
        hole = _hole_of(member, before, member) if member.name in before and before[member.name].state is not None else None
        if hole:
            message = "%s replicates, and lacks %s that %s has from earlier primaries: %s. It has skipped them, perhaps because they carry its own server_id"
            yield Problem("history_lost", member.name, message % (member.name, hole.counted(), before.primary, hole), str(hole))


def _hole_of(member: Member, topology: Topology, read_since: t.Optional[Member]) -> t.Optional[Transactions]:
    """Return what a replica lacks of earlier primaries of its living primary; ``read_since``: only if it has come past that since, when it was read."""
    primary, channel, now = topology.primary_member, channel_of(member), read_since or member
    if primary is None or primary.state is None or channel is None or not channel.is_running or topology.sources.get(member.name) != topology.primary:
        return None
    lacking = primary.state.executed.subtract(now.known.received)
    if primary.state.family == "mysql":
        lacking = lacking.of_origins(lacking.origins() - {primary.state.identity})
    else:
        # Their states may leave others out: of those that were made from copies, and that did not log for a while.
        lacking = lacking.of_origins([now.known.identity] if now.known.logs_all else [])
    own = primary.state.executed.of_origins([primary.state.identity])
    return lacking if lacking and (read_since is None or now.known.received.contains(own)) else None


def must_look_into_histories(topology: Topology) -> t.List[str]:
    """Name the servers of MariaDB of which it must be asked how far their histories reach back: a replica has transactions of its own that they lack."""
    read = [member for member in topology.listed if member.state is not None and member.known.family == "mariadb"]
    wrote_alone = [
        member
        for member in read
        if channel_of(member) is not None
        for key, number in _numbers(member).items()
        if str(key[1]) == member.known.identity
        # Whether the primary has it does not matter: it may be dead the next time.
        and all(number > _numbers(other).get(key, 0) for other in read if other is not member and other.name != topology.primary)
    ]
    return [member.name for member in read if member.known.log_bin and any(other is not member for other in wrote_alone)]


def check_own_history(name: str, state: State, source_name: str, source: State) -> Iterator[Problem]:
    """What a former primary wrote, lost, and would never get back: a replica skips whatever bears its own server_id."""
    lost = source.executed.subtract(state.received).of_origins([state.identity])
    if isinstance(lost, MariaDBGtidRanges) and isinstance(state.received, MariaDBGtids) and _are_of_unknown_domains(lost, state.received):
        unknown = "domain%s %s" % ("s" * (len(lost.domains()) > 1), ", ".join(map(str, sorted(lost.domains()))))
        message = "%s knows nothing of %s, in which it wrote %s that %s has: %s. This statement tells it that it has them: %s" % (
            *(name, unknown, lost.counted(), source_name, lost),
            "SET GLOBAL gtid_slave_pos = CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_current_pos, ''), '%s')" % lost.latest(),
        )
        yield Problem("domain_unknown", name, message, str(lost))
    elif lost:
        yield Problem("history_lost", name, "%s lacks %s that it wrote itself and %s has: %s" % (name, lost.counted(), source_name, lost), str(lost))


def _are_of_unknown_domains(lost: MariaDBGtidRanges, received: MariaDBGtids) -> bool:
    """Whether a server that lacks these has everything of the domains that it knows: then it may have been told to forget the other ones.

    ``FLUSH BINARY LOGS DELETE_DOMAIN_ID`` leaves nothing that would tell this from data that are older than the first transaction of a domain.
    """
    return bool(received) and bool(lost) and not lost.domains() & received.heads().keys()


def follows_stranger(member: Member, topology: Topology) -> bool:
    """Whether a replica follows neither the primary nor a member: that is what is wrong with it, not the transactions that it has from there."""
    source = topology.sources.get(member.name)
    return source is not None and source != topology.primary and (source not in topology or not topology[source].listed)


def may_have_been_opened(member: Member, others: Sequence[Member], topology: Topology) -> bool:
    """Whether a run may have been interrupted right after it opened this replica, before it could end its replication.

    Before that a failover stops its receiver, and a switchover closes the old primary. Clients write to it while one server after the other is read: what
    others have by then of its own proves nothing.
    """
    channel, primary = channel_of(member), topology.primary_member
    if topology.primary_status == ALIVE:
        prepared = primary is not None and primary.state is not None and not primary.state.writable
    else:
        prepared = channel is not None and channel.receives_no_more
    return prepared and member.known.writable and all(_lacks_only_its_own(member.known, other.known) for other in others)


def _lacks_only_its_own(state: State, other: State) -> bool:
    return other.received.subtract(state.executed).origins() <= {state.identity}


def _errant_in_mysql(member: Member, others: Sequence[Member], origins: t.FrozenSet[str], written: t.FrozenSet[str]) -> t.Optional[Transactions]:
    """Return what no other server has, apart from what the primary wrote itself, or who was opened in its place (``written``).

    A server that stands still, and lacks something that the primary wrote, may do so since an earlier primary, which may have been this member:
    it is no witness.
    """
    received = member.known.received
    suspect = received.of_origins(received.origins() - origins - written if origins else [member.known.identity])
    fed = received.of_origins(origins)
    elsewhere, has_witness = empty("mysql"), False
    for other in others:
        if not origins or other.known.identity in origins or _was_fed(other, other.known.received.of_origins(origins), fed):
            elsewhere, has_witness = elsewhere.union(other.known.received), True
            if elsewhere.contains(suspect):
                return None
    return suspect.subtract(elsewhere) if has_witness else None


def _was_fed(other: Member, theirs: Gtids, fed: Gtids) -> bool:
    """Whether a server received what the primary wrote, all of it or until it died."""
    return bool(theirs) and (_kept_receiving(other) or theirs.contains(fed))


def _kept_receiving(other: Member) -> bool:
    channel = channel_of(other)
    return channel is not None and not channel.receives_no_more


def _errant_in_mariadb(member: Member, others: Sequence[Member], origins: t.FrozenSet[str], reach: t.Mapping[str, Gtids]) -> t.Optional[Transactions]:
    """Return the last numbers that a replica wrote itself, where no other server knows them.

    A state names the last number of each server: of a replica built from a copy only those since then. One that does not know every earlier
    primary is no witness, nor is one that stands still and lacks something that the primary wrote (see above); one that does not log what it
    applies names nobody but itself. Nor does one testify of what came before its own history begins, see ``_would_know``.
    """
    own = member.known.identity
    numbers = _numbers(member)
    wrote = {key: number for key, number in numbers.items() if str(key[1]) == own}
    if own in origins or not wrote:
        return None
    earlier = {key for key in numbers if str(key[1]) not in (own, *origins)}
    fed = {key: number for key, number in numbers.items() if str(key[1]) in origins}
    known = [have for have in (other.known.received for other in others if other.known.log_replica_updates) if isinstance(have, MariaDBGtids)]
    witnesses = [
        (theirs, _as_numbers(reach.get(other.name)))
        for other, theirs in zip(others, map(_numbers, others))
        if other.known.log_replica_updates
        and earlier <= theirs.keys()
        and (other.known.identity in origins or _kept_receiving(other) or all(theirs.get(key, 0) >= number for key, number in fed.items()))
    ]
    if not witnesses:
        return None
    errant = {
        key: number
        for key, number in wrote.items()
        if not any(_names(theirs, key, number) for theirs in known) and any(_would_know(theirs, earliest, key, number) for theirs, earliest in witnesses)
    }
    return MariaDBGtids(tuple(errant.items()))


def _would_know(theirs: _Numbers, earliest: _Numbers, key: t.Tuple[int, int], number: int) -> bool:
    """Whether a server would know of a transaction if it had ever received it.

    It has not come so far, or it has passed it and its history reaches back before it. One that was built from a copy and told where to go on
    (``gtid_slave_pos``) knows the last number of each domain then, and who wrote before that it does not know.

    :arg earliest: the earliest transactions that its binary log shows it to have known of.
    """
    in_domain = [last for (domain, _server), last in theirs.items() if domain == key[0]]
    if key in theirs or not in_domain or max(in_domain) <= number:
        return True
    return min([*in_domain, *(first for (domain, _server), first in earliest.items() if domain == key[0])]) < number


def _names(gtids: MariaDBGtids, key: t.Tuple[int, int], number: int) -> bool:
    """Whether a set names a number of that very server, or all numbers at that place: a higher one of another server does not do."""
    return number <= gtids.last.get(key, 0) or gtids.has_waiting(key[0], number)


def _numbers(member: Member) -> _Numbers:
    return _as_numbers(member.known.received)


def _as_numbers(gtids: t.Optional[Gtids]) -> _Numbers:
    return gtids.last if isinstance(gtids, MariaDBGtids) else {}


def _primary_origins(topology: Topology) -> t.FrozenSet[str]:
    """Name the primary as GTIDs do: what it says of itself, or what those that follow it know of it."""
    primary = topology.primary_member
    if primary is not None and primary.state is not None:
        return frozenset([primary.state.identity])
    followers = [member for member in topology.replicas if topology.sources.get(member.name) == topology.primary]
    channels = [(member.known.family, channel) for member in followers for channel in member.known.channels[:1]]
    return frozenset(channel.source_uuid if family == "mysql" else str(channel.source_id or "") for family, channel in channels) - {""}
