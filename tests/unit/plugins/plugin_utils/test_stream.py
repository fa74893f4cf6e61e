# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module prints is read while it runs. In place of SSH a Python begins it here."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_collections.dbha.mysql.plugins.plugin_utils import _stream
from ansible_collections.dbha.mysql.plugins.plugin_utils._stream import ModuleEnded, NoStream, Stream, begin

MARK = b"part: "
PRINT = "import sys; out = sys.stdout.buffer\ndef part(content, more): out.write(b'part: %d %d\\n' % (len(content), more) + content)\n"


class Connection:
    """What is needed of Ansible's connections."""

    transport = "ssh"
    become: Any = None
    _play_context = SimpleNamespace(remote_addr="db0")

    def __init__(self, **options: Any) -> None:
        self.options = {"pipelining": False, "ssh_executable": "ssh", "host": None, "password": None, **options}
        self.asked: list[str] = []

    def get_option(self, name: str) -> Any:
        return self.options[name]

    def set_option(self, name: str, value: Any) -> None:
        self.options[name] = value

    def _build_command(self, *words: str) -> list[bytes]:
        assert words == ("ssh", "ssh", "db0", "python3")
        return [sys.executable.encode(), b"-"]

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        self.asked.append(cmd)
        return 0, b"asked", b""


def execute(program: str) -> Any:
    """Do as Ansible does: look for Python, and send it the module."""

    def run(connection: Any) -> None:
        assert connection.get_option("pipelining")
        assert connection.exec_command("uname", in_data=b"script", sudoable=False) == (0, b"asked", b"")
        assert connection.exec_command("python3", in_data=program.encode())[0] == 0

    return run


def streamed(program: str, connection: Connection | None = None) -> Stream:
    return begin(connection or Connection(), MARK, lambda: True, execute(PRINT + program))


def test_parts_come_as_they_are_printed_and_whatever_is_in_them() -> None:
    connection = Connection()
    stream = streamed("print('Welcome!', flush=True)\npart(b'part: 1 1\\n' * 3, 1)\npart(bytes(range(256)) * 4096, 1)\npart(b'', 0)\nprint('{}')", connection)
    assert stream.next(60, 60) == (b"part: 1 1\n" * 3, True)
    assert stream.next(60, 60) == (bytes(range(256)) * 4096, True)
    assert stream.next(60, 60) == (b"", False)
    stream.close()
    assert (connection.asked, connection.options["pipelining"]) == (["uname"], False)


@pytest.mark.parametrize(
    ("program", "result"),
    [
        ('print(\'{"failed": true, "msg": "no files"}\')', {"failed": True, "msg": "no files"}),
        ("part(b'', 1)\nprint('[5]')", {"failed": True, "msg": "[5]"}),
        ("part(b'', 1)\nprint('sudo:   no')", {"failed": True, "msg": "sudo: no"}),
        ("part(b'', 1)", {"failed": True, "msg": ""}),
    ],
)
def test_a_module_that_has_ended_is_told_with_its_result(program: str, result: dict[str, Any]) -> None:
    stream = streamed(program)
    if program.startswith("part"):
        assert stream.next(60, 60) == (b"", True)
    with pytest.raises(ModuleEnded) as ended:
        stream.next(60, 60)
    assert ended.value.result == result
    stream.close()


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("print('part: 5')", "not the length of a part"),
        ("print('part: 5 x')", "not the length of a part"),
        ("print('part: 999999999 1')", "not the length of a part"),
        ("print('part: 9 1\\nshort', end='')", "breaks off"),
        ("print('x' * 5000)", "a line of more than 4096 bytes"),
        ("import time; print('', flush=True); time.sleep(600)", "did not answer within 7 s"),
    ],
)
def test_what_is_not_a_part_is_told(program: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stream, "_LONGEST_LINE", 4096)
    stream = streamed(program)
    with pytest.raises(AnsibleError, match=why):
        stream.next(1 if "sleep" in program else 60, 7)
    stream.close()
    assert stream._process.returncode is not None


def test_there_is_no_stream_where_somebody_is_asked_for_a_password_or_ansible_runs_the_module_in_its_own_way() -> None:
    local, becoming = Connection(), Connection()
    local.transport, becoming.become = "local", SimpleNamespace(expect_prompt=lambda: True)
    for connection in (local, becoming, Connection(password="secret")):
        with pytest.raises(NoStream):
            streamed("", connection)
    with pytest.raises(NoStream):
        begin(Connection(), MARK, lambda: False, execute(""))
    with pytest.raises(NoStream):
        begin(Connection(), MARK, lambda: True, lambda connection: connection.exec_command("python3 module.py"))
    # sudo wants a terminal: nothing comes at all.
    stream = streamed("sys.stderr.write('sorry')")
    with pytest.raises(NoStream):
        stream.next(60, 60)
    stream.close()


def test_what_ends_ansible_ends_what_runs_here() -> None:
    stream = streamed("import time; part(b'', 1); out.flush(); time.sleep(600)")
    stream.next(60, 60)
    stream.close()
    assert isinstance(stream._process, subprocess.Popen)
    assert stream._process.returncode == -15
