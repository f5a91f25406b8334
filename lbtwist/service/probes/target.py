"""Where a check connects."""

from __future__ import annotations

from dataclasses import replace

from lbtwist.model.address import Address


def at_port(address: Address, port: int) -> Address:
    """`address` with `port` instead of its own, unless that is 0 or it is a Unix socket."""
    return replace(address, port=port) if port and not address.is_unix else address
