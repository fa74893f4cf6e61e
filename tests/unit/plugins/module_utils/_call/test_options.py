# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option of every module, and every one of a server entry, given what is not of its type: Ansible's own validation names it."""

from __future__ import annotations

import importlib
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

PLUGINS = "ansible_collections.dbha.mysql.plugins"
MODULES = sorted(path.stem for path in (Path(__file__).resolve().parents[5] / "plugins/modules").glob("*.py"))

WRONG: dict[str, tuple[t.Any, ...]] = {
    "int": ("many", 1.5, [1]),
    "float": ("soon", [1.5], {}),
    "bool": ("perhaps", 7, [True]),
    "list": ({"a": 1},),
    "dict": ("orders", ["a"]),
    # What is no text becomes text, so that only choices can be wrong.
    "str": (),
    "path": (),
}

Specification = dict[str, t.Any]


def specification_of(module: str) -> Specification:
    verb = module.removeprefix("mysql_")
    return dict(importlib.import_module(f"{PLUGINS}.module_utils._verbs.{verb}").ARGUMENTS)


def fitting(specification: Specification) -> dict[str, t.Any]:
    """Give what has to be given."""
    examples = {"str": "a", "path": "/a", "int": 1, "float": 1.0, "bool": True, "dict": {}, "list": []}
    return {name: examples[what["type"]] for name, what in specification.items() if what.get("required")}


def wrong(specification: Specification) -> t.Iterator[tuple[str, dict[str, t.Any]]]:
    """Yield options and arguments in which only they are wrong; for those of server entries too."""
    for name, what in specification.items():
        values = [*WRONG[what["type"]], *(["asleep"] if "choices" in what else [])]
        for value in values:
            yield name, {**fitting(specification), name: value}
        inner = what.get("options", {})
        for option, arguments in wrong(inner) if inner else ():
            yield option, {**fitting(specification), name: [arguments] if what["type"] == "list" else arguments}
        if inner:
            stranger = {"hots": "db1"}
            yield "hots", {**fitting(specification), name: [stranger] if what["type"] == "list" else stranger}
    for name in fitting(specification):
        yield name, {other: value for other, value in fitting(specification).items() if other != name}


CASES = [
    pytest.param(module, option, arguments, id=f"{module}-{number}-{option}")
    for module in MODULES
    for number, (option, arguments) in enumerate(wrong(specification_of(module)))
]


@pytest.mark.parametrize(("module", "option", "arguments"), CASES)
def test_an_option_that_is_given_what_it_does_not_take_is_named(module: str, option: str, arguments: dict[str, t.Any]) -> None:
    specification = specification_of(module)
    assert not ArgumentSpecValidator(specification).validate(fitting(specification)).error_messages
    messages = ArgumentSpecValidator(specification).validate(arguments).error_messages
    assert option in "; ".join(messages)
