# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Which replicas are to be repointed, in which order and how, and what speaks against it. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import field, fields, replace

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.checks import check_identities
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.histories import (
    check_own_history,
    check_was_ahead,
    says_that_source_knows_less,
    was_ahead,
)
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.primary import acts_as_primary, keeps_old_source
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.rejoining import check_told, why_emptied
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, STOPPED
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import ALIVE, channel_of
from ansible_collections.dbha.mysql.plugins.module_utils._values.dataclass import dataclass

if t.TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ansible_collections.dbha.mysql.plugins.module_utils._gtid.parse import Gtids
    from ansible_collections.dbha.mysql.plugins.module_utils._state.state import Channel, State
    from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology


# Errors with which a source refuses the login of a replica, or what it asks for then: wrong password or host, TLS that is wanted, an account that is
# locked or expired, a plugin that the replica does not have or that wants a safe connection, no REPLICATION SLAVE (1227).
LOGIN_ERRORS = (1045, 1130, 1227, 1251, 1524, 1698, 1820, 1862, 2059, 2061, 3118, 4151)

_ERROR_NUMBER = re.compile(r"\(error (\d{1,6})\)")

# What MySQL takes at most in CHANGE REPLICATION SOURCE (error 3056, seen: 9.7).
_LONGEST_PASSWORD = 32
# The end of a line: MySQL refuses it (error 1525, seen: 5.6, 9.7), MariaDB keeps it in master.info, which is one line for each value, so that the
# replica does not replicate after its next start (seen: 10.11). All take a password up to a NUL, and are not let in with that (seen: 5.6, 9.7, 10.11).
_UNFIT = re.compile("[\n\0]")


class Account(t.NamedTuple):
    """The account of the replicas, as it is to be sent to them."""

    user: t.Optional[str]
    password: t.Optional[str]


@dataclass(frozen=True)
class Tried:
    """What came of a login with the account of the replicas from here: let in, refused, or (``None``) not known.

    ``may_replicate``: it has the privilege. ``needs_tls``: it would not be let in without TLS. ``takes_key``: without TLS, it is let in only by the
    public key of the server, unless that remembers its password, as it does once it has let it in over TLS, until it is restarted (seen: 9.7).
    """

    let_in: t.Optional[bool]
    errno: t.Optional[int] = None
    message: str = ""
    may_replicate: bool = True
    needs_tls: bool = False
    takes_key: bool = False


def is_login_error(text: str) -> bool:
    """Whether what a replica says of its receiver is that its source refuses its login."""
    match = _ERROR_NUMBER.search(text)
    return (match is not None and int(match.group(1)) in LOGIN_ERRORS) or "Access denied" in text


# ER_ACCESS_DENIED_ERROR: wrong password, or no certificate where the account requires one (seen: 10.11, 9.7).
_ACCESS_DENIED = 1045


def log_in_by_certificate(topology: Topology) -> bool:
    """Whether replicas have certificates to log in with, which are on their hosts, and not here."""
    return any(channel.tls.client_cert for member in topology.members if member.state is not None for channel in member.state.channels)


def log_in_over_tls(topology: Topology, told: t.Optional[bool]) -> bool:
    """Whether replicas log in over TLS, by what they will be told, or else by how they do now. One that has no channel is told what another one has."""
    channels = [channel for member in topology.members if member.state is not None for channel in member.state.channels[:1]]
    return told if told is not None else all(channel.tls.enabled for channel in channels)


