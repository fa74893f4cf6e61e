# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page itself: whole in itself, well-formed, and whatever servers say is text in it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.dbha.mysql.plugins.filter.page import FilterModule
from ansible_collections.dbha.mysql.plugins.plugin_utils._page import collection_version

page = FilterModule().filters()["page"]

# What ends an attribute, an element and a comment, loads something, and is a template.
HOSTILE = "</title></style></text></svg>\"'><script src=http://evil.example/x.js></script><img src=x onerror=alert(1)>-->{{ 7 * 7 }}"
NEVER_CLOSED = {"meta"}


class Reader(HTMLParser):
    """Reads a page, and notes what is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    """Read a page that is well-formed, runs nothing, and loads nothing."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    assert set(reader.elements) & {"script", "img", "link", "iframe", "object", "embed", "form", "base", "a", "use", "image"} == set()
    assert [each for each in reader.attributes if each[0].startswith("on") or each[0] in ("src", "href", "xlink:href", "action", "srcset")] == []
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]
    return reader


def hostile(what: Any) -> Any:
    """Return the same with every text replaced by one that is markup, but for those by which the page decides something."""
    if isinstance(what, dict):
        return {key: value if key in ("grade", "status", "code") else hostile(value) for key, value in what.items()}
    if isinstance(what, list):
        return [hostile(each) for each in what]
    return HOSTILE if isinstance(what, str) else what


PLACE = {"name": "db0", "host": "10.0.0.10", "port": 3306}
PRIMARY = {**PLACE, "status": "alive", "reachable": True, "version": "10.11.18-MariaDB", "writable": True, "executed": "0-1-2" * 40, "error": None}
REPLICA = {
    **PLACE,
    "name": "db1",
    "reachable": True,
    "error": None,
    "replicating": False,
    "version": "10.11.18-MariaDB",
    "writable": False,
    "executed": "0-1-2",
    "source": "db0",
    "receiver": "stopped",
    "receiver_error": "Table 'x.y' is lost, channel 'c'",
    "applier": "running",
    "applier_error": None,
    "lag": 3,
}
PROBLEM = {"code": "wait_timeout", "server": "db1", "message": "does not replicate", "gtids": "", "remedy": "Look at it."}
STEP = {"step": "look", "server": "db1", "start": 0.0, "seconds": 1.0}
CHECK: dict[str, Any] = {
    "primary": PRIMARY,
    "replicas": [REPLICA, {**PLACE, "name": "db2", "reachable": False, "error": "refused", "replicating": False}],
    "findings": [
        {"code": "x", "grade": grade, "concerns": ["failover"], "server": "db1", "message": "so", "remedy": "do"} for grade in ("blocks", "hurts", "advice")
    ],
    "rehearsal": {
        "best": None,
        "to_apply": 9,
        "seconds": 3.0,
        "lost": 0,
        "not_eligible": {"db1": ["so"], HOSTILE: [HOSTILE]},
        "statements": [{"server": HOSTILE, "statement": HOSTILE}],
    },
    "settings": {"db0": {"sql_mode": "A"}, HOSTILE: {HOSTILE: HOSTILE}, "db1": {"sql_mode": "B"}},
    "time": 1.0,
    "msg": "so",
    "topology": "",
    "timeline": [STEP],
    "statements": [],
    "warnings": ["so"],
    "problems": [],
}
FAILOVER: dict[str, Any] = {
    "election": {
        "primary": {**PRIMARY, "status": "dead", "reachable": False},
        "replicas": [REPLICA],
        "best": PLACE,
        "time": 1.0,
        "msg": "so",
        "lost": [{"server": "db0", "gtids": "0-1-9", "count": 1}],
        "todo": {"promote": True, "salvage": False, "repoint": ["db1"]},
        "timeline": [STEP],
    },
    "promotion": {"opened": True, "time": 2.0, "primary": PLACE, "msg": "so", "statements": [{"server": "db1", "statement": "SET 1"}], "timeline": [STEP]},
    "repointing": {"replicas": [{**PLACE, "name": "db1", "changed": True, "replicating": False, "problem": PROBLEM}], "problems": [PROBLEM], "failed": True},
}


@pytest.mark.parametrize(("role", "tasks"), [("check", {"look": CHECK}), ("failover", FAILOVER), ("rejoin", {"look": CHECK}), ("switchover", {})])
@pytest.mark.parametrize("check", [False, True])
def test_a_page_is_whole_in_itself_and_what_servers_say_is_text(role: str, tasks: dict[str, Any], check: bool) -> None:
    assert "orders" in read(page(tasks, role, cluster="orders", check=check)).text
    reader = read(page(hostile(tasks), role, cluster=HOSTILE, check=check))
    assert HOSTILE in reader.text


def test_a_check_shows_how_grave_things_are_by_signs_too() -> None:
    reader = read(page({"look": CHECK}, "check", "orders"))
    assert {value for name, value in reader.attributes if name == "aria-label"} >= {"blocks", "hurts"}
    assert "\u2260 sql_mode" in reader.text
    assert "nobody" in reader.text


def test_a_page_says_what_was_done() -> None:
    text = read(page(FAILOVER, "failover", 715)).text
    assert all(each in text for each in ("Failover of 715", "Before", "After", "SET 1", "1 transaction", "does not replicate", "Opened for writes"))


def test_a_page_of_a_check_without_findings_says_so() -> None:
    assert "Nothing was found." in read(page({"look": {**CHECK, "findings": []}}, "check", "orders")).text


def test_a_role_that_it_does_not_know_is_named() -> None:
    with pytest.raises(AnsibleFilterError, match="role: 'fail' is not one of check, failover, rejoin, switchover"):
        page({}, "fail", cluster="orders")


def test_the_version_is_that_of_the_archive_or_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "galaxy.yml").write_text("version: 1.2.3\n", encoding="utf-8")
    assert collection_version(tmp_path) == "1.2.3"
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"collection_info": {"version": "1.2.4"}}), encoding="utf-8")
    assert collection_version(tmp_path) == "1.2.4"
