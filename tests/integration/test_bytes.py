# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names, texts and files of servers that hold every byte, what steers a terminal, and what is markup: everything works, and shows none of it as it is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pymysql
import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.scene import Scene
from sandbox.servers.instance import begin_query
from sandbox.servers.replication import change_statement, domains
from sandbox.servers.snapshot import event_states
from sandbox.servers.waiting import wait_until

HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What must not get to a terminal: what would steer it, or turn the direction of writing, and halves of characters."""

STEERING = "\x80\x85\x9b31m\x1b[2J\x1b]0;all is well\x07\r\u061c\u200e\u200f\u2028\u202e\u2066\ufeff"
MARKUP = "<script>alert(1)</script>{{ 7 * 7 }}{% raw %}&lt;'\"`\\%s"
ASCII = "".join(map(chr, range(1, 128)))
# As a file in MySQL 5.6, a character that is no letter takes five, and a name has 255 at most.
NAMES = [*(f"n{ASCII[first : first + 40]}n" for first in range(0, 127, 40)), f"s{STEERING}s", f"m{MARKUP}m"]
"""Names that servers take, of databases, tables and events."""

TEXT = "b\x1b[2J\u202e<xx>'\"%s{{ x }}\\"
NO_TEXT = f"{TEXT}\udcff\udcc3"
"""How binary logs and relay logs are called. MySQL 9.7 itself does not replicate with relay logs of the latter, or from such a binary log (seen)."""

CHANNEL = f"ch\u00e9 \u540d`{TEXT}"
"""A name that channels have: with what is not in Latin-1."""

HOST = "h\x1b[2J<xx>'\"%s{{ x }}\\"
"""From where an account is let in. MySQL 9.7 takes ASCII only (seen)."""

# MySQL 5.6 takes 16 characters.
USER = "u\x1b[2J\u202e<xx>'\\%s"


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


class Tags(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


class Runs:
    """Runs playbooks, and sees that none of them crashes, steers a terminal, or breaks its page or its results."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self._playbooks = Playbooks(cluster, directory)
        self._directory = directory

    def run(self, playbook: str, *arguments: str, **options: Any) -> Run:
        page = self._directory / f"{playbook}.html"
        page.unlink(missing_ok=True)
        options[f"{playbook}_report"] = str(page)
        run = self._playbooks.run(f"dbha.mysql.{playbook}", *arguments, **options)
        assert "Traceback" not in run.output, run
        for where, text in {"output": run.output, "results": json.dumps([task.result for task in run.tasks]), "page": page.read_text()}.items():
            assert HARMFUL.findall(text) == [], (where, run)
        for task in run.tasks:
            assert HARMFUL.findall(" ".join(texts_in(task.result))) == [], task
        tags = Tags(page.read_text(encoding="utf-8")).tags
        assert "xx" not in tags
        assert "alert(1)</script>" not in page.read_text()
        assert tags.count("html") == tags.count("body") == 1
        assert "unreadable_answer" not in run.codes, run
        return run


