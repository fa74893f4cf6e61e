# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What can go wrong between us and one server, each with what it says about that server."""

from __future__ import annotations

import os
import traceback
import typing as t


class Interrupted(BaseException):
    """The work is to end here, because its process is interrupted. No error: whoever expects those must not go on."""


class ServerError(Exception):
    """What went wrong between us and one server: its name, the error number if it sent one, and the statement, masked."""

    def __init__(self, server: str, message: str, errno: t.Optional[int] = None, statement: str = "") -> None:
        super().__init__(message)
        self.server = server
        self.message = message
        self.errno = errno
        self.statement = statement


class Unreachable(ServerError):
    """Nothing that speaks the protocol answered in time.

    ``accepts``: the port took the connection all the same. ``absent``: nothing listens there, as far as can be told from here; ``refuses``: its
    host said so. With none of them the server could not be asked.
    """

    def __init__(self, server: str, message: str, accepts: bool = False, refuses: bool = False, absent: bool = False) -> None:
        super().__init__(server, message)
        self.accepts = accepts
        self.refuses = refuses
        self.absent = absent


class NotMySQL(Unreachable):
    """Something answered that does not speak the protocol."""


class TlsFailed(Unreachable):
    """The port takes connections, and no connection could be made over TLS that can be trusted."""


class Withheld(ServerError):
    """The server answered, and asked for something that is not sent over a connection that is not secure (``_server/security``)."""


class LoginRefused(ServerError):
    """The server answered, but let nobody in (wrong password, too many connections): it is alive."""


class DriverIncomplete(ServerError):
    """The server answered, but the driver lacks a library that the login needs."""


class StatementFailed(ServerError):
    """The server answered a statement with an error: it was not carried out. ``needs``: as in ``Statement``."""

    needs = ""


class Unreadable(ServerError):
    """The server answered, and what it said cannot be understood."""


class AnswerTooLarge(Unreadable):
    """The server answered with more than we take. The connection is closed, since the rest would still have to be read."""


class OutcomeUnknown(ServerError):
    """A statement was sent and no answer came in time: it may or may not have been, or still be, carried out. ``hangs``: the connection stood meanwhile."""

    hangs = False


# ER_LOCK_WAIT_TIMEOUT: somebody holds tables locked, or a statement does not end.
LOCK_WAIT_TIMEOUT = 1205


def reason_of(error: BaseException) -> str:
    """Say why something failed, in the words of the system or the driver."""
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def describe_error(error: BaseException) -> str:
    """Say of an error that nobody has expected what it is, and where it came up: all that there is to find its reason by."""
    places = traceback.extract_tb(error.__traceback__)
    where = " (%s, line %s)" % (os.path.basename(places[-1].filename), places[-1].lineno) if places else ""
    return "%s %s%s" % (type(error).__name__, error, where)
