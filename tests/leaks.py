"""Tests for test_guard.py to run: each `test_leaves_…` must fail, each `test_clean_…` must pass."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import cast

import hypothesis
import pytest
import pytest_twisted
from hypothesis import strategies
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IWriteDescriptor
from twisted.internet.protocol import Factory, Protocol, ServerFactory
from twisted.internet.task import deferLater
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

log = Logger()


class Server(ServerFactory):
    protocol = Protocol


def listen() -> Port:
    return cast(Port, reactor.listenTCP(0, Server(), interface="127.0.0.1"))


def connect(port: Port) -> Deferred[Protocol]:
    there = TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port)
    return cast(Deferred[Protocol], there.connect(Factory.forProtocol(Protocol)))


@pytest_twisted.ensureDeferred
async def test_clean_with_the_first_port_of_the_process() -> None:
    await maybeDeferred(listen().stopListening)


def test_leaves_a_timer() -> None:
    reactor.callLater(600, print)


def test_clean_after_a_timer() -> None:
    assert reactor.getDelayedCalls() == []


def test_leaves_a_port() -> None:
    listen()


@pytest_twisted.ensureDeferred
async def test_leaves_a_connection() -> None:
    port = listen()
    await connect(port)
    await maybeDeferred(port.stopListening)


def test_leaves_a_writer() -> None:
    reactor.addWriter(Writer(*socket.socketpair()))


@implementer(IWriteDescriptor)
class Writer:
    """Writes nothing, ever."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.ours, self.theirs = ours, theirs

    def fileno(self) -> int:
        return self.ours.fileno()

    def doWrite(self) -> None:
        pass

    def connectionLost(self, reason: Failure) -> None:
        self.ours.close()
        self.theirs.close()

    def logPrefix(self) -> str:
        return "writer"


def test_clean_after_a_writer() -> None:
    assert reactor.getWriters() == []


def test_leaves_a_descriptor() -> None:
    os.open("/dev/null", os.O_RDONLY)


def test_leaves_a_failure() -> None:
    fail(ValueError("nobody looks"))


def test_leaves_a_failure_in_a_cycle() -> None:
    cycle: list[object] = [fail(ValueError("nobody looks"))]
    cycle.append(cycle)


def test_leaves_an_error_logged_as_text() -> None:
    log.error("it went wrong")


def test_leaves_an_exception_logged() -> None:
    log.failure("it went wrong", Failure(ValueError("caught")))


def test_leaves_an_error_of_another_type(flush_logged_errors: Callable[..., list[Failure]]) -> None:
    log.failure("it went wrong", Failure(ValueError("caught")))
    assert flush_logged_errors(KeyError) == []


def test_leaves_a_failure_by_a_fixture(dropping: None) -> None:
    pass


@pytest.fixture
def dropping() -> Iterator[None]:
    yield
    fail(ValueError("nobody looks"))


@pytest.mark.limit(0.05)
@pytest_twisted.ensureDeferred
async def test_hangs() -> None:
    await Deferred()


@pytest.mark.limit(0.05)
async def test_hangs_undecorated() -> None:
    await Deferred()


@pytest.mark.limit(0.05)
@hypothesis.given(strategies.booleans())
@pytest_twisted.ensureDeferred
async def test_hangs_with_an_example(value: bool) -> None:
    await Deferred()


def test_clean_when_nothing_is_done() -> None:
    pass


def test_clean_with_a_call_in_the_next_turn() -> None:
    reactor.callLater(0, int)


def test_clean_with_a_warning_logged() -> None:
    log.warn("not quite right")


def test_clean_with_errors_flushed(flush_logged_errors: Callable[..., list[Failure]]) -> None:
    fail(ValueError("nobody looks"))
    log.error("it went {how}", how="wrong")
    assert [error.type for error in flush_logged_errors(ValueError)] == [ValueError]
    assert [error.getErrorMessage() for error in flush_logged_errors()] == ["it went wrong"]


@pytest_twisted.ensureDeferred
async def test_clean_with_a_connection_that_is_being_closed() -> None:
    port = listen()
    client = await connect(port)
    port.stopListening()
    client.transport.loseConnection()


@pytest.mark.limit(5)
@pytest_twisted.ensureDeferred
async def test_clean_within_its_limit() -> None:
    await deferLater(reactor, 0.01, int)


@pytest.mark.parametrize("number", [1, 2])
@hypothesis.given(strategies.booleans())
@pytest_twisted.ensureDeferred
async def test_clean_with_examples_and_parameters(number: int, value: bool) -> None:
    await deferLater(reactor, 0, int)


@pytest.mark.parametrize("number", [1, 2])
@hypothesis.given(strategies.booleans())
def test_clean_with_examples_and_parameters_at_once(number: int, value: bool) -> None:
    assert number in (1, 2)
