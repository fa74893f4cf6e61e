# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the result of a run says to people, in the node that reports a failure."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._report.handed_on import tell

DB1 = {"name": "db1", "host": "10.0.0.11", "port": 3306}
ALIVE = {"code": "primary_alive", "server": "db0", "message": "the primary db0 is alive", "remedy": remedy_of("primary_alive")}
NEWER = {"code": "of_the_future", "server": "db0", "message": "it is new", "remedy": "Wait for it."}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({}, ["orders: no result was handed on. The job before this one was cancelled, or died: look at its output, and run it again."]),
        (
            {"cluster": "shop", "outcome": "refused", "new_primary": None, "problems": [ALIVE]},
            ["shop: it was refused; the servers are as they were found", remedy_of("primary_alive"), "  [primary_alive] the primary db0 is alive"],
        ),
        (
            {"cluster": "shop", "outcome": "promoted", "new_primary": DB1, "problems": []},
            ["shop: it was failed over or switched over, and something is left to do: run it again", "the primary is db1 (10.0.0.11:3306)"],
        ),
        ({"outcome": "unheard_of", "problems": [NEWER]}, ["orders: unheard_of", "Wait for it.", "  [of_the_future] it is new"]),
    ],
)
def test_what_a_result_says(result: dict[str, Any], said: list[str]) -> None:
    assert tell(result, "orders").splitlines() == said


def test_without_anything_it_is_said_all_the_same() -> None:
    assert tell({}, "").startswith("the cluster: no result")
