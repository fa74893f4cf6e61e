# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrong and hostile input to the playbooks: a clear error, in time, nothing changed; or, where a strange name is a name all the same, it just works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils import fake_server as fake
from sandbox import PASSWORDS, Cluster
from sandbox.playbook import Playbooks, Run, Task
from sandbox.snapshot import differences, snapshots, wait_until_still

pytestmark = pytest.mark.server("mariadb-10.11")

ROLES = Path(__file__).resolve().parents[2] / "roles"
LOGIN = {"mysql_login_user": "failover", "mysql_login_password": PASSWORDS["failover"]}

STRANGE = """it's "a" \\ 100%s; DROP TABLE t; -- {{ lookup('pipe', 'touch MARK') }} 日本"""
HARMLESS = STRANGE.replace("{{", "{").replace("}}", "}")
"""Given as the value of a variable it would be a template of the user's own."""

WRONG = {"float": ["soon", [1, 2]], "int": ["many"], "bool": ["perhaps", 7], "list": [{"a": 1}], "dict": ["a"]}
"""For each type of an option what is none. Anything can be text."""

NAMING = ("failover_candidates", "failover_exclude", "failover_dead_primary")


class DeadPrimary:
    """A cluster of two replicas and a dead primary that must survive everything unchanged."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster = cluster
        self.playbooks = Playbooks(cluster, directory)
        self.before = wait_until_still(cluster.replicas)

    def unchanged(self, run: Run) -> Run:
        """See that a run has left the servers as they were at first."""
        assert differences(self.before, snapshots(self.cluster.replicas)) == {}, run
        assert run.changed == 0, run
        return run

    def run(self, **options: Any) -> Run:
        """Run the failover, which must be refused."""
        run = self.unchanged(self.playbooks.run("dbha.mysql.failover", **options))
        assert run.returncode == 2, run
        return run

    def refusals(self, *tasks: dict[str, Any]) -> list[Task]:
        """Run roles one after the other, each of which must fail, and return the tasks at which they did."""
        listed = [{"block": [task], "rescue": [{"ansible.builtin.meta": "noop"}]} for task in tasks]
        run = self.unchanged(self.playbooks.run_tasks(listed))
        failed = [task for task in run.tasks if task.status == "failed"]
        assert len(failed) == len(tasks), run
        return failed


@pytest.fixture(scope="module")
def dead(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeadPrimary]:
    with Cluster(kind, replicas=2) as cluster:
        cluster.primary.kill()
        yield DeadPrimary(cluster, tmp_path_factory.mktemp(kind))


def role(name: str, **variables: Any) -> dict[str, Any]:
    """Return a task that runs a role on the group orders."""
    return {"ansible.builtin.include_role": {"name": f"dbha.mysql.{name}"}, "vars": {f"{name}_cluster": "orders", **variables}}


@pytest.mark.parametrize("name", ["failover", "switchover", "rejoin"])
def test_an_option_of_a_wrong_type_is_named(dead: DeadPrimary, name: str) -> None:
    specification = yaml.safe_load((ROLES / name / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    given = [(option, value) for option, what in specification.items() for value in WRONG.get(what["type"], ())]
    given += [(option, "asleep") for option, what in specification.items() if "choices" in what]
    failed = dead.refusals(*(role(name, **{option: value}) for option, value in given))
    for (option, value), task in zip(given, failed, strict=True):
        assert "Validating arguments" in task.name, (option, value, task)
        assert option in task.result["msg"], task


def test_a_group_that_is_none_or_has_no_servers_is_named_with_those_that_there_are(dead: DeadPrimary) -> None:
    for task in dead.refusals(role("failover", failover_cluster="order"), role("failover", failover_leave_out=["db0", "db1", "db2"])):
        assert "is no group of the inventory that has servers in it" in task.result["msg"], task
        assert "of: orders" in task.result["msg"], task


def test_a_primary_without_replicas_cannot_be_failed_over(dead: DeadPrimary) -> None:
    run = dead.run(cluster=["db0"])
    assert run.codes & {"primary_unknown", "no_replicas", "unreachable"}, run


def test_a_replica_without_its_primary_in_the_group_is_the_whole_cluster(dead: DeadPrimary) -> None:
    run = dead.unchanged(dead.playbooks.run("dbha.mysql.check", cluster=["db1"]))
    assert run.codes == {"primary_dead"}, run


def test_a_strange_name_that_is_no_member_is_shown_and_refused(dead: DeadPrimary) -> None:
    # A comma would make two names of it.
    names = [HARMLESS.replace(",", ""), "x" * 300, "new\nline", "db1\0"]
    failed = dead.refusals(*(role("failover", **{option: name if "dead" in option else [name]}) for name in names for option in NAMING))
    for index, task in enumerate(failed):
        name, option = names[index // len(NAMING)], NAMING[index % len(NAMING)]
        assert repr(name[:100]) in task.result["msg"], task
        assert ("is no host of the inventory" if "dead" in option else "[not_a_member]") in task.result["msg"], task


@pytest.mark.parametrize("name", ["x" * 300, "new\nline"], ids=["300 characters", "a newline"])
def test_a_member_with_a_name_that_cannot_be_one_is_refused(dead: DeadPrimary, name: str) -> None:
    run = dead.run(cluster=["db0", "db1"], hosts={name: {"mysql_host": "127.0.0.1", "mysql_port": dead.cluster["db2"].port, **LOGIN}})
    assert run.codes == {"bad_input"}, run
    assert "is no name for a server: it takes 1 to 255 printable characters" in run.output


@pytest.mark.parametrize(
    "variables", [{"mysql_host": "no such host"}, {"mysql_port": "mysql"}, {"mysql_port": 70000}, {"mysql_unix_socket": "/" + "x" * 200}], ids=str
)
def test_an_address_that_is_none_is_refused_with_what_it_takes(dead: DeadPrimary, variables: dict[str, Any]) -> None:
    run = dead.run(cluster=["db0", "db1"], hosts={"odd": {"mysql_host": "127.0.0.1", **LOGIN, **variables}})
    assert str(next(iter(variables.values())))[:60] in run.output, run


def test_users_that_no_server_knows_are_told_with_their_name(dead: DeadPrimary) -> None:
    user = HARMLESS[:70]
    run = dead.run(hosts={"db1": {"mysql_login_user": user}, "db2": {"mysql_login_user": "x" * 300}})
    assert {problem["server"]: problem["code"] for problem in run.problems if problem["server"] != "db0"} == {
        "db1": "login_refused",
        "db2": "login_refused",
        "": "no_replicas",
    }, run
    assert repr(user) in {problem["message"] for problem in run.problems if problem["server"] == "db1"}.pop()


def test_what_is_no_working_server_is_told_in_time_one_beside_the_other(dead: DeadPrimary) -> None:
    expected = {
        "ssh": (fake.sends(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), "not_mysql"),
        "garbage": (fake.sends(bytes(range(256)) * 40), "not_mysql"),
        "closes": (fake.closes_after_the_greeting, "not_responding"),
        "slow": (fake.sends_slowly(fake.greeting(), 1), "not_responding"),
        "full": (fake.sends(fake.error(0, 1040, "Too many connections")), "login_refused"),
    }
    with ExitStack() as stack:
        addresses = {name: stack.enter_context(fake.fake_server(behave)) for name, (behave, _code) in expected.items()}
        hosts = {name: {"mysql_host": address.host, "mysql_port": address.port, **LOGIN} for name, address in addresses.items()}
        run = dead.run(hosts={"db0": {}, "db1": {}, "db2": {}, **hosts}, cluster="all")
    assert {problem["server"]: problem["code"] for problem in run.problems} == {name: code for name, (_behave, code) in expected.items()}, run
    # connect_timeout of one server, and not of all of them one after the other; and what a busy machine adds.
    assert max(step["seconds"] for task in run.tasks for step in task.result.get("timeline", [])) < 3 + 5, run


def test_a_strange_name_of_a_member_and_of_a_user_and_a_password_of_one_letter_do_no_harm(kind: str, tmp_path: Path) -> None:
    user = """o'b"r\\i;%s"""
    with Cluster(kind, replicas=2) as cluster:
        for name in ("failover", "repl"):
            cluster.primary.execute("RENAME USER %s@'%%' TO %s@'%%'", (name, user + name))
        # Every name here has a letter of it.
        cluster.primary.execute("ALTER USER %s@'%%' IDENTIFIED BY 'b'", (f"{user}failover",))
        cluster.wait_in_sync()
        cluster.primary.kill()
        mark = tmp_path / "mark"
        strange = STRANGE.replace("MARK", str(mark))
        login = {"mysql_login_user": f"{user}failover", "mysql_login_password": "b", "mysql_replication_user": f"{user}repl"}
        hosts: dict[str, dict[str, Any]] = dict.fromkeys(("db0", "db2"), login)
        hosts[strange] = {**login, "mysql_host": "127.0.0.1", "mysql_port": cluster["db1"].port, "ansible_connection": "local"}
        hosts[strange]["mysql_replication_password"] = PASSWORDS["repl"]
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.failover", hosts=hosts, cluster=list(hosts))
        assert run.returncode == 0, run
        assert run.dbha_result["new_primary"]["name"] in (strange, "db2"), run
        assert not mark.exists()
        assert sum(server.is_writable for server in cluster.replicas) == 1
        (replica,) = [server for server in cluster.replicas if not server.is_writable]
        assert (replica.replica_status()["receiver"], replica.replica_status()["source_user"]) == ("Yes", f"{user}repl"), run
