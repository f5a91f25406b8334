"""The header of the PROXY protocol, in which a proxy tells of the client whose connection it passes on.

Both versions of https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, which "2.1" and the like
mean here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lbtwist.errors import BadProxyHeader
from lbtwist.wire.proxy_binary import SIGNATURE, binary_header, read_binary
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.proxy_text import BEGINNING, read_text, text_header

NO_HEADER = "no_proxy_header"

_WRITERS: Mapping[int, Callable[[Ends | None], bytes]] = {1: text_header, 2: binary_header}


def read_proxy_header(data: bytes) -> tuple[Ends | None, int] | None:
    """The two ends of the client's connection, and how long the header is that `data` begins with.

    No ends are told where the proxy speaks for itself or does not know them: then they are those of its
    own connection. None as long as the header is not whole. Raises BadProxyHeader.
    """
    if data.startswith(SIGNATURE):
        return read_binary(data)
    if data.startswith(BEGINNING):
        return read_text(data)
    if SIGNATURE.startswith(data) or BEGINNING.startswith(data):
        return None
    raise BadProxyHeader(NO_HEADER)


def proxy_header(version: int, ends: Ends | None) -> bytes:
    """The header of that version, 1 or 2, for a client's connection; without `ends` it is our own."""
    return _WRITERS[version](ends)
