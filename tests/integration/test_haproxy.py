# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients that go through a real HAProxy: they follow a switchover and a failover, and there are never two servers that they may write to."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._verbs.haproxy_primary import VERB
from sandbox import Cluster, Server, Writer, rows
from sandbox.runs.modules import Refused, perform_verb
from sandbox.runs.playbook import Playbooks, Run
from sandbox.servers.haproxy import Haproxy
from sandbox.servers.pool import POOL
from sandbox.servers.ports import give_back_port, take_port
from sandbox.servers.waiting import wait_until

ONLY = pytest.mark.server("mariadb-10.11")

# Kills the run from within, which is then to be a process of its own: that it is because of the environment.
OWN = {"DBHA_TEST": "1"}


def deadly(directory: Path) -> str:
    """Write a task file that kills the run. The shell of a lookup is started by the process of the task, and that by the one of the run."""
    file = directory / "deadly.yml"
    file.write_text(json.dumps([{"ansible.builtin.command": "kill -KILL {{ lookup('pipe', 'ps -o ppid= -p $PPID') }}"}]), encoding="utf-8")
    return str(file)


class Places:
    """Servers of which only the addresses matter."""

    def __init__(self, number: int) -> None:
        self.name = f"db{number}"
        self.host = f"127.0.0.{number + 2}"
        self.port = 3306


PLACES: list[Any] = [Places(number) for number in range(3)]


def entry(server: Any) -> dict[str, Any]:
    return {"name": server.name, "host": server.host, "port": server.port}


