# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all tests share: the name that the collection is imported by, and the choice of servers."""

from __future__ import annotations

import importlib
import signal
import zlib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server",
        action="append",
        metavar="NAME",
        help="leave out the tests that need another server than this one (may be repeated)",
    )
    parser.addoption(
        "--thorough", action="store_true", help="run all tests, and each with every kind of server, not only where that may tell something of its own"
    )
    parser.addoption("--note-seconds", action="store_true", help="write down how long tests with servers take, for scheduling.py")


def pytest_configure() -> None:
    """Link the checkout into .build/ansible_collections, which pyproject.toml has put on the path (make does the same)."""
    # A shell has what it starts in the background ignore that, and so would all that is started here and ended by it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    link = ROOT / ".build/ansible_collections/dbha/mysql"
    if ROOT.parts[-3:] != ("ansible_collections", "dbha", "mysql") and not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("../../..", target_is_directory=True)
        importlib.invalidate_caches()


def _kind_of(item: pytest.Item) -> str | None:
    """Return the kind of server that a test runs with, if it takes one."""
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("kind")


def _dealt(items: list[pytest.Item]) -> set[pytest.Item]:
    """Return what is left out of the tests that are marked alike: each case runs with one kind, the cases of a file by turns with one and the other.

    Alike means that what is tested is the collection's own doing, and the same whatever the servers are: with both families, it shows twice what it
    shows once. alike("mysql-9.7") names the one, for tests that share what was made for all of them. A kind named by also() stays.
    """
    cases: dict[tuple[Path, str], list[pytest.Item]] = {}
    for item in items:
        kind, also = _kind_of(item), [name for mark in item.iter_markers("also") for name in mark.args]
        if kind is not None and kind not in also and item.get_closest_marker("alike"):
            cases.setdefault((item.path, item.name.replace(kind, "")), []).append(item)
    turns: Counter[Path] = Counter()
    left_out: set[pytest.Item] = set()
    for (path, _name), alike in sorted(cases.items()):
        mark = alike[0].get_closest_marker("alike")
        named = [item for item in alike if mark is not None and _kind_of(item) in mark.args]
        chosen = (named or alike)[(zlib.crc32(path.name.encode()) + turns[path]) % len(named or alike)]
        turns[path] += 1
        left_out.update(item for item in alike if item is not chosen)
    return left_out


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = set(config.getoption("--server") or ())
    kept, left_out = [], []
    dealt = set() if wanted or config.getoption("--thorough") else {*_dealt(items), *(item for item in items if item.get_closest_marker("thorough"))}
    for item in items:
        if not wanted:
            (left_out if item in dealt else kept).append(item)
            continue
        kind = _kind_of(item)
        # What it is marked with may name several.
        needed = {kind} if kind else {name for marker in item.iter_markers("server") for name in marker.args}
        (left_out if needed and not needed & wanted else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    items[:] = kept
