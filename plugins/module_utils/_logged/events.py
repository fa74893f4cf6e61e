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
import os
import struct
import typing as t
import zlib
from dataclasses import field

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC = b"\xfebin"

_HEADER = struct.Struct("<IBIIIH")
_CHECKSUM_LENGTH = 4
_CRC32 = 1

_QUERY = 2
ROTATE = 4
FORMAT_DESCRIPTION = 15
_XID = 16
_GTID = 33
_ANONYMOUS_GTID = 34
_XA_PREPARE = 38
_TRANSACTION_PAYLOAD = 40
_GTID_TAGGED = 42
MARIADB_GTID = 162
_MARIADB_QUERY_COMPRESSED = 165
GTIDS = (_GTID, _GTID_TAGGED, MARIADB_GTID)
# Only for readers: the statement that changed rows, often larger than these.
COMMENTS = (28, 29, 160)
_INCIDENT = 26
_PREVIOUS_GTIDS = 35
GTID_LIST = 163
_ENCRYPTION = 164

# What a file is read for even where nothing is wanted.
_ALWAYS = frozenset((FORMAT_DESCRIPTION, *GTIDS, _ENCRYPTION, _INCIDENT))

# Bytes that are read at once, and the largest event that is taken: a server takes no statement that is larger, unless it is told to.
_WINDOW = 1 << 20
LARGEST_EVENT = 64 << 20

# What stands before the number in a GTID, and the first and the last of numbers that follow one another.
Run = t.Tuple[str, int, int]

# With what a transaction begins that has no GTID. Before MySQL 5.7 nothing says so but that there is none: with a statement, or with what belongs to
# one (a variable, a random number, a file to load).
_INTVAR, _RAND, _USER_VAR, _BEGIN_LOAD, _TABLE_MAP, _ROWS_QUERY = 5, 13, 14, 17, 19, 29
_BEGIN_WITHOUT_GTID = (_ANONYMOUS_GTID, _QUERY, _INTVAR, _RAND, _USER_VAR, _BEGIN_LOAD, _TABLE_MAP, _ROWS_QUERY, _TRANSACTION_PAYLOAD)

_ARTIFICIAL = 0x20  # made up for the connection, in no file
_RELAYED = 0x40  # written by a replica's receiver
_MARIADB_STANDALONE, _GROUP_COMMIT, _PREPARED_XA, _COMPLETED_XA = 0x01, 0x02, 0x40, 0x80

# As the servers write them themselves; ROLLBACK TO ends nothing.
_ENDS = (b"COMMIT", b"ROLLBACK")
_XA_ENDS = (b"XA COMMIT", b"XA ROLLBACK")
_BEGINS = (b"BEGIN", b"XA START")


class BinlogError(Exception):
    """What was read is no binary log, or a damaged one, or one that is ``encrypted``."""

    encrypted = False


class Torn(BinlogError):
    """An event is not whole, or not as it was written."""

    def __init__(self) -> None:
        super().__init__("an event in it is damaged, or not whole")


class Encrypted(BinlogError):
    """What was read can only be read with a key that its server had."""

    encrypted = True

    def __init__(self) -> None:
        super().__init__("it is encrypted")


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
    """Tell by its first four bytes whether a file is one. Raises ``Encrypted``."""
    if beginning == b"\xfdbin":
        raise Encrypted
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


@dataclass(frozen=True)
class Beginning:
    """What a file says of itself: how its events are to be read, when it was begun (seconds), and what all earlier files hold.

    ``before``: runs of transactions; ``None`` where it does not say (MySQL 5.6 without GTIDs). ``relayed``: it is a relay log.
    """

    format: Event
    time: int
    before: t.Optional[t.Tuple[Run, ...]]

    @property
    def relayed(self) -> bool:
        """Whether it is a relay log."""
        return self.format.is_relayed

    @property
    def checksums(self) -> bool:
        """Whether its events end with a checksum."""
        return has_checksums(self.format)


