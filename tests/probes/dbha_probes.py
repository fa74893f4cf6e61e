# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out which lines of plugins/ are carried out, in whatever Python process: of tests, of ansible-playbook and its forks, of modules.

A tracer, like coverage.py's, makes all Python code slow before 3.12, Ansible's too: with 3.11 the runs of a playbook took 1.75 times the processor's
time. So the code itself is given probes: when Python compiles a file of plugins/, a statement is put before each of its statements that notes
the line. That takes next to no time. Reading the files, leaving out what does not count, and reporting is coverage.py: see coverage_report.

A line in site-packages (dbha_probes.pth, which make venv puts there) starts this wherever DBHA_PROBES names this directory; DBHA_HITS names the one for
what is found. There is no "from __future__" here, because the code that is compiled would inherit that.
"""

import _imp
import ast
import atexit
import builtins
import hashlib
import importlib._bootstrap_external as importing
import json
import marshal
import os
import re
import sys
import threading
import types
import typing as t

HITS = os.environ.get("DBHA_HITS", "")
NOTED = "__dbha_hits__"

_OURS = re.compile(r"/ansible_collections/dbha/mysql/(plugins/.+\.py)$")
# Of Ansible: what it sends to a host.
_IN_AN_ARCHIVE = re.compile(r"_payload\.zip/ansible")

_found: dict[str, bytearray] = {}
_compile, _exit, _cache_from_source = builtins.compile, os._exit, importing.cache_from_source


def hits(file: str, lines: int) -> bytearray:
    """Return what a file notes its lines in."""
    return _found.setdefault(file, bytearray(lines + 1))


def start() -> None:
    """Give probes to all files of plugins/ that are compiled from now on, and save what they have noted when this process ends, or a fork of it."""
    builtins.compile = compile_with_probes
    importing.cache_from_source = cache_from_source  # type: ignore[assignment]
    os._exit = exit_at_once  # type: ignore[assignment]
    atexit.register(save)


def compile_with_probes(source: t.Any, filename: t.Any, mode: str, *arguments: t.Any, **named: t.Any) -> t.Any:
    """Do what compile() does. Whoever compiles goes by it: importlib, zipimport for modules in their archives, Ansible's own loader."""
    if not isinstance(filename, str) or mode != "exec" or not isinstance(source, (str, bytes)):
        return _compile(source, filename, mode, *arguments, **named)
    ours = _OURS.search(filename)
    if not ours and not _IN_AN_ARCHIVE.search(filename):
        return _compile(source, filename, mode, *arguments, **named)
    # Ansible's own loader and zipimport keep nothing of what they compile: each process of a module would do that again, and put probes into it.
    text = source.encode() if isinstance(source, str) else source
    key = hashlib.sha256(repr((ours and ours.group(1), arguments, sorted(named.items()), sys.version)).encode() + text).hexdigest()
    path = os.path.join(HITS, "compiled", key)
    try:
        with open(path, "rb") as file:
            code = marshal.loads(file.read())
    except (OSError, EOFError, ValueError, TypeError):
        code = _compile(with_probes(source, ours.group(1)) if ours else source, filename, mode, *arguments, **named)
        if isinstance(code, types.CodeType):
            _write(path, marshal.dumps(code))
        return code
    _imp._fix_co_filename(code, filename)  # type: ignore[attr-defined]  # as importlib does it for what it has kept
    return code


def cache_from_source(path: str, *arguments: t.Any, **named: t.Any) -> str:
    """Keep compiled code with probes apart from that without."""
    ours = _OURS.search(os.fspath(path))
    if ours:
        return os.path.join(HITS, "compiled", f"{ours.group(1).replace('/', '.')}.{sys.implementation.cache_tag}.pyc")
    return str(_cache_from_source(path, *arguments, **named))


def exit_at_once(code: int) -> t.NoReturn:
    """Do what os._exit() does, which is how forks end."""
    save()
    _exit(code)


def save() -> None:
    """Write what was noted so far to a file that has its name from that: most forks note the same."""
    if not _found:
        return
    found = sorted(_found.items())
    path = os.path.join(HITS, hashlib.sha256(b"".join(b"%s %s" % (file.encode(), lines) for file, lines in found)).hexdigest() + ".json")
    if not os.path.exists(path):
        _write(path, json.dumps({file: [line for line, hit in enumerate(bytes(lines)) if hit] for file, lines in found}).encode())


def _write(path: str, content: bytes) -> None:
    """Write a file as a whole."""
    partial = f"{path}.{os.getpid()}.{threading.get_ident()}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(partial, "wb") as file:
        file.write(content)
    os.replace(partial, path)


# --- Probes


def with_probes(source: str | bytes, file: str) -> ast.Module:
    """Return the syntax tree of a file, with a probe before each statement."""
    tree = ast.parse(source)
    header = _length_of_header(tree.body)
    first = f"{NOTED} = __import__({__name__!r}).hits({file!r}, {len(source.splitlines())})"
    nodes = list(ast.walk(tree))
    # Whoever comes to a handler has been past those before it.
    passed = {handler: node.handlers[: index + 1] for node in nodes if isinstance(node, ast.Try) for index, handler in enumerate(node.handlers)}
    for node in nodes:
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list) and not isinstance(node, ast.Module):
                headers = [_note(handler.lineno) for handler in passed.get(node, ())] if isinstance(node, ast.ExceptHandler) else []
                setattr(node, name, headers + _noted(statements, node if name == "body" else None))
    # Imports from __future__ come first, and are noted afterwards.
    lines = [line for statement in tree.body[:header] for line in _lines_of(statement)]
    rest = [*(_note(line) for line in lines), *_noted(tree.body[header:], None)]
    tree.body = [*tree.body[:header], *ast.parse(first).body, *rest]
    return ast.fix_missing_locations(tree)


def _noted(statements: list[ast.stmt], owner: ast.AST | None) -> list[ast.stmt]:
    noted: list[ast.stmt] = []
    for index, statement in enumerate(statements):
        is_docstring = index == 0 and isinstance(owner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and _is_text(statement)
        noted += [*([] if is_docstring else map(_note, _lines_of(statement))), statement]
    return noted


def _lines_of(statement: ast.stmt) -> list[int]:
    """Return the line of a statement, and those of its decorators."""
    return [statement.lineno, *(decorator.lineno for decorator in getattr(statement, "decorator_list", []))]


def _length_of_header(statements: list[ast.stmt]) -> int:
    """Return how many statements must come first: the docstring, and imports from __future__."""
    for index, statement in enumerate(statements):
        is_docstring = index == 0 and _is_text(statement)
        if not is_docstring and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            return index
    return len(statements)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)


def _note(line: int) -> ast.stmt:
    target = ast.Subscript(ast.Name(NOTED, ast.Load()), ast.Constant(line), ast.Store())
    return ast.copy_location(ast.Assign([target], ast.Constant(1)), ast.Pass(lineno=line, col_offset=0, end_lineno=line, end_col_offset=0))
