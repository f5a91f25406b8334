"""A listener: bound first, serving when started, and drained like a server when it is retired."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lbtwist.errors import BindError
from lbtwist.model.address import Address
from lbtwist.model.config import ListenerSettings
from lbtwist.model.drain import NEVER
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.plane import ListenerPolicy, Member
from lbtwist.service.draining import Drains
from lbtwist.service.listener import Listener
from tests.service.bench import ADA, WALL, config
from tests.service.fakes import FakeConnection, FakeDataPlane

Flush = Callable[..., list[Failure]]
MEMBER = Member(1, "app/a#1", Address("10.0.0.1", 80), 100)


def listener_settings(port: int = 8080, **keys: object) -> ListenerSettings:
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    toml = f'[server_groups.app]\n[listeners.web]\nendpoint = {port}\nprotocol = "tcp"\n{lines}'
    return config(toml).listeners["web"]


class Street:
    """One listener on a fake data plane."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.plane = FakeDataPlane(self.clock)
        self.drains = Drains(self.plane, self.clock, lambda: WALL)
        self.listener = Listener(7, "web", listener_settings(), self.plane, self.drains, lambda: "edge")

    def open(self, listener: int = 7) -> FakeConnection:
        return self.plane.open(MEMBER, listener)


@pytest.fixture
def street() -> Street:
    return Street()


def test_it_is_bound_before_privileges_are_dropped_and_accepts_when_it_is_started(street: Street) -> None:
    street.listener.privilegedStartService()
    assert (street.plane.told, street.listener.accepting) == ([("bind", 7)], False)
    street.listener.startService()
    assert (street.plane.told, street.listener.accepting) == ([("bind", 7), ("serve", 7)], True)
    assert street.listener.running


def test_one_that_is_started_alone_is_bound_too(street: Street) -> None:
    street.listener.startService()
    assert street.plane.told == [("bind", 7), ("serve", 7)]


def test_an_endpoint_that_is_taken_is_told_at_once(street: Street) -> None:
    street.plane.taken = [parse_endpoint(8080)]
    with pytest.raises(BindError):
        street.listener.privilegedStartService()
    street.plane.taken = []
    street.listener.privilegedStartService()
    assert street.plane.told == [("bind", 7)]


def test_the_data_plane_is_told_the_settings() -> None:
    street = Street()
    street.listener.settings = listener_settings(idle_timeout=60, connect_timeout=2, max_connections=9)
    street.listener.startService()
    assert street.plane.policies[7] == ListenerPolicy(
        7, "web", "app", "tcp", 60.0, 2.0, 9, proxy_name=b"edge"
    )


def test_rule_73_other_settings_are_told_and_nothing_is_closed(street: Street) -> None:
    street.listener.startService()
    connection = street.open()
    street.listener.reconfigure(listener_settings(max_connections=9))
    assert street.plane.told == [("bind", 7), ("serve", 7), ("serve", 7)]
    assert (street.plane.policies[7].max_connections, connection.live) == (9, True)


def test_it_tells_where_it_listens_or_would(street: Street) -> None:
    street.listener.settings = listener_settings(0)
    assert street.listener.address == ":0"
    street.listener.bind()
    street.plane.bound[7] = parse_endpoint("127.0.0.1:54321")
    assert street.listener.address == "127.0.0.1:54321"


def test_one_that_stops_accepting_keeps_its_connections_and_can_be_started_again(street: Street) -> None:
    street.listener.startService()
    connection = street.open()
    assert street.listener.stop_accepting().called
    assert (street.listener.accepting, street.plane.bound, connection.live) == (False, {}, True)
    street.listener.startService()
    assert (street.listener.accepting, street.plane.told[-2:]) == (True, [("bind", 7), ("serve", 7)])


def test_stopping_it_waits_until_its_endpoint_is_free(street: Street) -> None:
    street.listener.startService()
    street.plane.slow = True
    stopping = street.listener.stopService()
    assert not stopping.called
    street.plane.catch_up()
    assert (stopping.called, street.listener.running) == (True, 0)


def test_rule_72_its_connections_are_drained_by_the_same_rules(street: Street) -> None:
    street.listener.startService()
    mine, done, its = street.open(), street.open(), street.open(8)
    street.listener.retire(ADA, 300.0)
    assert (street.listener.accepting, street.plane.bound) == (False, {})
    done.end()
    street.clock.advance(299)
    assert mine.live
    street.clock.advance(1)
    assert (mine.live, its.live) == (False, True)
    (receipt,) = street.drains.receipts
    assert (receipt.subject, receipt.cause, receipt.who) == ("listener web", "deregistered", "ada")
    assert (receipt.connections, receipt.finished, receipt.cut) == (2, 1, 1)
    assert street.plane.forgotten == [7]
    assert street.clock.getDelayedCalls() == []


@pytest.mark.parametrize(("timeout", "live"), [(0.0, False), (NEVER, True)])
def test_rule_72_with_no_time_it_is_cut_at_once_and_with_all_of_it_never(
    street: Street, timeout: float, live: bool
) -> None:
    street.listener.startService()
    connection = street.open()
    street.listener.retire(ADA, timeout)
    street.clock.advance(1e7)
    assert connection.live is live


def test_rule_70_what_was_in_the_backlog_is_part_of_the_drain(street: Street) -> None:
    """The drain begins when the endpoint is closed: what is accepted until then counts."""
    street.listener.startService()
    street.plane.slow = True
    freed = street.listener.retire(ADA, 300.0)
    late = street.open()
    assert (freed.called, list(street.drains)) == (False, [])
    street.plane.catch_up()
    (running,) = street.drains
    assert (freed.called, running.drain.before.live) == (True, 1)
    late.end()
    assert street.drains.receipts[0].finished == 1


def test_one_that_does_not_listen_after_all_says_so(
    street: Street, monkeypatch: pytest.MonkeyPatch, flush_logged_errors: Flush
) -> None:
    """An endpoint string of Twisted's is only opened when it is served."""

    def serve(policy: ListenerPolicy) -> Deferred[None]:
        return fail(BindError("no such plugin"))

    monkeypatch.setattr(street.plane, "serve", serve)
    street.listener.startService()
    assert (street.listener.accepting, street.listener.serving.called) == (False, True)
    (error,) = flush_logged_errors()
    assert "listener web does not listen" in error.getErrorMessage()
    assert "no such plugin" in error.getErrorMessage()
