# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords of many shapes are nowhere but where they must be: not in outputs, results, logs, command lines, or files that are left."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server
from sandbox.runs.fault import Fault
from sandbox.runs.leaks import leaked
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool

pytestmark = pytest.mark.alike("mariadb-10.11")

SHAPES = [
    "-p'lead\"ing\\dash",
    "$(touch x)`id`;%s%%d",
    "pässwörd-日本-☃",
    "a\nssl-mode=DISABLED\nb",
    "%40 +&?=/#[]@:",
]
"""Parts of passwords that have broken some tool's quoting."""


COPIER = "of copier -p'lead\"ing\\dash #;"


@contextmanager
def command_lines() -> Iterator[list[str]]:
    """Collect the command lines of all processes that come by meanwhile."""
    seen: set[bytes] = set()
    ended = threading.Event()

    def collect() -> None:
        while not ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes())
                except OSError:
                    continue

    collector = threading.Thread(target=collect, daemon=True)
    collector.start()
    found: list[str] = []
    try:
        yield found
    finally:
        ended.set()
        collector.join()
        found += [line.decode("utf-8", "replace").replace("\0", " ") for line in seen]


@contextmanager
def general_logs(cluster: Cluster) -> Iterator[list[str]]:
    """Collect what servers write into their general logs meanwhile."""
    files = {}
    for server in cluster.servers.values():
        if server.is_running:
            server.execute_all("SET GLOBAL log_output = 'FILE'", "SET GLOBAL general_log = 1")
            path = server.datadir / str(server.value("SELECT @@GLOBAL.general_log_file"))
            files[path] = (server, path.stat().st_size)
    found: list[str] = []
    try:
        yield found
    finally:
        for path, (server, before) in files.items():
            if server.is_running:
                server.execute("SET GLOBAL general_log = 0")
            found.append(path.read_bytes()[before:].decode("utf-8", "replace"))


def files_in(directory: Path) -> str:
    """Return the content of all files that are left in a directory."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in directory.rglob("*") if path.is_file())


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_passwords_of_any_shape_are_nowhere_but_where_they_must_be(kind: str, tmp_path: Path) -> None:
    shapes = itertools.cycle(SHAPES)
    scratch, log = tmp_path / "scratch", tmp_path / "ansible.log"
    scratch.mkdir()
    environment = {"TMPDIR": str(scratch), "ANSIBLE_LOCAL_TEMP": str(scratch / "ansible"), "ANSIBLE_LOG_PATH": str(log)}
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        places: list[tuple[str, str, dict[str, str]]] = []

        primaries = ["db0"]

        def changed(primary: Server, shape: str) -> dict[str, str]:
            """Change the passwords everywhere, and return them."""
            # A replica of MySQL takes 32 characters and no line breaks (error 1525).
            of_replicas = "repl " + shape.replace("\n", "|")
            passwords = {"failover": f"of failover {shape}", "repl": of_replicas.encode()[:32].decode(errors="ignore")}
            statements = [(f"ALTER USER {user} IDENTIFIED BY %s", (password,)) for user, password in passwords.items()]
            primary.execute_all(*statements)
            others = [each for each in cluster.servers.values() if each.is_running and each is not primary]
            cluster.wait_in_sync(source=primary, replicas=[each for each in others if each.replica_status()])
            for former in others:
                if not former.replica_status():
                    former.execute_all("SET SESSION sql_log_bin = 0", *statements)
            return passwords

        def run(playbook: str, *arguments: str, wrong: bool = False, again: bool = False, killed_at: Fault | None = None, **options: Any) -> Run:
            """Run a playbook with passwords of another shape, and note whatever might hold them."""
            primary = cluster[primaries[-1]]
            passwords = places[-1][2] if again else changed(primary, next(shapes))
            if playbook == "failover":
                primary.kill()
            variables = {"mysql_login_password": passwords["failover"] + "wrong" * wrong, "mysql_replication_password": passwords["repl"]}
            if "copier" in passwords:
                variables.update(rejoin_copy_user="copier", rejoin_copy_password=passwords["copier"])
            hosts = dict.fromkeys(cluster.servers, variables)
            more = {} if killed_at is None else killed_at.environment(tmp_path / f"statements-{len(places)}", cluster)
            with command_lines() as commands, general_logs(cluster) as logs:
                ran = playbooks.run(f"dbha.mysql.{playbook}", *arguments, hosts=hosts, environment={**environment, **more}, **options)
            results = json.dumps([task.result for task in ran.tasks], default=str) + json.dumps(ran.custom, default=str)
            found = {"output": ran.output, "results": results, "Ansible's log": log.read_text(), "files left": files_in(scratch)}
            found["commands"] = "\n".join(commands)
            # MariaDB writes what a replica is told that has another password into its general log, if somebody has switched that on.
            if kind.startswith("mysql") or playbook == "check":
                found["general logs"] = "\n".join(logs)
            found.update((f"log of {server.name}", server.error_log.read_text(errors="replace")) for server in cluster.servers.values())
            places.extend((f"{playbook} {' '.join(arguments)}: {where}", text, passwords) for where, text in found.items())
            return ran

        assert run("check", "-vvvv").returncode == 0
        assert run("check", wrong=True).codes == {"login_refused"}
        # Killed while servers are locked, and right after one was told whom to follow.
        assert run("switchover", killed_at=Fault("kill-after", "GET_LOCK", server="db0"), switchover_to="db1").returncode < 0
        switchover = run("switchover", "-vvvv", "--diff", switchover_to="db1")
        assert switchover.returncode == 0, switchover
        primaries.append("db1")
        failover = run("failover", "-vvvv")
        assert failover.returncode == 0, failover
        primaries.append(failover.dbha_result["new_primary"]["name"])
        cluster["db1"].restart()
        assert run("rejoin", killed_at=Fault("kill-after", "CHANGE ", server="db1")).returncode < 0
        rejoin = run("rejoin", again=True)
        assert rejoin.returncode == 0, rejoin
        # It was pointed at the primary, and not started.
        primary, former = cluster[primaries[-1]], cluster["db1"]
        cluster.wait_in_sync(source=primary, replicas=[former])

        # Overwritten with a copy, which an account of its own reads and writes, by programs that are started.
        primary.execute_all(("CREATE USER copier IDENTIFIED BY %s", (COPIER,)), "GRANT ALL PRIVILEGES ON *.* TO copier WITH GRANT OPTION")
        cluster.wait_in_sync(source=primary, replicas=[former])
        former.execute_all("SET GLOBAL read_only = 0", "CREATE TABLE dbha_demo.errant (id INT PRIMARY KEY)", "SET GLOBAL read_only = 1")
        places[-1][2]["copier"] = COPIER
        dump = tool(kind, "mysqldump" if kind.startswith("mysql") else "mariadb-dump")
        copying = {"rejoin_server": "db1", "rejoin_method": "rebuild", "rejoin_dump_program": str(dump), "rejoin_save_to": str(tmp_path / "saved")}
        rebuilt = run("rejoin", "-vvvv", again=True, **copying)
        assert rebuilt.returncode == 0, rebuilt
        assert rebuilt.of("mysql_rejoin")["copied_from"]["name"] == "db2"
        for where, text, passwords in places:
            assert leaked(text, passwords) == [], where
        # They would be found.
        assert all(leaked(json.dumps({"x": f"'{password}'"}), passwords) for _where, _text, passwords in places[:1] for password in passwords.values())
