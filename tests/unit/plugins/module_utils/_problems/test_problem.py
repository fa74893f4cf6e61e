# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How problems are told: what to do first, once for all that it concerns."""

from __future__ import annotations

from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure, failure_of, problem_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, named, told, warned
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed

GONE = [Problem("unreachable", name, f"{name} is gone") for name in ("db1", "db2", "db3")]
OFF = Problem("gtid_off", "db2", "db2 has gtid_mode=OFF")
ALL = Problem("no_replicas", "", "there is no replica whose state is known")


def test_what_to_do_comes_first_and_once_for_all_that_it_concerns() -> None:
    assert told([GONE[0], OFF, *GONE[1:], GONE[0]]).splitlines() == [
        remedy_of("unreachable"),
        "  [unreachable] db1 is gone",
        "  [unreachable] db2 is gone",
        "  [unreachable] db3 is gone",
        remedy_of("gtid_off"),
        "  [gtid_off] db2 has gtid_mode=OFF",
    ]


def test_a_warning_is_one_line_for_each_thing_to_do() -> None:
    assert warned([*GONE, OFF]) == [
        f"[unreachable] db1 is gone; db2 is gone; db3 is gone. {remedy_of('unreachable')}",
        f"[gtid_off] db2 has gtid_mode=OFF. {remedy_of('gtid_off')}",
    ]


def test_in_few_words_problems_are_their_codes_and_servers() -> None:
    assert named([GONE[0], OFF, *GONE, ALL]) == "unreachable (db1, db2, db3); gtid_off (db2); no_replicas"


def test_no_problem_is_nothing_to_tell() -> None:
    assert (told([]), warned([]), named([])) == ("", [], "")


def test_a_problem_can_be_had_back_from_a_result() -> None:
    assert Problem.described({"code": "errant", "server": "db1", "message": "db1 has more", "gtids": "0-1-5", "remedy": "…"}) == Problem(
        "errant", "db1", "db1 has more", "0-1-5"
    )


def test_an_account_whose_password_has_expired_is_one_that_is_not_let_in() -> None:
    error = StatementFailed("db1", "db1: You must SET PASSWORD before executing this statement", 1820)
    assert problem_of("db1", error) == Problem("login_refused", "db1", error.message)
    # The server lives.
    assert failure_of("db1", error) == Failure("login_refused", error.message, True)
