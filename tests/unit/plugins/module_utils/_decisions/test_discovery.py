# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of servers become a tree, and the tree an inventory."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.discovery import (
    Answer,
    Tree,
    Ways,
    describe,
    endpoint_of,
    explore,
    parse_address,
)
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import Failure
from ansible_collections.dbha.mysql.plugins.module_utils._state.followers import Followers, Registered, host_of_client
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import CONNECTING, RUNNING

from ..factories import channel, state

Endpoint = tuple[str, int]
FAILURE = Failure("unreachable", "it cannot be reached", False)


class Server(t.NamedTuple):
    """A server of a network that is made up: whom it follows, and what it says of itself and of the others."""

    number: int
    sources: tuple[str, ...] = ()
    report_host: str = ""
    read_only: bool | None = None
    is_down: bool = False
    # What it tells of its replicas besides the truth, or that it does not tell.
    more: tuple[Registered, ...] = ()
    tells: bool = True
    connected: bool = True


class Network:
    """Servers by the address at which they are; ``doors``: other addresses at which they answer."""

    def __init__(self, servers: dict[str, Server], family: str = "mysql", doors: dict[str, str] | None = None, ways: dict[str, str] | None = None) -> None:
        self.servers = {endpoint_of(text): server for text, server in servers.items()}
        self.doors = {endpoint_of(door): endpoint_of(text) for door, text in (doors or {}).items()}
        self.family = family
        self.ways = Ways(ways or {})
        self.asked: list[Endpoint] = []

    def uuid(self, server: Server) -> str:
        return f"{server.number:08d}-0000-0000-0000-000000000000" if self.family == "mysql" else ""

    def at(self, endpoint: Endpoint) -> tuple[Endpoint, Server] | None:
        endpoint = self.doors.get(endpoint, endpoint)
        return (endpoint, self.servers[endpoint]) if endpoint in self.servers else None

    def truly(self, source: str) -> Server | None:
        """The server that another one calls so: the servers call each other without the doors of whoever asks."""
        return self.servers.get(endpoint_of(source))

    def answer(self, endpoint: Endpoint, before: t.Mapping[Endpoint, Answer]) -> Answer:
        found = self.at(endpoint)
        if found is None or found[1].is_down:
            return Answer(failure=FAILURE)
        here, server = found
        channels = []
        for source in server.sources:
            known = self.truly(source)
            runs = server.connected and known is not None and not known.is_down
            identity = {"source_uuid": self.uuid(known), "source_id": known.number} if known is not None and server.connected else {}
            channels.append(channel(source, family=self.family, receiver=RUNNING if runs else CONNECTING, lag=3 if runs else None, **identity))
        read_only = bool(server.sources) if server.read_only is None else server.read_only
        executed = f"0-{server.number}-1" if self.family == "mariadb" else ""
        read = state(f"db{server.number}", executed, channels=channels, family=self.family)
        read = replace(read, server_id=server.number, server_uuid=self.uuid(server), read_only=read_only)
        living = [(at, each) for at, each in self.servers.items() if not each.is_down and each.connected]
        followers = [(at, each) for at, each in living if any(self.truly(source) is server for source in each.sources)]
        registered = (*(Registered(each.number, self.uuid(each), each.report_host, at[1]) for at, each in followers), *server.more)
        same_as = next((other for other, known in before.items() if known.same_as is None and self.doors.get(other, other) == here), None)
        dump_hosts = tuple(sorted({at[0] for at, _each in followers}))
        return Answer(read, followers=Followers(registered if server.tells else None, dump_hosts), same_as=same_as)

    def tree(self, *seeds: str, limit: int = 50) -> Tree:
        """Ask as the plugin does, one address after the other."""
        answers: dict[Endpoint, Answer] = {}
        while True:
            tree = explore([endpoint_of(seed) for seed in seeds], answers, self.ways)
            batch = tree.asks[: limit - len(answers)]
            if not batch:
                return tree
            for endpoint in batch:
                assert endpoint not in answers
                self.asked.append(endpoint)
                answers[endpoint] = self.answer(endpoint, answers)


def told(tree: Tree) -> dict[str, str]:
    """Return who is what, and follows whom."""
    names = {server.endpoint: ":".join(map(str, server.endpoint)).removesuffix(":3306") for server in tree.servers}
    found = {}
    for server in tree.servers:
        mark = "" if server.failure is None else f" ({server.failure.code})"
        found[names[server.endpoint]] = " < ".join([server.role + mark, *(names[source] for source in server.sources)])
    return found


