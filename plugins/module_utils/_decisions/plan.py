# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What the topology is to be once a step is done: what a plan shows. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

if t.TYPE_CHECKING:
    from collections.abc import Sequence


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
    """Return the topology as it is to be once a replica is promoted: what a plan shows."""
    members = [
        replace(member, state=replace(member.known, read_only=False, super_read_only=False, channels=())) if member.name == name else member
        for member in topology.members
    ]
    sources = {replica: source for replica, source in topology.sources.items() if replica != name}
    return replace(topology, members=tuple(members), sources=sources, primary=name)


def after_repointing(topology: Topology, names: Sequence[str], source: str) -> Topology:
    """Return the topology as it is to be once these replicas follow a source: what a plan shows."""

    def repointed(member: Member) -> Member:
        if member.name not in names or member.state is None:
            return member
        channels = tuple(replace(channel, receiver=RUNNING, applier=RUNNING) for channel in member.state.channels)
        return replace(member, state=replace(member.state, channels=channels))

    sources = {**topology.sources, **dict.fromkeys(names, source)}
    return replace(topology, members=tuple(repointed(member) for member in topology.members), sources=sources)
