# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What forbids what was asked for: a code, the server, the GTIDs at stake, and how it is told."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import holds_password, quoted
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True)
class Problem:
    """Something that forbids what was asked for, or, as a warning, that somebody should know of."""

    code: str
    server: str
    message: str
    gtids: str = ""

    @classmethod
    def described(cls, found: Mapping[str, str]) -> Problem:
        """Return the problem that a result describes."""
        return cls(*(found[key] for key in ("code", "server", "message", "gtids")))

    def remedy(self, verb: str = "") -> str:
        """What to do about it, in a verb."""
        return remedy_of(self.code, verb)

    def __str__(self) -> str:
        return "[%s] %s" % (self.code, self.message)


class Refusal(Exception):
    """What was asked for is not done, because of these problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise ``Refusal`` if there is any problem."""
    found = list(problems)
    if found:
        raise Refusal(found)


def not_a_member(name: str, members: Iterable[str]) -> Problem:
    """Return what is wrong with a name that is not the name of a member."""
    server = "" if holds_password(name) else name
    return Problem("not_a_member", server, "%s is not a member of this cluster (%s)" % (quoted(name), ", ".join(sorted(members))))


def told(problems: Iterable[Problem], verb: str = "") -> str:
    """Return what a user reads: what to do, and under it what it is for, a line for each problem. What is to be done about several is said once."""
    lines: t.List[str] = []
    for remedy, concerned in _by_remedy(problems, verb).items():
        lines += [remedy, *("  %s" % problem for problem in concerned)]
    return "\n".join(lines)


def warned(problems: Iterable[Problem], verb: str = "") -> t.List[str]:
    """Return problems that forbid nothing, as warnings: what is wrong, and what to do about it, in one line for each thing to do."""
    grouped = _by_remedy(problems, verb)
    return ["[%s] %s. %s" % (concerned[0].code, "; ".join(problem.message for problem in concerned), remedy) for remedy, concerned in grouped.items()]


def named(problems: Iterable[Problem]) -> str:
    """Return problems in a few words: their codes, and the servers that have them."""
    servers: t.Dict[str, t.List[str]] = {}
    for problem in problems:
        having = servers.setdefault(problem.code, [])
        having += [problem.server] if problem.server and problem.server not in having else []
    return "; ".join("%s (%s)" % (code, ", ".join(having)) if having else code for code, having in servers.items())


def _by_remedy(problems: Iterable[Problem], verb: str) -> t.Dict[str, t.List[Problem]]:
    """Return each problem once, by what to do about it, in the order in which they were found."""
    grouped: t.Dict[str, t.List[Problem]] = {}
    for problem in problems:
        concerned = grouped.setdefault(problem.remedy(verb), [])
        concerned += [problem] if problem not in concerned else []
    return grouped
