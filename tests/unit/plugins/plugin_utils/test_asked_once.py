# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which questions are one and the same, and that each is asked once, by whichever process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ansible_collections.dbha.mysql.plugins.plugin_utils import _asked_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._asked_once import Memory, asked_once, begin, question_of

PASSWORD = "mysql_login_password"


class Encrypted:
    """A value that is encrypted by itself."""

    def __init__(self, ciphertext: str) -> None:
        self._ciphertext = ciphertext

    def __repr__(self) -> str:
        raise AssertionError("it is decrypted")


def questions(first: dict[str, Any], second: dict[str, Any]) -> list[str | None]:
    """Return what is asked of two hosts."""
    return [question_of(PASSWORD, name, {"inventory_hostname": name, "group_names": ["orders"], **said}) for name, said in (("db0", first), ("db1", second))]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({PASSWORD: "{{ lookup('pipe', 'pass mysql') }}"}, {}),
        ({PASSWORD: "{{ secrets.mysql }}", "secrets": {"mysql": ["{{ query('pipe', tool) }}"]}, "tool": "pass"}, {}),
        # Who and where a server is makes no difference to what does not ask for it.
        ({PASSWORD: "{{ lookup('env', 'P') }}", "mysql_host": "a", "ansible_facts": {"os": 1}, "ansible_os": 1}, {"mysql_host": "b", "ansible_os": 2}),
        ({PASSWORD: "{{ lookup('env', 'P') }}", "other": Encrypted("1"), "mysql_replication_password": "1"}, {"mysql_replication_password": "2"}),
        ({PASSWORD: Encrypted("1"), "site": "a"}, {"site": "b"}),
    ],
)
def test_what_says_the_same_for_all_is_one_question(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = questions(first, {**first, **second})
    assert one == other
    assert one is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({PASSWORD: "{{ lookup('pipe', 'pass ' ~ inventory_hostname) }}"}, {}),
        ({PASSWORD: "{{ lookup('pipe', 'pass ' ~ path) }}", "path": "mysql/{{ mysql_host }}"}, {}),
        ({PASSWORD: "{{ lookup('pipe', 'pass ' ~ path) }}", "path": "a"}, {"path": "b"}),
        # A lookup may take what nobody names.
        ({PASSWORD: "{{ lookup('community.hashi_vault.hashi_vault', 'mysql') }}", "ansible_hashi_vault_addr": "a"}, {"ansible_hashi_vault_addr": "b"}),
        ({PASSWORD: "{{ lookup('vars', 'password_of_it') }}"}, {}),
        ({PASSWORD: "{{ lookup('ansible.builtin.template', 'password.j2') }}"}, {}),
        ({PASSWORD: "{{ lookup(kind, 'x') }}", "kind": "pipe"}, {}),
        ({PASSWORD: "{{ hostvars['localhost'].x ~ lookup('env', 'P') }}"}, {}),
        ({PASSWORD: "{{ lookup('pipe', 'pass {{ x }}') }}", "x": "1"}, {}),
        ({PASSWORD: "{{ lookup('pipe', }}"}, {}),
        ({PASSWORD: Encrypted("1")}, {PASSWORD: Encrypted("2")}),
        ({PASSWORD: "{{ lookup('env', 'P') }}", "other": Encrypted("1")}, {"other": Encrypted("2")}),
        ({PASSWORD: "{{ a1 }}", **{f"a{each}": f"{{{{ a{each + 1} }}}}" for each in range(1, 10)}, "a10": "{{ lookup('env', 'P') }}"}, {}),
    ],
)
def test_what_may_differ_is_asked_for_each(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = questions(first, {**first, **second})
    # Beyond a certain depth nothing is known, not even that somebody is asked.
    assert one != other or one is other is None


@pytest.mark.parametrize("value", ["secret", "{{ other }}", 17, None, {"a": 1}])
def test_what_asks_nobody_is_no_question(value: object) -> None:
    assert question_of(PASSWORD, "db0", {PASSWORD: value, "other": "secret"}) is None
    assert question_of(PASSWORD, "db0", {}) is None


def test_a_question_is_asked_once_by_all_processes_that_the_maker_of_the_memory_forks(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    memory = Memory()

    def ask() -> str:
        with asked.open("a") as file:
            file.write("x")
        return "{{ sécret }}"

    for _each in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0 if memory.once("0" * 64, ask) == memory.once("0" * 64, ask) == "{{ sécret }}" else 1)
        assert os.waitpid(child, 0)[1] == 0
    assert memory.once("0" * 64, ask) == "{{ sécret }}"
    assert asked.read_text() == "x"
    # What is no text is asked for again.
    assert [memory.once("1" * 64, iter([1, 2]).__next__) for _each in range(1)] == [1]
    # Whoever was forked by somebody else may belong to another run.
    memory._maker = 1
    assert memory.once("2" * 64, lambda: "a") == "a"
    assert Memory().once("2" * 64, lambda: "b") == "b"
    memory.close()
    memory.close()


def test_another_play_asks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class Variables:
        _vars: ClassVar = {PASSWORD: "{{ lookup('env', 'P') }}", "mysql_port": "{{ lookup('env', 'P') }}"}

    answers = iter("abcdef")

    def ask(variable: str = PASSWORD, variables: object = Variables()) -> object:
        return asked_once(variable, "db0", variables, lambda: next(answers))

    monkeypatch.setattr(_asked_once, "_memory", Memory())
    assert [ask(), ask()] == ["a", "a"]
    # Nothing else is remembered, and nothing where it is not known how it is written.
    assert [ask("mysql_port"), ask("mysql_port"), ask(variables={})] == ["b", "c", "d"]
    begin()
    assert ask() == "e"
