# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What reads what comes from elsewhere, and what may come of it whatever that is. Each takes dice, and raises for what must not be."""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import json
import random
import re
import socket
import struct
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dbha.mysql.plugins.module_utils._binlog import dead_host
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.dead_host import Question
from ansible_collections.dbha.mysql.plugins.module_utils._binlog.extract import ExtractFailed
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform
from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import GtidError, parse_gtids
from ansible_collections.dbha.mysql.plugins.module_utils._logged import events
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
from ansible_collections.dbha.mysql.plugins.module_utils._server.option_file import read_option_file
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import printable
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import change_master, gtid_check, promote, rejoin
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils import fake_server as fake

from .conversation import Payloads, Scene, text_of
from .mutation import STRANGE, mutated, mutated_json, mutated_text

VERBS: dict[str, Verb[Any]] = {"gtid_check": gtid_check.VERB, "promote": promote.VERB, "rejoin": rejoin.VERB, "change_master": change_master.VERB}
SCENES = ("mariadb-10.11", "mysql-9.7")

_PASSWORD = "the-password-of-the-account"
_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Found(AssertionError):
    """Something came out that must not."""


# --- Servers

_LIMITS = {"connect_timeout": 0.3, "read_timeout": 0.2, "timeout": 0.5, "wait_timeout": 0.5, "grace": 0.1}
"""Seconds. A packet that promises more than comes, and a state that never comes, cost that much each."""


@functools.cache
def scene(name: str) -> Scene:
    return Scene(name)


class Dice:
    """Says which answers of one server are changed, and how. It may be asked over two connections at once; else the same seed makes the same changes."""

    def __init__(self, seed: str, often: float, *, skip: int = 0) -> None:
        self._dice = random.Random(seed)
        self._often = often
        self._skip = skip
        self._lock = threading.Lock()

    def mutate(self, payloads: Payloads) -> Payloads:
        """Change an answer: values in it, its packets, or which there are."""
        with self._lock:
            self._skip -= 1
            if self._skip >= 0 or self._dice.random() >= self._often:
                return payloads
            dice = self._dice
            way = dice.randrange(8)
            if way == 0 and len(payloads) > 1:
                return [each for each in payloads if dice.random() < 0.8]
            if way == 1:
                return [*payloads, dice.choice(payloads)]
            if way == 2 or len(payloads) < 4:
                index = dice.randrange(len(payloads))
                return [*payloads[:index], mutated(dice, payloads[index]), *payloads[index + 1 :]]
            number = payloads[0][0]
            rows = payloads[2 + number : -1]
            return [*payloads[: 2 + number], *(_with_other_values(dice, row) for row in rows), payloads[-1]]


def _with_other_values(dice: random.Random, row: bytes) -> bytes:
    """Change values of a row, and leave it a row."""
    values, position = [], 0
    while position < len(row):
        first = row[position]
        size, head = (0, 1) if first == 0xFB else (first, 1)
        if first == 0xFC:
            size, head = struct.unpack_from("<H", row, position + 1)[0], 3
        elif first == 0xFD:
            size, head = int.from_bytes(row[position + 1 : position + 4], "little"), 4
        values.append(None if first == 0xFB else row[position + head : position + head + size])
        position += head + size
    for _each in range(dice.choice((1, 1, 2, 5))):
        index = dice.randrange(len(values))
        was = values[index] or b""
        values[index] = dice.choice((None, dice.choice(STRANGE), mutated(dice, was), was + dice.choice(STRANGE)))
    return b"".join(map(text_of, values))


def arguments_of(each: dict[str, Any], ports: dict[str, int], limits: dict[str, float]) -> dict[str, Any]:
    """Return the options of a recorded call, for servers that listen at these ports."""

    def entry(name: str) -> dict[str, Any]:
        return {"name": name, "host": "127.0.0.1", "port": ports[name]}

    options = {name: entry(value) if value in ports else value for name, value in each["options"].items() if not isinstance(value, list)}
    roles: dict[str, Any]
    if each["verb"] == "gtid_check":
        roles = {"replicas": [entry(name) for name in ports]}
    elif each["verb"] == "promote":
        roles = {"replica": entry(each["servers"][0])}
    elif each["verb"] == "rejoin":
        roles = {"server": entry(each["servers"][0]), "primary": entry(each["servers"][1]), "replicas": [entry(name) for name in each["servers"][2]]}
    else:
        roles = {"primary": entry(each["servers"][0]), "replicas": [entry(name) for name in each["servers"][1]]}
    known = VERBS[each["verb"]].arguments
    limits = {name: value for name, value in limits.items() if name in known}
    login = {"login_user": "failover", "login_password": _PASSWORD, "config_file": "", "allow_unverified": True}
    return {**login, **limits, **options, **roles}


