# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Situations of replicas and their new source -> which are to be changed, in which order and how, and what speaks against it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.plan import after_promotion, as_if_dead
from ansible_collections.dbha.mysql.plugins.module_utils._decisions.repointing import (
    Comparison,
    Settings,
    Tried,
    check_account,
    check_account_tried,
    check_histories_fit,
    check_key,
    check_left_behind,
    check_may_be_started,
    check_may_be_told,
    check_may_follow,
    check_purged,
    check_replicates,
    check_source,
    former_primaries,
    has_stumbled,
    have_failed,
    is_login_error,
    lacks_key,
    log_in_by_certificate,
    must_apply_first,
    need_only_be_started,
    needing_change,
    settings_for,
    settings_of,
    stays_unread,
    to_be_like,
    without_login,
)
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem
from ansible_collections.dbha.mysql.plugins.module_utils._state.state import RUNNING, STOPPED, SourceTls
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    channel,
    cluster,
    connected,
    dead,
    gtids,
    hung,
    living,
    replica,
    server,
    short,
    state,
    stopped,
    was_refused,
)


def told(problems: t.Iterable[Problem]) -> list[str]:
    """Write problems down: code, server, and the GTIDs where there are any."""
    return [" ".join(filter(None, [problem.code, problem.server, short(problem.gtids)])) for problem in problems]


def closed(name: str, executed: str = "P:1-9") -> Member:
    """A server that answers, takes no writes and follows nobody."""
    return server(name, state(name, executed, read_only=True))


PRIMARY = living("db1")


@pytest.mark.parametrize(
    ("primary", "problems"),
    [
        pytest.param(PRIMARY, [], id="nothing_speaks_against_it"),
        pytest.param(dead("db1"), ["unreachable db1"], id="it_does_not_answer"),
        pytest.param(living("db1", log_bin=False), ["no_candidate db1"], id="it_has_no_binary_log"),
        pytest.param(closed("db1"), ["primary_read_only db1"], id="it_is_read_only"),
        pytest.param(replica("db1", "P:1-9", read_only=False), ["not_promoted db1"], id="it_follows_a_member_still"),
        pytest.param(replica("db1", "P:1-9", source="elsewhere", read_only=False), [], id="it_follows_somebody_outside_the_cluster"),
        pytest.param(living("db1", "0-1-9"), ["mixed_families"], id="it_is_of_the_other_family"),
    ],
)
def test_what_speaks_against_replicating_from_a_server(primary: Member, problems: list[str]) -> None:
    assert told(check_source(cluster(dead(), primary, replica("db2", "P:1-9"), primary="db1"), "db1")) == problems


@pytest.mark.parametrize(
    ("member", "user", "changes"),
    [
        pytest.param(connected(replica("db2", "P:1-9", source="db1")), None, False, id="it_follows_already"),
        pytest.param(connected(replica("db2", "P:1-9", source="db1")), "repl", False, id="with_this_account"),
        pytest.param(connected(replica("db2", "P:1-9", source="db1")), "other", True, id="with_another_account"),
        pytest.param(replica("db2", "P:1-9", source="db1"), None, True, id="it_does_not_connect"),
        pytest.param(stopped(replica("db2", "P:1-9", source="db1")), None, True, id="it_stands_still"),
        pytest.param(connected(replica("db2", "P:1-9", source="db1", error="Duplicate")), None, True, id="its_applier_has_failed"),
        pytest.param(connected(replica("db2", "P:1-9", source="db0")), None, True, id="it_follows_another_one"),
        pytest.param(closed("db2"), None, True, id="it_follows_nobody"),
        pytest.param(hung("db2"), None, False, id="it_cannot_be_read"),
    ],
)
def test_who_is_to_be_changed(member: Member, user: str | None, changes: bool) -> None:
    topology = cluster(dead(), PRIMARY, member, primary="db1")
    assert needing_change(topology, ["db2"], user) == (("db2",) if changes else ())


def test_what_could_not_be_read_has_its_own_problem() -> None:
    topology = cluster(dead(), PRIMARY, hung("db2"), replica("db3", "P:1-9"), primary="db1")
    assert {name: told([problem]) for name, problem in stays_unread(topology, ["db2", "db3"]).items()} == {"db2": ["not_responding db2"]}


