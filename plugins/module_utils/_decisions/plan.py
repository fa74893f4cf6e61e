# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What the topology is to be once a step is done: what a plan shows. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import elect
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._state import expected
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology, channel_of

if t.TYPE_CHECKING:
    from collections.abc import Collection


def after_election(topology: Topology, best: str, most_advanced: t.Optional[str] = None, *, forced: bool) -> Topology:
    """Return the topology as it is to be once a replica is elected and prepared: all receive no more, and it has applied what it has received.

    Where another one has more, that is ``most_advanced``: it is prepared so, and the best one only receives no more, because it will catch up.
    ``forced``: a primary that lives is kept from writing. Otherwise a replica that receives goes on with that: nobody elects it.
    """
    drained = most_advanced or best

    def prepared(member: Member) -> Member:
        state = member.state
        if state is None:
            return member
        if member.name == topology.primary:
            return replace(member, state=expected.closed(state)) if forced else member
        if (_receives(member) and not forced) or (member.name not in (best, drained) and topology.follows_living_member(member.name)):
            return member
        return replace(member, state=expected.drained(state) if member.name == drained else expected.frozen(state))

    return replace(topology, members=tuple(map(prepared, topology.members)))


def _receives(member: Member) -> bool:
    channel = channel_of(member)
    return channel is not None and channel.receiver == RUNNING


def as_if_dead(topology: Topology, also: Collection[str] = ()) -> Topology:
    """Return the topology as it would be if the primary, which lives, died now: its replicas try to connect to it, and nobody knows what it had.

    :arg also: further members that would die with it.
    """
    name = topology.primary

    def left_behind(member: Member) -> Member:
        if member.name == name or member.name in also:
            return replace(member, state=None, failure=Failure("unreachable", "%s is dead" % member.name, False))
        if member.state is None or topology.sources.get(member.name) != name:
            return member
        channels = tuple(replace(each, receiver=CONNECTING) if each.receiver == RUNNING else each for each in member.state.channels)
        return replace(member, state=replace(member.state, channels=channels))

    connected = {replica: sources - {name or ""} for replica, sources in topology.connected.items()}
    return replace(topology, members=tuple(map(left_behind, topology.members)), connected=connected)


def after_promotion(topology: Topology, name: str) -> Topology:
    """Return the topology as it is to be once a replica is promoted: it takes writes and follows nobody, and a primary that lived is read-only.

    It has then what any replica has received, and what a primary that lived has written: a promotion sees to that, or does not happen. In place of
    a dead primary it was elected before.
    """
    dead = topology.sources.get(name)
    if dead is not None and (dead not in topology or topology[dead].state is None):
        found = replace(topology, primary=dead)
        topology = after_election(found, name, elect(found, candidates=[name]).most_advanced, forced=False)
    state = topology[name].known
    everything = state.received
    for member in topology.members:
        if member.state is not None and member.state.family == state.family:
            everything = everything.union(member.state.received)

    def promoted(member: Member) -> Member:
        if member.name == name:
            return replace(member, state=replace(expected.applied(everything)(expected.opened(state)), channels=()))
        if member.state is not None and member.state.leads:
            return replace(member, state=expected.closed(member.state))
        return member

    sources = {replica: source for replica, source in topology.sources.items() if replica != name}
    return replace(topology, members=tuple(map(promoted, topology.members)), sources=sources, primary=name)


def after_repointing(topology: Topology, names: Collection[str], primary: str) -> Topology:
    """Return the topology as it is to be once these replicate from a primary. A server that was not read is left out of that."""
    repointed = {member.name for member in topology.members if member.name in names and member.state is not None}
    members = tuple(replace(member, state=expected.replicating(member.known)) if member.name in repointed else member for member in topology.members)
    return replace(topology, members=members, sources={**topology.sources, **dict.fromkeys(repointed, primary)})
