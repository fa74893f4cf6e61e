# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._server import time_limit
from ansible_collections.dbha.mysql.plugins.module_utils._server.time_limit import TimeLimit

# Whatever takes that long hangs, however busy the machine is.
HANGS = 30


@pytest.fixture
def connections() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    pairs = [socket.socketpair() for _time in range(4)]
    yield pairs
    for one, other in pairs:
        one.close()
        other.close()


def wait_for_data(connection: socket.socket, limit: TimeLimit, seconds: float) -> float:
    """Read until there is data or the end, and return how long that took."""
    begun = time.monotonic()
    with limit.of(seconds):
        connection.recv(1)
    return time.monotonic() - begun


def test_a_read_that_waits_is_ended_when_its_time_is_up(connections: list[tuple[socket.socket, socket.socket]]) -> None:
    connection, _silent = connections[0]
    limit = TimeLimit(connection)
    assert 0.1 <= wait_for_data(connection, limit, 0.1) < HANGS
    assert limit.exceeded
    limit.close()


def test_a_peer_that_sends_a_byte_now_and_then_does_not_extend_it(connections: list[tuple[socket.socket, socket.socket]]) -> None:
    connection, slow = connections[0]
    limit = TimeLimit(connection)
    with limit.of(0.2):
        for _time in range(20 * HANGS):
            try:
                slow.send(b"x")
            except OSError:
                break
            if not connection.recv(1):
                break
            time.sleep(0.05)
    assert limit.exceeded
    limit.close()


def test_what_ends_in_time_leaves_the_connection_as_it_is(connections: list[tuple[socket.socket, socket.socket]]) -> None:
    connection, peer = connections[0]
    limit = TimeLimit(connection)
    for _time in range(3):
        peer.send(b"x")
        wait_for_data(connection, limit, 1)
    time.sleep(1.2)
    assert not limit.exceeded
    peer.send(b"x")
    assert connection.recv(1) == b"x"
    limit.close()


def test_a_short_limit_is_kept_beside_longer_ones(connections: list[tuple[socket.socket, socket.socket]]) -> None:
    limits = [TimeLimit(connection) for connection, _peer in connections]
    seconds = [4 * HANGS, 0.6, 0.3, 0.1]

    def wait(index: int) -> float:
        time.sleep(0.02 * index)  # the longest first
        return wait_for_data(connections[index][0], limits[index], seconds[index])

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(wait, index) for index in range(4)]
        for index in (1, 2, 3):
            assert seconds[index] <= waiting[index].result(HANGS) < HANGS
        connections[0][1].send(b"x")
        waiting[0].result(HANGS)
    assert [limit.exceeded for limit in limits] == [False, True, True, True]
    for limit in limits:
        limit.close()


def test_a_limit_that_is_over_already_ends_it_at_once(connections: list[tuple[socket.socket, socket.socket]]) -> None:
    limit = TimeLimit(connections[0][0])
    assert wait_for_data(connections[0][0], limit, -1) < HANGS
    assert limit.exceeded
    limit.close()


def test_it_works_in_a_fork_and_leaves_the_parent_alone(connections: list[tuple[socket.socket, socket.socket]]) -> None:
    (ours, peer), (theirs, _silent) = connections[:2]
    limit = TimeLimit(ours)
    with limit.of(2):
        child = os.fork()
        if child == 0:
            own = TimeLimit(theirs)
            taken = wait_for_data(theirs, own, 0.1)
            time.sleep(2.2)  # past the limit of the parent
            os._exit(0 if own.exceeded and taken < HANGS else 1)
        peer.send(b"x")
        ours.recv(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    peer.send(b"y")
    assert ours.recv(1) == b"y"
    limit.close()


def test_it_works_in_a_fork_that_was_made_while_the_watch_was_at_work(connections: list[tuple[socket.socket, socket.socket]]) -> None:
    connection, _silent = connections[0]
    held, forked = threading.Event(), threading.Event()

    def work() -> None:
        with time_limit._watch._changed:
            held.set()
            forked.wait(HANGS)

    with ThreadPoolExecutor() as pool:
        pool.submit(work)
        held.wait(HANGS)
        child = os.fork()
        if child == 0:
            signal.alarm(HANGS)
            limit = TimeLimit(connection)
            wait_for_data(connection, limit, 0.1)
            os._exit(0 if limit.exceeded else 1)
        forked.set()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_that_a_connection_has_ended_is_seen_at_once_and_so_is_what_nobody_asked_for() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        limit = TimeLimit(ours)
        assert not limit.is_stirred(0.01)
        theirs.send(b"x")
        assert limit.is_stirred(60)
        ours.recv(1)
        assert not limit.is_stirred(0.01)
        theirs.close()
        assert limit.is_stirred(60)
        limit.close()
        assert limit.is_stirred(60)
