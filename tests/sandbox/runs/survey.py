# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a survey gives: what nobody has answered, and answers, which are text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"


def _options(role: str) -> dict[str, Any]:
    options: dict[str, Any] = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    return {name: option for name, option in options.items() if name != f"{role}_cluster"}


def unanswered(role: str, answer: Any = "", **answers: Any) -> dict[str, Any]:
    """Give the same answer, which is none, to every question that a role can have asked, but for those that have answers of their own."""
    return {**dict.fromkeys(_options(role), answer), **answers}


def as_text(role: str, **answers: Any) -> dict[str, Any]:
    """Answer every question of a role that has a default with that, as text."""
    defaults = {name: option["default"] for name, option in _options(role).items() if "default" in option}
    return {**{name: ", ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in defaults.items()}, **answers}
