# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is made of a description of an AWX, and what is refused in it, by name and without what it says."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._awx.description import NIGHTLY, Unusable, read
from ansible_collections.dbha.mysql.plugins.module_utils._awx.objects import Objects, objects
from ansible_collections.dbha.mysql.plugins.module_utils._awx.workflow import Templates, nodes

ACCOUNTS = {"username": "failover", "password": "secret-1", "replication_username": "repl", "replication_password": "secret-2"}
OPTIONS: dict[str, dict[str, Any]] = {
    "failover": {"failover_cluster": {}, "failover_force": {"description": "F.", "type": "bool"}, "failover_exclude": {"description": "E.", "type": "list"}},
    "switchover": {"switchover_to": {"description": "T."}},
    "rejoin": {"rejoin_server": {"description": "S."}, "rejoin_copy_password": {"description": "P.", "no_log": True}},
}
TEMPLATES = ("check", "failover", "failover with risk", "switchover", "rejoin", "rejoin with risk")


def described(**other: Any) -> dict[str, Any]:
    return {
        "organization": "Databases",
        "execution_environment": {"name": "dbha", "image": "i"},
        "project": {"name": "dbha", "url": "https://git"},
        "inventory": {"name": "clusters", "file": "inventory.yml"},
        "clusters": {"orders": dict(ACCOUNTS)},
        **other,
    }


