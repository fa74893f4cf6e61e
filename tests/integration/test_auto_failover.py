# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replicas of MySQL that choose another source by themselves: seen where the account may, no hindrance where it may not."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
from ansible_collections.dbha.mysql.plugins.module_utils._state.read import read_state
from sandbox import PASSWORDS
from sandbox.servers.pool import POOL


@pytest.mark.server("mysql-9.7")
def test_a_replica_that_chooses_another_source_by_itself_is_seen_where_the_account_may(kind: str) -> None:
    def sees(user: str) -> bool:
        login = Login(user, PASSWORDS.get(user), connect_timeout=5, allow_unverified=True)
        server = Server("db1", Address("127.0.0.1", replica.port) if login.password else Address(unix_socket=replica.socket), login)
        server.connect()
        _flavor, state = read_state(server)
        server.close()
        return state.channels[0].auto_failover

    with POOL.cluster(kind, replicas=1) as cluster:
        (replica,) = cluster.replicas
        assert not sees("root")
        replica.execute_all("STOP REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_CONNECTION_AUTO_FAILOVER = 1")
        assert sees("root")
        assert not sees("failover")
        grant = "GRANT SELECT ON performance_schema.replication_connection_configuration TO failover"
        replica.execute_all("SET SESSION sql_log_bin = 0", "SET GLOBAL super_read_only = 0", grant)
        assert sees("failover")
