# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""States -> problems, each with a code, the server, the GTIDs at stake and a remedy. Pure.

Every code that users can meet stands in REMEDIES, and nowhere else: the documentation's table is made from it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import applier_broken, elect, filters_of, only_sends, relay_log_trouble
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_was_ahead, follows_stranger, may_have_been_opened, was_ahead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import check_rivals, is_written_to, strays
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.readiness import check_serves_clients
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, not_a_member
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, DEAD, channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import ANY_SITE

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Election
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology


def check_reading(topology: Topology) -> Iterator[Problem]:
    """Members whose state could not be had; the primary apart, of which that is expected."""
    for member in topology.unread:
        if member.failure is not None:
            yield Problem(member.failure.code, member.name, member.failure.message)


def check_managed(topology: Topology) -> Iterator[Problem]:
    """Servers of which something else decides who is the primary: two that decide are worse than either."""
    for member in topology.members:
        for manager in member.state.managed_by if member.state is not None else ():
            yield Problem("managed_elsewhere", member.name, "%s is managed by %s" % (member.name, manager))


def check_identities(topology: Topology) -> Iterator[Problem]:
    """Members that are one server twice, share an identity, or are of different families."""
    read = [member for member in topology.members if member.state is not None]
    families = sorted({member.known.family for member in read})
    if len(families) > 1:
        named = ", ".join("%s %s" % (member.name, member.known.version_text) for member in read)
        yield Problem("mixed_families", "", "the cluster has servers of both families: %s" % named)
    by_id: t.Dict[int, Member] = {}
    for member in read:
        other = by_id.setdefault(member.known.server_id, member)
        if other is member:
            continue
        pair = (other.name, member.name)
        if member.endpoints & other.endpoints:
            yield Problem("same_server", member.name, "%s and %s are the same server" % pair)
        elif not member.known.server_uuid or member.known.server_uuid != other.known.server_uuid:
            yield Problem("same_server_id", member.name, "%s and %s have the same server_id %d" % (pair + (member.known.server_id,)))
    by_uuid: t.Dict[str, Member] = {}
    for member in read:
        if not member.known.server_uuid:
            continue
        other = by_uuid.setdefault(member.known.server_uuid, member)
        if other is not member and not member.endpoints & other.endpoints:
            yield Problem("same_server_uuid", member.name, "%s and %s have the same server_uuid %s" % (other.name, member.name, member.known.server_uuid))


def check_replication(topology: Topology) -> Iterator[Problem]:
    """Replicas that do not use GTIDs, follow somebody else, or could change by themselves."""
    for member in topology.replicas:
        state = member.known
        channel = channel_of(member)
        if state.gtid_mode != "ON":
            yield Problem("gtid_off", member.name, "%s has gtid_mode=%s" % (member.name, state.gtid_mode))
        elif channel is not None and not channel.auto_position:
            yield Problem("gtid_off", member.name, "%s replicates by file and position, not by GTID" % member.name)
        if len(state.channels) > 1:
            names = ", ".join(repr(each.name) for each in state.channels)
            yield Problem("multi_source", member.name, "%s replicates over several channels: %s" % (member.name, names))
        source = topology.sources.get(member.name)
        if follows_stranger(member, topology):
            yield Problem(
                "other_primary", member.name, "%s replicates from %s, not from %s" % (member.name, source, topology.primary or "a member of this cluster")
            )
        for each in state.channels:
            if each.auto_failover:
                yield Problem("auto_failover_on", member.name, "%s has SOURCE_CONNECTION_AUTO_FAILOVER=1" % member.name)


def check_addresses(topology: Topology, new: t.Optional[str] = None) -> Iterator[Problem]:
    """Addresses that replicas follow and that are known to be a member's only because that member answers now: once it is dead nobody knows.

    :arg new: whom they are to follow instead. Where that is in their network nobody has said, so they are moved to another one.
    """
    followers: t.Dict[t.Tuple[str, str], t.List[str]] = {}
    for name, (host, port) in topology.by_identity.items():
        followers.setdefault((topology.sources[name], "%s:%d" % (host, port)), []).append(name)
    for (source, address), names in sorted(followers.items()):
        what = "that it is %s can only be told while %s lives" % (source, source) if new is None else "they are told the address of %s in the inventory" % new
        message = "%s replicate%s from %s by the address %s, which the inventory does not have: %s"
        yield Problem("address_unknown", source, message % (", ".join(names), "s" * (len(names) == 1), source, address, what))


