# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all tests share: the name that the collection is imported by, and the choice of one server."""

from __future__ import annotations

import importlib
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


def pytest_configure() -> None:
    """Link the checkout into .build/ansible_collections, which pyproject.toml has put on the path (make does the same)."""
    link = ROOT / ".build/ansible_collections/dbha/mysql"
    if ROOT.parts[-3:] != ("ansible_collections", "dbha", "mysql") and not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("../../..", target_is_directory=True)
        importlib.invalidate_caches()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = set(config.getoption("--server") or ())
    if not wanted:
        return
    kept, left_out = [], []
    for item in items:
        # The kind that it runs with, if it takes one; what it is marked with may name several.
        kind = getattr(item, "callspec", None) and item.callspec.params.get("kind")  # type: ignore[attr-defined]  # only of functions
        needed = {kind} if kind else {name for marker in item.iter_markers("server") for name in marker.args}
        (left_out if needed and not needed & wanted else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept
