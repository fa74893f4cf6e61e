# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What the event source is given -> what is to be watched. Nothing has checked it before."""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options, check_numbers
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.discovery import endpoint_of
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.watching import Patience
from ansible_collections.dbha.mysql.plugins.module_utils._watch.watcher import Rhythm, Watched

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# What comes from the environment where it is not given, as for the inventory plugin.
_ENVIRONMENT = {
    "login_user": "DBHA_MYSQL_LOGIN_USER",
    "login_password": "DBHA_MYSQL_LOGIN_PASSWORD",
    "config_file": "DBHA_MYSQL_CONFIG_FILE",
}

_LOGIN: t.Dict[str, t.Any] = {
    "login_user": None,
    "login_password": None,
    "config_file": "~/.my.cnf",
    "ca_cert": None,
    "client_cert": None,
    "client_key": None,
    "check_hostname": None,
    "allow_unverified": False,
}
_NUMBERS: t.Dict[str, float] = {
    "connect_timeout": 2,
    "read_timeout": 3,
    "interval": 1,
    "look_interval": 5,
    "retry_interval": 0.2,
    "failures": 3,
    "grace": 5,
    "repeat": 10,
    "remind": 600,
    "max_lag": 60,
}
_TRUTHS = ("check_hostname", "allow_unverified")
_OTHERS = ("clusters", "pause_directory")

_ENTRY: t.Dict[str, t.Any] = {
    "name": None,
    "host": None,
    "port": None,
    "unix_socket": None,
    "replication_host": None,
    "replication_port": None,
    "login_user": None,
    "login_password": None,
}
_PORTS = ("port", "replication_port")
_PORT = 3306

# A cluster is a group of an inventory, and the name of a file.
_GROUP = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

# Ansible's words for yes and no.
_YES, _NO = ("1", "on", "true", "t", "yes", "y"), ("0", "off", "false", "f", "no", "n")


def parse(given: Mapping[str, t.Any], environment: Mapping[str, str]) -> t.List[Watched]:
    """Return what is to be watched. Raises ``BadInput``, in which no password is quoted."""
    names = [*_LOGIN, *_NUMBERS, *_OTHERS]
    unknown = sorted(str(name) for name in given if name not in names)
    if unknown:
        raise BadInput("%s: there is no such option. There are: %s" % (", ".join(unknown), ", ".join(sorted(names))))
    values: t.Dict[str, t.Any] = dict(_LOGIN)
    for name, default in _LOGIN.items():
        value = given.get(name)
        if _is_empty(value):
            value = environment.get(_ENVIRONMENT[name]) if name in _ENVIRONMENT else None
        values[name] = default if _is_empty(value) else _truth(name, value) if name in _TRUTHS else _text(name, value)
    numbers = {name: _number(name, default if _is_empty(given.get(name)) else given[name]) for name, default in _NUMBERS.items()}
    check_numbers(numbers)
    for name in ("interval", "look_interval", "retry_interval"):
        if not 0.05 <= numbers[name] <= 3600:
            raise BadInput("%s: %g is not between 0.05 and 3600 seconds" % (name, numbers[name]))
    if numbers["failures"] < 1 or numbers["failures"] != int(numbers["failures"]):
        raise BadInput("failures: takes a whole number from 1 on, not %g" % numbers["failures"])
    clusters = given.get("clusters")
    if not isinstance(clusters, dict) or not clusters:
        raise BadInput("clusters: takes a dictionary: for each cluster, the list of its servers")
    patience = Patience(int(numbers["failures"]), numbers["grace"], numbers["repeat"], numbers["remind"], numbers["max_lag"])
    rhythm = Rhythm(numbers["interval"], numbers["look_interval"], numbers["retry_interval"])
    directory = given.get("pause_directory")
    paused = None if _is_empty(directory) else os.path.expanduser(_text("pause_directory", directory))
    login = {**values, "connect_timeout": numbers["connect_timeout"], "read_timeout": numbers["read_timeout"]}
    return [_watched(name, servers, login, Watched(str(name), _NOBODY, patience, rhythm, paused)) for name, servers in clusters.items()]


_NOBODY: t.Any = None


def _watched(name: t.Any, servers: t.Any, login: t.Dict[str, t.Any], watched: Watched) -> Watched:
    if not isinstance(name, str) or _GROUP.fullmatch(name) is None or name == "all":
        raise BadInput("clusters: %r cannot be the name of a group: it takes letters, digits and underscores, and not all" % (name,))
    if not isinstance(servers, list) or not servers:
        raise BadInput("clusters: %s takes a list of servers" % name)
    entries = [_entry(name, each) for each in servers]
    return replace(watched, members=Options({**login, "servers": entries}).members("servers"))


def _entry(cluster: str, given: t.Any) -> t.Dict[str, t.Any]:
    """Return a server entry as the modules have them: of an address, or of a dictionary."""
    if isinstance(given, str):
        try:
            host, port = endpoint_of(given)
        except ValueError as error:
            raise BadInput("clusters: %s: %s" % (cluster, error)) from error
        # As it was written: the host of an inventory may have that name.
        return {**_ENTRY, "name": given, "host": host, "port": port}
    if not isinstance(given, dict):
        raise BadInput("clusters: %s: a server is an address, or a dictionary, and not of the type %s" % (cluster, type(given).__name__))
    unknown = sorted(str(name) for name in given if name not in _ENTRY)
    if unknown:
        raise BadInput("clusters: %s: a server has no option %s. It has: %s" % (cluster, ", ".join(unknown), ", ".join(_ENTRY)))
    entry = {name: None if _is_empty(given.get(name)) else given[name] for name in _ENTRY}
    for name, value in entry.items():
        if value is not None:
            entry[name] = int(_number(name, value)) if name in _PORTS else _text(name, value)
    entry["port"] = _PORT if entry["port"] is None else entry["port"]
    entry["host"] = entry["host"] or ("localhost" if entry["unix_socket"] else entry["name"])
    if entry["host"] is None:
        raise BadInput("clusters: %s: a server has neither host nor name" % cluster)
    return entry


def _is_empty(value: t.Any) -> bool:
    """Whether nothing was given: the template of a rulebook is a text, which may be empty."""
    return value is None or value == ""


def _text(name: str, value: t.Any) -> str:
    if isinstance(value, (bool, float, list, tuple, dict)):
        raise BadInput("%s: takes a text, and what is given is of the type %s" % (name, type(value).__name__))
    return str(value)


def _number(name: str, value: t.Any) -> float:
    try:
        if not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise BadInput("%s: takes a number, not %r" % (name, value))


def _truth(name: str, value: t.Any) -> bool:
    text = str(value).strip().lower()
    if text not in (*_YES, *_NO):
        raise BadInput("%s: takes true or false, not %r" % (name, value))
    return text in _YES