def read_beginning(data: bytes, size: int) -> t.Optional[Beginning]:
    """Read the beginning of a file of a size. ``None`` where its server died before it wrote one; raises ``BinlogError`` for what is no such file."""
    if size < len(MAGIC):
        return None
    if not is_binary_log(data[: len(MAGIC)]):
        raise BinlogError("it is not a binary log")
    format_, before = None, None
    for event in events_in(data):
        if event.kind == _ENCRYPTION:
            raise Encrypted
        if event.kind == FORMAT_DESCRIPTION:
            format_ = event
        elif format_ is not None and event.kind in (_PREVIOUS_GTIDS, GTID_LIST):
            before = _before(event, has_checksums(format_))
            break
        elif event.kind in GTIDS or event.kind in _BEGIN_WITHOUT_GTID:
            break
    return Beginning(format_, int.from_bytes(format_.raw[:4], "little"), before) if format_ is not None else None


def events_in(data: bytes, position: int = len(MAGIC)) -> Iterator[Event]:
    """Yield the events that are whole at the beginning of a file, or from a position on."""
    while position + _HEADER.size <= len(data):
        length = int.from_bytes(data[position + 9 : position + 13], "little")
        if length < _HEADER.size or position + length > len(data):
            return
        yield make_event(data[position : position + length])
        position += length


def _before(event: Event, checksums: bool) -> t.Optional[t.Tuple[Run, ...]]:
    """Return what an event says that is in earlier files; ``None`` where that cannot be understood, so that they have to be read."""
    try:
        if checksums and not is_intact(event):
            return None
        body = body_of(event, checksums)
        return tuple(runs_of_list(body) if event.kind == GTID_LIST else _runs_of_set(body))
    except (struct.error, LookupError, ValueError):
        return None


def runs_of_list(body: bytes) -> Iterator[Run]:
    """Read the last GTID of each server in each domain (MariaDB). What is before it is there, too."""
    number = struct.unpack_from("<I", body)[0] & 0x0FFFFFFF
    for index in range(number):
        domain, server, last = struct.unpack_from("<IIQ", body, 4 + 16 * index)
        yield "%d-%d" % (domain, server), 1, last


def _runs_of_set(body: bytes) -> Iterator[Run]:
    """Read a set (MySQL). From 8.3 on it may have tags: the highest byte of the number of its parts says so."""
    (number,) = struct.unpack_from("<Q", body)
    tagged, position = number >> 56 == 1, 8
    for _each in range(number >> 8 & 0xFFFFFFFFFFFF if tagged else number):
        source, position = _uuid(body[position : position + 16]), position + 16
        if tagged:
            reader = VariableLength(body)
            reader.position = position
            tag = reader.text(reader.number()).decode("ascii")
            source, position = source + ":" + tag if tag else source, reader.position
        (runs,) = struct.unpack_from("<Q", body, position)
        for index in range(runs):
            first, after = struct.unpack_from("<qq", body, position + 8 + 16 * index)
            yield source, first, after - 1
        position += 8 + 16 * runs