def check_relay_logs(topology: Topology) -> Iterator[Problem]:
    """MariaDB replicas whose next start would discard what they have received.

    In GTID mode the first thread that starts while both are stopped throws the relay logs away (seen: 10.5, 10.11, 11.8).
    """
    for member in topology.replicas:
        channel = channel_of(member)
        left = member.known.not_applied
        if channel is None or channel.relay_logs is None or not channel.relay_logs.is_complete:
            continue  # check_relay_logs_are_known
        if left:
            message = "the replication threads of %s are stopped, and its relay logs hold %s not applied yet: %s" % (member.name, left.counted(), left)
            yield Problem("relay_logs_at_risk", member.name, message, gtids=str(left))
        elif channel.relay_logs.trouble:
            message = "the replication threads of %s are stopped, and its relay logs cannot be applied: %s" % (member.name, channel.relay_logs.trouble)
            yield Problem("relay_logs_at_risk", member.name, message)


def check_log_is_whole(topology: Topology) -> Iterator[Problem]:
    """A primary that keeps rows out of its binary log: no replica has them, and whoever takes over lacks them."""
    primary = topology.primary_member
    if primary is not None and primary.state is not None and primary.state.binlog_filters:
        message = "the binary log of the primary %s leaves databases out (%s): no replica has their rows"
        yield Problem("binlog_filtered", primary.name, message % (primary.name, ", ".join(primary.state.binlog_filters)))


def check_logs_ahead(topology: Topology) -> Iterator[Problem]:
    """MariaDB replicas that have lost in a crash what their binary logs have kept, and do not get it again."""
    for member in topology.replicas:
        if only_sends(member):
            yield _log_ahead(member)


def _log_ahead(member: Member) -> Problem:
    ahead = member.known.ahead
    lost = ahead.logged.subtract(member.known.executed) if ahead is not None else None
    message = "the binary log of %s holds %s that its data have lost in a crash: %s"
    return Problem("log_ahead", member.name, message % (member.name, lost.counted() if lost is not None else "", lost), str(lost))


def check_relay_logs_are_known(topology: Topology) -> Iterator[Problem]:
    """MariaDB replicas whose relay logs cannot be read to their end, so that nobody knows what they have received."""
    for member in topology.replicas:
        channel = channel_of(member)
        if channel is not None and channel.relay_logs is not None and not channel.relay_logs.is_complete:
            message = "the replication threads of %s are stopped, and it cannot be told what its relay logs hold: %s" % (
                member.name,
                channel.relay_logs.trouble,
            )
            yield Problem("relay_logs_at_risk", member.name, message)


def check_writers(topology: Topology) -> Iterator[Problem]:
    """Servers beside the primary that take writes, and a living primary that takes none."""
    primary = topology.primary_member
    if primary is None or primary.state is None:
        return
    writing = [member for member in topology.replicas if member.known.writable]
    if not primary.state.writable and writing:
        names = ", ".join(member.name for member in writing)
        yield Problem("switchover_unfinished", primary.name, "the primary %s is read-only, and writes are taken by %s" % (primary.name, names))
    elif not primary.state.writable:
        yield Problem("primary_read_only", primary.name, "the primary %s is read-only" % primary.name)
    else:
        yield from check_serves_clients(primary)
        for member in writing:
            if is_written_to(topology, member):
                yield Problem("two_writable", member.name, "%s takes writes, and so does the primary %s" % (member.name, primary.name))
            else:
                yield Problem("replica_writable", member.name, "%s takes writes, although it is a replica of %s" % (member.name, topology.sources[member.name]))


def check_leaders(topology: Topology) -> Iterator[Problem]:
    """What leaves open where clients are to write although the primary lives; replicas that could be written to, but follow it, do not.

    An open server that is there twice is no second one: to close it would be to close the primary.
    """
    twice = [problem for problem in check_identities(topology) if problem.code == "same_server"]
    return iter(twice or [problem for problem in check_writers(topology) if problem.code != "replica_writable"])


def check_followers(topology: Topology) -> Iterator[Problem]:
    """Replicas of a living primary that do not replicate, or not from it."""
    elsewhere = strays(topology)
    for member in topology.replicas:
        channel = channel_of(member)
        if channel is None:
            yield Problem("not_a_replica", member.name, "%s replicates from nobody" % member.name)
        elif member.name in elsewhere:
            message = "%s replicates from %s, and the primary is %s" % (member.name, topology.sources[member.name], topology.primary)
            yield Problem("stray_replica", member.name, message)
        elif applier_broken(member) and only_sends(member):
            yield _log_ahead(member)
        elif applier_broken(member):
            yield Problem("applier_broken", member.name, "the applier of %s failed: %s" % (member.name, channel.applier_error))
        elif was_ahead(channel):
            yield from check_was_ahead(member.name, channel, topology.sources.get(member.name))
        elif channel.receives_no_more or channel.applier == STOPPED:
            error = channel.receiver_error or channel.applier_error
            message = "%s does not replicate: receiver %s, applier %s%s" % (member.name, channel.receiver, channel.applier, ": " + error if error else "")
            yield Problem("not_replicating", member.name, message)
        elif not logs_what_it_replicates(topology, member):
            message = "%s replicates from %s, which does not log all that it replicates (%s): %s never gets it"
            source = topology[topology.sources[member.name]].known
            why = ", ".join(source.binlog_filters) or ("log_replica_updates is off" if source.log_bin else "log_bin is off")
            yield Problem("source_does_not_log", member.name, message % (member.name, topology.sources[member.name], why, member.name))
        elif channel.receiver == CONNECTING and topology.primary_status == ALIVE:
            message = "%s cannot connect to %s: %s" % (member.name, topology.sources.get(member.name), channel.receiver_error)
            yield Problem("not_replicating", member.name, message)


