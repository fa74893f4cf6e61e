# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may happen while the role is handed over, and a hand-over that is killed and run again. The modules are called in this process, against real servers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.lock import LOCK
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server as Connection
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import OutcomeUnknown
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Statement
from ansible_collections.dbha.mysql.plugins.module_utils._steps import handover
from sandbox import Cluster, Writer
from sandbox.runs.modules import Refused, find_best_replica, promote, switch_over
from sandbox.scenes.clusters import Clusters, assert_all_equal, candidate_of, follow, primary_of
from sandbox.servers.pool import POOL
from sandbox.servers.snapshot import event_states
from sandbox.servers.waiting import HANGS

pytestmark = pytest.mark.alike


@pytest.fixture
def cluster(clusters: Clusters) -> Cluster:
    """A primary and two replicas; which is which depends on the tests before."""
    return clusters.whole()


# While it is being handed over


def before(function: str, act: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something happen right before a step of the hand-over."""
    real = getattr(handover, function)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        act(arguments[0])
        return real(*arguments, **named)

    monkeypatch.setattr(handover, function, wrapper)


def test_a_candidate_that_hangs_after_the_old_primary_became_read_only_is_given_up_in_time(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    found: list[bool] = []

    def pause(_node: Any) -> None:
        found.append(old.is_writable)
        new.pause()

    before("_apply_the_last", pause, monkeypatch)
    try:
        begun = time.monotonic()
        with Writer(old, clients=2, follow=lambda: old) as writer:
            with pytest.raises(Refused) as refusal:
                promote(new, demote=old, timeout=3)
            assert time.monotonic() - begun < HANGS
            assert found == [False]
            assert f"waiting for {new.name} to apply what {old.name} wrote last failed" in str(refusal.value)
            assert f"{old.name} takes writes again" in str(refusal.value)
            writer.wait_for(10)
    finally:
        new.resume()
    assert (old.is_writable, new.is_writable) == (True, False)
    assert_all_equal(cluster, writer.acknowledged)


def test_a_candidate_that_hangs_when_it_is_to_be_opened_leaves_the_old_primary_closed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell whether it takes writes once it runs on; run again then, the switchover goes on."""
    old, new = primary_of(cluster), candidate_of(cluster)
    with monkeypatch.context() as patch:
        before("allow_writes", lambda node: new.pause(), patch)
        try:
            with pytest.raises(Refused) as refusal:
                promote(new, demote=old, timeout=3)
        finally:
            new.resume()
    assert refusal.value.codes == {"outcome_unknown"}
    assert f"{old.name} stays read-only, because {new.name} may take writes now" in str(refusal.value)
    assert not old.is_writable
    switch_over(cluster, new)
    assert primary_of(cluster) is new
    assert_all_equal(cluster, set())


@pytest.mark.parametrize("carried_out", [True, False])
def test_an_answer_that_is_lost_when_the_candidate_is_opened_is_asked_for(carried_out: bool, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    real = handover.allow_writes

    def lose(node: Any) -> None:
        if node.name == new.name:
            if carried_out:
                real(node)
            raise OutcomeUnknown(new.name, "the network was cut")
        real(node)

    monkeypatch.setattr(handover, "allow_writes", lose)
    if carried_out:
        switch_over(cluster, new)
    else:
        with pytest.raises(Refused) as refusal:
            switch_over(cluster, new)
        assert f"{old.name} takes writes again" in str(refusal.value)
    assert primary_of(cluster) is (new if carried_out else old)
    assert_all_equal(cluster, set())


def test_a_candidate_whose_answer_is_lost_and_that_another_run_works_on_by_then_is_left_to_that(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = primary_of(cluster), candidate_of(cluster)
    real = handover.allow_writes
    with new.connect() as another, monkeypatch.context() as patch:

        def lose(node: Any) -> None:
            real(node)
            if node.name == new.name:
                new.execute(f"KILL {node.server.connection_id}")
                with another.cursor() as cursor:
                    cursor.execute("SELECT GET_LOCK(%s, 10)", (LOCK,))
                raise OutcomeUnknown(new.name, "the network was cut")

        patch.setattr(handover, "allow_writes", lose)
        with pytest.raises(Refused) as refusal:
            switch_over(cluster, new)
    assert refusal.value.codes == {"outcome_unknown"}
    assert (old.is_writable, new.is_writable) == (False, True)
    assert new.replica_status()
    switch_over(cluster, new)
    assert primary_of(cluster) is new
    assert_all_equal(cluster, set())


def test_an_old_primary_that_dies_meanwhile_is_told_from_one_that_takes_writes_again(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with POOL.cluster(kind, replicas=1) as cluster:
        old, new = cluster["db0"], cluster["db1"]
        before("_apply_the_last", lambda node: old.kill(), monkeypatch)
        with pytest.raises(Refused) as refusal:
            promote(new, demote=old, timeout=5)
        assert "not_undone" in refusal.value.codes
        assert "run dbha.mysql.failover" in str(refusal.value)
        assert "takes writes again" not in str(refusal.value)
        assert not new.is_writable
        # What the remedy says, as it has died: what the playbook does.
        monkeypatch.undo()
        assert find_best_replica(cluster)["best"]["name"] == new.name
        promote(new)
        assert new.is_writable


# Interruptions


class Killed(BaseException):
    """We are gone: nothing is sent any more, no undoing either."""


def interrupted(monkeypatch: pytest.MonkeyPatch, number: int, *, carried_out: bool) -> list[str]:
    """Let the process be killed right before or after the statement of that number, of those that change something. Return what was sent."""
    real = Connection.send
    sent: list[str] = []
    lock = threading.Lock()
    dead = threading.Event()

    def send(self: Connection, statement: Statement) -> Any:
        if dead.is_set():
            raise Killed
        if not statement.changes:
            return real(self, statement)
        with lock:
            sent.append(f"{self.name}: {statement.text}")
            last = len(sent) == number
        if last and not carried_out:
            dead.set()
            raise Killed
        result = real(self, statement)
        if last:
            dead.set()
            raise Killed
        return result

    monkeypatch.setattr(Connection, "send", send)
    return sent


@pytest.mark.parametrize("carried_out", [True, False])
def test_killed_at_any_statement_and_run_again_it_ends_as_it_would_have(carried_out: bool, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    primary_of(cluster).execute("CREATE DEFINER = 'app'@'%' EVENT dbha_demo.a ON SCHEDULE EVERY 1 DAY DO DO 1")
    number = 1
    while True:
        old, new = primary_of(cluster), candidate_of(cluster)
        cluster.wait_in_sync(source=old, replicas=cluster.servers.values())
        with Writer(old, follow=follow(cluster)) as writer:
            writer.wait_for(3)
            with monkeypatch.context() as patch:
                sent = interrupted(patch, number, carried_out=carried_out)
                with contextlib.suppress(Killed):
                    switch_over(cluster, new)
            writable = [server.name for server in cluster.servers.values() if server.is_writable]
            assert len(writable) <= 1, sent
            switch_over(cluster, new)
            writer.wait_for(3)
        assert primary_of(cluster) is new, sent
        assert_all_equal(cluster, writer.acknowledged)
        assert event_states(new)[0][1:] == ("ENABLED", "app@%"), sent
        assert event_states(old)[0][1] != "ENABLED", sent
        if len(sent) < number:
            break
        number += 1
    assert number > 8
    primary_of(cluster).execute("DROP EVENT dbha_demo.a")
