# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What would be in the way of a failover some day, each with the smallest change to a cluster that is ready."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.failover import Terms
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.findings import (
    ADVICE,
    BLOCKS,
    GRADES,
    HURTS,
    Finding,
    Thresholds,
    as_findings,
    fails,
    find,
    marks,
    rehearse,
    seconds_to_apply,
    told_once,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Tried
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import REMEDIES, remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._state.host import Disk, Host
from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import Setup
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, SemiSync, SourceTls
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, gtids, living, replica
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import short as short_gtids

GOOD = {
    "binlog_expire_logs_seconds": "604800",
    "binlog_format": "ROW",
    "character_set_server": "utf8mb4",
    "innodb_flush_log_at_trx_commit": "1",
    "lower_case_table_names": "0",
    "replica_net_timeout": "60",
    "sync_binlog": "1",
}
SETUP = Setup(GOOD, keeps_read_only=True, registered=(), persists=True)


def ready(*, first: t.Mapping[str, t.Any] | None = None, second: t.Mapping[str, t.Any] | None = None, **primary: t.Any) -> Topology:
    """A primary and two replicas that receive from it and have everything; what is named replaces what a replica, or the primary, has."""

    def one(name: str, changes: t.Mapping[str, t.Any]) -> Member:
        on_channel = {"receiver": RUNNING, "lag": 0, **changes.get("on_channel", {})}
        return replica(
            name, changes.get("executed", "P:1-9"), on_channel=on_channel, **{k: v for k, v in changes.items() if k not in ("on_channel", "executed")}
        )

    return cluster(living("db0", **primary), one("db1", first or {}), one("db2", second or {}))


def found(
    topology: Topology,
    *,
    tried: t.Mapping[str, Tried] | None = None,
    knows_account: bool = True,
    hosts: t.Mapping[str, Host] | None = None,
    salvages: str = "",
    elsewhere: t.Mapping[str, list[str]] | None = None,
    **setups: Setup,
) -> list[Finding]:
    known = {name: setups.get(name, SETUP) for name in ("db0", "db1", "db2")}
    return find(topology, known, Thresholds(), knows_account=knows_account, tried=tried, hosts=hosts, salvages=salvages, elsewhere=elsewhere)


def short(findings: t.Iterable[Finding]) -> list[tuple[str, str, str]]:
    return [(each.code, each.grade, each.server) for each in findings]


def setup(**settings: str) -> Setup:
    return replace(SETUP, settings={**GOOD, **settings})


def test_what_was_seen_names_the_server_once() -> None:
    seen = Finding("lagging", HURTS, (), "db1", "lags", "")
    assert [replace(seen, message=message).told for message in ("lags", "db1 lags")] == ["db1: lags", "db1 lags"]
    assert replace(seen, server="").told == "lags"


def test_a_cluster_that_is_ready_has_no_finding() -> None:
    assert found(ready()) == []


COPIED_ANEW = "copy it anew from a server that holds all rows: dbha.mysql.rejoin with rejoin_server=db1, rejoin_method and rejoin_anew=true"


@pytest.mark.parametrize(
    ("name", "value", "persists", "does", "remedy"),
    [
        ("replica_exec_mode", "IDEMPOTENT", True, "goes on where a row is missing, or is there already", "SET PERSIST replica_exec_mode=STRICT"),
        (
            "slave_exec_mode",
            "IDEMPOTENT",
            False,
            "goes on where a row is missing, or is there already",
            "SET GLOBAL slave_exec_mode=STRICT; in the option file below [mysqld]: slave_exec_mode=STRICT",
        ),
        (
            "slave_skip_errors",
            "1062",
            False,
            "goes on after errors without what it could not apply",
            "In the option file below [mysqld]: slave_skip_errors = OFF, and restart the server",
        ),
        (
            "replicate_events_marked_for_skip",
            "FILTER_ON_SLAVE",
            False,
            "leaves out what was marked for that",
            "STOP ALL SLAVES; SET GLOBAL replicate_events_marked_for_skip=REPLICATE; START ALL SLAVES;"
            " in the option file below [mysqld]: replicate_events_marked_for_skip=REPLICATE",
        ),
    ],
)
def test_what_lets_a_replica_skip_rows_is_found(name: str, value: str, persists: bool, does: str, remedy: str) -> None:
    (finding,) = found(ready(first={"variables": {name: value}}, variables={name: value}), db1=replace(SETUP, persists=persists))
    assert (finding.code, finding.grade, finding.server) == ("skips_rows", HURTS, "db1")
    assert finding.message == f"{does} ({name}={value}): it may have the GTID of a transaction, and not its rows"
    assert finding.remedy == f"{remedy}. Then compare its rows with those of the primary, or {COPIED_ANEW}."


def test_what_was_left_out_does_not_come_once_the_filter_is_gone() -> None:
    (of_log,) = found(ready(first={"binlog_filters": ("binlog_do_db=a",)}))
    (of_replication,) = found(ready(first={"on_channel": {"filters": ("Replicate_Do_DB",)}}))
    assert of_log.remedy == "Remove the filter. If it is on purpose, let nobody count on db1."
    assert of_replication.remedy == f"Remove the filter, then {COPIED_ANEW}. If it is on purpose, let nobody count on db1."


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"log_bin": False}, ("not_logging", HURTS, "db1")),
        ({"log_replica_updates": False}, ("not_logging", HURTS, "db1")),
        ({"odd_log": "b\\xff.000001"}, ("not_logging", HURTS, "db1")),
        ({"odd_log": "b\\xff.000001", "version": (5, 6, 24)}, ("versions_differ", ADVICE, "")),
        ({"binlog_filters": ("binlog_do_db=a",)}, ("filtered", HURTS, "db1")),
        ({"on_channel": {"filters": ("Replicate_Do_DB=a",)}}, ("filtered", HURTS, "db1")),
        ({"on_channel": {"delay": 600}}, ("delayed", ADVICE, "db1")),
        ({"on_channel": {"lag": 61}}, ("lagging", HURTS, "db1")),
        ({"on_channel": {"lag": 60}}, None),
        ({"version": (8, 4, 1)}, ("versions_differ", ADVICE, "")),
        ({"version": (8, 0, 40)}, None),
        ({"on_channel": {"settings": (("RETRY_COUNT", "10"),)}}, ("gives_up", ADVICE, "db1")),
        ({"on_channel": {"settings": (("RETRY_COUNT", "10"), ("CONNECT_RETRY", "360"))}}, None),
        ({"on_channel": {"settings": (("RETRY_COUNT", "10"), ("CONNECT_RETRY", "361"))}}, None),
        ({"on_channel": {"settings": (("RETRY_COUNT", "0"),)}}, None),
        ({"on_channel": {"settings": (("CONNECT_RETRY", "1"),)}}, None),
        ({"missing": ("RELOAD",)}, ("privilege_missing", BLOCKS, "db1")),
        ({"missing": ("REPLICATION SLAVE",)}, ("privilege_missing", HURTS, "db1")),
        ({"missing": ("BINLOG_ADMIN",)}, ("privilege_missing", BLOCKS, "db1")),
        ({"missing": ("SYSTEM_USER",)}, ("privilege_missing", HURTS, "db1")),
        ({"missing": ("REPLICATION MASTER ADMIN",)}, ("privilege_missing", HURTS, "db1")),
        ({"missing": ("REPLICATION MASTER ADMIN",), "semi_sync": SemiSync("a", False, "b", True)}, ("privilege_missing", BLOCKS, "db1")),
    ],
)
def test_what_is_found_at_a_replica(change: dict[str, t.Any], expected: tuple[str, str, str] | None) -> None:
    assert short(found(ready(first=change))) == ([] if expected is None else [expected])