@pytest.mark.parametrize(
    ("failed", "names", "problems"),
    [
        pytest.param([], ["db0", "db2"], [], id="all_its_replicas_were_repointed"),
        pytest.param(["db2"], ["db0", "db2"], ["db0 is left alone, because its replica db2 could not be repointed"], id="one_of_its_replicas_was_not"),
        pytest.param(["db2"], ["db0", "db4"], ["db0 is left alone, because its replica db4 could not be repointed"], id="one_is_enough"),
        pytest.param(["db3"], ["db0", "db2", "db3"], [], id="a_replica_of_another_one_was_not"),
        pytest.param([], ["db0", "db4"], ["db0 is left alone, because its replica db4 could not be repointed"], id="one_may_be_its_replica"),
    ],
)
def test_a_former_primary_is_repointed_once_it_has_no_replicas(failed: list[str], names: list[str], problems: list[str]) -> None:
    topology = cluster(closed("db0"), PRIMARY, replica("db2", "P:1-9"), replica("db3", "P:1-9", source="db9"), hung("db4"), primary="db1")
    assert former_primaries(topology, ["db0", "db2", "db3"]) == ("db0",)
    assert [problem.message for problem in check_left_behind(topology, "db0", names, failed)] == problems


def compared(member: Member, source: Member = PRIMARY, *, follows: bool = False, give_up: bool = False, is_unfinished: bool = False) -> Comparison:
    return Comparison(member.name, member.known, source.name, source.known, follows, give_up, is_unfinished)


AHEAD = replica("db2", "P:1-9", waiting="P:10")


@pytest.mark.parametrize(
    ("each", "problems"),
    [
        pytest.param(compared(replica("db2", "P:1-9")), [], id="it_has_the_same"),
        pytest.param(compared(replica("db2", "P:1-8")), [], id="it_has_less"),
        pytest.param(compared(replica("db2", "P:1-10")), ["diverged db2 P:10"], id="it_has_more"),
        pytest.param(compared(AHEAD), ["diverged db2 P:10"], id="it_has_received_more"),
        pytest.param(compared(AHEAD, give_up=True), [], id="that_may_be_given_up"),
        pytest.param(compared(replica("db2", "P:1-10"), give_up=True), ["diverged db2 P:10"], id="but_not_what_it_has_applied"),
        pytest.param(compared(connected(AHEAD), follows=True), [], id="it_is_fed_by_its_source"),
        pytest.param(compared(AHEAD, follows=True), ["diverged db2 P:10"], id="it_is_not_connected_to_it"),
        pytest.param(compared(connected(AHEAD)), ["diverged db2 P:10"], id="it_is_fed_by_another_one"),
        pytest.param(compared(was_refused("db2", "P:1-9"), follows=True), ["diverged db2"], id="its_source_had_lost_that_and_may_have_written_other_rows"),
        pytest.param(compared(was_refused("db2", "P:1-10"), follows=True), ["diverged db2"], id="or_has_not_written_as_many_yet"),
        pytest.param(compared(was_refused("db2", "P:1-9"), follows=True, give_up=True), ["diverged db2"], id="whatever_may_be_given_up"),
        pytest.param(compared(was_refused("db2", "P:1-9")), [], id="its_last_source_had"),
        pytest.param(compared(connected(AHEAD), closed("db1"), follows=True), ["diverged db2 P:10"], id="its_source_takes_no_writes"),
    ],
)
def test_a_replica_that_has_what_its_source_lacks_does_not_fit(each: Comparison, problems: list[str]) -> None:
    assert told(check_histories_fit(each)) == problems
    assert told(check_may_follow(each, is_plan=False)) == problems


