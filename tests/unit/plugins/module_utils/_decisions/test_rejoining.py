# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a server can be joined as it is, whether it may be overwritten, and with a copy of whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.dbha.mysql.plugins.module_utils._decisions.rejoining import (
    Alone,
    check_copied,
    check_copy,
    check_donor,
    check_ends,
    check_fit,
    check_may_be_overwritten,
    check_unchanged,
    choose_donor,
    not_of_members,
    why_unknown,
)
from ansible_collections.dbha.mysql.plugins.module_utils._state.topology import Member, Topology
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.factories import (
    channel,
    cluster,
    connected,
    dead,
    gtids,
    living,
    refusing,
    replica,
    server,
    short,
    state,
    stopped,
)

FORMER = server("db0", state("db0", "P:1-9", read_only=True))
PRIMARY = living("db1", "P:1-9,A:1")


@pytest.mark.parametrize(
    ("topology", "codes"),
    [
        pytest.param(cluster(FORMER, PRIMARY), [], id="both_can_be_read"),
        pytest.param(cluster(dead("db0"), PRIMARY), [("unreachable", "db0")], id="the_former_primary_is_dead"),
        pytest.param(cluster(FORMER, refusing("db1")), [("login_refused", "db1")], id="the_primary_lets_nobody_in"),
        pytest.param(cluster(dead("db0"), dead("db1")), [("unreachable", "db0"), ("unreachable", "db1")], id="both_are_dead"),
        pytest.param(cluster(FORMER, replica("db1", "P:1-9", source="db2")), [("primary_unknown", "db1")], id="the_primary_is_a_replica"),
        pytest.param(cluster(FORMER, living("db1", "P:1-9", read_only=True)), [("primary_read_only", "db1")], id="the_primary_is_closed"),
        pytest.param(cluster(FORMER, living("db1", "P:1-9", server_id=1)), [("same_server_id", "db1")], id="they_have_the_same_server_id"),
        pytest.param(cluster(FORMER, living("db1", "0-2-9")), [("mixed_families", "")], id="they_are_of_different_families"),
        # Its primary takes writes: it would be closed.
        pytest.param(cluster(FORMER, replica("db1", "P:1-9", source="db0")), [("not_the_primary", "db1")], id="the_primary_follows_the_former_one"),
    ],
)
def test_what_speaks_against_these_two(topology: Topology, codes: list[tuple[str, str]]) -> None:
    assert [(problem.code, problem.server) for problem in check_ends(topology, "db0", "db1")] == codes


@pytest.mark.parametrize(
    ("former", "primary", "purged", "unfinished", "expected"),
    [
        pytest.param("P:1-9", "P:1-9,A:1", "", False, None, id="it_has_nothing_of_its_own"),
        pytest.param("P:1-5", "P:1-9,A:1-3", "", False, ("history_lost", "P:6-9"), id="it_has_lost_what_it_wrote"),
        pytest.param("P:1-9,X:1-2", "P:1-9,A:1", "", False, ("own_transactions", "X:1-2"), id="it_alone_has_something"),
        pytest.param("P:1-12", "P:1-9,A:1", "", False, ("own_transactions", "P:10-12"), id="it_wrote_something_that_nobody_received"),
        pytest.param("P:1-9", "P:1-9,A:1-7", "A:1-4", False, ("purged", "A:1-4"), id="the_primary_has_purged_what_it_lacks"),
        pytest.param("P:1-9,A:1-4", "P:1-9,A:1-7", "A:1-4", False, None, id="the_primary_has_purged_what_it_has"),
        pytest.param("", "P:1-9", "", True, ("not_copied", ""), id="it_holds_a_part_of_a_copy"),
        # What it alone has comes first: it is lost if it is overwritten.
        pytest.param("P:1-5,X:1", "P:1-9,A:1-7", "A:1-4", True, ("own_transactions", "X:1"), id="everything_at_once"),
        pytest.param("P:1-5", "P:1-9,A:1-7", "A:1-4", False, ("history_lost", "P:6-9"), id="lost_comes_before_purged"),
        pytest.param("0-1-9", "0-1-9,0-2-12", "", False, None, id="mariadb_it_has_nothing_of_its_own"),
        pytest.param("0-1-11", "0-1-9,0-2-12", "", False, ("own_transactions", "0-1-10..11"), id="mariadb_it_alone_has_something"),
        pytest.param("0-1-5", "0-1-9,0-2-12", "", False, ("history_lost", "0-1-6..9"), id="mariadb_it_has_lost_what_it_wrote"),
        pytest.param("0-1-9", "0-1-9,7-1-5", "", False, ("domain_unknown", "7-1-1..5"), id="mariadb_a_domain_was_removed"),
        pytest.param("0-1-9", "0-1-9,0-2-12,7-1-5,8-1-1,9-2-4", "", False, ("domain_unknown", "7-1-1..5,8-1-1"), id="mariadb_domains_were_removed"),
        pytest.param("0-1-9,9-1-1", "0-1-9,7-1-5", "", False, ("own_transactions", "9-1-1"), id="mariadb_a_domain_was_removed_and_it_has_its_own"),
        # An old copy, or one without any history, need not know every domain either.
        pytest.param("0-1-5", "0-1-9,7-1-5", "", False, ("history_lost", "0-1-6..9,7-1-1..5"), id="mariadb_a_domain_and_more_are_missing"),
        pytest.param("0-1-0", "0-1-9,7-1-5", "", False, ("history_lost", "0-1-1..9,7-1-1..5"), id="mariadb_every_domain_is_missing"),
        pytest.param("0-1-9", "0-1-9,9-2-4", "", False, None, id="mariadb_a_domain_of_another_server"),
    ],
)
def test_what_forbids_that_it_becomes_a_replica(former: str, primary: str, purged: str, unfinished: bool, expected: tuple[str, str] | None) -> None:
    its, source = state("db0", former, read_only=True), state("db1", primary, purged=gtids(purged, "mariadb" if "-1-" in primary else "mysql"))
    alone = Alone(its.received.not_proven_in(source.executed))
    found = [(problem.code, short(problem.gtids)) for problem in check_fit("db0", its, "db1", source, alone, unfinished=unfinished)]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(("gone", "expected"), [("0-1-9", []), ("0-2-11", [("purged", "0-2-10..11")])])
