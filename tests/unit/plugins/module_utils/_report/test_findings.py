# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a check says of a failover that has not been needed yet."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import Rehearsal
from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import describe_rehearsal, say_rehearsal, say_statements
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent

SENT = [Sent("db1", "STOP REPLICA IO_THREAD"), Sent("db2", "CHANGE REPLICATION SOURCE TO " + ", ".join(["SOURCE_PORT = 3306"] * 5))]


@pytest.mark.parametrize(
    ("rehearsal", "said"),
    [
        (Rehearsal(None, 0, 0, {}), "if db0 died now, nobody could be elected"),
        (Rehearsal("db1", 0, 3, {}, seconds=0.0), "if db0 died now, db1 would be elected; transactions to apply first: 0, only on db0: 3"),
        (Rehearsal("db1", 9, 0, {}, seconds=2.5), "first: 9 (2.5 s, as fast as it is now), only"),
        (Rehearsal("db1", 0, 0, {}, because="it has the most data"), "db1 would be elected (it has the most data); transactions"),
        (Rehearsal("db1", 9, 0, {}), "first: 9 (nothing gets applied there now), only"),
        (Rehearsal("db1", 0, 0, {}, "Graz"), "only on db0: 0; if all of Graz died: nobody"),
    ],
)
def test_a_rehearsal_in_a_line(rehearsal: Rehearsal, said: str) -> None:
    assert said in say_rehearsal(rehearsal, "db0")


def test_statements_are_told_in_their_order_and_in_lines_that_fit() -> None:
    lines = say_statements(SENT)
    assert lines[:2] == ["it would send:", "  db1: STOP REPLICA IO_THREAD"]
    assert lines[2].startswith("  db2: CHANGE REPLICATION SOURCE TO SOURCE_PORT = 3306,")
    assert max(map(len, lines)) <= 78
    assert say_statements([]) == []
    described = describe_rehearsal(Rehearsal("db1", 0, 0, {}), SENT[:1])
    assert described["statements"] == [{"server": "db1", "statement": "STOP REPLICA IO_THREAD"}]