def test_how_far_it_lags_is_told() -> None:
    (finding,) = found(ready(first={"on_channel": {"lag": 61}}))
    assert finding.message.startswith("lags 61 s behind")


def test_the_only_replica_that_applies_late_hurts() -> None:
    late = replica("db1", "P:1-9", on_channel={"receiver": RUNNING, "delay": 600})
    assert short(find(cluster(living(), late), {"db0": SETUP, "db1": SETUP}, Thresholds())) == [("delayed", HURTS, "db1")]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (replace(SETUP, keeps_read_only=False), [("read_only_not_kept", HURTS, "db1")]),
        (replace(SETUP, keeps_read_only=None), [("read_only_not_kept", ADVICE, "db1")]),
        (replace(SETUP, lets_in_from_memory=True), [("password_withheld", HURTS, "db1")]),
        (replace(SETUP, may_be_told_secrets=False), [("password_withheld", HURTS, "db1")]),
        (replace(SETUP, may_be_told_secrets=False, lets_in_from_memory=True), [("password_withheld", HURTS, "db1")]),
        (replace(SETUP, registered=(1, 2, 3)), []),
        (replace(SETUP, registered=None), []),
        (replace(SETUP, registered=None, readers=1), [("unlisted_replica", ADVICE, "db1")]),
        (replace(SETUP, registered=(7,)), [("unlisted_replica", HURTS, "db1")]),
        (setup(lower_case_table_names="1"), [("settings_differ", HURTS, "")]),
        (setup(binlog_format="MIXED"), [("settings_differ", HURTS, "")]),
        (setup(character_set_server="latin1"), [("settings_differ", ADVICE, "")]),
        (setup(event_scheduler="ON"), []),
        (replace(SETUP, utc_offset=60), [("settings_differ", ADVICE, "")]),
        (replace(setup(binlog_format="MIXED"), utc_offset=60), [("settings_differ", HURTS, ""), ("settings_differ", HURTS, "")]),
        (setup(sync_binlog="0"), [("not_durable", ADVICE, "db1")]),
        (setup(innodb_flush_log_at_trx_commit="2"), [("not_durable", ADVICE, "db1")]),
        (setup(binlog_expire_logs_seconds="86399"), [("logs_expire_early", HURTS, "db1")]),
        (setup(binlog_expire_logs_seconds="86400"), []),
        (setup(binlog_expire_logs_seconds="0"), []),
        (setup(binlog_expire_logs_seconds="0", expire_logs_days="0"), []),
        (setup(gtid_strict_mode="OFF"), [("not_strict", ADVICE, "db1")]),
        (setup(gtid_strict_mode="ON"), []),
        (setup(relay_log_recovery="OFF"), [("relay_logs_not_recovered", ADVICE, "db1")]),
        (setup(relay_log_recovery="ON"), []),
        (replace(setup(max_connections="100"), connected=90), []),
        (replace(setup(max_connections="100"), connected=91), [("connections_scarce", HURTS, "db1")]),
        (setup(replica_net_timeout="61"), [("notices_late", ADVICE, "db1")]),
        (setup(replica_net_timeout="601"), [("notices_late", HURTS, "db1")]),
    ],
)
def test_what_is_found_in_how_a_replica_is_set_up(changed: Setup, expected: list[tuple[str, str, str]]) -> None:
    assert short(found(ready(), db1=changed)) == expected


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sync_binlog": "0"}, "may lose transactions that replicas have, if its host crashes as the primary (sync_binlog=0)"),
        (
            {"innodb_flush_log_at_trx_commit": "2"},
            "may lose transactions that replicas, or its own binary log, have, if its host crashes (innodb_flush_log_at_trx_commit=2)",
        ),
        (
            {"sync_binlog": "0", "innodb_flush_log_at_trx_commit": "0"},
            "may lose transactions that replicas, or its own binary log, have, if its host crashes (sync_binlog=0, innodb_flush_log_at_trx_commit=0)",
        ),
    ],
)
def test_what_a_server_may_lose_in_a_crash(settings: dict[str, str], says: str) -> None:
    assert [finding.message for finding in found(ready(), db1=setup(**settings))] == [says]


