"""Messages as they go on: what was parsed, and nothing else, written anew for the next hop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lbtwist.wire.connection import connection_field, without_named
from lbtwist.wire.cookie import without_cookie
from lbtwist.wire.forwarded import Hop, forwarded_lines
from lbtwist.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, Framing
from lbtwist.wire.lines import line
from lbtwist.wire.request_head import RequestHead
from lbtwist.wire.response_head import SWITCHING, ResponseHead
from lbtwist.wire.trailers import passed_names
from lbtwist.wire.via import via

_END = b"\r\n\r\n"


def onward_request(head: RequestHead, hop: Hop, cookie: bytes = b"", close: bool = False) -> bytes:
    """The head of the request for a server, in HTTP/1.1; its body is framed as `head.framing` says.

    `cookie` names the one that is ours and is left out; with `close` the server is told that nothing
    follows. Fields keep their order, but those that are understood here come last.
    """
    host = head.authority or hop.authority
    written = [
        b"%b %b HTTP/1.1\r\nHost: %b" % (head.method, head.onward, host),
        without_named(head.plain_lines, head.options),
    ]
    known = head.known
    if b"cookie" in known:
        written += _cookies(head, cookie)
    if b"expect" in known and head.version == b"1.1":
        written += [line((b"Expect", value)) for value in _values(head, b"expect")]
    written.append(forwarded_lines(known, hop, host))
    written.append(_via(head, hop.name))
    written.append(_framing(head, head.framing))
    if head.upgrade is not None:
        written.append(_switch(head.upgrade))
    elif close:
        written.append(b"\r\nConnection: close")
    written.append(_END)
    return b"".join(written)


def client_framing(framing: Framing, version: bytes) -> Framing:
    """How a client of HTTP `version` gets the body of a response that came with `framing`.

    A client of HTTP/1.0 knows no chunks; one of HTTP/1.1 gets them where only the end of the server's
    connection ends the body, and so sees whether it is whole.
    """
    if framing is CHUNKED or framing is UNTIL_CLOSE:
        return UNTIL_CLOSE if version == b"1.0" else CHUNKED
    return framing


def onward_response(
    head: ResponseHead,
    version: bytes,
    name: bytes,
    date: bytes,
    keep_alive: bool,
    set_cookie: bytes = b"",
    upgrade: bytes | None = None,
) -> bytes:
    """The head of a final response for a client of HTTP `version`; its body is framed by `client_framing`.
    With a 101, it is to `upgrade`.

    `name` is our own in Via, `date` is used where the response has none. `keep_alive` says whether the
    client's connection stays; it never does where only its end ends the body. `set_cookie` is the value
    of one more Set-Cookie.
    """
    written = [
        _status_line(head),
        without_named(head.plain_lines, head.options),
        b"\r\nDate: ",
        (_values(head, b"date") or (date,))[0],
        _via(head, name),
    ]
    if set_cookie:
        written.append(line((b"Set-Cookie", set_cookie)))
    if head.status == SWITCHING and upgrade is not None:
        written.append(_switch(upgrade))
    else:
        framing = client_framing(head.framing, version)
        written.append(_response_framing(head, framing))
        connection = connection_field(version, keep_alive and framing is not UNTIL_CLOSE)
        written += [line(connection)] if connection else []
    written.append(_END)
    return b"".join(written)


def onward_interim(head: ResponseHead, name: bytes) -> bytes:
    """The head of a 1xx for a client of HTTP/1.1; one of HTTP/1.0 gets none (RFC 9110, section 15.2)."""
    plain = without_named(head.plain_lines, head.options)
    return b"".join([_status_line(head), plain, _via(head, name), _END])


def _values(head: RequestHead | ResponseHead, name: bytes) -> Sequence[bytes]:
    """The values of a field that is understood here, unless Connection names it."""
    return () if name in head.options else head.known.get(name, ())


def _via(head: RequestHead | ResponseHead, name: bytes) -> bytes:
    return b"\r\nVia: " + via(head.known.get(b"via", ()), head.version, name)


def _cookies(head: RequestHead, ours: bytes) -> Iterable[bytes]:
    values = head.known[b"cookie"]
    if ours:
        values = [value for raw in values if (value := without_cookie(raw, ours))]
    return (line((b"Cookie", value)) for value in values)


def _switch(protocol: bytes) -> bytes:
    return b"\r\nConnection: Upgrade\r\nUpgrade: " + protocol


def _framing(head: RequestHead | ResponseHead, framing: Framing) -> bytes:
    if framing is NO_BODY or framing is UNTIL_CLOSE:
        return b""
    if framing is not CHUNKED:
        return b"\r\nContent-Length: %d" % framing.length
    names = passed_names(_values(head, b"trailer"), head.options)
    return b"\r\nTransfer-Encoding: chunked" + (line((b"Trailer", names)) if names else b"")


def _response_framing(head: ResponseHead, framing: Framing) -> bytes:
    """As `framing` says; without a body, what a GET would have got (RFC 9110, section 8.6)."""
    if framing is NO_BODY and head.length is not None and head.status >= 200 and head.status != 204:
        return b"\r\nContent-Length: %d" % head.length
    return _framing(head, framing)


def _status_line(head: ResponseHead) -> bytes:
    return b"HTTP/1.1 %d %b" % (head.status, head.reason)
