"""Rules: which one a request meets, and where a redirect leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.routing import Rule, climbs, first_match

NAMES = st.from_regex(r"[a-z]{1,3}(\.[a-z]{1,3}){0,2}", fullmatch=True).map(str.encode)
SEGMENTS = st.from_regex(r"[a-z]{1,3}", fullmatch=True).map(str.encode)
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda segments: b"/" + b"/".join(segments))


@pytest.mark.parametrize(
    ("host", "asked", "matches"),
    [
        (b"", b"a.example.com", True),
        (b"", b"", True),
        (b"example.com", b"example.com", True),
        (b"example.com", b"a.example.com", False),
        (b"example.com", b"example.co", False),
        (b"example.com", b"", False),
        (b"*.example.com", b"a.example.com", True),
        (b"*.example.com", b"a.b.example.com", True),
        (b"*.example.com", b"example.com", False),
        (b"*.example.com", b".example.com", False),
        (b"*.example.com", b"aexample.com", False),
        (b"*.example.com", b"aaexample.com", False),
        (b"*.example.com", b"a.example.com.evil", False),
    ],
)
def test_hosts(host: bytes, asked: bytes, matches: bool) -> None:
    assert Rule(host=host).matches(asked, b"/") is matches


@pytest.mark.parametrize(
    ("prefix", "path", "matches"),
    [
        (b"", b"/", True),
        (b"", b"*", True),
        (b"/", b"/", True),
        (b"/", b"/a", True),
        (b"/", b"*", False),
        (b"/api", b"/api", True),
        (b"/api", b"/api/", True),
        (b"/api", b"/api/a", True),
        (b"/api", b"/apis", False),
        (b"/api", b"/api;a", False),
        (b"/api", b"/API", False),
        (b"/api", b"/ap", False),
        (b"/api/", b"/api", False),
        (b"/api/", b"/api/a", True),
        (b"/a%20b", b"/a%20b", True),
        (b"/a%20b", b"/a b", False),
    ],
)
def test_paths_match_byte_by_byte_up_to_a_boundary(prefix: bytes, path: bytes, matches: bool) -> None:
    assert Rule(path_prefix=prefix).matches(b"a", path) is matches


@pytest.mark.parametrize(("host", "path"), [(b"a", b"/b"), (b"b", b"/a"), (b"b", b"/b")])
def test_both_conditions_must_hold(host: bytes, path: bytes) -> None:
    rule = Rule(host=b"a", path_prefix=b"/a")
    assert rule.matches(b"a", b"/a")
    assert not rule.matches(host, path)


@given(PATHS, PATHS)
def test_a_prefix_without_a_slash_at_its_end_is_a_path_and_all_below_it(prefix: bytes, path: bytes) -> None:
    whole, below = prefix.split(b"/"), path.split(b"/")
    expected = prefix == b"/" or below[: len(whole)] == whole
    assert Rule(path_prefix=prefix).matches(b"", path) is expected


@given(NAMES, NAMES)
def test_a_wildcard_is_each_name_below(base: bytes, name: bytes) -> None:
    labels, wanted = name.split(b"."), base.split(b".")
    expected = len(labels) > len(wanted) and labels[-len(wanted) :] == wanted
    assert Rule(host=b"*." + base).matches(name, b"/") is expected
    assert Rule(host=b"*." + base).matches(name + b"." + base, b"/")


RULES = st.builds(
    Rule, host=st.sampled_from([b"", b"a", b"*.a"]), path_prefix=st.sampled_from([b"", b"/a", b"/b"])
)


@given(
    st.lists(RULES, max_size=6),
    st.sampled_from([b"a", b"b.a", b"c"]),
    st.sampled_from([b"/", b"/a/b", b"/b"]),
)
def test_the_first_that_matches_counts(rules: list[Rule], host: bytes, path: bytes) -> None:
    found = first_match(rules, host, path)
    before = rules if found is None else rules[: next(i for i, rule in enumerate(rules) if rule is found)]
    assert not any(rule.matches(host, path) for rule in before)
    assert found is None or found.matches(host, path)


@pytest.mark.parametrize(
    ("redirect", "location"),
    [
        (b"https://{host}{target}", b"https://a.example/b?c"),
        (b"https://www.{host}:8443/", b"https://www.a.example:8443/"),
        (b"/new{target}", b"/new/b?c"),
        (b"/{host}/{host}{target}{target}", b"/a.example/a.example/b?c/b?c"),
        (b"/same", b"/same"),
    ],
)
def test_placeholders_are_filled(redirect: bytes, location: bytes) -> None:
    assert Rule(redirect=redirect).location(b"a.example", b"/b?c") == location


@pytest.mark.parametrize("target", [b"/{host}", b"/{target}", b"/{host}{target}?{host}"])
def test_what_a_client_asks_for_is_not_filled_again(target: bytes) -> None:
    assert Rule(redirect=b"https://{host}{target}").location(b"a", target) == b"https://a" + target


@pytest.mark.parametrize("host", [b"{target}", b"{host}"])
def test_nor_is_its_host(host: bytes) -> None:
    assert Rule(redirect=b"https://{host}{target}").location(host, b"/b") == b"https://" + host + b"/b"


def test_paths_are_routed_on_where_a_rule_has_a_prefix() -> None:
    assert climbs([Rule(host=b"a"), Rule(path_prefix=b"/")])
    assert not climbs([Rule(host=b"a"), Rule()])
    assert not climbs([])


def test_a_request_goes_by_the_first_rule_that_it_meets_or_by_none() -> None:
    rules = [Rule(b"a", b"/x"), Rule(b"a"), Rule(b"", b"/x")]
    asked = [(b"a", b"/x"), (b"a", b"/y"), (b"b", b"/x"), (b"b", b"/y")]
    assert [first_match(rules, *each) for each in asked] == [*rules, None]
