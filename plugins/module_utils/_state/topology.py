# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""States of members -> who replicates from whom, who is the primary, and whether it lives. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import field, replace
from functools import cached_property

from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import NEUTRAL

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel, State

ALIVE = "alive"
DEAD = "dead"
MAYBE_ALIVE = "maybe_alive"

# How alive a server may be, by what came of asking it: the further to the right, the more.
STATUSES = (DEAD, MAYBE_ALIVE, ALIVE)

# An IP address or host name, and a port.
Endpoint = t.Tuple[str, int]


def status_of(failure: Failure) -> str:
    """Whether a server is alive that could not be read; ``dead`` if nothing is there."""
    return {True: ALIVE, False: DEAD, None: MAYBE_ALIVE}[failure.alive]


# Of servers that answer, and do not let us log in.
_NOT_LET_IN = ("login_refused", "password_withheld")


def is_shut_out(failure: Failure) -> bool:
    """Whether it is news if a server that could not be read lets us log in. Where it did so then, and cannot be read, it is left out knowingly."""
    return not failure.alive or failure.code in _NOT_LET_IN


@dataclass(frozen=True)
class Member:
    """One server as it was found. Exactly one of ``state`` and ``failure`` is set.

    ``endpoints``: every host and address under which it is known. ``listed``: the user named it as a member of the cluster;
    otherwise it is only what the members replicate from. ``promotion`` and ``site``: what the user says of it (``Entry``).
    """

    name: str
    host: str
    port: int
    endpoints: t.FrozenSet[Endpoint]
    state: t.Optional[State] = None
    failure: t.Optional[Failure] = None
    listed: bool = True
    promotion: str = NEUTRAL
    site: str = ""

    @property
    def known(self) -> State:
        """The state of a member that was read; only to be asked for where that is certain."""
        if self.state is None:
            raise ValueError("the state of %s is not known: %s" % (self.name, self.failure))
        return self.state


@dataclass(frozen=True)
class Topology:
    """A cluster as it was found.

    ``sources``: for each replica that was read, the name of the member it follows, or ``host:port`` if that is none of them.
    ``connected``: for each replica, those that it receives from at this moment, over any channel.
    ``primary``: the server that has that role, living or not; ``None`` if that cannot be told. ``rivals``: those between which only the user can
    decide then.
    ``asked_again``: for each server that had been found dead and was only asked again whether it answers, why it does not; ``None`` if it does.
    ``by_identity``: for each replica whose source is known only by what that says of itself, the address by which it is followed.
    ``reach``: for each server of which that was asked, the earliest transactions that it is known to have known of (MariaDB).
    """

    members: t.Tuple[Member, ...]
    sources: t.Mapping[str, str]
    connected: t.Mapping[str, t.FrozenSet[str]]
    primary: t.Optional[str]
    rivals: t.Tuple[str, ...] = ()
    asked_again: t.Mapping[str, t.Optional[Failure]] = field(default_factory=dict)
    by_identity: t.Mapping[str, Endpoint] = field(default_factory=dict)
    reach: t.Mapping[str, Gtids] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Member:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> t.Mapping[str, Member]:
        # Of several of one name the first one counts.
        return {member.name: member for member in reversed(self.members)}

    @property
    def listed(self) -> t.List[Member]:
        """The members that the user named."""
        return [member for member in self.members if member.listed]

    @property
    def replicas(self) -> t.List[Member]:
        """The members that were read and are not the primary: those that a failover has to do with."""
        return [member for member in self.listed if member.state is not None and member.name != self.primary]

    @property
    def unread(self) -> t.List[Member]:
        """The members, the primary apart, whose state is not known."""
        return [member for member in self.listed if member.state is None and member.name != self.primary]

    @property
    def primary_member(self) -> t.Optional[Member]:
        """The primary, if it is known at all."""
        return self[self.primary] if self.primary is not None and self.primary in self else None

    @property
    def primary_status(self) -> str:
        """Whether the primary lives: ``dead`` only if nothing answers there and no replica is connected to it."""
        member = self.primary_member
        if member is None:
            return MAYBE_ALIVE
        if member.state is not None or (member.failure is not None and member.failure.alive):
            return ALIVE
        if self.receiving_from_primary or (member.failure is not None and member.failure.alive is None):
            return MAYBE_ALIVE
        return DEAD

    @property
    def receiving_from_primary(self) -> t.List[str]:
        """The replicas whose receiver is connected to the primary."""
        return [member.name for member in self.replicas if self.primary in self.connected.get(member.name, ())]

    def follows_living_member(self, name: str) -> bool:
        """Whether a replica follows a member other than the primary that was read: what it receives there it is to go on receiving."""
        source = self.sources.get(name)
        return source is not None and source != self.primary and source in self and self[source].state is not None

    def follows_replica(self, name: str) -> bool:
        """Whether a replica follows another replica that was read: it keeps doing so whoever is the primary."""
        source = self.sources.get(name)
        return source is not None and source != self.primary and source in self.sources

    def followers(self, name: str) -> t.List[Member]:
        """The members that follow one server."""
        return [member for member in self.members if self.sources.get(member.name) == name]


