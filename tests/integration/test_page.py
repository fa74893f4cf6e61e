# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page of a run is written last: of a check, of a plan, of a failover, of a rejoin. Where it cannot be written, nothing else is lost."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sandbox import Cluster
from sandbox.runs.playbook import Playbooks


@pytest.mark.server("mariadb-10.11")
def test_a_page_of_a_check_a_failover_and_a_rejoin(cluster: Cluster, tmp_path: Path) -> None:
    playbooks = Playbooks(cluster, tmp_path)
    checked, failed_over, joined = (tmp_path / f"{name}.html" for name in ("check", "failover", "rejoin"))
    run = playbooks.run("dbha.mysql.check", check_report=str(checked))
    assert run.returncode == 0, run
    page = checked.read_text(encoding="utf-8")
    assert stat.S_IMODE(checked.stat().st_mode) == 0o600
    assert all(text in page for text in ("If db0 died now", "not_durable", "innodb_flush_log_at_trx_commit", "Who replicates from whom"))
    assert run.changed == 0

    cluster.primary.kill()
    plan = playbooks.run("dbha.mysql.failover", "--check", failover_report=str(failed_over), failover_report_mode="0640")
    assert plan.returncode == 0, plan
    assert "As planned" in failed_over.read_text(encoding="utf-8")
    assert stat.S_IMODE(failed_over.stat().st_mode) == 0o640

    # The path has no directory: the failover has taken place, and has left its result.
    missing = tmp_path / "missing/failover.html"
    run = playbooks.run("dbha.mysql.failover", failover_report=str(missing))
    assert run.returncode != 0
    assert str(missing.parent) in run.output
    assert (run.dbha_result["outcome"], run.dbha_result["new_primary"]["name"]) == ("promoted", "db1")
    (wrong,) = [task for task in run.tasks if task.status == "failed"]
    assert wrong.name == "Write the page"

    cluster["db0"].restart()
    run = playbooks.run("dbha.mysql.rejoin", rejoin_report=str(joined))
    assert run.returncode == 0, run
    page = joined.read_text(encoding="utf-8")
    assert all(text in page for text in ("db0 replicates again", "Before", "After", "START REPLICA"))
