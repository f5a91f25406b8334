"""The parts of the data plane, put together in a reactor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from lbtwist.interfaces import IScheduler
from lbtwist.net.budget import Budget
from lbtwist.net.dialing import IDialer
from lbtwist.net.direct import DirectDialer
from lbtwist.net.generations import Generations
from lbtwist.net.pipes import Pipes
from lbtwist.net.plane import DataPlane
from lbtwist.net.poller import Poller
from lbtwist.net.port import open_port
from lbtwist.net.sockets import ListeningSockets
from lbtwist.net.sweep import Sweep


class Net(NamedTuple):
    """A data plane, and what it connects with."""

    plane: Generations
    dialer: IDialer
    budget: Budget
    pipes: Pipes


def data_plane(
    reactor: Any,
    make_scheduler: Callable[[str], IScheduler],
    sockets: ListeningSockets | None = None,
    *,
    held: bool = False,
) -> Net:
    """A data plane with a poller of its own, nested in `reactor`. It listens on `sockets` where those are
    its endpoints', and accepts nothing while it is `held`."""
    poller = Poller(reactor)
    sweep = Sweep(reactor)
    dialer = DirectDialer(poller, sweep)
    budget = Budget(reactor.seconds)
    pipes = Pipes()
    opening = partial(open_port, poller=poller, reactor=reactor, sockets=sockets, budget=budget)
    own = DataPlane(reactor, dialer, sweep, opening, make_scheduler, budget=budget, pipes=pipes)
    return Net(Generations(own, own.ids, held=held), dialer, budget, pipes)
