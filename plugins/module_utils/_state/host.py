# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a check knows of a server's host: what its disks hold and how full they are, and whether a failover could salvage binary logs there."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._state.on_host import MARK
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The longest number of KiB that is believed.
_MOST = 1 << 60
_LONGEST = 300


@dataclass(frozen=True)
class Disk:
    """A disk: what is on it, and how many KiB it has in all and available."""

    holds: t.Tuple[str, ...]
    total: int
    available: int

    @property
    def used(self) -> int:
        """The part that is used (%), rounded up: one that is not full is not called so."""
        return 100 - 100 * self.available // self.total if self.total else 100


@dataclass(frozen=True)
class Host:
    """What was seen on a host. ``error``: it could not be asked, and why. ``unreadable``: why its binary logs could not be read there."""

    error: str = ""
    unreadable: str = ""
    disks: t.Tuple[Disk, ...] = ()


def read_host(text: str) -> Host:
    """Return what a host has answered. What it says is believed only as far as it has the shape that it should have."""
    lines = [line[len(MARK) :] for line in text.splitlines() if line.startswith(MARK)]
    try:
        found = json.loads(lines[-1])
        disks = tuple(Disk(tuple(map(_word, holds)), _number(total), _number(available)) for holds, total, available in found["disks"])
        return Host("", _word(found["unreadable"]), disks)
    except (IndexError, KeyError, TypeError, ValueError):
        return Host("it answered what cannot be read: %s" % (" ".join(text.split())[-200:] or "nothing"))


def disks_of(places: Mapping[str, str], mounted: Sequence[t.Tuple[str, int, int]]) -> t.Tuple[Disk, ...]:
    """Return the disks that directories are on, of those that are mounted somewhere: path, and KiB in all and available."""
    found: t.Dict[str, t.Tuple[t.List[str], int, int]] = {}
    for what, directory in sorted(places.items()):
        path = os.path.normpath(directory)
        over = [each for each in mounted if path == each[0] or path.startswith(each[0].rstrip("/") + "/")]
        if over:
            where, total, available = max(over, key=lambda each: len(each[0]))
            found.setdefault(where, ([], total, available))[0].append(what)
    return tuple(Disk(tuple(holds), total, available) for holds, total, available in found.values())


def _word(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError
    return "".join(each if each.isprintable() else "?" for each in text[:_LONGEST])


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST:
        raise TypeError
    return value
