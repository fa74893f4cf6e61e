# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.


"""What a server has written that another does not have: told from its state as far as that proves it, else from its binary logs.

A set of GTIDs proves something only if every write got one, and only by (domain, server, number). Two things are looked for in the logs therefore:

- Transactions without a GTID (MySQL, ``gtid_mode`` other than ON). A change of ``gtid_mode``, and a start, begins a new file (seen: 9.7, 5.6), so
  that they are in files without any GTID. Only these are read, after the last file with a GTID that the other server has. A server whose
  ``gtid_mode`` is ON sends nobody such a transaction: it is ON_PERMISSIVE meanwhile.
- Transactions of a MariaDB server that nobody knows by its server_id, with numbers that others have come past. In the history of a cluster numbers
  only grow. Somebody who writes to a replica takes the number that its source takes next: in its log the source's number is no higher, then.
"""

from __future__ import annotations

import typing as t
from contextlib import closing, contextmanager, nullcontext

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import Extract, ExtractFailed, wanted_by
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import MySQL
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import BinlogError, gtids_of, make_event, take, writers_of
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import history_in
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import Event
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# SHOW BINLOG EVENTS names the event that says what all earlier files hold.
_HISTORY_EVENTS = ("previous_gtids", "gtid_list")

History = t.Callable[[str], t.Optional["Gtids"]]


@dataclass(frozen=True)
class Own:
    """What was found in binary logs.

    ``too_short``: transactions that the server wrote itself, and nobody knows, are older than its logs. They were taken for those of the cluster.
    """

    extract: Extract
    too_short: bool = False


def find_own(node: Node, have: Gtids, others: Sequence[Gtids], seconds: float) -> Own:
    """Read from a living server the transactions that another lacks, which has ``have``, and those without a GTID. Reads no more than it must.

    ``others``: what the other members of the cluster have. Raises ``ExtractFailed`` and the errors of ``Server``.
    """
    files = node.binary_logs() if node.state.log_bin else []
    known: t.Dict[str, t.Optional[Gtids]] = {}

    def history(file: str) -> t.Optional[Gtids]:
        if file not in known:
            known[file] = _history_over_connection(node, file)
        return known[file]

    if isinstance(have, MariaDBGtids) and isinstance(node.state.executed, MariaDBGtids):
        return _find_unproven(node, files, history, node.state.executed, have, others, seconds)
    return Own(_find_lacking(node, files, history, have, seconds))


def find_alone(node: Node, have: Gtids, seconds: float) -> Extract:
    """Read from a server, which goes on as it is, the transactions with GTIDs that another cannot be shown to have, which has ``have``. Changes nothing.

    ``find_own`` finds more, of one that is closed for writes. Raises ``ExtractFailed`` and the errors of ``Server``.
    """
    executed = node.state.executed
    if isinstance(have, MariaDBGtids) and isinstance(executed, MariaDBGtids):
        is_wanted = unproven_by(executed, have)
    else:
        is_wanted = wanted_by(node.state.family, have)

    def is_settled(before: Gtids) -> bool:
        return not any(map(is_wanted, _last_of_each(before))) if isinstance(before, MariaDBGtids) else have.contains(before)

    if is_settled(executed):
        return Extract(node.state.family, [])
    files = node.binary_logs() if node.state.log_bin else []
    first = _first_file(node, files, lambda file: _history_over_connection(node, file), is_settled)
    return read_transactions(node, first, seconds, is_wanted)


def find_skipped(source: Node, lacking: Gtids, server_id: int, seconds: float) -> t.Optional[Gtids]:
    """Read from a server of MySQL which of these transactions carry a server_id: a replica that has it skips them, and never gets them.

    A server that was restored from an old copy has another server_uuid, and its old server_id. Raises ``ExtractFailed`` and the errors of ``Server``.
    """
    if not lacking:
        return None
    files = source.binary_logs()
    first = _first_file(source, files, lambda file: _history_over_connection(source, file), lambda before: not before.intersect(lacking))
    is_there, found = wanted_by(source.state.family, lacking), []
    with _understanding(source):
        for gtid, writer in writers_of(_events(source, first, seconds)):
            if writer == server_id and not is_there(gtid):
                found.append(gtid)
    return parse_gtids(source.state.family, ",".join(found)) if found else None


