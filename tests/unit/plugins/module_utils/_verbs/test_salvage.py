# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two halves of mysql_salvage read their options; what was found is counted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Question
from ansible_collections.dbha.mysql.plugins.module_utils._call import perform as frame
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage import Salvaging, _ask, describe, parse
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage_host import ARGUMENTS, READ, parse_question


def options(**given: Any) -> Options:
    validated = ArgumentSpecValidator(ARGUMENTS).validate({"config_file": "", **given})
    assert not validated.error_messages
    return Options(validated.validated_parameters)


def test_the_half_that_asks_takes_a_replica() -> None:
    wanted = parse(options(replica={"name": "db1"}, directory="/data", connect_within=1, timeout=9))
    assert (wanted.replica, wanted.directory, wanted.connect_within, wanted.timeout) == ("db1", "/data", 1.0, 9.0)
    assert wanted.members.names == ("db1",)
    with pytest.raises(BadInput, match="replica: name the server"):
        parse(options())
    with pytest.raises(BadInput, match="connect_within: 0 "):
        parse(options(replica={"name": "db1"}, connect_within=0))


@pytest.mark.parametrize(("force", "code"), [(False, "primary_maybe_alive"), (True, "salvage_failed")])
def test_that_a_server_runs_after_all_goes_before_that_nothing_was_fetched_unless_it_is_forced(force: bool, code: str) -> None:
    def ask_host(wanted: Salvaging, question: Question) -> dict[str, object]:
        return {"failed": True, "problems": [{"code": "primary_maybe_alive", "message": "process 7 still has the files open"}]}

    wanted = parse(options(replica={"name": "db1"}, force=force))
    with pytest.raises(Refusal) as refusal:
        _ask(ask_host, wanted, Question("mariadb", parse_gtids("mariadb", ""), "/data", 9.0), "db0")
    assert [(problem.code, problem.server) for problem in refusal.value.problems] == [(code, "db0")]


def test_the_half_that_is_asked_takes_what_the_replica_has() -> None:
    given = {"family": "mariadb", "have": "0-1-7", "directory": "/data", "timeout": 9}
    assert parse_question(options(**given)) == Question("mariadb", parse_gtids("mariadb", "0-1-7"), "/data", 9.0)
    with pytest.raises(BadInput, match="delegate the task"):
        parse_question(options(replica={"name": "db1"}))
    place = {"file": "/data/binlog.000001", "position": 4, "inside": False, "last_file": "/data/binlog.000001", "last_position": 99}
    assert parse_question(options(**given, place=place)).place == place
    with pytest.raises(BadInput, match="place: it is not what an answer has said"):
        parse_question(options(**given, place={"file": "/data/binlog.000001"}))
    with pytest.raises(BadInput, match="have: 'garbage'"):
        parse_question(options(**{**given, "have": "garbage"}))


def ask(directory: Path) -> list[tuple[str, str]]:
    given = options(family="mariadb", have="", directory=str(directory))._given
    result = frame.perform(READ, given, check_mode=False, diff_mode=False, say=lambda message: None)
    return [(problem["code"], problem["message"]) for problem in result["problems"]]


def test_the_half_that_is_asked_needs_no_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(frame, "PYMYSQL_MISSING", ImportError("no driver"))
    assert ask(tmp_path) == [("salvage_failed", f"there are no binary logs in {tmp_path}")]


def test_a_server_that_still_writes_is_not_a_dead_one(tmp_path: Path) -> None:
    with tmp_path.joinpath("binlog.000001").open("wb"):
        ((code, message),) = ask(tmp_path)
    assert code == "primary_maybe_alive"
    assert message.startswith(f"process {os.getpid()} still has the binary logs")


def test_what_was_applied_is_what_is_not_left() -> None:
    assert describe("mariadb", [("0-1", 7, 9)], [("0-1", 9, 9)]) == {
        "found": "0-1-7..9",
        "found_count": 3,
        "applied": "0-1-7..8",
        "applied_count": 2,
        "left": "0-1-9",
        "left_count": 1,
    }
    assert describe("mysql", [], [])["found_count"] == 0


def test_what_goes_wrong_while_all_is_given_is_told_as_ever(tmp_path: Path) -> None:
    place = {"file": "/data/binlog.000001", "position": 4, "inside": False, "last_file": "/data/binlog.000001", "last_position": 99}
    given = options(family="mariadb", have="", directory=str(tmp_path), place=place, stream=True)._given
    result = frame.perform(READ, given, check_mode=False, diff_mode=False, say=lambda message: None)
    assert [problem["code"] for problem in result["problems"]] == ["salvage_failed"]
