# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What users answer, as options: the one place where it is said what counts as an answer, and what a list is.

The answers of a survey are text. A question that was left empty arrives as an empty text, or as nothing at all (seen: AWX 24.6 with ansible-core 2.17 and
2.19), and a list is text with commas. Types are checked after this by Ansible's own validation.
"""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._server.text import holds_password

if t.TYPE_CHECKING:
    from collections.abc import Mapping

Arguments = t.Dict[str, t.Any]


def answered(arguments: Arguments, given: Mapping[str, object]) -> t.Dict[str, t.Any]:
    """Return the options that were answered, under the names that they were given.

    :arg arguments: the argument spec of the module.
    :arg given: the arguments of the task. An option that is none, or an empty text, was not answered, whatever its type.
    """
    specified = {name: argument for option, argument in arguments.items() for name in (option, *argument.get("aliases", ()))}
    found = {}
    for name, value in given.items():
        argument = specified.get(name, {})
        if argument.get("type") == "list":
            value = as_list(value)
        elif isinstance(value, str) and not argument.get("no_log") and ("choices" in argument or not value.strip()):
            # A space may be a password; beside a choice, or alone, it is nothing.
            value = value.strip()
        if is_answered(value):
            found[name] = value
    return found


def is_answered(value: object) -> bool:
    """Whether a variable of the inventory says anything: not if it is none or an empty text."""
    return value is not None and value != ""


def as_list(value: object) -> t.Any:
    """Return what was given for a list; ``None`` where nothing was.

    Text is split at its commas, but for servers that were given as text: a part of a password would not be known for one. What is in a list is taken
    as it is, without what was not answered; a list that is empty says that there is nothing.
    """
    if isinstance(value, str):
        parts = [value] if holds_password(value) else value.split(",")
        return [part.strip() for part in parts if part.strip()] or None
    if isinstance(value, (list, tuple)):
        found = [each for part in value for each in (part if isinstance(part, (list, tuple)) else [part]) if is_answered(each)]
        return found if found or not value else None
    return value if value is None or isinstance(value, dict) else [value]
