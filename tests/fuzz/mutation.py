# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random changes of bytes, of texts and of JSON. The same dice make the same changes."""

from __future__ import annotations

import random
from typing import Any

STRANGE = (
    *(b"", b"\0", b"\xff", b"\xfe", b"\xc3", b"\xed\xa0\x80", b"\x1b[2J\x1b[31m", b"\r\n", b"\x07", b"\xe2\x80\xae", b"\xc2\x9b0m"),
    *(b"0", b"-1", b"1e309", b"NaN", b"18446744073709551615", b"9" * 30, b"9" * 5000, b"\xc2\xb2", b"\xd9\xa3", b"NULL", b"ON", b"YES"),
    *(b"0-1-18446744073709551615", b"0-1-7,0-1-7", b"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9223372036854775807", b"%s%n", b"{{ 7 * 7 }}", b"'\"\\"),
    *(b"10.11.99-MariaDB", b"9.9.9", b"x" * 300, b"binlog.000001", b"../../etc/passwd"),
)
"""What programs stumble over: ends of ranges, halves of characters, what steers terminals, numbers that only look like some."""


def mutated(dice: random.Random, data: bytes, others: tuple[bytes, ...] = STRANGE) -> bytes:
    """Return bytes with up to four changes."""
    for _each in range(dice.choice((1, 1, 1, 2, 4))):
        data = _changed(dice, data, others)
    return data


def _changed(dice: random.Random, data: bytes, others: tuple[bytes, ...]) -> bytes:
    begin = dice.randrange(len(data) + 1)
    end = min(len(data), begin + dice.choice((0, 1, 1, 2, 4, 8, 64)))
    way = dice.randrange(6)
    if way == 0:  # another byte, or other bytes
        return data[:begin] + dice.randbytes(end - begin) + data[end:]
    if way == 1:
        return data[:begin] + dice.choice(others) + data[end:]
    if way == 2:
        return data[:begin] + data[end:]
    if way == 3:
        return data[:begin]
    if way == 4:  # once more
        return data[:end] + data[begin:]
    at = dice.randrange(len(data)) if data else 0  # one bit
    return data[:at] + bytes([data[at] ^ (1 << dice.randrange(8))]) + data[at + 1 :] if data else b"\0"


def mutated_text(dice: random.Random, text: str) -> str:
    """Return a text with changes; what is no text any more comes as surrogates."""
    return mutated(dice, text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def mutated_json(dice: random.Random, value: Any) -> Any:
    """Return what could be JSON with a change somewhere."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        name = dice.choice(sorted(value))
        if dice.random() < 0.1:
            return {each: kept for each, kept in value.items() if each != name}
        return {**value, name: mutated_json(dice, value[name])}
    if isinstance(value, list) and value and dice.random() < 0.8:
        index = dice.randrange(len(value))
        return [*value[:index], mutated_json(dice, value[index]), *value[index + 1 :]]
    if isinstance(value, str) and dice.random() < 0.7:
        return mutated_text(dice, value)
    return dice.choice(
        (None, True, False, 0, -1, 2**64, 10**400, 1.5, float("inf"), "", "\x1b[31m", [], {}, [None], {"a": 1}, ["a", 1, 2], ["a", 2**70, 2**71])
    )
