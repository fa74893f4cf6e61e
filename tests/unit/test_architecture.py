# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What docs/architecture.md says of the rooms and of the invariants: the walls are those that are tested, and the tests that it names exist."""

from __future__ import annotations

import re

import pytest

from ansible_collections.dbha.mysql.tests.pages import ARCHITECTURE_PAGE, ROOT, names_of_tests
from ansible_collections.dbha.mysql.tests.unit.test_rooms import MAY_IMPORT

PAGE = ARCHITECTURE_PAGE.read_text(encoding="utf-8")
INVARIANTS = re.findall(r"^(\d+)\. (.*(?:\n +- .*)*)", PAGE.partition("\n## Invariants\n")[2], re.MULTILINE)
NAMED = re.findall(r"`([^`\s]+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[test for _file, test in NAMED])
def test_a_test_that_the_page_names_exists(file: str, test: str) -> None:
    path = ROOT / "tests" / file
    assert path.is_file(), "make pages finds a test that was moved"
    assert test in names_of_tests(path), "make pages finds a test that was moved"


def test_the_tree_is_the_one_that_there_is() -> None:
    drawn = re.findall(r"^([\w/]+)/ ", PAGE.partition("```\n")[2].partition("```")[0], re.MULTILINE)
    assert [path for path in drawn if not (ROOT / path).is_dir()] == []
    folders = [path for parent in ("plugins", "tests") for path in (ROOT / parent).iterdir() if path.is_dir() and path.name not in ("__pycache__", "output")]
    there = {str(path.relative_to(ROOT)) for path in folders}
    assert there - set(drawn) == set()


def test_a_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`((?:plugins/|_\w+/)[\w/]+\.py)`", PAGE)
    assert len(named) >= 4
    assert [path for path in named if not (ROOT / path).exists() and not (ROOT / "plugins/module_utils" / path).exists()] == []


def test_the_invariants_are_numbered_and_each_is_held_by_a_test() -> None:
    assert len(INVARIANTS) > 20
    assert [int(number) for number, _text in INVARIANTS] == list(range(1, len(INVARIANTS) + 1))
    assert [text for _number, text in INVARIANTS if not re.search(r"\n +- `[^`\s]+\.py::\w+`$", text)] == []
    # None of those that the page names is overlooked because it is written in another way.
    assert sum(len(re.findall("::", text)) for _number, text in INVARIANTS) == len(NAMED) == PAGE.count("::")


def test_the_table_of_rooms_is_the_one_that_is_tested() -> None:
    table = re.findall(r"^\| `(_\w+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE)
    everything = {room for room in MAY_IMPORT if room != "_verbs"}
    listed = {room: everything if below == "everything" else set(re.findall(r"`(\w+)`", below)) for room, below in table}
    assert listed == MAY_IMPORT
    assert [room for room, _below in table] == list(MAY_IMPORT)
