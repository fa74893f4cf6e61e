# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The surveys of job templates, made from the argument specs of the roles. Pure.

A question has no ``default`` of AWX: AWX would send it with every launch as an extra variable, which goes before whatever else says something of the
cluster. What holds without an answer is said in the help instead, and an answer that is left empty is as good as none.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# As in an argument spec.
Option = t.Mapping[str, t.Any]
Survey = t.Dict[str, t.Any]

# With these a run may lose rows, overwrite a server, or go on beside a primary that may be alive; or somebody who may launch a job decides what is
# carried out on the machine that runs Ansible, or on a host of the cluster.
_DANGEROUS = {
    "failover": ("allow_data_loss", "force", "unreachable", "leave_out", "primary"),
    "switchover": (),
    "rejoin": (
        "method",
        "anew",
        "donor",
        "primary",
        "leave_out",
        "save",
        "save_to",
        "copy_user",
        "copy_timeout",
        "dump_program",
        "binlog_program",
        "stop_command",
        "start_command",
        "start_become",
        "restart_timeout",
    ),
}

# Task files are no answer to a question: whoever names one decides what is carried out on the machine that runs Ansible. They belong to the inventory.
_TASK_FILES = ("before", "before_open", "after_open", "after", "failed", "fence", "fence_required", "fence_timeout")
_NOT_ASKED = ("cluster", "report", "report_mode", *_TASK_FILES)

# For each type of an option that of the question. A list is text with commas. A truth value is a choice of two, so that it can be left open.
_TYPES = {"str": "text", "path": "text", "list": "text", "int": "integer", "float": "float", "bool": "multiplechoice"}

_TRUTH_VALUES = ["true", "false"]

# Markup of Ansible in a description: C(...), O(...).
_MARKUP = re.compile(r"\b[A-Z]\(([^)]*)\)")

_EXPECTATIONS: t.Dict[str, Option] = {
    "expect_primary": {
        "type": "str",
        "choices": ["alive", "dead", "any"],
        "default": "alive",
        "description": ["What the primary should be. With V(dead), the check fails unless a failover could be carried out now. With V(any), it only shows."],
    }
}


def survey(role: str, options: Mapping[str, Option], *, dangerous: bool) -> Survey:
    """Return the survey of the job template for a role.

    :arg options: those of the role, as its argument spec has them.
    :arg dangerous: whether it asks for what not everybody may decide, too.

    The cluster is not asked for, because a job template is for one; no file of a page is, because it would end with the container of the job; and no
    password is: as an extra variable it may be altered on its way (seen: ansible-core 2.19 to 2.21), so that it belongs into the credential.
    """
    kept = {
        name: option
        for name, option in options.items()
        if name not in {"%s_%s" % (role, each) for each in _NOT_ASKED} and not option.get("no_log") and (dangerous or not is_dangerous(role, name))
    }
    return {"name": "", "description": "", "spec": [_question(role, name, option) for name, option in kept.items()]}


def survey_of_check() -> Survey:
    """Return the survey of the job template that checks a cluster."""
    return {"name": "", "description": "", "spec": [_question("", name, option) for name, option in _EXPECTATIONS.items()]}


def is_dangerous(role: str, option: str) -> bool:
    """Tell whether an option of a role is one that not everybody may set."""
    prefix = "%s_" % role
    return option.startswith(prefix) and option[len(prefix) :] in _DANGEROUS[role]


def has_dangerous(role: str) -> bool:
    """Tell whether a role has options that not everybody may set, so that it needs a second job template."""
    return bool(_DANGEROUS[role])


def _question(role: str, name: str, option: Option) -> Survey:
    question = {
        "question_name": _title(role, name),
        "question_description": _help(option),
        "variable": name,
        "required": False,
        "type": "multiplechoice" if "choices" in option else _TYPES[option.get("type", "str")],
    }
    if question["type"] == "multiplechoice":
        question["choices"] = list(option.get("choices", _TRUTH_VALUES))
    return question


def _title(role: str, name: str) -> str:
    """Return the name of an option as words: ``failover_dead_primary`` is "Dead primary"."""
    words = name[len(role) + 1 :] if role else name
    return words.replace("_", " ").capitalize()


def _help(option: Option) -> str:
    description = option["description"]
    paragraphs = [description] if isinstance(description, str) else list(description)
    if option.get("type") == "list":
        paragraphs.append("Names are separated by commas.")
    if option.get("default") not in (None, [], ""):
        paragraphs.append("Without an answer: %s." % _shown(option["default"]))
    return _MARKUP.sub(r"\1", " ".join(paragraphs))


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
