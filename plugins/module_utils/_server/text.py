# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Bytes to text and back, and what of a text may be printed.

What a server says is not always text, whatever character set was agreed on: ``Last_SQL_Error`` (MySQL 5.6, MariaDB) and ``SHOW RELAYLOG EVENTS``
hold the bytes of clients, cut off anywhere (seen).
"""

from __future__ import annotations

import re
import typing as t

# Control characters (a tab and the end of a line are none that harm), what turns the direction of writing, and halves of characters.
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# What decode() makes of a byte that is not UTF-8.
_ESCAPE = re.compile(r"\\x[89a-f][0-9a-f]")


def decode(value: bytes) -> str:
    """Return bytes of a server as text. What is not UTF-8 becomes an escape, so that it can be read and stops nothing."""
    return value.decode("utf-8", "backslashreplace")


def was_not_text(text: str) -> bool:
    """Tell whether a text of a server seems to hold bytes that were not UTF-8: they are escapes now, and cannot be told to it any more."""
    return _ESCAPE.search(text) is not None


def with_bytes(text: str) -> str:
    """Return what ``decode`` made of bytes with these as surrogates again, as ``encode`` takes them."""
    return _ESCAPE.sub(lambda found: chr(0xDC00 + int(found.group()[2:], 16)), text)


def holds_bytes(text: str) -> bool:
    """Tell whether a text holds bytes as surrogates, so that a statement cannot quote it as text."""
    return any("\udc80" <= character <= "\udcff" for character in text)


def encode(text: str) -> bytes:
    """Return text as it is sent. Bytes that came as surrogates (PEP 383: from a command line, or a binary log) are the same bytes again."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")  # other halves of characters: a server will refuse them


def quoted(text: str, most: int = 100) -> str:
    """Return a text as messages repeat it: its beginning, in quotes, or, where there seems to be a password in it, only that."""
    return "a text that seems to hold a password (it is not shown)" if holds_password(text) else repr(text[:most])


def holds_password(text: str) -> bool:
    """Whether a text looks like a server or an account that was given as text instead of as a dictionary."""
    return "password" in text.lower() and any(sign in text for sign in "{:=")


def listed(names: t.Sequence[str], most: int = 10) -> str:
    """List names; of more than ``most`` only the first, and how many there are besides."""
    more = len(names) - most
    return ", ".join(names[:most]) + (" and %d more" % more if more > 0 else "")


def printable(text: str) -> str:
    """Return a text as it can be shown on a terminal: what would steer that becomes an escape."""
    if text.isprintable():  # as nearly every text is, and that is told in no time
        return text
    return _HARMFUL.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def all_printable(value: t.Any) -> t.Any:
    """Return a value in which every text can be shown on a terminal, however deep it lies."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {all_printable(name): all_printable(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [all_printable(each) for each in value]
    return value
