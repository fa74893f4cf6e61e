# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Scheduled events as a server knows them, and which of them are to run on the primary.

A replica keeps every event of its primary as ``SLAVESIDE_DISABLED`` (MySQL 8.2 and later: ``REPLICA_SIDE_DISABLED``), one that is disabled there
like one that is enabled, however it came to be so (seen: all servers): which ran on a dead primary cannot be told.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._state.node import Node

_REPLICA_SIDE_DISABLED = ("SLAVESIDE_DISABLED", "REPLICA_SIDE_DISABLED")


@dataclass(frozen=True)
class Event:
    """A scheduled event: where it stands, as whom it runs, whether it does, and the ``server_id`` of the server where that was decided.

    ``character_set`` and ``collation`` are those of whoever created it: its text is read in them.
    """

    schema: str
    name: str
    definer: str
    status: str
    originator: int
    character_set: str
    collation: str

    def __str__(self) -> str:
        return "%s.%s" % (self.schema, self.name)

    @property
    def is_enabled(self) -> bool:
        """It runs on this server."""
        return self.status == "ENABLED"

    @property
    def is_disabled_as_on_a_replica(self) -> bool:
        """It does not run here, because this server is a replica, or because a run has prepared it for becoming one."""
        return self.status in _REPLICA_SIDE_DISABLED

    @property
    def can_be_named_in_its_character_set(self) -> bool:
        """What names it is the same in its character set as in UTF-8, which is what we send."""
        return (self.schema + self.name + self.definer).isascii() or self.character_set.startswith("utf8")

    def runs_on_primary(self, server_id: int) -> bool:
        """Whether it is one of those that run on the primary, as that knows them: enabled, or disabled there and not on an earlier source.

        An interrupted run disables them.
        """
        return self.is_enabled or (self.is_disabled_as_on_a_replica and self.originator == server_id)


def read_events(node: Node) -> t.List[Event]:
    """Ask a server for its events."""
    node.server.send(node.flavor.ask_to_see_events())
    return [
        Event(
            schema=row.text("EVENT_SCHEMA"),
            name=row.text("EVENT_NAME"),
            definer=row.text("DEFINER"),
            status=row.text("STATUS").upper(),
            originator=row.number("ORIGINATOR"),
            character_set=row.text("CHARACTER_SET_CLIENT"),
            collation=row.text("COLLATION_CONNECTION"),
        )
        for row in node.server.send(node.flavor.show_events())
    ]
