"""What schedulers that don't count connections share."""

from __future__ import annotations


class Uncounted:
    """A scheduler to which connections that begin and end are nothing."""

    counting = False

    def taken(self, number: int) -> None:
        """Not called, as `counting` says."""

    def released(self, number: int) -> None:
        """Not called, as `counting` says."""
