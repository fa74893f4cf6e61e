# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bytes that are no text, and text that would steer a terminal."""

from __future__ import annotations

import typing as t
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call, Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, check_user, check_words
from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import LoginRefused
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import (
    all_printable,
    decode,
    encode,
    holds_bytes,
    printable,
    quoted,
    was_not_text,
    with_bytes,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(b"", ""), ("caf\u00e9".encode(), "caf\u00e9"), (b"caf\xe9", "caf\\xe9"), ("\u0436".encode()[:1], "\\xd0"), (b"a\xff\xfeb", "a\\xff\\xfeb")],
)
def test_what_is_not_utf8_can_be_read_all_the_same(value: bytes, text: str) -> None:
    assert decode(value) == text


@given(st.binary())
def test_any_bytes_can_be_read_and_printed(value: bytes) -> None:
    printable(decode(value)).encode()


@given(st.binary())
def test_bytes_that_came_as_surrogates_are_sent_as_they_were(value: bytes) -> None:
    assert encode(value.decode("utf-8", "surrogateescape")) == value


@given(st.text(st.characters(categories=["Cs", "L", "N"])))
def test_any_text_can_be_sent(text: str) -> None:
    encode(text)


@pytest.mark.parametrize(("value", "expected"), [(b"relay-\xff.000001", True), (b"relay-caf\xc3\xa9", False), (b"", False), (b"\\x1b", False)])
def test_it_is_known_what_was_not_text(value: bytes, expected: bool) -> None:
    assert was_not_text(decode(value)) is expected


@given(st.binary().filter(lambda value: b"\\x" not in value))
def test_a_name_that_was_not_text_can_be_sent_as_it_was(value: bytes) -> None:
    name = with_bytes(decode(value))
    assert encode(name) == value
    assert holds_bytes(name) is was_not_text(decode(value))


def test_characters_are_no_bytes() -> None:
    assert not holds_bytes("caf\u00e9 \U0001f600 \\xff")


TURNING = {"LRE", "LRO", "RLE", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "L"])))
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    steering = {"Cc", "Cs", "Zl", "Zp"}
    left = {each for each in printable(text) if unicodedata.category(each) in steering or unicodedata.bidirectional(each) in TURNING}
    assert left <= {"\n", "\t"}
    printable(text).encode()


@pytest.mark.parametrize("text", ["", "a line\nand\tanother", "caf\u00e9 \u0436 \u4e2d \U0001f600", "a no-break\u00a0space", "\\x1b"])
def test_what_harms_nobody_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_text_is_found_however_deep_it_lies() -> None:
    found = {"\x1b": ["a\x1b[2J", {"b": ("\x07", 7, None, True)}], "c": 1.5}
    assert all_printable(found) == {"\\x1b": ["a\\x1b[2J", {"b": ["\\x07", 7, None, True]}], "c": 1.5}


def test_what_a_server_says_does_not_reach_a_terminal_as_it_is() -> None:
    said: list[str] = []

    def work(call: Call, request: None) -> dict[str, t.Any]:
        call.say("db1: \x1b[2Jall is well")
        call.warnings.append("db1 says \x9bm")
        call.tell({"replicas": [{"error": "\x1b]0;pwn\x07"}]})
        raise LoginRefused("db1", "db1 refused the login: \x1b[2J\r\nPLAY RECAP", 1045)

    result = perform(Verb({}, lambda given: None, work), {}, check_mode=False, diff_mode=False, say=said.append)
    assert said == ["db1: \\x1b[2Jall is well"]
    assert result["warnings"] == ["db1 says \\x9bm"]
    assert result["replicas"] == [{"error": "\\x1b]0;pwn\\x07"}]
    assert result["problems"][0]["message"] == "db1 refused the login: \\x1b[2J\\r\nPLAY RECAP"
    assert "\x1b" not in str(result["msg"])


@pytest.mark.parametrize("text", ["{'name': 'db1', 'login_password': 'geheim'}", "name: db1\nPassword: geheim", "repl:password=geheim"])
def test_a_text_that_seems_to_hold_a_password_is_not_repeated(text: str) -> None:
    assert "geheim" not in quoted(text)
    with pytest.raises(BadInput) as refusal:
        check_user("replication_user", text)
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize("text", ["db1", "password_store", "{ a: 1 }", "x" * 300])
def test_any_other_text_is_repeated_as_far_as_it_is_not_too_long(text: str) -> None:
    assert quoted(text) == repr(text[:100])
    check_user("replication_user", text)


TEXT = "{'name': 'db1', 'login_password': 'geheim'}"


@pytest.mark.parametrize(
    ("given_options", "says"),
    [
        ({"copy_user": TEXT}, "copy_user: "),
        ({"replicas": [{"name": "db0", "host": "h"}, {"name": TEXT}]}, "replicas: name: "),
        ({"server": {"replication_host": TEXT}}, "server: replication_host: "),
        ({"replicas": [{"site": TEXT}]}, "replicas: site: "),
        ({"exclude": ["db0", TEXT]}, "exclude: "),
    ],
)
def test_a_server_that_stands_where_a_word_should_is_refused_and_not_shown(given_options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_words(given_options)
    assert str(refused.value) == f"{says}a text that seems to hold a password (it is not shown) is not a name"


def test_what_is_no_word_may_hold_a_password() -> None:
    told = [{"code": "password_withheld", "server": "db1", "message": "db1: the password of repl is not sent"}]
    check_words({"stop_command": "mysqladmin --password=x shutdown", "unfinished": told, "replicas": [{"name": "password", "login_password": "a:b"}]})
