"""What the access log tells of some requests, and of most does not."""

from __future__ import annotations

from lbtwist.model.access import End
from lbtwist.model.plane import Member


class Notes:
    """Kept for a request that does not go the usual way: whole at once, over a connection that was kept,
    and to its end."""

    __slots__ = ("how", "status", "failed", "headed_at", "dialed", "taken_at", "served")

    def __init__(self) -> None:
        self.how = End.DONE
        self.status = 0
        """Of an answer of our own."""
        self.failed: Member | None = None
        """The last server that could not be connected."""
        self.headed_at = 0.0
        """When the head was whole, where it came in pieces."""
        self.dialed: tuple[Member | None, float, float] = (None, 0.0, 0.0)
        """The last server that was connected, and when it was dialled and connected."""
        self.taken_at = 0.0
        """When a kept connection was taken for a request that did not go out at once."""
        self.served = True
        """There was a server for it, or may be yet."""
