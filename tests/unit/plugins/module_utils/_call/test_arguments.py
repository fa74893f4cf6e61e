# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options in, result out: what cannot be used is named with its option, and every result has the same frame."""

from __future__ import annotations

import contextlib
import re
import sys
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._call.call import Call, Verb
from ansible_collections.dbha.mysql.plugins.module_utils._call.options import BadInput, Options
from ansible_collections.dbha.mysql.plugins.module_utils._call.perform import perform
from ansible_collections.dbha.mysql.plugins.module_utils._problems.problem import Problem, Refusal
from ansible_collections.dbha.mysql.plugins.module_utils._problems.remedies import remedy_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import StatementFailed
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import Secret, Statement
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.change_master import VERB as CHANGE_MASTER
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.gtid_check import ARGUMENTS
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.gtid_check import VERB as GTID_CHECK
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.promote import ARGUMENTS as PROMOTE
from ansible_collections.dbha.mysql.plugins.module_utils._verbs.rejoin import VERB as REJOIN
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.fake_server import answers, error, fake_server, packet

SECRET = "it's \\ secret"


def options(**given_options: t.Any) -> dict[str, t.Any]:
    """Fill the defaults in, as Ansible does."""
    given_options.setdefault("config_file", "/nonexistent")
    given_options.setdefault("replicas", [{"host": "db1"}])
    validated = ArgumentSpecValidator(ARGUMENTS).validate(given_options)
    assert not validated.error_messages
    return dict(validated.validated_parameters)


def read(**given_options: t.Any) -> Options:
    return Options(options(**given_options))


def verb(work: t.Callable[[Call], dict[str, t.Any]], arguments: dict[str, t.Any] | None = None) -> Verb[None]:
    return Verb(arguments or ARGUMENTS, lambda given: None, lambda call, request: work(call))


# --- Servers


def test_a_server_is_known_by_its_name_or_by_where_it_is() -> None:
    servers = [{"host": "db1"}, {"host": "db1", "port": 3307}, {"name": "one", "host": "10.0.0.1"}, {"name": "local", "unix_socket": "/run/mysqld.sock"}]
    found = read(replicas=servers)
    assert list(found.names("replicas")) == ["db1:3306", "db1:3307", "one", "local"]
    addresses = [entry.address for entry in found.members("replicas").entries]
    assert addresses == [Address("db1"), Address("db1", 3307), Address("10.0.0.1"), Address("localhost", 3306, "/run/mysqld.sock")]


def test_a_server_may_have_a_login_of_its_own() -> None:
    servers = [{"host": "db1"}, {"host": "db2", "login_user": "other", "login_password": ""}]
    entries = read(replicas=servers, login_user="failover", login_password=SECRET).members("replicas").entries
    assert [(entry.login.user, entry.login.password) for entry in entries] == [("failover", SECRET), ("other", "")]


def test_one_server_may_be_named_by_two_options() -> None:
    found = read(primary={"host": "db1"}, replicas=[{"host": "db1"}, {"host": "db2"}])
    assert [entry.name for entry in found.members("primary", "replicas").entries] == ["db1:3306", "db2:3306"]
    assert found.required_server("primary").name == "db1:3306"


def test_an_option_that_is_not_given_names_nobody() -> None:
    assert read().server("primary") is None
    with pytest.raises(BadInput, match="primary: name a server"):
        read().required_server("primary")


