# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""Whether a server can be joined as it is, whether it may be overwritten, and with a copy of whom: states -> problems. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_identities
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.election import lacks_rows, may_skip_rows
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import check_own_history
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import acts_as_primary, check_claim
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

# How many databases are named.
_MOST_DATABASES = 5

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology


def check_ends(topology: Topology, name: str, primary: str) -> Iterator[Problem]:
    """Whether both servers can be read, and the primary is one."""
    for member in (topology[name], topology[primary]):
        if member.failure is not None:
            yield Problem(member.failure.code, member.name, member.failure.message)
    source = topology[primary].state
    claimed = list(check_claim(topology, primary))
    yield from claimed
    if source is not None and source.channels and not claimed and not acts_as_primary(topology, topology[primary]):
        yield Problem("primary_unknown", primary, "%s is not a primary: it replicates from %s" % (primary, topology.sources[primary]))
    elif source is not None and not source.writable and not claimed:
        yield Problem("primary_read_only", primary, "the primary %s is read-only" % primary)
    yield from check_identities(topology)


@dataclass(frozen=True)
class Alone:
    """What a server has and the primary does not: by GTIDs, and how many transactions without one.

    ``waiting``: what of it has been received and not applied, so that it is in no binary log. ``unknown``: why it cannot be told whether there is any.
    ``skipped``: what it lacks and would never get, because another server with its server_id wrote it (MySQL).
    """

    own: Transactions
    anonymous: int = 0
    waiting: t.Optional[Transactions] = None
    unknown: str = ""
    skipped: t.Optional[Gtids] = None

    def __bool__(self) -> bool:
        return bool(self.own or self.anonymous)


def check_fit(
    name: str, state: State, primary: str, source: State, alone: Alone, where: str = "", *, unfinished: bool = False, gone: t.Optional[Gtids] = None
) -> Iterator[Problem]:
    """What forbids that a server becomes a replica as it is.

    ``where`` says where what it alone has is kept. ``unfinished``: it holds only a part of a copy. ``gone``: what the binary logs of the primary
    do not hold, or no longer, where its state does not say that (MariaDB).
    """
    purged = (source.purged if gone is None else gone).subtract(state.received)
    lost = [*check_own_history(name, state, primary, source), *_check_skipped(name, state, primary, alone)]
    if alone.own:
        yield Problem("own_transactions", name, "%s has %s that %s lacks: %s%s" % (name, alone.own.counted(), primary, alone.own, where), str(alone.own))
    if alone.anonymous:
        counted = "%d transaction%s without a GTID" % (alone.anonymous, "s" * (alone.anonymous > 1))
        where = "" if alone.own else where
        yield Problem("own_transactions", name, "%s has %s, written after the last one that %s has%s" % (name, counted, primary, where))
    if alone.unknown and not unfinished:
        yield from check_told(name, alone.unknown)
    yield from check_gtid_mode(name, state)
    if alone or (alone.unknown and not unfinished):
        return
    if unfinished:
        yield Problem("not_copied", name, "%s holds only a part of a copy: an earlier run was interrupted" % name)
    elif lost:
        yield from lost
    elif purged:
        yield Problem("purged", name, "%s lacks %s that %s has purged: %s" % (name, purged.counted(), primary, purged), str(purged))


def _check_skipped(name: str, state: State, primary: str, alone: Alone) -> Iterator[Problem]:
    skipped = alone.skipped
    if skipped:
        message = "%s lacks %s that %s has, and would skip them because they carry its own server_id %d: %s"
        yield Problem("history_lost", name, message % (name, skipped.counted(), primary, state.server_id, skipped), str(skipped))


def not_of_members(topology: Topology, lacking: Transactions) -> t.FrozenSet[str]:
    """Name those who wrote what a server lacks, and are no member that can be read: whoever has their server_id now may be one of them."""
    return lacking.origins() - {member.known.identity for member in topology.members if member.state is not None}


def why_unknown(state: State, databases: t.Sequence[str]) -> str:
    """Say why it cannot be told what a server has of its own; nothing where it can. ``databases``: those of users that it has."""
    if not state.log_bin and not state.channels:
        return "it runs without its binary log (log_bin)"
    if state.binlog_filters:
        return "its binary log leaves databases out (%s)" % ", ".join(state.binlog_filters)
    return why_emptied(state, databases)


def why_emptied(state: State, databases: t.Sequence[str]) -> str:
    """Say that a server has rows and knows of no transaction; nothing where that is not so."""
    if databases and not state.received:
        return "it has databases (%s) and no GTID" % ", ".join(databases[:_MOST_DATABASES])
    return ""


def check_account(name: str, primary: str, *, known: bool) -> Iterator[Problem]:
    """Whether it is known what a server is to log in with as a replica, once it has lost what it knew of that."""
    if not known:
        message = "%s is not overwritten, because it would not be known afterwards which account it is to log in to %s with" % (name, primary)
        yield Problem("replication_user_missing", name, message)


