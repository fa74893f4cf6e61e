# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What a user calls an option: the variable that a role, or a playbook, fills it in from. The option itself may be unknown to that user."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# Nothing but a variable, perhaps with filters. Those of a role that are not for users begin with an underscore.
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:\|[^{}]*)?\}\}")

# How a message names an option: ours, and those of Ansible's validation.
_NAMED = r"(?P<before>^|; |argument '|value of )%s(?P<after>: |' | must )"


def variables_in(written: object) -> t.Dict[str, str]:
    """Return for each option of a task, as it is written in its file, the variable that it is filled in from, where it is nothing else."""
    if not isinstance(written, dict):
        return {}
    found = {str(option): _VARIABLE.fullmatch(value.strip()) for option, value in written.items() if isinstance(value, str)}
    return {option: match.group(1) for option, match in found.items() if match is not None}


def with_variables(message: str, variables: Mapping[str, str]) -> str:
    """Return a message that names variables where it names options."""
    for option, variable in variables.items():
        message = re.sub(_NAMED % re.escape(option), r"\g<before>%s\g<after>" % variable, message)
    return message