def test_a_primary_over_whose_connections_more_read_than_are_known() -> None:
    two, three = replace(SETUP, registered=None, readers=2), replace(SETUP, registered=None, readers=3)
    assert found(ready(), db0=two) == []
    assert short(found(ready(), db0=three)) == [("unlisted_replica", ADVICE, "db0")]


def test_a_primary_whose_binary_log_leaves_databases_out() -> None:
    (finding,) = found(ready(binlog_filters=("binlog_ignore_db=a",)))
    assert (finding.code, finding.grade, finding.server) == ("binlog_filtered", HURTS, "db0")
    assert finding.message == "the binary log of the primary db0 leaves databases out (binlog_ignore_db=a): no replica has their rows"
    assert "rejoin_donor=db0" in finding.remedy


def test_a_primary_that_would_not_log_what_it_replicates() -> None:
    assert short(found(ready(log_replica_updates=False))) == [("not_logging", HURTS, "db0")]


@pytest.mark.parametrize(
    ("tls", "settings", "takes_key", "expected"),
    [
        (SourceTls(get_public_key=False), (), ("db0", "db1"), ["db1"]),
        (SourceTls(get_public_key=False), (), ("db2",), ["db1"]),
        # Only it asks for the key, and it does not follow itself.
        (SourceTls(get_public_key=False), (), ("db1",), []),
        (SourceTls(get_public_key=False), (), (), []),
        (SourceTls(get_public_key=True), (), ("db0",), []),
        (SourceTls(get_public_key=False, enabled=True), (), ("db0",), []),
        (SourceTls(get_public_key=False), (("PUBLIC_KEY_PATH", "/etc/key.pem"),), ("db0",), []),
        # MariaDB, and old servers, have no such setting.
        (SourceTls(get_public_key=None), (), ("db0",), []),
    ],
)
def test_a_replica_that_has_neither_tls_nor_a_public_key(
    tls: SourceTls, settings: tuple[tuple[str, str], ...], takes_key: tuple[str, ...], expected: list[str]
) -> None:
    tried = {name: Tried(True, takes_key=name in takes_key) for name in ("db0", "db1", "db2")}
    topology = ready(first={"on_channel": {"tls": tls, "settings": settings}}, second={"on_channel": {"tls": SourceTls(enabled=True)}})
    assert [each.server for each in found(topology, tried=tried) if each.code == "public_key_missing"] == expected


