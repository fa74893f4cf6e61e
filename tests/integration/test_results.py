# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules return from real servers is what their documentation says that they return: no key more, no key less, no other type.

And what it shows as what they say is what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.runs.playbook import Playbooks
from sandbox.servers.pool import POOL

MODULES = Path(__file__).resolve().parents[2] / "plugins/modules"

# What every Ansible module may return (its documentation: "Common Return Values").
COMMON = {"changed", "failed", "diff", "invocation", "warnings", "deprecations", "failed_when_result", "exception"}

# What only a clone or a dump gives back: test_rejoin has both. What is told of two that take writes: test_left_out_then_back has them.
ELSEWHERE = {"copied_from", "copied_with", "restart_needed", "alone", "side_by_side"}

TYPES: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float), "bool": bool, "list": list, "dict": dict}

# A switchover, a failover after one that was undone, and the way back, each step by a module; some are refused.
ALIVE = """
- dbha.mysql.mysql_gtid_check: {replicas: "{{ groups.orders }}"}
- dbha.mysql.mysql_gtid_check: {replicas: "{{ groups.orders }}", purpose: readiness, fail_on: never, journal: true}
- dbha.mysql.mysql_gtid_check: {replicas: "{{ groups.orders }}", expect_primary: dead}
  ignore_errors: true
- dbha.mysql.mysql_find_best_replica: {replicas: "{{ groups.orders }}", expect_primary: alive, drain: false}
- dbha.mysql.mysql_find_best_replica: {replicas: "{{ groups.orders }}", if_alive: unchanged}
  check_mode: true
- dbha.mysql.mysql_promote: {replica: db1, demote: db0}
  register: switched
- dbha.mysql.mysql_change_master:
    replicas: [db0, db2, db3]
    primary: db1
    replication_user: "{{ hostvars.db0.mysql_replication_user }}"
    replication_password: "{{ hostvars.db0.mysql_replication_password }}"
    defaults: "{{ switched.replication }}"
"""
DEAD = """
- dbha.mysql.mysql_gtid_check: {replicas: "{{ groups.orders }}"}
- dbha.mysql.mysql_find_best_replica: {replicas: "{{ groups.orders }}", exclude: [db3]}
  register: election
- dbha.mysql.mysql_find_best_replica: {replicas: "{{ groups.orders }}", restore: "{{ election.found }}"}
- dbha.mysql.mysql_find_best_replica: {replicas: "{{ groups.orders }}", candidates: [db2]}
  register: election
- dbha.mysql.mysql_salvage: {replica: "{{ election.most_advanced.name }}", directory: "{{ directory }}"}
- dbha.mysql.mysql_promote: {replica: "{{ election.best.name }}", catch_up_from: "{{ election.most_advanced.name }}"}
- dbha.mysql.mysql_change_master: {replicas: [db0, db1, db3], primary: db2}
  ignore_errors: true
"""
BACK = """
- dbha.mysql.mysql_gtid_check: {replicas: "{{ groups.orders }}", purpose: rejoin, server: db1}
- dbha.mysql.mysql_rejoin: {server: db1, primary: db2, replicas: [db0, db3]}
"""


@pytest.fixture(scope="module")
def results(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[dict[str, Any]]]]:
    """Return what each module returned, by its name."""
    with POOL.cluster(kind, replicas=3) as cluster:
        playbooks = Playbooks(cluster, tmp_path_factory.mktemp(kind))
        runs = [playbooks.run_tasks(yaml.safe_load(ALIVE))]
        cluster["db1"].kill()
        runs.append(playbooks.run_tasks(yaml.safe_load(DEAD), directory=str(cluster["db1"].datadir)))
        cluster["db1"].restart()
        runs.append(playbooks.run_tasks(yaml.safe_load(BACK)))
        found: dict[str, list[dict[str, Any]]] = {}
        for run in runs:
            assert run.returncode == 0, run
            for task in run.tasks:
                found.setdefault(task.action.rpartition(".")[2], []).append(task.result)
        yield found


def documented(module: str) -> dict[str, Any]:
    match = re.search(r'^RETURN = r"""\n(.*?)^"""$', (MODULES / f"{module}.py").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert match
    keys: dict[str, Any] = yaml.safe_load(match[1])
    return keys


def wrong(value: Any, described: dict[str, Any], where: str, seen: set[str]) -> Iterator[str]:
    """Yield what in a value is not as it is described, and note which keys were seen."""
    seen.add(where)
    if value is None:
        return
    kind = described["type"]
    if not isinstance(value, TYPES[kind]) or (kind == "int" and isinstance(value, bool)):
        yield f"{where} is {value!r}, no {kind}"
    elif kind == "list" and "contains" not in described:
        yield from (f"{where} has {each!r}, no {described['elements']}" for each in value if not isinstance(each, TYPES[described["elements"]]))
    elif "contains" in described:
        for each in value if kind == "list" else [value]:
            yield from wrong_keys(each, described["contains"], f"{where}.", seen)


def wrong_keys(value: dict[str, Any], keys: dict[str, Any], where: str, seen: set[str]) -> Iterator[str]:
    yield from (f"{where}{key} is not documented" for key in value if key not in keys)
    yield from (f"{where}{key} is missing" for key, described in keys.items() if described["returned"] == "always" and key not in value)
    for key in value.keys() & keys.keys():
        yield from wrong(value[key], keys[key], where + key, seen)


def paths(keys: dict[str, Any], where: str = "") -> Iterator[tuple[str, str]]:
    """Yield all documented keys, each with the one that it is in."""
    for key, described in keys.items():
        yield where + key, where.rstrip(".")
        yield from paths(described.get("contains", {}), f"{where}{key}.")


@pytest.mark.alike
@pytest.mark.parametrize("module", sorted(path.stem for path in MODULES.glob("mysql_*.py")))
def test_a_module_returns_what_is_documented(module: str, results: dict[str, list[dict[str, Any]]]) -> None:
    keys, seen = documented(module), set[str]()
    for result in results[module]:
        own = {key: value for key, value in result.items() if key not in COMMON and not key.startswith("_ansible")}
        assert list(wrong_keys(own, keys, "", seen)) == []
        if not result.get("failed"):
            assert [key for key, described in keys.items() if described["returned"] == "success" and key not in own] == []
    # What is in a list that was never anything but empty was not seen either.
    entered = {path.rpartition(".")[0] for path in seen}
    assert [key for key, parent in paths(keys) if key not in seen | ELSEWHERE and parent in entered] == []


# A salvage from a host that has nothing says so; test_salvage has one that finds something.
@pytest.mark.alike
@pytest.mark.parametrize("module", sorted({path.stem for path in MODULES.glob("mysql_*.py")} - {"mysql_salvage"}))
def test_the_sample_of_a_message_is_what_the_module_says(module: str, results: dict[str, list[dict[str, Any]]]) -> None:
    said = {without_names(result["msg"]) for result in results[module]}
    assert without_names(documented(module)["msg"]["sample"]) in said


def without_names(message: str) -> str:
    """Return a message with one word for a server, or for several, so that it does not matter which they are."""
    return re.sub(r"\bdb\d(, db\d)*", "NAMES", message)
