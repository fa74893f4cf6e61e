# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""What a user says of an AWX, read once: what cannot be used is refused here, with the name of the variable. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Mapping

# Every night at three o'clock.
NIGHTLY = "DTSTART;TZID=UTC:20260101T030000 RRULE:FREQ=DAILY;INTERVAL=1"

# The kinds of notification that AWX has.
NOTIFICATION_TYPES = ("awssns", "email", "grafana", "irc", "mattermost", "pagerduty", "rocketchat", "slack", "twilio", "webhook")


class Unusable(Exception):
    """A variable says what cannot be used; the message names it, and says what it takes."""


@dataclass(frozen=True)
class People:
    """Teams and users, by their names."""

    teams: t.Tuple[str, ...]
    users: t.Tuple[str, ...]


@dataclass(frozen=True)
class Account:
    """A name and a password."""

    user: str
    password: str


@dataclass(frozen=True)
class ClusterInAwx:
    """What AWX has of one cluster, whose name is that of a group of the inventory.

    ``login``, ``replication``: the accounts of its credential. ``redirect``: a job template of the user's own that brings clients to the new primary.
    ``approval``: whether somebody has to approve a failover; within ``approval_timeout`` seconds, if that is not 0. ``schedule``: when it is checked.
    """

    name: str
    login: Account
    replication: Account
    redirect: str
    approval: bool
    approval_timeout: int
    schedule: str


@dataclass(frozen=True)
class Notification:
    """A way to tell somebody: a name, a kind, and what AWX calls its configuration."""

    name: str
    kind: str
    configuration: t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Description:
    """All that AWX is to have.

    ``project_url``: of its repository; or ``project_path``, a directory on the machine of AWX. ``launch``: who may launch what endangers nothing,
    ``approve``: who may approve a failover, ``risk``: who may also launch what may lose rows.
    """

    organization: str
    galaxy_credentials: t.Optional[t.Tuple[str, ...]]
    environment: str
    image: str
    pull: str
    project: str
    project_url: str
    project_path: str
    branch: str
    project_credential: str
    inventory: str
    inventory_file: str
    notifications: t.Tuple[Notification, ...]
    launch: People
    approve: People
    risk: People
    clusters: t.Tuple[ClusterInAwx, ...]


class _Part:
    """A dictionary of what was given, of which every key must be asked for: one that nobody asks for is a mistake."""

    def __init__(self, where: str, given: object) -> None:
        if not isinstance(given, dict):
            raise Unusable("%s: takes a dictionary, not %s" % (where, _kind(given)))
        self._where = where
        self._given = {str(key): value for key, value in given.items()}
        self._asked: t.Set[str] = set()

    def name_of(self, key: str) -> str:
        return "%s.%s" % (self._where, key)

    def given(self, key: str) -> object:
        self._asked.add(key)
        return self._given.get(key)

    def text(self, key: str, default: t.Optional[str] = None) -> str:
        value = self.given(key)
        if value is None or value == "":
            if default is None:
                raise Unusable("%s: is needed" % self.name_of(key))
            return default
        if not isinstance(value, str):
            raise Unusable("%s: takes text, not %s; quote it" % (self.name_of(key), _kind(value)))
        return value

    def choice(self, key: str, choices: t.Sequence[str], default: t.Optional[str] = None) -> str:
        value = self.text(key, default)
        if value not in choices:
            raise Unusable("%s: takes one of %s, not %r" % (self.name_of(key), ", ".join(choices), value))
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.given(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise Unusable("%s: takes true or false, not %s" % (self.name_of(key), _kind(value)))
        return value

    def seconds(self, key: str) -> int:
        value = self.given(key)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise Unusable("%s: takes a whole number of seconds, not %s" % (self.name_of(key), _kind(value)))
        return value

    def texts(self, key: str) -> t.Optional[t.Tuple[str, ...]]:
        value = self.given(key)
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) and each for each in value):
            raise Unusable("%s: takes a list of names" % self.name_of(key))
        return tuple(value)

    def part(self, key: str) -> _Part:
        value = self.given(key)
        return _Part(self.name_of(key), {} if value is None else value)

    def parts(self) -> t.List[t.Tuple[str, _Part]]:
        """Return each value as a part, with its name."""
        self._asked.update(self._given)
        return [(key, _Part(self.name_of(key), {} if value is None else value)) for key, value in self._given.items()]

    def end(self) -> None:
        unknown = sorted(set(self._given) - self._asked)
        if unknown:
            raise Unusable("%s: there is no such variable; those that there are: %s" % (self.name_of(unknown[0]), ", ".join(sorted(self._asked))))


def read(given: Mapping[str, t.Any]) -> Description:
    """Return what the variable ``awx`` says. Raises ``Unusable``."""
    top = _Part("awx", given)
    organization = top.text("organization")
    environment, project, inventory, people = (top.part(key) for key in ("execution_environment", "project", "inventory", "permissions"))
    url, path = project.text("url", ""), project.text("path", "")
    if bool(url) == bool(path):
        raise Unusable("awx.project: takes url, of its repository, or path, a directory on the machine of AWX, and not both")
    schedule = top.text("schedule", NIGHTLY)
    description = Description(
        organization=organization,
        galaxy_credentials=top.texts("galaxy_credentials"),
        environment=environment.text("name"),
        image=environment.text("image"),
        pull=environment.choice("pull", ("always", "missing", "never"), "missing"),
        project=project.text("name"),
        project_url=url,
        project_path=path,
        branch=project.text("branch", ""),
        project_credential=project.text("credential", ""),
        inventory=inventory.text("name"),
        inventory_file=inventory.text("file"),
        notifications=tuple(_notification(name, part) for name, part in top.part("notifications").parts()),
        launch=_people(people.part("launch")),
        approve=_people(people.part("approve")),
        risk=_people(people.part("risk")),
        clusters=tuple(_cluster(name, part, schedule) for name, part in top.part("clusters").parts()),
    )
    for part in (environment, project, inventory, people, top):
        part.end()
    if not description.clusters:
        raise Unusable("awx.clusters: is needed: the groups of the inventory, each with its accounts")
    return description


def _notification(name: str, part: _Part) -> Notification:
    configuration = part.given("configuration")
    if not isinstance(configuration, dict):
        raise Unusable("%s: takes a dictionary, what AWX wants for its type" % part.name_of("configuration"))
    found = Notification(name, part.choice("type", NOTIFICATION_TYPES), configuration)
    part.end()
    return found


def _people(part: _Part) -> People:
    found = People(part.texts("teams") or (), part.texts("users") or ())
    part.end()
    return found


def _cluster(name: str, part: _Part, schedule: str) -> ClusterInAwx:
    found = ClusterInAwx(
        name=name,
        login=Account(part.text("username"), part.text("password")),
        replication=Account(part.text("replication_username"), part.text("replication_password")),
        redirect=part.text("redirect", ""),
        approval=part.flag("approval", True),
        approval_timeout=part.seconds("approval_timeout"),
        schedule=part.text("schedule", schedule),
    )
    part.end()
    return found


def _kind(value: object) -> str:
    """Say of which type a value is, and never what it says: it may be a password."""
    kinds = {type(None): "nothing", bool: "a truth value", int: "a number", float: "a number", str: "text", list: "a list", tuple: "a list"}
    return next((said for kind, said in kinds.items() if isinstance(value, kind)), "a value of another type")
