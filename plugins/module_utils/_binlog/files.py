# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The binary log files of a server that is down, read on its host: the transactions in them that another server lacks."""

from __future__ import annotations

import mmap
import os
import re
import time
import typing as t
from contextlib import suppress

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.events import BinlogError, is_binary_log, read_wanted_events, take
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import Extract, ExtractFailed, wanted_by

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._binlog.events import Segment
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids

_NAME = re.compile(r"\.([0-9]{6,})$")

# What a server's process calls itself; of others we need not know what they have open.
_PROCESSES = ("mysqld", "mariadbd")
_WRITES = os.O_WRONLY | os.O_RDWR


class StillRunning(ExtractFailed):
    """A process still has the files open: they are not the last word of a dead server."""


def extract_from_directory(directory: str, family: str, have: Gtids, seconds: float) -> Extract:
    """Take out of the binary logs of a server that is down the transactions that are not in ``have``, those that are whole.

    The newest file comes first, back to one that has no such transaction. Raises ``ExtractFailed``; ``StillRunning`` if the server is not down after all.
    """
    deadline = time.monotonic() + seconds
    try:
        files = sorted((number, path) for number, path in _files(directory))
        if not files:
            raise ExtractFailed("there are no binary logs in %s" % directory)
        writer = _find_writer([path for _number, path in files])
        if writer is not None:
            raise StillRunning("process %s the binary logs in %s open: the server is running, and may go on writing" % (writer, directory))
        segments: t.List[Segment] = []
        for _number, path in reversed(files):
            found = _read(path, wanted_by(family, have), deadline)
            if found is None:
                break
            segments[:0] = found
    except (OSError, BinlogError) as error:
        raise ExtractFailed("the binary logs in %s cannot be read: %s" % (directory, error)) from error
    return Extract(family, segments)


def _files(directory: str) -> t.Iterator[t.Tuple[int, str]]:
    for entry in os.scandir(directory):
        match = _NAME.search(entry.name)
        if match is not None and entry.is_file():
            yield int(match.group(1)), entry.path


def _read(path: str, wanted: t.Callable[[str], bool], deadline: float) -> t.Optional[t.List[Segment]]:
    """Return the wanted transactions of one file; ``None`` if it has others and none of these, so that no older file has any."""
    others = 0

    def is_wanted(gtid: str) -> bool:
        nonlocal others
        if wanted(gtid):
            return True
        others += 1
        if others % 1000 == 0 and time.monotonic() > deadline:
            raise ExtractFailed("there was not enough time to read %s to its end" % path)
        return False

    with open(path, "rb") as file:
        if not is_binary_log(file.read(4)):
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            segments = take(read_wanted_events(data, is_wanted), lambda gtid: True)
    return None if others and not segments else segments


def _find_writer(paths: t.Sequence[str]) -> t.Optional[str]:
    """Name a process that "still has" one of these files open for writing, or "may have": a server's, which does not let us see what it has open."""
    wanted = {(status.st_dev, status.st_ino) for status in (os.stat(path) for path in paths)}
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


def _writes_to(process: str, number: str, wanted: t.Set[t.Tuple[int, int]]) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        status = os.stat("/proc/%s/fd/%s" % (process, number))
        if (status.st_dev, status.st_ino) in wanted:
            with open("/proc/%s/fdinfo/%s" % (process, number), encoding="ascii") as file:
                return any(int(line.split()[1], 8) & _WRITES for line in file if line.startswith("flags:"))
    return False
