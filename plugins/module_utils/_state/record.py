# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a cluster remembers of how the role of its primary has moved: rows of a table of our own, which the new primary writes and replication spreads.

It is off unless the inventory says otherwise (``mysql_journal``).
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

    # Types alone: see _report/describe.py.

    class DescribedRecord(t.TypedDict, total=False):
        """A record on its way from task to task: what the election knows of it, and once a server is open, the rest."""

        event: str
        old_primary: str
        why: str
        begun: float
        lost: str
        new_primary: str
        id: str
        gtids: str
        run_by: str
        seconds: float

    class DescribedEntry(t.TypedDict):
        """A row of the journal as it stands in a result: ``at`` in UTC, ``seconds_ago`` by the clock of the server that was asked."""

        id: str
        at: str
        seconds_ago: int
        event: str
        old_primary: str
        new_primary: str
        why: str
        run_by: str
        gtids: str
        seconds: t.Optional[float]
        lost: str


# What can have happened.
FAILOVER = "failover"
SWITCHOVER = "switchover"
REOPENED = "reopened"
EVENTS = (FAILOVER, SWITCHOVER, REOPENED)

# ER_NO_SUCH_TABLE, ER_BAD_DB_ERROR: nothing was ever written.
NOT_THERE = (1146, 1049)


@dataclass(frozen=True)
class Record:
    """What is to be remembered: what has happened, to whom, why, who ran it, and what it came to.

    ``begun``: when that was, in seconds since 1970. ``lost``: what was given up, as JSON. The rest is empty until the new primary is open: ``id`` tells
    it from all others, however often it is written; ``gtids`` are those that the new primary had when it was opened.
    """

    event: str
    old_primary: str
    why: str
    begun: float
    lost: str = ""
    new_primary: str = ""
    id: str = ""
    gtids: str = ""
    run_by: str = ""
    seconds: float = 0.0

    @classmethod
    def described(cls, given: Mapping[str, t.Any]) -> Record:
        """Return what a result describes. Raises ``KeyError``, ``TypeError`` and ``ValueError`` for what is none."""
        if given["event"] not in EVENTS:
            raise ValueError(given["event"])
        texts = {name: str(given.get(name) or "") for name in ("old_primary", "why", "lost", "new_primary", "id", "gtids", "run_by")}
        return cls(event=str(given["event"]), begun=float(given["begun"]), seconds=float(given.get("seconds") or 0), **texts)


@dataclass(frozen=True)
class Entry:
    """A row of the journal; see ``Record``. ``age``: how long ago it was written (seconds)."""

    id: str
    at: str
    age: int
    event: str
    old_primary: str
    new_primary: str
    why: str
    run_by: str
    gtids: str
    seconds: t.Optional[float]
    lost: str


def read_entries(node: Node, number: int, event: str = "%") -> t.List[Entry]:
    """Return the last rows of a server's journal, the last one first; none where nothing was ever written. Raises the errors of ``Server.send``."""
    try:
        return [_entry(row) for row in node.server.send(node.flavor.show_journal(number, event))]
    except StatementFailed as error:
        if error.errno not in NOT_THERE:
            raise
        return []


def _entry(row: Row) -> Entry:
    try:
        seconds: t.Optional[float] = float(row.text("seconds"))
    except ValueError:
        seconds = None
    texts = {name: row.text(name) for name in ("id", "at", "event", "old_primary", "new_primary", "why", "run_by", "gtids", "lost")}
    return Entry(age=row.optional_number("age") or 0, seconds=seconds, **texts)
