# Copyright (c) 2026, dbha contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is spoken to: the family and the version, from what a server says of itself."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.dbha.mysql.plugins.module_utils._flavor.choose import (
    Flavor,
    MariaDB,
    MySQL,
    UnsupportedVersion,
    flavor_of,
    parse_version,
)

FLAVORS: list[tuple[str, type[Flavor], tuple[int, ...]]] = [
    ("5.6", MySQL, (5, 6)),
    ("5.6.24", MySQL, (5, 6, 24)),
    ("5.7.44-48-log", MySQL, (5, 7, 44)),
    ("8.0.36-28.1", MySQL, (8, 0, 36)),
    ("8.0.mysql_aurora.3.04.0", MySQL, (8, 0)),
    ("8.10.1", MySQL, (8, 10, 1)),
    ("26.1.0", MySQL, (26, 1, 0)),
    ("10.5.8", MySQL, (10, 5, 8)),  # a number like MariaDB's does not make one
    ("10.5.8-MariaDB", MariaDB, (10, 5, 8)),
    ("10.11.6-mariadb", MariaDB, (10, 11, 6)),
    ("5.5.5-10.11.6-MariaDB-1:10.11.6+maria~ubu2204", MariaDB, (10, 11, 6)),
    ("11.4.5-3-MariaDB-enterprise-log", MariaDB, (11, 4, 5)),
]


@pytest.mark.parametrize(("text", "family", "version"), FLAVORS, ids=[row[0] for row in FLAVORS])
def test_the_family_is_told_by_the_text_and_the_version_by_its_numbers(text: str, family: type[Flavor], version: tuple[int, ...]) -> None:
    flavor = flavor_of(text)
    assert isinstance(flavor, family)
    assert flavor.version == version


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5.5.62", "5.5.62 is older than MySQL 5.6"),
        ("5.5.5-10.4.34-MariaDB", "5.5.5-10.4.34-MariaDB is older than MariaDB 10.5"),
        ("5.5.68-MariaDB", "5.5.68-MariaDB is older than MariaDB 10.5"),
        ("5.5.5", "5.5.5 is older than MySQL 5.6"),
        ("", "'' is not a version"),
        ("MariaDB", "'MariaDB' is not a version"),
        ("8", "'8' is not a version"),
        ("-8.0.1", "'-8.0.1' is not a version"),
        ("\u0668.\u0660", "is not a version"),  # digits, but not those of a version
        ("x" * 500, "'" + "x" * 100 + "' is not a version"),
    ],
)
def test_what_is_too_old_or_no_version_is_refused(text: str, says: str) -> None:
    with pytest.raises(UnsupportedVersion) as refused:
        flavor_of(text)
    assert says in str(refused.value)


@given(st.text())
def test_any_text_is_a_version_or_refused(text: str) -> None:
    with contextlib.suppress(UnsupportedVersion):
        assert 2 <= len(parse_version(text)) <= 3


@given(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), st.text(alphabet="-log+~ MariaDB:.ubuntu", max_size=20))
def test_the_numbers_are_read_whatever_follows_them(numbers: tuple[int, int, int], rest: str) -> None:
    assert parse_version(f"{'.'.join(map(str, numbers))}-{rest}") == numbers
