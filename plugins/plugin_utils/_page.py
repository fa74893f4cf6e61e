# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""A page that shows a run, in HTML. What it shows comes from servers too, so everything in it is escaped, and the page may load and run nothing."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import yaml
from ansible.release import __version__ as core_version
from jinja2 import Environment, FileSystemLoader, StrictUndefined

_HERE = Path(__file__).resolve().parent
_TEMPLATE = "_page.html.j2"


def html_of(context: t.Mapping[str, t.Any]) -> str:
    """Return the page that shows what ``_report/page.py`` has made of a run."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, loader=FileSystemLoader(str(_HERE)))
    return environment.get_template(_TEMPLATE).render(**context, collection_version=collection_version(_HERE.parents[1]), core_version=core_version)


def collection_version(root: Path) -> str:
    """Return the version of the collection, installed or in a checkout."""
    manifest = root / "MANIFEST.json"
    if manifest.exists():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    return str(yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))["version"])