def test_what_an_applier_failed_with_is_told_once() -> None:
    topology = ready(first={"on_channel": {"applier_error": "no room (error 1)"}}, second={"on_channel": {"applier_error": "no table"}})
    nobody = Finding("no_candidate", BLOCKS, (), "", "db1: its applier failed: no room (error 1); db2: its applier failed: no table", "")
    broken = Finding("applier_broken", BLOCKS, (), "db1", "the applier of db1 failed: no room (error 1)", "")
    assert [each.message for each in told_once([broken, nobody], topology)] == [broken.message, "db1: its applier failed; db2: its applier failed: no table"]
    assert told_once([nobody], topology) == [nobody]


@pytest.mark.parametrize(
    ("disk", "expected"),
    [
        (Disk(("data",), 1000 << 20, 100 << 20), []),
        (Disk(("data",), 1000 << 20, 99 << 20), [("disk_scarce", HURTS, "db1")]),
        (Disk(("binary logs", "data"), 1000 << 20, 1023), [("disk_scarce", BLOCKS, "db1")]),
        (Disk(("data",), 0, 0), [("disk_scarce", BLOCKS, "db1")]),
        # Full for whoever is not root, however large it is.
        (Disk(("data",), 1 << 50, 1023), [("disk_scarce", BLOCKS, "db1")]),
    ],
)
def test_a_disk_that_is_nearly_full(disk: Disk, expected: list[tuple[str, str, str]]) -> None:
    by_sql, by_host = found(ready(), db1=replace(SETUP, disks=(disk,))), found(ready(), hosts={"db1": Host(disks=(disk,))})
    assert short(by_sql) == short(by_host) == expected
    # What the host says goes before what the server knows of it.
    assert short(found(ready(), hosts={"db1": Host(disks=(disk,))}, db1=replace(SETUP, disks=(Disk(("data",), 1, 0),)))) == expected


def test_what_differs_is_told_with_who_has_what() -> None:
    (finding,) = found(ready(), db0=setup(binlog_format=""), db1=setup(binlog_format="MIXED"), db2=setup(binlog_format="MIXED"))
    assert finding.message == "binlog_format differs: '' on db0; MIXED on db1, db2"


def test_how_full_a_disk_is_and_what_it_holds_is_told() -> None:
    (finding,) = found(ready(), hosts={"db1": Host(disks=(Disk(("binary logs", "data", "relay logs"), 100 << 20, 5 << 20),))})
    assert finding.message.startswith("has 95 % of the disk in use that holds its binary logs, data and relay logs, and 5.0 GiB left")
    (finding,) = found(ready(), hosts={"db1": Host(disks=(Disk(("data",), 100 << 20, 5 << 10),))})
    assert "holds its data, and 5 MiB left" in finding.message
    for left, said in ((500 << 20, "500.0 GiB"), (1 << 20, "1.0 GiB"), ((1 << 20) - 1, "1023 MiB")):
        (finding,) = found(ready(), hosts={"db1": Host(disks=(Disk(("data",), 100 << 30, left),))})
        assert f"and {said} left" in finding.message


