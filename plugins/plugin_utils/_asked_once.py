# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""Passwords that come from elsewhere (a lookup, a vault) are asked for once in a play, and not by each task for each server.

Each task is a process of its own, and leaves nothing to the next one but what everybody may read. So what was asked is kept in memory without a name, which
the process that hands out the tasks has made before it forks, which only these processes have, and which goes with them.

A template that says the same for all servers of a cluster is asked once for all of them. Where it is not certain that it does, each server has its own.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import typing as t
from contextlib import contextmanager

from jinja2 import Environment, TemplateError, meta, nodes

Variables = t.Mapping[str, t.Any]

ASKED_ONCE = ("mysql_login_user", "mysql_login_password", "mysql_replication_user", "mysql_replication_password")
"""The variables for which that holds."""

# What says of a server who and where it is, and so differs from server to server. A template that uses none of it says the same for two servers that
# differ in nothing else.
_OWN = (
    *("inventory_hostname", "inventory_hostname_short", "ansible_host", "ansible_facts", "module_setup", "discovered_interpreter_python"),
    *("mysql_host", "mysql_port", "mysql_unix_socket", "mysql_replication_host", "mysql_replication_port", "mysql_promotion", "mysql_site"),
)
# What gives any variable, whatever its name.
_ANY = ("vars", "hostvars", "environment")
_ANY_LOOKUPS = ("vars", "varnames", "template")
_LOOKUPS = ("lookup", "query", "q")

_ASKS = re.compile(r"\b(?:lookup|query|q)\s*\(")
_TEMPLATE = re.compile(r"\{[{%]")
_DEEP = 8


class Memory:
    """What was asked, by the digest of the question."""

    def __init__(self) -> None:
        """Make it in the process that forks; other processes have only their own."""
        self._maker = os.getpid()
        self._shared: t.Optional[int] = None
        if hasattr(os, "memfd_create"):
            self._shared = os.memfd_create("dbha.mysql", os.MFD_CLOEXEC)
        self._own: t.Dict[str, str] = {}

    def close(self) -> None:
        """Forget it."""
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None

    def once(self, question: str, ask: t.Callable[[], object]) -> object:
        """Return the answer to a question, which is asked if nobody has asked it. What is no text is asked again each time."""
        if question in self._own:
            return self._own[question]
        # Of those who were forked later on from somebody else, another run may know.
        shared = self._shared if self._maker in (os.getpid(), os.getppid()) else None
        answer = ask() if shared is None else _once(shared, question, ask)
        if isinstance(answer, str):
            self._own[question] = answer
        return answer


def _once(shared: int, question: str, ask: t.Callable[[], object]) -> object:
    # A byte is locked for each question, so that others can be asked meanwhile, and the first one for the memory itself.
    with _locked(shared, int(question[:7], 16) + 1):
        with _locked(shared, 0):
            text = os.pread(shared, os.fstat(shared).st_size, 0).decode()
        found = dict(json.loads(line) for line in text.splitlines())
        if question in found:
            return found[question]
        answer = ask()
        if isinstance(answer, str):
            with _locked(shared, 0):
                os.lseek(shared, 0, os.SEEK_END)
                os.write(shared, (json.dumps([question, answer]) + "\n").encode())
        return answer


@contextmanager
def _locked(shared: int, byte: int) -> t.Iterator[None]:
    """Keep other processes from the same. A lock ends with its process."""
    fcntl.lockf(shared, fcntl.LOCK_EX, 1, byte)
    try:
        yield
    finally:
        fcntl.lockf(shared, fcntl.LOCK_UN, 1, byte)


_memory = Memory()


def begin() -> None:
    """Forget what was asked: another play begins. For the process that hands out its tasks."""
    global _memory
    _memory.close()
    _memory = Memory()


def asked_once(variable: str, host: str, variables: object, ask: t.Callable[[], object]) -> object:
    """Return what a variable of a host says.

    :arg variables: those of the host, as Ansible has them; ``ask``: evaluates the one.
    """
    written = getattr(variables, "_vars", None) if variable in ASKED_ONCE else None
    question = question_of(variable, host, written) if written is not None else None
    return ask() if question is None else _memory.once(question, ask)


def question_of(variable: str, host: str, written: Variables) -> t.Optional[str]:
    """Return the digest of what is asked: the same for all hosts of which it is certain that the answer is the same. ``None`` where nothing is asked."""
    value = written.get(variable)
    ciphertext = getattr(value, "_ciphertext", None)
    if ciphertext is not None:
        # Encrypted by itself. To decrypt it takes longer than to ask for all else.
        return _digest(variable, str(ciphertext))
    named: t.Dict[str, t.Any] = {}
    is_own = not _collect(variable, written, named, _DEEP)
    if not any(_ASKS.search(text) for each in named.values() for text in _texts(each)):
        return None
    if is_own or any(name in _own_names(written) for name in named):
        return _digest(variable, host, _written(value))
    # A lookup may take variables that nobody names, such as the address of a vault.
    others = {name: said for name, said in written.items() if name not in _own_names(written) and name not in ("groups", "hostvars", "vars", *ASKED_ONCE)}
    return _digest(variable, _written(named), _written(others))


def _own_names(written: Variables) -> t.Set[str]:
    facts = written.get("ansible_facts")
    return {*_OWN, *("ansible_%s" % name for name in facts)} if isinstance(facts, dict) else set(_OWN)


def _collect(name: str, written: Variables, named: t.Dict[str, t.Any], deep: int) -> bool:
    """Find the variables that a variable is made of, itself too. Returns whether all of them are known."""
    if name in named or name not in written:
        return name in named or name not in (*_ANY, *_OWN)
    if name in _ANY or deep == 0:
        return False
    value = named[name] = written[name]
    # All of them are gone through, whatever the first one says.
    known = [_collect_text(text, written, named, deep - 1) for text in _texts(value)]
    return all(known)


def _collect_text(text: str, written: Variables, named: t.Dict[str, t.Any], deep: int) -> bool:
    try:
        parsed = Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"]).parse(text)
        names = meta.find_undeclared_variables(parsed)
    except TemplateError:
        return False
    known = [_collect(each, written, named, deep) for each in sorted(names)]
    # A template in a text of a template.
    is_plain = not any(isinstance(each.value, str) and _TEMPLATE.search(each.value) for each in parsed.find_all(nodes.Const))
    return all(known) and is_plain and all(map(_is_known, parsed.find_all(nodes.Call)))


def _is_known(call: nodes.Call) -> bool:
    """Whether a call, if it is a lookup, is one that is given what it takes."""
    if not isinstance(call.node, nodes.Name) or call.node.name not in _LOOKUPS:
        return True
    asked = call.args[0] if call.args else None
    return isinstance(asked, nodes.Const) and str(asked.value).rpartition(".")[2] not in _ANY_LOOKUPS


def _texts(value: object) -> t.Iterator[str]:
    """Yield the templates in a value."""
    if isinstance(value, str):
        if _TEMPLATE.search(value):
            yield str.__str__(value)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)


def _written(value: object) -> str:
    """Return a value as text, without decrypting it."""
    ciphertext = getattr(value, "_ciphertext", None)
    if ciphertext is not None:
        return "!vault %s" % ciphertext
    if isinstance(value, dict):
        return "{%s}" % ",".join(sorted("%s:%s" % (json.dumps(str(key)), _written(each)) for key, each in value.items()))
    if isinstance(value, (list, tuple)):
        return "[%s]" % ",".join(map(_written, value))
    return json.dumps(str.__str__(value)) if isinstance(value, str) else repr(value)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
