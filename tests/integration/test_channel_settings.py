# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server that gets a channel anew gets it as another replica, or the new primary, has it, or as the inventory says: TLS, and all the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox import Cluster, Server
from sandbox.runs.playbook import Playbooks, Run
from sandbox.scenes.scene import Scene
from sandbox.servers.certificate import make_authority
from sandbox.servers.programs import tool

TABLES = ("replication_connection_configuration", "replication_applier_configuration")
"""What the account may see: without that, what they show is lost."""

OF_ONE_HOST = {"HOST", "PORT", "NETWORK_INTERFACE", "CHANNEL_NAME"}


def settings_of(server: Server) -> dict[str, Any]:
    """Return all that its channel was told, but for where its source is."""
    if server.installation.is_mariadb:
        (row,) = server.query("SHOW ALL SLAVES STATUS")
        settings = {name: value for name, value in row.items() if name.startswith("Master_SSL") or "_Ids" in name or "heartbeat" in name}
        return {**settings, "Connect_Retry": row["Connect_Retry"], "Master_User": row["Master_User"]}
    rows = [server.query(f"SELECT * FROM performance_schema.{table}") for table in TABLES]
    return {name: value for (row,) in rows for name, value in row.items() if name not in OF_ONE_HOST}


def directory_of(directory: Path) -> Path:
    """Make a directory whose files servers can read, whoever they run as."""
    directory.mkdir()
    return directory


def readable(directory: Path) -> None:
    for file in directory.glob("*.pem"):
        file.chmod(0o644)


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_whoever_is_overwritten_verifies_whom_it_is_copied_from_and_follows_as_the_others_do(kind: str, tmp_path: Path) -> None:
    mariadb = kind.startswith("mariadb")
    authority, other = (make_authority(directory_of(tmp_path / name)) for name in ("ours", "other"))
    for each in ("ours", "other"):
        readable(tmp_path / each)
    certificate, key = authority.client
    prefix = "MASTER" if mariadb else "SOURCE"
    told = f"{prefix}_SSL = 1, {prefix}_SSL_CA = '{authority.ca}', {prefix}_SSL_CERT = '{certificate}', {prefix}_SSL_KEY = '{key}'"
    told += f", {prefix}_SSL_VERIFY_SERVER_CERT = 1, {prefix}_CONNECT_RETRY = 2, {prefix}_HEARTBEAT_PERIOD = 11.5"
    words = ("SLAVE", "MASTER") if mariadb else ("REPLICA", "REPLICATION SOURCE")
    verified = {"mysql_ca_cert": str(authority.ca), "mysql_allow_unverified": False}
    named = {"rejoin_server": "db2", "rejoin_primary": "db0", "rejoin_save_to": str(tmp_path / "saved")}
    with Cluster(kind, replicas=2, options=authority.server_options) as cluster:
        primary, peer, strange = cluster.primary, cluster["db1"], cluster["db2"]
        if mariadb:
            primary.execute_all("CREATE USER copier@'%' IDENTIFIED BY 'c'' x' REQUIRE SSL", "GRANT ALL PRIVILEGES ON *.* TO copier@'%' WITH GRANT OPTION")
            dump = str(tool(kind, "mariadb-dump"))
            named.update(rejoin_method="rebuild", rejoin_copy_user="copier", rejoin_copy_password="c' x", rejoin_dump_program=dump)
        else:
            primary.execute_all("GRANT SELECT, BACKUP_ADMIN, CLONE_ADMIN ON *.* TO failover@'%'", "GRANT INSERT ON mysql.plugin TO failover@'%'")
            primary.execute_all(*(f"GRANT SELECT ON performance_schema.{table} TO failover" for table in TABLES))
            named.update(rejoin_method="clone")
        primary.execute("ALTER USER repl@'%' REQUIRE X509")
        cluster.wait_in_sync()
        for replica in (peer, strange):
            replica.execute_all(f"STOP {words[0]}", f"CHANGE {words[1]} TO {told}", f"START {words[0]}")
        cluster.wait_in_sync()
        before = settings_of(peer)
        strange.set_read_only(False)
        strange.execute_all(*(["SET SESSION gtid_seq_no = 1000000"] if mariadb else []), "CREATE TABLE dbha_demo.only_there (id INT PRIMARY KEY)")
        strange.set_read_only()
        playbooks = Playbooks(cluster, tmp_path)

        def rejoin(**variables: Any) -> Run:
            return playbooks.run("dbha.mysql.rejoin", hosts={name: {**verified, **variables} for name in cluster.servers}, **named)

        def is_as_it_was() -> bool:
            return bool(strange.query("SHOW TABLES FROM dbha_demo LIKE 'only_there'"))

        if mariadb:
            # The programs trust nobody but whom the inventory says.
            run = rejoin(mysql_ca_cert=str(other.ca))
            assert run.returncode == 2, run
            assert run.codes == {"tls_failed"}, run
        else:
            # It would log in to a donor that it does not know.
            run = rejoin()
            assert (run.returncode, run.codes) == (2, {"password_withheld"}), run
            assert "set clone_ssl_ca there" in run.output
            strange.execute(f"SET PERSIST clone_ssl_ca = '{other.ca}'")
            run = rejoin()
            assert run.returncode == 2, run
            assert is_as_it_was()
            strange.execute(f"SET PERSIST clone_ssl_ca = '{authority.ca}'")
        assert is_as_it_was()
        run = rejoin()
        if not mariadb:
            assert run.codes == {"restart_needed"}, run
            strange.stop()
            strange.start()
            run = rejoin()
        assert run.returncode == 0, run
        assert not is_as_it_was()
        assert settings_of(strange) == before
        cluster.wait_in_sync()

        # One that is told whom to follow from now on, and no more.
        run = playbooks.run("dbha.mysql.switchover", hosts=dict.fromkeys(cluster.servers, verified), switchover_to="db1")
        assert run.returncode == 0, run
        assert (settings_of(strange), settings_of(primary)) == (before, before)


