# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""One question to one proxy over HAProxy's runtime API: a line of commands over a connection of its own, and the answer until HAProxy closes that."""

from __future__ import annotations

import socket
import time
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address
from ansible_collections.dbha.mysql.plugins.module_utils._server.reach import NotReached, find_addresses, reach
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import decode, encode
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

# Bytes of the longest answer: thirty thousand servers.
_LONGEST = 8 * 1024 * 1024

# Bytes of a path that a socket can have.
_PATH = 107


class NoAnswer(Exception):
    """A proxy that cannot be reached, or does not answer in time, or not with what can be read."""


@dataclass(frozen=True)
class ProxyAddress:
    """Where the runtime API of a proxy is: a path of a UNIX socket, or host and port."""

    name: str
    path: str = ""
    host: str = ""
    port: int = 0


def proxy_address(text: str) -> t.Optional[ProxyAddress]:
    """Return the address that a text is; ``None`` if it is none. What has a slash in it is a path."""
    name = text.strip()
    if "/" in name:
        return ProxyAddress(name, path=name) if "\0" not in name and len(encode(name)) <= _PATH else None
    host, colon, port = name.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None  # an IPv6 address whose end may be a port
    is_port = colon and port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535
    return ProxyAddress(name, host=host, port=int(port)) if is_port and host and host.isprintable() and " " not in host else None


def ask(proxy: ProxyAddress, line: str, deadline: float) -> str:
    """Send a line of commands, and return the answer. Raises ``NoAnswer``.

    :arg deadline: until when that may take (``time.monotonic()``).
    """
    try:
        with _connected(proxy, deadline) as connection:
            connection.settimeout(_left(deadline))
            connection.sendall(encode(line) + b"\n")
            return decode(_read(connection, deadline))
    except socket.timeout:
        raise NoAnswer("it did not answer in time") from None
    except (OSError, UnicodeError) as error:
        raise NoAnswer(str(getattr(error, "strerror", None) or error)) from error


def _read(connection: socket.socket, deadline: float) -> bytes:
    answer = bytearray()
    while True:
        # Anew for each part: a proxy that sends one byte a second would keep within a limit for each of them for ever.
        connection.settimeout(_left(deadline))
        part = connection.recv(65536)
        if not part:
            break
        answer += part
        if len(answer) > _LONGEST:
            raise NoAnswer("it answered more than %d bytes" % _LONGEST)
    if not answer:
        # HAProxy ends each answer with an empty line, also where there is nothing to say.
        raise NoAnswer("it closed the connection without an answer")
    return bytes(answer)


def _connected(proxy: ProxyAddress, deadline: float) -> socket.socket:
    address = Address(proxy.host, proxy.port, proxy.path or None)
    try:
        return reach(address, find_addresses(address, _left(deadline)), _left(deadline))
    except NotReached as error:
        _left(deadline)  # whose time is up has not answered, whatever that says of it
        raise NoAnswer(error.text) from error


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout
    return left