@pytest.mark.parametrize(
    ("each", "is_plan", "problems"),
    [
        pytest.param(compared(closed("db0"), living("db1", "P:1-9")), False, [], id="a_former_primary"),
        pytest.param(compared(closed("db0", "P:1-8"), living("db1", "P:1-9")), False, ["history_lost db0 P:9"], id="it_has_lost_what_it_wrote"),
        pytest.param(compared(replica("db2", "P:1-9"), living("db1", "P:1-9,B:1")), False, [], id="a_replica_gets_back_what_it_wrote"),
        pytest.param(compared(closed("db0", "P:1-10"), living("db1", "P:1-9")), False, ["diverged db0 P:10"], id="it_alone_has_something"),
        pytest.param(compared(closed("db0", "P:1-10"), is_unfinished=True), False, ["not_copied db0"], id="it_holds_a_part_of_a_copy"),
        pytest.param(replace(compared(closed("db0", "")), databases=("app",)), False, ["history_unknown db0"], id="it_has_rows_and_no_gtid"),
        pytest.param(
            compared(closed("db0", "0-1-9,0-7-12"), living("db1", "0-1-9,0-2-30")), False, ["diverged db0 0-7-10..12"], id="mariadb_a_number_proves_nothing"
        ),
        pytest.param(compared(closed("db0", "0-1-9"), living("db1", "0-1-9,0-2-30")), False, [], id="mariadb_what_the_primary_has_of_it"),
        pytest.param(compared(closed("db0", "P:1-10"), is_unfinished=True), True, ["not_copied db0"], id="in_a_plan_too"),
        pytest.param(compared(closed("db0", "P:1-10")), True, [], id="in_a_plan_it_still_writes"),
        pytest.param(compared(connected(replica("db2", "P:1-10"))), True, [], id="and_its_replicas_receive"),
        pytest.param(compared(stopped(replica("db2", "P:1-10"))), True, ["diverged db2 P:10"], id="unless_one_stands_still"),
        pytest.param(compared(replica("db2", "P:1-9"), is_unfinished=True), False, [], id="what_replicates_is_complete"),
    ],
)
def test_what_speaks_against_letting_a_replica_follow(each: Comparison, is_plan: bool, problems: list[str]) -> None:
    assert told(check_may_follow(each, is_plan=is_plan)) == problems


@pytest.mark.parametrize(
    ("executed", "waiting", "purged", "problems"),
    [
        pytest.param("0-1-9", "", "0-1-9", [], id="it_has_what_is_purged"),
        pytest.param("0-1-9", "0-1-10", "0-1-10", [], id="it_has_received_it"),
        pytest.param("0-1-9", "", "0-1-10", ["purged db2 0-1-10"], id="it_would_never_get_it"),
        pytest.param("P:1-9", "", "P:1-10", [], id="mysql_says_so_itself"),
    ],
)
def test_who_follows_already_is_not_started_where_it_would_pass_over_something(executed: str, waiting: str, purged: str, problems: list[str]) -> None:
    unlogged = gtids("", "mariadb") if executed.startswith("0") else None
    each = compared(stopped(replica("db2", executed, waiting=waiting)), living("db1", executed, unlogged=unlogged), follows=True)
    assert told(check_may_be_started(each, gtids(purged))) == problems


@pytest.mark.parametrize(
    ("executed", "waiting", "purged", "goal", "problems"),
    [
        pytest.param("P:1-9", "", "P:1-9", None, [], id="it_has_executed_what_is_purged"),
        pytest.param("P:1-9", "P:10", "P:1-10", "P:1-10", [], id="it_has_received_it"),
        pytest.param("P:1-9,B:1", "P:10", "P:1-10", "P:1-10,B:1", [], id="and_has_something_else"),
        pytest.param("P:1-9", "", "P:1-10", "P:1-10", ["purged db2 P:10"], id="it_lacks_it"),
        pytest.param("P:1-9", "P:10", "P:1-11", "P:1-11", ["purged db2 P:10-11"], id="it_lacks_a_part_of_it"),
    ],
)
def test_what_the_source_has_purged_is_applied_first_or_cannot_be_had(executed: str, waiting: str, purged: str, goal: str | None, problems: list[str]) -> None:
    each = compared(replica("db2", executed, waiting=waiting))
    first = must_apply_first(each, gtids(purged))
    assert (first and short(first)) == goal
    assert told(check_purged(each, gtids(purged))) == problems


