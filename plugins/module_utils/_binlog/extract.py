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

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import transactions_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Runs, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import Segment


class ExtractFailed(Exception):
    """Transactions could not be taken out of binary logs, or not be translated."""


@dataclass(frozen=True)
class Extract:
    """Transactions taken out of binary logs, a segment for each file."""

    family: str
    segments: t.List[Segment]

    @property
    def gtids(self) -> t.List[str]:
        """The GTID of each that has one, in the order in which they were committed."""
        return [transaction.gtid for segment in self.segments for transaction in segment.transactions if transaction.gtid]

    @property
    def transactions(self) -> Transactions:
        """Which they are, exactly: in MariaDB that cannot be told from the servers' states alone. Those without a GTID are left out."""
        return transactions_of(self.family, self.gtids)

    @property
    def anonymous(self) -> int:
        """How many of them have no GTID."""
        return sum(not transaction.gtid for segment in self.segments for transaction in segment.transactions)

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


def wanted_by(family: str, have: Gtids) -> t.Callable[[str], bool]:
    """Return what tells by its GTID whether a transaction is not in ``have``. It is asked of every transaction of a file: sets are too slow for that."""
    has = is_in(have.runs_of, "-" if family == "mariadb" else ":")
    return lambda gtid: not has(gtid)


# By what stands before the number in a GTID, the first and the last of numbers that follow one another.
RunsOf = t.Callable[[str], t.Sequence[t.Tuple[int, int]]]


def is_in(runs: RunsOf, separator: str) -> t.Callable[[str], bool]:
    """Return what tells by its GTID whether a transaction is in runs."""
    found: t.Dict[str, t.Sequence[t.Tuple[int, int]]] = {}

    def is_there(gtid: str) -> bool:
        source, _separator, text = gtid.rpartition(separator)
        if source not in found:
            found[source] = runs(source)
        number = int(text)
        return any(first <= number <= last for first, last in found[source])

    return is_there


def runs_of(runs: Runs) -> RunsOf:
    """Return runs by their source."""
    known: t.Dict[str, t.List[t.Tuple[int, int]]] = {}
    for source, first, last in runs:
        known.setdefault(source, []).append((first, last))
    return lambda source: known.get(source, ())


def without(runs: Runs, have: RunsOf) -> t.Iterator[t.Tuple[str, int, int]]:
    """Yield those parts of runs of transactions that are not in others."""
    for source, begin, last in runs:
        first = begin
        for taken, end in sorted(have(source)):
            if taken > last:
                break
            if taken > first:
                yield source, first, taken - 1
            first = max(first, end + 1)
        if first <= last:
            yield source, first, last
