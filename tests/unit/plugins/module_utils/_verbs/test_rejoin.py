# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of mysql_rejoin are read once, and refused there or nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options
from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform
from ansible_collections.dbha.mysql.plugins.module_utils._copy.backup import Hosts
from ansible_collections.dbha.mysql.plugins.module_utils._copy.overwrite import Copying
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
from ansible_collections.dbha.mysql.plugins.module_utils._steps.handover import Limits
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.rejoin import ARGUMENTS, VERB, Rejoining, Saving, parse


def read(**given: Any) -> Rejoining:
    validated = ArgumentSpecValidator(ARGUMENTS).validate({"config_file": "", "server": {"name": "db0"}, "primary": {"name": "db1"}, **given})
    assert not validated.error_messages
    return parse(Options(validated.validated_parameters))


def test_what_is_not_given_is_as_the_documentation_says() -> None:
    wanted = read()
    assert (wanted.server, wanted.primary, wanted.donor, wanted.copying) == ("db0", "db1", None, None)
    assert wanted.limits == Limits(timeout=30.0, grace=1.0, kill=True)
    assert (wanted.saving.wanted, wanted.saving.program, wanted.saving.seconds) == (True, None, 300.0)
    assert wanted.members.names == ("db0", "db1")
    # Whoever writes a name into a playbook has said it.
    assert wanted.primary_named is True
    assert read(primary_named=False).primary_named is False
    assert wanted.seconds == 30 + 3 * 300


@pytest.mark.parametrize(
    ("given", "known"),
    [({}, False), ({"replication_user": "repl"}, False), ({"replication_user": "repl", "replication_password": "secret"}, True)],
)
def test_a_rebuild_needs_an_account_that_is_known_and_is_refused_before_any_server_is_asked(given: dict[str, Any], known: bool) -> None:
    assert read(**given).knows_account is known
    nowhere = {"unix_socket": "/nonexistent"}
    options = {"config_file": "", "server": {"name": "db0", **nowhere}, "primary": {"name": "db1", **nowhere}, "method": "rebuild", **given}
    validated = ArgumentSpecValidator(ARGUMENTS).validate(options)
    result = perform(VERB, validated.validated_parameters, check_mode=True, diff_mode=False, say=print)
    assert [(problem["code"], problem["server"]) for problem in result["problems"]] == (
        [("unreachable", "db0"), ("unreachable", "db1")] if known else [("replication_user_missing", "db0")]
    )


def test_everything_that_can_be_given_is_read() -> None:
    wanted = read(
        donor={"name": "db2"},
        replicas=[{"name": "db2"}, {"name": "db3"}],
        method="rebuild",
        copy_user="copier",
        copy_password="secret",
        copy_timeout=60,
        dump_program="/usr/bin/dump",
        host_shells={"db0": "ssh db0", "db2": None},
        stop_command="stop",
        start_command="start",
        restart_timeout=5,
        save=False,
        save_to="/srv",
        save_timeout=7,
        binlog_program="/usr/bin/binlog",
        timeout=3,
        grace=2,
        kill=False,
    )
    assert wanted.members.names == ("db0", "db1", "db2", "db3")
    assert wanted.donor == "db2"
    assert wanted.limits == Limits(timeout=3.0, grace=2.0, kill=False)
    assert wanted.saving == Saving(wanted=False, directory="/srv", program="/usr/bin/binlog", seconds=7.0)
    hosts = Hosts({"db0": "ssh db0"}, "stop", "start", 5.0)
    assert wanted.copying == Copying("rebuild", "copier", "secret", 60.0, 5.0, "/usr/bin/dump", hosts)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"primary": {"name": "db0"}}, "server: db0 is the primary itself"),
        ({"timeout": 0}, "timeout: 0 "),
        ({"grace": 0}, "grace: 0 "),
        ({"copy_timeout": 0}, "copy_timeout: 0 "),
        ({"restart_timeout": 86401}, "restart_timeout: 86401 "),
        ({"save_timeout": 0}, "save_timeout: 0 "),
        ({"donor": {"name": "db0", "host": "elsewhere"}}, "donor: 'db0' is named twice"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_option(given: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(**given)
    assert str(refused.value).startswith(says)


def test_who_copies_is_who_logs_in_unless_somebody_else_is_named() -> None:
    login = Login("failover", "its password", ca_cert="/ca.pem")
    own = read(method="clone").copying
    other = read(method="clone", copy_user="copier", copy_password="secret").copying
    assert own is not None
    assert other is not None
    assert own.account(login) == login
    assert other.account(login) == Login("copier", "secret", ca_cert="/ca.pem")
