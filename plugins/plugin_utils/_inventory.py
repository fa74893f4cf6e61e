# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What the inventory says: a group becomes the members of a cluster, a host becomes a server entry, variables of hosts become options.

Only the controller knows the inventory, so this is done by the action plugins, whatever machine a task is for.
"""

from __future__ import annotations

import re
import typing as t
from contextlib import contextmanager

import yaml
from ansible.errors import AnsibleError
from ansible.release import __version__ as core_version

from ansible_collections.dbha.mysql.plugins.plugin_utils._answers import answered, is_answered
from ansible_collections.dbha.mysql.plugins.plugin_utils._asked_once import asked_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._role_options import NONE, PER_SERVER, RoleOptions
from ansible_collections.dbha.mysql.plugins.plugin_utils._variables import CHECKED, wrong_with

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, not_a_member, refuse
    from ansible_collections.dbha.mysql.plugins.module_utils._server.text import listed, quoted

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb

Options = t.Dict[str, t.Any]

# For each option of a server entry the variables that it comes from, the first one that says anything.
_ENTRY_VARIABLES = {
    "host": ("mysql_host", "ansible_host"),
    "port": ("mysql_port",),
    "unix_socket": ("mysql_unix_socket",),
    "replication_host": ("mysql_replication_host",),
    "replication_port": ("mysql_replication_port",),
    "promotion": ("mysql_promotion",),
    "site": ("mysql_site",),
    "login_user": ("mysql_login_user",),
    "login_password": ("mysql_login_password",),
}

# What is one for all servers of a cluster.
_CLUSTER_OPTIONS = ("config_file", "connect_timeout", "read_timeout", "ca_cert", "client_cert", "client_key", "check_hostname", "allow_unverified")

# So is this, of tasks that have it: how replicas encrypt their connections to the primary.
_REPLICATION_OPTIONS = ("source_ssl", "source_ssl_ca", "source_ssl_cert", "source_ssl_key", "source_ssl_verify_server_cert", "source_public_key")

# So are these, of tasks that have them: how servers are to come back, and whether the cluster remembers what has happened to it.
_HABITS = ("safe_start", "journal")

# So is this, but it is taken together: a task that has one of them has both. A server that has neither has no other account.
_ACCOUNT = ("replication_user", "replication_password")

# How many servers a cluster has. So is this, of tasks that have it.
_SIZE = "mysql_cluster_size"
_SIZE_OPTIONS = ("cluster_size",)

# What has to be text as it is written.
_TEXTS = ("login_user", "login_password", *_ACCOUNT)
_KINDS = {bool: "a truth value", int: "a number", float: "a number", dict: "a dictionary", list: "a list", tuple: "a list"}

# How the inventory says that a host is the controller itself.
_LOCAL = ("local", "ansible.builtin.local")

_PORT = 3306

_TEMPLATE = re.compile(r"\{\{.*\}\}", re.DOTALL)
_LEAVES_TEMPLATES = tuple(map(int, core_version.split(".")[:2])) < (2, 19)

# How many names are told where one of them was meant.
_TOLD = 30


class Inventory:
    """The groups and hosts of an inventory.

    :arg groups: the names of the hosts in each group.
    :arg hosts: the variables of each host. To ask for them takes time, so they are asked for only of hosts that are named.
    """

    def __init__(self, groups: Mapping[str, Sequence[str]], hosts: Mapping[str, t.Any]) -> None:
        self._groups = groups
        self._hosts = hosts
        self._asked: t.Dict[str, t.Any] = {}

    def servers_of(self, cluster: object) -> t.List[str]:
        """Return the servers of a cluster, those too that are left out; none if there is no such group."""
        return list(self._groups.get(known_as(cluster, self._groups), ()))

    def members_of(self, cluster: object, leave_out: Iterable[object]) -> t.List[str]:
        """Return the servers of a cluster, which is a group. Raises ``Refusal`` where there are none, and for one that is left out and not in it."""
        name = known_as(cluster, self._groups)
        servers = list(self._groups.get(name, ()))
        if not servers:
            groups = sorted(group for group, hosts in self._groups.items() if hosts and group not in ("all", "ungrouped"))
            there_are = listed(groups, _TOLD) or "none"
            message = "%s is not a group of the inventory that has servers in it. Those that have are: %s" % (quoted(name), there_are)
            raise Refusal([Problem("no_such_cluster", "", message)])
        left_out = [known_as(each, servers) for each in leave_out]
        refuse(not_a_member(each, servers) for each in left_out if each not in servers)
        members = [each for each in servers if each not in left_out]
        if not members:
            raise Refusal([Problem("no_such_cluster", "", "all servers of the group %r are left out" % name)])
        return members

    def check_size(self, cluster: object, members: Sequence[str]) -> t.List[Problem]:
        """See that the whole cluster is there, if its members say how many servers it has; those that are left out count as well.

        A part of an inventory looks like one: a slice of a job in AWX, one with a filter or a host that is disabled there. What the missing servers have
        received is then not known, and another job may work on them (seen: AWX 24.6 made two primaries of one cluster with two slices).
        """
        name = known_as(cluster, self._groups)
        servers = self._groups[name]
        size = self.value_for_all(_SIZE, members)
        if size is None:
            return []
        if isinstance(size, (bool, float)) or not str(size).strip().isdecimal() or int(size) < 1:
            return [Problem("bad_input", "", "%s: takes how many servers the cluster has, a whole number, not %r" % (_SIZE, size))]
        if len(servers) >= int(size):
            return []
        message = "the group %s has %d of the %d servers of its cluster (%s): %s. What the others have is not known"
        return [Problem("cluster_incomplete", "", message % (name, len(servers), int(size), _SIZE, listed(servers, _TOLD)))]

    def size_of(self, host: str) -> t.Optional[int]:
        """Return how many servers the cluster of a host has; C(None) where that is not said, or is no number."""
        size = self.value_of(_SIZE, host)
        return int(size) if size is not None and str(size).strip().isdecimal() else None

    def host_called(self, value: object) -> t.Optional[str]:
        """Return the host that is meant; ``None`` if there is no such host."""
        name = value.strip() if isinstance(value, str) else known_as(value, self._hosts)
        return name if name in self._hosts else None

    def entry_of(self, host: str, options: t.Collection[str] = tuple(_ENTRY_VARIABLES)) -> Options:
        """Return the server entry of a host, or as much of it as is asked for: passwords may have to be looked up."""
        entry: Options = {"name": host, "host": host}
        for option, sources in _ENTRY_VARIABLES.items():
            for source in sources if option in options else ():
                value = self.value_of(source, host)
                if value is not None:
                    entry[option] = value
                    break
        return entry

    def value_of(self, variable: str, host: str) -> t.Any:
        """Return what a variable of a host says; ``None`` if it says nothing."""
        if host not in self._asked:
            self._asked[host] = self._hosts[host]
        variables = self._asked[host]
        value = asked_once(variable, host, variables, lambda: _evaluated(variable, host, variables))
        return value if is_answered(value) else None

    def option_for_all(self, variable: str, hosts: Sequence[str]) -> t.Any:
        """Return what hosts say of an option of a role; ``None`` if they say nothing. Raises ``Refusal`` where they differ.

        An extra variable that is empty, as a survey sends it for a question that was not answered, hides what the inventory says, and says nothing.
        """
        value = self.value_for_all(variable, hosts)
        if value is None and any(variable in self._asked[host] for host in hosts):
            with _without_extra_vars(self._hosts):
                value = Inventory(self._groups, self._hosts).value_for_all(variable, hosts)
        return value

    def said(self, variable: str, given: t.Any, hosts: Sequence[str], at: t.Optional[str]) -> t.Any:
        """Return what is said of a variable: by the play or extra variables, else by the cluster's group, else by what all hosts have in common.

        :arg given: what the task names; :arg at: the host that it is for.
        """
        of_group = self.option_for_all(variable, hosts) if hosts else None
        if of_group is None or not is_answered(given):
            return of_group if is_answered(of_group) else given
        # What the play's host has from the inventory (the group "all") is not the play's own word.
        own = None if at is None else self.value_of(variable, at)
        return of_group if own is not None and own == given else given

    def check_variables(self, hosts: Iterable[str], without: Iterable[str] = ()) -> t.Iterator[Problem]:
        """See that the variables of hosts are of the types and lengths that they take, but for those that a task does without."""
        checked = [variable for variable in CHECKED if variable not in without]
        for host in hosts:
            for variable in checked:
                value = self.value_of(variable, host)
                wrong = None if value is None else wrong_with(variable, value)
                if wrong is not None:
                    yield Problem("bad_input", host, "%s: %s" % (host, wrong))

    def value_for_all(self, variable: str, hosts: Sequence[str]) -> t.Any:
        """Return what a variable says that all hosts have in common, by being in one group. Raises ``Refusal`` where they differ."""
        values = {host: self.value_of(variable, host) for host in hosts}
        for host, value in values.items():
            if value != values[hosts[0]]:
                message = "%s is not the same for %s and %s: it belongs to the whole cluster, so set it for the group" % (variable, hosts[0], host)
                raise Refusal([Problem("bad_input", "", message)])
        return values[hosts[0]]


def _evaluated(variable: str, host: str, variables: Mapping[str, t.Any]) -> t.Any:
    found = variables.get(variable)
    try:
        value = plain(found)
    except AnsibleError as error:
        raise Refusal([Problem("bad_input", host, "%s cannot be decrypted: %s" % (variable, error))]) from error
    if _is_undefined(found):
        raise Refusal([Problem("bad_input", host, "%s uses a variable that is not defined" % variable)])
    return value


@contextmanager
def _without_extra_vars(hosts: t.Any) -> t.Iterator[None]:
    """Ask for variables as they are without extra variables, which Ansible has no means for of its own. A task is a process, so nobody else asks meanwhile."""
    manager = getattr(hosts, "_variable_manager", None)
    if manager is None:
        yield
        return
    extra, manager._extra_vars = manager._extra_vars, {}
    try:
        yield
    finally:
        manager._extra_vars = extra


class Task:
    """The options of one task, and the servers that it names.

    :arg asked: the options that the task names, also those to which the answer is empty.
    :arg role: where options of its role come from; :arg at: the host that the task is for, whose inventory variables it sees anyway.
    """

    def __init__(
        self, verb: Verb[t.Any], given: Options, inventory: Inventory, *, asked: Iterable[str] = (), role: RoleOptions = NONE, at: t.Optional[str] = None
    ) -> None:
        self._verb = verb
        self._given = dict(given)
        self._inventory = inventory
        self._role = role
        self._asked = {option for option in asked if option in role.variables}
        self._at = at
        # Of the cluster; none where the task does not name one, so that any host may be meant.
        self._members: t.Optional[t.List[str]] = None
        self._hosts: t.Dict[str, None] = {}

    def filled_in(self) -> Options:
        """Return the options with entries in place of names, and with what the inventory says of the servers and the task does not.

        Raises ``Refusal`` for a name that does not fit, and for what should be one for all servers and is not.
        """
        cluster = self._cluster()
        if self._asked or isinstance(self._given.get("time_limits"), dict):
            self._of_role()
        filled = {**self._given, **cluster}
        for option, argument in self._verb.arguments.items():
            value = filled.get(option)
            if value is not None and "options" in argument:
                is_list = argument["type"] == "list" and isinstance(value, list)
                filled[option] = [self._server(option, each) for each in value] if is_list else self._server(option, value)
            elif value is not None and option in self._verb.names:
                filled[option] = self._names(value) if isinstance(value, list) else self._names([value])[0]
        # What the task gives itself goes before the inventory.
        given = [option for option in (*_CLUSTER_OPTIONS, *_ACCOUNT) if option in self._verb.arguments and self._is_given(option)]
        refuse(self._inventory.check_variables(self._hosts, ["mysql_" + option for option in given]))
        filled = {**filled, **self._of_cluster(), **self._of_hosts()}
        refuse(_check_texts(filled))
        return filled

    def _cluster(self) -> Options:
        given = self._given
        if "cluster" not in self._verb.arguments or "cluster" not in given:
            if "leave_out" in given:
                raise Refusal([Problem("bad_input", "", "leave_out: servers are left out of a cluster; name it, too (cluster)")])
            return {}
        if "leave_out" in self._asked:
            self._take("leave_out", self._role.variables["leave_out"], self._inventory.servers_of(given["cluster"]))
        self._members = self._inventory.members_of(given["cluster"], given.get("leave_out", ()))
        refuse(self._inventory.check_size(given["cluster"], self._members))
        self._hosts.update(dict.fromkeys(self._members))
        return {"cluster": known_as(given["cluster"], ()), "replicas": given.get("replicas", self._members)}

    def _of_role(self) -> None:
        """Take what the cluster's group says of options of the role that the play says nothing of."""
        hosts = self._members if self._members is not None else self._named()
        server = self._given.get("server")
        for option in sorted(self._asked - {"leave_out"}):
            variable = self._role.variables[option]
            own = [known_as(server, hosts)] if variable in PER_SERVER and not isinstance(server, dict) else None
            self._take(option, variable, hosts if own is None or own[0] not in hosts else own)
        limits = self._given.get("time_limits")
        if isinstance(limits, dict) and self._role.variables:
            self._given["time_limits"] = {name: self._said(name, value, hosts) for name, value in limits.items()}

    def _named(self) -> t.List[str]:
        """Return the hosts that a task without a cluster names."""
        values = [self._given.get(option) for option, argument in self._verb.arguments.items() if "options" in argument]
        names = [value.get("name") if isinstance(value, dict) else value for value in values if value is not None and not isinstance(value, list)]
        return [name for name in map(self._inventory.host_called, names) if name is not None]

    def _take(self, option: str, variable: str, hosts: Sequence[str]) -> None:
        value = self._said(variable, self._given.get(option), hosts)
        value = self._role.defaults.get(option) if value is None else value
        if value is not None:
            self._given.update(answered(self._verb.arguments, {option: value}))

    def _said(self, variable: str, given: t.Any, hosts: Sequence[str]) -> t.Any:
        return self._inventory.said(variable, given, hosts, self._at)

    def _server(self, option: str, value: object) -> object:
        if isinstance(value, dict):
            return self._completed(option, value)
        members = self._members
        if members is not None and option not in self._verb.strangers:
            name: t.Optional[str] = self._names([value])[0]
        elif members is not None and known_as(value, members) in members:
            name = known_as(value, members)
        else:
            name = self._inventory.host_called(value)
        if name is None:
            message = "%s: %s is not a host of the inventory; for a server that is not, give a dictionary with host and port"
            raise Refusal([Problem("bad_input", "", message % (option, quoted(str(value))))])
        self._hosts[name] = None
        return self._entry_of(name, option)

    def _entry_of(self, name: str, option: str) -> Options:
        """Return the entry of a host, with no more of it than the option takes: who logs in nowhere is given no password."""
        taken = self._verb.arguments[option]["options"]
        return {key: value for key, value in self._inventory.entry_of(name, taken).items() if key in taken}

    def _completed(self, option: str, entry: Options) -> Options:
        """Return an entry with what the inventory says of the host whose name and address it has, as in what a module gave back."""
        name = self._inventory.host_called(entry["name"]) if "host" in entry and is_answered(entry.get("name")) else None
        if name is None:
            return entry
        known = self._entry_of(name, option)
        if (entry["host"], str(entry.get("port", _PORT))) != (known["host"], str(known.get("port", _PORT))):
            return entry
        self._hosts[name] = None
        return {**known, **entry}

    def _names(self, values: Sequence[object]) -> t.List[str]:
        """Return the members that are meant. Raises ``Refusal`` for those that are not, where it is known who is."""
        names = [known_as(value, self._members or ()) for value in values]
        if self._members is not None:
            refuse(not_a_member(name, self._members) for name in names if name not in self._members)
        return names

    def _of_cluster(self) -> Options:
        found: Options = {}
        if not self._hosts:
            return found
        for option in (*_CLUSTER_OPTIONS, *_REPLICATION_OPTIONS, *_HABITS, *_SIZE_OPTIONS):
            if option in self._verb.arguments and not self._is_given(option):
                found[option] = self._inventory.value_for_all("mysql_" + option, list(self._hosts))
        if _ACCOUNT[0] in self._verb.arguments and not any(map(self._is_given, _ACCOUNT)):
            knowing = [host for host in self._hosts if any(self._inventory.value_of("mysql_" + option, host) is not None for option in _ACCOUNT)]
            found.update((option, self._inventory.value_for_all("mysql_" + option, knowing)) for option in _ACCOUNT if knowing)
        return {option: value for option, value in found.items() if value is not None}

    def _is_given(self, option: str) -> bool:
        return any(name in self._given for name in (option, *self._verb.arguments[option].get("aliases", ())))

    def _of_hosts(self) -> Options:
        """Return the options that say something of each host, by its name."""
        found: Options = {}
        wanted = [option for option in ("host_shells", "without_ssh") if option in self._verb.arguments and option not in self._given]
        if "host_shells" in wanted:
            shells = {host: self._inventory.value_of("mysql_host_shell", host) for host in self._hosts}
            found["host_shells"] = {host: shell for host, shell in shells.items() if shell is not None}
        if "without_ssh" in wanted:
            found["without_ssh"] = [host for host in self._hosts if self._inventory.value_of("ansible_connection", host) in _LOCAL]
        return found


