# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused: in time, with the right code, naming the server and what is at stake, and with all servers left as they were found.

All of it happens to one cluster, which therefore must survive it unchanged.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pymysql
import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from sandbox import PASSWORDS, Cluster, Kind, Server, Writer
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.pool import POOL
from sandbox.servers.ports import give_back_port, take_port
from sandbox.servers.snapshot import Snapshot, changing, differences, listening, snapshots, wait_until_still
from sandbox.servers.waiting import HANGS

HEALTHY = ("db0", "db1", "db2")

ONE_OF_EACH_FAMILY = pytest.mark.server("mariadb-10.11", "mysql-9.7")
"""For what is decided from what is known of servers already, whatever their version."""


class Trouble:
    """A cluster (db0 and its replicas db1 and db2) and servers beside it that do not fit in, each in a way of its own."""

    def __init__(self, cluster: Cluster, playbooks: Playbooks) -> None:
        self.cluster = cluster
        self.playbooks = playbooks
        self.closed_port = take_port()
        self._last: dict[str, Snapshot] | None = None
        self.family = Kind.named(cluster.kind).family
        self.new_words = self.family == "mysql" and cluster.primary.installation.version >= (8, 0, 23)
        self._attach("by_position")
        self._attach("errant")
        self._add_twin()
        if self.family == "mysql":
            cluster.add("no_gtids", options=["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"])
            self._point("no_gtids", by_position=True)
        cluster.add("stranger")
        cluster.add("strangers_replica")
        cluster.replicate(cluster["strangers_replica"], cluster["stranger"])
        cluster["stranger"].execute("CREATE DATABASE elsewhere")
        cluster.wait_in_sync(replicas=[cluster[name] for name in ("db1", "db2", "by_position", "errant")])
        self._point("by_position", by_position=True)
        self.errant_gtid = self._write_to("errant")

    def _attach(self, name: str) -> None:
        server = self.cluster.add(name)
        server.set_read_only()
        self.cluster.replicate(server)

    def _add_twin(self) -> None:
        """Add a server with the identity of db1: its server_uuid, or in MariaDB, which has none, its server_id."""
        own = [f"--server-id={self.cluster['db1'].server_id}"] if self.family == "mariadb" else []
        twin = self.cluster.add("twin", options=own, start=False)
        twin.prepare()
        if self.family == "mysql":
            shutil.copy(self.cluster["db1"].datadir / "auto.cnf", twin.datadir)
        twin.start()
        twin.set_read_only()
        # Not started: it would throw db1 off the primary, and db1 would throw it off.
        self.cluster.replicate(twin, start=False)

    def _point(self, name: str, *, by_position: bool) -> None:
        server, source = self.cluster[name], self.cluster.primary
        word, replica = ("SOURCE", "REPLICA") if self.new_words else ("MASTER", "SLAVE")
        change = "CHANGE REPLICATION SOURCE" if self.new_words else "CHANGE MASTER"
        gtids = "MASTER_USE_GTID = no" if self.family == "mariadb" else f"{word}_AUTO_POSITION = {int(not by_position)}"
        where = "" if server.replica_status() else f"{word}_HOST = '{source.host}', {word}_PORT = {source.port}, {word}_USER = 'repl', "
        server.execute_all(f"STOP {replica}", f"{change} TO {where}{gtids}", f"START {replica}")

    def _write_to(self, name: str) -> str:
        """Write to a replica and return the GTID of that."""
        server = self.cluster[name]
        before = server.executed()
        server.set_read_only(False)
        server.execute("CREATE DATABASE written_to_a_replica")
        server.set_read_only()
        if self.family == "mariadb":
            return str(server.value("SELECT @@GLOBAL.gtid_binlog_pos"))
        return str(server.value("SELECT GTID_SUBTRACT(@@GLOBAL.gtid_executed, %s)", (before,)))

    @property
    def running(self) -> list[Server]:
        return [server for server in self.cluster.servers.values() if server.is_running]

    def revive(self) -> None:
        if not self.cluster.primary.is_running:
            self.cluster.primary.start()
            self.cluster.wait_in_sync(replicas=[self.cluster["db1"], self.cluster["db2"]])

    def kill(self) -> None:
        if self.cluster.primary.is_running:
            with Writer(self.cluster.primary) as writer:
                writer.wait_for(20)
                self.cluster.primary.kill()

    def run(
        self,
        *arguments: str,
        playbook: str = "failover",
        members: Sequence[str] = HEALTHY,
        paused: Sequence[str] = (),
        full: Sequence[str] = (),
        **options: Any,
    ) -> Run:
        """Run a playbook, and see that it ended in time and left every server as it was, those too that were paused or full meanwhile."""
        before = wait_until_still(self.running, earlier=self._last)
        with listening(self.running) as heard, ExitStack() as stack:
            for name in paused:
                self.cluster[name].pause()
                stack.callback(self.cluster[name].resume)
            for name in full:
                stack.enter_context(filled(self.cluster[name]))
            run = self.playbooks.run(f"dbha.mysql.{playbook}", *arguments, cluster=members, **options)
        assert {name: changing(statements) for name, statements in heard.items()} == {name: [] for name in heard}, run
        self._last = snapshots(self.running)
        assert differences(before, self._last) == {}, run
        looks = [step["seconds"] for task in run.tasks for step in task.result.get("timeline", []) if step["step"] == "look"]
        assert len(looks) <= (3 if playbook == "switchover" else 2), run
        assert all(seconds < HANGS for seconds in looks), run
        assert run.changed == 0, run
        return run


