# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin finds the servers of a cluster from one or two of them, and the playbooks work on what it found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import PASSWORDS, Server
from sandbox.servers.cluster import Cluster
from sandbox.servers.pool import POOL
from sandbox.servers.virtual import VirtualAddress

pytestmark = pytest.mark.alike

BOTH = pytest.mark.server("mariadb-10.11", "mysql-9.7")
ONE = pytest.mark.server("mariadb-10.11")
"""For what is the same with all of them."""

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
CORES = [name for name in ("core-2.14", "core-oldest", "core-newest") if name != "core-newest" or (BUILD / name).exists()]

HOSTILE = "10.11.99-MariaDB-{{7*7}}"
"""What a server of MariaDB can be told to say of itself."""


@pytest.fixture(scope="module")
def cluster(kind: str) -> Iterator[Cluster]:
    """db0 feeds db1 and db2, db1 feeds db3, which says that it is elsewhere."""
    with POOL.cluster(kind, replicas=2) as cluster:
        options = ["--report-host=127.0.0.77", *([f"--version={HOSTILE}"] if kind == "mariadb-10.11" else [])]
        leaf = cluster.add("db3", options=options)
        leaf.set_read_only()
        cluster.replicate(leaf, source=cluster["db1"])
        cluster.wait_in_sync()
        yield cluster


