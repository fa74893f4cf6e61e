# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes runs of a playbook cheap is Ansible's own affair: another version may have it under other names, and then tests would take longer, no more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sandbox.runs import prefork

PROGRAM = """
import importlib.util, json, sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("prefork", sys.argv[1])
prefork = importlib.util.module_from_spec(spec)
spec.loader.exec_module(prefork)
prefork._prepare(Path(sys.argv[2]))

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

def given(text, **variables):
    return Templar(DataLoader(), variables).template(trust_as_template(text))

values = [given("{{ a }}-{{ b | default(3) }}", a=1), given("{{ a }}-{{ b | default(3) }}", a=2), *(
    Templar(DataLoader(), {"a": a}).evaluate_conditional(trust_as_template("a > 1")) for a in (1, 2)
)]
kept = sorted(path.stat().st_mtime_ns for path in Path(sys.argv[2]).iterdir())
values.append(given("{{ a }}-{{ b | default(3) }}", a=4))
print(json.dumps([values, len(kept), kept == sorted(path.stat().st_mtime_ns for path in Path(sys.argv[2]).iterdir()), [
    name for name in sys.modules if name.startswith("ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote")
]]))
"""


def test_the_core_is_there_and_what_is_compiled_is_kept_for_the_next_one(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-P", "-c", PROGRAM, prefork.__file__, str(tmp_path)], capture_output=True, text=True, timeout=240, check=False)
    assert run.returncode == 0, run.stderr
    values, kept, is_kept, verbs = json.loads(run.stdout)
    assert values == ["1-3", "2-3", False, True, "4-3"]
    assert (kept, is_kept) == (2, True)
    assert verbs
