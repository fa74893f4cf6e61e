# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Option files of MySQL and MariaDB, read as the vendors' programs read them (seen: MariaDB 10.11, MySQL 9.7)."""

from __future__ import annotations

import os
import stat
import typing as t

# Files that include others, which include others.
_DEEPEST = 10
_GROUP = "client"
_QUOTES = "'\""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "s": " ", '"': '"', "'": "'", "\\": "\\"}


def read_option_file(path: str) -> t.Dict[str, str]:
    """Return the options of group ``[client]`` that have a value, by their names with dashes; none if there is no such file.

    One that everybody may write is passed over. Raises ``ValueError`` for a file that cannot be read, without its content.
    """
    options: t.Dict[str, str] = {}
    path = os.path.expanduser(path)
    if os.path.exists(path):
        _read(path, options, 0)
    return options


def _read(path: str, options: t.Dict[str, str], depth: int) -> None:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode) and mode & stat.S_IWOTH:
            return
        # Its bytes may be of any character set.
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise ValueError("the option file %s cannot be read: %s" % (path, error)) from error
    group: t.Optional[str] = None
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        if text[0] == "!":
            for included in _included(path, number, text):
                if depth < _DEEPEST:
                    _read(included, options, depth + 1)
            continue
        if text[0] == "[":
            name, closed, _rest = text[1:].partition("]")
            if not closed:
                raise _wrong(path, number, "a group that does not end")
            group = name.rstrip()
            continue
        if group is None:
            raise _wrong(path, number, "an option before the first group")
        name, has_value, value = _without_comment(text).partition("=")
        if group == _GROUP and has_value:
            options[name.strip().replace("_", "-")] = _value(value.strip())


def _included(path: str, number: int, text: str) -> t.List[str]:
    """Return the files that a line includes, as far as they are there; of a directory those that end in ``.cnf``. Other words are passed over."""
    word, _space, target = text[1:].replace("\t", " ").partition(" ")
    target = target.strip()
    if word == "includedir" and target:
        try:
            return sorted(os.path.join(target, name) for name in os.listdir(target) if name.endswith(".cnf"))
        except OSError as error:
            raise _wrong(path, number, "!includedir: %s" % error) from error
    if word == "include" and target:
        return [target] if os.path.exists(target) else []
    if word in ("include", "includedir"):
        raise _wrong(path, number, "nothing to include")
    return []


def _without_comment(text: str) -> str:
    """Cut off what follows a ``#`` outside of quotes."""
    quote, escaped = "", False
    for index, character in enumerate(text):
        if character in _QUOTES and not escaped:
            quote = "" if quote == character else (quote or character)
        if not quote and character == "#":
            return text[:index].rstrip()
        escaped = quote != "" and character == "\\" and not escaped
    return text


def _value(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in _QUOTES:
        text = text[1:-1]
    value, characters = "", iter(text)
    for character in characters:
        if character != "\\":
            value += character
            continue
        following = next(characters, None)
        value += "\\" if following is None else _ESCAPES.get(following, "\\" + following)
    return value


def _wrong(path: str, number: int, what: str) -> ValueError:
    # Not the line itself, which may be the one with the password.
    return ValueError("the option file %s cannot be read: line %d: %s" % (path, number, what))