def channel_of(member: Member) -> t.Optional[Channel]:
    """The channel over which a replica follows its cluster; ``None`` for a server without replication."""
    return member.known.channel


def make_topology(
    members: Sequence[Member],
    *,
    primary: t.Optional[str] = None,
    resolved: t.Optional[t.Mapping[Endpoint, t.FrozenSet[Endpoint]]] = None,
    moved: Collection[str] = (),
) -> Topology:
    """Find out who follows whom. Who is the primary is decided on that (see C(_decisions/primary)), unless it is said.

    :arg primary: the name of the member that the user says is the primary.
    :arg resolved: for hosts as replicas call them, the addresses behind them.
    :arg moved: addresses at which a replica answers that follows this address itself: they were its source's before.
    """
    resolved = resolved or {}
    sources: t.Dict[str, str] = {}
    connected: t.Dict[str, t.FrozenSet[str]] = {}
    by_identity: t.Dict[str, Endpoint] = {}
    followers = [(member, member.known.channels) for member in members if member.state is not None and member.state.channels]
    shown = _shown_by_connections(followers, members, resolved)
    for member, channels in followers:
        found = [_find_source(member, channel, members, resolved, shown) for channel in channels]
        sources[member.name] = found[0].name
        connected[member.name] = frozenset(source.name for source, channel in zip(found, channels) if channel.receiver == RUNNING)
        if found[0].only_by_identity:
            by_identity[member.name] = found[0].endpoint
    topology = Topology(tuple(members), sources, connected, primary, by_identity=by_identity)
    owner = _owner_of_dead_address(topology, moved)
    return topology if owner is None else _with_address(topology, *owner)


class _Source(t.NamedTuple):
    """Whom a channel follows: a member, or whatever is at an address. ``only_by_identity``: nothing but what that member says of itself shows it."""

    name: str
    endpoint: Endpoint
    only_by_identity: bool = False


def _shown_by_connections(
    followers: Iterable[t.Tuple[Member, Sequence[Channel]]], members: Iterable[Member], resolved: t.Mapping[Endpoint, t.FrozenSet[Endpoint]]
) -> t.Mapping[Endpoint, t.Set[str]]:
    """Return for addresses that the inventory does not have who is there: what those are talking with that are connected there."""
    shown: t.Dict[Endpoint, t.Set[str]] = {}
    for follower, channels in followers:
        for channel in channels:
            source = _find_source(follower, channel, members, resolved, {})
            if source.only_by_identity and channel.receiver == RUNNING:
                shown.setdefault(source.endpoint, set()).add(source.name)
    return shown


