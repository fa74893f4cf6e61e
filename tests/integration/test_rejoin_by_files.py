# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A former primary whose host the playbook can stop and start it on: overwritten by files, or started after a clone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.fault import Fault
from sandbox.runs.playbook import TESTS, Playbooks, Run
from sandbox.scenes.scene import Scene
from sandbox.servers.programs import tool
from sandbox.servers.sessions import begin_sessions_with, globals_of, strange
from sandbox.servers.workspace import Workspace

COPIER = {"rejoin_method": "rebuild", "rejoin_copy_user": "copier", "rejoin_copy_password": "c' x"}


@pytest.fixture
def cluster(kind: str) -> Iterator[Cluster]:
    """Start a cluster whose servers other processes can start, too."""
    workspace = Workspace()
    # As users name directories after releases: its path, too, looks like that of a binary log, which is not copied.
    # Some keep logs in directories of their own below the data directory, which may be volumes, and call them as InnoDB calls its files.
    options = ["--log-bin=ibiza-bin", "--relay-log=relays/relay"]
    with Cluster(kind, replicas=2, directory=workspace.path / "servers-10.11", detached=True, options=options, start=False) as cluster:
        for server in cluster.servers.values():
            server.prepare()
            for name in ("relays", "certificates"):
                server.datadir.joinpath(name).mkdir()
        cluster.start()
        cluster.save()
        yield cluster
        Cluster.load(cluster.directory).close()  # also what others have started
    workspace.close()


@pytest.fixture
def playbooks(cluster: Cluster, tmp_path: Path) -> Playbooks:
    return Playbooks(cluster, tmp_path)


def start_command(cluster: Cluster) -> str:
    return f"env PYTHONPATH={TESTS} {sys.executable} -m sandbox restart db0 --directory={cluster.directory}"


def leave_something_on_the_former_primary(cluster: Cluster, playbooks: Playbooks) -> tuple[Server, set[int]]:
    """Return the new primary, and the rows that only the old one has, which runs again."""
    cluster.primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'c'' x'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")
    with Writer(cluster.primary) as writer:
        writer.wait_for(50)
    cluster.wait_in_sync()
    scene = Scene(cluster, playbooks.inventory.parent)
    for replica in cluster.replicas:
        scene.thread("STOP", replica, "IO_THREAD")
    with Writer(cluster.primary) as writer:
        writer.wait_for(20)
    cluster.primary.kill()
    run = playbooks.run("dbha.mysql.failover")
    assert run.returncode == 0, run
    (new,) = [server for server in cluster.replicas if server.is_writable]
    with Writer(new) as later:
        later.wait_for(20)
    cluster.primary.start()
    return new, writer.acknowledged


def as_it_is_now(cluster: Cluster) -> Server:
    """Return the former primary, which another process may have started."""
    return Cluster.load(cluster.directory).primary


class Rejoins:
    """Runs the playbook with all that copying files takes."""

    def __init__(self, cluster: Cluster, playbooks: Playbooks, directory: Path) -> None:
        self.cluster = cluster
        self._playbooks = playbooks
        self._programs = tool(cluster.kind, "mbstream").parent
        tool(cluster.kind, "mariadb-backup")
        self._variables = {
            "rejoin_server": "db0",
            "rejoin_save_to": str(directory / "saved"),
            "rejoin_stop_command": f"kill $(cat {cluster.directory}/db0/pid)",
            "rejoin_start_command": start_command(cluster),
        }

    def run(self, *arguments: str, programs: Path | None = None, environment: dict[str, str] | None = None, **more: Any) -> Run:
        path = ":".join(map(str, filter(None, [programs, self._programs, "/usr/bin", "/bin"])))
        hosts = {name: {"mysql_host_shell": f"env PATH={path} sh -c"} for name in self.cluster.servers}
        variables = {**self._variables, **COPIER, **more}
        return self._playbooks.run("dbha.mysql.rejoin", *arguments, hosts=hosts, environment=environment, **variables)

    def assert_ends_in_a_replica_with_equal_rows(self, new: Server, programs: Path | None = None) -> None:
        run = self.run("-vvv", programs=programs)
        assert run.returncode == 0, run
        assert COPIER["rejoin_copy_password"] not in run.output
        assert run.of("mysql_rejoin")["copied_with"] == "mariadb-backup"
        assert run.of("mysql_rejoin")["copied_from"]["name"] != new.name
        assert {"read contents", "compare"} <= {step["step"] for step in run.of("mysql_rejoin")["timeline"]}
        former = as_it_is_now(self.cluster)
        with Writer(new) as writer:
            writer.wait_for(20)
        servers = [former, *self.cluster.replicas]
        self.cluster.wait_in_sync(source=new, replicas=servers)
        assert {server.name: rows(server) for server in servers} == dict.fromkeys(self.cluster.servers, rows(new))
        assert not former.is_writable
        assert not list(self.cluster.directory.glob("db0/**/*dbha-copy*"))
        assert former.query("SHOW DATABASES LIKE 'dbha_copy%'") == []