def texts_in(value: Any) -> Iterator[str]:
    """Yield all texts in a result."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)


def fill(primary: Server) -> None:
    """Make databases, tables and events with all these names, and a comment of the same bytes, and an account."""
    primary.execute_all(
        ("CREATE USER %s@'%%' IDENTIFIED BY 'x'", (USER,)),
        ("GRANT ALL PRIVILEGES ON *.* TO %s@'%%'", (USER,)),
        ("CREATE USER repl@%s IDENTIFIED BY 'x'", (HOST,)),
    )
    for name in NAMES:
        in_it = f"{quoted(name)}.{quoted(name)}".replace("%", "%%")
        primary.execute_all(
            f"CREATE DATABASE {quoted(name)}",
            (f"CREATE TABLE {in_it} (id VARBINARY(256) PRIMARY KEY) COMMENT = %s", (name,)),
            (f"CREATE DEFINER = %s@'%%' EVENT {in_it} ON SCHEDULE EVERY 1 DAY COMMENT %s DO DO 1", (USER, name)),
        )


@contextmanager
def clients(server: Server) -> Iterator[None]:
    """Keep connections of that user: one in a transaction, and one that says every byte while it waits."""
    name = NAMES[-1]
    how = {"user": USER, "password": "x", "database": name, "autocommit": False, "program_name": MARKUP}
    at_work = [server.connect(**how) for _each in range(2)]
    at_work[0].cursor().execute(f"INSERT INTO {quoted(name)} VALUES ('in a transaction')")
    begin_query(at_work[1], b"/* " + bytes(range(1, 256)).replace(b"*/", b"") + b" */ SELECT SLEEP(300)")
    try:
        yield
    finally:
        for connection in at_work:
            with suppress(pymysql.Error, OSError):
                connection.close()


@pytest.mark.server("mariadb-10.11", "mysql-5.6", "mysql-9.7")
def test_whatever_bytes_are_in_names_comments_and_files_everything_works_and_shows_none_of_them(kind: str, tmp_path: Path) -> None:
    options = [f"--log-bin={TEXT if kind == 'mysql-9.7' else NO_TEXT}", f"--relay-log=r{NO_TEXT if kind == 'mysql-5.6' else TEXT}"]
    strange = {"db2": [f"--report-host={STEERING}\udcff<xx>"[:60], f"--log-bin={TEXT}"], "db3": [f"--log-bin={NO_TEXT}"]}
    if kind == "mariadb-10.11":
        strange["db2"].append(f"--version=10.11.99-MariaDB-{NO_TEXT}")
    with Cluster(kind, replicas=3, options=options, replica_options=strange) as cluster:
        scene, runs = Scene(cluster, tmp_path), Runs(cluster, tmp_path)
        fill(cluster.primary)
        cluster.wait_in_sync()
        if kind == "mysql-9.7":
            change, told = change_statement(cluster.primary.installation, host=cluster.primary.host, port=cluster.primary.port)
            named = (f"{change} FOR CHANNEL %s", (*told, CHANNEL)), ("START REPLICA FOR CHANNEL %s", (CHANNEL,))
            cluster["db2"].execute_all("STOP REPLICA", "RESET REPLICA ALL", *named)
            cluster.wait_in_sync()
        events = [(name, "ENABLED") for name in NAMES]
        written = scene.write(10)
        run = runs.run("check", "-vvv")
        assert run.returncode == 0, run
        if kind == "mysql-9.7":
            (odd,) = [finding for finding in run.dbha_result["findings"] if finding["code"] == "not_logging"]
            assert (odd["grade"], odd["server"]) == ("hurts", "db3")
            plan = runs.run("switchover", "--check", switchover_to="db3")
            assert "no_candidate" in plan.codes, plan
            # What the remedy says: a name in plain letters. Nothing is found then (below).
            assert "log_bin = binlog" in odd["remedy"]
            cluster["db3"].restart("--read-only", "--log-bin=binlog")
            wait_until(lambda: cluster["db3"].replica_status()["receiver"] == "Yes")

        # What an applier fails with holds the name of a table, and bytes.
        broken, table = cluster["db3"], f"{quoted(NAMES[-1])}.{quoted(NAMES[-1])}"
        row = f"INSERT INTO {table} VALUES (X'{bytes(range(256)).hex()}')"
        broken.set_read_only(False)
        broken.execute_all("SET SESSION sql_log_bin = 0", row)
        cluster.primary.execute(row)
        wait_until(lambda: broken.replica_status()["applier"] == "No")
        run = runs.run("check")
        assert run.returncode == 2, run
        assert {problem["server"] for problem in run.problems} == {"db3"}
        assert "not_logging" not in {finding["code"] for finding in run.dbha_result["findings"]}
        broken.execute_all("SET SESSION sql_log_bin = 0", f"DELETE FROM {table}")
        broken.set_read_only()
        scene.thread("START", broken, "SQL_THREAD")
        cluster.wait_in_sync()

        with clients(cluster.primary):
            plan = runs.run("switchover", "--check", "--diff", switchover_to="db1")
            assert plan.returncode == 0, plan
            run = runs.run("switchover", "-v", "--diff", switchover_to="db1")
            assert run.returncode == 0, run
        assert [state[:2] for state in event_states(cluster["db1"])] == sorted(events)
        assert not [state for state in event_states(cluster["db0"]) if state[1] == "ENABLED"]

        # Everything that was received is applied by position, by the names of its relay logs (MariaDB).
        others = [cluster["db0"], cluster["db2"], cluster["db3"]]
        cluster.wait_in_sync(source=cluster["db1"], replicas=others)
        for server in others:
            scene.thread("STOP", server, "SQL_THREAD")
        with Writer(cluster["db1"]) as writer:
            writer.wait_for(10)
        written |= writer.acknowledged
        executed = cluster["db1"].executed()
        for server in others:
            wait_until(partial(has_received, server, executed))
            scene.thread("STOP", server)
        cluster["db1"].kill()
        plan = runs.run("failover", "--check", "--diff")
        assert plan.returncode == 0, plan
        run = runs.run("failover")
        assert run.returncode == 0, run
        new = scene.new_primary
        assert rows(new) == written
        assert [state[:2] for state in event_states(new)] == sorted(events)

        cluster["db1"].restart("--read-only")
        run = runs.run("rejoin", rejoin_server="db1")
        assert run.returncode == 0, run
        cluster.wait_in_sync(source=new, replicas=cluster.servers.values())


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mariadb-11.8")
@pytest.mark.also("mariadb-10.5")
@pytest.mark.parametrize("way_out", ["renamed", "discarded"])
def test_relay_logs_that_cannot_be_asked_for_are_not_thrown_away(kind: str, way_out: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2, options=[f"--relay-log=r{NO_TEXT}"]) as cluster:
        scene, runs, replica = Scene(cluster, tmp_path), Runs(cluster, tmp_path), cluster["db1"]
        for each in cluster.replicas:
            scene.thread("STOP", each, "SQL_THREAD")
        written = scene.write(10)
        for each in cluster.replicas:
            wait_until(partial(has_received, each, cluster.primary.executed()))
            scene.thread("STOP", each)
        cluster.primary.kill()
        for playbook, codes in {"failover": {"relay_logs_at_risk", "no_candidate"}, "check": {"primary_dead", "relay_logs_at_risk", "no_candidate"}}.items():
            run = runs.run(playbook)
            assert run.codes == codes, run
            told = [problem["message"] for problem in run.problems if problem["code"] == "relay_logs_at_risk"]
            assert len(told) == 2
            assert all("it cannot be told what its relay logs hold" in message and "its name is not UTF-8" in message for message in told), told
        # They are still there.
        assert len(rows(replica)) < len(written)
        assert b"".join(path.read_bytes() for path in replica.datadir.glob("rb*.0*")).count(b"dbha_demo") >= len(written)

        # What the remedy says: as long as that holds for all, there is nobody to promote.
        given_up = runs.run("failover", failover_allow_data_loss=True)
        assert given_up.codes == {"no_candidate"}, given_up
        if way_out == "discarded":
            replica.execute("START SLAVE")
        else:
            rename_relay_logs(replica)
        run = runs.run("failover", failover_allow_data_loss=True)
        assert run.returncode == 0, run
        assert scene.new_primary is replica
        assert (rows(replica) == written) == (way_out == "renamed")
        cluster.wait_in_sync(source=replica, replicas=[cluster["db2"]])
        assert rows(cluster["db2"]) == rows(replica)


def rename_relay_logs(server: Server) -> None:
    """Do what docs/what-happens-when.md says: stop it, rename the files, also in their index and in relay-log.info, and start it without its threads."""
    server.stop()
    odd, plain, directory = os.fsencode(f"r{NO_TEXT}"), b"relay", os.fsencode(server.datadir)
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if name.startswith(odd) or name == b"relay-log.info":
            if name.endswith((b".index", b".info")):
                Path(os.fsdecode(path)).write_bytes(Path(os.fsdecode(path)).read_bytes().replace(odd, plain))
            os.rename(path, os.path.join(directory, name.replace(odd, plain)))
    server.start("--read-only", "--relay-log=relay", "--skip-slave-start")


def has_received(server: Server, executed: str) -> bool:
    status = server.replica_status()
    if server.installation.is_mariadb:
        mine = domains(status["received"] + "," + server.executed())
        return all(mine.get(domain, 0) >= number for domain, number in domains(executed).items())
    return bool(server.value("SELECT GTID_SUBSET(%s, %s)", (executed, ",".join(filter(None, [status["received"], server.executed()])))))
