# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What the topology is to be once a step is done: what a plan shows. Pure."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._state.state import STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology


def after_election(topology: Topology, best: str, *, forced: bool) -> Topology:
    """Return the topology as it is to be once a replica is elected and prepared: it has applied what it has received.

    RV(forced): a primary that lives is kept from writing, and the replica receives from it no more.
    """

    def prepared(member: Member) -> Member:
        state = member.state
        if state is not None and member.name == best:
            channels = tuple(replace(channel, receiver=STOPPED) if forced else channel for channel in state.channels)
            return replace(member, state=replace(state, executed=state.received, channels=channels))
        if state is not None and member.name == topology.primary and forced:
            return replace(member, state=replace(state, read_only=True))
        return member

    return replace(topology, members=tuple(map(prepared, topology.members)))


def after_promotion(topology: Topology, name: str) -> Topology:
    """Return the topology as it is to be once a replica is promoted: it takes writes and follows nobody, and a primary that lived is read-only."""

    def promoted(member: Member) -> Member:
        if member.state is None or (member.name != name and not member.state.leads):
            return member
        if member.name != name:
            return replace(member, state=replace(member.state, read_only=True))
        return replace(member, state=replace(member.state, read_only=False, super_read_only=False, channels=()))

    sources = {replica: source for replica, source in topology.sources.items() if replica != name}
    return replace(topology, members=tuple(map(promoted, topology.members)), sources=sources, primary=name)