BAD_SERVERS: dict[str, tuple[list[dict[str, t.Any]], str]] = {
    "port_0": ([{"host": "db1", "port": 0}], "replicas: port 0 is not between 1 and 65535"),
    "port_65536": ([{"host": "db1", "port": 65536}], "replicas: port 65536 is not between 1 and 65535"),
    "port_below_0": ([{"host": "db1", "port": -1}], "replicas: port -1 is not between 1 and 65535"),
    "no_host": ([{"host": ""}], "replicas: '' is not a host name or address"),
    "a_host_with_a_space": ([{"host": "db 1"}], "replicas: 'db 1' is not a host name or address"),
    "a_host_with_a_newline": ([{"host": "db1\n"}], "replicas: 'db1\\n' is not a host name or address"),
    "a_host_of_300_characters": ([{"host": "x" * 300}], "is not a host name or address"),
    "a_name_with_a_newline": ([{"name": "a\nb"}], "replicas: 'a\\nb' is not a name for a server"),
    "an_empty_name": ([{"name": ""}], "replicas: '' is not a name for a server"),
    "a_name_of_300_characters": ([{"name": "x" * 300}], "is not a name for a server: it takes 1 to 255 printable characters"),
    "a_socket_with_too_long_a_path": ([{"unix_socket": "/" + "x" * 107}], "is not a path that a socket can have (at most 107 characters)"),
    "a_site_with_a_newline": ([{"host": "db1", "site": "a\nb"}], "replicas: 'a\\nb' is not a name for a site"),
    "the_same_name_twice": ([{"name": "a", "host": "db1"}, {"name": "a", "host": "db2"}], "replicas: 'a' is named twice"),
    "the_same_host_twice": ([{"host": "db1"}, {"host": "db1", "port": 3306}], "replicas: 'db1:3306' is named twice"),
}


@pytest.mark.parametrize("case", BAD_SERVERS)
def test_a_server_that_cannot_be_one_is_refused_with_its_option(case: str) -> None:
    servers, says = BAD_SERVERS[case]
    with pytest.raises(BadInput) as refused:
        read(replicas=servers).members("replicas")
    assert says in str(refused.value)
    assert str(refused.value).startswith("replicas: ")
    assert len(str(refused.value)) < 250


def test_of_an_account_with_a_line_break_only_what_is_before_that_is_shown() -> None:
    with pytest.raises(BadInput, match="login_user: the name of an account that begins with 'failover' has line breaks") as refused:
        read(login_user="failover\nsEcret").members("replicas")
    assert "sEcret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given_options", "says"),
    [
        ({"server": {"host": "db2"}}, "server: only a rejoin brings a server back"),
        ({"purpose": "rejoin", "expect_primary": "dead"}, "expect_primary: leave it out for a rejoin"),
        ({"after": "{}"}, "after: takes a topology to show beside another one"),
        ({"purpose": "readiness", "expect_primary": "dead"}, "expect_primary: whether a cluster is ready can be seen only while its primary lives"),
        ({"disk_used": 101}, "disk_used: takes a part of the whole, from 1 to 100 (%), not 101"),
        ({"replicas": []}, "replicas: name at least one server"),
    ],
)
def test_what_does_not_go_together_is_refused(given_options: dict[str, t.Any], says: str) -> None:
    with pytest.raises(BadInput) as refused:
        GTID_CHECK.parse(read(**given_options))
    assert says in str(refused.value)


def test_what_is_left_to_do_is_what_a_promotion_returned() -> None:
    given_options = {"primary": {"host": "db1"}, "replicas": [{"host": "db2"}], "config_file": "/nonexistent", "unfinished": [{"code": "x"}]}
    validated = ArgumentSpecValidator(CHANGE_MASTER.arguments).validate(given_options)
    assert not validated.error_messages
    with pytest.raises(BadInput, match="unfinished: takes what mysql_promote returned as unfinished"):
        CHANGE_MASTER.parse(Options(dict(validated.validated_parameters)))


def test_one_name_for_two_servers_in_two_options_is_refused() -> None:
    with pytest.raises(BadInput, match="replicas: 'a' is named twice"):
        read(primary={"name": "a", "host": "db1"}, replicas=[{"name": "a", "host": "db2"}]).members("primary", "replicas")


def test_a_password_that_is_part_of_a_name_is_refused_and_not_told() -> None:
    with pytest.raises(BadInput, match="replicas: a server has its password in its name") as refused:
        read(replicas=[{"name": "db-geheim-1", "host": "h1"}], login_password="geheim").members("replicas")
    assert "geheim" not in str(refused.value)
    assert read(replicas=[{"name": "db1", "host": "h1"}], login_password="db").members("replicas").entries[0].name == "db1"


@pytest.mark.parametrize("name", ["'; DROP TABLE t; --", 'a"b', "100%s", "{{ lookup('pipe', 'id') }}", "x" * 255, "a b", "日本"])
def test_a_strange_name_is_a_name(name: str) -> None:
    assert read(replicas=[{"name": name, "host": "db1"}]).names("replicas") == (name,)


