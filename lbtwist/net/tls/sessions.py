"""TLS sessions with servers, to be resumed: a handshake without certificates is cheaper for both sides."""

from __future__ import annotations

from collections import OrderedDict

from OpenSSL import SSL

from lbtwist.model.address import Address

LIMIT = 4096
"""Sessions that are kept; beyond, the one longest not used goes."""


class Sessions:
    """The last session with each server, of those that one context has verified.

    A session is resumed with the same name at the same address alone, and never with another context:
    what was verified then is what would be verified now.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, Address], SSL.Session] = OrderedDict()

    def resume(self, connection: SSL.Connection, name: str, address: Address) -> None:
        """Have the handshake of `connection` go on with the last session, where there is one and the
        server likes to."""
        session = self._kept.get((name, address))
        if session is not None:
            connection.set_session(session)

    def keep(self, connection: SSL.Connection, name: str, address: Address) -> None:
        """`connection`, which was verified, ends: by now the server has sent its tickets."""
        session = connection.get_session()
        if session is None:
            return
        self._kept[name, address] = session
        self._kept.move_to_end((name, address))
        if len(self._kept) > LIMIT:
            self._kept.popitem(last=False)

    def forget(self, name: str, address: Address) -> None:
        """What it was is not to be resumed any more."""
        self._kept.pop((name, address), None)
