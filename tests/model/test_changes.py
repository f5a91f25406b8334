"""Changes by key paths: what makes one document of another."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given

from lbtwist.errors import Refused
from lbtwist.model.config.changes import Changes, LiveChange, changed, difference, same, together
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
