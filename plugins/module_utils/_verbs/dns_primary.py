# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of dns_primary: let many name servers give a name the addresses of the primary, and no others."""

from __future__ import annotations

import time
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import LOGIN_ARGUMENTS, PLACE_OPTIONS
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput
from ansible_collections.dbha.mysql.plugins.module_utils._clients import name_servers
from ansible_collections.dbha.mysql.plugins.module_utils._clients.name_servers import (
    ALGORITHMS,
    NAME,
    Key,
    NameServer,
    NoAnswer,
    Record,
    Refused,
    Zone,
    absolute,
    addresses_of,
    changes,
    check_key,
    name_server,
    statements,
)
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.outcome import at_once
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import reason_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Sent
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed
from ansible_collections.dbha.mysql.plugins.module_utils._server.time_limit import look_up
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import Options

ARGUMENTS: t.Dict[str, t.Any] = {
    "problems_as": LOGIN_ARGUMENTS["problems_as"],
    "servers": {"type": "list", "elements": "str", "required": True},
    "zone": {"type": "str", "required": True},
    "record": {"type": "str", "required": True},
    "primary": {"type": "dict", "options": PLACE_OPTIONS, "required": True},
    "addresses": {"type": "dict", "default": {}},
    "ttl": {"type": "int", "default": 5},
    "key_name": {"type": "str"},
    "key_secret": {"type": "str", "no_log": True},
    "key_algorithm": {"type": "str", "choices": list(ALGORITHMS), "default": "hmac-sha256"},
    "timeout": {"type": "float", "default": 3},
}

_LONGEST_TTL = 86400


class DescribedServer(t.TypedDict):
    """What became of one name server."""

    server: str
    before: t.List[str]
    after: t.List[str]


class Moved(t.TypedDict):
    """What dns_primary gives back; its documentation says what each is."""

    servers: t.List[DescribedServer]
    msg: str


@dataclass(frozen=True)
class Move:
    """Which name servers are to give ``name`` which addresses, by kind."""

    servers: t.Tuple[NameServer, ...]
    zone: str
    name: str
    primary: str
    wanted: t.Mapping[str, t.Tuple[str, ...]]
    ttl: int
    key: t.Optional[Key]
    timeout: float


def parse(options: Options) -> Move:
    """Read the options. Raises ``BadInput``."""
    servers = []
    for text in options.texts("servers"):
        server = name_server(text)
        if server is None:
            raise BadInput("servers: %r is neither host nor host:port ([address]:port with IPv6)" % text[:120])
        servers.append(server)
    if not servers:
        raise BadInput("servers: name at least one")
    names = {option: str(options.text(option)) for option in ("zone", "record")}
    for option, name in names.items():
        if not NAME.fullmatch(name) and (option, name) != ("record", "@"):
            raise BadInput("%s: %r is not a name that DNS can have" % (option, name[:100]))
    ttl = options.count("ttl")
    if not 0 <= ttl <= _LONGEST_TTL:
        raise BadInput("ttl: %d is not between 0 and %d seconds" % (ttl, _LONGEST_TTL))
    entry = options.mapping("primary")
    primary = str(entry["name"] if entry["name"] is not None else entry["host"])
    return Move(
        servers=tuple(dict.fromkeys(servers)),
        zone=names["zone"].rstrip(".") + ".",
        name=absolute(names["record"], names["zone"]),
        primary=primary,
        wanted=_wanted(primary, str(entry["host"]), options.mapping("addresses")),
        ttl=ttl,
        key=_key(options),
        timeout=options.seconds("timeout"),
    )


def _wanted(primary: str, host: str, known: Mapping[str, t.Any]) -> t.Dict[str, t.Tuple[str, ...]]:
    given = known.get(primary, host)
    texts = [each.strip() for each in (given.split(",") if isinstance(given, str) else map(str, given if isinstance(given, (list, tuple)) else [given]))]
    try:
        found = addresses_of([each for each in texts if each])
    except ValueError:
        message = "addresses: %s has no address that clients can be given, but %r: say which it has (IPv4, IPv6, or both)"
        raise BadInput(message % (primary, ", ".join(texts)[:120])) from None
    if not any(found.values()):
        raise BadInput("addresses: %s has none" % primary)
    return found