def walk(
    file: t.BinaryIO,
    wanted: t.Callable[[str], bool],
    *,
    start: int = 0,
    inside: bool = False,
    leave_out: t.Optional[t.Callable[[int], None]] = None,
) -> Iterator[t.Tuple[int, Event]]:
    """Yield the events of the transactions of a file that are wanted, each with the position after it. Of a large file that is nearly nothing.

    Nothing comes of a relay log. It takes no more memory than a window and one event. Raises ``Torn`` where an event is not whole, as its server may
    have left it when it died, and ``BinlogError``.

    :arg file: open without a buffer.
    :arg start: where to go on; at the beginning for 0. ``inside``: in the middle of a wanted transaction.
    :arg leave_out: is told the size of an event that is too large to be taken.
    """
    size = os.fstat(file.fileno()).st_size
    beginning = read_beginning(os.pread(file.fileno(), _WINDOW, 0), size)
    if beginning is None or beginning.relayed:
        return
    checksums, is_wanted, position, window, base = beginning.checksums, inside, start or len(MAGIC), b"", 0
    while position < size:
        offset = position - base
        if offset + _HEADER.size > len(window):
            window, base, offset = os.pread(file.fileno(), _WINDOW, position), position, 0
            if len(window) < _HEADER.size:
                raise Torn
        kind, length = window[offset + 4], int.from_bytes(window[offset + 9 : offset + 13], "little")
        end = position + length
        if length < _HEADER.size or end > size:
            raise Torn
        if is_wanted or kind in _ALWAYS:
            if length > LARGEST_EVENT:
                if leave_out is None:
                    raise BinlogError("it has an event of %d MB" % (length >> 20))
                leave_out(length)
                position = end
                continue
            if offset + length > len(window):
                window, base, offset = os.pread(file.fileno(), max(length, _WINDOW), position), position, 0
                if len(window) < length:
                    raise Torn
            event = make_event(window[offset : offset + length])
            if kind == FORMAT_DESCRIPTION:
                checksums = has_checksums(event)
            elif checksums and not is_intact(event):
                raise Torn
            if kind in GTIDS:
                try:
                    is_wanted = wanted(gtid_of(event, checksums))
                except (struct.error, LookupError, ValueError) as error:
                    raise BinlogError("an event is damaged: %s" % error) from error
            if kind == _ENCRYPTION:
                raise Encrypted
            if kind == _INCIDENT:
                raise BinlogError("its server has lost events there (it says: incident)")
            if is_wanted or kind == FORMAT_DESCRIPTION:
                yield end, event
        position = end


class Frames:
    """Tells of the events of wanted transactions, one after the other, where a transaction begins and ends."""

    def __init__(self) -> None:
        self.gtid = ""
        self._checksums = False
        self._group = _Group()

    def is_ended_by(self, event: Event) -> bool:
        """Whether the transaction is whole with this event. Raises ``BinlogError`` for one that begins inside another, and for damage."""
        try:
            return self._is_ended_by(event)
        except (struct.error, LookupError, ValueError) as error:
            raise BinlogError("an event is damaged: %s" % error) from error

    def _is_ended_by(self, event: Event) -> bool:
        if event.kind == FORMAT_DESCRIPTION:
            # A file ends in the middle of a transaction only where its server has died.
            self._checksums, self.gtid = has_checksums(event), ""
            return False
        if event.kind in GTIDS:
            if self.gtid:
                raise BinlogError("the end of %s cannot be told" % self.gtid)
            self.gtid, self._group = gtid_of(event, self._checksums), _Group.of(event)
        if not self.gtid or not self._group.is_ended_by(event, self._checksums):
            return False
        self.gtid = ""
        return True


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
        if event.kind == FORMAT_DESCRIPTION:
            segments.append(Segment(event, []))
            is_summed, gtid = has_checksums(event), None
            continue
        if not segments or event.is_artificial:
            continue
        if is_summed and not is_intact(event):
            raise BinlogError("an event after %s is damaged" % (gtid or "the beginning"))
        if event.kind in GTIDS:
            if gtid and wanted(gtid):
                raise BinlogError("the end of %s cannot be told" % gtid)
            gtid, group = gtid_of(event, is_summed), []
            state = _Group.of(event)
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
            if event.kind == FORMAT_DESCRIPTION:
                checksums = has_checksums(event)
            elif event.kind in GTIDS and not event.is_artificial:
                yield gtid_of(event, checksums), event.server_id
    except (struct.error, LookupError, ValueError) as error:
        raise BinlogError("an event is damaged: %s" % error) from error


class Stamp(t.NamedTuple):
    """What tells a transaction from another one under the same GTID, and is the same on each server that has replicated it.

    ``committed``: when it was first committed, in microseconds (MySQL 8.0.1 and later), else 0. ``began``: when its first statement began, in seconds: the
    time of the first event after the GTID (seen: 5.6, 9.7, 10.11). Of the GTID and of the end the time is another one on a replica.
    """

    committed: int
    began: int

    def is_of_same(self, other: Stamp) -> bool:
        """Whether it may be the stamp of the same transaction. One that was salvaged, or replayed, is committed anew, and begins when it began."""
        return self.began == other.began or 0 < self.committed == other.committed


# Where the times of a commit are in a GTID of MySQL, each in seven bytes; the highest bit of the first says that there are two.
_COMMITTED, _TIME_LENGTH, _HAS_TWO = 42, 7, 1 << 55


