# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a name server says of the addresses of a name, and the update that changes them (RFC 2136), signed with a key (RFC 8945).

The only file that knows dnspython. That is needed by nobody who does not let clients follow by DNS.
"""

from __future__ import annotations

import binascii
import ipaddress
import re
import time
import traceback
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DNSPYTHON_MISSING: t.Optional[str] = None
try:
    import dns.exception
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.tsig
    import dns.update
except ImportError:
    DNSPYTHON_MISSING = traceback.format_exc()

ALGORITHMS = ("hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
KINDS = ("A", "AAAA")

# The name of a host, a zone or a key; a name of a host may be relative to its zone.
NAME = re.compile(r"(?=.{1,254}\Z)[A-Za-z0-9_*](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?")

_SERVER = re.compile(r"(?:\[(?P<in_brackets>[^]]+)\]|(?P<host>[^:\s\[\]]+))(?::(?P<port>\d{1,5}))?")
_PORT = 53


class NoAnswer(Exception):
    """A name server that cannot be reached, or does not answer in time."""


class Refused(Exception):
    """A name server that does not do what it is asked for, or whose answer is not signed as it has to be."""


@dataclass(frozen=True)
class NameServer:
    """A name server that takes updates of a zone."""

    name: str
    host: str
    port: int


@dataclass(frozen=True)
class Key:
    """What updates are signed with (TSIG)."""

    name: str
    secret: str
    algorithm: str


@dataclass(frozen=True)
class Record:
    """The addresses of one kind that a name has, in order, and how long others may remember them; none without any."""

    kind: str
    addresses: t.Tuple[str, ...]
    ttl: int


def name_server(text: str) -> t.Optional[NameServer]:
    """Return the name server that a text names; ``None`` if it names none."""
    name = text.strip()
    address = _address(name)
    if address is not None:
        return NameServer(name, address, _PORT)
    found = _SERVER.fullmatch(name)
    if found is None:
        return None
    port = int(found["port"] or _PORT)
    host = found["host"] or (_address(found["in_brackets"]) or "")
    return NameServer(name, host, port) if host and 1 <= port <= 65535 else None


def _address(text: str) -> t.Optional[str]:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def addresses_of(texts: Sequence[str]) -> t.Dict[str, t.Tuple[str, ...]]:
    """Return addresses by their kind, as they are always written. Raises ``ValueError`` for what is none."""
    found: t.Dict[str, t.Set[str]] = {kind: set() for kind in KINDS}
    for text in texts:
        address = ipaddress.ip_address(text)
        found["A" if address.version == 4 else "AAAA"].add(str(address))
    return {kind: tuple(sorted(addresses)) for kind, addresses in found.items()}


def absolute(record: str, zone: str) -> str:
    """Return a name with its zone, and with a dot at its end."""
    zone = zone.rstrip(".") + "."
    if record == "@":
        return zone
    return record if record.endswith(".") else "%s." % record if ("." + record + ".").endswith("." + zone) else "%s.%s" % (record, zone)


def changes(now: Sequence[Record], wanted: Mapping[str, t.Sequence[str]], ttl: int) -> t.List[Record]:
    """Return what is to be replaced: of each kind that is not as it is wanted all, so that no address is there beside the new one."""
    found = {record.kind: record for record in now}
    return [
        Record(kind, tuple(addresses), ttl)
        for kind, addresses in wanted.items()
        if (found[kind].addresses, found[kind].ttl if addresses else ttl) != (tuple(addresses), ttl)
    ]


def statements(name: str, changed: Sequence[Record]) -> t.List[str]:
    """Return the update in the words of nsupdate."""
    said = []
    for record in changed:
        said.append("update delete %s %s" % (name, record.kind))
        said.extend("update add %s %d %s %s" % (name, record.ttl, record.kind, address) for address in record.addresses)
    return said


def check_key(key: Key) -> None:
    """Raise ``ValueError`` for a secret that is none."""
    try:
        binascii.a2b_base64(key.secret.encode("ascii"))
    except (binascii.Error, UnicodeError):
        raise ValueError("it is not base64") from None


class Zone:
    """A zone as one name server has it.

    :arg addresses: where the name server is, in the order in which that is tried.
    :arg deadline: until when all may take (``time.monotonic()``).
    """

    def __init__(self, server: NameServer, addresses: Sequence[str], zone: str, key: t.Optional[Key], deadline: float) -> None:
        self._server = server
        self._addresses = addresses
        self._zone = zone
        self._key = key
        self._deadline = deadline

    def records(self, name: str) -> t.List[Record]:
        """Return the addresses of a name. Raises ``NoAnswer`` and ``Refused``."""
        return [self._record(name, kind) for kind in KINDS]

    def update(self, name: str, changed: Sequence[Record]) -> None:
        """Replace records of a name, all or none of them. Raises ``NoAnswer`` and ``Refused``."""
        message = dns.update.UpdateMessage(self._zone)
        for record in changed:
            message.delete(dns.name.from_text(name), record.kind)
            for address in record.addresses:
                message.add(dns.name.from_text(name), record.ttl, record.kind, address)
        self._ask(message)

    def _record(self, name: str, kind: str) -> Record:
        message = dns.message.make_query(name, kind)
        # It is to say what it has itself.
        message.flags = 0
        answer = self._ask(message, "NXDOMAIN")
        for found in answer.answer:
            if found.rdtype == dns.rdatatype.CNAME:
                raise Refused("%s is another name of %s (CNAME): remove that, or name the record that it leads to" % (name, found[0]))
            if found.rdtype == dns.rdatatype.from_text(kind):
                return Record(kind, tuple(sorted(str(ipaddress.ip_address(each.to_text())) for each in found)), found.ttl)
        return Record(kind, (), 0)

    def _ask(self, message: t.Any, *fine: str) -> t.Any:
        if self._key is not None:
            algorithm = dns.name.from_text(self._key.algorithm)
            key = dns.tsig.Key(dns.name.from_text(self._key.name), binascii.a2b_base64(self._key.secret.encode("ascii")), algorithm)
            message.use_tsig(key, algorithm=algorithm)
        error: t.Optional[Exception] = None
        for address in self._addresses:
            left = self._deadline - time.monotonic()
            if left <= 0:
                break
            try:
                # Over TCP: an update that is lost would cost seconds.
                answer = dns.query.tcp(message, address, timeout=left, port=self._server.port)
            except (dns.exception.Timeout, EOFError, OSError) as failed:
                error = failed
                continue
            except dns.exception.DNSException as failed:
                raise Refused(_said(failed)) from failed
            code = dns.rcode.to_text(answer.rcode())
            if code not in ("NOERROR", *fine):
                raise Refused("it answered %s" % code)
            return answer
        if error is None or isinstance(error, dns.exception.Timeout):
            raise NoAnswer("it did not answer in time")
        raise NoAnswer(str(getattr(error, "strerror", None) or error or "it closed the connection without an answer")) from error


def _said(error: Exception) -> str:
    """Return what is wrong with an answer; dnspython says of most of it no more than the name."""
    return " ".join(str(error).split()) or type(error).__name__
