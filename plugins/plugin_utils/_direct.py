# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this plugin util is **PRIVATE** to the collection.

"""What the action plugins share: what users wrote becomes the options of a module, and the work is done in Ansible's own process.

A module task costs about 0.4 s before its first line of code runs; that is downtime. Over any connection but the local one the module is run as usual.
"""

from __future__ import annotations

import gc
import typing as t
from functools import partial

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

from ansible_collections.dbha.mysql.plugins.plugin_utils._answers import answered
from ansible_collections.dbha.mysql.plugins.plugin_utils._bytecode import compiled_once
from ansible_collections.dbha.mysql.plugins.plugin_utils._inventory import Inventory, Task, plain
from ansible_collections.dbha.mysql.plugins.plugin_utils._names import variables_in, with_variables
from ansible_collections.dbha.mysql.plugins.plugin_utils._role_options import CHECK, is_of_check, role_options
from ansible_collections.dbha.mysql.plugins.plugin_utils._screen import show

with compiled_once():
    from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, check_words
    from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform, refused
    from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal, named
    from ansible_collections.dbha.mysql.plugins.module_utils._report.findings import Line
    from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import SHORTEST_SECRET

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb

# Ansible forks for each task. What it has by now it has until its end: to look for garbage in that takes longer than to look at a cluster.
gc.freeze()

Result = t.Dict[str, t.Any]


def _say(line: str) -> None:
    """Show a line while the work goes on."""
    show([Line(line)])


