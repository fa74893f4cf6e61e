# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failure to get through says about a server: only a refusal, an unreachable host and silence say that nothing listens there."""

from __future__ import annotations

import errno
import os
import socket
import time
import typing as t
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure, failure_of
from ansible_collections.dbha.mysql.plugins.module_utils._server import reach
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.fake_server import OK, answers, fake_server, packet

LIMIT = 0.4
# Whatever takes that long hangs, however busy the machine is.
HANGS = 30
DEAD, UNKNOWN = False, None


def found(address: Address, **limits: float) -> Failure:
    """Connect to what does not let us in, and say what is known of it then."""
    server = Server("db0", address, Login("failover", "x", **{"connect_timeout": LIMIT, **limits}))
    with pytest.raises(ServerError) as failed:
        server.connect()
    return failure_of("db0", failed.value)


@contextmanager
def full_queue(family: int, target: t.Any) -> Iterator[t.Any]:
    """Listen, accept nobody, and let the queue be full: what comes then is dropped by the kernel (TCP), or sent away (a path)."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.bind(target)
        listener.listen(0)
        for _place in range(4):
            client = stack.enter_context(socket.socket(family))
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()


class Network(socket.socket):
    """Sockets whose attempts to connect end as a table says: by port, or by path; with an error of the operating system, 0, or C(None) for silence."""

    ends: t.ClassVar[dict[t.Any, int | None]] = {}
    at_once: t.ClassVar[int | None] = None
    silent: t.ClassVar[t.Any] = None
    listening: t.ClassVar[t.Any] = None

    def __init__(self, *arguments: t.Any, **more: t.Any) -> None:
        if self.at_once is not None:
            raise OSError(self.at_once, os.strerror(self.at_once))
        super().__init__(*arguments, **more)

    def _end(self, address: t.Any) -> int | None:
        for key in (address, address[1], address[0]):
            if key in self.ends:
                return self.ends[key]
        return errno.EINPROGRESS

    def connect_ex(self, address: t.Any) -> int:
        code = self._end(address)
        return code or super().connect_ex(self.silent if code is None else self.listening)

    def connect(self, address: t.Any) -> None:
        code = self._end(address) or errno.EINPROGRESS
        raise OSError(code, os.strerror(code))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Network]]:
    monkeypatch.setattr(Network, "ends", {})
    monkeypatch.setattr(Network, "at_once", None)
    with full_queue(socket.AF_INET, ("127.0.0.1", 0)) as silent, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setattr(Network, "silent", silent)
        monkeypatch.setattr(Network, "listening", listener.getsockname())
        monkeypatch.setattr(reach.socket, "socket", Network)
        yield Network


EVERY_ERROR = sorted(set(errno.errorcode) - {errno.EINPROGRESS, errno.EINTR})
SAYS_THAT_NOTHING_LISTENS = {"ECONNREFUSED", "EHOSTUNREACH", "EHOSTDOWN", "ETIMEDOUT"}
SAYS_IT_AT_A_PATH = {"ENOENT", "ECONNREFUSED"}


@pytest.mark.parametrize("code", EVERY_ERROR, ids=lambda code: errno.errorcode[code])
def test_of_all_errors_at_a_port_four_say_that_nothing_listens_there(network: type[Network], code: int) -> None:
    network.ends = dict.fromkeys((3306, 22, 9), code)
    # A refusal at another port shows that the host is up; here the other ports are not refused.
    failure = found(Address("127.0.0.1", 3306))
    assert failure.alive is (DEAD if errno.errorcode[code] in SAYS_THAT_NOTHING_LISTENS else UNKNOWN)
    assert failure.refused is (code == errno.ECONNREFUSED)
    assert os.strerror(code) in failure.message


@pytest.mark.parametrize("code", EVERY_ERROR, ids=lambda code: errno.errorcode[code])
def test_of_all_errors_at_a_path_two_say_that_nothing_listens_there(network: type[Network], code: int) -> None:
    network.ends = {"/": code}
    failure = found(Address(unix_socket="/run/mysqld.sock"))
    assert failure.alive is (DEAD if errno.errorcode[code] in SAYS_IT_AT_A_PATH else UNKNOWN)
    assert failure.refused is (code == errno.ECONNREFUSED)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EPERM, errno.EACCES, errno.EAFNOSUPPORT])
def test_a_socket_that_cannot_be_had_says_nothing_about_the_server(network: type[Network], code: int) -> None:
    network.at_once = code
    for address in (Address("127.0.0.1", 3306), Address(unix_socket="/run/mysqld.sock")):
        assert found(address).alive is UNKNOWN


# What the port of the server says, what the other ports of its host say (SSH, discard), and what is known then.
SILENCE: dict[str, tuple[int | None, tuple[int | None, int | None], bool | None]] = {
    "the_host_is_off": (None, (None, None), DEAD),
    "the_host_refuses_at_another_port": (None, (None, errno.ECONNREFUSED), UNKNOWN),
    "the_host_lets_us_in_at_another_port": (None, (0, None), UNKNOWN),
    "the_other_ports_cannot_be_asked": (None, (errno.EPERM, errno.EPERM), DEAD),
    "the_network_says_that_the_host_is_off": (errno.EHOSTUNREACH, (errno.EHOSTUNREACH, errno.EHOSTUNREACH), DEAD),
    "the_host_says_at_one_port_that_it_is_off_and_answers_at_another": (errno.EHOSTUNREACH, (errno.ECONNREFUSED, errno.EHOSTUNREACH), UNKNOWN),
    "it_is_unreachable_and_silent_elsewhere": (errno.EHOSTUNREACH, (None, None), DEAD),
    "a_refusal_needs_no_confirmation": (errno.ECONNREFUSED, (0, 0), DEAD),
}


@pytest.mark.parametrize("case", SILENCE)
def test_a_host_that_is_up_while_its_server_is_silent_makes_nobody_dead(network: type[Network], case: str) -> None:
    own, (ssh, discard), alive = SILENCE[case]
    network.ends = {3306: own, 22: ssh, 9: discard}
    begun = time.monotonic()
    failure = found(Address("127.0.0.1", 3306))
    assert failure.alive is alive
    assert ("its host is up" in failure.message) is (alive is UNKNOWN)
    assert time.monotonic() - begun < HANGS


def test_a_server_that_hangs_with_a_full_queue_may_be_alive(tmp_path: Path) -> None:
    with full_queue(socket.AF_INET, ("127.0.0.1", 0)) as (host, port):
        failure = found(Address(host, port))
    assert failure.alive is UNKNOWN
    assert "timed out, although its host is up" in failure.message
    with full_queue(socket.AF_UNIX, str(tmp_path / "s")) as path:
        failure = found(Address(unix_socket=path))
    assert failure.alive is UNKNOWN
    assert "its queue of connections is full" in failure.message


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 300, "::g"])
def test_a_server_whose_name_does_not_resolve_may_be_alive(host: str) -> None:
    assert found(Address(host)).alive is UNKNOWN


def resolving(monkeypatch: pytest.MonkeyPatch, *targets: tuple[str, int], seconds: float = 0) -> None:
    """Let a name have these addresses, found after a while."""
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *arguments: t.Any, flags: int = 0, **more: t.Any) -> t.Any:
        if flags & socket.AI_NUMERICHOST:
            return real(host, port, *arguments, flags=flags, **more)
        time.sleep(seconds)
        return [info for target in targets for info in real(*target, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


V4, OTHER_V4, V6 = ("192.0.2.7", 3306), ("192.0.2.8", 3306), ("2001:db8::7", 3306)

# What each address of a name says, and what is known then.
ADDRESSES: dict[str, tuple[dict[tuple[str, int], int | None], bool | None]] = {
    "all_refuse": ({V4: errno.ECONNREFUSED, OTHER_V4: errno.ECONNREFUSED}, DEAD),
    "one_refuses_and_one_is_silent": ({V4: errno.ECONNREFUSED, OTHER_V4: None}, DEAD),
    "one_refuses_and_one_could_not_be_asked": ({V4: errno.ECONNREFUSED, OTHER_V4: errno.EPERM}, UNKNOWN),
    "the_last_one_refuses": ({V4: errno.ENETUNREACH, OTHER_V4: errno.ECONNREFUSED}, UNKNOWN),
    "we_have_no_ipv6": ({V6: errno.ENETUNREACH, V4: errno.ECONNREFUSED}, DEAD),
    "we_have_no_ipv6_address": ({V6: errno.EADDRNOTAVAIL, V4: errno.ECONNREFUSED}, DEAD),
    # It may listen there, and nowhere else.
    "we_have_no_way_by_ipv4": ({V4: errno.ENETUNREACH, V6: errno.ECONNREFUSED}, UNKNOWN),
    "we_have_no_way_at_all": ({V4: errno.ENETUNREACH, V6: errno.ENETUNREACH}, UNKNOWN),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_of_a_name_with_several_addresses_each_must_say_it(network: type[Network], monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    ends, alive = ADDRESSES[case]
    network.ends = {**{(target[0], target[1]): code for target, code in ends.items()}, V6[0]: ends.get(V6), 22: None, 9: None}
    resolving(monkeypatch, *ends)
    assert found(Address("db0.example.org", 3306)).alive is alive


def test_a_silent_address_does_not_use_up_the_time_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_server(answers(lambda text: packet(1, OK))) as address, full_queue(socket.AF_INET, ("127.0.0.3", address.port)):
        resolving(monkeypatch, ("127.0.0.3", address.port), ("127.0.0.1", address.port))
        begun = time.monotonic()
        server = Server("db0", Address("db0.example.org", address.port), Login("x", "y", connect_timeout=20))
        server.connect()
        assert server.is_open
        assert time.monotonic() - begun < 18  # it is given 2 s
        server.close()


def test_a_slow_resolver_takes_none_of_the_time_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_server(answers(lambda text: packet(1, OK))) as address:
        resolving(monkeypatch, ("127.0.0.1", address.port), seconds=1.8)
        server = Server("db0", Address("db0.example.org", address.port), Login("x", "y", connect_timeout=2))
        server.connect()
        assert server.is_open
        server.close()


def test_a_server_that_is_asked_in_a_hurry_is_found_by_its_name_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ("127.0.0.1", 1), seconds=LIMIT * 1.5)
    assert found(Address("db0.example.org", 1)).alive is UNKNOWN
    assert found(Address("db0.example.org", 1), connect_timeout=HANGS, greet_timeout=LIMIT).alive is DEAD


def test_many_addresses_are_all_asked(network: type[Network], monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [(f"192.0.2.{number}", 3306) for number in range(1, 40)]
    network.ends = {**dict.fromkeys(targets), 22: None, 9: None}
    resolving(monkeypatch, *targets)
    assert found(Address("db0.example.org", 3306)).alive is DEAD
