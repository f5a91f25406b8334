"""A clock beside a real reactor."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor as running
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import directlyProvides, providedBy

reactor = cast(Any, running)


class StillReactor(Clock):
    """The sockets and names of the real reactor, and a time that the test alone moves."""

    def __init__(self) -> None:
        super().__init__()
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


async def turns(count: int = 1) -> None:
    """So many turns of the real reactor: what has come by then was dealt with."""
    for _ in range(count):
        done: Deferred[None] = Deferred()
        reactor.callLater(0, done.callback, None)
        await done
