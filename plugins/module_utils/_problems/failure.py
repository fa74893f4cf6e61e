# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Why the state of a server is not known, and which problem an error of a server amounts to."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import UnsupportedVersion
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import (
    DriverIncomplete,
    LoginRefused,
    NotMySQL,
    OutcomeUnknown,
    ServerError,
    StatementFailed,
    TlsFailed,
    Unreachable,
    Unreadable,
    Withheld,
    describe_error,
)
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass


@dataclass(frozen=True)
class Failure:
    """Why the state of a member is not known.

    ``alive``: ``True`` when it answered at all, ``False`` when nothing is there, ``None`` when that cannot be told: its port takes
    connections, but nothing answers, or it could not be asked. ``refused``: nothing is there, but the host is. ``hangs``: it has let us log in.
    """

    code: str
    message: str
    alive: t.Optional[bool]
    refused: bool = False
    hangs: bool = False


# Errors for a missing privilege: ER_SPECIFIC_ACCESS_DENIED, ER_TABLEACCESS_DENIED, ER_COLUMNACCESS_DENIED, ER_DBACCESS_DENIED,
# ER_ACCESS_DENIED, ER_PROCACCESS_DENIED, ER_KILL_DENIED.
_PRIVILEGE_ERRORS = (1227, 1142, 1143, 1044, 1045, 1370, 1095)

# ER_MUST_CHANGE_PASSWORD: MariaDB lets an account in whose password has expired, and then nothing but change it (seen: 10.11).
_MUST_CHANGE_PASSWORD = 1820


def problem_of(name: str, error: BaseException) -> Problem:
    """Return the problem that an error while working on a server amounts to. What comes neither from a server nor from its version is a mistake of ours."""
    if isinstance(error, (LoginRefused, Unreachable, Withheld, DriverIncomplete, UnsupportedVersion, Unreadable)):
        failure = failure_of(name, error)
        return Problem(failure.code, name, failure.message)
    if isinstance(error, StatementFailed):
        if error.errno == _MUST_CHANGE_PASSWORD:
            return Problem("login_refused", name, error.message)
        if error.errno in _PRIVILEGE_ERRORS:
            return Problem("privilege_missing", name, error.message + (": needs %s" % error.needs if error.needs else ""))
        return Problem("statement_failed", name, error.message)
    if isinstance(error, ServerError):
        return Problem("outcome_unknown", name, error.message)
    return Problem("internal_error", name, "a mistake in dbha.mysql itself: %s" % describe_error(error))


def problems_of(error: BaseException, name: str = "") -> t.Tuple[Problem, ...]:
    """Return the problems that whatever went wrong in a piece of work amounts to; ``name`` is the server where it cannot be told from the error."""
    if isinstance(error, Refusal):
        return error.problems
    return (problem_of(error.server if isinstance(error, ServerError) else name, error),)


def failure_of(name: str, error: Exception) -> Failure:
    if isinstance(error, NotMySQL):
        return Failure("not_mysql", error.message, None)
    if isinstance(error, TlsFailed):
        return Failure("tls_failed", error.message, None)
    if isinstance(error, Withheld):
        return Failure("password_withheld", error.message, True)
    if isinstance(error, Unreachable):
        if error.accepts:
            return Failure("not_responding", error.message, None)
        return Failure("unreachable", error.message, False if error.absent else None, error.refuses)
    if isinstance(error, LoginRefused):
        return Failure("login_refused", error.message, True)
    if isinstance(error, DriverIncomplete):
        return Failure("driver_incomplete", error.message, True)
    if isinstance(error, UnsupportedVersion):
        return Failure("unsupported_version", "%s: %s" % (name, error), True)
    if isinstance(error, StatementFailed) and error.errno == _MUST_CHANGE_PASSWORD:
        return Failure("login_refused", error.message, True)
    if isinstance(error, StatementFailed) and error.errno in _PRIVILEGE_ERRORS:
        return Failure("privilege_missing", error.message, True)
    if isinstance(error, OutcomeUnknown):
        return Failure("not_responding", error.message, None, hangs=error.hangs)
    return Failure("unreadable", str(error), True)
