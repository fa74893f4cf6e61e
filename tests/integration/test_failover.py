# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The failover of a primary that is killed in the middle of writes, from before it to after it, told once and looked at by many tests."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox import PASSWORDS, Cluster, Server, Writer, rows
from sandbox.runs.leaks import leaked
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.pool import POOL
from sandbox.servers.snapshot import Snapshot, changing, differences, listening, snapshots, wait_until_still

pytestmark = pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")


@dataclass
class Act:
    """One run of the playbook, with what the servers were like before and after it, and what was sent to them."""

    run: Run
    before: dict[str, Snapshot]
    after: dict[str, Snapshot]
    heard: dict[str, list[str]]

    @property
    def changed_nothing(self) -> bool:
        return not differences(self.before, self.after) and not any(changing(statements) for statements in self.heard.values())


@dataclass
class Story:
    """What happened to one cluster, act by act."""

    cluster: Cluster
    acts: dict[str, Act] = field(default_factory=dict)
    received: set[int] = field(default_factory=set)

    @property
    def survivors(self) -> list[Server]:
        return self.cluster.replicas

    @property
    def new_primary(self) -> Server:
        (writable,) = [server for server in self.survivors if server.is_writable]
        return writable


@pytest.fixture(scope="module")
def story(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Tell it: the primary lives, in check mode, too; db1 stops receiving; the primary is killed; check mode; the failover; the playbook once more."""
    with POOL.cluster(kind, replicas=3) as cluster:
        playbooks = Playbooks(cluster, tmp_path_factory.mktemp(kind))
        story = Story(cluster)

        def act(name: str, *arguments: str, **variables: str) -> None:
            servers = [server for server in cluster.servers.values() if server.is_running]
            before = wait_until_still(servers)
            with listening(servers) as heard:
                run = playbooks.run("dbha.mysql.failover", *arguments, **variables)
            story.acts[name] = Act(run, before, snapshots(servers), heard)

        act("alive")
        act("alive, check", "--check")
        act("alive, check, nobody to elect", "--check", failover_exclude="db1,db2,db3")
        act("alive, named as dead", failover_dead_primary="db0")
        with Writer(cluster.primary, clients=4) as writer:
            writer.wait_for(50)
            stop_receiving(cluster["db1"])
            writer.wait_for(200)
            cluster.primary.kill()
        wait_until_still(cluster.replicas)
        story.received = set().union(*(rows(server) for server in cluster.replicas))
        act("check", "--check", "--diff")
        act("failover", "-vvv", "--diff")
        cluster.wait_in_sync(source=story.new_primary, replicas=story.survivors)
        act("again", "-vvv", "--diff")
        yield story


def stop_receiving(server: Server) -> None:
    server.execute("STOP SLAVE IO_THREAD" if server.installation.is_mariadb or server.installation.version < (8, 0, 22) else "STOP REPLICA IO_THREAD")


def test_with_the_primary_alive_nothing_is_done_and_that_is_said(story: Story) -> None:
    act = story.acts["alive"]
    assert act.run.returncode == 0, act.run
    assert act.run.changed == 0
    assert act.changed_nothing
    assert "db0 is alive and writable" in act.run.output
    assert "nothing is to be done" in act.run.output


def test_check_mode_says_what_a_failover_would_do_if_the_living_primary_died_now(story: Story) -> None:
    acts = story.acts["alive, check"], story.acts["alive, check, nobody to elect"]
    said = [re.search(r"if db0 died now, .*", act.run.output) for act in acts]
    assert said[0] is not None
    assert re.match(r"if db0 died now, db[123] would be elected\W*$", said[0][0])
    assert said[1] is not None
    assert "if db0 died now, a failover would be refused: no replica may be promoted" in said[1][0]
    assert "if db0 died now" not in story.acts["alive"].run.output
    for act in acts:
        assert act.run.changed == 0
        assert act.changed_nothing
    assert acts[0].run.returncode == 0, acts[0].run
    assert "nothing is to be done" in acts[0].run.output
    # What a failover would be refused for, its rehearsal is.
    assert (acts[1].run.returncode, acts[1].run.codes) == (2, {"no_candidate"}), acts[1].run


def test_a_living_server_that_is_named_as_dead_is_refused(story: Story) -> None:
    act = story.acts["alive, named as dead"]
    assert act.run.returncode == 2, act.run
    assert act.run.codes == {"primary_alive"}
    assert "[primary_alive] the primary db0 is alive" in act.run.output
    assert act.changed_nothing


def test_check_mode_changes_nothing(story: Story) -> None:
    act = story.acts["check"]
    assert act.run.returncode == 0, act.run
    assert act.run.changed > 0
    assert differences(act.before, act.after) == {}
    assert {name: changing(statements) for name, statements in act.heard.items()} == {"db1": [], "db2": [], "db3": []}


def test_check_mode_prints_the_plan_that_is_carried_out_then(story: Story) -> None:
    plan, failover = story.acts["check"].run, story.acts["failover"].run
    assert plan.sent == failover.sent
    assert "SET GLOBAL read_only = 0" in plan.sent["mysql_promote", story.new_primary.name]
    assert {module for module, _server in plan.sent} == {"mysql_find_best_replica", "mysql_promote", "mysql_change_master"}
    printed = [line.strip().strip('",') for line in plan.output.splitlines()]
    assert [statement for (_module, server), sent in plan.sent.items() for statement in sent if f"{server}: {statement}" not in printed] == []


@pytest.mark.parametrize("act", ["check", "failover"])
def test_with_diff_the_whole_topology_is_shown_before_and_after_once(story: Story, act: str) -> None:
    ((before, after),) = story.acts[act].run.differences
    new = story.new_primary.name
    others = [server.name for server in story.survivors if server.name != new]
    assert [line.partition("  ")[0] for line in before] == ["db0", "+- db1", "+- db2", "+- db3"]
    assert [line.partition("  ")[0] for line in after] == [new, *(f"+- {name}" for name in others), "db0"]
    assert before[0] == "db0  (dead)"
    assert after[0].endswith("writable)")
    assert all("receiver running, applier running" in line for line in after[1:-1])


def test_exactly_one_server_is_writable_and_replicates_from_nobody(story: Story) -> None:
    assert story.acts["failover"].run.returncode == 0, story.acts["failover"].run
    assert [server.name for server in story.survivors if server.is_writable] == [story.new_primary.name]
    assert story.new_primary.replica_status() == {}


def test_it_holds_every_row_that_any_replica_had_received(story: Story) -> None:
    assert len(story.received) >= 250
    assert rows(story.new_primary) == story.received
    assert story.acts["failover"].run.dbha_result["lost"] == []


def test_the_others_replicate_from_it_and_end_up_with_the_same_rows(story: Story) -> None:
    new = story.new_primary
    for server in story.survivors:
        if server is not new:
            status = server.replica_status()
            assert (status["source_host"], status["source_port"]) == (new.host, new.port)
            assert (status["receiver"], status["applier"]) == ("Yes", "Yes")
            assert rows(server) == rows(new)
    with Writer(new) as writer:
        writer.wait_for(20)
    story.cluster.wait_in_sync(source=new, replicas=story.survivors)
    assert all(writer.acknowledged <= rows(server) for server in story.survivors)


def test_a_replica_that_had_stopped_receiving_is_not_elected_though_first_by_name_and_catches_up(story: Story) -> None:
    ranking = story.acts["failover"].run.of("mysql_find_best_replica")["ranking"]
    assert [rank["name"] for rank in ranking][-1] == "db1"
    assert ranking[-1]["missing"] != ""
    assert story.new_primary.name != "db1"
    assert rows(story.cluster["db1"]) == rows(story.new_primary)


def test_the_result_is_left_for_the_next_node_of_a_workflow(story: Story) -> None:
    result = story.acts["failover"].run.dbha_result
    assert set(result) == {"cluster", "outcome", "check", "problems", "old_primary", "new_primary", "replicas", "lost", "salvaged", "seconds", "comes_back"}
    assert (result["comes_back"]["server"], result["comes_back"]["closed"]) == ("db0", None)
    assert (result["outcome"], result["check"], result["problems"]) == ("promoted", False, [])
    old, new = story.cluster.primary, story.new_primary
    assert result["cluster"] == "orders"
    assert result["old_primary"] == {"name": "db0", "host": old.host, "port": old.port}
    assert result["new_primary"] == {"name": new.name, "host": new.host, "port": new.port}
    assert {replica["name"]: replica["replicating"] for replica in result["replicas"]} == {server.name: True for server in story.survivors if server is not new}
    assert 0 < result["seconds"] < story.acts["failover"].run.seconds


def test_how_it_ended_is_said(story: Story) -> None:
    output = story.acts["failover"].run.output
    assert "the primary db0 is dead" in output
    assert f"{story.new_primary.name} is the primary now" in output
    others = {server.name for server in story.survivors} - {story.new_primary.name}
    assert any(f"{one}, {other} replicate from {story.new_primary.name} now" in output for one, other in itertools.permutations(others))


def test_a_second_run_changes_nothing_and_writes_to_no_server(story: Story) -> None:
    act = story.acts["again"]
    assert act.run.returncode == 0, act.run
    assert act.run.changed == 0
    assert act.run.differences == []
    assert differences(act.before, act.after) == {}
    assert {name: changing(statements) for name, statements in act.heard.items()} == {"db1": [], "db2": [], "db3": []}
    assert f"{story.new_primary.name} is alive and writable" in act.run.output


def test_passwords_are_nowhere_in_the_output(story: Story) -> None:
    for name, act in story.acts.items():
        assert (name, leaked(act.run.output)) == (name, [])
        assert (name, leaked(repr(act.run.tasks))) == (name, [])
        # Replicas keep the account that they have, so that no statement need carry one; a switchover's do.
        assert set(re.findall(r"PASSWORD = '([^']*)'", act.run.output)) <= {"********"}


@pytest.mark.parametrize("user", PASSWORDS)
def test_a_password_in_the_output_would_be_found(user: str) -> None:
    password = PASSWORDS[user]
    quoted = [password, repr(password), json.dumps(password), json.dumps(json.dumps(password)), shlex.quote(json.dumps(password)), password.replace("'", "''")]
    assert [leaked(f"-e {text} -v") for text in quoted] == [[user]] * len(quoted)


def test_a_group_that_is_not_there_is_refused_with_a_list_of_those_that_are(some_kind: str, tmp_path: Path) -> None:
    with Cluster(some_kind, replicas=1, start=False) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        for cluster_named, left_out in (("", []), ("order", []), ("orders", ["db0", "db1"])):
            run = playbooks.run("dbha.mysql.failover", cluster=cluster_named, failover_leave_out=left_out)
            assert run.returncode == 2, run
            assert run.codes == {"no_such_cluster"}
            if left_out:
                assert "all servers of the group 'orders' are left out" in run.output
            else:
                assert f"'{cluster_named}' is not a group of the inventory that has servers in it. Those that have are: orders" in run.output
