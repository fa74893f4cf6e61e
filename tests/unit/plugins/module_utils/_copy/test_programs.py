# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that take too long, and how they are told to log in."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._copy.programs import ProgramFailed, feed, login_options, run_program, verification
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
from ansible_collections.dbha.mysql.plugins.module_utils._server.option_file import read_option_file

# Whatever takes that long hangs, however busy the machine is.
HANGS = 30
# Enough for a shell to begin.
LIMIT = 2


def lives(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def feed_from(command: list[str]) -> None:
    feed(command, ["cat"], time.monotonic() + LIMIT, lambda how_much: None)


def feed_into(command: list[str]) -> None:
    feed(["true"], command, time.monotonic() + LIMIT, lambda how_much: None)


def run(command: list[str]) -> None:
    run_program(command, LIMIT)


@pytest.mark.parametrize("use", [feed_from, feed_into, run])
def test_what_a_program_has_started_ends_with_it_when_time_is_up(use: Callable[[list[str]], None], tmp_path: Path) -> None:
    started = tmp_path / "started"
    begun = time.monotonic()
    with pytest.raises(ProgramFailed, match="did not finish"):
        use(["sh", "-c", f"sleep {4 * HANGS} & echo $! >{started}; wait; echo done"])
    child = int(started.read_text())
    while lives(child) and time.monotonic() - begun < HANGS:
        time.sleep(0.01)
    assert not lives(child)
    assert time.monotonic() - begun < HANGS


def test_a_program_that_has_done_its_work_leaves_a_server_running(tmp_path: Path) -> None:
    started = tmp_path / "started"
    assert run_program(["sh", "-c", f"(sleep 0.5; touch {started}) </dev/null >/dev/null 2>&1 & echo done"], HANGS) == b"done\n"
    begun = time.monotonic()
    while not started.exists() and time.monotonic() - begun < HANGS:
        time.sleep(0.05)
    assert started.exists()


def test_a_password_of_any_bytes_gets_into_the_option_file() -> None:
    said = login_options(Address("db", 3307), Login("me", b"a\xff\"\\'".decode("utf-8", "surrogateescape")))
    assert said == b'[client]\nuser="me"\npassword="a\xff\\"\\\\\'"\nhost="db"\nport="3307"\nprotocol="tcp"\n'


def test_what_is_written_into_an_option_file_is_what_is_read_of_it(tmp_path: Path) -> None:
    path = tmp_path / "options"
    for password in ('a"b\\n', "a\nssl-mode=DISABLED", "a\r\n[client]\nhost=elsewhere", "-p # x", "'", "\\", " a ", "日本 100%s $(id)", "!include /x"):
        path.write_bytes(login_options(Address("db", 3307), Login("me", password)))
        assert read_option_file(str(path)) == {"user": "me", "password": password, "host": "db", "port": "3307", "protocol": "tcp"}


def test_paths_of_certificates_are_told_only_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    login = Login("me", "secret", ca_cert="~/ca.pem", client_cert="/tls/cert.pem", client_key="/tls/key.pem")
    here = login_options(Address(unix_socket="/run/mysqld.sock"), login)
    assert b'ssl-ca="/home/me/ca.pem"\nssl-cert="/tls/cert.pem"\nssl-key="/tls/key.pem"\nsocket="/run/mysqld.sock"\n' in here
    assert b"ssl" not in login_options(Address(), login, on_its_host=True)


OF_MYSQL, OF_MARIADB, OF_MYSQL_5_6 = b"--ssl-mode=name", b"MariaDB --ssl-verify-server-cert", b"--ssl-verify-server-cert"
OF_MYSQL_5_7 = OF_MYSQL + OF_MYSQL_5_6
NAMED, UNNAMED = {"ca_cert": "ca.pem"}, {"ca_cert": "ca.pem", "check_hostname": False}


@pytest.mark.parametrize(
    ("said", "login", "options"),
    [
        (OF_MYSQL, NAMED, {"ssl-mode": "VERIFY_IDENTITY"}),
        (OF_MYSQL, UNNAMED, {"ssl-mode": "VERIFY_CA"}),
        (OF_MYSQL_5_7, NAMED, {"ssl-mode": "VERIFY_IDENTITY"}),
        (OF_MARIADB, NAMED, {"ssl-verify-server-cert": "1"}),
        (OF_MARIADB, {**UNNAMED, "allow_unverified": True}, {"ssl-verify-server-cert": "0"}),
        (OF_MARIADB, {**NAMED, "allow_unverified": True}, {"ssl-verify-server-cert": "1"}),
        (OF_MYSQL_5_6, {"allow_unverified": True}, {}),
        (OF_MARIADB, {"allow_unverified": True}, {}),
        (OF_MARIADB, UNNAMED, "cannot verify a server without its name"),
        (OF_MYSQL_5_6, NAMED, "too old to verify"),
        (b"MariaDB", NAMED, "too old to verify"),
        (OF_MYSQL, {}, "not verified"),
        (OF_MARIADB, {}, "not verified"),
    ],
)
def test_a_program_sends_no_more_than_we_would_ourselves(said: bytes, login: dict[str, Any], options: dict[str, str] | str) -> None:
    account = Login("me", "secret", **login)
    if isinstance(options, str):
        with pytest.raises(ProgramFailed, match=options):
            verification("program", said, Address("db", 3307), account)
    else:
        assert verification("program", said, Address("db", 3307), account) == options
    assert verification("program", said, Address(unix_socket="/run/mysqld.sock"), account) == {}
