"""The head of a request: parsed strictly, or refused with the status that its sender is answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lbtwist.errors import BadMessage
from lbtwist.wire.connection import NO_OPTIONS, connection_options, keeps_alive
from lbtwist.wire.forwarded import FORWARDED
from lbtwist.wire.framing import Framing, declared
from lbtwist.wire.grammar import TOKEN, TOKEN_BYTES
from lbtwist.wire.head import FRAMING, HOP_BY_HOP, Field, is_whole, match_head
from lbtwist.wire.lines import SECTION, fields_of, sort_fields, tidied, understood
from lbtwist.wire.target import (
    PATH,
    QUERY,
    Target,
    parse_host,
    parse_target,
    refuse_climbing,
    refuse_other_host,
)
from lbtwist.wire.via import refuse_loop

# A target that is no path, or a bad one, is told by parse_target.
_TARGET = rb"(%b)(?>(?:%b)?)|[!-~]++" % (PATH, QUERY)
_HEAD = re.compile(rb"(%b) (%b) HTTP/([0-9]\.[0-9])%b\r\n\r\n" % (TOKEN, _TARGET, SECTION))
_UNDERSTOOD = understood(
    HOP_BY_HOP | FRAMING | FORWARDED | {b"host", b"cookie", b"via", b"expect", b"trailer", b"http2-settings"}
)
_VERSIONS = frozenset({b"1.1", b"1.0"})
# In any letters: some servers take `connect` for CONNECT, and what follows for what is tunnelled. For
# the same reason there is no `head`: whether a body answers it, two readers could tell in two ways.
_REFUSED_METHODS = frozenset({b"TRACE", b"CONNECT"})
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})
"""RFC 9110, 9.2.2: twice does what once does. TRACE is refused."""
_NONE: Sequence[bytes] = ()
_NOTHING_YET = (b"", b"\r")


@dataclass(slots=True)
class RequestHead:
    """A request without its body. Names and values are those that were received."""

    method: bytes
    target: bytes
    """As it was received."""
    path: bytes
    """As it was received, without the query; `*` for the server as a whole."""
    onward: bytes
    """The target for the next server: path and query."""
    authority: bytes
    """Host and port as the client wrote them; empty for HTTP/1.0 without them."""
    host: bytes
    """What is routed by: in small letters and without the port; empty as `authority` is."""
    version: bytes
    """1.1 or 1.0."""
    framing: Framing
    keep_alive: bool
    """Whether the client takes another response after this one."""
    expects_continue: bool
    """Whether the client waits with its body for a 100 (RFC 9110, section 10.1.1)."""
    upgrade: bytes | None
    """`websocket` when it counts; any other upgrade is as if it had never been there."""
    options: frozenset[bytes]
    """The options of Connection, folded."""
    lines: bytes
    """The lines of all fields in order, each with the line end before it; tidy."""
    known: Mapping[bytes, Sequence[bytes]]
    """The values of the fields that are understood here, by their folded names."""
    plain_lines: bytes
    """The lines of the other fields, in order."""
    repeatable: bool
    """It may be sent to a server twice: it is idempotent and has no body."""

    @property
    def fields(self) -> Sequence[Field]:
        """All fields in order."""
        return fields_of(self.lines)

    @property
    def plain(self) -> Sequence[Field]:
        """The fields that are not understood here, in order."""
        return fields_of(self.plain_lines)

    def __repr__(self) -> str:
        """Without values: some are credentials, and this could end in a log."""
        return f"<RequestHead {self.method!r} with {len(self.fields)} fields>"


def parse_request_head(
    data: bytes, name: bytes = b"lbtwist", strict_path: bool = False
) -> tuple[RequestHead, bytes] | None:
    """The head that `data` begins with and the rest; None while there is no whole one yet.

    `name` is our own in Via. With `strict_path` a path that servers resolve to another one is refused.
    One empty line before a request is passed over (RFC 9112, section 2.2). Raises BadMessage with 400,
    405, 414, 431, 501, 505 or 508, as soon as nothing that could follow mends it.
    """
    if data.startswith(b"\r\n"):
        data = data[2:]
    match = match_head(_HEAD, data)
    if match is not None:
        return _read(match, name, strict_path), data[match.end() :]
    if data not in _NOTHING_YET and (data[0] not in TOKEN_BYTES or is_whole(data)):
        raise BadMessage(400, "not a request")
    return None


def _read(match: re.Match[bytes], name: bytes, strict_path: bool) -> RequestHead:
    method, received, path, version, tidy, others = match.groups()
    lines = tidied(tidy, others)
    _refuse_line(method, version)
    known, plain_lines = sort_fields(lines, _UNDERSTOOD)
    target = Target(path, received) if path else parse_target(method, received)
    if strict_path:
        refuse_climbing(target.path)
    authority = _authority(known.get(b"host", _NONE), version) or target.authority
    host = parse_host(authority) if authority else b""
    if target.authority:
        refuse_other_host(target, authority)
    options = connection_options(known[b"connection"]) if b"connection" in known else NO_OPTIONS
    framing = declared(known, version)
    if b"via" in known:
        refuse_loop(known[b"via"], name)
    return RequestHead(
        method,
        received,
        target.path,
        target.onward,
        authority,
        host,
        version,
        framing,
        keeps_alive(version, options),
        b"expect" in known and _expects_continue(known[b"expect"], version, framing),
        _upgrade(known[b"upgrade"], method, version, options, framing) if b"upgrade" in known else None,
        options,
        lines,
        known,
        plain_lines,
        framing.is_empty and method in IDEMPOTENT,
    )


def _refuse_line(method: bytes, version: bytes) -> None:
    if version not in _VERSIONS:
        raise BadMessage(505, "not HTTP/1.0 or HTTP/1.1")
    spelled = method.upper()
    if spelled in _REFUSED_METHODS:
        raise BadMessage(405, "TRACE or CONNECT")
    if spelled == b"HEAD" and method != spelled:
        raise BadMessage(400, "HEAD in other letters")


def _authority(hosts: Sequence[bytes], version: bytes) -> bytes:
    if len(hosts) == 1 and hosts[0]:
        return hosts[0]
    if hosts or version == b"1.1":
        raise BadMessage(400, "not one Host")
    return b""


def _expects_continue(values: Sequence[bytes], version: bytes, framing: Framing) -> bool:
    return version == b"1.1" and not framing.is_empty and b"100-continue" in map(bytes.lower, values)


def _upgrade(
    values: Sequence[bytes], method: bytes, version: bytes, options: frozenset[bytes], framing: Framing
) -> bytes | None:
    if [value.lower() for value in values] != [b"websocket"] or b"upgrade" not in options:
        return None
    if method != b"GET" or version != b"1.1":
        return None
    if not framing.is_empty:
        raise BadMessage(400, "an upgrade with a body")
    return b"websocket"
