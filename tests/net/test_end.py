"""What an end of a relay is made of: how it behaves is told by the tests of relays."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

from lbtwist.net.end import End


def test_no_dict_is_made_of_what_an_end_knows() -> None:
    """It would be most of the memory of an idle connection, and another place to look at for each message."""
    between: Any = Mock()
    end = End(between, lambda: 1.0)
    end.makeConnection(Mock())
    end.peer = End(between, lambda: 1.0)
    end.peer.makeConnection(Mock())
    end.dataReceived(b"data")
    end.pauseProducing()
    end.resumeProducing()
    end.readConnectionLost()
    end.writeConnectionLost()
    assert vars(end) == vars(end.peer) == {}
