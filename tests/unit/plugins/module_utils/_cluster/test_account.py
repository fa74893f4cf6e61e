# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes of trying the account of the replicas at something that does not let it in."""

from __future__ import annotations

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.account import AccountTrial
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Account
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Entry, Login, Members, make_tls_context
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.fake_server import Behaviour, asks_for_the_whole_password, closes_at_once, fake_server


@pytest.mark.parametrize(("behaviour", "takes_key"), [(asks_for_the_whole_password, True), (closes_at_once, False)])
def test_that_a_server_wants_the_password_itself_is_known_also_where_it_is_not_sent(behaviour: Behaviour, takes_key: bool) -> None:
    with fake_server(behaviour) as address:
        login = Login("failover", "x", connect_timeout=5)
        members = Members((Entry("db1", address, login),), login, make_tls_context(login))
        tried = AccountTrial(members, ["db1"], Account("repl", "secret")).results()["db1"]
    assert (tried.let_in, tried.errno, tried.takes_key) == (None, None, takes_key)
    assert "secret" not in tried.message
    assert AccountTrial(members, ["db1"], Account("repl", None)).results() == {}
