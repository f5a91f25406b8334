"""Words of messages, keys as they are written, and how servers are spelled out."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.config.spelling import Ports, copied, listed_name, spelled, spelled_servers
from lbtwist.model.config.table import OTHERWISE, key
from lbtwist.model.config.words import bare, did_you_mean, dotted, joined, listed, quoted


def test_a_long_list_is_counted_from_the_twenty_first_on() -> None:
    words = [f"w{number:02}" for number in range(23)]
    assert joined(words[:20]) == f"{', '.join(words[:19])} and w19"
    assert joined(words[:21]) == f"{', '.join(words[:20])} and 1 more"
    assert joined(words) == f"{', '.join(words[:20])} and 3 more"
    assert [joined(words[:count]) for count in (1, 2)] == ["w00", "w00 and w01"]
    assert listed(["b", "a c"]) == '"a c" and b'


def test_the_nearest_is_meant() -> None:
    assert did_you_mean("wieght", ["height", "weight", "a b"]) == " (did you mean weight?)"
    assert did_you_mean("xyz", ["weight"]) == ""
    assert did_you_mean("a  b", ["a b"]) == ' (did you mean "a b"?)'


def test_strings_are_quoted_as_they_are_read() -> None:
    assert quoted(["bücher", 'a"b']) == '"bücher", "a\\"b"'


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a-b_C1", "a-b_C1"),
        ("a" * 80, "a" * 80),
        ("a.b", '"a.b"'),
        ("." * 80, f'"{"." * 80}"'),
        ("a" * 81, f'"{"a" * 79}\\u2026"'),
        ("." * 90, f'"{"." * 79}\\u2026"'),
    ],
)
def test_a_key_is_quoted_where_it_must_be_and_not_endless(name: str, shown: str) -> None:
    assert bare(name) == shown
    assert dotted(("server_groups", name, 1)) == f"server_groups.{shown}[1]"


def test_the_port_of_listed_servers_is_the_groups_else_that_of_the_defaults() -> None:
    defaults = {"defaults": {"server_group": {"port": 81}}}
    ports = Ports([{"server_groups": {"a": {"port": 80}, "b": {"port": "x"}}}, defaults])
    assert [ports[name] for name in ("a", "b", "c")] == [80, 81, 81]
    assert Ports([{"server_groups": 1}])["a"] is None


@pytest.mark.parametrize(
    ("servers", "spelled_out"),
    [
        (
            ["10.0.0.1", "[::1]:81"],
            {"10.0.0.1:80": {"address": "10.0.0.1:80"}, "[::1]:81": {"address": "[::1]:81"}},
        ),
        (["10.0.0.1", "10.0.0.1:80"], ["10.0.0.1", "10.0.0.1:80"]),
        (["10.0.0.1", "a b"], ["10.0.0.1", "a b"]),
        (["10.0.0.1", 1], ["10.0.0.1", 1]),
        ({"a": "10.0.0.1", "b": {"weight": 1}}, {"a": {"address": "10.0.0.1"}, "b": {"weight": 1}}),
        ("x", "x"),
    ],
)
def test_servers_are_spelled_out_where_each_can_be_read(servers: Any, spelled_out: Any) -> None:
    assert spelled_servers(servers, 80) == spelled_out
    document = {"server_groups": {"a": {"servers": servers, "port": 80}, "b": 1}}
    wanted = {"server_groups": {"a": {"servers": spelled_out, "port": 80}, "b": 1}}
    assert spelled(document, Ports([document])) == wanted
    assert document["server_groups"]["a"]["servers"] is servers  # type: ignore[index]


def test_what_can_not_be_read_has_no_name() -> None:
    assert [listed_name(text, 80) for text in ("10.0.0.1", "app.b", "a b", 1)] == [
        "10.0.0.1:80",
        "app.b:80",
        None,
        None,
    ]


def test_a_copy_shares_no_table_and_no_list() -> None:
    value: Any = {"a": [{"b": [1]}], "c": "d"}
    copy = copied(value)
    assert copy == value
    copy["a"][0]["b"].append(2)
    copy["a"].append(3)
    assert value == {"a": [{"b": [1]}], "c": "d"}


def test_a_key_has_its_description_its_default_and_what_holds_otherwise() -> None:
    plain, told, required = key("What.", 3), key("What.", None, otherwise="nothing"), key("What.")
    assert (plain.description, plain.default, plain.json_schema_extra) == ("What.", 3, None)
    assert (told.default, told.json_schema_extra) == (None, {OTHERWISE: "nothing"})
    assert [each.is_required() for each in (plain, told, required)] == [False, False, True]
