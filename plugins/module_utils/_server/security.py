# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What may be sent over a connection, by how secure it is. Pure.

A server in the middle can take TLS out of a greeting, show a certificate of its own, ask for the password as it is, or send its own key to
encrypt it with. The driver, and the vendors' programs, would answer all of that.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login

# Whoever is at the other end: a process on this machine, one that has shown a certificate of the authority that is trusted, or anybody.
SOCKET = "socket"
VERIFIED = "verified"
UNVERIFIED = "unverified"

# Methods that answer a question with something made of the password that serves only once. caching_sha2_password is one as long as the server
# remembers the password, and asks for it otherwise.
_CHALLENGES = ("mysql_native_password", "caching_sha2_password", "client_ed25519")

# How a packet of the server begins during a login, and the second byte of what caching_sha2_password says: 3 is "I know you", 4 "tell me".
_SWITCH = 0xFE
_MORE = 0x01
_FAST, _FULL = 3, 4

# The method to begin with where the one that the greeting names would send the password at once. The server then asks for the one of the account.
HARMLESS = "mysql_native_password"


def security_of(address: Address, login: Login) -> str:
    """Return how secure a connection is, as it is made for this login: with a certificate to trust it is verified, or is none."""
    if address.unix_socket:
        return SOCKET
    return VERIFIED if login.ca_cert else UNVERIFIED


def may_send_secrets(address: Address, login: Login) -> bool:
    """Whether passwords may be sent as they are: our own during the login, and those that are part of statements."""
    return security_of(address, login) != UNVERIFIED or login.allow_unverified


def is_challenge(method: str) -> bool:
    """Whether a method of authentication begins without sending the password; the oldest one, which has no name, does not."""
    return method in _CHALLENGES


def asks_for_secret(packet: bytes) -> t.Optional[str]:
    """Return what a server asks for in the middle of a login, if that is the password itself or as good as that; else ``None``."""
    if packet[:1] == bytes([_SWITCH]):
        method = packet[1:].split(b"\0", 1)[0].decode("ascii", "replace")
        return None if is_challenge(method) else "the password by the method %s" % (method[:50] if method else "of old clients")
    if packet[:2] == bytes([_MORE, _FULL]):
        return "the password itself, because it does not remember it (caching_sha2_password)"
    return None


def is_remembered(packet: bytes) -> bool:
    """Whether a server says that it remembers the password, so that it need not be sent (``caching_sha2_password``). It forgets it when it restarts."""
    return packet[:2] == bytes([_MORE, _FAST])


def takes_key(packet: bytes) -> bool:
    """Whether a server lets an account in without TLS only by its public key, unless it remembers the password (``caching_sha2_password``)."""
    return packet[:2] in (bytes([_MORE, _FAST]), bytes([_MORE, _FULL]))
