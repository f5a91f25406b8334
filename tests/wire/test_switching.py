"""A 101 that shows that the server has read the request, and one that does not: RFC 6455, 4.1."""

from __future__ import annotations

import pytest

from lbtwist.wire.request_head import parse_request_head
from lbtwist.wire.response_head import parse_response_head
from lbtwist.wire.switching import is_answered

KEY, ACCEPT = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCH = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"


def answered(keys: bytes, accepts: bytes) -> bool:
    request = parse_request_head(b"GET / HTTP/1.1\r\nHost: a\r\n" + SWITCH + keys + b"\r\n")
    response = parse_response_head(b"HTTP/1.1 101 \r\n" + SWITCH + accepts + b"\r\n", b"GET", b"websocket")
    assert request is not None
    assert response is not None
    return is_answered(request[0], response[0])


ASKED = b"Sec-WebSocket-Key: " + KEY + b"\r\n"
PROVEN = b"sec-websocket-accept: " + ACCEPT + b"\r\n"


def test_the_proof_of_the_rfc() -> None:
    assert answered(ASKED, PROVEN)
    assert answered(b"X-Other: a\r\n" + ASKED, PROVEN + b"X-Other: a\r\n")


@pytest.mark.parametrize(
    ("keys", "accepts"),
    [
        (ASKED, b""),
        (b"", PROVEN),
        (b"", b""),
        (ASKED, PROVEN + PROVEN),
        (ASKED + ASKED, PROVEN),
        (ASKED + ASKED, PROVEN + PROVEN),
        (ASKED, PROVEN.replace(b"s3p", b"S3p")),
    ],
)
def test_no_proof(keys: bytes, accepts: bytes) -> None:
    assert not answered(keys, accepts)
