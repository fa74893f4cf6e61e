# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Scheduled events: they run on the primary and nowhere else, so they move with the role.

A replica keeps every event of its primary as C(SLAVESIDE_DISABLED) (MySQL 8.2 and later: C(REPLICA_SIDE_DISABLED)), one that is disabled there
like one that is enabled, however it came to be so (seen: all servers): which ran on a dead primary cannot be told.

They are altered with C(sql_log_bin) off, or each server would have transactions of its own, and with their definers named.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row, Rows
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

_REPLICA_SIDE_DISABLED = ("SLAVESIDE_DISABLED", "REPLICA_SIDE_DISABLED")


@dataclass(frozen=True)
class Event:
    """A scheduled event: where it stands and as whom it runs."""

    schema: str
    name: str
    definer: str

    def __str__(self) -> str:
        return "%s.%s" % (self.schema, self.name)


def events_to_run(node: Node, *, primary: bool) -> t.List[Event]:
    """Return the events that are to run on the primary, as one server knows them.

    On the primary itself: those that are enabled, and those that were disabled there and not on an earlier source (C(ORIGINATOR)): an
    interrupted run did that. On a replica: those that are disabled only because it is one.
    """
    events = []
    for row in _read_events(node):
        status = row.text("STATUS").upper()
        disabled_here = status in _REPLICA_SIDE_DISABLED and row.number("ORIGINATOR") == node.state.server_id
        if (primary and (status == "ENABLED" or disabled_here)) or (not primary and status in _REPLICA_SIDE_DISABLED):
            events.append(_event(row))
    return events


def enabled_events(node: Node) -> t.List[Event]:
    """Return the events that would run on this server."""
    return [_event(row) for row in _read_events(node) if row.text("STATUS").upper() == "ENABLED"]


def _read_events(node: Node) -> Rows:
    node.server.send(node.flavor.ask_to_see_events())
    return node.server.send(node.flavor.show_events())


def _event(row: Row) -> Event:
    return Event(row.text("EVENT_SCHEMA"), row.text("EVENT_NAME"), row.text("DEFINER"))


def switch_events(node: Node, events: Iterable[Event], *, enable: bool) -> None:
    """Enable or disable events on one server alone. Doing so twice changes nothing more."""
    statements = [node.flavor.alter_event(event.schema, event.name, event.definer, enable) for event in events]
    if not statements:
        return
    node.server.send(node.flavor.log_to_binary_log(False))
    try:
        for statement in statements:
            node.act(statement)
    finally:
        if node.server.is_open:
            node.server.send(node.flavor.log_to_binary_log(True))
