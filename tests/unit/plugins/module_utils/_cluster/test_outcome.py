# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a step gives on one server, and on many at once: a value, or all the problems that kept the server from it."""

from __future__ import annotations

import signal
import threading
import time
import typing as t
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster import cluster as clusters
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import IsOver, at_once, attempt, problems_in
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import UnsupportedVersion
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import LoginRefused, OutcomeUnknown, StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login, Members, make_tls_context

REASONS = [Problem("errant", "db1", "db1 has more"), Problem("not_undone", "db1", "db1 is read-only")]


@pytest.mark.parametrize(
    ("error", "codes"),
    [
        (Refusal(REASONS), ["errant", "not_undone"]),
        (StatementFailed("db1", "db1: Deadlock found (error 1213)", 1213), ["statement_failed"]),
        (StatementFailed("db1", "db1: Access denied (error 1227)", 1227), ["privilege_missing"]),
        (OutcomeUnknown("db1", "db1 did not answer"), ["outcome_unknown"]),
        (LoginRefused("db1", "db1 refused the login"), ["login_refused"]),
        (UnsupportedVersion("5.5 is older than MySQL 5.6"), ["unsupported_version"]),
    ],
)
def test_what_keeps_one_server_from_a_step_is_told_with_its_name(error: Exception, codes: list[str]) -> None:
    def work(node: t.Any) -> str:
        raise error

    outcome = attempt(t.cast(t.Any, SimpleNamespace(name="db1")), work)
    assert ([problem.code for problem in outcome.problems], {problem.server for problem in outcome.problems}) == (codes, {"db1"})
    assert outcome.problem is outcome.problems[0]
    assert outcome.value is None


def test_what_a_step_gives_on_one_server_is_its_value() -> None:
    outcome = attempt(t.cast(t.Any, SimpleNamespace(name="db1")), lambda node: node.name)
    assert (outcome.value, outcome.problem) == ("db1", None)


def test_a_server_that_fails_does_not_keep_others_from_a_step() -> None:
    def work(node: t.Any) -> str:
        if node.name == "db1":
            raise Refusal(REASONS)
        return "done"

    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())
    cluster.nodes = t.cast(t.Any, {name: SimpleNamespace(name=name) for name in ("db1", "db2")})
    outcomes = cluster.on_each(["db1", "db2"], work, "a step")
    assert problems_in(outcomes) == REASONS
    assert (outcomes["db1"].problem, outcomes["db2"].problem, outcomes["db2"].value) == (REASONS[0], None, "done")
    assert sorted((step.step, step.server) for step in cluster.journal.timeline) == [("a step", "db1"), ("a step", "db2")]


def interrupted_while_at_work(cluster: Cluster, works: dict[str, t.Callable[[t.Any], object]]) -> list[str]:
    """Let Ctrl-C be pressed once all servers are worked on. Return what was done to them, in its order."""
    done: list[str] = []
    begun = threading.Barrier(len(works) + 1)

    def press() -> None:
        begun.wait()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def server(name: str) -> t.Any:
        def note(what: str) -> t.Callable[..., None]:
            return lambda *_seconds: done.append(f"{what} {name}")

        return SimpleNamespace(name=name, is_busy=True, interrupt=note("interrupt"), give_up=note("give up"), resume=note("resume"))

    def work(node: t.Any) -> None:
        begun.wait()
        works[node.name](node)

    servers = {name: server(name) for name in works}
    cluster._servers = t.cast(t.Any, servers)
    cluster.nodes = t.cast(t.Any, {name: SimpleNamespace(name=name, server=each) for name, each in servers.items()})
    thread = threading.Thread(target=press)
    # Whatever started this process may have it ignore Ctrl-C.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            cluster.on_each(works, work)
    finally:
        signal.signal(signal.SIGINT, handler)
    thread.join()
    return done


def some_cluster(locked: t.Sequence[str] = ()) -> Cluster:
    cluster = Cluster(Members((), Login(), make_tls_context(Login())), Journal())
    cluster.locks = t.cast(t.Any, SimpleNamespace(names=locked, are_held_by=lambda server: server.name in locked))
    return cluster


def test_where_nothing_is_locked_an_interruption_gives_all_connections_up_and_waits_for_nobody() -> None:
    never = threading.Event()
    done = interrupted_while_at_work(some_cluster(), dict.fromkeys(("db1", "db2"), lambda node: never.wait(30)))
    never.set()
    assert done == ["interrupt db1", "interrupt db2", "give up db1", "give up db2"]


def test_an_interruption_keeps_connections_that_hold_locks_and_lets_their_threads_end_first() -> None:
    ended = []
    slowly = {"db1": lambda node: (time.sleep(0.3), ended.append(node.name)), "db2": lambda node: ended.append(node.name)}
    done = interrupted_while_at_work(some_cluster(["db1"]), slowly)
    assert done == ["interrupt db1", "interrupt db2", "give up db2", "resume db1", "resume db2"]
    assert sorted(ended) == ["db1", "db2"]


def test_an_interruption_gives_up_a_lock_whose_server_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_LAST_ANSWER", 0.2)
    never = threading.Event()
    done = interrupted_while_at_work(some_cluster(["db1"]), {"db1": lambda node: never.wait(30)})
    never.set()
    # It sends nothing any more: nobody knows what its thread will do.
    assert done == ["interrupt db1", "give up db1"]


def test_a_thread_that_has_begun_when_ctrl_c_is_pressed_counts_before_it_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    started, never, over = threading.Event(), threading.Event(), []
    submit = ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, *what: t.Any) -> Future[t.Any]:
        submit(pool, *what)
        started.wait(30)
        raise KeyboardInterrupt

    def work(_item: str) -> None:
        started.set()
        never.wait(30)

    def stop(is_over: IsOver) -> None:
        over.append(is_over(0.1))
        never.set()

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        at_once(work, ["db1"], stop)
    assert over == [False]
