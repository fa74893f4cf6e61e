# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of servers that take writes side by side."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._verbs.alone import AloneOn, say_alone

NOTHING: AloneOn = {"server": "db0", "gtids": "", "count": 0, "tables": [], "problem": None}
ROWS = [
    {"schema": "shop", "table": "orders", "inserted": 3, "updated": 0, "deleted": 1},
    {"schema": "shop", "table": "stock", "inserted": 0, "updated": 2, "deleted": 0},
]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (NOTHING, "db0 has nothing that the others lack"),
        ({**NOTHING, "gtids": "0-1-5", "count": 1}, "db0 alone has 1 transaction (0-1-5)"),
        (
            {**NOTHING, "gtids": "0-1-5..7", "count": 3, "tables": ROWS},
            "db0 alone has 3 transactions (0-1-5..7). Rows: shop.orders 3 inserted, 1 deleted; shop.stock 2 updated",
        ),
        (
            {**NOTHING, "gtids": "0-1-5", "count": 1, "problem": "mysqlbinlog is not installed where the task runs"},
            "db0 alone has 1 transaction (0-1-5). Rows: mysqlbinlog is not installed where the task runs",
        ),
    ],
)
def test_what_only_one_has_is_said_in_a_line(found: AloneOn, said: str) -> None:
    assert say_alone(found) == said
