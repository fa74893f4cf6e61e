# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many runs of ansible-playbook, of which each begins where Ansible is imported already: that is more than half of what a short one costs.

A process imports it, with the plugins that every run loads and the core of the collection, and forks for each run; from there on happens what happens
in the command: in a session of its own, with the environment, the signals and the exit code of a command. Ansible's settings are those of the process
that forks, so there is one for each set of settings. What is about starting uses the command itself.

What each task does again, because Ansible forks for each, is kept for the others: a template, once compiled, is the same for all.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import json
import marshal
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
import types
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path

# What only the interrupters read, once a run has begun (see faults/): no settings of Ansible's.
_LATE = "DBHA_FAULT_"
_MOST = 3


class Preforks:
    """Processes that fork, for one run at a time each: as many as there have been runs at once with the same settings, but few."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[tuple[Path, str, int], Prefork] = {}

    def run(self, python: Path, arguments: Sequence[str], environment: Mapping[str, str], output: Path, timeout: float, settings: object = None) -> int | None:
        """Do what Prefork.run() does, with one of those for this Python and these settings, whatever they are; None if all are at work."""
        for number in range(_MOST):
            with self._lock:
                prefork = self._all.setdefault((python, repr(settings), number), Prefork(python))
            code = prefork.run(arguments, environment, output, timeout)
            if code is not None:
                return code
        return None


class Prefork:
    """One process that forks. One run at a time: for another one at the same time somebody else has to be asked."""

    def __init__(self, python: Path) -> None:
        self._python = python
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = os.getpid()

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path, timeout: float) -> int | None:
        """Run a playbook, what it prints going to a file, and return its exit code; None if another one is at work.

        Raises TimeoutExpired for a run that hangs, which is killed.
        """
        if os.getpid() != self._owner or not self._lock.acquire(blocking=False):
            return None
        try:
            process = self._start(environment)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([list(arguments), dict(environment), str(output)]) + "\n")
            process.stdin.flush()
            pid = int(process.stdout.readline())
            hangs = threading.Event()

            def kill() -> None:
                hangs.set()
                os.killpg(pid, signal.SIGKILL)

            killer = threading.Timer(timeout, kill)
            killer.start()
            try:
                code = int(process.stdout.readline())
            finally:
                killer.cancel()
        finally:
            self._lock.release()
        if hangs.is_set():
            raise subprocess.TimeoutExpired(["ansible-playbook", *arguments], timeout, output.read_text(errors="replace"))
        return code

    def _start(self, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            command = [str(self._python), "-P", __file__]  # -P: what lies beside this file is nothing that Ansible imports
            early = {name: value for name, value in environment.items() if not name.startswith(_LATE)}
            self._process = subprocess.Popen(command, env=early, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self._process


def _import_plugins() -> None:
    """Import the plugins of Ansible's own that every run loads, and read their documentation, which says what settings they have."""
    from ansible.plugins import loader

    for each in ("become", "cache", "callback", "connection", "inventory", "shell", "strategy", "vars"):
        list(getattr(loader, f"{each}_loader").all(class_only=True))
    for each in ("filter", "test"):
        list(getattr(loader, f"{each}_loader").all())


def _read_builtin_routing() -> None:
    """Read the YAML that says where Ansible's own plugins are, a third of a short run: a run that reads it again is given what came of that."""
    import pkgutil

    from ansible.utils.collection_loader import _collection_finder as finder

    read: t.Any = finder._meta_yml_to_dict
    text = pkgutil.get_data("ansible.config", "ansible_builtin_runtime.yml")
    found = read(text, ("ansible.builtin", "runtime.yml"))
    finder._meta_yml_to_dict = lambda given, of: found if given == text else read(given, of)


def _import_core() -> None:
    """Import the collection's own packages, as Ansible's loader does it, which then is as if it had not been there: a run begins with one of its own."""
    from ansible import constants
    from ansible.plugins import loader
    from ansible.utils.collection_loader import _collection_finder as finder

    ours = "ansible_collections.dbha.mysql"
    roots = [Path(path, *ours.split("."), "plugins") for path in constants.COLLECTIONS_PATHS]
    root = next((root for root in roots if root.is_dir()), None)
    begin = getattr(loader, "init_plugin_loader", None)  # ansible-core 2.14 has begun by itself
    if root is None or begin is None:
        return
    begin()
    bytecode = importlib.import_module(f"{ours}.plugins.plugin_utils._bytecode")
    with bytecode.compiled_once():
        for package in ("module_utils", "plugin_utils"):
            for path in sorted((root / package).rglob("*.py")):
                importlib.import_module(".".join((ours, "plugins", *path.relative_to(root).with_suffix("").parts)))
    finder._AnsibleCollectionFinder._remove()
    for name in [name for name in sys.modules if name.startswith("ansible_collections") and not name.startswith(f"{ours}.plugins.")]:
        del sys.modules[name]


