# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Whether a failover may go ahead on the user's terms, and whom it concerns. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import (
    check_connected,
    check_election,
    check_identities,
    check_log_is_whole,
    check_logs_ahead,
    check_names,
    check_primary_is_dead,
    check_primary_is_member,
    check_primary_lives,
    check_reading,
    check_relay_logs_are_known,
    check_replication,
    elect_whole,
    without_consequences,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Election, Loss
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_ahead_of_primary, check_histories, check_told_apart
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.readiness import check_privileges
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import ANY_SITE

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import Rank
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

# Of members that did not answer, or not with what could be used: these may be left out (``Terms.leave_out_silent``).
SILENT = (
    "unreachable",
    "not_responding",
    "outcome_unknown",
    "login_refused",
    "password_withheld",
    "tls_failed",
    "not_mysql",
    "unreadable",
    "unsupported_version",
)

# Of transactions that are lost: these may be given up (``Terms.allow_data_loss``).
_LOSSES = ("applier_broken", "diverged", "relay_logs_at_risk", "filtered", "never_connected")


@dataclass(frozen=True)
class Terms:
    """On what terms the user wants a replica elected.

    ``candidates``: names, the most wanted first; ``exclude``: names that are never elected. ``expect_primary``: ``dead``, ``alive`` or ``any``.
    ``leave_out_silent``: go on without replicas that do not answer. ``allow_data_loss``: give up what the new primary cannot get.
    ``force``: go on although the primary may be alive. ``salvages``: what no replica received must be had from the host of the dead primary.
    ``is_whole``: the members should be the whole cluster, its primary included. ``site``: whether a replica may win that stands in another site than the
    primary (``SITE_RULES``). ``max_to_apply``: how many transactions one may have left to apply that is to win over others with the same data.
    """

    candidates: t.Tuple[str, ...] = ()
    exclude: t.Tuple[str, ...] = ()
    expect_primary: str = "dead"
    leave_out_silent: bool = False
    allow_data_loss: bool = False
    force: bool = False
    salvages: bool = False
    is_whole: bool = False
    site: str = ANY_SITE
    max_to_apply: t.Optional[int] = None


@dataclass(frozen=True)
class Verdict:
    """An election, the problems that forbid acting on it, and those that the user's terms allow: they are told as warnings."""

    election: Election
    against: t.Tuple[Problem, ...]
    allowed: t.Tuple[Problem, ...]


@dataclass(frozen=True)
class Choice:
    """The outcome of an election that nothing forbids acting on; see ``Election``."""

    best: str
    most_advanced: str
    ranking: t.Tuple[Rank, ...]
    lost: t.Tuple[Loss, ...]
    because: str = ""


def judge(topology: Topology, terms: Terms, *, fenced: bool = False) -> Verdict:
    """Elect on what is known, and say what speaks against a failover.

    :arg fenced: a primary that lives is kept from writing first, so that it need not be dead.

    Raises ``Refusal`` for servers of both families, which cannot be compared at all.
    """
    problems = [*check_reading(topology), *check_identities(topology)]
    allowed: t.List[Problem] = []

    def allow(codes: Sequence[str], found: Sequence[Problem]) -> t.List[Problem]:
        allowed.extend(problem for problem in found if problem.code in codes)
        return [problem for problem in found if problem.code not in codes]

    if terms.leave_out_silent:
        problems = allow(SILENT, problems)
    refuse(problem for problem in problems if problem.code == "mixed_families")
    problems += check_ahead_of_primary(topology, goes_on=terms.expect_primary == "alive")
    problems += [*check_replication(topology), *check_histories(topology), *_check_names(topology, terms), *check_privileges(topology.members)]
    if terms.expect_primary == "alive":
        problems += check_primary_lives(topology)
    elif terms.expect_primary == "dead":
        not_dead = [problem for problem in check_primary_is_dead(topology) if not (fenced and problem.code == "primary_alive")]
        problems += allow(["primary_maybe_alive"], not_dead) if terms.force else not_dead
        problems += check_primary_is_member(topology) if terms.is_whole else []
    if terms.expect_primary == "dead":
        is_given_up = terms.allow_data_loss or not (fenced or terms.salvages)
        problems += allow(["diverged"] if is_given_up else [], list(check_told_apart(topology)))
    if terms.expect_primary == "dead" and not fenced:
        is_salvaged = terms.salvages and topology.primary_member is not None and topology.primary_member.listed
        problems += allow(["never_connected"] if terms.allow_data_loss or is_salvaged else [], list(check_connected(topology)))
    election, filtered = elect_whole(topology, terms.candidates, terms.exclude, terms.site, terms.max_to_apply)
    against = [*check_relay_logs_are_known(topology), *filtered, *check_election(topology, election)]
    (allowed if election.best is not None else against).extend(check_logs_ahead(topology))
    # It is the administrator's own word that no replica is to have these rows.
    allowed.extend(check_log_is_whole(topology))
    if terms.allow_data_loss:
        against = allow(_LOSSES, against)
    if not problems or not topology.replicas:
        problems += against
    return Verdict(election, tuple(without_consequences(topology, problems)), tuple(allowed))


