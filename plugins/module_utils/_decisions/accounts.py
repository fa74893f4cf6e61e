# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""From where members come, and which account of another one would be theirs there, if any. Pure.

The rules are those of the vendors (manual of MySQL, "Specifying Account Names" and "Access Control, Stage 1: Connection Verification"; of MariaDB,
"CREATE USER", "Account Names"; seen: 5.6, 9.7, 10.11, 11.8). Where they depend on what a name server says, which nobody here knows, nothing is known.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._state.accounts import LetIn
    from ansible_collections.dbha.mysql.plugins.module_utils._state.setup import Setup
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology

# Hosts of accounts that are any host.
_ANY = ("%", "")

# A pattern of addresses, and not of names.
_OF_ADDRESSES = re.compile(r"[0-9.%_]+|[0-9A-Fa-f.%_]*:[0-9A-Fa-f:.%_]*", re.ASCII)

# A pattern that begins with a whole address counts as one where networks are known (10.0.0.1_; seen: 9.7).
_WHOLE_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d", re.ASCII)

# What a pattern consists of: a character as it is, any one, any number of them, and every other one.
_PART = re.compile(r"\\(.)|(_)|(%)|(.)", re.DOTALL)

_LOOPBACK = frozenset(["127.0.0.1", "::1"])


@dataclass(frozen=True)
class Origin:
    """From where a server comes as others see it: its addresses, of which it is one, and its name if a server has told that."""

    addresses: t.FrozenSet[str]
    name: str = ""

    def __str__(self) -> str:
        return self.name or " or ".join(sorted(self.addresses))

    @property
    def is_local(self) -> bool:
        """Whether it comes from there only to servers on its own machine."""
        return bool(self.addresses) and self.addresses <= _LOOPBACK


def origin_of(host: str, known: Iterable[str] = ()) -> Origin:
    """Return from where somebody comes who is said to come from a host. ``known``: other names of that host, and its addresses."""
    address = _address(host)
    if address:
        return Origin(frozenset([address]))
    return Origin(_LOOPBACK if host == "localhost" else frozenset(filter(None, map(_address, known))), host)


def find_origins(topology: Topology, setups: Mapping[str, Setup]) -> t.Dict[str, Origin]:
    """Return from where members come, of whom that is known, because their source sees it.

    Where only one host is left over that reads a binary log, and one replica, that one comes from there. The primary comes to nobody: it has the
    address that it has here, if all replicas do.
    """
    found: t.Dict[str, Origin] = {}
    are_as_here = True
    for source, setup in setups.items():
        receiving = [member for member in topology.followers(source) if _receives(member)]
        for member in receiving:
            own = [host for host in sorted(set(setup.read_from)) if _is_at(member, host)]
            if len(own) == 1:
                found[member.name] = origin_of(own[0], _hosts_of(member))
        left = [member for member in receiving if member.name not in found]
        strange = {host for host in setup.read_from if not any(_is_at(member, host) for member in topology.members)}
        are_as_here = are_as_here and not left
        if len(left) == len(strange) == 1:
            found[left[0].name] = origin_of(strange.pop())
    primary = topology.primary_member
    if primary is not None and primary.state is not None and found and are_as_here:
        addresses = frozenset(filter(None, map(_address, _hosts_of(primary))))
        if len(addresses) == 1:
            found[primary.name] = Origin(addresses)
    return found


def comes_to(topology: Topology, name: str, origins: Mapping[str, Origin]) -> t.Dict[str, Origin]:
    """Return from where others come to one member, as far as that is known."""
    is_here = bool(_hosts_of(topology[name]) & {"localhost", *_LOOPBACK})
    return {other: origin for other, origin in origins.items() if other != name and (is_here or not origin.is_local)}


class Verdict(t.NamedTuple):
    """Which account a server would take somebody for; ``None``: none. ``is_known``: it can be told."""

    is_known: bool
    account: t.Optional[LetIn] = None


