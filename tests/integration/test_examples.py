# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every example of the modules and filters, and every command and block of the pages, is run as it is printed, on real servers, proxies and name servers.

Addresses, files and accounts are those of the sandbox. What cannot be run here, and what another test runs, is listed here with the reason or the test.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sandbox import PASSWORDS, Cluster
from sandbox.runs.playbook import Playbooks, Run
from sandbox.runs.printed import ROOT, blocks, commands, examples, watched
from sandbox.runs.watching import Watching
from sandbox.servers.bind import KEY, Bind
from sandbox.servers.certificate import Authority, make_authority
from sandbox.servers.haproxy import Haproxy
from sandbox.servers.programs import tool
from sandbox.servers.sshd import Sshd

ELSEWHERE = {
    "awx_launches: Launch a job for each cluster": "test_awx_launch.py",
    "awx_objects: Organization": "test_awx.py",
    **{f"docs/awx.md: {name}": "test_awx_workflow.py" for name in ("Check", "Fail over", "Switch over", "Rejoin", "Say why the workflow failed")},
    "docs/awx.md: Move the service address": "it would change an address of this machine",
    "address_primary: Let clients find db1 at the address that they know": "test_address.py",
    "address_primary: Fail over, and let the clients follow": "test_address.py",
    "docs/guides/hooks.md: Move the address": "it would change an address of this machine",
    "docs/guides/hooks.md: Tell the proxy": "it runs a program of the user's",
    "docs/guides/hooks.md: See that the proxy was reached": "it looks at what the one before has done",
    "docs/guides/clients.md: Let ProxySQL send writers to the new primary, and nobody to the old one": "test_proxysql.py",
    "docs/guides/clients.md: Let ProxySQL send readers to the server that was brought back": "test_proxysql.py",
    "ansible-playbook -i inventory.yml dbha.mysql.launch -e clusters=all": "test_awx_launch.py",
}
"""Examples and commands that are not run here: the test that does, or why none does. Ansible has to be able to read those all the same."""

