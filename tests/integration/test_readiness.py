# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a check finds months before it matters, on servers that are set up so."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._verbs import gtid_check as check
from sandbox import Cluster, Server, install
from sandbox.runs.leaks import leaked
from sandbox.runs.modules import Refused, Some, call, entry, find_best_replica, gtid_check
from sandbox.runs.playbook import Playbooks
from sandbox.servers.accounts import PASSWORDS, SCHEMA
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool
from sandbox.servers.snapshot import differences, snapshots, wait_until_still
from sandbox.servers.sshd import Sshd
from sandbox.servers.waiting import wait_until

ACCOUNT = {"replication_user": "repl", "replication_password": PASSWORDS["repl"]}


def findings(cluster: Cluster | Some, **options: Any) -> list[dict[str, Any]]:
    """Return what is found."""
    found: list[dict[str, Any]] = gtid_check(cluster, **{"purpose": "readiness", "fail_on": "never", **ACCOUNT, **options})["findings"]
    return found


def look(cluster: Cluster | Some, **options: Any) -> list[tuple[str, str, str]]:
    """Return code, grade and server of each finding."""
    return [(each["code"], each["grade"], each["server"]) for each in findings(cluster, **options)]


def codes(cluster: Cluster, **options: Any) -> set[str]:
    """Return the code of each finding."""
    return {each["code"] for each in findings(cluster, **options)}


def drawn(cluster: Cluster) -> dict[str, str]:
    """Return the line of each server in the drawing."""
    lines = gtid_check(cluster, purpose="readiness", fail_on="never", **ACCOUNT)["drawing"].replace("\n    ", " ").splitlines()
    return {line.lstrip("+- ").partition("  ")[0]: line for line in lines}


@contextmanager
def with_setting(server: Server, name: str, value: str) -> Iterator[None]:
    """Let a server have another setting, and then again the one that it had."""
    before = server.query_one(f"SELECT @@GLOBAL.{name} AS value")["value"]
    server.execute(f"SET GLOBAL {name} = {value}")
    try:
        yield
    finally:
        server.execute(f"SET GLOBAL {name} = {before!r}" if isinstance(before, str) else f"SET GLOBAL {name} = {before}")


def make_ready(cluster: Cluster) -> None:
    """Set all servers up as the check advises, as far as that can be done while they run."""
    for server in cluster.servers.values():
        settings = ["sync_binlog = 1", "innodb_flush_log_at_trx_commit = 1"]
        settings += ["gtid_strict_mode = ON"] if server.installation.is_mariadb else ["slave_net_timeout = 60"]
        server.execute_all(*(f"SET GLOBAL {each}" for each in settings))


