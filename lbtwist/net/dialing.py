"""Connecting to a server whose address is already resolved."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import NamedTuple

from twisted.internet.interfaces import IProtocol
from zope.interface import Interface

from lbtwist.model.address import Address


class DialFailure(NamedTuple):
    """Why there is no connection."""

    reason: str
    """In words, as `refused` or `timed out`."""
    own: bool = False
    """It is this process or machine that is short of something: not to be held against the server."""

    def __str__(self) -> str:
        return self.reason


TIMED_OUT = DialFailure("timed out")

_REASONS = {
    errno.ECONNREFUSED: DialFailure("refused"),
    errno.ETIMEDOUT: TIMED_OUT,
    errno.EHOSTUNREACH: DialFailure("no route"),
    errno.ENETUNREACH: DialFailure("no route"),
    errno.ECONNRESET: DialFailure("reset"),
    errno.ENOENT: DialFailure("no such socket"),
    errno.EAGAIN: DialFailure("backlog full"),  # connect(2): only of a Unix socket
    errno.EMFILE: DialFailure("no descriptor left in this process", own=True),
    errno.ENFILE: DialFailure("no descriptor left on this machine", own=True),
    errno.ENOBUFS: DialFailure("no memory left for sockets", own=True),
    errno.ENOMEM: DialFailure("no memory left for sockets", own=True),
    errno.EADDRNOTAVAIL: DialFailure("no local port left", own=True),
}


def failure_of(code: int | None) -> DialFailure:
    """The failure that an errno of socket(2) or connect(2) is; None is that of an address it can't be."""
    if code is None:
        return DialFailure("no such address")
    return _REASONS.get(code) or DialFailure(os.strerror(code).lower())


class IDial(Interface):
    """One attempt to connect, under way."""

    def cancel() -> None:
        """End it: neither `build` nor `failed` is called any more. Nothing, when one of them was."""


class IDialer(Interface):
    """Connects to addresses."""

    def dial(
        address: Address,
        build: Callable[[], IProtocol],
        timeout: float,
        failed: Callable[[DialFailure], object],
        first: bytes = b"",
    ) -> IDial:
        """Connect to `address` within `timeout` seconds, and send `first` there before anything else.

        When it is connected, `build()` gives the protocol, whose `makeConnection` gets a transport
        (ITCPTransport, IConsumer, IPushProducer). Otherwise `failed` is called. It is one of the two,
        once, and never from inside of this call. Raises nothing.
        """