THREE = {"a": Server(1), "b": Server(2, ("a",)), "c": Server(3, ("b",)), "d": Server(4, ("a",))}
WHOLE = {"a": "primary", "b": "replica < a", "c": "replica < b", "d": "replica < a"}


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
@pytest.mark.parametrize("seed", ["a", "b", "c", "d"])
def test_from_any_server_the_whole_tree_is_found(family: str, seed: str) -> None:
    tree = Network(THREE, family).tree(seed)
    assert told(tree) == WHOLE
    assert tree.is_whole
    assert tree.notes == ()


@pytest.mark.parametrize(
    ("servers", "seeds", "expected"),
    [
        pytest.param(
            {**THREE, "a": Server(1, is_down=True)},
            ["c"],
            {"c": "replica < b", "b": "replica < a", "a": "primary (unreachable)"},
            id="a dead primary",
        ),
        pytest.param({**THREE, "d": Server(4, ("a",), is_down=True)}, ["d", "b"], {**WHOLE, "d": "unknown (unreachable)"}, id="a dead seed"),
        pytest.param({"a": Server(1, is_down=True)}, ["a"], {"a": "unknown (unreachable)"}, id="nobody answers"),
        pytest.param({"a": Server(1)}, ["a"], {"a": "primary"}, id="one server alone"),
        pytest.param({"a": Server(1), "b": Server(2)}, ["a", "b"], {"a": "unknown", "b": "unknown"}, id="two that do not know each other"),
        pytest.param({**THREE, "e": Server(5)}, ["a", "e"], {**WHOLE, "e": "unknown"}, id="one that has been detached"),
        pytest.param(
            {"a": Server(1, ("b",), read_only=False), "b": Server(2, ("a",)), "c": Server(3, ("a",))},
            ["c"],
            {"a": "primary < b", "b": "replica < a", "c": "replica < a"},
            id="co-primaries of which one takes writes",
        ),
        pytest.param(
            {"a": Server(1, ("b",), read_only=False), "b": Server(2, ("a",), read_only=False)},
            ["a"],
            {"a": "primary < b", "b": "primary < a"},
            id="co-primaries that both do",
        ),
        pytest.param({**THREE, "b": Server(2, ("a",), read_only=False)}, ["a"], WHOLE, id="a replica that takes writes and is in no circle"),
        pytest.param(
            {"a": Server(1), "b": Server(2), "c": Server(3, ("a", "b"))},
            ["a"],
            {"a": "primary", "b": "primary", "c": "replica < a < b"},
            id="two sources",
        ),
        pytest.param({**THREE, "b": Server(2, ("a",), report_host="nowhere")}, ["a"], WHOLE, id="a wrong report_host"),
        pytest.param({**THREE, "b": Server(2, ("a",), report_host="d")}, ["a"], WHOLE, id="the report_host of another member"),
        pytest.param({**THREE, "b": Server(2, ("a",), report_host="{{ x }}")}, ["a"], WHOLE, id="a report_host that is none"),
        pytest.param({**THREE, "a": Server(1, tells=False)}, ["a"], WHOLE, id="who may not know the replicas sees where they connect from"),
    ],
)
def test_who_is_what(servers: dict[str, Server], seeds: list[str], expected: dict[str, str]) -> None:
    for family in ("mysql", "mariadb"):
        assert told(Network(servers, family).tree(*seeds)) == expected


def test_a_primary_that_cannot_be_asked_may_have_other_replicas() -> None:
    tree = Network({**THREE, "a": Server(1, is_down=True)}).tree("b")
    assert not tree.is_whole
    assert [note for note in tree.notes if "a:3306 is replicated from and cannot be asked for its other replicas" in note]
    assert describe({"orders": tree}).groups["orders"]["vars"] == {"mysql_cluster_size": 4}
    assert describe({"orders": tree}, {"orders": 7}).groups["orders"]["vars"] == {"mysql_cluster_size": 7}
    assert any("cluster_incomplete" in note for note in describe({"orders": tree}).notes)


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_one_server_at_two_addresses_is_one_host(family: str) -> None:
    tree = Network(THREE, family, doors={"localhost": "a", "x:13306": "b"}).tree("localhost", "a", "x:13306", "d")
    assert told(tree) == {"localhost": "primary", "d": "replica < localhost", "x:13306": "replica < localhost", "c": "replica < x:13306"}
    assert {server.endpoint: server.also_at for server in tree.servers}["localhost", 3306] == (("a", 3306),)
    variables = describe({"orders": tree}).hosts
    assert variables["localhost"]["mysql_also_at"] == ["a:3306"]
    # Replicas on other hosts cannot call it so.
    assert (variables["localhost"]["mysql_replication_host"], variables["localhost"]["mysql_replication_port"]) == ("a", 3306)
    assert "mysql_replication_host" not in variables["d"]
    # What its replicas call it is for them as good as what it is called here.
    assert "mysql_replication_host" not in variables["x_13306"]


