"""What the server groups of one load balancer share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from lbtwist.interfaces import IDataPlane
from lbtwist.model.address import Address
from lbtwist.service.draining import Drains
from lbtwist.service.makers import Makers


class Surroundings(NamedTuple):
    """What a group works with."""

    plane: IDataPlane
    drains: Drains
    numbers: Iterator[int]
    clock: IReactorTime
    makers: Makers
    check_network: Callable[[Address], None] = lambda address: None
    """Raises Refused when a server may not be there."""
    changed: Callable[[], None] = lambda: None
    """Hears when what operators want may have changed."""
