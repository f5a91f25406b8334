"""Signals: the first one leaves, the second one hurries, SIGHUP reloads."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from lbtwist.errors import Refused
from lbtwist.model.drain import Because
from lbtwist.service.signals import ASKING, LEAVING, Signals
from tests.service.bench import Bench

Flush = Callable[..., list[Failure]]
TOML = '[listeners.web]\nendpoint = 8080\nprotocol = "tcp"\n[server_groups.app]\nservers = ["10.0.0.1:80"]\n'


class FakeReactor:
    """Starts and turns when the test says so."""

    def __init__(self) -> None:
        self.when_running: list[Callable[[], None]] = []
        self.calls: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self.after_shutdown: list[Callable[[], None]] = []
        self.stopped = 0

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], None]) -> None:
        assert (phase, event) == ("after", "shutdown")
        self.after_shutdown.append(call)

    def callWhenRunning(self, call: Callable[[], None]) -> None:
        self.when_running.append(call)

    def callFromThread(self, call: Callable[..., None], *arguments: Any) -> None:
        self.calls.append((call, arguments))

    def stop(self) -> None:
        self.stopped += 1

    def run(self) -> None:
        for call in self.when_running:
            call()

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call, arguments in calls:
            call(*arguments)


@pytest.fixture
def reactor() -> Iterator[FakeReactor]:
    """What it installs is taken out again."""
    before = {number: signal.getsignal(number) for number in (*LEAVING, *ASKING)}
    yield FakeReactor()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def bench(reactor: FakeReactor) -> Bench:
    made = Bench(TOML)
    Signals(made.balancer, reactor).setServiceParent(made.balancer)
    reactor.run()
    return made


def send(reactor: FakeReactor, number: int) -> None:
    signal.raise_signal(number)
    reactor.turn()


def test_it_takes_over_when_the_reactor_has_installed_its_own(reactor: FakeReactor) -> None:
    before = signal.getsignal(signal.SIGTERM)
    bench = Bench(TOML)
    Signals(bench.balancer, reactor).setServiceParent(bench.balancer)
    assert signal.getsignal(signal.SIGTERM) is before
    reactor.run()
    assert signal.getsignal(signal.SIGTERM) is not before


@pytest.mark.parametrize("number", ASKING)
def test_rule_70_what_comes_after_the_end_is_not_its_death(
    bench: Bench, reactor: FakeReactor, number: int
) -> None:
    for call in reactor.after_shutdown:
        call()
    assert signal.getsignal(number) is signal.SIG_IGN
    send(reactor, number)
    assert reactor.calls == []


def test_in_the_interrupted_code_nothing_happens_but_a_call_to_the_reactor(
    bench: Bench, reactor: FakeReactor
) -> None:
    signal.raise_signal(signal.SIGTERM)
    assert (reactor.stopped, len(reactor.calls)) == (0, 1)
    reactor.turn()
    assert reactor.stopped == 1


@pytest.mark.parametrize("second", LEAVING)
@pytest.mark.parametrize("first", LEAVING)
def test_rule_70_the_first_one_leaves_and_the_second_cuts(
    bench: Bench, reactor: FakeReactor, first: int, second: int
) -> None:
    (connection,) = bench.connect("app/10.0.0.1:80#2")
    send(reactor, first)
    bench.balancer.stopService()  # what the reactor does when it is stopped
    assert (reactor.stopped, connection.live) == (1, True)
    send(reactor, second)
    assert (reactor.stopped, connection.live) == (1, False)


def test_rule_70_the_second_one_may_come_before_the_reactor_has_begun_to_stop(
    bench: Bench, reactor: FakeReactor
) -> None:
    (connection,) = bench.connect("app/10.0.0.1:80#2")
    send(reactor, signal.SIGTERM)
    send(reactor, signal.SIGTERM)
    assert bench.balancer.stopService().called
    assert (reactor.stopped, connection.live) == (1, False)


def test_one_that_leaves_already_for_another_reason_is_hurried(bench: Bench, reactor: FakeReactor) -> None:
    """A reactor that is stopped twice raises ReactorNotRunning."""
    (connection,) = bench.connect("app/10.0.0.1:80#2")
    bench.balancer.stopService()
    send(reactor, signal.SIGTERM)
    assert (reactor.stopped, connection.live) == (0, False)


@pytest.mark.parametrize("own", [True, False])
def test_sigusr1_reopens_logs_besides_what_twistd_does(reactor: FakeReactor, own: bool) -> None:
    rotated: list[int] = []
    if own:
        signal.signal(signal.SIGUSR1, lambda number, frame: rotated.append(number))
    bench = Bench(TOML)
    Signals(bench.balancer, reactor).setServiceParent(bench.balancer)
    reactor.run()
    reopened: list[bool] = []
    bench.balancer.reopen_logs = lambda: reopened.append(True)
    signal.raise_signal(signal.SIGUSR1)
    assert rotated == ([signal.SIGUSR1] if own else [])
    assert reopened == []
    reactor.turn()
    assert reopened == [True]


def test_sighup_reloads(bench: Bench, reactor: FakeReactor) -> None:
    reloads: list[Deferred[list[str]]] = []

    def reload() -> Deferred[list[str]]:
        reloads.append(succeed([]))
        return reloads[-1]

    bench.balancer.reload = reload
    send(reactor, signal.SIGHUP)
    send(reactor, signal.SIGHUP)
    assert (len(reloads), reactor.stopped) == (2, 0)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Refused("not now"), "the reload was refused: not now"),
        (ZeroDivisionError("a bug"), "a bug"),
    ],
)
def test_a_reload_that_fails_is_logged_and_nothing_else_happens(
    bench: Bench, reactor: FakeReactor, flush_logged_errors: Flush, error: Exception, told: str
) -> None:
    bench.balancer.reload = lambda: fail(error)
    send(reactor, signal.SIGHUP)
    assert [told in each.getErrorMessage() for each in flush_logged_errors()] == [True]


def test_rule_70_a_signal_after_the_verb_hurries_and_the_reactor_is_stopped_once(
    bench: Bench, reactor: FakeReactor
) -> None:
    (connection,) = bench.connect("app/10.0.0.1:80#2")
    for _ in range(2):
        bench.balancer.shut_down(30.0, Because("ada"))
    send(reactor, signal.SIGTERM)
    assert bench.balancer.stopService().called
    assert (reactor.stopped, connection.live) == (1, False)
