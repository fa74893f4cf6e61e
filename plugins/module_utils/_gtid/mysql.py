# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection: it may change at any time, without notice.

"""GTID sets of MySQL.

The grammar is that of the manual, "GTID Format and Storage", and of MySQL 9.7 where the manual leaves a question open;
the operations are those of "Functions Used with Global Transaction Identifiers (GTIDs)".
"""

from __future__ import annotations

import re
import typing as t
from functools import cached_property, lru_cache

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.base import SPACES, GtidError, Gtids, quote
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

Source = t.Tuple[str, str]  # server_uuid and tag; the tag is empty where there is none
Run = t.Tuple[int, int]  # first and last number, both included
Runs = t.Tuple[Run, ...]  # in order, none touching another
Part = t.Tuple[Source, Runs]

HIGHEST_NUMBER = 2**63 - 2

_HEX = "[0-9A-Fa-f]"
_DASHED = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_UUID = re.compile(rf"{_DASHED}|\{{{_DASHED}\}}|{_HEX}{{32}}")
_TAG = re.compile("[A-Za-z_][A-Za-z0-9_]{0,31}")
# As servers print nearly all of them, too short to be above the highest number.
_PLAIN = re.compile("([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}):([1-9][0-9]{0,17})(?:-([1-9][0-9]{0,17}))?")
_RUN = re.compile(rf"([0-9]+)(?:[{SPACES}]*-[{SPACES}]*([0-9]+))?")


