# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is decided before, and between, questions to name servers. tests/integration/test_dns.py has real ones."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients.name_servers import (
    NAME,
    NameServer,
    Record,
    absolute,
    addresses_of,
    changes,
    name_server,
    statements,
)
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.dns_primary import VERB
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.performing import Refused, perform_verb

OLD4, OLD6, NEW4 = Record("A", ("10.0.0.10",), 5), Record("AAAA", ("2001:db8::10",), 5), Record("A", ("10.0.0.11",), 5)
NO4, NO6 = Record("A", (), 0), Record("AAAA", (), 0)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("ns1", NameServer("ns1", "ns1", 53)),
        (" ns1:5353 ", NameServer("ns1:5353", "ns1", 5353)),
        ("10.0.0.2", NameServer("10.0.0.2", "10.0.0.2", 53)),
        ("2001:db8::2", NameServer("2001:db8::2", "2001:db8::2", 53)),
        ("[2001:db8::2]:54", NameServer("[2001:db8::2]:54", "2001:db8::2", 54)),
        *((text, None) for text in ("", "ns1:", "ns1:0", "ns1:65536", "ns 1", "[ns1]:53", ":53", "a:b:c")),
    ],
)
def test_where_a_name_server_is(text: str, server: NameServer | None) -> None:
    assert name_server(text) == server


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ("writer", "writer.orders.example."),
        ("writer.orders.example", "writer.orders.example."),
        ("writer.orders.example.", "writer.orders.example."),
        ("@", "orders.example."),
        ("notorders.example", "notorders.example.orders.example."),
    ],
)
def test_a_name_is_meant_in_its_zone(record: str, name: str) -> None:
    assert absolute(record, "orders.example") == absolute(record, "orders.example.") == name


def test_what_a_name_can_be() -> None:
    assert all(NAME.fullmatch(name) for name in ("a", "a.b.", "_x.y", "*.a", "a-b.c"))
    assert not any(NAME.fullmatch(name) for name in ("", ".", "-a", "a b", "a;b", "a..b", "a" * 64, "@"))


@pytest.mark.parametrize(
    ("now", "wanted", "changed"),
    [
        ([OLD4, NO6], ["10.0.0.11"], [NEW4]),
        ([OLD4, OLD6], ["10.0.0.11"], [NEW4, Record("AAAA", (), 5)]),
        ([NEW4, NO6], ["10.0.0.11"], []),
        ([Record("A", ("10.0.0.10", "10.0.0.11"), 5), NO6], ["10.0.0.11"], [NEW4]),
        ([Record("A", ("10.0.0.11",), 60), NO6], ["10.0.0.11"], [NEW4]),
        ([NO4, NO6], ["10.0.0.11", "2001:db8::10"], [NEW4, OLD6]),
        ([NEW4, OLD6], ["2001:DB8::0010", "10.0.0.11"], []),
    ],
)
def test_only_what_is_not_as_it_is_wanted_is_replaced(now: list[Record], wanted: list[str], changed: list[Record]) -> None:
    assert changes(now, addresses_of(wanted), 5) == changed


def test_an_update_is_told_in_words_that_admins_know() -> None:
    assert statements("w.", [NEW4, Record("AAAA", (), 5)]) == ["update delete w. A", "update add w. 5 A 10.0.0.11", "update delete w. AAAA"]


GIVEN: dict[str, Any] = {"servers": ["127.0.0.1:1"], "zone": "orders.example", "record": "writer", "primary": {"name": "db1", "host": "192.0.2.2"}}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"servers": []}, "servers: name at least one"),
        ({"servers": ["ns 1"]}, "servers: 'ns 1' is neither host nor host:port"),
        ({"zone": "a b"}, "zone: 'a b' is not a name"),
        ({"record": "a;b"}, "record: 'a;b' is not a name"),
        ({"ttl": -1}, "ttl: -1 is not between"),
        ({"primary": {"host": "db1"}}, "addresses: db1 has no address that clients can be given, but 'db1'"),
        ({"addresses": {"db1": []}}, "addresses: db1 has none"),
        ({"addresses": {"db1": 3}}, "addresses: db1 has no address"),
        ({"key_name": "k"}, "a key has both"),
        ({"key_name": "k k", "key_secret": "YQ=="}, "key_name: 'k k' is not a name"),
        ({"key_name": "k", "key_secret": "YQ"}, "key_secret: it is not base64"),
        ({"timeout": 0}, "timeout: 0 is not a time limit"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        perform_verb(VERB, False, **{**GIVEN, **options})
    assert refusal.value.codes == {"bad_input"}