@pytest.mark.parametrize(
    ("member", "follows", "user", "starts"),
    [
        pytest.param(stopped(replica("db2", "P:1-9")), True, None, True, id="it_stands_still"),
        pytest.param(stopped(replica("db2", "P:1-9")), True, "repl", True, id="with_this_account"),
        pytest.param(stopped(replica("db2", "P:1-9")), True, "other", False, id="with_another_one"),
        pytest.param(stopped(replica("db2", "P:1-9")), False, None, False, id="it_follows_somebody_else"),
        pytest.param(stopped(replica("db2", "P:1-9", on_channel={"receiver_error": "1236"})), True, None, False, id="its_receiver_has_failed"),
        pytest.param(stopped(replica("db2", "0-1-9", on_channel={"applies_relay_logs": True})), True, None, False, id="it_applies_relay_logs_by_position"),
        pytest.param(closed("db2"), True, None, False, id="it_is_a_former_primary"),
    ],
)
def test_a_replica_that_follows_already_is_only_started(member: Member, follows: bool, user: str | None, starts: bool) -> None:
    assert need_only_be_started(compared(member, follows=follows), user) is starts


WANTED = Settings(user="repl", password="secret", tls=True)
OTHER = channel("db0", user="elsewhere", tls=SourceTls(True, "/ca.pem", "/client.pem", "/client.key", verify_cert=True, get_public_key=True))


def test_the_settings_of_a_replica_stay_as_they_are_and_those_of_a_former_primary_are_made_up() -> None:
    has_settings = server("db2", state("db2", "P:1-9", channels=[OTHER]))
    topology = cluster(closed("db0"), PRIMARY, has_settings, primary="db1")
    assert settings_for(topology, "db2", WANTED, None) is WANTED
    # As another replica.
    assert settings_for(topology, "db0", Settings(), None) == settings_of(OTHER)
    assert settings_for(topology, "db0", WANTED, None) == replace(settings_of(OTHER), user="repl", password="secret", tls=True)
    # As the new primary did.
    assert settings_for(topology, "db0", WANTED, Settings(user="nobody", verify_cert=False)) == replace(WANTED, verify_cert=False)
    # As nobody.
    assert settings_for(cluster(closed("db0"), PRIMARY, primary="db1"), "db0", WANTED, None) == WANTED
    # How late another one applies is no matter of this one.
    late = Settings(user="nobody", more=(("CONNECT_RETRY", "7"), ("DELAY", "3600")))
    assert settings_for(topology, "db0", WANTED, late).more == (("CONNECT_RETRY", "7"),)


def test_what_another_replica_logs_in_with_is_taken_over_but_for_the_password() -> None:
    assert settings_of(OTHER) == Settings("elsewhere", None, True, "/ca.pem", "/client.pem", "/client.key", True, True, ())
    # What is not said gets the server's default, and MariaDB 11.4 and later verify certificates by default.
    assert settings_of(channel()) == Settings("repl", None, False, None, None, None, False, None, ())


def test_a_former_primary_is_told_what_a_replica_was_that_applies_all_and_at_once() -> None:
    def one(name: str, **options: t.Any) -> Member:
        return server(name, state(name, "P:1-9", channels=[channel(settings=(("CONNECT_RETRY", name),), **options)]))

    topology = cluster(closed("db0"), PRIMARY, one("db2", filters=("Replicate_Do_DB",)), one("db3", delay=9), one("db4"), primary="db1")
    assert settings_for(topology, "db0", Settings(), None).more == (("CONNECT_RETRY", "db4"),)
    # One that is to be overwritten loses its own, which are only looked at where there are no others.
    others, alone = to_be_like(topology, "db2"), to_be_like(cluster(PRIMARY, one("db2"), primary="db1"), "db2")
    assert (others and others.settings, alone and alone.settings) == ((("CONNECT_RETRY", "db4"),), (("CONNECT_RETRY", "db2"),))
    assert to_be_like(cluster(closed("db0"), PRIMARY, primary="db1"), "db0") is None
    # Also where its own would be the better ones, and where one cannot be asked.
    late = to_be_like(cluster(PRIMARY, one("db2"), one("db3", delay=9), dead("db4"), primary="db1"), "db2")
    assert (late and late.settings) == (("CONNECT_RETRY", "db3"),)
    # One that has settings keeps them: it is not told any, but for what would be lost.
    own = channel(settings=(("CONNECT_RETRY", "7"), ("HEARTBEAT_PERIOD", "11.5")))
    beats = cluster(PRIMARY, server("db2", state("db2", "P:1-9", channels=[own])), primary="db1")
    assert settings_for(beats, "db2", Settings(), None) == Settings(more=(("HEARTBEAT_PERIOD", "11.5"),))
    assert settings_for(topology, "db3", Settings(), None).more is None


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(WANTED)


