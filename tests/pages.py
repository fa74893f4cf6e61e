# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages take from elsewhere: remedies of codes, options of roles, the files of tests. `make pages` writes it anew."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import REMEDIES, remedy_of

ROOT = Path(__file__).resolve().parents[1]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
CODES_PAGE = ROOT / "docs/codes.md"
ARCHITECTURE_PAGE = ROOT / "docs/architecture.md"


def role_page(role: str) -> Path:
    """Return the page of a role."""
    return ROOT / "roles" / role / "README.md"


def meanings(page: str) -> dict[str, str]:
    """Return what the page of codes says that each means: that part is written by hand."""
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \| .* \|$", page, re.MULTILINE))


def with_remedies(page: str) -> str:
    """Return the page of codes with the remedies as the errors say them; a code that it lacks comes last, to be given a meaning and a place."""
    listed = meanings(page)
    page = re.sub(r"^\| `(\w+)` \| .*\n", lambda row: _code_row(row[1], listed[row[1]]) if row[1] in REMEDIES else "", page, flags=re.MULTILINE)
    return page + "".join(_code_row(code, "?") for code in REMEDIES if code not in listed)


def _code_row(code: str, meaning: str) -> str:
    return f"| `{code}` | {meaning} | {remedy_of(code)} |\n"


def with_options(page: str, role: str) -> str:
    """Return the page of a role with the table of its options, which ends it, as they are specified."""
    rows = [("option", "default", "what it does"), ("---", "---", "---"), *(_option_row(*each) for each in specification(role).items())]
    return page.partition("\n## Options\n")[0] + "\n## Options\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def specification(role: str) -> dict[str, Any]:
    """Return the options of a role, of all its entry points."""
    return {name: option for entry_point in entry_points(role).values() for name, option in entry_point["options"].items()}


def entry_points(role: str) -> dict[str, Any]:
    """Return what each task file of a role that users may include says of itself."""
    text = (ROOT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"]
    return found


def _option_row(name: str, option: dict[str, Any]) -> tuple[str, str, str]:
    text = option["description"]
    text = " ".join(text if isinstance(text, list) else [text])
    text = re.sub(r"\b[CMOV]\(([^)]*)\)", r"`\1`", text)
    if "choices" in option:
        choices = ", ".join(f"`{choice}`" for choice in option["choices"])
        text += f" One of: {choices}."
    default = "required" if option.get("required") else "" if "default" not in option else f"`{yaml.safe_dump(option['default']).splitlines()[0]}`"
    return f"`{name}`", default, text


def names_of_tests(file: Path) -> list[str]:
    """Return the names of the tests in a file."""
    return [node.name for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


def with_places_of_tests(page: str) -> str:
    """Return the page of the architecture with each test in the file that has it now; a test that is in none, or in several, stays as it is."""
    places: dict[str, list[str]] = {}
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in names_of_tests(file):
            places.setdefault(name, []).append(str(file.relative_to(ROOT / "tests")))
    return re.sub(r"`[^`\s]+\.py::(\w+)`", lambda named: f"`{places[named[1]][0]}::{named[1]}`" if len(places.get(named[1], ())) == 1 else named[0], page)


def main() -> None:
    """Write it anew."""
    ARCHITECTURE_PAGE.write_text(with_places_of_tests(ARCHITECTURE_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    CODES_PAGE.write_text(with_remedies(CODES_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for role in ROLES:
        role_page(role).write_text(with_options(role_page(role).read_text(encoding="utf-8"), role), encoding="utf-8")


if __name__ == "__main__":
    main()
