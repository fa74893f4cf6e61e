# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which groups are clusters, and which of them a run is for."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Refusal
from ansible_collections.dbha.mysql.plugins.plugin_utils._many import chosen, cut_off, whole_clusters

PLAIN = {
    "all": ["o0", "o1", "u0", "u1", "w0"],
    "ungrouped": [],
    "databases": ["o0", "o1", "u0", "u1"],
    "orders": ["o0", "o1"],
    "users": ["u0", "u1"],
    "web": ["w0"],
    "empty": [],
}
# As the inventory plugin of this collection makes them, beside a data centre, and hosts that are no databases.
ROLES = {
    **PLAIN,
    "orders_primary": ["o0"],
    "orders_replicas": ["o1"],
    "users_primary": ["u0"],
    "users_replicas": ["u1"],
    "primary": ["o0", "u0"],
    "replicas": ["o1", "u1"],
}


def sizes(**of: int) -> dict[str, int | None]:
    return {**dict.fromkeys(PLAIN["all"]), **of}


TWO_EACH = sizes(o0=2, o1=2, u0=2, u1=2)


@pytest.mark.parametrize(
    ("groups", "said", "clusters"),
    [
        ({"all": [], "ungrouped": []}, {}, []),
        # Nobody says how large they are: those that have no smaller one in them.
        (PLAIN, sizes(), ["orders", "users", "web"]),
        # What says nothing is no database then.
        (PLAIN, TWO_EACH, ["orders", "users"]),
        # Of the others, one has as many servers, too.
        (ROLES, TWO_EACH, ["orders", "primary", "replicas", "users"]),
        # A cluster of which a server is missing in the inventory is one; it is refused in its own name.
        ({**PLAIN, "users": ["u0"], "databases": ["o0", "o1", "u0"]}, TWO_EACH, ["orders", "users"]),
        (PLAIN, sizes(o0=2, o1=2, u0=3, u1=3), ["orders", "users"]),
        # One that says nothing that fits any group is none.
        (PLAIN, sizes(o0=2, o1=2, u0=0), ["orders"]),
        # The hosts that stand for clusters are none.
        ({**PLAIN, "dbha_clusters": ["cluster=orders"]}, sizes(), ["orders", "users", "web"]),
    ],
)
def test_a_group_is_a_cluster_if_it_has_as_many_servers_as_they_say(groups: dict[str, list[str]], said: dict[str, int | None], clusters: list[str]) -> None:
    assert whole_clusters(groups, said.get) == clusters


@pytest.mark.parametrize(
    ("asked", "clusters"),
    [
        (["orders"], ["orders"]),
        (["users", "orders", "users"], ["users", "orders"]),
        (["all"], ["orders", "users", "web"]),
        (["all", "!web"], ["orders", "users"]),
        (["*r*", "!u*"], ["orders"]),
        (["[ou]*", "!web"], ["orders", "users"]),
        (["!web", "all", "! users"], ["orders"]),
        # What is named is taken at its word, and refused by itself where there is no such group.
        (["databases"], ["databases"]),
        (["orders", "usres"], ["orders", "usres"]),
        ([715, "orders"], ["715", "orders"]),
    ],
)
def test_clusters_are_named_or_match_a_pattern(asked: list[object], clusters: list[str]) -> None:
    assert chosen(asked, PLAIN, lambda _host: None) == clusters


@pytest.mark.parametrize(
    ("asked", "code", "says"),
    [
        ([], "no_such_cluster", "no cluster is left"),
        (["!web"], "no_such_cluster", "no cluster is left of those that were asked for: !web"),
        (["shop_*", "orders"], "no_such_cluster", "'shop_*' is no cluster of the inventory. There are: orders, users, web"),
        # Whoever mistypes what is to be left out wants it left out.
        (["all", "!wbe"], "no_such_cluster", "'wbe' is no cluster of the inventory"),
        (["orders", "!shop_*"], "no_such_cluster", "'shop_*' is no cluster"),
        (["orders", "databases"], "bad_input", "orders and databases are not two clusters, because o0 is in both. Leave one of them out (!databases)"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_done(asked: list[object], code: str, says: str) -> None:
    with pytest.raises(Refusal) as refused:
        chosen(asked, PLAIN, lambda _host: None)
    (problem,) = refused.value.problems
    assert problem.code == code
    assert says in problem.message


def test_nobody_is_asked_how_large_a_cluster_is_that_is_named() -> None:
    def never(host: str) -> None:
        raise AssertionError(host)

    assert chosen(["orders", "users", "!users"], PLAIN, never) == ["orders"]


@pytest.mark.parametrize(
    ("limit", "left_out"),
    [(None, False), ("", False), ("all", False), ("all:!users", False), ("localhost", True), ("orders,localhost", True), ("dbha_clusters", False)],
)
def test_a_limit_may_not_leave_out_the_hosts_that_stand_for_clusters(limit: str | None, left_out: bool) -> None:
    assert [problem.code for problem in cut_off(["orders", "users"], limit, PLAIN)] == ["partial_run"] * left_out
