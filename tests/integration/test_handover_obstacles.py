# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be in the way of a hand-over, and how it is undone. The modules are called in this process, against real servers."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._steps import handover
from sandbox import PASSWORDS, Cluster, Server, Writer, rows
from sandbox.runs.modules import Refused, find_best_replica, gtid_check, promote, switch_over
from sandbox.scenes.clusters import Clusters, assert_all_equal, candidate_of, follow, primary_of
from sandbox.scenes.scene import Scene
from sandbox.servers.instance import Instance
from sandbox.servers.process import kill_with_children
from sandbox.servers.replication import start_statement
from sandbox.servers.snapshot import event_states
from sandbox.servers.waiting import HANGS, wait_until

pytestmark = pytest.mark.alike

GRACE = 1


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    """A primary and two replicas; which is which depends on the tests before."""
    return clusters.whole()


class Client:
    """A connection of the application's, which runs a statement that does not return in a thread of its own."""

    def __init__(self, server: Server, *statements: str, endless: str = "") -> None:
        self._connection: Any = pymysql.connect(host=server.host, port=server.port, user="app", password=PASSWORDS["app"], read_timeout=700)
        for statement in statements:
            self.execute(statement)
        if endless:
            threading.Thread(target=self._run, args=(endless,), daemon=True).start()
            while not server.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO = %s", (endless,)):
                time.sleep(0.01)
        self.server = server

    def execute(self, statement: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def _run(self, statement: str) -> None:
        with contextlib.suppress(Exception):
            self.execute(statement)

    @property
    def number(self) -> int:
        return int(self._connection.thread_id())

    @property
    def is_alive(self) -> bool:
        return bool(self.server.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = %s", (self.number,)))

    def disconnect(self) -> None:
        self._connection.close()
        wait_until(lambda: not self.is_alive)

    def close(self) -> None:
        self.server.execute("KILL %s", (self.number,)) if self.is_alive else None


class Hammer:
    """Clients that connect, write a row and go, without a pause, whatever comes of it."""

    def __init__(self, server: Server, clients: int = 2, **login: Any) -> None:
        self._server = server
        self._login = login or {"user": "app", "password": PASSWORDS["app"], "host": server.host, "port": server.port}
        self._stop = threading.Event()
        server.execute("CREATE TABLE IF NOT EXISTS dbha_demo.hammer (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE = InnoDB")
        self._threads = [threading.Thread(target=self._work, daemon=True) for _client in range(clients)]
        for thread in self._threads:
            thread.start()
        self.is_alive = True

    def _work(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(pymysql.Error, OSError), contextlib.closing(self._server.connect(**self._login)) as connection:
                connection.query("INSERT INTO dbha_demo.hammer VALUES ()")

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


OBSTACLES: dict[str, Callable[[Server], Any]] = {
    "a table locked for writing": lambda server: Client(server, "LOCK TABLES dbha_demo.rows WRITE"),
    "an open transaction with locks": lambda server: Client(server, "BEGIN", "INSERT INTO dbha_demo.rows (id, client) VALUES (18000000000000000000, 0)"),
    "a statement that sleeps": lambda server: Client(server, endless="SELECT SLEEP(600)"),
    "clients that reconnect and write without pause": Hammer,
}


@contextlib.contextmanager
def in_the_way(obstacle: str, server: Server) -> Iterator[Any]:
    # What an earlier test has left idle, in a transaction perhaps, would be waited for by LOCK TABLES.
    for row in server.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'app' AND COMMAND = 'Sleep' AND TIME > 0"):
        with contextlib.suppress(pymysql.Error):
            server.execute("KILL %s", (row["ID"],))
    client = OBSTACLES[obstacle](server)
    try:
        yield client
    finally:
        client.close()


# What is in the way differs from family to family.
@pytest.mark.also("mariadb-10.11", "mysql-9.7")
@pytest.mark.parametrize("obstacle", OBSTACLES)
def test_a_switchover_gets_past(obstacle: str, cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with Writer(old, clients=2, follow=follow(cluster)) as writer, in_the_way(obstacle, old):
        begun = time.monotonic()
        switch_over(cluster, new, grace=GRACE, timeout=2 * HANGS)
        assert time.monotonic() - begun < HANGS
        writer.wait_for(10)
        # The row that the open transaction has locked on the old primary.
        new.execute("REPLACE INTO dbha_demo.rows (id, client) VALUES (18000000000000000000, 1)")
        cluster.wait_in_sync(source=new, replicas=cluster.servers.values())
    new.execute("DELETE FROM dbha_demo.rows WHERE id = 18000000000000000000")
    assert primary_of(cluster) is new
    assert_all_equal(cluster, writer.acknowledged)


@pytest.mark.parametrize("obstacle", ["a table locked for writing", "an open transaction with locks"])
def test_where_nothing_may_be_killed_a_switchover_is_undone_by(obstacle: str, cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with in_the_way(obstacle, old) as client:
        other = Client(old)
        executed = old.executed()
        begun = time.monotonic()
        with pytest.raises(Refused) as refusal:
            promote(new, demote=old, kill=False, grace=GRACE, timeout=2 * HANGS)
        assert time.monotonic() - begun < HANGS
        assert refusal.value.codes == {"writers_in_the_way"}
        assert f"making {old.name} read-only failed" in str(refusal.value)
        assert f"{old.name} takes writes again" in str(refusal.value)
        assert client.is_alive
        assert other.is_alive
        assert (old.is_writable, new.is_writable) == (True, False)
        assert old.executed() == executed
        client.execute("COMMIT" if "transaction" in obstacle else "UNLOCK TABLES")
        with Writer(old) as writer:
            writer.wait_for(1)
    other.close()
    old.execute("DELETE FROM dbha_demo.rows WHERE id = 18000000000000000000")
    # What the remedy says: they are stopped. (That they may be killed, and that they are given longer, is tried above and below.)
    switch_over(cluster, new, kill=False)
    assert_all_equal(cluster, writer.acknowledged)


@pytest.mark.server("mariadb-10.11", "mysql-5.6")
def test_who_cannot_be_got_out_of_the_way_in_time_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if they came back faster than they are killed."""
    monkeypatch.setattr(handover, "kill_clients", lambda *arguments, **options: None)
    old, new = primary_of(cluster), candidate_of(cluster)
    with in_the_way("a table locked for writing", old) as client, pytest.raises(Refused) as refusal:
        promote(new, demote=old, grace=GRACE, timeout=5)
    assert refusal.value.codes == {"writers_in_the_way"}
    assert f"connection {client.number} of app from " in str(refusal.value)
    assert f"{old.name} takes writes again" in str(refusal.value)
    assert (old.is_writable, new.is_writable) == (True, False)


@pytest.mark.server("mysql")
def test_one_that_is_killed_while_it_waits_to_close_the_primary_leaves_nothing_that_closes_it_later(cluster: Cluster, tmp_path: Path) -> None:
    """A job that is cancelled in AWX ends by SIGKILL; the statement that waits for a lock does not end with it, if the server is MySQL."""
    old, new = primary_of(cluster), candidate_of(cluster)
    waiting = "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SET GLOBAL %read_only = 1%'"
    cluster.write_inventory(tmp_path / "inventory.yml")
    variables = {"cluster": "orders", "switchover_to": new.name, "switchover_kill": False, "switchover_grace": 60, "switchover_timeout": 90}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "dbha.mysql.switchover", "-i", str(tmp_path / "inventory.yml")]
    with in_the_way("a table locked for writing", old) as client:
        run = subprocess.Popen([*command, "--extra-vars", json.dumps(variables)], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            wait_until(lambda: bool(old.query(waiting)))
            # It is tried again as long as writers get to finish.
            time.sleep(2.5)
            assert run.poll() is None
            wait_until(lambda: bool(old.query(waiting)))
        finally:
            kill_with_children(run)
        wait_until(lambda: not old.query(waiting), timeout=3)
        client.execute("UNLOCK TABLES")
    assert old.is_writable
    switch_over(cluster, new)
    assert_all_equal(cluster, set())


def test_a_transaction_that_ends_in_time_is_waited_for(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with in_the_way("an open transaction with locks", old) as client:
        ending = threading.Timer(0.5, client.execute, ["ROLLBACK"])
        ending.start()
        promote(new, demote=old, kill=False, grace=20, timeout=40)
        ending.join()
        assert client.is_alive
    switch_over(cluster, new)
    assert_all_equal(cluster, set())


@pytest.mark.parametrize("obstacle", ["a statement that sleeps", "clients that reconnect and write without pause"])
def test_nothing_is_killed_by_a_switchover_past(obstacle: str, cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with in_the_way(obstacle, old) as client:
        result = promote(new, demote=old, kill=False, grace=GRACE, timeout=20)
        assert client.is_alive
        assert not [sent for sent in result["statements"] if "KILL" in sent["statement"]]
    switch_over(cluster, new)
    assert_all_equal(cluster, set())


@pytest.mark.server("mariadb", "mysql-9.7")  # MySQL 5.6 rolls it back with its connection
@pytest.mark.also("mariadb-10.11", "mysql-9.7")
def test_a_transaction_that_is_prepared_and_has_no_connection_any_more_is_not_waited_for(cluster: Cluster) -> None:
    """Whoever coordinates it ends it on the new primary, which has it prepared, too. There is nobody who could be told to end it on the old one."""
    old, new = primary_of(cluster), candidate_of(cluster)
    client = Client(old, "XA START 'x'", "INSERT INTO dbha_demo.rows (id, client) VALUES (17999999999999999999, 0)", "XA END 'x'", "XA PREPARE 'x'")
    client.disconnect()
    try:
        switch_over(cluster, new, kill=False, grace=GRACE)
        new.execute("XA COMMIT 'x'")
    finally:
        for server in cluster.servers.values():
            for _found in server.query("XA RECOVER") if server.is_writable else ():
                server.execute("XA ROLLBACK 'x'")
    cluster.wait_in_sync(source=new, replicas=cluster.servers.values())
    assert {17999999999999999999 in rows(server) for server in cluster.servers.values()} == {True}
    new.execute("DELETE FROM dbha_demo.rows WHERE id = 17999999999999999999")
    assert_all_equal(cluster, set())


def test_clients_write_to_the_old_primary_again_after_an_undo(cluster: Cluster) -> None:
    """They were kept from it while it was read-only, and by the locks that were waited for."""
    old, new = primary_of(cluster), candidate_of(cluster)
    with Writer(old, clients=2, follow=follow(cluster)) as writer, in_the_way("an open transaction with locks", old):
        writer.wait_for(10)
        begun = time.monotonic()
        with pytest.raises(Refused):
            promote(new, demote=old, kill=False, grace=GRACE, timeout=2 * HANGS)
        writer.wait_for(10)
        assert time.monotonic() - begun < HANGS
        assert writer.server is old
    assert_all_equal(cluster, writer.acknowledged)


# Refused before anything is blocked


def assert_refused_untouched(old: Server, new: Server, code: str, **options: Any) -> None:
    with Writer(old) as writer:
        writer.wait_for(5)
        with pytest.raises(Refused) as refusal:
            promote(new, demote=old, **options)
        assert refusal.value.codes == {code}
        assert refusal.value.result["statements"] == []
        assert writer.error is None
        writer.wait_for(5)


def test_a_candidate_that_lags_is_refused(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    blocker: Any = new.connect()
    with contextlib.closing(blocker), Writer(old, pause=0.05):
        blocker.cursor().execute("FLUSH TABLES WITH READ LOCK")
        wait_until(lambda: (new.replica_status()["lag"] or 0) >= 2)
        assert_refused_untouched(old, new, "lagging", max_lag=1)
    # What the remedy says: it was waited for. (Another server may be chosen, too: see below.)
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())
    wait_until(lambda: not new.replica_status()["lag"])
    switch_over(cluster, new, max_lag=1)


def test_a_candidate_that_cannot_catch_up_is_refused_before_the_old_primary_is_closed(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    blocker: Any = new.connect()
    with contextlib.closing(blocker), Writer(old) as writer:
        blocker.cursor().execute("LOCK TABLES dbha_demo.rows READ")
        writer.wait_for(10)
        with pytest.raises(Refused) as refusal:
            promote(new, demote=old, max_lag=1000, timeout=1)
        assert refusal.value.codes == {"drain_timeout"}
        assert refusal.value.result["statements"] == []
        assert f"{old.name} takes writes" in str(refusal.value)
        assert writer.error is None
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())


def test_a_table_that_a_client_keeps_locked_on_the_candidate(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an idle client that has locked a table nobody is told: MariaDB does not say who has, and our account may not ask MySQL."""
    old, new = primary_of(cluster), candidate_of(cluster)
    make_read_only, blocker = handover.make_read_only, new.connect()

    def lock_and_write(*arguments: Any) -> float:
        blocker.query("LOCK TABLES dbha_demo.rows READ")
        old.execute("INSERT INTO dbha_demo.rows (id, client) VALUES (16000000000000000000, 0)")
        return make_read_only(*arguments)

    # What it has to apply waits for it, and the candidate had caught up before.
    with contextlib.closing(blocker), monkeypatch.context() as patch:
        patch.setattr(handover, "make_read_only", lock_and_write)
        with pytest.raises(Refused) as refusal:
            promote(new, demote=old, timeout=5)
        assert refusal.value.codes == {"drain_timeout"}
        if old.installation.is_mariadb or old.installation.version >= (5, 7):
            assert f"connection {blocker.thread_id()} of root" in str(refusal.value)
        assert f"{old.name} takes writes again" in str(refusal.value)
        assert (old.is_writable, new.is_writable) == (True, False)
    old.execute("DELETE FROM dbha_demo.rows WHERE id = 16000000000000000000")
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())

    # Nothing has to wait for it: the role moves, and who writes to that table waits until it is unlocked.
    row = "INSERT INTO dbha_demo.rows (id, client) VALUES (16000000000000000001, 0)"
    with contextlib.closing(new.connect()) as blocker:
        blocker.query("LOCK TABLES dbha_demo.rows READ")
        switch_over(cluster, new)
        new.execute("CREATE TABLE IF NOT EXISTS dbha_demo.others (id INT NOT NULL PRIMARY KEY) ENGINE = InnoDB")
        writer = Client(new, "SET autocommit = 1", endless=row)
        assert writer.is_alive
        assert not new.query("SELECT 1 FROM dbha_demo.rows WHERE id = 16000000000000000001")
    wait_until(lambda: bool(new.query("SELECT 1 FROM dbha_demo.rows WHERE id = 16000000000000000001")))
    writer.close()
    new.execute("DELETE FROM dbha_demo.rows WHERE id = 16000000000000000001")
    assert_all_equal(cluster, set())


def test_a_candidate_with_a_delay_is_refused(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    cluster.replicate(new, old, delay=100)
    assert_refused_untouched(old, new, "lagging")
    cluster.replicate(new, old)
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())


def test_a_candidate_whose_applier_failed_is_refused(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    new.set_read_only(False)
    new.execute_all("SET SESSION sql_log_bin = 0", "INSERT INTO dbha_demo.rows (id, client) VALUES (17000000000000000000, 0)")
    new.set_read_only()
    old.execute("INSERT INTO dbha_demo.rows (id, client) VALUES (17000000000000000000, 0)")
    wait_until(lambda: new.replica_status()["applier_errno"])
    assert_refused_untouched(old, new, "applier_broken")
    new.set_read_only(False)
    new.execute_all("SET SESSION sql_log_bin = 0", "DELETE FROM dbha_demo.rows WHERE id = 17000000000000000000")
    new.set_read_only()
    new.execute(start_statement(new.installation))
    # Not to be skipped over by the Writer's ids.
    old.execute("DELETE FROM dbha_demo.rows WHERE id = 17000000000000000000")
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())


# Events, privileged writers, semi-synchronous replication, restarts


def test_events_are_as_they_were_after_an_undo_and_after_there_and_back(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    old.execute_all(
        "CREATE DEFINER = 'app'@'%' EVENT dbha_demo.a ON SCHEDULE EVERY 1 DAY DO DO 1",
        "CREATE EVENT dbha_demo.b ON SCHEDULE EVERY 1 DAY DISABLE DO DO 1",
    )
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())
    found = event_states(old)
    assert [(name, status) for name, status, _definer in found] == [("a", "ENABLED"), ("b", "DISABLED")]
    executed = old.executed()
    with in_the_way("a table locked for writing", old), pytest.raises(Refused):
        promote(new, demote=old, kill=False, grace=GRACE)
    assert event_states(old) == found
    assert old.executed() == executed
    switch_over(cluster, new)
    assert event_states(new)[0] == found[0]
    assert event_states(old)[0][1] != "ENABLED"
    switch_over(cluster, old)
    assert event_states(old) == found
    assert event_states(new)[0][1] != "ENABLED"
    assert_all_equal(cluster, set())
    old.execute_all("DROP EVENT dbha_demo.a", "DROP EVENT dbha_demo.b")


# In MySQL nobody does: super_read_only binds everybody.
@pytest.mark.alike("mariadb-10.11")
def test_somebody_who_writes_in_spite_of_read_only_is_kept_from_it_or_told_of(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with contextlib.closing(Hammer(old, user="root")):
        if old.has_super_read_only:
            switch_over(cluster, new, timeout=5)
            return
        with pytest.raises(Refused) as refusal:
            switch_over(cluster, new, timeout=3)
    if old.is_writable:
        # Where the old one was looked at once more, what was written by then is told.
        assert refusal.value.codes <= {"still_writing", "drain_timeout", "writers_in_the_way", "outcome_unknown", "diverged"}
        assert f"{old.name} takes writes again" in str(refusal.value)
    else:
        # It paused just long enough; then the old primary holds what the new one lacks, and perhaps its replicas, for which it is left alone.
        assert "diverged" in refusal.value.codes
        assert refusal.value.codes <= {"diverged", "not_replicating"}


@pytest.mark.server("mysql-9.7")
def test_read_only_outlasts_a_restart_where_the_server_can_keep_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Cluster(kind, replicas=1, replica_options={"db1": ["--read-only=1"]}) as cluster:
        old, new = cluster["db0"], cluster["db1"]
        switch_over(cluster, new)
        for server in (old, new):
            # With --no-defaults a server does not read what it has persisted.
            options = server.directory / "my.cnf"
            options.touch()
            command = [f"--defaults-file={options}" if argument == "--no-defaults" else argument for argument in server.command]
            with monkeypatch.context() as patch:
                patch.setattr(Instance, "command", command)
                server.restart()
        assert (old.is_writable, new.is_writable) == (False, True)


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
@pytest.mark.alike("mariadb-10.11")
def test_an_idle_connection_of_a_privileged_account_does_not_write_to_the_old_primary(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    idle: Any = old.connect()
    executed = old.executed()
    switch_over(cluster, new)
    with pytest.raises(pymysql.Error):
        idle.query("INSERT INTO dbha_demo.rows (id, client) VALUES (1000019, 0)")
    assert new.has_executed(old.executed()) or old.executed() == executed
    assert_all_equal(cluster, set())


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_switchover_that_names_nobody_chooses_among_those_that_are_not_late(cluster: Cluster) -> None:
    old, late = primary_of(cluster), candidate_of(cluster)
    (other,) = [server for server in cluster.servers.values() if server not in (old, late)]
    cluster.replicate(late, old, delay=600)
    try:
        # What it has received it will apply much later, and it is ahead of the other one all the same.
        with stopped_receiving(other):
            old.execute("INSERT INTO dbha_demo.rows (id, client) VALUES (1000020, 0)")
            wait_until(lambda: late.replica_status()["receiver"] == "Yes")
        wait_until(lambda: other.replica_status()["receiver"] == "Yes")
        chosen = find_best_replica(cluster, purpose="switchover", replication_user="repl", replication_password=PASSWORDS["repl"])
        assert chosen["best"]["name"] == other.name
        with pytest.raises(Refused) as refusal:
            promote(late, demote=old)
        assert refusal.value.codes == {"lagging"}
    finally:
        cluster.replicate(late, old)
    assert_all_equal(cluster, set())


@contextlib.contextmanager
def stopped_receiving(server: Server) -> Iterator[None]:
    word = start_statement(server.installation).split()[1]
    server.execute(f"STOP {word} IO_THREAD")
    try:
        yield
    finally:
        server.execute(f"START {word} IO_THREAD")


SEMI_SYNC = {"mysql": ["--plugin-load-add=semisync_source.so;semisync_replica.so"], "mariadb": []}


@pytest.mark.server("mariadb", "mysql-9.7")
def test_semi_synchronous_replication_moves_with_the_role_and_an_undo_leaves_it(kind: str) -> None:
    family = kind.partition("-")[0]
    source, replica = ("source", "replica") if family == "mysql" else ("master", "slave")

    def semi_sync(server: Server) -> tuple[int, int]:
        row = server.query_one(f"SELECT @@GLOBAL.rpl_semi_sync_{source}_enabled AS source, @@GLOBAL.rpl_semi_sync_{replica}_enabled AS replica")
        return int(row["source"]), int(row["replica"])

    options = [*SEMI_SYNC[family], f"--loose-rpl-semi-sync-{replica}-enabled=1", f"--loose-rpl-semi-sync-{source}-timeout=60000"]
    with Cluster(kind, replicas=2, options=options) as cluster:
        old, new = cluster["db0"], cluster["db1"]
        old.execute(f"SET GLOBAL rpl_semi_sync_{source}_enabled = 1")
        assert (semi_sync(old), semi_sync(new)) == ((1, 1), (0, 1))
        with in_the_way("a table locked for writing", old), pytest.raises(Refused):
            promote(new, demote=old, kill=False, grace=GRACE, acknowledgers=2)
        assert (semi_sync(old), semi_sync(new)) == ((1, 1), (0, 1))
        with Writer(old, clients=2, follow=follow(cluster)) as writer:
            writer.wait_for(5)
            switch_over(cluster, new)
            writer.wait_for(5)
        assert (semi_sync(old), semi_sync(new)) == ((0, 1), (1, 1))
        status = {row["Variable_name"]: row["Value"] for row in new.query("SHOW GLOBAL STATUS LIKE 'rpl\\_semi\\_sync\\_%'")}
        assert status[f"Rpl_semi_sync_{source}_status"] == "ON"
        assert_all_equal(cluster, writer.acknowledged)
        # With nobody left to acknowledge the new primary would hang on its first commit.
        result = promote(cluster["db2"], demote=new, acknowledgers=0)
        assert semi_sync(cluster["db2"]) == (0, 1)
        assert any("will not wait for acknowledgements" in warning for warning in result["warnings"])


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_commit_that_nobody_acknowledges_is_not_in_the_way(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    family = kind.partition("-")[0]
    source, replica = ("source", "replica") if family == "mysql" else ("master", "slave")
    options = [*SEMI_SYNC[family], f"--loose-rpl-semi-sync-{source}-timeout=600000", f"--loose-rpl-semi-sync-{replica}-enabled=0"]
    with Cluster(kind, replicas=2, options=options) as cluster:
        old, new = cluster["db0"], cluster["db1"]
        waits = f"SELECT @@GLOBAL.rpl_semi_sync_{source}_enabled"
        old.execute_all(f"SET GLOBAL rpl_semi_sync_{source}_enabled = 1", f"SET GLOBAL rpl_semi_sync_{source}_wait_no_{replica} = 1")
        Client(old, "SET autocommit = 1", endless="INSERT INTO dbha_demo.rows (id, client) VALUES (17, 0)")
        # What is undone leaves it as it was.
        with monkeypatch.context() as patch:
            patch.setattr(handover, "_apply_the_last", _refuse)
            with pytest.raises(Refused, match="takes writes again"):
                promote(new, demote=old, grace=GRACE, timeout=30, acknowledgers=0)
        assert int(old.value(waits)) == 1
        waiting = "SELECT 1 FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for semi-sync ACK%%'"
        Client(old, "SET autocommit = 1", endless="INSERT INTO dbha_demo.rows (id, client) VALUES (18, 0)")
        wait_until(lambda: old.query(f"{waiting} AND TIME > 5"))
        assert "semi_sync_incomplete" in readiness(cluster)
        with pytest.raises(Refused) as refusal:
            gtid_check(cluster, expect_primary="alive")
        assert refusal.value.codes == {"commits_wait"}
        # What the remedy says: the primary waits no longer.
        old.execute(f"SET GLOBAL rpl_semi_sync_{source}_enabled = 0")
        wait_until(lambda: not old.query(waiting))
        gtid_check(cluster, expect_primary="alive")
        # It is also what the remedy of the other one says.
        assert "semi_sync_incomplete" not in readiness(cluster)
        old.execute(f"SET GLOBAL rpl_semi_sync_{source}_enabled = 1")
        client = Client(old, "SET autocommit = 1", endless="INSERT INTO dbha_demo.rows (id, client) VALUES (19, 0)")
        wait_until(lambda: bool(old.query(waiting)))
        begun = time.monotonic()
        promote(new, demote=old, grace=GRACE, timeout=30, acknowledgers=0)
        assert time.monotonic() - begun < HANGS
        assert (old.is_writable, new.is_writable) == (False, True)
        assert {17, 18, 19} <= rows(new)
        client.close()


def readiness(cluster: Cluster) -> set[str]:
    """Return the codes of what a check finds that is not wrong yet."""
    return {each["code"] for each in gtid_check(cluster, purpose="readiness", fail_on="never")["findings"]}


def _refuse(*_arguments: Any) -> None:
    raise Refusal([Problem("not_replicating", "db1", "no more")])


@pytest.mark.server("mariadb", "mysql-9.7")
def test_a_new_primary_that_nobody_can_acknowledge_to_does_not_wait_for_that(kind: str, tmp_path: Path) -> None:
    family = kind.partition("-")[0]
    source, replica = ("source", "replica") if family == "mysql" else ("master", "slave")
    options = [*SEMI_SYNC[family], f"--loose-rpl-semi-sync-{replica}-enabled=1", f"--loose-rpl-semi-sync-{source}-timeout=600000"]
    with Cluster(kind, replicas=1, options=options) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(20)
        cluster.wait_in_sync()
        # Only now, or what it applies would wait for acknowledgements as well.
        cluster["db1"].execute(f"SET GLOBAL rpl_semi_sync_{source}_enabled = 1")
        scene.kill_primary()
        run = scene.failover()
        assert run.returncode == 0, run
        assert "will not wait for acknowledgements" in run.output
        begun = time.monotonic()
        with Writer(cluster["db1"]) as writer:
            writer.wait_for(1)
        assert time.monotonic() - begun < HANGS
        assert written <= rows(cluster["db1"])
