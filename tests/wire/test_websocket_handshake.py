"""Sec-WebSocket-Key and Sec-WebSocket-Accept."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.wire.websocket_handshake import accept_key, is_answer, is_valid_key

# RFC 6455, 1.3.
KEY, ACCEPT = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_example_of_the_rfc() -> None:
    assert accept_key(KEY) == ACCEPT
    assert is_answer(ACCEPT, KEY)


@pytest.mark.parametrize(
    "accept", [b"", KEY, ACCEPT.lower(), ACCEPT[:-1], ACCEPT + b"\n", b" " + ACCEPT, accept_key(b"other")]
)
def test_what_answers_another_request_is_no_answer(accept: bytes) -> None:
    assert not is_answer(accept, KEY)


@given(st.binary(min_size=16, max_size=16))
def test_sixteen_bytes_are_a_key(nonce: bytes) -> None:
    assert is_valid_key(base64.b64encode(nonce))


@given(st.binary(max_size=40).filter(lambda nonce: len(nonce) != 16))
def test_any_other_number_of_bytes_is_none(nonce: bytes) -> None:
    assert not is_valid_key(base64.b64encode(nonce))


@pytest.mark.parametrize(
    "key",
    [
        b"",
        KEY[:-1],
        KEY[:-2],
        KEY[1:],
        KEY + b"\n",
        KEY + b"=",
        b" " + KEY,
        KEY.replace(b"d", b"-", 1),
        b"=" * 24,
        KEY * 2,
    ],
)
def test_what_is_not_exactly_base64_is_none(key: bytes) -> None:
    assert not is_valid_key(key)


def test_bits_of_a_key_that_say_nothing_are_not_looked_at() -> None:
    assert is_valid_key(b"dGhlIHNhbXBsZSBub25jZR==")
