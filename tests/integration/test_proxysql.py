# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task files for ProxySQL that the guide has, as they stand there, against a stand-in for its admin port (see sandbox/servers/proxysql.py)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.proxysql import ProxySQLAdmin

GUIDE = Path(__file__).resolve().parents[2] / "docs/guides/clients.md"
WRITERS, READERS = 10, 20


def task_files(directory: Path, port: int) -> dict[str, Path]:
    """Write the task files of the guide, with the port and the option file that are here in place of those that are there."""
    account = directory / "proxysql.cnf"
    account.write_text("[client]\nuser=admin\npassword=a\n", encoding="utf-8")
    found = {}
    for name, text in re.findall(r"```yaml\n# hooks/(proxysql[-a-z]*)\.yml[^\n]*\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        here = text.replace("/etc/dbha/proxysql.cnf", str(account)).replace("--port=6032", f"--port={port}").replace("[10.0.0.6]", "[127.0.0.1]")
        assert here.count(str(account)) == here.count(f"--port={port}") == here.count("[127.0.0.1]") == 1
        found[name] = directory / f"{name}.yml"
        found[name].write_text(here, encoding="utf-8")
    return found


@pytest.mark.server("mariadb-10.11")
def test_the_statements_of_the_guide_let_proxysql_follow_at_once(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, 0, directory=tmp_path / "none", start=False) as nobody:
        with ProxySQLAdmin() as proxy:
            files, playbooks = task_files(tmp_path, proxy.port), Playbooks(nobody, tmp_path)
            places = {name: {"name": name, "host": f"10.0.0.{number}", "port": 3306} for number, name in enumerate(("db0", "db1", "db2"), 10)}

            def hook(name: str, old: str | None, new: str) -> Run:
                event: dict[str, Any] = {"verb": "failover", "new_primary": places[new], "old_primary": places[old] if old else None}
                return playbooks.run_tasks([{"include_tasks": str(files[name]), "vars": {"dbha_event": event}}])

            def standing(table: str = "runtime_mysql_servers") -> list[tuple[int, str]]:
                return [(hostgroup, status) for hostgroup, _host, _port, status in proxy.servers(table)]

            # As the guide sets it up, and once the monitor has found the primary, which is not in the memory then.
            for place in places.values():
                proxy.run(f"INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (20, '{place['host']}', 3306)")
            proxy.run("LOAD MYSQL SERVERS TO RUNTIME")
            proxy.run("UPDATE runtime_mysql_servers SET hostgroup_id = 10 WHERE hostname = '10.0.0.10'")

            assert hook("proxysql", "db0", "db1").returncode == 0
            followed = [(WRITERS, "OFFLINE_SOFT"), (WRITERS, "ONLINE"), (READERS, "ONLINE")]
            assert standing() == standing("disk_mysql_servers") == followed
            # A second run finds it done, and does not know any more who had the role before.
            assert hook("proxysql", None, "db1").returncode == 0
            assert standing() == followed
            assert hook("proxysql-back", "db0", "db1").returncode == 0
            assert standing() == standing("disk_mysql_servers") == [(READERS, "ONLINE"), (WRITERS, "ONLINE"), (READERS, "ONLINE")]
        # It does not answer any more.
        assert hook("proxysql", "db1", "db2").returncode != 0