@pytest.mark.parametrize(
    ("salvages", "of_primary", "of_replica"),
    [("auto", HURTS, ADVICE), ("require", BLOCKS, HURTS)],
)
@pytest.mark.parametrize(("host", "says"), [(Host(error="no"), "(ansible_host, ansible_user)"), (Host(unreadable="no"), "mysql_binlog_directory")])
def test_a_host_on_which_nothing_could_be_salvaged(host: Host, says: str, salvages: str, of_primary: str, of_replica: str) -> None:
    (finding,) = found(ready(), hosts={"db0": host}, salvages=salvages)
    assert (finding.code, finding.grade) == ("salvage_impossible", of_primary)
    assert says in finding.remedy
    assert ": no. What only it has" in finding.message
    assert short(found(ready(), hosts={"db1": host, "db2": Host()}, salvages=salvages)) == [("salvage_impossible", of_replica, "db1")]


def test_a_server_that_the_inventory_has_in_two_clusters() -> None:
    told = {"db1": ["is in the group users as well"], "db0": ["is the host u0 of the group users"]}
    assert short(found(ready(), elsewhere=told)) == [("in_two_clusters", HURTS, "db0"), ("in_two_clusters", HURTS, "db1")]


@pytest.mark.parametrize(
    ("executed", "domains", "expected"),
    [
        ("0-1-9", ("0", "0"), []),
        ("0-1-9,5-1-3", ("0", "0"), ["5"]),
        ("0-1-9,5-1-3", ("0", "5"), []),
        ("0-1-9,5-1-3,7-2-1", ("0", "0"), ["5", "7"]),
        # One that does not say where it writes may write there.
        ("0-1-9,5-1-3", ("0", None), []),
    ],
)
def test_domains_in_which_nobody_writes(executed: str, domains: tuple[str, str | None], expected: list[str]) -> None:
    topology = cluster(living("db0", executed, family="mariadb"), replica("db1", executed, family="mariadb", on_channel={"receiver": RUNNING, "lag": 0}))
    setups = {name: replace(SETUP, settings={**GOOD, **({"gtid_domain_id": each} if each else {})}) for name, each in zip(("db0", "db1"), domains, strict=True)}
    unused = [each for each in find(topology, setups, Thresholds()) if each.code == "domain_unused"]
    assert [each.grade for each in unused] == [ADVICE] * len(expected)
    assert [each.message.partition("domain ")[2].partition(",")[0] for each in unused] == expected
    assert all(f"DELETE_DOMAIN_ID=({domain})" in each.remedy for each, domain in zip(unused, expected, strict=True))
    # Who is not asked may write there, too.
    assert not [each for each in find(topology, {"db0": setups["db0"]}, Thresholds()) if each.code == "domain_unused"]


def test_where_events_would_stop_with_the_primary() -> None:
    on, off = setup(event_scheduler="ON"), setup(event_scheduler="OFF")
    assert short(found(ready(), db0=on, db1=off, db2=on)) == [("settings_differ", HURTS, "")]


def test_what_many_privileges_are_for_is_told_of_each_kind() -> None:
    (blocks, salvage, events, rejoin) = found(ready(first={"missing": ("EVENT", "RELOAD", "BINLOG REPLAY", "SET USER", "REPLICATION SLAVE")}))
    assert [each.verbs for each in (salvage, events, rejoin)] == [("failover",), ("failover", "switchover"), ("rejoin",)]
    assert blocks.remedy == "GRANT EVENT, RELOAD ON *.* TO that account, on the primary."


def test_a_channel_with_a_name_is_told_by_it_to_try_for_longer() -> None:
    old = {"version": (5, 7, 44), "on_channel": {"name": "up", "settings": (("RETRY_COUNT", "10"),)}}
    remedies = [each.remedy for each in found(ready(first=old, second={"version": (5, 7, 44)}, version=(5, 7, 44)))]
    assert remedies == [
        "STOP SLAVE IO_THREAD FOR CHANNEL 'up'; CHANGE MASTER TO MASTER_RETRY_COUNT = 86400 FOR CHANNEL 'up'; START SLAVE IO_THREAD FOR CHANNEL 'up'"
    ]


