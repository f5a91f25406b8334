"""Whether a 101 answers the request that asked for a WebSocket (RFC 6455, 4.1)."""

from __future__ import annotations

from lbtwist.wire.request_head import RequestHead
from lbtwist.wire.response_head import ResponseHead
from lbtwist.wire.websocket_handshake import is_answer


def is_answered(request: RequestHead, head: ResponseHead) -> bool:
    """The 101 proves that the server has read the request."""
    keys, accepts = _values(request, b"sec-websocket-key"), _values(head, b"sec-websocket-accept")
    return len(keys) == len(accepts) == 1 and is_answer(accepts[0], keys[0])


def _values(head: RequestHead | ResponseHead, name: bytes) -> list[bytes]:
    return [value for field, value in head.plain if field.lower() == name]
