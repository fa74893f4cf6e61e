# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command line of the sandbox: clusters that are left running until they are stopped."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pymysql

from .servers.cluster import Cluster
from .servers.errors import NoLongerThere, SandboxError
from .servers.install import install
from .servers.kinds import KINDS
from .servers.network import Network


def _install(arguments: argparse.Namespace) -> None:
    for kind in arguments.kinds or KINDS:
        try:
            installation = install(kind)
        except NoLongerThere as error:
            if arguments.kinds:
                raise
            print(f"{kind}: left out, its tests are skipped. {error}", flush=True)
            continue
        print(f"{kind}: {'.'.join(map(str, installation.version))}, {installation.command[-1]}", flush=True)


def _start(arguments: argparse.Namespace) -> None:
    if Cluster.exists(arguments.directory):
        raise SandboxError(f"A cluster was started in {arguments.directory} already: `stop` it, or name another --directory.")
    cluster = Cluster(
        arguments.kind,
        arguments.replicas,
        options=arguments.option,
        directory=arguments.directory,
        detached=True,
        start=False,
        hosts=arguments.hosts,
    )
    cluster.save()  # before it starts: `stop` finds it even if this process is killed
    cluster.start()
    cluster.write_inventory(arguments.directory / "inventory.yml")
    _status(arguments)


def _status(arguments: argparse.Namespace) -> None:
    for server in Cluster.load(arguments.directory).servers.values():
        if not server.is_running:
            print(f"{server}: down")
            continue
        try:
            status = server.replica_status()
            role = "writable" if server.is_writable else "read-only"
        except pymysql.Error as error:
            print(f"{server}, process {server.pid}: does not answer ({error})")
            continue
        if status:
            role += f", replicates from {status['source_host']}:{status['source_port']} (receiver {status['receiver']}, applier {status['applier']})"
        print(f"{server}, process {server.pid}: {role}")


def _on_server(arguments: argparse.Namespace) -> None:
    cluster = Cluster.load(arguments.directory)
    if arguments.name not in cluster.servers:
        raise SandboxError(f"There is no server {arguments.name}; there are: {', '.join(cluster.servers)}.")
    server = cluster[arguments.name]
    if arguments.command == "query":
        print(json.dumps(server.query(arguments.sql), indent=2, default=str))
    elif arguments.command == "restart":
        server.restart(*arguments.options)
    else:
        getattr(server, arguments.command)()


def _cut(arguments: argparse.Namespace) -> None:
    network = Cluster.load(arguments.directory).network
    if network is None:
        raise SandboxError("The servers are on this machine, and cannot be cut off: `start` them with --hosts.")
    if arguments.command == "cut":
        network.cut_off(arguments.names)
    else:
        network.heal()


def _try_hosts(_arguments: argparse.Namespace) -> None:
    Network.try_out()


def _stop(arguments: argparse.Namespace) -> None:
    if Cluster.exists(arguments.directory):
        Cluster.load(arguments.directory).close()


def _absolute(path: str) -> Path:
    return Path(path).absolute()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("install", help="make kinds of servers available (default: all)")
    command.add_argument("kinds", metavar="KIND", nargs="*", help=f"one of: {', '.join(KINDS)}")
    command.set_defaults(function=_install)

    command = commands.add_parser("start", help="start a primary (db0) and its replicas (db1, db2, …), and leave them running")
    command.add_argument("kind", metavar="KIND", help=f"one of: {', '.join(KINDS)}")
    command.add_argument("--replicas", type=int, default=3, metavar="N", help="how many (default: %(default)s)")
    command.add_argument("--option", action="append", default=[], metavar="OPTION", help="an option for all servers, as --option=--name=value; may be repeated")
    command.add_argument("--hosts", action="store_true", help="put each on a host of its own, a network namespace, which can be cut off (takes root)")
    command.set_defaults(function=_start)

    command = commands.add_parser("cut", help="let some servers reach only each other")
    command.add_argument("names", metavar="NAME", nargs="+")
    command.set_defaults(function=_cut)

    command = commands.add_parser("heal", help="let all servers reach each other again")
    command.set_defaults(function=_cut)

    command = commands.add_parser("try-hosts", help="see whether servers can be put on hosts of their own, or say why not")
    command.set_defaults(function=_try_hosts)

    command = commands.add_parser("status", help="show how each server stands")
    command.set_defaults(function=_status)

    for name, text in {"kill": "end a server with SIGKILL", "pause": "stop a server with SIGSTOP", "resume": "let a paused server run on"}.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("name", metavar="NAME")
        command.set_defaults(function=_on_server)

    command = commands.add_parser("restart", help="start a server again, stopped cleanly before if it runs")
    command.add_argument("name", metavar="NAME")
    command.add_argument("options", metavar="OPTION", nargs="*", help="an option for this time (put -- before the first)")
    command.set_defaults(function=_on_server)

    command = commands.add_parser("query", help="run a statement as root and print its rows as JSON")
    command.add_argument("name", metavar="NAME")
    command.add_argument("sql", metavar="SQL")
    command.set_defaults(function=_on_server)

    command = commands.add_parser("stop", help="kill all servers and remove their files; fine if there are none")
    command.set_defaults(function=_stop)

    default = Path(os.environ.get("DBHA_SANDBOX_DIR") or tempfile.gettempdir(), f"dbha-sandbox-{os.getuid()}")
    for name, command in commands.choices.items():
        if name not in ("install", "try-hosts"):
            command.add_argument("--directory", type=_absolute, default=default, metavar="DIR", help="where they live (default: %(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    parsed = _parser().parse_args(arguments)
    try:
        parsed.function(parsed)
    except (SandboxError, pymysql.Error) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
