# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords of many shapes are nowhere but where they must be: not in outputs, results, logs, command lines, or files that are left."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.runs.leaks import leaked
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.pool import POOL

pytestmark = pytest.mark.alike("mariadb-10.11")

SHAPES = [
    "-p'lead\"ing\\dash",
    "$(touch x)`id`;%s%%d",
    "pässwörd-日本-☃",
    "a\nssl-mode=DISABLED\nb",
    "%40 +&?=/#[]@:",
]
"""Parts of passwords that have broken some tool's quoting."""


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


def files_in(directory: Path) -> str:
    """Return the content of all files that are left in a directory."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in directory.rglob("*") if path.is_file())


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_passwords_of_any_shape_are_nowhere_but_where_they_must_be(kind: str, tmp_path: Path) -> None:
    shapes = iter(SHAPES * 2)
    scratch, log = tmp_path / "scratch", tmp_path / "ansible.log"
    scratch.mkdir()
    environment = {"TMPDIR": str(scratch), "ANSIBLE_LOCAL_TEMP": str(scratch / "ansible"), "ANSIBLE_LOG_PATH": str(log)}
    with POOL.cluster(kind, replicas=2) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        places: list[tuple[str, str, dict[str, str]]] = []

        primaries = ["db0"]

        def run(playbook: str, *arguments: str, wrong: bool = False, **options: Any) -> Run:
            """Run a playbook with passwords of another shape, and note whatever might hold them."""
            shape = next(shapes)
            # A replica of MySQL takes 32 characters and no line breaks (error 1525).
            of_replicas = "repl " + shape.replace("\n", "|")
            passwords = {"failover": f"of failover {shape}", "repl": of_replicas.encode()[:32].decode(errors="ignore")}
            primary = cluster[primaries[-1]]
            for user, password in passwords.items():
                primary.execute(f"ALTER USER {user} IDENTIFIED BY %s", (password,))
            cluster.wait_in_sync(source=primary, replicas=[each for each in cluster.servers.values() if each.is_running and each.replica_status()])
            if playbook == "failover":
                primary.kill()
            variables = {"mysql_login_password": passwords["failover"] + "wrong" * wrong, "mysql_replication_password": passwords["repl"]}
            with command_lines() as commands:
                ran = playbooks.run(f"dbha.mysql.{playbook}", *arguments, hosts=dict.fromkeys(cluster.servers, variables), environment=environment, **options)
            results = json.dumps([task.result for task in ran.tasks], default=str) + json.dumps(ran.custom, default=str)
            found = {"output": ran.output, "results": results, "Ansible's log": log.read_text(), "files left": files_in(scratch)}
            found["commands"] = "\n".join(commands)
            found.update((f"log of {server.name}", server.error_log.read_text(errors="replace")) for server in cluster.servers.values())
            places.extend((f"{playbook} {' '.join(arguments)}: {where}", text, passwords) for where, text in found.items())
            return ran

        assert run("check", "-vvvv").returncode == 0
        assert run("check", wrong=True).codes == {"login_refused"}
        switchover = run("switchover", "-vvvv", "--diff", switchover_to="db1")
        assert switchover.returncode == 0, switchover
        primaries.append("db1")
        failover = run("failover", "-vvvv")
        assert failover.returncode == 0, failover
        primaries.append(failover.dbha_result["new_primary"]["name"])
        cluster["db1"].restart()
        rejoin = run("rejoin")
        assert rejoin.returncode == 0, rejoin
        for where, text, passwords in places:
            assert leaked(text, passwords) == [], where
        # They would be found.
        assert all(leaked(json.dumps({"x": f"'{password}'"}), passwords) for _where, _text, passwords in places[:1] for password in passwords.values())