@pytest.mark.parametrize(
    ("member", "settings", "problems"),
    [
        (closed("db0"), Settings("repl", "secret"), []),
        (closed("db0"), Settings("repl"), ["replication_user_missing db0"]),
        (closed("db0"), Settings(None, "secret"), ["replication_user_missing db0"]),
        (replica("db0", "P:1-9", source="db2"), Settings(), []),
    ],
    ids=["it_is_known", "its_password_is_not", "its_name_is_not", "a_replica_has_one"],
)
def test_a_former_primary_needs_an_account(member: Member, settings: Settings, problems: list[str]) -> None:
    assert told(check_account("db0", member.known, settings)) == problems


@pytest.mark.parametrize(
    ("member", "stumbled"),
    [
        (replica("db2", "P:1-8", error="Duplicate entry"), True),
        (replica("db2", "P:1-9", error="Duplicate entry"), False),
        (replica("db2", "P:1-8"), False),
        (stopped(replica("db2", "P:1-8")), False),
        (closed("db2", "P:1-8"), False),
    ],
    ids=["it_failed", "it_failed_and_has_everything", "it_runs", "it_was_stopped", "it_has_none"],
)
def test_an_applier_that_had_failed_may_fail_again(member: Member, stumbled: bool) -> None:
    assert has_stumbled(compared(member)) is stumbled


def test_a_replica_that_replicates_has_no_problem() -> None:
    assert told(check_replicates("db2", "db1", None)) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        # MariaDB 10.11, 11.8
        (
            "Got fatal error 1236 from master when reading data from binary log: 'Error: connecting slave requested to start from GTID 0-1-152, "
            "which is not in the master's binlog. Since the master's binlog contains GTIDs with higher sequence numbers, it probably means that the "
            "slave has diverged due to executing extra erroneous transactions' (error 1236)",
            "diverged",
        ),
        (
            "Got fatal error 1236 from master when reading data from binary log: 'Could not find GTID state requested by slave in any binlog files. "
            "Probably the slave state is too old and required binlog files have been purged.' (error 1236)",
            "purged",
        ),
        # MySQL
        (
            "Got fatal error 1236 from source when reading data from binary log: 'Replica has more GTIDs than the source has, using the source's "
            "SERVER_UUID. This may indicate that the end of the binary log was truncated' (error 13114)",
            "diverged",
        ),
        (
            "Got fatal error 1236 from source when reading data from binary log: 'Cannot replicate because the source purged required binary logs.' "
            "(error 13114)",
            "purged",
        ),
        ("it is still connecting after 30 s: error connecting to source 'repl@db2:3306' (error 2003)", "not_replicating"),
    ],
)
def test_why_a_replica_stands_still_is_told_by_the_error_of_its_source(error: str, code: str) -> None:
    (problem,) = check_replicates("db2", "db1", error)
    assert (problem.code, problem.server) == (code, "db2")
    assert problem.message == f"db2 does not replicate from db1: {error}"


# --- In a plan


@pytest.mark.parametrize("old", [dead(), living()], ids=["a_failover", "a_switchover"])
def test_a_plan_goes_on_from_what_a_promotion_would_have_left(old: Member) -> None:
    found = cluster(old, replica("db1", "P:1-9"), replica("db2", "P:1-9"))
    planned = after_promotion(found, "db1")
    assert planned.primary == "db1"
    assert planned.sources == {"db2": "db0"}
    assert planned["db1"].known.leads
    # The election has stopped its receiver; after a switchover it still receives from the old primary.
    assert planned["db2"].known.channels[0].receives_no_more is (old.state is None)
    assert planned["db2"].known.channels[0].applier == RUNNING
    assert planned["db0"].state is None or not planned["db0"].known.writable
    assert told(check_source(planned, "db1")) == []
    assert needing_change(planned, ["db2"], None) == ("db2",)