@pytest.mark.parametrize(("version", "word"), [((8, 0, 22), "CHANGE MASTER TO MASTER_"), ((8, 0, 23), "CHANGE REPLICATION SOURCE TO SOURCE_")])
def test_the_words_of_a_remedy_are_those_that_the_version_knows(version: tuple[int, int, int], word: str) -> None:
    gives_up = {"version": version, "on_channel": {"settings": (("RETRY_COUNT", "10"),)}}
    (finding,) = found(ready(first=gives_up, second={"version": version}, version=version))
    assert finding.remedy.split("; ")[1] == word + "RETRY_COUNT = 86400"


def test_what_the_next_primary_has_purged_and_another_has_not_received() -> None:
    (finding,) = found(ready(first={"purged": gtids("P:1-9")}, second={"executed": "P:1-7"}))
    assert (finding.code, finding.grade, finding.server, short_gtids(finding.gtids)) == ("purged", HURTS, "db2", "P:8-9")
    assert found(ready(first={"purged": gtids("P:1-7")}, second={"executed": "P:1-7"})) == []


def test_a_group_may_be_a_part_of_a_cluster() -> None:
    (finding,) = find(ready(), {}, Thresholds(), knows_size=False)
    assert (finding.code, finding.grade) == ("size_not_set", ADVICE)
    assert "mysql_cluster_size=3" in finding.remedy


def test_from_when_on_something_counts_can_be_said() -> None:
    strict = Thresholds(max_lag=1, max_silence=30, logs_kept=8 * 86400, connections_used=50)
    busy = replace(setup(max_connections="100"), connected=51)
    told = find(ready(first={"on_channel": {"lag": 2}}), {"db1": busy}, strict)
    assert {(each.code, each.grade) for each in told} == {
        ("lagging", HURTS),
        ("notices_late", ADVICE),
        ("logs_expire_early", HURTS),
        ("connections_scarce", HURTS),
    }
    assert {"SET PERSIST replica_net_timeout=30", "SET PERSIST binlog_expire_logs_seconds=691200"} <= {each.remedy for each in told}


def test_a_primary_that_comes_back_open_is_told_of_and_receives_from_nobody() -> None:
    assert found(ready(), db0=setup(replica_net_timeout="3600")) == []
    in_file = "will take writes after its next start (read_only=OFF in /etc/my.cnf), also"
    for keeps, path, said in (
        (False, "", "will take writes after its next start, also"),
        (False, "/etc/my.cnf", in_file),
        (None, "", "which cannot be told, also"),
    ):
        (finding,) = found(ready(), db0=replace(SETUP, keeps_read_only=keeps, said_in=path))
        assert (finding.code, finding.grade, finding.server) == ("comes_back_open", ADVICE, "db0")
        assert said in finding.message
        assert finding.remedy == "Set mysql_safe_start=true for the group; SET PERSIST_ONLY read_only=ON"
    # Where only option files outlast a start, whoever has written it there would be told for ever.
    files = replace(SETUP, persists=False)
    assert found(ready(), db0=replace(files, keeps_read_only=None)) == []
    (finding,) = found(ready(), db0=replace(files, keeps_read_only=False))
    assert finding.remedy == "Set mysql_safe_start=true for the group; read_only=ON in the option file below [mysqld]"


def test_a_timeout_has_the_name_that_the_server_knows() -> None:
    settings = {**{name: value for name, value in GOOD.items() if name != "replica_net_timeout"}, "slave_net_timeout": "3600"}
    (finding,) = found(ready(), db1=replace(SETUP, settings=settings, persists=False))
    assert finding.remedy == "SET GLOBAL slave_net_timeout=60; in the option file below [mysqld]: slave_net_timeout=60"


def test_logs_that_are_kept_for_days_are_told_by_days() -> None:
    old = replace(SETUP, settings={"expire_logs_days": "7"})
    assert found(ready(), db0=old, db1=old, db2=old) == []
    (finding,) = find(ready(), {"db1": old}, Thresholds(logs_kept=8 * 86400))
    assert (finding.code, finding.message.split(":")[0]) == ("logs_expire_early", "keeps its binary logs for 604800 s only")