def _find_source(
    follower: Member,
    channel: Channel,
    members: Iterable[Member],
    resolved: t.Mapping[Endpoint, t.FrozenSet[Endpoint]],
    shown: t.Mapping[Endpoint, t.Set[str]],
) -> _Source:
    endpoint = (channel.source_host.lower(), channel.source_port)
    known = {endpoint} | resolved.get(endpoint, frozenset())
    at_address = [member for member in members if member.endpoints & {endpoint}] or [member for member in members if member.endpoints & known]
    identified = [member for member in members if member is not follower and _is_source(member, channel)]
    # An address may have moved to another server, and whoever is connected there now knows with whom it talks.
    # Otherwise the identity counts last, because it may be the previous source's until the replica has connected.
    if at_address and not (channel.receiver == RUNNING and identified and at_address[0] not in identified):
        return _Source(at_address[0].name, endpoint)
    if identified:
        return _Source(identified[0].name, endpoint, only_by_identity=True)
    # A replica of MariaDB forgets at its start with whom it talked, until it is connected again (seen: 10.11). Others that are connected there know.
    there = shown.get(endpoint, set())
    if len(there) == 1 and follower.name not in there:
        return _Source(min(there), endpoint, only_by_identity=True)
    return _Source("%s:%d" % endpoint, endpoint)


def _is_source(member: Member, channel: Channel) -> bool:
    """Whether a server is the one that a channel was connected to last, by its server_uuid or, in MariaDB, its server_id."""
    if member.state is None:
        return False
    if member.state.server_uuid or channel.source_uuid:
        return member.state.server_uuid == channel.source_uuid
    return channel.has_connected and channel.source_id not in (0, None) and member.state.server_id == channel.source_id


def followed_stranger(topology: Topology) -> t.Optional[str]:
    """Return the one address that all replicas follow that follow no replica, if no member is known to be there."""
    tops = {source for source in topology.sources.values() if source not in topology.sources}
    strangers = {name for name in tops if not (name in topology and topology[name].listed)}
    return strangers.pop() if len(tops) == 1 and strangers else None


def _owner_of_dead_address(topology: Topology, moved: Collection[str]) -> t.Optional[t.Tuple[str, Member]]:
    """Return the address that all replicas follow and at which nobody answers, and the member that it was the address of.

    A virtual address, or another name, dies with its server. That is the only member that does not answer, or the one that the user says was the
    primary. Nothing is said of an address that was not asked, nor of one at which a server answers that is no member.
    """
    address = followed_stranger(topology)
    if address is None or not (address in moved or (address in topology and topology[address].state is None)):
        return None
    unread = [member for member in topology.listed if member.state is None]
    owners = [member for member in unread if member.name == topology.primary] if topology.primary not in (None, address) else unread
    return (address, owners[0]) if len(owners) == 1 else None


def _with_address(topology: Topology, address: str, owner: Member) -> Topology:
    """Return the topology with an address as one of a member's. It is only as dead as both are."""
    at_address = next((member for member in topology.members if member.name == address), None)
    host, _colon, port = address.rpartition(":")
    failure = owner.failure
    if at_address is not None and failure is not None and at_address.failure is not None:
        failure = max(failure, at_address.failure, key=lambda each: (each.alive is not False, each.alive is True, each.refused))
    known = replace(owner, endpoints=owner.endpoints | {(host, int(port))}, failure=failure)
    members = tuple(known if member is owner else member for member in topology.members if member is not at_address)

    def named(name: str) -> str:
        return owner.name if name == address else name

    return replace(
        topology,
        members=members,
        sources={name: named(source) for name, source in topology.sources.items()},
        connected={name: frozenset(map(named, sources)) for name, sources in topology.connected.items()},
        primary=topology.primary if topology.primary != address else owner.name,
    )


def must_look_into_relay_logs(topology: Topology, member: Member) -> bool:
    """Whether what a replica has received can only be read off its relay logs, and no living source has it for certain.

    That costs a moment, so it is asked only of replicas that stand still and would forget them, and of those that an interrupted run left while
    they applied their relay logs.
    """
    channel = channel_of(member)
    if channel is None or not channel.forgets_relay_logs or not channel.relay_log[0] or not (channel.is_stopped or channel.applies_relay_logs):
        return False
    source = topology.sources[member.name]
    return source not in topology or topology[source].state is None
