# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages say that is said elsewhere, too: codes, privileges, options, links. Each is written by hand and must not drift."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.privileges import needed
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, named, told
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import REMEDIES, remedy_of
from ansible_collections.dbha.mysql.plugins.plugin_utils._hooks import MOMENTS, VARIABLES
from ansible_collections.dbha.mysql.plugins.plugin_utils._role_options import role_options
from ansible_collections.dbha.mysql.tests.pages import ROLES, ROOT, entry_points, meanings, role_page, specification, with_options, with_remedies
from ansible_collections.dbha.mysql.tests.sandbox.servers.privileges import FAILOVER_PRIVILEGES, REPLICATION_PRIVILEGES, failover_privileges

MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
PAGES = sorted(str(path.relative_to(ROOT)) for pattern in ("*.md", "docs/**/*.md", "roles/*/README.md") for path in ROOT.glob(pattern))


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_page_of_codes_says_what_each_code_means_and_no_other_does() -> None:
    listed = meanings(read("docs/codes.md"))
    assert sorted(listed) == sorted(REMEDIES)
    assert [code for code, meaning in listed.items() if len(meaning) < 10] == []


def test_the_page_of_codes_says_the_remedies_that_the_errors_say() -> None:
    page = read("docs/codes.md")
    assert page == with_remedies(page), "make pages writes the table anew"


def test_the_readme_refuses_with_codes_that_there_are() -> None:
    table = read("README.md").partition("\n## What it refuses")[2].partition("\n## ")[0]
    codes = {code for row in re.findall(r"^\| .* \| (`.*`) \|$", table, re.MULTILINE) for code in re.findall(r"`(\w+)`", row)}
    assert len(codes) > 20
    assert codes - set(REMEDIES) == set()