def stamps_of(events: Iterable[Event]) -> Iterator[t.Tuple[str, Stamp]]:
    """Yield the GTIDs of files that follow one another, in their order, each with the stamp of its transaction. Raises ``BinlogError``."""
    checksums, gtid, committed = False, "", 0
    try:
        for event in events:
            if event.kind == FORMAT_DESCRIPTION:
                checksums, gtid = has_checksums(event), ""
            elif event.is_artificial:
                continue
            elif event.kind in GTIDS:
                gtid, committed = gtid_of(event, checksums), _committed(event, checksums)
            elif gtid:
                yield gtid, Stamp(committed, int.from_bytes(event.raw[:4], "little"))
                gtid = ""
    except (struct.error, LookupError, ValueError) as error:
        raise BinlogError("an event is damaged: %s" % error) from error


def _committed(event: Event, checksums: bool) -> int:
    body = body_of(event, checksums)
    if event.kind != _GTID or len(body) < _COMMITTED + _TIME_LENGTH:
        return 0
    here = int.from_bytes(body[_COMMITTED : _COMMITTED + _TIME_LENGTH], "little")
    if not here & _HAS_TWO:
        return here
    return int.from_bytes(body[_COMMITTED + _TIME_LENGTH : _COMMITTED + 2 * _TIME_LENGTH], "little")


@dataclasses.dataclass
class _Group:
    """How far the events of one transaction have come."""

    opened: bool = False

    @classmethod
    def of(cls, event: Event) -> _Group:
        """Begin with a GTID. MariaDB says there, instead of in a BEGIN, that more than one statement follows."""
        return cls(opened=event.kind == MARIADB_GTID and not event.raw[_HEADER.size + 12] & _MARIADB_STANDALONE)

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


def body_of(event: Event, checksums: bool) -> bytes:
    """Return an event without its header and its checksum."""
    return event.raw[_HEADER.size : -_CHECKSUM_LENGTH] if checksums else event.raw[_HEADER.size :]


def _query_of(event: Event, checksums: bool) -> bytes:
    body = body_of(event, checksums)
    database_length, variables_length = struct.unpack_from("<8xB2xH", body)
    return body[13 + variables_length + database_length + 1 :].lstrip()


def has_checksums(event: Event) -> bool:
    """Tell by the beginning of a file whether its events end with checksums."""
    # Servers from 5.6 on end it with the number of the algorithm and a checksum that is always there (manual of MariaDB, "Format Description Event").
    return event.raw[-_CHECKSUM_LENGTH - 1] == _CRC32


def sealed(raw: bytes, *, grows: bool = True) -> bytes:
    """Put a checksum at the end of an event that has none; ``grows``: its length is said without it."""
    if grows:
        raw = raw[:9] + struct.pack("<I", len(raw) + _CHECKSUM_LENGTH) + raw[13:]
    return raw + struct.pack("<I", zlib.crc32(raw))


def flags_of_mariadb(event: Event, checksums: bool) -> t.Tuple[int, int]:
    """Return the flags of a GTID of MariaDB, and those that only some have (``FL_EXTRA_*``)."""
    body = body_of(event, checksums)
    flags = body[12]
    # After the number, the domain and the flags: the id of a group commit, or an XID.
    position = 13 + (8 if flags & _GROUP_COMMIT else 0)
    if flags & (_PREPARED_XA | _COMPLETED_XA):
        position += 6 + body[position + 4] + body[position + 5]
    # Up to 10.7 it is filled up with zeros.
    return flags, body[position] if position < len(body) else 0


def is_intact(event: Event) -> bool:
    """Tell whether an event has the checksum that it says."""
    return zlib.crc32(memoryview(event.raw)[:-_CHECKSUM_LENGTH]) == int.from_bytes(event.raw[-_CHECKSUM_LENGTH:], "little")


def gtid_of(event: Event, checksums: bool) -> str:
    """Return the GTID that an event says."""
    body = body_of(event, checksums)
    if event.kind == MARIADB_GTID:
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
    reader = VariableLength(body)
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


class VariableLength:
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
