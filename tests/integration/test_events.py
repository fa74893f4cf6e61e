# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events whose text is not UTF-8 go on running, with the same text, on whichever server is the primary."""

from __future__ import annotations

from functools import partial

from sandbox import Cluster, Server
from sandbox.runs.modules import find_best_replica, promote, switch_over
from sandbox.servers.waiting import wait_until

WORD = "caf\u00e9"


def create(server: Server, name: str, state: str) -> None:
    """Create an event as a client does whose text is Latin-1."""
    connection = server.connect(charset="latin1")
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION collation_connection = 'latin1_german1_ci'")
        cursor.execute(f"CREATE EVENT dbha_demo.{name} ON SCHEDULE EVERY 1 SECOND {state} DO INSERT INTO dbha_demo.words (word) VALUES ('{WORD}')")
    connection.close()


def written(server: Server) -> list[str]:
    return [row["word"] for row in server.query("SELECT word FROM dbha_demo.words ORDER BY id")]


def has_more(server: Server, number: int) -> bool:
    return len(written(server)) > number + 1


def assert_runs(server: Server) -> None:
    """See that the event goes on there, and still writes the same word."""
    wait_until(partial(has_more, server, len(written(server))))
    assert set(written(server)) == {WORD}
    (event,) = server.query("SELECT CHARACTER_SET_CLIENT AS c, COLLATION_CONNECTION AS d FROM information_schema.EVENTS WHERE EVENT_NAME = 'a'")
    assert (event["c"], event["d"]) == ("latin1", "latin1_german1_ci")


def test_an_event_with_latin_text_runs_on_after_a_switchover_and_a_failover(cluster: Cluster) -> None:
    for server in cluster.servers.values():
        server.execute("SET GLOBAL event_scheduler = ON")
    cluster.primary.execute("CREATE TABLE dbha_demo.words (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, word VARCHAR(100) CHARACTER SET utf8mb4)")
    create(cluster.primary, "a", "ENABLE")
    create(cluster.primary, "\u00e9", "DISABLE")
    assert_runs(cluster.primary)

    switch_over(cluster, cluster["db1"])
    assert_runs(cluster["db1"])

    cluster["db1"].kill()
    best = cluster[find_best_replica(cluster)["best"]["name"]]
    promote(best)
    assert_runs(best)
