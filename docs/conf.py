# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Sphinx makes the documentation site from: the pages as they are read in the repository, and the reference (see tests/tools/site)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes

galaxy = yaml.safe_load((Path(__file__).resolve().parent.parent / "galaxy.yml").read_text(encoding="utf-8"))

project = f"{galaxy['namespace']}.{galaxy['name']}"
author = project_copyright = "dbha contributors"
version = release = galaxy["version"]
title = html_title = f"{project} {release}"
html_short_title = project

root_doc = "docs/index"
include_patterns = ["*.md", "CHANGELOG.rst", "docs/**", "roles/*/README.md", "reference/**"]
extensions = ["myst_parser", "sphinx_antsibull_ext"]
# Headings can be linked to, as on the forge.
myst_heading_anchors = 4
# A page may begin with any heading, and what a page says in JSON or YAML may have an ellipsis in it.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "sphinx_ansible_theme"
html_theme_options = {"display_version": True, "vcs_pageview_mode": "edit", "documentation_home_url": ""}
html_show_sourcelink = False
html_use_smartypants = False
html_use_index = False
html_additional_pages = {"index": "redirect.html"}
templates_path = ["templates"]

# Where the reference refers to Ansible's own documentation. (Intersphinx would ask the network for it at each build.)
ANSIBLE = "https://docs.ansible.com/ansible/latest/"
LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def resolve(_app: Any, _environment: Any, node: Any, text: nodes.Node) -> nodes.Node | None:
    """Return a link to a page of Ansible's own documentation; ``None``, and so a warning, for a label that nobody knows."""
    page = LABELS.get(node["reftarget"])
    return None if page is None else nodes.reference("", "", text, internal=False, refuri=ANSIBLE + page)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", resolve)
