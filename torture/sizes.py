"""How much of everything: for `make torture`, and for the short form that is a part of `make test`."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Sizes:
    """Times are seconds."""

    rate: float
    """Requests a second of the crowd."""
    rest: float
    """Before a fault and after it."""
    reloads: int
    between: float
    """From reload to reload."""
    down: float
    """How long a killed server is away."""
    stalled: float
    """How long one keeps silent."""
    drips: int
    """Bytes of a slow answer, ten a second."""
    in_flight: int
    resets: int
    slow: int
    """Clients whose head does not end."""
    descriptors: int = 256
    clients: int = 600
    """More than so many descriptors can serve."""
    bulk: int = 50 * MIB
    slowly: float = 4.0
    """How long a reader is slow."""
    readers: int = 10
    shutdown: float = 20
    """As in the configurations."""


FULL = Sizes(
    rate=500,
    rest=0.5,
    reloads=10,
    between=1.2,
    down=2,
    stalled=6,
    drips=40,
    in_flight=100,
    resets=2000,
    slow=1000,
)
SHORT = Sizes(
    rate=250,
    rest=0.2,
    reloads=4,
    between=0.3,
    down=0.5,
    stalled=1.5,
    drips=10,
    in_flight=50,
    resets=300,
    slow=150,
    clients=200,
    bulk=24 * MIB,
    slowly=1.0,
    readers=5,
)
STIRRED = Sizes(
    rate=300,
    rest=0.3,
    reloads=4,
    between=0.5,
    down=1,
    stalled=3,
    drips=20,
    in_flight=100,
    resets=500,
    slow=300,
    bulk=24 * MIB,
    slowly=1.0,
)
"""For scenarios that are run again with something else at the same time."""
