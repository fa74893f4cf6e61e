# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few cases of ``make fuzz``, the same each time; and that what is changed there is what real servers have said."""

from __future__ import annotations

import random

import pytest

from ansible_collections.dbha.mysql.tests.fuzz.mutation import mutated
from ansible_collections.dbha.mysql.tests.fuzz.run import LARGEST, memory, try_case
from ansible_collections.dbha.mysql.tests.fuzz.targets import SCENES, TARGETS, Found, call, scene, see_result

CASES = {"checked_servers": 15, "servers": 25, "logins": 60, "gtids": 1500, "binary_logs": 1000, "option_files": 200, "dead_hosts": 1500}


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_only_problems_come_of_it(name: str) -> None:
    for case in range(CASES[name]):
        try:
            try_case(name, 1, case)
        except Exception as error:
            raise AssertionError(f"make fuzz SEED=1 ONLY={name} CASE={case}") from error
    assert memory() < LARGEST


@pytest.mark.parametrize("name", SCENES)
def test_what_servers_have_answered_is_work_that_succeeds(name: str) -> None:
    told = scene(name)
    with told.played(lambda name: lambda payloads: payloads) as ports:
        for each in told.calls:
            result = call(each, ports, limits={})
            see_result(result)
            assert (each["verb"], result["problems"]) == (each["verb"], [])
            assert bool(result["statements"]) is (each["verb"] in ("promote", "change_master"))


def test_the_same_dice_make_the_same_changes() -> None:
    assert [mutated(random.Random(7), b"0-1-7") for _each in range(3)] == [mutated(random.Random(7), b"0-1-7")] * 3


@pytest.mark.parametrize(
    "result",
    [
        {"problems": [{"code": "internal_error"}], "msg": "a mistake"},
        {"exception": "Traceback"},
        {"msg": "db1: \x1b[31m"},
        {"topology": [{"\u202e": 1}]},
        {"said": ["using the-password-of-the-account"]},
    ],
)
def test_what_must_not_come_out_is_found(result: dict[str, object]) -> None:
    with pytest.raises(Found):
        see_result(result)
