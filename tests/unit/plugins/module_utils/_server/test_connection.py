# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One connection: its time limits, what its errors mean, and that no password is ever shown.

Real servers are in tests/integration. Here are those that break the protocol, and one that quotes every statement back.
"""

from __future__ import annotations

import socket
import threading
import time
import typing as t
from dataclasses import replace
from pathlib import Path

import pymysql._auth
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import SourceOptions, flavor_of
from ansible_collections.dbha.mysql.plugins.module_utils._server.connection import Server
from ansible_collections.dbha.mysql.plugins.module_utils._server.errors import (
    DriverIncomplete,
    Interrupted,
    LoginRefused,
    NotMySQL,
    OutcomeUnknown,
    ServerError,
    StatementFailed,
    Unreachable,
    Withheld,
)
from ansible_collections.dbha.mysql.plugins.module_utils._server.journal import Journal
from ansible_collections.dbha.mysql.plugins.module_utils._server.login import Address, Login, login_with_config_file, make_tls_context
from ansible_collections.dbha.mysql.plugins.module_utils._server.option_file import read_option_file
from ansible_collections.dbha.mysql.plugins.module_utils._server.statement import MASK, Instead, Secret, Statement
from ansible_collections.dbha.mysql.tests.unit.plugins.module_utils.fake_server import (
    OK,
    Behaviour,
    answers,
    asks_for_the_whole_password,
    closes_after_the_greeting,
    closes_at_once,
    error,
    fake_server,
    falls_silent,
    greeting,
    log_in,
    never_greets,
    packet,
    receive,
    resets,
    sends,
    sends_slowly,
)

LIMIT = 0.4
# Whatever takes that long hangs, however busy the machine is.
HANGS = 30
LOGIN = Login("failover", "pa'ss\\word", connect_timeout=HANGS, read_timeout=HANGS)
QUERY = Statement("SELECT 1")
CHANGE = Statement("SET GLOBAL read_only = 1", changes=True)


def connected(address: Address, connect_timeout: float = HANGS, read_timeout: float = HANGS, **options: t.Any) -> Server:
    # Statements with passwords are among what is sent.
    server = Server("db1", address, replace(LOGIN, connect_timeout=connect_timeout, read_timeout=read_timeout, allow_unverified=True), **options)
    server.connect()
    return server


def timed(work: t.Callable[[], t.Any]) -> tuple[ServerError, float]:
    """Do what must fail, and return how and after how many seconds."""
    begun = time.monotonic()
    with pytest.raises(ServerError) as failed:
        work()
    return failed.value, time.monotonic() - begun


# --- Connecting to what is no server, or none that works

# What answers, the class of the error, whether the port took the connection, and what the error says.
FAULTS: dict[str, tuple[Behaviour, type[ServerError], bool, str]] = {
    "never_greets": (never_greets, Unreachable, True, "did not finish the login within 0.4 s"),
    "closes_at_once": (closes_at_once, Unreachable, True, "the login broke off"),
    "resets_the_connection": (resets, Unreachable, True, "the login broke off"),
    "closes_after_the_greeting": (closes_after_the_greeting, Unreachable, True, "the login broke off"),
    "falls_silent_after_the_greeting": (sends(greeting()), Unreachable, True, "did not finish the login within 0.4 s"),
    "one_byte_at_a_time": (sends_slowly(greeting(), 0.1), Unreachable, True, "did not finish the login within 0.4 s"),
    "half_a_packet": (sends(greeting()[:20]), Unreachable, True, "did not finish the login within 0.4 s"),
    "an_ssh_server": (sends(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), NotMySQL, True, "does not speak the MySQL protocol"),
    "a_mail_server": (sends(b"220 mail.example.org ESMTP\r\n"), NotMySQL, True, "does not speak the MySQL protocol"),
    "garbage": (sends(bytes(range(256)) * 40), NotMySQL, True, "does not speak the MySQL protocol"),
    "zeros": (sends(bytes(100)), NotMySQL, True, "does not speak the MySQL protocol"),
    "a_greeting_that_is_cut_off": (sends(packet(0, b"\n8.0.36\0")), NotMySQL, True, "does not speak the MySQL protocol"),
    "too_many_connections": (sends(error(0, 1040, "Too many connections")), LoginRefused, False, "Too many connections"),
    "a_blocked_host": (sends(error(0, 1129, "Host is blocked")), LoginRefused, False, "Host is blocked"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_login_that_cannot_be_finished_ends_in_time_with_the_right_error(fault: str) -> None:
    behave, kind, accepts, says = FAULTS[fault]
    with fake_server(behave) as address:
        failed, seconds = timed(lambda: connected(address, LIMIT if says.endswith(" s") else HANGS))
    assert failed.__class__ is kind
    assert getattr(failed, "accepts", False) is accepts
    assert says in failed.message
    assert "db1" in failed.message
    assert seconds < HANGS


def test_a_server_that_does_not_greet_us_at_once_is_given_up_where_it_is_to() -> None:
    for seconds in (LIMIT, 2 * HANGS):
        limits = {"connect_timeout": HANGS if seconds == LIMIT else LIMIT, "greet_timeout": seconds}
        for behave in (never_greets, sends_slowly(greeting(), 0.1)):
            with fake_server(behave) as address:
                failed, passed = timed(Server("db1", address, replace(LOGIN, **limits)).connect)
            assert isinstance(failed, Unreachable)
            assert (failed.accepts, "did not finish the login within 0.4 s" in failed.message, passed < HANGS) == (True, True, True)


def test_a_server_that_greets_us_in_time_gets_its_time_for_the_rest_of_the_login() -> None:
    left: list[float] = []

    def hang_up(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(greeting())
        receive(connection)
        left.append(server._limit.deadline - time.monotonic() if server._limit is not None else 0)

    with fake_server(hang_up) as address:
        server = Server("db1", address, replace(LOGIN, connect_timeout=9 * HANGS, greet_timeout=HANGS))
        timed(server.connect)
    assert 2 * HANGS < left[0] <= 9 * HANGS


def test_a_login_that_takes_a_library_that_is_not_there_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pymysql._auth, "_have_cryptography", False)
    with fake_server(asks_for_the_whole_password) as address:
        failed, seconds = timed(Server("db1", address, replace(LOGIN, allow_unverified=True)).connect)
    assert isinstance(failed, DriverIncomplete)
    assert "cryptography" in failed.message
    assert "PyMySQL[rsa]" in failed.message
    assert seconds < HANGS


def test_a_port_where_nothing_listens_is_told_at_once() -> None:
    with fake_server(closes_at_once) as address:
        pass
    failed, seconds = timed(lambda: connected(address))
    assert isinstance(failed, Unreachable)
    assert not failed.accepts
    assert seconds < HANGS


@pytest.mark.parametrize("path", ["/nonexistent/mysqld.sock", "/dev/null"])
def test_a_socket_that_is_none_is_unreachable(path: str) -> None:
    failed, _seconds = timed(lambda: connected(Address(unix_socket=path)))
    assert isinstance(failed, Unreachable)
    assert path in failed.message


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 300, "'; DROP TABLE t; --", "{{ 7 * 7 }}", "::g"])
def test_a_host_that_cannot_be_found_is_unreachable(host: str) -> None:
    failed, _seconds = timed(lambda: connected(Address(host)))
    assert isinstance(failed, Unreachable)
    assert not failed.accepts


def test_a_name_that_is_never_resolved_is_unreachable_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # A name server that swallows questions cannot be had here.
    resolve, ended = socket.getaddrinfo, threading.Event()

    def swallow(host: str, port: int, *arguments: t.Any, flags: int = 0, **more: t.Any) -> t.Any:
        if not flags & socket.AI_NUMERICHOST:
            ended.wait(2 * HANGS)
        return resolve(host, port, *arguments, flags=flags, **more)

    monkeypatch.setattr(socket, "getaddrinfo", swallow)
    failed, seconds = timed(lambda: connected(Address("db1.example.org"), LIMIT))
    ended.set()
    assert isinstance(failed, Unreachable)
    assert "was not resolved within 0.4 s" in failed.message
    assert seconds < HANGS


def test_a_server_is_reached_over_a_socket(tmp_path: Path) -> None:
    with fake_server(answers(lambda text: packet(1, OK)), tmp_path / "s") as address:
        server = connected(address)
        assert server.version_text == "8.0.36"
        assert server.connection_id == 7
        server.close()


# --- Statements that get no answer


def test_a_statement_without_an_answer_ends_in_time_and_its_outcome_is_unknown() -> None:
    with fake_server(falls_silent) as address:
        server = connected(address, read_timeout=LIMIT)
        failed, seconds = timed(lambda: server.send(CHANGE))
        assert isinstance(failed, OutcomeUnknown)
        assert failed.statement == CHANGE.text
        assert failed.hangs
        assert "did not answer within 0.4 s" in failed.message
        assert LIMIT <= seconds < HANGS
        assert not server.is_open
        server.close()


def test_a_statement_may_have_a_limit_of_its_own() -> None:
    with fake_server(falls_silent) as address:
        server = connected(address)
        _failed, seconds = timed(lambda: server.send(Statement("SELECT SLEEP(9)", timeout=0.1)))
        assert seconds < HANGS
        server.close()


def test_an_answer_of_one_byte_at_a_time_does_not_extend_the_limit() -> None:
    slow = packet(1, OK)

    def trickle(text: str) -> bytes:
        time.sleep(0.15)
        return slow[:1]

    with fake_server(answers(trickle)) as address:
        server = connected(address, read_timeout=LIMIT)
        failed, seconds = timed(lambda: server.send(QUERY))
        assert isinstance(failed, OutcomeUnknown)
        assert seconds < HANGS
        server.close()


NONSENSE = [b"", bytes(50), packet(9, OK), packet(1, b""), packet(1, b"\x05"), packet(1, b"\xfe\xff\xff"), b"HTTP/1.1 400 Bad Request\r\n\r\n"]


@pytest.mark.parametrize("answer", NONSENSE)
def test_an_answer_that_makes_no_sense_says_nothing_about_what_was_done(answer: bytes) -> None:
    with fake_server(answers(lambda text: answer)) as address:
        server = connected(address, read_timeout=LIMIT)
        failed, seconds = timed(lambda: server.send(CHANGE))
        assert isinstance(failed, OutcomeUnknown)
        assert seconds < HANGS
        server.close()


def described(name: str) -> bytes:
    """Return the packet that describes a column of text."""
    texts = b"".join(b"\xfc" + len(text).to_bytes(2, "little") + text for text in (b"def", b"", b"", b"", name.encode(), name.encode()))
    return texts + b"\x0c" + (45).to_bytes(2, "little") + (1024).to_bytes(4, "little") + bytes([253, 0, 0, 0, 0, 0])


END = b"\xfe\0\0\x02\0"


def two_columns(second: str = "second") -> list[bytes]:
    """Return an answer of one row, in packets."""
    return [b"\x02", described("first"), described(second), END, b"\x01a\x01b", END]


TWO_COLUMNS = two_columns()
# A name that is longer than what is remembered of an answer's columns.
LONG = "s" * 20_000


def numbered(payloads: t.Sequence[bytes], *, lost: int | None = None) -> bytes:
    """Return packets one after the other; one of them may be lost."""
    return b"".join(packet(number, payload) for number, payload in enumerate(payloads, 1) if number != lost)


@pytest.mark.parametrize(("piece", "second"), [(1, "second"), (5, "second"), (300, "second"), (5000, LONG), (50_000, "second"), (50_000, LONG)])
def test_an_answer_is_the_same_however_it_is_cut_into_pieces(piece: int, second: str) -> None:
    data = numbered(two_columns(second))

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        log_in(connection)
        while receive(connection)[:1] == b"\x03":
            for begin in range(0, len(data), piece):
                connection.sendall(data[begin : begin + piece])
                ended.wait(0.0005)

    with fake_server(behave) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        for _time in range(3):
            assert server.send(QUERY) == [{"first": "a", second: "b"}]
        server.close()


@pytest.mark.parametrize(
    "answer",
    [
        numbered(TWO_COLUMNS, lost=3),
        b"".join(
            packet(number, payload)
            for number, payload in zip([1, 3, 2, 4, 5, 6], [b"\x02", described("second"), described("first"), *TWO_COLUMNS[3:]], strict=True)
        ),
        numbered([*TWO_COLUMNS[:2], b"", *TWO_COLUMNS[3:]]),
        numbered([*TWO_COLUMNS[:2], TWO_COLUMNS[1][:9], *TWO_COLUMNS[3:]]),
        numbered([*TWO_COLUMNS[:3], *TWO_COLUMNS[4:]]),
    ],
    ids=["a column that is lost", "columns in another order", "an empty packet", "a column that is cut off", "columns that do not end"],
)
def test_columns_that_do_not_come_as_they_should_are_noticed(answer: bytes) -> None:
    with fake_server(answers(lambda text: answer if text == QUERY.text else packet(1, OK))) as address:
        server = connected(address)
        assert isinstance(timed(lambda: server.send(QUERY))[0], OutcomeUnknown)
        server.close()


def failing(errno: int, text: str) -> bytes:
    return packet(1, b"\xff" + errno.to_bytes(2, "little") + b"#HY000" + text.encode())


INSTEAD = Instead(3854, "SHOW 1", lambda found: [{"one": row.text("first")} for row in found] if found else None)
NO_ROWS = [*TWO_COLUMNS[:4], END]


def test_what_a_server_cannot_answer_is_asked_in_another_way() -> None:
    answered = {"SELECT 1": failing(3854, "Cannot convert string"), "SHOW 1": numbered(TWO_COLUMNS)}
    with fake_server(answers(answered.__getitem__)) as address:
        server = connected(address)
        (row,) = server.send(replace(QUERY, instead=INSTEAD))
        assert (row, row.server, row.question) == ({"one": "a"}, "db1", "SHOW 1")
        server.close()


@pytest.mark.parametrize(
    ("first", "second", "errno"),
    [(1227, numbered(TWO_COLUMNS), 1227), (3854, numbered(NO_ROWS), 3854), (3854, failing(1227, "Access denied"), 1227)],
    ids=["another error", "an answer that tells nothing", "an error again"],
)
def test_what_cannot_be_answered_in_another_way_either_is_an_error(first: int, second: bytes, errno: int) -> None:
    answered = {"SELECT 1": failing(first, "so it is"), "SHOW 1": second}
    with fake_server(answers(answered.__getitem__)) as address:
        server = connected(address)
        failed, _seconds = timed(lambda: server.send(replace(QUERY, instead=INSTEAD)))
        assert isinstance(failed, StatementFailed)
        assert failed.errno == errno
        server.close()


def test_an_error_instead_of_a_column_is_the_error_of_the_server() -> None:
    answer = numbered([*TWO_COLUMNS[:2], b"\xff" + (1317).to_bytes(2, "little") + b"#70100Query execution was interrupted"])
    with fake_server(answers(lambda text: answer if text == QUERY.text else packet(1, OK))) as address:
        server = connected(address)
        failed = timed(lambda: server.send(QUERY))[0]
        assert isinstance(failed, StatementFailed)
        assert failed.errno == 1317
        server.close()


def test_after_a_lost_connection_nothing_is_sent_any_more() -> None:
    def hang_up(text: str) -> bytes:
        raise OSError

    with fake_server(answers(hang_up)) as address:
        server = connected(address)
        lost = timed(lambda: server.send(CHANGE))[0]
        assert isinstance(lost, OutcomeUnknown)
        failed, seconds = timed(lambda: server.send(CHANGE))
        assert isinstance(failed, OutcomeUnknown)
        assert "the connection was lost before" in failed.message
        assert seconds < HANGS
        # Of a question, what was lost is told, and not what would have been asked.
        failed, _seconds = timed(lambda: server.send(QUERY))
        assert isinstance(failed, OutcomeUnknown)
        assert (failed.message, failed.hangs) == (lost.message, lost.hangs)
        server.close()


def test_an_error_of_the_server_means_that_the_statement_was_not_carried_out() -> None:
    with fake_server(answers(lambda text: error(1, 1205, "Lock wait timeout exceeded"))) as address:
        server = connected(address)
        failed, _seconds = timed(lambda: server.send(CHANGE))
        assert isinstance(failed, StatementFailed)
        assert failed.errno == 1205
        assert failed.message == "db1: Lock wait timeout exceeded (error 1205): SET GLOBAL read_only = 1"
        assert server.is_open
        server.close()


def test_closing_waits_for_nobody() -> None:
    with fake_server(falls_silent) as address:
        server = connected(address)
        begun = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - begun < HANGS


# --- What is recorded, and what check mode holds back


def test_what_changes_something_is_recorded_and_what_reads_is_not() -> None:
    journal = Journal()
    with fake_server(answers(lambda text: packet(1, OK))) as address:
        server = connected(address, journal=journal)
        server.send(QUERY)
        server.send(CHANGE)
        server.close()
    assert [(sent.server, sent.statement) for sent in journal.statements] == [("db1", CHANGE.text)]


def test_check_mode_records_what_it_would_send_and_does_not_send_it() -> None:
    heard: list[str] = []

    def listen(text: str) -> bytes:
        heard.append(text)
        return packet(1, OK)

    journal = Journal()
    with fake_server(answers(listen)) as address:
        server = connected(address, journal=journal, check_mode=True)
        assert server.send(CHANGE) == []
        server.send(QUERY)
        server.close()
    assert heard == [QUERY.text]
    assert [sent.statement for sent in journal.statements] == [CHANGE.text]


def test_values_are_quoted_by_the_driver() -> None:
    heard: list[str] = []

    def listen(text: str) -> bytes:
        heard.append(text)
        return packet(1, OK)

    with fake_server(answers(listen)) as address:
        server = connected(address)
        server.send(Statement("SELECT %s, %s", ("it's a \\ and a 100 % %s", 7)))
        server.send(Statement("SELECT 100 % 7"))
        server.close()
    assert heard == ["SELECT 'it\\'s a \\\\ and a 100 % %s', 7", "SELECT 100 % 7"]


# --- Passwords

PASSWORDS = ["simple", "it's", 'a"b', "back\\slash\\", "'; DROP TABLE t; -- ", "100%s", "{{ 7 * 7 }}", "pässwörd €", "new\nline"]
PASSWORDS += ["x" * 40, "long and 'quoted' \\" * 5]


def leaks(text: str, password: str) -> bool:
    """Tell whether a password, or a start of it that gives it away, is in a text, as it is or as it is quoted."""
    quoted = password.replace("\\", "\\\\").replace("'", "\\'").replace('"', '\\"').replace("\n", "\\n")
    return any(word[: min(len(word), 8)] in text for word in (password, quoted))


def change_source(password: str) -> Statement:
    return flavor_of("8.0.36").change_source(SourceOptions("db0", 3306, user="repl", password=password))


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("length", [0, 40, 70])
def test_a_password_is_masked_in_an_error_that_quotes_the_statement(password: str, length: int) -> None:
    def complain(text: str) -> bytes:
        # Servers quote at most 70 or 80 characters: a password may be cut off in the middle.
        quoted = text[text.index("SOURCE_PASSWORD") :]
        return error(1, 1064, f"You have an error in your SQL syntax near '{quoted[:length] if length else quoted}' at line 1")

    journal = Journal()
    with fake_server(answers(complain)) as address:
        server = connected(address, journal=journal)
        failed, _seconds = timed(lambda: server.send(change_source(password)))
        server.close()
    (sent,) = journal.statements
    for text in (failed.message, str(failed), repr(failed), failed.statement, sent.statement):
        assert not leaks(text, password)
    assert f"SOURCE_PASSWORD = '{MASK}'" in sent.statement
    assert "SOURCE_USER = 'repl'" in sent.statement


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_password_is_masked_in_an_error_that_quotes_it_bare(password: str) -> None:
    with fake_server(answers(lambda text: error(1, 1470, f"String '{password[:70]}' is too long for SOURCE_PASSWORD"))) as address:
        server = connected(address)
        failed, _seconds = timed(lambda: server.send(change_source(password)))
        server.close()
    assert not leaks(failed.message, password)
    assert "for SOURCE_PASSWORD" in failed.message


def test_an_empty_password_hides_nothing() -> None:
    with fake_server(answers(lambda text: error(1, 1064, "What is this?"))) as address:
        server = connected(address)
        failed, _seconds = timed(lambda: server.send(change_source("")))
        server.close()
    assert failed.message.startswith("db1: What is this? (error 1064)")


@pytest.mark.parametrize("answer", [lambda text: b"", lambda text: bytes(50)])
def test_a_password_is_masked_where_the_outcome_is_unknown(answer: t.Callable[[str], bytes]) -> None:
    with fake_server(answers(answer)) as address:
        server = connected(address)
        statement = replace(change_source("it's secret"), timeout=LIMIT)
        failed, _seconds = timed(lambda: server.send(statement))
        again, _seconds = timed(lambda: server.send(statement))
        server.close()
    assert not leaks(failed.message + again.message, "it's secret")


def test_the_login_password_is_masked_in_the_refusal_and_in_what_describes_a_login() -> None:
    assert LOGIN.password is not None
    with fake_server(sends(error(0, 1045, f"Access denied (using password: {LOGIN.password})"))) as address:
        failed, _seconds = timed(lambda: connected(address))
    assert not leaks(failed.message + repr(LOGIN) + repr(failed), LOGIN.password)


def test_a_statement_is_shown_masked_without_a_connection_too() -> None:
    shown = Server("db1", Address(), LOGIN).show(change_source("it's secret"))
    assert f"SOURCE_PASSWORD = '{MASK}'" in shown
    assert not leaks(shown, "it's secret")


@settings(max_examples=200)
@given(st.text(min_size=1))
def test_no_text_is_shown_once_it_is_secret(password: str) -> None:
    statement = Statement("SET PASSWORD = %s", (Secret(password),))
    assert Server("db1", Address(), LOGIN).show(statement) == f"SET PASSWORD = '{MASK}'"


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(("options", "is_sent"), [({}, False), ({"allow_unverified": True}, True)])
def test_a_statement_with_a_password_goes_to_nobody_who_is_not_verified(options: dict[str, t.Any], is_sent: bool, check_mode: bool) -> None:
    received: list[str] = []

    def answer(text: str) -> bytes:
        received.append(text)
        return packet(1, OK)

    with fake_server(answers(answer)) as address:
        server = Server("db1", address, replace(LOGIN, **options), check_mode=check_mode)
        server.connect()
        received.clear()
        harmless = Statement("SET PASSWORD = %s", (Secret(""),))
        server.send(harmless)
        statement = Statement("CHANGE MASTER TO MASTER_PASSWORD = %s", (Secret("of a replica"),), changes=True)
        if is_sent:
            server.send(statement)
        else:
            with pytest.raises(Withheld, match="db1: this holds a password, and is not sent to a server that is not verified") as withheld:
                server.send(statement)
            assert "of a replica" not in str(withheld.value)
            assert server.journal.statements == []
        server.close()
    assert any("of a replica" in each for each in received) is (is_sent and not check_mode)
    assert len(received) == 1 + (is_sent and not check_mode)


# --- Interruptions


def at_work(server: Server, work: t.Callable[[], object]) -> tuple[threading.Thread, list[t.Any]]:
    """Let a thread work with a server, until it waits for an answer."""
    came: list[t.Any] = []

    def run() -> None:
        try:
            came.append(work())
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while not server.is_busy:
        time.sleep(0.001)
    return thread, came


def test_who_is_interrupted_is_told_once_and_can_clean_up() -> None:
    with fake_server(answers(lambda text: packet(1, OK))) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        server.interrupt(HANGS)
        with pytest.raises(Interrupted):
            server.send(QUERY)
        server.send(QUERY)
        server.close()


def test_what_waits_for_an_answer_when_it_is_interrupted_ends_with_it() -> None:
    answer = threading.Event()

    def late(text: str) -> bytes:
        if text == QUERY.text:
            answer.wait(HANGS)
        return packet(1, OK)

    with fake_server(answers(late)) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        thread, came = at_work(server, lambda: server.send(QUERY))
        server.interrupt(HANGS)
        answer.set()
        thread.join(HANGS)
        assert [type(each) for each in came] == [Interrupted]
        server.send(QUERY)
        server.close()


def test_a_connection_that_is_given_up_ends_at_once_and_sends_no_more_until_the_work_is_over() -> None:
    with fake_server(falls_silent) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        thread, came = at_work(server, lambda: server.send(QUERY))
        server.interrupt(HANGS)
        server.give_up()
        thread.join(HANGS)
        assert [type(each) for each in came] == [Interrupted]
        for _again in range(2):
            with pytest.raises(Interrupted):
                server.send(QUERY)
        server.resume()
        with pytest.raises(OutcomeUnknown):
            server.send(QUERY)
        server.close()


def test_a_login_that_is_given_up_ends_at_once() -> None:
    with fake_server(never_greets) as address:
        server = Server("db1", address, LOGIN)
        thread, came = at_work(server, server.connect)
        server.give_up()
        thread.join(HANGS)
        assert [type(each) for each in came] == [Interrupted]
        assert not server.is_open


def test_there_is_a_time_limit_for_cleaning_up_and_a_twin_does_not_survive() -> None:
    with fake_server(falls_silent) as address:
        server = Server("db1", address, LOGIN)
        server.connect()
        twin = server.twin()
        server.interrupt(LIMIT)
        with pytest.raises(Interrupted):
            twin.send(QUERY)
        with pytest.raises(Interrupted):
            server.twin()
        with pytest.raises(Interrupted):
            server.send(QUERY)
        begun = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            server.send(QUERY)
        assert time.monotonic() - begun < HANGS / 2
        server.close()


# --- Option files and certificates


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_an_option_file_fills_in_what_is_not_given(tmp_path: Path) -> None:
    path = write(tmp_path / "my.cnf", '[mysqld]\nuser=mysql\n[client]\nuser = failover\npassword = "it\'s # secret"\nssl_ca=/ca.pem\nskip-ssl\n')
    login = login_with_config_file(Login(user=None), read_option_file(path))
    assert (login.user, login.password, login.ca_cert, login.client_cert) == ("failover", "it's # secret", "/ca.pem", None)
    given_login = login_with_config_file(Login("root", ""), read_option_file(path))
    assert (given_login.user, given_login.password) == ("root", "")


@pytest.mark.parametrize("text", ["", "[mysqld]\nuser=mysql\n", "# nothing\n", "[client]\n"])
def test_an_option_file_that_says_nothing_of_clients_is_fine(text: str, tmp_path: Path) -> None:
    assert read_option_file(write(tmp_path / "my.cnf", text)) == {}


def test_an_option_file_that_is_not_there_is_fine(tmp_path: Path) -> None:
    assert read_option_file(str(tmp_path / "none")) == {}


@pytest.mark.parametrize("text", ["user = root\n", "[client\nuser=x\n", "\ufffd\x00[", "  x"])
def test_an_option_file_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    path = write(tmp_path / "my.cnf", text)
    with pytest.raises(ValueError, match=f"the option file {path} cannot be read"):
        read_option_file(path)


@pytest.mark.parametrize("text", ["password = S3cret\n", "[client]\n!include \npassword = S3cret\n", "[client\npassword = S3cret\n"])
def test_what_an_option_file_has_in_it_is_not_repeated(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        read_option_file(write(tmp_path / "my.cnf", text))
    error: BaseException | None = caught.value
    while error is not None:
        assert "S3cret" not in str(error)
        error = error.__cause__ or error.__context__


def test_a_directory_is_no_option_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"the option file {tmp_path} cannot be read"):
        read_option_file(str(tmp_path))


@pytest.mark.parametrize("option", ["ca_cert", "client_cert"])
def test_a_certificate_that_cannot_be_used_is_named(option: str, tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", Path(write(tmp_path / "bad.pem", "no certificate"))):
        with pytest.raises(ValueError, match=str(path)):
            make_tls_context(Login(**t.cast(t.Any, {option: str(path)})))
