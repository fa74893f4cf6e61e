# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients that use a virtual address, IPv4 and IPv6, which is on one host after the other.

The hosts are network namespaces with addresses of their own behind a bridge, each with a real sshd.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._clients import on_host
from sandbox import Writer, rows
from sandbox.runs.playbook import Playbooks, Run
from sandbox.runs.printed import examples
from sandbox.scenes.shared_address import SharedAddress, shared_address
from sandbox.servers.host import can_be_had
from sandbox.servers.network import Network

pytestmark = [
    pytest.mark.server("mariadb-10.11"),
    pytest.mark.skipif(not can_be_had(), reason="needs root and the program ip, for hosts of their own"),
]

HOOKS = {
    **{f"{role}_after_open": ["dbha.mysql.clients/address"] for role in ("failover", "switchover")},
    "switchover_before_open": ["dbha.mysql.clients/address"],
}


def options(shared: SharedAddress, **more: Any) -> dict[str, Any]:
    return {"clients_addresses": list(shared.addresses), "clients_address_become": False, "clients_address_timeout": 30, "mysql_connect_timeout": 30, **more}


@contextmanager
def watching(shared: SharedAddress) -> Iterator[set[tuple[str, ...]]]:
    """Look again and again which hosts have the first address."""
    seen: set[tuple[str, ...]] = set()
    over = threading.Event()
    address = shared.addresses[0]

    def look() -> None:
        while not over.wait(0.02):
            found = shared.holders(address)
            if len(found) > 1:
                # Hosts are looked at one after the other: it may have moved in between.
                again = shared.holders(address)
                found = [name for name in found if name in again]
            seen.add(tuple(found))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join(10)


def test_clients_follow_the_address_over_a_switchover_and_a_failover(kind: str, tmp_path: Path) -> None:
    with shared_address(kind, 2) as shared:
        cluster, (first, second) = shared.cluster, shared.places
        playbooks = Playbooks(cluster, tmp_path)

        def run(role: str, *arguments: str, **more: Any) -> Run:
            return playbooks.run(f"dbha.mysql.{role}", *arguments, hosts=shared.hosts, **options(shared), **{**HOOKS, **more})

        with Writer(first, follow=lambda: first, timeout=5) as old, Writer(second, follow=lambda: second, timeout=5) as new, watching(shared) as seen:
            old.wait_for(20)
            new.wait_for(20)
            done = run("switchover", switchover_to="db1")
            assert done.returncode == 0, done
            # Hosts were logged in to before, and the task that opens the server has moved the addresses when it is time for the hook.
            moved = [task.result for task in done.tasks if task.action.endswith("address_primary")][-1]
            assert (moved["statements"], {host["host"]: host["before"] for host in moved["hosts"]}["db1"]) == ([], list(shared.addresses))
            old.wait_for(20)
            new.wait_for(20)
            assert [shared.holders(address) for address in shared.addresses] == [["db1"], ["db1"]]

            # A second run changes nothing.
            again = run("switchover", switchover_to="db1")
            assert (again.returncode, again.changed, again.of("address_primary")["statements"]) == (0, 0, [])

            # Its server has died, and its host is there. A run that is killed when the new primary is open is finished by the next one.
            cluster["db1"].kill()
            deadly = tmp_path / "deadly.yml"
            # The shell of a lookup is started by the process of the task, and that by the one of the run.
            deadly.write_text(json.dumps([{"ansible.builtin.command": "kill -KILL {{ lookup('pipe', 'ps -o ppid= -p $PPID') }}"}]), encoding="utf-8")
            killed = run("failover", environment={"DBHA_TEST": "1"}, failover_after_open=[str(deadly), *HOOKS["failover_after_open"]])
            assert (killed.returncode, shared.holders(shared.addresses[0])) == (-9, ["db1"]), killed
            failed = run("failover")
            assert failed.returncode == 0, failed
            old.wait_for(20)
            new.wait_for(20)
        (holder,) = shared.holders(shared.addresses[0])
        assert cluster[holder].is_writable
        assert shared.holders(shared.addresses[1]) == [holder]
        # At no moment two hosts have it.
        assert seen - {()} == {("db0",), ("db1",), (holder,)}, seen

        # And as the examples of the module say it, which let it have them again.
        one, two = (str(address) for address in shared.addresses)
        task, play = json.loads(json.dumps(examples()["address_primary"]).replace("10.0.0.100", one).replace("2001:db8::100", two).replace("db1", holder))
        patient = {"module_defaults": {"dbha.mysql.address_primary": {"timeout": 30, "connect_timeout": 30}}}
        task["dbha.mysql.address_primary"]["others"] = [name for name in cluster.servers if name != holder]
        book = tmp_path / "examples.yml"
        book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task], **patient}, {**play, **patient}]), encoding="utf-8")
        hosts = {name: {**each, "ansible_become_method": "su"} for name, each in shared.hosts.items()}
        for address, length in ((one, 24), (two, 64)):
            shared.network.on(holder, "address", "del", f"{address}/{length}", "dev", "eth0")
        done = playbooks.run(str(book), hosts=hosts, mysql_connect_timeout=30)
        assert done.returncode == 0, done
        assert [shared.holders(address) for address in shared.addresses] == [[holder], [holder]]
        assert (old.acknowledged | new.acknowledged) - rows(cluster[holder]) == set()


