# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The switchover by its playbook: told once and looked at by many tests; many in a row; and what it refuses."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from sandbox import PASSWORDS, Cluster, Server, Writer, rows
from sandbox.runs.leaks import leaked
from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.sampler import Sampler
from sandbox.servers.pool import POOL
from sandbox.servers.replication import start_statement, stop_statement
from sandbox.servers.snapshot import changing, differences, listening, snapshots, wait_until_still

EVENTS = [
    "CREATE DEFINER = 'app'@'%' EVENT dbha_demo.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM dbha_demo.rows WHERE id < 0",
    "CREATE DEFINER = 'app'@'%' EVENT dbha_demo.`odd ``%s`` name` ON SCHEDULE EVERY 1 DAY DISABLE DO DO 1",
]


def writable(cluster: Cluster) -> Server | None:
    """Return the server that takes writes; what a client asks that follows the primary."""
    return next((server for server in cluster.servers.values() if server.is_running and server.is_writable), None)


def events(server: Server) -> dict[str, tuple[str, str]]:
    """Return status and definer of each event."""
    found = server.query("SELECT EVENT_NAME AS name, STATUS AS status, DEFINER AS definer FROM information_schema.EVENTS")
    return {row["name"]: (row["status"].replace("SLAVESIDE", "REPLICA_SIDE"), row["definer"]) for row in found}


def certificate_of(server: Server) -> Path | None:
    """Return the file of the server's own certificate, one made by the sandbox or by itself."""
    return next((path for path in (server.datadir / "sandbox-cert.pem", server.datadir / "ca.pem") if path.exists()), None)


def use_tls(replica: Server, ca_file: Path) -> None:
    """Let a replica log in to its source with TLS and a CA file that it need not verify."""
    start, stop = start_statement(replica.installation), stop_statement(replica.installation)
    change, prefix = ("REPLICATION SOURCE", "SOURCE") if "REPLICA" in stop else ("MASTER", "MASTER")
    replica.execute_all(stop, (f"CHANGE {change} TO {prefix}_SSL = 1, {prefix}_SSL_VERIFY_SERVER_CERT = 0, {prefix}_SSL_CA = %s", (str(ca_file),)), start)


