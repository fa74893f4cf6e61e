# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""One connection to one server: connect, send, close, every step of it within a time limit.

The driver, and what it is held to, are in ``driver``.
"""

from __future__ import annotations

import socket
import ssl
import time
import typing as t
from contextlib import contextmanager

from ansible_collections.dbha.mysql.plugins.module_utils._server import driver
from ansible_collections.dbha.mysql.plugins.module_utils._server.answer import Rows
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import (
    AnswerTooLarge,
    DriverIncomplete,
    Interrupted,
    LoginRefused,
    NotMySQL,
    OutcomeUnknown,
    ServerError,
    StatementFailed,
    TlsFailed,
    Unreachable,
    Withheld,
    reason_of,
)
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal, Sent
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
from ansible_collections.dbha.mysql.plugins.module_utils._server.reach import REFUSED, UNKNOWN, NotReached, find_addresses, reach
from ansible_collections.dbha.mysql.plugins.module_utils._server.security import VERIFIED, may_send_secrets, security_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.session import session
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import MASK, SHORTEST_SECRET, Secret, Statement
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import decode, encode
from ansible_collections.dbha.mysql.plugins.module_utils._server.time_limit import TimeLimit

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


# Bytes of an answer: more is not read. A page of relay log events has about 1 MB, the list of 50,000 connections 40 MB, as they are counted here.
_LARGEST_ANSWER = 128 * 2**20


class Server:
    """A connection to one server. In check mode it sends only what changes nothing."""

    def __init__(
        self,
        name: str,
        address: Address,
        login: Login,
        *,
        journal: t.Optional[Journal] = None,
        check_mode: bool = False,
        tls: t.Optional[ssl.SSLContext] = None,
    ) -> None:
        self.name = name
        self.address = address
        self.login = login
        self.journal = journal or Journal()
        self.check_mode = check_mode
        self._tls = tls
        self._connection: t.Any = None
        self._limit: t.Optional[TimeLimit] = None
        # How the connection was lost, if it was.
        self._lost: t.Optional[OutcomeUnknown] = None
        self._deadline: t.Optional[float] = None
        self._twins: t.List[Server] = []
        self._silence: t.Optional[int] = None
        self._is_interrupted = False
        self._is_given_up = False
        # Until when, after an interruption, there is time to clean up.
        self._last_deadline: t.Optional[float] = None
        # Whether somebody waits for an answer of the server.
        self.is_busy = False
        # Whether it has said who it is.
        self._is_greeted = False
        # Whether this account is let in without TLS only by the public key of the server, unless that remembers the password. Known also where it is not.
        self.takes_key = False

    def connect(self) -> None:
        """Log in, within the login's ``connect_timeout`` from the first packet to the last; a name may take as long again to resolve.

        With a ``greet_timeout`` only who greets us by then gets the rest of that time: one that hangs does not cost it.

        Raises ``Unreachable``, ``LoginRefused`` or ``DriverIncomplete``; and ``Interrupted``.
        """
        with self._interruptible():
            raw, begun = self._open_socket()
            self._limit = TimeLimit(raw)
            if self._is_given_up:
                raw.close()
                raise Interrupted
            self._log_in(raw, self._limit, begun)

    def _log_in(self, raw: socket.socket, limit: TimeLimit, begun: float) -> None:
        address = self.address
        self._is_greeted = False

        def be_greeted() -> None:
            self._is_greeted = True
            limit.deadline = begun + self.login.connect_timeout

        connection = driver.Connection(address.host, int(address.port), address.unix_socket, self.login.user, self.login.password)
        may_send = may_send_secrets(self.address, self.login)
        connection.secure(
            self._tls if self.address.unix_socket is None else None,
            must_use_tls=security_of(self.address, self.login) == VERIFIED,
            may_send_secrets=may_send,
            may_log_in=self.login.is_ours or may_send,
        )
        connection.greeted = be_greeted
        try:
            with limit.of(begun + self._seconds_to_greet - time.monotonic()):
                connection.connect(raw)
                for statement in session(self._silence):
                    connection.query(statement)
        except driver.MySQLError as error:
            raise self._connect_error(error) from error
        except driver.NoTls as error:
            message = "%s (%s) offers no TLS, and it is to be verified (ca_cert): nothing was sent" % (self.name, self.address)
            raise TlsFailed(self.name, message, accepts=True) from error
        except driver.WouldTell as error:
            message = "%s (%s) wants %s, which is not sent to a server that is not verified" % (self.name, self.address, error)
            raise Withheld(self.name, message) from error
        except RuntimeError as error:
            reason = reason_of(error)
            extra = "ed25519" if "ed25519" in reason else "rsa"
            raise DriverIncomplete(self.name, "%s: %s. It comes with PyMySQL[%s]" % (self.name, reason.rstrip("."), extra)) from error
        except Exception as error:  # a peer that is no MySQL server makes the driver raise whatever its parser trips over
            raise NotMySQL(self.name, "%s (%s) does not speak the MySQL protocol: %s" % (self.name, self.address, reason_of(error)), accepts=True) from error
        finally:
            self.takes_key = connection.takes_key
        self._connection, self._lost = connection, None

    @property
    def _seconds_to_greet(self) -> float:
        return min(self.login.greet_timeout or self.login.connect_timeout, self.login.connect_timeout)

    def _open_socket(self) -> t.Tuple[socket.socket, float]:
        """Return a connection, and when that was begun, from which on the login has its time: finding the address of a name has a time of its own."""
        try:
            addresses = find_addresses(self.address, self.login.connect_timeout)
            begun = time.monotonic()
            return reach(self.address, addresses, self._seconds_to_greet), begun
        except NotReached as error:
            message = "%s (%s) cannot be reached: %s" % (self.name, self.address, error.text)
            raise Unreachable(self.name, message, refuses=error.verdict == REFUSED, absent=error.verdict != UNKNOWN) from error

    def _connect_error(self, error: Exception) -> ServerError:
        errno, message = driver.error_parts(error)
        if self._limit is not None and self._limit.exceeded:
            return Unreachable(
                self.name,
                "%s (%s) accepts connections but did not finish the login within %g s (hung, paused or overloaded?)"
                % (self.name, self.address, self.login.connect_timeout if self._is_greeted else self._seconds_to_greet),
                accepts=True,
            )
        tls = _tls_error(error)
        if tls is not None:
            return TlsFailed(self.name, "%s (%s): no connection over TLS: %s" % (self.name, self.address, reason_of(tls)), accepts=True)
        if errno is None:
            return NotMySQL(self.name, "%s (%s) does not speak the MySQL protocol: %s" % (self.name, self.address, self._masked(message)), accepts=True)
        if driver.broke_off(errno):
            text = "%s (%s): the login broke off: %s" % (self.name, self.address, self._masked(message))
            if self.login.client_cert and self._connection is None:
                # A server that does not take it says so and hangs up, and what it said is lost if the login was under way already (seen: MariaDB).
                text += "; it may not accept the certificate that was shown (client_cert %s)" % self.login.client_cert
            return Unreachable(self.name, text, accepts=True)
        return LoginRefused(self.name, "%s (%s) refused the login of %r: %s" % (self.name, self.address, self.login.user, self._masked(message)), errno)

    @property
    def may_be_told_secrets(self) -> bool:
        """Whether passwords may be part of statements, in which they are sent as they are."""
        return may_send_secrets(self.address, self.login)

    @property
    def is_let_in_from_memory(self) -> bool:
        """Whether the login would be refused if the server had to be sent the password: it remembers it, until it restarts."""
        return self._connection is not None and bool(self._connection.is_remembered)

    @property
    def is_open(self) -> bool:
        """Whether statements can be sent."""
        return self._connection is not None and bool(self._connection.open)

    @property
    def version_text(self) -> str:
        """What the server called itself in its greeting."""
        return str(self._connection.get_server_info())

    @property
    def connection_id(self) -> int:
        """The server's number for this connection, what ``KILL`` takes."""
        return int(self._connection.thread_id())

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Bound all statements that are sent inside, together."""
        self._deadline = time.monotonic() + seconds
        try:
            yield
        finally:
            self._deadline = None

    def interrupt(self, seconds: float) -> None:
        """Let whoever works with this server stop: what is sent next, or waits for its answer, ends with ``Interrupted``, once.

        For what that one still has to clean up there are as many seconds. Connections beside this one are given up.
        """
        self._last_deadline = time.monotonic() + seconds
        self._is_interrupted = True
        for twin in list(self._twins):
            twin.give_up()

    def give_up(self) -> None:
        """End the connection under whoever waits for it. Never waits. The server releases the locks that it holds."""
        self._is_given_up = self._is_interrupted = True
        if self._limit is not None:
            self._limit.end()

    def resume(self) -> None:
        """Let statements be sent again, now that nobody is left who was to stop."""
        self._is_given_up = self._is_interrupted = False

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        self._heed()
        self.is_busy = True
        try:
            yield
        except Exception:
            self._heed()
            raise
        finally:
            self.is_busy = False
        self._heed()

    def _heed(self) -> None:
        if self._is_interrupted:
            self._is_interrupted = self._is_given_up
            raise Interrupted

    def send(self, statement: Statement) -> Rows:
        """Send one statement and return its rows.

        Raises ``StatementFailed`` for an error that the server reports, ``OutcomeUnknown`` when no answer came in time, and ``AnswerTooLarge``;
        ``Withheld`` for a password that may not be sent over this connection, also in check mode; and ``Interrupted``.
        """
        with self._interruptible():
            try:
                return self._send(statement)
            except StatementFailed as error:
                instead = statement.instead
                if instead is None or error.errno != instead.errno:
                    raise
                rows = instead.read(self._send(Statement(instead.text, timeout=statement.timeout, needs=statement.needs)))
                if rows is None:
                    raise
                return Rows(rows, self.name, instead.text)

    def _send(self, statement: Statement) -> Rows:
        shown = self.show(statement)
        if not self.may_be_told_secrets and any(isinstance(value, Secret) and value for value in statement.values):
            raise Withheld(self.name, "%s: this holds a password, and is not sent to a server that is not verified: %s" % (self.name, shown))
        if statement.changes:
            self.journal.statements.append(Sent(self.name, shown))
            if self.check_mode:
                return Rows()
        if not self.is_open or self._limit is None:
            raise self._never_sent(statement, shown)
        timeout = statement.timeout or self.login.read_timeout
        for deadline in (self._deadline, self._last_deadline):
            if deadline is not None:
                timeout = min(timeout, max(deadline - time.monotonic(), 0.001))
        try:
            with self._limit.of(timeout), self._connection.cursor() as cursor:
                self._connection.take(_LARGEST_ANSWER)
                cursor.execute(encode(cursor.mogrify(statement.text, _plain(statement.values) or None)))
                names = [column[0] for column in cursor.description or ()]
                return Rows((_decoded(names, row) for row in cursor.fetchall()), self.name, shown)
        except driver.MySQLError as error:
            failed = self._statement_error(error, shown, timeout, [value for value in statement.values if isinstance(value, Secret)])
            if isinstance(failed, StatementFailed):
                failed.needs = statement.needs
            elif isinstance(failed, OutcomeUnknown):
                self._lost = failed
            raise failed from error
        except driver.TooLarge as error:
            self._connection.close()
            message = "%s: its answer is larger than %d MB: %s" % (self.name, _LARGEST_ANSWER // 2**20, shown)
            raise AnswerTooLarge(self.name, message, statement=shown) from error
        except Exception as error:  # an answer that cannot be parsed says nothing about what was done
            self._connection.close()
            raise OutcomeUnknown(self.name, "%s: the answer cannot be read (%s): %s" % (self.name, reason_of(error), shown), statement=shown) from error

    def twin(self, login: t.Optional[Login] = None, *, silence: t.Optional[int] = None) -> Server:
        """Return a second connection to the same server, of another account if one is given.

        :arg silence: the seconds of silence after which the server ends it.
        """
        twin = Server(self.name, self.address, login or self.login, journal=self.journal, check_mode=self.check_mode, tls=self._tls)
        twin._silence = silence
        self._twins.append(twin)
        if self._is_interrupted:
            twin.give_up()
        twin.connect()
        return twin

    def read_binary_log(self, file: str, seconds: float) -> Iterator[bytes]:
        """Yield the events of the binary log from a file on, or from the position that was told, up to now. This connection can do nothing else after that.

        It is what a replica asks for (``COM_BINLOG_DUMP``), with the flag to end instead of waiting for more, and no ``server_id``, which would end
        the replica that has it.
        """
        if self._limit is None:
            raise OutcomeUnknown(self.name, "%s: the connection was lost before its binary log was read" % self.name)
        what = "reading the binary log from %s on" % (file or "a position")
        with self._limit.of(seconds):
            try:
                yield from self._connection.events(file)
            except driver.MySQLError as error:
                raise self._statement_error(error, what, seconds) from error

    def _never_sent(self, statement: Statement, shown: str) -> OutcomeUnknown:
        """Return what to say of a statement for which there is no connection any more; of a question, why that is so, and not what would have been asked."""
        if self._lost is None or statement.changes:
            return OutcomeUnknown(self.name, "%s: the connection was lost before: %s" % (self.name, shown), statement=shown)
        failed = OutcomeUnknown(self.name, self._lost.message, self._lost.errno, self._lost.statement)
        failed.hangs = self._lost.hangs
        return failed

    def _statement_error(self, error: Exception, shown: str, timeout: float, secrets: Iterable[str] = ()) -> ServerError:
        errno, message = driver.error_parts(error)
        if self.timed_out:
            unanswered = OutcomeUnknown(self.name, "%s did not answer within %.3g s: %s" % (self.name, timeout, shown), errno, shown)
            unanswered.hangs = True
            return unanswered
        message = self._masked(message, *secrets)
        if errno is None or driver.broke_off(errno):
            return OutcomeUnknown(self.name, "%s: %s: %s" % (self.name, message, shown), errno, shown)
        return StatementFailed(self.name, "%s: %s (error %d): %s" % (self.name, message, errno, shown), errno, shown)

    @property
    def timed_out(self) -> bool:
        """Whether the connection was ended because an answer did not come in time."""
        return self._limit is not None and self._limit.exceeded

    def show(self, statement: Statement) -> str:
        """Return the statement as text, values quoted, secrets masked."""
        if statement.shown is not None:
            return statement.shown
        if not statement.values:
            return statement.text
        values = tuple(MASK if isinstance(value, Secret) else value for value in _plain_visible(statement.values))
        if self._connection is None:
            return statement.text % tuple(repr(value) for value in values)
        return str(self._connection.cursor().mogrify(statement.text, values))

    def _masked(self, message: str, *secrets: str) -> str:
        """Mask passwords in a message of the server, which may quote the statement or a value, and cut the quotation off in the middle."""
        for secret in filter(None, (*self.login.secrets(), *secrets)):
            for text in (secret, driver.escaped(secret), secret.replace("'", "''")):
                for length in range(len(text), min(len(text), SHORTEST_SECRET) - 1, -1):
                    message = message.replace(text[:length], MASK)
        return message

    def is_stirred(self, seconds: float) -> bool:
        """Wait at most so long between two statements, and say whether the server has ended the connection meanwhile, or sent what nobody has asked for."""
        return self._limit is None or self._limit.is_stirred(seconds)

    def close(self) -> None:
        """End the connection, and with it its named locks. Never waits for a server that hangs."""
        if self.is_open and self._limit is not None:
            with self._limit.of(0.5):
                self._connection.close()
        if self._limit is not None:
            self._limit.close()
        self._connection = None
        self._limit = None


def _tls_error(error: t.Optional[BaseException]) -> t.Optional[ssl.SSLError]:
    """Return what was wrong with a certificate or a protocol, if that is behind an error of the driver; a connection that broke off is not."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return None if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) else error
        error = error.__cause__ or error.__context__
    return None


def _decoded(names: Sequence[str], values: Sequence[t.Any]) -> t.Dict[str, t.Any]:
    return {name: decode(value) if isinstance(value, bytes) else value for name, value in zip(names, values)}


def _plain(values: Sequence[t.Any]) -> t.Tuple[t.Any, ...]:
    """Take off our own and Ansible's marks: the driver looks its quoting up by exact type."""
    return tuple(str.__str__(value) if isinstance(value, str) else int(value) if isinstance(value, int) else value for value in values)


def _plain_visible(values: Sequence[t.Any]) -> t.Tuple[t.Any, ...]:
    return tuple(value if isinstance(value, Secret) else plain for value, plain in zip(values, _plain(values)))