def move(*proxies: str, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    return perform_verb(VERB, check_mode, **{"proxies": list(proxies), "backend": "writers", "timeout": 30, **options})


def commands(result: dict[str, Any]) -> list[str]:
    return [sent["statement"].replace("set server ", "").replace("shutdown sessions server", "shutdown") for sent in result["statements"]]


@contextmanager
def watching(proxy: Haproxy) -> Iterator[set[tuple[str, ...]]]:
    """Look again and again which servers writers may be sent to."""
    seen: set[tuple[str, ...]] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            seen.add(tuple(proxy.open_to()))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(10)


@ONLY
def test_clients_follow_a_switchover_and_a_failover(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=3) as cluster, Haproxy(list(cluster.servers.values())) as first, Haproxy(list(cluster.servers.values())) as second:
        playbooks = Playbooks(cluster, tmp_path)

        def run(role: str, proxies: list[str], *arguments: str, **variables: Any) -> Any:
            moved = {
                "proxies": proxies,
                "backend": "writers",
                "timeout": 30,
                "primary": "{{ dbha_result.new_primary.name }}",
                "readers": "readers",
                "replicas": "{{ dbha_result.replicas | selectattr('replicating') | map(attribute='name') }}",
            }
            included = {"include_role": {"name": f"dbha.mysql.{role}"}, "vars": {f"{role}_cluster": "orders", **variables}}
            return playbooks.run_tasks([included, {"dbha.mysql.haproxy_primary": moved}], *arguments)

        both = [first.api, second.socket]
        with Writer(first, follow=lambda: first) as writer, watching(first) as seen:  # type: ignore[arg-type]  # a proxy is as good as a server
            writer.wait_for(20)
            done = run("switchover", both, switchover_to="db1")
            assert done.returncode == 0, done
            writer.wait_for(20)
        assert seen == {("db0",), (), ("db1",)} or seen == {("db0",), ("db1",)}, seen
        acknowledged = writer.acknowledged
        for proxy in (first, second):
            assert (proxy.open_to(), proxy.open_to("readers")) == (["db1"], ["db0", "db2", "db3"])

        again = run("switchover", both, switchover_to="db1")
        assert (again.returncode, again.changed, again.of("haproxy_primary")["statements"]) == (0, 0, [])

        with Writer(second, follow=lambda: second) as writer, watching(second) as seen:  # type: ignore[arg-type]  # a proxy is as good as a server
            writer.wait_for(20)
            cluster["db1"].kill()
            first.kill()
            failed = run("failover", both)
            writer.wait_for(20)
        # One proxy that is dead keeps the clients of the other from nothing.
        assert failed.returncode != 0
        assert [(problem["code"], problem["server"]) for problem in failed.problems] == [("proxy_unreachable", first.api)]
        (new,) = second.open_to()
        assert new not in ("db0", "db1") or cluster[new].is_writable
        assert seen - {()} == {("db1",), (new,)}, seen
        assert second.open_to("readers") == [name for name in ("db0", "db2", "db3") if name != new]
        assert (acknowledged | writer.acknowledged) - rows(cluster[new]) == set()

        # As its configuration says it is: with another server than the primary. The remedy, to the letter.
        first.start()
        assert first.open_to() == ["db0"]
        repaired = run("failover", both)
        assert repaired.returncode == 0, repaired
        assert first.open_to() == [new]
        assert {sent["server"] for sent in repaired.of("haproxy_primary")["statements"]} == {first.api}


@ONLY
def test_the_role_takes_what_the_group_of_the_cluster_says(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=3) as cluster, Haproxy(list(cluster.servers.values()), names=["p-db0", "p-db1", "p-db2", "p-db3"]) as proxy:
        playbooks = Playbooks(cluster, tmp_path)
        of_group = {
            "clients_haproxies": [proxy.api],
            "clients_backend": "writers",
            "clients_readers_backend": "readers",
            "clients_server_prefix": "p-",
            "clients_timeout": 30,
        }
        hosts = dict.fromkeys(cluster.servers, of_group)
        event = {"verb": "switchover", "cluster": "orders", "old_primary": {**entry(cluster["db0"]), "status": "alive"}}

        def hook(moment: str, *arguments: str, grouped: bool = True) -> Run:
            variables = {"dbha_event": {**event, "moment": moment, "new_primary": entry(cluster["db1"]), "replicas": ["db2", "db3"]}}
            variables["dbha_event"]["replicating"] = ["db2"] if moment == "after" else []
            task = {"include_role": {"name": "dbha.mysql.clients", "tasks_from": "haproxy"}, "vars": variables}
            return playbooks.run_tasks([task], *arguments, hosts=hosts if grouped else {})

        with Writer(proxy) as writer:  # type: ignore[arg-type]  # a proxy is as good as a server
            writer.wait_for(5)
            plan = hook("after_open", "--check")
            planned = commands(plan.of("haproxy_primary"))
            assert planned[:3] == ["writers/p-db0 state maint", "shutdown writers/p-db0", "writers/p-db1 state ready"]
            assert proxy.open_to() == ["p-db0"]
            opened = hook("after_open")
            assert opened.returncode == 0, opened
            assert commands(opened.of("haproxy_primary")) == planned
            # Its session is ended.
            wait_until(lambda: not writer.is_writing)
        assert (proxy.open_to(), proxy.open_to("readers")) == (["p-db1"], ["p-db2", "p-db3"])
        # Once it is known who replicates, readers are sent to those.
        assert hook("after").returncode == 0
        assert (proxy.open_to(), proxy.open_to("readers")) == (["p-db1"], ["p-db2"])
        assert hook("after").changed == 0
        # Before that there is nobody to send clients to.
        early = hook("before_open")
        assert (early.codes, proxy.open_to()) == ({"bad_input"}, ["p-db1"])

        refused = hook("after_open", grouped=False)
        assert refused.returncode != 0
        assert refused.codes == {"bad_input"}
        assert "missing required arguments: backend, proxies" in refused.output


def test_whatever_was_left_half_done_is_finished() -> None:
    with Haproxy(PLACES) as proxy:
        states = "set server writers/db0 state ready;set server writers/db1 state maint;set server writers/db2 state maint"
        whole = ["set server writers/db0 state maint", "shutdown sessions server writers/db0", "set server writers/db1 state ready"]
        for count in range(len(whole) + 1):
            proxy.ask(states)
            if count:
                proxy.ask(";".join(whole[:count]))
            # A draining server still has clients, so it is not left so.
            with watching(proxy) as seen:
                result = move(proxy.api, primary=entry(PLACES[1]))
            assert [sent["statement"] for sent in result["statements"]] == [each for each in whole[count:] if count != 1 or "shutdown" not in each]
            assert result["proxies"][0]["after"] == {"writers": {"db0": "maint", "db1": "ready", "db2": "maint"}}
            assert proxy.open_to() == ["db1"]
            assert all(len(each) < 2 for each in seen)
            assert move(proxy.socket, primary=entry(PLACES[1]))["changed"] is False


def test_a_server_is_found_by_name_prefix_mapping_or_address() -> None:
    with Haproxy(PLACES, names=["a", "b", "c"]) as proxy:
        found = move(proxy.api, check_mode=True, primary=entry(PLACES[1]))
        assert commands(found) == ["writers/a state maint", "shutdown writers/a", "writers/b state ready"]
        assert (found["changed"], found["proxies"][0]["after"]["writers"]["b"], proxy.open_to()) == (True, "ready", ["a"])
        assert found["msg"] == f"clients of the backend writers would go to db1 ({proxy.api})"
        for options in (
            {"primary": {"name": "db1", "host": "localhost", "port": 1}, "server_names": {"db1": "b"}},
            {"primary": {"name": "b", "host": "localhost", "port": 1}},
            {"primary": {"host": "127.0.0.3", "port": 3306}},
        ):
            assert move(proxy.api, check_mode=True, **options)["statements"] == found["statements"]
        for options, says in (
            ({"primary": {"name": "db9", "host": "localhost", "port": 3306}}, "has no server called db9, nor one at "),
            ({"primary": {"name": "db9", "host": "no.such.host.invalid", "port": 3306}}, "has no server called db9, nor one at no.such.host.invalid:3306"),
            ({"primary": {**entry(PLACES[1]), "name": "a"}}, "the address of a is the one of its server b"),
            ({"primary": entry(PLACES[1]), "backend": "orders"}, "there is no backend orders with servers; there are: readers, writers"),
            ({"primary": entry(PLACES[1]), "readers": "readers", "replicas": [{"name": "x", "host": "192.0.2.1"}]}, "has no server called x"),
        ):
            with pytest.raises(Refused, match=says) as refusal:
                move(proxy.api, **options)
            assert refusal.value.codes == {"proxy_server_unknown"}
        assert proxy.open_to() == ["a"]
        # What the remedy says: names as the configuration of the proxy has them.
        named = move(proxy.api, check_mode=True, primary={"name": "db9", "host": "localhost", "port": 3306}, server_names={"db9": "b"}, backend="writers")
        assert named["statements"] == found["statements"]
        # A replica that readers are not sent to is no obstacle. Without any, the primary serves them.
        some = move(proxy.api, primary=entry(PLACES[1]), readers="readers", replicas=[entry(PLACES[2]), {"name": "x", "host": "192.0.2.1"}])
        assert (len(some["warnings"]), proxy.open_to("readers")) == (1, ["c"])
        none = move(proxy.api, primary=entry(PLACES[1]), readers="readers", replicas=[])
        assert commands(none) == ["readers/b state ready", "readers/c state maint", "shutdown readers/c"]
        assert proxy.open_to("readers") == ["b"]
        closed = move(proxy.api, state="closed")
        assert (commands(closed), proxy.open_to()) == (["writers/b state maint", "shutdown writers/b"], [])
        assert closed["msg"] == f"clients of the backend writers go to nobody ({proxy.api})"
        assert move(proxy.api, state="closed")["changed"] is False


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"proxies": ["proxy"]}, "'proxy' is neither host:port"),
        ({"proxies": []}, "proxies: name at least one"),
        ({"primary": None}, "primary: name the server"),
        ({"readers": "readers"}, "replicas: name the servers"),
        ({"backend": "a;b"}, "'a;b' is not a name that a backend"),
        ({"readers": "writers", "replicas": []}, "'writers' is the backend of the writers"),
        ({"primary": {"name": "a", "port": 65536}}, "port 65536 is not between 1 and 65535"),
        ({"timeout": 0}, "timeout: 0 is not a time limit"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        move(**{"proxies": ["127.0.0.1:1"], "primary": entry(PLACES[1]), **options})
    assert refusal.value.codes == {"bad_input"}


def test_a_proxy_that_does_not_answer_keeps_the_others_from_nothing() -> None:
    leader = "backend leader\n    server db9 127.0.0.9:3306 check disabled\n"
    tracking = "backend tracking\n    server db0 127.0.0.2:3306\n    server db1 127.0.0.3:3306 track leader/db9 disabled\n"
    port = take_port()
    checked = f"backend checked\n    server db0 127.0.0.2:3306 check\n    server db1 127.0.0.1:{port} check inter 100ms fall 1 rise 1\n"
    with Haproxy(PLACES) as alive, Haproxy(PLACES, more=leader + tracking + checked) as other:
        with pytest.raises(Refused) as refusal:
            move(alive.operator, primary=entry(PLACES[1]))
        assert refusal.value.codes == {"proxy_refused"}
        assert "it says: Permission denied" in refusal.value.result["msg"]
        # What the remedy says: to this socket of it is given the level admin.
        assert commands(move(alive.api, check_mode=True, primary=entry(PLACES[1])))
        other.pause()
        with pytest.raises(Refused) as refusal:
            move(alive.api, other.api, "127.0.0.1:1", "/nowhere.sock", primary=entry(PLACES[1]), timeout=2)
        other.resume()
        assert {problem["server"]: (problem["code"], problem["message"]) for problem in refusal.value.result["problems"]} == {
            other.api: ("proxy_unreachable", f"{other.api}: it did not answer in time"),
            "127.0.0.1:1": ("proxy_unreachable", "127.0.0.1:1: Connection refused"),
            "/nowhere.sock": ("proxy_unreachable", "/nowhere.sock: No such file or directory"),
        }
        assert refusal.value.result["msg"].startswith(f"clients of the backend writers go to db1 ({alive.api})\n")
        assert (alive.open_to(), other.open_to()) == (["db1"], ["db0"])
        # A server in maintenance because another one is does not open, and that is said.
        with pytest.raises(Refused, match="is not as it was told to be: db1") as refusal:
            move(other.api, backend="tracking", primary={"name": "db1"})
        assert refusal.value.codes == {"proxy_refused"}
        wait_until(lambda: "db1" not in other.up("checked"))
        result = move(other.api, backend="checked", primary={"name": "db1", "host": "127.0.0.1", "port": port})
        assert "[proxy_server_down]" in result["warnings"][0]
        # What the remedy says: why the health check fails there is known, and once it succeeds, clients get there.
        with socket.create_server(("127.0.0.1", port)):
            wait_until(lambda: other.up("checked") == ["db1"])
            assert move(other.api, backend="checked", primary={"name": "db1", "host": "127.0.0.1", "port": port})["warnings"] == []
    give_back_port(port)


CHECK = Path(__file__).resolve().parents[2] / "extensions/haproxy/check-primary"


@ONLY
def test_without_a_hook_a_check_finds_the_server_that_takes_writes(kind: str, tmp_path: Path) -> None:
    with Server(kind, "db0") as old, Server(kind, "db1", server_id=2) as new:
        new.set_read_only()
        for server in (old, new):
            server.execute_all("CREATE USER 'haproxy'@'%' IDENTIFIED BY 'h'")
        check = Path(shutil.copy(CHECK, tmp_path))
        check.with_suffix(".cnf").write_text("[client]\nuser=haproxy\npassword=h\n", encoding="utf-8")
        places = "\n".join(f"    server {server.name} {server.host}:{server.port}" for server in (old, new))
        more = (
            f"backend checked\n    option external-check\n    external-check path /usr/bin:/bin\n    external-check command {check}\n"
            f"    default-server check inter 200ms fall 1 rise 1\n{places}\n"
        )
        with Haproxy([old, new], more=more, more_global="external-check\ninsecure-fork-wanted") as proxy:
            wait_until(lambda: proxy.up("checked") == ["db0"])
            old.set_read_only()
            wait_until(lambda: proxy.up("checked") == [])
            new.set_read_only(False)
            wait_until(lambda: proxy.up("checked") == ["db1"])
            new.kill()
            wait_until(lambda: proxy.up("checked") == [])


def test_the_module_gives_the_same_in_a_python_of_its_own(tmp_path: Path) -> None:
    with Cluster("mariadb-10.11", 0, directory=tmp_path / "none", start=False) as nobody, Haproxy(PLACES) as proxy:
        task = {"dbha.mysql.haproxy_primary": {"proxies": proxy.api, "backend": "writers", "primary": entry(PLACES[2])}, "environment": {"DBHA_TEST": "1"}}
        done = Playbooks(nobody, tmp_path).run_tasks([task])
        assert done.returncode == 0, done
        assert done.of("haproxy_primary")["proxies"][0]["after"]["writers"] == {"db0": "maint", "db1": "maint", "db2": "ready"}
        assert proxy.open_to() == ["db2"]


@ONLY
def test_clients_follow_by_a_hook_of_our_own_roles(kind: str, tmp_path: Path) -> None:
    with POOL.cluster(kind, replicas=2) as cluster, Haproxy(list(cluster.servers.values())) as proxy:
        playbooks = Playbooks(cluster, tmp_path)
        options = {"clients_haproxies": [proxy.api], "clients_backend": "writers", "clients_readers_backend": "readers", "clients_timeout": 30}
        hooks = {f"{role}_{moment}": ["dbha.mysql.clients/haproxy"] for role in ("failover", "switchover") for moment in ("after_open", "after")}
        with Writer(proxy, follow=lambda: proxy) as writer, watching(proxy) as seen:  # type: ignore[arg-type]  # a proxy is as good as a server
            writer.wait_for(20)
            switchover = playbooks.run("dbha.mysql.switchover", switchover_to="db1", **options, **hooks)
            assert switchover.returncode == 0, switchover
            writer.wait_for(20)
            assert seen - {()} == {("db0",), ("db1",)}, seen
            # Clients are moved by the task that opens the server; what is run after that finds it done.
            assert proxy.api in {sent["server"] for sent in switchover.of("mysql_promote")["statements"]}
            assert proxy.open_to("readers") == ["db0", "db2"]
            # A run that is killed when the new primary is open, and clients are not moved yet, is finished by the next one.
            cluster.kill_without_loss("db1")
            killed = playbooks.run("dbha.mysql.failover", environment=OWN, **options, failover_after_open=[deadly(tmp_path), *hooks["failover_after_open"]])
            assert (killed.returncode, proxy.open_to()) == (-9, ["db1"]), killed
            failover = playbooks.run("dbha.mysql.failover", **options, **hooks)
            assert failover.returncode == 0, failover
            writer.wait_for(20)
            (new,) = proxy.open_to()
            assert cluster[new].is_writable
            (replica,) = [name for name in ("db0", "db2") if name != new]
            assert proxy.open_to("readers") == [replica]
            again = playbooks.run("dbha.mysql.failover", **options, **hooks)
            assert (again.returncode, again.changed, proxy.open_to("readers")) == (0, 0, [replica]), again
        assert writer.acknowledged - rows(cluster[new]) == set()
        # What a run that is not interrupted does at the opening itself.
        cluster[new].kill()
        failover = playbooks.run("dbha.mysql.failover", failover_unreachable="proceed", **options, **hooks)
        assert (failover.returncode, proxy.open_to(), proxy.open_to("readers")) == (0, [replica], [replica]), failover
        assert proxy.api in {sent["server"] for sent in failover.of("mysql_promote")["statements"]}