@pytest.mark.server("mariadb-11.8")
def test_its_files_are_replaced_by_those_of_a_replica(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    new, _own = leave_something_on_the_former_primary(cluster, playbooks)
    certificate = cluster.primary.datadir / "certificates/server.pem"
    certificate.write_text("no data")
    rejoins = Rejoins(cluster, playbooks, tmp_path)
    others = [each for each in cluster.replicas if each is not new]
    with globals_of(others, {"sql_select_limit": 1000, "max_join_size": 1000000}):
        check = rejoins.run("--check")
        assert (check.returncode, check.codes) == (2, {"cannot_copy"}), check
    # What its message says: both have their defaults.
    check = rejoins.run("--check")
    assert check.returncode == 0, check
    assert "(mariadb-backup)" in check.output

    # The copy takes longer than servers keep idle connections, and sessions begin with what would be in the way of others.
    slow = tmp_path / "mariadb-backup"
    slow.write_text(f'#!/bin/sh\ncase "$*" in *--prepare*) sleep 8 ;; esac\nexec {tool(cluster.kind, "mariadb-backup")} "$@"\n')
    slow.chmod(0o755)
    odd = {name: value for name, value in {**strange(new), "wait_timeout": 5}.items() if name not in ("sql_select_limit", "max_join_size")}
    begin_sessions_with(cluster.primary, {**odd, "sql_select_limit": 3, "max_join_size": 1})
    with globals_of(others, odd):
        rejoins.assert_ends_in_a_replica_with_equal_rows(new, programs=tmp_path)
    assert certificate.read_text() == "no data"
    assert as_it_is_now(cluster).datadir.joinpath("relays").is_dir()
    again = rejoins.run()
    assert (again.returncode, again.changed) == (0, 0), again


@pytest.mark.server("mariadb-10.11")
def test_its_files_are_replaced_only_by_a_complete_copy_and_an_interrupted_run_is_told(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    new, own = leave_something_on_the_former_primary(cluster, playbooks)
    rejoins = Rejoins(cluster, playbooks, tmp_path)
    broken = tmp_path / "mariadb-backup"
    broken.write_text(
        f"""#!/bin/sh
        case "$*" in *--backup*) {tool(cluster.kind, "mariadb-backup")} "$@" | head -c 300000 ;; esac
        ls -d {cluster.directory}/db0/*copy* {cluster.directory}/db0/data/*copy* > {tmp_path}/copies
        exit 1
        """
    )
    broken.chmod(0o755)
    run = rejoins.run(programs=tmp_path)
    assert (run.returncode, run.codes) == (2, {"cannot_copy"}), run
    assert "cannot be overwritten with the files of" in str(run)
    # The data directory may be a volume of its own.
    assert (tmp_path / "copies").read_text() == f"{cluster.directory}/db0/data/#dbha-copy\n"
    assert own <= rows(cluster.primary)
    assert not list(cluster.directory.glob("db0/**/*dbha-copy*"))

    # The account would be refused what comes after the replacement. It is the donor's account by then.
    others, process = [server for server in cluster.replicas if server is not new], cluster.primary.value("SELECT @@pid_file")
    started = cluster.primary.datadir.joinpath(process).stat().st_mtime_ns
    needed = {"DROP": "it needs DROP", "REPLICATION SLAVE ADMIN, SUPER": "it needs REPLICATION SLAVE ADMIN", "SELECT": "SELECT command denied"}
    for privilege, says in needed.items():
        new.execute(f"REVOKE {privilege} ON *.* FROM copier@'%'")
        cluster.wait_in_sync(source=new, replicas=others)
        run = rejoins.run()
        assert (run.returncode, run.codes) == (2, {"cannot_copy"}), run
        assert says in run.output, run
        new.execute(f"GRANT {privilege} ON *.* TO copier@'%'")
        cluster.wait_in_sync(source=new, replicas=others)
    # The account that logs in has few.
    run = rejoins.run(rejoin_copy_user=None, rejoin_copy_password=None)
    assert (run.returncode, run.codes) == (2, {"cannot_copy"}), run
    assert own <= rows(cluster.primary)
    assert cluster.primary.datadir.joinpath(process).stat().st_mtime_ns == started

    # It has the files of another, and not yet the position that goes with them.
    run = rejoins.run(environment=Fault("kill-before", "RESET MASTER").environment(tmp_path / "log", cluster))
    assert run.returncode == -9, run
    former = as_it_is_now(cluster)
    assert not own & rows(former)
    assert not former.is_writable
    run = rejoins.run(rejoin_method="refuse")
    assert run.returncode == 2, run
    assert run.codes <= {"not_copied", "own_transactions"}
    assert former.replica_status() == {}

    rejoins.assert_ends_in_a_replica_with_equal_rows(new)


@pytest.mark.server("mysql-9.7")
def test_a_server_that_has_ended_after_it_was_cloned_is_started_and_joined(cluster: Cluster, playbooks: Playbooks, tmp_path: Path) -> None:
    cluster.primary.execute_all("GRANT SELECT, BACKUP_ADMIN, CLONE_ADMIN ON *.* TO failover@'%'", "GRANT INSERT ON mysql.plugin TO failover@'%'")
    new, _own = leave_something_on_the_former_primary(cluster, playbooks)
    run = playbooks.run("dbha.mysql.rejoin", rejoin_method="clone", rejoin_save_to=str(tmp_path / "saved"), rejoin_start_command=start_command(cluster))
    assert run.returncode == 0, run
    former = as_it_is_now(cluster)
    cluster.wait_in_sync(source=new, replicas=[former])
    assert rows(former) == rows(new)
    assert not former.is_writable