@given(host=st.text(max_size=300), port=st.integers(-1, 70000), name=st.none() | st.text(max_size=300), unix_socket=st.none() | st.text(max_size=120))
def test_anything_is_a_server_or_refused(host: str, port: int, name: str | None, unix_socket: str | None) -> None:
    entry = {"host": host, "port": port, "name": name, "unix_socket": unix_socket, "login_user": None, "login_password": None}
    found = Options({**options(), "replicas": [entry]})
    with contextlib.suppress(BadInput):
        (made,) = found.members("replicas").entries
        assert made.name.isprintable()
        assert made.address == Address(host, port, unix_socket)


# --- Time limits and files


@pytest.mark.parametrize("option", ["connect_timeout", "read_timeout"])
@pytest.mark.parametrize("value", [0, -1, 86401, "nan", "inf", "-inf", 1e300])
def test_a_time_limit_that_is_none_is_refused(option: str, value: t.Any) -> None:
    with pytest.raises(BadInput, match=f"{option}: .* is not a time limit: it takes more than 0 and at most 86400 seconds"):
        read(**{option: value}).members("replicas")


@pytest.mark.parametrize("value", [0.001, 1, 86400])
def test_a_time_limit_is_taken_as_it_is(value: float) -> None:
    found = read(connect_timeout=value, read_timeout=value)
    (entry,) = found.members("replicas").entries
    assert (entry.login.connect_timeout, entry.login.read_timeout, found.seconds("read_timeout")) == (value, value, value)


def test_an_option_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "my.cnf"
    path.write_text("user=root")
    with pytest.raises(BadInput, match=f"config_file: the option file {path} cannot be read"):
        read(config_file=str(path)).members("replicas")


def test_the_usual_option_file_need_not_be_readable_where_nothing_of_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".my.cnf").write_text("user=root")
    usual = {"config_file": str(tmp_path / ".my.cnf")}
    (entry,) = read(login_user="me", login_password="p", **usual).members("replicas").entries
    assert (entry.login.user, entry.login.password) == ("me", "p")
    for missing in ({}, {"login_user": "me"}, {"login_password": "p"}):
        with pytest.raises(BadInput, match="cannot be read"):
            read(**missing, **usual).members("replicas")


@pytest.mark.parametrize("option", ["ca_cert", "client_cert"])
def test_a_certificate_that_cannot_be_read_is_refused(option: str) -> None:
    with pytest.raises(BadInput, match=f"{option}.* /nonexistent.pem"):
        read(**{option: "/nonexistent.pem"}).members("replicas")


