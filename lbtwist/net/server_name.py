"""The step of a tcp listener with rules: a client's ClientHello is read, and says where it goes."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress

from lbtwist.model.access import End
from lbtwist.model.name_rule import first_by_name
from lbtwist.net.arrival import Arrival, Onward
from lbtwist.net.frontend import Frontend
from lbtwist.net.logged import turn_away
from lbtwist.net.rotation import GroupRotation
from lbtwist.wire.client_hello import NO_HELLO, BadHello, ClientHello, HelloReader

UNRECOGNIZED_NAME = b"\x15\3\3\0\2\2\x70"
"""A fatal alert, for a name that is not served (RFC 6066, section 3)."""
BAD_HELLO, REFUSED = "bad_hello", "refused_by_rule"
"""Why a client is turned away here, beside what holds for all arrivals."""
_ENDS = {BAD_HELLO: End.REFUSED, REFUSED: End.RULE}
"""How these end in the access log."""


class ServerNames:
    """Every client of `frontend` is asked which server it wants."""

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend

    def enter(self, address: IAddress | None, group: GroupRotation | None, onward: Onward) -> HelloArrival:
        """Whatever it says is passed on as it came."""
        return HelloArrival(self._frontend, address, group, onward, self._frontend.policy.hello_timeout)


class HelloArrival(Arrival):
    """A client whose ClientHello is not complete yet."""

    def connectionMade(self) -> None:
        self._reader = HelloReader()
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        try:
            hello = self._reader.feed(data)
        except BadHello:
            self.turn_away(BAD_HELLO)
        else:
            if hello is not None:
                self._choose(hello)

    def due(self, now: float) -> None:
        """It takes too long; but one that has said nothing may wait for its server to speak first."""
        if self._reader.received:
            super().due(now)
        else:
            self._choose(NO_HELLO)

    def count(self, reason: str) -> None:
        """With a line of the access log, where it has asked for something."""
        if end := _ENDS.get(reason):
            self.frontend.refusals.add(self.frontend.policy.name, self.address, reason)
            turn_away(self.frontend, self.address, end=end)
        else:
            super().count(reason)

    def _choose(self, hello: ClientHello) -> None:
        rule = first_by_name(self.frontend.policy.name_rules, *hello)
        if rule is not None and not rule.group:
            self.turn_away(REFUSED, b"" if hello is NO_HELLO else UNRECOGNIZED_NAME)
            return
        if rule is not None:
            self.group = self.frontend.means.group_of(rule.group)
        self.go_on(self._reader.received)
