# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripts that replace files as root: not where a server says that its files are, but only where its process works."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._copy import backup_scripts as scripts
from ansible_collections.dbha.mysql.plugins.module_utils._copy.backup import _position
from ansible_collections.dbha.mysql.plugins.module_utils._copy.programs import ProgramFailed


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Stand in for programs that are only looked for."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("mariadb-backup", "mbstream"):
        (directory / name).write_text("#!/bin/sh\nexit 1\n")
        (directory / name).chmod(0o755)
    return directory


def kept_by_files(directory: Path, text: str) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and text in path.read_text()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_how_to_log_in_is_in_no_file_that_a_killed_script_would_leave(number: int, programs: Path, tmp_path: Path) -> None:
    temporary, read = tmp_path / "tmp", tmp_path / "read"
    temporary.mkdir()
    # As the vendor's program, it reads the file more than once.
    (programs / "mariadb-backup").write_text(f'#!/bin/sh\nfile=${{1#*=}}\ncat "$file" "$file" > {read}.partial\nmv {read}.partial {read}\nexec sleep 600\n')
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(temporary)}
    command = ["sh", "-c", scripts.SEND % {"datadir": shlex.quote(str(tmp_path))}]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdin is not None
        process.stdin.write(b"[client]\npassword=secret\n")
        process.stdin.close()
        while not read.exists() and process.poll() is None:
            time.sleep(0.01)
        named = kept_by_files(temporary, "secret")
        os.killpg(process.pid, number)
    assert read.read_text() == "[client]\npassword=secret\n" * 2
    assert named == kept_by_files(temporary, "secret") == []


def make(directory: Path) -> Path:
    """Make what looks like a data directory."""
    for each in ("mysql", "shop"):
        (directory / each).mkdir(parents=True)
        (directory / each / "db.opt").write_text("")
    (directory / "aria_log_control").write_text("")
    return directory


@pytest.mark.parametrize(
    ("works_in", "files", "is_its_own"),
    [("data", "data", True), ("data", "link to data", True), ("elsewhere", "data", False), ("plain", "plain", False), ("data", "nothing", False)],
)
def test_only_files_that_a_process_works_in_are_replaced(works_in: str, files: str, is_its_own: bool, programs: Path, tmp_path: Path) -> None:
    data, stopped = make(tmp_path / "data"), tmp_path / "stopped"
    for name in ("elsewhere", "plain"):
        (tmp_path / name).mkdir()
    (tmp_path / "link to data").symlink_to(data)
    (data / scripts.COPY).mkdir()
    (data / scripts.COPY / "mysql").mkdir()
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path / works_in) as process:
        pid_file = tmp_path / "pid"
        pid_file.write_text(f"{process.pid}\n")
        datadir = tmp_path / files
        places = {name: shlex.quote(str(path)) for name, path in {"datadir": datadir, "copy": datadir / scripts.COPY, "pid_file": pid_file}.items()}
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        stop = f"kill {process.pid}; touch {shlex.quote(str(stopped))}"
        replace = scripts.REPLACE % {**places, "mark": "unfinished", "stop": stop, "start": "true", "seconds": 10}
        measured = subprocess.run(["sh", "-c", scripts.MEASURE_RECIPIENT % places], env=environment, capture_output=True, text=True, check=False)
        (data / scripts.COPY / "mysql").mkdir(parents=True, exist_ok=True)
        replaced = subprocess.run(["sh", "-c", replace], env=environment, capture_output=True, text=True, check=False)
        process.kill()
    assert (measured.returncode == 0, replaced.returncode == 0) == (is_its_own, is_its_own), measured.stderr + replaced.stderr
    assert (stopped.exists(), (data / "shop").exists()) == (is_its_own, not is_its_own)
    assert is_its_own or files == "nothing" or "is not the one that its process works in" in measured.stderr + replaced.stderr


@pytest.mark.parametrize("said", [b"", b"binlog.000001\t328", b"binlog.000001\t328\t", b"binlog.000001\t328\tnone", b"\xff\t\xff\t\xff"])
def test_a_copy_that_does_not_say_which_gtids_it_holds_is_none(said: bytes) -> None:
    with pytest.raises(ProgramFailed, match="mariadb-backup does not say which GTIDs the copy holds"):
        _position(said)


def test_a_copy_holds_what_it_says() -> None:
    assert _position(b"binlog.000001\t328\t0-1-5,1-1-7\n") == "0-1-5,1-1-7"
