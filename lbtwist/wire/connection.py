"""The Connection field: what its sender wants of the connection, and which fields end with it."""

from __future__ import annotations

from collections.abc import Sequence

from lbtwist.errors import BadMessage
from lbtwist.wire.grammar import folded, tokens
from lbtwist.wire.head import FORWARDED_PREFIX, HOP_BY_HOP, Field
from lbtwist.wire.lines import fields_of, line

NO_OPTIONS: frozenset[bytes] = frozenset()

# Whoever could name these would take away what the next server routes, frames or trusts by.
_NEVER = frozenset(
    {
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"cookie",
        b"authorization",
        b"via",
        b"forwarded",
        b"x-real-ip",
    }
)
_USUAL = {
    option: frozenset({option.lower()})
    for option in (b"keep-alive", b"Keep-Alive", b"close", b"Close", b"upgrade", b"Upgrade")
}
_ABOUT_CONNECTIONS = HOP_BY_HOP | {b"close", b"http2-settings"}


def connection_options(values: Sequence[bytes]) -> frozenset[bytes]:
    """The options of all Connection fields, folded as the names that they may be.

    Raises BadMessage where they are no tokens, or name a field that routing, framing or trust needs.
    """
    if len(values) == 1 and (usual := _USUAL.get(values[0])) is not None:
        return usual
    listed = tokens(b",".join(values))
    if listed is None:
        raise BadMessage(400, "bad Connection")
    options = frozenset(map(folded, listed))
    if not _NEVER.isdisjoint(options) or any(option.startswith(FORWARDED_PREFIX) for option in options):
        raise BadMessage(400, "Connection names a field that must not be dropped")
    return options


def keeps_alive(version: bytes, options: frozenset[bytes]) -> bool:
    """True when the sender takes another message after this one: RFC 9112, section 9.3."""
    return b"close" not in options and (version == b"1.1" or b"keep-alive" in options)


def connection_field(version: bytes, keep_alive: bool) -> Field | None:
    """The field that tells a client of HTTP `version` whether its connection stays; None: by default."""
    if not keep_alive:
        return b"Connection", b"close"
    return (b"Connection", b"keep-alive") if version == b"1.0" else None


def without_named(lines: bytes, options: frozenset[bytes]) -> bytes:
    """The `lines` of fields, which are tidy, without those that Connection names."""
    if options <= _ABOUT_CONNECTIONS:
        return lines
    return b"".join(map(line, (field for field in fields_of(lines) if folded(field[0]) not in options)))
