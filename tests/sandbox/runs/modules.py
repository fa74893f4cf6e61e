# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calling the collection's modules in this process: their arguments are checked and their work is done as by their action plugins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import change_master as repointing
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import find_best_replica as election
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import gtid_check as check
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import promote as promotion
from ansible_collections.dbha.mysql.plugins.module_utils._verbs import rejoin as rejoining

from ..servers.accounts import PASSWORDS
from ..servers.cluster import Cluster
from ..servers.server import Server

Result = dict[str, Any]


class Refused(Exception):
    """A module failed; its result says why."""

    def __init__(self, result: Result) -> None:
        super().__init__(result["msg"])
        self.result = result
        self.codes = {problem["code"] for problem in result["problems"]}


class Some:
    """Some of a cluster's servers, for the modules that take a cluster."""

    def __init__(self, *servers: Server) -> None:
        self.servers = {server.name: server for server in servers}


def refused(work: Callable[[], Any]) -> Refused:
    """Return with what a module refuses some work, which it must."""
    try:
        work()
    except Refused as refusal:
        return refusal
    raise AssertionError("it was not refused")


def entry(server: Server) -> dict[str, Any]:
    """Return a server as modules take it."""
    return {"name": server.name, "host": server.host, "port": server.port}


def call(verb: Verb[Any], check_mode: bool = False, **given: Any) -> Result:
    """Do the work of a module. Raises Refused if it fails."""
    login = {"login_user": "failover", "login_password": PASSWORDS["failover"], "config_file": "", "allow_unverified": True}
    return perform_verb(verb, check_mode, **{**login, **given})


def perform_verb(verb: Verb[Any], check_mode: bool = False, **given: Any) -> Result:
    """Do the work of a module that need not log in to servers. Raises Refused if it fails."""
    validated = ArgumentSpecValidator(verb.arguments).validate(given)
    assert not validated.error_messages, validated.error_messages
    result = perform(verb, validated.validated_parameters, check_mode=check_mode, diff_mode=False, say=lambda message: None)
    if result.get("failed"):
        raise Refused(result)
    return result


def gtid_check(cluster: Cluster | Some, **options: Any) -> Result:
    """Look at a cluster."""
    return call(check.VERB, replicas=[entry(server) for server in cluster.servers.values()], **options)


def find_best_replica(cluster: Cluster | Some, **options: Any) -> Result:
    """Elect."""
    replicas = [entry(server) for server in cluster.servers.values()]
    return call(election.VERB, replicas=replicas, **options)


def promote(replica: Server, **options: Any) -> Result:
    """Make a replica the primary."""
    servers = {name: entry(server) for name, server in options.items() if isinstance(server, Server)}
    return call(promotion.VERB, replica=entry(replica), **{**options, **servers})


def change_master(primary: Server, replicas: list[Server], **options: Any) -> Result:
    """Let replicas follow a primary."""
    account = {"replication_user": "repl", "replication_password": PASSWORDS["repl"]}
    servers = [entry(server) for server in replicas]
    return call(repointing.VERB, primary=entry(primary), replicas=servers, **{**account, **options})


def rejoin(server: Server, primary: Server, replicas: list[Server], **options: Any) -> Result:
    """Make a server fit to be a replica."""
    account = {"replication_user": "repl", "replication_password": PASSWORDS["repl"]}
    others = [entry(replica) for replica in replicas]
    return call(rejoining.VERB, server=entry(server), primary=entry(primary), replicas=others, **{**account, **options})


def switch_over(cluster: Cluster, to: Server, **options: Any) -> Result:
    """Do what the role switchover does, in its order; return what the hand-over gave."""
    look = gtid_check(cluster)
    promoted: Result = {}
    old = look["primary"]["name"]
    status = to.replica_status()
    if old == to.name and status:
        # An interrupted one has opened it, and clients have written there since: what is left of its promotion is done first.
        old = next(name for name, server in cluster.servers.items() if server.port == status["source_port"])
        promoted = promote(to, demote=cluster[old], **options)
    elif old != to.name:
        elected = find_best_replica(cluster, candidates=[to.name], expect_primary="alive", drain=False)
        promoted = promote(to, demote=cluster[old], acknowledgers=elected["acknowledgers"], **options)
    follow = [each["name"] for each in look["replicas"] if not each["follows_replica"]] + [old]
    change_master(to, [cluster[name] for name in dict.fromkeys(follow) if name != to.name], defaults=promoted.get("replication"))
    return promoted
