from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.errors import UsageError
from lbtwist.model.reference import NAME, Reference, parse_reference, parse_server_name


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("app/ecs01", Reference("app", "ecs01")),
        ("app/ecs01#7", Reference("app", "ecs01", 7)),
        ("a.b-c_d/e.f-g_h#123456789012", Reference("a.b-c_d", "e.f-g_h", 123456789012)),
        ("app/10.0.0.1:8080", Reference("app", "10.0.0.1:8080")),
        ("app/[2001:db8::1]:80#3", Reference("app", "[2001:db8::1]:80", 3)),
        ("app/unix:/run/app.sock#3", Reference("app", "unix:/run/app.sock", 3)),
    ],
)
def test_reads_a_server_or_one_registration_of_it(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app",
        "app/",
        "/ecs01",
        "app/ecs01#",
        "app/ecs01#seven",
        "app/ecs01#-1",
        "app/ecs01#1234567890123",
        "app/ecs01#\u0667",
        "app/ecs01\n",
        "app/ecs 01",
        "-app/ecs01",
        "app/a/b",
        "a" * 64 + "/ecs01",
        "app/" + "a" * 121,
        "app/unix:/" + "a" * 120,
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match="is not group/server or group/server#number"):
        parse_reference(text)


@given(st.from_regex(NAME, fullmatch=True), st.from_regex(NAME, fullmatch=True), st.integers(0, 10**12 - 1))
def test_what_is_shown_is_read_again(group: str, server: str, number: int) -> None:
    for reference in (Reference(group, server), Reference(group, server, number)):
        assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize("name", ["e", "ecs01", "10.0.0.1", "a" * 63])
def test_takes_the_name_of_a_new_server(name: str) -> None:
    assert parse_server_name(name) == name


@pytest.mark.parametrize("name", ["", ".a", "a" * 64, "a b", "a/b", "a#1", "10.0.0.1:80", "a\n", "ä"])
def test_refuses_a_name_that_could_be_mistaken(name: str) -> None:
    with pytest.raises(ValueError, match="is not a name: a letter or digit"):
        parse_server_name(name)
