# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as an answer, and what a list is: AWX sends text for everything, and an empty one for a question that nobody answered."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.plugin_utils._answers import answered

ARGUMENTS: dict[str, t.Any] = {
    "text": {"type": "str"},
    "number": {"type": "float", "default": 60},
    "count": {"type": "int"},
    "switch": {"type": "bool", "default": True},
    "choice": {"type": "str", "choices": ["refuse", "proceed"], "default": "refuse"},
    "names": {"type": "list", "elements": "str", "default": []},
    "map": {"type": "dict"},
    "file": {"type": "path", "aliases": ["ssl_file"]},
    "password": {"type": "str", "no_log": True},
}


@pytest.mark.parametrize("option", [*ARGUMENTS, "ssl_file", "no such option"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_an_empty_answer_is_not_given_whatever_the_type_of_the_option(option: str, nothing: t.Any) -> None:
    assert answered(ARGUMENTS, {option: nothing}) == {}


@pytest.mark.parametrize("option", sorted(set(ARGUMENTS) - {"password"}))
def test_nor_is_one_of_spaces(option: str) -> None:
    assert answered(ARGUMENTS, {option: "  "}) == {}


def test_a_password_is_taken_as_it_is() -> None:
    for password in (" ", " secret ", "a,b", "0"):
        assert answered(ARGUMENTS, {"password": password}) == {"password": password}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("db1", ["db1"]),
        (" db2 , db1,", ["db2", "db1"]),
        (["db2", "db1"], ["db2", "db1"]),
        (["db2", "", None, ["db1"]], ["db2", "db1"]),
        # A host may have a comma in its name; who writes a list has said where one ends.
        (["a, b"], ["a, b"]),
        (("db1",), ["db1"]),
        (0, [0]),
        (False, [False]),
    ],
)
def test_a_list_may_be_text_with_commas(value: t.Any, names: list[t.Any]) -> None:
    assert answered(ARGUMENTS, {"names": value}) == {"names": names}


@pytest.mark.parametrize("value", [",", " , ", [""], [None, ""]])
def test_a_list_in_which_nothing_was_answered_is_not_given(value: t.Any) -> None:
    assert answered(ARGUMENTS, {"names": value}) == {}


def test_a_list_that_is_empty_says_that_there_is_nothing() -> None:
    assert answered(ARGUMENTS, {"names": []}) == {"names": []}


def test_what_is_no_list_is_left_to_be_refused() -> None:
    assert answered(ARGUMENTS, {"names": {"a": 1}}) == {"names": {"a": 1}}


def test_other_answers_stay_as_they_are() -> None:
    given = {"text": " a ", "number": 0, "count": "3", "switch": False, "map": {}, "ssl_file": "/a b", "no such option": [""]}
    assert answered(ARGUMENTS, given) == given


def test_a_choice_may_have_spaces_around_it() -> None:
    assert answered(ARGUMENTS, {"choice": " proceed "}) == {"choice": "proceed"}
