# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a cluster live in its inventory group, although the plays run on the controller, which is not in that group."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.pool import POOL

GROUP = {"failover_exclude": ["db1"], "failover_drain_timeout": 7, "switchover_exclude": ["db1"], "rejoin_save_to": "/srv/saved"}


@pytest.fixture(scope="module")
def dead(some_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playbooks]:
    """A cluster whose primary is dead; db1 would be elected, because its name comes first."""
    with POOL.cluster(some_kind, replicas=2) as cluster:
        cluster.primary.kill()
        yield Playbooks(cluster, tmp_path_factory.mktemp("group"))


def elected(playbooks: Playbooks, directory: Path, group: dict[str, Any], *arguments: str, playbook: str | None = None, **options: Any) -> Run:
    """Plan a failover with variables of the group."""
    inventory = directory / "group.yml"
    inventory.write_text(json.dumps(group), encoding="utf-8")
    return playbooks.run(playbook or "dbha.mysql.failover", "--check", "-i", str(inventory), *arguments, **options)


def of(**variables: Any) -> dict[str, Any]:
    return {"orders": {"vars": variables}}


ALL_BUT_DB2 = {"all": {"vars": {"failover_exclude": ["db2"]}}}


@pytest.mark.parametrize(
    ("group", "options", "best"),
    [
        pytest.param({}, {}, "db1", id="nobody_says_anything"),
        pytest.param(of(failover_exclude=["db1"]), {}, "db2", id="the_group"),
        pytest.param(of(failover_exclude=["db1"]), {"failover_exclude": "db2"}, "db1", id="extra_variables_go_before_it"),
        pytest.param(of(failover_exclude=["db1"]), {"failover_exclude": ""}, "db2", id="an_empty_answer_of_a_survey_says_nothing"),
        pytest.param({**ALL_BUT_DB2, **of(failover_exclude=["db1"])}, {}, "db2", id="it_goes_before_all_hosts"),
        pytest.param(ALL_BUT_DB2, {}, "db1", id="all_hosts"),
    ],
)
def test_who_is_elected(group: dict[str, Any], options: dict[str, Any], best: str, dead: Playbooks, tmp_path: Path) -> None:
    run = elected(dead, tmp_path, group, **options)
    assert run.returncode == 0, run
    assert run.dbha_result["plan"]["new_primary"]["name"] == best


def test_what_the_play_says_goes_before_the_group(dead: Playbooks, tmp_path: Path) -> None:
    role = {"name": "dbha.mysql.failover"}
    variables = {"failover_cluster": "orders", "failover_exclude": []}
    play = tmp_path / "play.yml"
    for how in ("import_role", "include_role"):
        tasks = [{f"ansible.builtin.{how}": role, "vars": variables}]
        play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        run = elected(dead, tmp_path, of(**GROUP), playbook=str(play))
        assert run.returncode == 0, run
        assert run.dbha_result["plan"]["new_primary"]["name"] == "db1"
        arguments = run.of("mysql_find_best_replica")["invocation"]["module_args"]
        assert (arguments["drain_timeout"], arguments["exclude"], arguments["unreachable"]) == (7, [], "refuse")


def test_what_the_group_says_wrongly_is_named_before_anything_is_done(dead: Playbooks, tmp_path: Path) -> None:
    run = elected(dead, tmp_path, of(failover_exclude=["db7"], failover_candidates=["db1"]))
    assert run.codes == {"not_a_member"}, run
    run = elected(dead, tmp_path, of(failover_wait_timeout="soon"))
    assert run.codes == {"bad_input"}, run
    assert "failover_wait_timeout" in run.output
    run = elected(dead, tmp_path, {"orders": {"hosts": {"db1": {"failover_force": True}}}})
    assert run.codes == {"bad_input"}, run
    assert "failover_force is not the same for db0 and db1" in run.output