class DirectAction(ActionBase):
    """Run a module's work here if the task's connection is local, else hand it on to the module."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True
    _supports_diff = True

    # What the module of this name does.
    verb: t.ClassVar[Verb[t.Any]]

    _known: t.Optional[Inventory] = None

    # The variables of the task that is run.
    _task_vars: t.Mapping[str, t.Any] = {}

    def run(self, tmp: t.Any = None, task_vars: t.Optional[t.Dict[str, t.Any]] = None) -> Result:
        """Fill in the server entries and do the work."""
        result: Result = super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        result.update(self._presented(self._in_words_of_user(self._work(task_vars or {}))))
        return result

    def _in_words_of_user(self, result: Result) -> Result:
        """Name the variables that a role has where options are refused that it fills in from them."""
        refused_options = [problem for problem in result.get("problems", []) if problem["code"] == "bad_input"]
        written = self._task.get_ds() if refused_options else None
        variables = variables_in(written.get(self._task.action)) if isinstance(written, dict) else {}
        for problem in refused_options if variables else ():
            message = with_variables(problem["message"], variables)
            result["msg"] = result["msg"].replace(problem["message"], message)
            problem["message"] = message
        return result

    def _work(self, task_vars: Result) -> Result:
        try:
            given = self._given(task_vars)
        except Refusal as refusal:
            return self._refused_with(refusal)
        return self._work_here(given) if self._runs_here() else self._work_there(given, task_vars)

    def prepared(self, task_vars: Result) -> Callable[[], Result]:
        """Return what does the work here, once it is time for it. Raises ``Refusal`` for what the inventory does not have."""
        return partial(self._work_here, self._given(task_vars))

    def acting_for(self, task: t.Any) -> t.Any:
        """Return what carries out another task, over the same connection and with the same variables."""
        return self._shared_loader_obj.action_loader.get(
            task.action,
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )

    def _presented(self, result: Result) -> Result:
        """Print what a task is refused for, and return what Ansible is to print of the result, if that is how the user wants it.

        Ansible prints the whole result of a task that fails, as JSON in one line. What it leaves out of that below C(-vvv), and yet hands on to
        variables, rescues and those who watch, is C(diff) (seen: ansible-core 2.17 to 2.21).
        """
        shortened = self._shortened(result)
        if shortened is not result:
            show([Line(line, "blocks") for line in result["msg"].splitlines()])
        return shortened

    def _shortened(self, result: Result) -> Result:
        """Return what Ansible is to print of the result of a task that was refused; the result itself where it was not, or is to be printed whole."""
        # Who says when it has failed reads the result, and Ansible does not print it where it has not.
        if not result.get("failed") or not result.get("problems") or self._task.args.get("problems_as") != "text" or self._task.failed_when:
            return result
        shown: Result = {key: result[key] for key in ("failed", "changed", "invocation", "warnings") if key in result}
        whole = {key: value for key, value in result.items() if key not in ("invocation", "warnings")}
        return {**shown, "msg": named(problems_of_result(result)), "diff": {"result": whole}}

    def _given(self, task_vars: t.Dict[str, t.Any]) -> Result:
        """Return the task's options, with entries in place of names. Raises ``Refusal`` for what the inventory does not have."""
        written = {name: plain(value) for name, value in self._task.args.items()}
        given = answered(self.verb.arguments, written)
        if "cluster" in written and "replicas" not in given:
            # A cluster is asked for, so that whoever named none is told which there are.
            given.setdefault("cluster", "")
        options = role_options(self._role(), self._task.action)
        return Task(self.verb, given, self._inventory(task_vars), asked=written, role=options, at=task_vars.get("inventory_hostname")).filled_in()

    def _role(self) -> t.Optional[str]:
        """Return the full name of the role that the task is in, ``CHECK`` for the playbook that has none; ``None`` for other tasks that are in none."""
        role = self._task._role
        if role is None:
            return CHECK if is_of_check(self._task.get_path()) else None
        return role.get_name(include_role_fqcn=True)

    def _inventory(self, task_vars: Result) -> Inventory:
        """Return the inventory, the same one each time: to ask for the variables of a host takes time."""
        if self._known is None:
            self._known = Inventory(task_vars.get("groups", {}), task_vars.get("hostvars", {}))
        return self._known

    def _runs_here(self) -> bool:
        return self._connection.transport == "local" and not self._task.async_val and not self._task.become and not any(self._task.environment or ())

    def _work_there(self, given: Result, task_vars: t.Dict[str, t.Any]) -> Result:
        """Hand on to the module, if it takes the options: what it does not take is the same problem wherever a task runs, so it is said here."""
        try:
            self._validated(given)
        except Refusal as refusal:
            return self._refused_with(refusal)
        result: Result = self._execute_module(module_args=given, task_vars=task_vars, wrap_async=self._task.async_val)
        return result

    def _work_here(self, given: Result, verb: t.Optional[Verb[t.Any]] = None) -> Result:
        """Do the work and mask as ``AnsibleModule`` does, with its own functions, so that both ways give the same result."""
        try:
            options, secrets = self._validated(given)
        except Refusal as refusal:
            return self._refused_with(refusal)
        result = _shown(perform(verb or self.verb, options, check_mode=self._task.check_mode, diff_mode=self._task.diff, say=_say))
        # A password of a letter or two would be masked in every word, names and codes too. What we say ourselves is masked already.
        masked: Result = remove_values(result, {secret for secret in secrets if len(secret) >= SHORTEST_SECRET})
        return dict(masked, invocation=remove_values({"module_args": options}, secrets))

    def _remedies_for(self) -> str:
        """Return the verb for which it is said what is to be done about problems."""
        return self._task.args.get("remedies_for") or ""

    def _refused_with(self, refusal: Refusal) -> Result:
        """Return the result of a task that is refused before anything is done."""
        return _shown(refused(refusal.problems, self._remedies_for()))

    def _validated(self, given: Result) -> t.Tuple[Result, t.Set[str]]:
        """Return the options as the module takes them, and what is secret in them. Raises ``Refusal`` for what it does not take."""
        try:
            check_words(given)
        except BadInput as error:
            raise Refusal([Problem("bad_input", "", str(error))]) from error
        validated = ArgumentSpecValidator(self.verb.arguments).validate(given)
        secrets: t.Set[str] = validated._no_log_values
        if validated.error_messages:
            message = "; ".join(validated.error_messages)
            if validated.unsupported_parameters:
                message = "Unsupported parameters for (%s) module: %s" % (self._task.action, message)
            raise Refusal([Problem("bad_input", "", remove_values(message, secrets))])
        return validated.validated_parameters, secrets


def problems_of_result(result: Result) -> t.List[Problem]:
    """Return the problems that a result describes."""
    return [Problem.described(each) for each in result["problems"]]


def _shown(result: Result) -> Result:
    """Leave out warnings where there are none, as Ansible does for modules."""
    return {key: value for key, value in result.items() if key != "warnings" or value}
