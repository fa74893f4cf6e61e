# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network whose hosts have addresses of their own, and which can be cut in two: network namespaces, behind one bridge or another."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
from collections.abc import Iterable

from .errors import SandboxError
from .host import run_ip

# Of the network for benchmarks (RFC 2544), which belongs to nobody; the other half of it is host.py's.
_NETWORK = "198.19.{number}.{host}"
# Of the addresses for local networks (RFC 4193).
_NETWORK6 = "fd00:198:19"
_NUMBERS = range(1, 250)
# The bridge itself is .1.
_FIRST_HOST = 10
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


class Network:
    """This machine and some hosts, connected by a bridge. It lasts until it is removed, also beyond the process that has made it."""

    def __init__(self, number: int, hosts: Iterable[str] = ()) -> None:
        self.number = number
        self.hosts = list(hosts)

    @classmethod
    def make(cls) -> Network:
        """Make a network without hosts. Raises SandboxError where that is not allowed."""
        if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("nsenter") is None:
            raise SandboxError("Hosts with addresses of their own take root, and the programs ip and nsenter.")
        trouble: SandboxError | None = None
        for number in _NUMBERS:
            network = cls(number)
            try:
                run_ip("link", "add", network._near, "type", "bridge")
            except SandboxError as error:
                if "File exists" not in str(error):
                    raise SandboxError(f"Network namespaces are not allowed here: {error}") from error
                trouble = error  # somebody else's
                continue
            try:
                run_ip("address", "add", f"{network._address(1)}/24", "dev", network._near)
                run_ip("link", "set", network._near, "up")
                run_ip("link", "add", network._far, "type", "bridge")
                run_ip("link", "set", network._far, "up")
            except BaseException:
                network.remove()
                raise
            return network
        raise SandboxError("No network is free: other tests have them all.") from trouble

    @classmethod
    def try_out(cls) -> None:
        """Raise SandboxError, with the reason, where hosts cannot be had."""
        network = cls.make()
        try:
            network.add("a")
        except SandboxError as error:
            raise SandboxError(f"Network namespaces are not allowed here: {error}") from error
        finally:
            network.remove()

    def add(self, name: str) -> str:
        """Add a host, and return its address."""
        self.hosts.append(name)
        inside, outside, address = "eth0", self._cable(name), self.address_of(name)
        run_ip("netns", "add", self._namespace(name))
        run_ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self._namespace(name))
        run_ip("link", "set", outside, "master", self._near, "up")
        run_ip("-netns", self._namespace(name), "address", "add", f"{address}/24", "dev", inside)
        run_ip("-netns", self._namespace(name), "link", "set", inside, "up")
        run_ip("-netns", self._namespace(name), "link", "set", "lo", "up")
        return address

    def address_of(self, name: str) -> str:
        """Return where a host is."""
        return self._address(_FIRST_HOST + self.hosts.index(name))

    def shared_addresses(self) -> tuple[str, str]:
        """Return an address of the network, and one with IPv6, that no host has. This machine, and all hosts, get addresses with IPv6 for that."""
        run_ip("-6", "address", "add", f"{self._address6(1)}/64", "dev", self._near, "nodad")
        for number, name in enumerate(self.hosts):
            run_ip("-netns", self._namespace(name), "-6", "address", "add", f"{self._address6(_FIRST_HOST + number)}/64", "dev", "eth0", "nodad")
        return self._address(200), self._address6(200)

    @property
    def bridge(self) -> str:
        """The interface by which this machine is in the network."""
        return self._near

    def on(self, name: str, *arguments: str) -> str:
        """Carry out a command of the program ip on a host, and return what it said."""
        return run_ip("-netns", self._namespace(name), *arguments)

    def prefix_of(self, name: str) -> list[str]:
        """Return what a command line has to begin with to be carried out on a host."""
        return ["nsenter", f"--net=/run/netns/{self._namespace(name)}", "--"]

    def enter(self, name: str) -> None:
        """Let the thread that calls this be on a host as long as it lasts: each of a process may be in a network of its own."""
        namespace = os.open(f"/run/netns/{self._namespace(name)}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(namespace, _NEW_NETWORK) != 0:
                raise SandboxError(f"The network of {name} cannot be entered: {os.strerror(ctypes.get_errno())}.")
        finally:
            os.close(namespace)

    def cut_off(self, names: Iterable[str]) -> None:
        """Let some hosts reach only each other. What is sent across the cut is lost without a word."""
        for name in names:
            run_ip("link", "set", self._cable(name), "master", self._far)

    def heal(self) -> None:
        """Let all reach each other again."""
        for name in self.hosts:
            run_ip("link", "set", self._cable(name), "master", self._near)

    def lose(self, name: str, other: str) -> None:
        """Let all that one host sends to another be lost without a word. Both still reach all others."""
        # A card that nobody has.
        run_ip("-netns", self._namespace(name), "neigh", "replace", self.address_of(other), "lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "permanent")

    def find(self, name: str, other: str) -> None:
        """Take that back."""
        run_ip("-netns", self._namespace(name), "neigh", "del", self.address_of(other), "dev", "eth0")

    def remove(self) -> None:
        """Remove the hosts, whose processes have ended, and the network."""
        for name in self.hosts:
            with contextlib.suppress(SandboxError):  # it was interrupted while it was made, or is removed already
                run_ip("netns", "delete", self._namespace(name))
            with contextlib.suppress(SandboxError):  # the kernel may take a moment for the other end of the cable
                run_ip("link", "delete", self._cable(name))
        for bridge in (self._near, self._far):
            with contextlib.suppress(SandboxError):
                run_ip("link", "delete", bridge)

    def _address(self, host: int) -> str:
        return _NETWORK.format(number=self.number, host=host)

    def _address6(self, host: int) -> str:
        return f"{_NETWORK6}:{self.number}::{host}"

    @property
    def _near(self) -> str:
        return f"dbhan{self.number}"

    @property
    def _far(self) -> str:
        return f"dbhan{self.number}f"

    def _cable(self, name: str) -> str:
        return f"dbhan{self.number}c{self.hosts.index(name)}"

    def _namespace(self, name: str) -> str:
        return f"dbhan{self.number}-{name}"
