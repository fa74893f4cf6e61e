# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords of many shapes are nowhere but where they must be: not in outputs, results, logs, command lines, or files that are left."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import stat
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pymysql
import pytest

from sandbox import Cluster, Server
from sandbox.runs.cores import CORES, ansible_of
from sandbox.runs.fault import Fault
from sandbox.runs.leaks import leaked
from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.scene import Scene
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.sshd import Sshd
from sandbox.servers.waiting import wait_until

# That of the account, and that of replicas, of which MySQL takes 32 characters and no line breaks (errors 3056, 1525).
SHAPES: list[tuple[str, str]] = [
    ("of failover -p'lead\"ing\\dash", "repl -p'lead\"ing\\dash"),
    ("$(touch x)`id`;%s%%d", "repl $(touch x)`id`;%s%%d"),
    ("of failover p\u00e4ssw\u00f6rd-\u65e5\u672c-\u2603", "repl p\u00e4ssw\u00f6rd-\u65e5\u672c-\u2603"),
    ("of failover a\nssl-mode=DISABLED\nb", "repl a|ssl-mode=DISABLED|b"),
    ("of failover %40 +&?=/#[]@:", "repl %40 +&?=/#[]@:"),
    ("  two  spaces at  either end  ", "  spaces at  either end  "),
    ("!vault | {a: [b, *c], - d} # ~", "- {a: !unsafe [*b, &c], ? d} #"),
    ("\u2603\u00df", "\u00df\u2603"),
    ("of failover {{ 7 * 7 }}{% if x %}{# y #}", "repl {{ 7 * 7 }}{% if x %}{# y"),
    ("\u202eof failover \x1b[2J\x07\x01\x7f", "\u202erepl \x1b[2J\x07\x01\x7f"),
]
"""Pairs of passwords whose parts have broken some tool's quoting, or look like something else than text."""

NUMBERS = ("9182736450918", "4715071507150")
"""What ansible-core makes numbers of from 2.19 on where it is marked !unsafe, although it is quoted; they are refused then."""

COPIER = "of copier -p'lead\"ing\\dash #;"

# They must be sent to the server, which shows them to whoever may see all statements while they are carried out.
MUST_SAY_IT = ("CHANGE ", "CLONE ", "ALTER USER ", "CREATE USER ")


