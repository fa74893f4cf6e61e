# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What waits in the relay logs of a MariaDB replica that stands still: how much it is, and where applying has to begin.

In GTID mode MariaDB throws its relay logs away at the first start of a thread while both are stopped, and forgets ``Gtid_IO_Pos`` when it is
restarted (both seen: 10.11, 11.8). The events on its disk are the only account of what it has received. The position of the applier is
none: after a crash it may be that of transactions which were applied long before, so the GTIDs of the events decide.
"""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import AnswerTooLarge, StatementFailed, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MariaDB
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server

# A file and an offset in it.
Position = t.Tuple[str, int]

# Events that are asked for at once: 5,000 of a row each are 0.3 MB and take 0.04 s (seen: 10.11, 11.8; about 7 MB/s in all).
_PAGE = 5000
# Seconds after which a replica's relay logs are called too large to be read while users wait.
_LONGEST_READING = 60.0

_GTID = re.compile(r"\bGTID (\d{1,10})-(\d{1,10})-(\d{1,20})\b", re.ASCII)
_END = re.compile(r"(?:use `.*`; )?(?:COMMIT|ROLLBACK)")
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)
# ER_ERROR_WHEN_EXECUTING_COMMAND; the text tells a file that is not there from one whose last event is cut off.
_NOT_SHOWN = 1220
_NO_SUCH_FILE = "could not find target log"


@dataclass(frozen=True)
class RelayLogs:
    """What was found: the whole transactions, where the first one that is not applied begins, and what makes applying them unsafe.

    ``is_complete`` is false where not all of it could be read, so that nobody knows how much there is.
    """

    received: MariaDBGtids
    start: t.Optional[Position] = None
    trouble: str = ""
    is_complete: bool = True


class Scan:
    """Takes in the events of relay logs in their order and tells what they amount to. Pure."""

    def __init__(self, applied: MariaDBGtids) -> None:
        self._applied = dict(applied.numbers)
        self._heads = applied.heads()
        self._received: t.Dict[t.Tuple[int, int], int] = {}
        self._start: t.Optional[Position] = None
        self._trouble = ""
        self._cut = ""
        # The transaction whose end was not seen yet, and whether it is a single statement.
        self._open: t.Optional[t.Tuple[int, int, int, bool]] = None

    def add(self, file: str, events: Sequence[Row]) -> None:
        """Take in the next events."""
        for event in events:
            kind, info = event.text("Event_type"), event.text("Info")
            if kind == "Gtid":
                self._begin((file, event.number("Pos")), info)
            elif self._open is not None and _ends(kind, info, stands_alone=self._open[-1]):
                domain, server, number, _stands_alone = self._open
                self._received[(domain, server)] = max(number, self._received.get((domain, server), number))
                self._open = None

    def add_cut(self, file: str) -> None:
        """Take in that an event cannot be read: the server was killed while it wrote it. Nothing after it can be applied."""
        self._cut = self._cut or file

    def result(self) -> RelayLogs:
        """Tell what was found so far."""
        numbers = tuple(sorted(self._received.items()))
        return RelayLogs(MariaDBGtids(numbers), self._start, self._trouble)

    def _begin(self, position: Position, info: str) -> None:
        found = _GTID.search(info)
        if found is None:
            self._trouble = "%s has an event at %d that cannot be understood: %s" % (position + (info[:100],))
            return
        domain, server, number = (int(digits) for digits in found.groups())
        # Without BEGIN (or XA START) it is a single statement, as DDL is.
        self._open = (domain, server, number, info.startswith("GTID "))
        if self._cut:
            self._trouble = "%s breaks off in the middle of an event, and more follows it" % self._cut
        known = self._applied.get((domain, server))
        applied = number <= known if known is not None else number < self._heads.get(domain, 0)
        if not applied:
            self._start = self._start or position
        elif self._start is not None:
            self._trouble = "%d-%d-%d is applied already and comes after others that are not" % (domain, server, number)


def _ends(kind: str, info: str, *, stands_alone: bool) -> bool:
    if kind in ("Xid", "XA_prepare"):
        return True
    if kind.startswith("Query") or kind == "Execute_load_query":
        return stands_alone or _END.fullmatch(info) is not None
    return False


class RelayLogGone(Exception):
    """The relay log that the applier was at is not there: it has moved on meanwhile, or somebody deleted files."""


class _TooMuch(Exception):
    """Reading takes longer than users should wait, or more room than there is; the text says which."""


def read_relay_logs(server: Server, flavor: MariaDB, channel: str, begin: Position, applied: MariaDBGtids) -> RelayLogs:
    """Read the relay logs of a replica from its applier's position to their end. Changes nothing. Raises ``RelayLogGone``, ``Unreadable``.

    :arg server: a connection for this alone: it is replaced where an answer is too large.
    """
    scan = Scan(applied)
    deadline = time.monotonic() + _LONGEST_READING
    try:
        if not _read_file(server, flavor, channel, begin, scan, deadline):
            raise RelayLogGone
        file = _next_file(server.name, begin[0])
        while _read_file(server, flavor, channel, (file, 4), scan, deadline):
            file = _next_file(server.name, file)
    except _TooMuch as too_much:
        found = scan.result()
        return RelayLogs(found.received, found.start, str(too_much), is_complete=False)
    return scan.result()


def _read_file(server: Server, flavor: MariaDB, channel: str, begin: Position, scan: Scan, deadline: float) -> bool:
    """Take in one relay log page by page; tell whether there is such a file."""
    file, position = begin
    limit = _PAGE
    seen = 0  # the first event of each further page is the last one of the page before
    while True:
        if time.monotonic() > deadline:
            raise _TooMuch("they are too large to be read within %g s" % _LONGEST_READING)
        try:
            events = server.send(flavor.show_relay_log_events(file, position, limit, channel))
        except StatementFailed as error:
            if error.errno != _NOT_SHOWN:
                raise
            if _NO_SUCH_FILE in error.message.lower():
                return False
            if limit == seen + 1:
                scan.add_cut(file)
                return True
            # One unreadable event spoils its whole page.
            limit = max(limit // 2, seen + 1)
            continue
        except AnswerTooLarge as error:
            if limit == seen + 1:
                raise _TooMuch("they hold an event that is too large to be read") from error
            # An event shows the whole text of its statement, however long that is.
            limit = max(limit // 8, seen + 1)
            server.close()
            server.connect()
            continue
        scan.add(file, events[seen:])
        if len(events) < limit:
            return True
        position, seen = events[-1].number("Pos"), 1
        limit = max(limit, seen + 1)


def _next_file(server: str, file: str) -> str:
    name, _dot, number = file.rpartition(".")
    if _NUMBER.fullmatch(number) is None:
        raise Unreadable(server, "%s: it cannot be told which relay log comes after %r: its name does not end in a number" % (server, file[:100]))
    return "%s.%0*d" % (name, len(number), int(number) + 1)
