# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""A drawing of a cluster, as a page shows it: a box for each server, below the one that it replicates from. Pure; a template makes SVG of it."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import BLOCKS, HURTS

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._report.roles import RoleResult

# How grave something is, by colour and by sign: the grades of findings, nothing, and not known.
FINE, UNKNOWN = "fine", "unknown"

# A drawing, in units of which one is a pixel where there is room: a box, how far a replica is moved in, and the space between boxes.
_WIDTH, _HEIGHT, _INDENT, _GAP = 352, 72, 30, 14
# Letters that fit into a box, on its first line and on the others.
_TITLE_LETTERS, _LINE_LETTERS = 22, 46


class Node(t.TypedDict):
    """A server as it is drawn. ``line``: how a source is connected with it, a path; ``arrow``: the tip of that."""

    x: int
    y: int
    name: str
    title: str
    role: str
    where: str
    state: str
    grade: str
    down: bool
    line: str
    arrow: str
    broken: bool


class Picture(t.TypedDict):
    """A drawing of a cluster."""

    title: str
    width: int
    height: int
    nodes: t.List[Node]


def picture(title: str, members: t.Sequence[RoleResult], marks: Mapping[str, str]) -> Picture:
    """Draw servers below the one that they replicate from, moved in, with arrows from there.

    :arg marks: how grave the gravest is that was found of a server, by its name.
    """
    listed = {str(member["name"]): member for member in members}
    sources = {name: str(member["source"]) for name, member in listed.items() if member.get("source")}
    order: t.List[t.Tuple[str, int]] = []

    def add(name: str, depth: int) -> None:
        if name in [each for each, _depth in order]:
            return
        order.append((name, depth))
        for follower in sorted(each for each, source in sources.items() if source == name):
            add(follower, depth + 1)

    roots = [name for name in listed if name not in sources]
    for root in sorted(roots, key=lambda name: (not listed[name].get("is_primary"), name not in sources.values(), name)):
        add(root, 0)
    for source in sorted(set(sources.values()) - set(listed)):
        add(source, 0)
    for name in listed:  # servers that follow each other in a circle
        add(name, 0)
    places = {name: (depth * _INDENT + 1, row * (_HEIGHT + _GAP) + 1) for row, (name, depth) in enumerate(order)}
    nodes = [_node(name, listed.get(name), places, sources.get(name), marks.get(name, FINE)) for name, _depth in order]
    return {
        "title": title,
        "width": max((node["x"] for node in nodes), default=0) + _WIDTH + 1,
        "height": len(nodes) * (_HEIGHT + _GAP) - _GAP + 2,
        "nodes": nodes,
    }


def _node(name: str, member: t.Optional[RoleResult], places: Mapping[str, t.Tuple[int, int]], source: t.Optional[str], grade: str) -> Node:
    x, y = places[name]
    line = arrow = ""
    if source is not None:
        above, top = places[source]
        middle = y + _HEIGHT // 2
        # A circle cannot be drawn as a tree: who comes first in it hangs on nothing.
        if top < y:
            line = "M%d %dV%dH%d" % (above + 14, top + _HEIGHT, middle, x - 7)
            arrow = "M%d %dL%d %dL%d %dZ" % (x - 9, middle - 5, x, middle, x - 9, middle + 5)
    described = _described(member, source)
    broken = member is not None and source is not None and not member.get("replicating")
    if member is None or described["down"]:
        grade = UNKNOWN if member is None else BLOCKS
    elif grade != BLOCKS and (broken or (source is None and not member.get("is_primary"))):
        grade = HURTS
    return {
        "x": x,
        "y": y,
        "name": name,
        "title": _short(name, _TITLE_LETTERS),
        "role": described["role"],
        "where": _short(described["where"], _LINE_LETTERS),
        "state": _short(described["state"], _LINE_LETTERS),
        "grade": grade,
        "down": described["down"],
        "line": line,
        "arrow": arrow,
        "broken": broken,
    }


def _described(member: t.Optional[RoleResult], source: t.Optional[str]) -> t.Dict[str, t.Any]:
    if member is None:
        return {"role": "", "where": "not one of the servers named", "state": "", "down": False}
    where = "%s:%s" % (member["host"], member["port"])
    if member.get("version"):
        # What a distribution has added to it is in the table of members.
        where += ", " + "-".join(str(member["version"]).split("-")[:2])
    is_primary, down = bool(member.get("is_primary")), not member.get("reachable", True)
    role = "primary" if is_primary else "replica" if source else "no source"
    if down:
        status = str(member.get("status") or "not read").replace("_", " ")
        return {"role": status, "where": where, "state": str(member.get("error") or ""), "down": True}
    return {"role": role, "where": where, "state": _state(member, source), "down": False}


def _state(member: RoleResult, source: t.Optional[str]) -> str:
    if member.get("error"):
        return str(member["error"])
    words = ["takes writes" if member.get("writable") else "read-only"] if member.get("writable") is not None else []
    if source:
        errors = [str(member[key]) for key in ("receiver_error", "applier_error") if member.get(key)]
        threads = ["%s %s" % (thread, member[thread]) for thread in ("receiver", "applier") if member.get(thread) not in (None, "running")]
        words += errors or threads or ["replicates" if member.get("replicating") else "does not replicate"]
        words += ["lag %s s" % member["lag"]] if member.get("lag") is not None else []
        words += ["delayed %s s" % member["delay"]] if member.get("delay") else []
    return ", ".join(words)


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1] + "\u2026"