def content(path: str) -> bytes:
    """Return what is in a file of a process: it is asked for of all, many times a second, and pathlib takes four times as long."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return b"".join(iter(lambda: os.read(handle, 1 << 20), b""))
    finally:
        os.close(handle)


@contextmanager
def processes() -> Iterator[list[str]]:
    """Collect the command lines, and the environments, of all processes that come by meanwhile."""
    seen: set[bytes] = set()
    environments: set[bytes] = set()
    ended = threading.Event()

    def collect() -> None:
        while not ended.wait(0.04):
            for process in filter(str.isdigit, os.listdir("/proc")):
                with suppress(OSError):
                    line = content(f"/proc/{process}/cmdline")
                    if line not in seen:
                        seen.add(line)
                        environments.add(content(f"/proc/{process}/environ"))

    collector = threading.Thread(target=collect, daemon=True)
    collector.start()
    found: list[str] = []
    try:
        yield found
    finally:
        ended.set()
        collector.join()
        found += [line.decode("utf-8", "replace").replace("\0", " ") for line in (*seen, *environments)]


@contextmanager
def process_lists(servers: Iterable[Server]) -> Iterator[list[str]]:
    """Collect the statements in the process lists of servers meanwhile, but for those that have to say a password."""
    found: set[str] = set()
    ended = threading.Event()

    def collect(server: Server) -> None:
        with suppress(pymysql.Error, OSError), server.connect() as connection, connection.cursor() as cursor:
            while not ended.wait(0.05):
                cursor.execute("SHOW FULL PROCESSLIST")
                found.update(str(row["Info"]) for row in cursor.fetchall() if not str(row["Info"]).startswith(MUST_SAY_IT))

    collectors = [threading.Thread(target=collect, args=(server,), daemon=True) for server in servers if server.is_running]
    for collector in collectors:
        collector.start()
    shown: list[str] = []
    try:
        yield shown
    finally:
        ended.set()
        for collector in collectors:
            collector.join()
        shown += found


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
            # One that was overwritten with a clone may be about to end.
            with suppress(pymysql.Error, OSError):
                server.execute("SET GLOBAL general_log = 0")
            found.append(path.read_bytes()[before:].decode("utf-8", "replace"))


def files_in(*directories: Path) -> str:
    """Return the content of all files that are left in directories."""
    files = [path for directory in directories for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)


def logs_of(server: Server) -> str:
    """Return what is in the error log, the binary logs and the relay logs of a server."""
    files = [server.error_log, *(path for pattern in ("*bin*.0*", "*relay*.0*") for path in server.datadir.glob(pattern))]
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files if path.exists())


def identified_by(kind: str, user: str, password: str, verb: str = "ALTER") -> tuple[str, tuple[str, ...]]:
    """Return a statement that gives a user a password; to MariaDB, in whose binary log it stands as it is, only the hash."""
    if not kind.startswith("mariadb"):
        return f"{verb} USER {user} IDENTIFIED BY %s", (password,)
    digest = hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()
    return f"{verb} USER {user} IDENTIFIED BY PASSWORD %s", ("*" + digest,)


def inventory_of(path: Path, hosts: dict[str, dict[str, str]]) -> Path:
    """Write variables of hosts as users have to who have braces in a password."""
    lines = [f"    {name}: {{{', '.join(f'{variable}: !unsafe {json.dumps(value)}' for variable, value in of.items())}}}" for name, of in hosts.items()]
    path.write_text("\n".join(["all:", "  hosts:", *lines, ""]))
    return path


class Leaks:
    """Runs playbooks, each with passwords of another shape and another ansible-core, and notes whatever might hold these."""

    def __init__(self, cluster: Cluster, directory: Path, scratch: Path, shift: int) -> None:
        self.cluster = cluster
        self.passwords: dict[str, str] = {}
        self.more: dict[str, str] = {}
        self.primary = "db0"
        self.places: list[tuple[str, str, dict[str, str]]] = []
        self._directory = directory
        self._scratch, self._log = scratch, directory / "ansible.log"
        self._shapes = itertools.islice(itertools.cycle(SHAPES), shift, None)
        versions = [Playbooks(cluster, directory), *(Playbooks(cluster, directory, ansible=ansible_of(core)) for core in CORES)]
        self._playbooks = itertools.islice(itertools.cycle(versions), shift, None)
        self._verbosities = itertools.islice(itertools.cycle(("-vvvv", "", "-v", "-vvv", "-vv")), shift, None)

    def change_passwords(self, shape: tuple[str, str] | None = None) -> None:
        """Change the passwords everywhere."""
        primary, servers = self.cluster[self.primary], self.cluster.servers.values()
        self.passwords = {**dict(zip(("failover", "repl"), shape or next(self._shapes), strict=True)), **self.more}
        statements = [identified_by(self.cluster.kind, user, self.passwords[user]) for user in ("failover", "repl")]
        primary.execute_all(*statements)
        others = [each for each in servers if each.is_running and each is not primary]
        self.cluster.wait_in_sync(source=primary, replicas=[each for each in others if each.replica_status()])
        for former in others:
            if not former.replica_status():
                former.execute_all("SET SESSION sql_log_bin = 0", *statements)

    def run(
        self,
        playbook: str,
        *arguments: str,
        wrong: bool = False,
        again: bool = False,
        killed_at: Fault | None = None,
        hosts: dict[str, dict[str, Any]] | None = None,
        environment: dict[str, str] | None = None,
        **options: Any,
    ) -> Run:
        """Run a playbook, with new passwords unless it is run again, and note what might hold them."""
        cluster, number = self.cluster, len(self.places)
        if not again:
            self.change_passwords()
        if playbook == "failover":
            Scene(cluster, self._directory).kill(cluster[self.primary])
        variables = {"mysql_login_password": self.passwords["failover"] + "wrong" * wrong, "mysql_replication_password": self.passwords["repl"]}
        if self.more:
            variables.update(rejoin_copy_user="copier", rejoin_copy_password=self.more["copier"])
        ours = inventory_of(self._directory / "passwords.yml", dict.fromkeys(cluster.servers, variables))
        more = {} if killed_at is None else killed_at.environment(self._directory / f"statements-{number}", cluster)
        settings = {"TMPDIR": str(self._scratch), "ANSIBLE_LOCAL_TEMP": str(self._scratch / "ansible"), "ANSIBLE_LOG_PATH": str(self._log)}
        page: dict[str, Any] = {f"{playbook}_report": str(self._scratch / f"{playbook}-{number}.html")}
        verbosity = [each for each in [next(self._verbosities)] if each]
        with processes() as commands, general_logs(cluster) as logs, process_lists(cluster.servers.values()) as statements:
            ran = next(self._playbooks).run(
                f"dbha.mysql.{playbook}",
                *("-i", str(ours), *verbosity, *arguments),
                hosts=hosts,
                environment={**settings, **(environment or {}), **more},
                **page,
                **options,
            )
        results = json.dumps([task.result for task in ran.tasks], default=str) + json.dumps(ran.custom, default=str)
        found = {"output": ran.output, "results": results, "Ansible's log": self._log.read_text(), "files left": files_in(self._scratch)}
        found["processes"] = "\n".join(commands)
        found["process lists"] = "\n".join(statements)
        # MariaDB writes what a replica is told that has another password into its general log, if somebody has switched that on.
        if cluster.kind.startswith("mysql") or playbook == "check":
            found["general logs"] = "\n".join(logs)
        found.update((f"logs of {server.name}", logs_of(server)) for server in cluster.servers.values())
        self.note(f"{playbook} {' '.join([*verbosity, *arguments])}", found)
        return ran

    def note(self, what: str, found: dict[str, str]) -> None:
        self.places.extend((f"{what}: {where}", text, self.passwords) for where, text in found.items())

    def assert_none(self) -> None:
        for where, text, passwords in self.places:
            assert leaked(text, passwords) == [], where
        # They would be found.
        for passwords in {tuple(each.items()): each for _where, _text, each in self.places}.values():
            assert leaked(json.dumps({"x": [f"'{password}'" for password in passwords.values()]}), passwords) == list(passwords)


# Up to a dozen playbooks, one after the other, with all that watches them.
@pytest.mark.alike
@pytest.mark.timeout(900)
@pytest.mark.parametrize("shift", [0, *(pytest.param(shift, marks=pytest.mark.thorough) for shift in (1, 2))])
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_passwords_of_any_shape_are_nowhere_but_where_they_must_be(kind: str, tmp_path: Path, shift: int) -> None:
    ssh = tmp_path / "ssh"
    ssh.mkdir()
    # The newest ansible-core has a socket there, whose path must not be long: otherwise it says that a "Local RPC server did not start" (seen: 2.21).
    with POOL.cluster(kind, replicas=2) as cluster, Sshd(ssh) as sshd, tempfile.TemporaryDirectory(prefix="dbha-", dir="/tmp") as scratch:
        leaks, scene = Leaks(cluster, tmp_path, Path(scratch), shift), Scene(cluster, tmp_path)
        run = leaks.run
        assert run("check").returncode == 0
        if kind.startswith("mariadb") or shift:  # the same whatever the servers are
            assert run("check", wrong=True).codes == {"login_refused"}
            leaks.change_passwords(NUMBERS)
            number = run("check", again=True)
            assert number.returncode == 0 or number.codes == {"bad_input"}, number
            # Ended while servers are locked.
            ended = run("switchover", killed_at=Fault("terminate", "GET_LOCK", server="db0"), switchover_to="db1")
            assert ended.returncode != 0, ended
            assert run("switchover", killed_at=Fault("kill-after", "GET_LOCK", server="db0"), switchover_to="db1").returncode < 0
        switchover = run("switchover", "--diff", switchover_to="db1")
        assert switchover.returncode == 0, switchover
        leaks.primary = "db1"

        # What no replica has received is fetched over SSH, by a module whose files stay there.
        leaks.change_passwords()
        for replica in (cluster["db0"], cluster["db2"]):
            scene.thread("STOP", replica, "IO_THREAD")
        cluster["db1"].execute_all("INSERT INTO dbha_demo.`rows` (id, client) VALUES (1, 0)")
        failover = run("failover", again=True, hosts=sshd.host_of(cluster["db1"]), environment={"ANSIBLE_KEEP_REMOTE_FILES": "1"}, failover_salvage="require")
        assert failover.returncode == 0, failover
        assert failover.dbha_result["salvaged"]["count"] == 1, failover
        assert list((ssh / "tmp").rglob("AnsiballZ_mysql_salvage.py"))
        leaks.note("salvage", {"files on the host of the dead": files_in(ssh)})
        leaks.primary = failover.dbha_result["new_primary"]["name"]
        cluster["db1"].restart()
        # Killed right after it was told whom to follow.
        assert run("rejoin", killed_at=Fault("kill-after", "CHANGE ", server="db1")).returncode < 0
        rejoin = run("rejoin", again=True)
        assert rejoin.returncode == 0, rejoin
        # It was pointed at the primary, and not started.
        primary, former = cluster[leaks.primary], cluster["db1"]
        cluster.wait_in_sync(source=primary, replicas=[former])

        if kind.startswith("mysql"):
            overwrite_with_a_clone(leaks)
        else:
            overwrite_with_a_dump(leaks, tmp_path / "saved")
        leaks.assert_none()


def leave_something(former: Server) -> None:
    """Let a replica have what nobody else has."""
    former.execute_all("SET GLOBAL read_only = 0", "CREATE TABLE dbha_demo.errant (id INT PRIMARY KEY)", "SET GLOBAL read_only = 1")


def overwrite_with_a_clone(leaks: Leaks) -> None:
    """Let MySQL's plugin do it, to which the password is told; killed while it does that."""
    cluster = leaks.cluster
    primary, former = cluster[leaks.primary], cluster["db1"]
    primary.execute_all("GRANT SELECT, BACKUP_ADMIN, CLONE_ADMIN ON *.* TO failover@'%'", "GRANT INSERT ON mysql.plugin TO failover@'%'")
    cluster.wait_in_sync(source=primary, replicas=[former])
    leave_something(former)
    cloning: dict[str, Any] = {"rejoin_server": "db1", "rejoin_method": "clone", "rejoin_save": False}
    assert leaks.run("rejoin", killed_at=Fault("kill-before", "CLONE INSTANCE", server="db1"), **cloning).returncode < 0
    cloned = leaks.run("rejoin", again=True, **cloning)
    assert cloned.codes == {"restart_needed"}, cloned
    former.stop()
    former.start()
    joined = leaks.run("rejoin", again=True, **cloning)
    assert joined.returncode == 0, joined


