# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Who has a virtual address, as the hosts say, and what follows from that. What a host does is in ``on_host.py``."""

from __future__ import annotations

import ipaddress
import json
import re
import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._clients.on_host import MARK
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What an interface can be called.
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,31}")

UNREACHABLE = "address_host_unreachable"
REFUSED = "address_refused"
IN_USE = "address_in_use"


class HostFailed(Exception):
    """A host cannot be asked, or what it says cannot be read."""


@dataclass(frozen=True)
class Way:
    """How a host is asked: seconds in which it has to let us in, and in which all has to be done, and whether we are to become root there."""

    connect_within: float
    within: float
    become: bool


@dataclass(frozen=True)
class Answer:
    """What a host says: which of the addresses it had, the commands that it has carried out, who else has which address, and what it could not do.

    ``unreachable``: it could not be asked, and why.
    """

    had: t.Tuple[str, ...] = ()
    did: t.Tuple[str, ...] = ()
    in_use: t.Tuple[t.Tuple[str, str], ...] = ()
    error: str = ""
    unreachable: str = ""


@dataclass(frozen=True)
class Found:
    """What is wrong on a host: a code and a message. ``forbids``: the task fails because of it."""

    code: str
    host: str
    message: str
    forbids: bool


def normalised(text: str) -> t.Optional[str]:
    """Return an address as it is always written, with the length of its prefix if it has one; ``None`` for what is none that hosts can share."""
    address, slash, prefix = text.strip().partition("/")
    try:
        found = ipaddress.ip_address(address)
        network = ipaddress.ip_network("%s/%s" % (found, prefix or found.max_prefixlen), strict=False)
    except ValueError:
        return None
    if slash and not (prefix.isascii() and prefix.isdigit()):
        return None
    if found.is_multicast or found.is_loopback or found.is_unspecified:
        return None
    return "%s/%d" % (found, network.prefixlen) if slash else str(found)


def program(source: str, request: t.Optional[Mapping[str, object]]) -> str:
    """Return what the Python of a host is to run: for one request, or for all that come.

    The oldest ones do not know the future that the source asks for, and do not need it.
    """
    text = source.replace("from __future__ import annotations\n", "\n", 1)
    return "%s\n\n%s\n" % (text, "serve()" if request is None else "main(%r)" % json.dumps(request))


def read_answer(text: str) -> Answer:
    """Return what a host has answered. Raises ``HostFailed``."""
    lines = [line[len(MARK) :] for line in text.splitlines() if line.startswith(MARK)]
    try:
        found = json.loads(lines[-1])
        texts = [found["error"], *found["had"], *found["did"], *found["in_use"].keys(), *found["in_use"].values()]
        if not all(isinstance(each, str) for each in texts):
            raise TypeError
        return Answer(tuple(found["had"]), tuple(found["did"]), tuple(sorted(found["in_use"].items())), found["error"])
    except (IndexError, KeyError, TypeError, AttributeError, ValueError):
        raise HostFailed("it answered what cannot be read: %s" % (" ".join(text.split())[-200:] or "nothing")) from None


def judged(primary: str, answers: Mapping[str, Answer]) -> t.List[Found]:
    """Say what is wrong, from what each host has answered; the host of the primary is to have the addresses, and nobody else.

    Another host that cannot be asked forbids nothing as long as the addresses answer from nowhere else: it is off, or cut off.
    """
    of_primary = answers[primary]
    found = []
    if of_primary.unreachable:
        found.append(Found(UNREACHABLE, primary, "%s: %s" % (primary, of_primary.unreachable), True))
    elif of_primary.error:
        found.append(Found(REFUSED, primary, "%s: %s" % (primary, of_primary.error), True))
    for host, each in answers.items():
        if host == primary:
            continue
        if each.unreachable:
            found.append(Found(UNREACHABLE, host, "%s: %s. It may have the address once it is back" % (host, each.unreachable), False))
        elif each.error:
            found.append(Found(REFUSED, host, "%s: %s" % (host, each.error), True))
    silent = [host for host, each in answers.items() if each.unreachable and host != primary]
    asked = ", perhaps from %s, which could not be asked" % listed(silent) if silent else ", and from none of the hosts of the cluster"
    for address, mac in of_primary.in_use:
        found.append(Found(IN_USE, primary, "%s still answers from elsewhere (%s)%s" % (address, mac, asked), True))
    return found


def held_after(addresses: Sequence[str], answer: Answer) -> t.List[str]:
    """Return which of the addresses a host has now, or in check mode would have."""
    added = {word.partition("/")[0] for line in answer.did for word in line.split()[3:4] if " add " in line}
    removed = {word.partition("/")[0] for line in answer.did for word in line.split()[3:4] if " delete " in line}
    return [address for address in addresses if (address in answer.had or address in added) and address not in removed]
