# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.


"""Statements that read what is in the tables of a server: how much, a checksum of it, and what of it a dump would not keep.

``CHECKSUM TABLE`` would not do: it leaves out the history of system-versioned tables, and depends on how rows are stored.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

# What prints exactly, in digits and signs alone. Of all other types a checksum is taken, so that neither character sets nor sizes matter.
_PRINTED = (
    *("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double"),
    *("year", "date", "time", "datetime", "timestamp"),
)

# How many bytes a dump takes for a row apart from its text and bytes: the statement, and each value with its name, quotes and comma.
_STATEMENT = 200
_VALUE = 140

# What a dump writes with a backslash before it.
_ESCAPED = (r"'\\'", r"'\''", "'\"'", r"'\0'", r"'\n'", r"'\r'", "CHAR(26)")


@dataclass(frozen=True)
class Column:
    """A column of a table: its name and type."""

    name: str
    type: str

    @property
    def is_long(self) -> bool:
        """Whether its values are text or bytes."""
        return self.type not in (*_PRINTED, "float", "bit")


@dataclass(frozen=True)
class Table:
    """A table with the columns that are stored in it.

    ``history``: the names of the columns that say from when to when a row was valid, if it keeps that; ``keeps_time``: as a time, not as the number
    of a transaction.
    """

    schema: str
    name: str
    columns: t.Tuple[Column, ...]
    history: t.Tuple[str, ...] = ()
    keeps_time: bool = True

    def __str__(self) -> str:
        return "%s.%s" % (self.schema, self.name)


def show_columns() -> Statement:
    """Read the columns of all tables that are not the server's own. What generates them is in a column that MySQL 5.6 does not have."""
    return _select(["*"], "information_schema.COLUMNS", "TABLE_SCHEMA", order="TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION")


def show_tables() -> Statement:
    """Read the names of all tables and views that are not the server's own, what they are, and their engines."""
    columns = ["TABLE_SCHEMA AS table_schema", "TABLE_NAME AS table_name", "TABLE_TYPE AS table_type", "ENGINE AS table_engine"]
    return _select(columns, "information_schema.TABLES", "TABLE_SCHEMA")


def show_stored_tables() -> Statement:
    """Read how InnoDB names the tables that it has, whoever may see them otherwise (MySQL 8.0 and later)."""
    return Statement("SELECT NAME AS name FROM information_schema.INNODB_TABLES", needs="PROCESS")


def show_objects() -> t.List[Statement]:
    """Read the names of everything else that belongs to a copy: routines, triggers, events, accounts."""
    return [
        _select(["LOWER(ROUTINE_TYPE) AS kind", "CONCAT(ROUTINE_SCHEMA, '.', ROUTINE_NAME) AS name"], "information_schema.ROUTINES", "ROUTINE_SCHEMA"),
        _select(["'trigger' AS kind", "CONCAT(TRIGGER_SCHEMA, '.', TRIGGER_NAME) AS name"], "information_schema.TRIGGERS", "TRIGGER_SCHEMA"),
        _select(["'event' AS kind", "CONCAT(EVENT_SCHEMA, '.', EVENT_NAME) AS name"], "information_schema.EVENTS", "EVENT_SCHEMA"),
        Statement("SELECT 'account' AS kind, CONCAT(User, '@', Host) AS name FROM mysql.user"),
    ]


def show_engines() -> Statement:
    """Read which storage engines a server has."""
    return Statement("SELECT ENGINE AS table_engine FROM information_schema.ENGINES WHERE SUPPORT IN ('YES', 'DEFAULT')")


def select_longest_statement() -> Statement:
    """Read how many bytes a statement may have that a client sends."""
    return Statement("SELECT @@GLOBAL.max_allowed_packet AS longest")


