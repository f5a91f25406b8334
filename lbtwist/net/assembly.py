"""The parts of the data plane, put together in a reactor."""

from __future__ import annotations

from functools import partial
from typing import Any

from lbtwist.net.direct import DirectDialer
from lbtwist.net.plane import DataPlane
from lbtwist.net.poller import Poller
from lbtwist.net.port import open_port
from lbtwist.net.sweep import Sweep


def data_plane(reactor: Any) -> DataPlane:
    """A data plane with a poller of its own, nested in `reactor`."""
    poller = Poller(reactor)
    sweep = Sweep(reactor)
    return DataPlane(
        reactor, DirectDialer(poller, sweep), sweep, partial(open_port, poller=poller, reactor=reactor)
    )