def test_a_rehearsal_takes_the_living_primary_for_dead_and_its_replicas_for_cut_off() -> None:
    chained, apart = connected(replica("db2", "P:1-9", source="db1")), stopped(replica("db3", "P:1-9"))
    supposed = as_if_dead(cluster(living(), connected(replica("db1", "P:1-9")), chained, apart))
    assert (supposed["db0"].state, supposed.primary, supposed.primary_status) == (None, "db0", "dead")
    assert supposed.receiving_from_primary == []
    assert [supposed[name].known.channels[0].receiver for name in ("db1", "db2", "db3")] == ["connecting", RUNNING, STOPPED]
    assert {name: set(sources) for name, sources in supposed.connected.items()} == {"db1": set(), "db2": {"db1"}, "db3": set()}


def test_what_is_promoted_in_a_plan_has_what_the_others_have_received() -> None:
    found = cluster(dead(), replica("db1", "P:1-7", waiting="P:8-12"), replica("db2", "P:1-9", waiting="P:10-14"))
    promoted = after_promotion(found, "db1")["db1"].known
    assert (short(promoted.executed), bool(promoted.not_applied)) == ("P:1-14", False)


def test_in_a_plan_the_replica_that_the_promoted_one_has_caught_up_from_has_applied_everything() -> None:
    found = cluster(dead(), replica("db1", "P:1-7"), stopped(replica("db2", "P:1-9", waiting="P:10-14")), stopped(replica("db3", "P:1-9")))
    planned = after_promotion(found, "db1")
    assert [short(planned[name].known.executed) for name in ("db1", "db2", "db3")] == ["P:1-14", "P:1-14", "P:1-9"]
    assert [planned[name].known.channels[0].applier for name in ("db2", "db3")] == [RUNNING, STOPPED]


def test_a_server_that_is_not_a_primary_in_the_plan_either_is_refused() -> None:
    topology: Topology = cluster(dead(), replica("db1", "P:1-9"), replica("db2", "P:1-9"), primary="db1")
    assert told(check_source(topology, "db1")) == ["primary_read_only db1"]


# --- The account of the replicas


OWN, NEW = Settings(user="repl", password="p", tls=True), Settings(user="other", password="q", tls=True)
REFUSED = "error connecting to master 'repl@db0:3306' - Access denied for user 'repl'@'10.0.0.11' (using password: YES) (error 1045)"


@pytest.mark.parametrize(
    ("given", "error", "is_refused", "sent"),
    [
        (OWN, "", False, False),
        (OWN, REFUSED, False, True),
        (OWN, "error connecting to master 'repl@db0:3306' - Can't connect (error 2003)", False, False),
        (NEW, "", False, True),
        (NEW, "", True, False),
        (NEW, REFUSED, True, True),
        (Settings(password="p"), "", False, False),
    ],
)
@pytest.mark.parametrize("is_withheld", [False, True])
def test_a_replica_is_told_an_account_only_where_its_own_may_not_do(given: Settings, error: str, is_refused: bool, sent: bool, is_withheld: bool) -> None:
    own, sent = channel(receiver_error=error), sent and not is_withheld
    told = without_login(own, given, is_refused=is_refused, is_withheld=is_withheld)
    assert (told.user, told.password) == ((given.user, given.password) if sent else (None, None))
    assert told.tls is given.tls
    # A former primary has none.
    assert without_login(None, given, is_refused=is_refused, is_withheld=is_withheld) == given


def test_a_user_without_a_password_is_no_secret() -> None:
    given = Settings(user="other")
    assert without_login(channel(), given, is_refused=False, is_withheld=True) == given


