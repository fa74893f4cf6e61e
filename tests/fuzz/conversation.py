# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What real servers have answered (``corpus``), and servers that give these answers again, as they were or changed."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils import fake_server as fake

CORPUS = Path(__file__).parent / "corpus"

Payloads = list[bytes]
Mutation = Callable[[Payloads], Payloads]
"""Takes the packets of one answer, without their headers."""

_LONGLONG, _DOUBLE, _VAR_STRING = 8, 5, 253
_EOF = b"\xfe\0\0\x02\0"
_QUERY, _QUIT, _DUMP = 3, 1, 18


def text_of(value: Any) -> bytes:
    """Encode a text of the protocol, with its length; NULL has a sign of its own."""
    if value is None:
        return b"\xfb"
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
    size = len(data)
    length = bytes([size]) if size < 251 else b"\xfc" + struct.pack("<H", size) if size < 65536 else b"\xfd" + struct.pack("<I", size)[:3]
    return length + data


def _column(name: str, values: list[Any]) -> bytes:
    kinds = {type(value) for value in values if value is not None}
    kind = _LONGLONG if kinds == {int} else _DOUBLE if kinds == {float} else _VAR_STRING
    described = b"".join(map(text_of, ("def", "", "", "", name, name)))
    return described + b"\x0c" + struct.pack("<HIBHBH", 45, 1024, kind, 0, 0, 0)


def payloads_of(answer: dict[str, Any]) -> Payloads:
    """Return the packets of an answer: an error, rows, or that it is done."""
    if "errno" in answer:
        return [b"\xff" + struct.pack("<H", answer["errno"]) + b"#HY000" + answer["message"].encode()]
    rows = answer["rows"]
    if not rows:
        return [fake.OK]
    columns = [_column(name, [row[name] for row in rows]) for name in rows[0]]
    return [bytes([len(columns)]), *columns, _EOF, *(b"".join(text_of(row[name]) for name in rows[0]) for row in rows), _EOF]


class Scene:
    """What the servers of a cluster have answered during a piece of work: to each, and in which order."""

    def __init__(self, name: str) -> None:
        told = json.loads((CORPUS / f"{name}.json").read_text(encoding="utf-8"))
        self.name = name
        self.calls: list[dict[str, Any]] = told["calls"]
        self.servers: dict[str, dict[str, Any]] = told["servers"]

    @contextlib.contextmanager
    def played(self, mutation_of: Callable[[str], Mutation]) -> Iterator[dict[str, int]]:
        """Let servers give these answers again, each with its own changes, also of its greeting. Gives the ports at which they listen, by their names."""
        ports: dict[str, int] = {}
        with contextlib.ExitStack() as stack:
            for name, server in self.servers.items():
                player = _Player(server, self.servers, ports, mutation_of(name))
                ports[name] = stack.enter_context(fake.fake_server(player.behave)).port
            yield ports


class _Player:
    def __init__(self, told: dict[str, Any], servers: dict[str, dict[str, Any]], ports: dict[str, int], mutate: Mutation) -> None:
        self._told = told
        self._servers = servers
        self._ports = ports
        self._mutate = mutate
        self._lock = threading.Lock()
        self._greeted = 0
        self._asked: dict[str, int] = defaultdict(int)

    def behave(self, connection: socket.socket, _ended: threading.Event) -> None:
        with self._lock:
            connection_id = self._told["connections"][min(self._greeted, len(self._told["connections"]) - 1)]
            self._greeted += 1
        greeting = fake.greeting(self._told["version"])[4:].replace(b"\0" + struct.pack("<I", 7), b"\0" + struct.pack("<I", connection_id), 1)
        self._send(connection, 0, [greeting])
        login = fake.receive(connection)
        if not login:
            return
        user = login[32:].split(b"\0", 1)[0].decode("utf-8", "replace")
        self._send(connection, 2, [fake.OK])
        while True:
            asked = fake.receive(connection)
            if not asked or asked[0] == _QUIT:
                return
            if asked[0] == _DUMP:
                self._send(connection, 1, [b"\0" + bytes.fromhex(event) for event in self._told["events"]] + [_EOF])
            else:
                self._send(connection, 1, payloads_of(self._answer(f"{user}: {normal(asked[1:].decode('utf-8', 'replace'))}")))

    def _send(self, connection: socket.socket, number: int, payloads: Payloads) -> None:
        connection.sendall(b"".join(fake.packet((number + index) % 256, payload) for index, payload in enumerate(self._mutate(payloads))))

    def _answer(self, text: str) -> dict[str, Any]:
        with self._lock:
            known = self._told["answers"].get(text)
            if known is None:
                return {"rows": []}
            index = self._asked[text]
            self._asked[text] += 1
        return self._here(known[min(index, len(known) - 1)])

    def _here(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Put the ports at which the servers listen now in the place of those at which they did."""
        now = {server["port"]: self._ports[name] for name, server in self._servers.items() if name in self._ports}

        def here(value: Any) -> Any:
            if isinstance(value, str):
                return re.sub(r"\b\d{5}\b", lambda found: str(now.get(int(found.group()), found.group())), value)
            return now.get(value, value) if isinstance(value, int) else value

        return {**answer, "rows": [{name: here(value) for name, value in row.items()} for row in answer["rows"]]} if "rows" in answer else answer


def normal(text: str) -> str:
    """Return a statement as it is looked up: ports and numbers of connections differ from run to run."""
    return re.sub(r"\b\d+\b", "0", text)
