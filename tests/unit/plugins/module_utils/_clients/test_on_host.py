# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host decides by itself, and the frames that it sends. tests/integration/test_address.py has hosts that really do it."""

from __future__ import annotations

import ast
import io
import struct
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients import on_host
from ansible_collections.dbha.mysql.plugins.module_utils._clients.on_host import (
    Held,
    Impossible,
    announcements,
    answer,
    goes_with,
    held_in,
    is_asked_for,
    is_solicited,
    place_for,
    question,
    refusal,
    who_advertises,
    who_answers,
)

SHOWN = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
1: lo    inet6 ::1/128 scope host \\       valid_lft forever preferred_lft forever
2: eth0@if7    inet 10.0.0.10/24 brd 10.0.0.255 scope global eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.100/24 scope global secondary eth0\\       valid_lft forever preferred_lft forever
2: eth0    inet6 2001:db8::10/64 scope global \\       valid_lft forever preferred_lft forever
3: tun0    inet 192.0.2.1 peer 192.0.2.2/32 scope global tun0\\       valid_lft forever preferred_lft forever
4: eth1    inet 10.1.0.1/32 scope global eth1\\       valid_lft forever preferred_lft forever
"""
HELD = held_in(SHOWN)
OURS, THEIRS = b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\2"


def test_what_ip_says_is_read() -> None:
    assert held_in(SHOWN) == [
        Held("lo", "127.0.0.1", 8, False),
        Held("lo", "::1", 128, False),
        Held("eth0", "10.0.0.10", 24, False),
        Held("eth0", "10.0.0.100", 24, True),
        Held("eth0", "2001:db8::10", 64, False),
        Held("tun0", "192.0.2.1", 32, False),
        Held("eth1", "10.1.0.1", 32, False),
    ]


@pytest.mark.parametrize(
    ("wanted", "interface", "place"),
    [
        # Where it is.
        ("10.0.0.100", "", Held("eth0", "10.0.0.100", 24, True)),
        ("10.0.0.100/32", "eth1", Held("eth0", "10.0.0.100", 24, True)),
        # Beside another one of its network.
        ("10.0.0.101", "", Held("eth0", "10.0.0.101", 24, False)),
        ("10.0.0.101/32", "", Held("eth0", "10.0.0.101", 32, False)),
        ("2001:db8::1:1", "", Held("eth0", "2001:db8::1:1", 64, False)),
        # Where it is named.
        ("10.0.0.101", "eth0", Held("eth0", "10.0.0.101", 24, False)),
        ("10.0.0.101", "eth1", Held("eth1", "10.0.0.101", 32, False)),
        ("192.0.2.77/24", "eth1", Held("eth1", "192.0.2.77", 24, False)),
        ("2001:db8:1::1", "eth0", Held("eth0", "2001:db8:1::1", 128, False)),
    ],
)
def test_an_address_is_added_beside_another_one_of_its_network(wanted: str, interface: str, place: Held) -> None:
    assert place_for(wanted, interface, HELD) == place


@pytest.mark.parametrize("wanted", ["127.0.0.2", "192.0.2.2", "10.1.0.2", "2001:db8:1::1", "10.2.0.1/8"])
def test_where_no_interface_is_in_its_network_it_has_to_be_named(wanted: str) -> None:
    with pytest.raises(Impossible, match="name one"):
        place_for(wanted, "", [each for each in HELD if each.address != "10.0.0.10"] if wanted.endswith("/8") else HELD)


def test_what_goes_with_the_first_address_of_a_network() -> None:
    second = Held("eth0", "10.0.0.102", 24, True)
    assert goes_with(HELD[2], [*HELD, second]) == ["10.0.0.100", "10.0.0.102"]
    assert goes_with(HELD[3], [*HELD, second]) == []
    assert goes_with(HELD[4], HELD) == []
    assert goes_with(HELD[6], HELD) == []


def test_the_question_says_not_that_we_have_it() -> None:
    frame = question("10.0.0.100", OURS)
    assert (frame[:6], frame[6:12], frame[12:14], frame[20:22]) == (b"\xff" * 6, OURS, b"\x08\x06", b"\0\1")
    assert (frame[22:28], frame[28:32], frame[38:42]) == (OURS, bytes(4), ip_address("10.0.0.100").packed)
    frame = question("2001:db8::12:3456", OURS)
    assert (frame[:6], frame[12:14], frame[21]) == (b"\x33\x33\xff\x12\x34\x56", b"\x86\xdd", 255)
    assert (frame[22:38], frame[38:54]) == (bytes(16), ip_address("ff02::1:ff12:3456").packed)
    assert (frame[54], frame[62:78]) == (135, ip_address("2001:db8::12:3456").packed)
    assert _sum_of(frame) == 0xFFFF


def test_all_are_told_who_has_it_now() -> None:
    asks, says = announcements("10.0.0.100", OURS)
    packed = ip_address("10.0.0.100").packed
    assert [frame[20:22] for frame in (asks, says)] == [b"\0\1", b"\0\2"]
    assert all((frame[22:28], frame[28:32], frame[38:42]) == (OURS, packed, packed) for frame in (asks, says))
    (frame,) = announcements("2001:db8::64", OURS)
    assert (frame[:6], frame[22:38], frame[38:54]) == (b"\x33\x33\0\0\0\1", ip_address("2001:db8::64").packed, ip_address("ff02::1").packed)
    # Override: what others had in their caches is replaced.
    assert (frame[54], frame[58], frame[62:78], frame[78:86]) == (136, 0x20, ip_address("2001:db8::64").packed, b"\x02\x01" + OURS)
    assert _sum_of(frame) == 0xFFFF


def _sum_of(frame: bytes) -> int:
    """Return the sum that whoever receives a message of ICMPv6 makes (RFC 4443): all bits, if it is whole."""
    message = frame[54:]
    summed = frame[22:54] + len(message).to_bytes(4, "big") + b"\0\0\0\x3a" + message
    total = sum(int.from_bytes(summed[at : at + 2], "big") for at in range(0, len(summed), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_who_answers_has_it() -> None:
    theirs = announcements("10.0.0.100", THEIRS)
    assert [who_answers("10.0.0.100", OURS, frame) for frame in theirs] == ["02:00:00:00:00:02"] * 2
    assert who_answers("10.0.0.100", THEIRS, theirs[0]) is None
    assert who_answers("10.0.0.101", OURS, theirs[0]) is None
    assert who_answers("10.0.0.100", OURS, theirs[0][:30]) is None
    # Somebody who asks before taking it has it not.
    assert who_answers("10.0.0.100", OURS, question("10.0.0.100", THEIRS)) is None
    (frame,) = announcements("2001:db8::64", THEIRS)
    message = frame[54:]
    assert who_advertises("2001:db8::64", OURS, message) == "02:00:00:00:00:02"
    assert who_advertises("2001:db8::64", THEIRS, message) is None
    assert who_advertises("2001:db8::65", OURS, message) is None
    assert who_advertises("2001:db8::64", OURS, message[:20]) is None
    assert who_advertises("2001:db8::64", OURS, message[:24]) == "unknown"
    assert who_advertises("2001:db8::64", OURS, question("2001:db8::64", THEIRS)[54:]) is None


def test_who_asks_for_it_is_heard() -> None:
    assert is_asked_for("10.0.0.100", OURS, question("10.0.0.100", THEIRS))
    assert not is_asked_for("10.0.0.100", THEIRS, question("10.0.0.100", THEIRS))
    assert not is_asked_for("10.0.0.101", OURS, question("10.0.0.100", THEIRS))
    assert not is_asked_for("10.0.0.100", OURS, question("10.0.0.100", THEIRS)[:30])
    # Whoever tells that it has it asks for nothing.
    assert not any(is_asked_for("10.0.0.100", OURS, frame) for frame in announcements("10.0.0.100", THEIRS))
    message = question("2001:db8::64", THEIRS)[54:]
    assert is_solicited("2001:db8::64", OURS, message)
    assert not is_solicited("2001:db8::65", OURS, message)
    assert not is_solicited("2001:db8::64", OURS, message[:20])
    assert not is_solicited("2001:db8::64", OURS, announcements("2001:db8::64", THEIRS)[0][54:])


def segment(source: str, target: str, flags: int, *, payload: bytes = b"", mac: bytes = OURS) -> bytes:
    """Return what a client sends over TCP, without checksums."""
    tcp = struct.pack("!HHIIBBHHH", 40000, 3306, 1000, 2000, 5 << 4, flags, 1024, 0, 0) + payload
    both = ip_address(source).packed + ip_address(target).packed
    if ":" in target:
        return mac + THEIRS + struct.pack("!HIHBB", 0x86DD, 6 << 28, len(tcp), 6, 64) + both + tcp
    return mac + THEIRS + struct.pack("!HBBHHHBBH", 0x0800, 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + both + tcp


@pytest.mark.parametrize(("client", "address"), [("10.0.0.7", "10.0.0.100"), ("2001:db8::7", "2001:db8::64")])
def test_what_clients_send_is_refused(client: str, address: str) -> None:
    def told(flags: int, payload: bytes = b"") -> tuple[int, ...]:
        frame = refusal(address, segment(client, address, flags, payload=payload))
        assert frame is not None
        assert (frame[:6], frame[6:12]) == (THEIRS, OURS)
        head, tcp = frame[14:-20], frame[-20:]
        both = ip_address(address).packed + ip_address(client).packed
        assert head.endswith(both)
        # Whoever receives it sums up all of it.
        assert on_host._checksum(both + struct.pack("!II", 20, 6) + tcp) == bytes(2)
        assert ":" in address or on_host._checksum(head) == bytes(2)
        return struct.unpack("!HHIIBB", tcp[:14])

    assert told(0x02) == (3306, 40000, 0, 1001, 0x50, 0x14)
    assert told(0x18, b"SELECT 1") == (3306, 40000, 2000, 0, 0x50, 0x04)
    assert told(0x01, b"x") == (3306, 40000, 0, 1002, 0x50, 0x14)
    # Nothing answers a refusal, and what is for others is not ours.
    assert refusal(address, segment(client, address, 0x04)) is None
    assert refusal(address, segment(address, client, 0x02)) is None
    assert refusal(address, segment(client, address, 0x02)[:50]) is None
    assert refusal(address, announcements(address, THEIRS)[0]) is None
    assert refusal("10.0.0.101" if ":" in address else "2001:db8::65", segment(client, address, 0x02)) is None


def test_a_host_without_the_program_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_host.shutil, "which", lambda _program, path: None)
    said = answer({"addresses": ["10.0.0.100"], "interface": "", "has": True, "really": False, "patience": 1})
    assert said == {"error": "it lacks the program ip (package iproute2, or iproute)", "had": [], "did": [], "in_use": {}}


def test_it_imports_nothing_that_a_host_may_lack() -> None:
    tree = ast.parse(Path(on_host.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))
    names = {
        node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert {str(name).partition(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_a_session_says_first_that_it_hears_and_then_answers_each_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(on_host, "answer", lambda asked: {"error": f"{asked} was asked for"})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'"one"\n"two"\n')))
    on_host.serve()
    said = [line for line in capsys.readouterr().out.splitlines() if line]
    heard, mark = on_host.HEARD, on_host.MARK
    assert said == [heard, heard, mark + '{"error": "one was asked for"}', heard, mark + '{"error": "two was asked for"}']


def test_what_ip_says_when_it_fails_is_told(tmp_path: Path) -> None:
    program = tmp_path / "ip"
    program.write_text("#!/bin/sh\necho 'RTNETLINK answers:  File exists' >&2\nexit 2\n")
    program.chmod(0o755)
    work = object.__new__(on_host.Work)
    work._program = str(program)
    with pytest.raises(Impossible, match="ip address show: RTNETLINK answers: File exists"):
        work._ip("address", "show")
