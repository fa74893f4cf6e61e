# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values that the core works with: nobody changes one that somebody else holds."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._server import statement

PACKAGE = "ansible_collections.dbha.mysql.plugins.module_utils"
CORE = Path(statement.__file__).parents[1]

# Notes of one thread, or of one call.
THAT_CHANGE = {"_server.journal.Sent", "_server.journal.Step", "_logged.events._Group", "_call.call.Call"}


@pytest.mark.parametrize("room", sorted(path.name for path in CORE.glob("_*") if path.is_dir() and path.name != "__pycache__"))
def test_values_are_frozen(room: str) -> None:
    for path in sorted((CORE / room).glob("*.py")):
        module = importlib.import_module(f"{PACKAGE}.{room}.{path.stem}")
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__ and dataclasses.is_dataclass(value):
                assert value.__setattr__ is not object.__setattr__ or f"{room}.{path.stem}.{name}" in THAT_CHANGE, f"{room}/{path.name}: {name}"
