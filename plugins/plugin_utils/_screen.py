# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What is shown to people while a task runs, in colours where Ansible uses colours (C(ANSIBLE_NOCOLOR), C(ANSIBLE_FORCE_COLOR), C(NO_COLOR), no terminal).

Results hold plain text: they go to other programs.
"""

from __future__ import annotations

import typing as t

from ansible import constants as C
from ansible.utils.color import stringc
from ansible.utils.display import Display

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import Line

display = Display()

# Where a callback prints one document for programs to read, text for people goes beside it.
_BESIDE = str(C.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2] in ("json", "jsonl")

# The colours that the user's configuration has for what Ansible itself says (C(COLOR_ERROR) …), by how grave something is.
_COLOURS = {"blocks": C.COLOR_ERROR, "hurts": C.COLOR_WARN, "advice": C.COLOR_SKIP, "good": C.COLOR_OK}


def show(lines: Sequence[Line]) -> None:
    """Show lines, all at once: other tasks may have something to show at the same time. A log gets them without colours."""
    plain = "\n".join(line.text for line in lines)
    coloured = "\n".join(stringc(line.text, _COLOURS[line.tone]) if line.tone else line.text for line in lines)
    display.display(coloured, stderr=_BESIDE, screen_only=True)
    display.display(plain, stderr=_BESIDE, log_only=True)