def test_what_the_primary_can_no_longer_send_is_given_where_its_state_does_not_say_it(gone: str, expected: list[tuple[str, str]]) -> None:
    its, source = state("db0", "0-1-9", read_only=True), state("db1", "0-1-9,0-2-12")
    found = check_fit("db0", its, "db1", source, Alone(its.received.not_proven_in(source.executed)), gone=gtids(gone, "mariadb"))
    assert [(problem.code, short(problem.gtids)) for problem in found] == expected


def test_of_a_domain_that_was_removed_it_is_said_what_tells_the_server_that_it_has_it() -> None:
    its, source = state("db0", "0-1-9"), state("db1", "0-1-9,0-2-12,7-1-5,8-1-1")
    (problem,) = check_fit("db0", its, "db1", source, Alone(its.received.subtract(source.executed)))
    assert problem.message == (
        "db0 knows nothing of domains 7, 8, in which it wrote 6 transactions that db1 has: 7-1-1..5,8-1-1. This statement tells it that it has them: "
        "SET GLOBAL gtid_slave_pos = CONCAT_WS(',', NULLIF(@@GLOBAL.gtid_current_pos, ''), '7-1-5,8-1-1')"
    )


def test_it_is_said_where_its_own_transactions_are_kept() -> None:
    its, source = state("db0", "P:1-12"), state("db1", "P:1-9")
    (problem,) = check_fit("db0", its, "db1", source, Alone(its.received.subtract(source.executed)), ". They are saved in /srv")
    assert short(problem.message) == "db0 has 3 transactions that db1 lacks: P:10-12. They are saved in /srv"


NOTHING = gtids("", "mysql")


@pytest.mark.parametrize(
    ("alone", "changes", "codes"),
    [
        pytest.param(Alone(NOTHING), {}, [], id="nothing"),
        pytest.param(Alone(NOTHING, anonymous=3), {}, ["own_transactions"], id="transactions_without_a_gtid"),
        pytest.param(Alone(gtids("X:1"), anonymous=3), {}, ["own_transactions", "own_transactions"], id="with_and_without"),
        pytest.param(Alone(NOTHING), {"gtid_mode": "OFF_PERMISSIVE"}, ["gtid_off"], id="gtids_are_off"),
        pytest.param(Alone(NOTHING, anonymous=1), {"gtid_mode": "OFF"}, ["own_transactions", "gtid_off"], id="and_something_was_written"),
        pytest.param(Alone(NOTHING, unknown="no log"), {}, ["history_unknown"], id="it_cannot_be_told"),
        pytest.param(Alone(NOTHING, skipped=gtids("X:1-2")), {}, ["history_lost"], id="it_would_skip_what_it_lacks"),
        pytest.param(Alone(gtids("X:9"), skipped=gtids("X:1-2")), {}, ["own_transactions"], id="and_has_its_own"),
        pytest.param(Alone(NOTHING, unknown="no log"), {"executed": gtids("P:1-5")}, ["history_unknown"], id="that_comes_before_what_it_lost"),
        pytest.param(Alone(NOTHING, anonymous=1), {"executed": gtids("P:1-5")}, ["own_transactions"], id="so_does_what_it_has"),
    ],
)
def test_what_a_set_of_gtids_does_not_show_forbids_it_too(alone: Alone, changes: dict[str, Any], codes: list[str]) -> None:
    its = replace(state("db0", "P:1-9"), **changes)
    found = list(check_fit("db0", its, "db1", state("db1", "P:1-9,A:1"), alone, ". They are saved in /srv"))
    assert [problem.code for problem in found] == codes
    assert sum("They are saved in /srv" in problem.message for problem in found) == bool(alone)


