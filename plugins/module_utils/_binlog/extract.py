# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The transactions that one server has and another lacks, taken out of binary logs.

What is taken out are exactly those transactions, by their GTIDs, whatever the vendors' tool of that version could filter by.
"""

from __future__ import annotations

import os
import tempfile
import typing as t
from contextlib import closing
from dataclasses import dataclass

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.events import BinlogError, make_event, take
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.mariadb import MariaDBGtidRanges
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids, transactions_of
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import history_in

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.events import Segment
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# SHOW BINLOG EVENTS names the event that says what all earlier files hold.
_HISTORY_EVENTS = ("previous_gtids", "gtid_list")


class ExtractFailed(Exception):
    """Transactions could not be taken out of binary logs, or not be translated."""


@dataclass(frozen=True)
class Extract:
    """Transactions taken out of binary logs, a segment for each file."""

    family: str
    segments: t.List[Segment]

    @property
    def gtids(self) -> t.List[str]:
        """The GTID of each, in the order in which they were committed."""
        return [transaction.gtid for segment in self.segments for transaction in segment.transactions]

    @property
    def transactions(self) -> Transactions:
        """Which they are, exactly: in MariaDB that cannot be told from the servers' states alone."""
        return transactions_of(self.family, self.gtids)

    def write(self, directory: str) -> t.List[str]:
        """Write binary log files with these transactions and no others into a directory, and return their paths. Each is there whole or not at all."""
        return [put_file(directory, "binlog.%06d" % number, segment.to_bytes()) for number, segment in enumerate(self.segments, 1)]


def put_file(directory: str, name: str, content: bytes) -> str:
    """Write a file that is there whole or not at all, and that nobody else may read, and return its path. Raises ``OSError``."""
    handle, partial = tempfile.mkstemp(dir=directory)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    path = os.path.join(directory, name)
    os.replace(partial, path)
    return path


def extract_over_connection(node: Node, have: Gtids, seconds: float) -> Extract:
    """Read from a living server the transactions that are not in ``have``, all of them. Raises ``ExtractFailed`` and the errors of ``Server``."""
    files = [row.text("Log_name") for row in node.server.send(node.flavor.show_binary_logs())]
    first = _first_file(files, lambda file: _history_over_connection(node, file), have)
    if first is None:
        raise ExtractFailed("the binary logs of %s do not go back far enough" % node.name)
    with closing(node.server.twin()) as twin:
        twin.send(node.flavor.expect_binary_log())
        events = (make_event(raw) for raw in twin.read_binary_log(first, seconds))
        try:
            extract = Extract(node.state.family, take(events, wanted_by(node.state.family, have, node.state.executed.not_proven_in(have))))
        except BinlogError as error:
            raise ExtractFailed("the binary logs of %s cannot be read: %s" % (node.name, error)) from error
    missing = node.state.executed.subtract(have.union(parse_gtids(node.state.family, ",".join(extract.gtids))))
    if missing:
        raise ExtractFailed("the binary logs of %s do not hold %s" % (node.name, missing))
    return extract


def _history_over_connection(node: Node, file: str) -> t.Optional[Gtids]:
    for row in node.server.send(node.flavor.show_first_events(file)):
        if row.text("Event_type").lower() in _HISTORY_EVENTS:
            return history_in(row, node.state.family)
    return None


def _first_file(files: t.List[str], history: t.Callable[[str], t.Optional[Gtids]], have: Gtids) -> t.Optional[str]:
    """Return the file to begin with: the newest before which there is nothing that is not in ``have``."""
    for file in reversed(files):
        before = history(file)
        if before is not None and not before.not_proven_in(have):
            return file
    return None


def wanted_by(family: str, have: Gtids, own: t.Optional[Transactions] = None) -> t.Callable[[str], bool]:
    """Return what tells by its GTID whether a transaction is not in ``have``. It is asked of every transaction of a file: sets are too slow for that.

    ``own``: of MariaDB, what cannot be shown to be there by the states of both servers; a number alone does not show it.
    """
    ranges = own.ranges if isinstance(own, MariaDBGtidRanges) else ()
    separator, found = "-" if family == "mariadb" else ":", {}  # type: t.Tuple[str, t.Dict[str, t.Sequence[t.Tuple[int, int]]]]

    def is_wanted(gtid: str) -> bool:
        source, _separator, text = gtid.rpartition(separator)
        if source not in found:
            found[source] = have.runs_of(source)
        number = int(text)
        if any(source == "%d-%d" % (domain, server) and first <= number <= last for domain, server, first, last in ranges):
            return True
        return not any(first <= number <= last for first, last in found[source])

    return is_wanted
