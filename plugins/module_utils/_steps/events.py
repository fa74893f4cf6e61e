# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Scheduled events: they run on the primary and nowhere else, so they move with the role.

They are altered with ``sql_log_bin`` off, or each server would have transactions of its own, with their definers named, and in their own character
sets: ``ALTER EVENT`` leaves an event with those of whoever alters it, and one with other text never runs again (seen: all servers).
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._state.events import read_events

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.dbha.mysql.plugins.module_utils._state.events import Event
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node


def events_to_run(node: Node, *, primary: bool) -> t.List[Event]:
    """Return the events that are to run on the primary, as that knows them, or, as a replica knows them, once it is the primary."""
    events = read_events(node)
    return [each for each in events if (each.runs_on_primary(node.state.server_id) if primary else each.is_disabled_as_on_a_replica)]


def enabled_events(node: Node) -> t.List[Event]:
    """Return the events that would run on this server."""
    return [event for event in read_events(node) if event.is_enabled]


def switch_events(node: Node, events: Iterable[Event], *, enable: bool) -> None:
    """Enable or disable events on one server alone. Doing so twice changes nothing more."""
    chosen = list(events)
    if not chosen:
        return
    node.server.send(node.flavor.log_to_binary_log(False))
    try:
        for event in chosen:
            if event.can_be_named_in_its_character_set:
                node.server.send(node.flavor.say_in(event.character_set, event.collation))
            else:
                node.server.send(node.flavor.say_in_utf8())
            node.act(node.flavor.alter_event(event.schema, event.name, event.definer, enable))
    finally:
        if node.server.is_open:
            node.server.send(node.flavor.say_in_utf8())
            node.server.send(node.flavor.log_to_binary_log(True))
