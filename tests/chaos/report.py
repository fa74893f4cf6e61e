# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What rounds amount to: the figures that are published (docs/chaos.md)."""

from __future__ import annotations

import itertools
import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def read(paths: Iterable[Path]) -> list[Record]:
    """Return the rounds in logs."""
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all do not exceed; 0 of none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else 0.0


def seconds(values: Sequence[float]) -> str:
    """Say median, 99th percentile and longest."""
    if not values:
        return "-"
    return f"{statistics.median(values):.1f} / {percentile(values, 0.99):.1f} / {max(values):.1f} s"


def figures(records: Sequence[Record]) -> dict[str, str]:
    """Return what is to be known of the rounds of one kind of server."""
    with_semi_sync = [record for record in records if record["semi_sync"]]
    without = [record for record in records if not record["semi_sync"]]
    again = [record for record in records if record["again"]]
    # Those that were carried out before there was a watcher do not say so.
    watched = [record for record in records if record.get("watched")]
    gaps = {action: [record["gap"] for record in records if record["action"] == action] for action in ("failover", "switchover")}
    at_once = {action: [record["gap"] for record in records if record["action"] == action and not record["again"]] for action in gaps}
    return {
        "rounds": str(len(records)),
        "failovers, switchovers": f"{len(gaps['failover'])}, {len(gaps['switchover'])}",
        "with semi-synchronous replication": str(len(with_semi_sync)),
        "rows acknowledged": f"{sum(record['acknowledged'] for record in records):,}",
        "acknowledged rows lost with semi-sync": str(sum(max(record["missing"] - record.get("forced", 0), record["unnamed"]) for record in with_semi_sync)),
        "… beside those of a MySQL that was shut down without a replica": str(sum(record.get("forced", 0) for record in with_semi_sync)),
        "without: only the old primary had them, saved and named": str(sum(record["named"] for record in without)),
        "without: lost, and named nowhere": str(sum(record["unnamed"] for record in without)),
        "received by a replica that answered, and lost": str(sum(record["received_and_lost"] for record in records)),
        "servers that differ in the end": str(sum(len(record["differ"]) for record in records)),
        "two servers took writes at once": str(sum(bool(record["two"]) for record in records)),
        "rounds that needed a second run": f"{len(again)} ({len(again) / max(1, len(records)):.0%})",
        "no write accepted, failovers": seconds(gaps["failover"]),
        "… where one run was enough": seconds(at_once["failover"]),
        "no write accepted, switchovers": seconds(gaps["switchover"]),
        # Another name than above; as Markdown shows it, it is the same.
        "… where one run was enough ": seconds(at_once["switchover"]),
        "watched rounds": str(len(watched)),
        "… in which the watcher started the failover": str(sum(record["told_after"] is not None for record in watched)),
        "… until it said that the primary is dead": seconds([record["told_after"] for record in watched if record["told_after"] is not None]),
        "living primaries that it called dead": str(sum(record["false_alarms"] for record in watched)),
        "dead primaries of which it said nothing": str(sum(record["untold"] for record in watched)),
        "rounds with findings": str(sum(bool(record["findings"]) for record in records)),
    }


def table(records: Sequence[Record]) -> Iterator[str]:
    """Yield a table in Markdown, a column for each kind of server."""
    kinds = list(dict.fromkeys(record["kind"] for record in records))
    columns = [figures([record for record in records if record["kind"] == kind]) for kind in kinds]
    yield "| | " + " | ".join(kinds) + " |"
    yield "| --- |" + " --- |" * len(kinds)
    for name in columns[0] if columns else ():
        yield f"| {name.strip()} | " + " | ".join(column[name] for column in columns) + " |"


def reasons(records: Iterable[Record]) -> Counter[str]:
    """Count why a second run was needed: the codes of the first one, or what had happened to it."""
    return Counter(reason for record in records for reason in record["again"])


def seeds(records: Iterable[Record]) -> Iterator[str]:
    """Yield with which seeds the rounds were drawn."""
    found: dict[tuple[str, int], list[int]] = {}
    for record in records:
        found.setdefault((record["kind"], record["seed"]), []).append(record["round"])
    for (kind, seed), numbers in found.items():
        yield f"{kind}: seed {seed}, rounds {min(numbers)} to {max(numbers)}"


# --- what a round is measured by


def longest_gap(moments: Iterable[float], began: float, ended: float) -> float:
    """Return the longest time without an acknowledged row that ends after a moment."""
    ordered = [*sorted(moments), ended]
    return max((after - before for before, after in itertools.pairwise(ordered) if after > began), default=0.0)


def rows_in(sql: Path) -> set[int]:
    """Return the ids of the rows that saved transactions insert, as they are written out there."""
    return {int(number) for number in re.findall(r"^### +@1=(\d+)", sql.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)}