def _check_texts(filled: Mapping[str, object]) -> t.Iterator[Problem]:
    """See that names and passwords of accounts are text, in the options themselves and in server entries.

    YAML makes a number of C(0123), which is 83 then, and a truth value of C(yes). Extra variables come to that on their way through a credential too,
    although they are quoted there (seen: AWX 24.6 with ansible-core 2.19 to 2.21), and to what is marked C(!unsafe) (seen: 2.19, 2.21). As a password of
    replicas it would be found out once they are cut off.
    """
    entries = [each for value in filled.values() for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
    for where in (filled, *entries):
        for option in _TEXTS:
            value = where.get(option)
            if value is not None and not isinstance(value, str):
                name = "" if where is filled else str(where.get("name", ""))
                message = (
                    "%s (mysql_%s) is not text but %s. Quote it in YAML, without !unsafe, which unquotes it again;"
                    " extra variables and credentials of AWX may alter it: see docs/awx.md"
                )
                yield Problem("bad_input", name, message % (option, option, _KINDS.get(type(value), "a value of another type")))


def known_as(value: object, names: Iterable[str]) -> str:
    """Return the one of these names that is meant.

    Names are text, and what was answered is not always: YAML makes a truth value or a number of a name such as C(no), C(0715) or C(2024), on its way
    through a survey also where it is quoted (seen: AWX 24.6 with ansible-core 2.19). Until 2.18 a template makes text of it again.
    """
    text = value.strip() if isinstance(value, str) else str(value)
    if isinstance(value, (dict, list, tuple)):
        return text
    known = list(names)
    if text in known:
        return text
    read_as = [name for name in known if _read(name) == text]
    return read_as[0] if len(read_as) == 1 else text


def _read(name: str) -> t.Optional[str]:
    """Return as text what YAML makes of a name; ``None`` where it stays the text that it is."""
    try:
        read = yaml.safe_load(name)
    except (yaml.YAMLError, ValueError):
        return None
    return str(read) if isinstance(read, (bool, int, float)) else None


def _is_undefined(value: object) -> bool:
    """Whether a variable is still a template. Until core 2.18 that is what one is that uses a variable which is not defined; later ones raise an error.

    What is marked as unsafe is none, whatever it looks like.
    """
    return isinstance(value, str) and not hasattr(value, "__UNSAFE__") and _TEMPLATE.search(value) is not None and _LEAVES_TEMPLATES


def plain(value: t.Any) -> t.Any:
    """Take Ansible's marks off: from core 2.19 on every argument is of a tagged subclass, which the driver refuses as a port.

    Until 2.18 a value that is encrypted by itself (C(!vault)) is an object of its own, which is decrypted when it is made text.
    """
    if hasattr(value, "__ENCRYPTED__"):
        return str(value) + ""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind.__str__(value) + "" if kind is str else kind(value)
    return value
