# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for AWX, which is not to be had on every machine: an HTTP server that keeps objects and answers as its API does (24.6), and runs nothing.

It says that it is one, in the header `Server` of each answer. It refuses what AWX refuses and this collection could get wrong: objects that do not
exist, fields that are missing, surveys, launch variables and messages that AWX does not take, links that are not there. It keeps secrets to itself.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jinja2
import jinja2.sandbox

NAME = "stand-in for AWX (it keeps objects and runs nothing)"
TOKEN = "a-token-of-the-stand-in"
ENCRYPTED = "$encrypted$"

Object = dict[str, Any]

BULK_JOB_MAX_LAUNCH = 100
"""As AWX is installed."""

_NOTIFIED = ("notification_templates_started", "notification_templates_success", "notification_templates_error")
_LINKS = ("success_nodes", "failure_nodes", "always_nodes")


@dataclass(frozen=True)
class Kind:
    """A kind of object: what its type is called, what it needs, which fields name other objects, and what it has lists of."""

    type: str
    needs: tuple[str, ...]
    refers: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    defaults: Object = field(default_factory=dict)
    roles: tuple[str, ...] = ()


_NOTIFIES = dict.fromkeys(_NOTIFIED, "notification_templates")
_OF = {"organization": "organizations"}

KINDS: dict[str, Kind] = {
    "organizations": Kind("organization", ("name",), lists={"galaxy_credentials": "credentials", **_NOTIFIES}),
    "execution_environments": Kind("execution_environment", ("name", "image"), {**_OF, "credential": "credentials"}, defaults={"pull": ""}),
    "credential_types": Kind("credential_type", ("name", "kind"), defaults={"inputs": {}, "injectors": {}, "managed": False}),
    "credentials": Kind("credential", ("name", "credential_type"), {**_OF, "credential_type": "credential_types"}, defaults={"inputs": {}}),
    "projects": Kind("project", ("name",), {**_OF, "credential": "credentials"}, _NOTIFIES, {"scm_type": "", "scm_branch": "", "scm_revision": ""}),
    "inventories": Kind("inventory", ("name", "organization"), _OF, defaults={"kind": "", "host_filter": None, "variables": ""}),
    "inventory_sources": Kind(
        "inventory_source", ("name", "inventory"), {"inventory": "inventories", "source_project": "projects"}, _NOTIFIES, {"overwrite": False}
    ),
    "notification_templates": Kind("notification_template", ("name", "organization", "notification_type"), _OF, defaults={"messages": None}),
    "job_templates": Kind(
        "job_template",
        ("name", "project", "playbook"),
        {**_OF, "project": "projects", "inventory": "inventories", "execution_environment": "execution_environments"},
        {"credentials": "credentials", **_NOTIFIES},
        {"extra_vars": "", "survey_enabled": False, "ask_variables_on_launch": False, "ask_job_type_on_launch": False},
        ("admin_role", "execute_role", "read_role"),
    ),
    "workflow_job_templates": Kind(
        "workflow_job_template",
        ("name",),
        {**_OF, "inventory": "inventories"},
        {**_NOTIFIES, "notification_templates_approvals": "notification_templates"},
        {"extra_vars": "", "survey_enabled": False, "ask_variables_on_launch": False},
        ("admin_role", "execute_role", "read_role", "approval_role"),
    ),
    "workflow_job_template_nodes": Kind(
        "workflow_job_template_node",
        ("workflow_job_template",),
        {"workflow_job_template": "workflow_job_templates", "unified_job_template": "unified_job_templates"},
        {**dict.fromkeys(_LINKS, "workflow_job_template_nodes"), "credentials": "credentials"},
        {"identifier": "", "extra_data": {}, "all_parents_must_converge": False, "unified_job_template": None},
    ),
    "workflow_approval_templates": Kind("workflow_approval_template", ("name",), defaults={"description": "", "timeout": 0}),
    "schedules": Kind(
        "schedule", ("name", "unified_job_template", "rrule"), {"unified_job_template": "unified_job_templates"}, defaults={"extra_data": {}, "enabled": True}
    ),
    "teams": Kind("team", ("name", "organization"), _OF),
    "users": Kind("user", ("username",)),
}
_UNIFIED = ("job_templates", "workflow_job_templates", "projects", "inventory_sources")
# How a job ends that does not run.
_JOB: Object = {"status": "successful", "type": "workflow_job", "failed": False, "finished": "now", "created": "now", "artifacts": {}}
_QUESTIONS: dict[str, type] = {
    "text": str,
    "textarea": str,
    "password": str,
    "multiplechoice": str,
    "multiselect": str,
    "integer": int,
    "float": float,
}
# What each kind of notification has; secret is what is not shown.
_CONFIGURATIONS: dict[str, tuple[tuple[str, ...], Object, tuple[str, ...]]] = {
    "webhook": (("url", "headers"), {"http_method": "POST", "username": "", "password": "", "disable_ssl_verification": False}, ("password",)),
    "slack": (("token", "channels"), {}, ("token",)),
    "email": (
        ("host", "recipients", "sender", "port"),
        {"username": "", "password": "", "use_tls": False, "use_ssl": False, "timeout": 30},
        ("password",),
    ),
}
# What a message may name, before there is a job.
_STUB: Object = {
    "job": {"id": 5, "name": "Stub Job Template", "status": "running", "artifacts": {}},
    "job_friendly_name": "Job",
    "url": "https://awx.example.com/#/jobs/playbook/5",
    "job_metadata": "{}",
}


