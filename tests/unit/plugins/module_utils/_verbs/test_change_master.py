# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What mysql_change_master is told, as one value. What it does is tested on real servers, what it decides in test_repointing."""

from __future__ import annotations

import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Settings
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import describe_settings
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import SourceTls
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.change_master import ARGUMENTS, _message, parse
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.change_master_work import Repointing
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import channel


def read(**given: t.Any) -> Repointing:
    named = {"config_file": "/nonexistent", "primary": {"name": "db1"}, "replicas": [{"name": "db1"}, {"name": "db2"}], **given}
    validated = ArgumentSpecValidator(ARGUMENTS).validate(named)
    assert not validated.error_messages
    return parse(Options(validated.validated_parameters))


def test_the_primary_is_not_one_of_its_replicas() -> None:
    wanted = read()
    assert (wanted.primary, wanted.replicas, wanted.members.names) == ("db1", ("db2",), ("db1", "db2"))
    assert (wanted.settings, wanted.defaults, wanted.wait_timeout, wanted.allow_data_loss) == (Settings(), None, 30, False)


@pytest.mark.parametrize(("given", "tolerates"), [({}, False), ({"left_behind": "fail"}, False), ({"left_behind": "warn"}, True)])
def test_who_is_left_behind_is_tolerated_where_it_is_said(given: dict[str, str], tolerates: bool) -> None:
    assert read(**given).tolerates_left_behind is tolerates


@pytest.mark.parametrize(
    ("changed", "check_mode", "left_behind", "says"),
    [
        ({"db2", "db3"}, False, (), "db2, db3 replicate from db1 now"),
        ({"db2", "db3"}, False, ("db3",), "db2 replicates from db1 now; db3 does not, and is left behind"),
        ({"db2", "db3"}, False, ("db2", "db3"), "db2, db3 do not follow db1, and are left behind"),
        ({"db2", "db3"}, True, ("db3",), "db2 would replicate from db1; db3 does not, and is left behind"),
        (set(), False, (), "db2, db3 replicate from db1 already"),
    ],
)
def test_it_says_who_follows_and_who_does_not(changed: set[str], check_mode: bool, left_behind: tuple[str, ...], says: str) -> None:
    assert _message(["db2", "db3"], changed, "db1", check_mode, left_behind) == says


def test_what_is_given_is_what_replicas_are_told() -> None:
    wanted = read(
        replication_user="repl",
        replication_password="secret",
        source_ssl=True,
        source_ssl_ca="/ca.pem",
        source_ssl_cert="/client.pem",
        source_ssl_key="/client.key",
        source_ssl_verify_server_cert=False,
        source_public_key=True,
        wait_timeout=5,
        allow_data_loss=True,
    )
    assert wanted.settings == Settings("repl", "secret", True, "/ca.pem", "/client.pem", "/client.key", False, True)
    assert (wanted.wait_timeout, wanted.allow_data_loss) == (5, True)


def test_what_a_former_primary_is_told_is_what_mysql_promote_returned() -> None:
    tls = SourceTls(True, "/ca.pem", "", "", verify_cert=True, get_public_key=None)
    more = (("CONNECT_RETRY", "7"),)
    assert read(defaults=describe_settings(channel(tls=tls, settings=more))).defaults == Settings("repl", None, True, "/ca.pem", None, None, True, None, more)
    # Of a password nothing is taken over: nobody can read one.
    assert read(defaults={"replication_user": "repl", "replication_password": "secret", "another": 1}).defaults == Settings("repl", more=())
    assert read(defaults={}).defaults is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"replicas": []}, "replicas: name at least one server"),
        ({"wait_timeout": 0}, "wait_timeout: 0 is no"),
        ({"primary": {"name": ""}}, "primary: '' is"),
        ({"defaults": {"source_ssl": "no"}}, "defaults: source_ssl takes true or false, not 'no'"),
        ({"defaults": {"source_settings": {"CONNECT_RETRY": 7}}}, "defaults: source_settings takes texts by their names"),
        ({"defaults": {"source_settings": "x"}}, "defaults: source_settings takes texts by their names"),
        ({"defaults": {"source_ssl_ca": True}}, "defaults: source_ssl_ca takes text, not True"),
    ],
)
def test_what_cannot_be_used_is_named(given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        read(**given)