def select_content(table: Table, *, casts_to_float: bool, timeout: float) -> Statement:
    """Read the number of rows of a table, checksums of them, at most how many bytes a dump takes for its largest row, and how many it would round.

    ``casts_to_float``: the server can do that, which says exactly what becomes of a FLOAT that is printed.
    """
    row = "CRC32(CONCAT_WS('/', %s))" % ", ".join([*map(_value, table.columns), *_history(table), _nulls(table)])
    rounded = [_is_rounded(column, casts_to_float) for column in table.columns if column.type == "float"]
    columns = [
        "COUNT(*) AS row_count",
        "COALESCE(SUM(%s), 0) AS checksum_sum" % row,
        "COALESCE(BIT_XOR(%s), 0) AS checksum_xor" % row,
        "COALESCE(MAX(2 * (%s)), 0) + %d AS largest_row" % (_long(table), _besides(table)),
        "COALESCE(SUM(%s), 0) AS rounded_rows" % (" OR ".join(rounded) or "0"),
    ]
    return Statement(" ".join(["SELECT", ", ".join(columns), "FROM", _source(table)]), timeout=timeout)


def select_largest_row(table: Table, limit: int, *, timeout: float) -> Statement:
    """Read exactly how many bytes the largest row takes in a dump, among those that may take more than ``limit``."""
    written = " + ".join("COALESCE(%s, 0)" % _written(column) for column in table.columns if column.is_long) or "0"
    column = "COALESCE(MAX(%s), 0) + %d AS largest_row" % (written, _besides(table))
    return Statement(" ".join(["SELECT", column, "FROM", _source(table), "WHERE 2 * (%s) + %d > %d" % (_long(table), _besides(table), limit)]), timeout=timeout)


def _select(columns: t.Sequence[str], table: str, schema: str, order: str = "1") -> Statement:
    """Read something of all databases that are not the server's own, nor directories that are none, as lost+found."""
    others = "%s NOT LIKE '#mysql50#%%' AND %s NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')" % (schema, schema)
    return Statement(" ".join(["SELECT", ", ".join(columns), "FROM", table, "WHERE", others, "ORDER BY", order]))


def _source(table: Table) -> str:
    return "%s.%s%s" % (_quote(table.schema), _quote(table.name), " FOR SYSTEM_TIME ALL" if table.history else "")


def _long(table: Table) -> str:
    """How many bytes of text and data a row has."""
    return " + ".join("COALESCE(LENGTH(%s), 0)" % _quote(column.name) for column in table.columns if column.is_long) or "0"


def _besides(table: Table) -> int:
    """How many bytes a dump takes at most for a row apart from its text and data."""
    return _STATEMENT + _VALUE * len(table.columns)


def _quote(name: str) -> str:
    return "`%s`" % name.replace("`", "``")


def _value(column: Column) -> str:
    name = _quote(column.name)
    if column.type == "float":
        return name + " + 0e0"
    if column.type == "bit":
        return name + " + 0"
    return "CRC32(%s), LENGTH(%s)" % (name, name) if column.is_long else name


def _history(table: Table) -> t.Iterator[str]:
    """What says from when to when a row was valid. A row that still is has the end of time for its end, which not all versions agree on."""
    if table.history:
        start, end = map(_quote, table.history)
        yield start
        yield "IF(%s > NOW(6), 0, %s)" % (end, end)


def _nulls(table: Table) -> str:
    """Tell NULL from what else is left out, or printed the same."""
    return "CONCAT(%s)" % (", ".join("ISNULL(%s)" % _quote(column.name) for column in table.columns) or "''")


def _is_rounded(column: Column, casts_to_float: bool) -> str:
    """Whether a dump, which writes a FLOAT with six digits, would give back another number."""
    name = _quote(column.name)
    if casts_to_float:
        return "COALESCE(%s + 0e0 <> CAST(CAST(%s AS CHAR) AS FLOAT) + 0e0, 0)" % (name, name)
    # It gives back the number that is nearest to those digits. Below the smallest power of two all numbers are equally far apart.
    difference = "ABS(CAST(%s AS CHAR) + 0e0 - %s)" % (name, name)
    return "COALESCE(2 * %s > POW(2, GREATEST(FLOOR(LOG2(ABS(%s))), -126) - 23), 0)" % (difference, name)


def _written(column: Column) -> str:
    """How many bytes a value of text or bytes takes in a dump: two for each byte in digits, or one more for each that is escaped."""
    name = _quote(column.name)
    if not column.type.endswith(("char", "text", "enum", "set")):
        return "2 * LENGTH(%s)" % name
    return "LENGTH(%s)" % name + "".join(" + LENGTH(%s) - LENGTH(REPLACE(%s, %s, ''))" % (name, name, escaped) for escaped in _ESCAPED)
