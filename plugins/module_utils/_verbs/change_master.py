# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The work of mysql_change_master: let replicas follow a primary, all at once, and see that they do."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.dbha.mysql.plugins.module_utils._call.arguments import CLUSTER_ARGUMENTS, LOGIN_ARGUMENTS, server_argument
from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.cluster import Cluster
from ansible_collections.dbha.mysql.plugins.module_utils._cluster.held import Held
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_promotion
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import check_stayed_dead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import Settings, check_source, needing_change, stays_unread
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
from ansible_collections.dbha.mysql.plugins.module_utils._report.describe import Diff
from ansible_collections.dbha.mysql.plugins.module_utils._report.tree import tree
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.change_master_work import Decision, Repointing, Work
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.journal import record_in, write

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Topology

ARGUMENTS: t.Dict[str, t.Any] = {
    **LOGIN_ARGUMENTS,
    **CLUSTER_ARGUMENTS,
    "primary": server_argument(required=True),
    "dead_primary": server_argument(),
    "replication_user": {"type": "str"},
    "replication_password": {"type": "str", "no_log": True},
    "source_ssl": {"type": "bool"},
    "source_ssl_ca": {"type": "str"},
    "source_ssl_cert": {"type": "str"},
    "source_ssl_key": {"type": "str", "no_log": False},  # a path
    "source_ssl_verify_server_cert": {"type": "bool"},
    "source_public_key": {"type": "bool"},
    "defaults": {"type": "dict"},
    "wait_timeout": {"type": "float", "default": 30},
    "allow_data_loss": {"type": "bool", "default": False},
    "left_behind": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
    "unfinished": {"type": "list", "elements": "dict", "default": []},
    "record": {"type": "dict", "default": {}},
}


class Why(t.TypedDict):
    """What is wrong with a replica, and what to do about it."""

    code: str
    message: str
    remedy: str


class RepointedReplica(t.TypedDict):
    """How a replica stands."""

    name: str
    host: str
    port: int
    changed: bool
    replicating: bool
    problem: t.Optional[Why]


class Repointed(t.TypedDict, total=False):
    """What mysql_change_master gives back; its documentation says what each is."""

    replicas: t.List[RepointedReplica]
    diff: Diff
    topology: str
    msg: str


def parse(options: Options) -> Repointing:
    """Read the options of mysql_change_master. Raises ``BadInput``."""
    primary, replicas = options.required_server("primary").name, options.names("replicas")
    if not replicas:
        raise BadInput("replicas: name at least one server, or the group that holds the servers (cluster)")
    return Repointing(
        members=options.members("primary", "replicas"),
        primary=primary,
        replicas=tuple(name for name in replicas if name != primary),
        settings=_settings(options),
        defaults=_defaults(options.mapping("defaults")),
        wait_timeout=options.seconds("wait_timeout"),
        dead=options.server("dead_primary"),
        allow_data_loss=options.flag("allow_data_loss"),
        tolerates_left_behind=options.text("left_behind") == "warn",
        unfinished=_unfinished(options),
        record=record_in(options),
    )


def _unfinished(options: Options) -> t.Tuple[Problem, ...]:
    """Return what mysql_promote has left to do."""
    try:
        return tuple(map(Problem.described, options.mappings("unfinished")))
    except KeyError as error:
        raise BadInput("unfinished: takes what mysql_promote returned as unfinished") from error


def _settings(options: Options) -> Settings:
    return Settings(
        user=options.text("replication_user"),
        password=options.text("replication_password"),
        tls=options.flag_or_none("source_ssl"),
        ca_cert=options.text("source_ssl_ca"),
        client_cert=options.text("source_ssl_cert"),
        client_key=options.text("source_ssl_key"),
        verify_cert=options.flag_or_none("source_ssl_verify_server_cert"),
        get_public_key=options.flag_or_none("source_public_key"),
    )


# What may stand in ``defaults``, by the options that it stands for.
_DEFAULTS: t.Mapping[str, t.Type[t.Any]] = {
    "replication_user": str,
    "source_ssl": bool,
    "source_ssl_ca": str,
    "source_ssl_cert": str,
    "source_ssl_key": str,
    "source_ssl_verify_server_cert": bool,
    "source_public_key": bool,
}


def _defaults(given: t.Mapping[str, t.Any]) -> t.Optional[Settings]:
    """Return what mysql_promote said of the replication of the new primary; other entries are passed over."""
    chosen = {name: given.get(name) for name in _DEFAULTS}
    for name, value in chosen.items():
        if not isinstance(value, (_DEFAULTS[name], type(None))):
            raise BadInput("defaults: %s takes %s, not %r" % (name, "text" if _DEFAULTS[name] is str else "true or false", value))
    if not given:
        return None
    more = given.get("source_settings") or {}
    if not isinstance(more, dict) or not all(isinstance(each, str) for pair in more.items() for each in pair):
        raise BadInput("defaults: source_settings takes texts by their names")
    return replace(_settings(Options({**chosen, "replication_password": None})), more=tuple((str(name), str(value)) for name, value in more.items()))