def test_a_cluster_that_is_set_up_well_is_ready_and_each_fault_is_found(cluster: Cluster) -> None:
    primary, first, second = cluster["db0"], cluster["db1"], cluster["db2"]
    is_mariadb = primary.installation.is_mariadb
    make_ready(cluster)
    if not is_mariadb and not _is_old(primary):
        # (Who was read-only from the start shows that only as long as nobody has changed it since.)
        for replica in cluster.replicas:
            replica.execute_all("SET PERSIST_ONLY read_only = ON")
    cluster.wait_in_sync()
    # (A server of MariaDB that a replica has left may not have noticed it yet.)
    wait_until(lambda: "unlisted_replica" not in codes(cluster))
    told = gtid_check(cluster, purpose="readiness", **ACCOUNT)
    # Old servers do not say what they will be after a restart.
    assert {each["code"] for each in told["findings"]} <= {"read_only_not_kept", "relay_logs_not_recovered", "comes_back_open"}, told["findings"]
    # (A variable of MySQL that only a restart changes.)
    assert ("relay_logs_not_recovered" in {each["code"] for each in told["findings"]}) != is_mariadb
    assert {each["grade"] for each in told["findings"]} <= {"advice"}
    # (The others here were made read-only by a statement, and do not say what an option file holds beside that.)
    assert (("read_only_not_kept", "advice", "db1") in look(cluster)) == (is_mariadb or _is_old(primary))
    told["rehearsal"].pop("statements")
    numbers = {"to_apply": 0, "seconds": 0, "lost": 0}
    assert told["rehearsal"] == {"best": "db1", "because": None, **numbers, "not_eligible": {}, "site": None, "best_elsewhere": None}
    # Whom a failover may not elect, the rehearsal does not either.
    assert gtid_check(cluster, purpose="readiness", exclude=["db1"], **ACCOUNT)["rehearsal"]["best"] == "db2"
    assert ("no_candidate", "blocks", "") in look(cluster, exclude=["db1", "db2", "db3"])

    faults: list[tuple[Server, str, str, tuple[str, str, str]]] = [
        (first, "sync_binlog", "0", ("not_durable", "advice", "db1")),
        (first, "slave_net_timeout", "3600", ("notices_late", "hurts", "db1")),
        (second, "slave_net_timeout", "120", ("notices_late", "advice", "db2")),
    ]
    if is_mariadb:
        faults.append((second, "gtid_strict_mode", "OFF", ("not_strict", "advice", "db2")))
    if not _is_old(primary):
        faults.append((primary, "binlog_expire_logs_seconds", "3600", ("logs_expire_early", "hurts", "db0")))
    for server, name, value, expected in faults:
        with with_setting(server, name, value):
            assert expected in look(cluster), name
            assert f"  <- {expected[1]}" in drawn(cluster)[server.name]
            # What the remedy says to do on this server helps.
            follow(cluster, server, expected[0])
            assert expected not in look(cluster), name

    with with_setting(first, "max_connections", "100"), ExitStack() as clients:
        for _number in range(92):
            clients.enter_context(first.connect())
        assert ("connections_scarce", "hurts", "db1") in look(cluster)
        # What the remedy says: more are allowed.
        with with_setting(first, "max_connections", "200"):
            assert "connections_scarce" not in {code for code, _grade, _server in look(cluster)}

    # A setting that members have to share, and a replica that the group does not have.
    with with_setting(primary, "binlog_format", "'MIXED'"):
        assert ("settings_differ", "hurts", "") in look(cluster)
    # What the remedy says: all have the same value.
    assert ("settings_differ", "hurts", "") not in look(cluster)
    assert ("unlisted_replica", "hurts", "db0") in look(Some(primary, first, second))
    if is_mariadb:
        # It tells that only to accounts with a privilege that a failover need not have, and to others how many read its binary log.
        primary.execute("REVOKE REPLICATION MASTER ADMIN ON *.* FROM failover")
        assert ("unlisted_replica", "advice", "db0") in look(Some(primary, first, second))
        # (It counts those who have left until it has noticed.)
        wait_until(lambda: "unlisted_replica" not in codes(cluster))
        primary.execute("GRANT REPLICATION MASTER ADMIN ON *.* TO failover")
    # The remedy says: add the server to the group. So it does here, and to name the account.
    complete = {code for code, _grade, _server in look(cluster)}
    assert not complete & {"unlisted_replica", "primary_not_in_group", "no_replication_account"}
    # A failover without a word would be refused.
    assert ("primary_not_in_group", "blocks", f"{primary.host}:{primary.port}") in look(Some(first, second))
    assert ("no_replication_account", "hurts", "") in look(cluster, replication_user=None, replication_password=None)

    # The account is refused by all of them, from here: from elsewhere it may be let in.
    assert {("replication_login_refused", "advice", name) for name in cluster.servers} <= set(look(cluster, replication_password="another"))

    # The account is refused by one member only, because somebody has changed its password there.
    changed = "SET PASSWORD FOR 'repl'@'%' = PASSWORD('other')" if _is_old(first) else "ALTER USER repl IDENTIFIED BY 'other'"
    first.set_read_only(False)
    first.execute_all("SET SESSION sql_log_bin = 0", changed)
    first.set_read_only(True)
    assert ("replication_login_refused", "blocks", "db1") in look(cluster)
    with pytest.raises(Refused) as refusal:
        look(cluster, fail_on="blocks")
    assert refusal.value.codes == {"replication_login_refused"}


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_what_is_found_in_how_servers_replicate_goes_away_once_its_remedy_is_followed(cluster: Cluster) -> None:
    primary, first, second = cluster["db0"], cluster["db1"], cluster["db2"]
    is_mariadb = primary.installation.is_mariadb
    for server in cluster.servers.values():
        server.execute("SET GLOBAL event_scheduler = OFF")

    # settings_differ: events of the primary would not run on the next one, and its clock shows another time. The remedy is to set both alike.
    with with_setting(primary, "event_scheduler", "ON"):
        assert ("settings_differ", "hurts", "") in look(cluster)
        for server in cluster.replicas:
            server.execute("SET GLOBAL event_scheduler = ON")
        assert not [each for each in findings(cluster) if each["code"] == "settings_differ"]
    with with_setting(first, "time_zone", "'+05:00'"):
        (clock,) = [each for each in findings(cluster) if "time of day" in each["message"]]
        assert (clock["code"], clock["grade"]) == ("settings_differ", "advice")
        assert "+300 minutes from UTC on db1" in clock["message"]
        assert "default_time_zone" in clock["remedy"]
        with with_setting(primary, "binlog_format", "'MIXED'"):
            assert ("settings_differ", "hurts") in {(each["code"], each["grade"]) for each in findings(cluster) if "time of day" in each["message"]}

    # delayed, which is on purpose where others are there.
    cluster.replicate(second, delay=600)
    assert ("delayed", "advice", "db2") in look(cluster)
    # Nobody else is there who could take over.
    assert ("delayed", "hurts", "db2") in look(Some(primary, second))
    assert "delayed 600 s" in drawn(cluster)["db2"]
    cluster.replicate(second)
    assert "delayed" not in codes(cluster)

    second.leave_out("nowhere")
    assert ("filtered", "hurts", "db2") in look(cluster)
    second.leave_out("")
    wait_until(lambda: second.replica_status()["receiver"] == "Yes")
    assert "filtered" not in codes(cluster)

    # lagging, until the applier gets on.
    holder = first.connect()
    holder.cursor().execute("FLUSH TABLES WITH READ LOCK")
    primary.execute(f"INSERT INTO {SCHEMA}.rows (id, client) VALUES (4711, 9)")
    wait_until(lambda: ("lagging", "hurts", "db1") in look(cluster, max_lag=0))
    assert "1 to apply" in drawn(cluster)["db1"]
    # Nothing is applied there, so that nobody can say how long it takes.
    alone = gtid_check(Some(primary, first), purpose="readiness", fail_on="never", **ACCOUNT)["rehearsal"]
    assert (alone["best"], alone["to_apply"], alone["seconds"]) == ("db1", 1, None)
    holder.close()
    cluster.wait_in_sync()
    wait_until(lambda: "lagging" not in codes(cluster, max_lag=0))

    # site_lost: nobody elsewhere may be promoted. With another word of mysql_promotion, as the remedy says, somebody may.
    for word, expected in (("never", True), ("neutral", False)):
        members = [*({**entry(server), "site": "A"} for server in (primary, first, cluster["db3"])), {**entry(second), "site": "B", "promotion": word}]
        told = call(check.VERB, replicas=members, purpose="readiness", fail_on="never", **ACCOUNT)
        assert (("site_lost", "hurts") in {(each["code"], each["grade"]) for each in told["findings"]}) == expected

    if is_mariadb:
        primary.execute("SET GLOBAL rpl_semi_sync_master_enabled = ON")
        assert ("semi_sync_incomplete", "hurts", "db0") in look(cluster)
        first.execute("SET GLOBAL rpl_semi_sync_slave_enabled = ON")
        assert ("semi_sync_incomplete", "advice", "db0") in look(cluster)
        # The remedy, once more.
        second.execute("SET GLOBAL rpl_semi_sync_slave_enabled = ON")
        assert "semi_sync_incomplete" not in codes(cluster)
        for server, variable in ((primary, "master"), (first, "slave"), (second, "slave")):
            server.execute(f"SET GLOBAL rpl_semi_sync_{variable}_enabled = OFF")
        return

    # semi_sync_incomplete: nobody can acknowledge, and whoever is the primary next could not wait for it. The remedies: loaded, enabled.
    primary.execute_all("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'", "SET GLOBAL rpl_semi_sync_source_enabled = ON")
    with ExitStack() as plugins:
        plugins.callback(primary.execute_all, "SET GLOBAL rpl_semi_sync_source_enabled = OFF", "UNINSTALL PLUGIN rpl_semi_sync_source")
        assert {("semi_sync_incomplete", "hurts", name) for name in ("db0", "db1", "db2", "db3")} <= set(look(cluster))
        for server in cluster.replicas:
            server.set_read_only(False)
            server.execute("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'")
            plugins.callback(server.set_read_only)
            plugins.callback(server.execute, "UNINSTALL PLUGIN rpl_semi_sync_source")
        assert {server for code, _grade, server in look(cluster) if code == "semi_sync_incomplete"} == {"db0"}
        assert ("semi_sync_incomplete", "hurts", "db0") in look(cluster)

    # public_key_missing: it was let in because the primary remembers the password, which the next one need not.
    first.execute_all("STOP REPLICA IO_THREAD", "CHANGE REPLICATION SOURCE TO SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 0", "START REPLICA IO_THREAD")
    (found,) = [each for each in findings(cluster) if each["code"] == "public_key_missing"]
    assert (found["server"], found["grade"]) == ("db1", "hurts")
    first.execute_all(*found["remedy"].split("; "))
    assert "public_key_missing" not in codes(cluster)

    # gives_up: by default after ten attempts, from 8.4 on.
    first.execute_all("STOP REPLICA IO_THREAD", "CHANGE REPLICATION SOURCE TO SOURCE_RETRY_COUNT = 10", "START REPLICA IO_THREAD")
    (found,) = [each for each in findings(cluster) if each["code"] == "gives_up"]
    assert (found["server"], found["grade"]) == ("db1", "advice")
    first.execute_all(*found["remedy"].split("; "))
    assert "gives_up" not in codes(cluster)

    # purged: whoever would be elected has thrown away what another replica has not fetched yet.
    second.execute("STOP REPLICA IO_THREAD")
    primary.execute(f"INSERT INTO {SCHEMA}.rows (id, client) VALUES (4712, 9)")
    cluster.wait_in_sync(replicas=[first, cluster["db3"]])
    assert "purged" not in codes(cluster)
    for server in (first, cluster["db3"]):
        server.execute("FLUSH BINARY LOGS")
        server.execute("PURGE BINARY LOGS TO %s", (server.query_one("SHOW BINARY LOG STATUS")["File"],))
    assert ("purged", "hurts", "db2") in look(cluster)
    second.execute("START REPLICA IO_THREAD")
    cluster.wait_in_sync()
    assert "purged" not in codes(cluster)


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_rehearsal_names_the_statements_that_a_failover_sends_then(cluster: Cluster, tmp_path: Path) -> None:
    before = wait_until_still(cluster.servers.values())
    rehearsed = gtid_check(cluster, purpose="readiness", **ACCOUNT)["rehearsal"]
    assert not differences(before, snapshots(cluster.servers.values()))
    by_server: dict[str, list[str]] = {}
    for each in rehearsed["statements"]:
        by_server.setdefault(each["server"], []).append(each["statement"])
    assert rehearsed["best"] in by_server
    cluster.primary.kill()
    run = Playbooks(cluster, tmp_path).run("dbha.mysql.failover", failover_salvage="never")
    assert run.returncode == 0, run
    sent: dict[str, list[str]] = {}
    for (_module, server), statements in run.sent.items():
        sent.setdefault(server, []).extend(statements)
    assert by_server == sent