@pytest.mark.parametrize("value", [-0.001, "nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused_though_nobody_asks_for_it(value: t.Any) -> None:
    chosen = ArgumentSpecValidator(PROMOTE).validate({"replica": {"host": "db1"}, "max_lag": value}).validated_parameters
    result = perform(verb(lambda call: {"msg": "done"}), chosen, check_mode=False, diff_mode=False, say=print)
    (problem,) = result["problems"]
    assert problem["code"] == "bad_input"
    assert re.fullmatch(r"max_lag: (-0.001|nan|inf|-inf) is not a number of seconds: it takes 0 or more", problem["message"])


@pytest.mark.parametrize("value", [0, 0.5, 10**9])
def test_a_lag_may_be_as_small_or_as_large_as_anybody_likes(value: float) -> None:
    chosen = ArgumentSpecValidator(PROMOTE).validate({"replica": {"host": "db1"}, "max_lag": value}).validated_parameters
    assert perform(verb(lambda call: {"msg": "done"}), chosen, check_mode=False, diff_mode=False, say=print)["msg"] == "done"


@pytest.mark.parametrize("option", ["timeout", "grace", "copy_timeout", "restart_timeout", "save_timeout"])
def test_a_time_limit_of_a_rejoin_is_looked_at_before_anything_is_done(option: str) -> None:
    nowhere = {"unix_socket": "/nonexistent"}
    chosen = ArgumentSpecValidator(REJOIN.arguments).validate({"server": {"name": "db1", **nowhere}, "primary": {"name": "db0", **nowhere}, option: 0})
    result = perform(REJOIN, chosen.validated_parameters, check_mode=False, diff_mode=False, say=print)
    assert [problem["message"].split()[0] for problem in result["problems"]] == [f"{option}:"]


# --- The frame of a result

FRAME = {"changed", "problems", "warnings", "statements", "timeline"}


def done(work: t.Callable[[Call], dict[str, t.Any]], **modes: t.Any) -> dict[str, t.Any]:
    return perform(verb(work), options(login_password=SECRET), **{"check_mode": False, "diff_mode": False, "say": print, **modes})


def test_every_result_has_the_same_frame() -> None:
    assert done(lambda call: {"msg": "done"}) == {"msg": "done", "changed": False, "problems": [], "warnings": [], "statements": [], "timeline": []}


def refuse(problems: list[Problem]) -> t.Callable[[Call], dict[str, t.Any]]:
    def work(call: Call) -> dict[str, t.Any]:
        call.found = {"replicas": ["what was found"]}
        raise Refusal(problems)

    return work


def test_a_refusal_fails_with_its_problems_and_what_was_found() -> None:
    result = done(refuse([Problem("errant", "db1", "db1 has more", "0-1-5"), Problem("unreachable", "db2", "db2 is gone")]))
    assert result["failed"] is True
    assert result["replicas"] == ["what was found"]
    assert set(result) == FRAME | {"failed", "msg", "replicas"}
    assert result["problems"][0] == {"code": "errant", "server": "db1", "message": "db1 has more", "gtids": "0-1-5", "remedy": remedy_of("errant")}
    assert result["msg"] == f"{remedy_of('errant')}\n  [errant] db1 has more\n{remedy_of('unreachable')}\n  [unreachable] db2 is gone"


def test_bad_input_fails_with_a_code() -> None:
    def work(call: Call) -> dict[str, t.Any]:
        raise BadInput("port: 0 is none")

    result = done(work)
    assert result["failed"] is True
    assert [(problem["code"], problem["message"]) for problem in result["problems"]] == [("bad_input", "port: 0 is none")]
    assert "port: 0 is none" in result["msg"]


def test_an_error_of_a_server_that_nobody_has_expected_fails_with_a_code() -> None:
    def work(call: Call) -> dict[str, t.Any]:
        call.found = {"primary": "db1"}
        raise StatementFailed("db1", "db1: Access denied (error 1227): SHOW MASTER STATUS", 1227)

    result = done(work)
    assert result["failed"] is True
    assert result["primary"] == "db1"
    assert [(problem["code"], problem["server"]) for problem in result["problems"]] == [("privilege_missing", "db1")]


def test_a_fault_of_our_own_is_not_hidden() -> None:
    def work(call: Call) -> dict[str, t.Any]:
        raise ZeroDivisionError

    result = done(work)
    (problem,) = result["problems"]
    assert (result["failed"], problem["code"]) == (True, "internal_error")
    assert problem["message"].startswith("a mistake in dbha.mysql itself: ZeroDivisionError")
    assert "in work\n    raise ZeroDivisionError" in result["exception"]


def test_what_is_found_last_counts() -> None:
    def work(call: Call) -> dict[str, t.Any]:
        call.found = {"replicas": [], "msg": "began"}
        return {"msg": "ended"}

    result = done(work)
    assert (result["msg"], result["replicas"]) == ("ended", [])


@pytest.mark.parametrize("diff_mode", [False, True])
def test_a_difference_is_shown_where_it_is_asked_for(diff_mode: bool) -> None:
    result = done(lambda call: {"diff": {"before": "a\n", "after": "b\n"}}, diff_mode=diff_mode)
    assert ("diff" in result) is diff_mode


def test_a_warning_is_given_once_with_its_remedy() -> None:
    def work(call: Call) -> dict[str, t.Any]:
        problem = Problem("unreachable", "db1", "db1 is gone")
        call.warn([problem, problem])
        call.warn([problem])
        return {}

    assert done(work)["warnings"] == [f"[unreachable] db1 is gone. {remedy_of('unreachable')}"]


def test_a_remedy_that_concerns_several_servers_is_given_once() -> None:
    def work(call: Call) -> dict[str, t.Any]:
        call.warn([Problem("unreachable", "db1", "db1 is gone"), Problem("gtid_off", "db3", "db3 has gtid_mode=OFF")])
        call.warn([Problem("unreachable", "db2", "db2 is gone")])
        call.warnings.append("nobody will acknowledge")
        return {}

    gone, off = f"[unreachable] db1 is gone; db2 is gone. {remedy_of('unreachable')}", f"[gtid_off] db3 has gtid_mode=OFF. {remedy_of('gtid_off')}"
    assert done(work)["warnings"] == [gone, off, "nobody will acknowledge"]


def test_steps_are_told_in_the_order_in_which_they_began() -> None:
    def work(call: Call) -> dict[str, t.Any]:
        with call.journal.step("look"), call.journal.step("connect", "db1"):
            pass
        with call.journal.step("stop"):
            pass
        return {}

    timeline = done(work)["timeline"]
    assert sorted(step["start"] for step in timeline) == [step["start"] for step in timeline]
    assert {step["step"] for step in timeline} == {"look", "connect", "stop"}
    assert set(timeline[0]) == {"step", "server", "start", "seconds"}


@pytest.mark.parametrize("check_mode", [False, True])
def test_statements_make_a_change_and_hide_their_secrets(check_mode: bool) -> None:
    with fake_server(answers(lambda text: error(1, 1064, "near: " + text))) as address:
        servers = [{"name": "db1", "host": address.host, "port": address.port}]

        def work(call: Call) -> dict[str, t.Any]:
            (entry,) = read(replicas=servers, login_password=SECRET, allow_unverified=True).members("replicas").entries
            server = Server(entry.name, entry.address, entry.login, journal=call.journal, check_mode=call.check_mode)
            server.connect()
            server.send(Statement("CHANGE MASTER TO MASTER_PASSWORD = %s", (Secret(SECRET),), changes=True))
            server.close()
            return {}

        result = perform(verb(work), options(replicas=servers, login_password=SECRET), check_mode=check_mode, diff_mode=False, say=print)
    assert result["changed"] is True
    assert result["statements"] == [{"server": "db1", "statement": "CHANGE MASTER TO MASTER_PASSWORD = '********'"}]
    assert result.get("failed", False) is not check_mode
    assert SECRET not in str(result)
    assert "it\\'s" not in str(result)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[perform.__module__], "PYMYSQL_MISSING", ImportError("pymysql"))
    result = done(lambda call: {})
    assert set(result) == FRAME | {"failed", "msg"}
    assert (result["failed"], result["changed"], [problem["code"] for problem in result["problems"]]) == (True, False, ["driver_incomplete"])
    assert "PyMySQL[rsa]" in result["msg"]


# --- A whole module against servers that are none


def test_a_server_that_is_no_mysql_is_told_from_one_that_lets_nobody_in() -> None:
    def refuse_login(connection: t.Any, ended: t.Any) -> None:
        connection.sendall(error(0, 1040, "Too many connections"))

    def ssh(connection: t.Any, ended: t.Any) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        ended.wait(5)

    def garbled(text: str) -> bytes:
        return packet(7, b"\x01\x02\x03")

    with fake_server(refuse_login) as full, fake_server(ssh) as other, fake_server(answers(garbled)) as strange:
        servers = [{"name": name, "host": at.host, "port": at.port} for name, at in (("full", full), ("other", other), ("strange", strange))]
        chosen = options(replicas=servers, connect_timeout=0.5, read_timeout=0.5)
        result = perform(GTID_CHECK, chosen, check_mode=False, diff_mode=False, say=print)
    assert result["failed"] is True
    codes = {problem["server"]: problem["code"] for problem in result["problems"]}
    assert {name: codes[name] for name in ("full", "other", "strange")} == {"full": "login_refused", "other": "not_mysql", "strange": "not_responding"}
    assert result["changed"] is False


@pytest.mark.parametrize("password", ["\udc80\udcff", "\x00", "é"])
def test_any_password_can_be_sent(password: str) -> None:
    with fake_server(answers(lambda text: error(1, 1227, "Access denied"))) as address:
        servers = [{"name": "db1", "host": address.host, "port": address.port}]
        chosen = options(replicas=servers, login_password=password)
        result = perform(GTID_CHECK, chosen, check_mode=False, diff_mode=False, say=print)
    assert {problem["server"]: problem["code"] for problem in result["problems"]}["db1"] == "privilege_missing"
