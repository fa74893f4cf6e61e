# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the event source is given: what it makes of it, and what it refuses without quoting a password."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._watch.arguments import parse
from ansible_collections.dbha.mysql.plugins.module_utils._watch.watcher import Rhythm, Watched

NONE: dict[str, t.Any] = {"config_file": "/dev/null", "login_user": "failover", "login_password": "sEcret1"}


def one(servers: t.Any, **given: t.Any) -> Watched:
    (watched,) = parse({**NONE, "clusters": {"orders": servers}, **given}, {})
    return watched


def test_servers_are_addresses_or_dictionaries() -> None:
    watched = one(
        [
            "db0.example.com",
            "db1:3307",
            "[2001:db8::1]:3308",
            {"name": "db3", "host": "10.0.0.3", "port": "3309", "login_user": "other", "login_password": 7},
            {"name": "db4", "replication_host": "inside", "replication_port": 3310},
            {"unix_socket": "/run/mysqld.sock", "name": "db5"},
        ]
    )
    assert watched.cluster == "orders"
    assert [(each.name, each.address.host, each.address.port) for each in watched.members.entries] == [
        ("db0.example.com", "db0.example.com", 3306),
        ("db1:3307", "db1", 3307),
        ("[2001:db8::1]:3308", "2001:db8::1", 3308),
        ("db3", "10.0.0.3", 3309),
        ("db4", "db4", 3306),
        ("db5", "localhost", 3306),
    ]
    logins = [each.login for each in watched.members.entries]
    assert [(each.user, each.password) for each in logins[2:4]] == [("failover", "sEcret1"), ("other", "7")]
    assert str(watched.members.entries[4].address_for_replicas) == "inside:3310"
    assert (logins[0].connect_timeout, logins[0].read_timeout, logins[0].allow_unverified) == (2, 3, False)
    assert (watched.rhythm, watched.patience.failures, watched.pause_directory, watched.is_paused) == (Rhythm(), 3, None, False)


def test_what_is_empty_is_not_given_and_text_is_what_it_means() -> None:
    watched = one(["db0"], login_user="", login_password=None, interval="0.5", failures="2", allow_unverified="yes", check_hostname="", max_lag="")
    login = watched.members.entries[0].login
    assert (login.user, login.password, login.allow_unverified, login.check_hostname) == (None, None, True, None)
    assert (watched.rhythm.interval, watched.patience.failures, watched.patience.max_lag) == (0.5, 2, 60)


def test_the_account_may_come_from_the_environment_or_an_option_file(tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[client]\nuser=filed\npassword=sEcret2\n", encoding="utf-8")
    environment = {"DBHA_MYSQL_LOGIN_USER": "said", "DBHA_MYSQL_LOGIN_PASSWORD": "sEcret3", "DBHA_MYSQL_CONFIG_FILE": str(file)}

    def account(given: dict[str, t.Any], environment: dict[str, str]) -> tuple[str | None, str | None]:
        (watched,) = parse({"clusters": {"orders": ["db0"]}, **given}, environment)
        return watched.members.entries[0].login.user, watched.members.entries[0].login.password

    assert account({}, environment) == ("said", "sEcret3")
    assert account({"login_user": "given"}, environment) == ("given", "sEcret3")
    assert account({"config_file": str(file)}, {}) == ("filed", "sEcret2")
    assert account({}, {"DBHA_MYSQL_CONFIG_FILE": str(file)}) == ("filed", "sEcret2")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"clusters": {}}, "clusters: takes a dictionary"),
        ({"clusters": ["db0"]}, "clusters: takes a dictionary"),
        ({"clusters": {"or/ders": ["db0"]}}, "cannot be the name of a group"),
        ({"clusters": {"all": ["db0"]}}, "cannot be the name of a group"),
        ({"clusters": {"orders": "db0"}}, "orders takes a list of servers"),
        ({"clusters": {"orders": []}}, "orders takes a list of servers"),
        ({"clusters": {"orders": ["db0:99999"]}}, "clusters: orders: "),
        ({"clusters": {"orders": [7]}}, "a server is an address, or a dictionary"),
        ({"clusters": {"orders": [{"port": 3306}]}}, "neither host nor name"),
        ({"clusters": {"orders": [{"host": "db0", "hots": "x"}]}}, "no option hots"),
        ({"clusters": {"orders": [{"host": "db0", "port": "x"}]}}, "port: takes a number"),
        ({"clusters": {"orders": [{"host": "db0", "port": 0}]}}, "between 1 and 65535"),
        ({"clusters": {"orders": ["db0", "db0"]}}, "named twice"),
        ({"cluster": {"orders": ["db0"]}}, "cluster: there is no such option"),
        ({"login_user": ["a"]}, "login_user: takes a text"),
        ({"login_password": {"a": "sEcret9"}}, "login_password: takes a text"),
        ({"interval": 0}, "interval: 0 is not between"),
        ({"interval": True}, "interval: takes a number"),
        ({"failures": 1.5}, "failures: takes a whole number"),
        ({"failures": 0}, "failures: takes a whole number"),
        ({"repeat": "nan"}, "repeat: nan"),
        ({"connect_timeout": 0}, "connect_timeout"),
        ({"allow_unverified": "perhaps"}, "allow_unverified: takes true or false"),
        ({"ca_cert": "/nowhere.pem"}, "/nowhere.pem"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, t.Any], message: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse({**NONE, "clusters": {"orders": ["db0"]}, **given}, {})
    assert message in str(refused.value)
    assert "sEcret" not in str(refused.value)


def test_a_file_pauses_a_cluster_or_all_and_what_cannot_be_told_does_too(tmp_path: Path) -> None:
    watched = one(["db0"], pause_directory=str(tmp_path))
    assert not watched.is_paused
    (tmp_path / "users").touch()
    assert not watched.is_paused
    (tmp_path / "orders").touch()
    assert watched.is_paused
    (tmp_path / "orders").unlink()
    (tmp_path / "all").touch()
    assert watched.is_paused
    # The directory is a file.
    assert one(["db0"], pause_directory=str(tmp_path / "all")).is_paused
    # There is none: nobody has said anything.
    assert not one(["db0"], pause_directory=str(tmp_path / "none")).is_paused
