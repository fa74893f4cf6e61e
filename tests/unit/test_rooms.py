# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walls of the house: which room of the core may import which. docs/architecture.md says what each room holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "plugins/module_utils"
PACKAGE = "ansible_collections.dbha.mysql.plugins."
DRIVER = "_server/driver.py"

# From the bottom up. What a room may import is listed one by one, so that a new import across a wall is a decision and not an accident.
MAY_IMPORT: dict[str, set[str]] = {
    "_values": set(),
    "_awx": set(),
    "_gtid": set(),
    "_logged": set(),
    "_server": set(),
    "_flavor": {"_gtid", "_server"},
    "_problems": {"_server", "_flavor"},
    "_state": {"_gtid", "_logged", "_server", "_flavor", "_problems"},
    "_call": {"_problems", "_server"},
    "_clients": {"_server"},
    "_decisions": {"_gtid", "_problems", "_state"},
    "_steps": {"_gtid", "_server", "_flavor", "_problems", "_state"},
    "_binlog": {"_gtid", "_logged", "_server", "_flavor", "_problems", "_state"},
    "_cluster": {"_gtid", "_server", "_flavor", "_problems", "_state", "_decisions", "_steps"},
    "_copy": {"_gtid", "_server", "_flavor", "_problems", "_state", "_steps"},
    "_report": {"_gtid", "_server", "_flavor", "_problems", "_state", "_decisions"},
    "_watch": {"_server", "_state", "_call", "_decisions", "_cluster", "_report"},
}
EVERYTHING_BELOW = set(MAY_IMPORT)
MAY_IMPORT["_verbs"] = EVERYTHING_BELOW

# What a value is made of, whatever it is about.
EVERYBODYS = "_values"

# A decision is made from states alone: it is given no connection, and no cluster to ask.
PURE = {"_decisions": {"_state/node.py"}}

FILES = sorted(CORE.glob("*/*.py"))


def imports_of(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, also where only types need them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def rooms_of(path: Path) -> set[str]:
    prefix = PACKAGE + "module_utils."
    return {name.removeprefix(prefix).split(".")[0] for name in imports_of(path) if name.startswith(prefix)}


def test_every_file_of_the_core_is_in_a_room_that_the_table_names() -> None:
    assert [path.name for path in CORE.iterdir() if path.is_file()] == []
    assert {path.parent.name for path in FILES} == set(MAY_IMPORT)
    assert [str(path) for path in CORE.rglob("*.py") if path not in FILES] == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    climbing = {str(path.relative_to(CORE)): rooms_of(path) - MAY_IMPORT[room] - {room, EVERYBODYS} for path in (CORE / room).glob("*.py")}
    assert {file: found for file, found in climbing.items() if found} == {}


def test_the_rooms_are_listed_from_the_bottom_up() -> None:
    order = list(MAY_IMPORT)
    assert [room for room in order if any(order.index(other) > order.index(room) for other in MAY_IMPORT[room])] == []


@pytest.mark.parametrize("room", PURE)
def test_decisions_are_given_neither_connections_nor_clusters(room: str) -> None:
    forbidden = {PACKAGE + "module_utils." + file.removesuffix(".py").replace("/", ".") for file in PURE[room]}
    assert {str(path.relative_to(CORE)): found for path in (CORE / room).glob("*.py") if (found := set(imports_of(path)) & forbidden)} == {}


def test_one_file_knows_the_driver() -> None:
    knowing = {str(path.relative_to(CORE)) for path in FILES if any(name.split(".")[0] == "pymysql" for name in imports_of(path))}
    assert knowing == {DRIVER}


def test_only_the_doors_and_tests_know_the_verbs() -> None:
    doors = {"modules", "action"}
    knowing = {path for path in (ROOT / "plugins").rglob("*.py") if any(name.startswith(PACKAGE + "module_utils._verbs") for name in imports_of(path))}
    assert {path.parent.name for path in knowing} <= doors | {"_verbs"}


def test_what_ansible_test_runs_knows_no_sandbox() -> None:
    # ansible-test units gives the tests below tests/unit/plugins nothing but the collection.
    files = sorted((ROOT / "tests/unit/plugins").rglob("*.py"))
    assert [str(path.relative_to(ROOT)) for path in files if re.search(r"^(from|import) sandbox\b", path.read_text(encoding="utf-8"), re.MULTILINE)] == []


def test_frozen_values_are_those_that_cost_no_time() -> None:
    slow = re.compile(r"^from dataclasses import .*\bdataclass\b", re.MULTILINE)
    using = {path: path.read_text(encoding="utf-8") for path in FILES if path.parent.name != "_values"}
    assert [str(path) for path, text in using.items() if "@dataclass(frozen=True)" in text and slow.search(text)] == []
