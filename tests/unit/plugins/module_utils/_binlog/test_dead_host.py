# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the dead server's host gives back is believed only as far as it has the shape that it should have."""

from __future__ import annotations

import base64
import contextlib
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._binlog import dead_host
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Reading, understand
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.files import StillRunning


def packed(sql: bytes) -> str:
    return base64.b64encode(zlib.compress(sql)).decode()


GOOD = {"found": ["0-1-7", "0-1-8"], "sql": packed(b"BEGIN;\nCOMMIT;\n"), "trouble": None, "changed": False}


def test_an_answer_is_read() -> None:
    assert understand("mariadb", GOOD) == Reading(("0-1-7", "0-1-8"), b"BEGIN;\nCOMMIT;\n", None)
    assert understand("mariadb", {"found": [], "sql": "", "trouble": None}) == Reading()
    assert understand("mysql", {"found": ["00000000-1111-2222-3333-444455556666:tag:5"], "sql": "", "trouble": "no program"}).trouble == "no program"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"found": None}, "not what was asked for"),
        ({"found": 5}, "not what was asked for"),
        ({"found": {"0-1-7": 1}}, "not what was asked for"),
        ({"sql": None}, "not what was asked for"),
        ({"trouble": ["no program"]}, "not what was asked for"),
        ({"found": ["garbage"]}, "cannot be understood"),
        ({"found": ["0-1-7,0-1-8"]}, "does not name a transaction"),
        ({"found": [""]}, "does not name a transaction"),
        ({"found": [None]}, "cannot be understood"),
        ({"sql": "no base64!"}, "cannot be understood"),
        ({"sql": "caf\u00e9"}, "cannot be understood"),
        ({"sql": base64.b64encode(zlib.compress(b"BEGIN;\nCOMMIT;\n")[:-5]).decode()}, "breaks off"),
        ({"sql": base64.b64encode(b"not compressed").decode()}, "cannot be understood"),
        ({"failed": True, "msg": "MODULE FAILURE"}, "MODULE FAILURE"),
        ({"failed": True}, "ended without a result"),
        ({"failed": True, "problems": "none", "msg": "odd"}, "odd"),
        ({"failed": True, "problems": [{"code": "salvage_failed", "message": "there are no binary logs"}]}, "there are no binary logs"),
    ],
)
def test_what_is_not_an_answer_is_told(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ExtractFailed, match=says) as failed:
        understand("mariadb", {**GOOD, **changes})
    assert not isinstance(failed.value, StillRunning)


def test_a_server_that_still_runs_is_told_apart() -> None:
    with pytest.raises(StillRunning, match="process 7 still has"):
        understand("mariadb", {"failed": True, "problems": [{"code": "primary_maybe_alive", "message": "process 7 still has the binary logs open"}]})


def test_no_more_is_unpacked_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_host, "_MOST_SQL", 1 << 20)
    assert len(understand("mariadb", {**GOOD, "sql": packed(bytes(1 << 20))}).sql) == 1 << 20
    with pytest.raises(ExtractFailed, match="more than 1 MB"):
        understand("mariadb", {**GOOD, "sql": packed(bytes((1 << 20) + 1))})


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@given(st.dictionaries(st.sampled_from(["found", "sql", "trouble", "failed", "msg", "problems"]), values))
def test_whatever_comes_is_an_answer_or_told(answer: dict[str, Any]) -> None:
    with contextlib.suppress(ExtractFailed):
        reading = understand("mysql", answer)
        assert not answer.get("failed")
        assert list(reading.found) == answer["found"]
