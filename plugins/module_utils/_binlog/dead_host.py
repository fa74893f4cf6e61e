# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.
"""What a dead server has in its binary log files and a replica lacks: read on its host, which needs neither a driver nor a program, and given to
whoever asked.

It is given in parts, so that neither side holds more than one in its memory: the first as an answer, and those after it one after the other as they are
taken, or each as an answer to a question of its own. What comes back from there is believed only as far as it has the shape that it should have.
"""

from __future__ import annotations

import base64
import os
import time
import typing as t
import zlib
from contextlib import contextmanager
from urllib.parse import quote

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed, wanted_by, without
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import StillRunning, beginning_of, find_files, find_writer
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, transactions_in
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import COMMENTS, FORMAT_DESCRIPTION, BinlogError, Encrypted, Frames, Torn, walk
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids, Runs, Transactions

# How many bytes of events are given at once, and of what is left of them once they are packed: Ansible copies an answer several times on its way (seen:
# 250 MB where Ansible runs for 16 MB that could not be packed). And the most that is taken: one event more.
_PART = 16 << 20
_PACKED = 4 << 20
_LARGEST_PART = 96 << 20

# The most runs of transactions, and the longest text, that are taken from another host.
_MOST_RUNS = 1_000_000
_LONGEST_TEXT = 1000


class Place(t.TypedDict):
    """Where the next part begins, and where the last one ends: paths of files, and positions in them.

    The paths are written as in a URL: a result only holds what can be printed, and what is sent to the host is text.
    """

    file: str
    position: int
    inside: bool
    last_file: str
    last_position: int


_PLACE = {"file": str, "position": int, "inside": bool, "last_file": str, "last_position": int}


@dataclass(frozen=True)
class Question:
    """What is to be read on the dead server's host: where its files are, and what the replica has. ``seconds`` is how long that may take.

    ``place``: where to go on, as the last answer said; ``None`` for the first question. ``stream``: all parts from there are wanted, one after the other.
    """

    family: str
    have: Gtids
    directory: str
    seconds: float
    place: t.Optional[Place] = None
    stream: bool = False


class Answer(t.TypedDict):
    """What the host gives back.

    The transactions that were found, in runs: the first answer has all of them, those that follow have none. The events of a part of them, packed.
    Where the next part begins; none after the last. ``trouble`` says why there are no events for them.
    """

    found: t.List[t.Tuple[str, int, int]]
    events: str
    place: t.Optional[Place]
    trouble: t.Optional[str]


@dataclass(frozen=True)
class Reading:
    """An answer that was understood."""

    found: Transactions
    runs: Runs = ()
    events: bytes = b""
    place: t.Optional[Place] = None
    trouble: t.Optional[str] = None


def answer(question: Question) -> Answer:
    """Find in binary log files what a replica lacks, those transactions that are whole. Raises ``ExtractFailed`` where they cannot even be looked for.

    Raises ``StillRunning`` if the server is not down after all.
    """
    with _read(question) as search:
        if question.place is not None:
            return search.part(question.place)
        return search.first(question.have)


def stream(question: Question, given: t.BinaryIO) -> None:
    """Give all parts from a place on, each after a line that says how long it is, and whether it is the last. Raises as ``answer`` does."""
    if question.place is None:
        raise ExtractFailed("it is not said from where on")
    with _read(question) as search:
        for packed, after in search.parts(question.place):
            search.check_writer()
            given.write(b"%s%d %d\n" % (PART, len(packed), after is not None))
            given.write(packed)
            given.flush()


# With what the line before a part begins.
PART = b"dbha-part: "


@contextmanager
def _read(question: Question) -> Iterator[_Search]:
    deadline = time.monotonic() + question.seconds
    directory = question.directory
    try:
        search = _Search(directory, find_files(directory), wanted_by(question.family, question.have), deadline)
        search.check_writer()
        yield search
    except (OSError, BinlogError) as error:
        raise ExtractFailed("the binary logs in %s cannot be read: %s" % (directory, error)) from error


