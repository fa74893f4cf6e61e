# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Which binary logs a server has, and how each begins.

The name of a file need not be UTF-8, and then no statement can name it as text. Whoever reads as a replica does names it, byte by byte. In what is
returned here the bytes of such a name are surrogates (PEP 383).
"""

from __future__ import annotations

import struct
import typing as t
from contextlib import closing

from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import MariaDBGtids
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import (
    GTID_LIST,
    MARIADB_GTID,
    ROTATE,
    BinlogError,
    body_of,
    gtid_of,
    make_event,
    runs_of_list,
)
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed, Unreadable
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import holds_bytes, was_not_text, with_bytes

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import Flavor, MariaDB
    from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import Event
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row
    from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server

# ER_ERROR_WHEN_EXECUTING_COMMAND: "Could not find target log".
_NO_SUCH_LOG = 1220


def read_names(server: Server, flavor: Flavor) -> t.List[str]:
    """Return the names of the binary logs of a server, the oldest first."""
    shown = [row.text("Log_name") for row in server.send(flavor.show_binary_logs())]
    is_odd: t.Dict[str, bool] = {}
    # All of one base name are alike. The newest is asked for, because nobody purges it meanwhile.
    for name in reversed(shown):
        if _base_of(name) not in is_odd:
            is_odd[_base_of(name)] = holds_bytes(as_named(server, flavor, name))
    return [with_bytes(name) if is_odd[_base_of(name)] else name for name in shown]


def _base_of(name: str) -> str:
    """Return the name of a binary log without its number."""
    return name.rpartition(".")[0]


def as_named(server: Server, flavor: Flavor, shown: str) -> str:
    """Return the name of a binary log that a server has shown. Where it looks like one that is not UTF-8, the server is asked for it as it looks first."""
    if not was_not_text(shown):
        return shown
    try:
        server.send(flavor.show_first_events(shown, 1))
    except StatementFailed as error:
        if error.errno != _NO_SUCH_LOG:
            raise
        return with_bytes(shown)
    return shown


def first_events(server: Server, flavor: Flavor, file: str, number: int = 3) -> Sequence[Row]:
    """Return the first events of a binary log, as the server shows them. Of one that no statement can name, only those are complete that hold GTIDs."""
    question = flavor.show_first_events(file, number)
    if not holds_bytes(file):
        return server.send(question)
    with closing(server.twin()) as twin:
        as_bytes = flavor.take_names_as_bytes()
        if as_bytes is not None:
            twin.send(as_bytes)
            return twin.send(question)
        twin.send(flavor.expect_binary_log())
        found: t.List[t.Dict[str, str]] = []
        try:
            for raw in twin.read_binary_log(file, server.login.read_timeout):
                event = make_event(raw)
                if len(found) == number or (event.kind == ROTATE and found):
                    break
                if not event.is_artificial:
                    found.append(as_shown(event))
        except (struct.error, BinlogError) as error:
            message = "%s: its binary log %s cannot be understood: %s" % (server.name, file, error)
            raise Unreadable(server.name, message, statement=twin.show(question)) from error
        return Rows(found, server.name, twin.show(question))


def first_in_domains(server: Server, flavor: MariaDB, before: MariaDBGtids, until: MariaDBGtids) -> MariaDBGtids:
    """Return what comes first after a position in each domain of another one, which ends the search; nothing of a domain in which nothing comes.

    A file may hold much of other domains before that. A replica is not sent these, and no lock is held meanwhile.
    """
    tell = flavor.expect_domains(str(before.position()), str(until.position()))
    found = MariaDBGtids()
    with closing(server.twin()) as twin:
        twin.send(flavor.expect_binary_log())
        twin.send(tell)
        try:
            for raw in twin.read_binary_log("", server.login.read_timeout):
                event = make_event(raw)
                gtid = MariaDBGtids.parse(gtid_of(event, checksums=False) if event.kind == MARIADB_GTID else "")
                if gtid and not before.contains(gtid):
                    found = found if found.of_domains(gtid.heads()) else found.union(gtid)
                    if len(found.heads()) == len(until.heads()):
                        break
        except (struct.error, BinlogError) as error:
            message = "%s: its binary logs cannot be understood: %s" % (server.name, error)
            raise Unreadable(server.name, message, statement=twin.show(tell)) from error
    return found


def as_shown(event: Event) -> t.Dict[str, str]:
    """Return what ``SHOW BINLOG EVENTS`` says of an event of MariaDB that holds GTIDs. Of others it is only told that they hold none."""
    # A checksum would stand after all that is read.
    if event.kind == MARIADB_GTID:
        return {"Event_type": "Gtid", "Info": "BEGIN GTID " + gtid_of(event, checksums=False)}
    if event.kind == GTID_LIST:
        last = ("%s-%d" % (writer, number) for writer, _first, number in runs_of_list(body_of(event, checksums=False)))
        return {"Event_type": "Gtid_list", "Info": "[%s]" % ",".join(last)}
    return {"Event_type": "other", "Info": ""}
