# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""One connection to one server: connect, send, close, every step of it within a time limit.

The only room that knows the driver (PyMySQL). Values are quoted by it, never pasted.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import time
import traceback
import typing as t
from contextlib import contextmanager
from dataclasses import dataclass, field

try:
    import pymysql
    import pymysql.constants.COMMAND as commands
    import pymysql.constants.CR as client_errors
    import pymysql.converters
    import pymysql.cursors
    import pymysql.optionfile
except ImportError as missing:
    PYMYSQL_MISSING: t.Optional[ImportError] = missing
else:
    PYMYSQL_MISSING = None

from ansible_collections.dbha.mysql.plugins.module_utils._server.time_limit import TimeLimit, look_up

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Row = t.Dict[str, t.Any]

MASK = "********"
# A beginning of a password that is shorter is no secret, and may be part of any message.
SHORTEST_SECRET = 4

# Of COM_BINLOG_DUMP: where the first event of a file is, and the flag BINLOG_DUMP_NON_BLOCK.
_FIRST_POSITION = 4
_DO_NOT_WAIT = 1


class Secret(str):
    """Text that is shown as asterisks wherever a statement is recorded."""


@dataclass(frozen=True)
class Statement:
    """A statement with its values apart: C(%s) in RV(text) stands for each of RV(values).

    ``changes`` says whether it alters anything that outlives the connection: such a statement is recorded, and in check mode it is
    only recorded. ``timeout`` (seconds) replaces the connection's own limit. ``needs``: the privilege, where a server that refuses for want
    of it does not say which it is. ``shown``: what is shown in place of a text that holds users' data.
    """

    text: str
    values: t.Tuple[t.Any, ...] = ()
    changes: bool = False
    timeout: t.Optional[float] = None
    needs: str = ""
    shown: t.Optional[str] = None


@dataclass(frozen=True)
class Address:
    """Where a server listens: host and port, or the path of a socket on the machine that connects."""

    host: str = "localhost"
    port: int = 3306
    unix_socket: t.Optional[str] = None

    def __str__(self) -> str:
        return self.unix_socket or "%s:%d" % (self.host, self.port)


@dataclass(frozen=True)
class Login:
    """Who logs in and how, and the time limits (seconds) of connecting and of each statement."""

    user: t.Optional[str] = None
    password: t.Optional[str] = field(default=None, repr=False)
    ca_cert: t.Optional[str] = None
    client_cert: t.Optional[str] = None
    client_key: t.Optional[str] = None
    check_hostname: t.Optional[bool] = None
    connect_timeout: float = 3.0
    read_timeout: float = 10.0

    def secrets(self) -> t.Tuple[str, ...]:
        """Return what must never be shown."""
        return (self.password,) if self.password else ()


class ServerError(Exception):
    """What went wrong between us and one server: its name, the error number if it sent one, and the statement, masked."""

    def __init__(self, server: str, message: str, errno: t.Optional[int] = None, statement: str = "") -> None:
        super().__init__(message)
        self.server = server
        self.message = message
        self.errno = errno
        self.statement = statement


class Unreachable(ServerError):
    """Nothing that speaks the protocol answered in time. ``accepts``: the port took the connection all the same; ``refuses``: the host refused it."""

    def __init__(self, server: str, message: str, accepts: bool = False, refuses: bool = False) -> None:
        super().__init__(server, message)
        self.accepts = accepts
        self.refuses = refuses


class NotMySQL(Unreachable):
    """Something answered that does not speak the protocol."""


class LoginRefused(ServerError):
    """The server answered, but let nobody in (wrong password, too many connections): it is alive."""


class DriverIncomplete(ServerError):
    """The server answered, but the driver lacks a library that the login needs."""


class StatementFailed(ServerError):
    """The server answered a statement with an error: it was not carried out. ``needs``: as in ``Statement``."""

    needs = ""


class Unreadable(ServerError):
    """The server answered, and what it said cannot be understood."""


class OutcomeUnknown(ServerError):
    """A statement was sent and no answer came in time: it may or may not have been, or still be, carried out."""