def test_two_addresses_at_which_nobody_answers_may_be_one_server() -> None:
    answers = {("a", 3306): Answer(failure=FAILURE), ("10.0.0.1", 3306): Answer(failure=FAILURE, same_as=("a", 3306))}
    assert told(explore([("a", 3306), ("10.0.0.1", 3306)], answers)) == {"a": "unknown (unreachable)"}


def test_servers_behind_an_address_translation() -> None:
    servers = {"10.1.0.1": Server(1), "10.1.0.2": Server(2, ("10.1.0.1",), report_host="10.1.0.2"), "10.1.0.3": Server(3, ("10.1.0.1",))}
    doors = {"gate:1": "10.1.0.1", "gate:2": "10.1.0.2", "gate:3": "10.1.0.3"}
    ways = {"10.1.0.1:3306": "gate:1", "10.1.0.2": "gate:2", "10.1.0.3": "gate:3"}
    tree = Network(servers, doors=doors, ways=ways).tree("gate:2")
    assert told(tree) == {"gate:1": "primary", "gate:2": "replica < gate:1", "gate:3": "replica < gate:1"}
    variables = describe({"orders": tree}).hosts
    assert [(host, each.get("mysql_replication_host"), each.get("mysql_replication_port")) for host, each in sorted(variables.items())] == [
        ("gate_1", "10.1.0.1", 3306),
        ("gate_2", "10.1.0.2", 3306),
        ("gate_3", None, None),
    ]


@pytest.mark.parametrize("family", ["mysql", "mariadb"])
def test_who_answers_in_place_of_another_server_is_not_taken_in(family: str) -> None:
    # What the replica calls "a" is another server from here.
    network = Network({"a": Server(1), "b": Server(2, ("a",))}, family, doors={"a": "z"})
    network.servers["z", 3306] = Server(9)
    tree = network.tree("b")
    assert told(tree) == {"b": "replica < a", "a": "primary (other_server)"}
    # It is another server's address, so it says nothing about which replicas there are.
    assert not tree.is_whole


def test_a_replica_that_is_nowhere_is_there_and_marked() -> None:
    lost = Registered(7, "7" * 8, "gone", 3306)
    tree = Network({**THREE, "a": Server(1, more=(lost,))}).tree("a")
    assert told(tree) == {**WHOLE, "gone": "replica (unreachable)"}
    elsewhere = Registered(7, "7" * 8, "b", 3306)
    tree = Network({"a": Server(1, more=(elsewhere,)), "b": Server(2)}).tree("a")
    assert told(tree) == {"a": "primary", "b": "replica (other_server)"}
    # Where all places are those of other members.
    tree = Network({**THREE, "a": Server(1, more=(elsewhere,))}).tree("a")
    assert told(tree)["b"] == "replica < a"
    # Programs that read the binary log have no port.
    assert told(Network({**THREE, "a": Server(1, more=(Registered(8, "", "", 0),))}).tree("a")) == WHOLE


def test_addresses_that_are_none_are_told_and_not_asked() -> None:
    answer = Network({"a": Server(1)}).answer(("a", 3306), {})
    assert answer.state is not None
    hostile = replace(answer.state, channels=(channel("{{ 1 }}%s\n", family="mysql"),))
    tree = explore([("a", 3306)], {("a", 3306): replace(answer, state=hostile)})
    assert (tree.asks, len(tree.notes)) == ((), 1)
    assert "{{ 1 }}%s" in tree.notes[0]


def test_a_source_on_the_same_host_is_where_the_replica_is() -> None:
    ways = Ways({})
    assert ways.to("127.0.0.1", 3307, ("b", 3306)) == ("b", 3307)
    assert ways.to("LOCALHOST", 3307, ("b", 3306)) == ("b", 3307)
    assert [ways.to("x", port, ("b", 3306)) for port in (0, 1, 65535, 65536)] == [None, ("x", 1), ("x", 65535), None]