def check_account_tried(
    tried: Mapping[str, Tried], new: str, old: str, family: str, password: t.Optional[str], *, by_certificate: bool = False, over_tls: bool = True
) -> Iterator[Problem]:
    """What keeps the old primary from logging in to the new one as a replica, as far as that can be told from here.

    An account that both refuse here may be let in from their own hosts only: that is the user's to say (``try_account``).

    :arg by_certificate: the replicas have certificates to log in with. That one is refused here without a certificate then says nothing.
    :arg over_tls: the replicas log in over TLS.
    """
    unfit = list(check_password(old, family, password))
    if unfit:
        yield from unfit
        return
    found = tried.get(new)
    if found is None or found.let_in is None or (by_certificate and found.errno == _ACCESS_DENIED):
        return
    if not found.let_in:
        yield Problem("replication_login_refused", new, "%s would not let %s in as its replica: %s" % (new, old, found.message))
    elif not found.may_replicate:
        yield Problem("replication_login_refused", new, "the replication account lacks REPLICATION SLAVE on %s" % new)
    elif found.needs_tls and not over_tls:
        message = "%s lets the replication account in over TLS only (REQUIRE), and the replicas log in without (mysql_source_ssl)"
        yield Problem("replication_login_refused", new, message % new)


# The first one with caching_sha2_password (manual of MySQL, "Caching SHA-2 Pluggable Authentication").
_ASKS_FOR_KEYS = (8, 0, 4)


def lacks_key(topology: Topology, name: str, wanted: t.Optional[Settings] = None, defaults: t.Optional[Settings] = None) -> bool:
    """Whether a server logs in to its source neither over TLS nor with its public key, by what it is told, or else by how it does now."""
    member = topology[name]
    if member.state is None or member.state.family != "mysql" or member.state.version < _ASKS_FOR_KEYS:
        return False
    channel, told = channel_of(member), settings_for(topology, name, wanted or Settings(), defaults)
    if channel is not None:
        if channel.tls.get_public_key is None:
            return False
        told = told.or_else(settings_of(channel))
    return not (told.tls or told.get_public_key or dict(told.more or ()).get("PUBLIC_KEY_PATH"))


def check_key(topology: Topology, names: t.Iterable[str], new: str, user: t.Optional[str], tried: Mapping[str, Tried]) -> Iterator[Problem]:
    """What keeps replicas from logging in to their new source, because that would have to be sent their password in a way that they do not know.

    As soon as it has let the account in from here, it remembers the password. What is not known for certain is no problem: replicas that use another
    account, or one that is refused from here and may be let in from there.

    :arg names: those that ``lacks_key`` tells of. ``user``: the account that was tried.
    """
    found = tried.get(new)
    if found is None or found.let_in is not None or not found.takes_key:
        return
    for name in names:
        channel = channel_of(topology[name])
        if channel is None or channel.user == user:
            message = "%s would not let %s in as its replica, which has neither TLS nor its public key (caching_sha2_password, error 2061): %s"
            yield Problem("public_key_missing", name, message % (new, name, found.message))


def check_password(name: str, family: str, password: t.Optional[str]) -> Iterator[Problem]:
    """Whether the password of the replicas' account is one that a server could be told, which else fails after it was closed."""
    if password is not None and family == "mysql" and len(password) > _LONGEST_PASSWORD:
        message = "the password of the replication account has %d characters, and a replica of MySQL takes %d at most" % (len(password), _LONGEST_PASSWORD)
        yield Problem("replication_login_refused", name, message)
    elif password is not None and _UNFIT.search(password):
        message = "the password of the replication account holds the end of a line or a NUL, which replicas do not take, or do not keep"
        yield Problem("replication_login_refused", name, message)


def check_may_be_told(name: str, password: t.Optional[str], *, is_withheld: bool, trouble: str = "") -> Iterator[Problem]:
    """Whether a server may be sent the password that it is to log in to its source with.

    :arg is_withheld: the connection to it is not verified, and nobody allows that. ``trouble``: why it needs the password.
    """
    if password and is_withheld:
        message = "%s%s would be sent the password of the replication account over a connection that is not verified"
        yield Problem("password_withheld", name, message % (trouble and trouble + "; ", name))


