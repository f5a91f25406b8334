"""How the servers of a group are spoken to over TLS, with what the files of its settings hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from lbtwist.model.address import Address

LOCAL = "localhost"
"""What a Unix socket is called, which has no name."""


@dataclass(frozen=True, slots=True)
class ServerTLS:
    """Equal ones are one and the same: what was made of one of them holds for the other."""

    verify: bool = True
    """A server has to prove who it is, by a certificate that is believed."""
    authorities: bytes | None = None
    """Certificates in PEM that are believed; None: those of the system."""
    name: str = ""
    """Who every server has to be, a host's name or an IP address; empty: each of them itself."""
    certificate: bytes = b""
    """Our own, in PEM, with those between it and its authority; empty: none."""
    key: bytes = field(default=b"", repr=False)
    """Its key, in PEM."""

    def name_of(self, address: Address) -> str:
        """Who the server at `address` has to be: a host's name, or an IP address without its zone."""
        if self.name or address.name:
            return self.name or address.name
        return LOCAL if address.is_unix else address.host.partition("%")[0]
