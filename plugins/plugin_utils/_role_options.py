# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Which variable of a role, or of the check, an option of its tasks comes from, so that it can be read in the inventory group of the cluster too.

The plays run on the controller, which is not in that group: without this, what the group says of a role would be ignored silently.
"""

from __future__ import annotations

import typing as t

_COLLECTION = "dbha.mysql."

_Variables = t.Dict[str, str]


def _called(role: str, *options: str, **others: str) -> _Variables:
    """Return the options that are called as the role's variables are, and those that are not."""
    return {**{option: "%s_%s" % (role, option) for option in options}, **others}


_FAILOVER: t.Dict[str, _Variables] = {
    "mysql_find_best_replica": _called(
        "failover",
        *("leave_out", "candidates", "exclude", "site", "max_to_apply", "drain_timeout", "unreachable", "allow_data_loss", "force", "salvage"),
        "cooldown",
        primary="failover_dead_primary",
        living_primary="failover_primary",
    ),
    "mysql_promote": _called("failover", "leave_out", "force", timeout="failover_drain_timeout"),
    "mysql_salvage": _called("failover", "force", policy="failover_salvage", timeout="failover_salvage_timeout"),
    "mysql_change_master": _called("failover", "leave_out", "wait_timeout", "allow_data_loss", "left_behind"),
    "mysql_gtid_check": _called("failover", "leave_out", "primary"),
}
_SWITCHOVER: t.Dict[str, _Variables] = {
    "mysql_find_best_replica": _called("switchover", "leave_out", "to", "exclude", "site", "max_lag"),
    "mysql_promote": _called("switchover", "leave_out", "timeout", "max_lag", "grace", "kill", "try_account"),
    "mysql_change_master": _called("switchover", "leave_out", "wait_timeout", "left_behind"),
    "mysql_gtid_check": _called("switchover", "leave_out"),
}
_REJOIN: t.Dict[str, _Variables] = {
    "mysql_gtid_check": _called("rejoin", "leave_out", "primary", "server"),
    "mysql_rejoin": _called(
        "rejoin",
        *("leave_out", "method", "anew", "donor", "copy_user", "copy_password", "copy_timeout", "dump_program", "stop_command", "start_command"),
        *("restart_timeout", "save", "save_to", "save_timeout", "binlog_program", "timeout", "grace", "kill"),
        answer_within="rejoin_restart_timeout",
    ),
    "mysql_change_master": _called("rejoin", "leave_out", "wait_timeout"),
}
_CLIENTS: t.Dict[str, _Variables] = {
    "haproxy_primary": _called(
        "clients",
        *("backend", "server_prefix", "server_names", "timeout"),
        proxies="clients_haproxies",
        readers="clients_readers_backend",
    ),
    "dns_primary": _called(
        "clients",
        "timeout",
        **{option: "clients_dns_" + option for option in ("servers", "zone", "record", "addresses", "ttl", "key_name", "key_secret", "key_algorithm")},
    ),
    "address_primary": _called(
        "clients",
        "addresses",
        interface="clients_address_interface",
        timeout="clients_address_timeout",
        become="clients_address_become",
    ),
}
# Of the playbook that has no role of its own. What would be elected is what a failover would elect.
_CHECK: t.Dict[str, _Variables] = {
    "mysql_gtid_check": _called(
        "check",
        *("fail_on", "max_lag", "max_silence", "logs_kept", "connections_used", "disk_used", "binlog_program"),
        **{option: "failover_" + option for option in ("candidates", "exclude", "site", "max_to_apply", "salvage")},
    ),
}
_ROLES = {"failover": _FAILOVER, "switchover": _SWITCHOVER, "rejoin": _REJOIN, "clients": _CLIENTS, "check": _CHECK}

CHECK = _COLLECTION + "check"
"""What stands for a role where the tasks are those of the playbook dbha.mysql.check."""

_TASKS_OF_CHECK = "/ansible_collections/dbha/mysql/playbooks/one/check_tasks.yml"

# What a role takes where nobody has said anything, if that is not what the module takes.
_DEFAULTS = {
    ("failover", "mysql_salvage", "policy"): "auto",
    ("switchover", "mysql_promote", "timeout"): 30,
    ("rejoin", "mysql_rejoin", "answer_within"): 60,
}

# What may differ from server to server: it is said of the one that is brought back.
PER_SERVER = ("rejoin_stop_command", "rejoin_start_command")


class RoleOptions(t.NamedTuple):
    """The variables that options of a task come from, by option, and what is taken for options of which nobody says anything.

    Only those options count that the task names, be it with an empty answer.
    """

    variables: _Variables
    defaults: t.Dict[str, t.Any]


NONE = RoleOptions({}, {})


def is_of_check(path: object) -> bool:
    """Whether a task that stands there, in C(file:line), is one of the playbook dbha.mysql.check."""
    return isinstance(path, str) and path.rpartition(":")[0].endswith(_TASKS_OF_CHECK)


def role_options(role: t.Optional[str], module: str) -> RoleOptions:
    """Return where the options of a task come from; nowhere where it is not a task of a role of ours.

    :arg role: the full name of the role that the task is in, C(dbha.mysql.failover) for example, or ``CHECK``; C(None) where it is in none.
    :arg module: the name of the module, with or without that of the collection.
    """
    if role is None or not role.startswith(_COLLECTION):
        return NONE
    name, action = role[len(_COLLECTION) :], module.rpartition(".")[2]
    defaults = {option: value for (of, where, option), value in _DEFAULTS.items() if (of, where) == (name, action)}
    return RoleOptions(_ROLES.get(name, {}).get(action, {}), defaults)
