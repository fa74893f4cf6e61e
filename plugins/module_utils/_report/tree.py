# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The topology as a tree, as users read it."""

from __future__ import annotations

import textwrap
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology, channel_of

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member

# Columns of the narrowest terminal.
_WIDTH = 78


def tree(topology: Topology) -> str:
    """Draw who follows whom, a line for each server, sources above and to the left of their replicas."""
    return "".join("%s%s%s\n" % (indent, name, _describe(topology, name, _threads)) for indent, name in _places(topology))


def marked_tree(topology: Topology, marks: Mapping[str, str]) -> str:
    """Draw the same for a report, with what a failover would meet beside each server, in lines that no terminal breaks.

    :arg marks: the grade of the gravest finding of a server, by its name.
    """
    lines: t.List[str] = []
    for indent, name in _places(topology):
        # (Only at the end of a line: textwrap breaks none at such a space.)
        mark = "  <-\u00a0%s" % marks[name] if name in marks else ""
        hanging = " " * (len(indent) + 4)
        text = "%s%s%s%s" % (indent, name, _describe(topology, name, _progress), mark)
        # textwrap would take the indent for words.
        wrapped = textwrap.wrap(text[len(indent) :], _WIDTH - len(indent), subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
        lines += [indent + wrapped[0], *(hanging + line[4:] for line in wrapped[1:])]
    return "".join(line.replace("<-\u00a0", "<- ") + "\n" for line in lines)


def _places(topology: Topology) -> t.List[t.Tuple[str, str]]:
    """Return the servers in the order in which they are drawn, each after what is drawn to the left of it."""
    places: t.Dict[str, str] = {}

    def draw(name: str, depth: int) -> None:
        if name in places:
            return
        places[name] = "   " * (depth - 1) + "+- " if depth else ""
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
    return [(indent, name) for name, indent in places.items()]


def _describe(topology: Topology, name: str, of_replica: Callable[[Member], t.List[str]]) -> str:
    if name not in topology:
        return "  (not one of the servers named)"
    member = topology[name]
    if member.state is None:
        unread = "not read: %s" % (member.failure.code if member.failure else "?")
        return "  (%s)" % (topology.primary_status.replace("_", " ") if name == topology.primary else unread)
    words = [member.state.family.replace("mysql", "MySQL").replace("mariadb", "MariaDB"), ".".join(map(str, member.state.version))]
    words.append("writable" if member.state.writable else "read-only")
    return "  (%s)" % ", ".join([" ".join(words[:2])] + words[2:] + of_replica(member))


def _threads(member: Member) -> t.List[str]:
    channel = channel_of(member)
    if channel is None:
        return []
    return ["receiver %s, applier %s" % (channel.receiver, channel.applier), *(["%d s behind" % channel.lag] if channel.lag else [])]


def _progress(member: Member) -> t.List[str]:
    channel, left = channel_of(member), member.known.not_applied
    if channel is None:
        return []
    words = ["replicates" if channel.is_running else "receiver %s, applier %s" % (channel.receiver, channel.applier)]
    words += ["delayed %d s" % channel.delay] if channel.delay else []
    words += ["%d s behind" % channel.lag] if channel.lag else []
    return [*words, "%d to apply" % left.count() if left else "all applied"]
