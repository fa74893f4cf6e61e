# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The frame that every module shares: parameters in, result out.

The same whether ``AnsibleModule`` calls it, on the machine of the task, or an action plugin in Ansible's own process.
"""

from __future__ import annotations

import traceback
import typing as t
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call, Request, Result, Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options, Parameters, check_numbers
from ansible_collections.dbha.mysql.plugins.module_utils._problems.failure import problems_of
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, told, warned
from ansible_collections.dbha.mysql.plugins.module_utils._server.driver import PYMYSQL_MISSING
from ansible_collections.dbha.mysql.plugins.module_utils._server.text import all_printable, printable

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def perform(verb: Verb[Request], parameters: Parameters, *, check_mode: bool, diff_mode: bool, say: Callable[[str], None]) -> Result:
    """Do the work of a module and return its result, failed or not. Never raises: what goes wrong is in the result."""
    call = Call(check_mode, lambda message: say(printable(message)), verb=parameters.get("remedies_for") or "")
    problems: Sequence[Problem] = ()
    result: Result = {}
    try:
        if verb.connects and PYMYSQL_MISSING is not None:
            raise Refusal([Problem("driver_incomplete", "", missing_required_lib("PyMySQL[rsa]"))])
        check_numbers(parameters)
        result = dict(verb.work(call, verb.parse(Options(parameters))))
    except BadInput as error:
        problems = [Problem("bad_input", "", str(error))]
    except Exception as error:
        problems = problems_of(error)
        if any(problem.code == "internal_error" for problem in problems):
            # A mistake of ours. Whoever was at work has undone what was to be undone; the user is to know that it was no server's fault.
            result["exception"] = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    result = {**call.found, **result}
    diff = result.pop("diff", None)
    result.update(
        changed=bool(call.journal.statements),
        problems=[],
        warnings=[*warned(call.harmless, call.verb), *call.warnings],
        statements=[asdict(sent) for sent in call.journal.statements],
        timeline=[asdict(step) for step in sorted(call.journal.timeline, key=lambda step: step.start)],
    )
    if diff_mode and diff is not None:
        result["diff"] = diff
    shown: Result = all_printable({**result, **_with_problems(problems, call.verb, call.stands)} if problems else result)
    return shown


def refused(problems: Sequence[Problem], verb: str = "") -> Result:
    """Return the result of a call that is refused before anything is done, as it is to be read in a verb."""
    return {"changed": False, "warnings": [], "statements": [], "timeline": [], **_with_problems(problems, verb)}


def _with_problems(problems: Sequence[Problem], verb: str, stands: str = "") -> Result:
    described = [dict(asdict(problem), remedy=problem.remedy(verb)) for problem in problems]
    return {"failed": True, "problems": described, "msg": "\n".join([stands] * bool(stands) + [told(problems, verb)])}


def run_module(verb: Verb[Request]) -> None:
    """Run as a module: in a Python of its own, on the machine that the task is for."""
    module = AnsibleModule(argument_spec=verb.arguments, supports_check_mode=True)
    result = perform(verb, module.params, check_mode=module.check_mode, diff_mode=module._diff, say=lambda message: None)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
