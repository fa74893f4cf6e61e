# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What is done on the host of a server so that it has a virtual address, or has it no longer.

This file is sent there as it is, and run by the Python of the host (3.6 or later), as root: it imports nothing of the collection. It needs the program
C(ip) and nothing else: what asks who has an address, and tells that it has moved, is sent from here, because no program of Debian does it for IPv6.

A client whose first packet finds no host with the address tries again after a second, and then after two more (Linux). So the host that has it
keeps it until it hears the other one ask for it, and by asking itself it says that it has taken it off: the other one takes it within milliseconds. What
clients send to the first one in between is refused, so that they try again at once.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import time
import typing as t
from ipaddress import IPv6Address, ip_address, ip_network

# What the line with the answer begins with: shells of users may say something before it.
MARK = "dbha-address:"

# A line that says that this program runs, or has heard a request: who asks need not wait for a host that is off.
HEARD = "dbha-heard"

_IP, _ARP, _IPV6, _TCP, _ICMPV6 = 0x0800, 0x0806, 0x86DD, 6, 58
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_SOLICITATION, _ADVERTISEMENT = 135, 136
_EVERYBODY = b"\xff" * 6
_ALL_NODES = "ff02::1"

# How often it is asked who has an address, and seconds between: somebody who has it answers within a millisecond, without any program being asked.
_PROBES = 3
_BETWEEN = 0.02
# The same where the host that had it has just said that it has taken it off.
_AT_ONCE = 0.002
# Seconds of its time that a host keeps for taking an address off, and does not wait to be asked for it.
_TO_TAKE_OFF = 0.5
# Seconds before all are told a second time: what is sent once may get lost.
_AGAIN = 0.03

# The longest time for which a host refuses what clients send to an address that it has taken off; it ends when the other one says that it has it.
_REFUSES = 0.5

# Not in the socket module of every Python.
_SO_BINDTODEVICE = 25
_ICMP6_FILTER = 1

_PATHS = "/usr/sbin:/sbin:/usr/bin:/bin"


class Impossible(Exception):
    """A host cannot do what it was asked to do; the message says why."""


class Held(t.NamedTuple):
    """An address that an interface has. ``secondary``: it goes when the first one of its network goes."""

    interface: str
    address: str
    prefix: int
    secondary: bool