def _find_lacking(node: Node, files: Sequence[str], history: History, have: Gtids, seconds: float) -> Extract:
    """Read from a server of MySQL what another lacks, and what has no GTID."""
    state = node.state
    first = first_without_gtids(files, history, state.executed, have)
    begins_without = [file for file in (files[files.index(first) :] if first is not None else ()) if _begins_without_gtid(node, file)]
    if state.executed.subtract(have):
        first = _earlier(files, first, _first_file(node, files, history, have.contains))
    with _sending_what_has_no_gtid(node) if begins_without else nullcontext():
        extract = read_transactions(node, first, seconds, wanted_by(state.family, have), anonymous=True)
    missing = state.executed.subtract(have.union(parse_gtids(state.family, ",".join(extract.gtids))))
    if missing:
        raise ExtractFailed("the binary logs of %s do not hold %s" % (node.name, missing))
    return extract


def first_without_gtids(files: Sequence[str], history: History, executed: Gtids, have: Gtids) -> t.Optional[str]:
    """Return the first file after the last one with a GTID that the other server has; ``None`` where no file comes after that.

    A file of MySQL 5.6 without GTIDs does not say what is in those before it, so that of the one before it is not known what it holds itself.
    """
    first = None
    after: t.Optional[Gtids] = executed
    for file in reversed(files):
        before = history(file)
        if before is not None and after is not None:
            inside = after.subtract(before)
            if inside != after.subtract(before.union(have)):
                break
        first, after = file, before
    return first


@contextmanager
def _sending_what_has_no_gtid(node: Node) -> Iterator[None]:
    """Let a server send transactions without a GTID. It is closed for writes, and is as it was afterwards."""
    if node.state.gtid_mode != "ON" or not isinstance(node.flavor, MySQL):
        yield
        return
    if node.server.check_mode:
        raise ExtractFailed("%s has transactions without a GTID, which it sends only with another gtid_mode" % node.name)
    node.server.send(node.flavor.set_gtid_mode("ON_PERMISSIVE"))
    try:
        yield
    finally:
        if node.server.is_open:
            node.server.send(node.flavor.set_gtid_mode("ON"))


def _begins_without_gtid(node: Node, file: str) -> bool:
    return any(row.text("Event_type").lower() == "anonymous_gtid" for row in node.first_events(file))


def _find_unproven(
    node: Node, files: Sequence[str], history: History, executed: MariaDBGtids, have: MariaDBGtids, others: Sequence[Gtids], seconds: float
) -> Own:
    """Read from a server of MariaDB what cannot be shown to be on another, and what it wrote itself out of the order of the cluster."""
    own_id = node.state.server_id
    unproven = unproven_by(executed, have)
    suspects = suspected(executed, have, others, own_id)
    errant: t.Set[str] = set()
    begin, too_short = None, False
    if suspects:
        begin, too_short = _first_written(files, history, suspects, own_id)
        errant = set(out_of_order(_read_gtids(node, begin, seconds), suspects, own_id))

    def is_wanted(gtid: str) -> bool:
        return gtid in errant or unproven(gtid)

    lacking = [gtid for gtid in _last_of_each(executed) if is_wanted(gtid)]
    first = _first_file(node, files, history, lambda before: not any(map(is_wanted, _last_of_each(before)))) if lacking else None
    extract = read_transactions(node, _earlier(files, first, begin if errant else None), seconds, is_wanted)
    missing = set(lacking).difference(extract.gtids)
    if missing:
        raise ExtractFailed("the binary logs of %s do not hold %s" % (node.name, ", ".join(sorted(missing))))
    return Own(extract, too_short)


def unproven_by(mine: MariaDBGtids, have: MariaDBGtids) -> t.Callable[[str], bool]:
    """Return what tells by its GTID whether one of ``mine`` cannot be shown to be in ``have`` (see ``MariaDBGtids.not_proven_in``)."""
    theirs = dict(have.numbers)
    shared: t.Dict[int, int] = {}
    for key, last in mine.numbers:
        shared[key[0]] = max(shared.get(key[0], 0), min(last, theirs.get(key, 0)))

    def is_unproven(gtid: str) -> bool:
        domain, server, number = map(int, gtid.split("-"))
        known = theirs.get((domain, server))
        return number > known if known is not None else number >= shared.get(domain, 0)

    return is_unproven