class _Search:
    """The search for wanted transactions in the binary logs of a server, the oldest first."""

    def __init__(self, directory: str, files: t.List[str], wanted: t.Callable[[str], bool], deadline: float) -> None:
        self._directory = directory
        self._files = files
        self._written = [quote(os.fsencode(path)) for path in files]
        self._wanted = wanted
        self._deadline = deadline
        self._asked = 0
        self._trouble: t.Optional[str] = None

    def first(self, have: Gtids) -> Answer:
        """Find all, and give the first part of them."""
        begin, gone = self._where_to_begin(have)
        if gone:
            self._trouble = "its binary logs do not go back far enough"
        found, last = self._survey(begin)
        runs = [*gone, *found]
        if self._trouble is not None or last is None:
            return {"found": runs, "events": "", "place": None, "trouble": self._trouble}
        file, position = last
        place: Place = {"file": self._written[begin], "position": 0, "inside": False, "last_file": self._written[file], "last_position": position}
        return {**self.part(place, largest=_PACKED), "found": runs}

    def check_writer(self) -> None:
        """Raise ``StillRunning`` if the server is not down."""
        writer = find_writer(self._files)
        if writer is not None:
            raise StillRunning("process %s the binary logs in %s open: the server is running, and may go on writing" % (writer, self._directory))

    def part(self, place: Place, largest: t.Optional[int] = None) -> Answer:
        """Give as much as is given at once, of events up to a size: who can is to have a larger one as a part of a stream, which costs less memory."""
        packed, after = next(self.parts(place, largest))
        return {"found": [], "events": base64.b64encode(packed).decode("ascii"), "place": after, "trouble": None}

    def parts(self, place: Place, largest: t.Optional[int] = None) -> Iterator[t.Tuple[bytes, t.Optional[Place]]]:
        """Yield one part after the other, packed, each with where the next one begins, up to the first event that is larger than that."""
        packed, here, format_ = _Packed(), place, b""
        for raw, kind, after in self._given(place):
            if kind == FORMAT_DESCRIPTION:
                format_ = raw
            if largest is not None and len(raw) > largest:
                break
            packed.add(raw)
            if after is None:
                yield packed.whole, None
                return
            here = after
            if packed.is_full:
                yield packed.whole, here
                packed = _Packed()
                packed.add(format_)
        yield packed.whole, here

    def _given(self, place: Place) -> Iterator[t.Tuple[bytes, int, t.Optional[Place]]]:
        """Yield events from a place on, what they are, and the place after each: none after the last."""
        try:
            index, last = self._written.index(place["file"]), self._written.index(place["last_file"])
        except ValueError as error:
            raise ExtractFailed("the binary logs have been changed meanwhile: %s" % error) from error
        position, inside = place["position"], place["inside"]
        for path, written in zip(self._files[index : last + 1], self._written[index : last + 1]):
            if position:
                beginning = beginning_of(path)
                if beginning is not None:
                    yield beginning.format.raw, FORMAT_DESCRIPTION, place
            with open(path, "rb", buffering=0) as file:
                for end, event in self._walk(path, file, start=position, inside=inside):
                    # In the middle of one that an earlier part began, its end is not known by its beginning, and not asked for either.
                    is_last = path == self._files[last] and end >= place["last_position"]
                    if event.kind not in COMMENTS:
                        yield event.raw, event.kind, None if is_last else {**place, "file": written, "position": end, "inside": True}
                    if is_last:
                        return
            position, inside = 0, False
        raise ExtractFailed("the binary logs have been changed meanwhile: they end before %d in %s" % (place["last_position"], self._files[last]))

    def _where_to_begin(self, have: Gtids) -> t.Tuple[int, t.List[t.Tuple[str, int, int]]]:
        """Return the file to begin with, the newest before which there is nothing that is wanted; and what is wanted and in none any more."""
        before: t.Optional[Runs] = None
        for index in reversed(range(len(self._files))):
            before = self._before(self._files[index])
            if before is not None and not any(without(before, have.runs_of)):
                return index, []
        return 0, list(without(before or (), have.runs_of))

    def _before(self, path: str) -> t.Optional[Runs]:
        try:
            beginning = beginning_of(path)
        except (FileNotFoundError, Encrypted):
            return None
        return beginning.before if beginning is not None else None

    def _survey(self, begin: int) -> t.Tuple[t.List[t.Tuple[str, int, int]], t.Optional[t.Tuple[int, int]]]:
        """Return runs of the wanted transactions that are whole, in their order, and where the last of them ends: in which of the files, and at which byte."""
        runs: t.Dict[str, t.List[t.Tuple[str, int, int]]] = {}
        last, frames = None, Frames()

        def leave_out(size: int) -> None:
            self._trouble = self._trouble or "%s has an event of %d MB, which is more than can be brought to a replica" % (frames.gtid, size >> 20)

        for index, path in enumerate(self._files[begin:], begin):
            try:
                with open(path, "rb", buffering=0) as file:
                    for end, event in self._walk(path, file, leave_out=leave_out):
                        gtid = frames.gtid
                        if frames.is_ended_by(event):
                            _add(runs, gtid)
                            last = (index, end)
            except Torn as error:
                if path != self._files[-1]:
                    self._cannot_read(path, error)
            except (OSError, BinlogError) as error:
                self._cannot_read(path, error)
            if self._trouble is not None and "cannot be read" in self._trouble:
                break
        return [run for each in runs.values() for run in each], last

    def _cannot_read(self, path: str, error: Exception) -> None:
        reason = "it is encrypted, and only its server has the key" if isinstance(error, Encrypted) else error
        self._trouble = "%s cannot be read, and what is in it and after it is not known: %s" % (path, reason)

    def _walk(self, path: str, file: t.BinaryIO, **how: t.Any) -> Iterator[t.Tuple[int, t.Any]]:
        def is_wanted(gtid: str) -> bool:
            self._asked += 1
            if self._asked % 1000 == 0:
                self._check_time(path)
            return self._wanted(gtid)

        taken = 0
        for end, event in walk(file, is_wanted, **how):
            taken += len(event.raw)
            if taken > _PART:
                self._check_time(path)
                taken = 0
            yield end, event

    def _check_time(self, path: str) -> None:
        if time.monotonic() > self._deadline:
            raise ExtractFailed("there was not enough time to read %s to its end" % path)


