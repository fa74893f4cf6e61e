# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What the binary log of a MariaDB replica has kept in a crash, and its data have lost.

With ``sync_binlog=1`` and ``innodb_flush_log_at_trx_commit`` 0 or 2, a crash may take the last transactions out of InnoDB, and with them
``gtid_slave_pos``, while they are in the binary log: the server does not put them in again (seen: 10.11, 11.8, killed with 0: binary log state 0-1-42,
``gtid_slave_pos`` 0-1-12, 10 rows of 40). The replica asks its source for them again, and logs them twice; with ``gtid_strict_mode`` it stops at the first
one (error 1950). What a server wrote itself is lost likewise, and nothing shows that. MySQL shows nothing either (seen: 5.6, 10 rows of 40 were gone;
9.7 had lost none).

A replica whose log is ahead need not have crashed: while it applies, a transaction is logged a moment before it counts as replicated, and what is salvaged,
or fed by hand, is only logged. So the files are asked: one that a server has closed ends with ``Stop``, or with ``Rotate`` where it went on in the
next (seen: 10.11, 11.8), and each begins with what all before it hold.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids, empty
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import was_not_text
from ansible_collections.dbha.mysql.plugins.module_utils._state.binary_logs import first_events
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import history_in

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import Flavor
    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import State

# ER_ERROR_WHEN_EXECUTING_COMMAND: no event begins there.
_NOT_SHOWN = 1220

# Bytes of a header, of a checksum, and of the position that Rotate names besides a file.
_HEADER, _CHECKSUM, _POSITION = 19, 4, 8


def after_crash(state: State, logged: t.Optional[MariaDBGtids]) -> State:
    """Leave out of what a replica has executed what it has lost. ``logged``: what its log held when it came back from its last crash. Pure."""
    ahead, executed = state.ahead, state.executed
    if ahead is None or not isinstance(executed, MariaDBGtids):
        return state
    lost = logged.of_others_beyond(ahead.replicated, state.server_id) if logged is not None else None
    if not lost:
        return replace(state, ahead=None)
    kept = MariaDBGtids(tuple(entry for entry in executed.numbers if entry not in ahead.logged.numbers))
    return replace(state, executed=kept.union(ahead.replicated), ahead=replace(ahead, logged=lost))


def logged_before_crash(server: Server, flavor: Flavor, state: State) -> t.Optional[MariaDBGtids]:
    """Return what the binary log of a replica held when it came back from a crash; ``None`` where no crash is known in which its log was ahead."""
    ahead = state.ahead
    if ahead is None:
        return None
    logs = [(row.text("Log_name"), row.number("File_size")) for row in server.send(flavor.show_binary_logs())]
    for position in reversed(range(len(logs))):
        name = logs[position][0]
        if was_not_text(name):
            return None  # no statement can name it, so that nothing is known of it
        before = _before(server, flavor, name)
        if not isinstance(before, MariaDBGtids) or not before.of_others_beyond(ahead.replicated, state.server_id):
            return None
        if not position or not _was_closed(server, flavor, *logs[position - 1], name):
            return before
    return None


def _before(server: Server, flavor: Flavor, file: str) -> Gtids:
    """Return what all files before one hold."""
    for event in first_events(server, flavor, file):
        if event.text("Event_type") == "Gtid_list":
            return history_in(event, flavor.family)
    return empty(flavor.family)


def _was_closed(server: Server, flavor: Flavor, file: str, size: int, following: str) -> bool:
    """Tell whether a server has closed a file; of one that cannot be named, that is not known."""
    if was_not_text(file):
        return False
    for kind, length in (("Stop", _HEADER), ("Rotate", _HEADER + _POSITION + len(following))):
        for position in (size - length - _CHECKSUM, size - length):
            try:
                events = server.send(flavor.show_event_at(file, position))
            except StatementFailed as error:
                if error.errno != _NOT_SHOWN:
                    raise
                continue
            if events and events[0].text("Event_type") == kind:
                return True
    return False
