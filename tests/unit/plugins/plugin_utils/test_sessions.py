# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sessions with hosts that are kept between tasks. What runs on the hosts is the real program; in place of SSH a process begins it here."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible import constants as C

from ansible_collections.dbha.mysql.plugins.module_utils._clients import on_host
from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import HostFailed, Way, program, read_answer
from ansible_collections.dbha.mysql.plugins.plugin_utils import _hosts, _sessions
from ansible_collections.dbha.mysql.plugins.plugin_utils._sessions import Login, NoSession, ask, begin

LOOK = {"addresses": ["192.0.2.1"], "interface": "", "has": False, "really": False, "patience": 0.1}
PYTHON = ["sh", "-c", f"echo 'Welcome!'; exec {sys.executable} {_hosts._BEGINNING}"]


# Processes of other tests: servers, for example.
_others: set[int] = set()


@pytest.fixture(autouse=True)
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    _others.clear()
    _others.update(_children())
    # A path of pytest's is too long for a socket.
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", name)
        yield Path(name)


def login(command: list[str], otherwise: list[str] | None = None) -> Login:
    return Login(command, program(Path(on_host.__file__).read_text(encoding="utf-8"), None).encode(), otherwise)


def started(logins: dict[str, Login], connect_within: float = 60.0) -> Callable[[str], str]:
    way = Way(connect_within, 60.0, True)
    begin(list(logins), lambda: (way, lambda host: logins[host]))
    return lambda host: ask(host, LOOK, way)


def gone(directory: Path) -> None:
    """Remove what shows that Ansible runs, and wait until whoever has kept sessions has ended."""
    pids = _children() - _others
    for path in directory.iterdir():
        path.unlink()
    for pid in pids:
        os.waitpid(pid, 0)


def _children() -> set[int]:
    found = set()
    for path in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        found |= set(map(int, path.read_text(encoding="ascii").split()))
    return found


def test_a_session_serves_whoever_asks_until_ansible_has_ended(directory: Path, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    command = ["sh", "-c", f"echo begun >>{noted}; trap 'echo ended >>{noted}' EXIT; {sys.executable} {_hosts._BEGINNING}"]
    asked = started({"db0": login(command), "db1": login(PYTHON)})
    for _time in range(2):
        for host in ("db0", "db1"):
            assert read_answer(asked(host)).had == ()
    with pytest.raises(NoSession):
        asked("db2")
    gone(directory)
    assert noted.read_text(encoding="utf-8").splitlines()[0] == "begun"
    with pytest.raises(NoSession):
        asked("db0")


def test_a_host_that_does_not_answer_is_not_tried_again_and_one_that_fails_is() -> None:
    unknown = ["sh", "-c", "echo 'ssh: Could not resolve hostname db2: Name or service not known' >&2; exit 255"]
    refused = ["sh", "-c", "echo 'Permission denied (publickey).' >&2; exit 255"]
    asked = started({"db0": login(["sleep", "600"]), "db1": login(refused, PYTHON), "db2": login(unknown, PYTHON)}, 5.0)
    with pytest.raises(HostFailed, match="did not answer within 5 s"):
        asked("db0")
    with pytest.raises(NoSession):
        asked("db1")
    assert read_answer(asked("db2")).error == ""


def test_a_session_that_breaks_off_is_none_any_more() -> None:
    dies = ["sh", "-c", f"echo {on_host.HEARD}; read a; exec sleep 600"]
    ends = ["sh", "-c", f"echo {on_host.HEARD}; read a; read b"]
    asked = started({"db0": login(dies), "db1": login(ends)}, 1.0)
    with pytest.raises(HostFailed, match="did not answer within 1 s"):
        asked("db0")
    begun = time.monotonic()
    with pytest.raises(HostFailed):
        asked("db0")
    assert time.monotonic() - begun < 60


def test_where_no_socket_can_be_there_are_no_sessions(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sessions, "_LONGEST", 10)
    with pytest.raises(NoSession):
        started({"db0": login(PYTHON)})("db0")


def test_what_cannot_be_prepared_leaves_nothing_behind(directory: Path) -> None:
    def refuses() -> tuple[Way, Callable[[str], Login]]:
        raise NoSession("an option cannot be used")

    begin(["db0"], refuses)
    with pytest.raises(NoSession):
        ask("db0", LOOK, Way(60.0, 60.0, True))