def account_for(user: str, origin: Origin, setup: Setup) -> Verdict:
    """Tell which account a server would take somebody for, by what its accounts are: the first one that fits, the most specific hosts first."""
    if setup.accounts is None:
        return Verdict(False)
    resolves = setup.settings.get("skip_name_resolve", "OFF").upper() in ("OFF", "0")
    is_known = True
    for account in sorted(setup.accounts.all, key=lambda each: _rank(each, setup.takes_cidr)):
        if account.user not in (user, ""):
            continue
        fits = lets_in(account.host, origin, resolves=resolves, takes_cidr=setup.takes_cidr)
        if fits:
            return Verdict(is_known, account)
        is_known = is_known and fits is False
    return Verdict(is_known)


def lets_in(host: str, origin: Origin, *, resolves: bool, takes_cidr: bool) -> t.Optional[bool]:
    """Tell whether the host of an account is one from where somebody comes; ``None`` if that cannot be told.

    :arg resolves: the server asks for names. ``takes_cidr``: it knows networks as in 192.0.2.0/24.
    """
    if host in _ANY:
        return True
    if "/" in host:
        return _all(_is_in(address, host, takes_cidr) for address in origin.addresses)
    if _OF_ADDRESSES.fullmatch(host):
        return _all(_is_like(address, host) for address in origin.addresses)
    if not resolves:
        return False
    return _is_like(origin.name, host) if origin.name else None


def _rank(account: LetIn, takes_cidr: bool) -> t.Tuple[int, int, bool]:
    """Return what accounts are sorted by: the most specific host first, and of one host those with a name.

    (Seen with each kind of host against each other: 5.6, 9.7, 10.11, 11.8.)
    """
    host, mask = account.host, account.host.partition("/")[2]
    first = re.search("[%_]", host)
    if host in _ANY:
        return 4, _ANY.index(host), not account.user
    if mask and takes_cidr:
        # Networks as such go before those with a netmask, and of each kind the smaller ones.
        return (1, -int(mask), not account.user) if mask.isdigit() else (2, -_number(mask), not account.user)
    if mask or first is None or (takes_cidr and _WHOLE_ADDRESS.match(host)):
        return 0, 0, not account.user
    return 3, -first.start(), not account.user


def _number(mask: str) -> int:
    try:
        return int(ipaddress.IPv4Address(mask))
    except ValueError:
        return 0


def _is_like(text: str, pattern: str) -> bool:
    parts = [".*" if many else "." if one else re.escape(as_is or other) for as_is, one, many, other in _PART.findall(pattern)]
    return re.fullmatch("".join(parts), text, re.DOTALL | re.IGNORECASE) is not None


def _is_in(address: str, network: str, takes_cidr: bool) -> t.Optional[bool]:
    base, _slash, mask = network.partition("/")
    try:
        own = ipaddress.ip_address(address)
        if mask.isdigit():
            return own in ipaddress.ip_network(network, strict=False) if takes_cidr else None
        return own.version == 4 and int(own) & int(ipaddress.IPv4Address(mask)) == int(ipaddress.IPv4Address(base))
    except ValueError:
        return None


def _all(found: Iterable[t.Optional[bool]]) -> t.Optional[bool]:
    said = set(found)
    return said.pop() if len(said) == 1 else None


def _address(text: str) -> str:
    """Return an address as servers write it, one of IPv4 as such; empty for what is none."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _receives(member: Member) -> bool:
    channel = channel_of(member) if member.state is not None else None
    return channel is not None and channel.receiver == RUNNING


def _hosts_of(member: Member) -> t.Set[str]:
    """Return all names and addresses under which the host of a member is known."""
    return {member.host.lower(), *(host.lower() for host, _port in member.endpoints)}


def _is_at(member: Member, host: str) -> bool:
    hosts = _hosts_of(member)
    return host.lower() in hosts or _address(host) in hosts or (host == "localhost" and bool(hosts & _LOOPBACK))
