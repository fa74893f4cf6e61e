# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sandbox itself: what other tests build on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pymysql
import pytest
import yaml

from sandbox import PASSWORDS, Cluster, Kind, NoLongerThere, SandboxError, Server, Writer, install, rows
from sandbox.__main__ import main as sandbox_command
from sandbox.runs.playbook import Playbooks
from sandbox.servers import packages
from sandbox.servers.accounts import SCHEMA
from sandbox.servers.installation import find_own
from sandbox.servers.kinds import runs_with
from sandbox.servers.privileges import REPLICATION_PRIVILEGES, failover_privileges
from sandbox.servers.process import hear_ctrl_c
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike

TESTS = Path(__file__).parent.parent


def processes(text: str) -> list[int]:
    """Return the ids of living processes with a text in their command line, except our own."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if text in (entry / "cmdline").read_bytes().decode(errors="replace") and int(entry.name) != os.getpid():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_where_servers_cannot_be_put_on_hosts_of_their_own_it_is_said_why(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    assert sandbox_command(["try-hosts"]) == 1
    assert capsys.readouterr().err == "sandbox: Hosts with addresses of their own take root, and the programs ip and nsenter.\n"


def test_a_cluster_replicates_and_survives_what_is_done_to_it(cluster: Cluster) -> None:
    assert list(cluster.servers) == ["db0", "db1", "db2", "db3"]
    assert cluster.primary.is_writable
    for replica in cluster.replicas:
        assert not replica.is_writable
        status = replica.replica_status()
        assert (status["source_host"], status["source_port"]) == (cluster.primary.host, cluster.primary.port)
        assert (status["receiver"], status["applier"]) == ("Yes", "Yes")
    assert cluster.primary.replica_status() == {}
    assert len({server.server_id for server in cluster.servers.values()}) == 4

    primary, replica = cluster.primary, cluster["db2"]
    replica.pause()
    with pytest.raises(pymysql.Error):
        replica.connect(host=replica.host, port=replica.port, user="failover", password=PASSWORDS["failover"], read_timeout=1)
    with Writer(primary, clients=2) as writer:
        writer.wait_for(100)
        replica.resume()
        primary.kill()
        wait_until(lambda: not writer.is_writing)
    assert not primary.is_running
    assert isinstance(writer.error, pymysql.Error)
    assert len(writer.acknowledged) >= 100

    wait_until(lambda: replica.replica_status()["receiver"] == "Connecting")
    primary.start()
    cluster.wait_in_sync()
    assert rows(primary) >= writer.acknowledged
    assert all(rows(server) == rows(primary) for server in cluster.replicas)
    assert all(not server.is_writable for server in cluster.replicas)

    replica.restart()
    assert replica.is_writable  # see Cluster: read-only is set at run time
    replica.stop()
    assert not replica.is_running


def test_a_writer_follows_the_primary(cluster: Cluster) -> None:
    heir = cluster["db1"]
    with Writer(cluster.primary, follow=lambda: heir) as writer:
        writer.wait_for(20)
        cluster.primary.kill()
        wait_until(lambda: writer.errors)
        opened = time.monotonic()
        heir.set_read_only(False)
        writer.wait_for(20)
    assert writer.server is heir
    first = writer.first_after(opened)
    assert first is not None
    after = {row for row, when in writer.times.items() if when > opened}
    assert len(after) >= 20
    assert rows(heir) >= after


@pytest.mark.also("mariadb-10.5")
def test_users_log_in_with_their_passwords_and_may_do_their_part(kind: str) -> None:
    with Server(kind) as server:
        for user in PASSWORDS:
            server.connect(host=server.host, port=server.port, user=user, password=PASSWORDS[user]).close()
        with pytest.raises(pymysql.Error):
            server.connect(host=server.host, port=server.port)
        version = server.installation.version
        granted = " ".join(str(value) for row in server.query("SHOW GRANTS FOR failover@'%'") for value in row.values())
        assert all(privilege in granted for privilege in failover_privileges(server.installation.kind.family, version))
        assert all(privilege in str(server.query("SHOW GRANTS FOR repl@'%'")) for privilege in REPLICATION_PRIVILEGES)

        server.execute(f"CREATE DATABASE {SCHEMA}")
        app = server.connect(host=server.host, port=server.port, user="app", password=PASSWORDS["app"], database=SCHEMA)
        with app, app.cursor() as cursor:
            cursor.execute("CREATE TABLE things (id INT PRIMARY KEY)")
            server.set_read_only()
            with pytest.raises(pymysql.Error, match="read-only"):
                cursor.execute("INSERT INTO things VALUES (1)")


def test_a_server_can_be_added_and_attached(kind: str) -> None:
    with Cluster(kind, replicas=0, options=["--max-connections=33"]) as cluster:
        server = cluster.add(options=["--wait-timeout=77"])
        assert server.replica_status() == {}
        cluster.replicate(server, delay=1)
        cluster.wait_in_sync()
        assert server.replica_status()["delay"] == 1
        assert server.query_one("SELECT @@GLOBAL.max_connections AS c, @@GLOBAL.wait_timeout AS w") == {"c": 33, "w": 77}


def test_an_inventory_says_what_users_write(some_kind: str, tmp_path: Path) -> None:
    with Cluster(some_kind, replicas=1, start=False) as cluster:
        cluster.write_inventory(tmp_path / "inventory.yml")
        group = yaml.safe_load((tmp_path / "inventory.yml").read_text())["orders"]
        assert group["hosts"] == {name: {"mysql_host": "127.0.0.1", "mysql_port": server.port} for name, server in cluster.servers.items()}
        assert group["vars"]["mysql_login_password"] == PASSWORDS["failover"]
        assert group["vars"]["mysql_replication_password"] == PASSWORDS["repl"]


def test_no_server_outlives_a_killed_parent(kind: str, tmp_path: Path) -> None:
    end_parent(kind, signal.SIGKILL, tmp_path)
    # The directory is swept up by the next one.
    environment = {**os.environ, "DBHA_SANDBOX_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", "from sandbox.servers.workspace import Workspace; Workspace().close()"], env=environment, cwd=TESTS, check=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_parent_that_is_told_to_end(some_kind: str, number: signal.Signals, tmp_path: Path) -> None:
    end_parent(some_kind, number, tmp_path)
    assert list(tmp_path.iterdir()) == []


def end_parent(kind: str, number: signal.Signals, tmp_path: Path) -> None:
    """Start a cluster in another process, send that a signal, and wait until there are no servers any more."""
    program = "import sandbox, sys, time\nwith sandbox.Cluster(sys.argv[1], replicas=1):\n    print('ready', flush=True)\n    time.sleep(60)"
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "DBHA_SANDBOX_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program, kind]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=hear_ctrl_c) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert len(processes(f"--datadir={tmp_path}")) == 2
        parent.send_signal(number)
    assert parent.returncode not in (None, 0)
    wait_until(lambda: not processes(f"--datadir={tmp_path}"))


def test_the_command_line_leaves_servers_running_until_they_are_stopped(some_kind: str, tmp_path: Path) -> None:
    directory = tmp_path / "a directory with a long name, far too long for the path of a socket, and then some more, and more"

    def sandbox(*arguments: str, check: bool = True) -> str:
        command = [sys.executable, "-m", "sandbox", *arguments, "--directory", str(directory)]
        done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout + done.stderr

    try:
        started = sandbox("start", some_kind, "--replicas", "1")
        assert "writable" in started
        assert "read-only" in started
        hosts = yaml.safe_load((directory / "inventory.yml").read_text())["orders"]["hosts"]
        assert json.loads(sandbox("query", "db1", "SELECT @@port AS port")) == [{"port": hosts["db1"]["mysql_port"]}]
        assert "already" in sandbox("start", some_kind, check=False)
        sandbox("kill", "db0")
        assert "down" in sandbox("status")
        sandbox("restart", "db0")
        assert "down" not in sandbox("status")
        sandbox("pause", "db1")
        sandbox("resume", "db1")
    finally:
        sandbox("stop")
    assert not directory.exists()
    assert not processes(f"--datadir={directory}")
    assert "No cluster" in sandbox("status", check=False)


def test_what_cannot_be_had_is_said_clearly() -> None:
    with pytest.raises(SandboxError, match="no kind of server"):
        install("postgresql-17")
    with pytest.raises(SandboxError, match=r"mysql-5\.5 cannot be installed from here: name a server of that release in \$DBHA_MYSQLD"):
        install("mysql-5.5")


@pytest.mark.parametrize(
    ("name", "wanted", "also", "by_default", "asked_for"),
    [
        ("mariadb-10.11", [], [], True, True),
        ("mariadb-10.11", ["mysql"], [], False, False),
        ("mariadb-10.11", ["mysql-9.7", "mariadb"], ["mariadb-10.5"], True, True),
        ("mysql-9.7", ["mariadb-10.11"], ["mariadb-10.5"], False, False),
        ("mariadb-10.5", [], [], False, True),
        ("mariadb-10.5", ["mariadb"], [], False, True),
        ("mariadb-10.5", ["mysql"], [], False, False),
        ("mariadb-10.5", ["mysql-9.7", "mariadb-10.11"], [], False, True),
        ("mariadb-10.5", ["mariadb-11.8"], [], False, False),
        ("mariadb-10.5", ["mariadb-11.8"], ["mariadb-10.5"], True, True),
        ("mariadb-10.5", [], ["mariadb-10.5"], True, True),
        ("mariadb-11.8", [], [], False, True),
        ("mariadb-11.8", ["mysql", "mariadb"], [], False, True),
        ("mariadb-11.8", ["mysql", "mariadb-11.8"], [], True, True),
        ("mariadb-11.8", ["mariadb-10.11"], [], False, False),
        ("mysql-5.6", [], ["mysql-5.6"], True, True),
    ],
)
def test_some_kinds_take_part_only_where_they_are_named_or_asked_for(name: str, wanted: list[str], also: list[str], by_default: bool, asked_for: bool) -> None:
    assert runs_with(name, wanted, also) is by_default
    assert runs_with(name, wanted, also, asked=True) is asked_for


class Mirror(BaseHTTPRequestHandler):
    """A mirror of Debian that answers each question about a release in the same way."""

    answer = 404

    def do_HEAD(self) -> None:
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("answer", "works", "taken_from", "raises"),
    [
        (200, True, "mirror", None),
        (404, True, "archive", None),
        (404, False, "archive", NoLongerThere),
        (200, False, "mirror", SandboxError),
        (503, False, "mirror", SandboxError),
    ],
)
def test_an_old_release_is_taken_from_the_archive_and_is_not_there_only_if_the_mirror_says_so(
    answer: int, works: bool, taken_from: str, raises: type[SandboxError] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mmdebstrap").write_text(f'#!/bin/sh\nfor last; do :; done; echo "$last" > {tmp_path}/from\nexit {int(not works)}\n')
    (tmp_path / "mmdebstrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.setattr(Mirror, "answer", answer)
    with HTTPServer(("127.0.0.1", 0), Mirror) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        mirrors = {name: f"http://127.0.0.1:{server.server_port}/{name}" for name in ("mirror", "archive")}
        monkeypatch.setattr(packages, "MIRROR", mirrors["mirror"])
        monkeypatch.setattr(packages, "ARCHIVE", mirrors["archive"])
        with nullcontext() if raises is None else pytest.raises(SandboxError) as refused:
            packages.unpack("mariadb-10.5", "bullseye", tmp_path / "target", "mariadb-server-core-10.5")
        server.shutdown()
    assert (tmp_path / "from").read_text().strip() == mirrors[taken_from]
    assert raises is None or refused.type is raises


def program(path: Path, version: str) -> Path:
    """Write a stand-in for a server of a release that is not here; all that it can do is say its version."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{path.name}  Ver {version} for Linux on x86_64'\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_server_of_ones_own_is_named_by_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = program(tmp_path / "old/mariadbd", "10.6.22-MariaDB-log")
    new = program(tmp_path / "new/mariadbd", "11.4.5-MariaDB")
    monkeypatch.setenv("DBHA_MARIADBD", f"{old}:{new}")
    for kind, path, version in (("mariadb-11.4", new, (11, 4, 5)), ("mariadb-10.6", old, (10, 6, 22))):
        found = find_own(Kind.named(kind))
        assert found is not None
        assert (found.command, found.version) == ((str(path),), version)


