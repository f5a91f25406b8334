"""The receipt that every drain leaves when it ends (rule 64)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Receipt:
    """What happened to the connections of a drain. Times are seconds of the wall clock."""

    subject: str
    """`app/ecs01#7`, `listener web`, `load balancer lbtwist`."""
    cause: str
    who: str
    why: str
    start: float
    deadline: float
    """Infinite for a drain without one."""
    end: float
    outcome: str
    """`completed`, `cut`, `cancelled` or `interrupted`."""
    connections: int
    """Live at the start, and requests that came after it over connections that clients had: always
    `finished + cut + kept`."""
    finished: int
    """Ended by themselves."""
    cut: int
    kept: int
    """Still alive when it ended: it was cancelled or interrupted."""
    bytes_moved: int
    """Bytes relayed either way during the drain."""
    responses_5xx: int = 0
    """Of those cut, HTTP requests that were answered with the error status (rule 6)."""
    responses_cut: int = 0
    """Of those cut, HTTP responses that had begun (rule 7)."""
    tunnels_closed: int = 0
    """Of those cut, WebSockets with a Close frame to both sides (rule 51)."""
    tunnels_aborted: int = 0
    """Of those cut, WebSockets where a side could not be sent one."""

    @property
    def seconds(self) -> float:
        """How long the drain took."""
        return self.end - self.start