@pytest.mark.server("mariadb-11.8")
def test_replicas_that_are_newer_than_others_are_found(kind: str) -> None:
    with Cluster("mariadb-10.11", replicas=1) as cluster:
        cluster.kind = kind
        newer = cluster.add()
        newer.set_read_only()
        cluster.replicate(newer, start=False)
        # Without that, one of 11.4 or later goes to no source that has no TLS.
        newer.execute_all("CHANGE MASTER TO MASTER_SSL = 0, MASTER_SSL_VERIFY_SERVER_CERT = 0", "START SLAVE")
        cluster.wait_in_sync()
        assert ("versions_differ", "advice", "") in look(cluster)
        assert gtid_check(cluster, purpose="readiness", **ACCOUNT)["rehearsal"]["best"] == "db1"


def follow(cluster: Cluster, server: Server, code: str) -> None:
    """Carry out the statements of a finding's remedy. (The servers here have no option file, and are started with --no-defaults.)"""
    found = gtid_check(cluster, purpose="readiness", fail_on="never", replication_user="repl", replication_password=PASSWORDS["repl"])["findings"]
    (remedy,) = {each["remedy"] for each in found if (each["code"], each["server"]) == (code, server.name)}
    statements = [part for part in remedy.split("; ") if part.startswith("SET ")]
    assert statements
    server.execute_all(*statements)
    if any(statement.startswith("SET PERSIST") for statement in statements):
        server.execute("RESET PERSIST")


