# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""The objects that AWX is to have, as options of the modules of the collection ``awx.awx``. Pure.

Each cluster has job templates of its own: a credential belongs to one cluster, one run of a template excludes another, and neither should keep
another cluster waiting. Expressions in double braces are for AWX, which evaluates them in a job.
"""

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.dbha.mysql.plugins.module_utils._awx.survey import has_dangerous, survey, survey_of_check
from ansible_collections.dbha.mysql.plugins.module_utils._awx.workflow import OPTIONAL_NODES, Templates, nodes

if t.TYPE_CHECKING:
    from ansible_collections.dbha.mysql.plugins.module_utils._awx.description import ClusterInAwx, Description, Notification, People
    from ansible_collections.dbha.mysql.plugins.module_utils._awx.survey import Option
    from ansible_collections.dbha.mysql.plugins.module_utils._awx.workflow import Node

Object = t.Dict[str, t.Any]
Specifications = t.Mapping[str, t.Mapping[str, "Option"]]

CREDENTIAL_TYPE = "MySQL replication cluster"
REPORT = "dbha report"

# The roles that change something, and what the job template of each is for.
_ROLES = {
    "failover": "Makes the best replica the primary if the primary is dead. Choose the job type Check to see the plan.",
    "switchover": "Hands the role of the primary over to a replica. Choose the job type Check to see the plan.",
    "rejoin": "Brings a former primary back as a replica. Choose the job type Check to see the plan.",
}
_RISK = " This one also asks for what may lose rows, overwrite a server, or run commands."

_CREDENTIAL_FIELDS = (
    ("username", "Account that Ansible logs in with", False),
    ("password", "Its password", True),
    ("replication_username", "Account that replicas log in with", False),
    ("replication_password", "Its password", True),
)

# In an option file a backslash begins an escape, and quotes end the value. AWX renders the template as Jinja2 does.
_ESCAPED = "{{ password | replace('\\\\', '\\\\\\\\') | replace('\"', '\\\\\"') }}"
# A password as an extra variable would be altered on its way if it looks like a number or a date (seen: ansible-core 2.19 to 2.21).
_INJECTORS = {
    "file": {"template.my_cnf": '[client]\nuser={{ username }}\npassword="%s"\n' % _ESCAPED},
    "env": {"REPLICATION_USER": "{{ replication_username }}", "REPLICATION_PASSWORD": "{{ replication_password }}"},
    "extra_vars": {"mysql_config_file": "{{ tower.filename.my_cnf }}"},
}

# What a job has left, or nothing: it may have been cancelled before.
_RESULT = '((job.get("artifacts") or {}).get("dbha_result") or {})'
_MESSAGE = (
    "{{ job.name }}: {{ %s.get('outcome', job.status) }}{%% for problem in %s.get('problems', []) %%}"
    " [{{ problem.code }}] {{ problem.server }}: {{ problem.remedy }}{%% endfor %%} {{ url }}"
) % (_RESULT, _RESULT)
# For these a body is JSON.
_JSON_BODIES = ("webhook", "pagerduty")
_JSON_BODY = '{{ {"job": job.name, "id": job.id, "status": job.status, "url": url, "dbha_result": %s} | tojson }}' % _RESULT

# What AWX stores encrypted of the configuration of a notification, and shows to nobody, so that nobody can tell whether it differs.
_SECRETS = ("account_token", "aws_secret_access_key", "aws_session_token", "grafana_key", "password", "token")


class Objects(t.TypedDict):
    """What each module of ``awx.awx`` is to be called with, by what it makes; and what that is, in a few lines."""

    summary: t.List[str]
    organizations: t.List[Object]
    execution_environments: t.List[Object]
    credential_types: t.List[Object]
    credentials: t.List[Object]
    projects: t.List[Object]
    inventories: t.List[Object]
    inventory_sources: t.List[Object]
    notification_templates: t.List[Object]
    job_templates: t.List[Object]
    workflows: t.List[Object]
    workflow_nodes: t.List[Object]
    schedules: t.List[Object]
    teams: t.List[Object]
    roles: t.List[Object]


def objects(described: Description, specifications: Specifications, *, update_secrets: bool) -> Objects:
    """Return what AWX is to have.

    :arg specifications: the options of each role.
    :arg update_secrets: whether passwords are sent also where AWX has some already; it does not tell whether they differ.
    """
    told = partial(_notification, described=described, update_secrets=update_secrets)
    return {
        "summary": ["%s: %s" % (cluster.name, _summary(cluster)) for cluster in described.clusters],
        "organizations": [_organization(described)],
        "execution_environments": [
            {"name": described.environment, "image": described.image, "pull": described.pull, "organization": described.organization},
        ],
        "credential_types": [{"name": CREDENTIAL_TYPE, "kind": "cloud", "inputs": _inputs(), "injectors": _INJECTORS}],
        "credentials": [_credential(each, described, update_secrets=update_secrets) for each in described.clusters],
        "projects": [_project(described)],
        "inventories": [{"name": described.inventory, "organization": described.organization}],
        "inventory_sources": [_inventory_source(described)],
        "notification_templates": [told(each, approval=approval) for each in described.notifications for approval in (False, True)],
        "job_templates": [
            _report_template(described),
            *(template for cluster in described.clusters for template in _job_templates(cluster, described, specifications)),
        ],
        "workflows": [_workflow(cluster, described, specifications) for cluster in described.clusters],
        "workflow_nodes": [node for cluster in described.clusters for node in _workflow_nodes(cluster, described)],
        "schedules": [_schedule(cluster, described) for cluster in described.clusters],
        "teams": [{"name": name, "organization": described.organization} for name in _teams(described)],
        "roles": _roles(described),
    }


def _summary(cluster: ClusterInAwx) -> str:
    approval = "with approval" if cluster.approval else "without approval"
    redirect = "then %s" % cluster.redirect if cluster.redirect else "nothing redirects clients"
    return "job templates for check, %s; a workflow, %s, %s" % (", ".join(_ROLES), approval, redirect)


def _organization(described: Description) -> Object:
    found: Object = {"name": described.organization}
    return found if described.galaxy_credentials is None else dict(found, galaxy_credentials=list(described.galaxy_credentials))


def _inputs() -> Object:
    fields = [dict({"id": name, "label": label, "type": "string"}, **({"secret": True} if secret else {})) for name, label, secret in _CREDENTIAL_FIELDS]
    return {"fields": fields, "required": [name for name, _label, _secret in _CREDENTIAL_FIELDS]}


def _project(described: Description) -> Object:
    project = {"name": described.project, "organization": described.organization}
    if described.project_path:
        return dict(project, scm_type="manual", local_path=described.project_path)
    # Not updated at a launch: that takes two seconds, and once it has failed AWX refuses every launch (seen: AWX 24.6).
    found = dict(project, scm_type="git", scm_url=described.project_url, scm_branch=described.branch, scm_update_on_launch=False)
    return dict(found, credential=described.project_credential) if described.project_credential else found


def _inventory_source(described: Description) -> Object:
    return {
        "name": described.inventory,
        "inventory": described.inventory,
        "organization": described.organization,
        "source": "scm",
        "source_project": described.project,
        "source_path": described.inventory_file,
        "overwrite": True,
        "overwrite_vars": True,
        "update_on_launch": False,
    }


def _notification(notification: Notification, *, approval: bool, described: Description, update_secrets: bool) -> Object:
    """Return a notification template for jobs, or one for approvals, which has AWX's own messages.

    A workflow has no artifacts, and a message that asks for them stops AWX's manager of workflows (seen: 24.6).
    """
    has_secret = any(notification.configuration.get(each) for each in _SECRETS)
    found = {
        "name": _approval_name(notification) if approval else notification.name,
        "organization": described.organization,
        "notification_type": notification.kind,
        "notification_configuration": dict(notification.configuration),
        # What is there already is left as it is where it could not be told that nothing differs.
        "state": "exists" if has_secret and not update_secrets else "present",
    }
    return found if approval else dict(found, messages={"success": _texts(notification), "error": _texts(notification)})


def _texts(notification: Notification) -> Object:
    if notification.kind in _JSON_BODIES:
        return {"message": _MESSAGE, "body": _JSON_BODY}
    return {"message": _MESSAGE, "body": _MESSAGE} if notification.kind == "email" else {"message": _MESSAGE}


def _approval_name(notification: Notification) -> str:
    return "%s, approvals" % notification.name


def _credential(cluster: ClusterInAwx, described: Description, *, update_secrets: bool) -> Object:
    inputs = {
        "username": cluster.login.user,
        "password": cluster.login.password,
        "replication_username": cluster.replication.user,
        "replication_password": cluster.replication.password,
    }
    return {
        "name": _name(cluster, "accounts"),
        "organization": described.organization,
        "credential_type": CREDENTIAL_TYPE,
        "inputs": inputs,
        "update_secrets": update_secrets,
    }


def _job_templates(cluster: ClusterInAwx, described: Description, specifications: Specifications) -> t.List[Object]:
    common = _common_template(described)
    common.update(credentials=[_name(cluster, "accounts")], extra_vars={"cluster": cluster.name}, inventory=described.inventory)
    told = [each.name for each in described.notifications]
    check = {
        "name": _name(cluster, "check"),
        "description": "Looks at the cluster, and fails if something is wrong. It changes nothing.",
        "playbook": "check.yml",
        "ask_job_type_on_launch": False,
        "survey_spec": survey_of_check(),
        "notification_templates_success": [],
        "notification_templates_error": told,
    }
    found = [dict(common, **check)]
    for role, description in _ROLES.items():
        for dangerous in (False, True) if has_dangerous(role) else (False,):
            template = {
                "name": _risky(cluster, role) if dangerous else _name(cluster, role),
                "description": description + (_RISK if dangerous else ""),
                "playbook": "%s.yml" % role,
                "ask_job_type_on_launch": True,
                "survey_spec": survey(role, specifications[role], dangerous=dangerous),
                "notification_templates_success": told,
                "notification_templates_error": told,
            }
            found.append(dict(common, **template))
    return found


def _common_template(described: Description) -> Object:
    """Return what all job templates have: nothing that leaves a job a part of a cluster, or lets who may launch it set any variable."""
    return {
        "organization": described.organization,
        "project": described.project,
        "inventory": described.inventory,
        "execution_environment": described.environment,
        "job_type": "run",
        "allow_simultaneous": False,
        "job_slice_count": 1,
        "limit": "",
        "job_tags": "",
        "skip_tags": "",
        "ask_variables_on_launch": False,
        "ask_limit_on_launch": False,
        "ask_tags_on_launch": False,
        "ask_skip_tags_on_launch": False,
        "ask_inventory_on_launch": False,
        "ask_credential_on_launch": False,
        "ask_job_slice_count_on_launch": False,
        "ask_diff_mode_on_launch": True,
        "become_enabled": False,
        "survey_enabled": True,
    }


def _report_template(described: Description) -> Object:
    question = {
        "question_name": "Cluster",
        "question_description": "The cluster whose workflow failed.",
        "variable": "cluster",
        "required": False,
        "type": "text",
    }
    return dict(
        _common_template(described),
        name=REPORT,
        description="Says why a workflow failed, and fails as well, so that the workflow does.",
        playbook="report.yml",
        allow_simultaneous=True,
        ask_job_type_on_launch=False,
        credentials=[],
        extra_vars={},
        survey_spec={"name": "", "description": "", "spec": [question]},
        notification_templates_success=[],
        notification_templates_error=[],
    )


def _workflow(cluster: ClusterInAwx, described: Description, specifications: Specifications) -> Object:
    return {
        "name": _name(cluster, "failover workflow"),
        "description": "Checks that the primary is dead, asks for approval, fails over, looks, and brings the former primary back if it answers.",
        "organization": described.organization,
        "inventory": described.inventory,
        "allow_simultaneous": False,
        "ask_variables_on_launch": False,
        "ask_limit_on_launch": False,
        "ask_inventory_on_launch": False,
        "survey_enabled": True,
        # What is answered here reaches every node, and each takes what it knows.
        "survey_spec": survey("failover", specifications["failover"], dangerous=False),
        "notification_templates_approvals": [_approval_name(each) for each in described.notifications] if cluster.approval else [],
    }


def _workflow_nodes(cluster: ClusterInAwx, described: Description) -> t.List[Object]:
    """Return the nodes in the order in which they can be made: each after those that it leads to, and last those that are not to be there."""
    templates = Templates(_name(cluster, "check"), _name(cluster, "failover"), _name(cluster, "rejoin"), REPORT, cluster.redirect)
    wanted = nodes(templates, cluster.name, approval=cluster.approval)
    found = [call for node in wanted for call in _workflow_node(node, cluster, described)]
    gone = [name for name in OPTIONAL_NODES if name not in [node.identifier for node in wanted]]
    return [*found, *(dict(_in_workflow(cluster, described), identifier=name, state="absent") for name in gone)]


def _workflow_node(node: Node, cluster: ClusterInAwx, described: Description) -> t.List[Object]:
    here = dict(_in_workflow(cluster, described), identifier=node.identifier, state="present")
    links = {
        "success_nodes": list(node.success),
        "failure_nodes": list(node.failure),
        "always_nodes": list(node.always),
        "all_parents_must_converge": node.all_parents,
    }
    if node.template:
        return [dict(here, unified_job_template=node.template, extra_data=dict(node.variables), **links)]
    approval = {"name": "Fail %s over?" % cluster.name, "description": "The check before says what was found.", "timeout": cluster.approval_timeout}
    # In one call the module looks for the links where they are not (seen: awx.awx 24.6.1).
    return [dict(here, approval_node=approval), dict(here, **links)]


def _in_workflow(cluster: ClusterInAwx, described: Description) -> Object:
    where = {"organization": described.organization, "lookup_organization": described.organization}
    return dict(where, workflow_job_template=_name(cluster, "failover workflow"))


def _schedule(cluster: ClusterInAwx, described: Description) -> Object:
    return {
        "name": _name(cluster, "nightly check"),
        "organization": described.organization,
        "unified_job_template": _name(cluster, "check"),
        "rrule": cluster.schedule,
        "enabled": True,
    }


def _roles(described: Description) -> t.List[Object]:
    """Return who may do what: one call for each kind of people and role that there is somebody for."""
    workflows = [_name(cluster, "failover workflow") for cluster in described.clusters]
    launchable = [_name(cluster, what) for cluster in described.clusters for what in ("check", *_ROLES)]
    risky = [_risky(cluster, role) for cluster in described.clusters for role in _ROLES if has_dangerous(role)]
    granted: t.List[t.Tuple[str, People, Object]] = [
        ("execute", described.launch, {"job_templates": launchable, "workflows": workflows}),
        ("approval", described.approve, {"workflows": workflows}),
        ("execute", described.risk, {"job_templates": [*launchable, *risky], "workflows": workflows}),
    ]
    found = []
    for role, people, what in granted:
        for kind, names in (("teams", people.teams), ("users", people.users)):
            if names:
                found.append(dict(what, role=role, lookup_organization=described.organization, **{kind: list(names)}))
    return found


def _teams(described: Description) -> t.List[str]:
    return list(dict.fromkeys([*described.launch.teams, *described.approve.teams, *described.risk.teams]))


def _name(cluster: ClusterInAwx, what: str) -> str:
    return "%s %s" % (cluster.name, what)


def _risky(cluster: ClusterInAwx, role: str) -> str:
    return "%s %s with risk" % (cluster.name, role)
