"""One call after the other, in a thread that nobody has to wait for."""

from __future__ import annotations

import threading

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from lbtwist.service.access_log.worker import Worker


@pytest_twisted.ensureDeferred
async def test_calls_are_made_in_their_order_and_elsewhere() -> None:
    worker = Worker(reactor, "test")
    threads: list[threading.Thread] = []
    order: list[int] = []

    def call(number: int) -> int:
        threads.append(threading.current_thread())
        order.append(number)
        return number

    assert await gatherResults([worker(call, number) for number in range(5)]) == [0, 1, 2, 3, 4]
    assert order == [0, 1, 2, 3, 4]
    (thread,) = {*threads}
    assert thread is not threading.current_thread()
    assert thread.daemon
    worker.stop()
    thread.join(10)
    assert not thread.is_alive()


@pytest_twisted.ensureDeferred
async def test_what_is_raised_is_told_and_the_next_call_made() -> None:
    worker = Worker(reactor, "test")
    with pytest.raises(ZeroDivisionError):
        await worker(lambda: 1 / 0)
    assert await worker(lambda: 7) == 7
    worker.stop()


def test_without_a_call_there_is_no_thread() -> None:
    before = threading.active_count()
    Worker(reactor, "test").stop()
    assert threading.active_count() == before
