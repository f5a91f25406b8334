"""What the clients of a listener pass at its entrance, by its policy."""

from __future__ import annotations

from lbtwist.net.entrance import Step
from lbtwist.net.frontend import Frontend


def steps_of(frontend: Frontend) -> tuple[Step, ...]:
    """In the order in which a client passes them."""
    steps: list[Step] = []
    return tuple(steps)
