# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""States of members -> who replicates from whom, who is the primary, and whether it lives. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import field

from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
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
    ``primary``: the server that has that role, living or not; ``None`` if that cannot be told. ``rivals``: those between which only the user can
    decide then.
    ``asked_again``: for each server that had been found dead and was only asked again whether it answers, why it does not; ``None`` if it does.
    ``reach``: for each server of which that was asked, the earliest transactions that it is known to have known of (MariaDB).
    """

    members: t.Tuple[Member, ...]
    sources: t.Mapping[str, str]
    connected: t.Mapping[str, t.FrozenSet[str]]
    primary: t.Optional[str]
    rivals: t.Tuple[str, ...] = ()
    asked_again: t.Mapping[str, t.Optional[Failure]] = field(default_factory=dict)
    reach: t.Mapping[str, Gtids] = field(default_factory=dict)

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
    channels = member.known.channels
    return channels[0] if channels else None


def make_topology(
    members: Sequence[Member], *, primary: t.Optional[str] = None, resolved: t.Optional[t.Mapping[Endpoint, t.FrozenSet[Endpoint]]] = None
) -> Topology:
    """Find out who follows whom. Who is the primary is decided on that (see C(_decisions/primary)), unless it is said.

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
    return Topology(tuple(members), sources, connected, primary)


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
