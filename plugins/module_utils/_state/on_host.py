# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What is looked at on the host of a server: how full its disks are, and whether its binary logs can be read there, as salvaging them would.

This file is sent there as it is, and run by the Python of the host (3.6 or later): it imports nothing of the collection. It changes nothing.
"""

from __future__ import annotations

import json
import os
import sys
import typing as t

# What the line with the answer begins with: shells of users may say something before it.
MARK = "dbha-host:"


def disks(places: t.Mapping[str, str]) -> t.List[t.Tuple[t.List[str], int, int]]:
    """Return the disks that directories are on: what is there, and how many KiB there are in all and available to others than root."""
    found = {}  # type: t.Dict[int, t.Tuple[t.List[str], int, int]]
    for what, path in sorted(places.items()):
        try:
            room, device = os.statvfs(path), os.stat(path).st_dev
        except OSError:
            continue
        used, available = (room.f_blocks - room.f_bfree) * room.f_frsize // 1024, room.f_bavail * room.f_frsize // 1024
        found.setdefault(device, ([], used + available, available))[0].append(what)
    return list(found.values())


def unreadable(directory: str, name: str) -> str:
    """Return what is in the way of reading the binary logs of this name; nothing if there is nothing."""
    try:
        files = [each for each in os.listdir(directory) if each.startswith(name + ".")]
    except OSError as error:
        return "%s: %s" % (directory, error.strerror)
    closed = [each for each in sorted(files) if not os.access(os.path.join(directory, each), os.R_OK)]
    if closed:
        return "%s: %s" % (os.path.join(directory, closed[-1]), "Permission denied")
    return "" if files else "there is no %s.* in %s" % (name, directory)


def main(request: str) -> None:
    """Run on the host: the request and the answer are JSON."""
    asked = json.loads(request)
    told = {"disks": disks(asked["places"]), "unreadable": unreadable(asked["directory"], asked["name"]) if asked["name"] else ""}
    sys.stdout.write("\n%s%s\n" % (MARK, json.dumps(told)))
