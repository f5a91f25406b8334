"""What holds for every test: it leaves nothing behind, it ends, and it gives the same each time.

pytest-twisted lets left-over timers, sockets and unhandled Deferred failures pass; `guard` does not.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass
from typing import Any, cast

import hypothesis
import pytest
import pytest_twisted
from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

TIME_LIMIT = 90.0
"""Seconds that an asynchronous test may take, so that one that hangs ends; `@pytest.mark.limit(seconds)` sets
another."""
LONGEST = {
    "test_upgrade",
    "test_torture",
    "test_packaging",
    "test_proxy_protocol",
    "test_tls",
    "test_removal",
}
"""Files whose tests take longest together."""
RETRIES = 2
"""Further tries of a functional test that has failed."""
TURNS = 20
"""Turns that the reactor gets to finish what a test has begun to close."""

hypothesis.settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2_000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

Flush = Callable[..., list[Failure]]


class LoggedError(Exception):
    """An error that was logged as a text, without an exception."""


@dataclass(frozen=True)
class Holdings:
    """What this process holds that a test could have left."""

    calls: frozenset[DelayedCall]
    selectables: frozenset[Any]
    descriptors: frozenset[tuple[int, str]]

    @classmethod
    def now(cls, reactor: PosixReactorBase) -> Holdings:
        return cls(
            frozenset(cast(list[DelayedCall], reactor.getDelayedCalls())),
            frozenset([*reactor.getReaders(), *reactor.getWriters()]),
            frozenset(open_descriptors()),
        )

    def beyond(self, before: Holdings) -> Holdings:
        return Holdings(
            self.calls - before.calls,
            self.selectables - before.selectables,
            self.descriptors - before.descriptors,
        )

    def __bool__(self) -> bool:
        return bool(self.calls or self.selectables or self.descriptors)

    def __str__(self) -> str:
        return "\n".join(
            [
                *(f"pending call: {call}" for call in self.calls),
                *(f"in the reactor: {selectable!r}" for selectable in self.selectables),
                *(f"open descriptor: {number} -> {target}" for number, target in self.descriptors),
            ]
        )

    def release(self, reactor: PosixReactorBase) -> None:
        """Take what was left out of the reactor, so that only the test that left it fails."""
        for call in self.calls:
            call.cancel()
        for selectable in self.selectables:
            reactor.removeReader(selectable)
            reactor.removeWriter(selectable)
            selectable.connectionLost(Failure(ConnectionAborted()))


def open_descriptors() -> Iterator[tuple[int, str]]:
    """The number of each open file descriptor and what it is open on."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that listdir read from
            yield int(name), os.readlink(f"/proc/self/fd/{name}")


def one_turn(reactor: PosixReactorBase) -> None:
    pytest_twisted.blockon(deferLater(reactor, 0, lambda: None))


def is_heading(event: LogEvent) -> bool:
    """Deferred logs an unhandled failure as two events, of which the first has only a title."""
    return "isError" in event and "log_failure" not in event


def as_failure(event: LogEvent) -> Failure:
    failure: Failure | None = event.get("log_failure")
    return failure or Failure(LoggedError(formatEvent(event)))


@pytest.fixture(scope="session")
def real_reactor(twisted_greenlet: object) -> PosixReactorBase:
    """The reactor that pytest-twisted runs; what it opens once and keeps is open already."""
    from twisted.internet import reactor

    running = cast(PosixReactorBase, reactor)
    first = running.listenTCP(0, ServerFactory(), interface="127.0.0.1")  # reserves a descriptor
    pytest_twisted.blockon(first.stopListening())
    return running


@pytest.fixture(scope="module", autouse=True)
def _old_objects() -> None:
    """Keep `gc.collect` after each test below a millisecond: it looks at what the module's tests made."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def logged_errors() -> Iterator[list[Failure]]:
    """The errors logged in this test, unhandled failures of Deferreds among them."""
    errors: list[Failure] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.error and not is_heading(event):
            errors.append(as_failure(event))

    globalLogPublisher.addObserver(observe)
    yield errors
    globalLogPublisher.removeObserver(observe)


@pytest.fixture
def flush_logged_errors(logged_errors: list[Failure]) -> Flush:
    """`flush_logged_errors(*types)` takes the errors of these types (of any) that the test expects.

    It returns their Failures; `LoggedError` is the type of one that was logged without an exception.
    """

    def flush(*types: type[BaseException]) -> list[Failure]:
        gc.collect()
        taken = [error for error in logged_errors if not types or error.check(*types)]
        logged_errors[:] = [error for error in logged_errors if error not in taken]
        return taken

    return flush


@pytest.fixture(autouse=True)
def guard(real_reactor: PosixReactorBase, logged_errors: list[Failure]) -> Iterator[None]:
    """Fail a test that leaves a timer, a socket, a descriptor or an unexpected error behind."""
    before = Holdings.now(real_reactor)
    yield
    gc.collect()
    left = Holdings.now(real_reactor).beyond(before)
    for _ in range(TURNS):
        if not left:
            break
        one_turn(real_reactor)
        gc.collect()
        left = Holdings.now(real_reactor).beyond(before)
    report = "\n".join(filter(None, [str(left), *(error.getTraceback() for error in logged_errors)]))
    left.release(real_reactor)
    if report:
        pytest.fail(f"left behind:\n{report}", pytrace=False)


def limited(test: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """`test`, where it is asynchronous cancelled with TimeoutError after `seconds`."""

    @functools.wraps(test)
    def run(**arguments: Any) -> Any:
        __tracebackhide__ = True
        from twisted.internet import reactor

        result = test(**arguments)
        if not isinstance(result, Deferred | Coroutine):
            return result
        return ensureDeferred(result).addTimeout(seconds, cast(PosixReactorBase, reactor))

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What real processes do in real time is up to the machine too: such a test gets another try, and the
    report tells of it. All others have one.

    Files that take long come first: where several are run side by side, none is left to the end.
    """
    for item in items:
        if item.get_closest_marker("functional"):
            item.add_marker(pytest.mark.flaky(reruns=RETRIES))
    items.sort(key=lambda item: (item.path.stem not in LONGEST, not item.get_closest_marker("functional")))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Give each asynchronous test its limit (pytest-timeout cannot stop a test in the reactor).

    A test of hypothesis has it for each example.
    """
    __tracebackhide__ = True
    mark = pyfuncitem.get_closest_marker("limit")
    handle = getattr(pyfuncitem.obj, "hypothesis", None)
    owner, name = (handle, "inner_test") if handle else (pyfuncitem, "obj")
    test = getattr(owner, name)
    setattr(owner, name, limited(test, mark.args[0] if mark else TIME_LIMIT))
    try:
        return (yield)
    finally:
        setattr(owner, name, test)  # or pytest-twisted wraps its own wrapper at the next parameter
