# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What brings transactions out of binary logs to a server: rows as ``BINLOG``, statements as the bytes that they are, in the session that they had. Pure.

Nothing is translated to text and taken apart again, where a line of a client's text may look like the end of a statement. What is not understood to its
last byte is refused before its transaction is begun, or rolled back with it.

What events hold is in the manuals ("Query_event", "Replication Protocol" of MariaDB) and the servers' source (``log_event.h``,
``statement_events.h``); what sessions are told was compared with what the vendors' tools write, of MySQL 5.6 and 9.7 and MariaDB 10.11 and 11.8.
"""

from __future__ import annotations

import base64
import re
import struct
import typing as t
import zlib
from functools import lru_cache

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.payload import unpacked
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import (
    COMMENTS,
    FORMAT_DESCRIPTION,
    GTIDS,
    LARGEST_EVENT,
    BinlogError,
    Event,
    Frames,
    body_of,
    events_in,
    flags_of_mariadb,
    gtid_of,
    has_checksums,
    is_intact,
    make_event,
    sealed,
)
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Rows that are sent with one statement: a little less than the smallest limit that servers have for one (1 MB in MySQL 5.6 without its 4 MB of 5.6.6).
_MOST_ROWS = 512 << 10

_QUERY, _XID, _TABLE_MAP, _INTVAR, _RAND, _USER_VAR, _PAYLOAD, _QUERY_COMPRESSED = 2, 16, 19, 5, 13, 14, 40, 165
_ROWS = frozenset((23, 24, 25, 30, 31, 32, 39, *range(166, 172)))
_ROWS_COMPRESSED = tuple(range(166, 172))
_LOAD = (9, 11, 17, 18)
_XA = 38
# Between transactions: a server that stops, a file that ends, what is in others.
_BETWEEN = (3, 4, 35, 161, 163)
_IGNORABLE = 0x80

_THREAD_SPECIFIC = 0x04
_WITHOUT_DATABASE = 0x08
_END_OF_STATEMENT = 0x01

# Flags of a GTID of MariaDB: XA PREPARE and what comes of it, and an ALTER TABLE in two halves.
_OF_XA = 64 | 128
_STANDALONE = 1
_IN_TWO_HALVES = 2 | 4 | 8

# What a session is told by a bit, and whether the bit switches it off.
_BITS = (("sql_auto_is_null", 14, False), ("foreign_key_checks", 26, True), ("unique_checks", 27, True))
_MARIADB_BITS = (*_BITS, ("check_constraint_checks", 15, True), ("sql_if_exists", 28, False), ("system_versioning_insert_history", 30, False))
# A bit since versions that also had it without one.
_EXPLICIT_DEFAULTS, _SAYS_EXPLICIT_DEFAULTS = ("explicit_defaults_for_timestamp", 24, False), (10, 10)

# What not every version has, or lets everybody set: it is only told where it differs.
SETTINGS = (
    *("default_collation_for_utf8mb4", "default_table_encryption", "explicit_defaults_for_timestamp", "sql_require_primary_key"),
    *("check_constraint_checks", "sql_if_exists", "system_versioning_insert_history"),
)

# What a session has that does not say anything else.
_UNSAID = {"auto_increment_increment": "1", "auto_increment_offset": "1", "lc_time_names": "0"}

# With what a statement begins that servers write to their binary logs. What else there is (SET GLOBAL, SHUTDOWN, KILL …) never comes from one.
_LOGGED = frozenset(
    b"ALTER ANALYZE CREATE DELETE DO DROP FLUSH GRANT IMPORT INSERT OPTIMIZE RELEASE RENAME REPAIR REPLACE REVOKE SAVEPOINT SELECT TRUNCATE"
    b" UPDATE VALUES WITH".split()
)
_SET = re.compile(rb"SET\s+(?:PASSWORD|DEFAULT\s+ROLE|STATEMENT)\b", re.IGNORECASE)
_ROLLBACK_TO = re.compile(rb"ROLLBACK\s+(?:WORK\s+)?TO\b", re.IGNORECASE)
_COMMENT = re.compile(rb"(?:\s+|\(|#[^\n]*(?:\n|$)|--[ \t\n][^\n]*(?:\n|$)|/\*(?!M?!).*?\*/|/\*M?![0-9]*)+", re.DOTALL)
_WORD = re.compile(rb"[A-Za-z]+")

BEGIN, DO, END = "begin", "do", "end"


@dataclass(frozen=True)
class Act:
    """A statement of a transaction: the first one (``begin``), the last (``end``), or one between.

    ``error``: the number of the error that it is to end with, as it did where it comes from.
    """

    kind: str
    gtid: str
    text: bytes
    error: int = 0


class Replay:
    """Transactions out of binary logs, as statements.

    :arg wanted: whether a transaction is one of those that were asked for and not come yet.
    :arg collations: character set and collation by number, as the server that is to have the transactions knows them.
    :arg settings: what its session has of ``SETTINGS``.
    """

    def __init__(
        self,
        family: str,
        wanted: t.Callable[[str], bool],
        collations: t.Callable[[], Mapping[int, t.Tuple[str, str]]],
        settings: t.Callable[[], Mapping[str, str]],
    ) -> None:
        self._family = family
        self._wanted = wanted
        self._collations = lru_cache(maxsize=None)(collations)
        self._settings_now = settings
        self._has: t.Optional[t.FrozenSet[str]] = None
        self._format: t.Optional[Event] = None
        self._described: t.Optional[bytes] = None
        self._frames = Frames()
        self._gtid = ""
        self._session: t.Dict[str, str] = {}
        self._database = b""
        self._maps: t.Dict[bytes, Event] = {}
        self._rows: t.List[Event] = []

    @property
    def inside(self) -> str:
        """The GTID of the transaction that is not whole yet; empty where there is none."""
        return self._gtid

    def acts(self, events: bytes) -> Iterator[Act]:
        """Yield what a part of the events amounts to. Raises ``BinlogError`` where they are not what a binary log holds, or cannot be brought to a server."""
        try:
            for number, event in enumerate(events_in(events, 0)):
                yield from self._of_event(event, is_first=number == 0)
        except (struct.error, LookupError, ValueError, zlib.error) as error:
            raise BinlogError("an event%s is damaged: %s" % (" of " + self._gtid if self._gtid else "", error)) from error

    def _of_event(self, event: Event, *, is_first: bool) -> Iterator[Act]:
        if event.kind == FORMAT_DESCRIPTION:
            if self._gtid and not is_first:
                raise BinlogError("%s is not whole" % self._gtid)
            if not self._gtid:
                self._frames.is_ended_by(event)
            self._format = event
            return
        checksums = has_checksums(self._beginning)
        if checksums and not is_intact(event):
            raise BinlogError("an event%s is damaged" % (" of " + self._gtid if self._gtid else ""))
        ended = self._frames.is_ended_by(event)
        if event.kind in GTIDS:
            yield from self._begin(event, checksums)
        elif not self._gtid:
            if event.kind not in _BETWEEN:
                raise BinlogError("an event belongs to no transaction (%d)" % event.kind)
        elif event.kind == _PAYLOAD:
            yield from self._of_payload(event, checksums)
        else:
            yield from self._of_part(event, checksums, ended=ended)
        if ended:
            self._gtid = ""

    def _begin(self, event: Event, checksums: bool) -> Iterator[Act]:
        self._gtid = gtid_of(event, checksums)
        if not self._wanted(self._gtid):
            raise BinlogError("%s was not asked for, or comes twice" % self._gtid)
        self._maps, self._rows = {}, []
        if self._family != "mariadb":
            yield Act(BEGIN, self._gtid, b"SET @@SESSION.GTID_NEXT = '%s'" % self._gtid.encode("ascii"))
            return
        flags, more = flags_of_mariadb(event, checksums)
        if flags & _OF_XA:
            raise self._refused("it is a part of a distributed transaction (XA)")
        if more & _IN_TWO_HALVES:
            raise self._refused("it is one half of an ALTER TABLE (binlog_alter_two_phase)")
        domain, server, number = (int(each) for each in self._gtid.split("-"))
        yield Act(BEGIN, self._gtid, b"SET @@SESSION.gtid_domain_id = %d, @@SESSION.server_id = %d, @@SESSION.gtid_seq_no = %d" % (domain, server, number))
        if not flags & _STANDALONE:
            yield self._do(b"START TRANSACTION")

    @property
    def _beginning(self) -> Event:
        """The event that says how the file is written."""
        if self._format is None:
            raise BinlogError("it does not begin as a binary log does")
        return self._format

    def _of_payload(self, event: Event, checksums: bool) -> Iterator[Act]:
        """Take a compressed transaction apart (MySQL 8.0.20 and later). What is in it has no checksums."""
        for raw in _raw_events(unpacked(body_of(event, checksums), self._gtid)):
            inner = make_event(sealed(raw) if checksums else raw)
            yield from self._of_part(inner, checksums, ended=inner.kind == _XID or self._says(inner, checksums, b"COMMIT"))

    def _says(self, event: Event, checksums: bool, word: bytes) -> bool:
        return event.kind == _QUERY and _Query(event, body_of(event, checksums), self._family).text.upper() == word

    def _of_part(self, event: Event, checksums: bool, *, ended: bool) -> Iterator[Act]:
        body = body_of(event, checksums)
        if event.kind == _TABLE_MAP:
            self._maps[body[:6]] = event
        elif event.kind in _ROWS:
            if event.kind in _ROWS_COMPRESSED:
                event = _without_compression(event, body, checksums)
                body = body_of(event, checksums)
            yield from self._of_rows(event, body)
        elif self._rows:
            raise self._refused("rows in it do not end")
        elif event.kind in (_QUERY, _QUERY_COMPRESSED):
            yield from self._of_query(_Query(event, body, self._family), ended=ended)
        elif event.kind == _XID:
            yield Act(END, self._gtid, b"COMMIT")
        elif event.kind == _INTVAR:
            kind, value = struct.unpack("<BQ", body)
            yield self._do(b"SET @@SESSION.%s = %d" % ({1: b"LAST_INSERT_ID", 2: b"INSERT_ID"}[kind], value))
        elif event.kind == _RAND:
            yield self._do(b"SET @@SESSION.RAND_SEED1 = %d, @@SESSION.RAND_SEED2 = %d" % struct.unpack("<QQ", body))
        elif event.kind == _USER_VAR:
            yield self._do(self._of_variable(body))
        elif event.kind in _LOAD:
            raise self._refused("it is a LOAD DATA that was logged as a statement")
        elif event.kind == _XA:
            raise self._refused("it is a part of a distributed transaction (XA)")
        elif event.kind not in COMMENTS and not event.flags & _IGNORABLE:
            raise self._refused("it has an event of a kind that is not known (%d)" % event.kind)

    def _refused(self, why: str) -> BinlogError:
        return BinlogError("%s cannot be brought to another server: %s" % (self._gtid, why))

    def _do(self, text: bytes, error: int = 0) -> Act:
        return Act(DO, self._gtid, text, error)

    # Rows

    def _of_rows(self, event: Event, body: bytes) -> Iterator[Act]:
        """Collect rows up to the end of their statement, or as many as are sent at once: these then end a statement of their own, with the same tables."""
        self._rows.append(event)
        ends = bool(body[6] & _END_OF_STATEMENT)
        if not ends and sum(len(each.raw) for each in self._rows) < _MOST_ROWS:
            return
        checksums = has_checksums(self._beginning)
        last = self._rows[-1]
        if not ends:
            flags = bytes((body[6] | _END_OF_STATEMENT,))
            raw = last.raw[: 19 + 6] + flags + last.raw[19 + 7 : len(last.raw) - (4 if checksums else 0)]
            self._rows[-1] = make_event(sealed(raw, grows=False) if checksums else raw)
        events = [each.raw for each in (*self._maps.values(), *self._rows)]
        if self._described != self._beginning.raw:
            self._described = self._beginning.raw
            yield self._do(b"BINLOG '" + base64.b64encode(self._beginning.raw) + b"'")
        yield self._do(b"BINLOG '" + base64.b64encode(b"".join(events)) + b"'")
        self._rows = []
        if ends:
            self._maps = {}

    # Statements

    def _of_query(self, query: _Query, *, ended: bool) -> Iterator[Act]:
        text, word = query.text, query.text.upper()
        if word == b"BEGIN":
            yield self._do(b"BEGIN")
        elif ended and word in (b"COMMIT", b"ROLLBACK"):
            yield Act(END, self._gtid, word)
        elif word.startswith(b"XA "):
            raise self._refused("it is a part of a distributed transaction (XA)")
        else:
            if not is_logged(text):
                raise self._refused("it has a statement that no server writes to its binary log: %r" % text[:60])
            if query.database and query.database != self._database and not query.flags & _WITHOUT_DATABASE:
                self._database = query.database
                self._session.pop("collation_database", None)
                yield self._do(b"USE `%s`" % query.database.replace(b"`", b"``"))
            changed = self._changed(self._settings(query))
            if changed:
                self._session.update(changed)
                yield self._do(b"SET " + b", ".join(b"@@SESSION.%s = %s" % (name.encode("ascii"), value.encode("utf-8")) for name, value in changed.items()))
            yield Act(END if ended else DO, self._gtid, text, query.error)

    def _changed(self, settings: Mapping[str, str]) -> t.Dict[str, str]:
        if self._has is None:
            now = self._settings_now()
            self._has = frozenset(now)
            self._session.update(now)
        return {name: value for name, value in settings.items() if self._session.get(name) != value and (name in self._has or name not in SETTINGS)}

    def _settings(self, query: _Query) -> t.Dict[str, str]:
        """Return what the session of a statement had, by the names of variables, as it is written in SQL."""
        settings = {"timestamp": "%d.%06d" % (query.time, query.microseconds), **_UNSAID}
        if "collation_database" in self._session:
            settings["collation_database"] = "DEFAULT"
        if query.flags & _THREAD_SPECIFIC:
            settings["pseudo_thread_id"] = str(query.thread)
        if query.bits is not None:
            bits = _MARIADB_BITS if self._family == "mariadb" else _BITS
            if self._family == "mariadb" and self._version() >= _SAYS_EXPLICIT_DEFAULTS:
                bits = (*bits, _EXPLICIT_DEFAULTS)
            for name, bit, off in bits:
                settings[name] = str(int(bool(query.bits >> bit & 1) != off))
        settings.update(query.settings)
        if self._family == "mariadb" and "character_set_client" in settings:
            # By its number it takes one with a collation of a single character set only (seen: 11.8).
            settings["character_set_client"] = self._collations()[int(settings["character_set_client"])][0]
        if query.collations:
            known = self._collations()
            settings["character_set_collations"] = "'%s'" % ",".join("%s=%s" % (known[of][0], known[to][1]) for of, to in query.collations)
        return settings

    def _version(self) -> t.Tuple[int, ...]:
        """Return the version of the server that has written the file, as its beginning says."""
        found = re.match(rb"([0-9]{1,5})\.([0-9]{1,5})", self._beginning.raw[19 + 2 : 19 + 52])
        return tuple(int(each) for each in found.groups()) if found else ()

    def _of_variable(self, body: bytes) -> bytes:
        """Set a user's variable as it was (``User_var_log_event``)."""
        (length,) = struct.unpack_from("<I", body)
        name, rest = body[4 : 4 + length], body[4 + length :]
        variable = b"@`%s`" % name.replace(b"`", b"``")
        if rest[0]:
            return b"SET %s := NULL" % variable
        kind, number, size = struct.unpack_from("<BII", rest, 1)
        value = rest[10 : 10 + size]
        if kind == 0:
            character_set, collation = self._collations()[number]
            literal = b"_%s X'%s' COLLATE `%s`" % (character_set.encode("ascii"), value.hex().encode("ascii"), collation.encode("ascii"))
        elif kind == 1:
            literal = repr(float(struct.unpack("<d", value)[0])).encode("ascii")
        elif kind == 2:
            unsigned = bool(rest[10 + size] & 1) if len(rest) > 10 + size else False
            literal = b"%d" % int(struct.unpack("<Q" if unsigned else "<q", value)[0])
        elif kind == 4:
            literal = decimal(value)
        else:
            raise self._refused("a variable in it has a type that is not known (%d)" % kind)
        return b"SET %s := %s" % (variable, literal)


