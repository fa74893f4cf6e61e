# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Other transactions under the same GTIDs: what a server wrote after it had lost the end of its binary log, which others had received.

A server that crashes without ``sync_binlog=1`` comes back with the numbers that it had used last free again. Sets do not tell that. The binary logs do,
of both servers: when a transaction began is the same wherever it was replicated, or salvaged (``Stamp``). Numbers are used in their order, so
that all before the last one that both have agree, if that one does. That one is asked for by its GTID, so that the server sends no more than it.
"""

from __future__ import annotations

import struct
import typing as t
from contextlib import closing

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids, MySQLGtids, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import BinlogError, Stamp, make_event, stamps_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# What a log holds from a number on: the number that comes next, and its stamp; ``None`` where that cannot be had.
Marked = t.Optional[t.Tuple[int, Stamp]]
Mark = t.Callable[[int], Marked]


# With what a server refuses to begin at a transaction that its binary logs do not hold, or no longer: the second from MySQL 8.0.30 on.
_NOT_HELD = (1236, 13114)


class Run(t.NamedTuple):
    """Numbers under which two servers have different transactions; ``is_certain``: before the first they agree."""

    first: int
    last: int
    is_certain: bool


@dataclass(frozen=True)
class Reused:
    """What was found: under which GTIDs another server has other transactions, as text.

    ``have``: what the other server has, less these. ``unknown``: of which nobody can tell it, with the reason.
    """

    gtids: str
    have: Gtids
    unknown: t.Tuple[str, ...] = ()


def find_reused(node: Node, origin: str, other: Node, have: Gtids, seconds: float) -> Reused:
    """Compare what a server wrote (``origin``) as two servers have it. Raises ``ServerError``.

    :arg have: what the other one has.
    """
    found, unknown = [], []
    for source, last in last_of_both(node.state.executed, have, origin):
        mine, theirs = _marks(node, source, seconds), _marks(other, source, seconds)
        try:
            run = differing(last, mine, theirs)
        except ExtractFailed as error:
            unknown.append(str(error))
            continue
        if run is None:
            continue
        found.append((source, run))
        if not run.is_certain:
            unknown.append("the binary logs of %s and %s do not both hold what comes before %s" % (node.name, other.name, named(node, source, run.first)))
    gtids = ",".join(named(node, source, run.first, run.last) for source, run in found)
    return Reused(gtids, less(have, found), tuple(unknown))


def named(node: Node, source: str, first: int, last: t.Optional[int] = None) -> str:
    """Print numbers as those of the family are printed."""
    separator, between = ("-", "..") if node.state.family == "mariadb" else (":", "-")
    return "%s%s%d%s" % (source, separator, first, "" if last in (None, first) else "%s%d" % (between, last))


def last_of_both(mine: Gtids, theirs: Gtids, origin: str) -> Iterator[t.Tuple[str, int]]:
    """Yield the last number of each source of a server that both have. A source is what stands before the number in a GTID."""
    if isinstance(mine, MariaDBGtids) and isinstance(theirs, MariaDBGtids):
        for (domain, server), number in mine.numbers:
            both = min(number, theirs.last.get((domain, server), 0))
            if str(server) == origin and both:
                yield "%d-%d" % (domain, server), both
    elif isinstance(mine, MySQLGtids) and isinstance(theirs, MySQLGtids):
        for (uuid, tag), runs in mine.intersect(theirs).parts:
            if uuid == origin:
                yield (uuid + ":" + tag if tag else uuid), runs[-1][1]


def less(have: Gtids, found: Sequence[t.Tuple[str, Run]]) -> Gtids:
    """Return a set without numbers; in MariaDB, where a state names only the last number of each server, also without what comes after them."""
    if isinstance(have, MariaDBGtids):
        firsts = {source: run.first for source, run in found}
        numbers = [(key, min(number, firsts.get("%d-%d" % key, number + 1) - 1)) for key, number in have.numbers]
        return MariaDBGtids(tuple(numbers), have.backlog)
    if isinstance(have, MySQLGtids) and found:
        return have.subtract(parse_gtids("mysql", ",".join("%s:%d-%d" % (source, run.first, run.last) for source, run in found)))
    return have


def differing(last: int, mine: Mark, theirs: Mark) -> t.Optional[Run]:
    """Return the numbers up to the last that both have under which they have different transactions; ``None`` where they agree.

    Raises ``ExtractFailed`` where the last one cannot be compared.
    """
    agrees = _agree(last, mine, theirs)
    if agrees is None:
        raise ExtractFailed("the binary logs of both do not hold the last transaction that both have")
    if agrees:
        return None
    first, step = last, 1
    while first > 1:
        before = max(1, last - step)
        agrees = _agree(before, mine, theirs)
        if agrees is not False:
            # Where that one is in no log any more, one of them begins in between.
            return Run(_first_that_differs(before, first, mine, theirs), last, bool(agrees))
        first, step = before, 2 * step
    return Run(first, last, True)


def _first_that_differs(lower: int, differs: int, mine: Mark, theirs: Mark) -> int:
    while differs - lower > 1:
        middle = (lower + differs) // 2
        if _agree(middle, mine, theirs) is False:
            differs = middle
        else:
            lower = middle
    return differs


def _agree(number: int, mine: Mark, theirs: Mark) -> t.Optional[bool]:
    one = mine(number)
    other = theirs(one[0]) if one is not None else None
    if one is None or other is None:
        return None
    return one[0] == other[0] and one[1].is_of_same(other[1])


def _marks(node: Node, source: str, seconds: float) -> Mark:
    def mark(number: int) -> Marked:
        wanted = source + ("-" if node.state.family == "mariadb" else ":")
        try:
            with closing(node.server.twin()) as twin:
                twin.send(node.flavor.expect_binary_log())
                executed, have = node.state.executed, None
                if isinstance(executed, MySQLGtids):
                    uuid, _colon, tag = source.partition(":")
                    have = as_sent(executed, (uuid, tag), number)
                elif isinstance(executed, MariaDBGtids):
                    told = node.flavor.go_on_after(position_before(executed, source, number))
                    if told is not None:
                        twin.send(told)
                for gtid, stamp in stamps_of(map(make_event, twin.read_binary_log("", seconds, have))):
                    before, text = gtid[: len(wanted)], gtid[len(wanted) :]
                    # What has a tag begins like what has none.
                    if before == wanted and text.isdigit() and int(text) >= number:
                        return int(text), stamp
        except StatementFailed as error:
            if error.errno not in _NOT_HELD:
                raise
        except BinlogError as error:
            raise ExtractFailed("the binary logs of %s cannot be read: %s" % (node.name, error)) from error
        return None

    return mark


def position_before(executed: MariaDBGtids, source: str, number: int) -> str:
    """Return from where a server of MariaDB is to send: in the domain of a source after the number before this one, in the others nothing that it has."""
    domain = int(source.split("-")[0])
    others = MariaDBGtids(tuple(each for each in executed.numbers if each[0][0] != domain)).position()
    before = ["%s-%d" % (source, number - 1)] if number > 1 else []
    return ",".join([*before, *([str(others)] if others else [])])


def as_sent(executed: MySQLGtids, source: t.Tuple[str, str], number: int) -> bytes:
    """Return all that a server of MySQL has but for one source from a number on, as a replica sends it (``COM_BINLOG_DUMP_GTID``)."""
    parts = []
    for key, runs in executed.parts:
        kept = [(first, min(last, number - 1)) for first, last in runs if first < number] if key == source else list(runs)
        if kept:
            parts.append((key, kept))
    # With tags (8.3 and later) the first and the last byte of the number of parts say so.
    is_tagged = any(tag for (_uuid, tag), _runs in parts)
    sent = [struct.pack("<Q", (1 << 56 | len(parts) << 8 | 1) if is_tagged else len(parts))]
    for (uuid, tag), kept in parts:
        sent.append(bytes.fromhex(uuid.replace("-", "")))
        if is_tagged:
            sent.append(bytes([len(tag) << 1]) + tag.encode("ascii"))
        sent.append(struct.pack("<Q", len(kept)))
        sent += [struct.pack("<qq", first, last + 1) for first, last in kept]
    return b"".join(sent)