class Source:
    """A configuration of the plugin, and what Ansible makes of it."""

    def __init__(self, directory: Path, *seeds: str, **options: Any) -> None:
        self.path = directory / "orders.mysql_replication.yml"
        account = directory / "account.cnf"
        account.write_text(f"[client]\nuser=failover\npassword={PASSWORDS['failover']}\n", encoding="utf-8")
        account.chmod(0o600)
        config = {"plugin": "dbha.mysql.replication", "clusters": {"orders": list(seeds)}, "config_file": str(account), "allow_unverified": True}
        self.directory = directory
        self.path.write_text(json.dumps({**config, **options}), encoding="utf-8")

    def run(self, *arguments: str, core: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        program = (BUILD / core / "bin" if core else Path(sys.executable).parent) / arguments[0]
        own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") or name == "ANSIBLE_CONFIG"}
        command = [str(program), "-i", str(self.path), *arguments[1:]]
        return subprocess.run(command, env={**own, "ANSIBLE_NOCOLOR": "1", **environment}, capture_output=True, text=True, timeout=120, check=False)

    def listed(self, core: str = "", **environment: str) -> tuple[dict[str, Any], str]:
        done = self.run("ansible-inventory", "--list", core=core, **environment)
        assert done.returncode == 0, done.stderr
        found = plain(json.loads(done.stdout))
        # How it is written, which newer ones say.
        found["_meta"].pop("profile", None)
        return found, done.stderr


def plain(value: Any) -> Any:
    """Take off how Ansible marks what is no template: it marks all of it that a plugin has from elsewhere."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def at(server: Server, host: str = "127.0.0.1") -> str:
    return f"{host}:{server.port}"


def name(server: Server) -> str:
    return f"127.0.0.1_{server.port}"


@pytest.mark.server("mariadb-10.11", "mysql-9.7", "mysql-5.6")
def test_from_a_leaf_the_whole_tree_is_found(cluster: Cluster, tmp_path: Path) -> None:
    db0, db1, db2, db3 = cluster.servers.values()
    source = Source(tmp_path, at(db3))
    found, said = source.listed()
    assert said == ""
    assert found["orders"]["children"] == ["orders_primary", "orders_replicas"]
    assert found["orders_primary"]["hosts"] == [name(db0)]
    assert sorted(found["orders_replicas"]["hosts"]) == sorted(map(name, (db1, db2, db3)))
    variables = found["_meta"]["hostvars"]
    assert {host: (each["mysql_source"], each["mysql_port"], each["mysql_server_id"]) for host, each in variables.items()} == {
        name(db0): ("", db0.port, 1),
        name(db1): (name(db0), db1.port, 2),
        name(db2): (name(db0), db2.port, 3),
        name(db3): (name(db1), db3.port, 4),
    }
    assert {host: each["mysql_read_only"] for host, each in variables.items()} == {name(each): each is not db0 for each in cluster.servers.values()}
    assert PASSWORDS["failover"] not in json.dumps(found)
    assert "mysql_cluster_size" not in variables[name(db0)]
    graph = source.run("ansible-inventory", "--graph", "orders").stdout
    assert graph.splitlines()[:3] == ["@orders:", "  |--@orders_primary:", f"  |  |--{name(db0)}"]


@BOTH
def test_a_check_works_on_what_was_found(cluster: Cluster, tmp_path: Path) -> None:
    source = Source(tmp_path, at(cluster["db3"]))
    done = source.run("ansible-playbook", "dbha.mysql.check", "-e", "cluster=orders", "-e", "check_fail_on=never")
    assert done.returncode == 0, done.stdout + done.stderr
    for server in cluster.servers.values():
        assert name(server) in done.stdout
    assert "unlisted_replica" not in done.stdout
    # What is saved for the day when the primary is dead says the same.
    found = source.listed()[0]
    source.run("ansible-inventory", "--list", "--export", "--yaml", "--output", str(tmp_path / "orders.yml"))
    source.path = tmp_path / "orders.yml"
    saved = source.listed()[0]
    assert saved["_meta"]["hostvars"] == found["_meta"]["hostvars"]
    assert saved["orders_primary"] == found["orders_primary"]


@ONE
@pytest.mark.parametrize("core", CORES)
def test_with_each_ansible_it_is_the_same_and_nothing_is_taken_for_a_template(cluster: Cluster, core: str, tmp_path: Path) -> None:
    made = {"keyed_groups": [{"key": "mysql_family", "prefix": "family"}], "compose": {"written": "mysql_host ~ ':' ~ mysql_port"}}
    source = Source(tmp_path, at(cluster["db3"]), **made)
    assert (BUILD / core / "bin/ansible").exists(), f"{core} is missing: make cores"
    found, said = source.listed(core)
    assert said == ""
    assert set(found["family_mariadb"]["hosts"]) == set(map(name, cluster.servers.values()))
    assert found["orders_primary"]["hosts"] == [name(cluster["db0"])]
    assert {each["written"] for each in found["_meta"]["hostvars"].values()} == set(map(at, cluster.servers.values()))
    shown = source.run("ansible", name(cluster["db3"]), "-m", "ansible.builtin.debug", "-a", "msg={{ mysql_version }}", core=core)
    assert HOSTILE in shown.stdout, shown


@BOTH
def test_one_server_at_two_addresses_is_one_host(cluster: Cluster, tmp_path: Path) -> None:
    db0, db1 = cluster["db0"], cluster["db1"]
    with VirtualAddress(db0) as address:
        seeds = [f"localhost:{db0.port}", f"127.0.0.1:{address.port}", at(db1), f"localhost:{db1.port}"]
        found, said = Source(tmp_path, *seeds).listed()
        assert said == ""
        variables = found["_meta"]["hostvars"]
        assert len(variables) == 4
        assert variables[f"localhost_{db0.port}"]["mysql_also_at"] == sorted([at(db0), f"127.0.0.1:{address.port}"])
        assert variables[name(db1)]["mysql_also_at"] == [f"localhost:{db1.port}"]


@ONE
def test_where_addresses_are_translated_replicas_are_told_the_other_one(cluster: Cluster, tmp_path: Path) -> None:
    db0, _db1, db2, db3 = cluster.servers.values()
    with VirtualAddress(db0) as address:
        wrong, said = Source(tmp_path, at(db3), addresses={at(db0): at(db2), "127.0.0.77": "127.0.0.1"}).listed()
        assert "[other_server]" in said + json.dumps(wrong)
        # What the remedy says: it is said where the server that is meant is reached from here.
        found, said = Source(tmp_path, at(db3), addresses={at(db0): f"127.0.0.1:{address.port}", "127.0.0.77": "127.0.0.1"}).listed()
        assert "[other_server]" not in said + json.dumps(found)
    variables = found["_meta"]["hostvars"]
    primary, leaf = variables[f"127.0.0.1_{address.port}"], variables[name(db3)]
    assert (primary["mysql_role"], primary["mysql_replication_host"], primary["mysql_replication_port"]) == ("primary", "127.0.0.1", db0.port)
    assert (leaf["mysql_replication_host"], leaf["mysql_replication_port"]) == ("127.0.0.77", db3.port)
    assert len(variables) == 4


@ONE
def test_what_is_kept_is_used_for_the_same_question_only_and_holds_no_password(cluster: Cluster, tmp_path: Path) -> None:
    keeps = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    login = {"login_user": "failover", "login_password": "{{ 'PASSWORD' | replace('PASSWORD', lookup('ansible.builtin.env', 'OF_FAILOVER')) }}"}
    (tmp_path / "none.cnf").write_text("", encoding="utf-8")
    given = {**keeps, **login, "config_file": str(tmp_path / "none.cnf")}
    environment = {"OF_FAILOVER": PASSWORDS["failover"]}
    first, _said = Source(tmp_path, at(cluster["db3"]), **given).listed(**environment)
    (kept,) = (tmp_path / "cache").iterdir()
    assert PASSWORDS["failover"] not in kept.read_text(encoding="utf-8")
    assert first["_meta"]["hostvars"][name(cluster["db3"])]["mysql_login_user"] == "failover"
    # Nobody could log in with this one.
    assert Source(tmp_path, at(cluster["db3"]), **given).listed(OF_FAILOVER="wrong")[0] == first
    asked, said = Source(tmp_path, at(cluster["db3"]), **given, limit=3).listed(**environment)
    assert len(asked["_meta"]["hostvars"]) == 3
    assert "[cluster_incomplete]" in said
    refused, said = Source(tmp_path, at(cluster["db3"]), **given, limit=4).listed(OF_FAILOVER="wrong")
    assert refused["_meta"]["hostvars"][name(cluster["db3"])]["mysql_unreachable"].startswith("[login_refused] ")
    assert "no server of the cluster orders can be read" in " ".join(said.split())


@ONE
def test_a_password_is_not_sent_to_whom_a_server_names(cluster: Cluster, tmp_path: Path) -> None:
    variables = Source(tmp_path, at(cluster["db3"]), allow_unverified=False).listed()[0]["_meta"]["hostvars"]
    assert {host: each.get("mysql_unreachable", "")[:19] for host, each in variables.items()} == {
        name(cluster["db3"]): "",
        name(cluster["db1"]): "[password_withheld]",
    }


@BOTH
def test_who_may_not_know_the_replicas_is_told_so(cluster: Cluster, tmp_path: Path) -> None:
    mariadb = cluster.primary.installation.is_mariadb
    privileges = "BINLOG MONITOR, SLAVE MONITOR" if mariadb else "REPLICATION CLIENT"
    cluster.primary.execute_all("CREATE USER 'looks'@'%' IDENTIFIED BY 'looks'", f"GRANT {privileges} ON *.* TO 'looks'@'%'")
    cluster.wait_in_sync()
    found, said = Source(tmp_path, at(cluster["db1"]), login_user="looks", login_password="looks").listed()
    assert set(found["_meta"]["hostvars"]) == {name(cluster["db0"]), name(cluster["db1"])}
    assert "[privilege_missing]" in said


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no group": ({"clusters": {"my-orders": ["a"]}}, "'my-orders' cannot be the name of a group"),
    "taken": ({"clusters": {"replicas": ["a"]}}, "'replicas' cannot be the name of a group"),
    "no seeds": ({"clusters": {"orders": []}}, "orders takes a list of addresses"),
    "more": ({"clusters": {"orders": {"seeds": ["a"], "hosts": 3}}}, "orders takes seeds and size, not hosts"),
    "size": ({"clusters": {"orders": {"seeds": ["a"], "size": 0}}}, "the size of orders is not a whole number"),
    "no address": ({"clusters": {"orders": ["a b"]}}, "'a b' is not an address"),
    "limit": ({"limit": 0}, "limit takes a whole number from 1 to 1000"),
    "timeout": ({"timeout": 0}, "timeout takes more than 0"),
    "addresses": ({"addresses": {"a": "b c"}}, "'b c' is not an address"),
    "files": ({"ca_cert": "/nonexistent/ca.pem"}, "the TLS files cannot be used"),
    "template": ({"login_password": "{{ vault_nowhere }}"}, "vault_nowhere"),
    "strict": ({"clusters": {"orders": {"seeds": ["127.0.0.1:1"], "size": 2}}, "strict": True}, "no server of the cluster orders can be read"),
}


@BOTH
def test_a_server_that_is_down_is_there_and_marked(cluster: Cluster, tmp_path: Path) -> None:
    # The first two are one, and the last is no name that anybody can have.
    found, said = Source(tmp_path, at(cluster["db3"]), "127.0.0.1:1", "localhost:1", "a..b").listed()
    assert (said, found["orders"]["hosts"]) == ("", ["127.0.0.1_1", "a..b"])
    variables = found["_meta"]["hostvars"]
    assert sorted(host for host, each in variables.items() if "mysql_unreachable" in each) == found["orders"]["hosts"]
    assert variables["127.0.0.1_1"]["mysql_unreachable"].startswith("[unreachable] 127.0.0.1:1 ")
    assert variables["127.0.0.1_1"]["mysql_also_at"] == ["localhost:1"]
    assert len(variables) == 6


@ONE
def test_what_cannot_be_used_is_said(cluster: Cluster, tmp_path: Path) -> None:
    paths = []
    for number, (options, _message) in enumerate(WRONG.values()):
        directory = tmp_path / str(number)
        directory.mkdir()
        paths += ["-i", str(Source(directory, "127.0.0.1:1", **options).path)]
    last = Source(tmp_path, at(cluster["db0"]))
    done = last.run("ansible-inventory", *paths, "--list")
    said = " ".join(done.stderr.split())
    assert [name for name, (_options, message) in WRONG.items() if message not in said] == [], said
    assert said.count("[bad_input]") >= len(WRONG) - 1
    failed = last.run("ansible-inventory", *paths[:2], "--list", ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true")
    assert failed.returncode != 0


@ONE
def test_the_examples_of_its_documentation_are_taken_and_the_commands_of_the_guide_are_run(cluster: Cluster, tmp_path: Path) -> None:
    (text,) = re.findall(r'^EXAMPLES = r"""\n(.*?)^"""$', (ROOT / "plugins/inventory/replication.py").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    guide = (ROOT / "docs/guides/inventory.md").read_text(encoding="utf-8")
    configs = [*yaml.safe_load_all(text), yaml.safe_load(guide.partition("```yaml\n")[2].partition("```")[0])]
    assert len(configs) > 3
    for config in configs:
        # Of what is said where the servers are, and what makes sure that it is them, nothing is true here.
        orders = config["clusters"]["orders"]
        seeds = {"orders": {**orders, "seeds": [at(cluster["db1"])], "size": 4} if isinstance(orders, dict) else [at(cluster["db1"])]}
        rest = {key: value for key, value in config.items() if key not in ("plugin", "clusters", "ca_cert")}
        if "cache_connection" in rest:
            rest["cache_connection"] = str(tmp_path / "cache")
        source = Source(tmp_path, **{**rest, "clusters": seeds, "allow_unverified": True})
        found, said = source.listed(FAILOVER_PASSWORD=PASSWORDS["failover"])
        assert (said, len(found["_meta"]["hostvars"])) == ("", 4), config
    commands = re.findall(r"^(ansible-\w+) -i orders\.mysql_replication\.yml (.*)$", guide, re.MULTILINE)
    assert len(commands) == 3
    for program, arguments in commands:
        done = source.run(program, *arguments.replace("orders.yml", str(tmp_path / "orders.yml")).split())
        assert done.returncode == 0, done.stdout + done.stderr
    saved = yaml.safe_load((tmp_path / "orders.yml").read_text(encoding="utf-8"))
    assert sorted(saved["all"]["children"]["orders"]["children"]) == ["orders_primary", "orders_replicas"]


@BOTH
def test_a_cluster_of_which_a_part_is_seen_is_not_failed_over(cluster: Cluster, tmp_path: Path) -> None:
    db0, db1, db2, db3 = cluster.servers.values()
    everybody = {"seeds": list(map(at, (db0, db1, db2, db3))), "size": 4}
    db0.kill()
    part = Source(tmp_path, at(db3))
    found, said = part.listed()
    assert found["orders_primary"]["hosts"] == [name(db0)]
    assert name(db2) not in found["_meta"]["hostvars"]
    assert "servers may be missing, and a failover is refused" in " ".join(said.split())
    failover = ("ansible-playbook", "dbha.mysql.failover", "-e", "cluster=orders")
    refused = part.run(*failover)
    assert (refused.returncode, "cluster_incomplete" in refused.stdout) == (2, True), refused.stdout
    whole = Source(tmp_path, clusters={"orders": everybody})
    done = whole.run(*failover)
    assert done.returncode == 0, done.stdout
    found = whole.listed()[0]
    (primary,) = found["orders_primary"]["hosts"]
    assert primary in map(name, (db1, db2))
    assert found["orders"]["hosts"] == [name(db0)]
