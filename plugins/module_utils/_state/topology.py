# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""States of members -> who replicates from whom, who is the primary, and whether it lives. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel, State

ALIVE = "alive"
DEAD = "dead"
MAYBE_ALIVE = "maybe_alive"

# An IP address or host name, and a port.
Endpoint = t.Tuple[str, int]


@dataclass(frozen=True)
class Member:
    """One server as it was found. Exactly one of ``state`` and ``failure`` is set.

    ``endpoints``: every host and address under which it is known. ``listed``: the user named it as a member of the cluster;
    otherwise it is only what the members replicate from.
    """

    name: str
    host: str
    port: int
    endpoints: t.FrozenSet[Endpoint]
    state: t.Optional[State] = None
    failure: t.Optional[Failure] = None
    listed: bool = True

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
    ``primary``: the server that the others follow, living or not; ``None`` if that cannot be told.
    ``asked_again``: for each server that had been found dead and was only asked again whether it answers, why it does not; ``None`` if it does.
    """

    members: t.Tuple[Member, ...]
    sources: t.Mapping[str, str]
    connected: t.Mapping[str, t.FrozenSet[str]]
    primary: t.Optional[str]
    asked_again: t.Mapping[str, t.Optional[Failure]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Member:
        for member in self.members:
            if member.name == name:
                return member
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(member.name == name for member in self.members)

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
        """Whether the primary lives: V(dead) only if nothing answers there and no replica is connected to it."""
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
    channels = member.known.channels
    return channels[0] if channels else None


def make_topology(
    members: Sequence[Member], *, primary: t.Optional[str] = None, resolved: t.Optional[t.Mapping[Endpoint, t.FrozenSet[Endpoint]]] = None
) -> Topology:
    """Find out who follows whom, and who is the primary.

    :arg primary: the name of the member that the user says is the primary.
    :arg resolved: for hosts as replicas call them, the addresses behind them.
    """
    resolved = resolved or {}
    sources: t.Dict[str, str] = {}
    connected: t.Dict[str, t.FrozenSet[str]] = {}
    for member in members:
        if member.state is not None and member.state.channels:
            followed = [_source_name(channel, members, resolved) for channel in member.state.channels]
            sources[member.name] = followed[0]
            connected[member.name] = frozenset(name for name, channel in zip(followed, member.state.channels) if channel.receiver == RUNNING)
    found = primary if primary is not None else _find_primary(members, sources)
    return Topology(tuple(members), sources, connected, found)


def _source_name(channel: Channel, members: Iterable[Member], resolved: t.Mapping[Endpoint, t.FrozenSet[Endpoint]]) -> str:
    endpoint = (channel.source_host.lower(), channel.source_port)
    for known in ({endpoint}, resolved.get(endpoint, frozenset())):
        for member in members:
            if member.endpoints & known:
                return member.name
    # The same server under a name of its own: its UUID tells. Last, because it may be the previous source's until the replica has connected.
    for member in members:
        if channel.source_uuid and member.state is not None and member.state.server_uuid == channel.source_uuid:
            return member.name
    return "%s:%d" % endpoint


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


def _find_primary(members: Sequence[Member], sources: t.Mapping[str, str]) -> t.Optional[str]:
    """Return the primary: a living one that is followed, else the server that most replicas follow from the top, else the only one there is."""
    by_name = {member.name: member for member in members}
    followed: t.Dict[str, int] = {}
    for source in sources.values():
        if source not in sources:  # not itself a replica: the top of its tree
            followed[source] = followed.get(source, 0) + 1
    living = [name for name in followed if name in by_name and by_name[name].state is not None and by_name[name].known.writable]
    ranked = sorted(living or followed, key=lambda name: -followed[name])
    if len(ranked) == 1 or (len(ranked) > 1 and followed[ranked[0]] > followed[ranked[1]]):
        return ranked[0]
    if ranked:
        return None
    alone = [member.name for member in members if member.state is not None and not member.state.channels and member.state.writable]
    return alone[0] if len(alone) == 1 else None
