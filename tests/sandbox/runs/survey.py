# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a survey gives that nobody has answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"


def unanswered(role: str, answer: Any = "", **answers: Any) -> dict[str, Any]:
    """Give the same answer, which is none, to every question that a role can have asked, but for those that have answers of their own."""
    options = yaml.safe_load((ROLES / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
    return {**{option: answer for option in options if option != f"{role}_cluster"}, **answers}
