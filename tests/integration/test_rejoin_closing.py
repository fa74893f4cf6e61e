# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is seen right before a former primary is closed for writes: that the other server is the primary still, and that no other run is there.

db0 was the primary and died, db1 was promoted, and db0 is started again as its option files say: open. The modules are called in this process.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import YOUNG
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.lock import LOCK
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import rejoin as rejoining
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.change_master_work import Work
from sandbox import PASSWORDS, Cluster, Server
from sandbox.runs.modules import Refused, change_master, find_best_replica, gtid_check, promote, refused, rejoin
from sandbox.runs.playbook import Playbooks
from sandbox.scenes.interruption import right_before
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]

WRITE = "INSERT INTO dbha_demo.written VALUES (%s)"


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    """Two servers, of which db0 is the primary."""
    with POOL.cluster(kind, replicas=1) as cluster:
        cluster.primary.execute_all(
            "CREATE TABLE dbha_demo.written (id INT NOT NULL PRIMARY KEY)",
            "CREATE USER copier@'%' IDENTIFIED BY 'c'' x'",
            "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION",
        )
        cluster.wait_in_sync()
        yield cluster


def word(cluster: Cluster) -> str:
    return "SLAVE" if cluster.kind.startswith("mariadb") else "REPLICA"


def fail_over(cluster: Cluster) -> None:
    """Let db0 die, promote db1, and start db0 again."""
    old, new = cluster["db0"], cluster["db1"]
    old.kill()
    elected = find_best_replica(cluster)
    promote(new, primary=old, received=elected["received"], writable=[])
    old.start()
    old.set_read_only(False)


@pytest.fixture
def contained(cluster: Cluster) -> Cluster:
    """Nobody has received what db0 wrote last, and nobody has written to db1 yet: db0 has everything."""
    cluster["db1"].execute(f"STOP {word(cluster)} IO_THREAD")
    cluster["db0"].execute(WRITE, (1,))
    fail_over(cluster)
    return cluster


@pytest.fixture
def overtaken(cluster: Cluster) -> Cluster:
    """Clients have written to db1, which has everything."""
    fail_over(cluster)
    cluster["db1"].execute(WRITE, (1,))
    return cluster


def is_locked(server: Server) -> bool:
    return server.value("SELECT IS_USED_LOCK(%s)", (LOCK,)) is not None


# --- Closed means closed


# Where read_only binds no privileged account, and where it does.
@pytest.mark.also("mariadb-10.11", "mariadb-11.8", "mysql-9.7")
@pytest.mark.parametrize("closes", ["mysql_rejoin", "mysql_change_master"])
def test_a_client_of_a_privileged_account_that_stayed_connected_writes_there_no_more(overtaken: Cluster, closes: str) -> None:
    old, new = overtaken["db0"], overtaken["db1"]
    idle: Any = old.connect()
    assert idle.query("SELECT 1")
    if closes == "mysql_rejoin":
        rejoin(old, new, [])
    change_master(new, [old])
    overtaken.wait_in_sync(source=new, replicas=[old])
    with pytest.raises(pymysql.Error):
        idle.query(WRITE % 2)
    assert old.query("SELECT id FROM dbha_demo.written") == new.query("SELECT id FROM dbha_demo.written") == [{"id": 1}]


# --- Who is the primary


