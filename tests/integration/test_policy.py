# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory says of who is to be promoted decides among those that have the same, in a failover and in a switchover."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.dbha.mysql.plugins.module_utils._verbs import find_best_replica as election
from sandbox import Cluster
from sandbox.runs.modules import call, entry
from sandbox.runs.playbook import Playbooks
from sandbox.servers.accounts import SCHEMA
from sandbox.servers.pool import POOL
from sandbox.servers.waiting import wait_until


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

        says_of_failover = {name: {**says[name], "failover_exclude": ["db2"]} for name in cluster.servers}
        check = playbooks.run("dbha.mysql.check", hosts=says_of_failover)
        assert (check.returncode, "if all of Wien died: db3" in check.output) == (0, True), check
        assert check.dbha_result["rehearsal"]["not_eligible"]["db2"] == ["excluded by the user"]

        switchover = playbooks.run("dbha.mysql.switchover", hosts=says)
        assert switchover.returncode == 0, switchover
        assert cluster["db3"].is_writable

        says["db3"]["mysql_site"], says["db1"] = "Wien", {"mysql_site": "Graz"}
        cluster["db3"].kill()
        here = playbooks.run("dbha.mysql.failover", hosts=says, failover_site="prefer")
        assert here.returncode == 0, here
        assert here.of("mysql_find_best_replica")["because"] == "it stands where the primary does (mysql_site)"
        assert cluster["db0"].is_writable


def test_one_that_has_too_much_left_to_apply_wins_only_where_nobody_else_has_the_same(some_kind: str) -> None:
    with POOL.cluster(some_kind, replicas=2) as cluster:
        primary, first, second = cluster["db0"], cluster["db1"], cluster["db2"]
        replica = "SLAVE" if first.installation.is_mariadb or first.installation.version < (8, 0, 22) else "REPLICA"
        first.execute(f"STOP {replica} SQL_THREAD")
        primary.execute(f"INSERT INTO {SCHEMA}.rows (id, client) VALUES (4711, 9)")
        cluster.wait_in_sync(replicas=[second])
        wait_until(lambda: find(cluster, expect_primary="alive")["ranking"][0]["name"] == "db1")
        primary.kill()
        assert find(cluster)["because"] == "the inventory prefers it (mysql_promotion)"
        limited = find(cluster, max_to_apply=0)
        assert (limited["best"]["name"], limited["because"]) == ("db2", "it has no more left to apply than a candidate may have (failover_max_to_apply)")
        assert find(cluster, max_to_apply=1)["best"]["name"] == "db1"


def find(cluster: Cluster, **options: Any) -> dict[str, Any]:
    """Elect, without touching anything, where db1 is preferred."""
    replicas = [{**entry(cluster["db1"]), "promotion": "prefer"}, entry(cluster["db2"])]
    return call(election.VERB, replicas=replicas, primary=entry(cluster["db0"]), drain=False, **options)


def test_a_word_that_says_nothing_of_a_promotion_is_named_with_its_host(some_kind: str, tmp_path: Path) -> None:
    with POOL.cluster(some_kind, replicas=1) as cluster:
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.failover", hosts={"db1": {"mysql_promotion": "must_not"}})
        assert run.returncode == 2, run
        assert "db1: mysql_promotion takes one of prefer, neutral, prefer_not, never, and 'must_not' is not one" in run.output