def overwrite_with_a_dump(leaks: Leaks, directory: Path) -> None:
    """Let programs do it that are started, with an account of its own."""
    cluster = leaks.cluster
    primary, former = cluster[leaks.primary], cluster["db1"]
    primary.execute_all(identified_by(cluster.kind, "copier", COPIER, "CREATE"), "GRANT ALL PRIVILEGES ON *.* TO copier WITH GRANT OPTION")
    cluster.wait_in_sync(source=primary, replicas=[former])
    leave_something(former)
    leaks.more = {"copier": COPIER}
    dump = tool(cluster.kind, "mariadb-dump")
    copying: dict[str, Any] = {"rejoin_server": "db1", "rejoin_method": "rebuild", "rejoin_dump_program": str(dump), "rejoin_save_to": str(directory)}
    rebuilt = leaks.run("rejoin", **copying)
    assert rebuilt.returncode == 0, rebuilt
    assert rebuilt.of("mysql_rejoin")["copied_from"]["name"] == "db2"


class Held:
    """A dump program that stands still in the middle, and what holds a text while it does."""

    def __init__(self, kind: str, directory: Path) -> None:
        dump = tool(kind, "mysqldump" if kind.startswith("mysql") else "mariadb-dump")
        self.program, self._mark, self._go = directory / "dump", directory / "mark", directory / "go"
        self.program.write_text(
            f"""#!/bin/sh
            case "$*" in *--all-databases*) ;; *) exec {dump} "$@" ;; esac
            worker=$PPID
            {dump} "$@" | {{
                dd bs=1 count=1000 2>/dev/null
                echo $worker $(cut -d ' ' -f 4 /proc/$worker/stat) > {self._mark}.partial
                mv {self._mark}.partial {self._mark}
                while [ ! -e {self._go} ]; do sleep 0.05; done
                cat
            }}
            """
        )
        self.program.chmod(0o755)

    def wait(self) -> list[int]:
        """Wait until it stands still, and return the processes of Ansible that have started it."""
        wait_until(self._mark.exists)
        return [int(number) for number in self._mark.read_text().split()]

    def go_on(self) -> None:
        self._go.touch()

    def again(self) -> None:
        for path in (self._mark, self._go):
            path.unlink(missing_ok=True)


