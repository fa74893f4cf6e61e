# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other versions of ansible-core than the one that runs all tests (`make cores`)."""

from __future__ import annotations

from pathlib import Path

BUILD = Path(__file__).resolve().parents[3] / ".build"

# The newest one is there only where there is a Python that can run it.
CORES = [name for name in ("core-oldest", "core-newest") if name == "core-oldest" or (BUILD / name).exists()]


def ansible_of(core: str) -> Path:
    """Return the ansible-playbook of one of them."""
    ansible = BUILD / core / "bin/ansible-playbook"
    assert ansible.exists(), f"{ansible} is missing: make cores"
    return ansible
