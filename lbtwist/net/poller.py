"""The data plane's own epoll, nested in whatever reactor runs.

The reactor sees one reader, whatever the number of connections, and is asked nothing for each event:
that, and not the kernel's epoll, is where a reactor spends its time.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

READABLE: int = select.EPOLLIN
WRITABLE: int = select.EPOLLOUT
ERROR: int = select.EPOLLERR
HANGUP: int = select.EPOLLHUP
ENDED: int = select.EPOLLRDHUP
"""The peer has shut its sending side down; what it sent before may be unread."""
ONCE: int = select.EPOLLET
"""In a mask: each event is told when it comes, and not for as long as it lasts."""

ROUNDS = 16
"""Batches served before the reactor has its turn: its timers and consoles must not starve."""
BATCH = 256
"""Events of one batch. The array for them is allocated at each poll, so it is not large."""
EVENTS = 1024
"""Events served before the reactor has its turn: 13 ms with thousands of connections, not 53."""
CALLS = 128
"""Calls made at the end of one batch: when a thousand connections are cut, the two thousand sockets to be
closed would hold up everybody else for 40 ms."""
BETWEEN = 64
"""Events of one batch while calls are left: so few that a cut of a thousand takes 15 ms longer for it."""


class Watched(Protocol):
    """What owns a descriptor that is registered with a Poller."""

    def ready(self, events: int) -> None:
        """The descriptor has `events`. They are hints: one that is over by now is no error."""

    def fail(self, reason: Failure) -> None:
        """`ready` raised: close at once, and call nothing back before the poller does."""


class Reactor(Protocol):
    """What a Poller needs of a reactor: the heart of IReactorFDSet and IReactorTime."""

    def addReader(self, reader: Any) -> Any: ...

    def removeReader(self, reader: Any) -> Any: ...

    def callLater(self, delay: float, callable: Callable[..., object]) -> Any: ...


@implementer(IReadDescriptor)
class Poller:
    """Calls `ready` of what owns each ready descriptor; a reader of `reactor` while there is one.

    Level-triggered, as epoll(7) is by default, but for a mask with ONCE. Not thread-safe.
    """

    log = Logger()

    def __init__(self, reactor: Reactor) -> None:
        self._owners: list[Watched | None] = []
        """Whom the events of each descriptor go to: where there are thousands, a list is found in memory by
        one step, and a dictionary by three."""
        self.registered = 0
        """So many descriptors are."""
        self._reactor = reactor
        self._epoll = select.epoll()
        self._attached = False
        self._serving = False
        self._in_batch = False
        self._closing: list[int] = []
        self._soon: deque[Callable[[], object]] = deque()
        self._turn: Any = None

    def __contains__(self, fd: int) -> bool:
        return fd < len(self._owners) and self._owners[fd] is not None

    def register(self, fd: int, mask: int, owner: Watched) -> None:
        """Watch `fd` for the events of `mask`; ERROR and HANGUP are always told. Raises OSError."""
        self._epoll.register(fd, mask)
        owners = self._owners
        if fd >= len(owners):
            owners += [None] * (fd + 1 - len(owners))
        owners[fd] = owner
        self.registered += 1
        if not self._attached:
            self._attach()

    def modify(self, fd: int, mask: int) -> None:
        """Watch the registered `fd` for other events. Raises OSError."""
        self._epoll.modify(fd, mask)

    def hand_over(self, fd: int, owner: Watched) -> None:
        """The events of the registered `fd` go to `owner` from now on."""
        self._owners[fd] = owner

    def unregister(self, fd: int) -> None:
        """Watch the registered `fd` no longer. Raises OSError."""
        self._epoll.unregister(fd)
        self._forget(fd)

    def close(self, fd: int) -> None:
        """Close `fd`, registered or not: within a batch, when that ends.

        Else a new socket could get its number while events of the old one are still in the batch. A
        closed descriptor leaves the epoll by itself.
        """
        if fd in self:
            self._forget(fd)
        if self._in_batch:
            self._closing.append(fd)
        else:
            os.close(fd)

    def soon(self, call: Callable[[], object]) -> None:
        """Call `call` when the running batch has ended, or in the reactor's next turn outside of one.

        In order, and at most CALLS at a time: further ones after the next batch.
        """
        self._soon.append(call)
        if not self._serving and self._turn is None:
            self._turn = self._reactor.callLater(0, self._take_turn)

    def close_all(self) -> None:
        """Fail whatever is registered with ConnectionAborted; their protocols hear it `soon`."""
        for owner in [each for each in self._owners if each is not None]:
            owner.fail(Failure(ConnectionAborted()))

    def stop(self) -> None:
        """Close all, call all that is due `soon` now, and let go of the epoll. Not to be used again."""
        self.close_all()
        self._serving = True
        for _ in range(ROUNDS):  # what they call `soon` in turn is called as well, within bounds
            self._settle(len(self._soon))
        if self._turn is not None:
            self._turn.cancel()
        self._detach()
        self._epoll.close()

    def fileno(self) -> int:
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        return "poller"

    def doRead(self) -> None:
        """Serve batches until there is nothing more, at most ROUNDS of them, or of EVENTS together."""
        left = EVENTS
        owners = self._owners
        poll = self._epoll.poll
        self._serving = True
        try:
            for _ in range(ROUNDS):
                batch = poll(0, BETWEEN if self._soon else BATCH) if self._attached else []
                if not batch and not self._soon:
                    break
                self._in_batch = True
                for fd, events in batch:
                    owner = owners[fd]
                    if owner is not None:
                        try:
                            owner.ready(events)
                        except Exception:
                            self._failed(owner)
                self._settle()
                left -= len(batch)
                if left <= 0:
                    break
        finally:
            self._serving = self._in_batch = False
            if self._soon:
                self._turn = self._turn or self._reactor.callLater(0, self._take_turn)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor has dropped this reader: it is shutting down, or `doRead` raised.

        At a shutdown all connections are aborted, as the reactor does with its own. Otherwise they
        shall not suffer for it.
        """
        self._attached = False
        if reason.check(ConnectionLost):
            self.stop()
        elif self.registered:
            self.log.failure("the poller was dropped by the reactor, and goes on", reason)
            self._attach()

    def _settle(self, calls: int = CALLS) -> None:
        """End a batch: close what was to be closed, then make so many of the calls that were due `soon`."""
        self._in_batch = False
        closing, self._closing = self._closing, []
        for fd in closing:
            os.close(fd)
        soon = self._soon
        for _ in range(calls):
            if not soon:
                break
            call = soon.popleft()
            try:
                call()
            except Exception:
                self.log.failure("a call at the end of a batch failed")

    def _take_turn(self) -> None:
        self._turn = None
        self.doRead()

    def _failed(self, owner: Watched) -> None:
        """An error harms the connection it is in, and no other."""
        reason = Failure()
        self.log.failure("a connection failed", reason)
        owner.fail(reason)

    def _forget(self, fd: int) -> None:
        self._owners[fd] = None
        self.registered -= 1
        if not self.registered:
            self._detach()

    def _attach(self) -> None:
        self._attached = True
        self._reactor.addReader(self)

    def _detach(self) -> None:
        if self._attached:
            self._attached = False
            self._reactor.removeReader(self)