def _check_names(topology: Topology, terms: Terms) -> Iterator[Problem]:
    return check_names([*terms.candidates, *terms.exclude], [member.name for member in topology.listed])


def choose(verdict: Verdict) -> Choice:
    """Return what to act on. Raises ``Refusal`` with everything that forbids it."""
    refuse(verdict.against)
    election = verdict.election
    return Choice(election.best or "", election.most_advanced or "", election.ranking, election.lost, election.because)


def must_be_fenced(topology: Topology, terms: Terms) -> bool:
    """Whether the user wants to go on although the primary lives: it then has to be kept from writing first."""
    primary = topology.primary_member
    return terms.force and primary is not None and primary.state is not None and bool(topology.followers(primary.name))


def without_living_source(topology: Topology) -> t.List[str]:
    """Name the replicas whose receivers are to be stopped: not those of a living replica, which goes on feeding them."""
    return [member.name for member in topology.replicas if not topology.follows_living_member(member.name)]


def must_be_repointed(topology: Topology, best: str) -> t.List[str]:
    """Name the replicas that are to follow the new primary."""
    return [name for name in without_living_source(topology) if name != best]


def acknowledgers(topology: Topology, best: str) -> int:
    """Count the servers that would acknowledge to a new primary in semi-synchronous replication: replicas that do now, and the old primary."""
    count = sum(member.known.semi_sync.replica for member in topology.replicas if member.name != best)
    primary = topology.primary_member
    if primary is not None and primary.state is not None and primary.state.semi_sync.replica_variable and topology[best].known.semi_sync.replica:
        count += 1
    return count


def received_by_any(topology: Topology) -> t.Optional[Gtids]:
    """Return what all replicas have received together, also what waits in relay logs that cannot be read; ``None`` where there is no replica."""
    found: t.Optional[Gtids] = None
    for member in topology.replicas:
        have = member.known.received
        for channel in member.known.channels:
            have = have.with_received(channel.retrieved)
        found = have if found is None else found.union(have)
    return found


def check_frozen(topology: Topology, names: Sequence[str]) -> Iterator[Problem]:
    """Replicas whose receivers were stopped, and that receive again."""
    for name in names:
        member = topology[name]
        channel = channel_of(member) if member.state is not None else None
        if channel is not None and not channel.receives_no_more and not channel.keeps_receiver:
            yield Problem("changed_meanwhile", name, "the receiver of %s runs again: something else has started it" % name)


def with_loss_of_primary(topology: Topology, verdict: Verdict, terms: Terms) -> Verdict:
    """Count as lost what a fenced primary has and no replica received, which the user must have allowed."""
    primary, most_advanced = topology.primary_member, verdict.election.most_advanced
    if primary is None or primary.state is None or most_advanced is None:
        return verdict
    left = primary.state.executed.subtract(topology[most_advanced].known.received)
    if not left:
        return verdict
    problem = Problem("diverged", primary.name, "%s has %s that no replica received: %s" % (primary.name, left.counted(), left), str(left))
    if not terms.allow_data_loss:
        return replace(verdict, against=(*verdict.against, problem))
    election = replace(verdict.election, lost=(*verdict.election.lost, Loss(primary.name, left)))
    return replace(verdict, election=election, allowed=(*verdict.allowed, problem))


def has_received_all(topology: Topology, primary: Member) -> bool:
    """Whether a replica has all that a primary, which is read-only by now, has written; nobody has where nobody knows what that is."""
    return primary.state is not None and any(replica.known.received.contains(primary.state.executed) for replica in topology.replicas)
