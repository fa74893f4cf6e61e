# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which tests are carried out with which kinds of servers.

A case is a test with all of its parameters but the kind. What is no case of a kind is said by marks, and never by the test itself: one that skips itself
may be the only one of its case that was dealt out, and then nobody carries it out.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

import pytest

from sandbox.servers.kinds import KINDS, runs_with

Case = tuple[Path, str]


def kind_of(item: pytest.Item) -> str | None:
    """Return the kind of server that a test runs with, if it takes one: other tests may have a parameter of that name, too."""
    callspec = getattr(item, "callspec", None)
    kind = None if callspec is None else callspec.params.get("kind")
    return kind if kind in _named_by(item, "server") else None


def case_of(item: pytest.Item) -> Case:
    """Return what a test is a case of, whatever the kind."""
    return item.path, item.name.replace(kind_of(item) or "", "")


def _named_by(item: pytest.Item, marker: str) -> list[str]:
    return [name for mark in item.iter_markers(marker) for name in mark.args]


def strays(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Return those that are marked ``only`` with other kinds than theirs."""
    found = set()
    for item in items:
        kind, only = kind_of(item), _named_by(item, "only")
        if kind is not None and only and not runs_with(kind, only, asked=True):
            found.add(item)
    return found


def dealt_to_others(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Return what is left out of the tests that are marked alike: each case runs with one kind, the cases of a file by turns with one and the other.

    Alike means that what is tested is the collection's own doing, and the same whatever the servers are: with both families, it shows twice what it
    shows once. alike("mysql-9.7") names the one, for tests that share what was made for all of them. A kind named by also() stays.
    """
    cases: dict[Case, list[pytest.Item]] = {}
    for item in items:
        kind = kind_of(item)
        if kind is not None and kind not in _named_by(item, "also") and item.get_closest_marker("alike"):
            cases.setdefault(case_of(item), []).append(item)
    turns: Counter[Path] = Counter()
    left_out: set[pytest.Item] = set()
    for (path, _name), found in sorted(cases.items()):
        alike = sorted(found, key=lambda item: KINDS.index(str(kind_of(item))))
        mark = alike[0].get_closest_marker("alike")
        named = [item for item in alike if mark is not None and kind_of(item) in mark.args]
        chosen = (named or alike)[(zlib.crc32(path.name.encode()) + turns[path]) % len(named or alike)]
        turns[path] += 1
        left_out.update(item for item in alike if item is not chosen)
    return left_out


def choose(items: Collection[pytest.Item], *, servers: Collection[str] = (), thorough: bool = False) -> list[pytest.Item]:
    """Return the tests that are carried out; ``servers``: those that were asked for, and then only what needs one of them, or none.

    Raises ``UsageError`` for a case that no kind would carry out.
    """
    astray = strays(items)
    there = [item for item in items if item not in astray]
    if servers:
        return [item for item in there if not (needed := _needed(item)) or needed & set(servers)]
    nobodys = {case_of(item) for item in astray} - {case_of(item) for item in there}
    if nobodys:
        raise pytest.UsageError(f"only() leaves nobody to carry these out: {', '.join(sorted(name for _path, name in nobodys))}")
    if thorough:
        return there
    left_out = dealt_to_others(there)
    return [item for item in there if item not in left_out and not item.get_closest_marker("thorough")]


def _needed(item: pytest.Item) -> set[str]:
    kind = kind_of(item)
    # What it is marked with may name several.
    return {kind} if kind else set(_named_by(item, "server"))