@dataclass(frozen=True)
class Settings:
    """How a replica logs in to its source. ``None`` leaves a setting as the replica has it."""

    user: t.Optional[str] = None
    password: t.Optional[str] = field(default=None, repr=False)
    tls: t.Optional[bool] = None
    ca_cert: t.Optional[str] = None
    client_cert: t.Optional[str] = None
    client_key: t.Optional[str] = None
    verify_cert: t.Optional[bool] = None
    get_public_key: t.Optional[bool] = None
    more: t.Optional[t.Tuple[t.Tuple[str, str], ...]] = None

    def or_else(self, others: Settings) -> Settings:
        """Return the same settings with what they leave open as others have it."""
        chosen = {each.name: getattr(self if getattr(self, each.name) is not None else others, each.name) for each in fields(self)}
        return Settings(**chosen)


def settings_of(channel: Channel) -> Settings:
    """Return how a replica logs in to its source; but for the password, which nobody can read."""
    tls = channel.tls
    files = tls.ca_cert or None, tls.client_cert or None, tls.client_key or None
    return Settings(channel.user, None, tls.enabled, *files, tls.verify_cert, tls.get_public_key, channel.settings)


def check_source(topology: Topology, primary: str, *, is_opened: bool = False) -> Iterator[Problem]:
    """What speaks against replicating from a server.

    :arg is_opened: this very run has opened it, and could not finish that.
    """
    member = topology[primary]
    if member.failure is not None:
        yield Problem(member.failure.code, primary, member.failure.message)
    elif not member.known.log_bin:
        yield Problem("no_candidate", primary, "%s has no binary log: no server can replicate from it" % primary)
    elif not member.known.writable:
        yield Problem("primary_read_only", primary, "%s is read-only: once all servers replicate from it, clients could not write to any of them" % primary)
    elif not is_opened and topology.sources.get(primary) in topology and (keeps_old_source(topology) or not acts_as_primary(topology, member)):
        message = "%s still follows %s: an earlier run was interrupted before it was the primary in every respect" % (primary, topology.sources[primary])
        yield Problem("not_promoted", primary, message)
    yield from (problem for problem in check_identities(topology) if problem.code == "mixed_families")


def needing_change(topology: Topology, names: Collection[str], user: t.Optional[str]) -> t.Tuple[str, ...]:
    """Name those of these servers that do not replicate from the primary as they are to, with that account. What was not read is left out."""
    return tuple(name for name in names if topology[name].state is not None and not _is_as_wanted(topology, topology[name], user))


def _is_as_wanted(topology: Topology, member: Member, user: t.Optional[str]) -> bool:
    channel = channel_of(member)
    follows = channel is not None and topology.sources.get(member.name) == topology.primary
    return follows and channel is not None and channel.is_running and user in (None, channel.user)


def have_failed(topology: Topology) -> t.List[str]:
    """Name the replicas that follow the living primary, and do not replicate because of an error: to repoint or start them once more may mend that.

    One whose threads somebody has stopped is left alone, for that may be on purpose.
    """
    if topology.primary_status != ALIVE:
        return []
    found = []
    for member in topology.replicas:
        channel = channel_of(member)
        if channel is None or topology.sources[member.name] != topology.primary:
            continue
        if channel.failure or (channel.receiver != RUNNING and channel.receiver_error):
            found.append(member.name)
    return found


def former_primaries(topology: Topology, names: Sequence[str]) -> t.Tuple[str, ...]:
    """Name those of these servers that replicate from nobody. They are repointed last, see ``check_left_behind``."""
    return tuple(name for name in names if channel_of(topology[name]) is None)


def check_left_behind(topology: Topology, name: str, names: Sequence[str], failed: Collection[str]) -> Iterator[Problem]:
    """What keeps a former primary from being repointed: a replica of its own that was not, or that may be its own because nobody could read it.

    As long as it follows nobody, its replicas are not replicas of a replica, which the next run would leave alone.
    """
    unread = [each for each in names if topology[each].state is None]
    followers = [each for each in failed if topology.sources.get(each) == name]
    for replica in [*unread, *followers][:1]:
        yield Problem("not_replicating", name, "%s is left alone, because its replica %s could not be repointed" % (name, replica))


