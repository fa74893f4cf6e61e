# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is printed for users to copy: the examples of modules and plugins, and the blocks and commands of the pages."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
SOURCE = "extensions/eda/plugins/event_source/watch.py"
PAGES = [path for pattern in ("*.md", "docs/**/*.md", "roles/*/README.md") for path in sorted(ROOT.glob(pattern))]


@dataclass(frozen=True)
class Block:
    """A block of a page between two lines of backticks; `place` names it: the page and how the first line begins."""

    page: str
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0][:60].rstrip()}"

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """The tasks or plays that it holds, if that is what it holds."""
        found = yaml.safe_load(self.text) if self.language == "yaml" else None
        return found if isinstance(found, list) else []


def blocks() -> list[Block]:
    """Return the blocks of all pages, but for the lists of pages of which the site is made."""
    found = []
    for path in PAGES:
        for match in re.finditer(r"^( *)```([\w{}]*)\n(.*?)^\1```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            found.append(Block(str(path.relative_to(ROOT)), match[2], textwrap.dedent(match[3])))
    return found


def examples() -> dict[str, list[dict[str, Any]]]:
    """Return the tasks and plays that are shown, by where: the name of a module or filter, or a page."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((ROOT / "plugins").glob("*/*.py")):
        if path.parent.name in ("modules", "filter"):
            (text,) = re.findall(r'^EXAMPLES = r"""\n(.*?)^"""$', path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
            found[path.stem] = yaml.safe_load(text)
    for block in blocks():
        if block.tasks:
            found.setdefault(block.page, []).extend(block.tasks)
    return found


def watched() -> list[dict[str, Any]]:
    """Return what the event source is given: in its example, and in the guide."""
    (text,) = re.findall(r'^EXAMPLES = r"""\n(.*?)^"""$', (ROOT / SOURCE).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    ((example,),) = [item.values() for item in yaml.safe_load(text)]
    (guide,) = [block.text for block in blocks() if block.place == "docs/guides/events.md: clusters:"]
    return [example, yaml.safe_load(guide)]


def commands() -> set[str]:
    """Return the commands of the pages that run a playbook with the inventory that they show."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
    return {command.partition(" #")[0].strip() for command in re.findall(r"(?<![^ `\n])ansible-playbook -i inventory\.yml [^`\n]*", text)}
