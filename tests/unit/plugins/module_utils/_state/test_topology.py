# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""States of members -> who follows whom, who is the primary, and whether it lives."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import marked_tree, tree
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import (
    ALIVE,
    DEAD,
    MAYBE_ALIVE,
    Topology,
    channel_of,
    make_topology,
    must_look_into_relay_logs,
)
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    UUIDS,
    channel,
    cluster,
    connected,
    dead,
    hung,
    living,
    refusing,
    replica,
    server,
    state,
    stopped,
    unlisted,
)

ONE, TWO, THREE = (replica(name, "P:1-9") for name in ("db1", "db2", "db3"))
FOLLOWING_ONE = {name: replica(name, "P:1-9", source="db1") for name in ("db2", "db3")}


# --- Who is the primary, and does it live

SITUATIONS: dict[str, tuple[Topology, str | None, str]] = {
    "a_living_primary": (cluster(living("db0"), connected(ONE), connected(TWO)), "db0", ALIVE),
    "a_living_primary_that_is_read_only": (cluster(living("db0", read_only=True), connected(ONE), connected(TWO)), "db0", ALIVE),
    "a_living_primary_that_nobody_receives_from": (cluster(living("db0"), stopped(ONE), ONE), "db0", ALIVE),
    "a_living_primary_that_nobody_follows": (cluster(living("db0"), server("db1", state("db1", "P:1-9", read_only=True))), "db0", ALIVE),
    "a_dead_primary": (cluster(dead("db0"), ONE, TWO), "db0", DEAD),
    "a_dead_primary_with_stopped_replicas": (cluster(dead("db0"), stopped(ONE), stopped(TWO)), "db0", DEAD),
    "a_dead_primary_that_the_user_did_not_list": (cluster(unlisted(dead("db0")), ONE, TWO), "db0", DEAD),
    "a_primary_that_nobody_has_asked": (cluster(ONE, TWO), "db0:3306", MAYBE_ALIVE),
    "one_that_is_dead_from_here_while_a_replica_receives": (cluster(dead("db0"), ONE, connected(TWO)), "db0", MAYBE_ALIVE),
    "one_that_takes_connections_and_does_not_answer": (cluster(hung("db0"), ONE, TWO), "db0", MAYBE_ALIVE),
    "one_that_answers_and_lets_nobody_in": (cluster(refusing("db0"), ONE, TWO), "db0", ALIVE),
    "a_replica_receives_from_another_server_than_the_dead_primary": (
        cluster(dead("db0"), ONE, connected(replica("db2", "P:1-9", source="db1"))),
        "db0",
        DEAD,
    ),
    "a_chain_below_a_dead_primary": (cluster(dead("db0"), ONE, *FOLLOWING_ONE.values()), "db0", DEAD),
    "a_chain_whose_middle_is_dead": (cluster(living("db0"), dead("db1"), connected(TWO), replica("db3", "P:1-9", source="db1")), "db0", ALIVE),
    "a_dead_one_that_most_follow": (cluster(dead("db0"), dead("other"), ONE, TWO, replica("db3", "P:1-9", source="other")), "db0", DEAD),
    "two_dead_ones_that_as_many_follow": (cluster(dead("db0"), dead("other"), ONE, replica("db2", "P:1-9", source="other")), None, MAYBE_ALIVE),
    "two_living_ones_that_as_many_follow": (
        cluster(living("db0"), living("other"), connected(ONE), connected(replica("db2", "P:1-9", source="other"))),
        None,
        MAYBE_ALIVE,
    ),
    "of_two_living_ones_the_one_that_most_follow": (
        cluster(living("db0"), living("db3"), connected(replica("db1", "P:1-9", source="db3")), connected(replica("db2", "P:1-9", source="db3"))),
        "db3",
        ALIVE,
    ),
    "a_living_one_that_takes_no_writes_counts_for_less_than_a_dead_one_that_most_follow": (
        cluster(dead("db0"), server("db4", state("db4", "P:1-9", read_only=True)), ONE, TWO, replica("db3", "P:1-9", source="db4")),
        "db0",
        DEAD,
    ),
    "a_circle_of_which_one_takes_writes": (
        cluster(replica("db1", "P:1-9", source="db2", read_only=False), replica("db2", "P:1-9", source="db1")),
        "db1",
        ALIVE,
    ),
    "replicas_in_a_circle": (cluster(replica("db1", "P:1-9", source="db2"), replica("db2", "P:1-9", source="db1")), None, MAYBE_ALIVE),
    "nobody_follows_anybody_and_all_take_writes": (cluster(living("db0"), living("db1")), None, MAYBE_ALIVE),
    "nothing_can_be_read": (cluster(dead("db0"), dead("db1")), None, MAYBE_ALIVE),
    "no_members": (cluster(), None, MAYBE_ALIVE),
    # What an interrupted run leaves behind
    "one_was_promoted_and_nobody_repointed": (cluster(dead("db0"), living("db1", "P:1-9,A:1"), TWO, THREE), "db0", DEAD),
    "one_was_promoted_and_one_of_two_repointed": (
        cluster(dead("db0"), living("db1", "P:1-9,A:1"), connected(FOLLOWING_ONE["db2"]), THREE),
        "db1",
        ALIVE,
    ),
    "one_was_promoted_and_all_repointed": (cluster(dead("db0"), living("db1"), *map(connected, FOLLOWING_ONE.values())), "db1", ALIVE),
    "one_was_promoted_and_the_old_primary_came_back": (
        cluster(living("db0"), living("db1", "P:1-9,A:1"), *map(connected, FOLLOWING_ONE.values())),
        "db1",
        ALIVE,
    ),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_the_primary_is_found_and_whether_it_lives(situation: str) -> None:
    topology, primary, status = SITUATIONS[situation]
    assert topology.primary == primary
    assert topology.primary_status == status


def test_the_order_of_the_members_does_not_matter() -> None:
    for topology, primary, status in SITUATIONS.values():
        turned = cluster(*topology.members[::-1])
        assert (turned.primary, turned.primary_status) == (primary, status)


def test_the_primary_that_the_user_names_is_believed() -> None:
    topology = cluster(dead("db0"), dead("other"), ONE, replica("db2", "P:1-9", source="other"), primary="other")
    assert (topology.primary, topology.primary_status) == ("other", DEAD)
    assert topology.primary_member == topology["other"]


def test_those_that_still_receive_from_the_primary_are_named() -> None:
    topology = cluster(dead("db0"), connected(ONE), TWO, connected(FOLLOWING_ONE["db3"]))
    assert topology.receiving_from_primary == ["db1"]


def test_a_second_channel_that_receives_from_elsewhere_says_nothing_about_the_primary() -> None:
    two = server("db1", state("db1", "P:1-9", channels=[channel("db0"), channel("other", name="east", receiver="running")]))
    assert cluster(dead("db0"), two).receiving_from_primary == []


def test_a_second_channel_that_receives_from_the_primary_shows_that_it_lives() -> None:
    two = server("db1", state("db1", "P:1-9", channels=[channel("other"), channel("db0", name="east", receiver="running")]))
    topology = cluster(dead("db0"), two, TWO, THREE)
    assert topology.receiving_from_primary == ["db1"]
    assert topology.primary_status == MAYBE_ALIVE


# --- Who follows whom


def test_a_source_is_a_member_or_a_host_and_port() -> None:
    topology = cluster(dead("db0"), ONE, replica("db2", "P:1-9", source="elsewhere:3307"))
    assert topology.sources == {"db1": "db0", "db2": "elsewhere:3307"}


def test_a_source_on_another_port_of_the_same_host_is_another_server() -> None:
    assert cluster(dead("db0"), replica("db1", "P:1-9", source="db0:3307")).sources == {"db1": "db0:3307"}


def test_hosts_are_the_same_whatever_their_case() -> None:
    assert cluster(dead("db0"), replica("db1", "P:1-9", source="DB0")).sources == {"db1": "db0"}


def test_a_member_is_known_by_its_other_addresses() -> None:
    topology = cluster(dead("db0", also=["10.0.0.10"]), replica("db1", "P:1-9", source="10.0.0.10"))
    assert topology.sources == {"db1": "db0"}


def test_a_host_that_replicas_call_by_another_name_is_known_by_its_address() -> None:
    resolved = {("primary.internal", 3306): frozenset([("10.0.0.10", 3306)])}
    members = [dead("db0", also=["10.0.0.10"]), replica("db1", "P:1-9", source="primary.internal")]
    assert make_topology(members, resolved=resolved).sources == {"db1": "db0"}


def test_a_living_source_under_a_name_that_nobody_knows_is_told_by_its_uuid() -> None:
    follows = replica("db1", "P:1-9", source="tunnel", on_channel={"source_uuid": UUIDS["P"]})
    assert cluster(living("db0"), follows).sources == {"db1": "db0"}


def test_an_address_counts_for_more_than_the_uuid_of_the_source_before() -> None:
    # After a change of source the UUID stays that of the old one until the replica has connected.
    follows = replica("db2", "P:1-9", source="db1", on_channel={"source_uuid": UUIDS["P"]})
    assert cluster(living("db0"), living("db1"), follows).sources == {"db2": "db1"}


def test_replicas_without_a_uuid_of_their_source_are_not_taken_for_followers_of_mariadb() -> None:
    follows = replica("db1", "0-1-9", source="elsewhere")
    assert cluster(living("db0", "0-1-9"), follows).sources == {"db1": "elsewhere:3306"}


@pytest.mark.parametrize("is_running", [True, False], ids=["connected", "not_connected"])
def test_in_mariadb_a_source_under_a_name_that_nobody_knows_is_told_by_its_server_id(is_running: bool) -> None:
    follower = replica("db1", "0-1-9", source="inside", on_channel={"source_id": 1})
    topology = make_topology([living("db0", "0-1-9"), connected(follower) if is_running else follower])
    assert topology.sources == {"db1": "db0"}
    assert topology.by_identity == {"db1": ("inside", 3306)}


@pytest.mark.parametrize("on_channel", [{"source_id": 0}, {"source_id": 7}, {"source_id": 1, "has_connected": False}])
def test_in_mariadb_a_server_id_that_says_nothing_is_not_believed(on_channel: dict[str, object]) -> None:
    assert make_topology([living("db0", "0-1-9"), replica("db1", "0-1-9", source="inside", on_channel=on_channel)]).sources == {"db1": "inside:3306"}


def test_of_two_that_may_be_the_source_the_first_one_counts() -> None:
    # A copy with its identity, or an address that two are said to have.
    twins = [living(name, server_uuid=UUIDS["P"], server_id=1) for name in ("db8", "db9")]
    by_name = replica("db1", "P:1-9", source="inside", on_channel={"source_uuid": UUIDS["P"]})
    assert make_topology([*twins, by_name]).sources == {"db1": "db8"}
    assert make_topology([by_name, *twins[::-1]]).sources == {"db1": "db9"}
    known = [server(name, state(name, "P:1-9"), also=["inside"]) for name in ("db8", "db9")]
    assert make_topology([*known, by_name]).sources == {"db1": "db8"}
    assert make_topology([by_name, *known[::-1]]).sources == {"db1": "db9"}


def test_in_mysql_the_server_id_of_a_source_says_nothing() -> None:
    # Its UUID tells it, once it has been connected; servers of another family have none.
    for living_one, follower in (
        (living("db0"), replica("db1", "P:1-9", source="inside", on_channel={"source_uuid": ""})),
        (living("db0", "0-1-9"), replica("db1", "P:1-9", source="inside")),
        (living("db0"), replica("db1", "0-1-9", source="inside")),
    ):
        assert make_topology([living_one, connected(follower)]).sources == {"db1": "inside:3306"}


@pytest.mark.parametrize(("family", "executed"), [("mysql", "P:1-9"), ("mariadb", "0-1-9")])
def test_whoever_is_connected_through_an_address_that_has_moved_follows_the_server_that_is_there_now(family: str, executed: str) -> None:
    there = {"source_uuid": UUIDS["A"] if family == "mysql" else "", "source_id": 2}
    moved = replica("db2", executed, source="virtual", on_channel=there)
    members = [dead("db0", also=["virtual"]), replica("db1", executed, source="virtual", on_channel=there), connected(moved)]
    assert make_topology(members).sources == {"db1": "db0", "db2": "db1"}
    # One that is not connected may have been so before.
    assert make_topology([*members[:2], moved]).sources == {"db1": "db0", "db2": "db0"}


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_whoever_is_connected_tells_of_an_address_for_those_that_are_not(family: str) -> None:
    executed = "P:1-9" if family == "mysql" else "0-1-9"
    identity = {"source_uuid": UUIDS["P"] if family == "mysql" else "", "source_id": 1}
    knows, forgot = replica("db1", executed, source="inside", on_channel=identity), replica("db2", executed, source="inside", on_channel={"source_id": 0})
    topology = make_topology([living("db0", executed), forgot, connected(knows)])
    assert topology.sources == {"db1": "db0", "db2": "db0"}
    assert topology.by_identity == {"db1": ("inside", 3306), "db2": ("inside", 3306)}
    assert topology.connected == {"db1": {"db0"}, "db2": set()}
    # One that was connected once does not know who is there now.
    assert make_topology([living("db0", executed), forgot, knows]).sources == {"db1": "db0", "db2": "inside:3306"}
    # Another port is another server, and nobody follows itself.
    elsewhere = replica("db2", executed, source="inside:3307", on_channel={"source_id": 0})
    assert make_topology([living("db0", executed), elsewhere, connected(knows)]).sources["db2"] == "inside:3307"
    of_db2 = {"source_uuid": UUIDS["B"] if family == "mysql" else "", "source_id": 3}
    itself = replica("db2", executed, source="inside", on_channel={"source_id": 0})
    moved = connected(replica("db1", executed, source="inside", on_channel=of_db2))
    assert make_topology([itself, moved]).sources == {"db1": "db2", "db2": "inside:3306"}
    # Two that are connected to two servers contradict each other: an address that has just moved.
    other = connected(replica("db3", executed, source="inside", on_channel=of_db2))
    last = replica("db1", executed, source="inside", on_channel={"source_id": 0})
    split = make_topology([living("db0", executed), forgot, last, connected(replace(knows, name="db8")), other])
    assert split.sources == {"db1": "inside:3306", "db2": "inside:3306", "db3": "db2", "db8": "db0"}


# --- A virtual address, which dies with its server

VIRTUAL = unlisted(dead("virtual:3306"))
FOLLOW_VIRTUAL = [replica(name, "P:1-9", source="virtual", on_channel={"source_uuid": UUIDS["P"]}) for name in ("db1", "db2")]
ADDRESSES: dict[str, tuple[Topology, str | None, str]] = {
    "it_is_that_of_the_only_server_that_does_not_answer": (cluster(dead("db0"), *FOLLOW_VIRTUAL, VIRTUAL), "db0", DEAD),
    "of_the_one_that_the_user_names": (cluster(dead("db0"), dead("db3"), *FOLLOW_VIRTUAL, VIRTUAL, primary="db0"), "db0", DEAD),
    "of_two_nobody_knows_which": (cluster(dead("db0"), dead("db3"), *FOLLOW_VIRTUAL, VIRTUAL), "virtual:3306", DEAD),
    "what_was_not_asked_is_not_dead": (cluster(dead("db0"), *FOLLOW_VIRTUAL), "virtual:3306", MAYBE_ALIVE),
    "it_hangs": (cluster(dead("db0"), *FOLLOW_VIRTUAL, unlisted(hung("virtual:3306"))), "db0", MAYBE_ALIVE),
    "it_answers_and_lets_nobody_in": (cluster(dead("db0"), *FOLLOW_VIRTUAL, unlisted(refusing("virtual:3306"))), "db0", ALIVE),
    "the_server_itself_hangs": (cluster(hung("db0"), *FOLLOW_VIRTUAL, VIRTUAL), "db0", MAYBE_ALIVE),
    "a_replica_is_connected_to_it": (cluster(dead("db0"), FOLLOW_VIRTUAL[0], connected(FOLLOW_VIRTUAL[1]), VIRTUAL), "db0", MAYBE_ALIVE),
    "a_stranger_is_there": (cluster(dead("db3"), *FOLLOW_VIRTUAL, unlisted(living("virtual:3306", "P:1-9"))), "virtual:3306", ALIVE),
    "all_members_answer": (cluster(*FOLLOW_VIRTUAL, VIRTUAL), "virtual:3306", DEAD),
    "a_replica_of_a_replica_follows_that": (
        cluster(dead("db0"), *FOLLOW_VIRTUAL, connected(replica("db3", "P:1-9", source="db1")), VIRTUAL),
        "db0",
        DEAD,
    ),
    "not_all_follow_it": (cluster(dead("db0"), *FOLLOW_VIRTUAL, replica("db3", "P:1-9"), VIRTUAL), "virtual:3306", DEAD),
}


@pytest.mark.parametrize("situation", ADDRESSES)
def test_whose_address_it_is_that_all_replicas_follow_and_where_nobody_answers(situation: str) -> None:
    topology, primary, status = ADDRESSES[situation]
    assert (topology.primary, topology.primary_status) == (primary, status)
    assert "virtual:3306" not in topology or primary == "virtual:3306"


def test_an_address_that_has_moved_to_a_replica_was_the_dead_primarys() -> None:
    members = [dead("db0"), *FOLLOW_VIRTUAL]
    topology = make_topology(members, moved={"virtual:3306"})
    assert topology.sources == {"db1": "db0", "db2": "db0"}
    assert ("virtual", 3306) in topology["db0"].endpoints
    assert topology.primary is None
    for named, primary in (("virtual:3306", "db0"), ("db0", "db0")):
        assert make_topology(members, moved={"virtual:3306"}, primary=named).primary == primary
    assert make_topology(members).sources == {"db1": "virtual:3306", "db2": "virtual:3306"}


def test_members_that_could_be_read_and_are_not_the_primary_are_the_replicas() -> None:
    topology = cluster(living("db0"), ONE, dead("db2"), unlisted(THREE))
    assert [member.name for member in topology.replicas] == ["db1"]
    assert [member.name for member in topology.unread] == ["db2"]
    assert [member.name for member in topology.listed] == ["db0", "db1", "db2"]


def test_a_dead_primary_is_not_missed_among_the_members() -> None:
    assert cluster(dead("db0"), ONE).unread == []


def test_a_replica_of_a_living_replica_keeps_its_source() -> None:
    topology = cluster(dead("db0"), ONE, FOLLOWING_ONE["db2"], replica("db3", "P:1-9", source="elsewhere"))
    assert {name: topology.follows_living_member(name) for name in topology.sources} == {"db1": False, "db2": True, "db3": False}


def test_members_are_found_by_name() -> None:
    topology = cluster(dead("db0"), ONE)
    assert topology["db1"] is ONE
    assert "db1" in topology
    assert "db7" not in topology
    with pytest.raises(KeyError):
        topology["db7"]


def test_the_state_of_a_member_that_was_not_read_cannot_be_used_by_mistake() -> None:
    with pytest.raises(ValueError, match="the state of db0 is not known"):
        assert dead("db0").known


def test_a_server_without_replication_has_no_channel() -> None:
    assert channel_of(living("db0")) is None
    assert channel_of(ONE) is not None


# --- The tree


def drawn(topology: Topology) -> list[str]:
    """Leave out what is said of each server."""
    return [line.partition("  (")[0] for line in tree(topology).splitlines()]


@pytest.mark.parametrize(
    ("topology", "lines"),
    [
        pytest.param(cluster(TWO, dead("db0"), ONE), ["db0", "+- db1", "+- db2"], id="replicas_below_their_primary_by_name"),
        pytest.param(
            cluster(dead("db0"), ONE, *FOLLOWING_ONE.values()),
            ["db0", "+- db1", "   +- db2", "   +- db3"],
            id="a_chain",
        ),
        pytest.param(
            cluster(dead("db0"), ONE, TWO, replica("db3", "P:1-9", source="elsewhere")),
            ["db0", "+- db1", "+- db2", "elsewhere:3306", "+- db3"],
            id="a_source_that_is_no_member",
        ),
        pytest.param(cluster(living("aaa"), living("db0"), ONE, TWO), ["db0", "+- db1", "+- db2", "aaa"], id="the_primary_first"),
        pytest.param(
            cluster(replica("db1", "P:1-9", source="db2"), replica("db2", "P:1-9", source="db1")),
            ["db1", "+- db2"],
            id="a_circle",
        ),
        pytest.param(cluster(replica("db1", "P:1-9", source="db1")), ["db1"], id="a_server_that_follows_itself"),
        pytest.param(cluster(), [], id="nothing"),
    ],
)
def test_the_tree_shows_every_server_once(topology: Topology, lines: list[str]) -> None:
    assert drawn(topology) == lines


def test_the_tree_says_what_state_each_server_is_in() -> None:
    behind = replica("db2", "P:1-8", on_channel={"lag": 17, "receiver": "stopped"})
    topology = cluster(dead("db0"), ONE, behind, dead("db3"), living("db4", version=(8, 4, 0)))
    assert tree(topology) == (
        "db0  (dead)\n"
        "+- db1  (MySQL 8.0.36, read-only, receiver connecting, applier running)\n"
        "+- db2  (MySQL 8.0.36, read-only, receiver stopped, applier running, 17 s behind)\n"
        "db3  (not read: unreachable)\n"
        "db4  (MySQL 8.4.0, writable)\n"
    )
    assert "db0  (maybe alive)" in tree(cluster(hung("db0"), ONE))
    assert "elsewhere:3306  (not one of the servers named)" in tree(cluster(replica("db1", "P:1-9", source="elsewhere")))
    assert "MariaDB 10.11.6, writable" in tree(cluster(living("db0", "0-1-9")))


def test_the_tree_of_a_report_has_what_matters_to_a_failover_and_a_mark_and_no_line_is_too_long() -> None:
    late = replica("db2", "P:1-8", waiting="P:9", on_channel={"lag": 17, "delay": 600, "receiver": "running"})
    stopped = replica("db3", "P:1-9", on_channel={"receiver": "stopped"})
    topology = cluster(living("db0"), replica("db1", "P:1-9", on_channel={"receiver": "running"}), late, stopped, dead("db4"))
    assert marked_tree(topology, {"db0": "advice", "db2": "hurts", "db3": "blocks", "db4": "blocks"}) == (
        "db0  (MySQL 8.0.36, writable)  <- advice\n"
        "+- db1  (MySQL 8.0.36, read-only, replicates, all applied)\n"
        "+- db2  (MySQL 8.0.36, read-only, replicates, delayed 600 s, 17 s behind, 1 to\n"
        "       apply)  <- hurts\n"
        "+- db3  (MySQL 8.0.36, read-only, receiver stopped, applier running, all\n"
        "       applied)  <- blocks\n"
        "db4  (not read: unreachable)  <- blocks\n"
    )


# --- Whose relay logs have to be looked into

LIMBO = replica("db1", "0-1-9")
LOOK = [
    pytest.param(cluster(dead("db0"), stopped(LIMBO)), True, id="mariadb_that_stands_still_below_a_dead_primary"),
    pytest.param(cluster(stopped(LIMBO)), True, id="and_below_one_that_was_not_asked"),
    pytest.param(cluster(living("db0", "0-1-9"), stopped(LIMBO)), False, id="not_where_the_source_lives_and_has_it_all"),
    pytest.param(cluster(dead("db0"), LIMBO), False, id="not_where_a_thread_runs"),
    pytest.param(cluster(dead("db0"), replica("db1", "0-1-9", on_channel={"applies_relay_logs": True})), True, id="but_where_an_interrupted_run_applied_them"),
    pytest.param(cluster(dead("db0"), stopped(replica("db1", "0-1-9", on_channel={"relay_log": ("", 0)}))), False, id="not_where_there_are_none"),
    pytest.param(cluster(dead("db0"), stopped(ONE)), False, id="not_those_of_mysql"),
    pytest.param(cluster(living("db1", "0-1-9")), False, id="not_where_nobody_is_followed"),
]


@pytest.mark.parametrize(("topology", "must"), LOOK)
def test_relay_logs_are_looked_into_where_nothing_else_tells_what_was_received(topology: Topology, must: bool) -> None:
    assert must_look_into_relay_logs(topology, topology["db1"]) is must


def test_what_was_found_is_frozen() -> None:
    with pytest.raises(AttributeError):
        ONE.name = "x"  # type: ignore[misc]
    assert replace(ONE, name="x") != ONE