def test_of_two_that_have_each_something_of_their_own_by_then_neither_is_closed(contained: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = contained["db0"], contained["db1"]
    look = gtid_check(contained, purpose="rejoin")
    assert (look["primary"]["name"], look["todo"]["rejoin"], look["primary_named"]) == ("db0", ["db1"], False)
    plan = rejoin(new, old, [], primary_named=look["primary_named"], check_mode=True)
    assert plan["msg"] == "db1 has nothing that db0 lacks"

    def write() -> None:
        time.sleep(YOUNG + 0.1)
        new.execute(WRITE, (2,))

    with monkeypatch.context() as patch:
        right_before(rejoining, "_make_sure_that_key_is_known", write, patch)
        refusal = refused(lambda: rejoin(new, old, [], primary_named=look["primary_named"]))
    assert (refusal.codes, refusal.result["statements"]) == ({"two_primaries"}, [])
    assert {problem["server"] for problem in refusal.result["problems"]} == {"db0", "db1"}
    assert contained.writable() == ["db0", "db1"]
    # When it begins it is seen as well.
    refusal = refused(lambda: rejoin(new, old, [], primary_named=False))
    assert (refusal.codes, contained.writable()) == ({"two_primaries"}, ["db0", "db1"])
    # What the remedy says: the server that is to stay the primary is named.
    assert gtid_check_named(contained, new)["primary_named"] is True
    refusal = refused(lambda: rejoin(old, new, [], primary_named=True))
    assert refusal.codes == {"own_transactions"}
    assert contained.writable() == ["db1"]


def gtid_check_named(cluster: Cluster, primary: Server) -> dict[str, Any]:
    return gtid_check(cluster, purpose="rejoin", primary={"name": primary.name, "host": primary.host, "port": primary.port})


def test_a_rejoin_closes_neither_where_a_client_has_written_while_somebody_was_asked(contained: Cluster, tmp_path: Path) -> None:
    new, hook = contained["db1"], tmp_path / "ask.yml"
    write = "import pymysql, sys; c = pymysql.connect(host=sys.argv[1], port=int(sys.argv[2]), user='app', password=sys.argv[3], autocommit=True); "
    write += "c.cursor().execute('INSERT INTO dbha_demo.written VALUES (2)')"
    argv = [sys.executable, "-c", write, new.host, str(new.port), PASSWORDS["app"]]
    hook.write_text(f"- name: Ask\n  ansible.builtin.command:\n    argv: {json.dumps(argv)}\n  delegate_to: localhost\n", encoding="utf-8")
    playbooks = Playbooks(contained, tmp_path)
    run = playbooks.run("dbha.mysql.rejoin", rejoin_before=str(hook))
    assert (run.returncode, run.codes) == (2, {"two_primaries"}), run
    assert contained.writable() == ["db0", "db1"]
    # What the remedy says.
    run = playbooks.run("dbha.mysql.rejoin", rejoin_primary="db1", rejoin_save_to=str(tmp_path / "saved"))
    assert (run.returncode, run.codes) == (2, {"own_transactions"}), run
    assert contained.writable() == ["db1"]


# --- Whether it is the primary still


def test_a_rejoin_that_stood_still_while_the_primary_died_closes_nothing(overtaken: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = overtaken["db0"], overtaken["db1"]
    with monkeypatch.context() as patch:
        right_before(rejoining, "_make_sure_that_key_is_known", new.kill, patch)
        refusal = refused(lambda: rejoin(old, new, []))
    assert [problem["server"] for problem in refusal.result["problems"]] == ["db1"]
    assert (refusal.codes, refusal.result["statements"]) == ({"changed_meanwhile"}, [])
    assert "been closed" not in str(refusal)
    assert overtaken.writable() == ["db0"]
    # What the remedy says: it is decided anew.
    refusal = refused(lambda: rejoin(old, new, []))
    assert "unreachable" in refusal.codes
    assert overtaken.writable() == ["db0"]


def test_of_two_rejoins_that_want_to_close_each_the_primary_of_the_other_one_does(overtaken: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both servers have the same."""
    old, new = overtaken["db0"], overtaken["db1"]
    change_master(new, [old])
    overtaken.wait_in_sync(source=new, replicas=[old])
    old.execute_all(f"STOP {word(overtaken)}", f"RESET {word(overtaken)} ALL")
    old.set_read_only(False)
    others: list[Refused] = []
    with monkeypatch.context() as patch:
        right_before(rejoining, "_make_sure_that_key_is_known", lambda: others.append(refused(lambda: rejoin(new, old, []))), patch)
        assert rejoin(old, new, [])["msg"] == "db0 has nothing that db1 lacks"
    assert [other.codes for other in others] == [{"locked"}]
    assert overtaken.writable() == ["db1"]


def test_once_it_is_closed_the_lock_of_the_primary_is_let_go(overtaken: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = overtaken["db0"], overtaken["db1"]
    found: list[tuple[bool, bool]] = []

    def look() -> None:
        found.append((is_locked(old), is_locked(new)))

    with monkeypatch.context() as patch:
        right_before(rejoining, "_close", look, patch)
        right_before(rejoining, "_compare", look, patch)
        right_before(rejoining, "_save", look, patch)
        rejoin(old, new, [])
    assert found == [(True, True), (True, False), (True, False)]


def test_what_is_refused_after_the_server_was_closed_says_that_first(overtaken: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = overtaken["db0"], overtaken["db1"]
    with monkeypatch.context() as patch:
        right_before(rejoining, "_compare", new.kill, patch)
        refusal = refused(lambda: rejoin(old, new, []))
    assert [problem["server"] for problem in refusal.result["problems"]] == ["db1"]
    assert refusal.result["problems"][0]["message"].startswith("db0 has been closed for writes; ")
    assert overtaken.writable() == []
    # One that was closed before is not said to have been.
    new.start()
    new.set_read_only(False)
    with monkeypatch.context() as patch:
        right_before(rejoining, "_compare", new.kill, patch)
        assert "been closed" not in str(refused(lambda: rejoin(old, new, [])))


def test_a_copy_that_somebody_has_opened_is_not_closed_once_the_primary_is_dead(contained: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = contained["db0"], contained["db1"]
    new.execute(WRITE, (2,))
    program = tool(contained.kind, "mysqldump" if contained.kind.startswith("mysql") else "mariadb-dump")
    copying = {"method": "rebuild", "dump_program": str(program), "save_to": str(tmp_path / "saved"), "copy_user": "copier", "copy_password": "c' x"}

    def open_it() -> None:
        old.set_read_only(False)
        new.kill()

    with monkeypatch.context() as patch:
        right_before(rejoining, "wait_until_back", open_it, patch)
        refusal = refused(lambda: rejoin(old, new, [], **copying))
    assert "db1" in {problem["server"] for problem in refusal.result["problems"]}
    assert contained.writable() == ["db0"]


def test_replicas_that_are_repointed_while_the_new_primary_dies_leave_a_former_primary_open(overtaken: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = overtaken["db0"], overtaken["db1"]
    with monkeypatch.context() as patch:
        right_before(Work, "_demote", new.kill, patch)
        refusal = refused(lambda: change_master(new, [old]))
    assert overtaken.writable() == ["db0"]
    assert refusal.codes == {"changed_meanwhile"}
    assert refusal.result["statements"] == []