class Refused(Exception):
    """An answer other than success."""

    def __init__(self, status: int, **said: Any) -> None:
        super().__init__(status, said)
        self.status = status
        self.said = said


class AwxStandIn(AbstractContextManager["AwxStandIn"]):
    """The server, on a port of its own as long as it is entered. `objects` is what it has, by endpoint and number."""

    def __init__(self, *users: str) -> None:
        self.objects: dict[str, dict[int, Object]] = {endpoint: {} for endpoint in KINDS}
        self.lists: dict[tuple[str, int, str], list[int]] = {}
        self.surveys: dict[tuple[str, int], Object] = {}
        self.members: dict[tuple[int, str], list[int]] = {}
        self.secrets: dict[int, Object] = {}
        """What a credential, or the configuration of a notification, really holds, by its number."""
        self.ends: dict[str, tuple[str, Object]] = {}
        """How jobs end, and what they leave, by the names of their templates; others are successful."""
        self.bulks: dict[int, list[Object]] = {}
        """The nodes of the workflow jobs that a bulk launch has made."""
        self.jobs: dict[int, Object] = {}
        self.changes: list[str] = []
        """Each request that changed something: the method and the path."""
        self.launched: list[tuple[str, Object]] = []
        """Each workflow that was to be started, with what came along."""
        self._number = 0
        self._lock = threading.Lock()
        for user in users:
            self._store("users", {"username": user})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))

    def __enter__(self) -> AwxStandIn:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What tells awx.awx where it is."""
        return {"CONTROLLER_HOST": f"http://127.0.0.1:{self._server.server_port}", "CONTROLLER_OAUTH_TOKEN": TOKEN}

    def named(self, endpoint: str, name: str) -> Object:
        """Return the one object of this name."""
        (found,) = [each for each in self.objects[endpoint].values() if name in (each.get("name"), each.get("identifier"))]
        return found

    def names(self, endpoint: str, of: Object, sub: str) -> list[str]:
        """Return the names of what is in a list of an object."""
        listed = KINDS[endpoint].lists[sub]
        return [each.get("name") or each["identifier"] for each in map(self.objects[listed].__getitem__, self.lists.get((endpoint, of["id"], sub), []))]

    def survey_of(self, endpoint: str, name: str) -> Object:
        return self.surveys[endpoint, self.named(endpoint, name)["id"]]

    # What comes in

    def answer(self, method: str, path: str, query: Mapping[str, str], data: Object) -> tuple[int, Any]:
        """Return the status and the body of an answer."""
        with self._lock:
            parts = [part for part in path.split("/") if part][2:]
            if method != "GET":
                self.changes.append(f"{method} {path}")
            try:
                return self._route(method, parts, query, data)
            except Refused as refused:
                return refused.status, refused.said

    def _route(self, method: str, parts: list[str], query: Mapping[str, str], data: Object) -> tuple[int, Any]:
        match parts:
            case ["project_updates" | "inventory_updates", number]:
                return 200, {
                    "id": int(number),
                    "status": "successful",
                    "failed": False,
                    "finished": "now",
                    "event_processing_finished": True,
                    "scm_revision": "1",
                }
            case ["bulk", "job_launch"] if method == "POST":
                return 201, self._launch(data)
            case ["workflow_jobs", number] if int(number) in self.bulks:
                return 200, self._workflow_job(int(number))
            case ["workflow_jobs", number, "workflow_nodes"] if int(number) in self.bulks:
                return 200, _page(self.bulks[int(number)])
            case ["jobs", number] if int(number) in self.jobs:
                return 200, self.jobs[int(number)]
            case ["roles", number, ("teams" | "users") as kind]:
                return self._membership(method, int(number), kind, data)
            case ["config"]:
                return 200, {"version": "24.6.1"}
            case ["workflow_jobs", number]:
                return 200, {"id": int(number), **_JOB}
            case ["unified_job_templates"]:
                listed = self._listed([each for endpoint in _UNIFIED for each in self.objects[endpoint].values()], query)
                return 200, {**listed, "results": [self._launchable(each) for each in listed["results"]]}
            case ["unified_jobs"]:
                return 200, _page([{"id": int(number), **_JOB} for number in query.get("id__in", "").split(",") if number])
            case [endpoint] if endpoint in KINDS:
                return (200, self._listed(list(self.objects[endpoint].values()), query)) if method == "GET" else (201, self._create(endpoint, data))
            case [endpoint, number] if endpoint in KINDS:
                return self._one(method, endpoint, self._found(endpoint, int(number)), data)
            case [endpoint, number, sub] if endpoint in KINDS:
                return self._sub(method, endpoint, self._found(endpoint, int(number)), sub, data)
        raise Refused(404, detail="Not found.")

    def _launchable(self, found: Object) -> Object:
        """Return a template with what whoever launches it asks of it."""
        asks = {f"ask_{what}_on_launch": False for what in ("limit", "labels", "inventory", "variables")}
        organization = self.objects["organizations"].get(found.get("organization", 0), {})
        return {
            **asks,
            **found,
            "summary_fields": {**found["summary_fields"], "organization": {"name": organization.get("name")}},
            "related": {**found["related"], "launch": f"{found['url']}launch/"},
        }

    def _one(self, method: str, endpoint: str, found: Object, data: Object) -> tuple[int, Any]:
        if method == "PATCH":
            self._change(endpoint, found, data)
        elif method == "DELETE":
            del self.objects[endpoint][found["id"]]
            for links in self.lists.values():
                links[:] = [each for each in links if each != found["id"]]
            return 204, None
        return 200, found

    def _sub(self, method: str, endpoint: str, found: Object, sub: str, data: Object) -> tuple[int, Any]:
        if sub == "survey_spec" and endpoint in ("job_templates", "workflow_job_templates"):
            if method == "POST":
                check_survey(data)
                self.surveys[endpoint, found["id"]] = data
            return 200, self.surveys.get((endpoint, found["id"]), {}) if method == "GET" else {}
        if sub == "update" and method == "POST" and endpoint in ("projects", "inventory_sources"):
            self._number += 1
            self.changes.pop()
            updates = "project_updates" if endpoint == "projects" else "inventory_updates"
            return 202, {"id": self._number, "status": "pending", "url": f"/api/v2/{updates}/{self._number}/"}
        if sub == "launch" and method == "POST" and endpoint == "workflow_job_templates":
            self._number += 1
            self.changes.pop()
            self.launched.append((found["name"], data))
            return 201, {"id": self._number, "status": "pending", "url": f"/api/v2/workflow_jobs/{self._number}/"}
        if sub == "create_approval_template" and method == "POST" and endpoint == "workflow_job_template_nodes":
            made = self._create("workflow_approval_templates", data)
            self._change(endpoint, found, {"unified_job_template": made["id"]}, approved=True)
            found["related"]["unified_job_template"] = made["url"]
            return 201, made
        if sub not in KINDS[endpoint].lists:
            raise Refused(404, detail="Not found.")
        return self._list(method, endpoint, found, sub, data)

    def _list(self, method: str, endpoint: str, found: Object, sub: str, data: Object) -> tuple[int, Any]:
        listed = self.lists.setdefault((endpoint, found["id"], sub), [])
        others = KINDS[endpoint].lists[sub]
        if method == "GET":
            return 200, _page([self.objects[others][each] for each in listed])
        other = self._found(others, data["id"])
        if data.get("disassociate"):
            listed.remove(other["id"])
            return 204, None
        if sub == "credentials" and endpoint == "job_templates":
            kinds = [self.objects[others][each]["credential_type"] for each in listed]
            if other["credential_type"] in kinds:
                raise Refused(400, error="Cannot assign multiple credentials of one type.")
        if sub in _LINKS and self._leads_to(other["id"], found["id"]):
            raise Refused(400, Error="Cycle detected.")
        listed.append(other["id"])
        return 204, None

    def _leads_to(self, begin: int, end: int) -> bool:
        links = [each for kind in _LINKS for each in self.lists.get(("workflow_job_template_nodes", begin, kind), [])]
        return begin == end or any(self._leads_to(each, end) for each in links)

    def _membership(self, method: str, number: int, kind: str, data: Object) -> tuple[int, Any]:
        members = self.members.setdefault((number, kind), [])
        if method == "GET":
            return 200, _page([self.objects[kind][each] for each in members])
        self._found(kind, data["id"])
        members.remove(data["id"]) if data.get("disassociate") else members.append(data["id"])
        return 204, None

    # Jobs, of which it carries none out

    def _launch(self, data: Object) -> Object:
        """Make the nodes of a bulk launch. One that is refused lets all be refused."""
        listed = data.get("jobs") or []
        if not listed:
            raise Refused(400, jobs=["This list may not be empty."])
        if len(listed) > BULK_JOB_MAX_LAUNCH:
            raise Refused(400, jobs=[f"Number of additional nodes exceeded {BULK_JOB_MAX_LAUNCH}"])
        for each in listed:
            if each["unified_job_template"] not in self.objects["job_templates"]:
                raise Refused(400, jobs=[f"Unified Job Templates {{{each['unified_job_template']}}} not found or you don't have permissions to access it"])
            self._check_variables(each["unified_job_template"], each.get("extra_data", {}))
        self._number += 1
        workflow = self._number
        self.bulks[workflow] = [self._node(each) for each in listed]
        return {**self._workflow_job(workflow), "status": "pending", "finished": None}

    def _node(self, launched: Object) -> Object:
        self._number += 1
        template = self.objects["job_templates"][launched["unified_job_template"]]
        status, artifacts = self.ends.get(template["name"], ("successful", {}))
        job = {"id": self._number, "name": template["name"], "status": status, "failed": status != "successful"}
        self.jobs[self._number] = {**job, "type": "job", "artifacts": artifacts, "extra_vars": launched.get("extra_data", {})}
        return {"id": self._number, "identifier": launched.get("identifier", ""), "job": self._number, "summary_fields": {"job": job}}

    def _workflow_job(self, number: int) -> Object:
        failed = any(node["summary_fields"]["job"]["failed"] for node in self.bulks[number])
        return {
            "id": number,
            "type": "workflow_job",
            "url": f"/api/v2/workflow_jobs/{number}/",
            "name": "Bulk Job Launch",
            "status": "failed" if failed else "successful",
            "failed": failed,
            "started": "now",
            "elapsed": 1.0,
            "finished": "now",
        }

    # What it keeps

    def _found(self, endpoint: str, number: int) -> Object:
        if number not in self.objects[endpoint]:
            raise Refused(404, detail="Not found.")
        return self.objects[endpoint][number]

    def _listed(self, found: list[Object], query: Mapping[str, str]) -> Object:
        wanted = {key: value for key, value in query.items() if key not in ("page", "page_size", "order_by")}
        for each in found[:1]:
            unknown = [key for key in wanted if key.removeprefix("or__").removesuffix("__in") not in {*each, "id", "organization"}]
            if unknown:
                raise Refused(400, detail=f"{each['type']} has no field named '{unknown[0]}'")
        either = {key.removeprefix("or__"): value for key, value in wanted.items() if key.startswith("or__")}
        both = {key: value for key, value in wanted.items() if not key.startswith("or__")}
        return _page(
            [
                each
                for each in found
                if all(
                    str(each.get(key.removesuffix("__in"))) in value.split(",") if key.endswith("__in") else str(each.get(key)) == value
                    for key, value in both.items()
                )
                and (not either or any(str(each.get(key)) == value for key, value in either.items()))
            ]
        )

    def _create(self, endpoint: str, data: Object) -> Object:
        kind = KINDS[endpoint]
        missing = {name: ["This field is required."] for name in kind.needs if not data.get(name)}
        if missing:
            raise Refused(400, **missing)
        for each in self.objects[endpoint].values():
            if all(each.get(key) == data.get(key) for key in ("name", "identifier", "organization", "inventory", "workflow_job_template")):
                raise Refused(400, __all__=[f"{kind.type} with this name already exists."])
        checked = self._checked(endpoint, {**kind.defaults, **data})
        made = self._store(endpoint, checked)
        if endpoint == "projects" and made["scm_type"]:
            # It is updated at once.
            self._number += 1
            made["scm_revision"] = "1"
            return {**made, "summary_fields": {**made["summary_fields"], "current_update": {"id": self._number}}}
        return made

    def _store(self, endpoint: str, fields: Object) -> Object:
        self._number += 1
        number, kind = self._number, KINDS[endpoint]
        url = f"/api/v2/{endpoint}/{number}/"
        related = {sub: f"{url}{sub}/" for sub in (*kind.lists, "survey_spec", "update")}
        roles = {}
        for role in kind.roles:
            self._number += 1
            roles[role] = {"id": self._number}
        made = {**fields, "id": number, "type": kind.type, "url": url, "related": related, "summary_fields": {"object_roles": roles}}
        self.objects[endpoint][number] = made
        self._hide(endpoint, made)
        return made

    def _change(self, endpoint: str, found: Object, data: Object, *, approved: bool = False) -> None:
        new = {**found, **(data if approved else self._checked(endpoint, {**found, **data}))}
        if endpoint in ("credentials", "notification_templates"):
            key = "inputs" if endpoint == "credentials" else "notification_configuration"
            old = self.secrets.get(found["id"], {})
            new[key] = {name: old.get(name) if value == ENCRYPTED else value for name, value in new.get(key, {}).items()}
        found.update(new)
        self._hide(endpoint, found)

    def _hide(self, endpoint: str, made: Object) -> None:
        """Keep to itself what is secret."""
        if endpoint == "credentials":
            fields = self.objects["credential_types"][made["credential_type"]]["inputs"].get("fields", [])
            key, secret = "inputs", [each["id"] for each in fields if each.get("secret")]
        elif endpoint == "notification_templates":
            key, secret = "notification_configuration", list(_CONFIGURATIONS[made["notification_type"]][2])
        else:
            return
        self.secrets[made["id"]] = dict(made[key])
        made[key] = {name: ENCRYPTED if name in secret and value else value for name, value in made[key].items()}

    def _checked(self, endpoint: str, data: Object) -> Object:
        """Return the fields of an object as it keeps them. Raises Refused."""
        for name, others in KINDS[endpoint].refers.items():
            number = data.get(name)
            endpoints = (*_UNIFIED, "workflow_approval_templates") if others == "unified_job_templates" else (others,)
            if number is not None and not any(number in self.objects[each] for each in endpoints):
                raise Refused(400, **{name: [f'Invalid pk "{number}" - object does not exist.']})
        if endpoint == "credentials":
            inputs = self.objects["credential_types"][data["credential_type"]]["inputs"]
            unknown = set(data["inputs"]) - {each["id"] for each in inputs.get("fields", [])}
            lacking = [name for name in inputs.get("required", []) if not data["inputs"].get(name)]
            if unknown or lacking:
                raise Refused(400, inputs=[f"unknown: {sorted(unknown)}, required: {lacking}"])
        if endpoint in ("workflow_job_template_nodes", "schedules") and data.get("extra_data"):
            self._check_variables(data["unified_job_template"], data["extra_data"])
        if endpoint == "schedules" and not re.match(r"DTSTART(;TZID=[\w/]+)?:\d{8}T\d{6}Z? RRULE:FREQ=\w+;INTERVAL=\d+", data["rrule"]):
            raise Refused(400, rrule=["Valid DTSTART required in rrule. Value should start with: DTSTART:YYYYMMDDTHHMMSSZ, and RRULE needs INTERVAL."])
        if endpoint == "notification_templates":
            needed, defaults, _secret = _CONFIGURATIONS[data["notification_type"]]
            missing = [name for name in needed if name not in data["notification_configuration"]]
            if missing:
                raise Refused(400, notification_configuration=[f"Missing required fields for Notification Configuration: {missing}"])
            check_messages(data["notification_type"], data.get("messages") or {})
            data = {**data, "notification_configuration": {**defaults, **data["notification_configuration"]}}
        return data

    def _check_variables(self, template: int, variables: Object) -> None:
        """See that a launch with these variables would be taken."""
        found = self.objects["job_templates"].get(template)
        questions = {each["variable"]: each for each in self.surveys.get(("job_templates", template), {}).get("spec", [])}
        for name, value in variables.items():
            if found is None or not (found["ask_variables_on_launch"] or (found["survey_enabled"] and name in questions)):
                raise Refused(400, extra_data=[f"Variables {name} are not allowed on launch. Check the Prompt on Launch setting."])
            choices = questions.get(name, {}).get("choices")
            if choices is not None and value not in choices:
                raise Refused(400, variables_needed_to_start=[f"Value {value} for '{name}' expected to be one of {choices}."])


def check_survey(data: Object) -> None:
    """Refuse what AWX refuses as a survey."""
    fields: tuple[tuple[str, type], ...] = (("name", str), ("description", str), ("spec", list))
    for name, kind in fields:
        if not isinstance(data.get(name), kind):
            raise Refused(400, error=f"Field '{name}' is missing from survey spec, or of another type.")
    if not data["spec"]:
        raise Refused(400, error="'spec' doesn't contain any items.")
    seen = set()
    for number, question in enumerate(data["spec"]):
        for name, kind in (("type", str), ("question_name", str), ("variable", str), ("required", bool)):
            if not isinstance(question.get(name), kind):
                raise Refused(400, error=f"'{name}' missing from survey question {number}, or of another type.")
        if question["variable"] in seen:
            raise Refused(400, error=f"'variable' '{question['variable']}' duplicated in survey question {number}.")
        seen.add(question["variable"])
        if question["type"] not in _QUESTIONS:
            raise Refused(400, error=f"'{question['type']}' in survey question {number} is not one of the allowed question types.")
        default = question.get("default", "")
        if default != "" and not isinstance(default, _QUESTIONS[question["type"]]):
            raise Refused(400, error=f"Default value {default} in survey question {number} expected to be {question['type']}.")
        if question["type"] in ("multiplechoice", "multiselect"):
            if "choices" not in question:
                raise Refused(400, error=f"Survey question {number} of type {question['type']} must specify choices.")
            if default != "" and default not in question["choices"]:
                raise Refused(400, error="Default choice must be answered from the choices listed.")


def check_messages(kind: str, messages: Object) -> None:
    """Refuse what AWX refuses as messages: what has a line end, or cannot be made of a job that has left nothing yet."""
    for event, texts in messages.items():
        if event not in ("started", "success", "error", "workflow_approval"):
            raise Refused(400, messages=[f"Event '{event}' invalid."])
        for name, text in (texts or {}).items():
            if name not in ("message", "body") or (name == "message" and "\n" in text):
                raise Refused(400, messages=[f"Message type '{name}' invalid, or a newline in it."])
            try:
                rendered = render(text, _STUB)
                if name == "body" and kind in ("webhook", "pagerduty") and not isinstance(json.loads(rendered), dict):
                    raise Refused(400, messages=["The body should be a json dictionary."])
            except (jinja2.TemplateError, ValueError) as error:
                raise Refused(400, messages=[f"Unable to render message '{text}': {error}"]) from error


def render(text: str, context: Object) -> str:
    """Return a message as AWX makes it."""
    return jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined).from_string(text).render(context)


def _page(found: list[Object]) -> Object:
    return {"count": len(found), "next": None, "previous": None, "results": found}


def _handler(stand_in: AwxStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            url = urlsplit(self.path)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, body = 401, {"detail": "Authentication credentials were not provided."}
            else:
                data = json.loads(self.rfile.read(length) or b"{}")
                status, body = stand_in.answer(self.command, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), data)
            text = b"" if status == 204 else json.dumps(body).encode()
            self.send_response(status)
            for name, value in (("Content-Type", "application/json"), ("X-API-Product-Name", "AWX"), ("X-API-Product-Version", "24.6.1")):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET: Callable[..., None] = _answer
        do_POST: Callable[..., None] = _answer
        do_PATCH: Callable[..., None] = _answer
        do_DELETE: Callable[..., None] = _answer

        def version_string(self) -> str:
            return NAME

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing of requests that went well, or did not: tests see the answers."""

    return Handler
