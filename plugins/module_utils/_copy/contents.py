# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.


"""What is in a server: read from the donor before anything is overwritten, and from the copy before it is called one.

What a dump would not keep is known from the first reading, so that it is refused while nothing is lost yet.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._copy.unfinished import UNFINISHED
from ansible_collections.dbha.mysql.plugins.module_utils._flavor import contents as statements
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.contents import Column, Table
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import Flavor
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server

# What a dump writes of a table of these engines is at most where its rows are.
_ELSEWHERE = ("BLACKHOLE", "CONNECT", "FEDERATED", "MRG_MYISAM", "PERFORMANCE_SCHEMA", "SPIDER")


@dataclass(frozen=True)
class Content:
    """How many rows are in a table, with its history, and checksums of them."""

    rows: int
    checksums: t.Tuple[int, int]


@dataclass(frozen=True)
class Contents:
    """What is in a server: the rows of each table, and the names of everything else (views, routines, triggers, events, accounts) by its kind."""

    tables: t.Mapping[str, Content]
    others: t.FrozenSet[t.Tuple[str, str]]

    def difference(self, copy: Contents) -> t.List[str]:
        """Say in what a copy is not the same as this."""
        found = ["it lacks the table %s" % name for name in sorted(self.tables.keys() - copy.tables.keys())]
        found += ["it has a table %s" % name for name in sorted(copy.tables.keys() - self.tables.keys())]
        for name in sorted(self.tables.keys() & copy.tables.keys()):
            mine, theirs = self.tables[name], copy.tables[name]
            if mine.rows != theirs.rows:
                found.append("the table %s has %d rows instead of %d" % (name, theirs.rows, mine.rows))
            elif mine != theirs:
                found.append("the rows of the table %s are not the same" % name)
        found += ["it lacks the %s %s" % each for each in sorted(self.others - copy.others)]
        found += ["it has the %s %s" % each for each in sorted(copy.others - self.others)]
        return found


@dataclass(frozen=True)
class Losses:
    """What a dump would not keep: the tables with a FLOAT that it would round, by how many rows; with a history; with a row that is too large, by how much.

    ``imprecise``: the tables whose history no program dumps. ``engines``: those that the recipient does not have, each with a table that needs it.
    """

    rounded: t.Mapping[str, int]
    histories: t.Tuple[str, ...]
    imprecise: t.Tuple[str, ...]
    large: t.Mapping[str, int]
    engines: t.Mapping[str, str]


def check_losses(name: str, donor: str, losses: Losses, *, keeps_history: bool) -> Iterator[Problem]:
    """What speaks against overwriting a server with a dump of another. ``keeps_history``: program and servers know how."""

    def lost(message: str, tables: t.Sequence[str]) -> Problem:
        return Problem("cannot_copy", name, "%s cannot be overwritten with a dump of %s: %s" % (name, donor, message % listed(tables)))

    if losses.rounded:
        message = "it would round FLOAT values, so that the next change of such a row stops replication: %s"
        yield lost(message, ["%s (%d row%s)" % (table, rows, "s" * (rows != 1)) for table, rows in losses.rounded.items()])
    if losses.imprecise:
        yield lost("no program dumps the history of tables whose rows are valid from transaction to transaction: %s", losses.imprecise)
    elif losses.histories and not keeps_history:
        message = "it would lose the history of system-versioned tables: %s. Keeping it needs mariadb-dump, and servers, of MariaDB 10.11 or later"
        yield lost(message, losses.histories)
    if losses.large:
        message = "%s does not accept statements as large as rows of these tables (max_allowed_packet): %%s" % name
        yield lost(message, ["%s (%d bytes)" % each for each in losses.large.items()])
    if losses.engines:
        tables = ["%s (%s)" % (table, engine) for engine, table in losses.engines.items()]
        yield lost("%s does not have the storage engines of these tables: %%s" % name, tables)


class Reader:
    """Reads what is in a server, over a connection whose account sees everything, within a time limit (a moment of the monotonic clock)."""

    def __init__(self, server: Server, flavor: Flavor, deadline: float) -> None:
        self._server = server
        self._flavor = flavor
        self._deadline = deadline
        for statement in flavor.prepare_to_read():
            server.send(statement)
        self._rows = [row for row in server.send(statements.show_tables()) if row.text("table_schema") != UNFINISHED]
        self._tables = self._describe_tables()
        self._largest: t.Dict[str, int] = {}
        self._rounded: t.Dict[str, int] = {}

    @property
    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 1.0)

    def _describe_tables(self) -> t.List[t.Tuple[Table, str]]:
        """Return the tables that hold rows, each with its engine."""
        columns: t.Dict[t.Tuple[str, str], t.List[Row]] = {}
        for row in self._server.send(statements.show_columns()):
            columns.setdefault((row.text("TABLE_SCHEMA"), row.text("TABLE_NAME")), []).append(row)
        tables = []
        for row in self._rows:
            schema, name, kind, engine = (row.text(column) for column in ("table_schema", "table_name", "table_type", "table_engine"))
            if kind != "VIEW" and engine.upper() not in _ELSEWHERE:
                tables.append((_make_table(schema, name, kind, columns.get((schema, name), [])), engine))
        return sorted(tables, key=lambda each: str(each[0]))  # a server may have them in another order each time

    def read(self) -> Contents:
        """Read every table (rows, checksums), and the names of all else that a copy is to have. Takes as long as reading all data."""
        contents = {}
        for table, _engine in self._tables:
            row = self._server.send(statements.select_content(table, casts_to_float=self._flavor.casts_to_float, timeout=self._left)).only()
            contents[str(table)] = Content(row.number("row_count"), (row.number("checksum_sum"), row.number("checksum_xor")))
            self._largest[str(table)] = row.number("largest_row")
            self._rounded[str(table)] = row.number("rounded_rows")
        others = {(row.text("kind"), row.text("name")) for statement in statements.show_objects() for row in self._server.send(statement)}
        others |= {("view", "%s.%s" % (row.text("table_schema"), row.text("table_name"))) for row in self._rows if row.text("table_type") == "VIEW"}
        others |= {("table", str(table)) for table, _engine in self._tables}
        return Contents(contents, frozenset(others))

    def count_tables_of(self, engine: str) -> int:
        """Count the tables of a storage engine."""
        return sum(each.upper() == engine.upper() for _table, each in self._tables)

    def rows_outside(self, engine: str) -> t.Dict[str, int]:
        """Count the rows of each table that another storage engine keeps, and not only until the server ends; of those that have any."""
        others = [table for table, each in self._tables if each.upper() not in (engine.upper(), "MEMORY")]
        found = {}
        for table in others:
            row = self._server.send(statements.select_content(table, casts_to_float=self._flavor.casts_to_float, timeout=self._left)).only()
            found[str(table)] = row.number("row_count")
        return {name: rows for name, rows in found.items() if rows}

    def losses(self, recipient: Server) -> Losses:
        """Say what of that a dump would not keep, which a server is to be given. To be asked after ``read``."""
        limit = recipient.send(statements.select_longest_statement()).only().number("longest")
        engines = {row.text("table_engine").upper() for row in recipient.send(statements.show_engines())}
        return Losses(
            rounded={name: rows for name, rows in self._rounded.items() if rows},
            histories=tuple(str(table) for table, _engine in self._tables if table.history),
            imprecise=tuple(str(table) for table, _engine in self._tables if table.history and not table.keeps_time),
            large=dict(self._too_large(limit)),
            engines={engine: str(table) for table, engine in self._tables if engine and engine.upper() not in engines},
        )

    def _too_large(self, limit: int) -> Iterator[t.Tuple[str, int]]:
        for table, _engine in self._tables:
            if self._largest[str(table)] > limit:
                largest = self._server.send(statements.select_largest_row(table, limit, timeout=self._left)).only().number("largest_row")
                if largest > limit:
                    yield str(table), largest


def _make_table(schema: str, name: str, kind: str, rows: t.Sequence[Row]) -> Table:
    history = {str(row.get("GENERATION_EXPRESSION")): row.text("COLUMN_NAME") for row in rows if row.get("GENERATION_EXPRESSION") in ("ROW START", "ROW END")}
    stored = [row for row in rows if row.text("EXTRA").split(",")[0].upper() not in ("VIRTUAL GENERATED", "STORED GENERATED")]
    columns = tuple(Column(row.text("COLUMN_NAME"), row.text("DATA_TYPE").lower()) for row in stored)
    if kind != "SYSTEM VERSIONED":
        return Table(schema, name, columns)
    times = {row.text("DATA_TYPE").lower() for row in rows if row.text("COLUMN_NAME") in history.values()}
    start, end = history.get("ROW START", "ROW_START"), history.get("ROW END", "ROW_END")
    return Table(schema, name, columns, (start, end), keeps_time=times <= {"timestamp"})
