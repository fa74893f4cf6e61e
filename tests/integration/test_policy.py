# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says of who is to be promoted decides among those that have the same, in a failover and in a switchover."""

from __future__ import annotations

from pathlib import Path

from sandbox.runs.playbook import Playbooks
from sandbox.servers.pool import POOL


def test_who_is_preferred_takes_over_and_who_is_never_to_be_promoted_does_not(some_kind: str, tmp_path: Path) -> None:
    with POOL.cluster(some_kind, replicas=3) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        says = {"db0": {"mysql_site": "Wien"}, "db1": {"mysql_promotion": "never"}, "db2": {"mysql_site": "Graz"}, "db3": {"mysql_promotion": "prefer"}}

        wished = playbooks.run("dbha.mysql.switchover", hosts=says, switchover_to="db1")
        assert (wished.returncode, wished.codes) == (2, {"no_candidate"}), wished
        assert "db1 may not be promoted: the inventory says so (mysql_promotion=never)" in wished.output

        everybody = {name: {"mysql_promotion": "never"} for name in cluster.servers}
        refused = playbooks.run("dbha.mysql.check", hosts=everybody)
        assert (refused.returncode, "no_candidate" in refused.codes) == (2, True), refused

        alone = {name: {"mysql_promotion": "never", **says[name]} for name in ("db0", "db2", "db3")}
        alone["db1"] = {"mysql_promotion": "neutral", "mysql_site": "Wien"}
        lost = playbooks.run("dbha.mysql.check", hosts={**alone, "db3": {"mysql_promotion": "never"}}, check_fail_on="never")
        assert "site_lost" in {finding["code"] for finding in lost.dbha_result["findings"]}, lost
        # What the remedy says: a replica in another site may be promoted.
        kept = playbooks.run("dbha.mysql.check", hosts={**alone, "db2": {"mysql_site": "Graz"}}, check_fail_on="never")
        assert "site_lost" not in {finding["code"] for finding in kept.dbha_result["findings"]}, kept

        check = playbooks.run("dbha.mysql.check", hosts=says)
        assert (check.returncode, "if all of Wien died: db3" in check.output) == (0, True), check

        switchover = playbooks.run("dbha.mysql.switchover", hosts=says)
        assert switchover.returncode == 0, switchover
        assert cluster["db3"].is_writable

        says["db3"]["mysql_site"], says["db1"] = "Wien", {"mysql_site": "Graz"}
        cluster["db3"].kill()
        here = playbooks.run("dbha.mysql.failover", hosts=says, failover_site="prefer")
        assert here.returncode == 0, here
        assert here.of("mysql_find_best_replica")["because"] == "it stands where the primary does (mysql_site)"
        assert cluster["db0"].is_writable


def test_a_word_that_says_nothing_of_a_promotion_is_named_with_its_host(some_kind: str, tmp_path: Path) -> None:
    with POOL.cluster(some_kind, replicas=1) as cluster:
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.failover", hosts={"db1": {"mysql_promotion": "must_not"}})
        assert run.returncode == 2, run
        assert "db1: mysql_promotion takes one of prefer, neutral, prefer_not, never, and 'must_not' is not one" in run.output
