"""Targets: heads of requests and responses, and what is made of a whole request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import partial

from fuzz.cutting import Pieces, cuttings
from lbtwist.errors import BadMessage
from lbtwist.wire.body import body_reader, chunk, last_chunk
from lbtwist.wire.cookie import cookie, without_cookie
from lbtwist.wire.forwarded import Hop
from lbtwist.wire.framing import Kind
from lbtwist.wire.onward import onward_request, onward_response
from lbtwist.wire.request_head import RequestHead, parse_request_head
from lbtwist.wire.response_head import parse_response_head
from lbtwist.wire.trailers import passed_trailers
from tests.hostile.strict import strict_requests, strict_responses

MOST_HELD = 64 * 1024
"""Bytes of a head that may come before it is whole or refused."""
HOP = Hop(b"lbtwist", "192.0.2.1", authority=b"203.0.113.1:80", port=80)
TRUSTED = Hop(b"lbtwist", "192.0.2.1", trusted=True, authority=b"203.0.113.1:80", port=80)
OURS = b"SERVERID"

Parse = Callable[[bytes], "tuple[object, bytes] | None"]


def request_head(data: bytes) -> None:
    """Read alike however it is cut, and refused with a documented status."""
    for strict in (False, True):
        outcomes = {
            repr(_outcome(partial(parse_request_head, strict_path=strict), p)) for p in cuttings(data)
        }
        assert len(outcomes) == 1, outcomes


def response_head(data: bytes) -> None:
    """The same for a response, whatever it answers."""
    for method, upgrade in ((b"GET", None), (b"HEAD", None), (b"GET", b"websocket")):
        parse = partial(parse_response_head, method=method, upgrade=upgrade)
        outcomes = {repr(_outcome(parse, pieces)) for pieces in cuttings(data)}
        assert len(outcomes) == 1, outcomes


def _outcome(parse: Parse, pieces: Pieces) -> object:
    """The head and all that follows it, or the status of a refusal; None where more is needed."""
    come = b""
    for number, piece in enumerate(pieces, 1):
        come += piece
        try:
            answer = parse(come)
        except BadMessage as bad:
            assert bad.status in {400, 405, 414, 431, 501, 502, 505, 508}
            return bad.status
        if answer is not None:
            return _values(answer[0]), answer[1] + b"".join(pieces[number:])
        assert len(come) < MOST_HELD
    return None


def _values(head: object) -> list[object]:
    """All that it says, which its own repr does not tell."""
    return [getattr(head, field.name) for field in fields(head)]  # type: ignore[arg-type]


def onward(data: bytes) -> None:
    """What goes on of an accepted request is one request to a strict reader, and says what was meant."""
    try:
        parsed = parse_request_head(data)
        if parsed is None:
            return
        head, rest = parsed
        reader = body_reader(head.framing)
        fed = reader.feed(rest)
    except BadMessage:
        return
    if fed.done:
        _goes_on(head, fed.content, passed_trailers(reader.trailers, head.options))


def _goes_on(head: RequestHead, content: bytes, trailers: list[tuple[bytes, bytes]]) -> None:
    body = chunk(content) + last_chunk(trailers) if head.framing.kind is Kind.CHUNKED else content
    for hop in (HOP, TRUSTED):
        for close in (False, True):
            sent = onward_request(head, hop, OURS, close) + body
            (message,) = strict_requests(sent).messages
            assert message.first == (head.method.decode(), head.onward.decode())
            assert message.body == content
            values = [value.encode("latin-1") for name, value in message.fields if name == "cookie"]
            assert cookie(values, OURS) is None


def onward_answer(data: bytes) -> None:
    """What goes on of an accepted response is one response to a strict reader."""
    try:
        parsed = parse_response_head(data, b"GET")
        if parsed is None or parsed[0].interim:
            return
        head, rest = parsed
        fed = body_reader(head.framing, 502).feed(rest)
    except BadMessage:
        return
    sent = onward_response(head, b"1.1", b"lbtwist", b"now", keep_alive=True)
    chunked = head.framing.kind in (Kind.CHUNKED, Kind.UNTIL_CLOSE)
    body = chunk(fed.content) + last_chunk() if chunked else fed.content
    if fed.done or head.framing.kind is Kind.UNTIL_CLOSE:
        (message,) = strict_responses(sent + body, "GET").messages
        assert message.body == fed.content


def cookies(data: bytes) -> None:
    """Ours is found where it is, and is gone when it was taken out."""
    value = data.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
    assert cookie([without_cookie(value, OURS)], OURS) is None