def change_primary(call: Call, wanted: Repointing) -> Repointed:
    """Repoint the replicas that do not follow the primary, start those that do and stand still, leave the others alone."""
    primary = wanted.primary
    with Cluster(wanted.members, call.journal, check_mode=call.check_mode) as cluster:

        def decide(topology: Topology) -> Decision:
            refuse(check_source(topology, primary, is_opened=bool(wanted.unfinished)))
            # Once they are locked no others are taken up: one that breaks down meanwhile is the next run's.
            names = [name for name in wanted.replicas if name in cluster.locks] if cluster.locks.names else wanted.replicas
            return Decision(primary, needing_change(topology, names, wanted.settings.user))

        found = supposed = cluster.look(primary)
        if call.check_mode and found[primary].state is not None and not found[primary].known.leads:
            # In a plan nobody has promoted it.
            supposed = cluster.suppose(after_promotion(found, primary))
        held = Held(cluster, decide, lambda decision: decision.touched, wanted.wait_timeout, tolerates=lambda problem: True)
        held.begin(supposed)
        before = tree(found if call.check_mode else held.topology)
        work = Work(call, wanted, cluster, held)
        with cluster.watch([wanted.dead] if wanted.dead is not None else []) as watch:
            repointed = work.repoint()
            if wanted.record is not None:
                write(call, cluster, primary, wanted.record)
        problems: t.Dict[str, t.Optional[Problem]] = {**dict.fromkeys(wanted.replicas), **stays_unread(held.topology, wanted.replicas), **repointed}
        if call.check_mode:
            topology = cluster.expected(replace(held.topology, primary=primary))
        else:
            topology = cluster.look_again(held.topology) if held.decision.to_change else held.topology
        changed = {sent.server for sent in call.journal.statements}
        # In a plan, as it stands now.
        standing = found if call.check_mode else topology
        result: Repointed = {
            "replicas": [_describe(standing, name, problems[name], name in changed, call.verb) for name in wanted.replicas],
            "diff": {"before": before, "after": tree(topology), "before_header": primary, "after_header": primary},
            "topology": tree(topology),
        }
        call.tell(result)
        back = [problem for name, each in watch.found.items() for problem in check_stayed_dead(name, each, primary)]
        if topology[primary].state is not None and topology[primary].known.writable and not call.check_mode:
            call.stands = "%s is the primary, and takes writes. This is left to do:" % primary
        left_behind = {name: problem for name, problem in problems.items() if problem is not None}
        if wanted.tolerates_left_behind and (call.stands or call.check_mode):
            # What is left to do on the primary itself is told as that.
            call.warn(problem for problem in left_behind.values() if problem not in wanted.unfinished)
            refuse([*back, *wanted.unfinished])
            return {"msg": _message(wanted.replicas, changed, primary, call.check_mode, tuple(left_behind))}
        refuse([*back, *wanted.unfinished, *left_behind.values()])
        return {"msg": _message(wanted.replicas, changed, primary, call.check_mode)}


VERB = Verb(ARGUMENTS, parse, change_primary, strangers=("dead_primary",))


def _describe(topology: Topology, name: str, problem: t.Optional[Problem], changed: bool, verb: str) -> RepointedReplica:
    member = topology[name]
    channel = channel_of(member) if member.state is not None else None
    why: t.Optional[Why] = None if problem is None else {"code": problem.code, "message": problem.message, "remedy": problem.remedy(verb)}
    return {
        "name": name,
        "host": member.host,
        "port": member.port,
        "changed": changed,
        "replicating": channel is not None and channel.is_running and problem is None,
        "problem": why,
    }


def _message(names: t.Sequence[str], changed: t.Collection[str], primary: str, check_mode: bool, left_behind: t.Sequence[str] = ()) -> str:
    follow = [name for name in names if name not in left_behind]
    told = [name for name in follow if name in changed] or follow
    verb = "would replicate" if changed and check_mode else "replicates" if len(told) == 1 else "replicate"
    how = " already" if not changed else "" if check_mode else " now"
    said = ["%s %s from %s%s" % (", ".join(told), verb, primary, how)] if told else []
    if left_behind:
        not_so = "does not, and is left behind" if len(left_behind) == 1 else "do not, and are left behind"
        said.append("%s %s" % (", ".join(left_behind), not_so if told else not_so.replace(" not,", " not follow %s," % primary)))
    return "; ".join(said)