@pytest.mark.parametrize(
    ("password", "is_withheld", "codes"),
    [(None, True, []), ("", True, []), ("p", False, []), ("p", True, ["password_withheld"])],
)
def test_a_password_is_not_told_over_a_connection_that_may_be_anybodys(password: str | None, is_withheld: bool, codes: list[str]) -> None:
    assert [problem.code for problem in check_may_be_told("db0", password, is_withheld=is_withheld)] == codes


@pytest.mark.parametrize(
    ("number", "is_about_the_login"),
    [
        *((number, True) for number in (1045, 1130, 1227, 1251, 1524, 1698, 1820, 1862, 2059, 2061, 3118, 4151)),
        # A table that is missing, a host that is not there, and what comes right beside them.
        *((number, False) for number in (1, 1044, 1046, 1146, 1236, 1525, 2003, 2060, 13114, 41510)),
    ],
)
def test_an_error_about_the_login_is_told_by_its_number(number: int, is_about_the_login: bool) -> None:
    assert is_login_error(f"it is still connecting after 30 s: refused (error {number})") is is_about_the_login


@pytest.mark.parametrize(
    ("text", "is_about_the_login"),
    [
        ("", False),
        (REFUSED, True),
        ("Authentication plugin 'caching_sha2_password' reported error: Authentication requires secure connection. (error 2061)", True),
        ("Account is locked. (error 3118)", True),
        ("Got fatal error 1236 from source when reading data from binary log (error 13114)", False),
        ("Can't connect to server on 'db0' (111) (error 2003)", False),
        ("it is still connecting after 30 s: " + REFUSED, True),
    ],
)
def test_errors_about_the_login_are_told_from_others(text: str, is_about_the_login: bool) -> None:
    assert is_login_error(text) is is_about_the_login


@pytest.mark.parametrize(
    ("tried", "family", "password", "refused"),
    [
        ({}, "mysql", None, ""),
        ({"db1": Tried(True)}, "mysql", "p", ""),
        ({"db1": Tried(None, None, "db1 cannot be reached")}, "mysql", "p", ""),
        ({"db1": Tried(False, 1045, "Access denied")}, "mariadb", "p", "db1"),
        ({"db1": Tried(True, may_replicate=False)}, "mariadb", "p", "db1"),
        ({"db1": Tried(True)}, "mysql", "x" * 32, ""),
        ({"db1": Tried(True)}, "mysql", "x" * 33, "db0"),
        ({"db1": Tried(True)}, "mariadb", "x" * 33, ""),
        *(({"db1": Tried(True)}, family, f"a{odd}b", "db0") for family in ("mysql", "mariadb") for odd in "\n\0"),
        *(({"db1": Tried(True)}, family, f"a{odd}b", "") for family in ("mysql", "mariadb") for odd in "\r\t '\\é"),
    ],
)
def test_what_the_new_primary_refuses_is_told(tried: dict[str, Tried], family: str, password: str | None, refused: str) -> None:
    problems = list(check_account_tried(tried, "db1", "db0", family, password))
    assert [(problem.code, problem.server) for problem in problems] == ([("replication_login_refused", refused)] if refused else [])


def test_what_is_refused_here_without_the_certificate_of_the_replicas_says_nothing() -> None:
    def told_of(tried: Tried) -> list[str]:
        return [problem.code for problem in check_account_tried({"db1": tried}, "db1", "db0", "mariadb", "p", by_certificate=True)]

    assert told_of(Tried(False, 1045, "Access denied")) == []
    assert told_of(Tried(False, 4151, "Account is locked")) == ["replication_login_refused"]
    assert told_of(Tried(True, may_replicate=False)) == ["replication_login_refused"]
    assert told_of(Tried(True, needs_tls=True)) == []


def test_an_account_that_is_let_in_over_tls_only_is_of_no_use_to_replicas_without() -> None:
    def told_of(**how: bool) -> list[str]:
        return [problem.code for problem in check_account_tried({"db1": Tried(True, needs_tls=True)}, "db1", "db0", "mysql", "p", **how)]

    assert told_of(over_tls=False) == ["replication_login_refused"]
    assert told_of(over_tls=True) == []
    # What is not said is not required.
    assert list(check_account_tried({"db1": Tried(True)}, "db1", "db0", "mysql", "p", over_tls=False)) == []
    with_certificate = server("db1", state("db1", "P:1-9", channels=[channel(tls=SourceTls(True, client_cert="/client.pem"))]))
    assert log_in_by_certificate(cluster(living(), with_certificate))
    assert not log_in_by_certificate(cluster(living(), replica("db1", "P:1-9"), dead("db2")))


