# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server in the middle gets nothing: one that pretends, with each PyMySQL that we work with, and one that hands on to a real server."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ansible_collections.dbha.mysql.plugins.module_utils._copy.dump import load_options
from ansible_collections.dbha.mysql.plugins.module_utils._copy.programs import login_options, verification
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Login
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils import fake_server as fake
from sandbox import PASSWORDS, Server
from sandbox.runs.modules import Refused, call, check
from sandbox.servers.certificate import make_authority
from sandbox.servers.pool import POOL
from sandbox.servers.programs import tool

BUILD = Path(__file__).resolve().parents[2] / ".build"

DRIVERS = {
    "1.0.2": (BUILD / "core-oldest/bin/python", None),
    "1.1.1": (BUILD / "core-oldest/bin/python", BUILD / "pymysql-1.1.1"),
    "newest": (Path(sys.executable), None),
}
"""With which Python, and with what before its libraries, which PyMySQL is had (``make cores``)."""

PASSWORD = "s3cret-of-the-account"

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_KEY = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

CLIENT = """
import json, sys
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import ServerError
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login, make_tls_context
import pymysql
told = []
for port, options in json.load(sys.stdin):
    login = Login("failover", connect_timeout=20, **options)
    server = Server("db1", Address("127.0.0.1", port), login, tls=make_tls_context(login))
    try:
        server.connect()
        told.append("connected")
    except ServerError as error:
        told.append(type(error).__name__)
    finally:
        server.close()
print(json.dumps([".".join(map(str, pymysql.VERSION[:3])), told]))
"""


@dataclass
class Attack:
    """What a server in the middle offers and sends, whatever it gets, and what it has got."""

    method: bytes
    sends: list[bytes]
    tls: bool = False
    got: list[bytes] = field(default_factory=list)
    context: ssl.SSLContext | None = None

    def behave(self, connection: socket.socket, _ended: threading.Event) -> None:
        connection.sendall(fake.greeting(plugin=self.method, tls=self.tls))
        said = fake.receive(connection)
        number = 2
        if self.tls and len(said) == 32:
            assert self.context is not None
            connection = self.context.wrap_socket(connection, server_side=True)
            said, number = fake.receive(connection), 3
        self.got.append(said)
        for each in self.sends:
            connection.sendall(fake.packet(number, each))
            self.got.append(fake.receive(connection))
            number += 2

    def knows_password(self) -> bool:
        """Whether what it has got holds the password, as it is or for its key."""
        if any(PASSWORD.encode() in each for each in self.got):
            return True
        for each in self.got:
            with contextlib.suppress(ValueError):
                plain = KEY.decrypt(each, padding.OAEP(mgf=padding.MGF1(algorithm=hashes.SHA1()), algorithm=hashes.SHA1(), label=None))
                return bytes(byte ^ fake.SEED[index % 20] for index, byte in enumerate(plain)) == PASSWORD.encode() + b"\0"
        return False


def attacks() -> dict[str, Attack]:
    """Return a server for each attack."""
    full = [b"\x01\x04", b"\x01" + PUBLIC_KEY]
    return {
        "asks for clear text": Attack(b"mysql_native_password", [b"\xfemysql_clear_password\0"]),
        "asks for clear text over its own TLS": Attack(b"mysql_native_password", [b"\xfemysql_clear_password\0"], tls=True),
        "does not remember, and sends its key": Attack(b"caching_sha2_password", full),
        "does not remember, over its own TLS": Attack(b"caching_sha2_password", full[:1], tls=True),
        "switches to what it does not remember": Attack(b"mysql_native_password", [b"\xfecaching_sha2_password\0" + fake.SEED + b"\0", *full]),
        "asks for clear text in its greeting": Attack(b"sha256_password", [], tls=True),
        "sends its key at once": Attack(b"sha256_password", [b"\x01" + PUBLIC_KEY]),
        "switches to its key": Attack(b"mysql_native_password", [b"\xfesha256_password\0" + fake.SEED + b"\0", b"\x01" + PUBLIC_KEY]),
        "has a dialog": Attack(b"mysql_native_password", [b"\xfedialog\0\x02Password: "]),
    }


