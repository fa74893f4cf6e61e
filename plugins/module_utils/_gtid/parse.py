# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection: it may change at any time, without notice.

"""GTIDs of both families: the one place that the rest of the collection imports them from.

They are read with ``parse_gtids("mysql", text)``; ``theirs.subtract(mine)`` is what I lack.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.base import GtidError, Gtids, Transactions
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.mariadb import MariaDBGtidRanges, MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.mysql import MySQLGtids

_FAMILIES: t.Mapping[str, type[Gtids]] = {"mysql": MySQLGtids, "mariadb": MariaDBGtids}

# What stands before the number in a GTID, and the first and last of numbers that follow one another.
Runs = t.Sequence[t.Tuple[str, int, int]]

__all__ = [
    "GtidError",
    "Gtids",
    "MariaDBGtidRanges",
    "MariaDBGtids",
    "MySQLGtids",
    "Runs",
    "Transactions",
    "empty",
    "parse_gtids",
    "transactions_in",
    "transactions_of",
]


def parse_gtids(flavor: str, text: str | None) -> Gtids:
    """Read the GTIDs of a server of the family ``flavor``, ``mysql`` or ``mariadb``. Raise ``GtidError`` where the text is none."""
    return _FAMILIES[flavor].parse(text)


def empty(flavor: str) -> Gtids:
    """Give the empty set of the family ``flavor``, ``mysql`` or ``mariadb``."""
    return _FAMILIES[flavor].parse(None)


def transactions_of(flavor: str, gtids: t.Iterable[str]) -> Transactions:
    """Put single transactions together, each by its GTID. Raise ``GtidError`` where a text is none."""
    text = ",".join(gtids)
    return MariaDBGtidRanges.of_list(text) if flavor == "mariadb" else parse_gtids(flavor, text)


def transactions_in(flavor: str, runs: Runs) -> Transactions:
    """Put runs of transactions together. Raise ``GtidError`` where one is none."""
    if flavor != "mariadb":
        return parse_gtids(flavor, ",".join("%s:%d-%d" % run for run in runs))
    both = [MariaDBGtids.parse("%s-%d,%s-%d" % (source, first, source, last)) and (*map(int, source.split("-")), first, last) for source, first, last in runs]
    return MariaDBGtidRanges.of_runs(t.cast("list[tuple[int, int, int, int]]", both))
