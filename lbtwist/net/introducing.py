"""Connections to servers that begin with a PROXY header of our own: they are of no client."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IProtocol
from zope.interface import implementer

from lbtwist.model.address import Address
from lbtwist.net.dialing import DialFailure, IDial, IDialer
from lbtwist.wire.proxy_header import proxy_header


@implementer(IDialer)
class IntroducingDialer:
    """Connects by another dialer; the header, of `version` 1 or 2, says LOCAL or UNKNOWN."""

    def __init__(self, dialer: IDialer, version: int) -> None:
        self._dialer = dialer
        self._header = proxy_header(version, None)

    def dial(
        self,
        address: Address,
        build: Callable[[], IProtocol],
        timeout: float,
        failed: Callable[[DialFailure], object],
        first: bytes = b"",
    ) -> IDial:
        return self._dialer.dial(address, build, timeout, failed, self._header + first)
