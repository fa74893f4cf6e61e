# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What HAProxy says of its servers, and the commands that follow from it, as tables."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients.haproxy import (
    Moves,
    ProxyServer,
    Unmatched,
    Unreadable,
    Wanted,
    after,
    find,
    lines,
    moves,
    read_answer,
    servers_of,
)

# As HAProxy 2.6.12 says it.
ANSWER = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status \
srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl \
srv_check_port srv_check_addr srv_agent_addr srv_agent_port
2 writers 1 n1 127.0.0.1 2 0 1 1 0 1 0 2 0 0 0 0 - 17011 - 0 0 - - 0
2 writers 2 n2 127.0.0.1 0 5 1 1 0 1 0 0 8 0 0 0 db2.example.com 17012 - 0 0 - - 0
3 readers 3 n3 - 2 4 1 1 0 1 0 2 6 0 0 0 - 17013 - 0 0 - - 0

# pxname,svname,qcur,qmax,scur,smax
writers,n1,0,0,7,9
writers,n2,0,0,,9

"""


def server(name: str, admin: int = 0, sessions: int = 0, *, operational: int = 2, backend: str = "writers") -> ProxyServer:
    return ProxyServer(backend, name, f"10.0.0.{name[-1]}", "-", 3306, admin, operational, sessions)


def wanted(name: str, *addresses: str, known_as: str | None = None, port: int = 3306) -> Wanted:
    return Wanted(name, known_as or name, frozenset(addresses), port)


def test_an_answer_is_servers_and_what_else_is_said() -> None:
    servers, said = read_answer(ANSWER)
    assert [(each.backend, each.name, each.address, each.fqdn, each.port, each.sessions) for each in servers] == [
        ("writers", "n1", "127.0.0.1", "-", 17011, 7),
        ("writers", "n2", "127.0.0.1", "db2.example.com", 17012, 0),
        ("readers", "n3", "-", "-", 17013, 0),
    ]
    assert [each.state for each in servers] == ["ready", "maint", "ready"]
    assert said == []


@pytest.mark.parametrize("said", ["No such server.", "Permission denied", "Unknown command, but maybe one of the following ones is a better match:"])
def test_what_is_said_of_a_command_is_found_beside_the_tables(said: str) -> None:
    servers, found = read_answer(f"{said}\n\n{ANSWER}")
    assert (len(servers), found) == (3, [said])


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("# be_id be_name srv_id srv_name\n2 writers 1 n1\n", "without 'srv_addr'"),
        (ANSWER.replace("17011", "many"), "'many' is not a number"),
        (ANSWER.replace(",7,", ",x,"), "'x' is not a number"),
    ],
)
def test_what_cannot_be_read_is_named(answer: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        read_answer(answer)


@pytest.mark.parametrize(
    ("admin", "operational", "state"),
    [
        (0, 2, "ready"),
        (4, 2, "ready"),  # it was in maintenance by the configuration, and was made ready since
        (0, 1, "ready"),
        (0, 0, "down"),
        (1, 0, "maint"),
        (5, 0, "maint"),
        (2, 0, "maint"),
        (0x20, 0, "maint"),
        (0x40, 0, "maint"),
        (8, 2, "drain"),
        (0x10, 2, "drain"),
        (9, 0, "maint"),
    ],
)
def test_the_state_of_a_server(admin: int, operational: int, state: str) -> None:
    found = server("n1", admin, operational=operational)
    assert found.state == state
    assert (found.is_open, found.is_closed) == (state in ("ready", "down"), state == "maint")


def test_a_backend_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(Unmatched, match="there is no backend orders with servers; there are: readers, writers"):
        servers_of("orders", read_answer(ANSWER)[0])
    with pytest.raises(Unmatched, match="there are: none"):
        servers_of("orders", [])


def test_a_name_that_would_end_a_command_is_put_into_none() -> None:
    with pytest.raises(Unreadable, match="called 'n1;quit'"):
        servers_of("writers", [server("n1;quit")])


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (wanted("n2", "10.0.0.2"), "n2"),
        (wanted("n2", "192.0.2.7"), "n2"),  # the proxy has another way there
        (wanted("db2", known_as="n2"), "n2"),
        (wanted("db2", "10.0.0.2"), "n2"),
        (wanted("db4", "db4.example.com"), "n4"),
    ],
)
def test_a_server_is_found_by_its_name_or_else_by_its_address(asked: Wanted, found: str) -> None:
    named = ProxyServer("writers", "n4", "10.0.0.4", "db4.example.com", 3306, 0, 2)
    assert find(asked, [server("n1"), server("n2"), named]).name == found


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (wanted("n1", "10.0.0.2"), "has a server n1, but the address of n1 is the one of its server n2"),
        (wanted("db9", "10.0.0.9"), r"has no server called db9, nor one at 10.0.0.9:3306; its servers are: n1 \(10.0.0.1:3306\), n2 "),
        (wanted("db2", "10.0.0.2", port=3307), "nor one at 10.0.0.2:3307"),
        (wanted("db9"), r"nor one at \?:3306"),
    ],
)
def test_a_server_that_is_not_there_once_is_not_guessed(asked: Wanted, says: str) -> None:
    with pytest.raises(Unmatched, match=says):
        find(asked, [server("n1"), server("n2")])


def test_two_servers_at_one_address_are_not_told_apart_by_it() -> None:
    twin = ProxyServer("writers", "n1b", "10.0.0.1", "-", 3306, 0, 2)
    with pytest.raises(Unmatched, match=r"several servers at the address of db1 .*: n1, n1b"):
        find(wanted("db1", "10.0.0.1"), [server("n1"), twin])
    assert find(wanted("n1", "10.0.0.1"), [server("n1"), twin]).name == "n1"


MAINT = 1


@pytest.mark.parametrize(
    ("servers", "to", "closing", "opening"),
    [
        pytest.param([server("n1"), server("n2", MAINT)], ["n2"], ["maint n1", "shutdown n1"], ["ready n2"], id="the old one is open"),
        pytest.param([server("n1", MAINT), server("n2", MAINT)], ["n2"], [], ["ready n2"], id="interrupted before the opening"),
        pytest.param([server("n1", MAINT, 3), server("n2", MAINT)], ["n2"], ["shutdown n1"], ["ready n2"], id="interrupted before the sessions were ended"),
        pytest.param([server("n1", MAINT), server("n2", 0, 5)], ["n2"], [], [], id="as it should be"),
        pytest.param([server("n1"), server("n2", 8)], ["n2"], ["maint n1", "shutdown n1"], ["ready n2"], id="the new one drains"),
        pytest.param([server("n1", 8), server("n2")], ["n2"], ["maint n1", "shutdown n1"], [], id="the old one drains"),
        pytest.param([server("n1"), server("n2"), server("n3")], ["n2"], ["maint n1", "maint n3", "shutdown n1", "shutdown n3"], [], id="all are open"),
        pytest.param([server("n1"), server("n2", MAINT)], [], ["maint n1", "shutdown n1"], [], id="to nobody"),
        pytest.param([server("n1"), server("n2", 1), server("n3", 1)], ["n2", "n3"], ["maint n1", "shutdown n1"], ["ready n2", "ready n3"], id="readers"),
    ],
)
def test_what_is_to_be_done_follows_from_what_there_is(servers: list[ProxyServer], to: list[str], closing: list[str], opening: list[str]) -> None:
    planned = moves(servers, [each for each in servers if each.name in to])

    def written(short: str) -> str:
        what, name = short.split()
        return f"shutdown sessions server writers/{name}" if what == "shutdown" else f"set server writers/{name} state {what}"

    assert planned.closing() == [written(each) for each in closing]
    assert planned.opening() == [written(each) for each in opening]
    expected = after(servers, planned)
    assert [name for name, state in expected.items() if state != "maint"] == to
    assert list(expected) == [each.name for each in servers]


def test_commands_are_put_into_as_few_lines_as_haproxy_can_take() -> None:
    assert lines([]) == []
    assert lines(["a", "b"]) == ["a;b"]
    many = [f"set server writers/n{number:03} state maint" for number in range(400)]
    found = lines(many)
    assert 1 < len(found) < 10
    assert max(map(len, found)) < 5000
    assert ";".join(found).split(";") == many
    assert Moves().closing() == Moves().opening() == []