@pytest.mark.parametrize(
    ("changes", "databases", "says"),
    [
        ({}, ["app"], ""),
        ({"log_bin": False}, [], "log_bin"),
        ({"binlog_filters": ("binlog_do_db=a",)}, [], "binlog_do_db=a"),
        ({"executed": NOTHING}, [], ""),
        ({"executed": NOTHING}, ["app", "b", "c", "d", "e", "f"], "it has databases (app, b, c, d, e) and no GTID"),
    ],
)
def test_where_writes_may_have_left_no_trace_nothing_can_be_told(changes: dict[str, Any], databases: list[str], says: str) -> None:
    why = why_unknown(replace(state("db0", "P:1-9"), **changes), databases)
    assert says in why
    assert bool(why) == bool(says)


def test_who_wrote_what_is_lacking_and_is_no_member_may_have_had_its_server_id() -> None:
    topology = cluster(FORMER, PRIMARY, dead("db2"))
    assert not_of_members(topology, gtids("P:3,A:1,B:7,X:1")) == gtids("B:7,X:1").origins()


def test_a_part_of_a_copy_says_more_than_that_nothing_can_be_told() -> None:
    found = check_fit("db0", state("db0", ""), "db1", state("db1", "P:1-9"), Alone(NOTHING, unknown="no log"), unfinished=True)
    assert [problem.code for problem in found] == ["not_copied"]


@pytest.mark.parametrize(
    ("alone", "kept", "codes"),
    [
        (Alone(gtids("P:1")), True, []),
        (Alone(gtids("P:1")), False, ["not_saved"]),
        (Alone(NOTHING, anonymous=1), False, ["not_saved"]),
        (Alone(NOTHING, anonymous=1), True, []),
        (Alone(NOTHING), False, []),
        (Alone(gtids("P:1"), waiting=gtids("P:1")), True, ["not_saved"]),
        (Alone(NOTHING, unknown="no log"), False, ["not_saved"]),
    ],
)
def test_what_is_not_kept_is_not_overwritten(alone: Alone, kept: bool, codes: list[str]) -> None:
    assert [problem.code for problem in check_may_be_overwritten("db0", alone, kept=kept)] == codes


LOG: dict[str, Any] = {"binlog_filters": ("binlog_ignore_db=a",)}


def follower(name: str, executed: str = "P:1-9,A:1", source: str = "db1", state: dict[str, Any] | None = None, **on_channel: Any) -> Member:
    return connected(replica(name, executed, source=source, on_channel=on_channel, **(state or {})))


def filtered(name: str, state: dict[str, Any] | None = None, **on_channel: Any) -> Member:
    return follower(name, filters=("Replicate_Ignore_DB",), state=state, **on_channel)


SKIPS: dict[str, Any] = {"variables": {"slave_exec_mode": "IDEMPOTENT"}}


def skipping(name: str, **on_channel: Any) -> Member:
    return follower(name, state=SKIPS, **on_channel)


