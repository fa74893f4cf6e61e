# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Evidence -> who is the primary. Pure.

Whom the replicas follow is a hint, and the last word only where nobody takes writes. A server that was left out of a failover goes on following
the old primary, which may be back; a replica may have been opened by hand, or by a run that was interrupted; a primary may follow somebody itself.
So a server that takes writes and acts as a primary does comes before one that is merely followed, and of several the one whose transactions
contain the others'. Where each has something of its own, only the user can say which is to stay.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

if t.TYPE_CHECKING:

    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology


@dataclass(frozen=True)
class Found:
    """Who is the primary, or between whom only the user can decide; neither where nobody knows."""

    primary: t.Optional[str] = None
    rivals: t.Tuple[str, ...] = ()


def with_primary(topology: Topology) -> Topology:
    """Return the same servers with what they say of who is the primary."""
    found = find_primary(topology)
    return replace(topology, primary=found.primary, rivals=found.rivals)


def find_primary(topology: Topology) -> Found:
    """Say who is the primary, by what the servers say of themselves: who takes writes, who has what, and who follows whom."""
    tops = _tops(topology)
    acting = [member for member in topology.listed if acts_as_primary(topology, member)]
    if not acting or not _is_settled_by_who_answers(topology, acting, tops):
        return Found(_most(tops))
    # One that is closed and followed may be the primary of an interrupted switchover, or one that came back.
    closed = [topology[name] for name in tops if name in topology and topology[name].state is not None and topology[name] not in acting]
    claimants = [*acting, *closed]
    undefeated = [each for each in claimants if not any(_outranks(topology, other, each) for other in claimants if other is not each)]
    for each in acting:
        if all(_outranks(topology, each, other) for other in claimants if other is not each):
            return Found(each.name)
    if len(undefeated) == 1:
        return Found(undefeated[0].name)
    return Found(rivals=tuple(sorted(each.name for each in undefeated or claimants)))


def _tops(topology: Topology) -> t.Dict[str, int]:
    """Count, for each server that is followed and not itself a replica that was read, how many follow it."""
    followed: t.Dict[str, int] = {}
    for source in topology.sources.values():
        if source not in topology.sources:
            followed[source] = followed.get(source, 0) + 1
    return followed


def _most(followed: t.Mapping[str, int]) -> t.Optional[str]:
    ranked = sorted(followed, key=lambda name: -followed[name])
    if len(ranked) == 1 or (len(ranked) > 1 and followed[ranked[0]] > followed[ranked[1]]):
        return ranked[0]
    return None