class _Query:
    """A statement, and what its session had."""

    def __init__(self, event: Event, body: bytes, family: str) -> None:
        self.thread, _seconds, length, self.error, size = struct.unpack_from("<IIBHH", body)
        self.time, self.flags = struct.unpack_from("<I", event.raw)[0], event.flags
        self.microseconds = 0
        self.bits: t.Optional[int] = None
        self.settings: t.Dict[str, str] = {}
        self.collations: t.List[t.Tuple[int, int]] = []
        status, rest = body[13 : 13 + size], body[13 + size :]
        if len(status) != size or len(rest) <= length or rest[length]:
            raise ValueError("its lengths do not fit")
        self.database, text = rest[:length], rest[length + 1 :]
        self.text = _inflated(text) if event.kind == _QUERY_COMPRESSED else text
        self._read(_Status(status), family)

    def _read(self, status: _Status, family: str) -> None:
        # Numbers are in no order: MariaDB 11.8 writes the collations (131) before the character sets (4).
        mariadb = family == "mariadb"
        while status.left:
            code = status.number(1)
            if code == 0:
                self.bits = status.number(4)
            elif code == 1:
                self.settings["sql_mode"] = str(status.number(8))
            elif code == 2:
                status.text(status.number(1) + 1)  # the catalog, with a zero
            elif code == 3:
                self.settings.update(auto_increment_increment=str(status.number(2)), auto_increment_offset=str(status.number(2)))
            elif code == 4:
                for name in ("character_set_client", "collation_connection", "collation_server"):
                    self.settings[name] = str(status.number(2))
            elif code == 5:
                zone = status.text(status.number(1)).decode("ascii")
                if not re.match(r"[A-Za-z0-9_+:/ -]*$", zone):
                    raise ValueError("%r is not a time zone" % zone)
                self.settings["time_zone"] = "'%s'" % zone
            elif code == 6:
                status.text(status.number(1))  # the catalog
            elif code == 7:
                self.settings["lc_time_names"] = str(status.number(2))
            elif code == 8:
                self.settings["collation_database"] = str(status.number(2))
            elif code in (9, 17, 129):
                status.number(8)  # tables that an UPDATE changes; the XID of a DDL
            elif code == 10:
                status.number(4)  # how much was received
            elif code == 11:
                status.text(status.number(1))  # who called it: the definer stands in the statement
                status.text(status.number(1))
            elif code == 12:
                self._skip_databases(status)
            elif code in (13, 128):
                self.microseconds = status.number(3)
            elif code == 16 and not mariadb:
                self.settings["explicit_defaults_for_timestamp"] = str(status.number(1))
            elif code == 18 and not mariadb:
                self.settings["default_collation_for_utf8mb4"] = str(status.number(2))
            elif code == 19 and not mariadb:
                self.settings["sql_require_primary_key"] = str(status.number(1))
            elif code == 20 and not mariadb:
                self.settings["default_table_encryption"] = str(status.number(1))
            elif code == 130 and mariadb:
                if status.number(1) & (4 | 8):
                    status.number(8)
            elif code == 131 and mariadb:
                self.collations = [(status.number(2), status.number(2)) for _each in range(status.number(1))]
            elif (code == 255 and mariadb) or (code > 20 and not mariadb):
                # MariaDB fills it up. Servers of MySQL pass over what is of later versions, which comes last (9.7 has 21, and its tool says nothing of it).
                break
            else:
                raise ValueError("its session had something that is not known (%d)" % code)

    @staticmethod
    def _skip_databases(status: _Status) -> None:
        number = status.number(1)
        for _each in range(0 if number == 254 else number):  # more than are counted
            while status.number(1):
                pass