@contextmanager
def expired(*servers: Server) -> Iterator[None]:
    """Let the password of our account be expired on some servers, each by itself."""

    def alter(server: Server, how: str, *values: str) -> None:
        closed = server.has_super_read_only and server.value("SELECT @@GLOBAL.super_read_only")
        opening, closing = (("SET GLOBAL super_read_only = 0",), ("SET GLOBAL super_read_only = 1",)) if closed else ((), ())
        server.execute_all(*opening, "SET SESSION sql_log_bin = 0", (f"ALTER USER failover {how}", values), *closing)

    for server in servers:
        alter(server, "PASSWORD EXPIRE")
    try:
        yield
    finally:
        for server in servers:
            alter(server, "IDENTIFIED BY %s", PASSWORDS["failover"])


@contextmanager
def filled(server: Server) -> Iterator[None]:
    """Take all connections that a server has, the one for administrators too."""
    allowed = server.value("SELECT @@GLOBAL.max_connections")
    server.execute("SET GLOBAL max_connections = 10")
    taken, refusal = [], ""
    try:
        while not refusal:
            try:
                taken.append(server.connect())
            except pymysql.err.OperationalError as error:
                refusal = str(error)
        assert "Too many connections" in refusal
        yield
    finally:
        # By one of these, for there is no other.
        taken[0].query(f"SET GLOBAL max_connections = {allowed}")
        for connection in taken:
            connection.close()


