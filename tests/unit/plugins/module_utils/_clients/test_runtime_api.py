# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A question to a proxy: whatever is at the other end, it is answered in time, or it is said why not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients import runtime_api
from ansible_collections.dbha.mysql.plugins.module_utils._clients.runtime_api import NoAnswer, ProxyAddress, ask, proxy_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.5:9999", ("", "10.0.0.5", 9999)),
        (" proxy-1.example.com:1 ", ("", "proxy-1.example.com", 1)),
        ("[fd00::5]:9999", ("", "fd00::5", 9999)),
        ("/run/haproxy/admin.sock", ("/run/haproxy/admin.sock", "", 0)),
        ("./admin.sock", ("./admin.sock", "", 0)),
    ],
)
def test_an_address_is_a_path_or_host_and_port(text: str, address: tuple[str, str, int]) -> None:
    found = proxy_address(text)
    assert found is not None
    assert (found.path, found.host, found.port) == address
    assert found.name == text.strip()


NONE = ["", "proxy", "proxy:", ":9999", "proxy:0", "proxy:65536", "proxy:²", "proxy:1e3", "fd00::5:9999", "a b:1", "/" + "x" * 107, "/\0"]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_address_is_none(text: str) -> None:
    assert proxy_address(text) is None


Behaviour = Callable[[socket.socket], None]


@contextmanager
def listening(behaviour: Behaviour) -> Iterator[ProxyAddress]:
    """Let something listen that behaves so towards whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                behaviour(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield ProxyAddress("proxy", host="127.0.0.1", port=listener.getsockname()[1])
        thread.join(10)


def question(proxy: ProxyAddress, seconds: float = 10) -> str:
    return ask(proxy, "show info", time.monotonic() + seconds)


def test_an_answer_is_read_until_its_end_whatever_bytes_are_in_it() -> None:
    asked = []

    def answer(connection: socket.socket) -> None:
        asked.append(connection.recv(100))
        connection.sendall(b"one ")
        connection.sendall(b"\xff\n")

    with listening(answer) as proxy:
        assert question(proxy) == "one \\xff\n"
    assert asked == [b"show info\n"]


def silent(connection: socket.socket) -> None:
    while connection.recv(100):
        pass


def dripping(connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(b".")
            time.sleep(0.02)
    except OSError:
        pass


def closing(connection: socket.socket) -> None:
    connection.recv(100)


@pytest.mark.parametrize("behaviour", [silent, dripping])
def test_what_does_not_answer_costs_no_more_than_its_time(behaviour: Behaviour) -> None:
    with listening(behaviour) as proxy, pytest.raises(NoAnswer, match="did not answer in time"):
        question(proxy, 0.3)


def test_what_closes_the_connection_has_not_answered() -> None:
    with listening(closing) as proxy, pytest.raises(NoAnswer, match="without an answer"):
        question(proxy)


def test_an_answer_that_has_no_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_api, "_LONGEST", 1000)
    with listening(dripping_fast) as proxy, pytest.raises(NoAnswer, match="more than 1000 bytes"):
        question(proxy)


def dripping_fast(connection: socket.socket) -> None:
    try:
        while True:
            connection.sendall(b"." * 600)
    except OSError:
        pass


def test_who_cannot_be_reached_is_told_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NoAnswer, match="Connection refused"):
        question(ProxyAddress("proxy", host="127.0.0.1", port=port))
    with pytest.raises(NoAnswer, match="No such file or directory"):
        question(ProxyAddress("proxy", path=str(tmp_path / "none.sock")))
    with pytest.raises(NoAnswer):
        question(ProxyAddress("proxy", host="a..b", port=1))
    with pytest.raises(NoAnswer, match="in time"):
        ask(ProxyAddress("proxy", host="127.0.0.1", port=port), "show info", time.monotonic() - 1)


def test_of_two_addresses_the_one_that_is_silent_does_not_hold_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"here\n")

    # Whose queue is full answers nobody.
    with listening(answer) as proxy, socket.create_server(("127.0.0.2", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        places = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in (full.getsockname(), ("127.0.0.1", proxy.port))]
        monkeypatch.setattr(runtime_api, "find_addresses", lambda _address, _seconds: places)
        assert question(ProxyAddress("proxy", host="proxy.example", port=1), 8) == "here\n"
