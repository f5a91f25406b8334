"""Changes by key paths: what makes one document of another."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given

from lbtwist.errors import Refused
from lbtwist.model.config.changes import (
    Changes,
    LiveChange,
    changed,
    difference,
    found,
    leaves,
    same,
    together,
    value_at,
)
from lbtwist.model.config.document import Part
from tests.model.toml_files import changes, files

MAIN = Part({"listeners": {"web": {"endpoint": 80}}, "include": ["more.toml"]}, "lb.toml")
MORE = Part({"server_groups": {"app": {"servers": ["10.0.0.1:80"]}}}, "more.toml")


@given(files(), changes())
def test_the_difference_of_two_documents_makes_one_of_the_other(text: str, done: Changes) -> None:
    part = Part(tomllib.loads(text))
    wanted = changed([part], done)
    found = difference(together([part]), together(wanted))
    assert together(changed([part], found)) == together(wanted)
    assert difference(together(wanted), together(changed([part], found))) == {}


def test_a_change_is_made_where_its_table_stands_and_else_in_the_main_file() -> None:
    done: Changes = {
        ("server_groups", "app", "retries"): LiveChange(3),
        ("server_groups", "api", "retries"): LiveChange(4),
        ("listeners", "web"): LiveChange(None),
    }
    main, more = changed([MAIN, MORE], done)
    assert main.document == {
        "listeners": {},
        "include": ["more.toml"],
        "server_groups": {"api": {"retries": 4}},
    }
    assert more.document["server_groups"]["app"]["retries"] == 3


def test_servers_are_spelled_out_whichever_way_they_are_written() -> None:
    done: Changes = {("server_groups", "app", "servers", "10.0.0.1:80", "weight"): LiveChange(5)}
    assert together(changed([MAIN, MORE], done))["server_groups"]["app"]["servers"] == {
        "10.0.0.1:80": {"address": "10.0.0.1:80", "weight": 5}
    }


def test_a_whole_that_went_is_one_change() -> None:
    before = {"listeners": {"web": {"endpoint": 80}}, "a": {}}
    assert difference(before, {"listeners": {}, "a": {}}) == {("listeners", "web"): LiveChange(None)}


@pytest.mark.parametrize(
    ("one", "other", "are"), [(1, 1, True), (1, True, False), ([1], [1], True), (1, 2, False)]
)
def test_a_number_is_not_a_truth(one: object, other: object, are: bool) -> None:
    assert same(one, other) is are


def test_a_path_through_what_is_no_table_is_refused() -> None:
    with pytest.raises(Refused, match=r"listeners\.web\.endpoint\.port: endpoint is no table"):
        changed([MAIN], {("listeners", "web", "endpoint", "port"): LiveChange(1)})


def test_a_value_is_found_by_its_path_and_else_how_far_the_path_leads() -> None:
    document = {"a": {"b": {"c": 1, "e": {}}}, "text": "abc"}
    assert found(document, ("a", "b", "c")) == (3, 1)
    assert found(document, ("a", "b", "e")) == (3, {})
    assert found(document, ("a", "b", "d", "x")) == (2, None)
    assert found(document, ("a", "b", "c", "d")) == (3, None)
    assert found(document, ("a", "x")) == (1, None)
    assert found(document, ("x", "a")) == (0, None)
    assert found(document, ("text", "a")) == (1, None)
    assert (value_at(document, ()), found(document, ())) == (document, (0, document))


def test_every_value_has_its_path_and_so_has_an_empty_table() -> None:
    assert dict(leaves({"a": {"b": 1, "c": {}, "d": {"e": [2]}}, "f": "g"})) == {
        ("a", "b"): 1,
        ("a", "c"): {},
        ("a", "d", "e"): [2],
        ("f",): "g",
    }


def test_what_parts_say_of_one_table_is_put_together_and_the_first_counts_of_one_value() -> None:
    parts = [Part({"a": {"b": 1}, "c": 1, "d": {}}), Part({"a": {"e": 2}, "c": 2, "d": 3, "f": 4})]
    assert together(parts) == {"a": {"b": 1, "e": 2}, "c": 1, "d": {}, "f": 4}


def test_a_table_in_the_place_of_a_value_and_the_other_way_is_one_change() -> None:
    table, value = {"a": {"b": {"c": 1}}}, {"a": {"b": 2}}
    assert difference(table, value) == {("a", "b"): LiveChange(2)}
    assert difference(value, table) == {("a", "b"): LiveChange({"c": 1})}


def test_to_take_away_what_is_not_there_changes_nothing() -> None:
    done: Changes = {
        ("listeners", "admin"): LiveChange(None),
        ("listeners", "web", "endpoint", "port"): LiveChange(None),
        ("nothing", "here"): LiveChange(None),
    }
    assert [part.document for part in changed([MAIN], done)] == [MAIN.document]
