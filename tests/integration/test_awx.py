# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AWX as code: the playbook dbha.mysql.awx with the example of docs/awx.md, against a stand-in for the API of AWX (see sandbox/runs/awx.py)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.runs.awx import ENCRYPTED, NAME, TOKEN, AwxStandIn, Refused, check_messages, check_survey, render

ROOT = Path(__file__).resolve().parents[2]
# Two runs of the playbook are sixty modules of awx.awx, each a process.
pytestmark = pytest.mark.timeout(1200)

SECRETS = {"vault_orders_password": "0123", "vault_orders_replication_password": "known-to-nobody"}


def files_of_the_page() -> dict[str, str]:
    """Return the files that docs/awx.md shows, by their names."""
    page = (ROOT / "docs/awx.md").read_text(encoding="utf-8")
    return {name: text for text, name in re.findall(r"^```yaml\n(# ([\w.]+)\n.*?)^```$", page, re.MULTILINE | re.DOTALL)}


@dataclass(frozen=True)
class Defined:
    """The stand-in after two runs of the playbook, and what each of them printed."""

    awx: AwxStandIn
    first: str
    second: str
    changes: list[str]
    """The requests of the second run that changed something."""


def define(awx: AwxStandIn, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the playbook as docs/awx.md says."""
    (directory / "awx.yml").write_text(files_of_the_page()["awx.yml"], encoding="utf-8")
    (directory / "vault.yml").write_text(yaml.safe_dump(SECRETS), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "dbha.mysql.awx", "-e", "@awx.yml", "-e", "@vault.yml", *arguments]
    environment = {
        **os.environ,
        **awx.environment,
        "ANSIBLE_CONFIG": str(ROOT / "tests/ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
    }
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=900, check=False)


@pytest.fixture(scope="module")
def defined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Defined]:
    directory = tmp_path_factory.mktemp("awx")
    with AwxStandIn() as awx:
        first = define(awx, directory)
        assert first.returncode == 0, first.stdout + first.stderr
        awx.changes.clear()
        second = define(awx, directory, "-v")
        assert second.returncode == 0, second.stdout + second.stderr
        yield Defined(awx, first.stdout + first.stderr, second.stdout + second.stderr, list(awx.changes))


def test_a_second_time_changes_nothing(defined: Defined) -> None:
    assert re.search(r"changed=[1-9]\d", defined.first), defined.first
    assert "changed=0 " in defined.second, defined.second
    # To the configuration of a notification AWX adds what was left out, so that awx.awx sends it anew, and finds that nothing has changed.
    assert [change for change in defined.changes if not change.startswith("PATCH /api/v2/notification_templates/")] == []


def test_ansible_warns_of_nothing(defined: Defined) -> None:
    for output in (defined.first, defined.second):
        assert "WARN" not in output
        assert "DEPRECAT" not in output


def test_passwords_are_in_the_credential_of_their_cluster_and_nowhere_else(defined: Defined) -> None:
    credential = defined.awx.named("credentials", "orders accounts")
    assert credential["inputs"] == {
        "username": "failover",
        "password": ENCRYPTED,
        "replication_username": "repl",
        "replication_password": ENCRYPTED,
    }
    held = defined.awx.secrets[credential["id"]]
    assert (held["password"], held["replication_password"]) == tuple(SECRETS.values())
    kept = json.dumps([defined.awx.objects, list(defined.awx.surveys.values())])
    for text in (kept, defined.first, defined.second):
        assert SECRETS["vault_orders_replication_password"] not in text
    (kind,) = defined.awx.objects["credential_types"].values()
    # For AWX to evaluate, and for nobody before.
    assert kind["injectors"]["extra_vars"] == {"mysql_config_file": "{{ tower.filename.my_cnf }}"}
    assert kind["injectors"]["env"]["REPLICATION_PASSWORD"] == "{{ replication_password }}"
    assert "password" not in kind["injectors"]["extra_vars"]


def test_each_job_template_is_for_one_cluster_and_shows_all_of_it(defined: Defined) -> None:
    templates = {each["name"]: each for each in defined.awx.objects["job_templates"].values()}
    risky = ["orders failover with risk", "orders rejoin with risk"]
    assert sorted(templates) == sorted(["dbha report", "orders check", "orders failover", "orders switchover", "orders rejoin", *risky])
    playbooks = set(files_of_the_page()) - {"awx.yml", "inventory.yml"}
    assert {each["playbook"] for each in templates.values()} == playbooks
    for name, each in templates.items():
        assert each["job_slice_count"] == 1
        asked = {option for option, value in each.items() if option.startswith("ask_") and value}
        assert asked <= {"ask_diff_mode_on_launch", "ask_job_type_on_launch"}
        if name != "dbha report":
            assert json.loads(each["extra_vars"]) == {"cluster": "orders"}
            assert defined.awx.names("job_templates", each, "credentials") == ["orders accounts"]
            assert not each["allow_simultaneous"]
            assert defined.awx.names("job_templates", each, "notification_templates_error") == ["on call"]


def test_only_some_may_launch_what_may_lose_rows(defined: Defined) -> None:
    awx = defined.awx

    def may(role: str, endpoint: str) -> dict[str, list[str]]:
        found = {}
        for each in awx.objects[endpoint].values():
            members = awx.members.get((each["summary_fields"]["object_roles"][role]["id"], "teams"), [])
            found[each["name"]] = sorted(awx.objects["teams"][member]["name"] for member in members)
        return found

    both = ["Database administrators", "Operators"]
    granted = may("execute_role", "job_templates")
    assert {name for name, teams in granted.items() if teams == both} == {"orders check", "orders failover", "orders switchover", "orders rejoin"}
    assert {name for name, teams in granted.items() if teams == both[:1]} == {"orders failover with risk", "orders rejoin with risk"}
    assert may("execute_role", "workflow_job_templates") == {"orders failover workflow": both}
    assert may("approval_role", "workflow_job_templates") == {"orders failover workflow": both[:1]}
    for name in ("orders failover", "orders rejoin"):
        asked, risky = ({each["variable"] for each in awx.survey_of("job_templates", which)["spec"]} for which in (name, f"{name} with risk"))
        assert asked < risky
        assert asked & {"failover_force", "failover_allow_data_loss", "rejoin_method", "rejoin_anew", "rejoin_start_command", "rejoin_save"} == set()


def test_the_workflow_leads_from_each_failure_to_the_report(defined: Defined) -> None:
    awx = defined.awx
    nodes = {each["identifier"]: each for each in awx.objects["workflow_job_template_nodes"].values()}
    links = {name: {kind: awx.names("workflow_job_template_nodes", each, f"{kind}_nodes") for kind in ("success", "failure")} for name, each in nodes.items()}
    assert links == {
        "check": {"success": ["approval"], "failure": ["report"]},
        "approval": {"success": ["failover"], "failure": []},
        "failover": {"success": ["look"], "failure": ["report"]},
        "look": {"success": ["rejoin"], "failure": ["report"]},
        "rejoin": {"success": [], "failure": ["report"]},
        "report": {"success": [], "failure": []},
    }
    assert nodes["check"]["extra_data"] == {"expect_primary": "dead"}
    (approval,) = awx.objects["workflow_approval_templates"].values()
    assert nodes["approval"]["unified_job_template"] == approval["id"]


def test_who_is_told_is_told_what_came_of_it(defined: Defined) -> None:
    messages = defined.awx.named("notification_templates", "on call")["messages"]
    result = {"outcome": "refused", "problems": [{"code": "primary_alive", "server": "db0", "message": "it is alive", "remedy": "Nothing to do."}]}
    job = {"id": 7, "name": "orders failover", "status": "failed", "artifacts": {"dbha_result": result}}
    told = render(messages["error"]["message"], {"job": job, "url": "https://awx/7"})
    assert told == "orders failover: refused [primary_alive] db0: Nothing to do. https://awx/7"
    assert json.loads(render(messages["error"]["body"], {"job": job, "url": "https://awx/7"}))["dbha_result"] == result
    # One that was cancelled has left nothing.
    assert render(messages["error"]["message"], {"job": {**job, "artifacts": None, "status": "canceled"}, "url": "u"}) == "orders failover: canceled u"
    assert defined.awx.named("notification_templates", "on call, approvals")["messages"] is None


def test_what_differs_is_changed_and_nothing_else(defined: Defined, tmp_path: Path) -> None:
    awx = defined.awx
    schedule = awx.named("schedules", "orders nightly check")
    schedule["enabled"] = False
    workflow = awx.named("workflow_job_templates", "orders failover workflow")
    may = awx.members[workflow["summary_fields"]["object_roles"]["execute_role"]["id"], "teams"]
    (operators,) = [each["id"] for each in awx.objects["teams"].values() if each["name"] == "Operators"]
    may.remove(operators)
    awx.changes.clear()
    run = define(awx, tmp_path, "--start-at-task", "Schedules")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "changed=2 " in run.stdout, run.stdout
    assert (schedule["enabled"], operators in may, len(awx.changes)) == (True, True, 2)


def test_the_stand_in_says_that_it_is_one_and_refuses_what_awx_refuses() -> None:
    with AwxStandIn() as awx:
        request = urllib.request.Request(f"{awx.environment['CONTROLLER_HOST']}/api/v2/teams/", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request) as answer:
            assert answer.headers["Server"] == NAME
        assert awx.answer("POST", "/api/v2/job_templates/", {}, {"name": "no project"})[0] == 400
        assert awx.answer("GET", "/api/v2/no_such_thing/", {}, {})[0] == 404
        node: dict[str, Any] = {"identifier": "x", "workflow_job_template": 99}
        assert awx.answer("POST", "/api/v2/workflow_job_template_nodes/", {}, node)[0] == 400
    question = {"question_name": "Q", "variable": "q", "required": False, "type": "float", "default": 60}
    with pytest.raises(Refused):
        check_survey({"name": "", "description": "", "spec": [question]})
    for message in ("{{ no_such_field }}", "two\nlines", "{% if %}"):
        with pytest.raises(Refused):
            check_messages("slack", {"error": {"message": message}})