def _is_old(server: Server) -> bool:
    return server.installation.kind.name == "mysql-5.6"


@pytest.mark.server("mysql-9.7")
def test_a_replica_that_would_take_writes_after_a_restart_is_found(cluster: Cluster) -> None:
    replica = cluster["db1"]
    replica.execute("SET PERSIST_ONLY read_only = OFF")
    replica.execute("SET PERSIST_ONLY super_read_only = OFF")
    assert ("read_only_not_kept", "hurts", "db1") in look(cluster)
    # What the finding says to do helps. (The servers here are started with --no-defaults, which leaves out what is persisted.)
    found = gtid_check(cluster, purpose="readiness", fail_on="never")["findings"]
    (finding,) = [each for each in found if (each["code"], each["server"]) == ("read_only_not_kept", "db1")]
    assert "after its next start (read_only=OFF in mysqld-auto.cnf)" in finding["message"]
    replica.execute_all(*finding["remedy"].split("; "))
    assert ("read_only_not_kept", "db1") not in {(code, server) for code, _grade, server in look(cluster)}
    replica.execute("RESET PERSIST")
    # comes_back_open is not said of a primary of which its remedy, or mysql_safe_start, has seen to that.
    assert ("comes_back_open", "advice", "db0") in look(cluster)
    cluster.primary.execute("SET PERSIST_ONLY read_only = ON")
    assert "comes_back_open" not in codes(cluster)
    cluster.primary.execute("RESET PERSIST")