def made(*, update_secrets: bool = False, **other: Any) -> Objects:
    return objects(read(described(**other)), OPTIONS, update_secrets=update_secrets)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"organization": None}, "awx.organization: is needed"),
        ({"organisation": "x"}, "awx.organisation: there is no such variable; those that there are: clusters, execution_environment, "),
        ({"organization": 83}, "awx.organization: takes text, not a number; quote it"),
        ({"execution_environment": {"name": "x"}}, "awx.execution_environment.image: is needed"),
        (
            {"execution_environment": {"name": "x", "image": "i", "pull": "often"}},
            "awx.execution_environment.pull: takes one of always, missing, never, not 'often'",
        ),
        ({"execution_environment": "x"}, "awx.execution_environment: takes a dictionary, not text"),
        ({"project": {"name": "x"}}, "awx.project: takes url, of its repository, or path"),
        ({"project": {"name": "x", "url": "u", "path": "p"}}, "awx.project: takes url, of its repository, or path"),
        ({"clusters": {}}, "awx.clusters: is needed"),
        ({"clusters": {"orders": {**ACCOUNTS, "password": None}}}, "awx.clusters.orders.password: is needed"),
        ({"clusters": {"orders": {**ACCOUNTS, "password": 83}}}, "awx.clusters.orders.password: takes text, not a number; quote it"),
        ({"clusters": {"orders": {**ACCOUNTS, "approval": "no"}}}, "awx.clusters.orders.approval: takes true or false, not text"),
        ({"clusters": {"orders": {**ACCOUNTS, "approval_timeout": -1}}}, "awx.clusters.orders.approval_timeout: takes a whole number of seconds"),
        ({"clusters": {"orders": {**ACCOUNTS, "aproval": True}}}, "awx.clusters.orders.aproval: there is no such variable"),
        ({"permissions": {"launch": {"teams": "Operators"}}}, "awx.permissions.launch.teams: takes a list of names"),
        ({"permissions": {"everything": {}}}, "awx.permissions.everything: there is no such variable"),
        ({"notifications": {"x": {"type": "pigeon", "configuration": {}}}}, "awx.notifications.x.type: takes one of awssns, "),
        ({"notifications": {"x": {"type": "slack"}}}, "awx.notifications.x.configuration: takes a dictionary"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(other: dict[str, Any], message: str) -> None:
    with pytest.raises(Unusable) as refused:
        made(**other)
    assert str(refused.value).startswith(message)
    assert "83" not in str(refused.value)


def test_what_is_no_dictionary_is_refused() -> None:
    with pytest.raises(Unusable, match="awx: takes a dictionary, not a list"):
        read([])  # type: ignore[arg-type]  # on purpose


def test_each_cluster_has_templates_of_its_own() -> None:
    found = made(clusters={"orders": ACCOUNTS, "shop": ACCOUNTS})
    names = [each["name"] for each in found["job_templates"]]
    assert names == ["dbha report", *(f"{cluster} {what}" for cluster in ("orders", "shop") for what in TEMPLATES)]
    for each in found["job_templates"][1:]:
        assert each["credentials"] == [f"{each['extra_vars']['cluster']} accounts"]
        assert (each["allow_simultaneous"], each["job_slice_count"], each["limit"]) == (False, 1, "")
    assert [each["name"] for each in found["schedules"]] == ["orders nightly check", "shop nightly check"]
    assert {each["rrule"] for each in found["schedules"]} == {NIGHTLY}


def test_what_may_lose_rows_is_asked_for_by_the_second_template_only() -> None:
    asked = {each["name"]: [question["variable"] for question in each["survey_spec"]["spec"]] for each in made()["job_templates"]}
    assert asked["orders failover"] == ["failover_exclude"]
    assert asked["orders failover with risk"] == ["failover_force", "failover_exclude"]
    assert asked["orders rejoin with risk"] == ["rejoin_server"]


@pytest.mark.parametrize(
    ("configuration", "update_secrets", "state"),
    [({"url": "u"}, False, "present"), ({"token": "t"}, False, "exists"), ({"token": "t"}, True, "present"), ({"password": ""}, False, "present")],
)
def test_what_may_or_may_not_differ_is_left_as_it_is(configuration: dict[str, Any], update_secrets: bool, state: str) -> None:
    found = made(notifications={"x": {"type": "slack", "configuration": configuration}}, update_secrets=update_secrets)
    assert [(each["name"], each["state"]) for each in found["notification_templates"]] == [("x", state), ("x, approvals", state)]
    assert "messages" in found["notification_templates"][0]
    assert "messages" not in found["notification_templates"][1]
    assert [each["update_secrets"] for each in found["credentials"]] == [update_secrets]


@pytest.mark.parametrize(("kind", "body"), [("slack", False), ("email", True), ("webhook", True), ("pagerduty", True)])
def test_a_message_has_a_body_where_there_can_be_one(kind: str, body: bool) -> None:
    found = made(notifications={"x": {"type": kind, "configuration": {}}})["notification_templates"][0]
    assert ("body" in found["messages"]["error"]) is body


def test_an_organization_keeps_its_galaxy_credentials_unless_some_are_said() -> None:
    assert made()["organizations"] == [{"name": "Databases"}]
    assert made(galaxy_credentials=[])["organizations"] == [{"name": "Databases", "galaxy_credentials": []}]


def test_a_project_is_a_repository_or_a_directory() -> None:
    (repository,) = made(project={"name": "x", "url": "u", "branch": "b", "credential": "c"})["projects"]
    assert repository["scm_update_on_launch"] is False
    assert [repository[key] for key in ("scm_type", "scm_url", "scm_branch", "credential")] == ["git", "u", "b", "c"]
    (directory,) = made(project={"name": "x", "path": "p"})["projects"]
    assert directory == {"name": "x", "organization": "Databases", "scm_type": "manual", "local_path": "p"}


def test_only_whom_somebody_named_may_do_something() -> None:
    assert made()["roles"] == []
    found = made(permissions={"launch": {"teams": ["Ops"], "users": ["ann"]}, "approve": {"users": ["bob"]}, "risk": {"teams": ["DBA", "Ops"]}})
    assert [each["name"] for each in found["teams"]] == ["Ops", "DBA"]
    granted = [(each["role"], each.get("teams"), each.get("users"), "orders failover with risk" in each.get("job_templates", [])) for each in found["roles"]]
    assert granted == [
        ("execute", ["Ops"], None, False),
        ("execute", None, ["ann"], False),
        ("approval", None, ["bob"], False),
        ("execute", ["DBA", "Ops"], None, True),
    ]


@pytest.mark.parametrize(("redirect", "approval"), [("", True), ("", False), ("move", True), ("move", False)])
def test_each_node_is_made_after_those_that_it_leads_to(redirect: str, approval: bool) -> None:
    found = nodes(Templates("c", "f", "r", "report", redirect), "orders", approval=approval)
    names = [node.identifier for node in found]
    for place, node in enumerate(found):
        assert {*node.success, *node.failure, *node.always} <= set(names[:place])
    assert ("redirect" in names, "approval" in names) == (bool(redirect), approval)
    # Of what changes or looks at servers, every failure leads to the report; who denies an approval knows why.
    assert [node.identifier for node in found if node.template and node.identifier != "report" and node.failure != ("report",)] == []


def test_who_redirects_clients_is_asked_whatever_came_of_the_failover() -> None:
    found = {node.identifier: node for node in nodes(Templates("c", "f", "r", "report", "move"), "orders", approval=True)}
    assert (found["failover"].always, found["failover"].success, found["failover"].failure) == (("redirect",), ("look",), ("report",))
    assert (found["redirect"].success, found["look"].all_parents) == (("look",), True)


def test_a_node_that_is_not_wanted_any_more_is_removed_after_the_others() -> None:
    found = made(clusters={"orders": {**ACCOUNTS, "approval": False, "redirect": "move"}})["workflow_nodes"]
    assert [(each["identifier"], each["state"]) for each in found][-2:] == [("check", "present"), ("approval", "absent")]
    assert found[-2]["success_nodes"] == ["failover"]
    (redirect,) = [each for each in found if each["identifier"] == "redirect"]
    assert redirect["unified_job_template"] == "move"


def test_an_approval_is_made_before_it_is_linked() -> None:
    first, second = [each for each in made()["workflow_nodes"] if each["identifier"] == "approval"]
    assert "success_nodes" not in first
    assert first["approval_node"]["name"] == "Fail orders over?"
    assert ("approval_node" in second, second["success_nodes"]) == (False, ["failover"])
