"""A Bench whose servers are spoken to over TLS."""

from __future__ import annotations

from typing import Any

from lbtwist.model.address import Address
from lbtwist.model.server_tls import ServerTLS
from tests.certificates import DAY, Issued, issue
from tests.net.bench import Bench
from tests.net.recorder import HalfCloseable
from tests.net.tls.peers import served


class SecureBench(Bench):
    """Its servers speak TLS, with a certificate of `ours` for their address."""

    def __init__(self, ours: Issued, **keys: Any) -> None:
        super().__init__(**keys)
        self.tls: ServerTLS | None = ServerTLS(authorities=ours.pem)
        self._ours = ours

    def serve(self, number: int, after: float = 0.0, valid: Any = (-DAY, DAY)) -> None:
        ends = self.accepted.setdefault(number, [])
        address = Address(f"10.0.0.{number}", 80)
        options = issue(self._ours, [address.host], valid).options()

        def accept() -> Any:
            ends.append(self.make_end())
            return served(options, ends[-1])

        self.dialer.answer(address, accept, after)

    def rotate(self, *members: Any, **keys: Any) -> None:
        super().rotate(*members, tls=self.tls, **keys)


def below(end: HalfCloseable) -> Any:
    """The transport under a server's TLS."""
    transport: Any = end.transport
    return transport.transport
