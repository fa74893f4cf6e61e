# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The binary log files of a server that is down, as they lie on its host: which there are, in which order, and whether a process still writes them."""

from __future__ import annotations

import os
import re
import typing as t
from contextlib import suppress

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import Beginning, BinlogError, read_beginning

_NAME = re.compile(r"(.*)\.([0-9]{6,})$")

# The longest file that is taken for an index of binary logs: a hundred thousand names.
_LONGEST_INDEX = 16 << 20

# Previous_gtids and Gtid_list stand at the beginning, and are as long as the set that they hold.
_LONGEST_BEGINNING = 16 << 20

# What a server's process calls itself; of others we need not know what they have open.
_PROCESSES = ("mysqld", "mariadbd")
_WRITES = os.O_WRONLY | os.O_RDWR


class StillRunning(ExtractFailed):
    """A process still has the files open: they are not the last word of a dead server."""


def find_files(directory: str) -> t.List[str]:
    """Return the paths of the binary logs of a server, the oldest first, as its index files have them.

    The numbers in their names begin anew where ``log_bin`` has got another name, and a stray copy has a number too. Where several index files lie there,
    that is what has happened, and the one whose newest file is the oldest comes first. Only where there is none do the names decide.

    Raises ``ExtractFailed`` where there are no such files, or names alone cannot tell their order.
    """
    chains = [chain for chain in map(_read_index, _indexes(directory)) if chain]
    chains = chains or _by_names(directory)
    if not chains:
        raise ExtractFailed("there are no binary logs in %s" % directory)
    return [path for chain in sorted(chains, key=_newest) for path in chain]


def find_writer(paths: t.Sequence[str]) -> t.Optional[str]:
    """Name a process that "still has" one of these files open for writing, or "may have": a server's, which does not let us see what it has open."""
    wanted = set()
    for path in paths:
        with suppress(FileNotFoundError):
            status = os.stat(path)
            wanted.add((status.st_dev, status.st_ino))
    for process in os.listdir("/proc") if os.path.isdir("/proc/self/fd") else ():
        if process.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                try:
                    if any(_writes_to(process, number, wanted) for number in os.listdir("/proc/%s/fd" % process)):
                        return "%s still has" % process
                except PermissionError:
                    with open("/proc/%s/comm" % process, encoding="utf-8", errors="replace") as file:
                        if file.read().strip() in _PROCESSES:
                            return "%s may have" % process
    return None


def beginning_of(path: str) -> t.Optional[Beginning]:
    """Read what a file says of itself; ``None`` for one that its server had not begun to write. Raises ``BinlogError``."""
    with open(path, "rb") as file:
        return read_beginning(file.read(_LONGEST_BEGINNING), os.path.getsize(path))


def _indexes(directory: str) -> t.List[str]:
    return sorted(entry.path for entry in os.scandir(directory) if entry.name.endswith(".index") and entry.is_file())


def _read_index(path: str) -> t.List[str]:
    """Return the files that an index names; none where they are not binary logs: relay logs have an index, too."""
    with open(path, "rb") as file:
        content = file.read(_LONGEST_INDEX)
    files = [_found(os.fsdecode(line.strip()), os.path.dirname(path)) for line in content.split(b"\n") if line.strip()]
    there = [file for file in files if os.path.isfile(file)]
    # Its newest file says what it is; those that are not there were deleted by hand, and are only missed where they are needed.
    return files if there and _NAME.search(files[-1]) and not _is_relayed(there[-1]) else []


def _found(name: str, directory: str) -> str:
    """Return the path of a file that an index names: beside it, for it may have been moved, or where it says."""
    beside = os.path.join(directory, os.path.basename(name))
    return beside if os.path.exists(beside) else os.path.join(directory, name)


def _by_names(directory: str) -> t.List[t.List[str]]:
    found: t.Dict[str, t.List[t.Tuple[int, str]]] = {}
    for entry in os.scandir(directory):
        match = _NAME.match(entry.name)
        if match is not None and entry.is_file() and not _is_relayed(entry.path):
            found.setdefault(match.group(1), []).append((int(match.group(2)), entry.path))
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise ExtractFailed("%s has no index file that says in which order the binary logs there are to be read: %s" % (directory, names))
    return [[path for _number, path in sorted(numbered)] for numbered in found.values()]


def _is_relayed(path: str) -> bool:
    """Tell a relay log, and what is no log at all. One that is encrypted is a binary log as far as can be told."""
    try:
        beginning = beginning_of(path)
    except BinlogError as error:
        return not error.encrypted
    return beginning is not None and beginning.relayed


def _newest(chain: t.Sequence[str]) -> t.Tuple[float, float]:
    """Return when the newest file of an index was begun, as far as it says so, and written last."""
    there = [path for path in chain if os.path.isfile(path)]
    try:
        beginning = beginning_of(there[-1])
    except BinlogError:
        beginning = None
    written = os.stat(there[-1]).st_mtime
    return (beginning.time if beginning is not None else written), written


def _writes_to(process: str, number: str, wanted: t.Set[t.Tuple[int, int]]) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        status = os.stat("/proc/%s/fd/%s" % (process, number))
        if (status.st_dev, status.st_ino) in wanted:
            with open("/proc/%s/fdinfo/%s" % (process, number), encoding="ascii") as file:
                return any(int(line.split()[1], 8) & _WRITES for line in file if line.startswith("flags:"))
    return False
