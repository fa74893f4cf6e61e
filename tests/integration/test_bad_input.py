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

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils import fake_server as fake
from sandbox import PASSWORDS, Cluster
from sandbox.runs.playbook import Playbooks, Run, Task
from sandbox.servers.pool import POOL
from sandbox.servers.snapshot import differences, snapshots, wait_until_still
from sandbox.servers.waiting import HANGS

pytestmark = pytest.mark.server("mariadb-10.11")

ROLES = Path(__file__).resolve().parents[2] / "roles"
LOGIN = {"mysql_login_user": "failover", "mysql_login_password": PASSWORDS["failover"], "mysql_allow_unverified": True}

STRANGE = """it's "a" \\ 100%s; DROP TABLE t; -- {{ lookup('pipe', 'touch MARK') }} 日本"""
HARMLESS = STRANGE.replace("{{", "{").replace("}}", "}")
"""Given as the value of a variable it would be a template of the user's own."""

WRONG = {"float": ["soon", [1, 2]], "int": ["many"], "bool": ["perhaps", 7], "list": [{"a": 1}], "dict": ["a"]}
"""For each type of an option what is none. Anything can be text."""

NAMING = ("failover_candidates", "failover_exclude", "failover_dead_primary")


class Unharmed:
    """A cluster of a primary, alive or dead, and two replicas that must survive everything unchanged."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster = cluster
        self.playbooks = Playbooks(cluster, directory)
        self._running = [server for server in cluster.servers.values() if server.is_running]
        self._before = wait_until_still(self._running)

    def unchanged(self, run: Run) -> Run:
        """See that a run has left the servers as they were at first."""
        assert differences(self._before, snapshots(self._running)) == {}, run
        assert run.changed == 0, run
        return run

    def run(self, *arguments: str, playbook: str = "failover", **options: Any) -> Run:
        """Run a playbook, which must be refused."""
        run = self.unchanged(self.playbooks.run(f"dbha.mysql.{playbook}", *arguments, **options))
        assert run.returncode == 2, run
        return run

    def refusals(self, *tasks: dict[str, Any], arguments: tuple[str, ...] = ()) -> list[Task]:
        """Run roles one after the other, each of which must fail, and return the tasks at which they did."""
        listed = [{"block": [task], "rescue": [{"ansible.builtin.meta": "noop"}]} for task in tasks]
        run = self.unchanged(self.playbooks.run_tasks(listed, *arguments))
        failed = [task for task in run.tasks if task.status == "failed"]
        assert len(failed) == len(tasks), run
        return failed


@pytest.fixture(scope="module")
def three(kind: str) -> Iterator[Cluster]:
    with POOL.cluster(kind, replicas=2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def alive(three: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Unharmed:
    if not three.primary.is_running:
        three.primary.start()
        three.wait_in_sync()
    return Unharmed(three, tmp_path_factory.mktemp("alive"))


@pytest.fixture(scope="module")
def dead(three: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Unharmed:
    """To be asked for by no test before the last one with a living primary."""
    three.primary.kill()
    return Unharmed(three, tmp_path_factory.mktemp("dead"))


def role(name: str, **variables: Any) -> dict[str, Any]:
    """Return a task that runs a role on the group orders."""
    return {"ansible.builtin.include_role": {"name": f"dbha.mysql.{name}"}, "vars": {f"{name}_cluster": "orders", **variables}}


def codes_of(run: Run) -> set[tuple[str, str]]:
    return {(problem["code"], problem["server"]) for problem in run.problems}


# --- With the primary alive


def test_one_server_under_two_names_takes_part_in_no_switchover(alive: Unharmed) -> None:
    again = {"mysql_host": "localhost", "mysql_port": alive.cluster["db2"].port, **LOGIN}
    run = alive.run(playbook="switchover", cluster=["db0", "db1", "db2"], hosts={"again": again}, switchover_to="again")
    assert codes_of(run) == {("same_server", "again")}, run


def test_a_part_of_a_cluster_is_not_worked_on(alive: Unharmed) -> None:
    sized = {name: {"mysql_cluster_size": "3"} for name in ("db0", "db1")}
    for playbook in ("check", "failover", "switchover", "rejoin"):
        run = alive.unchanged(alive.playbooks.run(f"dbha.mysql.{playbook}", cluster=["db0", "db1"], hosts=sized))
        assert (run.returncode, codes_of(run)) == (2, {("cluster_incomplete", "")}), run
        assert "2 of the 3 servers of its cluster (mysql_cluster_size): db0, db1" in run.output
    # What the remedy says: with the whole inventory, or with the size that the cluster has by now.
    assert alive.playbooks.run("dbha.mysql.check", cluster=["db0", "db1"], hosts={name: {"mysql_cluster_size": 2} for name in sized}).returncode == 0
    whole = {name: {"mysql_cluster_size": 3} for name in ("db0", "db1", "db2")}
    assert alive.playbooks.run("dbha.mysql.check", cluster=list(whole), hosts=whole).returncode == 0
    # To go on without a server, it is named: also in a rejoin.
    without = alive.unchanged(alive.playbooks.run("dbha.mysql.rejoin", cluster=list(whole), hosts=whole, rejoin_leave_out="db2"))
    assert (without.returncode, without.codes) == (0, set()), without


def test_an_account_that_yaml_has_altered_is_refused_without_being_shown(alive: Unharmed) -> None:
    altered: dict[str, dict[str, Any]] = {
        "mysql_replication_password": {"mysql_replication_user": "repl", "mysql_replication_password": 838383},
        "mysql_replication_user": {"mysql_replication_user": {"name": "repl", "password": "838383"}},
        "mysql_login_password": {"mysql_login_password": 838383},
    }
    for option, variables in altered.items():
        for playbook in ("failover", "switchover", *(["check", "rejoin"] if "login" in option else [])):
            run = alive.unchanged(alive.playbooks.run(f"dbha.mysql.{playbook}", "-vvv", **variables))
            assert (run.returncode, run.codes) == (2, {"bad_input"}), run
            assert f"({option}) is not text but a" in run.output
            assert "838383" not in run.output, run


def test_a_server_or_account_that_is_given_as_text_is_refused_without_being_shown(alive: Unharmed) -> None:
    server = "{'name': 'db1', 'host': '127.0.0.1', 'login_password': '83,8383'}"
    entries = [{"name": "db0", "host": "127.0.0.1", option: "{{ text }}"} for option in ("login_user", "name", "host", "site")]
    modules: list[dict[str, Any]] = [
        {"mysql_gtid_check": {"replicas": "{{ text }}"}},
        {"mysql_gtid_check": {"replicas": ["db0", "{{ text }}"]}},
        {"mysql_gtid_check": {"replicas": "[{{ text }}, {{ text }}]"}},
        {"mysql_gtid_check": {"cluster": "{{ text }}"}},
        {"mysql_gtid_check": {"cluster": "orders", "leave_out": ["{{ text }}"]}},
        {"mysql_promote": {"replica": "{{ text }}"}},
        {"mysql_change_master": {"replicas": ["db1"], "primary": "{{ text }}"}},
        {"mysql_rejoin": {"server": "db1", "primary": "{{ text }}", "replicas": []}},
        {"mysql_rejoin": {"server": "db1", "primary": "db0", "replicas": [], "copy_user": "{{ text }}"}},
        {"mysql_gtid_check": {"cluster": "orders", "candidates": ["{{ text }}"]}},
        {"mysql_gtid_check": {"cluster": "orders", "login_user": "{{ text }}"}},
        {"mysql_gtid_check": {"cluster": "orders", "replication_user": "{{ text }}"}},
        *({"mysql_gtid_check": {"replicas": [entry]}} for entry in entries),
    ]
    tasks: list[dict[str, Any]] = [{f"dbha.mysql.{name}": options} for module in modules for name, options in module.items()]
    # With an environment the work is done by the module, which says of itself what it was told.
    tasks += [{**task, "environment": {"SOME": "thing"}} for task in tasks[-5:]]
    roles = [role("failover", failover_candidates="{{ text }}"), role("switchover", switchover_to="{{ text }}"), role("rejoin", rejoin_server="{{ text }}")]
    listed = [{"block": [task], "rescue": [{"ansible.builtin.meta": "noop"}]} for task in [*tasks, *roles]]
    # It comes as text however it is evaluated.
    run = alive.unchanged(alive.playbooks.run_tasks(listed, "-vvv", text=f" {server}"))
    failed = [task for task in run.tasks if task.status == "failed"]
    assert len(failed) == len(listed), run
    assert "8383" not in run.output.partition("PLAY [")[2], run


def test_a_primary_alone_has_nobody_to_give_its_role_to(alive: Unharmed) -> None:
    assert codes_of(alive.run(playbook="switchover", cluster=["db0"])) == {("no_replicas", "")}


def test_a_replica_alone_has_nobody_to_take_the_role_from(alive: Unharmed) -> None:
    run = alive.run(playbook="switchover", cluster=["db1"])
    assert run.codes == {"primary_not_in_group"}
    assert f"the primary 127.0.0.1:{alive.cluster.primary.port} is not a member of this cluster" in run.output


def test_a_primary_alone_has_nobody_to_rejoin_it(alive: Unharmed) -> None:
    run = alive.unchanged(alive.playbooks.run("dbha.mysql.rejoin", cluster=["db0"]))
    assert run.returncode == 0, run
    assert "nothing is to be done" in run.output
    itself = alive.run(playbook="rejoin", cluster=["db0"], rejoin_server="db0")
    assert codes_of(itself) == {("bad_input", "")}, itself
    assert "db0 is the primary itself" in itself.output


def test_a_host_that_is_not_in_the_group_takes_no_part_in_a_rejoin(alive: Unharmed) -> None:
    without_db2: dict[str, Any] = {"rejoin_leave_out": ["db2"]}
    given = [{"rejoin_server": "db2"}, {"rejoin_server": "db1", "rejoin_donor": "db2"}, {"rejoin_server": "db1", "rejoin_primary": "db2"}]
    (task,) = alive.refusals(role("rejoin", rejoin_server="db1", rejoin_donor=HARMLESS))
    assert f"[not_a_member] {HARMLESS!r} is not a member of this cluster" in task.result["msg"], task
    for task in alive.refusals(*(role("rejoin", **without_db2, **options) for options in given)):
        assert "[not_a_member] 'db2' is not a member of this cluster (db0, db1)" in task.result["msg"], task


def test_a_strange_name_cannot_be_switched_over_to(alive: Unharmed) -> None:
    names = [HARMLESS, "x" * 300, "new\nline", {"a": 1}]
    for name, task in zip(names, alive.refusals(*(role("switchover", switchover_to=name) for name in names)), strict=True):
        assert f"[not_a_member] {str(name)[:100]!r} is not a member of this cluster" in task.result["msg"], task


def test_a_host_that_nobody_knows_is_unreachable(alive: Unharmed) -> None:
    hosts = {"far": {"mysql_host": "no-such-host.invalid", **LOGIN}}
    run = alive.run(playbook="switchover", cluster=["db0", "db1", "db2"], hosts=hosts)
    assert codes_of(run) == {("unreachable", "far")}, run
    assert max(step["seconds"] for task in run.tasks for step in task.result.get("timeline", [])) < HANGS, run


def test_what_the_inventory_or_an_option_has_wrong_is_right_once_the_remedy_is_followed(alive: Unharmed) -> None:
    """Each mistake is told with its code, and with its remedy, which is the same for all: say it as it is."""
    members = ["db0", "db1", "db2"]
    db2 = {"mysql_host": "127.0.0.1", "mysql_port": alive.cluster["db2"].port, **LOGIN}
    with fake.fake_server(fake.sends(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")) as ssh:
        mistakes: list[tuple[str, dict[str, Any]]] = [
            ("bad_input", {"switchover_timeout": 0}),
            ("no_such_cluster", {"cluster": "order"}),
            ("not_a_member", {"switchover_to": "db7"}),
            ("not_mysql", {"cluster": members, "hosts": {"db2": {"mysql_host": ssh.host, "mysql_port": ssh.port}}}),
            ("same_server", {"cluster": members, "hosts": {"again": {**db2, "mysql_host": "localhost"}}}),
            ("no_replicas", {"cluster": ["db0"], "switchover_to": ""}),
            ("primary_not_in_group", {"cluster": ["db1", "db2"]}),
        ]
        for code, mistake in mistakes:
            run = alive.run("--check", playbook="switchover", **{"switchover_to": "db1", **mistake})
            assert run.codes == {code}, run
            assert remedy_of(code, "switchover") in run.output, run
    run = alive.playbooks.run("dbha.mysql.switchover", "--check", cluster=members, switchover_to="db1")
    assert run.returncode == 0, run


# --- With the primary dead


@pytest.mark.parametrize("name", ["failover", "switchover", "rejoin"])
def test_an_option_of_a_wrong_type_is_named(dead: Unharmed, name: str) -> None:
    specification = yaml.safe_load((ROLES / name / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    given = [(option, value) for option, what in specification.items() for value in WRONG.get(what["type"], ())]
    given += [(option, "asleep") for option, what in specification.items() if "choices" in what]
    failed = dead.refusals(*(role(name, **{option: value}) for option, value in given))
    for (option, value), task in zip(given, failed, strict=True):
        assert "Validating arguments" in task.name, (option, value, task)
        assert option in task.result["msg"], task


def test_a_playbook_names_the_variable_and_not_the_option_that_it_fills_in(dead: Unharmed) -> None:
    for variable, value, message in (
        ("failover_drain_timeout", 0, "failover_drain_timeout: 0 is not a time limit"),
        ("failover_drain_timeout", "soon", "argument 'failover_drain_timeout' is of type"),
        ("failover_unreachable", "perhaps", "value of failover_unreachable must be one of"),
    ):
        run = dead.run(**{variable: value})
        assert run.codes == {"bad_input"}, run
        assert f"[bad_input] {message}" in run.output


LATE_LIMITS = {
    "failover_salvage_timeout": "nan",
    "failover_wait_timeout": "inf",
    "switchover_wait_timeout": -1,
    "rejoin_wait_timeout": 0,
}
"""Modules would refuse them as well, but only after others have done their work."""


def test_a_time_limit_that_is_none_is_told_before_anything_is_done(dead: Unharmed) -> None:
    failed = dead.refusals(*(role(option.partition("_")[0], **{option: value}) for option, value in LATE_LIMITS.items()))
    for option, task in zip(LATE_LIMITS, failed, strict=True):
        assert [problem["code"] for problem in task.result["problems"]] == ["bad_input"], task
        assert option in task.result["msg"], task


GROUPS = {
    "failover": [{"failover_cluster": "nobody"}, {"failover_cluster": ["orders"]}, {"failover_leave_out": ["db0", "db1", "db2"]}],
    "switchover": [{"switchover_cluster": "o'r\"d\\e;r%s"}, {"switchover_leave_out": "db0,db1,db2"}],
    "rejoin": [{"rejoin_cluster": "nobody"}, {"rejoin_cluster": {"a": 1}}],
}
"""A group without servers, the name of none, what is no name, and nothing that is left."""


def group_of_nobody(dead: Unharmed) -> tuple[str, str]:
    """Return the arguments for another inventory."""
    path = dead.playbooks.inventory.with_name("nobody.yml")
    path.write_text("nobody: {hosts: {}}\n", encoding="utf-8")
    return "-i", str(path)


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_that_is_none_or_has_no_servers_is_named_with_those_that_have(dead: Unharmed, name: str) -> None:
    failed = dead.refusals(*(role(name, **options) for options in GROUPS[name]), arguments=group_of_nobody(dead))
    for options, task in zip(GROUPS[name], failed, strict=True):
        named = options.get(f"{name}_cluster", "orders")
        (problem,) = task.result["problems"]
        assert problem["code"] == "no_such_cluster"
        if f"{name}_leave_out" in options:
            assert problem["message"] == "all servers of the group 'orders' are left out"
        else:
            message = f"{str(named)!r} is not a group of the inventory that has servers in it. Those that have are: orders"
            assert problem["message"] == message


def test_a_group_that_is_none_or_has_no_servers_cannot_be_checked(dead: Unharmed) -> None:
    for group in ("nobody", ""):
        run = dead.unchanged(dead.playbooks.run("dbha.mysql.check", *group_of_nobody(dead), cluster=group))
        assert run.returncode == 2, run
        assert run.codes == {"no_such_cluster"}
        assert f"'{group}' is not a group of the inventory that has servers in it. Those that have are: orders" in run.output


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("failover_dead_primary", ["db0"], "is not a host of the inventory"),
        ("rejoin_primary", ["db0"], "is not a host of the inventory"),
        ("rejoin_server", HARMLESS, "is not a member of this cluster"),
    ],
)
def test_what_is_no_name_of_a_server_is_told(dead: Unharmed, option: str, value: Any, says: str) -> None:
    (task,) = dead.refusals(role(option.partition("_")[0], **{option: value}))
    assert f"{str(value)!r} {says}" in task.result["msg"], task


def test_a_primary_without_replicas_cannot_be_failed_over(dead: Unharmed) -> None:
    assert codes_of(dead.run(cluster=["db0"])) == {("unreachable", "db0")}
    assert codes_of(dead.run(cluster=["db0"], failover_dead_primary="db0")) == {("no_replicas", "")}


def test_a_replica_without_its_primary_in_the_group_is_the_whole_cluster_only_if_the_primary_is_named(dead: Unharmed) -> None:
    assert dead.run(playbook="check", cluster=["db1"]).codes == {"primary_dead"}
    # A slice of a job in AWX looks like this; the other one has the other replica.
    refused = dead.run(cluster=["db1"])
    assert refused.codes == {"primary_not_in_group"}
    assert "is not a member of this cluster (db1); if others are missing too" in refused.output
    plan = dead.playbooks.run("dbha.mysql.failover", "--check", cluster=["db1"], failover_dead_primary="db0")
    assert plan.returncode == 0, plan
    assert plan.of("mysql_promote")["primary"]["name"] == "db1"


def test_a_strange_name_that_is_no_member_is_shown_and_refused(dead: Unharmed) -> None:
    # A comma would make two names of it.
    names = [HARMLESS.replace(",", ""), "x" * 300, "new\nline", "db1\0"]
    failed = dead.refusals(*(role("failover", **{option: name if "dead" in option else [name]}) for name in names for option in NAMING))
    for index, task in enumerate(failed):
        name, option = names[index // len(NAMING)], NAMING[index % len(NAMING)]
        assert repr(name[:100]) in task.result["msg"], task
        assert ("is not a host of the inventory" if "dead" in option else "[not_a_member]") in task.result["msg"], task


@pytest.mark.parametrize("name", ["x" * 300, "new\nline"], ids=["300 characters", "a newline"])
def test_a_member_with_a_name_that_cannot_be_one_is_refused(dead: Unharmed, name: str) -> None:
    run = dead.run(cluster=["db0", "db1"], hosts={name: {"mysql_host": "127.0.0.1", "mysql_port": dead.cluster["db2"].port, **LOGIN}})
    assert run.codes == {"bad_input"}, run
    assert "is not a name for a server: it takes 1 to 255 printable characters" in run.output


@pytest.mark.parametrize(
    "variables", [{"mysql_host": "no such host"}, {"mysql_port": "mysql"}, {"mysql_port": 70000}, {"mysql_unix_socket": "/" + "x" * 200}], ids=str
)
def test_an_address_that_is_none_is_refused_with_what_it_takes(dead: Unharmed, variables: dict[str, Any]) -> None:
    run = dead.run(cluster=["db0", "db1"], hosts={"odd": {"mysql_host": "127.0.0.1", **LOGIN, **variables}})
    assert str(next(iter(variables.values())))[:60] in run.output, run


def test_users_that_no_server_knows_are_told_with_their_name(dead: Unharmed) -> None:
    user = HARMLESS[:70]
    run = dead.run(hosts={"db1": {"mysql_login_user": user}, "db2": {"mysql_login_user": "x" * 120}})
    assert {problem["server"]: problem["code"] for problem in run.problems if problem["server"] != "db0"} == {
        "db1": "login_refused",
        "db2": "login_refused",
    }, run
    assert repr(user) in {problem["message"] for problem in run.problems if problem["server"] == "db1"}.pop()


@pytest.mark.parametrize("behave", [fake.sends(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), fake.sends_slowly(fake.greeting(), 1)], ids=["ssh", "slow"])
def test_whatever_answers_where_the_primary_was_it_may_be_alive(dead: Unharmed, behave: fake.Behaviour) -> None:
    with fake.fake_server(behave, port=dead.cluster.primary.port):
        run = dead.run()
    assert codes_of(run) == {("primary_maybe_alive", "db0")}, run
    looks = [step["seconds"] for task in run.tasks for step in task.result.get("timeline", [])]
    assert max(looks) < HANGS, run


def test_what_is_no_working_server_is_told_in_time_one_beside_the_other(dead: Unharmed) -> None:
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
    timeline = next(task.result["timeline"] for task in run.tasks if "timeline" in task.result)
    assert max(step["seconds"] for step in timeline) < HANGS, run
    times = {step["server"]: (step["start"], step["start"] + step["seconds"]) for step in timeline if step["step"] == "connect"}
    beside = [name for name, (begun, ended) in times.items() if name != "slow" and begun < times["slow"][1] and times["slow"][0] < ended]
    assert beside, timeline


@pytest.mark.alike
@pytest.mark.server("mysql-9.7")
def test_a_strange_name_of_a_member_and_of_a_user_and_a_password_of_one_letter_do_no_harm(kind: str, tmp_path: Path) -> None:
    user = """o'b"r\\i;%s"""
    with POOL.cluster(kind, replicas=2) as cluster:
        for name in ("failover", "repl"):
            cluster.primary.execute("RENAME USER %s@'%%' TO %s@'%%'", (name, user + name))
        # Every name here has a letter of it.
        cluster.primary.execute("ALTER USER %s@'%%' IDENTIFIED BY 'b'", (f"{user}failover",))
        cluster.wait_in_sync()
        cluster.primary.kill()
        mark = tmp_path / "mark"
        strange = STRANGE.replace("MARK", str(mark))
        login = {**LOGIN, "mysql_login_user": f"{user}failover", "mysql_login_password": "b", "mysql_replication_user": f"{user}repl"}
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
