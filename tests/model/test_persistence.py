"""Which member a client is tied to, for how long, and for how many clients; what a cookie says of it."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.persistence import SourceTable, cookie_value


@pytest.fixture
def table() -> SourceTable:
    return SourceTable(1000.0, limit=3)


def test_a_client_is_tied_until_it_was_not_seen_for_the_timeout(table: SourceTable) -> None:
    table.tie("192.0.2.1", 7, 0.0)
    assert [table.member_of("192.0.2.1", now) for now in (0.0, 999.9, 1000.0)] == [7, 7, None]
    assert len(table) == 0


def test_one_that_was_never_seen_is_tied_to_nobody(table: SourceTable) -> None:
    assert table.member_of("192.0.2.1", 0.0) is None


def test_being_seen_again_renews_it(table: SourceTable) -> None:
    table.tie("192.0.2.1", 7, 0.0)
    table.tie("192.0.2.1", 7, 900.0)
    assert (table.member_of("192.0.2.1", 1899.0), table.member_of("192.0.2.1", 1900.0)) == (7, None)


def test_asking_does_not_renew_it(table: SourceTable) -> None:
    table.tie("192.0.2.1", 7, 0.0)
    table.member_of("192.0.2.1", 900.0)
    assert table.member_of("192.0.2.1", 1000.0) is None


def test_rule_10_it_may_be_tied_to_another_one(table: SourceTable) -> None:
    table.tie("192.0.2.1", 7, 0.0)
    table.tie("192.0.2.1", 8, 1.0)
    assert (table.member_of("192.0.2.1", 2.0), len(table)) == (8, 1)


def test_clients_are_told_apart(table: SourceTable) -> None:
    table.tie("192.0.2.1", 7, 0.0)
    table.tie("192.0.2.2", 8, 0.0)
    assert (table.member_of("192.0.2.1", 1.0), table.member_of("192.0.2.2", 1.0)) == (7, 8)


def test_over_its_limit_the_one_seen_longest_ago_is_forgotten(table: SourceTable) -> None:
    for number in (1, 2, 3):
        table.tie(f"192.0.2.{number}", number, float(number))
    table.tie("192.0.2.1", 1, 4.0)
    table.tie("192.0.2.4", 4, 5.0)
    assert len(table) == 3
    assert [table.member_of(f"192.0.2.{n}", 6.0) for n in (1, 2, 3, 4)] == [1, None, 3, 4]


def test_a_cookie_is_made_of_the_secret_the_group_and_the_server() -> None:
    """So it is the same after a restart, and nobody without the secret can choose a server."""
    whole = hmac.new(b"secret", b"3:appecs01", hashlib.sha256).hexdigest()
    assert cookie_value(b"secret", "app", "ecs01") == whole[:16].encode()


def test_another_secret_group_or_server_has_another_cookie() -> None:
    cases = [
        (b"secret", "app", "a"),
        (b"other", "app", "a"),
        (b"secret", "api", "a"),
        (b"secret", "app", "b"),
    ]
    assert len({cookie_value(*case) for case in cases}) == 4


@given(st.text(max_size=4), st.text(max_size=4), st.integers(0, 8))
def test_groups_and_servers_are_told_apart(group: str, server: str, cut: int) -> None:
    """`a`, `bc` and `ab`, `c` are not the same."""
    joined = group + server
    other = joined[:cut], joined[cut:]
    same = cookie_value(b"secret", *other) == cookie_value(b"secret", group, server)
    assert same is (other == (group, server))