def test_the_pages_name_each_way_in_which_a_run_ends() -> None:
    (comment,) = re.findall(r"^  outcome: (.*)$", read("README.md"), re.MULTILINE)
    outcomes = set(re.findall(r"\w+", comment.replace("(a rejoin)", ""))) - {"or"}
    rows = re.findall(r"^\| (`.*`) \| .* \| .* \|$", read("docs/awx.md").partition("| `outcome` |")[2].partition("\n\n")[0], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == outcomes
    said = read("plugins/module_utils/_report/roles.py")
    assert [outcome for outcome in outcomes if f'"{outcome}"' not in said] == []


def test_the_readme_shows_a_refusal_as_it_is_printed() -> None:
    block = read("README.md").partition("  ```\n  TASK [")[2].partition("```")[0]
    task, *lines, error = [line[2:] for line in ("  TASK [" + block).rstrip().splitlines()]
    problems = [Problem(code, message.partition(" ")[0], message) for code, message in re.findall(r"^  \[(\w+)\] (.*)$", "\n".join(lines), re.MULTILINE)]
    assert len(problems) == 2
    assert "\n".join(lines) == told(problems, "failover")
    assert error == f"[ERROR]: Task failed: Action failed: {named(problems)}"
    steps = re.findall(r"- name: (.*)", read("roles/failover/tasks/main.yml"))
    assert task.partition(" : ")[2].rstrip("] *") in steps
    said = read("plugins/module_utils/_server/connection.py")
    assert [problem for problem in problems if problem.message.partition(") ")[2].partition(" within")[0] not in said] == []


PLAYBOOKS = {
    # What a playbook takes beside the options of its role, also where it imports others.
    path.stem: {
        name for each in (path, *path.parent.glob(f"one/{path.stem}*.yml")) for name in re.findall(r"\b(\w+) \| default\(", each.read_text(encoding="utf-8"))
    }
    for path in (ROOT / "playbooks").glob("*.yml")
}


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_name_playbooks_and_options_that_there_are(page: str) -> None:
    for playbook, rest in re.findall(r"ansible-playbook [^\n`]*?\bdbha\.mysql\.(\w+)([^\n`]*)", read(page)):
        options = {name: option for role in ROLES if role == playbook for name, option in specification(role).items()}
        for name, value in re.findall(r"-e (\w+)=(\S+)", rest):
            assert name in PLAYBOOKS[playbook] | set(options), name
            choices = options.get(name, {}).get("choices", [value])
            assert value in choices, f"{name}={value}"
        # Or a file of them.
        assert re.findall(r"(?<=\s)-e\b", rest) == ["-e"] * len(re.findall(r"-e (?:\w+=\S|@\S)", rest)), rest


@pytest.mark.parametrize("page", PAGES)
def test_the_options_that_a_page_sets_are_there(page: str) -> None:
    options = {name: option for role in ROLES for name, option in specification(role).items()}
    for name, value in re.findall(rf"\b((?:{'|'.join(ROLES)})_\w+)=(\w+)", read(page)):
        assert name in options, name
        assert value in options[name].get("choices", [value]), f"{name}={value}"


def test_the_codes_that_guides_name_are_codes() -> None:
    guides = "\n".join(read(page) for page in PAGES if page.startswith("docs/guides/"))
    first_columns = re.findall(r"^\| (`[a-z_`, ]+`) \|", guides.partition("| code |")[2].partition("\n\n")[0], re.MULTILINE)
    codes = [code for column in first_columns for code in re.findall(r"`(\w+)`", column)] + re.findall(r"stops? with `(\w+)`", guides)
    assert len(codes) > 6
    assert set(codes) - set(REMEDIES) == set()


def granted(page: str) -> dict[tuple[str, tuple[int, ...]], set[str]]:
    """Return the privileges of each GRANT that has a comment with the servers it is for, as `-- MySQL 8.0 (before 8.0.16 without SYSTEM_USER)`."""
    comment = r"-- (MySQL|MariaDB) ([\d.]+)\b[^(\n]*(?:\(before ([\d.]+) without (.*)\))?"
    found = {}
    for family, since, later, without, what in re.findall(rf"^{comment}\nGRANT (.*(?:\n .*)*) ON \*\.\* TO 'failover'@", page, re.MULTILINE):
        privileges = {" ".join(each.split()) for each in what.split(",")}
        if later:
            found[family.lower(), version(later)] = privileges
        found[family.lower(), version(since)] = privileges - {without}
    return found


def test_the_oldest_driver_is_the_same_everywhere() -> None:
    (oldest,) = re.findall(r"^PyMySQL\[rsa\]>=(.*)$", read("requirements.txt"), re.MULTILINE)
    assert f"PyMySQL, {oldest} or later" in read("README.md")
    assert f"PyMySQL {oldest} or later" in read("plugins/doc_fragments/login.py")


def version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def test_the_readme_grants_the_privileges_that_the_tests_use() -> None:
    listed = granted(read("README.md"))
    assert listed == {(family, since): set(privileges) for family, rows in FAILOVER_PRIVILEGES.items() for since, privileges in rows}


def test_the_readme_creates_each_account_that_it_grants_something() -> None:
    page = read("README.md")
    accounts = set(re.findall(r" TO ('\w+'@'[\d.%]+')", page))
    assert accounts == set(re.findall(r"CREATE USER ('\w+'@'[\d.%]+')", page))
    assert len(accounts) == 2


def test_the_readme_grants_the_replication_account_what_the_tests_do() -> None:
    assert f"GRANT {', '.join(REPLICATION_PRIVILEGES)} ON *.* TO 'repl'@" in read("README.md")


@pytest.mark.parametrize("role", ROLES)
def test_the_page_of_a_role_lists_its_options_as_they_are_specified(role: str) -> None:
    page = role_page(role).read_text(encoding="utf-8")
    assert page == with_options(page, role), "make pages writes the table anew"


# Those that call modules.
VERBS = [role for role in ROLES if (ROOT / "roles" / role / "tasks/main.yml").exists()]


def tasks_of(role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the modules of a role with their arguments; those for all of them first, as each has them."""

    def below(tasks: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        for task in tasks:
            for key, value in task.items():
                if key.startswith("dbha.mysql."):
                    yield key.rpartition(".")[2], value
                elif key in ("block", "rescue", "always"):
                    yield from below(value)

    read_tasks = yaml.safe_load(read(f"roles/{role}/tasks/main.yml"))
    (for_all,) = read_tasks[0]["module_defaults"].values()
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        tasks = below(yaml.safe_load(path.read_text(encoding="utf-8")))
        yield from ((module, {**(for_all if module != "mysql_salvage" else {}), **arguments}) for module, arguments in tasks)


def taken_from(arguments: dict[str, Any], role: str) -> dict[str, str]:
    """Return the options of a task that users can give by variables of the role, each with the variable."""
    found = {option: re.fullmatch(rf"{{{{ ({role}_\w+) \| default\(''\) }}}}", str(value)) for option, value in arguments.items()}
    return {option: match[1] for option, match in found.items() if match}


@pytest.mark.parametrize("role", VERBS)
def test_what_users_can_say_of_a_role_can_be_said_in_the_group_of_the_cluster(role: str) -> None:
    seen = set()
    for module, arguments in tasks_of(role):
        known = role_options(f"dbha.mysql.{role}", f"dbha.mysql.{module}").variables
        taken = taken_from(arguments, role)
        assert taken.items() <= known.items(), module
        # Nothing of what users can say reaches a task in another way, but for the name of the cluster, and numbers that are looked at early.
        assert {option for option, value in arguments.items() if re.search(rf"\b{role}_", str(value))} - set(taken) <= {"cluster", "time_limits"}
        seen |= {(module, *each) for each in taken.items()}
    listed = {(module, *each) for module, _arguments in tasks_of(role) for each in role_options(f"dbha.mysql.{role}", module).variables.items()}
    assert seen == listed
    # Which task files of the user's are run is found with the first look.
    of_hooks = set(VARIABLES[role].values())
    assert of_hooks >= {f"{role}_{moment}" for moment in MOMENTS[role]}
    elsewhere = {f"{role}_cluster", f"{role}_report", f"{role}_report_mode", "rejoin_start_become"}
    assert {variable for _module, _option, variable in seen} | of_hooks >= set(specification(role)) - elsewhere


@pytest.mark.parametrize("role", VERBS)
def test_the_defaults_that_are_specified_are_those_that_are_taken(role: str) -> None:
    for module, arguments in tasks_of(role):
        options = role_options(f"dbha.mysql.{role}", module)
        verb = import_module(f"ansible_collections.dbha.mysql.plugins.action.{module}").ActionModule.verb
        for option, variable in taken_from(arguments, role).items():
            default = options.defaults.get(option, verb.arguments[option].get("default"))
            assert (default or None) == (specification(role)[variable].get("default") or None), (module, option)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_says_since_when_it_is_there(role: str) -> None:
    # As modules do, which ansible-test sees to; an option that is younger says so itself.
    assert [name for name, entry_point in entry_points(role).items() if not entry_point["version_added"]] == []


def returned(module: str) -> dict[str, Any]:
    match = re.search(r'^RETURN = r"""\n(.*?)^"""$', read(f"plugins/modules/{module}.py"), re.MULTILINE | re.DOTALL)
    assert match
    documented: dict[str, Any] = yaml.safe_load(match[1])
    return documented


def without_samples(documented: Any) -> Any:
    if isinstance(documented, dict):
        return {key: without_samples(value) for key, value in documented.items() if key != "sample"}
    return documented


@pytest.mark.parametrize("module", MODULES)
def test_the_modules_say_the_same_of_problems(module: str) -> None:
    assert without_samples(returned(module)["problems"]) == without_samples(returned(MODULES[0])["problems"])


@pytest.mark.parametrize("module", MODULES)
def test_the_sample_of_a_remedy_is_what_the_error_says(module: str) -> None:
    shown = {key: described["sample"] for key, described in returned(module)["problems"]["contains"].items()}
    assert shown["remedy"] == remedy_of(shown["code"])


# After a release there are none.
@pytest.mark.parametrize("path", sorted((ROOT / "changelogs/fragments").glob("*.yml")) or [None], ids=lambda path: path.stem if path else "none")
def test_a_fragment_is_written_for_release_notes(path: Path | None) -> None:
    # In reStructuredText, which knows nothing of the markup of modules' documentation: it would be shown as it is.
    text = path.read_text(encoding="utf-8") if path else ""
    assert re.findall(r"\b[A-Z]{1,2}\([^)]*\)", text) == []
    assert re.findall(r"(?<!`)`(?!`)", text) == []


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_a_page_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", read(page)):
        if not target.startswith("https://"):
            path, _hash, anchor = target.partition("#")
            linked = (ROOT / page).parent / path if path else ROOT / page
            assert linked.exists(), target
            if anchor:
                heads = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads], target


@pytest.mark.parametrize(
    ("family", "version"),
    [
        *(("mariadb", version) for version in ((10, 5, 8), (10, 5, 29), (11, 8, 6))),
        *(("mysql", version) for version in ((5, 6, 24), (5, 7, 44), (8, 0, 11), (8, 0, 36), (8, 4, 0), (9, 7, 4))),
    ],
)
def test_the_privileges_that_are_missed_are_those_that_the_readme_lists(family: str, version: tuple[int, ...]) -> None:
    """What the sandbox grants to its account is what the README says, and `make test` runs with it."""
    assert sorted(needed(family, version)) == sorted(failover_privileges(family, version))


@pytest.mark.parametrize("role", ["failover", "switchover"])
def test_a_role_asks_for_the_same_whether_it_takes_its_steps_at_once_or_one_by_one(role: str) -> None:
    apart = {"drain", "salvaged"}
    asked: dict[str, list[dict[str, Any]]] = {}
    for module, arguments in tasks_of(role):
        asked.setdefault(module, []).append({option: value for option, value in arguments.items() if option not in apart})
    for module in {"failover": ("mysql_find_best_replica", "mysql_promote"), "switchover": ("mysql_promote",)}[role]:
        first, *others = (each for each in asked[module] if "restore" not in each)
        assert others == [first], module
