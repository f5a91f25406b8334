"""One side of a relay of mode tcp, whose last bytes go on with FIN."""

from __future__ import annotations

from lbtwist.net.end import End
from lbtwist.net.sending import write_last


class TcpEnd(End):
    """An end whose relay answers the end of its input with FIN to the other side, or a close, at once."""

    def lastReceived(self, data: bytes) -> None:
        """A transport of ours: `data`, and then the end of input."""
        self.received += len(data)
        write_last(self.peer.transport, data)
        self.readConnectionLost()
