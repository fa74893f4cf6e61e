# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From where members come, and which account another one would take them for.

(That the rules are those of the servers is tested by real logins: tests/integration/test_hosts_of_accounts.py.)
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.accounts import Origin, account_for, comes_to, find_origins, lets_in, origin_of
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import ADVICE, BLOCKS, HURTS, Finding, Thresholds, find
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Tried
from ansible_collections.dbha.mysql.plugins.module_utils._state.accounts import Accounts, LetIn, quoted
from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import Setup
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, SourceTls
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, living, replica

FROM_7 = Origin(frozenset(["10.0.0.7"]))
NAMED = Origin(frozenset(["10.0.0.7"]), "db7.example.com")
TWO = Origin(frozenset(["10.0.0.7", "10.0.1.7"]))
FROM_6 = Origin(frozenset(["fd00::7"]))


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("%", FROM_7, True),
        ("", FROM_7, True),
        ("10.0.0.7", FROM_7, True),
        ("10.0.0.8", FROM_7, False),
        ("10.0.0.%", FROM_7, True),
        ("10.0.0._", FROM_7, True),
        ("10.0.0.__", FROM_7, False),
        ("10.0.0.%", TWO, None),
        ("10.0.%", TWO, True),
        ("10.0.0.0/255.255.255.0", FROM_7, True),
        ("10.0.0.8/255.255.255.248", FROM_7, False),
        ("10.0.0.0/255.255.255.0", TWO, None),
        ("10.0.0.0/255.255.255.0", FROM_6, False),
        # No netmask, and what only newer servers know.
        ("10.0.0.0/mask", FROM_7, None),
        ("10.0.0.0/24", FROM_7, None),
        ("fd00::7", FROM_6, True),
        ("FD00::%", FROM_6, True),
        ("fd01::%", FROM_6, False),
        # A name that is not known may be any.
        ("db7.example.com", FROM_7, None),
        ("db7.example.com", NAMED, True),
        ("%.EXAMPLE.com", NAMED, True),
        ("db\\_.example.com", NAMED, False),
        ("db8.example.com", NAMED, False),
        ("10.0.0.%", NAMED, True),
        ("10.0.0.%", Origin(frozenset(), "db7"), None),
    ],
)
def test_from_where_an_account_is_let_in(host: str, origin: Origin, expected: bool | None) -> None:
    assert lets_in(host, origin, resolves=True, takes_cidr=False) is expected


def test_who_asks_no_name_server_knows_no_names_and_who_knows_networks_takes_them() -> None:
    assert lets_in("db7.example.com", NAMED, resolves=False, takes_cidr=False) is False
    assert lets_in("10.0.0.0/24", FROM_7, resolves=True, takes_cidr=True) is True
    assert lets_in("10.0.1.0/24", FROM_7, resolves=True, takes_cidr=True) is False
    assert lets_in("10.0.1.0/99", FROM_7, resolves=True, takes_cidr=True) is None


def setup(*accounts: str, client: str = "10.0.0.1", **more: t.Any) -> Setup:
    found = tuple(LetIn(user, host) for user, _at, host in (each.partition("@") for each in accounts))
    return replace(Setup({}, keeps_read_only=True, persists=True, registered=()), accounts=Accounts(found, client), **more)


@pytest.mark.parametrize("takes_cidr", [False, True])
@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        ([], ""),
        (["other@%"], ""),
        (["repl@10.0.0.8"], ""),
        (["repl@%"], "repl@%"),
        (["@%", "repl@%"], "repl@%"),
        (["repl@%", "@10.0.0.%"], "@10.0.0.%"),
        (["repl@", "@%"], "@%"),
        (["@10.0.%", "repl@10.0.0.%"], "repl@10.0.0.%"),
        (["@10.0.0.7", "repl@10.0.0.7"], "repl@10.0.0.7"),
        (["@10.0.0._", "repl@10.0.0.0/255.255.255.0"], "repl@10.0.0.0/255.255.255.0"),
        # Whoever cannot be told apart from others is not known.
        (["repl@db7", "repl@%"], None),
        (["repl@db7"], None),
    ],
)
def test_of_several_accounts_the_most_specific_one_is_taken(accounts: list[str], expected: str | None, takes_cidr: bool) -> None:
    verdict = account_for("repl", FROM_7, setup(*accounts, takes_cidr=takes_cidr))
    if expected is None:
        assert not verdict.is_known
    else:
        assert verdict.is_known
        assert str(verdict.account) == ("'{}'@'{}'".format(*expected.split("@")) if expected else "None")


