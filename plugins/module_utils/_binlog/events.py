# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Binary log files: events, and the transactions that they make up, each with its GTID. Pure.

Only what frames a transaction is looked into; rows are left to the vendors' own tools. So exactly the transactions that are wanted can be taken
out of any file of any version, whatever its tool can filter by. The format is that of the manuals ("Binary Log Event Types"), of the servers'
source (``log_event.h``, ``control_events.h``), and of files of MySQL 5.6 and 9.7 and MariaDB 10.11 and 11.8.
"""

from __future__ import annotations

import dataclasses
import struct
import typing as t
import zlib
from dataclasses import field

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    import mmap
    from collections.abc import Iterable, Iterator

MAGIC = b"\xfebin"

_HEADER = struct.Struct("<IBIIIH")
_CHECKSUM_LENGTH = 4
_CRC32 = 1

_QUERY = 2
_FORMAT_DESCRIPTION = 15
_XID = 16
_GTID = 33
_ANONYMOUS_GTID = 34
_XA_PREPARE = 38
_TRANSACTION_PAYLOAD = 40
_GTID_TAGGED = 42
_MARIADB_GTID = 162
_MARIADB_QUERY_COMPRESSED = 165
_GTIDS = (_GTID, _GTID_TAGGED, _MARIADB_GTID)
_ENCRYPTION = 164

# With what a transaction begins that has no GTID. Before MySQL 5.7 nothing says so but that there is none: with a statement, or with what belongs to
# one (a variable, a random number, a file to load).
_INTVAR, _RAND, _USER_VAR, _BEGIN_LOAD, _TABLE_MAP, _ROWS_QUERY = 5, 13, 14, 17, 19, 29
_BEGIN_WITHOUT_GTID = (_ANONYMOUS_GTID, _QUERY, _INTVAR, _RAND, _USER_VAR, _BEGIN_LOAD, _TABLE_MAP, _ROWS_QUERY, _TRANSACTION_PAYLOAD)

_ARTIFICIAL = 0x20  # made up for the connection, in no file
_RELAYED = 0x40  # written by a replica's receiver
_MARIADB_STANDALONE = 0x01

# As the servers write them themselves; ROLLBACK TO ends nothing.
_ENDS = (b"COMMIT", b"ROLLBACK")
_XA_ENDS = (b"XA COMMIT", b"XA ROLLBACK")
_BEGINS = (b"BEGIN", b"XA START")


class BinlogError(Exception):
    """What was read is no binary log, or a damaged one."""


@dataclass(frozen=True)
class Event:
    """One event as it stands in a file."""

    kind: int
    server_id: int
    flags: int
    raw: bytes = field(repr=False)

    @property
    def is_artificial(self) -> bool:
        """Whether it was made up for the connection that it came over."""
        return bool(self.flags & _ARTIFICIAL)

    @property
    def is_relayed(self) -> bool:
        """Whether it stands in a relay log."""
        return bool(self.flags & _RELAYED)


@dataclass(frozen=True)
class Transaction:
    """One transaction: its GTID as the server prints it, empty where it has none, and its events."""

    gtid: str
    events: t.Tuple[Event, ...] = field(repr=False)


@dataclass(frozen=True)
class Segment:
    """Transactions of one binary log file, with the event that says how its events are to be read."""

    format: Event
    transactions: t.List[Transaction]

    def to_bytes(self) -> bytes:
        """Return a binary log file with nothing but these."""
        return b"".join([MAGIC, self.format.raw, *(event.raw for transaction in self.transactions for event in transaction.events)])


def is_binary_log(beginning: bytes) -> bool:
    """Tell by its first four bytes whether a file is one. Raises ``BinlogError`` for one that is encrypted."""
    if beginning == b"\xfdbin":
        raise BinlogError("it is encrypted")
    return beginning == MAGIC


def read_events(stream: t.BinaryIO) -> Iterator[Event]:
    """Yield the events of a file. One that is not whole ends it: the server died while it wrote that."""
    if not is_binary_log(stream.read(len(MAGIC))):
        raise BinlogError("it is not a binary log")
    while True:
        header = stream.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return
        length = _HEADER.unpack(header)[3]
        body = stream.read(length - _HEADER.size) if length >= _HEADER.size else b""
        if len(body) < length - _HEADER.size or length < _HEADER.size:
            return
        yield make_event(header + body)


def read_wanted_events(data: t.Union[bytes, mmap.mmap], wanted: t.Callable[[str], bool]) -> Iterator[Event]:
    """Yield what ``take`` needs of a whole file for the transactions that are wanted, and no others: of a large file that is nearly nothing.

    What is not whole ends the file, as the server left it when it died. Nothing comes of a relay log.
    """
    position, is_wanted, checksums = len(MAGIC), False, False
    while position + _HEADER.size <= len(data):
        kind, length = data[position + 4], int.from_bytes(data[position + 9 : position + 13], "little")
        end = position + length
        if length < _HEADER.size or end > len(data):
            return
        if kind in _GTIDS:
            is_wanted = wanted(_gtid_of(make_event(data[position:end]), checksums))
        if kind == _ENCRYPTION:
            raise BinlogError("it is encrypted")
        if kind == _FORMAT_DESCRIPTION or is_wanted:
            event = make_event(data[position:end])
            if event.is_relayed or (checksums and not _is_intact(event)):
                return
            if event.kind == _FORMAT_DESCRIPTION:
                checksums = _has_checksums(event)
            yield event
        position = end


def make_event(raw: bytes) -> Event:
    """Read the header of an event. Raises ``BinlogError`` where its length is another one than the header says."""
    _time, kind, server_id, length, _next, flags = _HEADER.unpack_from(raw)
    if length != len(raw):
        raise BinlogError("an event of %d bytes says that it has %d" % (len(raw), length))
    return Event(kind, server_id, flags, raw)


def take(events: Iterable[Event], wanted: t.Callable[[str], bool], *, anonymous: bool = False) -> t.List[Segment]:
    """Return the wanted transactions of files that follow one another, nothing for a file that has none.

    The last one of a file is left out if it is not whole, as where the server died; any other raises ``BinlogError``, as damage does.

    ``anonymous``: with those that have no GTID, their ``gtid`` is empty. They come after the last transaction that is not wanted: who has that has
    what was committed before it.
    """
    try:
        return _take(events, wanted, anonymous)
    except (struct.error, LookupError, ValueError) as error:
        raise BinlogError("an event is damaged: %s" % error) from error


def _take(events: Iterable[Event], wanted: t.Callable[[str], bool], anonymous: bool) -> t.List[Segment]:
    segments: t.List[Segment] = []
    is_summed = False
    group: t.List[Event] = []
    # None where the events are of no transaction.
    gtid: t.Optional[str] = None
    state = _Group()
    for event in events:
        if event.kind == _FORMAT_DESCRIPTION:
            segments.append(Segment(event, []))
            is_summed, gtid = _has_checksums(event), None
            continue
        if not segments or event.is_artificial:
            continue
        if is_summed and not _is_intact(event):
            raise BinlogError("an event after %s is damaged" % (gtid or "the beginning"))
        if event.kind in _GTIDS:
            if gtid and wanted(gtid):
                raise BinlogError("the end of %s cannot be told" % gtid)
            gtid, group = _gtid_of(event, is_summed), []
            # MariaDB says so here instead of in a BEGIN.
            state = _Group(opened=event.kind == _MARIADB_GTID and not event.raw[_HEADER.size + 12] & _MARIADB_STANDALONE)
            if anonymous and not wanted(gtid):
                _forget_anonymous(segments)
        elif anonymous and gtid is None and event.kind in _BEGIN_WITHOUT_GTID:
            gtid, group, state = "", [], _Group()
        if gtid is None:
            continue
        group.append(event)
        if state.is_ended_by(event, is_summed):
            if not gtid or wanted(gtid):
                segments[-1].transactions.append(Transaction(gtid, tuple(group)))
            gtid = None
    return [segment for segment in segments if segment.transactions]


def _forget_anonymous(segments: t.List[Segment]) -> None:
    for segment in segments:
        if any(not transaction.gtid for transaction in segment.transactions):
            segment.transactions[:] = [transaction for transaction in segment.transactions if transaction.gtid]


def gtids_of(events: Iterable[Event]) -> Iterator[str]:
    """Yield the GTIDs of files that follow one another, in their order, also of transactions that are not whole. Raises ``BinlogError``."""
    return (gtid for gtid, _server_id in writers_of(events))


def writers_of(events: Iterable[Event]) -> Iterator[t.Tuple[str, int]]:
    """Yield the same, each with the server_id that its writer had. Raises ``BinlogError``."""
    checksums = False
    try:
        for event in events:
            if event.kind == _FORMAT_DESCRIPTION:
                checksums = _has_checksums(event)
            elif event.kind in _GTIDS and not event.is_artificial:
                yield _gtid_of(event, checksums), event.server_id
    except (struct.error, LookupError, ValueError) as error:
        raise BinlogError("an event is damaged: %s" % error) from error


@dataclasses.dataclass
class _Group:
    """How far the events of one transaction have come."""

    opened: bool = False

    def is_ended_by(self, event: Event, checksums: bool) -> bool:
        if event.kind in (_XID, _XA_PREPARE, _TRANSACTION_PAYLOAD):
            return True
        if event.kind == _MARIADB_QUERY_COMPRESSED:
            return not self.opened  # what begins or ends a transaction is never compressed (seen: 10.11, 11.8)
        if event.kind != _QUERY:
            return False
        query = _query_of(event, checksums).upper()
        if query.startswith(_BEGINS):
            self.opened = True
            return False
        return not self.opened or query in _ENDS or query.startswith(_XA_ENDS)


def _body(event: Event, checksums: bool) -> bytes:
    return event.raw[_HEADER.size : -_CHECKSUM_LENGTH] if checksums else event.raw[_HEADER.size :]


def _query_of(event: Event, checksums: bool) -> bytes:
    body = _body(event, checksums)
    database_length, variables_length = body[8], struct.unpack_from("<H", body, 11)[0]
    return body[13 + variables_length + database_length + 1 :].lstrip()


def _has_checksums(event: Event) -> bool:
    # Servers from 5.6 on end it with the number of the algorithm and a checksum that is always there (manual of MariaDB, "Format Description Event").
    return event.raw[-_CHECKSUM_LENGTH - 1] == _CRC32


def _is_intact(event: Event) -> bool:
    return zlib.crc32(event.raw[:-_CHECKSUM_LENGTH]) == int.from_bytes(event.raw[-_CHECKSUM_LENGTH:], "little")


def _gtid_of(event: Event, checksums: bool) -> str:
    body = _body(event, checksums)
    if event.kind == _MARIADB_GTID:
        number, domain = struct.unpack_from("<QI", body)
        return "%d-%d-%d" % (domain, event.server_id, number)
    if event.kind == _GTID:
        return "%s:%d" % (_uuid(body[1:17]), struct.unpack_from("<q", body, 17)[0])
    return _tagged_gtid(body)


def _uuid(raw: bytes) -> str:
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _tagged_gtid(body: bytes) -> str:
    """Read a tagged GTID (MySQL 8.3 and later): numbers of variable length, each after the id of its field, in the order of the ids."""
    reader = _VariableLength(body)
    for _each in ("version", "size", "last field that cannot be ignored"):
        reader.number()
    uuid, number, tag = b"", 0, ""
    while reader.position < len(body):
        field_id = reader.number()
        if field_id == 0:
            reader.number()  # flags
        elif field_id == 1:
            uuid = bytes(reader.number() for _each in range(16))
        elif field_id == 2:
            number = reader.signed()
        elif field_id == 3:
            tag = reader.text(reader.number()).decode("ascii")
            break
        else:
            raise BinlogError("the GTID of a tagged transaction cannot be read")
    return "%s:%s%d" % (_uuid(uuid), tag + ":" if tag else "", number)


class _VariableLength:
    """Numbers as MySQL's serialization library writes them: as many trailing ones in the first byte as bytes follow."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self.position = 0

    def number(self) -> int:
        first = self._raw[self.position]
        more = 0
        while more < 8 and first & (1 << more):
            more += 1
        value = int.from_bytes(self._raw[self.position : self.position + more + 1], "little") >> (more + 1 if more < 8 else 8)
        self.position += more + 1
        return value

    def signed(self) -> int:
        """Read a number whose lowest bit is its sign."""
        value = self.number()
        return -(value >> 1) - 1 if value & 1 else value >> 1

    def text(self, length: int) -> bytes:
        self.position += length
        return self._raw[self.position - length : self.position]