class _Status:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._position = 0

    @property
    def left(self) -> int:
        return len(self._raw) - self._position

    def text(self, length: int) -> bytes:
        if length > self.left:
            raise ValueError("what its session had breaks off")
        self._position += length
        return self._raw[self._position - length : self._position]

    def number(self, length: int) -> int:
        return int.from_bytes(self.text(length), "little")


def is_logged(text: bytes) -> bool:
    """Tell by its first word whether a statement is one that servers write to their binary logs."""
    begins = _COMMENT.match(text)
    text = text[begins.end() :] if begins else text
    word = _WORD.match(text)
    if word is None:
        return False
    return word.group().upper() in _LOGGED or bool(_SET.match(text) or _ROLLBACK_TO.match(text))


def _without_compression(event: Event, body: bytes, checksums: bool) -> Event:
    """Return rows that MariaDB has compressed as they would be: ``BINLOG`` does not take them (seen: 10.11). Only what follows the columns is packed."""
    version_2 = event.kind >= _ROWS_COMPRESSED[3]
    position = 8 + (int.from_bytes(body[8:10], "little") if version_2 else 0)
    columns = body[position]
    position += 1
    if columns >= 251:
        size = {252: 2, 253: 3, 254: 8}[columns]
        columns = int.from_bytes(body[position : position + size], "little")
        position += size
    # An update has the columns before and after it.
    position += (columns + 7) // 8 * (2 if event.kind in (_ROWS_COMPRESSED[1], _ROWS_COMPRESSED[4]) else 1)
    kind = event.kind - _ROWS_COMPRESSED[3] + 30 if version_2 else event.kind - _ROWS_COMPRESSED[0] + 23
    whole = body[:position] + _inflated(body[position:])
    raw = event.raw[:4] + bytes((kind,)) + event.raw[5:9] + struct.pack("<I", 19 + len(whole)) + event.raw[13:19] + whole
    return make_event(sealed(raw) if checksums else raw)


