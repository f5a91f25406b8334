"""A thread of its own for calls that may block for ever: the process does not wait for it at its end."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

_Task = tuple[Callable[..., Any], tuple[Any, ...], Deferred[Any]]


class Worker:
    """Makes one call after the other. Its thread begins with the first."""

    def __init__(self, reactor: Any, name: str) -> None:
        """`reactor` provides IReactorFromThreads."""
        self._reactor = reactor
        self._name = name
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._thread: Thread | None = None

    def __call__(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Fires in the reactor with what `call` returns; fails with what it raises."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        done: Deferred[Any] = Deferred()
        self._tasks.put((call, arguments, done))
        return done

    def stop(self) -> None:
        """End the thread, when it has made all its calls."""
        if self._thread is not None:
            self._tasks.put(None)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            call, arguments, done = task
            try:
                result = call(*arguments)
            except Exception:
                result = Failure()
            self._reactor.callFromThread(done.callback, result)  # a Failure is an errback
