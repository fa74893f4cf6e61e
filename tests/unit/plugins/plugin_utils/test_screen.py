# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is shown while a task runs is in colours where Ansible uses them; a log gets it without."""

from __future__ import annotations

import typing as t

import pytest
from ansible.utils import color

from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import Line
from ansible_collections.dbha.mysql.plugins.plugin_utils import _screen

LINES = [Line("db0"), Line("blocks [lagging] db1", "blocks"), Line("all is well", "good")]


Shown = list[tuple[str, dict[str, t.Any]]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    found: Shown = []
    monkeypatch.setattr(_screen.display, "display", lambda text, **how: found.append((text, how)))
    return found


def test_where_ansible_uses_colours_a_grave_line_has_one_and_the_log_has_none(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(color, "ANSIBLE_COLOR", True)
    _screen.show(LINES)
    (on_screen, first), (in_log, second) = shown
    assert (first["screen_only"], second["log_only"]) == (True, True)
    assert in_log == "db0\nblocks [lagging] db1\nall is well"
    plain, blocking, good = on_screen.splitlines()
    assert plain == "db0"
    assert blocking.startswith("\x1b[")
    assert blocking.endswith("m")
    assert blocking != good.replace("all is well", "blocks [lagging] db1")


def test_where_it_uses_none_the_text_is_as_it_is(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(color, "ANSIBLE_COLOR", False)
    _screen.show(LINES)
    assert [text for text, _how in shown] == ["db0\nblocks [lagging] db1\nall is well"] * 2
