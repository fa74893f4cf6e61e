# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Whether clients could write to a server once it is the primary, and whether our account may do there what that takes. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Rank
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

# What every failover and switchover takes, on whichever servers it may concern. The rest is for events, salvaging, and a rejoin.
_ALWAYS = frozenset(
    [
        "CONNECTION ADMIN",
        "CONNECTION_ADMIN",
        "EVENT",
        "PROCESS",
        "READ_ONLY ADMIN",
        "RELOAD",
        "REPLICATION SLAVE ADMIN",
        "REPLICATION_SLAVE_ADMIN",
        "SUPER",
        "SYSTEM_VARIABLES_ADMIN",
    ]
)

# What semi-synchronous replication takes besides (MariaDB).
_SEMI_SYNC = "REPLICATION MASTER ADMIN"


# Seconds after which a commit is not slow any more: nobody acknowledges.
_LONG_COMMIT = 5


def check_privileges(members: Iterable[Member], *, everything: bool = False) -> Iterator[Problem]:
    """What our account may not do on these servers, as far as that was asked.

    :arg everything: also what only some of the work takes, that is, all that the README lists.
    """
    for member in members:
        if member.state is None:
            continue
        names = [name for name in member.state.missing if everything or _is_always_needed(name, member.state)]
        if names:
            plural = "s" * (len(names) > 1)
            message = "the account that Ansible logs in with lacks the privilege%s %s on %s" % (plural, ", ".join(names), member.name)
            yield Problem("privilege_missing", member.name, message)


def names_always_needed(state: State) -> t.List[str]:
    """Return those of the privileges which our account lacks on a server that every failover and switchover takes there."""
    return [name for name in state.missing if _is_always_needed(name, state)]


def _is_always_needed(name: str, state: State) -> bool:
    return name in _ALWAYS or (name == _SEMI_SYNC and (state.semi_sync.source or state.semi_sync.replica))


def too_late(topology: Topology, max_lag: float) -> t.List[str]:
    """Name the replicas that cannot take the role from a living primary now: they apply late on purpose, lag, or do not replicate."""
    late = []
    for member in topology.replicas:
        channel = channel_of(member)
        if channel is not None and (not channel.is_running or channel.delay > max_lag or (channel.lag or 0) > max_lag):
            late.append(member.name)
    return late


def check_eligible(name: str, ranking: Iterable[Rank]) -> Iterator[Problem]:
    """What speaks against a server that the user has named to take the role, whoever else could."""
    for rank in ranking:
        if rank.name == name and not rank.eligible:
            yield Problem("no_candidate", name, "%s may not be promoted: %s" % (name, ", ".join(rank.reasons)))


def check_serves_clients(member: Member) -> Iterator[Problem]:
    """What keeps clients from writing to a server, although it is not read-only."""
    if member.state is None:
        return
    if member.state.closed_by:
        yield Problem("closed_to_clients", member.name, "%s has %s: clients could not write to it" % (member.name, member.state.closed_by))
    if member.state.unacknowledged >= _LONG_COMMIT:
        message = "a commit on %s has waited for %d s for an acknowledgement (semi-synchronous replication): nobody can commit"
        yield Problem("commits_wait", member.name, message % (member.name, member.state.unacknowledged))
    if member.state.blocked:
        yield Problem("writes_blocked", member.name, "every write on %s waits for a lock that somebody holds" % member.name)
