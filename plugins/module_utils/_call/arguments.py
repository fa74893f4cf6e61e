# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Argument specs, and the frame that every module shares: parameters in, result out.

The same whether ``AnsibleModule`` calls it, on the machine of the task, or an action plugin in Ansible's own process.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field, replace

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster, Entry, problem_of
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import UnsupportedVersion
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import (
    PYMYSQL_MISSING,
    SHORTEST_SECRET,
    Address,
    Journal,
    Login,
    ServerError,
    describe_error,
    login_with_config_file,
    read_config_file,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


Parameters = t.Dict[str, t.Any]
Result = t.Dict[str, t.Any]

# The options of a server entry, and those that each of them may also have for itself.
_ENTRY_OPTIONS: t.Dict[str, t.Any] = {
    "name": {"type": "str"},
    "host": {"type": "str", "default": "localhost"},
    "port": {"type": "int", "default": 3306},
    "unix_socket": {"type": "path"},
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
}

LOGIN_ARGUMENTS: t.Dict[str, t.Any] = {
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "config_file": {"type": "path", "default": "~/.my.cnf"},
    "connect_timeout": {"type": "float", "default": 3},
    "read_timeout": {"type": "float", "default": 10},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca"]},
    "client_cert": {"type": "path", "aliases": ["ssl_cert"]},
    "client_key": {"type": "path", "aliases": ["ssl_key"]},
    "check_hostname": {"type": "bool"},
}


def server_argument(**more: t.Any) -> t.Dict[str, t.Any]:
    """Return the specification of an option that takes one server entry."""
    return dict(type="dict", options=_ENTRY_OPTIONS, **more)


def servers_argument(**more: t.Any) -> t.Dict[str, t.Any]:
    """Return the specification of an option that takes a list of server entries."""
    return dict(type="list", elements="dict", options=_ENTRY_OPTIONS, **more)


class BadInput(Exception):
    """An option has a value that cannot be used; the message names the option and what it takes."""


@dataclass
class Call:
    """One call of a module: its options, and what it has to tell so far."""

    options: Parameters
    check_mode: bool
    say: Callable[[str], None]
    journal: Journal = field(default_factory=Journal)
    warnings: t.List[str] = field(default_factory=list)
    # What is to be in the result even if the call fails later: what was found, or done, on the others.
    found: Result = field(default_factory=dict)

    def warn(self, problems: Iterable[Problem]) -> None:
        """Let the user know of problems that forbid nothing."""
        for problem in problems:
            text = told(problem)
            if text not in self.warnings:
                self.warnings.append(text)

    def cluster(self, *options: str) -> Cluster:
        """Return the servers that these options name, not yet connected to. Raises ``BadInput``."""
        login = self._login()
        entries: t.List[Entry] = []
        for option in options:
            value = self.options.get(option)
            named: t.Set[str] = set()
            for given in value if isinstance(value, list) else [value] if value else []:
                entry = _entry(option, given, login)
                # One server may be named by several options, but by each only once.
                same = [other for other in entries if other.name == entry.name]
                if entry.name in named or (same and same[0].address != entry.address):
                    raise BadInput("%s: %r is there twice" % (option, entry.name))
                if any(len(secret) >= SHORTEST_SECRET and secret in entry.name for secret in entry.login.secrets()):
                    raise BadInput("%s: a server has its password in its name, which Ansible masks; change one of them" % option)
                named.add(entry.name)
                if not same:
                    entries.append(entry)
        try:
            return Cluster(entries, login, self.journal, check_mode=self.check_mode)
        except ValueError as error:
            raise BadInput(str(error)) from error

    def name_of(self, option: str) -> t.Optional[str]:
        """Return the name of the server that an option takes."""
        given = self.options.get(option)
        return _entry(option, given, Login()).name if given else None

    def entry_of(self, option: str) -> t.Optional[Entry]:
        """Return the server that an option takes, to connect to. Raises ``BadInput``."""
        given = self.options.get(option)
        return _entry(option, given, self._login()) if given else None

    def names_of(self, option: str) -> t.List[str]:
        """Return the names of the servers that an option takes."""
        return [_entry(option, given, Login()).name for given in self.options.get(option) or []]

    def seconds(self, option: str) -> float:
        """Return a time limit. Raises ``BadInput`` unless it is positive and at most a day."""
        return _seconds(self.options, option)

    def _login(self) -> Login:
        options = self.options
        login = Login(
            user=options["login_user"],
            password=options["login_password"],
            ca_cert=options["ca_cert"],
            client_cert=options["client_cert"],
            client_key=options["client_key"],
            check_hostname=options["check_hostname"],
            connect_timeout=_seconds(options, "connect_timeout"),
            read_timeout=_seconds(options, "read_timeout"),
        )
        try:
            return login_with_config_file(login, read_config_file(options["config_file"]))
        except ValueError as error:
            raise BadInput("config_file: %s" % error) from error


def _seconds(options: Mapping[str, t.Any], option: str) -> float:
    value = float(options[option])
    if not 0 < value <= 86400:
        raise BadInput("%s: %g is no time limit: it takes more than 0 and at most 86400 seconds" % (option, value))
    return value


def _check_numbers(options: Parameters) -> None:
    """Raise ``BadInput`` for what cannot be compared: a limit of C(nan) would be none. Every number with a fraction is one of seconds."""
    for option, value in options.items():
        if isinstance(value, float) and not 0 <= value < float("inf"):
            raise BadInput("%s: %g is no number of seconds: it takes 0 or more" % (option, value))


def _entry(option: str, given: Mapping[str, t.Any], login: Login) -> Entry:
    host, port, unix_socket = given["host"], given["port"], given["unix_socket"]
    if not 1 <= port <= 65535:
        raise BadInput("%s: port %d is not between 1 and 65535" % (option, port))
    if not host or len(host) > 255 or any(character.isspace() or not character.isprintable() for character in host):
        raise BadInput("%s: %r is no host name or address" % (option, host[:100]))
    if unix_socket is not None and (not unix_socket or len(unix_socket) > 107 or "\0" in unix_socket):
        raise BadInput("%s: unix_socket %r is no path that a socket can have (at most 107 characters)" % (option, unix_socket[:120]))
    name = given["name"] if given["name"] is not None else "%s:%d" % (host, port)
    if not name.strip() or len(name) > 255 or not name.isprintable():
        raise BadInput("%s: %r is no name for a server: it takes 1 to 255 printable characters" % (option, name[:100]))
    if given["login_user"] is not None:
        login = replace(login, user=given["login_user"])
    if given["login_password"] is not None:
        login = replace(login, password=given["login_password"])
    return Entry(name, Address(host, port, unix_socket), login)


def told(problem: Problem) -> str:
    """Return what a user reads: the code, what is wrong, what to do about it."""
    return "%s. %s" % (problem, problem.remedy)


Work = t.Callable[[Call], Result]


def perform(work: Work, options: Parameters, *, check_mode: bool, diff_mode: bool, say: Callable[[str], None]) -> Result:
    """Do the work of a module and return its result, failed or not. Never raises for what servers or users do."""
    call = Call(options, check_mode, say)
    problems: Sequence[Problem] = ()
    result: Result = {}
    try:
        if PYMYSQL_MISSING is not None:
            raise Refusal([Problem("driver_incomplete", "", missing_required_lib("PyMySQL[rsa]"))])
        _check_numbers(options)
        result = work(call)
    except BadInput as error:
        problems = [Problem("bad_input", "", str(error))]
    except Refusal as refusal:
        problems = refusal.problems
    except ServerError as error:
        problems = [problem_of(error.server, error)]
    except (UnsupportedVersion, ValueError, TypeError, LookupError) as error:
        problems = [Problem("unreadable", "", "what a server answered cannot be understood: %s" % describe_error(error))]
    result = {**call.found, **result}
    diff = result.pop("diff", None)
    result.update(
        changed=bool(call.journal.statements),
        problems=[dict(asdict(problem), remedy=problem.remedy) for problem in problems],
        warnings=call.warnings,
        statements=[asdict(sent) for sent in call.journal.statements],
        timeline=[asdict(step) for step in sorted(call.journal.timeline, key=lambda step: step.start)],
    )
    if diff_mode and diff is not None:
        result["diff"] = diff
    if problems:
        result.update(failed=True, msg="\n".join(told(problem) for problem in problems))
    return result


def run_module(arguments: t.Dict[str, t.Any], work: Work) -> None:
    """Run as a module: in a Python of its own, on the machine that the task is for."""
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    result = perform(work, module.params, check_mode=module.check_mode, diff_mode=module._diff, say=lambda message: None)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
