# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Where a server listens, who logs in there and how: addresses, accounts, option files, TLS."""

from __future__ import annotations

import os
import ssl
import typing as t
from dataclasses import field, replace

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass
from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import NEUTRAL

if t.TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Address:
    """Where a server listens: host and port, or the path of a socket on the machine that connects."""

    host: str = "localhost"
    port: int = 3306
    unix_socket: t.Optional[str] = None

    def __str__(self) -> str:
        return self.unix_socket or "%s:%d" % (self.host, self.port)


@dataclass(frozen=True)
class Login:
    """Who logs in and how, and the time limits (seconds) of connecting and of each statement.

    ``greet_timeout`` is for being connected and greeted, a part of ``connect_timeout``; all of it where it is not given. ``allow_unverified``: passwords may
    be sent to whoever answers. ``is_ours``: the server is one that the user has named; of any other, which is only said to be a source, nobody knows whose
    it is.
    """

    user: t.Optional[str] = None
    password: t.Optional[str] = field(default=None, repr=False)
    ca_cert: t.Optional[str] = None
    client_cert: t.Optional[str] = None
    client_key: t.Optional[str] = None
    check_hostname: t.Optional[bool] = None
    connect_timeout: float = 3.0
    read_timeout: float = 10.0
    greet_timeout: t.Optional[float] = None
    allow_unverified: bool = False
    is_ours: bool = True

    def secrets(self) -> t.Tuple[str, ...]:
        """Return what must never be shown."""
        return (self.password,) if self.password else ()


def make_tls_context(login: Login) -> ssl.SSLContext:
    """Return the TLS settings for a login: verified when a CA is named, else encrypted wherever the server can, as the vendors' clients do.

    Built once for all connections: loading a CA file for each would cost more than the rest of the connection.
    Raises ``ValueError`` for files that cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # Servers sign their own certificates; Python 3.13 would refuse those.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    try:
        if login.ca_cert:
            context.load_verify_locations(cafile=os.path.expanduser(login.ca_cert))
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = login.check_hostname is not False
        if login.client_cert:
            context.load_cert_chain(os.path.expanduser(login.client_cert), os.path.expanduser(login.client_key) if login.client_key else None)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(
            "the TLS files cannot be used (ca_cert %s, client_cert %s, client_key %s): %s" % (login.ca_cert, login.client_cert, login.client_key, error)
        ) from error
    return context


def login_with_config_file(login: Login, options: Mapping[str, str]) -> Login:
    """Fill in what the login leaves open from an option file's ``[client]`` group, by the vendors' option names."""
    return replace(
        login,
        user=login.user or options.get("user"),
        password=login.password if login.password is not None else options.get("password"),
        ca_cert=login.ca_cert or options.get("ssl-ca"),
        client_cert=login.client_cert or options.get("ssl-cert"),
        client_key=login.client_key or options.get("ssl-key"),
    )


@dataclass(frozen=True)
class Entry:
    """A server as the user names it. ``replication_host`` and ``replication_port``: where replicas are told that it is, if that is elsewhere.

    ``promotion``: one of ``PROMOTIONS``. ``site``: where it stands, in the user's words; empty where that was not said.
    """

    name: str
    address: Address
    login: Login
    replication_host: t.Optional[str] = None
    replication_port: t.Optional[int] = None
    promotion: str = NEUTRAL
    site: str = ""

    @property
    def address_for_replicas(self) -> Address:
        """Where replicas are told that it is."""
        return Address(self.replication_host or self.address.host, self.replication_port or self.address.port)


@dataclass(frozen=True)
class Members:
    """The servers that one call is about, and how to log in to any other that they turn out to replicate from."""

    entries: t.Tuple[Entry, ...]
    login: Login
    tls: ssl.SSLContext = field(repr=False, compare=False)

    @property
    def names(self) -> t.Tuple[str, ...]:
        """The names of the servers."""
        return tuple(entry.name for entry in self.entries)