@pytest.fixture(scope="module")
def trouble(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    with POOL.cluster(kind, replicas=2) as cluster:
        directory = tmp_path_factory.mktemp(kind)
        trouble = Trouble(cluster, Playbooks(cluster, directory))
        trouble.playbooks = Playbooks(cluster, directory)  # with those that were added
        yield trouble
        give_back_port(trouble.closed_port)


@pytest.fixture
def with_primary(trouble: Trouble) -> Trouble:
    trouble.revive()
    return trouble


@pytest.fixture
def without_primary(trouble: Trouble) -> Trouble:
    trouble.kill()
    return trouble


def refusals(run: Run) -> set[tuple[str, str]]:
    return {(problem["code"], problem["server"]) for problem in run.problems}


def assert_refused(run: Run, *expected: tuple[str, str], also: Sequence[str] = ()) -> None:
    """See that it was refused for these codes and servers and for nothing else, and that what is printed says so."""
    assert run.returncode == 2, run
    assert {(problem["code"], problem["server"]) for problem in run.problems} == set(expected), run
    for code, server in expected:
        assert f"[{code}] " in run.output
        assert server in run.output
    assert all(text in run.output for text in also), run
    assert all(problem["remedy"] in run.output.replace("\\n", "\n") for problem in run.problems)


# With the primary alive


@pytest.mark.alike
def test_a_check_of_a_living_cluster_names_every_trouble_at_once(with_primary: Trouble) -> None:
    trouble = with_primary
    expected = {
        ("db2", "not_responding"),
        ("by_position", "gtid_off"),
        ("errant", "errant"),
        ("strangers_replica", "other_primary"),
        ("twin", "same_server_id" if trouble.family == "mariadb" else "same_server_uuid"),
        ("closed", "unreachable"),
        ("locked_out", "login_refused"),
    }
    hosts = {
        "closed": {"mysql_host": "127.0.0.1", "mysql_port": trouble.closed_port, "mysql_allow_unverified": True},
        "locked_out": {
            "mysql_host": "127.0.0.1",
            "mysql_port": trouble.cluster["errant"].port,
            "mysql_login_user": "failover",
            "mysql_allow_unverified": True,
        },
    }
    if trouble.family == "mysql":
        expected.add(("no_gtids", "gtid_off"))
    members = ["db0", "db1", "db2", "by_position", "errant", "strangers_replica", "twin", *(["no_gtids"] if trouble.family == "mysql" else [])]
    run = trouble.run(playbook="check", members=members, hosts=hosts, paused=["db2"])
    assert run.returncode == 2, run
    found = {(problem["server"], problem["code"]) for problem in run.problems}
    assert expected <= found, run
    assert not [code for server, code in found if server in ("db0", "db1")], run
    assert trouble.errant_gtid in run.output
    assert all(f"[{code}] " in run.output for _server, code in expected)


@pytest.mark.alike
def test_a_check_of_a_healthy_cluster_says_so(with_primary: Trouble) -> None:
    run = with_primary.run(playbook="check")
    assert run.returncode == 0, run
    assert "the primary db0 is alive and writable; replicas that answer: db1, db2" in run.output
    assert "+- db2  (" in run.output


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
@pytest.mark.parametrize("paused", [[], ["db2"]], ids=["", "a replica paused"])
def test_a_living_primary_that_cannot_be_logged_in_to_is_left_alone(with_primary: Trouble, paused: list[str]) -> None:
    run = with_primary.run(hosts={"db0": {"mysql_login_password": "wrong"}}, paused=paused)
    assert run.returncode == 0, run
    assert "nothing is to be done" in run.output


@pytest.mark.alike
@ONE_OF_EACH_FAMILY
def test_a_check_that_is_not_let_in_to_the_living_primary_says_so(with_primary: Trouble) -> None:
    check = with_primary.run(playbook="check", hosts={"db0": {"mysql_login_password": "wrong"}})
    assert (check.returncode, refusals(check)) == (2, {("login_refused", "db0")}), check
    assert "whether anything is only on db0 is not known" in check.output, check
    # MariaDB lets an account in whose password has expired, and then nothing but change it.
    with expired(with_primary.cluster["db0"], with_primary.cluster["db2"]):
        for run, expected in (
            (with_primary.run(playbook="check"), {("login_refused", "db0"), ("login_refused", "db2")}),
            (with_primary.run(failover_dead_primary="db0", failover_force=True), {("primary_alive", "db0"), ("login_refused", "db2")}),
            (with_primary.run(playbook="switchover", switchover_to="db1"), {("login_refused", "db2")}),
        ):
            assert (run.returncode, refusals(run)) == (2, expected), run


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
@pytest.mark.parametrize("force", [False, True], ids=["", "with force"])
def test_a_living_primary_that_is_named_as_dead_is_refused_though_it_cannot_be_logged_in_to(with_primary: Trouble, force: bool) -> None:
    run = with_primary.run(hosts={"db0": {"mysql_login_password": "wrong"}}, failover_dead_primary="db0", failover_force=force)
    assert_refused(run, ("primary_alive", "db0"))


@pytest.mark.alike
def test_a_primary_with_too_many_connections_is_alive(with_primary: Trouble) -> None:
    run = with_primary.run(full=["db0"], failover_dead_primary="db0")
    assert_refused(run, ("primary_alive", "db0"), also=["Too many connections"])


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
@pytest.mark.parametrize("named", [{}, {"failover_dead_primary": "db0"}], ids=["", "named as dead"])
def test_a_living_primary_that_the_inventory_has_at_a_wrong_port_is_left_alone(with_primary: Trouble, named: dict[str, str]) -> None:
    run = with_primary.run(hosts={"db0": {"mysql_port": with_primary.closed_port}}, **named)
    assert run.returncode == 0, run
    assert f"the primary 127.0.0.1:{with_primary.cluster.primary.port} is alive and writable" in run.output
    assert "nothing is to be done" in run.output


@pytest.mark.alike
def test_a_paused_primary_may_be_alive(with_primary: Trouble) -> None:
    assert_refused(with_primary.run(paused=["db0"]), ("primary_maybe_alive", "db0"))


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
def test_a_paused_primary_that_is_named_as_dead_may_be_alive(with_primary: Trouble) -> None:
    assert_refused(with_primary.run(paused=["db0"], failover_dead_primary="db0"), ("primary_maybe_alive", "db0"))


def as_another_run(server: Server) -> pymysql.Connection[Any]:
    """Connect with the account that runs log in with: nobody else's lock keeps them off."""
    return server.connect(host=server.host, port=server.port, user="failover", password=PASSWORDS["failover"])


@pytest.mark.alike
def test_a_switchover_of_a_primary_that_another_run_works_on_is_refused(with_primary: Trouble) -> None:
    connection = as_another_run(with_primary.cluster["db0"])
    try:
        connection.query("SELECT GET_LOCK('dbha.mysql', 0)")
        run = with_primary.run(playbook="switchover", switchover_to="db1")
    finally:
        connection.close()
    assert_refused(run, ("locked", "db0"), also=[f"connection {connection.thread_id()} of failover"])


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
@pytest.mark.parametrize("playbook", ["failover", "switchover"])
def test_a_second_server_that_takes_writes_is_no_order_though_the_primary_lives(with_primary: Trouble, playbook: str) -> None:
    run = with_primary.run(playbook=playbook, members=[*HEALTHY, "stranger"], switchover_to="db0")
    assert (run.returncode, run.changed) == (2, 0), run
    assert "[two_writable] stranger takes writes, and so does the primary db0" in run.output


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
def test_the_primary_of_a_group_of_two_clusters_cannot_be_told(with_primary: Trouble) -> None:
    run = with_primary.run(members=["db1", "strangers_replica"])
    assert run.returncode == 2, run
    assert "primary_unknown" in run.codes, run


# With the primary dead


@pytest.mark.alike
def test_a_check_of_a_cluster_without_its_primary_says_so(without_primary: Trouble) -> None:
    assert_refused(without_primary.run(playbook="check"), ("primary_dead", "db0"))
    assert without_primary.run(playbook="check", expect_primary="dead").returncode == 0


@pytest.mark.alike
def test_a_paused_replica_is_refused(without_primary: Trouble) -> None:
    assert_refused(without_primary.run(paused=["db2"]), ("not_responding", "db2"), also=[remedy_of("not_responding", "failover")])


@pytest.mark.alike
def test_a_replica_with_another_password_is_refused(without_primary: Trouble) -> None:
    assert_refused(without_primary.run(hosts={"db2": {"mysql_login_password": "wrong"}}), ("login_refused", "db2"), also=["'failover'"])


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
def test_a_wrong_password_for_all_servers_is_refused(without_primary: Trouble) -> None:
    run = without_primary.run(hosts={name: {"mysql_login_password": "wrong"} for name in HEALTHY})
    assert run.returncode == 2, run
    # And nothing that only follows from that: who is the primary, who could be promoted.
    assert {(problem["code"], problem["server"]) for problem in run.problems} == {("unreachable", "db0"), ("login_refused", "db1"), ("login_refused", "db2")}


@pytest.mark.alike
def test_a_closed_port_is_refused(without_primary: Trouble) -> None:
    run = without_primary.run(hosts={"db2": {"mysql_port": without_primary.closed_port}})
    assert_refused(run, ("unreachable", "db2"), also=[f"127.0.0.1:{without_primary.closed_port}"])


def test_a_replica_by_file_and_position_is_refused(without_primary: Trouble) -> None:
    assert_refused(without_primary.run(members=[*HEALTHY, "by_position"]), ("gtid_off", "by_position"))


@pytest.mark.server("mysql")
def test_a_replica_with_its_gtids_off_is_refused(without_primary: Trouble) -> None:
    assert_refused(without_primary.run(members=[*HEALTHY, "no_gtids"]), ("gtid_off", "no_gtids"), also=["gtid_mode=OFF"])


def test_a_replica_of_another_primary_is_refused(without_primary: Trouble) -> None:
    stranger = without_primary.cluster["stranger"]
    run = without_primary.run(members=[*HEALTHY, "strangers_replica"])
    assert_refused(run, ("other_primary", "strangers_replica"), also=[f"127.0.0.1:{stranger.port}"])


def test_an_errant_transaction_is_refused_and_its_gtid_named(without_primary: Trouble) -> None:
    run = without_primary.run(members=[*HEALTHY, "errant"])
    assert_refused(run, ("errant", "errant"), also=[without_primary.errant_gtid])
    assert [problem["gtids"] for problem in run.problems] == [without_primary.errant_gtid]


@pytest.mark.alike
def test_two_servers_with_one_identity_are_refused(without_primary: Trouble) -> None:
    code = "same_server_id" if without_primary.family == "mariadb" else "same_server_uuid"
    assert_refused(without_primary.run(members=[*HEALTHY, "twin"]), (code, "twin"), also=["db1 and twin have the same"])


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
def test_one_server_under_two_names_is_refused(without_primary: Trouble) -> None:
    db2 = without_primary.cluster["db2"]
    login = {"mysql_login_user": "failover", "mysql_login_password": PASSWORDS["failover"], "mysql_allow_unverified": True}
    run = without_primary.run(hosts={"again": {"mysql_host": "localhost", "mysql_port": db2.port, **login}})
    assert_refused(run, ("same_server", "again"), also=["db2 and again are the same server"])


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
def test_several_troubles_are_named_together(without_primary: Trouble) -> None:
    run = without_primary.run(members=[*HEALTHY, "by_position", "errant"], paused=["db2"])
    assert_refused(run, ("not_responding", "db2"), ("gtid_off", "by_position"), ("errant", "errant"))


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
def test_a_candidate_that_is_no_member_is_refused(without_primary: Trouble) -> None:
    assert_refused(without_primary.run(failover_candidates=["db9"]), ("not_a_member", "db9"))


@ONE_OF_EACH_FAMILY
@pytest.mark.alike
def test_when_nobody_may_be_promoted_it_is_refused(without_primary: Trouble) -> None:
    run = without_primary.run(failover_exclude=["db1", "db2"])
    assert_refused(run, ("no_candidate", ""), also=["db1: excluded by the user", "db2: excluded by the user"])


@pytest.mark.alike
def test_a_server_that_another_run_works_on_is_refused(without_primary: Trouble) -> None:
    connection = as_another_run(without_primary.cluster["db2"])
    try:
        connection.query("SELECT GET_LOCK('dbha.mysql', 0)")
        run = without_primary.run()
    finally:
        connection.close()
    assert_refused(run, ("locked", "db2"), also=[f"connection {connection.thread_id()} of failover"])