def test_networks_go_by_their_size_where_they_are_known() -> None:
    def taken(*accounts: str, takes_cidr: bool = True) -> str:
        return account_for("repl", FROM_7, setup(*accounts, takes_cidr=takes_cidr)).account.user  # type: ignore[union-attr]

    assert taken("repl@10.0.0.7", "@10.0.0.7/32") == "repl"
    assert taken("repl@10.0.0.0/8", "@10.0.0.0/24") == ""
    assert taken("repl@10.0.0.0/8", "@10.0.0.0/255.255.255.0") == "repl"
    assert taken("repl@10.0.0.0/255.255.255.0", "@10.0.0.0/255.255.255.248") == ""
    assert taken("repl@10.0.0.0/255.255.255.0", "@10.0.0.7%") == ""
    # They are all the same to those that know no networks.
    assert taken("repl@10.0.0.0/255.255.255.0", "@10.0.0.7", takes_cidr=False) == "repl"
    assert taken("repl@10.0.0.0/255.255.255.0", "@10.0.0.7%", takes_cidr=False) == "repl"
    assert not account_for("repl", FROM_7, setup("repl@10.0.0.0/odd")).is_known
    assert not account_for("repl", FROM_7, setup("repl@10.0.0.0/odd", takes_cidr=True)).is_known


def test_what_is_not_told_is_not_known() -> None:
    assert not account_for("repl", FROM_7, Setup({})).is_known
    asks = setup("repl@db7")
    assert account_for("repl", FROM_7, replace(asks, settings={"skip_name_resolve": "ON"})) == (True, None)
    assert not account_for("repl", FROM_7, replace(asks, settings={"skip_name_resolve": "OFF"})).is_known


def at(member: Member, *addresses: str) -> Member:
    return replace(member, endpoints=member.endpoints | {(address, 3306) for address in addresses})


def members(*, first: t.Mapping[str, t.Any] | None = None, **addresses: str) -> Topology:
    """A primary and two replicas, with the addresses that they have here."""
    on_channel: dict[str, t.Any] = {"receiver": RUNNING, "lag": 0, "tls": SourceTls(True)}
    one, two = replica("db1", "P:1-9", on_channel={**on_channel, **(first or {})}), replica("db2", "P:1-9", on_channel=on_channel)
    found = [at(living(), addresses.get("db0", "10.0.0.10")), at(one, addresses.get("db1", "10.0.0.11")), at(two, addresses.get("db2", "10.0.0.12"))]
    return cluster(*found)


def origins(topology: Topology, *read_from: str) -> dict[str, str]:
    return {name: str(origin) for name, origin in find_origins(topology, {"db0": replace(Setup({}), read_from=read_from)}).items()}


def test_from_where_members_come_their_source_says() -> None:
    everybody = {"db0": "10.0.0.10", "db1": "10.0.0.11", "db2": "10.0.0.12"}
    assert origins(members(), "10.0.0.11", "10.0.0.12") == everybody
    # From another address of its own; it is the only one that is left. The primary may have another one then, too.
    assert origins(members(), "10.0.0.11", "192.168.0.2") == {"db1": "10.0.0.11", "db2": "192.168.0.2"}
    assert origins(members(), "192.168.0.1", "192.168.0.2") == {}
    # One that is not connected.
    assert origins(members(first={"receiver": "stopped"}), "10.0.0.12") == {"db0": "10.0.0.10", "db2": "10.0.0.12"}
    # Servers that call them by name, or know them by several addresses.
    assert origins(members(), "db1", "db2") == {"db0": "10.0.0.10", "db1": "db1", "db2": "db2"}
    assert find_origins(members(), {"db0": replace(Setup({}), read_from=("db1",))})["db1"] == Origin(frozenset(["10.0.0.11"]), "db1")
    assert origins(members()) == {}
    # A proxy, through which all come.
    assert origins(members(), "10.0.0.99", "10.0.0.99") == {}
    assert origin_of("::ffff:10.0.0.7") == FROM_7


def test_who_is_on_the_machine_of_the_source_comes_to_others_from_elsewhere() -> None:
    local = {"db0": "127.0.0.1", "db1": "127.0.0.1"}
    topology = members(**local)
    found = find_origins(topology, {"db0": replace(Setup({}), read_from=("localhost", "10.0.0.12"))})
    assert {name: origin.is_local for name, origin in found.items()} == {"db0": True, "db1": True, "db2": False}
    assert set(comes_to(topology, "db1", found)) == {"db0", "db2"}
    assert set(comes_to(topology, "db2", found)) == set()


