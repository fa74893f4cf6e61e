# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a role is to do about a cluster as it was found: what its tasks ask for, so that they need not decide. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_primary_lives
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import misplaced
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, DEAD, channel_of

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology


class ToRepair(t.TypedDict):
    """What a cluster needs: a failover, replicas repointed, former primaries brought back."""

    failover: bool
    repoint: t.List[str]
    rejoin: t.List[str]


def to_repair(topology: Topology) -> ToRepair:
    """Return what a cluster needs, by the roles that do it."""
    return {"failover": topology.primary_status == DEAD, "repoint": misplaced(topology), "rejoin": followers_of_nobody(topology)}


def to_rejoin(topology: Topology, server: t.Optional[str]) -> ToRepair:
    """Return what a rejoin is to do: bring back the server that is named, or the only one that answers and follows nobody, or none.

    Raises ``Refusal`` where there is no living primary, or it cannot be told who is meant.
    """
    refuse(_check_primary_for_rejoin(topology))
    found = followers_of_nobody(topology)
    if server is None and len(found) > 1:
        message = "%s replicate from nobody, and it cannot be told which of them is to be brought back" % " and ".join(found)
        refuse([Problem("former_primary_unknown", "", message)])
    return {"failover": False, "repoint": misplaced(topology), "rejoin": [server] if server is not None else found}


def _check_primary_for_rejoin(topology: Topology) -> Iterator[Problem]:
    member = topology.primary_member
    if topology.primary_status not in (ALIVE, DEAD) and member is not None and member.failure is not None:
        # Whether it is dead is no question of a rejoin: it must answer.
        yield Problem(member.failure.code, member.name, member.failure.message)
    else:
        yield from check_primary_lives(topology)


def followers_of_nobody(topology: Topology) -> t.List[str]:
    """Name the members that answer and replicate from nobody, the primary apart: former primaries."""
    return [member.name for member in topology.replicas if channel_of(member) is None]
