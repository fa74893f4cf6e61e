# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The transactions that one server has and another lacks: taken out of binary logs, and written as SQL by the vendors' own tools.

What is taken out are exactly those transactions, by their GTIDs, whatever the tool of that version could filter by; the tool only translates.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import typing as t
from contextlib import closing
from dataclasses import dataclass

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.events import BinlogError, make_event, take
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids, transactions_of
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import history_in

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.events import Segment
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Transactions
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

# The tool of each family by its names, and an option that only this family's has (MySQL's since 5.6, MariaDB's since 10.2).
_PROGRAMS = {"mysql": (("mysqlbinlog",), "include-gtids"), "mariadb": (("mariadb-binlog", "mysqlbinlog"), "flashback")}

# SHOW BINLOG EVENTS names the event that says what all earlier files hold.
_HISTORY_EVENTS = ("previous_gtids", "gtid_list")

_CHANGED_ROW = re.compile(r"^### (INSERT INTO|UPDATE|DELETE FROM) `((?:[^`]|``)*)`\.`((?:[^`]|``)*)`")
_KINDS = {"INSERT INTO": "inserted", "UPDATE": "updated", "DELETE FROM": "deleted"}


class ExtractFailed(Exception):
    """Transactions could not be taken out of binary logs, or not be translated."""


@dataclass(frozen=True)
class Extract:
    """Transactions taken out of binary logs, a segment for each file."""

    family: str
    segments: t.List[Segment]

    @property
    def transactions(self) -> Transactions:
        """Which they are, exactly: in MariaDB that cannot be told from the servers' states alone."""
        return transactions_of(self.family, [transaction.gtid for segment in self.segments for transaction in segment.transactions])


def extract_over_connection(node: Node, have: Gtids, seconds: float) -> Extract:
    """Read from a living server the transactions that are not in RV(have), all of them. Raises ``ExtractFailed`` and the errors of ``Server``."""
    files = [row.text("Log_name") for row in node.server.send(node.flavor.show_binary_logs())]
    first = _first_file(files, lambda file: _history_over_connection(node, file), have)
    if first is None:
        raise ExtractFailed("the binary logs of %s do not go back far enough" % node.name)
    with closing(node.server.twin()) as twin:
        twin.send(node.flavor.expect_binary_log())
        events = (make_event(raw) for raw in twin.read_binary_log(first, seconds))
        try:
            extract = Extract(node.state.family, take(events, wanted_by(node.state.family, have)))
        except BinlogError as error:
            raise ExtractFailed("the binary logs of %s cannot be read: %s" % (node.name, error)) from error
    found = ",".join(transaction.gtid for segment in extract.segments for transaction in segment.transactions)
    missing = node.state.executed.subtract(have.union(parse_gtids(node.state.family, found)))
    if missing:
        raise ExtractFailed("the binary logs of %s do not hold %s" % (node.name, missing))
    return extract


def _history_over_connection(node: Node, file: str) -> t.Optional[Gtids]:
    for row in node.server.send(node.flavor.show_first_events(file)):
        if row.text("Event_type").lower() in _HISTORY_EVENTS:
            return history_in(row, node.state.family)
    return None


def _first_file(files: t.List[str], history: t.Callable[[str], t.Optional[Gtids]], have: Gtids) -> t.Optional[str]:
    """Return the file to begin with: the newest before which there is nothing that is not in RV(have)."""
    for file in reversed(files):
        before = history(file)
        if before is not None and have.contains(before):
            return file
    return None


def wanted_by(family: str, have: Gtids) -> t.Callable[[str], bool]:
    """Return what tells by its GTID whether a transaction is not in RV(have). It is asked of every transaction of a file: sets are too slow for that."""
    separator, found = "-" if family == "mariadb" else ":", {}  # type: t.Tuple[str, t.Dict[str, t.Sequence[t.Tuple[int, int]]]]

    def is_wanted(gtid: str) -> bool:
        source, _separator, text = gtid.rpartition(separator)
        if source not in found:
            found[source] = have.runs_of(source)
        number = int(text)
        return not any(first <= number <= last for first, last in found[source])

    return is_wanted


def find_program(family: str, named: t.Optional[str] = None, seconds: float = 10.0) -> str:
    """Return the tool of a family that translates binary logs: the one that is named, or one on the PATH. Raises ``ExtractFailed``."""
    names, mark = _PROGRAMS[family]
    for name in [named] if named else names:
        path = shutil.which(os.path.expanduser(name))
        if path is not None and mark in _run([path, "--no-defaults", "--help"], seconds).stdout.decode("utf-8", "replace"):
            return path
    if named:
        raise ExtractFailed("%s cannot be run, or is not the tool of this family" % named)
    raise ExtractFailed("%s is not installed where the task runs" % " or ".join(names))


def write_sql(program: str, files: t.Sequence[str], target: str, seconds: float, *, verbose: bool = True) -> None:
    """Translate extracts to SQL that can be replayed; RV(verbose): with the rows readable beside it as comments. Raises ``ExtractFailed``."""
    with open(target, "wb") as output:
        done = _run([program, "--no-defaults", *(["--verbose"] if verbose else []), *files], seconds, output)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ExtractFailed("%s failed: %s" % (program, said[-1] if said else "exit code %d" % done.returncode))


def _run(command: t.Sequence[str], seconds: float, output: t.Union[int, t.BinaryIO] = subprocess.PIPE) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise ExtractFailed("%s did not end within %g s" % (command[0], seconds)) from error
    except OSError as error:
        raise ExtractFailed("%s cannot be run: %s" % (command[0], error)) from error


def count_rows(lines: Iterable[str]) -> t.List[t.Dict[str, t.Any]]:
    """Count the changed rows of each table in what C(write_sql) has written."""
    counts: t.Dict[t.Tuple[str, str], t.Dict[str, int]] = {}
    for line in lines:
        match = _CHANGED_ROW.match(line)
        if match is not None:
            kind, schema, table = match.groups()
            table_counts = counts.setdefault((schema.replace("``", "`"), table.replace("``", "`")), dict.fromkeys(_KINDS.values(), 0))
            table_counts[_KINDS[kind]] += 1
    return [dict(schema=schema, table=table, **counted) for (schema, table), counted in sorted(counts.items())]
