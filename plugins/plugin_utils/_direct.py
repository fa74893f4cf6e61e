# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What the action plugins share: names of inventory hosts become server entries, and the work is done in Ansible's own process.

A module task costs about 0.4 s before its first line of code runs; that is downtime. Over any connection but the local one the module is run as usual.
"""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform
    from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import SHORTEST_SECRET

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb

display = Display()

# For each option of a server entry the inventory variables that it comes from, the first one that is set.
_ENTRY_VARIABLES = {
    "host": ("mysql_host", "ansible_host"),
    "port": ("mysql_port",),
    "unix_socket": ("mysql_unix_socket",),
    "login_user": ("mysql_login_user",),
    "login_password": ("mysql_login_password",),
}

# The options that are one for all servers of a cluster; a task that has them goes before these variables.
_CLUSTER_OPTIONS = ("config_file", "connect_timeout", "read_timeout", "ca_cert", "client_cert", "client_key", "check_hostname")


class DirectAction(ActionBase):
    """Run a module's work here if the task's connection is local, else hand it on to the module."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    # What the module of this name does.
    verb: t.ClassVar[Verb[t.Any]]

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> t.Dict[str, t.Any]:
        """Fill in the server entries and do the work."""
        task_vars = task_vars or {}
        result: t.Dict[str, t.Any] = super().run(tmp, task_vars)
        given = self._given(task_vars)
        if self._runs_here():
            result.update(self._work_here(given))
        else:
            result.update(self._execute_module(module_args=given, task_vars=task_vars, wrap_async=self._task.async_val))
        return result

    def _given(self, task_vars: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        """Return the task's arguments, servers that are named by inventory hosts filled in."""
        given = {name: _plain(value) for name, value in self._task.args.items()}
        hosts: t.Dict[str, t.Any] = {}
        for name, argument in self.verb.arguments.items():
            if name in given and "options" in argument:
                given[name] = self._fill_in(name, given[name], task_vars.get("hostvars", {}), hosts)
        for name in _CLUSTER_OPTIONS:
            if not any(each in given for each in [name, *self.verb.arguments[name].get("aliases", ())]):
                value = _shared("mysql_" + name, hosts)
                if value is not None:
                    given[name] = value
        return given

    def _runs_here(self) -> bool:
        return self._connection.transport == "local" and not self._task.async_val and not self._task.become and not any(self._task.environment or ())

    def _fill_in(self, option: str, value: t.Any, hostvars: t.Any, hosts: t.Dict[str, t.Any]) -> t.Any:
        """Return entries in place of names, and note the variables of the hosts that were named."""
        if isinstance(value, list):
            return [self._fill_in(option, each, hostvars, hosts) for each in value]
        if isinstance(value, dict) or value is None:
            return value
        if not isinstance(value, str) or value not in hostvars:
            message = "%s: %r is no host of the inventory; a server that is none takes a dictionary with host and port"
            raise AnsibleActionFail(message % (option, str(value)[:100]))
        hosts[value] = variables = hostvars[value]
        entry = {"name": value, "host": value}
        for name, sources in _ENTRY_VARIABLES.items():
            for source in sources:
                if variables.get(source) is not None:
                    entry[name] = _plain(variables[source])
                    break
        return entry

    def _work_here(self, given: t.Dict[str, t.Any], verb: t.Optional[Verb[t.Any]] = None) -> t.Dict[str, t.Any]:
        """Validate and mask as ``AnsibleModule`` does, with its own functions, so that both ways give the same result."""
        validated = ArgumentSpecValidator(self.verb.arguments).validate(given)
        secrets = validated._no_log_values
        options = validated.validated_parameters
        invocation = {"module_args": options}
        if validated.error_messages:
            message = "; ".join(validated.error_messages)
            if validated.unsupported_parameters:
                message = "Unsupported parameters for (%s) module: %s" % (self._task.action, message)
            return remove_values({"failed": True, "changed": False, "msg": message, "invocation": invocation}, secrets)
        result = perform(verb or self.verb, options, check_mode=self._task.check_mode, diff_mode=self._task.diff, say=display.display)
        if not result["warnings"]:
            del result["warnings"]
        # A password of a letter or two would be masked in every word, names and codes too. What we say ourselves is masked already.
        masked: t.Dict[str, t.Any] = remove_values(result, {secret for secret in secrets if len(secret) >= SHORTEST_SECRET})
        return dict(masked, invocation=remove_values(invocation, secrets))


def _shared(variable: str, hosts: t.Mapping[str, t.Any]) -> t.Any:
    """Return the value of a variable that all hosts have in common, by being in one group; C(None) if none has it."""
    values = {name: _plain(variables.get(variable)) for name, variables in hosts.items()}
    first = next(iter(values), "")
    for name, value in values.items():
        if value != values[first]:
            raise AnsibleActionFail("%s is not the same for %s and %s: it belongs to the whole cluster, so set it for the group" % (variable, first, name))
    return values.get(first)


def _plain(value: t.Any) -> t.Any:
    """Take Ansible's marks off: from core 2.19 on every argument is of a tagged subclass, which the driver refuses as a port."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    for plain in (str, int, float):
        if isinstance(value, plain):
            return plain.__str__(value) + "" if plain is str else plain(value)
    return value