BLOCKS = {
    "CONTRIBUTING.md: make demo       # a failover of real servers, to see what th": "test_demo.py",
    "CONTRIBUTING.md: make venv collection servers SERVER=mariadb-10.11": "as .ci/run and every run of the tests do",
    "CONTRIBUTING.md: ---": "antsibull-changelog reads fragments like it (make changelog)",
    "README.md: make demo    # starts a primary and three replicas, kills th": "test_demo.py",
    "README.md: ansible-galaxy collection install git+https://github.com/dbh": "test_install.py",
    "README.md: collections:": "test_install.py",
    "README.md: printf 'plugin: dbha.mysql.replication\\nallow_unverified: tr": "test_three_commands.py",
    "README.md: TASK [dbha.mysql.failover : Look at every member, stop recei": "test_documents.py",
    "README.md: CREATE USER 'failover'@'10.0.0.5' IDENTIFIED BY '…';    -- f": "test_documents.py",
    "README.md: -- MySQL 5.6 and 5.7": "test_documents.py",
    "docs/architecture.md: playbooks/              ansible-playbook dbha.mysql.failover": "a picture",
    "docs/awx.md: # inventory.yml": "test_awx_workflow.py",
    "docs/awx.md: # awx.yml": "test_awx.py",
    "docs/awx.md: ansible-galaxy collection install awx.awx": "test_awx.py",
    "docs/awx.md: file:": "test_awx_workflow.py",
    "docs/awx.md: mysql_replication_user: \"{{ lookup('ansible.builtin.env', 'R": "test_awx_workflow.py",
    'docs/awx.md: {{ job.name }}: {{ ((job.get("artifacts") or {}).get("dbha_r': "below",
    "docs/awx.md: ansible-builder build --tag dbha-mysql": "it takes an engine for containers: test_install.py runs ansible-builder create",
    "docs/chaos.md: make chaos SERVER=mysql-9.7 ROUNDS=300 SEED=1": "test_chaos.py, with fewer rounds",
    "docs/guides/clients.md: [Service]": "the unit of a distribution, which is not started here",
    "docs/guides/clients.md: install -m 755 extensions/haproxy/check-primary /etc/haproxy": "test_haproxy.py, from where it is",
    "docs/guides/clients.md: INSERT INTO mysql_replication_hostgroups (writer_hostgroup,": "no ProxySQL here",
    "docs/guides/clients.md: [Monitor]": "no MaxScale here",
    "docs/guides/clients.md: [routing:orders_writers]": "no MySQL Router here",
    "docs/guides/events.md: apt-get install openjdk-17-jre-headless          # ansible-r": "make eda does it",
    "docs/guides/events.md: clusters:": "below",
    "docs/guides/events.md: ansible-rulebook --rulebook dbha.mysql.failover --inventory": "test_rulebook.py",
    "docs/guides/events.md: ansible-rulebook --rulebook dbha.mysql.failover_awx --invent": "test_rulebook.py",
    "docs/guides/events.md: # decision-environment.yml, for ansible-builder": "it takes an engine for containers",
    "docs/guides/hooks.md: dbha_event:": "test_hooks.py",
    "docs/guides/inventory.md: [client]": "test_inventory_plugin.py",
    "docs/guides/inventory.md: plugin: dbha.mysql.replication": "test_inventory_plugin.py",
    "docs/guides/inventory.md: ansible-inventory -i orders.mysql_replication.yml --graph or": "test_inventory_plugin.py",
    "docs/guides/inventory.md: @orders:": "what a command of test_inventory_plugin.py prints",
    "docs/guides/inventory.md: addresses:": "test_inventory_plugin.py",
    "docs/guides/inventory.md: clusters:": "test_inventory_plugin.py",
    "docs/guides/journal.md: GRANT CREATE, INSERT, SELECT ON dbha_mysql.* TO 'failover'@'": "test_journal.py",
    "docs/guides/journal.md: 2026-11-27 14:03:22 UTC failover: db0 to db1, by ansible@con": "test_journal.py",
    "docs/guides/many-clusters.md: shop_07: refused; unreachable (shop_07_db2)": "test_many_clusters.py",
    "docs/guides/many-clusters.md: dbha_result:": "test_many_clusters.py",
    "docs/guides/many-clusters.md: export CONTROLLER_HOST=https://awx.example.com CONTROLLER_OA": "test_awx_launch.py",
    "docs/guides/many-clusters.md: shop_07: job 4711 failed; refused (unreachable)": "test_awx_launch.py",
    "docs/guides/old-primary-back.md: db0, which had the role before, may come back open for write": "below",
    "docs/guides/old-primary-back.md: db0 alone has 3 transactions (0-1-31). Rows: shop.orders 3 i": "test_left_out_then_back.py",
    "docs/guides/ready.md: orders, 2026-11-27 18:06:21 UTC: ready (2 hurts, 3 advice)": "test_readiness.py",
    'docs/guides/clients.md: zone "example.com" {': "named-checkconf reads it below",
    "roles/rejoin/README.md: cd ~/dbha-saved/db0-4b7d908579f4 && mysql --host=10.0.0.11 -": "test_rejoin_saved.py",
}
"""Blocks that hold neither an example, nor a command with the inventory, nor variables of a group: the test that has to do with them, or what they are."""


def variables_of_groups() -> dict[str, dict[str, Any]]:
    """Return the variables of a cluster's group that are shown, by the place of the block."""
    found: dict[str, dict[str, Any]] = {}
    for block in blocks():
        shown = yaml.safe_load(block.text) if block.language == "yaml" and block.place not in BLOCKS else None
        if isinstance(shown, dict) and "dbha_result" not in shown:
            # A page goes on with what it has shown before.
            before = next((variables for place, variables in reversed(found.items()) if place.startswith(f"{block.page}:")), {})
            orders = shown.get("orders")
            found[block.place + f" #{len(found)}"] = orders.get("vars", {}) if isinstance(orders, dict) else {**before, **shown}
    return found


# A busy machine may not log in to a host within the 20 s that it gets by default.
PATIENT = {"dbha.mysql.mysql_salvage": {"timeout": 120}}