@pytest.mark.parametrize(
    ("others", "donor"),
    [
        pytest.param([], "db1", id="there_is_only_the_primary"),
        pytest.param([follower("db2")], "db2", id="a_replica_spares_the_primary"),
        pytest.param([follower("db2", lag=7), follower("db3", lag=0)], "db3", id="the_one_that_lags_least"),
        pytest.param([follower("db2", lag=None), follower("db3", lag=3)], "db2", id="a_lag_that_is_not_known_is_none"),
        pytest.param([follower("db2", delay=60, lag=0), follower("db3", lag=9)], "db3", id="a_delayed_one_comes_last"),
        pytest.param([follower("db3"), follower("db2")], "db2", id="of_equal_ones_the_first_by_name"),
        pytest.param([follower("db2", "P:1-7")], "db1", id="one_that_lacks_what_the_former_primary_wrote_does_not_serve"),
        pytest.param([replica("db2", "P:1-9,A:1", source="db1")], "db1", id="one_that_does_not_receive_does_not_serve"),
        pytest.param([stopped(replica("db2", "P:1-9,A:1", source="db1"))], "db1", id="one_that_stands_still_does_not_serve"),
        pytest.param([connected(replica("db2", "P:1-9,A:1", source="db3"))], "db1", id="one_that_follows_somebody_else_does_not_serve"),
        pytest.param([dead("db2")], "db1", id="a_dead_one_does_not_serve"),
        pytest.param([filtered("db2", lag=0), follower("db3", lag=7)], "db3", id="one_that_leaves_rows_out_does_not_serve"),
        pytest.param([filtered("db2"), filtered("db3")], "db1", id="where_all_leave_rows_out_the_primary_is_copied"),
        pytest.param([follower("db2", state=LOG)], "db2", id="what_one_does_not_log_it_has"),
        pytest.param([skipping("db2", lag=0), follower("db3", lag=7, delay=60)], "db3", id="one_that_may_have_skipped_rows_does_not_serve"),
        pytest.param([skipping("db2"), filtered("db3")], "db1", id="where_no_replica_is_known_to_hold_all_the_primary_is_copied"),
    ],
)
def test_whom_to_copy(others: list[Member], donor: str) -> None:
    assert choose_donor(cluster(FORMER, PRIMARY, *others, primary="db1"), "db0", "db1") == donor


def test_the_donor_stays_the_one_as_long_as_it_can_be_copied() -> None:
    lagging = cluster(FORMER, PRIMARY, follower("db2", lag=7), follower("db3", lag=0), primary="db1")
    assert [choose_donor(lagging, "db0", "db1", before) for before in (None, "db2", "db3", "db1")] == ["db3", "db2", "db3", "db1"]
    for no_longer in (dead("db2"), filtered("db2")):
        assert choose_donor(cluster(FORMER, PRIMARY, no_longer, follower("db3", lag=0), primary="db1"), "db0", "db1", "db2") == "db3"


@pytest.mark.parametrize(
    ("before", "now", "written"),
    [
        pytest.param("P:1-9", "P:1-9", None, id="nothing_was_written"),
        pytest.param("P:1-9", "P:1-10", "P:10", id="somebody_wrote_to_it"),
        pytest.param("P:1-9", "P:1-9,A:1-3", None, id="it_received_something"),
        pytest.param("P:1-12", "P:1-9", None, id="what_it_had_received_it_had"),
        pytest.param("0-1-9", "0-1-10", "0-1-10", id="mariadb_somebody_wrote_to_it"),
        pytest.param("0-1-9", "0-1-9,0-2-12", None, id="mariadb_it_received_something"),
        pytest.param("0-1-9,0-2-12", "0-1-13,0-2-12", "0-1-13", id="mariadb_somebody_wrote_after_it_had_received_something"),
    ],
)
def test_what_is_written_after_the_comparison_is_seen(before: str, now: str, written: str | None) -> None:
    found = [(problem.code, short(problem.gtids)) for problem in check_unchanged("db0", gtids(before), state("db0", now))]
    assert found == ([("changed_meanwhile", written)] if written else [])


def test_a_server_that_is_a_replica_itself_is_not_its_own_donor() -> None:
    errant = connected(replica("db2", "P:1-9,A:1,B:1", source="db1"))
    assert choose_donor(cluster(errant, PRIMARY, primary="db1"), "db2", "db1") == "db1"


def test_a_donor_that_cannot_be_read_is_told() -> None:
    topology = cluster(FORMER, PRIMARY, refusing("db2"), primary="db1")
    assert [problem.code for problem in check_donor(topology, "db0", "db1", "db2")] == ["login_refused"]
    assert list(check_donor(topology, "db0", "db1", "db1")) == []