def _inflated(text: bytes) -> bytes:
    """Return a statement that MariaDB has compressed: how many bytes its length has, its length, and what zlib made of it."""
    size = text[0] & 0x07
    length = int.from_bytes(text[1 : 1 + size], "big")
    if text[0] >> 4 & 0x07 or not 0 < length <= LARGEST_EVENT:
        raise ValueError("a statement is compressed in a way that is not known")
    inflated = zlib.decompressobj().decompress(text[1 + size :], length)
    if len(inflated) != length:
        raise ValueError("a compressed statement has another length than it says")
    return inflated


_DIGITS = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)  # bytes that so many digits take


def decimal(value: bytes) -> bytes:
    """Read a number as servers keep it: digits before and after the point, in groups of nine, negative ones with their bits turned over."""
    precision, scale, raw = value[0], value[1], bytearray(value[2:])
    whole = precision - scale
    negative = not raw[0] & 0x80
    raw[0] ^= 0x80
    if negative:
        raw = bytearray(each ^ 0xFF for each in raw)
    lengths = [*([whole % 9] if whole % 9 else []), *[9] * (whole // 9)], [*[9] * (scale // 9), *([scale % 9] if scale % 9 else [])]
    position, texts = 0, []
    for groups in lengths:
        text = b""
        for digits in groups:
            size = _DIGITS[digits]
            text += b"%0*d" % (digits, int.from_bytes(raw[position : position + size], "big"))
            position += size
        texts.append(text)
    if position != len(raw):
        raise ValueError("a number has another length than it says")
    return (b"-" if negative else b"") + (texts[0].lstrip(b"0") or b"0") + (b"." + texts[1] if texts[1] else b"")


def _raw_events(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the events of a stream without a beginning, as it comes."""
    waiting = b""
    for part in parts:
        waiting += part
        position = 0
        while len(waiting) - position >= 19:
            length = int.from_bytes(waiting[position + 9 : position + 13], "little")
            if not 19 <= length <= LARGEST_EVENT:
                raise ValueError("an event has %d bytes" % length)
            if len(waiting) - position < length:
                break
            yield waiting[position : position + length]
            position += length
        waiting = waiting[position:]
    if waiting:
        raise ValueError("a compressed transaction breaks off")
