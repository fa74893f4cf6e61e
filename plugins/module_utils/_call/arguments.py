# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The options that modules share, as Ansible's argument specs."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import NEUTRAL, PROMOTIONS

# The options of a server entry, and those that each of them may also have for itself.
_ENTRY_OPTIONS: t.Dict[str, t.Any] = {
    "name": {"type": "str"},
    "host": {"type": "str", "default": "localhost"},
    "port": {"type": "int", "default": 3306},
    "unix_socket": {"type": "path"},
    "replication_host": {"type": "str"},
    "replication_port": {"type": "int"},
    "promotion": {"type": "str", "choices": list(PROMOTIONS), "default": NEUTRAL},
    "site": {"type": "str"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
}

# A server entry of which only the place is of interest: nobody logs in there.
PLACE_OPTIONS: t.Dict[str, t.Any] = {"name": {"type": "str"}, "host": {"type": "str", "default": "localhost"}, "port": {"type": "int", "default": 3306}}

# How to log in to servers, and, because every module has these, how a refusal is shown (by the action plugin, wherever the work is done) and worded.
LOGIN_ARGUMENTS: t.Dict[str, t.Any] = {
    "problems_as": {"type": "str", "choices": ["result", "text"], "default": "result"},
    "remedies_for": {"type": "str", "choices": ["failover", "switchover", "rejoin"]},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "config_file": {"type": "path", "default": "~/.my.cnf"},
    "connect_timeout": {"type": "float", "default": 3},
    "read_timeout": {"type": "float", "default": 10},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca"]},
    "client_cert": {"type": "path", "aliases": ["ssl_cert"]},
    "client_key": {"type": "path", "aliases": ["ssl_key"]},
    "check_hostname": {"type": "bool"},
    "allow_unverified": {"type": "bool"},
}


def server_argument(**more: t.Any) -> t.Dict[str, t.Any]:
    """Return the specification of an option that takes one server entry."""
    return dict(type="dict", options=_ENTRY_OPTIONS, **more)


def servers_argument(**more: t.Any) -> t.Dict[str, t.Any]:
    """Return the specification of an option that takes a list of server entries."""
    return dict(type="list", elements="dict", options=_ENTRY_OPTIONS, **more)


# The members of a cluster: a group of the inventory, of which the action plugin makes entries, or entries. One of them is needed.
CLUSTER_ARGUMENTS: t.Dict[str, t.Any] = {
    "cluster": {"type": "str"},
    "leave_out": {"type": "list", "elements": "str", "default": []},
    "replicas": servers_argument(),
}
