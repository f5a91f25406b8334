"""What one configuration says of server groups that another does not say."""

from __future__ import annotations

import tomllib

from lbtwist.model.address import Address
from lbtwist.model.config import Config, parse
from lbtwist.model.difference import difference
from lbtwist.model.members import Wanted

APP = """
[server_groups.app.servers]
ecs01 = { address = "10.0.0.1:80", weight = 7, max_connections = 9, backup = true, zone = "north" }
named = "app.example:80"
"""
API = '[server_groups.api.servers]\necs09 = "10.0.0.9:80"\n'


def config(toml: str) -> Config:
    return parse(tomllib.loads(toml))


def test_groups_that_say_the_same_are_not_told() -> None:
    new = config(API + APP)
    assert difference(config(APP + API), new) == (new, {}, {})


def test_of_a_group_that_is_new_or_has_other_settings_the_servers_with_an_address_are_told() -> None:
    for old in (API, API + APP.replace("7", "8")):
        told = difference(config(old), new := config(APP + API))
        assert told.groups == {"app": new.server_groups["app"]}
        assert told.servers == {"app": {Address("10.0.0.1", 80): Wanted("ecs01", 7, 9, True, "north")}}


def test_a_group_that_is_named_no_more_is_not_told() -> None:
    assert difference(config(APP + API), config(API)).groups == {}


def test_an_address_of_which_something_was_said_before_is_the_same_object() -> None:
    """Thousands of them are compared while traffic waits."""
    known = Address("10.0.0.1", 80)
    said = {"app": {known: Wanted("other", 1)}}
    told = difference(config(API), config(APP), said).servers["app"]
    assert [address is known for address in told] == [True]
    assert told == difference(config(API), config(APP)).servers["app"]
