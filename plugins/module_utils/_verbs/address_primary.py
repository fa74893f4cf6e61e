# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of address_primary: let the host of the primary have virtual addresses, and no other host.

All hosts are asked at once. The one of the primary waits until nobody has an address any more, and takes it at that moment: so clients look for an
address that nobody has only for some milliseconds.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import LOGIN_ARGUMENTS, PLACE_OPTIONS
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._clients.address import (
    INTERFACE,
    Answer,
    HostFailed,
    Way,
    held_after,
    judged,
    normalised,
    read_answer,
)
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import at_once
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options


# Asks a host over SSH: its name, and what is to be done there. Raises ``HostFailed``.
Ask = t.Callable[[str, t.Mapping[str, object], Way], str]

ARGUMENTS: t.Dict[str, t.Any] = {
    "problems_as": LOGIN_ARGUMENTS["problems_as"],
    "connect_timeout": LOGIN_ARGUMENTS["connect_timeout"],
    "addresses": {"type": "list", "elements": "str", "required": True},
    "primary": {"type": "dict", "options": PLACE_OPTIONS, "required": True},
    "others": {"type": "list", "elements": "dict", "options": PLACE_OPTIONS, "required": True},
    "state": {"type": "str", "choices": ["moved", "looked_at"], "default": "moved"},
    "interface": {"type": "str"},
    "timeout": {"type": "float", "default": 10},
    "become": {"type": "bool", "default": True},
}

# Seconds that a host may take to take an address off, once it has let us in.
_TO_TAKE_OFF = 0.5


class DescribedHost(t.TypedDict):
    """What became of one host."""

    host: str
    before: t.List[str]
    after: t.List[str]


class Moved(t.TypedDict):
    """What address_primary gives back; its documentation says what each is."""

    hosts: t.List[DescribedHost]
    msg: str


@dataclass(frozen=True)
class Move:
    """Which addresses are to be on the host of ``primary``, and on none of ``others``."""

    addresses: t.Tuple[str, ...]
    primary: str
    others: t.Tuple[str, ...]
    really: bool
    interface: str
    way: Way


def parse(options: Options) -> Move:
    """Read the options. Raises ``BadInput``."""
    addresses = []
    for text in options.texts("addresses"):
        address = normalised(text)
        if address is None:
            raise BadInput("addresses: %r is not an address that hosts can share (10.0.0.100, 10.0.0.100/24, 2001:db8::100/64)" % text[:60])
        addresses.append(address)
    if not addresses:
        raise BadInput("addresses: name at least one")
    interface = options.text("interface") or ""
    if interface and not INTERFACE.fullmatch(interface):
        raise BadInput("interface: %r is not a name that an interface can have" % interface[:60])
    primary = _name(options.mapping("primary"))
    others = dict.fromkeys(_name(entry) for entry in options.mappings("others"))
    return Move(
        addresses=tuple(dict.fromkeys(addresses)),
        primary=primary,
        others=tuple(name for name in others if name != primary),
        really=options.text("state") == "moved",
        interface=interface,
        way=Way(options.seconds("connect_timeout"), options.seconds("timeout"), options.flag("become")),
    )


def _name(entry: Mapping[str, t.Any]) -> str:
    return str(entry["name"] if entry["name"] is not None else entry["host"])


def addressing(ask: Ask) -> Verb[Move]:
    """Return the verb, over what asks hosts."""
    return Verb(ARGUMENTS, parse, lambda call, request: move(call, request, ask), connects=False)


def _ask_nobody(_host: str, _request: Mapping[str, object], _way: Way) -> str:
    raise BadInput("this module asks hosts over SSH, from the machine that runs Ansible: it works only there, and without async")


VERB = addressing(_ask_nobody)


def move(call: Call, request: Move, ask: Ask) -> Moved:
    """Move the addresses. Raises ``Refusal`` with what has failed on which host, once all others are done."""
    hosts = (request.primary, *request.others)
    really = request.really and not call.check_mode
    with call.journal.step("move addresses" if really else "look at hosts"):
        answers = dict(zip(hosts, at_once(_asking(call, request, ask, really), hosts)))
        late = answers[request.primary]
        if late.in_use and any(answers[host].did for host in request.others):
            # Whoever had it has taken it off only when the other one did not wait any more.
            again = _asking(call, request, ask, really)(request.primary)
            answers[request.primary] = replace(again, did=late.did + again.did)
    plain = [address.partition("/")[0] for address in request.addresses]
    if not request.really:
        # What would be done is not of interest to who only looks.
        answers = {host: replace(answer, did=()) for host, answer in answers.items()}
    for host, answer in answers.items():
        call.journal.statements.extend(Sent(host, command) for command in answer.did)
    described: t.List[DescribedHost] = [{"host": host, "before": list(answer.had), "after": held_after(plain, answer)} for host, answer in answers.items()]
    call.tell({"hosts": described})
    found = judged(request.primary, answers)
    call.warn(Problem(each.code, each.host, each.message) for each in found if not each.forbids)
    refuse(Problem(each.code, each.host, each.message) for each in found if each.forbids)
    if not request.really:
        return {"hosts": described, "msg": "%s can have %s" % (request.primary, listed(plain))}
    return {"hosts": described, "msg": "%s %s %s" % (request.primary, "would have" if call.check_mode else "has", listed(plain))}


def _asking(call: Call, request: Move, ask: Ask, really: bool) -> Callable[[str], Answer]:
    way = request.way
    # Whoever has the address may take as long to let us in, and to take it off.
    patience = min(way.connect_within, way.within / 2) + _TO_TAKE_OFF

    def asked(host: str) -> Answer:
        wanted = {
            "addresses": list(request.addresses),
            "interface": request.interface,
            "has": host == request.primary,
            "really": really,
            "patience": patience,
        }
        with call.journal.step("ask host", host):
            try:
                return read_answer(ask(host, wanted, way))
            except HostFailed as error:
                return Answer(unreachable=str(error))

    return asked