def _keep_templates(directory: Path) -> None:
    """Let runs, and the processes of their tasks, keep what they have compiled templates to: that is a third of what a task costs."""
    try:
        from ansible._internal._templating._jinja_bits import (
            _TEMPLATE_OVERRIDE_FIELD_NAMES,
            AnsibleEnvironment,
            _TemplateCompileContext,
        )
    except ImportError:  # before ansible-core 2.19
        return
    import jinja2.environment

    compile_anew, express_anew = AnsibleEnvironment.compile, AnsibleEnvironment.compile_expression
    # What an expression is compiled to, by its path: it is a template that is made of it in between.
    expressions: list[Path] = []

    def path_of(self: t.Any, source: t.Any, kind: str) -> Path | None:
        context = _TemplateCompileContext.current(optional=True)
        if not isinstance(source, str) or context is None:
            return None
        settings = [kind, context.escape_backslashes, *(getattr(self, field) for field in _TEMPLATE_OVERRIDE_FIELD_NAMES)]
        return directory / hashlib.sha256(repr((settings, str(source))).encode()).hexdigest()

    def compile_once(self: t.Any, source: t.Any, *arguments: t.Any, **named: t.Any) -> t.Any:
        path = expressions.pop() if expressions else path_of(self, source, "template") if not any((*arguments, *named.values())) else None
        code = _kept(path)
        if code is None:
            code = compile_anew(self, source, *arguments, **named)
            _keep(path, code)
        return code

    def express_once(self: t.Any, source: t.Any, undefined_to_none: bool = True) -> t.Any:
        path = path_of(self, source, "expression")
        code = _kept(path)
        if code is not None:
            template = self.template_class.from_code(self, code, self.make_globals(None), None)
            return jinja2.environment.TemplateExpression(template, undefined_to_none)
        expressions[:] = [path] if path is not None else []
        try:
            return express_anew(self, source, undefined_to_none)
        finally:
            expressions.clear()

    AnsibleEnvironment.compile, AnsibleEnvironment.compile_expression = compile_once, express_once


def _kept(path: Path | None) -> types.CodeType | None:
    try:
        return None if path is None else t.cast(types.CodeType, marshal.loads(path.read_bytes()))
    except (OSError, EOFError, ValueError, TypeError):
        return None


def _keep(path: Path | None, code: object) -> None:
    if path is not None and isinstance(code, types.CodeType):
        partial = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        partial.write_bytes(marshal.dumps(code))
        partial.replace(path)


def _read_without_copies() -> None:
    """Ansible keeps what it has read of a file, and copies all of that for whoever asks. Few are asked for twice, and to read one costs a third of it."""
    from ansible.parsing.dataloader import DataLoader

    load: t.Any = DataLoader.load_from_file
    if "all" not in load.__defaults__:  # before ansible-core 2.16
        return

    def load_anew(self: t.Any, file_name: str, cache: str = "all", unsafe: bool = False, *arguments: t.Any, **named: t.Any) -> t.Any:
        return load(self, file_name, cache if unsafe else "none", True, *arguments, **named)

    DataLoader.load_from_file = load_anew


def _serve() -> None:
    """Do what is asked for, until nobody is there to ask."""
    with tempfile.TemporaryDirectory(prefix="dbha-templates-") as templates:
        _prepare(Path(templates))
        for line in sys.stdin:
            _run(*json.loads(line))


def _prepare(templates: Path) -> None:
    """Import and set what all runs have in common."""
    import ssl

    import ansible.cli.playbook
    import ansible.executor.playbook_executor  # noqa: F401  # needed by each
    import pymysql

    assert ssl, pymysql  # they need long, too
    _import_plugins()
    _read_builtin_routing()
    _import_core()
    _keep_templates(templates)
    _read_without_copies()
    # Ansible asks each millisecond whether a task has ended, which costs more than many a task.
    from ansible import constants

    constants.DEFAULT_INTERNAL_POLL_INTERVAL = 0.004
    gc.set_threshold(50_000, 20, 100)
    gc.collect()
    gc.freeze()  # so that memory stays shared with the children


def _run(arguments: Sequence[str], environment: Mapping[str, str], output: str) -> None:
    """Fork for one run, and say who that is, and how it has ended."""
    import ansible.cli.playbook

    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.environ.clear()
        os.environ.update(environment)
        with open(os.devnull, "rb") as nothing, open(output, "wb") as file:
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        if "sitecustomize" in sys.modules:  # the interrupters: Python has imported it without what they read
            importlib.reload(sys.modules["sitecustomize"])
        code = 1
        try:
            ansible.cli.playbook.PlaybookCLI.cli_executor(["ansible-playbook", *arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        # Not by way of atexit: Ansible's own would remove the temporary directory that all runs share.
        os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve()
