# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node of an AWX workflow: the answers of a survey are all text, empty where nothing was answered; the next node reads the result."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.runs.playbook import Playbooks, Run
from sandbox.runs.survey import unanswered
from sandbox.servers.pool import POOL
from sandbox.servers.snapshot import Snapshot, differences, snapshots, wait_until_still

# db10 has the name of db1 in it.
LEFT_OUT = "db10"


@pytest.fixture(scope="module")
def runs(some_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run | tuple[Snapshot, ...]]]:
    """Fail over with answers, look again without any, bring the old primary back and give it its role again without any."""
    with POOL.cluster(some_kind, replicas=2) as cluster:
        left_out = cluster.add(LEFT_OUT)
        left_out.set_read_only()
        cluster.replicate(left_out)
        cluster.wait_in_sync()
        playbooks = Playbooks(cluster, tmp_path_factory.mktemp("survey"))
        cluster.primary.kill()
        before = wait_until_still([left_out])
        answers = {"failover_candidates": " db2 , db1", "failover_leave_out": LEFT_OUT, "failover_force": "false", "failover_allow_data_loss": "no"}
        answered = playbooks.run("dbha.mysql.failover", cluster="orders", **{**unanswered("failover"), "failover_drain_timeout": "30", **answers})
        changed = differences(before, snapshots([left_out]))
        found = {"answered": answered, "changed on the one left out": changed}
        for name, nothing in (("unanswered", ""), ("none", None)):
            found[name] = playbooks.run("dbha.mysql.failover", cluster=" orders ", **unanswered("failover", nothing))
        cluster.primary.restart()
        found["rejoin"] = playbooks.run("dbha.mysql.rejoin", cluster="orders", **unanswered("rejoin"))
        cluster.wait_in_sync(source=cluster["db2"], replicas=cluster.servers.values())
        found["switchover"] = playbooks.run("dbha.mysql.switchover", cluster="orders", **{**unanswered("switchover"), "switchover_to": " db0 "})
        cluster.wait_in_sync(source=cluster["db0"], replicas=cluster.servers.values())
        found["switchover to the best"] = playbooks.run("dbha.mysql.switchover", cluster="orders", **unanswered("switchover", None))
        found["check"] = playbooks.run("dbha.mysql.check", cluster="orders", expect_primary="")
        yield found


def test_candidates_are_taken_from_text_with_commas(runs: dict[str, Run]) -> None:
    assert runs["answered"].returncode == 0, runs["answered"]
    assert runs["answered"].dbha_result["new_primary"]["name"] == "db2"


def test_a_server_named_in_text_is_left_out_and_no_other_whose_name_is_in_it(runs: dict[str, Run]) -> None:
    assert not runs["changed on the one left out"]
    assert [replica["name"] for replica in runs["answered"].dbha_result["replicas"]] == ["db1"]


def test_force_as_the_text_false_leaves_out_no_check(runs: dict[str, Run]) -> None:
    assert runs["answered"].of("mysql_promote")["invocation"]["module_args"]["primary"]["name"] == "db0"


@pytest.mark.parametrize("run", ["unanswered", "none", "rejoin", "switchover", "switchover to the best", "check"])
def test_questions_that_were_not_answered_are_as_if_they_had_not_been_asked(run: str, runs: dict[str, Run]) -> None:
    assert runs[run].returncode == 0, runs[run]


def test_how_each_ended_is_left_for_the_next_node(runs: dict[str, Run]) -> None:
    ended = {name: run.dbha_result["outcome"] for name, run in runs.items() if isinstance(run, Run) and name != "check"}
    assert ended == {
        "answered": "promoted",
        # The one that had been left out is not any more.
        "unanswered": "repointed",
        "none": "unchanged",
        "rejoin": "joined",
        "switchover": "promoted",
        "switchover to the best": "promoted",
    }


@pytest.mark.parametrize("run", ["answered", "unanswered"])
def test_the_result_says_the_same_of_every_replica_whether_something_was_done_or_not(run: str, runs: dict[str, Run]) -> None:
    for replica in runs[run].dbha_result["replicas"]:
        assert sorted(replica) == ["changed", "host", "name", "port", "problem", "replicating"]