@pytest.mark.server("mariadb-10.11", "mysql-9.7")
def test_a_channel_is_made_anew_as_it_was_over_a_switchover_and_a_failover(kind: str, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    revoked = authority.list_revoked()
    readable(tmp_path)
    certificate, key = authority.client
    with Cluster(kind, replicas=1, options=authority.server_options) as cluster:
        db0, db1 = cluster.primary, cluster["db1"]
        mariadb = db0.installation.is_mariadb
        prefix = "MASTER" if mariadb else "SOURCE"
        files = f"{prefix}_SSL = 1, {prefix}_SSL_CA = '{authority.ca}', {prefix}_SSL_CERT = '{certificate}', {prefix}_SSL_KEY = '{key}'"
        told = f"{files}, {prefix}_SSL_VERIFY_SERVER_CERT = 1, {prefix}_CONNECT_RETRY = 2, {prefix}_HEARTBEAT_PERIOD = 11.5"
        told += f", {prefix}_SSL_CRL = '{revoked}', {prefix}_SSL_CRLPATH = '{tmp_path}', {prefix}_SSL_CAPATH = '{tmp_path}'"
        told += f", {prefix}_SSL_CIPHER = 'ECDHE-ECDSA-AES256-GCM-SHA384'"
        if not mariadb:
            db0.execute_all("CREATE USER 'it''s `me`'@'10.%'", "GRANT ALL PRIVILEGES ON *.* TO 'it''s `me`'@'10.%'")
            told += ", SOURCE_TLS_CIPHERSUITES = 'TLS_AES_256_GCM_SHA384', PRIVILEGE_CHECKS_USER = 'it''s `me`'@'10.%'"
            told += ", SOURCE_RETRY_COUNT = 4711, SOURCE_COMPRESSION_ALGORITHMS = 'zstd', SOURCE_ZSTD_COMPRESSION_LEVEL = 5, SOURCE_TLS_VERSION = 'TLSv1.3'"
            told += ", GET_SOURCE_PUBLIC_KEY = 0, REQUIRE_ROW_FORMAT = 1, REQUIRE_TABLE_PRIMARY_KEY_CHECK = GENERATE"
            db0.execute_all(*(f"GRANT SELECT ON performance_schema.{table} TO failover" for table in TABLES))
        db0.execute("ALTER USER repl@'%' REQUIRE X509")
        cluster.wait_in_sync()
        words = ("SLAVE", "MASTER") if mariadb else ("REPLICA", "REPLICATION SOURCE")
        db1.execute_all(f"STOP {words[0]}", f"CHANGE {words[1]} TO {told}", f"START {words[0]}")
        cluster.wait_in_sync()
        before = settings_of(db1)
        assert {str(revoked), str(tmp_path)} <= set(map(str, before.values()))
        playbooks = Playbooks(cluster, tmp_path)

        run = playbooks.run("dbha.mysql.switchover", switchover_to="db1")
        assert run.returncode == 0, run
        assert settings_of(db0) == before

        # Of two servers, the one that is left has no channel any more. Only the inventory can say it.
        db1.kill()
        run = playbooks.run("dbha.mysql.failover")
        assert run.returncode == 0, run
        db1.start()
        named = {"rejoin_server": "db1", "rejoin_primary": "db0"}
        run = playbooks.run("dbha.mysql.rejoin", rejoin_wait_timeout=5, **named)
        assert (run.returncode, run.codes) == (2, {"not_replicating"}), run
        inventory = {
            "mysql_source_ssl": True,
            "mysql_source_ssl_ca": str(authority.ca),
            "mysql_source_ssl_cert": str(certificate),
            "mysql_source_ssl_key": str(key),
            "mysql_source_ssl_verify_server_cert": True,
        }
        run = playbooks.run("dbha.mysql.rejoin", hosts=dict.fromkeys(cluster.servers, inventory), **named)
        assert run.returncode == 0, run
        said = ("SSL_CA_FILE", "SSL_CERT", "SSL_KEY", "SSL_VERIFY")
        tls = {name: value for name, value in before.items() if name.upper().replace("MASTER_", "").startswith(said)}
        assert len(tls) >= 4
        assert tls.items() <= settings_of(db1).items()


@pytest.mark.server("mysql-5.6")
def test_the_period_of_heartbeats_stays_where_only_the_status_shows_it(kind: str, tmp_path: Path) -> None:
    with Cluster(kind, replicas=2) as cluster:
        scene = Scene(cluster, tmp_path)
        for replica in cluster.replicas:
            replica.execute_all("STOP SLAVE", "CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 11.5", "START SLAVE")
        cluster.wait_in_sync()
        db0, db1, db2 = (cluster[name] for name in ("db0", "db1", "db2"))

        def periods(*servers: Server) -> list[str]:
            return [server.query_one("SHOW STATUS LIKE 'Slave_heartbeat_period'")["Value"] for server in servers]

        switched = scene.switchover(switchover_to="db1")
        assert switched.returncode == 0, switched
        # A former primary, and one that is repointed.
        assert periods(db0, db2) == ["11.500"] * 2
        scene.kill(db1)
        failed_over = scene.failover(failover_candidates="db2")
        assert failed_over.returncode == 0, failed_over
        assert periods(db0) == ["11.500"]
        db1.start("--read-only")
        rejoined = scene.rejoin()
        assert rejoined.returncode == 0, rejoined
        assert periods(db1) == ["11.500"]
