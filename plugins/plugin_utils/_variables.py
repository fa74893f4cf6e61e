# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What variables of the inventory take. They are checked before the first server is asked, so that what is wrong with one of many hosts is said of that host.

Modules check options too, but do not know which host one comes from. And what only a later task takes would be found out there, once the primary has changed.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import PROMOTIONS

# What Ansible takes for a truth value.
_TRUTH = ("y", "yes", "on", "1", "true", "t", "n", "no", "off", "0", "false", "f")

# A day: no time limit is longer.
_LONGEST = 86400

_MOST_SHOWN = 100


def _port(value: object) -> bool:
    return not isinstance(value, (bool, float)) and str(value).strip().isdecimal() and 1 <= int(str(value)) <= 65535


def _place(value: object) -> bool:
    return isinstance(value, str) and len(value.strip()) <= 255 and value.strip().isprintable() and not any(map(str.isspace, value.strip()))


def _socket(value: object) -> bool:
    # The kernel takes 108 bytes, a closing zero included.
    return isinstance(value, str) and len(value.encode()) <= 107 and "\0" not in value


def _path(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 4095 and value.isprintable()


def _account(value: object) -> bool:
    # MySQL takes 32 characters, MariaDB 128 (their manuals). That it is text is seen to for all accounts, wherever they are given.
    return not isinstance(value, str) or len(value) <= 128


def _seconds(value: object) -> bool:
    try:
        return not isinstance(value, bool) and 0 < float(t.cast(float, value)) <= _LONGEST
    except (TypeError, ValueError):
        return False


def _truth(value: object) -> bool:
    return isinstance(value, bool) or str(value).strip().lower() in _TRUTH


def _command(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _promotion(value: object) -> bool:
    return value in PROMOTIONS


def _site(value: object) -> bool:
    return isinstance(value, (str, int)) and len(str(value)) <= 255 and str(value).isprintable()


_PORT = (_port, "a port (a whole number from 1 to 65535)")
_PLACE = (_place, "a host name or address (text without spaces, at most 255 characters)")
_PATH = (_path, "a path (text)")
_ACCOUNT = (_account, "the name of an account (at most 128 characters)")
_SECONDS = (_seconds, "a time limit (more than 0 and at most %d seconds)" % _LONGEST)
_COMMAND = (_command, "a command (text)")

_TAKEN: t.Dict[str, t.Tuple[t.Callable[[object], bool], str]] = {
    "mysql_host": _PLACE,
    "mysql_port": _PORT,
    "mysql_unix_socket": (_socket, "a path that a socket can have (text, at most 107 bytes)"),
    "mysql_replication_host": _PLACE,
    "mysql_replication_port": _PORT,
    "mysql_promotion": (_promotion, "one of %s" % ", ".join(PROMOTIONS)),
    "mysql_site": (_site, "the name of a site (at most 255 printable characters)"),
    "mysql_login_user": _ACCOUNT,
    "mysql_replication_user": _ACCOUNT,
    "mysql_connect_timeout": _SECONDS,
    "mysql_read_timeout": _SECONDS,
    "mysql_check_hostname": (_truth, "a truth value (true or false)"),
    "mysql_safe_start": (_truth, "a truth value (true or false)"),
    "mysql_journal": (_truth, "a truth value (true or false)"),
    "mysql_config_file": _PATH,
    "mysql_ca_cert": _PATH,
    "mysql_client_cert": _PATH,
    "mysql_client_key": _PATH,
    "mysql_binlog_directory": _PATH,
    "mysql_host_shell": _COMMAND,
}

CHECKED = tuple(_TAKEN)
"""The variables that are checked."""


def wrong_with(variable: str, value: object) -> t.Optional[str]:
    """Return what is wrong with the value of a variable; ``None`` if nothing is."""
    takes, what = _TAKEN[variable]
    if takes(value):
        return None
    return "%s takes %s, and %s is not one" % (variable, what, repr(value)[:_MOST_SHOWN])
