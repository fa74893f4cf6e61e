# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection: it may change at any time, without notice.

"""What GTIDs of both families have in common.

Everything here is pure: values that never change, and questions that can be asked of them.
"""

from __future__ import annotations

import abc
import typing as t

SPACES = " \t\n\v\f\r"
_LONGEST_QUOTE = 80

Self = t.TypeVar("Self", bound="Transactions")
Set = t.TypeVar("Set", bound="Gtids")


class GtidError(ValueError):
    """Say that a text is not a GTID set, and why.

    Carries the whole ``text`` and the ``reason``; the message quotes no more of the text than a reader can take in.
    """

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(text, reason)
        self.text = text
        self.reason = reason

    def __str__(self) -> str:
        if self.reason.startswith(quote(self.text)):
            return self.reason
        return f"{self.reason}, in {quote(self.text)}"


def quote(text: str) -> str:
    """Quote a text for a message: on one line, and shortened where it is long."""
    if len(text) <= _LONGEST_QUOTE:
        return repr(text)
    return f"{text[:_LONGEST_QUOTE]!r}... ({len(text)} characters)"


class Transactions(abc.ABC):
    """Some transactions, by their GTIDs: what can be printed, counted and sorted by where it was first committed.

    Every subclass is a frozen, hashable value. It is false when it holds no transaction.
    """

    @abc.abstractmethod
    def __str__(self) -> str:
        """Print in the one normal form: on one line, equal values equal to the letter."""

    @abc.abstractmethod
    def __bool__(self) -> bool:
        """Tell whether there is any transaction."""

    @abc.abstractmethod
    def count(self) -> int:
        """Return how many transactions it has, as far as it shows."""

    def counted(self) -> str:
        """Say how many there are: ``1 transaction``, ``12 transactions``."""
        number = self.count()
        return f"{number} transaction" if number == 1 else f"{number} transactions"

    @abc.abstractmethod
    def origins(self) -> frozenset[str]:
        """Name the servers that first committed them: a server_uuid each (MySQL), or a server_id as text (MariaDB)."""

    @abc.abstractmethod
    def of_origins(self: Self, origins: t.Iterable[str]) -> Self:
        """Give only the part that the servers named in ``origins`` first committed."""


class Gtids(Transactions):
    """What one server has, or has received.

    Operations take two values of one family, and raise ``TypeError`` for a value of the other.
    """

    @classmethod
    @abc.abstractmethod
    def parse(cls: type[Set], text: str | None) -> Set:
        """Read a text as a server prints it, or as a user writes it; ``None`` is the empty set.

        Raise ``GtidError`` where the text is anything else.
        """

    @abc.abstractmethod
    def contains(self, other: Gtids) -> bool:
        """Tell whether everything in ``other`` is here too. The same as ``not other.subtract(self)``."""

    @abc.abstractmethod
    def subtract(self, other: Gtids) -> Transactions:
        """Give what is here and not in ``other``."""

    def not_proven_in(self, other: Gtids) -> Transactions:
        """Give what is here and cannot be shown to be in ``other``: where a family compares by numbers alone, more than ``subtract()`` gives."""
        return self.subtract(other)

    @abc.abstractmethod
    def union(self: Set, other: Gtids) -> Set:
        """Give what is here or in ``other``."""

    def with_received(self: Set, position: Gtids) -> Set:
        """Give what is here, applied, and what a receiver has received by what it says: in some families that is only where it has come to."""
        return self.union(position)

    @abc.abstractmethod
    def intersect(self: Set, other: Gtids) -> Set:
        """Give what is here and in ``other`` as well."""

    def position(self: Set) -> Set:
        """Give what stands for all of it as a position: what a server is told that it has, or is to wait for."""
        return self

    @abc.abstractmethod
    def runs_of(self, source: str) -> t.Sequence[tuple[int, int]]:
        """Give the numbers, as first and last of each run, of what is here of one source: what stands before the number in a GTID."""

    def _same_family(self: Set, other: Gtids) -> Set:
        """Give ``other`` back as a value of this family; raise ``TypeError`` where it is of another."""
        if type(other) is not type(self):
            raise TypeError(f"{type(self).__name__} cannot be compared with {type(other).__name__}")
        return other