@dataclass(frozen=True)
class Comparison:
    """A replica and its new source, when both were read.

    ``follows``: it replicates from that source already. ``give_up``: what it has received and not applied may go with its relay logs.
    ``databases``: those of users that it has, as far as that was asked; ``is_unfinished``: it holds only a part of a copy.
    """

    name: str
    state: State
    source_name: str
    source: State
    follows: bool
    give_up: bool = False
    is_unfinished: bool = False
    databases: t.Tuple[str, ...] = ()

    @property
    def channel(self) -> t.Optional[Channel]:
        """How it replicates; ``None`` for a former primary."""
        return self.state.channel


def check_histories_fit(each: Comparison) -> Iterator[Problem]:
    """A replica that has what its new source lacks would go on with rows of its own, or stop at the first conflict."""
    channel, have = each.channel, each.state.executed if each.give_up else each.state.received
    if each.follows and was_ahead(channel):
        # However the sets compare now.
        yield from check_was_ahead(each.name, channel, each.source_name)
        return
    # A higher number proves nothing for a server that did not get its own from this cluster's primaries.
    extra = have.subtract(each.source.received) if channel is not None else have.not_proven_in(each.source.received)
    # One that follows the source already may have more by now than that one had when it was read.
    still_fed = each.follows and channel is not None and channel.receiver == RUNNING and each.source.writable
    if extra and not still_fed:
        yield Problem("diverged", each.name, "%s has %s that %s lacks: %s" % (each.name, extra.counted(), each.source_name, extra), str(extra))


def check_may_follow(each: Comparison, *, is_plan: bool) -> Iterator[Problem]:
    """What speaks against letting a replica follow its new source.

    ``is_plan``: the old primary still writes, so that what two servers have differs when they are read one after the other.
    """
    channel = each.channel
    if channel is None and each.is_unfinished:
        yield Problem("not_copied", each.name, "%s holds only a part of a copy: an earlier rejoin was interrupted" % each.name)
    elif channel is None and why_emptied(each.state, each.databases):
        yield from check_told(each.name, why_emptied(each.state, each.databases))
    elif not is_plan or (channel is not None and channel.receiver == STOPPED):
        yield from check_histories_fit(each)
        if channel is None:
            yield from check_own_history(each.name, each.state, each.source_name, each.source)


def need_only_be_started(each: Comparison, user: t.Optional[str]) -> bool:
    """Whether a replica follows its new source already, with this account, so that its threads only have to be started."""
    channel = each.channel
    return each.follows and channel is not None and user in (None, channel.user) and not channel.receiver_error and not channel.applies_relay_logs


def must_apply_first(each: Comparison, purged: Gtids) -> t.Optional[Gtids]:
    """Return up to where a replica has to apply its relay logs before they go, because its new source can no longer send what is in them."""
    return purged.union(each.state.executed) if purged.subtract(each.state.executed) else None


def check_purged(each: Comparison, purged: Gtids) -> Iterator[Problem]:
    """What a replica has not even received, and its new source can no longer send."""
    needed = purged.subtract(each.state.executed)
    if purged.subtract(each.state.received):
        yield Problem("purged", each.name, "%s lacks %s that %s has purged: %s" % (each.name, needed.counted(), each.source_name, needed), str(needed))


def check_may_be_started(each: Comparison, purged: Gtids) -> Iterator[Problem]:
    """What one that follows its new source already has not received, and would never be sent. MySQL says so itself; MariaDB passes over it."""
    if each.source.unlogged is not None:
        yield from check_purged(each, purged)


