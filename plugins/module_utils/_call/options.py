# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The options of a module, read once at the door: below it nobody sees them, only values with types of their own.

What cannot be used is refused here, with the option's name, or nowhere.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._server.login import (
    Address,
    Entry,
    Login,
    Members,
    login_with_config_file,
    make_tls_context,
)
from ansible_collections.dbha.mysql.plugins.module_utils._server.option_file import read_option_file
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import SHORTEST_SECRET
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import holds_password, quoted
from ansible_collections.dbha.mysql.plugins.module_utils._values.promotion import NEUTRAL

if t.TYPE_CHECKING:
    from collections.abc import Mapping

Parameters = t.Dict[str, t.Any]

# Where there may be an option file that nobody has named.
_OPTION_FILE = "~/.my.cnf"

# The longest time limit (seconds): a day.
_LONGEST = 86400


class BadInput(Exception):
    """An option has a value that cannot be used; the message names the option and what it takes."""


class Options:
    """What a module was given, after Ansible has checked it against the module's argument spec.

    Each method takes the name of an option and returns its value. All of them raise ``BadInput`` for what cannot be used.
    """

    def __init__(self, given: Parameters) -> None:
        self._given = given

    def text(self, option: str) -> t.Optional[str]:
        """Return a text; ``None`` where it is not given."""
        value = self._given[option]
        if option.endswith("_user") and value is not None:
            check_user(option, str(value))
        return None if value is None else str(value)

    def flag(self, option: str) -> bool:
        """Return whether an option is set."""
        return bool(self._given[option])

    def flag_or_none(self, option: str) -> t.Optional[bool]:
        """Return whether an option is set; ``None`` where it is not given."""
        value = self._given[option]
        return None if value is None else bool(value)

    def number(self, option: str) -> float:
        """Return a number of seconds that may be 0."""
        return float(self._given[option])

    def count(self, option: str) -> int:
        """Return a whole number."""
        return int(self._given[option])

    def seconds(self, option: str) -> float:
        """Return a time limit: more than 0 and at most a day."""
        return _seconds(self._given, option)

    def time_limits(self, option: str) -> None:
        """See that each value of a dictionary can be a time limit. Those that are none or an empty text are not given."""
        for name, value in self.mapping(option).items():
            if value is not None and value != "":
                try:
                    _seconds({name: value}, name)
                except (TypeError, ValueError) as error:
                    raise BadInput("%s: %r is not a number of seconds" % (name, value)) from error

    def texts(self, option: str) -> t.Tuple[str, ...]:
        """Return a list of texts; an empty one where none is given."""
        return tuple(str(each) for each in self._given[option] or ())

    def mapping(self, option: str) -> t.Mapping[str, t.Any]:
        """Return a dictionary; an empty one where none is given."""
        value: t.Mapping[str, t.Any] = self._given[option] or {}
        return value

    def mappings(self, option: str) -> t.Tuple[t.Mapping[str, t.Any], ...]:
        """Return a list of dictionaries; an empty one where none is given."""
        return tuple(self._given[option] or ())

    def is_given(self, option: str) -> bool:
        """Return whether there is a value, even an empty one."""
        return self._given[option] is not None

    def server(self, option: str) -> t.Optional[Entry]:
        """Return the server that an option takes; ``None`` where none is given."""
        given = self._given[option]
        return _entry(option, given, self._login()) if given else None

    def required_server(self, option: str) -> Entry:
        """Return the server that an option takes."""
        entry = self.server(option)
        if entry is None:
            raise BadInput("%s: name a server" % option)
        return entry

    def servers(self, option: str) -> t.Tuple[Entry, ...]:
        """Return the servers that an option takes."""
        login = self._login()
        return tuple(_entry(option, given, login) for given in self._given[option] or ())

    def names(self, option: str) -> t.Tuple[str, ...]:
        """Return the names of the servers that an option takes."""
        return tuple(entry.name for entry in self.servers(option))

    def members(self, *options: str) -> Members:
        """Return the servers that these options name, each once, and how to log in to them."""
        login = self._login()
        entries: t.List[Entry] = []
        for option in options:
            value = self._given.get(option)
            named: t.Set[str] = set()
            for given in value if isinstance(value, list) else [value] if value else []:
                entry = _entry(option, given, login)
                # One server may be named by several options, but by each only once.
                same = [other for other in entries if other.name == entry.name]
                if entry.name in named or (same and same[0].address != entry.address):
                    raise BadInput("%s: %r is named twice" % (option, entry.name))
                if any(len(secret) >= SHORTEST_SECRET and secret in entry.name for secret in entry.login.secrets()):
                    raise BadInput("%s: a server has its password in its name, which Ansible masks; change one of them" % option)
                named.add(entry.name)
                if not same:
                    entries.append(entry)
        try:
            return Members(tuple(entries), login, make_tls_context(login))
        except ValueError as error:
            raise BadInput(str(error)) from error

    def _login(self) -> Login:
        given = self._given
        login = Login(
            user=given["login_user"],
            password=given["login_password"],
            ca_cert=given["ca_cert"],
            client_cert=given["client_cert"],
            client_key=given["client_key"],
            check_hostname=given["check_hostname"],
            allow_unverified=bool(given["allow_unverified"]),
            connect_timeout=_seconds(given, "connect_timeout"),
            read_timeout=_seconds(given, "read_timeout"),
        )
        try:
            return login_with_config_file(login, read_option_file(given["config_file"]))
        except ValueError as error:
            if os.path.expanduser(given["config_file"]) == os.path.expanduser(_OPTION_FILE) and self._says_who_logs_in():
                return login
            raise BadInput("config_file: %s" % error) from error

    def _says_who_logs_in(self) -> bool:
        """Whether user and password of each server are given, so that nothing of an option file is needed but what it may say of TLS.

        Without that no password is sent to servers that are not verified: a file that cannot be read makes nothing less safe.
        """
        values = [each for value in self._given.values() for each in (value if isinstance(value, list) else [value])]
        entries = [each for each in values if isinstance(each, dict) and "login_user" in each]
        open_to_all = [name for name in ("login_user", "login_password") if self._given[name] is None]
        return bool(entries) and all(entry[name] is not None for entry in entries for name in open_to_all)


