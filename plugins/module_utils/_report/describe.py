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

Described = t.Dict[str, t.Any]


class Diff(t.TypedDict, total=False):
    """Two texts that Ansible shows the difference of, with a heading for each."""

    before: str
    after: str
    before_header: str
    after_header: str


def entry_of(member: Member) -> Described:
    """Describe where a server is, without its passwords."""
    return {"name": member.name, "host": member.host, "port": member.port}


def describe_primary(topology: Topology) -> t.Optional[Described]:
    """Describe the server that the replicas follow; ``None`` if there is none."""
    member = topology.primary_member
    if member is None:
        return None
    described = entry_of(member)
    described["status"] = topology.primary_status
    described["reachable"] = member.state is not None
    described["refused"] = member.failure is not None and member.failure.refused
    described["member"] = member.listed
    described["writable"] = member.state.writable if member.state is not None else None
    described["unfinished"] = keeps_old_source(topology)
    described["executed"] = str(member.state.executed) if member.state is not None else None
    described["error"] = member.failure.message if member.failure is not None else None
    return described


def describe_member(member: Member, topology: Topology) -> Described:
    """Describe a member: its version, what it has, whom it follows, its threads and their errors."""
    described = entry_of(member)
    described["reachable"] = member.state is not None
    described["error"] = member.failure.message if member.failure is not None else None
    described["replicating"] = False
    described["follows_replica"] = topology.follows_replica(member.name)
    if member.state is None:
        return described
    state, channel = member.state, channel_of(member)
    described["replicating"] = channel is not None and channel.is_running
    described.update(
        version=state.version_text,
        server_id=state.server_id,
        server_uuid=state.server_uuid or None,
        gtid_mode=state.gtid_mode,
        writable=state.writable,
        executed=str(state.executed),
        received=str(state.received),
        source=topology.sources.get(member.name),
        receiver=channel.receiver if channel else None,
        applier=channel.applier if channel else None,
        receiver_error=(channel.receiver_error or None) if channel else None,
        applier_error=(channel.applier_error or None) if channel else None,
        lag=channel.lag if channel else None,
        delay=channel.delay if channel else 0,
        raw=dict(channel.raw) if channel else {},
    )
    return described


def describe_settings(channel: t.Optional[Channel]) -> t.Optional[Described]:
    """Describe how a replica logs in to its source, as options of mysql_change_master: a former primary may do the same. Without passwords."""
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
    }


def describe_rank(rank: Rank) -> Described:
    """Describe one replica's place in an election."""
    return {
        "name": rank.name,
        "received": str(rank.received),
        "executed": str(rank.executed),
        "missing": str(rank.missing),
        "eligible": rank.eligible,
        "reasons": list(rank.reasons),
    }


def describe_loss(loss: Loss) -> Described:
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
