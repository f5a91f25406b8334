from __future__ import annotations

import pytest

from lbtwist.wire.connection import NO_OPTIONS
from lbtwist.wire.trailers import passed_names, passed_trailers

FRAMING = [
    b"Content-Length",
    b"transfer-encoding",
    b"Transfer_Encoding",
    b"Connection",
    b"TE",
    b"Trailer",
    b"Upgrade",
]
ROUTING = [b"Host", b"X-Forwarded-For", b"x_forwarded_proto", b"Forwarded", b"X-Real-IP", b"Via"]
CREDENTIALS = [b"Authorization", b"Proxy-Authorization", b"Cookie", b"Set-Cookie", b"WWW-Authenticate"]


@pytest.mark.parametrize("name", [*FRAMING, *ROUTING, *CREDENTIALS, b"Content-Type", b"Cache-Control"])
def test_trailers_that_only_a_head_may_have_are_dropped(name: bytes) -> None:
    assert passed_trailers([(b"X-Sum", b"1"), (name, b"a"), (b"x-sum", b"2")], NO_OPTIONS) == [
        (b"X-Sum", b"1"),
        (b"x-sum", b"2"),
    ]
    assert passed_names([b"X-Sum, " + name, b"Grpc-Status"], NO_OPTIONS) == b"X-Sum, Grpc-Status"


def test_trailers_that_connection_names_are_dropped() -> None:
    assert passed_trailers([(b"X-Sum", b"1")], frozenset({b"x-sum"})) == []
    assert passed_names([b"X-Sum"], frozenset({b"x-sum"})) == b""


def test_a_trailer_field_that_is_no_list_names_nothing() -> None:
    assert passed_names([b'X-Sum; "a'], NO_OPTIONS) == b""
