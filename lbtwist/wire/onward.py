"""Messages as they go on: what was parsed, and nothing else, written anew for the next hop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lbtwist.wire.connection import connection_field, without_named
from lbtwist.wire.cookie import without_cookie
from lbtwist.wire.forwarded import Hop, forwarded_fields
from lbtwist.wire.framing import CHUNKED, UNTIL_CLOSE, Framing, Kind
from lbtwist.wire.head import Field
from lbtwist.wire.request_head import RequestHead
from lbtwist.wire.response_head import SWITCHING, ResponseHead
from lbtwist.wire.trailers import passed_names
from lbtwist.wire.via import via


def onward_request(head: RequestHead, hop: Hop, cookie: bytes = b"", close: bool = False) -> bytes:
    """The head of the request for a server, in HTTP/1.1; its body is framed as `head.framing` says.

    `cookie` names the one that is ours and is left out; with `close` the server is told that nothing
    follows. Fields keep their order, but those that are understood here come last.
    """
    host = head.authority or hop.authority
    fields = [(b"Host", host), *without_named(head.plain, head.options)]
    known = head.known
    if b"cookie" in known:
        fields += _cookies(head, cookie)
    if b"expect" in known and head.version == b"1.1":
        fields += [(b"Expect", value) for value in _values(head, b"expect")]
    fields += forwarded_fields(known, hop, host)
    fields.append((b"Via", via(known.get(b"via", ()), head.version, hop.name)))
    fields += _framing(head, head.framing)
    if head.upgrade is not None:
        fields += _switch(head.upgrade)
    elif close:
        fields.append((b"Connection", b"close"))
    return _written(b"%b %b HTTP/1.1" % (head.method, head.onward), fields)


def client_framing(framing: Framing, version: bytes) -> Framing:
    """How a client of HTTP `version` gets the body of a response that came with `framing`.

    A client of HTTP/1.0 knows no chunks; one of HTTP/1.1 gets them where only the end of the server's
    connection ends the body, and so sees whether it is whole.
    """
    if framing.kind is Kind.CHUNKED or framing.kind is Kind.UNTIL_CLOSE:
        return UNTIL_CLOSE if version == b"1.0" else CHUNKED
    return framing


def onward_response(
    head: ResponseHead,
    request: RequestHead,
    name: bytes,
    date: bytes,
    keep_alive: bool,
    set_cookie: bytes = b"",
) -> bytes:
    """The head of a final response for the client, or of a 101; its body is framed by `client_framing`.

    `name` is our own in Via, `date` is used where the response has none. `keep_alive` says whether the
    client's connection stays; it never does where only its end ends the body. `set_cookie` is the value
    of one more Set-Cookie.
    """
    fields = [*without_named(head.plain, head.options)]
    fields.append((b"Date", (*_values(head, b"date"), date)[0]))
    fields.append((b"Via", via(head.known.get(b"via", ()), head.version, name)))
    if set_cookie:
        fields.append((b"Set-Cookie", set_cookie))
    if head.status == SWITCHING and request.upgrade is not None:
        fields += _switch(request.upgrade)
    else:
        framing = client_framing(head.framing, request.version)
        fields += _response_framing(head, framing)
        connection = connection_field(request.version, keep_alive and framing is not UNTIL_CLOSE)
        fields += [connection] if connection else []
    return _written(_status_line(head), fields)


def onward_interim(head: ResponseHead, name: bytes) -> bytes:
    """The head of a 1xx for a client of HTTP/1.1; one of HTTP/1.0 gets none (RFC 9110, section 15.2)."""
    fields = [*without_named(head.plain, head.options)]
    fields.append((b"Via", via(head.known.get(b"via", ()), head.version, name)))
    return _written(_status_line(head), fields)


def _values(head: RequestHead | ResponseHead, name: bytes) -> Sequence[bytes]:
    """The values of a field that is understood here, unless Connection names it."""
    return () if name in head.options else head.known.get(name, ())


def _cookies(head: RequestHead, ours: bytes) -> Iterable[Field]:
    values = head.known[b"cookie"]
    if ours:
        values = [value for raw in values if (value := without_cookie(raw, ours))]
    return ((b"Cookie", value) for value in values)


def _switch(protocol: bytes) -> tuple[Field, Field]:
    return (b"Connection", b"Upgrade"), (b"Upgrade", protocol)


def _framing(head: RequestHead | ResponseHead, framing: Framing) -> list[Field]:
    if framing.kind is Kind.LENGTH:
        return [(b"Content-Length", b"%d" % framing.length)]
    if framing.kind is not Kind.CHUNKED:
        return []
    names = passed_names(_values(head, b"trailer"), head.options)
    return [(b"Transfer-Encoding", b"chunked"), *([(b"Trailer", names)] if names else [])]


def _response_framing(head: ResponseHead, framing: Framing) -> list[Field]:
    """As `framing` says; without a body, what a GET would have got (RFC 9110, section 8.6)."""
    if framing.kind is Kind.NONE and head.length is not None and head.status >= 200 and head.status != 204:
        return [(b"Content-Length", b"%d" % head.length)]
    return _framing(head, framing)


def _status_line(head: ResponseHead) -> bytes:
    return b"HTTP/1.1 %d %b" % (head.status, head.reason)


def _written(first: bytes, fields: Iterable[Field]) -> bytes:
    return b"\r\n".join([first, *map(b": ".join, fields), b"", b""])
