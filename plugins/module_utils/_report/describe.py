# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""States -> what users read in results: names of our own, normalised over both families and never renamed. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import keeps_old_source
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Loss, Rank
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

    # Types alone: to make these classes when a failover imports them would cost half a millisecond before the first write.

    class Place(t.TypedDict):
        """Where a server is, without its passwords."""

        name: str
        host: str
        port: int

    class DescribedPrimary(Place):
        """The primary. ``None``: what could not be read; ``error`` is ``None`` if it could."""

        status: str
        reachable: bool
        refused: bool
        member: bool
        version: t.Optional[str]
        server_id: t.Optional[int]
        gtid_mode: t.Optional[str]
        writable: t.Optional[bool]
        unfinished: bool
        executed: t.Optional[str]
        error: t.Optional[str]

    class _Unread(Place):
        reachable: bool
        error: t.Optional[str]
        replicating: bool
        follows_replica: bool

    class DescribedMember(_Unread, total=False):
        """A member: its version, what it has, whom it follows, its threads and their errors. The keys of its own are those of a member that was read."""

        version: str
        server_id: int
        server_uuid: t.Optional[str]
        gtid_mode: str
        writable: bool
        executed: str
        received: str
        source: t.Optional[str]
        receiver: t.Optional[str]
        applier: t.Optional[str]
        receiver_error: t.Optional[str]
        applier_error: t.Optional[str]
        lag: t.Optional[int]
        delay: int
        raw: t.Dict[str, t.Any]

    class DescribedSettings(t.TypedDict):
        """How a replica logs in to its source, as options of mysql_change_master. Without passwords."""

        replication_user: str
        source_ssl: bool
        source_ssl_ca: t.Optional[str]
        source_ssl_cert: t.Optional[str]
        source_ssl_key: t.Optional[str]
        source_ssl_verify_server_cert: bool
        source_public_key: t.Optional[bool]
        source_settings: t.Dict[str, str]

    class DescribedRank(t.TypedDict):
        """A replica's place in an election."""

        name: str
        received: str
        executed: str
        missing: str
        eligible: bool
        reasons: t.List[str]

    class DescribedLoss(t.TypedDict):
        """The transactions that are given up with a replica."""

        server: str
        gtids: str
        count: int


class Diff(t.TypedDict, total=False):
    """Two texts that Ansible shows the difference of, with a heading for each."""

    before: str
    after: str
    before_header: str
    after_header: str


def entry_of(member: Member) -> Place:
    """Return where a server is."""
    return {"name": member.name, "host": member.host, "port": member.port}


def describe_primary(topology: Topology) -> t.Optional[DescribedPrimary]:
    """Describe the primary; ``None`` if it is not known which server that is."""
    member = topology.primary_member
    if member is None:
        return None
    return {
        **entry_of(member),
        "status": topology.primary_status,
        "reachable": member.state is not None,
        "refused": member.failure is not None and member.failure.refused,
        "member": member.listed,
        "version": member.state.version_text if member.state is not None else None,
        "server_id": member.state.server_id if member.state is not None else None,
        "gtid_mode": member.state.gtid_mode if member.state is not None else None,
        "writable": member.state.writable if member.state is not None else None,
        "unfinished": keeps_old_source(topology),
        "executed": str(member.state.executed) if member.state is not None else None,
        "error": member.failure.message if member.failure is not None else None,
    }


def describe_member(member: Member, topology: Topology) -> DescribedMember:
    """Describe a member of a cluster that was looked at."""
    state, channel = member.state, channel_of(member) if member.state is not None else None
    described: DescribedMember = {
        "name": member.name,
        "host": member.host,
        "port": member.port,
        "reachable": state is not None,
        "error": member.failure.message if member.failure is not None else None,
        "replicating": channel is not None and channel.is_running,
        "follows_replica": topology.follows_replica(member.name),
    }
    if state is not None:
        described.update(
            {
                "version": state.version_text,
                "server_id": state.server_id,
                "server_uuid": state.server_uuid or None,
                "gtid_mode": state.gtid_mode,
                "writable": state.writable,
                "executed": str(state.executed),
                "received": str(state.received),
                "source": topology.sources.get(member.name),
                "receiver": channel.receiver if channel else None,
                "applier": channel.applier if channel else None,
                "receiver_error": (channel.receiver_error or None) if channel else None,
                "applier_error": (channel.applier_error or None) if channel else None,
                "lag": channel.lag if channel else None,
                "delay": channel.delay if channel else 0,
                "raw": dict(channel.raw) if channel else {},
            }
        )
    return described


def describe_settings(channel: t.Optional[Channel]) -> t.Optional[DescribedSettings]:
    """Describe how a replica logs in to its source, so that a former primary can do the same."""
    if channel is None:
        return None
    tls = channel.tls
    return {
        "replication_user": channel.user,
        "source_ssl": tls.enabled,
        "source_ssl_ca": tls.ca_cert or None,
        "source_ssl_cert": tls.client_cert or None,
        "source_ssl_key": tls.client_key or None,
        "source_ssl_verify_server_cert": tls.verify_cert,
        "source_public_key": tls.get_public_key,
        "source_settings": dict(channel.settings),
    }


def describe_rank(rank: Rank) -> DescribedRank:
    """Describe one replica's place in an election."""
    return {
        "name": rank.name,
        "received": str(rank.received),
        "executed": str(rank.executed),
        "missing": str(rank.missing),
        "eligible": rank.eligible,
        "reasons": list(rank.reasons),
    }


def describe_loss(loss: Loss) -> DescribedLoss:
    """Describe the transactions that are given up with a replica."""
    return {"server": loss.server, "gtids": str(loss.transactions), "count": loss.transactions.count()}


def describe_status(topology: Topology) -> str:
    """Say who is the primary, and whether it lives."""
    member = topology.primary_member
    if member is None:
        return "it cannot be told which server is the primary"
    status = topology.primary_status.replace("_", " ")
    if member.state is not None:
        status += " and writable" if member.state.writable else " and read-only"
    return "the primary %s is %s" % (member.name, status)


def describe_cluster(topology: Topology) -> str:
    """Say in one line who is the primary, whether it lives, and which replicas answer."""
    replicas = ", ".join(member.name for member in topology.replicas) or "none"
    who = "servers" if topology.primary_member is None else "replicas"
    return "%s; %s that answer: %s" % (describe_status(topology), who, replicas)
