# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A primary whose disk is full: every commit waits for room, and so does whoever asks for its position. It is not healthy, and not dead either.

It lets everybody log in. So it is not replaced with force either: it could not be closed, and what waits is written once there is room.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Cluster, Server, Writer, rows
from sandbox.scenes.scene import Scene
from sandbox.servers.sshd import Sshd
from sandbox.servers.waiting import wait_until

pytestmark = pytest.mark.alike

_SIZE = "400m"
"""Large enough for a server that has just been made."""


@contextlib.contextmanager
def on_a_small_disk(server: Server) -> Iterator[None]:
    """Let the files of a server that was not started yet be on a small disk of their own."""
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(server.directory)], capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"nothing can be mounted here: {mount.stderr.strip()}")
    try:
        yield
    finally:
        server.kill() if server.is_running else None
        subprocess.run(["umount", "--lazy", str(server.directory)], check=True)


def fill(directory: Path) -> None:
    """Leave no byte of room."""
    descriptor = os.open(directory / "filler", os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for size in (1 << 16, 1):
            with contextlib.suppress(OSError):
                while True:
                    os.write(descriptor, b"x" * size)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def filled_but_for(directory: Path, left: int) -> Iterator[None]:
    """Leave only so many bytes of room for a while."""
    room = os.statvfs(directory)
    path = directory / "ballast"
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - left)
    try:
        yield
    finally:
        path.unlink()


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_it_is_told_that_it_hangs_it_is_not_made_to_crash_and_once_it_is_dead_its_role_is_taken(kind: str, tmp_path: Path, sshd: Sshd) -> None:
    hosts = {name: {"mysql_read_timeout": 4} for name in ("db0", "db1")}
    with Cluster(kind, replicas=1, start=False, options=[f"--tmpdir={tmp_path}"]) as cluster, on_a_small_disk(cluster["db0"]):
        cluster.start()
        primary, scene = cluster.primary, Scene(cluster, tmp_path)
        # disk_scarce: a check finds it while there is still time, until there is more room, as its remedy says.
        # (A login to a host takes its time on a busy machine.)
        patient = {name: {**each, "mysql_connect_timeout": 30} for name, each in hosts.items()}
        patient["db0"].update(sshd.host_of(primary)["db0"])
        asked = {"hosts": patient, "failover_salvage": "auto", "check_fail_on": "hurts"}
        for left, grade in ((30 << 20, "hurts"), (600 << 10, "blocks")):
            with filled_but_for(primary.directory, left):
                run = scene.check(**asked)
            found = [each for each in run.dbha_result["findings"] if each["code"] == "disk_scarce"]
            assert (run.returncode, [(each["server"], each["grade"]) for each in found]) == (2, [("db0", grade)]), run
            assert "holds its binary logs, data and relay logs" in found[0]["message"]
        assert "disk_scarce" not in {each["code"] for each in scene.check(**asked).dbha_result["findings"]}
        with Writer(primary, clients=2) as writer:
            writer.wait_for(20)
            fill(primary.directory)
            wait_until(lambda: "Disk is full" in primary.error_log.read_text(errors="replace"))
            before = {name: status for name, status in cluster["db1"].replica_status().items() if name in ("source_port", "receiver", "applier")}
            forced = {"failover_dead_primary": "db0", "failover_force": True}
            for run in (scene.check(hosts=hosts), scene.switchover(switchover_to="db1", hosts=hosts), scene.failover(hosts=hosts, **forced)):
                assert (run.returncode, run.codes) == (2, {"primary_hangs"}), run
                assert run.changed == 0, run
            # MySQL would abort if a client that waits were killed.
            assert primary.is_running
            assert {name: cluster["db1"].replica_status()[name] for name in before} == before
            # What the remedy says: its process is killed.
            scene.kill_primary()
        run = scene.failover(hosts=hosts)
        assert run.returncode == 0, run
        assert scene.writable() == ["db1"]
        assert writer.acknowledged <= rows(cluster["db1"])
