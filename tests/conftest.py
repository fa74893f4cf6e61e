# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all tests share: the name that the collection is imported by, and what can be asked for."""

from __future__ import annotations

import importlib
import signal
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
