# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hosts are asked, and what is made of their answers. tests/integration/test_address.py has real ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import HostFailed, Way
from ansible_collections.dbha.mysql.plugins.module_utils._clients.on_host import MARK
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.address_primary import VERB, addressing
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.performing import Refused, perform_verb

GIVEN: dict[str, Any] = {
    "addresses": ["10.0.0.100/24"],
    "primary": {"name": "db1"},
    "others": [{"name": "db0"}, {"name": "db1"}, {"name": "db2"}, {"name": "db0"}],
}
ADDS, REMOVES = "ip address add 10.0.0.100/24 dev eth0", "ip address delete 10.0.0.100/24 dev eth0"


class Told:
    """Hosts that answer what they are told to, and note what they were asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: dict[str, Mapping[str, Any]] = {}
        self.ways: set[Way] = set()

    def ask(self, host: str, request: Mapping[str, Any], way: Way) -> str:
        self.asked[host] = request
        self.ways.add(way)
        answer = self.answers.get(host, {})
        if isinstance(answer, str):
            raise HostFailed(answer)
        return MARK + json.dumps({"error": "", "had": [], "did": [], "in_use": {}, **answer})


def test_all_are_asked_at_once_and_only_one_is_to_have_it() -> None:
    hosts = Told(db0={"had": ["10.0.0.100"], "did": [REMOVES]}, db1={"did": [ADDS]})
    result = perform_verb(addressing(hosts.ask), False, **GIVEN)
    assert {host: (asked["has"], asked["really"]) for host, asked in hosts.asked.items()} == {"db0": (False, True), "db1": (True, True), "db2": (False, True)}
    assert hosts.asked["db1"] == {"addresses": ["10.0.0.100/24"], "interface": "", "has": True, "really": True, "patience": 3.5}
    assert hosts.ways == {Way(3, 10, True)}
    assert result["hosts"] == [
        {"host": "db1", "before": [], "after": ["10.0.0.100"]},
        {"host": "db0", "before": ["10.0.0.100"], "after": []},
        {"host": "db2", "before": [], "after": []},
    ]
    assert [(sent["server"], sent["statement"]) for sent in result["statements"]] == [("db1", ADDS), ("db0", REMOVES)]
    assert (result["changed"], result["msg"]) == (True, "db1 has 10.0.0.100")


def test_in_check_mode_hosts_say_what_they_would_do() -> None:
    hosts = Told(db0={"had": ["10.0.0.100"], "did": [REMOVES]}, db1={"did": [ADDS]})
    result = perform_verb(addressing(hosts.ask), True, **GIVEN)
    assert not any(asked["really"] for asked in hosts.asked.values())
    assert (result["changed"], result["msg"], result["hosts"][1]["after"]) == (True, "db1 would have 10.0.0.100", [])


def test_who_only_looks_changes_nothing_and_hears_what_would_fail() -> None:
    hosts = Told(db0={"had": ["10.0.0.100"], "did": [REMOVES]}, db1={"did": [ADDS]}, db2="timed out")
    result = perform_verb(addressing(hosts.ask), False, state="looked_at", **GIVEN)
    assert not any(asked["really"] for asked in hosts.asked.values())
    assert (result["changed"], result["msg"], result["hosts"][1]["after"]) == (False, "db1 can have 10.0.0.100", ["10.0.0.100"])
    assert result["warnings"][0].startswith("[address_host_unreachable] db2: timed out. It may have the address once it is back")
    with pytest.raises(Refused) as refusal:
        perform_verb(addressing(Told(db1={"error": "it lacks the program ip"}).ask), False, state="looked_at", **GIVEN)
    assert refusal.value.codes == {"address_refused"}


def test_what_was_done_is_told_although_the_rest_failed() -> None:
    hosts = Told(db0={"had": ["10.0.0.100"], "did": [REMOVES]}, db1="timed out")
    with pytest.raises(Refused) as refusal:
        perform_verb(addressing(hosts.ask), False, **GIVEN)
    assert [(problem["code"], problem["server"]) for problem in refusal.value.result["problems"]] == [("address_host_unreachable", "db1")]
    assert [sent["statement"] for sent in refusal.value.result["statements"]] == [REMOVES]
    assert refusal.value.result["hosts"][1] == {"host": "db0", "before": ["10.0.0.100"], "after": []}


def test_a_host_that_took_it_off_late_is_waited_for_once_more() -> None:
    hosts = Told(db0={"had": ["10.0.0.100"], "did": [REMOVES]}, db1={"in_use": {"10.0.0.100": "02:00:00:00:00:02"}})

    def ask(host: str, request: Mapping[str, Any], way: Way) -> str:
        if host in hosts.asked:
            hosts.answers[host] = {"did": [ADDS]}
        return hosts.ask(host, request, way)

    result = perform_verb(addressing(ask), False, **GIVEN)
    assert (result["msg"], result["hosts"][0]["after"]) == ("db1 has 10.0.0.100", ["10.0.0.100"])
    # Where nobody has taken it off, nobody is asked again.
    hosts = Told(db1={"in_use": {"10.0.0.100": "02:00:00:00:00:02"}})
    with pytest.raises(Refused) as refusal:
        perform_verb(addressing(ask), False, **GIVEN)
    assert refusal.value.codes == {"address_in_use"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"addresses": []}, "addresses: name at least one"),
        ({"addresses": ["db"]}, "addresses: 'db' is not an address that hosts can share"),
        ({"interface": "eth0;reboot"}, "interface: 'eth0;reboot' is not a name"),
        ({"timeout": 0}, "timeout: 0 is not a time limit"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        perform_verb(VERB, False, **{**GIVEN, **options})
    assert refusal.value.codes == {"bad_input"}


def test_as_a_module_it_says_where_it_works() -> None:
    with pytest.raises(Refused, match="from the machine that runs Ansible"):
        perform_verb(VERB, False, **GIVEN)