def holders(text: bytes, since: float, directories: Iterable[Path], without: Path) -> list[str]:
    """Return the processes that have a text in their command lines, environments, or in open files that have a name; and the new files that hold it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                if text in (process / name).read_bytes():
                    found.append(f"{name} of {process.name}")
        with suppress(OSError):
            found += [f"{link.readlink()}, open in {process.name}" for link in (process / "fd").iterdir() if has_a_name(link) and holds(link, text)]
    for directory in directories:
        for path, names, files in os.walk(directory):
            names[:] = [name for name in names if name not in (".build", ".git") and Path(path, name) != without]
            found += [str(file) for file in (Path(path, name) for name in files) if is_new(file, since) and holds(file, text)]
    return found


def has_a_name(link: Path) -> bool:
    """Whether an open file is a regular one that is in a directory."""
    try:
        status = link.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_nlink > 0


def is_new(file: Path, since: float) -> bool:
    try:
        status = file.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_mtime >= since


def holds(file: Path, text: bytes) -> bool:
    with suppress(OSError), file.open("rb") as opened:
        return text in opened.read(1 << 20)
    return False


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_how_the_programs_of_a_copy_log_in_has_no_name_and_is_gone_however_they_end(kind: str, tmp_path: Path) -> None:
    # No other test, wherever it runs, has this password.
    password = f"of copier {uuid.uuid4().hex}"
    (scratch := tmp_path / "scratch").mkdir()
    (ours := tmp_path / "ours").mkdir()
    with POOL.cluster(kind, replicas=2) as cluster:
        primary, former = cluster.primary, cluster["db1"]
        primary.execute_all(identified_by(kind, "copier", password, "CREATE"), "GRANT ALL PRIVILEGES ON *.* TO copier WITH GRANT OPTION")
        cluster.wait_in_sync()
        leave_something(former)
        held, playbooks = Held(kind, ours), Playbooks(cluster, ours)
        hosts = {name: {"rejoin_copy_user": "copier", "rejoin_copy_password": password} for name in cluster.servers}
        options: dict[str, Any] = {"rejoin_server": "db1", "rejoin_method": "rebuild", "rejoin_save": False, "rejoin_dump_program": str(held.program)}
        places = [Path(each) for each in ("/tmp", "/var/tmp", "/dev/shm", "/run", Path.home() / ".ansible", tmp_path, cluster.directory)]
        since = time.time()
        for number in (signal.SIGTERM, signal.SIGKILL, None):
            held.again()
            runs: list[Run] = []
            runner = threading.Thread(
                target=lambda runs=runs: runs.append(playbooks.run("dbha.mysql.rejoin", hosts=hosts, environment={"TMPDIR": str(scratch)}, **options))
            )
            runner.start()
            try:
                ansible = held.wait()
                assert len(logged_in(ansible)) >= 2, "the programs of both sides read how to log in out of memory"
                assert holders(password.encode(), since, places, ours) == []
                if number is not None:
                    for process in ansible:
                        with suppress(ProcessLookupError):
                            os.kill(process, number)
            finally:
                # Nobody else ends what waits for it.
                held.go_on()
                runner.join()
            (run,) = runs
            assert (run.returncode == 0) == (number is None), run
            wait_until(partial(is_without_programs, ansible))
            assert holders(password.encode(), since, places, ours) == []
        assert not former.query("SHOW TABLES FROM dbha_demo LIKE 'errant'")


def logged_in(ansible: list[int]) -> list[str]:
    """Return the command lines of programs that were told by these processes how to log in."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text(errors="replace").replace("\0", " "))
    return [line for line in found if any(f"--defaults-file=/proc/{process}/fd/" in line for process in ansible)]


def is_without_programs(ansible: list[int]) -> bool:
    return not logged_in(ansible)
