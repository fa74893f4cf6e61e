# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run says is to be done names what there is, and what belongs to the verb that says it; and what it says of a problem is whole.

Every run of a playbook in a test is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
VERBS = ("failover", "switchover", "rejoin")

OPTION = re.compile(r"\b(?:failover|switchover|rejoin|check|clients|fence)_[a-z_]+")
_NAME = re.compile(rf"\bdbha\.mysql\.[a-z_]+|\bmysql_[a-z_]+|{OPTION.pattern}")
# Nothing follows, nothing is counted, or one is counted as many.
_ODD = re.compile(r":\s*$|(?<![\d.,:-])(?:0 transactions|1 (?:transactions|connections|replicas|servers))\b")


def amiss(verb: str, said: str) -> list[str]:
    """Return what a text names that there is not, and, within a verb, the options of others in sentences that do not say to run the other one."""
    unknown = [name for name in _NAME.findall(said) if name not in _known()]
    sentences = re.split(r"(?<=\.) ", said) if verb in VERBS else []
    options = [(option, option.partition("_")[0], sentence) for sentence in sentences for option in OPTION.findall(sentence)]
    return unknown + [option for option, owner, sentence in options if owner in VERBS and owner != verb and f"dbha.mysql.{owner}" not in sentence]


def check_remedies(playbook: str, results: Iterable[Any]) -> None:
    """Raise ``AssertionError`` where anything in the results of a run says what is amiss, or does not say what to do about a problem."""
    verb = playbook.removeprefix("dbha.mysql.")
    for result in results:
        for said in _said(result):
            wrong = amiss(verb, said) if said else ["nothing"]
            assert not wrong, f"{playbook} says what to do, and names {', '.join(wrong)}: {said}"
        for message in _messages(result):
            assert not _ODD.search(message), f"{playbook} says: {message}"


def _messages(result: Any) -> Iterator[str]:
    """Yield what a result says of problems, however deep they lie."""
    if isinstance(result, dict):
        if "code" in result and "message" in result:
            yield result["message"]
        for value in result.values():
            yield from _messages(value)
    elif isinstance(result, list):
        for each in result:
            yield from _messages(each)


def _said(result: Any) -> Iterator[str]:
    """Yield what a result says is to be done: remedies, however deep they lie, and warnings, which end with one."""
    if isinstance(result, dict):
        if "code" in result and "remedy" in result:
            yield result["remedy"]
        for name, value in result.items():
            if name == "warnings" and isinstance(value, list):
                yield from (warning for warning in value if isinstance(warning, str) and warning.startswith("["))
            else:
                yield from _said(value)
    elif isinstance(result, list):
        for each in result:
            yield from _said(each)


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    """Return the names of playbooks, roles, modules, options and variables."""
    found = {f"dbha.mysql.{path.stem}" for place in ("playbooks/*.yml", "roles/*", "plugins/modules/*.py") for path in ROOT.glob(place)}
    found |= {path.stem for path in ROOT.glob("plugins/modules/*.py")}
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found.update(entry["options"])
    found.update(re.findall(r"`(mysql_[a-z_]+)`", (ROOT / "README.md").read_text(encoding="utf-8")))
    return frozenset(found)