def call(each: dict[str, Any], ports: dict[str, int], *, check_mode: bool = False, limits: dict[str, float] | None = None) -> dict[str, Any]:
    """Let a module work as it did when that was recorded, and return its result."""
    verb = VERBS[each["verb"]]
    validated = ArgumentSpecValidator(verb.arguments).validate(arguments_of(each, ports, _LIMITS if limits is None else limits))
    if validated.error_messages:
        raise Found(str(validated.error_messages))
    said: list[str] = []
    result = perform(verb, validated.validated_parameters, check_mode=check_mode, diff_mode=True, say=said.append)
    return {**result, "said": said}


def see_result(result: dict[str, Any]) -> None:
    """See that a result blames nobody wrongly, can be printed, and holds no password."""
    codes = {problem["code"] for problem in result.get("problems", ())}
    if "exception" in result or "internal_error" in codes:
        raise Found(result.get("exception") or result["msg"])
    text = "\n".join(_texts(result))
    harmful = _HARMFUL.search(text)
    if harmful is not None:
        raise Found(f"{harmful.group()!r} in {text[max(0, harmful.start() - 200) : harmful.end() + 200]!r}")
    if _PASSWORD in text:
        raise Found("the password is in the result")
    json.dumps(result)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(name)
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


def servers(dice: random.Random, verbs: tuple[str, ...] = tuple(VERBS)) -> None:
    """Let a module work on servers that answer what servers have answered, with changes."""
    told = scene(dice.choice(SCENES))
    each = dice.choice([each for each in told.calls if each["verb"] in verbs])
    # Of some calls the first answers stay as they were, so that what comes late is reached, too.
    seed, often, skip = dice.getrandbits(64), dice.choice((0.01, 0.05, 0.3)), dice.choice((0, 0, 10, 40))
    with told.played(lambda name: Dice(f"{seed} {name}", often, skip=skip).mutate) as ports:
        see_result(call(each, ports, check_mode=dice.random() < 0.2))


def checked_servers(dice: random.Random) -> None:
    """The same, only looked at: that is quick."""
    servers(dice, ("gtid_check",))


def logins(dice: random.Random) -> None:
    """Log in to what is no server at all, or a hostile one."""
    greeting = fake.greeting(dice.choice(("8.0.36", "5.5.5-10.11.6-MariaDB")), dice.choice((b"mysql_native_password", b"caching_sha2_password")))
    after = [fake.OK, b"\xfe", b"\xfecaching_sha2_password\0" + fake.SEED, b"\x01\x03", b"\x01\x04", b"\xff\x15\x04#28000Access denied"]
    stream = mutated(dice, greeting) + b"".join(mutated(dice, fake.packet(2 + 2 * index, dice.choice(after))) for index in range(3))

    def behave(connection: socket.socket, _ended: threading.Event) -> None:
        connection.sendall(stream)
        connection.settimeout(0.05)
        with contextlib.suppress(OSError):
            while connection.recv(4096):
                pass

    with fake.fake_server(behave) as address:
        server = Server("db1", address, Login("failover", _PASSWORD, connect_timeout=0.3, read_timeout=0.3))
        try:
            server.connect()
        except ServerError as error:
            if _PASSWORD in error.message:
                raise Found("the password is in the message") from error
        finally:
            server.close()


# --- Texts and files

_GTIDS = {
    "mysql": ("3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7:9,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:tag:1-3:5-100", "3e11fa4771ca11e19e33c80aa9429562:5", ""),
    "mariadb": ("0-1-7,1-2-18446744073709551615", "0-4294967295-1", ""),
}


