# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Transactions that MySQL has compressed (``binlog_transaction_compression``), with Zstandard, which Python's own library has from 3.14 on only.

Its C library is on nearly every Linux: dpkg, rpm and systemd need it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._logged.events import BinlogError

if t.TYPE_CHECKING:
    from collections.abc import Iterator

_END, _SIZE, _KIND, _UNPACKED_SIZE = range(4)
_ZSTD, _NONE = 0, 255
_PIECE = 1 << 20

# As every major version names it, and as the linker finds it.
_LIBRARIES = ("libzstd.so.1",)


class _Buffer(ctypes.Structure):
    """``ZSTD_inBuffer`` and ``ZSTD_outBuffer``: where, how long, and how far."""

    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_size_t), ("position", ctypes.c_size_t))


def unpacked(body: bytes, gtid: str) -> Iterator[bytes]:
    """Yield what a ``Transaction_payload_event`` holds, in pieces. Raises ``BinlogError`` where it cannot be unpacked, ``ValueError`` for damage."""
    position, kind, size = 0, _ZSTD, 0
    while True:
        field, position = _length(body, position)
        if field == _END:
            break
        length, position = _length(body, position)
        if field == _KIND:
            kind, _after = _length(body, position)
        elif field == _UNPACKED_SIZE:
            size, _after = _length(body, position)
        position += length
    payload = body[position:]
    if kind == _NONE:
        yield payload
    elif kind == _ZSTD:
        given = 0
        for piece in _zstd(payload, gtid):
            given += len(piece)
            yield piece
        if given != size:
            raise ValueError("it has %d bytes once it is unpacked, and says %d" % (given, size))
    else:
        raise BinlogError("%s is compressed in a way that is not known (%d)" % (gtid, kind))


def _length(body: bytes, position: int) -> t.Tuple[int, int]:
    """Read a number as the client's protocol has lengths, and return it and what is after it."""
    first = body[position]
    more = {252: 2, 253: 3, 254: 8}.get(first, 0)
    if not more:
        return first, position + 1
    return int.from_bytes(body[position + 1 : position + 1 + more], "little"), position + 1 + more


def _zstd(payload: bytes, gtid: str) -> Iterator[bytes]:
    library = _library()
    if library is None:
        raise BinlogError("%s is compressed, and the library of Zstandard (libzstd.so.1) is not installed where Ansible runs" % gtid)
    stream = library.ZSTD_createDStream()
    try:
        given = ctypes.create_string_buffer(payload, len(payload))
        taken = ctypes.create_string_buffer(_PIECE)
        source = _Buffer(ctypes.cast(given, ctypes.c_void_p), len(payload), 0)
        while True:
            target = _Buffer(ctypes.cast(taken, ctypes.c_void_p), _PIECE, 0)
            left = library.ZSTD_decompressStream(stream, ctypes.byref(target), ctypes.byref(source))
            if library.ZSTD_isError(left):
                raise ValueError("it cannot be unpacked")
            yield taken.raw[: target.position]
            if source.position == source.size and target.position < _PIECE:
                return
    finally:
        library.ZSTD_freeDStream(stream)


def _library() -> t.Optional[ctypes.CDLL]:
    for name in (*_LIBRARIES, ctypes.util.find_library("zstd")):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if library is not None:
            library.ZSTD_createDStream.restype = ctypes.c_void_p
            library.ZSTD_freeDStream.argtypes = (ctypes.c_void_p,)
            library.ZSTD_decompressStream.restype = ctypes.c_size_t
            library.ZSTD_decompressStream.argtypes = (ctypes.c_void_p, ctypes.POINTER(_Buffer), ctypes.POINTER(_Buffer))
            library.ZSTD_isError.argtypes = (ctypes.c_size_t,)
            return library
    return None