def check_user(option: str, user: t.Optional[str]) -> None:
    """Raise ``BadInput`` for the name of an account that is none. What follows a line break in it is not shown: it may be the password."""
    if user is not None and any(ord(character) < 32 for character in user):
        first = user.splitlines()[0] if user.splitlines() else ""
        raise BadInput("%s: the name of an account that begins with %s has line breaks or control characters in it" % (option, quoted(first, 80)))
    if user is not None and holds_password(user):
        raise BadInput("%s: the name of an account seems to hold a password, too (it is not shown)" % option)


def _seconds(options: Mapping[str, t.Any], option: str) -> float:
    value = float(options[option])
    if not 0 < value <= _LONGEST:
        raise BadInput("%s: %g is not a time limit: it takes more than 0 and at most %d seconds" % (option, value, _LONGEST))
    return value


def check_numbers(options: Parameters) -> None:
    """Raise ``BadInput`` for what cannot be compared: a limit of ``nan`` would be none. Every number with a fraction is one of seconds."""
    for option, value in options.items():
        if isinstance(value, float) and not 0 <= value < float("inf"):
            raise BadInput("%s: %g is not a number of seconds: it takes 0 or more" % (option, value))


# What is one word, of a module or of a server entry. So are accounts, whose options all end alike, and what is in a list.
_WORDS = ("name", "host", "replication_host", "site")


def check_words(given: Mapping[str, t.Any], within: str = "") -> None:
    """Refuse a server or an account that is given as text where a word should be. Whoever repeats the options repeats its password. Raises ``BadInput``."""
    for name, value in given.items():
        is_list = isinstance(value, (list, tuple))
        for each in value if is_list else (value,):
            if isinstance(each, dict):
                check_words(each, "%s%s: " % (within, name))
            elif isinstance(each, str) and (is_list or name in _WORDS or name.endswith("_user")) and holds_password(each):
                raise BadInput("%s%s: %s is not a name" % (within, name, quoted(each)))


def _entry(option: str, given: Mapping[str, t.Any], login: Login) -> Entry:
    host, port, unix_socket = given["host"], given["port"], given["unix_socket"]
    told_host, told_port = given.get("replication_host"), given.get("replication_port")
    for what, number in (("port", port), ("replication_port", told_port)):
        if number is not None and not 1 <= number <= 65535:
            raise BadInput("%s: %s %d is not between 1 and 65535" % (option, what, number))
    for text in (host, told_host):
        if text is not None and (not text or len(text) > 255 or any(character.isspace() or not character.isprintable() for character in text)):
            raise BadInput("%s: %s is not a host name or address" % (option, quoted(text)))
    if unix_socket is not None and (not unix_socket or len(unix_socket) > 107 or "\0" in unix_socket):
        raise BadInput("%s: unix_socket %r is not a path that a socket can have (at most 107 characters)" % (option, unix_socket[:120]))
    name = given["name"] if given["name"] is not None else "%s:%d" % (host, port)
    if not name.strip() or len(name) > 255 or not name.isprintable():
        raise BadInput("%s: %s is not a name for a server: it takes 1 to 255 printable characters" % (option, quoted(name)))
    if given["login_user"] is not None:
        login = replace(login, user=given["login_user"])
    check_user("login_user", login.user)
    if given["login_password"] is not None:
        login = replace(login, password=given["login_password"])
    site = (given.get("site") or "").strip()
    if len(site) > 255 or not site.isprintable():
        raise BadInput("%s: %r is not a name for a site: it takes up to 255 printable characters" % (option, site[:100]))
    return Entry(name, Address(host, port, unix_socket), login, told_host, told_port, given.get("promotion") or NEUTRAL, site)