def gtids(dice: random.Random) -> None:
    """Read sets of GTIDs, and reckon with them."""
    family = dice.choice(sorted(_GTIDS))
    read = []
    for _each in range(2):
        with contextlib.suppress(GtidError):
            read.append(parse_gtids(family, mutated_text(dice, dice.choice(_GTIDS[family]))))
    if len(read) == 2:
        one, other = read
        both = one.union(other)
        if not (both.contains(one) and both.contains(other)) or str(parse_gtids(family, str(both))) != str(both):
            raise Found(f"{one} and {other} are {both}")
        str(one.subtract(other))


@functools.cache
def _bomb(bits: int) -> bytes:
    return zlib.compress(bytes(1 << bits))


def _binary_log(dice: random.Random) -> bytes:
    known = [bytes.fromhex(event) for name in SCENES for server in scene(name).servers.values() for event in server["events"]]
    payload = _bomb(dice.choice((4, 10, 10, 10, 24)))
    made = [struct.pack("<IBIIIH", 0, kind, 1, 19 + len(payload), 0, 0) + payload for kind in (*events.GTIDS, 2, 15, 35, 38, 40, 163, 164, 165, 167)]
    return b"".join([events.MAGIC, *dice.choices(known + made if known else made, k=dice.choice((1, 5, 20)))])


def binary_logs(dice: random.Random) -> None:
    """Read binary logs in each of the ways in which they are read."""
    data = mutated(dice, _binary_log(dice))
    with contextlib.suppress(events.BinlogError):
        events.read_beginning(data, len(data))
    with contextlib.suppress(events.BinlogError):
        for segment in events.take(events.read_events(io.BytesIO(data)), lambda gtid: True, anonymous=dice.random() < 0.5):
            segment.to_bytes()
    with tempfile.TemporaryFile(buffering=0) as file, contextlib.suppress(events.BinlogError):
        file.write(data)
        frames = events.Frames()
        for _end, event in events.walk(file, lambda gtid: True, leave_out=lambda size: None):
            frames.is_ended_by(event)


_OPTIONS = (
    b"# c\n[client]\nuser = 'fail\\sover'\npassword=\"the-password-of-the-account\" # c\n!include /nowhere\nssl-ca=/a/b.pem\n[mysqld]\nskip-name-resolve\n"
)


def option_files(dice: random.Random) -> None:
    """Read option files; what is wrong with one is said without its content."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "my.cnf"
        data = mutated(dice, _OPTIONS).replace(b"/nowhere", str(path).encode() if dice.random() < 0.1 else b"/nowhere")
        path.write_bytes(data)
        path.chmod(0o600)
        try:
            read_option_file(str(path))
        except ValueError as error:
            if _PASSWORD in printable(str(error)):
                raise Found("the password is in the message") from error


# --- What comes back from hosts


def dead_hosts(dice: random.Random) -> None:
    """Understand what the host of a dead primary gives back."""
    family = dice.choice(("mysql", "mariadb"))
    packed = base64.b64encode(zlib.compress(b"events" * 100)).decode()
    runs = [["3e11fa47-71ca-11e1-9e33-c80aa9429562", 3, 9]] if family == "mysql" else [["0-1", 3, 9]]
    place = {"file": "/var/lib/mysql/binlog.000001", "position": 4, "inside": False, "last_file": "/var/lib/mysql/binlog.000002", "last_position": 99}
    answer: Any = {"found": runs, "events": packed, "place": place, "trouble": None}
    if dice.random() < 0.2:
        answer = {"failed": True, "msg": "it failed", "problems": [{"code": "primary_maybe_alive", "message": "it runs"}]}
    for _each in range(dice.choice((1, 2, 4))):
        answer = mutated_json(dice, answer)
    if not isinstance(answer, dict):
        return
    question = Question(family, parse_gtids(family, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-2" if family == "mysql" else "0-1-2"), "/var/lib/mysql", 5)
    with contextlib.suppress(ExtractFailed):
        dead_host.understand(question, answer)


TARGETS: dict[str, Callable[[random.Random], None]] = {
    each.__name__: each for each in (checked_servers, servers, logins, gtids, binary_logs, option_files, dead_hosts)
}
