# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a watcher has seen -> the payload of an event: names of our own that are never renamed. Pure."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ansible_collections.dbha.mysql.plugins.module_utils._server.text import all_printable
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.watching import Event, Look
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology


def describe_event(cluster: str, event: Event, look: Look, paused: bool) -> t.Dict[str, t.Any]:
    """Describe an event with what each server says at that moment, of plain values that can be shown."""
    topology = look.topology
    primary = topology.primary_member
    described: t.Dict[str, t.Any] = {
        "type": event.type,
        "cluster": cluster,
        "time": _written(look.at),
        "since": _written(event.since),
        "times": event.times,
        "paused": paused,
        "server": event.server,
        "code": event.code,
        "message": event.message,
        "remedy": event.remedy,
        "gtids": event.gtids,
        "primary": {**_describe(primary), "status": topology.primary_status} if primary is not None else {},
        "replicas": [_describe_replica(member, topology) for member in topology.listed if member is not primary],
    }
    shown: t.Dict[str, t.Any] = all_printable(described)
    return shown


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _describe(member: Member) -> t.Dict[str, t.Any]:
    state, failure = member.state, member.failure
    return {
        "name": member.name,
        "host": member.host,
        "port": member.port,
        "reachable": state is not None,
        "error": failure.message if failure is not None else "",
        "writable": state.writable if state is not None else None,
    }


def _describe_replica(member: Member, topology: Topology) -> t.Dict[str, t.Any]:
    channel = channel_of(member) if member.state is not None else None
    return {
        **_describe(member),
        "source": topology.sources.get(member.name, ""),
        "receives_from_primary": member.name in topology.receiving_from_primary if member.state is not None else None,
        "receiver": channel.receiver if channel is not None else "",
        "applier": channel.applier if channel is not None else "",
        "says": channel.failure or channel.receiver_error if channel is not None else "",
        "lag": channel.lag if channel is not None else None,
    }