def _key(options: Options) -> t.Optional[Key]:
    name, secret = options.text("key_name"), options.text("key_secret")
    if name is None and secret is None:
        return None
    if name is None or secret is None:
        raise BadInput("key_name and key_secret: a key has both")
    if not NAME.fullmatch(name):
        raise BadInput("key_name: %r is not a name that a key can have" % name[:100])
    key = Key(name, secret, str(options.text("key_algorithm")))
    try:
        check_key(key)
    except ValueError as error:
        raise BadInput("key_secret: %s" % error) from error
    return key


def move(call: Call, request: Move) -> Moved:
    """Update all name servers at once. Raises ``Refusal`` with what has failed on which, once all others are done."""
    if name_servers.DNSPYTHON_MISSING is not None:
        refuse([Problem("dns_library_missing", "", missing_required_lib("dnspython"))])
    runs = [_Run(call, request, server) for server in request.servers]
    with call.journal.step("update name servers"):
        problems = [problem for problem in at_once(_attempt, runs) if problem is not None]
    failed = {problem.server for problem in problems}
    done = [run.server.name for run in runs if run.server.name not in failed]
    addresses = listed([address for each in request.wanted.values() for address in each])
    message = "%s %s %s, of %s (%s)" % (request.name, "would be" if call.check_mode else "is", addresses, request.primary, listed(done))
    call.tell({"servers": [run.described() for run in runs]})
    if problems:
        call.stands = message if done else ""
        refuse(problems)
    return {"servers": [run.described() for run in runs], "msg": message}


def _attempt(run: _Run) -> t.Optional[Problem]:
    """Do the work on one name server; return the problem that has kept it from being done."""
    name = run.server.name
    try:
        run.move()
    except NoAnswer as error:
        return Problem("dns_unreachable", name, "%s: %s" % (name, error))
    except Refused as error:
        return Problem("dns_refused", name, "%s: %s" % (name, error))
    return None


class _Run:
    """The work on one name server: look, update, look. What was asked for is read back, and not believed."""

    def __init__(self, call: Call, request: Move, server: NameServer) -> None:
        self.server = server
        self._call = call
        self._request = request
        self._before: t.Sequence[Record] = ()
        self._after: t.Sequence[Record] = ()

    def described(self) -> DescribedServer:
        return {"server": self.server.name, "before": _texts(self._before), "after": _texts(self._after)}

    def move(self) -> None:
        """Raises ``NoAnswer`` and ``Refused``."""
        request = self._request
        deadline = time.monotonic() + request.timeout
        try:
            found = look_up(self.server.host, self.server.port, request.timeout)
        except (OSError, UnicodeError) as error:
            raise NoAnswer(reason_of(error)) from error
        zone = Zone(self.server, [str(address[0]) for *_rest, address in found], request.zone, request.key, deadline)
        with self._call.journal.step("look at name server", self.server.name):
            self._before = self._after = zone.records(request.name)
        changed = changes(self._before, request.wanted, request.ttl)
        if not changed:
            return
        self._call.journal.statements.extend(Sent(self.server.name, each) for each in statements(request.name, changed))
        kept = [record for record in self._before if record.kind not in [each.kind for each in changed]]
        if self._call.check_mode:
            self._after = [*kept, *changed]
            return
        with self._call.journal.step("update name server", self.server.name):
            zone.update(request.name, changed)
            self._after = zone.records(request.name)
        if changes(self._after, request.wanted, request.ttl):
            raise Refused("it took the update, and has %s" % (listed(_texts(self._after)) or "no address"))


def _texts(records: Sequence[Record]) -> t.List[str]:
    return [address for record in records for address in record.addresses]


VERB: Verb[Move] = Verb(ARGUMENTS, parse, move, connects=False)