def test_the_remedy_is_a_statement_for_this_version() -> None:
    (finding,) = found(ready(first={"variables": {"super_read_only": "OFF"}}), db1=replace(SETUP, keeps_read_only=False))
    assert finding.remedy == "SET PERSIST read_only=ON; SET PERSIST super_read_only=ON"
    (finding,) = found(ready(), db1=replace(SETUP, keeps_read_only=False, persists=False))
    assert finding.remedy == "SET GLOBAL read_only=ON; in the option file below [mysqld]: read_only=ON"
    (finding,) = found(ready(first={"log_replica_updates": False, "variables": {"log_replica_updates": "OFF"}}))
    assert "log_replica_updates = ON" in finding.remedy
    (finding,) = found(ready(), db1=setup(binlog_expire_logs_seconds="60"))
    assert "binlog_expire_logs_seconds=604800" in finding.remedy
    in_days = {name: value for name, value in GOOD.items() if name != "binlog_expire_logs_seconds"}
    assert found(ready(), db1=replace(SETUP, settings={**in_days, "expire_logs_days": "1"})) == []


SOURCE, REPLICA = "rpl_semi_sync_source_enabled", "rpl_semi_sync_replica_enabled"


@pytest.mark.parametrize(
    ("on_primary", "on_first", "on_second", "expected"),
    [
        (SemiSync(SOURCE, False, REPLICA), SemiSync(), SemiSync(), []),
        (SemiSync(SOURCE, True, REPLICA), SemiSync(SOURCE, False, REPLICA, True), SemiSync(SOURCE, False, REPLICA, True), []),
        (SemiSync(SOURCE, True, REPLICA), SemiSync(SOURCE, False, REPLICA, True), SemiSync(SOURCE, False, REPLICA), [(ADVICE, "db0")]),
        (SemiSync(SOURCE, True, REPLICA), SemiSync(SOURCE, False, REPLICA), SemiSync(SOURCE, False, REPLICA), [(HURTS, "db0")]),
        (SemiSync(SOURCE, True, REPLICA, wait_for=2), SemiSync(SOURCE, False, REPLICA, True), SemiSync(SOURCE, False, REPLICA), [(HURTS, "db0")]),
        (SemiSync(SOURCE, True, REPLICA), SemiSync("", False, REPLICA, True), SemiSync(SOURCE, False, REPLICA, True), [(HURTS, "db1")]),
    ],
)
def test_semi_synchronous_replication_has_to_be_whole(on_primary: SemiSync, on_first: SemiSync, on_second: SemiSync, expected: list[tuple[str, str]]) -> None:
    topology = ready(first={"semi_sync": on_first}, second={"semi_sync": on_second}, semi_sync=on_primary)
    assert [(each.grade, each.server) for each in found(topology) if each.code == "semi_sync_incomplete"] == expected


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        ({"db0": Tried(True), "db1": Tried(True)}, []),
        ({"db0": Tried(True), "db1": Tried(False, 1045, "denied")}, [(BLOCKS, "db1")]),
        ({"db0": Tried(False, 1045, "denied"), "db1": Tried(False, 1045, "denied")}, [(ADVICE, "db0"), (ADVICE, "db1")]),
        ({"db0": Tried(True), "db1": Tried(None, 2003, "gone")}, []),
        ({"db0": Tried(True, may_replicate=False), "db1": Tried(True, may_replicate=False)}, [(BLOCKS, "db0"), (BLOCKS, "db1")]),
    ],
)
def test_the_account_of_the_replicas_is_tried(tried: dict[str, Tried], expected: list[tuple[str, str]]) -> None:
    assert [(each.grade, each.server) for each in found(ready(), tried=tried)] == expected


def test_without_an_account_no_former_primary_can_be_brought_back() -> None:
    assert short(found(ready(), knows_account=False)) == [("no_replication_account", HURTS, "")]
    # There is no password then that could be withheld.
    unverified = replace(SETUP, may_be_told_secrets=False)
    assert short(found(ready(), knows_account=False, db1=unverified)) == [("no_replication_account", HURTS, "")]


def test_the_gravest_comes_first() -> None:
    everything = found(ready(first={"log_bin": False}), db2=setup(sync_binlog="0"), tried={"db0": Tried(True), "db1": Tried(False, 1045, "denied")})
    assert [each.grade for each in everything] == [BLOCKS, HURTS, ADVICE]
    assert {each.code for each in everything} <= set(REMEDIES)