@pytest.mark.parametrize(
    ("version", "own", "wanted", "lacks"),
    [
        ((8, 0, 36), SourceTls(get_public_key=False), Settings(), True),
        ((8, 0, 36), SourceTls(get_public_key=True), Settings(), False),
        ((8, 0, 36), SourceTls(True, get_public_key=False), Settings(), False),
        # What it is going to be told.
        ((8, 0, 36), SourceTls(get_public_key=False), Settings(get_public_key=True), False),
        ((8, 0, 36), SourceTls(get_public_key=False), Settings(tls=True), False),
        ((8, 0, 36), SourceTls(True, get_public_key=False), Settings(tls=False), True),
        ((8, 0, 36), SourceTls(get_public_key=False), Settings(more=(("PUBLIC_KEY_PATH", "/key.pem"),)), False),
        # No such setting.
        ((8, 0, 3), SourceTls(), Settings(), False),
        ((8, 0, 36), SourceTls(), Settings(), False),
    ],
)
def test_who_would_have_to_send_a_password_in_a_way_that_it_does_not_know(version: tuple[int, ...], own: SourceTls, wanted: Settings, lacks: bool) -> None:
    topology = cluster(living(), replica("db1", "P:1-9", on_channel={"tls": own}, version=version), dead("db2"))
    assert lacks_key(topology, "db1", wanted) is lacks
    assert not lacks_key(topology, "db2")
    assert not lacks_key(cluster(living(executed="0-1-9"), replica("db1", "0-1-9")), "db0")


@pytest.mark.parametrize(("like", "lacks"), [(SourceTls(get_public_key=False), True), (SourceTls(get_public_key=True), False), (SourceTls(True), False)])
def test_a_former_primary_is_told_of_keys_what_another_replica_is(like: SourceTls, lacks: bool) -> None:
    topology = cluster(living(), replica("db1", "P:1-9", on_channel={"tls": like}))
    assert lacks_key(topology, "db0") is lacks
    assert lacks_key(topology, "db0", Settings(), Settings(get_public_key=True)) is False


WITHHELD = Tried(None, None, "db1 wants the password itself", takes_key=True)


@pytest.mark.parametrize(
    ("tried", "user", "refused"),
    [
        (WITHHELD, "repl", ["db0", "db2"]),
        # Another account than its own may be let in.
        (WITHHELD, "other", ["db0"]),
        # It remembers the password by now; it is let in by another method; it is not let in from here; it was not tried.
        (Tried(True, takes_key=True), "repl", []),
        (Tried(None, None, "unreachable"), "repl", []),
        (Tried(False, 1045, "denied", takes_key=True), "repl", []),
        (None, "repl", []),
    ],
)
def test_a_source_that_would_have_to_be_sent_the_password_is_refused(tried: Tried | None, user: str, refused: list[str]) -> None:
    topology = cluster(living(), replica("db1", "P:1-9"), replica("db2", "P:1-9"))
    problems = list(check_key(topology, ["db0", "db2"], "db1", user, {"db1": tried} if tried is not None else {}))
    assert [(problem.code, problem.server) for problem in problems] == [("public_key_missing", name) for name in refused]


def test_who_is_cut_off_from_a_living_primary_is_repointed_again() -> None:
    error = {"receiver_error": REFUSED}
    cut_off, fine = replica("db1", "P:1-9", on_channel=error), connected(replica("db2", "P:1-9"))
    on_purpose, broken = stopped(replica("db3", "P:1-9")), connected(replica("db4", "P:1-9", error="Duplicate entry"))
    topology = cluster(living(), cut_off, fine, on_purpose, broken)
    assert have_failed(topology) == ["db1", "db4"]
    assert have_failed(cluster(dead(), cut_off)) == []
