# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What is sent to a server: statements with their values apart, and secrets that are never shown."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Row

MASK = "********"


# A beginning of a password that is shorter is no secret, and may be part of any message.
SHORTEST_SECRET = 4


class Secret(str):
    """Text that is shown as asterisks wherever a statement is recorded."""


@dataclass(frozen=True)
class Instead:
    """A question in place of one that a server fails to answer with the error ``errno``.

    ``read`` makes the rows that were asked for out of what is answered to ``text``; ``None`` where that does not tell them.
    """

    errno: int
    text: str
    read: t.Callable[[t.Sequence[Row]], t.Optional[t.Sequence[t.Mapping[str, t.Any]]]]


@dataclass(frozen=True)
class Statement:
    """A statement with its values apart: ``%s`` in ``text`` stands for each of ``values``.

    ``changes`` says whether it alters anything that outlives the connection: such a statement is recorded, and in check mode it is
    only recorded. ``timeout`` (seconds) replaces the connection's own limit. ``needs``: the privilege, where a server that refuses for want
    of it does not say which it is. ``shown``: what is shown in place of a text that holds users' data. ``instead``: what is asked where a server cannot
    answer this.
    """

    text: str
    values: t.Tuple[t.Any, ...] = ()
    changes: bool = False
    timeout: t.Optional[float] = None
    needs: str = ""
    shown: t.Optional[str] = None
    instead: t.Optional[Instead] = None