def begin(network: Network, name: str, *addresses: str, has: bool, really: bool = True, patience: float = 0.1) -> subprocess.Popen[str]:
    """Begin on a host what is done there over SSH, from the file as it is."""
    code = "import sys; file = sys.argv[1]; exec(compile(open(file).read(), file, 'exec')); main(sys.argv[2])"
    request = {"addresses": addresses, "interface": "", "has": has, "really": really, "patience": patience}
    command = [*network.prefix_of(name), sys.executable, "-c", code, on_host.__file__, json.dumps(request)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(begun: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a host has answered."""
    said, _none = begun.communicate(timeout=60)
    answer: dict[str, Any] = json.loads(said.strip().removeprefix(on_host.MARK))
    return answer


def on(network: Network, name: str, *addresses: str, has: bool, really: bool = True, patience: float = 0.1) -> dict[str, Any]:
    """Do it, and return what the host has answered."""
    return ended(begin(network, name, *addresses, has=has, really=really, patience=patience))


def test_a_host_keeps_an_address_until_the_other_one_asks_for_it() -> None:
    network = Network.make()
    try:
        for name in ("a", "b"):
            network.add(name)
        both = tuple(str(address) for address in network.shared_addresses())
        assert on(network, "a", *both, has=True)["error"] == ""
        for old, new in (("a", "b"), ("b", "a")):
            # Whichever begins first: each would wait for much longer than this test does.
            order = [(old, False), (new, True)] if old == "a" else [(new, True), (old, False)]
            begun = {name: begin(network, name, *both, has=has, patience=600) for name, has in order}
            gave, took = ended(begun[old]), ended(begun[new])
            assert (gave["error"], gave["had"], len(gave["did"])) == ("", list(both), 2)
            assert (took["error"], took["had"], len(took["did"]), took["in_use"]) == ("", [], 2, {})
    finally:
        network.remove()


def test_a_host_takes_no_address_that_answers_from_elsewhere() -> None:
    network = Network.make()
    try:
        for name in ("a", "b"):
            network.add(name)
        four, six = network.shared_addresses()
        both = (four, f"{six}/128")
        adds = [f"ip address add {four}/24 dev eth0", f"ip address add {six}/128 dev eth0 preferred_lft 0 nodad"]
        assert on(network, "a", *both, has=True, really=False) == {"error": "", "had": [], "did": adds, "in_use": {}}
        assert on(network, "a", *both, has=True) == {"error": "", "had": [], "did": adds, "in_use": {}}
        assert on(network, "a", *both, has=True) == {"error": "", "had": [four, six], "did": [], "in_use": {}}
        mac = json.loads(network.on("a", "-json", "link", "show", "dev", "eth0"))[0]["address"]
        assert on(network, "b", *both, has=True) == {"error": "", "had": [], "did": [], "in_use": {four: mac, six: mac}}
        removes = [f"ip address delete {four}/24 dev eth0", f"ip address delete {six}/128 dev eth0"]
        assert on(network, "a", *both, has=False, really=False)["did"] == removes
        assert on(network, "a", *both, has=False) == {"error": "", "had": [four, six], "did": removes, "in_use": {}}
        assert on(network, "a", *both, has=False) == {"error": "", "had": [], "did": [], "in_use": {}}
        # All others know at once where it is now.
        subprocess.run(["ip", "neighbour", "replace", four, "lladdr", mac, "dev", network.bridge, "nud", "stale"], check=True)
        assert on(network, "b", *both, has=True)["did"] == adds
        assert mac not in subprocess.run(["ip", "neighbour", "show", four], capture_output=True, text=True, check=True).stdout
        # What others need is not removed.
        network.on("b", "address", "add", "203.0.113.1/24", "dev", "eth0")
        network.on("b", "address", "add", "203.0.113.2/24", "dev", "eth0")
        assert "with it would go 203.0.113.2" in on(network, "b", "203.0.113.1", has=False)["error"]
        assert "no interface has an address of the network of 192.0.2.1" in on(network, "b", "192.0.2.1", has=True)["error"]
        network.on("b", "address", "add", "192.0.2.2/24", "dev", "lo")
        assert "has no hardware address" in on(network, "b", "192.0.2.1", has=True)["error"]
    finally:
        network.remove()


def entry(shared: SharedAddress, name: str) -> dict[str, Any]:
    return {"name": name, "host": shared.cluster[name].host, "port": shared.cluster[name].port}


class Hook:
    """The task file, as a role runs it at a moment, between hosts whose servers do not matter."""

    def __init__(self, shared: SharedAddress, directory: Path) -> None:
        self._shared = shared
        self._playbooks = Playbooks(shared.cluster, directory)

    def run(self, new: str, old: str, *arguments: str, moment: str = "after_open", hosts: dict[str, Any] | None = None, **more: Any) -> Run:
        rest = [name for name in self._shared.cluster.servers if name not in (new, old)]
        event = {"verb": "failover", "moment": moment, "cluster": "orders", "replicas": rest, "new_primary": entry(self._shared, new)}
        event["old_primary"] = {**entry(self._shared, old), "status": "dead"}
        task = {"include_role": {"name": "dbha.mysql.clients", "tasks_from": "address"}, "vars": {"dbha_event": event}}
        everywhere = options(self._shared, **more)
        return self._playbooks.run_tasks(
            [task], *arguments, hosts={name: {**each, **everywhere, **(hosts or {}).get(name, {})} for name, each in self._shared.hosts.items()}
        )


def commands(run: Run) -> list[tuple[str, str]]:
    return [(sent["server"], " ".join(sent["statement"].split()[:4])) for sent in run.of("address_primary")["statements"]]


def test_whatever_was_left_half_done_is_finished(kind: str, tmp_path: Path) -> None:
    with shared_address(kind, 1, start=False) as shared:
        hook = Hook(shared, tmp_path)
        four, six = shared.addresses
        on = shared.network.on

        def held() -> list[list[str]]:
            return [shared.holders(four), shared.holders(six)]

        planned = hook.run("db1", "db0", "--check")
        assert (planned.returncode, held()) == (0, [["db0"], ["db0"]])
        looked = hook.run("db1", "db0", moment="before_open")
        assert (looked.returncode, looked.changed, held()) == (0, 0, [["db0"], ["db0"]])
        # By another account, which becomes root, and with the interface named.
        moved = hook.run(
            "db1",
            "db0",
            clients_address_become=True,
            clients_address_interface="eth0",
            hosts={"db0": {"ansible_become_method": "su"}, "db1": {"ansible_become_method": "su"}},
        )
        assert moved.returncode == 0, moved
        assert held() == [["db1"], ["db1"]]
        assert commands(moved) == commands(planned)
        assert commands(moved) == [
            *(("db1", f"ip address add {address}") for address in (f"{four}/24", f"{six}/64")),
            *(("db0", f"ip address delete {address}") for address in (f"{four}/24", f"{six}/64")),
        ]
        assert hook.run("db1", "db0").changed == 0

        # A run was killed when the first host had it no longer, and the second one not yet, or one of two.
        on("db1", "address", "delete", f"{four}/24", "dev", "eth0")
        finished = hook.run("db1", "db0")
        assert (finished.returncode, commands(finished), held()) == (0, [("db1", f"ip address add {four}/24")], [["db1"], ["db1"]])

        # A host that was away has come back with it: two have it, until it is asked for.
        on("db0", "address", "add", f"{four}/24", "dev", "eth0")
        finished = hook.run("db1", "db0")
        assert (finished.returncode, commands(finished), held()) == (0, [("db0", f"ip address delete {four}/24")], [["db1"], ["db1"]])

        # Before that it is not known who is to have it.
        assert hook.run("db1", "db0", moment="before").codes == {"bad_input"}


def test_a_host_that_is_off_costs_its_time_limit_and_one_that_still_answers_keeps_the_address(kind: str, tmp_path: Path) -> None:
    with shared_address(kind, 1, start=False) as shared:
        hook = Hook(shared, tmp_path)
        four, six = shared.addresses
        keys = shared.daemons["db0"].directory / "authorized_keys"
        allowed = keys.read_text(encoding="utf-8")
        # Its host is up, and does not let us in. address_in_use, and the remedy, to the letter.
        keys.write_text("", encoding="utf-8")
        refused = hook.run("db1", "db0", clients_address_timeout=10, mysql_connect_timeout=5)
        assert refused.codes == {"address_in_use"}
        assert [problem["message"].partition(" (")[0] for problem in refused.problems] == [f"{address} still answers from elsewhere" for address in (four, six)]
        assert "[address_host_unreachable] db0: " in refused.of("address_primary")["warnings"][0]
        assert [shared.holders(four), shared.holders(six)] == [["db0"], ["db0"]]
        for address in (f"{four}/24", f"{six}/64"):
            shared.network.on("db0", "address", "delete", address, "dev", "eth0")
        assert hook.run("db1", "db0").returncode == 0
        assert shared.holders(four) == ["db1"]

        # address_host_unreachable: the new one does not let us in. The remedy: let it.
        refused = hook.run("db0", "db1")
        assert (refused.codes, shared.holders(four)) == ({"address_host_unreachable"}, [])
        keys.write_text(allowed, encoding="utf-8")
        assert hook.run("db0", "db1").returncode == 0
        assert shared.holders(four) == ["db0"]

        # It is off, with the address.
        shared.network.cut_off(["db0"])
        moved = hook.run("db1", "db0", mysql_connect_timeout=3)
        assert moved.returncode == 0, moved
        assert shared.network.on("db1", "address", "show").count(f" {four}/") == 1
        result = moved.of("address_primary")
        assert [warning.partition(": ")[0] for warning in result["warnings"]] == ["[address_host_unreachable] db0"]
        # It is back, and two have it. As the remedy says: run this again.
        shared.network.heal()
        assert hook.run("db1", "db0").returncode == 0
        assert [shared.holders(four), shared.holders(six)] == [["db1"], ["db1"]]


def test_what_a_host_lacks_is_named_before_anything_is_opened(kind: str, tmp_path: Path) -> None:
    with shared_address(kind, 1, start=False) as shared:
        hook = Hook(shared, tmp_path)
        (four, _six) = shared.addresses
        refused = hook.run("db1", "db0", moment="before_open", clients_address_interface="eth9")
        assert refused.codes == {"address_refused"}
        assert "db1: there is no interface eth9" in refused.problems[0]["message"]
        refused = hook.run("db1", "db0", clients_addresses=["192.0.2.1"])
        assert "no interface has an address of the network of 192.0.2.1" in refused.problems[0]["message"]
        # The remedy: name the interface.
        assert hook.run("db1", "db0", clients_addresses=["192.0.2.1"], clients_address_interface="eth0").returncode == 0
        assert shared.holders("192.0.2.1") == ["db1"]
        refused = hook.run("db1", "db0", hosts={"db1": {"ansible_python_interpreter": "/nowhere/python"}})
        assert (refused.codes, shared.holders(four)) == ({"address_host_unreachable"}, [])
        assert "it has no Python 3" in refused.problems[0]["message"]
        refused = hook.run("db1", "db0", hosts={"db1": {"ansible_become_method": "none.at.all"}}, clients_address_become=True)
        assert "there is no plugin to become root by none.at.all" in refused.problems[0]["message"]
        refused = hook.run("db1", "db0", hosts={"db1": {"ansible_connection": "none.at.all"}})
        assert "there is no plugin for its connection none.at.all" in refused.problems[0]["message"]
        # A host whose disk hangs lets us in, and does not answer.
        shared.daemons["db1"].hang()
        refused = hook.run("db1", "db0", hosts={"db1": {"ansible_ssh_args": "-o ControlMaster=no -o ControlPath=none"}}, clients_address_timeout=2)
        assert "it did not answer within 2 s" in refused.problems[0]["message"]
