# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remedies of what should not happen: libraries that are missing, answers that make no sense, servers that refuse a statement, mistakes.

Each is brought about, and its remedy followed to the letter, in the state in which it is printed.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import textwrap
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils import fake_server as fake
from sandbox import Server
from sandbox.runs.playbook import Run
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL


def assert_told(run: Run, code: str, server: str = "", verb: str = "") -> None:
    """See that a run was refused with a code, and that its remedy was printed, as it is to be read in a verb."""
    assert run.returncode == 2, run
    assert (code, server) in {(problem["code"], problem["server"]) for problem in run.problems}, run
    assert remedy_of(code, verb) in run.output.replace("\\n", "\n"), run


@pytest.mark.server("mariadb-10.11")
def test_a_mistake_and_an_answer_that_makes_no_sense_leave_the_servers_as_they_were_found(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        scene.kill_primary()
        with scene.untouched():
            run = scene.failover(failover_drain_timeout="{{ nobody_has_set_this }}")
        (problem,) = run.dbha_result["problems"]
        assert (run.returncode, problem["code"], problem["remedy"]) == (2, "task_failed", remedy_of("task_failed")), run
        # What the remedy says: the message names it, and it is fixed below.
        assert "'nobody_has_set_this' is undefined" in problem["message"]

        # Run it again with -vvv, and report what it prints. The servers are as they were found.
        with scene.untouched():
            assert_told(scene.failover(environment=with_a_mistake(tmp_path)), "internal_error", verb="failover")
            told = scene.failover("-vvv", environment=with_a_mistake(tmp_path)).output
        assert "Traceback (most recent call last)" in told
        assert "KeyError: 'a mistake'" in told

        with misspelt(cluster["db2"], b"Variable_name") as address, scene.untouched():
            hosts = {"db2": {"mysql_host": address.host, "mysql_port": address.port}}
            assert_told(scene.failover(hosts=hosts), "unreadable", "db2", verb="failover")
            # What the remedy says, too: what it prints says what is to be reported.
            assert "column Variable_name: there is no such column" in scene.failover("-vvv", hosts=hosts).output
            # To go on without the server.
        with misspelt(cluster["db2"], b"Variable_name") as address:
            hosts = {"db2": {"mysql_host": address.host, "mysql_port": address.port}}
            assert scene.failover(hosts=hosts, failover_unreachable="proceed").returncode == 0
        assert scene.writable() == ["db1"]
        assert scene.failover().returncode == 0
        scene.assert_whole(written)


@contextmanager
def misspelt(server: Server, column: bytes) -> Iterator[fake.Address]:
    """Stand between clients and a real server, which has a name in its answers misspelt. (No server that is to be had answers what makes no sense.)"""

    def hand_on(source: socket.socket, sink: socket.socket, misspelling: bytes = column) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data.replace(column, misspelling))
            sink.shutdown(socket.SHUT_WR)

    def behave(client: socket.socket, _ended: threading.Event) -> None:
        with socket.create_connection((server.host, server.port)) as connection:
            client.sendall(fake.without_tls(connection))
            back = threading.Thread(target=hand_on, args=(connection, client, column[:-1] + b"x"), daemon=True)
            back.start()
            hand_on(client, connection)
            back.join(5)

    with fake.fake_server(behave) as address:
        yield address


@pytest.mark.server("mysql-9.7")
def test_what_a_server_refuses_after_the_opening_is_done_by_the_next_run(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        written = scene.write(10)
        cluster.wait_in_sync()
        scene.kill_primary()
        # Where SET PERSIST writes.
        kept = cluster["db1"].datadir / "mysqld-auto.cnf"
        kept.unlink(missing_ok=True)
        kept.mkdir()
        run = scene.failover(failover_candidates=["db1"])
        assert_told(run, "statement_failed", "db1")
        assert scene.writable() == ["db1"]
        # What the remedy says: fix what the server's error names, and run it again.
        assert "mysqld-auto.cnf" in run.output or "SET PERSIST" in run.output, run
        kept.rmdir()
        assert scene.failover().returncode == 0
        scene.assert_whole(written)


@pytest.mark.server("mysql-9.7")
def test_a_library_that_is_missing_is_there_once_it_is_installed(kind: str, tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    venv.create(tmp_path / "venv", symlinks=True)

    def install(*what: str) -> None:
        subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *what], check=True, timeout=120)

    with POOL.cluster(kind, replicas=1) as cluster:
        db1 = cluster["db1"]
        # A login takes encryption with a key of the server where there is no TLS, and the server does not remember the password.
        db1.stop()
        db1.start("--read-only", "--tls-version=")
        scene = Scene(cluster, tmp_path)

        def look() -> Run:
            return scene.run_tasks(
                [
                    {
                        "dbha.mysql.mysql_gtid_check": {**scene.login, "cluster": "orders", "expect_primary": "alive"},
                        "vars": {"ansible_python_interpreter": str(python)},
                        "environment": {"ANY": "so that it is not run by Ansible itself"},
                    }
                ]
            )

        assert_told(look(), "driver_incomplete")
        install("PyMySQL")
        assert_told(look(), "driver_incomplete", "db1")
        # The remedy, to the letter.
        (what,) = re.findall("python3 -m pip install '([^']*)'", remedy_of("driver_incomplete"))
        install(what)
        run = look()
        assert run.returncode == 0, run
        db1.stop()
        db1.start("--read-only")


def with_a_mistake(directory: Path) -> dict[str, str]:
    """Return an environment in which the failover has a mistake: what is to drain the replica that was elected raises ``KeyError``."""
    (directory / "sitecustomize.py").write_text(
        textwrap.dedent("""\
            import sys
            from concurrent.futures import ThreadPoolExecutor

            submit = ThreadPoolExecutor.submit

            def submit_with_mistake(self, *arguments, **more):
                module = sys.modules.get("ansible_collections.dbha.mysql.plugins.module_utils._verbs.find_best_replica")
                if module is not None:
                    module.drain = lambda *arguments: {}["a mistake"]
                return submit(self, *arguments, **more)

            ThreadPoolExecutor.submit = submit_with_mistake
        """),
        encoding="utf-8",
    )
    return {"PYTHONPATH": str(directory)}
