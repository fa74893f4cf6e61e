# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that failed, and passed when they were run again: shown with their failure, and few, or all has failed.

For ``make test``, beside ``--reruns 1`` (pytest-rerunfailures, which forgets the failure). Of thousands of tests with real servers on a machine that
others use, one fails now and then, and hides what all the others say. It is a fault all the same, of the test or of what it tests: find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

# More than these, and something is wrong with more than one test.
MOST = 3


def _failed_first(config: pytest.Config) -> list[pytest.TestReport]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return list(reporter.stats.get("rerun", ())) if reporter else []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if there are too many. With several processes, that of the terminal counts all."""
    if session.exitstatus == 0 and len(_failed_first(session.config)) > MOST:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show each with the failure of its first run."""
    reports = _failed_first(terminalreporter.config)
    if reports:
        terminalreporter.section(f"UNSTEADY: {len(reports)} failed and were run again (at most {MOST} may)", red=True)
    for report in reports:
        terminalreporter.write_line(f"--- {report.nodeid}: its first run", red=True)
        terminalreporter.write_line(report.longreprtext)
