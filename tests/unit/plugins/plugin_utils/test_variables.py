# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What variables of the inventory take, by type and length."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.plugin_utils._variables import CHECKED, wrong_with

README = Path(__file__).resolve().parents[4] / "README.md"

TAKEN: dict[str, tuple[list[t.Any], list[t.Any]]] = {
    "mysql_port": ([3306, "3307", " 1 ", 65535], [0, 65536, -1, 1.5, True, "33o6", "3306,3307", [3306], {}, "\N{SUPERSCRIPT TWO}"]),
    "mysql_host": (["db0", "10.0.0.1", "::1", "h" * 255], ["h" * 256, "two words", "a\nb", 10, 1.5, True, ["db0"], {"a": 1}]),
    "mysql_unix_socket": (["/run/m.sock", "s" * 107], ["s" * 108, "\N{EURO SIGN}" * 36, "a\0b", 7, ["/s"]]),
    "mysql_login_user": (["u", "u" * 128, "with space"], ["u" * 129]),
    "mysql_connect_timeout": ([3, "2.5", 0.1, 86400], [0, -1, "", "soon", True, float("nan"), float("inf"), 86401, [3], {}]),
    "mysql_check_hostname": ([True, False, "yes", "No", " 0 ", 1], ["perhaps", 2, "", [True], {}]),
    "mysql_ca_cert": (["/ca.pem", "~/ca.pem"], [7, True, ["/ca.pem"], "a\nb", "x" * 4096]),
    "mysql_promotion": (["prefer", "neutral", "prefer_not", "never"], ["Never", "", True, ["never"], {}]),
    "mysql_site": (["Wien", 1, "s" * 255], ["s" * 256, "a\nb", ["Wien"], {}, 1.5]),
    "mysql_host_shell": (["ssh db0"], [7, ["ssh", "db0"], "a\0"]),
}


@pytest.mark.parametrize(("variable", "value"), [(variable, value) for variable, (taken, _refused) in TAKEN.items() for value in taken])
def test_it_takes(variable: str, value: t.Any) -> None:
    assert wrong_with(variable, value) is None


@pytest.mark.parametrize(("variable", "value"), [(variable, value) for variable, (_taken, refused) in TAKEN.items() for value in refused])
def test_it_does_not_take(variable: str, value: t.Any) -> None:
    wrong = wrong_with(variable, value)
    assert wrong is not None
    assert wrong.startswith(f"{variable} takes ")
    assert len(wrong) < 250


def test_every_variable_that_is_checked_is_documented() -> None:
    table = README.read_text(encoding="utf-8").partition("| variable | what it is |")[2].partition("\n\n")[0]
    documented = {name for row in re.findall(r"^\| (`mysql_.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    # These are variables of a host that is dead, for the salvage.
    salvage = {"mysql_binlog_directory"}
    assert set(CHECKED) - salvage - documented == set()
