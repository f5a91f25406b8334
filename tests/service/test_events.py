"""What happened lately: a bounded ring, followers, and where it is fed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config.changes import LiveChange
from lbtwist.model.drain import Because
from lbtwist.service.events import KEPT_EVENTS, KINDS, Event, Events
from lbtwist.service.loading import Loaded
from lbtwist.service.reload import SHOWN_CHANGES, Reloader, _some
from tests.service.bench import ADA, WALL, Bench, House, config, group_settings

CHECKED = group_settings((1, 2), checks="healthy_threshold = 1\nunhealthy_threshold = 1")


def told(house: House, kind: str) -> list[tuple[str, str, str]]:
    return [(event.subject, event.text, event.who) for event in house.drains.events if event.kind == kind]


def test_the_last_are_kept_the_oldest_first_with_their_times() -> None:
    now = WALL
    events = Events(lambda: now)
    for number in range(KEPT_EVENTS + 3):
        now = WALL + number
        events.add("server", "app/s1#1", str(number))
    kept = list(events)
    assert (len(kept), kept[0].text, kept[-1].text) == (KEPT_EVENTS, "3", str(KEPT_EVENTS + 2))
    assert kept[0].time == WALL + 3


def test_they_have_numbers_by_which_one_goes_on() -> None:
    events = Events(lambda: WALL)
    assert (events.added, events.after(0)) == (0, [])
    for number in range(1, KEPT_EVENTS + 3):
        events.add("server", "", str(number))
    assert [(n, event.text) for n, event in events.after(KEPT_EVENTS)] == [
        (n, str(n)) for n in (KEPT_EVENTS + 1, KEPT_EVENTS + 2)
    ]
    assert events.after(0)[0][0] == 3, "the others are not kept"
    assert events.after(events.added) == []


def test_a_follower_hears_what_comes_until_it_stops() -> None:
    events = Events(lambda: WALL)
    events.add("server", "", "before")
    first: list[Event] = []
    second: list[Event] = []
    stop = events.follow(first.append)
    events.follow(second.append)
    events.add("login", "", "one", "ada")
    stop()
    stop()
    events.add("login", "", "two", "ada")
    assert [event.text for event in first] == ["one"]
    assert second == [Event(WALL, "login", "", "one", "ada"), Event(WALL, "login", "", "two", "ada")]


def test_one_that_stops_while_it_is_told_keeps_nobody_from_hearing() -> None:
    events = Events(lambda: WALL)
    heard: list[Event] = []
    stop = events.follow(lambda event: stop())
    events.follow(heard.append)
    events.add("login", "", "one")
    assert len(heard) == 1


def test_servers_that_come_flip_and_come_back_are_events() -> None:
    house = House(CHECKED)
    assert told(house, "server")[0] == ("app/s1#1", "added at 10.0.0.1:80", "file")
    house.first_checks()
    house.fails(1)
    house.drain(2)
    house.group.ready(house[2], Because("bob"))
    assert told(house, "server")[4:] == [
        ("app/s1#1", "failing: status 500 not in 200-399", "health check"),
        ("app/s2#2", "back in rotation", "bob"),
    ]


def test_the_begin_and_the_end_of_a_drain_are_events() -> None:
    house = House()
    (connection,) = house.connections(1)
    house.drain(1, timeout=30)
    house.clock.advance(2)
    connection.end()
    house.drain(2, timeout=float("inf"))
    assert told(house, "drain") == [
        ("app/s1#1", "begins: operator, 1 connections, 30 s", ADA.who),
        ("app/s1#1", "ended: completed after 2.0 s, 1 finished, 0 cut, 0 kept", ADA.who),
        ("app/s2#2", "begins: operator, 0 connections, no deadline", ADA.who),
        ("app/s2#2", "ended: completed after 0.0 s, 0 finished, 0 cut, 0 kept", ADA.who),
    ]


def test_rule_29_fail_open_is_an_event_when_it_begins_and_when_it_is_over() -> None:
    checks = "healthy_threshold = 1\nunhealthy_threshold = 1"
    house = House(group_settings((1, 2), checks=checks, fail_open="all"))
    house.first_checks()
    house.fails(1, 2)
    house.passes(1)
    assert told(house, "fail_open") == [
        ("app", "on: no server may take new connections", ""),
        ("app", "over", ""),
    ]


def test_a_source_that_fails_is_an_event_once() -> None:
    toml = '[server_groups.app]\ndiscovery = { type = "file", path = "/nowhere" }\n'
    house = House(config(toml).server_groups["app"])
    house.world.source.fail("no such file")
    house.world.source.fail("no such file")
    assert told(house, "source") == [("app", "failed: no such file", "source")]


Flush = Callable[..., list[Failure]]
TOML = '[server_groups.app]\nservers = ["10.0.0.1:80"]\n'


def kinds(bench: Bench, *kinds: str) -> list[tuple[str, str, str]]:
    assert set(kinds) <= set(KINDS)
    return [(event.kind, event.text, event.who) for event in bench.balancer.events if event.kind in kinds]


def test_reloads_applied_and_refused_and_live_changes_are_events(flush_logged_errors: Flush) -> None:
    bench = Bench(TOML)
    answers: list[Deferred[Loaded]] = [
        succeed(Loaded(config(TOML + "scheduler = 'wlc'\n"))),
        succeed(Loaded(config(TOML + "scheduler = 'wlc'\n"))),
        fail(ConfigurationError([Problem("x", "bad")])),
    ]
    reloader = Reloader(bench.balancer, lambda: answers.pop(0))
    for _ in range(3):
        reloader.reload().addErrback(lambda failure: failure.trap(ConfigurationError))
    reloader.change_live({("server_groups", "app", "scheduler"): LiveChange("rr", "ada")}, "ada")
    flush_logged_errors()
    assert kinds(bench, "reload", "live") == [
        ("reload", "applied: server group app changed", "file"),
        ("reload", "applied: nothing has changed", "file"),
        ("reload", "refused: x: bad", "file"),
        ("live", "server group app changed", "ada"),
    ]


def test_an_event_names_the_first_changes_and_counts_the_others() -> None:
    lines = [str(number) for number in range(SHOWN_CHANGES + 2)]
    assert _some(lines[:SHOWN_CHANGES]) == "; ".join(lines[:SHOWN_CHANGES])
    assert _some(lines) == "; ".join(lines[:SHOWN_CHANGES]) + "; and 2 more"
