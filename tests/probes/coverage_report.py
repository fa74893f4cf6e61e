# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say how many lines of plugins/ the tests have carried out, from what the probes have noted (see dbha_probes): python coverage_report.py DIRECTORY [--all]

With --all, for when all tests have run, it fails if that is less than fail_under in pyproject.toml, a number that only rises.
What was not carried out is listed in DIRECTORY/missing.txt.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Report, and judge."""
    directory, *options = sys.argv[1:]
    measured = coverage.Coverage(data_file=None, config_file=str(ROOT / "pyproject.toml"))
    data = measured.get_data()
    # A file that nothing has imported counts as well.
    lines: dict[str, set[int]] = {str(path): set() for path in (ROOT / "plugins").rglob("*.py")}
    for found in Path(directory).glob("*.json"):
        for file, hit in json.loads(found.read_text(encoding="utf-8")).items():
            if str(ROOT / file) in lines:  # Ansible makes up an __init__.py for what it sends to a host
                lines[str(ROOT / file)].update(hit)
    data.add_lines(lines)
    data.touch_files(lines)
    with Path(directory, "missing.txt").open("w", encoding="utf-8") as file:
        total = measured.report(file=file, show_missing=True, skip_covered=True)
    wanted = float(measured.get_option("report:fail_under"))  # type: ignore[arg-type]
    shown = math.floor(total * 10) / 10
    print(f"coverage of plugins/: {shown:.1f} % of the lines (at least {wanted:.1f} % with all tests); the others: {directory}/missing.txt")
    if "--all" in options and shown < wanted:
        print(f"That is less than the {wanted:.1f} % it was: write the tests that are missing.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