def test_a_check_fails_from_a_grade_on() -> None:
    findings = [Finding("not_durable", grade, (), "db1", "", "") for grade in GRADES]
    assert [len(fails(findings, fail_on)) for fail_on in (*GRADES, "never")] == [1, 2, 3, 0]


def test_a_server_is_marked_by_the_gravest_that_was_found_of_it() -> None:
    found = [Finding("not_durable", grade, (), server, "", "") for grade, server in [(ADVICE, "db1"), (HURTS, "db1"), (ADVICE, "db2"), (BLOCKS, "")]]
    assert marks(found) == {"db1": HURTS, "db2": ADVICE}


def test_a_problem_blocks() -> None:
    (finding,) = as_findings([Problem("errant", "db1", "db1 has more", "0-1-9")])
    assert (finding.code, finding.grade, finding.server, finding.remedy, finding.gtids) == ("errant", BLOCKS, "db1", remedy_of("errant"), "0-1-9")


def test_a_rehearsal_minds_what_is_said_of_a_failover() -> None:
    topology = ready()
    terms = Terms(exclude=("db1",))
    assert (rehearse(topology, terms).best, rehearse(topology, Terms(candidates=("db2", "db1"))).because) == ("db2", "it is named first")
    nobody = rehearse(topology, Terms(exclude=("db1", "db2")))
    (finding,) = find(topology, {}, Thresholds(), rehearsal=nobody)
    assert (finding.code, finding.grade) == ("no_candidate", BLOCKS)
    assert "db1: excluded by the user" in finding.message


@pytest.mark.parametrize(("left", "applied", "elapsed", "seconds"), [(100, 50, 1.0, 2.0), (100, 0, 1.0, None), (1, 3, 1.0, 0.3)])
def test_how_long_the_rest_takes_at_the_rate_of_now(left: int, applied: int, elapsed: float, seconds: float | None) -> None:
    assert seconds_to_apply(left, applied, elapsed) == seconds


def in_sites(*sites: str, **first: t.Any) -> Topology:
    topology = ready(first=first)
    return replace(topology, members=tuple(replace(member, site=site) for member, site in zip(topology.members, sites, strict=True)))


@pytest.mark.parametrize(
    ("topology", "site", "elsewhere", "expected"),
    [
        (in_sites("A", "A", "B"), "A", "db2", []),
        (in_sites("A", "B", "A", log_bin=False), "A", None, [("not_logging", HURTS, "db1"), ("site_lost", HURTS, "")]),
        # Whoever says nothing of a site may stand anywhere, so also elsewhere.
        (in_sites("A", "B", "", log_bin=False), "A", "db2", [("not_logging", HURTS, "db1")]),
        (in_sites("A", "A", "A"), "", None, []),
        (in_sites("A", "A", ""), "", None, []),
        (in_sites("", "A", "B"), "", None, []),
    ],
)
def test_a_rehearsal_says_who_would_be_elected_if_the_whole_site_died(
    topology: Topology, site: str, elsewhere: str | None, expected: list[tuple[str, str, str]]
) -> None:
    rehearsal = rehearse(topology)
    assert (rehearsal.site, rehearsal.best_elsewhere) == (site, elsewhere)
    assert short(found(topology)) == expected


@pytest.mark.parametrize(
    ("topology", "best", "to_apply", "lost", "not_eligible"),
    [
        (ready(), "db1", 0, 0, []),
        (ready(first={"executed": "P:1-7", "waiting": "P:8-9"}, second={"executed": "P:1-8"}), "db1", 2, 0, []),
        (ready(executed="P:1-12", second={"executed": "P:1-8"}), "db1", 0, 3, []),
        (ready(first={"log_bin": False}), "db2", 0, 0, ["db1"]),
        (ready(first={"log_bin": False}, second={"log_bin": False}), None, 0, 0, ["db1", "db2"]),
    ],
)
def test_a_rehearsal_says_who_would_be_elected_and_what_it_would_cost(
    topology: Topology, best: str | None, to_apply: int, lost: int, not_eligible: list[str]
) -> None:
    rehearsal = rehearse(topology)
    assert (rehearsal.best, rehearsal.to_apply, rehearsal.lost, sorted(rehearsal.reasons)) == (best, to_apply, lost, not_eligible)
