# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mistake of our own in the middle of the work: it is told as one, with its traceback, and servers are put back as after any failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._steps import handover
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import find_best_replica as election
from sandbox import Cluster
from sandbox.runs.modules import Refused, find_best_replica, promote, switch_over
from sandbox.scenes.clusters import Clusters, assert_all_equal, candidate_of, is_whole, primary_of
from sandbox.servers.snapshot import event_states

pytestmark = [pytest.mark.server("mariadb-10.11", "mysql-9.7"), pytest.mark.alike]


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    """A primary and two replicas; which is which depends on the tests before."""
    return clusters.whole()


def mistaken(*_arguments: Any, **_named: Any) -> Any:
    return {}["no such key"]


def assert_told(refused: Refused, *more: str) -> None:
    """See that a mistake is told as one: which, where, and how it came to it."""
    assert refused.codes == {"internal_error", *more}
    assert "a mistake in dbha.mysql itself: KeyError 'no such key' (test_own_mistakes.py, line " in str(refused)
    assert "Traceback" in refused.result["exception"]
    assert "in mistaken" in refused.result["exception"]


def test_a_switchover_is_undone(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    old.execute("CREATE DEFINER = 'app'@'%' EVENT dbha_demo.a ON SCHEDULE EVERY 1 DAY DO DO 1")
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())
    closed = []
    with monkeypatch.context() as patch:
        patch.setattr(handover, "_apply_the_last", lambda *arguments: mistaken(closed.append(not old.is_writable)))
        with pytest.raises(Refused) as refusal:
            promote(new, demote=old)
    assert closed == [True]
    assert_told(refusal.value)
    assert f"{old.name} takes writes again" in str(refusal.value)
    assert primary_of(cluster) is old
    assert event_states(old)[0][1] == "ENABLED"
    assert_all_equal(cluster, set())
    old.execute("DROP EVENT dbha_demo.a")


def test_what_can_be_undone_is_undone_although_a_part_of_that_fails(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    old.execute("CREATE DEFINER = 'app'@'%' EVENT dbha_demo.a ON SCHEDULE EVERY 1 DAY DO DO 1")
    old.execute("CREATE DEFINER = 'app'@'%' EVENT dbha_demo.b ON SCHEDULE EVERY 1 DAY DO DO 1")
    cluster.wait_in_sync(source=old, replicas=cluster.servers.values())
    real = handover.switch_events

    def switch(node: Any, events: Any, *, enable: bool) -> None:
        if enable and events[0].name == "a":
            mistaken()
        real(node, events, enable=enable)

    with monkeypatch.context() as patch:
        patch.setattr(handover, "_apply_the_last", mistaken)
        patch.setattr(handover, "switch_events", switch)
        with pytest.raises(Refused) as refusal:
            promote(new, demote=old)
    assert_told(refusal.value, "not_undone")
    assert f"{old.name} is not as it was: it could not be told to enable event dbha_demo.a (KeyError 'no such key' (" in str(refusal.value)
    assert primary_of(cluster) is old
    assert [(state[0], state[1] == "ENABLED") for state in event_states(old)] == [("a", False), ("b", True)]
    old.execute("DROP EVENT dbha_demo.a")
    old.execute("DROP EVENT dbha_demo.b")
    assert is_whole(cluster)


@pytest.mark.parametrize("error", [mistaken, KeyboardInterrupt], ids=["a mistake", "Ctrl-C"])
@pytest.mark.parametrize("carried_out", [True, False])
def test_who_takes_writes_is_asked_for_when_it_happens_while_the_new_primary_is_opened(
    carried_out: bool, error: Callable[[], Any], cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    real = handover.allow_writes

    def allow_writes(node: Any) -> None:
        if node.name != new.name or carried_out:
            real(node)
        if node.name == new.name:
            raise error() or AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(handover, "allow_writes", allow_writes)
        with pytest.raises((Refused, KeyboardInterrupt)) as refusal:
            promote(new, demote=old)
    if isinstance(refusal.value, Refused):
        assert_told(refusal.value)
    assert primary_of(cluster) is (new if carried_out else old)
    if carried_out:
        switch_over(cluster, new)
    assert_all_equal(cluster, set())


def test_an_election_is_undone(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old = primary_of(cluster)
    replicas = [server for server in cluster.servers.values() if server is not old]

    def threads() -> list[tuple[str, str]]:
        return [(status["receiver"], status["applier"]) for status in (server.replica_status() for server in replicas)]

    old.kill()
    stopped = []
    with monkeypatch.context() as patch:
        patch.setattr(election, "drain", lambda *arguments, **named: mistaken(stopped.append(threads())))
        with pytest.raises(Refused) as refusal:
            find_best_replica(cluster)
    assert stopped == [[("No", "Yes")] * 2]
    assert_told(refusal.value)
    assert threads() == [("Connecting", "Yes")] * 2
    assert not any(server.is_writable for server in replicas)
    assert find_best_replica(cluster)["best"]["name"] in [server.name for server in replicas]
