# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ten rounds of ``make chaos``, the same each time; and that it finds what it is to find."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chaos import judge as judge_module
from chaos.__main__ import carry_out
from chaos.judge import Judge
from chaos.night import Night
from chaos.plan import Plan
from chaos.report import read
from sandbox.servers.waiting import HANGS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(20 * HANGS)]

SEED = 2528
"""One of the quickest of those whose ten rounds have a bit of nearly everything."""


def test_ten_bad_nights_lose_nothing_that_could_be_kept(some_kind: str, tmp_path: Path) -> None:
    records = read([carry_out(some_kind, SEED, range(1, 11), tmp_path)])
    assert [record["round"] for record in records] == list(range(1, 11))
    found = [f"round {each['round']} of make chaos SEED={SEED} SERVER={some_kind}: {finding}" for each in records for finding in each["findings"]]
    assert not found, "\n\n".join(found)
    assert all(record["acknowledged"] > 0 for record in records)


def test_what_it_looks_for_is_found(some_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = Judge.compare

    def spoil(judge: Judge, acknowledged: set[int]) -> None:
        """Take a row from all servers, and another one from one of them."""
        lost, only_there = sorted(acknowledged)[:2]
        (primary,) = [server for server in judge.servers if server.is_writable]
        other = next(server for server in judge.servers if server is not primary)
        primary.execute("DELETE FROM dbha_demo.`rows` WHERE id = %s", (lost,))
        # It stays read-only meanwhile, or it would be taken for the primary.
        let, forbid = [[f"SET GLOBAL super_read_only = {value}"] if other.has_super_read_only else [] for value in (0, 1)]
        other.execute_all(*let, "SET SESSION sql_log_bin = 0", ("DELETE FROM dbha_demo.`rows` WHERE id = %s", (only_there,)), *forbid)
        compare(judge, acknowledged)
        # A watcher that sees a dead primary in a living one, and one that does not see a dead one.
        judge.see_event({"type": "primary_dead", "server": primary.name, "message": "it is dead", "time": datetime.now(UTC).isoformat()})
        judge.outcome.events.clear()
        judge.plan = replace(judge.plan, death="killed")
        judge.watch.away.add(judge.old.name)
        judge.wait_to_be_told(0)

    monkeypatch.setattr(judge_module, "_TOLD", 0.1)
    monkeypatch.setattr(judge_module, "_LOOK", 0.1)
    monkeypatch.setattr(Judge, "compare", spoil)
    night = Night(some_kind, tmp_path)
    try:
        outcome = night.carry_out(Plan("switchover", watched=True), 1)
    finally:
        night.close()
    assert (outcome.unnamed, len(outcome.differ), outcome.false_alarms, outcome.untold) == (1, 1, 1, 1)
    differs, lost, false, untold = (finding.partition(":")[0] for finding in outcome.findings)
    assert (differs, lost) == ("servers differ", "rows are lost and named nowhere")
    assert false.endswith("answers, and the watcher says")
    assert untold.startswith("the watcher does not tell any of ['primary_dead'")