class _Packed:
    """Events that are packed as they come."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(1)
        self._parts: t.List[bytes] = []
        self._size = self._packed_size = 0

    def add(self, raw: bytes) -> None:
        """Pack one more."""
        self._parts.append(self._packer.compress(raw))
        self._size += len(raw)
        self._packed_size += len(self._parts[-1])

    @property
    def is_full(self) -> bool:
        """Whether these are as many as are given at once."""
        return self._size >= _PART or self._packed_size >= _PACKED

    @property
    def whole(self) -> bytes:
        """What is left of them; no more is packed then."""
        return b"".join([*self._parts, self._packer.flush()])


def _add(runs: t.Dict[str, t.List[t.Tuple[str, int, int]]], gtid: str) -> None:
    source, _separator, text = gtid.rpartition(":") if ":" in gtid else gtid.rpartition("-")
    number, known = int(text), runs.setdefault(source, [])
    if known and known[-1][2] + 1 == number:
        known[-1] = (source, known[-1][1], number)
    else:
        known.append((source, number, number))


def understand(question: Question, given: Mapping[str, object]) -> Reading:
    """Read what the host gave back: an ``Answer``, or a failed result. Raises ``ExtractFailed`` for that, and for what is neither."""
    if given.get("failed"):
        raise _told_by(given)
    found, packed, trouble, place = given.get("found"), given.get("events"), given.get("trouble"), given.get("place")
    if not isinstance(found, list) or not isinstance(packed, (str, bytes)) or not (trouble is None or isinstance(trouble, str)):
        raise ExtractFailed("what its host gave back is not what was asked for")
    runs = _runs(question, found)
    try:
        transactions = transactions_in(question.family, runs)
        events = _unpacked(packed)
    except (ValueError, zlib.error) as error:  # of GTIDs, and of what is not base64
        raise ExtractFailed("what its host gave back cannot be understood: %s" % error) from error
    return Reading(transactions, runs, events, _place(place), trouble and trouble[:_LONGEST_TEXT])


def _runs(question: Question, found: t.List[t.Any]) -> t.List[t.Tuple[str, int, int]]:
    """Read runs of transactions. Raises ``ExtractFailed`` for what is none, and for those that were not asked for."""
    if len(found) > _MOST_RUNS or (found and question.place is not None):
        raise ExtractFailed("what its host gave back is not what was asked for")
    runs = []
    for each in found:
        is_run = isinstance(each, (list, tuple)) and len(each) == 3 and isinstance(each[0], str) and _is_number(each[1]) and _is_number(each[2])
        if not is_run or not 0 < each[1] <= each[2]:
            raise ExtractFailed("its host gave back %.80r, which does not name transactions" % (each,))
        run = (str(each[0]), int(each[1]), int(each[2]))
        try:
            if transactions_in(question.family, [run]).count() != run[2] - run[1] + 1:
                raise ExtractFailed("its host gave back %.80r, which does not name transactions" % (each,))
            if list(without([run], question.have.runs_of)) != [run]:
                raise ExtractFailed("its host gave back transactions that were not asked for: %.80r" % (each,))
        except (GtidError, ValueError) as error:
            raise ExtractFailed("what its host gave back cannot be understood: %s" % error) from error
        runs.append(run)
    return runs


def _unpacked(packed: t.Union[str, bytes]) -> bytes:
    """Unpack what an answer has as text, and a stream as bytes."""
    if not packed:
        return b""
    unpack = zlib.decompressobj()
    events = unpack.decompress(packed if isinstance(packed, bytes) else base64.b64decode(packed, validate=True), _LARGEST_PART)
    if unpack.unconsumed_tail:
        raise ExtractFailed("its host gave back more than %d MB of events" % (_LARGEST_PART >> 20))
    if not unpack.eof:
        raise ExtractFailed("what its host gave back cannot be understood: the events break off")
    return events


def _place(given: object) -> t.Optional[Place]:
    if given is None:
        return None
    if not isinstance(given, dict) or any(not isinstance(given.get(key), kind) for key, kind in _PLACE.items()):
        raise ExtractFailed("what its host gave back is not what was asked for")
    return place_in(given)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def place_in(given: t.Mapping[str, t.Any]) -> Place:
    """Read where to go on from an option of the module. Raises ``ValueError``."""
    try:
        return {
            "file": os.fspath(given["file"]),
            "position": int(given["position"]),
            "inside": bool(given["inside"]),
            "last_file": os.fspath(given["last_file"]),
            "last_position": int(given["last_position"]),
        }
    except (KeyError, TypeError) as error:
        raise ValueError("it is not what an answer has said: %s" % error) from error


def _told_by(given: Mapping[str, object]) -> ExtractFailed:
    """Return what a failed result says: it may come from a module, or from whatever kept one from running."""
    problems = given.get("problems")
    problem = problems[0] if isinstance(problems, list) and problems and isinstance(problems[0], dict) else {}
    message = str(problem.get("message") or given.get("msg") or "the module ended without a result")
    return StillRunning(message) if problem.get("code") == "primary_maybe_alive" else ExtractFailed(message[:_LONGEST_TEXT])