@pytest.mark.parametrize(
    ("variable", "version", "wanted"),
    [("DBHA_MYSQLD", "8.4.3", "mysql-9.7"), ("DBHA_MYSQLD", "11.4.5-MariaDB", "mysql-11.4"), ("DBHA_MARIADBD", "11.4.5-MariaDB", "mariadb-11.8")],
)
def test_a_server_of_ones_own_of_another_release_is_not_passed_over_in_silence(
    variable: str, version: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = program(tmp_path / "mysqld", version)
    program(tmp_path / "on_path/mysqld", "9.7.4")
    monkeypatch.setenv("PATH", str(tmp_path / "on_path"), prepend=os.pathsep)
    monkeypatch.setenv(variable, str(named))
    with pytest.raises(SandboxError) as refused:
        find_own(Kind.named(wanted))
    family, number = ("mariadb" if "MariaDB" in version else "mysql"), version.partition("-")[0]
    assert f"${variable} names no {wanted}: {named} is {family} {number}. Say with SERVER=" in str(refused.value)


def test_a_server_that_cannot_start_says_why(some_kind: str) -> None:
    with pytest.raises(SandboxError, match="no-such-option"), Server(some_kind, options=["--no-such-option"]):
        pass


def test_a_run_that_begins_in_a_fork_is_as_one_of_the_command(some_kind: str, tmp_path: Path) -> None:
    with Cluster(some_kind, replicas=1, start=False) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        # With something in its environment it is the command.
        forked, command = (playbooks.run("dbha.mysql.failover", "--check", "--diff", environment=each) for each in ({}, {"OF_THE_COMMAND": "1"}))
    told = [re.sub(r"\d+\.\d+ s|\(ansible[^)]*\)", "", run.output) for run in (forked, command)]
    assert told[0] == told[1]
    assert (forked.returncode, forked.codes, forked.hosts) == (command.returncode, command.codes, command.hosts) == (2, {"unreachable"}, command.hosts)
    assert [(task.name, task.action, task.status) for task in forked.tasks] == [(task.name, task.action, task.status) for task in command.tasks]
