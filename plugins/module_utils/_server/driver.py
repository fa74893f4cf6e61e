# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The driver (PyMySQL), which only this file knows: its connection within our limits, and what may be told to whom during a login.

Values are quoted by it, never pasted.
"""

from __future__ import annotations

import ssl
import struct
import typing as t
from functools import lru_cache

try:
    import pymysql
    import pymysql.constants.CLIENT as capabilities
    import pymysql.constants.COMMAND as commands
    import pymysql.constants.CR as client_errors
    import pymysql.constants.FIELD_TYPE as types
    import pymysql.converters
    import pymysql.protocol
except ImportError as missing:
    PYMYSQL_MISSING: t.Optional[ImportError] = missing
else:
    PYMYSQL_MISSING = None
    MySQLError = pymysql.err.MySQLError

from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import reason_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.security import HARMLESS, asks_for_secret, is_challenge, is_remembered, takes_key
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import encode

if t.TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

# Of all that is said during a login, and of one event of a binary log, which is as large as max_allowed_packet may be.
_LARGEST_LOGIN = 2**20
_LARGEST_EVENT = 2**30 + 2**20

# What a packet and a column of it cost in memory, however little they hold (bytes).
_COST_OF_PACKET = 256
_COST_OF_COLUMN = 100

# Bytes of a description of columns that is kept: a server may send a thousand long ones.
_LARGEST_DESCRIPTION = 16 * 2**10

# Before each packet: its size in three bytes, and its number. Then how one that is an error begins.
_HEADER = struct.Struct("<I")
_IS_ERROR = 0xFF

# Of COM_BINLOG_DUMP: where the first event of a file is, and the flag BINLOG_DUMP_NON_BLOCK.
_FIRST_POSITION = 4
_DO_NOT_WAIT = 1


class TooLarge(Exception):
    """An answer is larger than what we take."""


class WouldTell(Exception):
    """A login would have to send what is not to be sent."""


class NoTls(Exception):
    """The server offers no TLS, and it is to be verified."""


if t.TYPE_CHECKING or PYMYSQL_MISSING is None:

    def _describe(columns: t.Tuple[bytes, ...], encoding: str) -> t.Tuple[t.Any, ...]:
        """Take the descriptions of columns apart. That takes the driver long, and a replica's status has sixty, the same each time."""
        fields = [pymysql.protocol.FieldDescriptorPacket(column, encoding) for column in columns]
        converters = [(None, _CONVERSIONS.get(field.type_code)) for field in fields]  # type: ignore[attr-defined]  # the stubs lack it
        return fields, converters, tuple(field.description() for field in fields)  # type: ignore[no-untyped-call]

    _describe_once = lru_cache(maxsize=64)(_describe)

    class _Result(pymysql.connections.MySQLResult):
        """The driver's answer to a statement, which does not take the same columns apart twice."""

        connection: Connection

        def _get_descriptions(self) -> None:
            columns = self.connection.read_columns(self.field_count)
            describe = _describe_once if sum(map(len, columns)) < _LARGEST_DESCRIPTION else _describe
            self.fields, self.converters, self.description = describe(columns, self.connection.encoding)
            if not self.connection._read_packet().is_eof_packet():
                raise pymysql.err.InternalError("the descriptions of the columns do not end after %d" % len(columns))

    class Connection(pymysql.connections.Connection):
        """The driver's connection, which would take in as much as a server sends, and tell it all that it asks for.

        What it does where a server asks for the password, or offers no TLS, has changed from release to release; here it is one thing for all.
        """

        left = _LARGEST_LOGIN
        _columns = 0
        # Of the login: whether it must be over TLS, whether the password may be sent as it is, and whether to go on after the greeting.
        must_use_tls = True
        may_send_secrets = False
        may_log_in = False
        _logs_in = False
        # Whether the server let us in only because it remembers the password, which it would not be sent.
        is_remembered = False
        takes_key = False
        # Called as soon as the server has said who it is.
        greeted: t.Optional[t.Callable[[], None]] = None
        _auth_plugin_name: str
        _rfile: BufferedReader
        _next_seq_id: int

        def __init__(self, host: str, port: int, unix_socket: t.Optional[str], user: t.Optional[str], password: t.Optional[str]) -> None:
            super().__init__(
                host=host,
                port=port,
                unix_socket=unix_socket,
                user=user,
                # The driver would encode text as Latin-1, which not every password is.
                password=encode(password or ""),
                autocommit=None,
                charset="utf8mb4",
                use_unicode=False,
                conv=_CONVERSIONS,
                program_name="dbha.mysql",
                ssl_disabled=True,
                defer_connect=True,
            )

        def secure(self, context: t.Optional[ssl.SSLContext], *, must_use_tls: bool, may_send_secrets: bool, may_log_in: bool) -> None:
            """Say how to log in; with a context, over TLS where the server has it."""
            self.ssl = context is not None
            self.ctx = context
            self.must_use_tls, self.may_send_secrets, self.may_log_in = must_use_tls, may_send_secrets, may_log_in

        def _get_server_information(self) -> None:
            super()._get_server_information()  # type: ignore[misc]
            if self.greeted is not None:
                self.greeted()
            offers_tls = bool(self.server_capabilities & capabilities.SSL)  # type: ignore[attr-defined]  # the stubs lack it
            if self.must_use_tls and not (self.ssl and offers_tls):
                raise NoTls
            if self.ssl and offers_tls:
                self.client_flag |= capabilities.SSL
            if not self.may_log_in:
                raise WouldTell("a login at all, to a server that is not in the inventory")
            if not self.may_send_secrets and not is_challenge(self._auth_plugin_name):
                self._auth_plugin_name = HARMLESS

        def _request_authentication(self) -> None:
            self._logs_in = True
            super()._request_authentication()  # type: ignore[misc]
            self._logs_in = False

        def set_character_set(self, charset: str, collation: t.Optional[str] = None) -> None:
            """Say nothing at login, where the driver does that from 1.1 on: ``SESSION`` says it together with all else."""

        def take(self, number: int) -> None:
            """Let the next answer have this many bytes."""
            self.left = number
            self._columns = 0

        def events(self, file: str) -> Iterator[bytes]:
            """Yield the events of the binary log from a file on, up to now, each within a time limit of whoever asks. Nothing can be sent after that."""
            request = struct.pack("<IHI", _FIRST_POSITION, _DO_NOT_WAIT, 0) + encode(file)
            self._execute_command(commands.COM_BINLOG_DUMP, request)  # type: ignore[attr-defined]  # the stubs lack it
            while True:
                self.take(_LARGEST_EVENT)
                packet = self._read_packet()
                if packet.is_eof_packet():
                    return
                yield packet.get_all_data()[1:]

        def _read_query_result(self, unbuffered: bool = False) -> t.Any:
            result = self._result = _Result(self)
            result.read()
            if result.server_status is not None:
                self.server_status = result.server_status
            return result.affected_rows

        def _read_packet(self, *packet_type: t.Any) -> t.Any:
            self._spend(_COST_OF_PACKET + _COST_OF_COLUMN * self._columns)
            packet = super()._read_packet(*packet_type)  # type: ignore[no-untyped-call]
            if self._logs_in:
                self.takes_key |= takes_key(packet.get_all_data())
            if self._logs_in and not self.may_send_secrets:
                asked = asks_for_secret(packet.get_all_data())
                if asked is not None:
                    raise WouldTell(asked)
                self.is_remembered |= is_remembered(packet.get_all_data())
            return packet

        def read_columns(self, number: int) -> t.Tuple[bytes, ...]:
            """Read the descriptions of so many columns: those that have come already at once, and each other one as the driver does."""
            columns: t.List[bytes] = []
            while len(columns) < number:
                arrived = self._take_arrived(number - len(columns))
                columns += arrived or [self._read_packet().get_all_data()]
            self._columns = number
            return tuple(columns)

        def _take_arrived(self, most: int) -> t.List[bytes]:
            """Take at most so many packets out of what has come, as far as they are whole, in order and no errors."""
            try:
                arrived = self._rfile.peek()
            except OSError:  # for the driver to say
                return []
            packets: t.List[bytes] = []
            number, begin = self._next_seq_id, 0
            while len(packets) < most and begin + _HEADER.size < len(arrived):
                (header,) = _HEADER.unpack_from(arrived, begin)
                first = begin + _HEADER.size
                end = first + (header & 0xFFFFFF)
                if not first < end <= len(arrived) or header >> 24 != number or arrived[first] == _IS_ERROR:
                    break
                packets.append(arrived[first:end])
                number, begin = (number + 1) % 256, end
            self._next_seq_id = number
            self._spend(begin + _COST_OF_PACKET * len(packets))
            self._rfile.read(begin)
            return packets

        def _read_bytes(self, num_bytes: int) -> t.Any:
            self._spend(num_bytes)
            return super()._read_bytes(num_bytes)  # type: ignore[misc]

        def _spend(self, number: int) -> None:
            self.left -= number
            if self.left < 0:
                raise TooLarge

    def _or_bytes(convert: t.Callable[[bytes], t.Any]) -> t.Callable[[bytes], t.Any]:
        def converted(value: bytes) -> t.Any:
            try:
                return convert(value)
            except ValueError:
                return value

        return converted

    _WHOLE = (types.TINY, types.SHORT, types.LONG, types.LONGLONG, types.INT24, types.YEAR)
    # Numbers are numbers, and all else comes as the bytes that it is: what they mean is not for the driver to say, which gives up at those that
    # are not UTF-8.
    _CONVERSIONS: t.Dict[t.Any, t.Any] = {
        **pymysql.converters.encoders,
        **dict.fromkeys(_WHOLE, _or_bytes(int)),
        **dict.fromkeys((types.FLOAT, types.DOUBLE), _or_bytes(float)),
    }


def escaped(text: str) -> str:
    """Return a text as the driver has it between quotes."""
    return str(pymysql.converters.escape_string(text))


def broke_off(errno: int) -> bool:
    """Tell whether the driver reports an error, and not the server, so that nobody knows what that has done."""
    return client_errors.CR_ERROR_FIRST <= errno <= client_errors.CR_ERROR_LAST


def error_parts(error: Exception) -> t.Tuple[t.Optional[int], str]:
    """Return number and message of a driver's error; some of its errors carry only a message."""
    arguments = error.args
    if len(arguments) >= 2 and isinstance(arguments[0], int):
        return arguments[0] or None, str(arguments[1])
    return None, reason_of(error)
