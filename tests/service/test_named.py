"""Servers that are given by name: a changed address is a removal and an addition."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.drain import Because
from lbtwist.model.registration import Origin
from lbtwist.service.verbs import looking, membership, taking_out
from tests.service.bench import ADA, Bench, House, address, config, group_settings, pass_time

TTL = 10.0
AGAIN = 1.0
"""Seconds after which a name that was not resolved is asked for again."""


def named(*names: str, extra: str = "") -> str:
    servers = "".join(f'{name} = "{name}.test:80"\n' for name in names)
    return f"[server_groups.app.servers]\n{servers}{extra}"


def bench(toml: str, **known: str) -> Bench:
    """A started balancer, and a name server that knows these."""
    made = Bench(toml, start=False)
    know(made, **known)
    made.balancer.privilegedStartService()
    made.balancer.startService()
    return made


def know(of: Bench, **known: str) -> None:
    """These names have these addresses, and no other has any."""
    of.world.names.known = {f"{name}.test": tuple(found.split()) for name, found in known.items()}


def members(of: Bench) -> list[str]:
    return [f"{member.label} {member.address.host}" for member in of.plane.rotations["app"].members]


def row(of: Bench, label: str) -> dict[str, Any]:
    return of.row(looking.servers(of.call()).data, server=label)


def test_a_name_is_resolved_at_the_start() -> None:
    assert members(bench(named("one"), one="10.0.0.1")) == ["app/one#1 10.0.0.1"]


def test_one_that_cannot_be_resolved_is_no_reason_not_to_start() -> None:
    started = bench(named("one", "two"), two="10.0.0.2")
    assert members(started) == ["app/two#1 10.0.0.2"]
    told = row(started, "app/one")
    assert (told["state"], told["reason"]) == ("unhealthy", "name_not_resolved")
    assert told["last_check"] == "one.test: there is no such name"
    know(started, one="10.0.0.1", two="10.0.0.2")
    pass_time(started.clock, AGAIN)
    assert members(started) == ["app/two#1 10.0.0.2", "app/one#2 10.0.0.1"]


def test_a_changed_address_is_a_removal_and_an_addition_that_joins_at_once() -> None:
    started = bench(named("one", "two"), one="10.0.0.1", two="10.0.0.2")
    (old,) = started.connect("app/one#1")
    know(started, one="10.0.0.9", two="10.0.0.2")
    pass_time(started.clock, TTL)
    assert members(started) == ["app/two#2 10.0.0.2", "app/one#3 10.0.0.9"]
    (running,) = started.balancer.drains
    assert (running.drain.subject, running.left(), old.live) == ("app/one#1", 300.0, True)
    started.clock.advance(300)
    assert not old.live
    (receipt,) = started.balancer.drains.receipts
    assert (receipt.cause, receipt.who) == ("deregistered", "name service")


def test_an_address_that_is_still_among_the_answers_is_kept() -> None:
    started = bench(named("one"), one="10.0.0.1 10.0.0.2")
    know(started, one="10.0.0.2 10.0.0.1")
    pass_time(started.clock, TTL)
    assert members(started) == ["app/one#1 10.0.0.1"]


def test_one_that_cannot_be_resolved_any_more_keeps_its_connections_and_takes_nothing_new() -> None:
    started = bench(named("one", "two"), one="10.0.0.1", two="10.0.0.2")
    (connection,) = started.connect("app/one#1")
    know(started, two="10.0.0.2")
    pass_time(started.clock, TTL)
    assert (members(started), list(started.balancer.drains)) == (["app/two#2 10.0.0.2"], [])
    told = row(started, "app/one#1")
    assert (told["state"], told["reason"]) == ("unhealthy", "name_not_resolved")
    pass_time(started.clock, 1000)
    assert connection.live
    know(started, one="10.0.0.1", two="10.0.0.2")
    pass_time(started.clock, 60)
    assert len(members(started)) == 2
    assert connection.live


@pytest.mark.parametrize("fail_open", ["recovered", "all", "never"])
def test_rule_29_one_that_cannot_be_resolved_is_not_used_either(fail_open: str) -> None:
    started = bench(f'[server_groups.app]\nfail_open = "{fail_open}"\n' + named("one"), one="10.0.0.1")
    know(started)
    pass_time(started.clock, TTL)
    assert members(started) == []


# What operators do.


def test_one_that_a_verb_removed_does_not_come_back_with_another_address() -> None:
    started = bench(named("one", "two"), one="10.0.0.1", two="10.0.0.2")
    taking_out.remove(started.call(), ["app/one"])
    know(started, one="10.0.0.9", two="10.0.0.2")
    pass_time(started.clock, TTL)
    know(started, one="10.0.0.8", two="10.0.0.2")
    pass_time(started.clock, TTL)
    assert members(started) == ["app/two#2 10.0.0.2"]


def test_one_that_a_verb_removed_and_brought_back_follows_its_name_again() -> None:
    started = bench(named("one", "two"), one="10.0.0.1", two="10.0.0.2")
    started.connect("app/one#1")
    taking_out.remove(started.call(), ["app/one"])
    membership.ready(started.call(), ["app/one"])
    know(started, one="10.0.0.9", two="10.0.0.2")
    pass_time(started.clock, TTL)
    assert members(started)[-1] == "app/one#3 10.0.0.9"


def test_a_live_weight_goes_with_the_address() -> None:
    """A changed address is another server."""
    started = bench(named("one", "two"), one="10.0.0.1", two="10.0.0.2")
    membership.weigh(started.call(), "app/one", 5)
    pass_time(started.clock, TTL)
    assert started.plane.rotations["app"].members[0].weight == 5
    know(started, one="10.0.0.9", two="10.0.0.2")
    pass_time(started.clock, TTL)
    assert started.plane.rotations["app"].members[-1].weight == 100


# Two servers at one address.


def test_two_names_of_one_address_are_not_one_server() -> None:
    """Else the first one to move would take the server away from the other."""
    started = bench(named("one", "two"), one="10.0.0.1", two="10.0.0.1")
    assert members(started) == ["app/one#1 10.0.0.1"]
    told = row(started, "app/two")
    assert told["last_check"] == "two.test is 10.0.0.1:80, as app/one#1 is already"
    know(started, one="10.0.0.1", two="10.0.0.2")
    pass_time(started.clock, TTL)
    assert members(started) == ["app/one#1 10.0.0.1", "app/two#2 10.0.0.2"]


def test_one_that_leaves_an_address_makes_room_for_another() -> None:
    started = bench(named("one", "two"), one="10.0.0.1", two="10.0.0.1")
    know(started, one="10.0.0.2", two="10.0.0.1")
    pass_time(started.clock, TTL)
    assert sorted(each.partition("#")[0] for each in members(started)) == ["app/one", "app/two"]
    assert sorted(each.split()[1] for each in members(started)) == ["10.0.0.1", "10.0.0.2"]


def test_a_name_that_moves_to_the_address_of_another_server_keeps_its_connections_and_waits() -> None:
    started = bench(named("one", extra='two = "10.0.0.2:80"\n'), one="10.0.0.1")
    (connection,) = started.connect("app/one#2")
    know(started, one="10.0.0.2")
    pass_time(started.clock, TTL)
    assert members(started) == ["app/two#1 10.0.0.2"]
    assert (row(started, "app/one#2")["reason"], connection.live) == ("name_not_resolved", True)
    know(started, one="10.0.0.1")
    pass_time(started.clock, TTL)
    assert len(members(started)) == 2


def test_two_names_that_swap_their_addresses_are_both_there_again() -> None:
    started = bench(named("one", "two"), one="10.0.0.1", two="10.0.0.2")
    know(started, one="10.0.0.2", two="10.0.0.1")
    pass_time(started.clock, TTL)
    settled = {each.partition("#")[0]: each.split()[1] for each in members(started)}
    assert settled == {"app/one": "10.0.0.2", "app/two": "10.0.0.1"}
    pass_time(started.clock, 3 * TTL)
    assert {each.partition("#")[0]: each.split()[1] for each in members(started)} == settled


# The file.


def house(*names: str, extra: str = "") -> House:
    made = House(group_settings([]))
    for number, name in enumerate(names, 1):
        made.world.names.known[f"{name}.test"] = (address(number).host,)
    made.reconfigure(settings(*names, extra=extra))
    return made


def settings(*names: str, extra: str = "", draining: str = "") -> Any:
    return config(named(*names, extra=extra) + draining).server_groups["app"]


def test_a_name_that_the_file_adds_is_resolved_and_one_that_it_drops_is_removed() -> None:
    made = house("one")
    (connection,) = made.connections(1)
    made.world.names.known["two.test"] = ("10.0.0.2",)
    made.reconfigure(settings("two"))
    assert (made.rotation, connection.live) == ([2], True)
    (running,) = made.drains
    assert running.drain.causes[running.drain.cause] == Because("name service")
    assert made[1].removed_by is Origin.FILE


def test_rule_73_a_name_that_the_file_does_not_change_is_not_touched() -> None:
    made = house("one")
    (connection,) = made.connections(1)
    made.reconfigure(settings("one", extra='two = "10.0.0.2:80"\n'))
    assert (made.rotation, connection.live, made.outcomes) == ([1, 2], True, [])


def test_another_weight_touches_no_connection() -> None:
    made = house("one")
    (connection,) = made.connections(1)
    made.reconfigure(settings(extra='one = { address = "one.test:80", weight = 7 }\n'))
    assert [(m.number, m.weight) for m in made.plane.rotations["app"].members] == [(1, 7)]
    assert connection.live


def test_another_host_under_the_same_name_is_a_removal_and_an_addition() -> None:
    made = house("one")
    made.connections(1)
    made.world.names.known["other.test"] = ("10.0.0.7",)
    made.reconfigure(settings(extra='one = "other.test:80"\n'))
    assert [member.label for member in made.plane.rotations["app"].members] == ["app/one#2"]


def test_a_group_that_stops_asks_no_more_and_its_members_stay() -> None:
    made = house("one")
    made.group.stopService()
    assert (made.timers, made.rotation) == (0, [1])


def test_one_that_an_operator_drained_under_its_name_is_drained() -> None:
    made = house("one", "two")
    made.group.drain([made[1]], ADA)
    pass_time(made.clock, 3 * TTL)
    assert (made.rotation, made[1].state) == ([2], "drained")
