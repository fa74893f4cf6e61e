# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""One call of a module: how it is to be done, and what it has to tell so far."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import field

from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem

Request = t.TypeVar("Request")

# What a module gives back, as Ansible takes it: a door.
Result = t.Dict[str, t.Any]


def _nothing() -> None:
    """Nobody waits for that."""


@dataclasses.dataclass
class Call:
    """One call of a module.

    ``say`` shows the user a line while the work goes on. ``warnings``, and ``harmless`` problems, are what the user is to know of although they forbid
    nothing. ``found`` is what is to be in the result even if the call fails later: what was found, or done, on the other servers. It is told and never
    asked. ``stands`` is what users are to read before the problems with which the call fails: what is done, and stays so. ``opened`` is called as soon as
    a server was opened for writes. ``verb`` is the role that it is a part of, for which remedies are worded; empty where it is in none.
    """

    check_mode: bool
    say: Callable[[str], None]
    journal: Journal = field(default_factory=Journal)
    warnings: t.List[str] = field(default_factory=list)
    harmless: t.List[Problem] = field(default_factory=list)
    found: Result = field(default_factory=dict)
    stands: str = ""
    opened: Callable[[], None] = _nothing
    verb: str = ""

    def warn(self, problems: Iterable[Problem]) -> None:
        """Let the user know of problems that forbid nothing."""
        self.harmless += problems

    def tell(self, found: Mapping[str, object]) -> None:
        """Put something into the result, whatever becomes of the rest."""
        self.found.update(found)


@dataclass(frozen=True)
class Verb(t.Generic[Request]):
    """What a module does: the options that it takes, the value that they are parsed into, and the work.

    ``parse`` raises ``BadInput``; ``work`` returns the result, in the shape that the module documents, and raises ``Refusal`` or ``ServerError``.

    ``names``: the options that take names of servers, and not what they are or where. ``strangers``: the options whose server need not be a member of
    the cluster, where the task names one.
    ``connects``: whether it connects to servers, which takes a driver.
    """

    arguments: t.Dict[str, t.Any]
    parse: t.Callable[[Options], Request]
    work: t.Callable[[Call, Request], t.Mapping[str, object]]
    names: t.Tuple[str, ...] = ()
    strangers: t.Tuple[str, ...] = ()
    connects: bool = True
