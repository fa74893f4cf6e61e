# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One case: its dice are made of seed, target and number, so that it can be had again."""

from __future__ import annotations

import random
import resource
import time

from .targets import TARGETS, Found

LONGEST = 60.0
"""Seconds after which a case hangs, however busy the machine is: the time limits inside are far below."""

LARGEST = 700 << 20
"""Bytes of memory that all cases together may take: an answer of 128 MB, which is read and decoded, and what Python has."""


def try_case(name: str, seed: int, case: int) -> None:
    """Try one case. Raises whatever it comes to that must not be."""
    begun = time.monotonic()
    TARGETS[name](random.Random(f"{seed} {name} {case}"))
    if time.monotonic() - begun > LONGEST:
        raise Found(f"it took {time.monotonic() - begun:.0f} s")


def memory() -> int:
    """Return the most memory that this process has had (bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
