# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What several verbs do about the journal of a cluster: write into it once a primary is open, and read what it says.

It is never in the way: what cannot be written, or read, is a warning.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
import typing as t
from dataclasses import asdict

from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.remembering import opened
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.record import Entry, Record, read_entries
from ansible_collections.dbha.mysql.plugins.module_utils._steps.record import write_record

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node
    from ansible_collections.dbha.mysql.plugins.module_utils._state.record import DescribedEntry
    from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_ways import Promotion


def record_in(options: Options) -> t.Optional[Record]:
    """Return what is to be remembered, as another task has described it; ``None`` if nothing is. Raises ``BadInput``."""
    given = options.mapping("record")
    try:
        return Record.described(given) if given else None
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("record: takes what another module of this collection returned as record") from error


def remember(call: Call, cluster: Cluster, node: Node, promotion: Promotion, *, blocked: Sequence[Problem]) -> t.Optional[Record]:
    """Note on a primary that it was opened, and return what a later task is to note, once others replicate from it.

    That is so where a commit waits for their acknowledgement (semi-synchronous replication).
    """
    if promotion.record is None:
        return None
    # It may wait for acknowledgements by now.
    read = cluster.on_one(node.name, lambda node: node.read())
    problems = [*blocked, *read.problems]
    if problems or read.value is None:
        call.warn(_not_written(node.name, problem) for problem in problems[:1])
        return None
    record = opened(promotion.record, node.name, read.value, run_by=_whoever_runs_it(), now=time.time())
    if promotion.go_on and read.value.semi_sync.source:
        return record
    write(call, cluster, node.name, record)
    return None


def write(call: Call, cluster: Cluster, name: str, record: Record) -> None:
    """Write a row on a primary that is open, or warn that it could not be written."""
    call.warn(_not_written(name, problem) for problem in cluster.on_one(name, lambda node: write_record(node, record), "write journal").problems)


def _not_written(name: str, problem: Problem) -> Problem:
    return Problem("journal_not_written", name, "the journal of the cluster could not be written: %s" % problem.message)


def recall(call: Call, cluster: Cluster, names: Iterable[str], number: int, event: str = "%") -> t.List[t.List[Entry]]:
    """Return what each of these servers remembers, the last first, and warn of those that do not say it."""
    outcomes = cluster.on_each(names, lambda node: read_entries(node, number, event), "read journal")
    for name, outcome in outcomes.items():
        call.warn(Problem("journal_not_read", name, "the journal of the cluster could not be read: %s" % problem.message) for problem in outcome.problems)
    return [outcome.value for outcome in outcomes.values() if outcome.value is not None]


def describe_entry(entry: Entry) -> DescribedEntry:
    """Return a row for a result."""
    described = asdict(entry)
    described["seconds_ago"] = described.pop("age")
    return t.cast("DescribedEntry", described)


def _whoever_runs_it() -> str:
    """Return the account and the machine on which we run."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in containers
        account = "uid %d" % os.getuid()
    return "%s@%s" % (account, socket.gethostname())
