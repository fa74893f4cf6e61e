# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The payload of an event: its keys are public, and what servers say can be shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.watching import EVENTS, Event, Look
from ansible_collections.dbha.mysql.plugins.module_utils._report.watched import describe_event
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import cluster, dead, hung, replica

GUIDE = Path(__file__).resolve().parents[5] / "docs/guides/events.md"
EVENT = Event("primary_dead", "db0", "primary_dead", "it is \x1b[1mdead", "Run it.", "", 0.25, 2)


def described(*members: object) -> dict[str, object]:
    look = Look(cluster(*members), 3600.5)  # type: ignore[arg-type]
    return describe_event("orders", EVENT, look, False)


def test_an_event_says_what_each_server_says() -> None:
    event = described(dead(), replica("db1", "P:1-9", on_channel={"receiver_error": "gone", "lag": None}), hung("db2"))
    assert json.loads(json.dumps(event)) == {
        "type": "primary_dead",
        "cluster": "orders",
        "time": "1970-01-01T01:00:00.500000Z",
        "since": "1970-01-01T00:00:00.250000Z",
        "times": 2,
        "paused": False,
        "server": "db0",
        "code": "primary_dead",
        "message": "it is \\x1b[1mdead",
        "remedy": "Run it.",
        "gtids": "",
        "primary": {
            "name": "db0",
            "host": "db0",
            "port": 3306,
            "reachable": False,
            "error": "db0 cannot be reached: Connection refused",
            "writable": None,
            "status": "dead",
        },
        "replicas": [
            {
                "name": "db1",
                "host": "db1",
                "port": 3306,
                "reachable": True,
                "error": "",
                "writable": False,
                "source": "db0",
                "receives_from_primary": False,
                "receiver": "connecting",
                "applier": "running",
                "says": "gone",
                "lag": None,
            },
            {
                "name": "db2",
                "host": "db2",
                "port": 3306,
                "reachable": False,
                "error": "db2 accepts connections but did not finish the login",
                "writable": None,
                "source": "",
                "receives_from_primary": None,
                "receiver": "",
                "applier": "",
                "says": "",
                "lag": None,
            },
        ],
    }


def test_where_nobody_knows_who_is_the_primary_there_is_none() -> None:
    event = described(dead("db0"), dead("db1"))
    assert event["primary"] == {}
    assert len(event["replicas"]) == 2  # type: ignore[arg-type]


def test_the_guide_names_each_event_and_each_key() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    means, keys = guide.partition("## What each event means")[2].partition("## What it never")[0].split("Every event has these keys")
    assert re.findall(r"^\| `(\w+)` \|", means, re.MULTILINE)[1:] == list(EVENTS)  # after the heading
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (.*) \|$", keys, re.MULTILINE)
    event = described(dead(), replica("db1", "P:1-9"))
    assert sorted(name for row, _value in rows for name in re.findall(r"\w+", row)) == sorted(event)
    for name, parts in (("primary", event["primary"]), ("replicas", event["replicas"][0])):  # type: ignore[index]
        (value,) = [value for row, value in rows if row == f"`{name}`"]
        assert set(parts) <= set(re.findall(r"`(\w+)`", value)), name  # type: ignore[call-overload]
