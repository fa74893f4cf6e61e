# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""From where a server lets which accounts in, as it says itself. Read for a report of readiness only, never by a failover."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row


@dataclass(frozen=True)
class LetIn:
    """An account of a server: ``user``, empty for anybody, may log in from ``host``, which is an address, a name, or a pattern of them."""

    user: str
    host: str
    is_locked: bool = False
    needs_tls: bool = False

    def __str__(self) -> str:
        return "%s@%s" % (quoted(self.user), quoted(self.host))


@dataclass(frozen=True)
class Accounts:
    """The accounts of a server that have one of a few names, or none, and from where it sees us come."""

    all: t.Tuple[LetIn, ...] = ()
    client: str = ""


def quoted(text: str) -> str:
    """Return a text as a literal of SQL, for people to copy."""
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")


def accounts_in(rows: Iterable[Row]) -> Accounts:
    """Return the accounts that a server has told."""
    found = list(rows)
    return Accounts(
        tuple(LetIn(row.text("user"), row.text("host"), row.text("locked") == "Y", row.text("tls") != "") for row in found),
        found[0].text("client") if found else "",
    )


def host_of_client(text: str) -> str:
    """Return the host of a connection: all before the port. Connections over a socket have no port."""
    host, _colon, port = text.rpartition(":")
    return host if host and port.isdigit() else text
