# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that has lost its locks, or whose decision has grown old: it neither opens nor undoes anything, because another run may have been there.

The modules are called in this process, against real servers; connections are killed as an administrator, or a network that is cut, ends them.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._binlog import dead_host
from ansible_collections.dbha.mysql.plugins.module_utils._cluster import cluster as asking
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import YOUNG, Held
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.lock import LOCK
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server as Connection
from ansible_collections.dbha.mysql.plugins.module_utils._state.node import SHORTEST_SILENCE, Node
from ansible_collections.dbha.mysql.plugins.module_utils._steps import handover
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import change_master_work
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import find_best_replica as election
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import promote_from_dead as from_dead
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import salvage as salvage_verb
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote_from_dead import FromDead
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage import _Applier, salvaging
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.salvage_host import READ
from sandbox import PASSWORDS, Cluster, Server
from sandbox.runs.modules import Refused, call, change_master, entry, find_best_replica, perform_verb, promote, refused, switch_over
from sandbox.scenes.clusters import Clusters, assert_all_equal, candidate_of, primary_of
from sandbox.scenes.interruption import kill_connections, right_before
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.replication import start_statement
from sandbox.servers.waiting import HANGS, wait_until

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    """A primary and two replicas; which is which depends on the tests before."""
    return clusters.whole()


@pytest.fixture
def headless(kind: str) -> Iterator[Cluster]:
    """Two replicas of a primary that has died."""
    with Cluster(kind, replicas=2) as cluster:
        cluster.primary.execute("CREATE TABLE dbha_demo.written (id INT NOT NULL PRIMARY KEY)")
        cluster.wait_in_sync()
        cluster.primary.kill()
        yield cluster


def opened(refusal: Refused) -> list[str]:
    """Name the servers that a run has sent a statement to that opens a server for writes."""
    return [sent["server"] for sent in refusal.result["statements"] if sent["statement"] == "SET GLOBAL read_only = 0"]


def let_in(server: Server, user: str, new_name: str) -> None:
    """Rename an account, on this server only: whoever logs in by its old name is refused."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("RENAME USER %s@'%%' TO %s@'%%'", (user, new_name))


# --- A switchover

MOMENTS = {"while the rest is applied": (handover, "_apply_the_last"), "right before the opening": (Held, "make_sure")}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_switchover_whose_connections_are_killed_neither_opens_nor_undoes(moment: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with monkeypatch.context() as patch:
        right_before(*MOMENTS[moment], lambda: kill_connections(old, new), patch)
        refusal = refused(lambda: promote(new, demote=old))
    assert opened(refusal) == []
    assert ("changed_meanwhile", old.name) in {(problem["code"], problem["server"]) for problem in refusal.result["problems"]}
    assert f"other runs are no longer kept off {old.name}" in str(refusal)
    assert "is left as it is, and is read-only" in str(refusal)
    assert cluster.writable() == []
    # What the remedy says: run again, the switchover goes on.
    switch_over(cluster, new)
    assert primary_of(cluster) is new
    assert_all_equal(cluster, set())


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_switchover_that_has_only_lost_the_old_primary_undoes_because_the_other_locks_have_kept_everybody_off(
    moment: str, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with monkeypatch.context() as patch:
        right_before(*MOMENTS[moment], lambda: kill_connections(old), patch)
        refusal = refused(lambda: promote(new, demote=old))
    assert f"{old.name} takes writes again" in str(refusal)
    assert opened(refusal) == [old.name]
    assert cluster.writable() == [old.name]
    assert_all_equal(cluster, set())


def test_a_switchover_that_lost_the_old_primary_to_another_run_does_not_undo(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with contextlib.ExitStack() as stack, monkeypatch.context() as patch:

        def overtake() -> None:
            kill_connections(old)
            other: Any = old.connect(host=old.host, port=old.port, user="failover", password=PASSWORDS["failover"])
            stack.callback(other.close)
            assert other.cursor().execute("SELECT GET_LOCK(%s, 5)", (LOCK,)) == 1

        right_before(handover, "_apply_the_last", overtake, patch)
        refusal = refused(lambda: promote(new, demote=old))
    assert ("locked", old.name) in {(problem["code"], problem["server"]) for problem in refusal.result["problems"]}
    assert opened(refusal) == []
    assert cluster.writable() == []
    switch_over(cluster, new)
    assert_all_equal(cluster, set())


def test_a_switchover_whose_other_replica_takes_writes_by_then_is_undone(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hand-over has taken longer than what was read before it may be old."""
    old, new = primary_of(cluster), candidate_of(cluster)
    (third,) = [server for server in cluster.servers.values() if server not in (old, new)]

    def open_another() -> None:
        time.sleep(YOUNG + 0.1)
        third.set_read_only(False)

    entry = {"name": third.name, "host": third.host, "port": third.port}
    with monkeypatch.context() as patch:
        right_before(Held, "make_sure", open_another, patch)
        refusal = refused(lambda: promote(new, demote=old, replicas=[entry], writable=[old.name]))
    third.set_read_only()
    assert refusal.codes == {"changed_meanwhile"}
    assert f"{third.name} takes writes now: {new.name} would be the second" in str(refusal)
    assert f"{old.name} takes writes again" in str(refusal)
    assert cluster.writable() == [old.name]
    assert_all_equal(cluster, set())


