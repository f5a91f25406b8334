"""Rules on ClientHellos: which one a connection meets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.name_rule import NameRule, first_by_name
from lbtwist.model.routing import Rule

H2 = (b"h2", b"http/1.1")


@pytest.mark.parametrize(
    ("name", "asked", "matches"),
    [
        (b"", b"www.example.com", True),
        (b"", b"", True),
        (b"www.example.com", b"www.example.com", True),
        (b"www.example.com", b"", False),
        (b"www.example.com", b"a.www.example.com", False),
        (b"*.example.com", b"www.example.com", True),
        (b"*.example.com", b"a.www.example.com", True),
        (b"*.example.com", b"example.com", False),
        (b"*.example.com", b"", False),
    ],
)
def test_server_names(name: bytes, asked: bytes, matches: bool) -> None:
    assert NameRule(server_name=name).matches(asked, ()) is matches
    assert NameRule(server_name=name).has_name(asked) is matches


@given(st.sampled_from([b"", b"a", b"*.a", b"b.a", b"*.b.a"]), st.sampled_from([b"", b"a", b"b.a", b"c.b.a"]))
def test_they_are_compared_as_hosts_of_requests_are(pattern: bytes, name: bytes) -> None:
    assert NameRule(server_name=pattern).matches(name, ()) is Rule(host=pattern).matches(name, b"/")


@pytest.mark.parametrize(
    ("wanted", "offered", "matches"),
    [
        ((), (), True),
        ((), H2, True),
        ((b"h2",), H2, True),
        ((b"http/1.1",), H2, True),
        ((b"acme-tls/1", b"h2"), H2, True),
        ((b"acme-tls/1",), H2, False),
        ((b"H2",), H2, False),
        ((b"h2",), (), False),
    ],
)
def test_one_of_the_protocols_is_to_be_offered(
    wanted: tuple[bytes, ...], offered: tuple[bytes, ...], matches: bool
) -> None:
    assert NameRule(alpn=wanted).matches(b"a", offered) is matches


@pytest.mark.parametrize(("name", "offered"), [(b"a", ()), (b"b", H2), (b"b", ())])
def test_both_conditions_must_hold(name: bytes, offered: tuple[bytes, ...]) -> None:
    rule = NameRule(b"a", (b"h2",))
    assert rule.matches(b"a", H2)
    assert not rule.matches(name, offered)


def test_the_first_that_matches_counts() -> None:
    rules = [NameRule(b"a", (b"h2",), "first"), NameRule(b"a", (), "second"), NameRule(b"", (b"h2",))]
    assert first_by_name(rules, b"a", H2) is rules[0]
    assert first_by_name(rules, b"a", ()) is rules[1]
    assert first_by_name(rules, b"b", H2) is rules[2]
    assert first_by_name(rules, b"", ()) is None