def check_gtid_mode(name: str, state: State) -> Iterator[Problem]:
    """Whether a server can follow by GTIDs, and be told which it has."""
    if state.gtid_mode != "ON":
        yield Problem("gtid_off", name, "%s has gtid_mode=%s" % (name, state.gtid_mode))


def check_told(name: str, why: str) -> Iterator[Problem]:
    """That it cannot be told whether a server has transactions of its own."""
    yield Problem("history_unknown", name, "it cannot be told whether %s has transactions of its own: %s" % (name, why))


def check_may_be_overwritten(name: str, alone: Alone, *, kept: bool, gone_with: str = "") -> Iterator[Problem]:
    """Whether what a server alone has is kept before it is overwritten. ``gone_with``: with what it will be gone that is kept."""
    if alone.waiting:
        message = "%s is not overwritten: what it has received and not applied is in no binary log, and cannot be saved: %s"
        yield Problem("not_saved", name, message % (name, alone.waiting), str(alone.waiting))
    elif alone.unknown:
        yield Problem("not_saved", name, "%s is not overwritten: what it may have of its own cannot be saved (%s)" % (name, alone.unknown))
    elif alone and gone_with:
        message = "%s is not overwritten: where what it alone has is saved will be gone with %s"
        yield Problem("not_saved", name, message % (name, gone_with), str(alone.own))
    elif alone and not kept:
        yield Problem("not_saved", name, "%s is not overwritten: what it alone has could not be saved" % name, str(alone.own))


def check_donor(topology: Topology, name: str, primary: str, donor: str) -> Iterator[Problem]:
    """Whether the server that the user wants to be copied can be read, and holds all that its copy is to hold and would never get."""
    failure = topology[donor].failure
    if failure is not None:
        yield Problem(failure.code, donor, failure.message)
    if failure is not None or donor == primary:
        return
    for reason in lacks_rows(topology, topology[donor]):
        message = "%s is not copied to %s: %s, and would lack them without the filter, too"
        yield Problem("cannot_copy", donor, message % (donor, name, reason))
    lacking = _written_by(topology, name, primary).subtract(topology[donor].known.executed)
    if lacking:
        message = "%s is not copied to %s: it has not applied %s that %s wrote, and %s would skip as a replica: %s"
        yield Problem("cannot_copy", donor, message % (donor, name, lacking.counted(), name, name, lacking), str(lacking))


def _written_by(topology: Topology, name: str, primary: str) -> Gtids:
    """Return what a server wrote itself and its primary has: as a replica it skips all that has its own server_id."""
    return topology[primary].known.executed.of_origins([topology[name].known.identity])


def check_copied(topology: Topology, primary: str, donor: str) -> Iterator[Problem]:
    """Whether a server that the user wants to be copied may lack rows. Nobody knows whether it does, so that the user's word counts."""
    settings = may_skip_rows(topology, topology[donor]) if donor != primary else ()
    if settings:
        message = "%s is copied, and may lack rows of which it has the GTIDs: it goes on without what it cannot apply (%s)"
        yield Problem("skips_rows", donor, message % (donor, ", ".join(settings)))


def choose_donor(topology: Topology, name: str, primary: str, before: t.Optional[str] = None) -> str:
    """Return which server to copy: the replica that lags least, so that the primary is spared; the primary if there is none.

    It must have all that the server which is overwritten wrote itself, because a replica skips what has its own server_id; and, for all that can be told, the
    rows of which it has the GTIDs, because the copy would count as whole. ``before`` is the one that was chosen a moment ago: it stays the one as long as
    it can be copied, because lag differs from one look to the next.
    """
    own = _written_by(topology, name, primary)
    fit = []
    for member in topology.replicas:
        channel = channel_of(member)
        follows = member.name != name and channel is not None and channel.is_running and topology.sources[member.name] == primary
        is_whole = not lacks_rows(topology, member) and not may_skip_rows(topology, member)
        if channel is not None and follows and member.known.executed.contains(own) and is_whole:
            fit.append((member.name != before, channel.delay, channel.lag or 0, member.name))
    return primary if before == primary or not fit else min(fit)[-1]


def check_unchanged(name: str, received: Gtids, now: State) -> Iterator[Problem]:
    """Whether nobody has written to a server since it was compared, when it had ``received``: that would be lost unseen."""
    written = now.executed.subtract(received).of_origins([now.identity])
    if written:
        yield Problem("changed_meanwhile", name, "somebody has written to %s since it was compared: %s" % (name, written), str(written))


def check_copy(name: str, state: State, primary: str, source: State) -> Iterator[Problem]:
    """Whether a server that was overwritten has nothing of its own any more."""
    own = state.received.not_proven_in(source.executed)
    if own:
        yield Problem("own_transactions", name, "%s has %s, which %s lacks, also after it was copied" % (name, own, primary), str(own))
