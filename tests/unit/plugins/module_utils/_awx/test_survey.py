# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Surveys are made from the argument specs of the roles: the kinds of questions as a table, and what must hold for every role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.dbha.mysql.plugins.module_utils._awx import survey as surveys
from ansible_collections.dbha.mysql.plugins.module_utils._awx.survey import has_dangerous, is_dangerous, survey, survey_of_check

ROLES = Path(__file__).resolve().parents[5] / "roles"
NAMES = ("failover", "switchover", "rejoin")


def options_of(role: str) -> dict[str, Any]:
    specs = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    options: dict[str, Any] = specs["argument_specs"]["main"]["options"]
    return options


@pytest.mark.parametrize(
    ("option", "question"),
    [
        ({"type": "str"}, {"type": "text"}),
        ({}, {"type": "text"}),
        ({"type": "path"}, {"type": "text"}),
        ({"type": "int", "default": 3}, {"type": "integer", "question_description": "Says it. Without an answer: 3."}),
        ({"type": "float", "default": 60}, {"type": "float", "question_description": "Says it. Without an answer: 60."}),
        ({"type": "list", "default": []}, {"type": "text", "question_description": "Says it. Names are separated by commas."}),
        ({"type": "bool", "default": False}, {"type": "multiplechoice", "choices": ["true", "false"]}),
        ({"type": "bool", "default": True}, {"question_description": "Says it. Without an answer: true."}),
        ({"type": "str", "choices": ["a", "b"], "default": "b"}, {"type": "multiplechoice", "choices": ["a", "b"]}),
        ({"description": ["With V(a), C(b) is O(c).", "It says more."]}, {"question_description": "With a, b is c. It says more."}),
    ],
)
def test_what_an_option_is_asked_as(option: dict[str, Any], question: dict[str, Any]) -> None:
    (found,) = survey("switchover", {"switchover_some_thing": {"description": "Says it.", **option}}, dangerous=False)["spec"]
    assert {key: found[key] for key in question} == question
    assert (found["variable"], found["question_name"], found["required"]) == ("switchover_some_thing", "Some thing", False)


@pytest.mark.parametrize("role", NAMES)
def test_every_option_is_asked_for_by_those_who_may_but_the_cluster_a_file_and_passwords(role: str) -> None:
    options = options_of(role)
    asked = [question["variable"] for question in survey(role, options, dangerous=True)["spec"]]
    never = {f"{role}_{name}" for name in surveys._NOT_ASKED}
    assert asked == [name for name, option in options.items() if name not in never and not option.get("no_log")]
    assert [name for name in asked if "task files" in str(options[name]["description"]).lower()] == []


@pytest.mark.parametrize("role", NAMES)
def test_no_question_has_an_answer_of_its_own_which_would_go_before_all_else(role: str) -> None:
    for dangerous in (False, True):
        assert [question for question in survey(role, options_of(role), dangerous=dangerous)["spec"] if "default" in question] == []


@pytest.mark.parametrize("role", NAMES)
def test_what_is_dangerous_is_an_option_of_the_role(role: str) -> None:
    named = {f"{role}_{option}" for option in surveys._DANGEROUS[role]}
    assert named <= set(options_of(role))
    assert has_dangerous(role) is bool(named)


@pytest.mark.parametrize("word", ["command", "program", "force", "data_loss", "save", "method", "password", "become", "unreachable"])
def test_whoever_may_launch_decides_nothing_that_can_do_harm(word: str) -> None:
    for role in NAMES:
        asked = [question["variable"] for question in survey(role, options_of(role), dangerous=False)["spec"]]
        # How long saving may take does no harm.
        assert [name for name in asked if word in name and not name.endswith("_timeout")] == []


def test_an_option_of_another_role_is_not_taken_for_one_of_this() -> None:
    assert is_dangerous("failover", "failover_force")
    assert not is_dangerous("switchover", "failover_force")


def test_a_check_asks_what_the_primary_should_be() -> None:
    (question,) = survey_of_check()["spec"]
    assert (question["variable"], question["choices"]) == ("expect_primary", ["alive", "dead", "any"])