@dataclass(frozen=True)
class MySQLGtids(Gtids):
    """A GTID set: for each server, and each tag of it, runs of sequence numbers.

    Make one with ``parse()``. ``parts`` is in normal form, so that equal sets compare equal.
    """

    parts: tuple[Part, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> MySQLGtids:
        """Read a GTID set, with or without tags (MySQL 8.3 and later), and bring it into normal form.

        Take what MySQL 9.7 takes: white space around every word, letters of either case, UUIDs in braces or without dashes, a UUID or tag
        several times or without numbers, surplus commas, runs that overlap, touch, or are empty (``5-3``).
        Raise ``GtidError`` for anything else, and for a number with a leading zero: MySQL 9.7 reads ``010`` as ten, MySQL 5.6 as eight.
        """
        return _parse(text or "")

    @classmethod
    def _of(cls, found: t.Mapping[Source, t.Sequence[Run]]) -> MySQLGtids:
        merged = ((source, _merge(found[source])) for source in sorted(found))
        return cls(tuple((source, runs) for source, runs in merged if runs))

    def __str__(self) -> str:
        """Print as MySQL does, but on one line: UUIDs and tags sorted, numbers without a tag first."""
        return self._text

    @cached_property
    def _text(self) -> str:
        pieces: list[str] = []
        last_uuid = None
        for (uuid, tag), runs in self.parts:
            words = [tag] if tag else []
            words += [str(first) if first == last else f"{first}-{last}" for first, last in runs]
            if uuid == last_uuid:
                pieces[-1] += ":" + ":".join(words)
            else:
                pieces.append(":".join([uuid, *words]))
            last_uuid = uuid
        return ",".join(pieces)

    @cached_property
    def _by_source(self) -> t.Mapping[Source, Runs]:
        """The parts, to look up."""
        return dict(self.parts)

    def __bool__(self) -> bool:
        return bool(self.parts)

    def contains(self, other: Gtids) -> bool:
        """Tell whether ``other`` is a subset of this set, as ``GTID_SUBSET(other, self)`` does."""
        return not self._same_family(other).subtract(self)

    def subtract(self, other: Gtids) -> MySQLGtids:
        """Give what is here and not in ``other``, as ``GTID_SUBTRACT(self, other)`` does."""
        theirs = self._same_family(other)
        if not self.parts or self.parts == theirs.parts:
            # As nearly always in an election, where each is compared with each.
            return MySQLGtids()
        taken = theirs._by_source
        return self._of({source: _subtract(runs, taken.get(source, ())) for source, runs in self.parts if taken.get(source) != runs})

    def union(self, other: Gtids) -> MySQLGtids:
        theirs = self._same_family(other)
        if self.parts == theirs.parts:
            return self
        more: dict[Source, Runs] = {}
        for source, runs in theirs.parts:
            mine = self._by_source.get(source)
            merged = runs if mine is None or mine == runs else _merge(mine + runs)
            if merged != mine:
                more[source] = merged
        if not more:
            # As nearly always: what was received has been applied. What was worked out from this set is kept with it.
            return self
        return MySQLGtids(tuple(sorted({**self._by_source, **more}.items())))

    def intersect(self, other: Gtids) -> MySQLGtids:
        return self.subtract(self.subtract(other))

    def runs_of(self, source: str) -> Runs:
        uuid, _colon, tag = source.partition(":")
        return self._by_source.get((uuid, tag), ())

    def count(self) -> int:
        return sum(last - first + 1 for _source, runs in self.parts for first, last in runs)

    def origins(self) -> frozenset[str]:
        return frozenset(uuid for (uuid, _tag), _runs in self.parts)

    def of_origins(self, origins: t.Iterable[str]) -> MySQLGtids:
        wanted = {origin.lower() for origin in origins}
        return MySQLGtids(tuple(part for part in self.parts if part[0][0] in wanted))


# Members of a cluster say the same text, over and over: with thousands of servers in it, reading it was most of what an election computed.
@lru_cache(maxsize=64)
def _parse(text: str) -> MySQLGtids:
    found: dict[Source, list[Run]] = {}
    for piece in text.split(","):
        plain = _PLAIN.fullmatch(piece.strip(SPACES))
        if plain:
            plain_uuid, first, last = plain.groups()
            found.setdefault((plain_uuid, ""), []).append((int(first), int(last or first)))
            continue
        words = [word.strip(SPACES) for word in piece.split(":")]
        if words == [""]:
            continue
        uuid = _read_uuid(words[0], text)
        runs = found.setdefault((uuid, ""), [])
        for word in words[1:]:
            if _TAG.fullmatch(word):
                runs = found.setdefault((uuid, word.lower()), [])
            else:
                runs.append(_read_run(word, text))
    return MySQLGtids._of(found)


def _read_uuid(word: str, text: str) -> str:
    if not _UUID.fullmatch(word):
        raise GtidError(text, f"{quote(word)} is not a server UUID")
    digits = word.strip("{}").replace("-", "").lower()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _read_run(word: str, text: str) -> Run:
    found = _RUN.fullmatch(word)
    if not found:
        raise GtidError(text, f"{quote(word)} is neither a sequence number, nor a range of them, nor a tag")
    first = _read_number(found.group(1), text)
    last = first if found.group(2) is None else _read_number(found.group(2), text)
    if not first:
        raise GtidError(text, f"{quote(word)} begins at 0, but sequence numbers begin at 1")
    return first, last


def _read_number(digits: str, text: str) -> int:
    if digits.startswith("0") and digits != "0":
        raise GtidError(text, f"{quote(digits)} has a leading zero, which versions of MySQL read differently")
    if len(digits) > len(str(HIGHEST_NUMBER)) or int(digits) > HIGHEST_NUMBER:
        raise GtidError(text, f"{quote(digits)} is above {HIGHEST_NUMBER}, the highest sequence number")
    return int(digits)


def _merge(runs: t.Sequence[Run]) -> Runs:
    """Bring runs into order, join those that touch, and drop those that end before they begin."""
    if len(runs) == 1 and runs[0][0] <= runs[0][1]:
        return (runs[0],)
    merged: list[Run] = []
    for first, last in sorted(runs):
        if last < first:
            continue
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _subtract(runs: Runs, taken: Runs) -> list[Run]:
    """Give what ``runs`` has and ``taken`` has not, in one walk along both; among it runs that end before they begin, which ``_merge`` drops."""
    left: list[Run] = []
    index = 0
    for first, last in runs:
        while index < len(taken) and taken[index][0] <= last:
            left.append((first, taken[index][0] - 1))
            first = max(first, taken[index][1] + 1)
            if first > last:
                break
            index += 1
        left.append((first, last))
    return left
