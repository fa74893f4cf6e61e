# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions of the sandbox."""

from __future__ import annotations


class SandboxError(Exception):
    """Something is missing or did not work: one sentence that says what, and what to do."""


class NoLongerThere(SandboxError):
    """A kind of server that is not to be had any more from where it came from; its tests are skipped."""
