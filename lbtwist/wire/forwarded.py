"""What is told to servers about a client, and believed of what a proxy in front told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lbtwist.model.address import parse_ipv4, parse_ipv6
from lbtwist.wire.head import FORWARDED_PREFIX, Field
from lbtwist.wire.lines import line

FORWARDED = frozenset({b"forwarded", b"x-real-ip"})
"""With all X-Forwarded-*, the fields in which a proxy tells of the client."""

_FOR = b"x-forwarded-for"
_TOLD = re.compile(
    r"\[(?P<bracketed>[^][]+)\](?::[0-9]+)?|(?P<ipv4>[0-9.]+)(?::[0-9]+)?|(?P<ipv6>[0-9a-fA-F:.]+)"
)


@dataclass(frozen=True)
class Hop:
    """The connection that requests come over, as the next server is told of it."""

    name: bytes
    """Our own, in Via: a token."""
    peer: str
    """Canonical IP address of who connected; empty where it has none (a Unix socket)."""
    trusted: bool = False
    """Whether `peer` is in `trusted_proxies`: what it tells of clients is believed."""
    scheme: bytes = b"http"
    authority: bytes = b""
    """Where the client connected, as Host would have it: for a request in HTTP/1.0 that has none."""
    port: int | None = None
    """The port that the client connected to."""

    @cached_property
    def own(self) -> Sequence[Field]:
        """What is set for a client that is not believed, all but X-Forwarded-Host."""
        port = [] if self.port is None else [(b"X-Forwarded-Port", b"%d" % self.port)]
        told = [(b"X-Forwarded-For", self.peer.encode())] if self.peer else []
        return [*told, (b"X-Forwarded-Proto", self.scheme), *port]

    @cached_property
    def own_lines(self) -> bytes:
        """The lines of `own`, each with the line end before it."""
        return b"".join(map(line, self.own))


def forwarded_lines(known: Mapping[bytes, Sequence[bytes]], hop: Hop, host: bytes) -> bytes:
    """The lines that tell the next server of the client; `host` is the Host that it asked for.

    Of a peer that is not trusted nothing is kept. What a trusted one tells is kept, its address is
    appended to X-Forwarded-For, and what it does not tell is added.
    """
    if hop.trusted:
        return b"".join(map(line, _kept_and_added(known, hop, host)))
    return b"%b\r\nX-Forwarded-Host: %b" % (hop.own_lines, host)


def _kept_and_added(known: Mapping[bytes, Sequence[bytes]], hop: Hop, host: bytes) -> list[Field]:
    ours = [*hop.own, (b"X-Forwarded-Host", host)]
    kept = [(name.title(), value) for name in known if _tells(name) for value in known[name]]
    chain = b", ".join([*filter(None, known.get(_FOR, ())), hop.peer.encode()])
    added = [field for field in ours if field[0].lower() not in known and field[0].lower() != _FOR]
    return [*kept, (b"X-Forwarded-For", chain), *added]


def _tells(name: bytes) -> bool:
    return name in FORWARDED or (name.startswith(FORWARDED_PREFIX) and name != _FOR)


def client_address(known: Mapping[bytes, Sequence[bytes]], peer: str, trusted: Callable[[str], bool]) -> str:
    """The IP address of the client that a request of `peer` comes from, in its canonical form.

    It is the last entry of X-Forwarded-For that is not a trusted proxy, where `peer` is one. An entry
    that is no address ends the search: the address of the proxy that told it is all that is known.
    """
    client = peer
    entries = b",".join(known.get(_FOR, ())).decode("latin-1").split(",")
    while entries and trusted(client):
        told = _told_address(entries.pop().strip(" \t"))
        if told is None:
            break
        client = told
    return client


def _told_address(entry: str) -> str | None:
    match = _TOLD.fullmatch(entry)
    if match is None:
        return None
    try:
        if match["ipv4"]:
            return parse_ipv4(match["ipv4"])
        return parse_ipv6(match["bracketed"] or match["ipv6"])
    except ValueError:
        return None