def logs_what_it_replicates(topology: Topology, member: Member) -> bool:
    """Whether the source of a replica logs what it replicates itself, as far as it was read. The primary replicates nothing."""
    name = topology.sources.get(member.name)
    source = topology[name] if name is not None and name in topology else None
    return source is None or source.state is None or not source.state.channels or source.state.logs_all


def check_primary_is_member(topology: Topology) -> Iterator[Problem]:
    """Whether the dead primary is a member: where it is not, others may be missing as well, and another run may promote one of them.

    A slice of a job in AWX, a host that is disabled there and a filter leave a run a part of a group (seen: AWX 24.6 made two primaries of a cluster).
    """
    primary = topology.primary_member
    if topology.primary is not None and (primary is None or not primary.listed):
        message = "the primary %s is not a member of this cluster (%s); if others are missing too, what they have received is not known"
        members = ", ".join(sorted(member.name for member in topology.listed))
        yield Problem("primary_not_in_group", topology.primary, message % (topology.primary, members))


def check_primary_is_dead(topology: Topology) -> Iterator[Problem]:
    """What speaks against taking the role away from the primary."""
    name = topology.primary
    if name is None and topology.rivals:
        yield from check_rivals(topology)
        return
    if name is None:
        followed = ", ".join("%s follows %s" % pair for pair in sorted(topology.sources.items())) or "no server follows another"
        yield Problem("primary_unknown", "", "it cannot be told which server is the primary: %s" % followed)
        return
    status = topology.primary_status
    member = topology.primary_member
    if status == ALIVE:
        detail = "" if member is None or member.failure is None else " (it answered: %s)" % member.failure.message
        yield Problem("primary_alive", name, "the primary %s is alive%s" % (name, detail))
    elif member is not None and member.failure is not None and member.failure.hangs:
        # It cannot be kept from writing, and what its clients wait to write is written once it goes on.
        message = "the primary %s lets us log in, as it may its clients, and hangs then: %s"
        yield Problem("primary_hangs", name, message % (name, member.failure.message))
    elif status != DEAD:
        receiving = topology.receiving_from_primary
        if receiving:
            connected = "%s still %s connected to it" % (", ".join(receiving), "are" if len(receiving) > 1 else "is")
            message = "the primary %s does not answer here, but %s" % (name, connected)
        else:
            failure = member.failure if member is not None else None
            message = "the primary %s may be alive: %s" % (name, failure.message if failure is not None else "it was not asked")
        yield Problem("primary_maybe_alive", name, message)


def check_forced(topology: Topology, named: t.Optional[str]) -> Iterator[Problem]:
    """Say that a primary that lives is not replaced by force unless it is named: run once more, it would be the one that was opened a moment ago."""
    if topology.primary is not None and topology.primary_status == ALIVE and named is None:
        message = "the primary %s is alive: failover_force changes nothing unless failover_dead_primary names it"
        yield Problem("primary_alive", topology.primary, message % topology.primary)


def check_primary_lives(topology: Topology) -> Iterator[Problem]:
    """What speaks against the primary being alive."""
    for problem in check_primary_is_dead(topology):
        if problem.code != "primary_alive":
            yield problem
    if topology.primary_status == DEAD and topology.primary is not None:
        yield Problem("primary_dead", topology.primary, "the primary %s is dead: nothing answers there and no replica receives from it" % topology.primary)


def check_primary_is_read(topology: Topology) -> Iterator[Problem]:
    """A primary that lives and does not say how it stands: it is left alone, and nobody knows what is wrong with it, or only there."""
    member = topology.primary_member
    if topology.primary_status == ALIVE and member is not None and member.listed and member.failure is not None:
        yield Problem(member.failure.code, member.name, member.failure.message)


