# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a server answers to a statement: rows that are read by the names of their columns, and by what each is to be.

An answer that cannot be understood is the server's problem, not a mistake of ours: it is told here, where it is read, with the server, the
statement and the column. Nothing above has to look out for it.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import decode

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# More of a value, or of a statement, helps nobody who reads the message.
_LONGEST_QUOTE = 100

# The longest whole number of a server is 2**64 - 1.
_NUMBER = re.compile(r"-?\d{1,20}", re.ASCII)


class Row(t.Dict[str, t.Any]):
    """One row of an answer. A column that is not there is ``Unreadable``; ``get`` is for those that only some versions have.

    ``server`` and ``question`` are the server's name and the statement that it answered.
    """

    def __init__(self, columns: Mapping[str, t.Any], server: str, question: str) -> None:
        super().__init__(columns)
        self.server = server
        self.question = question

    def __missing__(self, column: str) -> t.Any:
        raise self.misread(column, "there is no such column")

    def text(self, column: str) -> str:
        """Return a column as text; NULL is the empty text."""
        return as_text(self[column])

    def number(self, column: str) -> int:
        """Return a column as a whole number. NULL is ``Unreadable``."""
        number = self.optional_number(column)
        if number is None:
            raise self.misread(column, "NULL is not a number")
        return number

    def optional_number(self, column: str) -> t.Optional[int]:
        """Return a column as a whole number; ``None`` for NULL."""
        value = self[column]
        if value is None:
            return None
        text = as_text(value)
        if _NUMBER.fullmatch(text) is None:
            raise self.misread(column, "%s is not a number" % _quoted(text))
        return int(text)

    def with_columns(self, columns: Mapping[str, t.Any]) -> Row:
        """Return the same row with more columns, which the server was asked for apart."""
        return Row({**self, **columns}, self.server, self.question)

    def misread(self, column: str, why: str) -> Unreadable:
        """Return what is to be raised where a column is not of the shape that it should be of."""
        return _unreadable(self.server, self.question, "column %s: %s" % (column, why))


class Rows(t.List[Row]):
    """What a server answered, row by row; it knows the server and the statement, for errors."""

    def __init__(self, rows: Iterable[Mapping[str, t.Any]] = (), server: str = "", question: str = "") -> None:
        super().__init__(Row(row, server, question) for row in rows)
        self.server = server
        self.question = question

    def only(self) -> Row:
        """Return the row of an answer that always has one. Any other number of rows is ``Unreadable``."""
        if len(self) != 1:
            raise _unreadable(self.server, self.question, "it has %d rows instead of one" % len(self))
        return self[0]


def as_text(value: t.Any) -> str:
    """Return a value as text, bytes that are not UTF-8 as escapes; nothing for NULL."""
    if value is None:
        return ""
    return decode(value) if isinstance(value, bytes) else str(value)


def _unreadable(server: str, question: str, why: str) -> Unreadable:
    shortened = question if len(question) <= _LONGEST_QUOTE else question[:_LONGEST_QUOTE] + "..."
    return Unreadable(server, "%s: its answer to %s cannot be understood: %s" % (server, shortened, why), statement=question)


def _quoted(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "...")
