"""The time in which it says that it leaves, and still accepts (rule 70)."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime


class LameDuck:
    """Whoever sends it traffic sees that it leaves, and has time to send that elsewhere."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._over = False
        self._call: IDelayedCall | None = None
        self._waiting: Deferred[None] = Deferred()

    def wait(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds, or when it is ended; at once where it was."""
        if self._over or not seconds:
            return succeed(None)
        self._call = self._clock.callLater(seconds, self._waiting.callback, None)
        return self._waiting

    def end(self) -> None:
        """No time for it, or no more."""
        self._over = True
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()
            self._waiting.callback(None)
