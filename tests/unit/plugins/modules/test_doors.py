# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module is the door to its verb, and no more."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import run_module

OURS = "ansible_collections.dbha.mysql.plugins"
MODULES = sorted(path.stem for path in (Path(__file__).resolve().parents[4] / "plugins/modules").glob("*.py"))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_does_what_its_action_plugin_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(f"{OURS}.modules.{name}")
    action = importlib.import_module(f"{OURS}.action.{name}")
    assert module.run_module is run_module
    done: list[t.Any] = []
    monkeypatch.setattr(module, "run_module", done.append)
    module.main()
    assert done == [action.ActionModule.verb]
