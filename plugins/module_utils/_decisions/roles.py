# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a role is to do about a cluster as it was found: what its tasks ask for, so that they need not decide. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_identities, check_primary_lives, check_reading
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.health import misplaced
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import ahead_of_primary
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import handed_over_by, keeps_old_source
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, DEAD, channel_of

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Choice
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

    Where all follow somebody, one that was pointed at the primary and never started is brought back: a rejoin was interrupted there.

    Raises ``Refusal`` where there is no living primary, or it cannot be told who is meant.
    """
    refuse(_check_primary_for_rejoin(topology))
    found = _to_bring_back(topology)
    if server is None and len(found) > 1:
        message = "%s replicate from nobody, and it cannot be told which of them is to be brought back" % " and ".join(found)
        refuse([Problem("former_primary_unknown", "", message)])
    return {"failover": False, "repoint": misplaced(topology), "rejoin": [server] if server is not None else found}


def left_after_rejoin(topology: Topology, server: t.Optional[str], problems: Iterable[Problem]) -> t.List[Problem]:
    """Return the problems that a rejoin does not mend: whoever runs it need not be told to run it.

    :arg server: the server that is to be brought back, if the user names it.
    """
    found = _to_bring_back(topology) if server is None else [server]
    back = found if len(found) == 1 else []
    mended = {"two_writable": back, "not_a_replica": back, "not_replicating": back, "diverged": back, "stray_replica": misplaced(topology) if back else []}
    return [problem for problem in problems if problem.server not in mended.get(problem.code, [])]


def _check_primary_for_rejoin(topology: Topology) -> Iterator[Problem]:
    member = topology.primary_member
    twice = [problem for problem in check_identities(topology) if problem.code == "same_server"]
    if twice:
        # The other entry of the primary would be taken for a former one, and closed.
        yield from twice
    elif topology.primary_status not in (ALIVE, DEAD) and member is not None and member.failure is not None:
        # Whether it is dead is no question of a rejoin: it must answer.
        yield Problem(member.failure.code, member.name, member.failure.message)
    else:
        yield from check_primary_lives(topology)


def _to_bring_back(topology: Topology) -> t.List[str]:
    begun = [name for name in misplaced(topology) if topology.sources[name] == topology.primary]
    return followers_of_nobody(topology) or (begun if len(begun) == 1 else [])


def followers_of_nobody(topology: Topology) -> t.List[str]:
    """Name the members that answer and replicate from nobody, the primary apart: former primaries."""
    return [member.name for member in topology.replicas if channel_of(member) is None]


# A failover


def needs_failover(topology: Topology, named: t.Optional[str]) -> bool:
    """Whether there is something to fail over from, or somebody has named as dead what lives, and is to be told so.

    A former primary is no news, if it is dead, or read-only and without a source.
    """
    if topology.primary_status != ALIVE:
        return True
    return named == topology.primary or any(named == member.name and (channel_of(member) is not None or member.known.writable) for member in topology.replicas)


def repoints_in_spite(topology: Topology) -> bool:
    """Whether replicas are to be repointed to the living primary also where another server takes writes: the fewer follow that one the better."""
    primary = topology.primary_member
    return primary is not None and primary.state is not None and primary.state.writable and bool(misplaced(topology))


def salvage_is_wanted(topology: Topology, choice: Choice, *, policy: str, receiving: Collection[str], fenced: bool, without_ssh: Collection[str] = ()) -> bool:
    """Whether what no replica received is to be fetched from the host of the dead primary.

    Nothing is salvaged of a primary that may have written other transactions than its replicas have under the same GTIDs: it would not fit.

    :arg policy: ``never``, ``require``, or ``auto``: where the host refuses connections to the server, so that it is there. One that did not even do
        that would take its time to refuse SSH, too.
    :arg receiving: the replicas that were receiving, or about to, when they were found. One that takes writes and was not was opened by an earlier
        run, which had salvaged what there was.
    :arg fenced: the primary lives and was made read-only, so that there is nothing to salvage.
    :arg without_ssh: the servers whose hosts cannot be asked over SSH.
    """
    primary = topology.primary_member
    if primary is None or not primary.listed or fenced or policy == "never" or ahead_of_primary(topology):
        return False
    if topology[choice.most_advanced].known.writable and choice.most_advanced not in receiving:
        return False
    refuses = primary.failure is not None and primary.failure.refused
    return policy == "require" or (refuses and primary.name not in without_ssh)


# A switchover


def needs_switchover(topology: Topology, to: t.Optional[str]) -> bool:
    """Whether the role is to move: the server that is to have it does not have it yet, or is dead."""
    return to is None or topology.primary != to or topology.primary_status != ALIVE


def needs_reopening(topology: Topology, to: t.Optional[str]) -> bool:
    """Whether the server that is to have the role has it and takes no writes, because a switchover away from it was interrupted."""
    primary = topology.primary_member
    return not needs_switchover(topology, to) and primary is not None and primary.state is not None and not primary.state.writable


def check_reopening(topology: Topology) -> Iterator[Problem]:
    """What speaks against a closed primary getting its role back: members that do not answer. One of them may be the server that was opened in its place."""
    for problem in check_reading(topology):
        yield replace(problem, message="%s; it may have been opened in place of %s" % (problem.message, topology.primary))


def came_back_closed(topology: Topology) -> bool:
    """Whether the primary lives and takes no writes, as one does that has restarted with ``read_only``, and nobody else takes any."""
    primary = topology.primary_member
    if primary is None or primary.state is None or primary.state.writable or primary.state.channels:
        return False
    return not any(member.state is not None and member.state.writable for member in topology.members)


def to_finish(topology: Topology, to: t.Optional[str]) -> t.Optional[t.Tuple[str, t.Optional[str]]]:
    """Return the primary that was opened, by an interrupted run or by hand, without the rest of it, and who had the role before, to be demoted.

    ``None`` if nothing is to be finished, or the role is to go to another server.
    """
    primary, before = topology.primary, handed_over_by(topology)
    if primary is None or to not in (None, primary):
        return None
    # Whoever names nobody wants the role to move, unless an earlier switchover has moved it already and got no further.
    is_left_behind = before is not None and (to is not None or bool(topology.followers(before)))
    return (primary, before) if keeps_old_source(topology) or is_left_behind else None


def check_finished_first(topology: Topology, to: t.Optional[str]) -> Iterator[Problem]:
    """Whether the server that is to have the role had it before, and the run that took it away was interrupted."""
    if to is not None and to == handed_over_by(topology):
        message = "%s is closed and replicates from nobody, because the role has moved to %s in a run that was interrupted" % (to, topology.primary)
        yield Problem("switchover_unfinished", to, message)


def check_demotion(topology: Topology, *, knows_account: bool) -> Iterator[Problem]:
    """What keeps the primary from becoming a replica: it cannot be repointed, or nobody knows what it is to log in with."""
    primary = topology.primary_member
    if primary is None:
        return
    if not primary.listed:
        yield Problem("primary_not_in_group", primary.name, "the primary %s is not a member of this cluster, so it cannot be repointed" % primary.name)
    elif not knows_account:
        yield Problem("replication_user_missing", primary.name, "it is not known which account %s is to log in with as a replica" % primary.name)


def follow_after_switchover(topology: Topology, new_primary: str) -> t.List[str]:
    """Name the servers that are to follow a new primary, the old one last.

    All but the replicas of replicas, which go on following their own source. Those too that do not answer: as long as it is not known whom they
    follow the old primary is not repointed, or they would be replicas of a replica from then on.
    """
    others = [member.name for member in topology.listed if member.name != topology.primary and not topology.follows_replica(member.name)]
    primary = topology.primary_member
    old = [primary.name] if primary is not None and primary.listed else []
    return [name for name in (*others, *old) if name != new_primary]