@dataclass
class Sent:
    """One statement that was sent, or in check mode would have been."""

    server: str
    statement: str


@dataclass
class Step:
    """One step of the work: what, on which server ('' for all), when it began (seconds since the start) and how long it took."""

    step: str
    server: str
    start: float
    seconds: float


class Journal:
    """What was sent to the servers and how long the steps took, shared by all connections of one call."""

    def __init__(self, clock: t.Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.started = clock()
        self.statements: t.List[Sent] = []
        self.timeline: t.List[Step] = []

    @contextmanager
    def step(self, name: str, server: str = "") -> Iterator[None]:
        """Time what is done inside, whether it succeeds or not."""
        begun = self.clock()
        try:
            yield
        finally:
            self.timeline.append(Step(name, server, round(begun - self.started, 4), round(self.clock() - begun, 4)))


@contextmanager
def understanding(server: str, what: str) -> Iterator[None]:
    """Raise ``Unreadable`` for what goes wrong inside if an answer is not of the shape that it should be of: a column is missing, NULL or no number."""
    try:
        yield
    except (ValueError, TypeError, LookupError) as error:
        raise Unreadable(server, "%s: %s cannot be understood: %s" % (server, what, describe_error(error))) from error


def describe_error(error: Exception) -> str:
    """Say of an error that nobody has expected what it is, and where it came up: all that there is to find its reason by."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return "%s %s (%s, line %s)" % (type(error).__name__, error, os.path.basename(place.filename), place.lineno)


def read_config_file(path: str) -> t.Dict[str, str]:
    """Return the options of group ``[client]`` of a MySQL option file; none if there is no such file.

    Raises ``ValueError`` for a file that cannot be read as one.
    """
    path = os.path.expanduser(path)
    if not os.path.exists(path):
        return {}
    parser = pymysql.optionfile.Parser(strict=False)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
        # Options like skip-ssl have no value, which the parser's own get() stumbles over.
        named = parser.items("client") if parser.has_section("client") else []
        # Before 1.1 the driver leaves underscores in the names of options.
        return {name.replace("_", "-"): parser.get("client", name) for name, value in named if value is not None}
    except OSError as error:
        raise ValueError("the option file %s cannot be read: %s" % (path, error)) from error
    except Exception as error:
        # Not its text, nor itself: that quotes the line, which may be the one with the password.
        where = " in line %s" % error.lineno if hasattr(error, "lineno") else ""
        raise ValueError("the option file %s cannot be read: %s%s" % (path, type(error).__name__, where)) from None


def make_tls_context(login: Login) -> ssl.SSLContext:
    """Return the TLS settings for a login: verified when a CA is named, else encrypted wherever the server can, as the vendors' clients do.

    Built once for all connections: loading a CA file for each would cost more than the rest of the connection.
    Raises ``ValueError`` for files that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Servers sign their own certificates; Python 3.13 would refuse those.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    try:
        if login.ca_cert:
            context.load_verify_locations(cafile=os.path.expanduser(login.ca_cert))
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = login.check_hostname is not False
        if login.client_cert:
            context.load_cert_chain(os.path.expanduser(login.client_cert), os.path.expanduser(login.client_key) if login.client_key else None)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(
            "the TLS files cannot be used (ca_cert %s, client_cert %s, client_key %s): %s" % (login.ca_cert, login.client_cert, login.client_key, error)
        ) from error
    return context


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
        self._deadline: t.Optional[float] = None

    def connect(self) -> None:
        """Log in, within the login's ``connect_timeout`` from the first packet to the last.

        Raises ``Unreachable``, ``LoginRefused`` or ``DriverIncomplete``.
        """
        deadline = time.monotonic() + self.login.connect_timeout
        raw = self._open_socket(deadline)
        self._limit = TimeLimit(raw)
        over_network = self.address.unix_socket is None
        verified = over_network and self.login.ca_cert is not None
        connection = pymysql.connections.Connection(
            host=self.address.host,
            port=int(self.address.port),
            unix_socket=self.address.unix_socket,
            user=self.login.user,
            # The driver would encode text as Latin-1, which not every password is; bytes that are no UTF-8 come as surrogates.
            password=self.login.password.encode("utf-8", "surrogateescape") if self.login.password else b"",
            autocommit=True,
            cursorclass=pymysql.cursors.DictCursor,
            program_name="dbha.mysql",
            ssl=self._tls if verified else None,
            ssl_disabled=not verified,
            defer_connect=True,
        )
        if over_network and self._tls and not verified and pymysql.VERSION >= (1, 2):
            # As that driver's own default (TLS where the server has it), with the context that is built already.
            connection.ssl = True
            connection.ctx = self._tls  # type: ignore[attr-defined]  # the stubs lack it
        try:
            with self._limit.of(deadline - time.monotonic()):
                connection.connect(raw)
        except pymysql.err.MySQLError as error:
            raise self._connect_error(error) from error
        except RuntimeError as error:
            raise DriverIncomplete(self.name, "%s: %s Install it beside PyMySQL: python3 -m pip install 'PyMySQL[rsa]'." % (self.name, _text(error))) from error
        except Exception as error:  # a peer that is no MySQL server makes the driver raise whatever its parser trips over
            raise NotMySQL(self.name, "%s (%s) does not speak the MySQL protocol: %s" % (self.name, self.address, _text(error)), accepts=True) from error
        self._connection = connection

    def _open_socket(self, deadline: float) -> socket.socket:
        last: OSError = OSError("no address")
        try:
            if self.address.unix_socket:
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                connection.connect(self.address.unix_socket)
                return connection
            for family, kind, protocol, _name, target in look_up(self.address.host, self.address.port, deadline - time.monotonic()):
                connection = socket.socket(family, kind, protocol)
                try:
                    connection.settimeout(max(deadline - time.monotonic(), 0.001))
                    connection.connect(target)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return connection
                except OSError as error:
                    connection.close()
                    last = error
        except (OSError, UnicodeError) as error:
            last = error if isinstance(error, OSError) else OSError(str(error))
        refuses = isinstance(last, ConnectionRefusedError)
        raise Unreachable(self.name, "%s (%s) cannot be reached: %s" % (self.name, self.address, _text(last)), refuses=refuses)

    def _connect_error(self, error: Exception) -> ServerError:
        errno, message = _error_parts(error)
        if self._limit is not None and self._limit.exceeded:
            return Unreachable(
                self.name,
                "%s (%s) accepts connections but did not finish the login within %g s (hung, paused or overloaded?)"
                % (self.name, self.address, self.login.connect_timeout),
                accepts=True,
            )
        if errno is None:
            return NotMySQL(self.name, "%s (%s) does not speak the MySQL protocol: %s" % (self.name, self.address, self._masked(message)), accepts=True)
        if client_errors.CR_ERROR_FIRST <= errno <= client_errors.CR_ERROR_LAST:
            return Unreachable(self.name, "%s (%s) broke the login off: %s" % (self.name, self.address, self._masked(message)), accepts=True)
        return LoginRefused(self.name, "%s (%s) refused the login of %r: %s" % (self.name, self.address, self.login.user, self._masked(message)), errno)

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

    def send(self, statement: Statement) -> t.List[Row]:
        """Send one statement and return its rows.

        Raises ``StatementFailed`` for an error that the server reports and ``OutcomeUnknown`` when no answer came in time.
        """
        shown = self.show(statement)
        if statement.changes:
            self.journal.statements.append(Sent(self.name, shown))
            if self.check_mode:
                return []
        if not self.is_open or self._limit is None:
            raise OutcomeUnknown(self.name, "%s: the connection was lost before: %s" % (self.name, shown), statement=shown)
        timeout = statement.timeout or self.login.read_timeout
        if self._deadline is not None:
            timeout = min(timeout, max(self._deadline - time.monotonic(), 0.001))
        try:
            with self._limit.of(timeout), self._connection.cursor() as cursor:
                cursor.execute(statement.text, _plain(statement.values) or None)
                return list(cursor.fetchall())
        except pymysql.err.MySQLError as error:
            failed = self._statement_error(error, shown, timeout, [value for value in statement.values if isinstance(value, Secret)])
            if isinstance(failed, StatementFailed):
                failed.needs = statement.needs
            raise failed from error
        except Exception as error:  # an answer that cannot be parsed says nothing about what was done
            self._connection.close()
            raise OutcomeUnknown(self.name, "%s: the answer cannot be read (%s): %s" % (self.name, _text(error), shown), statement=shown) from error

    def twin(self, login: t.Optional[Login] = None) -> Server:
        """Return a second connection to the same server, of another account if one is given."""
        twin = Server(self.name, self.address, login or self.login, journal=self.journal, check_mode=self.check_mode, tls=self._tls)
        twin.connect()
        return twin

    def read_binary_log(self, file: str, seconds: float) -> Iterator[bytes]:
        """Yield the events of the binary log from a file on, up to now. This connection can do nothing else after that.

        It is what a replica asks for (C(COM_BINLOG_DUMP)), with the flag to end instead of waiting for more, and no C(server_id), which would end
        the replica that has it.
        """
        if self._limit is None:
            raise OutcomeUnknown(self.name, "%s: the connection was lost before its binary log was read" % self.name)
        what = "reading the binary log from %s on" % file
        with self._limit.of(seconds):
            try:
                self._connection._execute_command(commands.COM_BINLOG_DUMP, struct.pack("<IHI", _FIRST_POSITION, _DO_NOT_WAIT, 0) + file.encode())
                while True:
                    packet = self._connection._read_packet()
                    if packet.is_eof_packet():
                        return
                    yield packet.get_all_data()[1:]
            except pymysql.err.MySQLError as error:
                raise self._statement_error(error, what, seconds) from error

    def _statement_error(self, error: Exception, shown: str, timeout: float, secrets: Iterable[str] = ()) -> ServerError:
        errno, message = _error_parts(error)
        if self.timed_out:
            return OutcomeUnknown(self.name, "%s did not answer within %.3g s: %s" % (self.name, timeout, shown), errno, shown)
        message = self._masked(message, *secrets)
        if errno is None or client_errors.CR_ERROR_FIRST <= errno <= client_errors.CR_ERROR_LAST:
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
            for text in (secret, pymysql.converters.escape_string(secret), secret.replace("'", "''")):
                for length in range(len(text), min(len(text), SHORTEST_SECRET) - 1, -1):
                    message = message.replace(text[:length], MASK)
        return message

    def close(self) -> None:
        """End the connection, and with it its named locks. Never waits for a server that hangs."""
        if self.is_open and self._limit is not None:
            with self._limit.of(0.5):
                self._connection.close()
        if self._limit is not None:
            self._limit.close()
        self._connection = None
        self._limit = None


def _plain(values: Sequence[t.Any]) -> t.Tuple[t.Any, ...]:
    """Take off our own and Ansible's marks: the driver looks its quoting up by exact type."""
    return tuple(str.__str__(value) if isinstance(value, str) else int(value) if isinstance(value, int) else value for value in values)


def _plain_visible(values: Sequence[t.Any]) -> t.Tuple[t.Any, ...]:
    return tuple(value if isinstance(value, Secret) else plain for value, plain in zip(values, _plain(values)))


def _error_parts(error: Exception) -> t.Tuple[t.Optional[int], str]:
    """Return number and message of a driver's error; some of its errors carry only a message."""
    arguments = error.args
    if len(arguments) >= 2 and isinstance(arguments[0], int):
        return arguments[0] or None, str(arguments[1])
    return None, _text(error)


def _text(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def login_with_config_file(login: Login, options: Mapping[str, str]) -> Login:
    """Fill in what the login leaves open from an option file's ``[client]`` group, by the vendors' option names."""
    return Login(
        user=login.user or options.get("user"),
        password=login.password if login.password is not None else options.get("password"),
        ca_cert=login.ca_cert or options.get("ssl-ca"),
        client_cert=login.client_cert or options.get("ssl-cert"),
        client_key=login.client_key or options.get("ssl-key"),
        check_hostname=login.check_hostname,
        connect_timeout=login.connect_timeout,
        read_timeout=login.read_timeout,
    )
