"""The fields after a chunked body, without those that say what the head alone may say."""

from __future__ import annotations

from collections.abc import Sequence

from lbtwist.wire.forwarded import FORWARDED
from lbtwist.wire.grammar import folded, tokens
from lbtwist.wire.head import FORWARDED_PREFIX, FRAMING, HOP_BY_HOP, Field

# RFC 9110, section 6.5.1: framing, routing, request modifiers, authentication, and how content is read.
_NEVER = (
    HOP_BY_HOP
    | FRAMING
    | FORWARDED
    | {
        b"host",
        b"via",
        b"trailer",
        b"te",
        b"max-forwards",
        b"expect",
        b"range",
        b"location",
        b"http2-settings",
    }
    | {b"authorization", b"proxy-authorization", b"www-authenticate", b"proxy-authenticate"}
    | {b"authentication-info", b"proxy-authentication-info", b"cookie", b"set-cookie"}
    | {b"cache-control", b"pragma", b"age", b"expires", b"date", b"vary", b"retry-after"}
    | {b"content-encoding", b"content-type", b"content-range"}
)


def passed_trailers(trailers: Sequence[Field], options: frozenset[bytes]) -> list[Field]:
    """The trailers that go on to the next hop; `options` are those of the head's Connection."""
    return [field for field in trailers if _may_pass(folded(field[0]), options)]


def passed_names(values: Sequence[bytes], options: frozenset[bytes]) -> bytes:
    """The value of Trailer for the next hop: what `values` name, without what does not go on."""
    names = tokens(b",".join(values)) or []
    return b", ".join(name for name in names if _may_pass(folded(name), options))


def _may_pass(name: bytes, options: frozenset[bytes]) -> bool:
    return name not in _NEVER and name not in options and not name.startswith(FORWARDED_PREFIX)