def suspected(executed: MariaDBGtids, have: MariaDBGtids, others: Iterable[Gtids], own_id: int) -> t.Dict[int, int]:
    """Return the domains in which a server has written more than anybody knows of it, each with how far that reaches.

    Only where the other server may have it all the same: what it does not have by what it knows is certain (``unproven_by``).
    """
    unproven = unproven_by(executed, have)
    theirs = [dict(each.numbers) for each in (have, *others) if isinstance(each, MariaDBGtids)]
    found = {}
    for (domain, server), number in executed.numbers:
        reached = max(numbers.get((domain, server), 0) for numbers in theirs)
        if server == own_id and number > reached and not unproven("%d-%d-%d" % (domain, server, number)):
            found[domain] = reached
    return found


def out_of_order(gtids: Iterable[str], suspects: t.Mapping[int, int], own_id: int) -> Iterator[str]:
    """Yield those of a server's own transactions in these domains that do not count up: from what was before, or to what another server wrote next."""
    highest: t.Dict[int, int] = {}
    own: t.Dict[int, t.List[int]] = {}
    for gtid in gtids:
        domain, server, number = map(int, gtid.split("-"))
        if domain not in suspects:
            continue
        if server != own_id:
            yield from ("%d-%d-%d" % (domain, own_id, each) for each in own.pop(domain, ()) if each >= number)
        elif number > suspects[domain]:
            if number <= highest.get(domain, 0):
                yield gtid
            else:
                own.setdefault(domain, []).append(number)
        highest[domain] = max(number, highest.get(domain, 0))


def _first_file(node: Node, files: Sequence[str], history: History, is_settled: t.Callable[[Gtids], bool]) -> str:
    """Return the file to begin with: the newest before which there is nothing that is looked for."""
    for file in reversed(files):
        before = history(file)
        if before is not None and is_settled(before):
            return file
    raise ExtractFailed("the binary logs of %s do not go back far enough" % node.name)


def _first_written(files: Sequence[str], history: History, suspects: t.Mapping[int, int], own_id: int) -> t.Tuple[t.Optional[str], bool]:
    """Return the file to begin with to see all that a server wrote itself in these domains, and whether it wrote more before that."""
    for file in reversed(files):
        before = history(file)
        if isinstance(before, MariaDBGtids):
            numbers = dict(before.numbers)
            if all(numbers.get((domain, own_id), 0) <= reached for domain, reached in suspects.items()):
                return file, False
    return (files[0] if files else None), True


def _earlier(files: Sequence[str], one: t.Optional[str], other: t.Optional[str]) -> t.Optional[str]:
    """Return the file that was written first."""
    return min((file for file in (one, other) if file is not None), key=files.index, default=None)


def _last_of_each(gtids: Gtids) -> Iterator[str]:
    """Yield the last GTID of each server in each domain."""
    if isinstance(gtids, MariaDBGtids):
        yield from ("%d-%d-%d" % (domain, server, number) for (domain, server), number in gtids.numbers)


def _history_over_connection(node: Node, file: str) -> t.Optional[Gtids]:
    """Return what all files before one hold; ``None`` where it does not say (MySQL 5.6 without GTIDs)."""
    for row in node.first_events(file):
        if row.text("Event_type").lower() in _HISTORY_EVENTS:
            return history_in(row, node.state.family)
    return None


def read_transactions(node: Node, first: t.Optional[str], seconds: float, is_wanted: t.Callable[[str], bool], *, anonymous: bool = False) -> Extract:
    """Take transactions out of the binary logs from a file on; none where there is no file to begin with."""
    with _understanding(node):
        return Extract(node.state.family, take(_events(node, first, seconds), is_wanted, anonymous=anonymous))


def _read_gtids(node: Node, first: t.Optional[str], seconds: float) -> t.List[str]:
    with _understanding(node):
        return list(gtids_of(_events(node, first, seconds)))


def _events(node: Node, first: t.Optional[str], seconds: float) -> Iterator[Event]:
    if first is not None:
        with closing(node.server.twin()) as twin:
            twin.send(node.flavor.expect_binary_log())
            yield from map(make_event, twin.read_binary_log(first, seconds))


@contextmanager
def _understanding(node: Node) -> Iterator[None]:
    try:
        yield
    except BinlogError as error:
        raise ExtractFailed("the binary logs of %s cannot be read: %s" % (node.name, error)) from error
