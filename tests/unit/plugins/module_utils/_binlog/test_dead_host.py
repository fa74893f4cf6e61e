# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the dead server's host gives back is believed only as far as it has the shape that it should have."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import io
import json
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._binlog import dead_host
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import PART, Question, answer, place_in, stream, understand
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import StillRunning
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids

QUESTION = Question("mariadb", parse_gtids("mariadb", "0-1-6"), "/data", 9.0)


def packed(events: bytes) -> str:
    return base64.b64encode(zlib.compress(events)).decode()


PLACE = {"file": "/data/binlog.000001", "position": 4711, "inside": True, "last_file": "/data/binlog.000002", "last_position": 99}
GOOD = {"found": [["0-1", 7, 8]], "events": packed(b"events"), "place": PLACE, "trouble": None, "changed": False}


def test_an_answer_is_read() -> None:
    reading = understand(QUESTION, GOOD)
    assert (str(reading.found), reading.runs, reading.events, reading.place, reading.trouble) == ("0-1-7..8", [("0-1", 7, 8)], b"events", PLACE, None)
    assert understand(QUESTION, {"found": [], "events": "", "place": None, "trouble": None}).found.count() == 0
    mysql = Question("mysql", parse_gtids("mysql", ""), "/data", 9.0)
    tagged = {"found": [["00000000-1111-2222-3333-444455556666:tag", 5, 6]], "events": "", "trouble": "encrypted"}
    assert (understand(mysql, tagged).found.count(), understand(mysql, tagged).trouble) == (2, "encrypted")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"found": None}, "not what was asked for"),
        ({"found": 5}, "not what was asked for"),
        ({"found": {"0-1-7": 1}}, "not what was asked for"),
        ({"events": None}, "not what was asked for"),
        ({"trouble": ["no program"]}, "not what was asked for"),
        ({"place": "here"}, "not what was asked for"),
        ({"place": {**PLACE, "position": "4"}}, "not what was asked for"),
        ({"found": ["garbage"]}, "does not name transactions"),
        ({"found": [["0-1", 8, 7]]}, "does not name transactions"),
        ({"found": [["0-1", 0, 7]]}, "does not name transactions"),
        ({"found": [["0-1", True, 7]]}, "does not name transactions"),
        ({"found": [["garbage", 7, 8]]}, "cannot be understood"),
        ({"found": [["0-1-7,0-1", 7, 8]]}, "does not name transactions|cannot be understood"),
        ({"found": [["0-1", 6, 8]]}, "not asked for"),
        ({"events": "no base64!"}, "cannot be understood"),
        ({"events": "caf\u00e9"}, "cannot be understood"),
        ({"events": base64.b64encode(zlib.compress(b"BEGIN;\nCOMMIT;\n")[:-5]).decode()}, "break off"),
        ({"events": base64.b64encode(b"not compressed").decode()}, "cannot be understood"),
        ({"failed": True, "msg": "MODULE FAILURE"}, "MODULE FAILURE"),
        ({"failed": True}, "ended without a result"),
        ({"failed": True, "problems": "none", "msg": "odd"}, "odd"),
        ({"failed": True, "problems": [{"code": "salvage_failed", "message": "there are no binary logs"}]}, "there are no binary logs"),
    ],
)
def test_what_is_not_an_answer_is_told(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ExtractFailed, match=says) as failed:
        understand(QUESTION, {**GOOD, **changes})
    assert not isinstance(failed.value, StillRunning)


def test_a_later_answer_finds_no_more() -> None:
    with pytest.raises(ExtractFailed, match="not what was asked for"):
        understand(dataclasses.replace(QUESTION, place=place_in(PLACE)), GOOD)


def test_a_server_that_still_runs_is_told_apart() -> None:
    with pytest.raises(StillRunning, match="process 7 still has"):
        understand(QUESTION, {"failed": True, "problems": [{"code": "primary_maybe_alive", "message": "process 7 still has the binary logs open"}]})


def test_no_more_is_unpacked_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_host, "_LARGEST_PART", 1 << 20)
    assert len(understand(QUESTION, {**GOOD, "events": packed(bytes(1 << 20))}).events) == 1 << 20
    with pytest.raises(ExtractFailed, match="more than 1 MB"):
        understand(QUESTION, {**GOOD, "events": packed(bytes((1 << 20) + 1))})


def event(kind: int, body: bytes) -> bytes:
    return struct.pack("<IBIIIH", 1700000000, kind, 1, 19 + len(body), 0, 0) + body


def transaction(number: int, size: int) -> list[bytes]:
    """Return the events of one with rows of a size, of which nothing can be packed, and with the statement that changed them."""
    content = random.Random(number).randbytes(size)
    return [event(162, struct.pack("<QIB", number, 0, 0) + bytes(6)), event(160, b"UPDATE"), event(23, content), event(16, bytes(8))]


@pytest.mark.parametrize("name", ["binlog", "a%41 b\x1b[2J\u202e\udcff"])
def test_what_is_given_in_parts_is_everything_but_comments_however_it_is_asked_for(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_host, "_PACKED", 400_000)
    format_ = event(15, b"\x04\x00" + b"10.11.6-MariaDB".ljust(50, b"\0") + bytes(38) + b"\0" + bytes(4))
    transactions = [transaction(number, size) for number, size in enumerate((100_000, 900_000, 300_000, 300_000, 100_000), 1)]
    for number, part in enumerate((transactions[:3], transactions[3:]), 1):
        content = b"\xfebin" + format_ + b"".join(each for events in part for each in events)
        (tmp_path / f"{name}.{number:06d}").write_bytes(content)
    question = Question("mariadb", parse_gtids("mariadb", ""), str(tmp_path), 60.0)
    first = understand(question, answer(question))
    assert (first.runs, first.trouble) == ([("0-1", 1, 5)], None)
    assert first.place is not None
    assert json.dumps(first.place, ensure_ascii=False).isascii()  # a place is carried there and back, which bytes of a name would not survive
    with pytest.raises(ExtractFailed, match="from where on"):
        stream(question, io.BytesIO())

    question = dataclasses.replace(question, place=first.place)
    asked = [first.events]
    while question.place is not None:
        reading = understand(question, answer(question))
        asked.append(reading.events)
        question = dataclasses.replace(question, place=reading.place)

    given = io.BytesIO()
    stream(dataclasses.replace(question, place=first.place, stream=True), given)
    given.seek(0)
    streamed, more = [first.events], [True]
    for line in given:
        length, follows = line.rpartition(PART)[2].split()
        streamed.append(understand(question, {"found": [], "events": given.read(int(length))}).events)
        more.append(bool(int(follows)))
    # One event that is larger than what is given at once is not in the first part, which is copied more often.
    assert [len(part) // 100_000 for part in streamed] == [len(part) // 100_000 for part in asked] == [1, 9, 6, 1]
    assert more == [True, True, True, False]
    expected = b"".join(each for events in transactions for each in events if each[4] != 160)
    assert all(b"".join(parts).replace(format_, b"") == expected for parts in (asked, streamed))
    assert all(part.startswith(format_) for part in streamed)


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@given(st.dictionaries(st.sampled_from(["found", "events", "place", "trouble", "failed", "msg", "problems"]), values))
def test_whatever_comes_is_an_answer_or_told(answer: dict[str, Any]) -> None:
    with contextlib.suppress(ExtractFailed):
        reading = understand(QUESTION, answer)
        assert not answer.get("failed")
        assert [list(run) for run in reading.runs] == [list(run) for run in answer["found"]]