@dataclass
class Story:
    """A cluster to which all that is printed happens."""

    cluster: Cluster
    directory: Path
    authority: Authority
    proxies: tuple[Haproxy, Haproxy]
    names: Bind
    sshd: Sshd
    as_a_user: dict[str, str]
    """What whoever runs it has in the environment: a home, and the programs of the server."""
    done: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.playbooks = Playbooks(self.cluster, self.directory)
        inventory = self.directory / "more.yml"
        (self.directory / "reports").mkdir()
        # Clusters of names only, which stand for the same servers, since none of them is to be changed.
        more = {f"shop_{name}": self._again(f"shop_{name}", {}) for name in ("1", "test")}
        more["users"] = self._again("users", {})
        # What a copy takes, as the guide says.
        self.cluster.primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'copies'", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")
        more["orders"] = {"vars": {"rejoin_copy_user": "copier", "rejoin_copy_password": "copies"}}
        inventory.write_text(json.dumps(more), encoding="utf-8")
        self._more = str(inventory)
        self.examples = {f"{place}: {item.get('name', 'a play')}": item for place, items in examples().items() for item in items}

    def _again(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return a group with the same servers under other names, and with these variables."""
        inventory = yaml.safe_load(self.playbooks.inventory.read_text(encoding="utf-8"))["orders"]
        hosts = {f"{name}_{host}": {"ansible_host": options["mysql_host"], **options} for host, options in inventory["hosts"].items()}
        text = re.sub(r"\b(db\d)\b", rf"{name}_\1", json.dumps(self.here(variables)))
        return {"hosts": hosts, "vars": {**inventory["vars"], **json.loads(text)}}

    def here(self, shown: Any) -> Any:
        """Put the places of the sandbox where an example says others."""
        if isinstance(shown, list):
            return [self.here(each) for each in shown]
        if isinstance(shown, dict):
            changed = {key: self.here(value) for key, value in shown.items()}
            if "host" in shown and "10.0.0.1" in str(shown["host"]):
                server = self.cluster[f"db{shown['host'][-1]}"]
                changed |= {"host": server.host, "port": server.port}
            if shown.get("ansible_host") is not None:
                server = self.cluster[f"db{shown['ansible_host'][-1]}"]
                changed = {"mysql_host": server.host, "mysql_port": server.port}
            if "unix_socket" in shown:
                changed["unix_socket"] = self.cluster["db2"].socket
            if shown.get("zone") == "example.com":
                changed |= {"zone": "orders.example", "record": "writer", "key_name": KEY["key_name"]}
            return changed
        if not isinstance(shown, str):
            return shown
        first, second = self.proxies
        for there, instead in {
            "10.0.0.5:9999": first.api,
            "10.0.0.6:9999": second.api,
            "10.0.0.2": self.names.address,
            "10.0.0.3": self.names.address,
            "orders_writers": "writers",
            "orders_readers": "readers",
            "/etc/ssl/mysql-ca.pem": str(self.authority.ca),
            "/etc/mysql/ca.pem": str(self.authority.ca),
            "/srv/": f"{self.directory}/",
            "reporting": "db3",
        }.items():
            shown = shown.replace(there, instead) if shown != there else instead
        return shown

    def _run(self, *words: str, **options: Any) -> Run:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.as_a_user.items():
                patch.setenv(name, value)
            return self.playbooks.run(*words, cluster=None, **options)

    def run(self, *names: str, fails: Iterable[str] = (), **variables: Any) -> Run:
        """Run examples in one run, one after the other, each of which has to succeed, but for those that are meant to fail."""
        plays = []
        for name in names:
            item = self.here(self.examples[name])
            if name in fails:
                item["ignore_errors"] = True
            task = {"hosts": "localhost", "connection": "local", "gather_facts": False, "module_defaults": PATIENT, "tasks": [item]}
            plays.append(item if "hosts" in item else task)
            self.done.add(name)
        book = self.directory / "examples.yml"
        book.write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
        vaults = {"vault_failover_password": PASSWORDS["failover"], "vault_replication_password": PASSWORDS["repl"], "vault_dns_key": KEY["key_secret"]}
        hosts = self.sshd.host_of(self.cluster.primary)
        run = self._run(str(book), "-i", self._more, hosts=hosts, **vaults, **variables)
        assert run.returncode == 0, run
        failed = [task.name for task in run.tasks if task.status == "failed"]
        assert sorted(failed) == sorted(self.examples[name]["name"] for name in fails), run
        return run

    def command(self, text: str, *, fails: str = "") -> Run:
        """Run a command of the pages, which succeeds unless a code is given with which it is refused."""
        self.done.add(text)
        words = shlex.split(text.replace("=orders.html", f"={self.directory}/orders.html"))
        assert words[:3] == ["ansible-playbook", "-i", "inventory.yml"]
        run = self._run(*words[3:], "-i", self._more)
        assert run.returncode == (2 if fails else 0), run
        assert not fails or fails in run.codes, run
        return run

    def watch(self, given: dict[str, Any]) -> Watching:
        """Begin to watch as it is said, but for the places of the servers."""
        servers = list(self.cluster.servers.values())
        clusters: dict[str, list[Any]] = {}
        for name, shown in given["clusters"].items():
            for each, server in zip(shown, servers, strict=False):
                place = {"host": server.host, "port": server.port}
                clusters.setdefault(name, []).append({**each, **place} if isinstance(each, dict) else f"{server.host}:{server.port}")
        password = {"login_password": PASSWORDS["failover"], "config_file": "/dev/null", "pause_directory": str(self.directory)}
        return Watching(self.directory, {**self.here(given), **password, "clusters": clusters})

    def plan_with_variables(self, playbook: str) -> None:
        """Plan with each of the groups that pages show, all in one run."""
        (self.directory / "hooks").mkdir(exist_ok=True)
        for name in ("ask.yml", "move-address.yml"):
            (self.directory / "hooks" / name).write_text("- ansible.builtin.debug: {msg: asked}\n", encoding="utf-8")
        shown = variables_of_groups()
        # One that is a part of another one is planned with that.
        whole = [
            place
            for place, each in shown.items()
            if not any(other != place and each.items() <= more.items() and (each != more or other < place) for other, more in shown.items())
        ]
        of_it = [place for place in whole if playbook == "failover" or any(name.startswith(playbook) for name in shown[place])]
        groups = {f"shown_{number}": self._again(f"shown_{number}", shown[place]) for number, place in enumerate(of_it)}
        for group in groups.values():
            group["vars"].setdefault("fence_command", "true")
        path = self.directory / "shown.yml"
        path.write_text(json.dumps(groups).replace('"hooks/', f'"{self.directory}/hooks/'), encoding="utf-8")
        vaults = {"vault_failover_password": PASSWORDS["failover"], "vault_repl_password": PASSWORDS["repl"], "vault_dns_key": KEY["key_secret"]}
        run = self._run(f"dbha.mysql.{playbook}", "--check", "-i", str(path), clusters="shown_*", **vaults)
        assert run.returncode == 0, run
        assert len(run.custom["dbha_results"]) == len(of_it) >= 4
        self.done |= set(shown)


CHECK = "ansible-playbook -i inventory.yml dbha.mysql.check -e cluster=orders"
FAILOVER = "ansible-playbook -i inventory.yml dbha.mysql.failover -e cluster=orders"
REJOIN = "ansible-playbook -i inventory.yml dbha.mysql.rejoin -e cluster=orders"
SWITCHOVER = "ansible-playbook -i inventory.yml dbha.mysql.switchover -e cluster=orders -e switchover_to="


def while_it_lives(story: Story) -> None:
    cluster = story.cluster
    for more in ("", " -e check_report=orders.html"):
        story.command(CHECK + more)
    story.command("ansible-playbook -i inventory.yml dbha.mysql.check -e clusters=all --forks 25")
    story.command(FAILOVER + " --check")
    story.command(SWITCHOVER + "db1 --check --diff")
    story.plan_with_variables("switchover")
    story.command(SWITCHOVER + "db1")
    story.command(SWITCHOVER + "db0")
    looked = story.run(
        "mysql_gtid_check: Look at the cluster, and fail only if it cannot be read",
        "mysql_gtid_check: Show which server replicates from which",
        "mysql_gtid_check: Make sure that a failover would be possible before it is needed",
        "README.md: a play",
        "page: Write the page",
        "clusters: Let each cluster be a host of its own",
        "summary: Say how each cluster stands",
        "mysql_find_best_replica: See who would be promoted if the primary failed now",
        "mysql_find_best_replica: Choose the replica that takes the role from the living primary",
        look={},
    )
    assert looked.changed <= 2, looked  # the page, and the host
    assert (story.directory / "reports/orders.html").exists()
    for given in watched():
        with story.watch(given) as watching:
            for cluster_of_it in given["clusters"]:
                watching.wait_for("topology_changed", lambda event, name=cluster_of_it: event["cluster"] == name)
    story.run(
        "mysql_promote: Take the role from a living primary",
        "mysql_change_master: Repoint two servers, with another account and TLS",
        "mysql_rejoin: Let it replicate from the current primary",
        "haproxy_primary: Send the writers to db1, and the readers to the others",
        "dns_primary: Let the name of the clients lead to db1",
        "roles/switchover/README.md: Switch over",
    )
    assert [(proxy.open_to(), proxy.open_to("readers")) for proxy in story.proxies] == [(["db1"], ["db2", "db3"])] * 2
    assert [address for _ttl, address in story.names.ask("writer", "A")] == ["127.0.0.1"]
    story.command(SWITCHOVER + "db0")
    cluster.wait_in_sync()


def while_it_is_dead(story: Story) -> None:
    story.cluster.primary.kill()
    story.plan_with_variables("failover")
    planned = story.run("mysql_promote: See what would be done to promote a server that is in no inventory")
    assert not story.cluster["db1"].is_writable, planned
    story.run(
        "mysql_find_best_replica: Elect, and let the winner apply all that it has received",
        "mysql_find_best_replica: Elect, and put the threads back if nothing is promoted after all",
        "mysql_find_best_replica: Elect if the primary is dead, and succeed without a change if it lives",
        "mysql_salvage: Fetch from the dead primary what no replica received",
        "mysql_find_best_replica: Promote the winner",
        "mysql_promote: Promote the replica that was elected",
        "mysql_change_master: Let the others replicate from the new primary",
        "report: Leave the result for the next node of a workflow",
        "haproxy_primary: Fail over, and let the clients follow",
        "docs/guides/clients.md: Fail over if the primary is dead, and let the clients follow",
        "docs/guides/clients.md: Let nobody write",
        "whole_run: Fail over",
        "docs/guides/many-clusters.md: Let each cluster be a host",
        "docs/guides/many-clusters.md: Fail over",
        "roles/failover/README.md: Fail over",
    )
    assert [proxy.open_to() for proxy in story.proxies] == [[], []]
    assert story.cluster["db1"].is_writable
    story.command("ansible-playbook -i inventory.yml dbha.mysql.failover -e clusters=orders,users --forks 25")
    story.command("ansible-playbook -i inventory.yml dbha.mysql.switchover -e clusters='shop_*,!shop_test' --forks 25", fails="unreachable")


def when_it_is_back(story: Story) -> None:
    old = story.cluster.primary
    story.cluster["db1"].execute("INSERT INTO dbha_demo.`rows` (id, client) VALUES (1000002, 0)")
    old.restart()
    old.set_read_only(False)
    old.execute("INSERT INTO dbha_demo.`rows` (id, client) VALUES (1000001, 0)")
    for more in ("", " -e rejoin_primary=db1"):
        story.command(REJOIN + more, fails="own_transactions")
    assert not old.is_writable
    # MariaDB has no clone, and to say why it failed is to fail.
    fails = (
        "mysql_rejoin: Close the former primary for writes, and see what it alone has",
        "mysql_rejoin: Save what it alone has, then overwrite it with a clone of a replica",
        "told: Say why it failed",
    )
    run = story.run("mysql_gtid_check: See which server is to be brought back", *fails, fails=fails)
    assert run.codes == {"own_transactions", "cannot_copy"}, run
    story.command(REJOIN + " -e rejoin_method=rebuild")
    story.run("roles/rejoin/README.md: Rejoin")
    # And again: the next one dies.
    story.cluster["db1"].kill()
    failed = story.run("docs/codes.md: Look at the cluster", "docs/codes.md: Fail over if the primary is dead")
    assert failed.dbha_result["outcome"] == "promoted"
    story.cluster["db1"].restart()
    story.command(REJOIN)
    story.cluster[failed.dbha_result["new_primary"]["name"]].kill()
    over = story.command(FAILOVER)
    told = over.output
    (shown,) = [yaml.safe_load(block.text)["dbha_result"] for block in blocks() if block.place == "README.md: dbha_result:"]
    assert set(over.dbha_result) - {"comes_back"} == set(shown) - {"downtime"}
    (shown,) = [block.text for block in blocks() if block.place.startswith("docs/guides/old-primary-back.md: db0, which")]
    for line in shown.replace("db0", failed.dbha_result["new_primary"]["name"]).splitlines():
        assert line in told, told


PROGRAMS = {"global": ["haproxy", "-c", "-f"], "zone": ["named-checkconf"]}
"""The programs that are to read a block that begins with this word."""


def read_by_other_programs(directory: Path) -> None:
    """Let the proxy and the name server read what a page shows of their configurations."""
    for block in blocks():
        command = PROGRAMS.get(block.text.split()[0])
        if command:
            path = directory / "configuration"
            path.write_text(block.text, encoding="utf-8")
            found = shutil.which(command[0], path=os.environ["PATH"] + ":/usr/sbin:/usr/bin")
            assert found
            done = subprocess.run([found, *command[1:], str(path)], capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, (block, done)


@pytest.mark.server("mariadb-10.11")
@pytest.mark.timeout(900)
def test_every_example_and_every_command_does_what_it_is_printed_for(kind: str, tmp_path: Path) -> None:
    home = tempfile.TemporaryDirectory(dir="/tmp")  # in which sockets have short names
    programs = {str(tool(kind, name).parent): None for name in ("mariadb", "mariadb-dump", "mariadb-binlog")}
    as_a_user = {"HOME": home.name, "PATH": ":".join([os.environ["PATH"], *programs])}
    authority = make_authority(tmp_path)
    for file in tmp_path.glob("*.pem"):
        file.chmod(0o644)
    (tmp_path / "ssh").mkdir()
    with Cluster(kind, replicas=3, options=authority.server_options) as cluster, Bind() as names, Sshd(tmp_path / "ssh") as sshd:
        servers = list(cluster.servers.values())
        with Haproxy(servers) as first, Haproxy(servers) as second:
            story = Story(cluster, tmp_path, authority, (first, second), names, sshd, as_a_user)
            while_it_lives(story)
            while_it_is_dead(story)
            when_it_is_back(story)
            read_by_other_programs(tmp_path)
    home.cleanup()
    printed = {*story.examples, *commands(), *variables_of_groups()}
    assert printed - story.done - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) - printed == set()
    assert len(printed) > 60


def test_every_other_block_is_known_and_the_tests_that_are_named_for_it_are_there() -> None:
    shown = {block.place for block in blocks()}
    run = {place.rpartition(" #")[0] for place in variables_of_groups()}
    others = {
        block.place
        for block in blocks()
        if block.language != "{toctree}"
        and not block.tasks
        and block.place not in run
        and not commands() & set(block.text.splitlines())
        and block.text.split()[0] not in PROGRAMS
    }
    assert others - set(BLOCKS) - {"README.md: dbha_result:"} == set()
    assert set(BLOCKS) - shown == set()
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    named = {name for why in (*BLOCKS.values(), *ELSEWHERE.values()) for name in re.findall(r"test_\w+\.py", why)}
    assert named - tests == set()


@pytest.mark.parametrize(
    ("artifacts", "says"), [(None, "failed"), ({}, "failed"), ({"dbha_result": None}, "failed"), ({"dbha_result": {"outcome": "promoted"}}, "promoted")]
)
def test_the_message_for_awx_says_what_became_of_a_run(artifacts: Any, says: str) -> None:
    (message,) = [block.text for block in blocks() if block.place.startswith("docs/awx.md: {{ job.name")]
    job = {"name": "orders failover", "status": "failed", "artifacts": artifacts}
    # As AWX does.
    assert ImmutableSandboxedEnvironment().from_string(message).render(job=job).strip() == f"orders failover: {says}"


def test_what_is_not_run_here_can_be_read_by_ansible(tmp_path: Path) -> None:
    shown = {f"{place}: {item.get('name')}": item for place, items in examples().items() for item in items}
    items = [shown[name] for name in ELSEWHERE if name in shown]
    book = tmp_path / "examples.yml"
    plays = [item if {"hosts", "ansible.builtin.import_playbook"} & set(item) else {"hosts": "localhost", "tasks": [item]} for item in items]
    book.write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "--syntax-check", "-e", "cluster=orders", str(book)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, len(items) > 10) == (0, True), done.stdout + done.stderr
