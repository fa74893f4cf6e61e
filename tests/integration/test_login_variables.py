# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to log in is said by variables of the inventory: what playbooks of ours have no other way to be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import PASSWORDS, Cluster
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.certificate import make_authority


@pytest.mark.server("mariadb-10.11")
def test_servers_that_must_be_verified_and_ask_for_a_certificate(kind: str, tmp_path: Path) -> None:
    directories = tmp_path / "ours", tmp_path / "another"
    for directory in directories:
        directory.mkdir()
    authority, another = map(make_authority, directories)
    with Cluster(kind, replicas=2, options=authority.server_options) as cluster:
        cluster.primary.execute("ALTER USER failover@'%' REQUIRE X509")
        cluster.wait_in_sync()
        playbooks = Playbooks(cluster, tmp_path)

        def run(playbook: str, **options: Any) -> Run:
            certificate, key = authority.client
            variables = {"mysql_ca_cert": str(authority.ca), "mysql_client_cert": str(certificate), "mysql_client_key": str(key)}
            variables.update({name: options.pop(name) for name in list(options) if name.startswith("mysql_")})
            return playbooks.run(f"dbha.mysql.{playbook}", hosts=dict.fromkeys(cluster.servers, variables), **options)

        refused = run("check", mysql_ca_cert=str(another.ca))
        assert refused.returncode == 2, refused
        assert "certificate verify failed" in refused.output
        refused = run("check", mysql_client_cert=str(another.client[0]), mysql_client_key=str(another.client[1]))
        # What the server has to say of a certificate is lost if it hangs up while more is sent.
        assert refused.returncode == 2, refused
        assert "tls_failed" in refused.codes or "it may not accept the certificate that was shown (client_cert" in refused.output, refused

        assert run("check").returncode == 0
        switchover = run("switchover", switchover_to="db1")
        assert switchover.returncode == 0, switchover
        cluster["db1"].kill()
        failover = run("failover")
        assert failover.returncode == 0, failover
        cluster["db1"].restart()
        rejoin = run("rejoin")
        assert rejoin.returncode == 0, rejoin


@pytest.mark.server("mariadb-10.11")
def test_a_password_that_is_looked_up_is_asked_for_once(cluster: Cluster, tmp_path: Path) -> None:
    asked, playbooks = tmp_path / "asked", Playbooks(cluster, tmp_path)

    def lookup(account: str, of: str = "'all'") -> str:
        (tmp_path / account).write_text(PASSWORDS[account], encoding="utf-8")
        return f"{{{{ lookup('pipe', 'echo {account} of ' ~ {of} ~ ' >> {asked}; cat {tmp_path / account}') }}}}"

    def count(playbook: str, **variables: str) -> list[str]:
        asked.write_text("", encoding="utf-8")
        run = playbooks.run(f"dbha.mysql.{playbook}", **variables)
        assert run.returncode == 0, run
        assert not any(password in run.output for password in PASSWORDS.values())
        return sorted(asked.read_text(encoding="utf-8").splitlines())

    own = lookup("failover", "inventory_hostname")
    both = {"mysql_login_password": lookup("failover"), "mysql_replication_password": lookup("repl")}
    assert count("switchover", **both) == ["failover of all", "repl of all"]
    next(server for server in cluster.servers.values() if server.is_writable).kill()
    # A task for each step, each of which logs in to all of them.
    assert count("failover", mysql_login_password=own) == [f"failover of {name}" for name in cluster.servers]


@pytest.mark.server("mariadb-10.11")
def test_the_name_of_a_server_need_not_be_in_its_certificate_if_the_inventory_says_so(kind: str, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    with Cluster(kind, replicas=1, options=authority.server_options) as cluster:
        playbooks = Playbooks(cluster, tmp_path)
        variables = {"mysql_ca_cert": str(authority.ca), "mysql_host": "localhost"}
        refused = playbooks.run("dbha.mysql.check", hosts=dict.fromkeys(cluster.servers, variables))
        assert refused.returncode == 2, refused
        assert "Hostname mismatch" in refused.output
        assert refused.codes == {"tls_failed"}, refused
        # What the remedy says.
        variables["mysql_check_hostname"] = False
        run = playbooks.run("dbha.mysql.check", hosts=dict.fromkeys(cluster.servers, variables))
        assert run.returncode == 0, run

        # One that is valid no more is told as such, and of whom. The remedy is another one.
        certificate, key = authority.sign_expired()
        cluster["db1"].restart("--read-only", f"--ssl-cert={certificate}", f"--ssl-key={key}")
        refused = playbooks.run("dbha.mysql.check", hosts=dict.fromkeys(cluster.servers, variables))
        (problem,) = refused.problems
        assert (problem["code"], problem["server"]) == ("tls_failed", "db1"), refused
        assert "certificate has expired" in problem["message"]
        assert "until when it is valid" in problem["remedy"]


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ca_cert", "/none.pem", "the TLS files cannot be used (ca_cert /none.pem, client_cert None, client_key None)"),
        ("client_cert", "/none.pem", "the TLS files cannot be used (ca_cert None, client_cert /none.pem, client_key None)"),
        ("check_hostname", "perhaps", "db1: mysql_check_hostname takes a truth value (true or false), and 'perhaps' is not one"),
        ("connect_timeout", 0, "db1: mysql_connect_timeout takes a time limit (more than 0 and at most 86400 seconds), and 0 is not one"),
        ("port", "33o6", "db1: mysql_port takes a port (a whole number from 1 to 65535), and '33o6' is not one"),
        ("config_file", "/", "config_file: the option file / cannot be read"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(some_kind: str, tmp_path: Path, variable: str, value: Any, message: str) -> None:
    with Cluster(some_kind, replicas=1, start=False) as cluster:
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.failover", hosts={name: {f"mysql_{variable}": value} for name in ("db0", "db1")})
        assert run.returncode == 2, run
        assert message in run.output


def test_what_is_said_of_a_cluster_must_not_differ_between_its_servers(some_kind: str, tmp_path: Path) -> None:
    with Cluster(some_kind, replicas=1, start=False) as cluster:
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.failover", hosts={"db0": {"mysql_ca_cert": "/a.pem"}, "db1": {"mysql_ca_cert": "/b.pem"}})
        assert run.returncode == 2, run
        assert "mysql_ca_cert is not the same for db0 and db1" in run.output


def test_an_option_of_the_task_goes_before_the_variable(some_kind: str, tmp_path: Path) -> None:
    look = {"dbha.mysql.mysql_gtid_check": {"replicas": "{{ groups.orders }}", "connect_timeout": 2}}
    with Cluster(some_kind, replicas=1, start=False) as cluster:
        run = Playbooks(cluster, tmp_path).run_tasks([look], hosts={name: {"mysql_connect_timeout": 0, "mysql_read_timeout": 5} for name in ("db0", "db1")})
        assert "unreachable" in run.codes
        arguments = run.of("mysql_gtid_check")["invocation"]["module_args"]
        assert (arguments["connect_timeout"], arguments["read_timeout"]) == (2, 5)
