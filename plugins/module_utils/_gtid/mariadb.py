# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This code is private to the collection: it may change at any time, without notice.

"""GTIDs of MariaDB: positions (``gtid_slave_pos``) and states (``gtid_binlog_state``).

From the manual, "Global Transaction ID": a GTID is ``domain-server-number``. Within a domain, all servers that ever were its primary share one
sequence of numbers, so ``0-1-100`` says that everything of domain 0 up to number 100 is there, whoever wrote it.

That holds as long as nobody writes to a domain but its primary. Where somebody did (an errant write, or two primaries; only possible with
``gtid_strict_mode=OFF``), one number may stand for two transactions. A position names one server in each domain and cannot show it; a
state names the last number of every server and can, as far as the servers are known on both sides.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import field
from functools import cached_property

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.base import (
    SPACES,
    GtidError,
    Gtids,
    Transactions,
    quote,
)
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

Key = t.Tuple[int, int]  # domain and server_id
Range = t.Tuple[int, int, int, int]  # domain, server_id, first and last number, both included

HIGHEST_ID = 2**32 - 1
HIGHEST_NUMBER = 2**64 - 1

_NUMBER = f"[{SPACES}]*([0-9]+)[{SPACES}]*"
_GTID = re.compile(f"{_NUMBER}-{_NUMBER}-{_NUMBER}")


@dataclass(frozen=True)
class MariaDBGtids(Gtids):
    """The highest number that was seen of each server in each domain.

    Make one with ``parse()``. ``numbers`` is in normal form (sorted, one entry for each domain and server), so that equal values compare equal.

    ``backlog``: what is received and not applied, as domain, last number applied and last number received. All between them is here, whoever
    wrote it: a replica receives a domain in its order, and knows only who wrote the last (see ``with_received()``).
    """

    numbers: tuple[tuple[Key, int], ...] = ()
    backlog: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> MariaDBGtids:
        """Read a position or a state: GTIDs between commas, in any order, white space around every number allowed.

        Of a server that is there twice in a domain the higher number counts. Number 0 says that nothing was seen, so it is dropped.
        Domain and server_id end at 2**32 - 1, the number at 2**64 - 1; each may be 0. Raise ``GtidError`` for anything else.
        """
        highest: dict[Key, int] = {}
        for piece in (text or "").split(",") if (text or "").strip(SPACES) else ():
            key, number = _read_gtid(piece, text or "")
            highest[key] = max(number, highest.get(key, number))
        return cls._of(highest)

    @classmethod
    def _of(cls, highest: t.Mapping[Key, int], backlog: t.Iterable[tuple[int, int, int]] = ()) -> MariaDBGtids:
        return cls(tuple((key, highest[key]) for key in sorted(highest) if highest[key]), tuple(sorted(set(backlog))))

    def __str__(self) -> str:
        """Print as ``gtid_binlog_state`` takes it: by domain, and within each the latest last."""
        ordered = sorted((domain, number, server) for (domain, server), number in self.numbers)
        return ",".join(f"{domain}-{server}-{number}" for domain, number, server in ordered)

    def __bool__(self) -> bool:
        return bool(self.numbers)

    def heads(self) -> dict[int, int]:
        """Give the highest number of each domain.

        In strict mode that is the latest. Without it a server may have written a lower number later: ``gtid_binlog_pos`` would name that one.
        """
        return dict(self._heads)

    @cached_property
    def _heads(self) -> t.Mapping[int, int]:
        heads: dict[int, int] = {}
        for (domain, _server), number in self.numbers:
            heads[domain] = max(number, heads.get(domain, number))
        return heads

    def position(self) -> MariaDBGtids:
        """Give the latest GTID of each domain: what ``MASTER_GTID_WAIT`` and ``gtid_slave_pos`` take.

        Where several servers have the same highest number, only the one with the highest server_id is named: ask ``contains()`` for the truth.
        """
        heads = self.heads()
        latest = {key[0]: (key, number) for key, number in self.numbers if number == heads[key[0]]}
        return self._of(dict(latest.values()))

    def contains(self, other: Gtids) -> bool:
        """Tell whether everything in ``other`` is here too.

        A server that is known here must have come at least as far as in ``other``. One that is not (the binary log here may have begun
        later) is judged by the number alone: a higher one in the same domain covers it (``assumed()`` names those). The same number
        under another server does not: that is a divergence. A domain that is not known here covers nothing. What was received in a backlog
        is here, whoever wrote it.

        Judging by numbers is not transitive: ``0-1-10,0-2-100`` contains ``0-3-50``, which contains ``0-1-20``, which the first does not. So
        compare every pair, states rather than positions where there are any.
        """
        mine, heads = dict(self.numbers), self.heads()
        for (domain, server), number in self._same_family(other).numbers:
            if domain not in heads:
                return False
            known = mine.get((domain, server))
            if known is None:
                if number >= heads[domain]:
                    return False
            elif number > known and not self.has_waiting(domain, number):
                return False
        return True

    @cached_property
    def last(self) -> t.Mapping[Key, int]:
        """The last number of each server in each domain, to look up."""
        return dict(self.numbers)

    def has_waiting(self, domain: int, number: int) -> bool:
        """Tell whether a number is in a backlog, whoever wrote it: received, and not applied."""
        return any(domain == each and applied < number < received for each, applied, received in self.backlog)

    def assumed(self, other: Gtids) -> MariaDBGtids:
        """Give the GTIDs of ``other`` that ``contains()`` believes to be here by their number alone.

        None of them is proven: an errant write on another server, with a lower number than the latest here, looks the same. Where one
        names a server that never was a primary, it is most likely errant.
        """
        known, heads = dict(self.numbers), self.heads()
        theirs = self._same_family(other).numbers
        return self._of({key: number for key, number in theirs if key not in known and key[0] in heads and number < heads[key[0]]})

    def subtract(self, other: Gtids) -> MariaDBGtidRanges:
        """Give what is here and not in ``other``, as ranges of numbers.

        Above the latest number of ``other``: everything up to the latest number here. Up to it: what ``other`` lacks of a server that it
        knows, and a last number that it has of another server.

        Which server wrote a number can be read off the state only for the last number of each. A number before that is put down to the
        server whose last number comes next, which is right where every server wrote while it was the primary and not later. No number
        is counted twice, unless it is the last of two servers: those are two transactions. Where the two have parted, so that ``other`` has a latest
        number that is not here, what it wrote since then hides as many numbers of what is missing: then it is at least that much.
        """
        theirs = self._same_family(other)
        if not self.numbers or self.numbers == theirs.numbers:
            # As nearly always in an election, where each is compared with each.
            return MariaDBGtidRanges()
        known, heads = dict(theirs.numbers), theirs.heads()
        mine = dict(self.numbers)
        missing: dict[int, list[tuple[int, int, int]]] = {}
        for (domain, server), number in self.numbers:
            head = heads.get(domain, 0)
            if number > head:
                first = head + 1
            elif (domain, server) in known:
                first = number + 1 if theirs.has_waiting(domain, number) else known[(domain, server)] + 1
            else:
                first = head
            if first <= number:
                missing.setdefault(domain, []).append((number, first, server))
        have_parted = any(mine.get(key, 0) < number for key, number in theirs.position().numbers if key[0] in missing)
        return MariaDBGtidRanges(tuple(sorted(_share_out(missing))), have_parted)

    def not_proven_in(self, other: Gtids) -> MariaDBGtidRanges:
        """Give what is here and cannot be shown to be in ``other``, as ranges of numbers.

        That ``other`` has a higher number proves nothing: two primaries that know nothing of each other count up in the same domain. A number of
        a server that ``other`` does not know is shown to be there by a later one of a third server that both have, for whoever received that
        had received everything before it. Of a server that it knows it has nothing above the last number that it knows.
        """
        theirs = dict(self._same_family(other).numbers)
        missing: dict[int, list[tuple[int, int, int]]] = {}
        for (domain, server), number in self.numbers:
            known = theirs.get((domain, server), 0)
            shared = [min(last, theirs.get(key, 0)) for key, last in self.numbers if key[0] == domain and key[1] != server]
            if number > known and (known or not any(last > number for last in shared)):
                missing.setdefault(domain, []).append((number, max([known, *(last for last in shared if last < number)]) + 1, server))
        return MariaDBGtidRanges(tuple(sorted(_share_out(missing))))

    def union(self, other: Gtids) -> MariaDBGtids:
        """Give the higher number of each domain and server. It contains both."""
        highest = dict(self.numbers)
        for key, number in self._same_family(other).numbers:
            highest[key] = max(number, highest.get(key, number))
        return self._of(highest, (*self.backlog, *self._same_family(other).backlog))

    def gap_after(self, before: MariaDBGtids) -> MariaDBGtids:
        """Give up to where numbers are missing between what was before and each GTID here; nothing where one comes right after it."""
        heads = before.heads()
        missing = {key: number - 1 for key, number in self.numbers if number - 1 > heads.get(key[0], 0)}
        return self._of(missing)

    def domains_beyond(self, other: Gtids) -> frozenset[int]:
        """Name the domains in which something is here that is not in ``other``."""
        return frozenset(each[0] for each in self.subtract(other).ranges)

    def of_domains(self, domains: t.Collection[int]) -> MariaDBGtids:
        """Give only what is in these domains."""
        return MariaDBGtids(tuple(entry for entry in self.numbers if entry[0][0] in domains))

    def with_received(self, position: Gtids) -> MariaDBGtids:
        """Give what is here, applied, and what a receiver has come to by its position: all of a domain up to there, whoever wrote it."""
        heads = self.heads()
        ends = self._same_family(position).heads()
        backlog = [(domain, heads[domain], last) for domain, last in ends.items() if domain in heads and last > heads[domain]]
        found = self.union(position)
        return self._of(dict(found.numbers), (*found.backlog, *backlog))

    def intersect(self, other: Gtids) -> MariaDBGtids:
        """Give what is surely here and in ``other`` as well. Both contain it.

        Of a server that both know: the lower number. Of a server that only one knows: its number where the other one contains it,
        else nothing, for how much of it they have in common cannot be told. Where one contains the other, the result and the lesser
        contain each other.
        """
        mine, theirs = dict(self.numbers), dict(self._same_family(other).numbers)
        heads, their_heads = self.heads(), self._same_family(other).heads()
        common = {key: min(number, theirs[key]) for key, number in mine.items() if key in theirs}
        for numbers, others, limits in ((mine, theirs, their_heads), (theirs, mine, heads)):
            for key, number in numbers.items():
                if key not in others and key[0] in limits and number < limits[key[0]]:
                    common[key] = number
        return self._of(common)

    def runs_of(self, source: str) -> tuple[tuple[int, int], ...]:
        domain, server = (int(number) for number in source.split("-"))
        heads = self.heads()
        if domain not in heads:
            return ()
        last = dict(self.numbers).get((domain, server), heads[domain] - 1)
        return ((1, last),) if last else ()

    def count(self) -> int:
        """Count the numbers up to the latest of each domain. Numbers that were skipped, or used twice, cannot be seen."""
        return sum(self.heads().values())

    def origins(self) -> frozenset[str]:
        return frozenset(str(server) for (_domain, server), _number in self.numbers)

    def of_origins(self, origins: t.Iterable[str]) -> MariaDBGtids:
        wanted = set(origins)
        return MariaDBGtids(tuple(entry for entry in self.numbers if str(entry[0][1]) in wanted))


@dataclass(frozen=True)
class MariaDBGtidRanges(Transactions):
    """Ranges of numbers: what one server has and another lacks. Made by ``MariaDBGtids.subtract()``, or ``of_list()`` where each one is known.

    ``at_least``: there may be more than is known.
    """

    ranges: tuple[Range, ...] = ()
    at_least: bool = field(default=False, compare=False)

    @classmethod
    def of_list(cls, text: str) -> MariaDBGtidRanges:
        """Read GTIDs between commas, each standing for itself alone. Raise ``GtidError`` for anything else."""
        gtids = (_read_gtid(piece, text) for piece in text.split(",") if piece)
        return cls.of_runs((domain, server, number, number) for (domain, server), number in gtids)

    @classmethod
    def of_runs(cls, runs: t.Iterable[Range]) -> MariaDBGtidRanges:
        """Put runs of numbers together, in any order."""
        ranges: list[Range] = []
        for domain, server, first, last in sorted(runs):
            if ranges and ranges[-1][:2] == (domain, server) and first <= ranges[-1][3] + 1:
                ranges[-1] = (domain, server, ranges[-1][2], max(last, ranges[-1][3]))
            else:
                ranges.append((domain, server, first, last))
        return cls(tuple(ranges))

    def __str__(self) -> str:
        """Print each range as ``0-1-91..100``, a single number as ``0-1-91``."""
        return ",".join(f"{domain}-{server}-{first}" + (f"..{last}" if last > first else "") for domain, server, first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def count(self) -> int:
        return sum(last - first + 1 for _domain, _server, first, last in self.ranges)

    def counted(self) -> str:
        return ("at least " if self.at_least else "") + super().counted()

    def domains(self) -> frozenset[int]:
        """Name the domains that they are of."""
        return frozenset(domain for domain, _server, _first, _last in self.ranges)

    def latest(self) -> MariaDBGtids:
        """Give the latest GTID of each domain."""
        return MariaDBGtids.parse(",".join(f"{domain}-{server}-{last}" for domain, server, _first, last in self.ranges)).position()

    def origins(self) -> frozenset[str]:
        return frozenset(str(server) for _domain, server, _first, _last in self.ranges)

    def of_origins(self, origins: t.Iterable[str]) -> MariaDBGtidRanges:
        wanted = set(origins)
        return MariaDBGtidRanges(tuple(entry for entry in self.ranges if str(entry[1]) in wanted), self.at_least)


def _read_gtid(word: str, text: str) -> tuple[Key, int]:
    found = _GTID.fullmatch(word)
    if not found:
        raise GtidError(text, f"{quote(word.strip(SPACES))} is not a MariaDB GTID (domain-server-number)")
    domain = _read_number(found.group(1), HIGHEST_ID, "domain", text)
    server = _read_number(found.group(2), HIGHEST_ID, "server_id", text)
    return (domain, server), _read_number(found.group(3), HIGHEST_NUMBER, "sequence number", text)


def _read_number(digits: str, highest: int, what: str, text: str) -> int:
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(highest)) or int(significant) > highest:
        raise GtidError(text, f"{quote(digits)} is above {highest}, the highest {what}")
    return int(significant)


def _share_out(missing: t.Mapping[int, list[tuple[int, int, int]]]) -> t.Iterator[Range]:
    """Put every missing number of each domain down to one server: that whose last number comes next.

    Take, for each domain, a last number, a first number and a server_id each. The last number itself always stays with its server.
    """
    for domain, spans in missing.items():
        covered: list[tuple[int, int]] = []  # in order, none overlapping another
        for last, first, server in sorted(spans):
            upper = last
            lowest = first
            while covered and covered[-1][1] >= first:
                below, above = covered.pop()
                if above < upper:
                    yield domain, server, above + 1, upper
                elif above == last:
                    yield domain, server, last, last
                upper = below - 1
                lowest = min(lowest, below)
            if first <= upper:
                yield domain, server, first, upper
            covered.append((lowest, last))