@pytest.mark.parametrize(
    ("others", "reasons"),
    [
        pytest.param([follower("db2")], [], id="it_holds_all"),
        pytest.param([filtered("db2")], ["its replication is filtered (Replicate_Ignore_DB): it does not hold all rows"], id="it_leaves_rows_out"),
        pytest.param([follower("db2", state=LOG)], [], id="it_has_what_it_does_not_log"),
        pytest.param([follower("db2", source="db3"), follower("db3")], [], id="its_source_holds_all"),
        pytest.param(
            [follower("db2", source="db3"), filtered("db3", state=LOG)],
            [
                "it replicates from db3, whose replication is filtered (Replicate_Ignore_DB): it does not hold all rows",
                "it replicates from db3, whose binary log leaves databases out (binlog_ignore_db=a): it does not get their rows",
            ],
            id="its_source_leaves_rows_out_twice",
        ),
        pytest.param(
            [follower("db2", source="db3"), follower("db3", source="db4"), filtered("db4")],
            ["it replicates from db4, whose replication is filtered (Replicate_Ignore_DB): it does not hold all rows"],
            id="the_source_of_its_source_leaves_rows_out",
        ),
        pytest.param([follower("db2", source="db3"), follower("db3", source="db2")], [], id="they_follow_each_other"),
        pytest.param([follower("db2", source="db3"), dead("db3")], [], id="its_source_is_dead"),
    ],
)
def test_a_donor_that_lacks_rows_is_told(others: list[Member], reasons: list[str]) -> None:
    found = list(check_donor(cluster(FORMER, PRIMARY, *others, primary="db1"), "db0", "db1", "db2"))
    assert [(problem.code, problem.server) for problem in found] == [("cannot_copy", "db2")] * len(reasons)
    assert [problem.message for problem in found] == [f"db2 is not copied to db0: {reason}, and would lack them without the filter, too" for reason in reasons]


@pytest.mark.parametrize(
    ("executed", "lacking"),
    [("P:1-9,A:1", None), ("P:1-9", None), ("P:1-7,A:1", "P:8-9"), ("P:1-8", "P:9")],
)
def test_a_donor_that_lacks_what_the_server_wrote_is_told(executed: str, lacking: str | None) -> None:
    found = list(check_donor(cluster(FORMER, PRIMARY, follower("db2", executed), primary="db1"), "db0", "db1", "db2"))
    assert [(problem.code, problem.server, short(problem.gtids)) for problem in found] == ([("cannot_copy", "db2", lacking)] if lacking else [])
    if lacking == "P:9":
        assert short(found[0].message) == ("db2 is not copied to db0: it has not applied 1 transaction that db0 wrote, and db0 would skip as a replica: P:9")


def test_the_primary_holds_all_whatever_it_leaves_out() -> None:
    """What it keeps out of its binary log no replica is to have, and what it left out as a replica is the user's, who made it the primary."""
    primary = server("db1", state("db1", "P:1-9,A:1", **LOG, channels=[channel("db9", filters=("Replicate_Do_DB",))]))
    topology = cluster(FORMER, primary, follower("db2"), primary="db1")
    assert [list(check_donor(topology, "db0", "db1", donor)) for donor in ("db1", "db2")] == [[], []]
    assert choose_donor(topology, "db0", "db1") == "db2"


@pytest.mark.parametrize(("copied", "alone"), [("P:1-9,A:1", None), ("P:1-8", None), ("P:1-10", "P:10"), ("P:1-9,X:1", "X:1")])
def test_a_copy_has_nothing_of_its_own(copied: str, alone: str | None) -> None:
    found = [(problem.code, short(problem.gtids)) for problem in check_copy("db0", state("db0", copied), "db1", state("db1", "P:1-9,A:1"))]
    assert found == ([("own_transactions", alone)] if alone else [])


def test_a_donor_that_may_lack_rows_is_copied_if_the_user_wants_it_and_that_is_said() -> None:
    behind = follower("db3", source="db2", state={"variables": {"slave_skip_errors": "1062"}})
    primary = server("db1", state("db1", "P:1-9,A:1", **SKIPS))
    topology = cluster(FORMER, primary, skipping("db2"), behind, follower("db4"), primary="db1")
    assert [list(check_donor(topology, "db0", "db1", donor)) for donor in ("db1", "db2", "db3", "db4")] == [[]] * 4
    said = {donor: [(each.code, each.server, each.message) for each in check_copied(topology, "db1", donor)] for donor in ("db1", "db2", "db3", "db4")}
    may = "%s is copied, and may lack rows of which it has the GTIDs: it goes on without what it cannot apply (%s)"
    assert said == {
        "db1": [],
        "db2": [("skips_rows", "db2", may % ("db2", "slave_exec_mode=IDEMPOTENT"))],
        "db3": [("skips_rows", "db3", may % ("db3", "slave_skip_errors=1062, slave_exec_mode=IDEMPOTENT on db2"))],
        "db4": [],
    }
