# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Task files of the user's that a role runs at certain moments: which there are, and that Ansible can read them.

A task file that Ansible cannot read ends a play at once: nothing is undone, and no other task is carried out (seen: ansible-core 2.17 to 2.21).
So it is read before anything is done.
"""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.helpers import load_list_of_blocks
from ansible.playbook.play import Play
from ansible.utils.collection_loader._collection_finder import _get_collection_role_path

from ansible_collections.dbha.mysql.plugins.plugin_utils._answers import is_answered
from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, refuse
    from ansible_collections.dbha.mysql.plugins.module_utils._report.hooks import REFUSING

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory

FENCE = "fence"

# The moments of each role, in the order in which they come. A rejoin opens nothing.
MOMENTS: t.Dict[str, t.Tuple[str, ...]] = {
    "failover": ("before", "before_open", FENCE, "after_open", "after", "failed"),
    "switchover": ("before", "before_open", "after_open", "after", "failed"),
    "rejoin": ("before", "after", "failed"),
}

# What says of the task files of a role how they are run.
_TERMS = {"failover": ("fence_required", "fence_timeout", "force")}

# The variables of each role that say what is run, by their names without that of the role.
VARIABLES = {role: {name: "%s_%s" % (role, name) for name in (*moments, *_TERMS.get(role, ()))} for role, moments in MOMENTS.items()}

# Those after which something is opened, or which come right after that: where there are any, a role takes its steps one by one.
_STEPS = ("before", "before_open", FENCE, "after_open")

_FENCE_TIMEOUT = 30

# What sees that hosts can be reached.
_REACH = {"role": "", "file": str(Path(__file__).resolve().parents[2] / "roles/failover/tasks/reach.yml")}

# A task file in a role of a collection.
_IN_ROLE = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*){2})/([\w./-]+)")
_ENDINGS = ("", ".yml", ".yaml")

Hook = t.Dict[str, t.Any]


class Hooks(t.TypedDict):
    """What is to be run at each moment; ``fence`` is one. In check mode nothing is, and ``would`` says what would.

    ``steps``: something is to be run around the opening. ``fenced``: how many task files fence. ``looks``: somebody is to be asked before anything is
    changed, so that an election only looks; ``plans``: and it has to be a plan, because only that says what force does to a primary that lives.
    """

    moments: t.Dict[str, t.List[Hook]]
    would: t.List[str]
    steps: bool
    fenced: int
    looks: bool
    plans: bool


def hooks_of(
    role: str, given: t.Mapping[str, t.Any], inventory: Inventory, *, cluster: object, at: t.Optional[str], places: Sequence[str], check: bool
) -> Hooks:
    """Return which task files a role runs.

    :arg given: what the play or extra variables say of the variables of the role, by their names without the role's.
    :arg at: the host that the play runs on; :arg places: the directories that paths are relative to, the first one that has the file.
    Raises ``Refusal`` for what is no list of task files, and for one that is not there or that Ansible cannot read.
    """
    hosts = inventory.servers_of(cluster)

    def said(name: str) -> t.Any:
        return inventory.said("%s_%s" % (role, name), given.get(name), hosts, at) if hosts else given.get(name)

    entries = {moment: _entries("%s_%s" % (role, moment), said(moment)) for moment in MOMENTS[role]}
    if not any(entries.values()):
        return {"moments": entries, "would": [], "steps": False, "fenced": 0, "looks": False, "plans": False}
    required, timeout, asks = False, _FENCE_TIMEOUT, bool(entries["before"])
    forced = (asks or entries.get(FENCE)) and _truth(role + "_force", said("force"))
    if entries.get(FENCE):
        wanted, limit = said("fence_required"), said("fence_timeout")
        required = _truth(role + "_fence_required", wanted) if is_answered(wanted) else bool(forced)
        timeout = _seconds(role + "_fence_timeout", limit) if is_answered(limit) else _FENCE_TIMEOUT
    moments: t.Dict[str, t.List[Hook]] = {}
    for moment, names in entries.items():
        # Who is elected before everybody was asked need not be who is elected then.
        known = {"moment": moment, "new_primary": None} if moment == "before" and role != "rejoin" else {"moment": moment}
        common: Hook = {"moment": moment, "known": known, "stops": moment in REFUSING, "timeout": C.TASK_TIMEOUT}
        if moment == FENCE:
            common.update(stops=required, timeout=timeout)
        moments[moment] = [{**common, **_found("%s_%s" % (role, moment), name, places), "name": name} for name in names]
    would = ["%s: %s" % (moment, hook["name"]) for moment, each in moments.items() for hook in each if moment != "failed"]
    steps = any(moments.get(moment) for moment in _STEPS)
    fenced = len(moments.get(FENCE, []))
    if check:
        return {"moments": {moment: [] for moment in moments}, "would": would, "steps": False, "fenced": 0, "looks": False, "plans": False}
    return {"moments": moments, "would": [], "steps": steps, "fenced": fenced, "looks": asks and not forced, "plans": asks and bool(forced)}


def _bad(message: str) -> Problem:
    return Problem("bad_input", "", message)


def _entries(variable: str, value: t.Any) -> t.List[t.Any]:
    if not is_answered(value):
        return []
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        refuse([_bad("%s: takes a list of task files, not %r" % (variable, value))])
    return [name.strip() for name in names if name.strip()]


def _truth(variable: str, value: t.Any) -> bool:
    if not is_answered(value):
        return False
    try:
        return bool(boolean(value))
    except TypeError:
        refuse([_bad("%s: takes a truth value, not %r" % (variable, value))])
        raise


def _seconds(variable: str, value: t.Any) -> int:
    text = "" if isinstance(value, bool) else str(value).strip()
    if not text.isdecimal() or int(text) < 1:
        refuse([_bad("%s: takes a whole number of seconds from 1 on, not %r" % (variable, value))])
    return int(text)


def _found(variable: str, name: str, places: Sequence[str]) -> Hook:
    """Return where a task file is, as ``include_tasks`` or ``include_role`` takes it, and to which hosts its tasks are delegated, as it is written."""
    in_role = _IN_ROLE.fullmatch(name)
    if in_role is not None:
        known = _get_collection_role_path(in_role[1])
        directories = [Path(known[1]) / "tasks"] if known else []
        file = in_role[2]
    else:
        directories, file = [Path(place) for place in places if place], str(Path(name).expanduser())
    tried = [directory / (file + ending) for directory in directories for ending in _ENDINGS]
    path = next((each for each in tried if each.is_file()), None)
    if path is None:
        where = ", ".join(dict.fromkeys(str(each.parent) for each in tried)) or "a role of that name is not installed"
        refuse([_bad("%s: there is no task file %s (looked for in: %s)" % (variable, name, where))])
    try:
        delegates = list(dict.fromkeys(_read(str(path))))
    except AnsibleError as error:
        refuse([_bad("%s: %s cannot be run: %s" % (variable, name, error))])
        raise
    place = {"role": in_role[1], "file": file} if in_role is not None else {"role": "", "file": str(path)}
    return {**place, "delegates": delegates}


def _read(path: str) -> t.Iterator[str]:
    """Yield to whom the tasks of a task file are delegated. Raises ``AnsibleError`` for one that Ansible cannot run."""
    loader = DataLoader()
    tasks = written_in(loader, path)
    if not isinstance(tasks, list) or not tasks:
        raise AnsibleError("it is no list of tasks")
    loader.set_basedir(str(Path(path).parent))
    load_list_of_blocks(tasks, play=Play(), loader=loader)
    yield from _delegates(tasks)


def written_in(loader: DataLoader, path: str) -> t.Any:
    """Return what is written in a file of tasks, which may hold templates."""
    try:
        return loader.load_from_file(path, trusted_as_template=True)
    except TypeError:
        # Until ansible-core 2.18 every text may be a template.
        return loader.load_from_file(path)


def _delegates(tasks: t.Iterable[t.Mapping[str, t.Any]]) -> t.Iterator[str]:
    """Yield to whom tasks are delegated, but for those that say themselves what is to become of it if a host cannot be reached."""
    for task in tasks:
        if task.get("ignore_unreachable"):
            continue
        if task.get("delegate_to"):
            yield task["delegate_to"]
        for part in ("block", "rescue", "always"):
            yield from _delegates(task.get(part) or ())


def with_reach(hooks: Hooks, named: t.Callable[[Hook], t.Iterable[Hook]]) -> Hooks:
    """Return the hooks with task files of ours before each that may refuse and delegates tasks: they see that the hosts can be reached.

    :arg named: says which hosts those are, and ``within`` how many seconds each is to let us in.
    """
    moments: t.Dict[str, t.List[Hook]] = {moment: [] for moment in hooks["moments"]}
    for moment, each in hooks["moments"].items():
        for hook in each:
            without = {key: value for key, value in hook.items() if key != "delegates"}
            hosts = named(hook) if hook["stops"] and hook["delegates"] else ()
            moments[moment] += [*({**without, **_REACH, **host} for host in hosts), without]
    return {**hooks, "moments": moments}
