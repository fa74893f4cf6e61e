# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A name that leads clients to the primary, at real name servers (BIND)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients import name_servers
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.dns_primary import VERB
from sandbox import Writer, rows
from sandbox.runs.modules import Refused, perform_verb
from sandbox.runs.playbook import Playbooks
from sandbox.servers.bind import KEY, ZONE, Bind
from sandbox.servers.pool import POOL

ONLY = pytest.mark.server("mariadb-10.11")


def move(*servers: str, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    given = {"servers": list(servers), "zone": ZONE, "record": "writer", "primary": {"name": "db1", "host": "192.0.2.2"}, "timeout": 30, **KEY}
    return perform_verb(VERB, check_mode, **{**given, **options})


def test_all_name_servers_lead_to_the_primary_and_nowhere_else() -> None:
    with Bind() as first, Bind() as second:
        both = (first.address, second.address)
        planned = move(*both, check_mode=True)
        assert first.ask("writer", "A") == [(60, "192.0.2.1")]
        moved = move(*both)
        # They are updated at once: whichever comes first.
        assert {str(sent) for sent in moved["statements"]} == {str(sent) for sent in planned["statements"]}
        assert moved["servers"] == planned["servers"]
        assert [sent["statement"] for sent in moved["statements"]][:3] == [
            "update delete writer.orders.example. A",
            "update add writer.orders.example. 5 A 192.0.2.2",
            "update delete writer.orders.example. AAAA",
        ]
        for server in (first, second):
            assert (server.ask("writer", "A"), server.ask("writer", "AAAA")) == ([(5, "192.0.2.2")], [])
        assert moved["servers"][0] == {"server": first.address, "before": ["192.0.2.1", "2001:db8::1"], "after": ["192.0.2.2"]}
        assert move(*both)["changed"] is False
        # One that was updated by a run that was killed, and one that was not.
        move(second.address, primary={"name": "db0", "host": "192.0.2.1"})
        again = move(*both)
        assert {sent["server"] for sent in again["statements"]} == {second.address}
        # Both kinds, a name of its own at the top of the zone, and as long as it is said.
        move(first.address, record="@", addresses={"db1": ["192.0.2.3", "2001:db8::3"]}, ttl=9)
        assert move(first.address, record=ZONE + ".", addresses={"db1": "2001:db8::3,192.0.2.3"}, ttl=9)["changed"] is False
        new = move(first.address, record="not.there.yet")
        assert (new["servers"][0]["before"], first.ask("not.there.yet", "A")) == ([], [(5, "192.0.2.2")])


def test_a_name_server_that_does_not_answer_or_refuses_keeps_the_others_from_nothing() -> None:
    with Bind() as alive, Bind() as other:
        other.pause()
        with pytest.raises(Refused) as refusal:
            move(alive.address, other.address, "127.0.0.1:1", "no.such.host.invalid", timeout=3)
        other.resume()
        problems = {problem["server"]: (problem["code"], problem["message"].partition(": ")[2]) for problem in refusal.value.result["problems"]}
        assert problems.pop("no.such.host.invalid")[0] == "dns_unreachable"
        assert problems == {other.address: ("dns_unreachable", "it did not answer in time"), "127.0.0.1:1": ("dns_unreachable", "Connection refused")}
        assert refusal.value.result["msg"].startswith(f"writer.orders.example. is 192.0.2.2, of db1 ({alive.address})\n")
        assert alive.ask("writer", "A") == [(5, "192.0.2.2")]
        # The remedy, to the letter.
        assert move(alive.address, other.address)["servers"][1]["after"] == ["192.0.2.2"]

        # dns_refused: by whom nobody knows, with another key, in a zone that is not its own, for what is another name. The remedy: as it is configured.
        for options, says in (
            ({"key_name": None, "key_secret": None, "addresses": {"db1": "192.0.2.9"}}, "it answered REFUSED"),
            ({"key_secret": "b3RoZXI="}, "TSIG|BADSIG|signature|peer"),
            ({"zone": "other.example"}, "it answered (REFUSED|NOTAUTH)"),
            ({"record": "alias"}, "alias.orders.example. is another name of writer.orders.example."),
        ):
            with pytest.raises(Refused, match=says) as refusal:
                move(alive.address, **options)
            assert refusal.value.codes == {"dns_refused"}
        assert move(alive.address)["changed"] is False


def test_without_the_library_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with Bind() as server:
        monkeypatch.setattr(name_servers, "DNSPYTHON_MISSING", "ImportError")
        with pytest.raises(Refused, match="dnspython") as refusal:
            move(server.address)
        assert refusal.value.codes == {"dns_library_missing"}
        # The remedy: it is installed.
        monkeypatch.undo()
        assert move(server.address)["changed"] is True


@ONLY
def test_clients_follow_by_a_hook(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster, Bind() as server:
        playbooks = Playbooks(cluster, tmp_path)
        # All servers of the sandbox are at one address: names stand for ports here.
        addresses = {name: f"192.0.2.{number + 10}" for number, name in enumerate(cluster.servers)}
        options = {f"clients_dns_{name}": value for name, value in KEY.items()}
        options |= {"clients_dns_servers": server.address, "clients_dns_zone": ZONE, "clients_dns_record": "writer", "clients_dns_addresses": addresses}
        hooks = {f"{role}_after_open": ["dbha.mysql.clients/dns"] for role in ("failover", "switchover")}

        def named() -> Any:
            (_ttl, address), *more = server.ask("writer", "A")
            assert not more
            return next((cluster[name] for name, each in addresses.items() if each == address), cluster["db0"])

        with Writer(cluster.primary, follow=named) as writer:
            writer.wait_for(10)
            done = playbooks.run("dbha.mysql.switchover", switchover_to="db1", clients_timeout=30, **options, **hooks)
            assert done.returncode == 0, done
            assert KEY["key_secret"] not in done.output
            writer.wait_for(10)
            assert named() is cluster["db1"]
            # A run that is killed when the new primary is open is finished by the next one, and the one after that changes nothing.
            cluster.kill_without_loss("db1")
            deadly = tmp_path / "deadly.yml"
            # The shell of a lookup is started by the process of the task, and that by the one of the run.
            deadly.write_text(json.dumps([{"ansible.builtin.command": "kill -KILL {{ lookup('pipe', 'ps -o ppid= -p $PPID') }}"}]), encoding="utf-8")
            killed = playbooks.run("dbha.mysql.failover", environment={"DBHA_TEST": "1"}, **options, failover_after_open=[str(deadly)])
            assert (killed.returncode, named()) == (-9, cluster["db1"])
            for updates in (True, False):
                done = playbooks.run("dbha.mysql.failover", clients_timeout=30, **options, **hooks)
                assert (done.returncode, done.changed > 0, done.of("dns_primary")["changed"]) == (0, updates, False), done
            writer.wait_for(10)
        assert named().is_writable
        assert writer.acknowledged - rows(named()) == set()