@pytest.mark.server("mysql-9.7")
def test_what_an_option_file_has_to_say_is_right_once_the_server_was_started_with_it(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers here have no option file: the command line stands in for one, but where the file itself is told."""
    with POOL.cluster(kind, replicas=1) as cluster:
        primary, replica = cluster["db0"], cluster["db1"]
        assert {("comes_back_open", "advice", "db0"), ("relay_logs_not_recovered", "advice", "db1")} <= set(look(cluster))
        # What the remedy of each says. (The other half, mysql_safe_start, is what opens the primary again.)
        (finding,) = [each for each in gtid_check(cluster, purpose="readiness", fail_on="never")["findings"] if each["code"] == "comes_back_open"]
        primary.execute(finding["remedy"].partition("; ")[2])
        assert "comes_back_open" not in codes(cluster)
        file = tmp_path / "my.cnf"
        file.write_text("[mysqld]\nread_only = OFF\n")
        with_file = [f"--defaults-file={file}" if part == "--no-defaults" else part for part in primary.command]
        primary.execute("RESET PERSIST")
        with monkeypatch.context() as patch:
            patch.setattr(Server, "command", with_file)
            primary.restart()
        (finding,) = [each for each in gtid_check(cluster, purpose="readiness", fail_on="never")["findings"] if each["code"] == "comes_back_open"]
        assert f"(read_only=OFF in {file})" in finding["message"]
        primary.execute(finding["remedy"].partition("; ")[2])
        replica.restart("--read-only", "--super-read-only", "--relay-log-recovery=ON")
        assert not {"comes_back_open", "relay_logs_not_recovered"} & {code for code, _grade, _server in look(cluster)}


@pytest.mark.server("mariadb-10.11")
def test_who_applies_late_and_who_is_newer_is_not_elected_once_it_is_named(kind: str) -> None:
    install("mariadb-11.8")
    with POOL.cluster(kind, replicas=2) as cluster, Server("mariadb-11.8", "newer", server_id=60) as newer:
        newer.set_read_only()
        cluster.replicate(newer, cluster.primary)
        # By itself it would only talk to a server that offers TLS, and can prove who it is.
        newer.execute_all("STOP SLAVE", "CHANGE MASTER TO MASTER_SSL = 0", "START SLAVE")
        cluster.replicate(cluster["db2"], delay=600)
        cluster.wait_in_sync(replicas=[cluster["db1"], newer])
        wait_until(lambda: cluster["db2"].replica_status()["receiver"] == "Yes")
        members = Some(*cluster.servers.values(), newer)
        found = {(code, server) for code, _grade, server in look(members)}
        assert {("delayed", "db2"), ("versions_differ", "")} <= found
        cluster.primary.execute("INSERT INTO dbha_demo.`rows` (id, client) VALUES (1, 0)")
        cluster.wait_in_sync(replicas=[cluster["db1"], newer])
        cluster.primary.kill()
        # What the remedy of both says: they are named (failover_exclude).
        assert find_best_replica(members, exclude=["db2", "newer"])["best"]["name"] == "db1"


@pytest.mark.server("mysql-9.7")
def test_a_login_that_would_be_refused_after_a_restart_is_found(cluster: Cluster) -> None:
    # By now every server remembers the password.
    assert "password_withheld" not in {code for code, _grade, _server in look(cluster)}
    found = [each for each in findings(cluster, allow_unverified=False) if each["code"] == "password_withheld"]
    assert {(each["server"], each["grade"]) for each in found} == {(server.name, "hurts") for server in cluster.servers.values()}
    assert all("only as long as it remembers the password" in each["message"] for each in found)


@pytest.mark.alike
@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_nobody_could_be_elected_so_the_check_fails(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=1) as cluster:
        replica = cluster["db1"]
        replica.restart("--read-only", "--skip-log-slave-updates")
        wait_until(lambda: replica.replica_status()["receiver"] == "Yes")
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.check")
        assert run.returncode != 0
        assert ("no_candidate", "") in {(each["code"], each["server"]) for each in run.problems}, run
        left = run.dbha_result
        assert left["rehearsal"]["best"] is None
        assert {"not_logging", "no_candidate"} <= {each["code"] for each in left["findings"]}
        # With a name of one's own for what is too bad, and without any; in colours where Ansible uses them, but not in the log, nor in what is left.
        log = tmp_path / "log"
        coloured = Playbooks(cluster, tmp_path).run(
            "dbha.mysql.check",
            hosts={name: {"check_fail_on": "never"} for name in cluster.servers},
            environment={"ANSIBLE_NOCOLOR": "0", "ANSIBLE_FORCE_COLOR": "1", "ANSIBLE_LOG_PATH": str(log)},
        )
        assert coloured.returncode == 0, coloured
        lines = coloured.output.splitlines()
        assert [line for line in lines if line.startswith("\x1b[") and "advice [not_durable]" in line], lines
        assert "advice [not_durable]" in log.read_text(encoding="utf-8")
        assert "\x1b" not in log.read_text(encoding="utf-8") + json.dumps(coloured.dbha_result)
        assert not [line for line in run.output.splitlines() if "not_" in line and "\x1b" in line]
        assert not [line for line in run.output.splitlines() if len(line) > 80 and not line.startswith(("fatal", "Origin", "localhost "))]
        assert re.search(r"^orders, 2\d\d\d-.* UTC: not ready \(\d blocks, ", run.output, re.MULTILINE), run
        strict = Playbooks(cluster, tmp_path).run("dbha.mysql.check", check_fail_on="advice")
        assert {"hurts", "advice"} <= {each["grade"] for each in strict.dbha_result["findings"]}
        assert "not_durable" in {each["code"] for each in strict.problems}
        # What the remedy of not_logging says.
        replica.restart("--read-only")
        wait_until(lambda: replica.replica_status()["receiver"] == "Yes")
        run = Playbooks(cluster, tmp_path).run("dbha.mysql.check")
        assert not {"not_logging", "no_candidate"} & {each["code"] for each in run.dbha_result["findings"]}, run
        # Nobody says how many servers there should be, until somebody follows the remedy.
        (size,) = [each for each in strict.dbha_result["findings"] if each["code"] == "size_not_set"]
        assert "mysql_cluster_size=2" in size["remedy"]
        sized = Playbooks(cluster, tmp_path).run("dbha.mysql.check", mysql_cluster_size=2)
        assert "size_not_set" not in {each["code"] for each in sized.dbha_result["findings"]}


@pytest.mark.server("mariadb-10.11")
def test_what_is_wrong_on_hosts_and_in_the_inventory_is_found_and_put_right(cluster: Cluster, sshd: Sshd, tmp_path: Path) -> None:
    primary, replica = cluster["db0"], cluster["db1"]
    playbooks = Playbooks(cluster, tmp_path)
    users = tmp_path / "users.yml"
    users.write_text(json.dumps({"users": {"hosts": {"u1": {"mysql_host": replica.host, "mysql_port": replica.port}}}}), encoding="utf-8")
    # (Several logins at once take their time on a busy machine.)
    everywhere = {name: {**sshd.variables, "failover_salvage": "require", "mysql_connect_timeout": 30} for name in cluster.servers}
    # salvage_impossible: the logs are not in /var/lib/mysql, and nobody listens where db1 is said to be.
    closed = {**everywhere, "db1": {**everywhere["db1"], "ansible_port": 1}}
    run = playbooks.run("dbha.mysql.check", "-i", str(users), hosts=closed, check_disk_used=1)
    found = {(each["code"], each["grade"], each["server"]) for each in run.dbha_result["findings"]}
    assert {("salvage_impossible", "blocks", "db0"), ("salvage_impossible", "hurts", "db1"), ("in_two_clusters", "hurts", "db1")} <= found, run
    assert ("disk_scarce", "hurts", "db0") in found
    assert run.codes == {"salvage_impossible"}
    says = {each["server"]: each["message"] for each in run.dbha_result["findings"] if each["code"] == "salvage_impossible"}
    assert "cannot be read on its host: /var/lib/mysql" in says["db0"] or "there is no " in says["db0"]
    assert "cannot be logged in to: " in says["db1"]
    # Where what can be fetched is fetched, a replica without SSH is nothing that hurts by now.
    run = playbooks.run("dbha.mysql.check", hosts=closed, failover_salvage="auto")
    found = {(each["code"], each["grade"], each["server"]) for each in run.dbha_result["findings"]}
    assert {("salvage_impossible", "hurts", "db0"), ("salvage_impossible", "advice", "db1")} <= found, run
    # What the remedy of each says: hosts that let us in, with the directory named, and one name for a server.
    right = {name: {**everywhere[name], **sshd.host_of(server)[name]} for name, server in cluster.servers.items()}
    run = playbooks.run("dbha.mysql.check", hosts=right)
    assert run.returncode == 0, run
    assert not {"salvage_impossible", "in_two_clusters", "disk_scarce"} & {each["code"] for each in run.dbha_result["findings"]}, run
    assert leaked(run.output) == []
    # Where nothing is said of salvaging, no host is logged in to.
    quiet = {name: {key: value for key, value in each.items() if key != "failover_salvage"} for name, each in closed.items()}
    run = playbooks.run("dbha.mysql.check", hosts=quiet, check_disk_used=1)
    assert not {"salvage_impossible", "disk_scarce"} & {each["code"] for each in run.dbha_result["findings"]}
    assert primary.is_running


def test_a_disk_that_is_nearly_full_is_told_by_a_server_that_has_the_plugin() -> None:
    """Of the releases that are tested, this is the one whose tools come with it."""
    kind = "mariadb-10.5"
    install(kind)
    plugins = tool(kind, "mariadb-binlog").parents[1] / kind / "usr/lib/mysql/plugin"
    with Cluster(kind, replicas=1, options=[f"--plugin-dir={plugins}", "--plugin-load-add=disks"]) as cluster:
        mounted = [row["Path"] for row in cluster.primary.query("SELECT Path FROM information_schema.DISKS")]
        if not any(str(cluster.primary.datadir.resolve()).startswith(each) for each in mounted):
            pytest.skip(f"This plugin sees only what is on devices: {mounted}")
        # Our account needs a privilege for that which nothing else needs.
        assert "disk_scarce" not in codes(cluster, disk_used=1)
        cluster.primary.execute("GRANT FILE ON *.* TO failover")
        cluster.wait_in_sync()
        assert {("disk_scarce", "hurts", "db0"), ("disk_scarce", "hurts", "db1")} <= set(look(cluster, disk_used=1))
        assert "disk_scarce" not in codes(cluster, disk_used=99)


@pytest.mark.server("mariadb-10.11", "mariadb-11.8")
def test_a_domain_in_which_nobody_writes_is_found_until_it_is_forgotten(cluster: Cluster) -> None:
    primary = cluster.primary
    primary.execute_all("SET SESSION gtid_domain_id = 5", f"INSERT INTO {SCHEMA}.rows (id, client) VALUES (4713, 9)")
    cluster.wait_in_sync()
    (found,) = [each for each in findings(cluster) if each["code"] == "domain_unused"]
    assert (found["server"], found["grade"]) == ("db0", "advice")
    # What the remedy says.
    drop, forget = re.findall(r"(FLUSH BINARY LOGS DELETE_DOMAIN_ID=\(5\)|SET GLOBAL gtid_slave_pos=.*); ?", found["remedy"].replace(". On", "; On"))[:2]
    for server in [primary, *cluster.replicas]:
        server.execute("FLUSH BINARY LOGS")
        newest = server.query("SHOW BINARY LOGS")[-1]["Log_name"]
        wait_until(lambda server=server, newest=newest: purged_to(server, newest))
        if server is not primary:
            server.execute("STOP SLAVE")
        server.execute(drop)
        if server is not primary:
            server.execute_all(forget, "START SLAVE")
    primary.execute(f"INSERT INTO {SCHEMA}.rows (id, client) VALUES (4714, 9)")
    cluster.wait_in_sync()
    assert not {"domain_unused", "domain_unknown", "errant"} & codes(cluster)
    assert "5-" not in primary.query_one("SELECT @@gtid_current_pos AS value")["value"]


def purged_to(server: Server, newest: str) -> bool:
    """Purge all binary logs but the newest one, which fails silently as long as a replica reads another one."""
    server.execute("PURGE BINARY LOGS TO %s", (newest,))
    return len(server.query("SHOW BINARY LOGS")) == 1