def without_consequences(topology: Topology, problems: Sequence[Problem]) -> t.List[Problem]:
    """Leave out what only follows from it that no server could be read, where the reasons for that are among the problems."""
    follows = ("primary_unknown", "no_replicas")
    if any(member.state is not None for member in topology.members) or all(problem.code in follows for problem in problems):
        return list(problems)
    return [problem for problem in problems if problem.code not in follows]


def check_connected(topology: Topology) -> Iterator[Problem]:
    """Replicas none of which has been connected to the dead primary since it was started, or pointed to it: nobody knows what that one wrote.

    A replica names the server_id of its source only once it has been connected to it (seen: 5.6, 9.7, 10.5, 10.11, 11.8).
    """
    primary = topology.primary
    followers = [member for member in topology.followers(primary or "") if member.listed and member.state is not None]
    asked = [(member, channel) for member in followers for channel in member.known.channels[:1]]
    if any(channel.source_id or channel.applies_relay_logs for _member, channel in asked) or any(member.known.leads for member in topology.replicas):
        return
    for member, _channel in asked:
        message = "%s has never been connected to %s since it was started or pointed to it, nor has any other replica: it lacks what %s wrote meanwhile"
        yield Problem("never_connected", member.name, message % (member.name, primary, primary))


def elect_whole(
    topology: Topology, candidates: Sequence[str] = (), exclude: Sequence[str] = (), site: str = ANY_SITE, max_to_apply: t.Optional[int] = None
) -> t.Tuple[Election, t.List[Problem]]:
    """Elect among the replicas that hold all rows; where there are none, among all, and say that the one elected leaves rows out."""
    election = elect(topology, candidates=candidates, exclude=exclude, site=site, max_to_apply=max_to_apply)
    if election.best is None:
        accepting = elect(topology, candidates=candidates, exclude=exclude, site=site, max_to_apply=max_to_apply, filtered_too=True)
        if accepting.best is not None:
            message = "%s leaves rows out, as does every replica that may be promoted otherwise: %s"
            reasons = "; ".join(filters_of(topology, topology[accepting.best]))
            return accepting, [Problem("filtered", accepting.best, message % (accepting.best, reasons))]
    return election, []


def check_election(topology: Topology, election: Election) -> Iterator[Problem]:
    """What speaks against an election's outcome: nobody eligible, or transactions that would be lost."""
    if not topology.replicas:
        yield Problem("no_replicas", "", "there is no replica whose state is known")
        return
    if election.best is None:
        why = "; ".join("%s: %s" % (rank.name, ", ".join(rank.reasons)) for rank in election.ranking)
        yield Problem("no_candidate", "", "no replica may be promoted: %s" % why)
    for member in topology.replicas:
        if is_written_to(topology, member) and member.name != election.best:
            does = "follows nobody" if member.known.leads else "feeds %s" % ", ".join(each.name for each in topology.followers(member.name))
            message = "%s takes writes and %s (promoted by an earlier run?): %s would be the second" % (member.name, does, election.best or "another")
            yield Problem("two_writable", member.name, message)
    for loss in election.lost:
        member = topology[loss.server]
        channel = channel_of(member)
        gtids = str(loss.transactions)
        who = "no other replica can" if election.best in (None, loss.server) else "%s cannot" % election.best
        counted = "%s that %s get: %s" % (loss.transactions.counted(), who, gtids)
        if applier_broken(member) and channel is not None:
            message = "the applier of %s failed (%s), and it has received %s" % (loss.server, channel.applier_error, counted)
            yield Problem("applier_broken", loss.server, message, gtids=gtids)
        elif relay_log_trouble(member):
            message = "the relay logs of %s cannot be applied (%s), and it has received %s" % (loss.server, relay_log_trouble(member), counted)
            yield Problem("relay_logs_at_risk", loss.server, message, gtids=gtids)
        else:
            yield Problem("diverged", loss.server, "%s has %s" % (loss.server, counted), gtids=gtids)


def check_opened(topology: Topology, best: str) -> Iterator[Problem]:
    """A replica that an interrupted run may have opened already, where another one is to be promoted that takes no writes yet.

    To be asked before receivers are stopped: where replicas take writes at all times, those that stand still cannot be told apart after that.
    """
    if topology[best].known.writable:
        return
    for member in topology.replicas:
        others = [other for other in topology.members if other.state is not None and other is not member]
        if channel_of(member) is not None and may_have_been_opened(member, others, topology):
            message = "%s takes writes (opened by an interrupted run?), and %s would be the second. To finish that run, promote %s (failover_candidates, "
            message = (message + "switchover_to)") % (member.name, best, member.name)
            yield Problem("two_writable", member.name, message)


def check_names(names: Iterable[str], members: Iterable[str]) -> Iterator[Problem]:
    """Names that are not those of members."""
    known = list(members)
    return (not_a_member(name, known) for name in names if name not in known)
