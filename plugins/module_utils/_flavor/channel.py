# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a replication channel can be told besides where its source is and how to log in there: what a server shows of it, and how that is said.

A server that gets a channel anew gets these as another replica has them. What belongs to one host is not among them: the address to connect from
(``MASTER_BIND``), a network namespace. What a server does not show is as if it were not set.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._flavor.base import Version

# The settings of a channel: names as in CHANGE REPLICATION SOURCE, and values as the server shows them.
ChannelSettings = t.Tuple[t.Tuple[str, str], ...]

_NUMBER = re.compile(r"\d{1,10}(?:\.\d{1,6})?", re.ASCII)
_IDS = re.compile(r"\d{1,10}(?:\s*,\s*\d{1,10})*", re.ASCII)
_ACCOUNT = re.compile(r"(?:'(?P<quoted>.*)'|`(?P<ticked>.*)`|(?P<bare>[^'`]*))@(?:'(?P<host>[^']*)'|`(?P<ticked_host>[^`]*)`|(?P<bare_host>[^'`]*))", re.DOTALL)

# How a value is said.
_TEXT, _COUNT, _LIST, _SWITCH, _WORD, _USER = "text", "number", "list", "switch", "word", "account"
_ON = ("yes", "1", "on")
_WORDS = ("ON", "OFF", "STREAM", "GENERATE", "LOCAL")


class _Setting(t.NamedTuple):
    """One setting: the column that shows it, by its newest name in MySQL, what need not be said, and the versions of each family that know it."""

    column: str
    kind: str = _TEXT
    default: t.Tuple[str, ...] = ()
    mysql: t.Optional[Version] = (5, 6)
    mariadb: t.Optional[Version] = (10, 5)
    is_prefixed: bool = True


_SETTINGS: t.Dict[str, _Setting] = {
    "CONNECT_RETRY": _Setting("Connect_Retry", _COUNT, ("60",)),
    # Always said: what it is by default has changed (MySQL 8.4: 10 instead of 86400 times, so that a replica gives up after ten minutes).
    "RETRY_COUNT": _Setting("Source_Retry_Count", _COUNT, mariadb=(12, 0)),
    "HEARTBEAT_PERIOD": _Setting("Replica_Heartbeat_Period", _COUNT, ("30", "30.0", "30.000")),
    "DELAY": _Setting("SQL_Delay", _COUNT, ("0",)),
    "SSL_CAPATH": _Setting("Source_SSL_CA_Path"),
    "SSL_CIPHER": _Setting("Source_SSL_Cipher"),
    "SSL_CRL": _Setting("Source_SSL_Crl"),
    "SSL_CRLPATH": _Setting("Source_SSL_Crlpath"),
    "TLS_VERSION": _Setting("Source_TLS_Version", mysql=(5, 7, 10), mariadb=None),
    "TLS_CIPHERSUITES": _Setting("Source_TLS_Ciphersuites", mysql=(8, 0, 19), mariadb=None),
    "PUBLIC_KEY_PATH": _Setting("Source_public_key_path", mysql=(8, 0, 4), mariadb=None),
    "COMPRESSION_ALGORITHMS": _Setting("Compression_Algorithms", _TEXT, ("uncompressed",), mysql=(8, 0, 18), mariadb=None),
    "ZSTD_COMPRESSION_LEVEL": _Setting("Zstd_Compression_Level", _COUNT, ("3",), mysql=(8, 0, 18), mariadb=None),
    # MySQL takes none with GTIDs (error 3139, seen: 9.7).
    "IGNORE_SERVER_IDS": _Setting("Replicate_Ignore_Server_Ids", _LIST, mysql=None, is_prefixed=False),
    "DO_DOMAIN_IDS": _Setting("Replicate_Do_Domain_Ids", _LIST, mysql=None, is_prefixed=False),
    "IGNORE_DOMAIN_IDS": _Setting("Replicate_Ignore_Domain_Ids", _LIST, mysql=None, is_prefixed=False),
    "GTID_ONLY": _Setting("Gtid_Only", _SWITCH, ("0", "NO"), mysql=(8, 0, 27), mariadb=None, is_prefixed=False),
    "PRIVILEGE_CHECKS_USER": _Setting("Privilege_Checks_User", _USER, mysql=(8, 0, 18), mariadb=None, is_prefixed=False),
    "REQUIRE_ROW_FORMAT": _Setting("Require_Row_Format", _SWITCH, ("0", "NO"), mysql=(8, 0, 19), mariadb=None, is_prefixed=False),
    "REQUIRE_TABLE_PRIMARY_KEY_CHECK": _Setting("Require_Table_Primary_Key_Check", _WORD, ("STREAM",), mysql=(8, 0, 20), mariadb=None, is_prefixed=False),
}


def _known_to(family: str, version: Version) -> t.Iterator[t.Tuple[str, _Setting]]:
    for name, setting in _SETTINGS.items():
        since = setting.mysql if family == "mysql" else setting.mariadb
        if since is not None and version >= since:
            yield name, setting


def read_settings(family: str, version: Version, text: t.Callable[[str], str]) -> ChannelSettings:
    """Return what a channel is told, of that what is not as it is by default.

    :arg text: returns a column of the replica status as text; none where there is no such column, or nothing in it.
    """
    found = [(name, text(setting.column), setting) for name, setting in _known_to(family, version)]
    return tuple((name, value) for name, value, setting in found if value and value not in setting.default)


def say_settings(family: str, version: Version, prefix: str, settings: ChannelSettings) -> t.Iterator[t.Tuple[str, t.Tuple[t.Any, ...]]]:
    """Yield how each setting is said, with its values apart. What this version does not know, or what is no such value, is left out."""
    given = dict(settings)
    for name, setting in _known_to(family, version):
        said = _say(setting.kind, given[name]) if name in given else None
        if said is not None:
            yield "%s%s = %s" % (prefix + "_" if setting.is_prefixed else "", name, said[0]), said[1]


def _say(kind: str, value: str) -> t.Optional[t.Tuple[str, t.Tuple[t.Any, ...]]]:
    if kind == _TEXT:
        return "%s", (value,)
    if kind == _COUNT and _NUMBER.fullmatch(value):
        return "%s", (float(value) if "." in value else int(value),)
    if kind == _LIST and _IDS.fullmatch(value):
        ids = tuple(int(each) for each in value.split(","))
        return "(%s)" % ", ".join(["%s"] * len(ids)), ids
    if kind == _SWITCH:
        return "%s", (int(value.lower() in _ON),)
    if kind == _WORD and value.upper() in _WORDS:
        return value.upper(), ()
    account = _ACCOUNT.fullmatch(value) if kind == _USER else None
    if account is not None:
        user = next(account.group(name) for name in ("quoted", "ticked", "bare") if account.group(name) is not None)
        host = next(account.group(name) for name in ("host", "ticked_host", "bare_host") if account.group(name) is not None)
        # A quote in a name is shown with a backslash before it, and a backslash as it is (seen: 9.7).
        return "%s@%s", (user.replace("\\'", "'"), host)
    return None
