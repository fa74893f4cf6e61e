# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Servers of a cluster that the inventory has in another cluster too: a run for the one would work on servers of the other."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import known_as
from ansible_collections.dbha.mysql.plugins.plugin_utils._many import NO_CLUSTERS

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory

# What says that a host is a database server.
_OF_SERVERS = ("mysql_port", "mysql_host", "mysql_unix_socket", "mysql_login_user")

# What says where one is. The passwords of other clusters are none of a check's business.
_WHERE = ("host", "port", "unix_socket")

_ADDRESSES = ("mysql_host", "ansible_host")


def elsewhere(cluster: str, groups: Mapping[str, Sequence[str]], inventory: Inventory, hosts: t.Any) -> t.Dict[str, t.List[str]]:
    """Return what is to be told of members of a cluster that are in another one too, by their names.

    To ask for the variables of a host takes time, so it is asked only for those of hosts that may have the address of a member.
    """
    members = list(groups.get(known_as(cluster, groups), ()))
    others = {name: list(found) for name, found in groups.items() if name not in NO_CLUSTERS and name != cluster}
    found: t.Dict[str, t.List[str]] = {}
    for name, told in (*_same_address(members, others, inventory, hosts), *_same_name(members, others, inventory)):
        found.setdefault(name, []).append(told)
    return found


def _same_address(members: Sequence[str], groups: Mapping[str, Sequence[str]], inventory: Inventory, hosts: t.Any) -> Iterator[t.Tuple[str, str]]:
    places = {_place(inventory.entry_of(name, _WHERE)): name for name in members}
    addresses = {place[0] for place in places}
    strangers = {host: name for name, found in groups.items() for host in found if host not in members}
    for host, group in sorted(strangers.items()):
        if not _may_be_at(host, addresses, hosts):
            continue
        name = places.get(_place(inventory.entry_of(host, _WHERE)))
        if name is not None:
            yield name, "is the host %s of the group %s as well, by its address" % (host, group)


def _place(entry: Mapping[str, t.Any]) -> t.Tuple[str, str]:
    """Return where a server is: a socket, or an address and a port."""
    socket = entry.get("unix_socket")
    return (str(entry["host"]), str(socket or entry.get("port", 3306)))


def _may_be_at(host: str, addresses: t.Collection[str], hosts: t.Any) -> bool:
    """Whether a host may have one of these addresses, by what the inventory itself says of it; what is beside it (host_vars) is not read for that."""
    manager = getattr(hosts, "_inventory", None)
    known = getattr(manager, "hosts", {}).get(host) if manager is not None else None
    written = dict(known.vars) if known is not None else {}
    said = [written[variable] for variable in _ADDRESSES if variable in written]
    # A template, and what is said beside the inventory, is only known to whoever asks for all variables.
    return not said or any(str(each) in addresses or "{{" in str(each) for each in said)


def _same_name(members: Sequence[str], groups: Mapping[str, Sequence[str]], inventory: Inventory) -> Iterator[t.Tuple[str, str]]:
    """Find groups that have a part of the cluster, and beside it servers that belong to nothing else.

    Those of a data centre, or of all primaries, have members of other clusters, which are in groups of their own.
    """
    own = frozenset(members)
    for group, found in sorted(groups.items()):
        shared, strange = own.intersection(found), [host for host in found if host not in own]
        if not shared or not strange or own <= frozenset(found):
            continue
        if any(host in others and not own.intersection(others) for host in strange for others in groups.values()):
            continue
        if all(any(inventory.value_of(variable, host) is not None for variable in _OF_SERVERS) for host in strange):
            for name in sorted(shared):
                told = "is in the group %s as well, beside %s: if that is a cluster, too, a run for either works on it"
                yield name, told % (group, ", ".join(sorted(strange)))
