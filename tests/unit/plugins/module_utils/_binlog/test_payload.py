# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transactions that MySQL has compressed: what is in them, and what cannot be read."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._binlog import payload
from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import BinlogError

# "hello", by zstd -19 --no-check.
HELLO = bytes.fromhex("28b52ffd2005290000") + b"hello"


def body(content: bytes, *, kind: int = 0, size: int = 5) -> bytes:
    """Return an event: its fields (what it is, how long that is, itself), and then what was compressed."""
    number = bytes([kind]) if kind < 251 else b"\xfc" + kind.to_bytes(2, "little")
    return b"".join([b"\x02", bytes([len(number)]), number, b"\x03\x01", bytes([size]), b"\x07\x02??", b"\x00", content])


def test_it_is_unpacked() -> None:
    assert b"".join(payload.unpacked(body(HELLO), "1-1-1")) == b"hello"
    assert b"".join(payload.unpacked(body(b"hello", kind=255), "1-1-1")) == b"hello"


@pytest.mark.parametrize(
    ("event", "message"),
    [
        pytest.param(body(HELLO, size=7), "it has 5 bytes once it is unpacked, and says 7", id="another length"),
        pytest.param(body(b"no such thing"), "it cannot be unpacked", id="damaged"),
        pytest.param(body(HELLO, kind=9), r"1-1-1 is compressed in a way that is not known \(9\)", id="unknown"),
    ],
)
def test_what_cannot_be_unpacked_is_told(event: bytes, message: str) -> None:
    with pytest.raises((BinlogError, ValueError), match=message):
        list(payload.unpacked(event, "1-1-1"))


def test_without_the_library_it_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "_LIBRARIES", ("libnone.so.1",))
    monkeypatch.setattr(payload.ctypes.util, "find_library", lambda _name: None)
    with pytest.raises(BinlogError, match="1-1-1 is compressed, and the library of Zstandard"):
        list(payload.unpacked(body(HELLO), "1-1-1"))
