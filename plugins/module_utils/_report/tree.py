# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The topology as a tree, as users read it."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology, channel_of


def tree(topology: Topology) -> str:
    """Draw who follows whom, a line for each server, sources above and to the left of their replicas."""
    lines: t.List[str] = []
    drawn: t.Set[str] = set()

    def draw(name: str, depth: int) -> None:
        if name in drawn:
            return
        drawn.add(name)
        lines.append("%s%s%s" % ("   " * (depth - 1) + "+- " if depth else "", name, _describe(topology, name)))
        for follower in sorted(topology.followers(name), key=lambda member: member.name):
            draw(follower.name, depth + 1)

    names = [member.name for member in topology.members]
    roots = [name for name in names if name not in topology.sources]
    for root in sorted(roots, key=lambda name: (name != topology.primary, not topology.followers(name), name)):
        draw(root, 0)
    for source in sorted(set(topology.sources.values()) - set(names)):
        draw(source, 0)
    for name in names:  # members that follow each other in a circle
        draw(name, 0)
    return "".join(line + "\n" for line in lines)


def _describe(topology: Topology, name: str) -> str:
    if name not in topology:
        return "  (not one of the servers named)"
    member = topology[name]
    if member.state is None:
        unread = "not read: %s" % (member.failure.code if member.failure else "?")
        return "  (%s)" % (topology.primary_status.replace("_", " ") if name == topology.primary else unread)
    words = [member.state.family.replace("mysql", "MySQL").replace("mariadb", "MariaDB"), ".".join(map(str, member.state.version))]
    words.append("writable" if member.state.writable else "read-only")
    channel = channel_of(member)
    if channel is not None:
        words.append("receiver %s, applier %s" % (channel.receiver, channel.applier))
        if channel.lag:
            words.append("%d s behind" % channel.lag)
    return "  (%s)" % ", ".join([" ".join(words[:2])] + words[2:])