def held_in(text: str) -> t.List[Held]:
    """Return the addresses that are in what ``ip -oneline address show`` says."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 4 or words[2] not in ("inet", "inet6"):
            continue
        # With a peer, the network is behind that.
        address, _slash, prefix = words[3].partition("/")
        if not prefix and len(words) > 5 and words[4] == "peer":
            prefix = words[5].partition("/")[2]
        found.append(Held(words[1].partition("@")[0], address, int(prefix or (128 if ":" in address else 32)), "secondary" in words))
    return found


def place_for(wanted: str, interface: str, held: t.Sequence[Held]) -> Held:
    """Return where an address is to be: where it is, or else on the interface that is named, or that has another address of its network.

    :arg wanted: the address, with the length of its prefix or without. Raises ``Impossible``.
    """
    text, _slash, prefix = wanted.partition("/")
    address = ip_address(text)
    for each in held:
        if ip_address(each.address) == address:
            return each
    # The address of a loopback is in no network that others reach.
    for each in held:
        network = ip_network("%s/%d" % (each.address, each.prefix), strict=False)
        is_near = address.version == network.version and address in network and network.num_addresses > 1
        if is_near and not network.is_loopback and interface in ("", each.interface):
            return Held(each.interface, text, int(prefix or each.prefix), False)
    if not interface:
        raise Impossible("no interface has an address of the network of %s: name one (clients_address_interface)" % text)
    return Held(interface, text, int(prefix or address.max_prefixlen), False)


def goes_with(place: Held, held: t.Sequence[Held]) -> t.List[str]:
    """Return the addresses that the kernel removes together with the first one of their network, unless it is told to keep them (promote_secondaries)."""
    if ":" in place.address or place.secondary:
        return []
    network = ip_network("%s/%d" % (place.address, place.prefix), strict=False)
    others = [each for each in held if each.interface == place.interface and each.secondary and each.prefix == place.prefix and ":" not in each.address]
    return [each.address for each in others if ip_address(each.address) in network]


def question(address: str, mac: bytes) -> bytes:
    """Return the frame that asks who has an address, without saying that we have it (RFC 5227, RFC 4862)."""
    found = ip_address(address)
    if not isinstance(found, IPv6Address):
        return _arp(1, mac, bytes(4), bytes(6), found.packed)
    group = asked_group(address)
    return _neighbour(mac, b"\x33\x33" + group[12:], bytes(16), group, struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + found.packed)


def asked_group(address: str) -> bytes:
    """Return the group that is asked who has an address of IPv6 (RFC 4291)."""
    return IPv6Address("ff02::1:ff00:0").packed[:13] + ip_address(address).packed[13:]


def announcements(address: str, mac: bytes) -> t.List[bytes]:
    """Return the frames that tell all hosts of a network that we have an address now (RFC 5227, RFC 4861)."""
    found = ip_address(address)
    if not isinstance(found, IPv6Address):
        # Some take it from a question, others only from an answer.
        return [_arp(1, mac, found.packed, bytes(6), found.packed), _arp(2, mac, found.packed, mac, found.packed)]
    override = 0x20000000
    told = struct.pack("!BBHI", _ADVERTISEMENT, 0, 0, override) + found.packed + b"\x02\x01" + mac
    return [_neighbour(mac, b"\x33\x33\x00\x00\x00\x01", found.packed, IPv6Address(_ALL_NODES).packed, told)]


def _arp(kind: int, mac: bytes, sender: bytes, target_mac: bytes, target: bytes) -> bytes:
    return _EVERYBODY + mac + struct.pack("!HHHBBH", _ARP, 1, 0x0800, 6, 4, kind) + mac + sender + target_mac + target


def _neighbour(mac: bytes, to_mac: bytes, source: bytes, target: bytes, message: bytes) -> bytes:
    checksum = _checksum(source + target + struct.pack("!II", len(message), _ICMPV6) + message)
    message = message[:2] + checksum + message[4:]
    return to_mac + mac + struct.pack("!HIHBB", _IPV6, 6 << 28, len(message), _ICMPV6, 255) + source + target + message


def _checksum(summed: bytes) -> bytes:
    total = sum(struct.unpack("!%dH" % (len(summed) // 2), summed))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def refusal(address: str, frame: bytes) -> t.Optional[bytes]:
    """Return the frame that refuses what a client sends over TCP to an address (RFC 9293, 3.5.2); ``None`` where a frame has nothing of that."""
    packed = ip_address(address).packed
    kind = struct.unpack("!H", frame[12:14])[0] if len(frame) > 53 else 0
    if kind == _IP and len(packed) == 4:
        length, places = struct.unpack("!H", frame[16:18])[0] - (frame[14] & 15) * 4, (26, 30, 34)
        protocol, start, is_part = frame[23], 14 + (frame[14] & 15) * 4, bool(struct.unpack("!H", frame[20:22])[0] & 0x1FFF)
    elif kind == _IPV6 and len(packed) == 16:
        length, places = struct.unpack("!H", frame[18:20])[0], (22, 38, 54)
        protocol, start, is_part = frame[20], 54, False
    else:
        return None
    source, target = frame[places[0] : places[1]], frame[places[1] : places[2]]
    if protocol != _TCP or is_part or target != packed or len(frame) < start + 20:
        return None
    from_port, to_port, number, seen, offset, flags = struct.unpack("!HHIIBB", frame[start : start + 14])
    if flags & _RST:
        return None
    if flags & _ACK:
        number, seen, says = seen, 0, _RST
    else:
        counted = length - (offset >> 4) * 4 + bool(flags & _SYN) + bool(flags & _FIN)
        number, seen, says = 0, (number + counted) & 0xFFFFFFFF, _RST | _ACK
    answer = struct.pack("!HHIIBBHHH", to_port, from_port, number, seen, 5 << 4, says, 0, 0, 0)
    summed = target + source + struct.pack("!II", len(answer), _TCP) + answer
    answer = answer[:16] + _checksum(summed) + answer[18:]
    head = struct.pack("!IHBB", 6 << 28, len(answer), _TCP, 64)
    if kind == _IP:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(answer), 0, 0x4000, 64, _TCP, 0)
        head = head[:10] + _checksum(head + target + source)
    return frame[6:12] + frame[:6] + frame[12:14] + head + target + source + answer


def who_answers(address: str, mac: bytes, frame: bytes) -> t.Optional[str]:
    """Return the hardware address of another host that says in a frame of ARP that it has an address; ``None`` if none does."""
    if len(frame) < 42 or frame[12:14] != struct.pack("!H", _ARP) or frame[22:28] == mac or frame[28:32] != ip_address(address).packed:
        return None
    return _shown(frame[22:28])


def is_asked_for(address: str, mac: bytes, frame: bytes) -> bool:
    """Whether another host asks in a frame of ARP who has an address, without having it."""
    if len(frame) < 42 or frame[12:14] != struct.pack("!H", _ARP) or frame[20:22] != struct.pack("!H", 1) or frame[22:28] == mac:
        return False
    return frame[28:32] == bytes(4) and frame[38:42] == ip_address(address).packed


def is_solicited(address: str, _mac: bytes, message: bytes) -> bool:
    """Whether somebody asks in a message of ICMPv6 who has an address. What this host asks itself, it does not hear."""
    return len(message) >= 24 and message[0] == _SOLICITATION and message[8:24] == ip_address(address).packed


def who_advertises(address: str, mac: bytes, message: bytes) -> t.Optional[str]:
    """Return the hardware address of another host that says in a message of ICMPv6 that it has an address; ``None`` if none does."""
    if len(message) < 24 or message[0] != _ADVERTISEMENT or message[8:24] != ip_address(address).packed:
        return None
    found = message[26:32] if message[24:26] == b"\x02\x01" else b""
    return None if found == mac else _shown(found) or "unknown"


def _shown(mac: bytes) -> str:
    return ":".join("%02x" % byte for byte in mac)


class _Line:
    """A network, as one of the interfaces of this host sees it: who there has an address or asks for it, and telling them all that we have it."""

    def __init__(self, interface: str, address: str) -> None:
        self._interface = interface
        self._address = address
        self._sends = self._raw(_ARP)
        # What /sys says is of the network that it was mounted in.
        self._mac = bytes(self._sends.getsockname()[4])
        if len(self._mac) != 6 or not any(self._mac):
            raise Impossible("the interface %s has no hardware address, so nobody can be told who has %s" % (interface, address))
        self._hears = self._sends
        self._holder = who_answers  # type: t.Callable[[str, bytes, bytes], t.Optional[str]]
        self._asks = is_asked_for  # type: t.Callable[[str, bytes, bytes], bool]
        if ":" in address:
            self._hears = self._neighbours()
            self._holder, self._asks = who_advertises, is_solicited

    def holder(self, between: float = _BETWEEN) -> t.Optional[str]:
        """Return who else has the address; ``None`` if nobody says so. ``between``: the seconds between two questions."""
        for _probe in range(_PROBES):
            self.ask()
            for message in self._heard(between):
                found = self._holder(self._address, self._mac, message)
                if found is not None:
                    return found
        return None

    def is_asked(self, seconds: float) -> bool:
        """Wait until somebody else asks who has the address, and return whether anybody does within these seconds."""
        return any(self._asks(self._address, self._mac, message) for message in self._heard(seconds))

    def ask(self) -> None:
        """Ask who has the address, which also tells all others that this host has it not."""
        self._sends.send(question(self._address, self._mac))

    def catch(self) -> None:
        """Get to see what clients send to the address from now on."""
        self._caught = self._raw(_IPV6 if ":" in self._address else _IP)

    def refuse(self, seconds: float) -> None:
        """Refuse what clients send, until somebody else says that it has the address, and for no more than these seconds."""
        until = time.time() + seconds
        while until > time.time():
            ready = select.select([self._hears, self._caught], [], [], max(until - time.time(), 0.001))[0]
            if self._hears in ready and self._holder(self._address, self._mac, self._hears.recv(2048)) is not None:
                return
            if self._caught in ready:
                frame, place = self._caught.recvfrom(2048)
                answer = refusal(self._address, frame) if place[2] == socket.PACKET_HOST else None
                if answer is not None:
                    self._caught.send(answer)

    def announce(self) -> None:
        """Tell all others that we have it."""
        for frame in announcements(self._address, self._mac):
            self._sends.send(frame)

    def _heard(self, seconds: float) -> t.Iterator[bytes]:
        until = time.time() + seconds
        while until > time.time():
            self._hears.settimeout(max(until - time.time(), 0.001))
            try:
                yield self._hears.recv(2048)
            except socket.timeout:
                return

    def _raw(self, kind: int) -> socket.socket:
        try:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
        except PermissionError:
            raise Impossible("this takes root (clients_address_become)") from None
        try:
            made.bind((self._interface, kind))
        except OSError as error:
            made.close()
            raise Impossible("there is no interface %s that is up: %s" % (self._interface, error.strerror)) from None
        return made

    def _neighbours(self) -> socket.socket:
        hears = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        # All kinds of messages are blocked but two.
        blocked = [0xFFFFFFFF] * 8
        for kind in (_SOLICITATION, _ADVERTISEMENT):
            blocked[kind // 32] &= ~(1 << (kind % 32)) & 0xFFFFFFFF
        hears.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *blocked))
        hears.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, self._interface.encode() + b"\0")
        # Questions go to a group that only those are in who have such an address.
        group = asked_group(self._address) + struct.pack("@I", socket.if_nametoindex(self._interface))
        hears.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
        return hears


class Work:
    """What is done on this host, in order, and what came of it. What is done stays done if the rest fails."""

    def __init__(self, wanted: t.Sequence[str], interface: str) -> None:
        self.did = []  # type: t.List[str]
        self.had = []  # type: t.List[str]
        self.in_use = {}  # type: t.Dict[str, str]
        program = shutil.which("ip", path="%s:%s" % (os.environ.get("PATH", ""), _PATHS))
        if program is None:
            raise Impossible("it lacks the program ip (package iproute2, or iproute)")
        self._program = program
        self._held = held_in(self._ip("-oneline", "address", "show"))
        self._wanted = list(wanted)
        self._interface = interface
        addresses = [ip_address(each.partition("/")[0]) for each in wanted]
        self.had = [str(address) for address in addresses if address in [ip_address(each.address) for each in self._held]]

    def remove(self, really: bool, patience: float) -> None:
        """See that this host has none of the addresses.

        :arg patience: seconds that all of it may take. It is waited so long for another host that asks for an address.
        """
        until = time.time() + patience - _TO_TAKE_OFF
        for each in [each for each in self._held if str(ip_address(each.address)) in self.had]:
            others = goes_with(each, self._held)
            with open("/proc/sys/net/ipv4/conf/%s/promote_secondaries" % each.interface, encoding="ascii") as file:
                kept = file.read().strip() != "0"
            with open("/proc/sys/net/ipv4/conf/all/promote_secondaries", encoding="ascii") as file:
                kept = kept or file.read().strip() != "0"
            if others and not kept:
                message = "%s is the first address of its network on %s: with it would go %s (set net.ipv4.conf.%s.promote_secondaries to 1)"
                raise Impossible(message % (each.address, each.interface, ", ".join(others), each.interface))
            line = _Line(each.interface, str(ip_address(each.address))) if really else None
            if line is not None:
                line.is_asked(until - time.time())
                line.catch()
            self._do(really, "address", "delete", "%s/%d" % (each.address, each.prefix), "dev", each.interface)
            if line is not None:
                line.ask()
                line.refuse(min(_REFUSES, max(until - time.time(), 0.0)))

    def add(self, really: bool, patience: float) -> None:
        """See that this host has all of the addresses, as soon as nobody else has them, and that all know it.

        :arg patience: seconds until which somebody else may have them.
        """
        places = [place_for(each, self._interface, self._held) for each in self._wanted]
        lines = [_Line(place.interface, str(ip_address(place.address))) for place in places]
        if not really:
            for place in places:
                if str(ip_address(place.address)) not in self.had:
                    self.did.append(self._adding(place))
            return
        until = time.time() + patience
        waiting = list(zip(places, lines))
        while waiting:
            for place, line in list(waiting):
                address = str(ip_address(place.address))
                holder = line.holder()
                if holder is not None and line.is_asked(_BETWEEN):
                    holder = line.holder(_AT_ONCE)
                if holder is not None:
                    self.in_use[address] = holder
                    continue
                self.in_use.pop(address, None)
                if address not in self.had:
                    self._do(True, *self._adding(place).split()[1:])
                line.announce()
                waiting.remove((place, line))
            if time.time() > until:
                break
        time.sleep(_AGAIN)
        for place, line in zip(places, lines):
            if str(ip_address(place.address)) not in self.in_use:
                line.announce()

    @staticmethod
    def _adding(place: Held) -> str:
        # With IPv6, the kernel would look for others for a second. And no connection that begins on this host is to have it.
        more = " preferred_lft 0 nodad" if ":" in place.address else ""
        return "ip address add %s/%d dev %s%s" % (place.address, place.prefix, place.interface, more)

    def _do(self, really: bool, *words: str) -> None:
        self.did.append(" ".join(("ip",) + words))
        if really:
            self._ip(*words)

    def _ip(self, *words: str) -> str:
        # On this host there is no AnsibleModule, and what Python 3.6 knows.
        # pylint: disable-next=ansible-bad-function
        done = subprocess.run([self._program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)  # noqa: UP022
        if done.returncode:
            said = " ".join(done.stderr.decode(errors="replace").split())
            raise Impossible("ip %s: %s" % (" ".join(words), said or "exit code %d" % done.returncode))
        return done.stdout.decode(errors="replace")


def answer(request: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """Do what was asked for, and say what came of it."""
    work = None
    error = ""
    try:
        work = Work(request["addresses"], request["interface"])
        if request["has"]:
            work.add(request["really"], request["patience"])
        else:
            work.remove(request["really"], request["patience"])
    except (Impossible, OSError, ValueError) as failed:
        error = str(failed)
    return {
        "error": error,
        "had": work.had if work is not None else [],
        "did": work.did if work is not None else [],
        "in_use": work.in_use if work is not None else {},
    }


def main(request: str) -> None:
    """Run on the host: the request and the answer are JSON."""
    sys.stdout.write("\n%s%s\n" % (MARK, json.dumps(answer(json.loads(request)))))


def serve() -> None:
    """Run on the host, and do what each line asks for, until nobody is there any more who asks."""
    sys.stdout.write("\n%s\n" % HEARD)
    sys.stdout.flush()
    for line in iter(sys.stdin.buffer.readline, b""):
        sys.stdout.write("\n%s\n" % HEARD)
        sys.stdout.flush()
        main(line.decode())
        sys.stdout.flush()