def test_the_limit_is_kept_and_told() -> None:
    network = Network({"a": Server(1), **{f"r{number}": Server(number + 2, ("a",)) for number in range(20)}})
    tree = network.tree("a", limit=5)
    assert len(network.asked) == 5
    assert not tree.is_whole
    described = describe({"orders": tree})
    assert any("were not asked" in note for note in described.notes)
    assert described.groups["orders"]["vars"] == {"mysql_cluster_size": 6}


NUMBERS = st.integers(0, 5)


@given(sources=st.dictionaries(NUMBERS, st.lists(NUMBERS, max_size=2, unique=True), min_size=1), down=st.sets(NUMBERS), seed=NUMBERS, limit=st.integers(1, 9))
def test_whatever_follows_whom_it_ends_within_the_limit_and_finds_each_server_once(
    sources: dict[int, list[int]], down: set[int], seed: int, limit: int
) -> None:
    servers = {
        f"s{number}": Server(number + 1, tuple(f"s{source}" for source in each if source != number), is_down=number in down) for number, each in sources.items()
    }
    network = Network(servers)
    tree = network.tree(f"s{seed}", limit=limit)
    assert len(network.asked) == len(set(network.asked)) <= limit
    endpoints = [server.endpoint for server in tree.servers]
    assert len(endpoints) == len(set(endpoints))
    if not tree.asks:
        # All that a living server names is there.
        for server in tree.servers:
            if server.state is not None:
                named = {(each.source_host, 3306) for each in server.state.channels}
                assert named <= set(endpoints)
    described = describe({"orders": tree})
    hosts = [host for group in described.groups.values() for host in group["hosts"]]
    assert sorted(hosts) == sorted(described.hosts)


def test_groups_and_variables() -> None:
    described = describe({"orders": Network(THREE).tree("a"), "pay": Network({"p": Server(1), "a": Server(2, ("p",))}).tree("p")})
    assert {name: (group["hosts"], group["children"]) for name, group in described.groups.items()} == {
        "orders": ([], ["orders_primary", "orders_replicas"]),
        "orders_primary": (["a"], []),
        "orders_replicas": (["b", "d", "c"], []),
        "pay": ([], ["pay_primary", "pay_replicas"]),
        "pay_primary": (["p"], []),
        "pay_replicas": (["a"], []),
        "primary": ([], ["orders_primary", "pay_primary"]),
        "replicas": ([], ["orders_replicas", "pay_replicas"]),
    }
    assert described.notes == ["[in_two_clusters] a is found in more than one of the clusters, pay is one of them"]
    assert described.hosts["c"] == {
        "ansible_host": "c",
        "mysql_family": "mysql",
        "mysql_host": "c",
        "mysql_lag": 3,
        "mysql_port": 3306,
        "mysql_read_only": True,
        "mysql_role": "replica",
        "mysql_server_id": 3,
        "mysql_server_uuid": "00000003-0000-0000-0000-000000000000",
        "mysql_source": "b",
        "mysql_version": "8.0.36",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db0", ("db0", None)),
        (" DB0.example.com:3307 ", ("db0.example.com", 3307)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("::1", ("::1", None)),
        ("[fe80::1]:3307", ("fe80::1", 3307)),
        ("[fe80::1]", ("fe80::1", None)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int | None]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", " ", "a b", "db0:", "db0:0", "db0:65536", "db0:100000", "{{ x }}", "db0:3306:3307 x", "[x", "-", "db0:" + "9" * 30])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_address(text)


def test_names_of_hosts_have_no_colons_and_addresses_brackets() -> None:
    again = ("fe80::2", 3308)
    answers: dict[Endpoint, Answer] = {(host, port): Answer(failure=FAILURE) for host, port in (("fe80::1", 3306), ("db0", 3307))}
    answers[again] = Answer(failure=FAILURE, same_as=("fe80::1", 3306))
    described = describe({"orders": explore(list(answers), answers)})
    assert sorted(described.hosts) == ["db0_3307", "fe80--1"]
    assert described.hosts["fe80--1"]["mysql_also_at"] == ["[fe80::2]:3308"]
    assert described.hosts["db0_3307"]["mysql_unreachable"] == "[unreachable] it cannot be reached"


def test_the_host_of_a_connection() -> None:
    assert [host_of_client(text) for text in ("10.0.0.1:4711", "::1:4711", "localhost", "", "db0")] == ["10.0.0.1", "::1", "localhost", "", "db0"]
