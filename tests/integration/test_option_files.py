# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Option files are read as the vendors' programs read them: compared with what these say that they have read (``--print-defaults``)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._server.option_file import read_option_file
from sandbox.servers.programs import tool

pytestmark = pytest.mark.alike

ODD = {
    "plain": "[client]\nuser=me\n",
    "indented": "  [client]\n    user = me\n\tport=3\n",
    "a comment behind": "[client]\nuser=me # a comment\n",
    "a hash in quotes": "[client]\nuser='me # too'\n",
    "a hash without a space": "[client]\nuser=a#b\n",
    "a hash in quotes in the middle": "[client]\nuser=a'b#c'd\n",
    "a hash behind an escape": "[client]\nuser=a\\#b\n",
    "double quotes": '[client]\nuser="m e"\n',
    "an apostrophe in quotes": '[client]\nuser="it\'s"\n',
    "an apostrophe alone": "[client]\nuser=it's # x\n",
    "a quote that does not end": "[client]\nuser='me\n",
    "text behind quotes": "[client]\nuser='a' b\n",
    "spaces in quotes": "[client]\nuser=' me '\n",
    "escapes": "[client]\nuser=a\\tc\\sd\\\\e\\qf\n",
    "an escaped quote": '[client]\nuser="a\\"b"\n',
    "an escaped quote and a hash": "[client]\nuser='a\\'b # c'\n",
    "an escape at the end": "[client]\nuser=a\\\n",
    "a semicolon": "[client]\nuser=a ; b\n;user=c\n",
    "a colon": "[client]\nport=1\nuser: me\n",
    "an equals sign": "[client]\nuser=a=b\n",
    "underscores": "[client]\nssl_ca=/x\nssl-cert=/y\n",
    "twice": "[client]\nuser=a\n[mysqld]\nuser=z\n[client]\nport=4\nuser=b\n",
    "empty": "[client]\nuser=\n",
    "an option without a value": "[client]\nskip-ssl\nuser=x\n",
    "lines of Windows": "[client]\r\nuser=me\r\n",
    "a comment behind a group": "[client] # yes\nuser=me\n",
    "spaces in a group": "[ client ]\nuser=me\n[client ]\nport=1\n",
    "Latin-1": b"[client]\nuser=m\xe9\n",
    "what others expand": "[client]\nuser=100%s %(x)s $(id)\n",
    "an include first": "!include HERE/included.cnf\n[client]\nport=2\n",
    "an include in a group": "[client]\nuser=x\n!include HERE/included.cnf\nport=2\n",
    "an include in another group": "[other]\n!include HERE/included.cnf\nuser=other\n",
    "a directory first, indented": "  !includedir HERE/d\n[client]\nport=7\n",
    "an include that is not there": "!include /nonexistent\n[client]\nuser=y\n",
    "another instruction": "!foo bar\n[client]\nuser=y\n",
    "no group": "user=x\n[client]\nuser=y\n",
    "a group that does not end": "[client\nuser=y\n",
    "an include of nothing": "[client]\n!include\nuser=y\n",
    "a mark of Unicode": "\ufeff[client]\nuser=me\n",
}
"""Files: what a program takes from them, or that it takes nothing of them, is what we do."""


@pytest.mark.parametrize(("release", "name"), [("mariadb-10.11", "mariadb"), ("mysql-9.7", "mysql")])
def test_odd_option_files_are_read_as_by_the_vendors_program(release: str, name: str, tmp_path: Path) -> None:
    program = tool(release, name)
    (tmp_path / "d").mkdir()
    for file, user in {"included.cnf": "included", "d/b.cnf": "b", "d/a.cnf": "a\nport=1", "d/c.txt": "c", "d/z.ini": "z"}.items():
        (tmp_path / file).write_text(f"[client]\n  user = {user}\n")
    options = tmp_path / "my.cnf"
    for what, content in ODD.items():
        options.write_bytes(content if isinstance(content, bytes) else content.replace("HERE", str(tmp_path)).encode())
        run = subprocess.run([program, f"--defaults-file={options}", "--print-defaults"], capture_output=True, check=False, timeout=60)
        if run.returncode != 0:
            with pytest.raises(ValueError, match="cannot be read"):
                read_option_file(str(options))
            continue
        given = run.stdout.decode("utf-8", "surrogateescape").partition("arguments:\n")[2]
        # It prints all, in the order of the file, and the last one counts.
        last = {}
        for each in f" {given}".removesuffix(" \n").split(" --")[1:]:
            option, has_value, value = each.partition("=")
            if has_value:
                last[option.replace("_", "-")] = value
        assert read_option_file(str(options)) == last, what


def test_one_that_everybody_may_write_is_passed_over_as_by_the_vendors_programs(tmp_path: Path) -> None:
    options = tmp_path / "my.cnf"
    options.write_text("[client]\nuser=me\n")
    options.chmod(0o666)
    run = subprocess.run([tool("mariadb-10.11", "mariadb"), f"--defaults-file={options}", "--print-defaults"], capture_output=True, check=False, timeout=60)
    assert b"--user" not in run.stdout
    assert read_option_file(str(options)) == {}