@dataclass
class Story:
    """What happened to one cluster, act by act."""

    cluster: Cluster
    acts: dict[str, Run] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    acknowledged: set[int] = field(default_factory=set)
    events_before: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    events_after: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def story(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Tell it: to the present primary; check mode; to db2 while clients write; to db2 again; to db0 while nobody writes."""
    with POOL.cluster(kind, replicas=3) as cluster:
        playbooks = Playbooks(cluster, tmp_path_factory.mktemp(kind))
        story = Story(cluster)

        def act(name: str, *arguments: str, **variables: Any) -> None:
            story.acts[name] = playbooks.run("dbha.mysql.switchover", *arguments, cluster="orders", **variables)

        def quiet_act(name: str, *arguments: str, **variables: Any) -> None:
            before = wait_until_still(cluster.servers.values())
            with listening(cluster.servers.values()) as heard:
                act(name, *arguments, **variables)
            found = differences(before, snapshots(cluster.servers.values()))
            story.changes[name] = {**found, **{server: changing(statements) for server, statements in heard.items() if changing(statements)}}

        cluster.primary.execute_all(*EVENTS)
        certificate = certificate_of(cluster.primary)
        for replica in cluster.replicas if certificate else []:
            use_tls(replica, certificate)
        cluster.wait_in_sync()
        story.events_before = {server.name: events(server) for server in cluster.servers.values()}
        quiet_act("already", switchover_to="db0")
        quiet_act("check", "--check", "--diff", switchover_to="db2")
        with Writer(cluster.primary, clients=3, follow=lambda: writable(cluster)) as writer:
            writer.wait_for(20)
            act("busy", "-vvv", "--diff", switchover_to="db2")
            writer.wait_for(20)
        story.acknowledged = writer.acknowledged
        cluster.wait_in_sync(source=cluster["db2"], replicas=cluster.servers.values())
        story.events_after = {server.name: events(server) for server in cluster.servers.values()}
        quiet_act("again", "--diff", switchover_to="db2")
        yield story


@pytest.mark.alike
def test_to_the_present_primary_nothing_is_done_and_that_is_said(story: Story) -> None:
    for name, primary in (("already", "db0"), ("again", "db2")):
        run = story.acts[name]
        assert run.returncode == 0, run
        assert run.changed == 0
        assert run.differences == []
        assert story.changes[name] == {}
        assert f"the primary {primary} is alive and writable" in run.output
        assert "nothing is to be done" in run.output


@pytest.mark.alike
def test_check_mode_changes_nothing(story: Story) -> None:
    assert story.acts["check"].returncode == 0, story.acts["check"]
    assert story.acts["check"].changed > 0
    assert story.changes["check"] == {}


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_check_mode_prints_the_plan_that_is_carried_out_then(story: Story) -> None:
    plan, run = story.acts["check"], story.acts["busy"]
    # But for what depends on the moment: connections that are in the way then.
    assert plan.sent == {at: [statement for statement in sent if "KILL" not in statement] for at, sent in run.sent.items()}
    assert "SET GLOBAL read_only = 0" in plan.sent["mysql_promote", "db2"]
    assert {server for _module, server in plan.sent} == set(story.cluster.servers)
    printed = [line.strip().strip('",') for line in plan.output.splitlines()]
    assert [statement for (_module, server), sent in plan.sent.items() for statement in sent if f"{server}: {statement}" not in printed] == []


@pytest.mark.parametrize("act", ["check", "busy"])
def test_with_diff_the_whole_topology_is_shown_before_and_after_once(story: Story, act: str) -> None:
    ((before, after),) = story.acts[act].differences
    assert [line.partition("  ")[0] for line in before] == ["db0", "+- db1", "+- db2", "+- db3"]
    assert [line.partition("  ")[0] for line in after] == ["db2", "+- db0", "+- db1", "+- db3"]
    assert all("receiver running, applier running" in line for line in after[1:]), after
    assert [line.endswith("writable)") for line in after] == [True, False, False, False]


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_the_role_moves_and_all_follow_the_new_primary(story: Story) -> None:
    run = story.acts["busy"]
    assert run.returncode == 0, run
    new = story.cluster["db2"]
    assert [server.name for server in story.cluster.servers.values() if server.is_writable] == ["db2"]
    assert new.replica_status() == {}
    for server in story.cluster.servers.values():
        if server is not new:
            status = server.replica_status()
            assert (status["source_host"], status["source_port"]) == (new.host, new.port)
            assert (status["receiver"], status["applier"]) == ("Yes", "Yes")


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_no_acknowledged_row_is_lost_and_all_hold_the_same(story: Story) -> None:
    assert len(story.acknowledged) >= 40
    for server in story.cluster.servers.values():
        assert story.acknowledged <= rows(server)
        assert rows(server) == rows(story.cluster["db2"])


def test_the_old_primary_replicates_with_the_settings_of_the_others(story: Story) -> None:
    def settings(server: Server) -> dict[str, Any]:
        raw = server.replica_status()["raw"]
        return {name: value for name, value in raw.items() if "ssl" in name.lower() or "public_key" in name.lower() or name in ("Master_User", "Source_User")}

    assert settings(story.cluster["db0"]) == settings(story.cluster["db1"])
    (tls,) = [value for name, value in settings(story.cluster["db0"]).items() if name.endswith("SSL_Allowed")]
    assert tls == ("Yes" if certificate_of(story.cluster["db0"]) else "No")


def test_events_are_enabled_where_the_primary_is_and_their_definers_kept(story: Story) -> None:
    assert story.events_before["db0"] == {"nightly": ("ENABLED", "app@%"), "odd `%s` name": ("DISABLED", "app@%")}
    assert story.events_after["db2"]["nightly"] == ("ENABLED", "app@%")
    for name in ("db0", "db1", "db3"):
        assert story.events_after[name]["nightly"] == ("REPLICA_SIDE_DISABLED", "app@%")
    assert story.events_after["db0"]["odd `%s` name"] == ("DISABLED", "app@%")
    assert {found["odd `%s` name"][0] for found in story.events_after.values()} <= {"DISABLED", "REPLICA_SIDE_DISABLED"}


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_no_server_has_transactions_of_its_own(story: Story) -> None:
    primary = story.cluster["db2"]
    for server in story.cluster.servers.values():
        assert primary.has_executed(server.executed())
        assert server.has_executed(primary.executed())


@pytest.mark.alike
def test_how_it_ended_is_said(story: Story) -> None:
    output = story.acts["busy"].output
    assert "db2 is the primary now" in output
    assert "replicate from db2 now" in output
    assert "nobody could write for 0." in output


@pytest.mark.alike
def test_the_result_is_left_for_the_next_node_of_a_workflow(story: Story) -> None:
    result = story.acts["busy"].dbha_result
    assert set(result) == {"cluster", "outcome", "check", "problems", "old_primary", "new_primary", "replicas", "lost", "downtime", "seconds"}
    assert (result["outcome"], result["check"], result["problems"]) == ("promoted", False, [])
    assert (result["old_primary"]["name"], result["new_primary"]["name"]) == ("db0", "db2")
    assert {replica["name"]: replica["replicating"] for replica in result["replicas"]} == {"db0": True, "db1": True, "db3": True}
    assert 0 < result["downtime"] < result["seconds"]


@pytest.mark.alike
def test_passwords_are_nowhere_in_the_output(story: Story) -> None:
    for name, run in story.acts.items():
        assert (name, leaked(run.output)) == (name, [])
        assert (name, leaked(repr(run.tasks))) == (name, [])
    assert "PASSWORD = '********'" in story.acts["busy"].output


def role(**variables: Any) -> dict[str, Any]:
    """Return a task that runs the role, and goes on when it refuses."""
    include = {"name": "dbha.mysql.switchover"}
    task = {"ansible.builtin.include_role": include, "vars": {"switchover_cluster": "orders", **variables}}
    return {"block": [task], "rescue": [{"ansible.builtin.meta": "noop"}]}


def test_many_in_a_row_lose_nothing_and_never_are_two_servers_writable(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with POOL.cluster(kind, replicas=3) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        turns = [f"db{(number + 1) % 4}" for number in range(20 if request.config.getoption("--thorough") else 6)]
        task = {"ansible.builtin.include_role": {"name": "dbha.mysql.switchover"}, "loop": turns, "vars": {"switchover_to": "{{ item }}"}}
        with Sampler(list(cluster.servers.values())) as sampler, Writer(cluster.primary, clients=3, follow=lambda: writable(cluster), pause=0.05) as writer:
            writer.wait_for(10)
            run = playbooks.run_tasks([task], switchover_cluster="orders", timeout=280)
            writer.wait_for(10)
        assert run.returncode == 0, run
        promotions = [task.result for task in run.tasks if task.action == "dbha.mysql.mysql_promote"]
        assert [promotion["primary"]["name"] for promotion in promotions] == turns
        assert sampler.samples > 5 * len(turns)
        assert sampler.most == 1
        cluster.wait_in_sync(source=cluster["db0"], replicas=cluster.servers.values())
        assert len(writer.acknowledged) > 5 * len(turns)
        for server in cluster.servers.values():
            assert writer.acknowledged <= rows(server)
            assert rows(server) == rows(cluster["db0"])
        times = sorted(writer.times.values())
        pause = max(later - earlier for earlier, later in itertools.pairwise(times))
        downtimes = sorted(promotion["downtime"] for promotion in promotions)
        print(f"{kind}: nobody could write for {statistics.median(downtimes):.3f} s, {downtimes[-1]:.3f} s at most; longest pause of a client {pause:.2f} s")


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_what_cannot_be_done_is_refused_before_anything_is(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        cluster["db2"].kill()
        before = wait_until_still([cluster["db0"], cluster["db1"]])
        run = playbooks.run_tasks(
            [
                role(switchover_to="db7", switchover_leave_out=["db2"]),
                role(switchover_to="stranger", switchover_leave_out=["db2"]),
                role(switchover_to="db2"),
                role(switchover_to="db1", switchover_leave_out=["db0", "db2"]),
                role(switchover_to="db1", switchover_leave_out=["db1"]),
                role(switchover_cluster="order"),
                # Nobody knows whom it follows.
                role(switchover_to="db1"),
            ],
            hosts={"stranger": {"ansible_host": "127.0.0.1"}},
        )
        said = [task.result["msg"] for task in run.tasks if task.status == "failed"]
        assert "[not_a_member] 'db7' is not a member of this cluster (db0, db1)" in said[0], said
        assert "[not_a_member] 'stranger' is not a member of this cluster (db0, db1)" in said[1], said
        assert "[unreachable] db2 (127.0.0.1" in said[2], said
        assert f"[primary_not_in_group] the primary 127.0.0.1:{cluster.primary.port} is not a member of this cluster" in said[3], said
        assert "[not_a_member] 'db1' is not a member of this cluster (db0, db2)" in said[4], said
        assert "[no_such_cluster] 'order' is not a group of the inventory that has servers in it" in said[5], said
        assert "[unreachable] db2 (127.0.0.1" in said[6], said
        assert remedy_of("unreachable", "switchover") in said[6], said
        assert len(said) == 7, run
        assert differences(before, snapshots([cluster["db0"], cluster["db1"]])) == {}
        assert run.changed == 0
        cluster.primary.kill()
        run = playbooks.run_tasks([role(switchover_to="db1"), role(), role(switchover_to="db0")])
        said = [task.result["msg"] for task in run.tasks if task.status == "failed"]
        for message in said:
            assert "[primary_dead] the primary db0 is dead" in message
            assert "Run dbha.mysql.failover." in message
        assert len(said) == 3, run
        assert not cluster["db1"].is_writable


def test_without_an_account_for_the_old_primary_nothing_is_begun(some_kind: str, tmp_path: Path) -> None:
    with POOL.cluster(some_kind, replicas=1) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        lines = [line for line in playbooks.inventory.read_text().splitlines() if "mysql_replication_password" not in line]
        playbooks.inventory.write_text("\n".join(lines) + "\n")
        run = playbooks.run("dbha.mysql.switchover", cluster="orders")
        assert run.returncode == 2
        assert run.codes == {"replication_user_missing"}
        assert "Set mysql_replication_user and mysql_replication_password for the group" in run.output
        assert cluster.primary.is_writable
        # What the remedy says.
        account = {"mysql_replication_user": "repl", "mysql_replication_password": PASSWORDS["repl"]}
        run = playbooks.run("dbha.mysql.switchover", cluster="orders", hosts=dict.fromkeys(cluster.servers, account))
        assert run.returncode == 0, run
        assert cluster["db1"].is_writable


@pytest.mark.also("mariadb-11.8", "mysql-5.6", "mariadb-10.5")
def test_two_servers_change_places(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=1) as cluster:
        run = Playbooks(cluster, tmp_path).run_tasks([role(), role()])
        assert run.returncode == 0, run
        assert [task.result["primary"]["name"] for task in run.tasks if task.action == "dbha.mysql.mysql_promote"] == ["db1", "db0"]
        assert cluster["db1"].replica_status()["receiver"] == "Yes"
        assert (cluster["db0"].is_writable, cluster["db1"].is_writable) == (True, False)
        for task in run.tasks:
            if task.action == "dbha.mysql.mysql_promote":
                assert 0 < task.result["downtime"] < run.seconds


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_replica_of_a_replica_becomes_the_primary_of_all(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=3) as cluster:
        cluster.replicate(cluster["db3"], cluster["db2"])
        wait_until_still(cluster.servers.values())
        run = Playbooks(cluster, tmp_path).run_tasks([role(switchover_to="db1"), role(switchover_to="db3")])
        assert run.returncode == 0, run
        first, second = [task.result for task in run.tasks if task.action == "dbha.mysql.mysql_change_master"]
        assert sorted(replica["name"] for replica in first["replicas"]) == ["db0", "db2"]
        assert sorted(replica["name"] for replica in second["replicas"]) == ["db0", "db1", "db2"]
        assert {server.replica_status().get("source_port") for server in cluster.servers.values()} == {None, cluster["db3"].port}
