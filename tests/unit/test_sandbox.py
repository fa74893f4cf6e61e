# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walls of the sandbox: which of its rooms may import which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SANDBOX = Path(__file__).resolve().parent.parent / "sandbox"

MAY_IMPORT: dict[str, set[str]] = {
    "servers": set(),
    "runs": {"servers"},
    "scenes": {"servers", "runs"},
    "tools": {"servers", "runs", "scenes"},
}


def imported_rooms(file: Path) -> Iterator[str]:
    """Yield the names of the rooms that a file of a room imports from: its own is not among them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 2:
            yield from [node.module.partition(".")[0]] if node.module else [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").partition(".")[0] == "sandbox":
            yield f"{node.module} (not relative)"


def test_every_room_of_the_sandbox_is_in_the_table() -> None:
    assert {path.parent.name for path in SANDBOX.glob("*/__init__.py")} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_of_the_sandbox_imports_only_those_below_it(room: str) -> None:
    files = list((SANDBOX / room).glob("*.py"))
    found = {(file.name, name) for file in files for name in imported_rooms(file)}
    assert len(files) > 3
    assert {(file, name) for file, name in found if name not in MAY_IMPORT[room]} == set()