@pytest.mark.parametrize("is_left_out", [False, True], ids=["of which it was known", "that was left out"])
def test_a_switchover_opens_nothing_again_beside_what_a_failover_without_the_silent_has_opened(
    is_left_out: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That failover asked none of the servers whose locks the switchover held: one had died, and one stood still."""
    with POOL.cluster(kind, replicas=2) as cluster:
        old, new, third = (cluster[name] for name in ("db0", "db1", "db2"))

        def fail_over() -> None:
            if not is_left_out:
                kill_connections(third)
            old.kill()
            new.pause()
            elected = find_best_replica(cluster, unreachable="proceed", read_timeout=2, connect_timeout=2)
            promote(third, primary=old, received=elected["received"], writable=[])
            old.start("--read-only")
            new.resume()

        with monkeypatch.context() as patch:
            right_before(handover, "_apply_the_last", fail_over, patch)
            others: dict[str, Any] = {"leave_out": [third.name]} if is_left_out else {"replicas": [entry(third)]}
            refusal = refused(lambda: promote(new, demote=old, writable=[old.name], **others))
        assert cluster.writable() == [third.name]
        assert opened(refusal) == []
        assert ("changed_meanwhile", old.name) in {(problem["code"], problem["server"]) for problem in refusal.result["problems"]}
        assert (f"may have opened {third.name}, which was left out" if is_left_out else f"{third.name} takes writes now") in str(refusal)
        # What the remedy says: decided anew, it is the primary.
        change_master(third, [new, old])
        assert cluster.writable() == [third.name]


@pytest.mark.parametrize("answers", [True, False], ids=["and it answers", "and it lets nobody in"])
def test_a_switchover_opens_no_server_beside_one_that_did_not_answer_and_was_opened_meanwhile(
    answers: bool, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    (third,) = [server for server in cluster.servers.values() if server not in (old, new)]

    def come_back() -> None:
        third.resume()
        third.set_read_only(False)
        if not answers:
            let_in(third, "failover", "away")
        time.sleep(YOUNG + 0.1)

    third.pause()
    try:
        with monkeypatch.context() as patch:
            give_time_to_greet(patch)
            right_before(Held, "make_sure", come_back, patch)
            refusal = refused(lambda: promote(new, demote=old, replicas=[entry(third)], writable=[old.name], connect_timeout=2))
    finally:
        third.resume()
        if not answers:
            let_in(third, "away", "failover")
        third.set_read_only()
    assert {(problem["code"], problem["server"]) for problem in refusal.result["problems"]} >= {("changed_meanwhile", third.name)}
    assert f"{third.name} answers again" in str(refusal)
    assert f"{old.name} takes writes again" in str(refusal)
    assert (opened(refusal), cluster.writable()) == ([old.name], [old.name])
    assert_all_equal(cluster, set())


def test_a_server_that_did_not_answer_when_the_others_were_locked_is_asked_again_when_they_are_read(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    (third,) = [server for server in cluster.servers.values() if server not in (old, new)]
    third.pause()
    try:
        with monkeypatch.context() as patch:
            give_time_to_greet(patch)
            right_before(asking.Cluster, "look", third.resume, patch)
            refusal = refused(lambda: promote(new, demote=old, replicas=[entry(third)], writable=[old.name], connect_timeout=2))
    finally:
        third.resume()
    assert {(problem["code"], problem["server"]) for problem in refusal.result["problems"]} == {("changed_meanwhile", third.name)}
    assert (refusal.result["statements"], cluster.writable()) == ([], [old.name])
    assert_all_equal(cluster, set())


def test_a_switchover_whose_old_primary_takes_writes_again_opens_no_second_server(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something else opens it right after it was closed, and the hand-over is quicker than what was read before it is old."""
    old, new = primary_of(cluster), candidate_of(cluster)
    with monkeypatch.context() as patch:
        right_before(handover, "_apply_the_last", lambda: old.set_read_only(False), patch)
        refusal = refused(lambda: promote(new, demote=old))
    assert refusal.codes == {"not_read_only"}
    assert f"{old.name} takes writes again" in str(refusal)
    assert opened(refusal) == []
    assert cluster.writable() == [old.name]
    assert_all_equal(cluster, set())
    # What the remedy says, now that nothing allows writes there any more.
    switch_over(cluster, new)
    assert cluster.writable() == [new.name]


# --- A failover


def asking_after(act: Callable[[], None]) -> Callable[..., None]:
    """Stand in for applying what was received, where there is nothing: something happens, and then the server is asked how far it is."""

    def drain(node: Any, *_limits: Any) -> None:
        act()
        node.read()

    return drain


def receivers(servers: Iterable[Server]) -> set[str]:
    return {server.replica_status()["receiver"] for server in servers}


def test_an_election_whose_connections_are_killed_is_not_undone(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(election, "drain", asking_after(lambda: kill_connections(*headless.replicas)))
        refusal = refused(lambda: find_best_replica(headless))
    # Where a server has stopped answering, that is told once.
    assert refusal.codes == {"outcome_unknown", "changed_meanwhile"}
    assert {problem["server"] for problem in refusal.result["problems"]} == {"db1", "db2"}
    assert receivers(headless.replicas) == {"No"}
    found = refusal.result["found"]
    assert find_best_replica(headless)["best"]["name"] in found


def test_an_election_that_has_lost_one_server_puts_the_others_back(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(election, "drain", asking_after(lambda: kill_connections(headless["db1"])))
        refusal = refused(lambda: find_best_replica(headless))
    assert {problem["server"] for problem in refusal.result["problems"]} == {"db1"}
    assert [receivers([server]) for server in headless.replicas] == [{"No"}, {"Connecting"}]
    assert find_best_replica(headless)["best"]


def test_a_promotion_whose_connections_are_killed_opens_nothing(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    elected = find_best_replica(headless)
    best = headless[elected["best"]["name"]]
    with monkeypatch.context() as patch:
        right_before(Held, "make_sure", lambda: kill_connections(best), patch)
        refusal = refused(lambda: promote(best, primary=headless["db0"], received=elected["received"], writable=[]))
    assert refusal.codes == {"changed_meanwhile"}
    assert refusal.result["statements"] == []
    assert "opened" not in refusal.result
    assert headless.writable() == []
    assert promote(best, primary=headless["db0"], received=elected["received"], writable=[])["opened"] is True
    assert headless.writable() == [best.name]


def test_a_primary_that_is_to_be_finished_and_is_closed_since_is_not_opened_again(headless: Cluster) -> None:
    """Nothing would say then that it has what the others have, nor that nobody has its role by now."""
    old, new = headless["db0"], headless["db1"]
    new.execute("STOP REPLICA")
    new.set_read_only(False)
    new.execute("INSERT INTO dbha_demo.written VALUES (1)")
    old.start("--read-only")
    found = find_best_replica(headless, if_alive="unchanged")
    assert (found["best"]["name"], found["todo"]["promote"], found["received"], found["writable"]) == ("db1", True, None, ["db1"])
    new.set_read_only()
    refusal = refused(lambda: promote(new, catch_up_from=new, replicas=found["answering"], writable=found["writable"]))
    assert {(problem["code"], problem["server"]) for problem in refusal.result["problems"]} == {("changed_meanwhile", "db1")}
    assert "db1 took writes when it was chosen, and is read-only now" in str(refusal)
    assert (opened(refusal), headless.writable()) == ([], [])
    # What the remedy says: decided anew, where it takes writes again.
    new.set_read_only(False)
    found = find_best_replica(headless, if_alive="unchanged")
    promote(new, catch_up_from=new, replicas=found["answering"], writable=found["writable"])
    assert (headless.writable(), new.replica_status()) == (["db1"], {})


def give_time_to_greet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever is asked once more have all its time to greet us, because a busy machine is slow."""
    monkeypatch.setattr(asking, "_LAST_LOOK", HANGS)


def stays(server: Server) -> None:
    """Let a server answer."""


# How the one that is left out is silent at the election, how it is back, and how it is once another run has opened it. What the first one takes it for.
SILENCES: dict[str, tuple[Callable[[Server], None], Callable[[Server], None], Callable[[Server], None], str]] = {
    "it answers": (Server.pause, Server.resume, stays, "maybe_alive"),
    "it lets nobody in": (Server.pause, Server.resume, lambda server: let_in(server, "failover", "away"), "maybe_alive"),
    "nothing was there, and it hangs": (Server.kill, Server.start, Server.pause, "dead"),
}


@pytest.mark.parametrize("silence", SILENCES)
def test_of_two_failovers_each_of_which_left_the_other_ones_server_out_only_one_opens_one(
    silence: str, headless: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds the lock of a server that was silent to the other run."""
    fall_silent, come_back, end, status = SILENCES[silence]
    db1, db2 = headless.replicas
    soon = {"read_timeout": 2, "connect_timeout": 2}

    def elect(**allowed: bool) -> dict[str, Any]:
        elected = find_best_replica(headless, unreachable="proceed", **allowed, **soon)
        return {
            "primary": headless["db0"],
            "received": elected["received"],
            "writable": [],
            "silent": elected["silent"],
            "silent_status": elected["silent_status"],
            **soon,
        }

    def overtake() -> None:
        db1.pause()
        come_back(db2)
        try:
            # One that has just been started has been connected to nobody.
            promote(db2, **elect(allow_data_loss=True))
        finally:
            end(db2)
            db1.resume()

    try:
        fall_silent(db2)
        elected = elect()
        with monkeypatch.context() as patch:
            give_time_to_greet(patch)
            right_before(Held, "make_sure", overtake, patch)
            refusal = refused(lambda: promote(db1, **elected))
    finally:
        db1.resume()
        db2.resume()
    assert ([each["name"] for each in elected["silent"]], elected["silent_status"]) == (["db2"], {"db2": status})
    assert {(problem["code"], problem["server"]) for problem in refusal.result["problems"]} == {("changed_meanwhile", "db2")}
    assert headless.writable() == ["db2"]
    # What the remedy says: decided anew, db2 is the primary.
    if silence == "it lets nobody in":
        let_in(db2, "away", "failover")
    change_master(db2, [db1])
    assert headless.writable() == ["db2"]


def test_a_primary_that_comes_back_while_this_process_stands_still_stays_the_primary(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    elected = find_best_replica(headless)
    best = headless[elected["best"]["name"]]

    def stand_still() -> None:
        headless["db0"].start()
        time.sleep(YOUNG + 0.1)

    with monkeypatch.context() as patch:
        right_before(Held, "make_sure", stand_still, patch)
        refusal = refused(lambda: promote(best, primary=headless["db0"], received=elected["received"], writable=[]))
    assert refusal.codes == {"primary_alive"}
    assert headless.writable() == ["db0"]


def test_a_primary_that_is_back_once_its_only_replica_was_opened_is_told_of(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    elected = find_best_replica(headless)
    best = headless[elected["best"]["name"]]
    with monkeypatch.context() as patch:
        right_before(FromDead, "finish", headless["db0"].start, patch)
        refusal = refused(lambda: promote(best, primary=headless["db0"], received=elected["received"], writable=[]))
    assert {(problem["code"], problem["server"]) for problem in refusal.result["problems"]} == {("two_writable", "db0")}
    assert refusal.result["opened"] is True
    assert not best.replica_status()


@pytest.mark.server("mariadb-11.8")
@pytest.mark.only("mariadb-11")
def test_a_second_connection_stops_no_receiver_once_the_lock_of_the_first_one_is_lost(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """MariaDB 11 is told over a second connection to stop a receiver that tries to connect; another run may have pointed it to a new primary by then."""
    real = Node.aside

    def aside(node: Node) -> Any:
        kill_connections(headless[node.name])
        return real(node)

    wait_until(lambda: receivers(headless.replicas) == {"Connecting"})
    with monkeypatch.context() as patch:
        patch.setattr(Node, "aside", aside)
        refusal = refused(lambda: find_best_replica(headless))
    assert "changed_meanwhile" in refusal.codes
    assert receivers(headless.replicas) == {"Connecting"}
    assert find_best_replica(headless)["best"]


# --- A salvage: the first connection holds the lock, and a second one applies what the dead primary alone has


class Salvage:
    """A dead primary (db0) with transactions that its only replica (db1) has not received, an insert each, and how to bring them there."""

    def __init__(self, cluster: Cluster, directory: Path, transactions: int) -> None:
        self.cluster = cluster
        self.old, self.replica = cluster["db0"], cluster["db1"]
        scene = Scene(cluster, directory)
        self.old.execute("CREATE TABLE dbha_demo.alone (id INT NOT NULL PRIMARY KEY, a INT) ENGINE=InnoDB")
        cluster.wait_in_sync()
        scene.thread("STOP", self.replica, "IO_THREAD")
        for number in range(transactions):
            self.old.execute("INSERT INTO dbha_demo.alone VALUES (%s, 0)", (number,))
        self.all = set(range(transactions))
        scene.kill(self.old)
        find_best_replica(cluster)

    def run(self, **options: Any) -> Any:
        return call(salvaging("db0", self.ask_host), replica=entry(self.replica), directory=str(self.old.datadir), timeout=60, **options)

    def ask_host(self, _wanted: object, question: Any) -> dict[str, Any]:
        given = {"directory": question.directory, "family": question.family, "have": str(question.have), "place": question.place}
        return perform_verb(READ, timeout=question.seconds, **given)

    def applied(self) -> set[int]:
        """Return which of the inserts the replica has."""
        return {row["id"] for row in self.replica.query("SELECT id FROM dbha_demo.alone")}

    def fail_over(self) -> None:
        """Do what another run does: open the replica."""
        elected = find_best_replica(self.cluster)
        promote(self.replica, primary=self.old, received=elected["received"], writable=[])
        assert self.replica.is_writable

    def end_holder(self) -> None:
        """Kill the connection that holds the lock, as somebody does who was told that another run works there; not the second one of that run."""
        holder = self.replica.value("SELECT IS_USED_LOCK(%s)", (LOCK,))
        self.replica.execute("KILL %s", (holder,))
        wait_until(lambda: self.replica.value("SELECT IS_USED_LOCK(%s)", (LOCK,)) != holder)


@pytest.fixture
def salvage(kind: str, tmp_path: Path) -> Iterator[Salvage]:
    with POOL.cluster(kind, replicas=1) as cluster:
        yield Salvage(cluster, tmp_path, 4)


def before_act(number: int, kind: str, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen once, right before the nth statement of a kind (``begin``, ``end``) of what is salvaged is sent."""
    real, left = _Applier._send, [number]

    def send(applier: Any, connection: Any, statement: Any) -> None:
        left[0] -= statement.kind == kind
        if left[0] == 0:
            left[0] = -1
            act()
        real(applier, connection, statement)

    monkeypatch.setattr(_Applier, "_send", send)


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_nothing_that_was_salvaged_is_applied_once_the_lock_of_the_first_connection_is_lost(salvage: Salvage, monkeypatch: pytest.MonkeyPatch) -> None:
    before = salvage.replica.executed()
    with monkeypatch.context() as patch:
        right_before(Connection, "twin", lambda: kill_connections(salvage.replica), patch)
        refusal = refused(salvage.run)
    assert f"other runs are no longer kept off {salvage.replica.name}" in str(refusal)
    assert salvage.replica.executed() == before
    find_best_replica(salvage.cluster)
    salvage.run()
    assert salvage.applied() == salvage.all


# Of the transactions which one, counted from 1, and at which of its statements.
IN_SALVAGE = {"between two": (3, "begin"), "inside one": (3, "end"), "inside the last": (4, "end")}


@pytest.mark.parametrize("moment", IN_SALVAGE)
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_salvage_that_has_lost_its_connections_changes_nothing_on_what_another_run_has_opened(
    moment: str, salvage: Salvage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was cut off, and whoever fails over was told that it works there, and has killed its connections."""
    replica, found = salvage.replica, [""]

    def stands() -> str:
        return f"{replica.executed()} {replica.value('SELECT @@GLOBAL.gtid_slave_pos') if replica.installation.is_mariadb else ''}"

    def overtake() -> None:
        kill_connections(replica)
        salvage.fail_over()
        replica.execute("UPDATE dbha_demo.alone SET a = 1")
        found[0] = stands()

    if not replica.installation.is_mariadb:
        replica.execute("SET GLOBAL super_read_only = 1")
    with monkeypatch.context() as patch:
        before_act(*IN_SALVAGE[moment], overtake, patch)
        refusal = refused(salvage.run)
    assert salvage.cluster.writable() == [replica.name]
    assert stands() == found[0]
    assert salvage.applied() == set(range(IN_SALVAGE[moment][0] - 1))
    assert f"other runs are no longer kept off {replica.name}" in str(refusal)


@pytest.mark.parametrize("moment", IN_SALVAGE)
@pytest.mark.parametrize("asks", [True, False], ids=["asks for its lock", "had asked for it"])
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_salvage_whose_lock_somebody_has_ended_applies_nothing_beside_what_another_run_does(
    moment: str, asks: bool, salvage: Salvage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the connection that holds the lock is named to whoever is kept off, and killed: the second one is still there."""
    replica, found = salvage.replica, [""]

    def overtake() -> None:
        assert refused(salvage.fail_over).codes == {"locked"}
        salvage.end_holder()
        salvage.fail_over()
        replica.execute("UPDATE dbha_demo.alone SET a = 1")
        found[0] = replica.executed()

    with monkeypatch.context() as patch:
        before_act(*IN_SALVAGE[moment], overtake, patch)
        patch.setattr(salvage_verb, "_SURE", 0 if asks else HANGS)
        refusal = refused(salvage.run)
    assert replica.executed() == found[0]
    assert salvage.applied() == set(range(IN_SALVAGE[moment][0] - 1))
    assert salvage.cluster.writable() == [replica.name]
    assert f"other runs are no longer kept off {replica.name}" in str(refusal)


@pytest.mark.parametrize("moment", IN_SALVAGE)
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_salvage_that_has_lost_its_lock_applies_nothing_where_somebody_opens_the_server_by_hand(
    moment: str, salvage: Salvage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other run ends its second connection."""
    replica, found = salvage.replica, [""]

    def overtake() -> None:
        salvage.end_holder()
        replica.set_read_only(False)
        found[0] = replica.executed()
        time.sleep(salvage_verb._SURE)

    with monkeypatch.context() as patch:
        before_act(*IN_SALVAGE[moment], overtake, patch)
        refusal = refused(salvage.run)
    assert replica.executed() == found[0]
    assert replica.is_writable
    assert f"other runs are no longer kept off {replica.name}" in str(refusal)


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_salvage_whose_second_connection_another_one_still_uses_applies_nothing(salvage: Salvage) -> None:
    """It takes its lock only after the first one is held, and asks for that then: whoever comes later ends it."""
    with contextlib.closing(salvage.replica.connect()) as other:

        def take() -> None:
            other.query("DO GET_LOCK('dbha.mysql:second', 1)")

        with pytest.MonkeyPatch.context() as patch:
            right_before(Connection, "twin", take, patch)
            refusal = refused(salvage.run)
    assert "still works on" in str(refusal)
    assert salvage.applied() == set()
    salvage.run()
    assert salvage.applied() == salvage.all


@pytest.mark.slow
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_salvage_that_waits_for_its_next_part_is_not_taken_for_one_that_stands_still(salvage: Salvage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few events are a part, and one of these is long in coming."""
    asked = [0]

    def ask_slowly(wanted: object, question: Any) -> dict[str, Any]:
        asked[0] += 1
        if asked[0] == 3:
            time.sleep(SHORTEST_SILENCE + 3)
        return Salvage.ask_host(salvage, wanted, question)

    with monkeypatch.context() as patch:
        patch.setattr(dead_host, "_PART", 400)
        patch.setattr(salvage, "ask_host", ask_slowly)
        salvage.run()
    assert asked[0] > 3
    assert salvage.applied() == salvage.all


def test_a_former_primary_that_is_written_to_while_it_is_closed_stays_closed(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new primary takes writes: to open the former one again would make two."""
    elected = find_best_replica(headless)
    old, best = headless["db0"], headless[elected["best"]["name"]]
    promote(best, primary=old, received=elected["received"], writable=[])
    old.start()
    with monkeypatch.context() as patch:
        right_before(change_master_work, "forbid_writes", lambda: old.execute("INSERT INTO dbha_demo.written VALUES (1)"), patch)
        refusal = refused(lambda: change_master(best, [old]))
    assert refusal.codes == {"diverged"}
    assert f"it has been closed for writes, because {best.name} is the primary" in str(refusal)
    assert opened(refusal) == []
    assert headless.writable() == [best.name]
    assert not old.replica_status()


def catching_up(headless: Cluster, ahead: Server, wanted: Server) -> Callable[..., Any]:
    """Let one replica have what another one, which is wanted, has to fetch from it. Return what promotes that one."""
    headless["db0"].start()
    wanted.execute("STOP REPLICA IO_THREAD")
    headless["db0"].execute("INSERT INTO dbha_demo.written VALUES (1)")
    headless.wait_in_sync(replicas=[ahead])
    headless["db0"].kill()
    wanted.execute(start_statement(wanted.installation))
    elected = find_best_replica(headless, candidates=[wanted.name])
    assert (elected["best"]["name"], elected["most_advanced"]["name"]) == (wanted.name, ahead.name)
    return partial(promote, wanted, catch_up_from=ahead, received=elected["received"], writable=[])


def test_a_replica_whose_connection_is_killed_while_it_catches_up_is_not_pointed_back(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, wanted = headless["db1"], headless["db2"]
    again = catching_up(headless, ahead, wanted)
    with monkeypatch.context() as patch:
        right_before(from_dead, "drain", lambda: kill_connections(ahead, wanted), patch)
        refusal = refused(again)
    assert refusal.codes == {"catch_up_failed", "changed_meanwhile"}
    assert wanted.replica_status()["source_port"] == ahead.port
    assert headless.writable() == []

    again(received=find_best_replica(headless, candidates=["db2"])["received"])
    change_master(wanted, [ahead])
    assert headless.writable() == ["db2"]
    assert wanted.query("SELECT id FROM dbha_demo.written") == [{"id": 1}]


def test_a_replica_that_a_failover_without_the_silent_has_opened_while_it_caught_up_is_not_pointed_back(
    headless: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That failover left out the one whose lock was held all the time, because it stood still."""
    ahead, wanted = headless["db1"], headless["db2"]
    again = catching_up(headless, ahead, wanted)

    def fail_over() -> None:
        kill_connections(wanted)
        ahead.pause()
        try:
            elected = find_best_replica(headless, unreachable="proceed", read_timeout=2, connect_timeout=2)
            promote(wanted, primary=headless["db0"], received=elected["received"], writable=[])
        finally:
            ahead.resume()

    with monkeypatch.context() as patch:
        right_before(from_dead, "repoint", fail_over, patch)
        refusal = refused(again)
    assert ("changed_meanwhile", wanted.name) in {(problem["code"], problem["server"]) for problem in refusal.result["problems"]}
    assert f"{wanted.name} takes writes now: something else has opened it" in str(refusal)
    assert (headless.writable(), wanted.replica_status()) == ([wanted.name], {})


# --- An interruption: a time limit of Ansible's for the task, or Ctrl-C


class OutOfTime(BaseException):
    """What Ansible raises when the time of a task is up."""


@contextlib.contextmanager
def time_is_up(clock: threading.Event) -> Iterator[None]:
    """Interrupt what is done inside, as Ansible does it, half a second after the event."""

    def end(_number: int, _frame: object) -> None:
        raise OutOfTime

    def send() -> None:
        clock.wait(HANGS)
        time.sleep(0.5)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, end)
    thread = threading.Thread(target=send)
    thread.start()
    begun = time.monotonic()
    try:
        with pytest.raises(OutOfTime):
            yield
        assert time.monotonic() - begun < HANGS / 2
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_switchover_whose_time_is_up_lets_clients_write_to_the_old_primary_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, closed = primary_of(cluster), candidate_of(cluster), threading.Event()
    found: list[bool] = []

    def hang() -> None:
        found.append(old.is_writable)
        new.pause()
        closed.set()

    try:
        with monkeypatch.context() as patch:
            right_before(handover, "_apply_the_last", hang, patch)
            with time_is_up(closed):
                promote(new, demote=old, timeout=HANGS - 10, read_timeout=HANGS - 10)
    finally:
        new.resume()
    assert found == [False]
    assert cluster.writable() == [old.name]
    assert_all_equal(cluster, set())


def test_a_replica_whose_time_is_up_while_it_catches_up_follows_its_own_source_again(headless: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead, wanted = headless["db1"], headless["db2"]
    again = catching_up(headless, ahead, wanted)
    source, waits = wanted.replica_status()["source_port"], threading.Event()
    with contextlib.closing(wanted.connect()) as client, monkeypatch.context() as patch:

        def lock() -> None:
            client.query("LOCK TABLES dbha_demo.written READ")
            waits.set()

        right_before(from_dead, "repoint", lock, patch)
        with time_is_up(waits):
            again(timeout=HANGS - 10)
        assert source == headless["db0"].port
        assert (wanted.replica_status()["source_port"], headless.writable()) == (source, [])
    again()
    assert headless.writable() == ["db2"]


def test_an_account_that_may_do_nothing_keeps_no_run_off(cluster: Cluster) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    with contextlib.ExitStack() as stack:
        for server in cluster.servers.values():
            client: Any = pymysql.connect(host=server.host, port=server.port, user="app", password=PASSWORDS["app"])
            stack.enter_context(contextlib.suppress(pymysql.Error))
            stack.callback(client.close)
            assert client.cursor().execute("SELECT GET_LOCK(%s, 5)", (LOCK,)) == 1
        switch_over(cluster, new)
    assert primary_of(cluster) is new
    assert not old.is_writable
    assert_all_equal(cluster, set())
