"""Relays that are spliced whatever they carry, so that small talk tests what is made for bulk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from lbtwist.net import transport
from lbtwist.net.end import End
from lbtwist.net.relay import Relay
from lbtwist.net.transport import LARGE_READ, SocketTransport

join = Relay._join
fail_over = Relay._fail_over


@contextmanager
def from_the_first_byte() -> Iterator[None]:
    """Both directions of every relay that is joined within go through pipes, up to their ends."""
    with (
        patch.object(transport, "SMALL_READ", LARGE_READ),
        patch.object(SocketTransport, "_adapt", lambda self, size: None),
        patch.object(Relay, "_join", joined),
        patch.object(Relay, "_fail_over", failed_over),
    ):
        yield


def joined(relay: Relay, server: End) -> None:
    join(relay, server)
    for end in relay._ends:
        transport: Any = end.transport
        if transport._inflow is None:  # what came early may have been bulk
            relay.bulk(end)


def failed_over(relay: Relay) -> None:
    """Without this, a server is never exchanged when the client's bytes are spliced to it."""
    client: Any = relay.client.transport
    client._inflow.stop()
    fail_over(relay)
