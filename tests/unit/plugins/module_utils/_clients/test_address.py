# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients import on_host
from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import Answer, HostFailed, held_after, judged, normalised, program, read_answer
from ansible_collections.dbha.mysql.plugins.module_utils._clients.on_host import MARK

USED = (("10.0.0.100", "02:00:00:00:00:02"),)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.100", "10.0.0.100"),
        (" 10.0.0.100/24 ", "10.0.0.100/24"),
        ("2001:DB8:0::100/64", "2001:db8::100/64"),
        ("2001:db8::100", "2001:db8::100"),
        *((text, None) for text in ("", "db0", "10.0.0", "10.0.0.100/33", "10.0.0.100/", "10.0.0.100/255.255.255.0", "10.0.0.100/-1", "fe80::1%eth0/x")),
        *((text, None) for text in ("127.0.0.1", "::1", "224.0.0.1", "ff02::1", "0.0.0.0", "::")),
    ],
)
def test_an_address_that_hosts_can_share(text: str, address: str | None) -> None:
    assert normalised(text) == address


HAS, GONE, HAD, FAILS = Answer(), Answer(unreachable="timed out"), Answer(had=("10.0.0.100",)), Answer(error="ip: no")


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ({"new": HAS, "old": HAD}, []),
        ({"new": HAD, "old": HAS}, []),
        ({"new": HAS}, []),
        # A host that is off keeps nobody from anything.
        ({"new": HAS, "old": GONE}, [("address_host_unreachable", "old", False)]),
        ({"new": HAS, "old": GONE, "other": GONE}, [("address_host_unreachable", "old", False), ("address_host_unreachable", "other", False)]),
        # One that is up and has it does.
        ({"new": Answer(in_use=USED), "old": GONE}, [("address_host_unreachable", "old", False), ("address_in_use", "new", True)]),
        ({"new": Answer(in_use=USED), "old": HAD}, [("address_in_use", "new", True)]),
        ({"new": Answer(in_use=USED), "old": FAILS}, [("address_refused", "old", True), ("address_in_use", "new", True)]),
        ({"new": HAS, "old": FAILS}, [("address_refused", "old", True)]),
        ({"new": GONE, "old": HAD}, [("address_host_unreachable", "new", True)]),
        ({"new": GONE, "old": GONE}, [("address_host_unreachable", "new", True), ("address_host_unreachable", "old", False)]),
        ({"new": FAILS, "old": HAD}, [("address_refused", "new", True)]),
    ],
)
def test_what_is_wrong_follows_from_what_each_host_says(answers: dict[str, Answer], found: list[tuple[str, str, bool]]) -> None:
    assert [(each.code, each.host, each.forbids) for each in judged("new", answers)] == found


def test_who_may_have_an_address_is_said() -> None:
    (_unreachable, used) = judged("new", {"new": Answer(in_use=USED), "old": GONE})
    assert used.message == "10.0.0.100 still answers from elsewhere (02:00:00:00:00:02), perhaps from old, which could not be asked"
    (used,) = judged("new", {"new": Answer(in_use=USED), "old": HAD})
    assert used.message.endswith(", and from none of the hosts of the cluster")


def test_what_a_host_has_then() -> None:
    addresses = ["10.0.0.100", "2001:db8::64"]
    adds = Answer(("2001:db8::64",), ("ip address add 10.0.0.100/24 dev eth0",))
    removes = Answer(tuple(addresses), ("ip address delete 10.0.0.100/24 dev eth0", "ip address delete 2001:db8::64/64 dev eth0"))
    assert held_after(addresses, adds) == addresses
    assert held_after(addresses, removes) == []
    assert held_after(addresses, Answer(("10.0.0.100",))) == ["10.0.0.100"]


@pytest.mark.parametrize(
    "text", ["", "welcome", MARK, MARK + "{", MARK + "[]", MARK + "3", MARK + "{}", MARK + '{"error": "", "had": 3, "did": [], "in_use": {}}', MARK + "null"]
)
def test_what_cannot_be_read_is_no_answer(text: str) -> None:
    with pytest.raises(HostFailed, match="cannot be read"):
        read_answer(text)


def test_what_a_host_is_sent_is_a_whole_program() -> None:
    """One that says its own words first, and the oldest Python without the future of annotations, are no obstacle."""
    request = {"addresses": ["not'an\"address"], "interface": "", "has": False, "really": False, "patience": 1}
    text = program(Path(on_host.__file__).read_text(encoding="utf-8"), request)
    assert "from __future__" not in text
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True, check=True)
    answer = read_answer("Welcome to db0\n" + done.stdout)
    assert "does not appear to be an IPv4 or IPv6 address" in answer.error


def test_an_answer_is_read_as_it_was_made() -> None:
    made = {"error": "", "had": ["10.0.0.100"], "did": ["ip address add"], "in_use": {"10.0.0.100": "02:00:00:00:00:02"}}
    assert read_answer(f"x\n{MARK}{json.dumps(made)}\n") == Answer(("10.0.0.100",), ("ip address add",), USED)
