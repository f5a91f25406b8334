from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.shown import LIMIT, shown

SECRET = "MC4CAQAwBQYDK2VwBCIEIKg9Q8Zr2bYb0f1Pq7cV"


def test_a_value_is_its_repr() -> None:
    assert [shown(300), shown("a b"), shown(True)] == ["300", "'a b'", "True"]


def test_a_long_value_is_cut() -> None:
    text = shown("a " * 100)
    assert len(text) == LIMIT
    assert text.endswith("…")
    assert shown("a " * 39) == repr("a " * 39)  # of as many characters as may be


def test_what_looks_like_a_secret_is_not_shown() -> None:
    assert shown(SECRET) == "'MC4C…'"
    assert shown(f"key={SECRET} x") == "'key=… x'"
    assert shown("0123456789abcdef" * 2) == "'0123…'"


def test_names_and_paths_are_no_secrets() -> None:
    for text in (
        "etc/load-balancer/conf-d/2024/servers/app",
        "/etc/lbtwist/Keys/operators/admin",
        "web-" * 10,
    ):
        assert shown(text) == repr(text)


def test_a_number_without_repr_is_named_by_its_type() -> None:
    assert shown(10**5000) == "<int>"


@given(st.one_of(st.text(), st.binary(), st.lists(st.text())))
def test_always_one_short_line(value: object) -> None:
    text = shown(value)
    assert text.isprintable()
    assert len(text) <= LIMIT
