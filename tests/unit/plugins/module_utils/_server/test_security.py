# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be sent over a connection, by how secure it is."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login
from ansible_collections.dbha.mysql.plugins.module_utils._server.security import (
    SOCKET,
    UNVERIFIED,
    VERIFIED,
    asks_for_secret,
    is_challenge,
    may_send_secrets,
    security_of,
    takes_key,
)

HOST, PATH = Address("db0", 3306), Address(unix_socket="/run/mysqld.sock")


@pytest.mark.parametrize(
    ("address", "login", "security", "may_send"),
    [
        (HOST, {}, UNVERIFIED, False),
        (HOST, {"client_cert": "c.pem"}, UNVERIFIED, False),
        (HOST, {"check_hostname": True}, UNVERIFIED, False),
        (HOST, {"allow_unverified": True}, UNVERIFIED, True),
        (HOST, {"ca_cert": "ca.pem"}, VERIFIED, True),
        (HOST, {"ca_cert": "ca.pem", "check_hostname": False}, VERIFIED, True),
        (PATH, {}, SOCKET, True),
        (PATH, {"ca_cert": "ca.pem"}, SOCKET, True),
        (Address("127.0.0.1", 3306), {}, UNVERIFIED, False),
    ],
)
def test_how_secure_a_connection_is_and_whether_passwords_may_be_sent(address: Address, login: dict[str, t.Any], security: str, may_send: bool) -> None:
    assert security_of(address, Login("failover", **login)) == security
    assert may_send_secrets(address, Login("failover", **login)) is may_send


@pytest.mark.parametrize(
    ("packet", "asks"),
    [
        (b"\0\0\0\2\0\0\0", False),
        (b"\xff\x15\x04#28000Access denied", False),
        (b"\xfemysql_native_password\0" + b"s" * 20 + b"\0", False),
        (b"\xfecaching_sha2_password\0" + b"s" * 20 + b"\0", False),
        (b"\xfeclient_ed25519\0" + b"s" * 32, False),
        (b"\x01\x03", False),
        (b"\x01\x04", True),
        (b"\xfemysql_clear_password\0", True),
        (b"\xfesha256_password\0" + b"s" * 20 + b"\0", True),
        (b"\xfedialog\0\x02Password: ", True),
        (b"\xfemysql_old_password\0ssssssss", True),
        (b"\xfe", True),
        (b"\xfe\0", True),
        (b"\xfemysql_native_password2\0", True),
        (b"\xfe\xff\xfe\0", True),
    ],
)
def test_what_a_server_asks_for_in_the_middle_of_a_login(packet: bytes, asks: bool) -> None:
    assert (asks_for_secret(packet) is not None) is asks
    # Whether it remembers the password or asks for it, a replica that has no TLS takes its public key.
    assert takes_key(packet) is (packet[:1] == b"\x01")


def test_the_methods_that_begin_without_the_password() -> None:
    assert [method for method in ("mysql_native_password", "caching_sha2_password", "client_ed25519") if not is_challenge(method)] == []
    others = ("", "sha256_password", "mysql_clear_password", "dialog", "mysql_old_password", "auth_gssapi_client")
    assert [method for method in others if is_challenge(method)] == []