def settings_for(topology: Topology, name: str, wanted: Settings, defaults: t.Optional[Settings]) -> Settings:
    """Return what a replica is told of its source: only what is wanted; a former primary, which has no settings, also what another replica has.

    One that has settings keeps them, but for the period of its heartbeat, which is half of ``slave_net_timeout`` again after each change of a source in
    which it is not said (seen: 10.11, 9.7).
    """
    own = channel_of(topology[name])
    if own is not None:
        heartbeat = tuple(each for each in own.settings if each[0] == "HEARTBEAT_PERIOD")
        return replace(wanted, more=heartbeat) if heartbeat and wanted.more is None else wanted
    like = to_be_like(topology, name)
    return wanted.or_else(_shared(defaults or (settings_of(like) if like is not None else Settings())))


def to_be_like(topology: Topology, name: str) -> t.Optional[Channel]:
    """Return the channel of another server that one which gets a channel anew is to have, too; where there is none, its own as it is now."""
    others = [channel_of(member) for member in topology.members if member.state is not None and member.name != name]
    # A former primary is to be promoted again one day: one that applies all, and at once, is what it is to be like.
    like = sorted((channel for channel in others if channel is not None), key=lambda channel: (bool(channel.filters), channel.delay))
    return like[0] if like else channel_of(topology[name])


def _shared(settings: Settings) -> Settings:
    """Return what one replica has that another one is to have, too. How late it applies is a matter of each."""
    return settings if settings.more is None else replace(settings, more=tuple((name, value) for name, value in settings.more if name != "DELAY"))


def without_login(channel: t.Optional[Channel], settings: Settings, *, is_refused: bool, is_withheld: bool = False) -> Settings:
    """Leave out the account that a replica logs in with where what it has is as good: only it knows that its own works.

    :arg is_refused: the primary does not let the other one in. ``is_withheld``: its password may not be sent to this replica.
    """
    if channel is not None and is_withheld and settings.password:
        return replace(settings, user=None, password=None)
    if channel is None or is_login_error(channel.receiver_error):
        return settings
    if is_refused or settings.user in (None, channel.user):
        return replace(settings, user=None, password=None)
    return settings


def check_account(name: str, state: State, settings: Settings) -> Iterator[Problem]:
    """A former primary without an account that it could log in with."""
    if not state.channels and None in (settings.user, settings.password):
        message = "%s has no replication configured, and replication_user and replication_password are not given" % name
        yield Problem("replication_user_missing", name, message)


def has_stumbled(each: Comparison) -> bool:
    """Whether the applier of a replica had failed, and its new source has more for it to stumble over."""
    channel = each.channel
    failed = channel is not None and channel.applier == STOPPED and bool(channel.applier_error)
    return failed and not each.state.executed.contains(each.source.executed)


def must_be_seen_to_apply(each: Comparison) -> bool:
    """Whether a replica is said to replicate only once it has applied something: its new source has more, and it does not wait on purpose."""
    channel = each.channel
    return not (channel is not None and channel.delay) and not each.state.executed.contains(each.source.executed)


def check_replicates(name: str, source_name: str, trouble: t.Optional[str]) -> Iterator[Problem]:
    """What keeps a replica from replicating, as it said; ``None`` where it replicates."""
    if trouble is not None:
        yield Problem(_code_of(trouble), name, "%s does not replicate from %s: %s" % (name, source_name, trouble))


def _code_of(trouble: str) -> str:
    """Tell what keeps a replica from replicating, by the error that its source has sent: 1236, with MySQL 8.0.30 and later also 13114."""
    if says_that_source_knows_less(trouble):
        return "diverged"
    return "purged" if "1236" in trouble or "13114" in trouble else "not_replicating"


def stays_unread(topology: Topology, names: Collection[str]) -> Mapping[str, Problem]:
    """Return the problem of each of these servers that could not be read."""
    failures = {member.name: member.failure for member in topology.listed if member.name in names}
    return {name: Problem(failure.code, name, failure.message) for name, failure in failures.items() if failure is not None}