WEAK = {"is an old server": [b"\xfe"], "is an old server by name": [b"\xfemysql_old_password\0" + fake.SEED[:8] + b"\0"]}
"""What gets something that is as good as the password, and not the password itself."""


@contextlib.contextmanager
def in_the_middle(tmp_path: Path, found: dict[str, Attack]) -> Iterator[dict[str, int]]:
    authority = make_authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.server)
    with contextlib.ExitStack() as stack:
        ports = {}
        for name, attack in found.items():
            attack.context = context
            ports[name] = stack.enter_context(fake.fake_server(attack.behave)).port
        yield ports


def log_in(driver: str, tries: list[tuple[int, dict[str, Any]]]) -> list[str]:
    """Log in to each of these ports, and return what came of it."""
    python, before = DRIVERS[driver]
    if not python.exists() or (before is not None and not before.exists()):
        pytest.skip(f"{python} or {before} is not there: make cores")
    path = os.pathsep.join([*([str(before)] if before else []), str(BUILD)])
    environment = {**os.environ, "PYTHONPATH": path}
    run = subprocess.run([python, "-c", CLIENT], input=json.dumps(tries), env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    version, told = json.loads(run.stdout)
    assert driver in ("newest", version)
    return list(told)


@pytest.mark.parametrize("driver", DRIVERS)
def test_one_that_pretends_gets_no_password(driver: str, tmp_path: Path) -> None:
    login = {"password": PASSWORD}
    other = tmp_path / "other"
    other.mkdir()
    ours = make_authority(other)

    found = {**attacks(), **{name: Attack(b"mysql_native_password", sends) for name, sends in WEAK.items()}}
    with in_the_middle(tmp_path, found) as ports:
        told = log_in(driver, [(port, login) for port in ports.values()])
    for (name, attack), outcome in zip(found.items(), told, strict=True):
        # Where it greets with a method that would send the password, it gets the answer to a challenge instead, and does not know what to do with it.
        assert (name, outcome) == (name, {"asks for clear text in its greeting": "Unreachable", "sends its key at once": "NotMySQL"}.get(name, "Withheld"))
        assert not attack.knows_password(), name
        assert all(len(part) in (0, 32) for part in attack.got[1:]), "at most the answer to another challenge"

    found = attacks()
    with in_the_middle(tmp_path, found) as ports:
        told = log_in(driver, [(port, {**login, "ca_cert": str(ours.ca)}) for port in ports.values()])
    assert told == ["TlsFailed"] * len(found)
    assert not any(part for attack in found.values() for part in attack.got), "nothing at all is sent to one that cannot be verified"

    # One that a replica names, and that is not in the inventory.
    found = attacks()
    with in_the_middle(tmp_path, found) as ports:
        assert log_in(driver, [(port, {**login, "is_ours": False}) for port in ports.values()]) == ["Withheld"] * len(found)
    assert not any(part for attack in found.values() for part in attack.got)

    # Whoever allows it gets what he asked for: these are attacks that succeed.
    found = attacks()
    with in_the_middle(tmp_path, found) as ports:
        log_in(driver, [(port, {**login, "allow_unverified": True}) for port in ports.values()])
    assert [name for name, attack in found.items() if not attack.knows_password()] == []


class Proxy:
    """Stands between clients and a real server, takes TLS out of its greeting, and hands everything else on."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.got = b""

    def behave(self, client: socket.socket, _ended: threading.Event) -> None:
        with socket.create_connection((self.server.host, self.server.port)) as server:
            client.sendall(fake.without_tls(server))
            back = threading.Thread(target=self._hand_on, args=(server, client), daemon=True)
            back.start()
            self._hand_on(client, server, record=True)
            back.join(5)

    def _hand_on(self, source: socket.socket, sink: socket.socket, *, record: bool = False) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.got += data if record else b""
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.mark.server("mariadb-11.8", "mysql-9.7")
def test_one_that_takes_tls_away_gets_no_password_and_whoever_verifies_sends_nothing(kind: str, tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    with POOL.cluster(kind, replicas=1) as cluster:
        primary = cluster.primary
        proxy = Proxy(primary)
        with fake.fake_server(proxy.behave) as address:

            def look(**options: Any) -> set[str]:
                options = {"allow_unverified": False, "expect_primary": "any", **options}
                try:
                    call(check.VERB, replicas=[{"name": "db0", "host": address.host, "port": address.port}], **options)
                except Refused as refusal:
                    return refusal.codes
                return set()

            assert look(ca_cert=str(authority.ca)) == {"tls_failed"}
            assert proxy.got == b""
            # A server of MySQL that has just been started, or told to forget, remembers no password.
            primary.execute("FLUSH PRIVILEGES")
            assert ("password_withheld" in look()) is (not primary.installation.is_mariadb)
            assert PASSWORDS["failover"].encode() not in proxy.got
            assert "password_withheld" not in look(allow_unverified=True)
            # By now it does, and the password need not be sent.
            assert "password_withheld" not in look()


@pytest.mark.parametrize(
    ("release", "name"), [("mariadb-10.11", "mariadb-dump"), ("mariadb-11.8", "mariadb"), ("mysql-9.7", "mysqldump"), ("mysql-9.7", "mysql")]
)
def test_programs_that_we_start_send_nothing_to_one_that_they_cannot_verify(release: str, name: str, tmp_path: Path) -> None:
    program = str(tool(release, name))
    said = subprocess.run([program, "--no-defaults", "--help"], capture_output=True, check=True, timeout=60).stdout
    for directory in ("ours", "other"):
        (tmp_path / directory).mkdir()
    ours, other = make_authority(tmp_path / "ours"), make_authority(tmp_path / "other")
    login = Login("failover", PASSWORD, ca_cert=str(ours.ca))
    clear = [b"\xfemysql_clear_password\0"]
    tries: list[tuple[str, tuple[Path, Path] | None, bool]] = [("no TLS", None, False), ("a forged certificate", other.server, False)]
    tries.append(("the right certificate", ours.server, True))
    if release != "mariadb-11.8":  # it does not mind the name of 127.0.0.1
        tries.insert(0, ("a certificate of another server", ours.sign("elsewhere", "DNS:elsewhere"), False))
    for what, certificate, logs_in in tries:
        attack = Attack(b"mysql_native_password", clear, tls=certificate is not None)
        if certificate is not None:
            attack.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            attack.context.load_cert_chain(*certificate)
        with fake.fake_server(attack.behave) as address:
            options = tmp_path / "options"
            options.write_bytes(login_options(address, login, verification(program, said, address, login)))
            subprocess.run([program, f"--defaults-file={options}", "mysql"], input=b"SELECT 1;", capture_output=True, check=False, timeout=60)
        assert any(attack.got) is logs_in, what


@pytest.mark.parametrize(("release", "name"), [("mariadb-10.11", "mariadb"), ("mysql-9.7", "mysql")])
def test_the_client_that_loads_a_dump_sends_no_file_that_the_server_asks_for(release: str, name: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of this machine")
    login = tmp_path / "login.cnf"
    got: list[bytes] = []

    def ask_for_it(connection: socket.socket, _ended: threading.Event) -> None:
        connection.sendall(fake.greeting())
        fake.receive(connection)
        connection.sendall(fake.packet(2, fake.OK))
        while fake.receive(connection):
            connection.sendall(fake.packet(1, b"\xfb" + str(secret).encode()))
            got.append(fake.receive(connection))
            connection.sendall(fake.packet(4, fake.OK))

    options = [option for option in load_options(60) if not option.startswith("--init-command")]
    assert "--binary-mode" in options
    with fake.fake_server(ask_for_it) as address:
        login.write_bytes(login_options(address, Login("failover", "x")))
        for more in (options, ["--local-infile=1"]):
            command = [str(tool(release, name)), f"--defaults-file={login}", *more]
            subprocess.run(command, input=b"SELECT 1;\n", capture_output=True, check=False, timeout=60)
            assert any(b"of this machine" in each for each in got) is (more is not options), more