def refused(topology: Topology, *, tried: t.Mapping[str, Tried] | None = None, user: str = "repl", **setups: Setup) -> list[Finding]:
    known = {name: setups.get(name, setup("repl@%")) for name in ("db0", "db1", "db2")}
    known["db0"] = replace(known["db0"], read_from=("10.0.0.11", "10.0.0.12"))
    return [each for each in find(topology, known, Thresholds(), user=user, tried=tried) if each.code == "replication_login_refused"]


def test_whom_a_server_would_not_let_in_is_named_with_the_statement_that_mends_it() -> None:
    assert refused(members()) == []
    (finding,) = refused(members(), db1=setup("repl@10.0.0.11", "repl@10.0.0.10"))
    assert (finding.grade, finding.server) == (HURTS, "db1")
    assert finding.message == "would not let db2 (from 10.0.0.12) in as its replica: it has repl only from 10.0.0.10, 10.0.0.11"
    assert finding.remedy == (
        "On db1: SET SESSION sql_log_bin = 0; CREATE USER 'repl'@'10.0.0.12' IDENTIFIED BY 'the password of the replicas';"
        " GRANT REPLICATION SLAVE ON *.* TO 'repl'@'10.0.0.12'; SET SESSION sql_log_bin = 1"
    )
    # What all lack is made on the primary.
    few = setup("repl@10.0.0.11", "repl@10.0.0.12")
    one, two = refused(members(), db0=few, db1=few, db2=few)
    assert (one.server, two.server, one.message.partition(" in as")[0]) == ("db1", "db2", "would not let db0 (from 10.0.0.10)")
    assert one.remedy == two.remedy
    assert one.remedy.startswith("On db0: CREATE USER 'repl'@'10.0.0.10'")


def test_accounts_that_are_locked_or_have_no_name_are_named() -> None:
    locked = replace(setup(), accounts=Accounts((LetIn("repl", "%", is_locked=True),), "10.0.0.1"))
    closed = cluster(*(replace(each, state=replace(each.known, super_read_only=True)) if each.name == "db1" else each for each in members().members))
    (finding,) = refused(closed, db1=locked)
    assert "db0 (from 10.0.0.10), db2 (from 10.0.0.12) in as its replicas: it would take repl for 'repl'@'%', which is locked" in finding.message
    assert finding.remedy == (
        "On db1: SET GLOBAL super_read_only = 0; SET SESSION sql_log_bin = 0; ALTER USER 'repl'@'%' ACCOUNT UNLOCK;"
        " SET SESSION sql_log_bin = 1; SET GLOBAL super_read_only = 1"
    )
    anybody = setup("repl@%", "@10.0.0.12")
    found = refused(members(), db0=anybody, db1=anybody, db2=anybody)
    assert [(each.server, each.remedy) for each in found] == [("db1", "On db0: DROP USER ''@'10.0.0.12'")]
    assert "which is anonymous" in found[0].message
    assert quoted("it's \\") == "'it\\'s \\\\'"


def test_what_is_tried_from_here_is_told_from_what_members_may() -> None:
    denied = {name: Tried(name != "db1", 1045 if name == "db1" else None, "denied") for name in ("db0", "db1", "db2")}
    inside = setup("repl@10.0.0.10", "repl@10.0.0.11", "repl@10.0.0.12", client="192.0.2.1")
    (finding,) = refused(members(), tried=denied, db1=inside)
    assert (finding.grade, finding.server) == (ADVICE, "db1")
    assert "switchover_try_account=false" in finding.remedy
    # Another password is no matter of hosts.
    (finding,) = refused(members(), tried=denied)
    assert finding.grade == BLOCKS
    # One that is not there at all is told once.
    (finding,) = refused(members(), tried=denied, db1=setup())
    assert (finding.grade, finding.server) == (BLOCKS, "db1")
    assert [each.grade for each in refused(members(), db1=setup())] == [HURTS]
    assert "no account repl" in refused(members(), db1=setup())[0].message
    # Nobody knows with what account the primary will log in.
    assert [each.server for each in refused(members(), user="", db1=setup("repl@10.0.0.12"))] == []


def test_replicas_without_tls_are_told_where_it_is_required() -> None:
    needs = {name: Tried(True, needs_tls=name == "db2") for name in ("db0", "db1", "db2")}
    assert refused(members(), tried=needs) == []
    (finding,) = refused(members(first={"tls": SourceTls()}), tried=needs)
    assert (finding.grade, finding.server) == (BLOCKS, "db2")
    assert "db1 logs in without" in finding.message
    other = members(first={"tls": SourceTls(), "user": "other"})
    assert refused(other, tried=needs, **{name: setup("repl@%", "other@%") for name in ("db0", "db1", "db2")}) == []
