# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Try cases until the time is up (``make fuzz``). A case that fails is tried again by its seed, target and number."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
import time
import traceback

from .run import LARGEST, memory, try_case
from .targets import TARGETS, Found


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="another one each time, if it is not given")
    parser.add_argument("--only", choices=sorted(TARGETS))
    parser.add_argument("--case", type=int, help="only this one")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    names = [options.only] if options.only else list(TARGETS)
    print(f"seed {seed}: {', '.join(names)}")
    tried, failed = dict.fromkeys(names, 0), set[str]()
    for name in names:
        end = time.monotonic() + options.seconds / len(names)
        for case in [options.case] if options.case is not None else itertools.count():
            if time.monotonic() > end and options.case is None:
                break
            tried[name] += 1
            try:
                try_case(name, seed, case)
            except Exception as error:
                text = "".join(traceback.format_exception(error))
                # The same mistake is shown once: by where it is, or how it begins.
                known = re.findall(r"File .*, line \d+|^.{0,60}", str(error) if isinstance(error, Found) else text)[-1]
                if known not in failed:
                    failed.add(known)
                    print(f"\nmake fuzz SEED={seed} ONLY={name} CASE={case}")
                    print(text[-1500:])
                if len(failed) >= 20:
                    return 1
    print(f"cases: {', '.join(f'{name} {number}' for name, number in tried.items())}; failed: {len(failed)}; memory {memory() >> 20} MB")
    return 1 if failed or memory() > LARGEST else 0


if __name__ == "__main__":
    sys.exit(main())
