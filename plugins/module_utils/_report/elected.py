# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What mysql_find_best_replica gives back. Pure."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.coming_back import coming_back
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import acknowledgers, must_be_repointed, received_by_any
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_promotion, after_repointing
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.roles import follow_after_switchover
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import (
    describe_cluster,
    describe_loss,
    describe_member,
    describe_primary,
    describe_rank,
    describe_status,
    entry_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import tree
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._state.record import REOPENED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, is_shut_out, status_of

if t.TYPE_CHECKING:
    from collections.abc import Collection

    from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Choice
    from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import DescribedLoss, DescribedMember, DescribedPrimary, DescribedRank, Place
    from ansible_collections.dbha.mysql.plugins.module_utils._state.record import DescribedRecord
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology


class ToDo(t.TypedDict):
    """What is left to do after a replica was elected: salvage what nobody received, promote it, and let the others follow it.

    ``verify``: something was wrong that this may mend, or not, so that it is to be asked for again at the end.
    """

    promote: bool
    salvage: bool
    repoint: t.List[str]
    follow: t.Optional[Place]
    verify: bool


class DescribedReturn(t.TypedDict):
    """How the server that had the role before will come back. ``member``: it is in the group, so that it can be brought back."""

    server: str
    member: bool
    closed: t.Optional[bool]
    why: str


class Elected(t.TypedDict, total=False):
    """What mysql_find_best_replica gives back; its documentation says what each is."""

    best: t.Optional[Place]
    received: t.Optional[str]
    received_by_any: t.Optional[str]
    most_advanced: t.Optional[Place]
    ranking: t.List[DescribedRank]
    lost: t.List[DescribedLoss]
    because: t.Optional[str]
    todo: ToDo
    demote: t.Optional[Place]
    found_dead: t.Optional[Place]
    answering: t.List[Place]
    silent: t.List[Place]
    silent_status: t.Dict[str, str]
    writable: t.List[str]
    acknowledgers: int
    record: DescribedRecord
    comes_back: t.Optional[DescribedReturn]
    found: t.Dict[str, t.Dict[str, bool]]
    draining: bool
    rehearsal: t.Optional[str]
    primary: t.Optional[DescribedPrimary]
    replicas: t.List[DescribedMember]
    topology: str
    topology_after: str
    time: float
    msg: str


def describe_look(topology: Topology, begun: float) -> Elected:
    """Describe the cluster as it was found; ``begun`` is when that was, in seconds since 1970."""
    return {
        "primary": describe_primary(topology),
        "replicas": [describe_member(member, topology) for member in topology.listed if member.name != topology.primary],
        "topology": tree(topology),
        "time": round(begun, 3),
    }


def with_outlook(topology: Topology, described: Elected) -> Elected:
    """Add who replicates from whom once what is left to do has been done: for a plan, which a failover in a hurry need not make."""
    best, todo = described["best"], described["todo"]
    after = after_promotion(topology, best["name"]) if best is not None and todo["promote"] else topology
    if after.primary is not None and todo["follow"] is not None and todo["follow"]["name"] == after.primary:
        after = after_repointing(after, todo["repoint"], after.primary)
    return {**described, "topology_after": tree(after)}


def with_record(topology: Topology, described: Elected, event: str, begun: float) -> Elected:
    """Add what is to be remembered, if somebody is to be promoted.

    :arg event: what the role is for. A primary that only takes writes again is not a new one.
    """
    best = described["best"]
    if best is None or not described["todo"]["promote"]:
        return described
    old = _replaced(topology, described, best["name"]) or ""
    is_reopened = not old and topology.primary == best["name"]
    failure = topology.primary_member.failure if topology.primary_member is not None else None
    why = describe_status(topology) + (": " + failure.message if failure is not None else "")
    lost = json.dumps(described["lost"]) if described["lost"] else ""
    record: DescribedRecord = {"event": REOPENED if is_reopened else event, "old_primary": old, "why": why, "begun": round(begun, 3), "lost": lost}
    return {**described, "record": record}


def with_return(topology: Topology, described: Elected, *, persists: bool, safe_start: bool) -> Elected:
    """Add how the primary that is replaced in a failover will come back.

    :arg persists: it can be told to be read-only after its next start.
    """
    best = described["best"]
    old = _replaced(topology, described, best["name"]) if best is not None and described["todo"]["promote"] else None
    if old is None:
        return described
    closed, why = coming_back(is_closed=old in described["found"], persists=persists, safe_start=safe_start)
    return {**described, "comes_back": {"server": old, "member": old in topology and topology[old].listed, "closed": closed, "why": why}}


def _replaced(topology: Topology, described: Elected, best: str) -> t.Optional[str]:
    """Name the server whose role another one takes. One that an earlier run has opened is the primary by now, and still names its source."""
    demoted = described["demote"]
    if demoted is not None:
        return demoted["name"]
    return topology.sources.get(best) if topology.primary == best else topology.primary


def nobody_elected(
    topology: Topology, repoint: t.List[str], rehearsal: t.Optional[str] = None, *, finish: t.Optional[str] = None, verify: bool = False
) -> Elected:
    """Describe that nobody is elected.

    ``rehearsal`` says what would become of the cluster if its primary died. ``finish`` is the name of a primary that was opened, by hand or by a run
    that was interrupted, and still has the replication that it left: promoting it ends that. ``verify``: as in ``ToDo``.
    """
    primary = topology.primary_member
    unfinished = entry_of(topology[finish]) if finish is not None else None
    return {
        "best": unfinished,
        "received": None,
        "received_by_any": None,
        "most_advanced": unfinished,
        "ranking": [],
        "lost": [],
        "because": None,
        "todo": {
            "promote": finish is not None,
            "salvage": False,
            "repoint": repoint,
            "follow": entry_of(primary) if primary is not None else None,
            "verify": verify,
        },
        "demote": None,
        "found_dead": None,
        "answering": [entry_of(member) for member in topology.replicas],
        "silent": [],
        "silent_status": {},
        "writable": [member.name for member in topology.listed if member.state is not None and member.state.writable],
        "acknowledgers": 0,
        "record": {},
        "comes_back": None,
        "found": {},
        "draining": False,
        "rehearsal": rehearsal,
        "msg": describe_cluster(topology),
    }


def finishing(topology: Topology, name: str, before: t.Optional[str]) -> Elected:
    """Describe that a primary has been opened, and what comes after that is left to do. ``before``: the server that is to be demoted."""
    repoint = follow_after_switchover(topology, name)
    return {
        **nobody_elected(topology, repoint, finish=name),
        "demote": entry_of(topology[before]) if before is not None else None,
        "msg": "%s, and an earlier run has not finished that" % describe_status(topology),
    }


def elected(
    topology: Topology, choice: Choice, found: t.Dict[str, t.Dict[str, bool]], *, fenced: Collection[str], salvage: bool, draining: bool = False
) -> Elected:
    """Describe what a failover has elected.

    ``found``: how servers were found that were changed for it; ``fenced``: a primary that lives and was made read-only; ``salvage``: whether what no
    replica received is to be fetched from the host of the dead primary; ``draining``: what was received is still being applied.
    """
    lives, primary = topology.primary_status == ALIVE, topology.primary_member
    repoint = must_be_repointed(topology, choice.best)
    silent = {member.name: member.failure for member in topology.unread if member.failure is not None and is_shut_out(member.failure)}
    return {
        **nobody_elected(topology, repoint),
        **_of_choice(topology, choice),
        "best": entry_of(topology[choice.best]),
        "todo": {"promote": not lives or bool(fenced), "salvage": salvage, "repoint": repoint, "follow": entry_of(topology[choice.best]), "verify": False},
        "found_dead": None if lives or primary is None else entry_of(primary),
        # A primary that lives was made read-only, and must be that still.
        "answering": [entry_of(member) for member in topology.members if member in topology.replicas or member.name in fenced],
        "silent": [entry_of(topology[name]) for name in silent],
        "silent_status": {name: status_of(failure) for name, failure in silent.items()},
        "found": found,
        "draining": draining,
        "msg": "%s; %s" % (describe_status(topology), _message(choice, topology)),
    }


def chosen(topology: Topology, choice: Choice, name: str) -> Elected:
    """Describe who takes the role from a living primary: ``name``, which need not be the best one."""
    repoint, primary = follow_after_switchover(topology, name), topology.primary_member
    return {
        **nobody_elected(topology, repoint),
        **_of_choice(topology, choice),
        "best": entry_of(topology[name]),
        "todo": {"promote": True, "salvage": False, "repoint": repoint, "follow": entry_of(topology[name]), "verify": False},
        "demote": entry_of(primary) if primary is not None else None,
        "msg": "%s; %s is to be the primary" % (describe_status(topology), name),
    }


def reopened(topology: Topology, name: str) -> Elected:
    """Describe that a primary is to take writes again."""
    repoint = follow_after_switchover(topology, name)
    return {
        **nobody_elected(topology, repoint),
        "best": entry_of(topology[name]),
        "todo": {"promote": True, "salvage": False, "repoint": repoint, "follow": entry_of(topology[name]), "verify": False},
        "msg": "%s, and is to take writes again" % describe_status(topology),
    }


def _of_choice(topology: Topology, choice: Choice) -> Elected:
    return {
        "received": str(topology[choice.best].known.received),
        "received_by_any": str(received_by_any(topology)),
        "most_advanced": entry_of(topology[choice.most_advanced]),
        "ranking": [describe_rank(rank) for rank in choice.ranking],
        "lost": [describe_loss(loss) for loss in choice.lost],
        "because": choice.because or None,
        "acknowledgers": acknowledgers(topology, choice.best),
    }


def _message(choice: Choice, topology: Topology) -> str:
    """Say who is elected and what that costs: of whom we were given and who answers. The group may be a part of the cluster."""
    message = "%s is the best replica" % choice.best + (" (%s)" % choice.because if choice.because else "")
    if choice.best != choice.most_advanced:
        message += ", once it has caught up from %s" % choice.most_advanced
    lost = ["%s of %s (%s)" % (loss.transactions.counted(), loss.server, loss.transactions) for loss in choice.lost]
    asked = [member.name for member in topology.replicas]
    nothing = "nothing is lost of what %s %s received" % (listed(asked), "has" if len(asked) == 1 else "have")
    unread = [member.name for member in topology.unread]
    unknown = "; what only %s received is not known" % " or ".join(unread) if unread else ""
    return "%s; %s%s" % (message, "lost: " + ", ".join(lost) if lost else nothing, unknown)
