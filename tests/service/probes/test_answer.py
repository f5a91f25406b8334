"""What a server answers, looked at before Twisted's HTTP client reads it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lbtwist.service.probes.answer import MAX_ANSWER, MAX_START, Answer, NoAnswer

FINAL = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nbody"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def read(*pieces: bytes) -> bytes:
    answer = Answer()
    return b"".join(answer.read(piece) for piece in pieces)


@pytest.mark.parametrize(
    "sent",
    [
        FINAL,
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"HTTP/1.1 200 \r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 503 Come back\n\n",
        b"HTTP/1.1 299 \xfcber\r\n\r\n",
    ],
)
def test_an_answer_is_read_on_as_it_came(sent: bytes) -> None:
    assert read(sent) == sent


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02",
        b"\r\nHTTP/1.1 200 OK\r\n",
        b"http/1.1 200 OK\r\n",
        b"HTTP/2.0 200 OK\r\n",
        b"HTTP/1.11 200 OK\r\n",
        b"HTTP/1.1  200 OK\r\n",
        b"HTTP/1.1 +200 OK\r\n",
        b"HTTP/1.1 2_00 OK\r\n",
        b"HTTP/1.1 2000 OK\r\n",
        b"HTTP/1.1 099 OK\r\n",
        b"HTTP/1.1 -20 OK\r\n",
        b"HTTP/1.1 20\r\n",
        b"HTTP/1.1 200OK\r\n",
        b"HTTP/1.1 200 O\rK\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n",
        b"HTTP/1.1 1000\r\n",
        b"HTTP/1.0 103 Early Hints\r\n",
    ],
)
def test_what_is_no_answer_is_refused_whole_or_byte_by_byte(sent: bytes) -> None:
    with pytest.raises(NoAnswer):
        read(sent)
    with pytest.raises(NoAnswer):
        read(*(sent[at : at + 1] for at in range(len(sent))))


def test_interim_responses_are_passed_over() -> None:
    assert read(INTERIM + b"HTTP/1.1 100 Continue\r\n\r\n" + INTERIM + FINAL) == FINAL


@given(some.lists(some.integers(1, 90), max_size=30))
def test_it_does_not_matter_how_the_bytes_come(cuts: list[int]) -> None:
    sent = INTERIM + INTERIM + FINAL
    at = sorted({0, len(sent), *cuts})
    assert read(*(sent[begin:end] for begin, end in pairwise(at))) == FINAL


def test_the_status_has_to_come_in_few_bytes() -> None:
    begun = b"HTTP/1.1 200 "
    assert read(begun, b"x" * (MAX_START - len(begun))) == b""
    with pytest.raises(NoAnswer):
        read(begun, b"x" * (MAX_START - len(begun) + 1))
    with pytest.raises(NoAnswer):
        read(b"HTTP/1.1 103 \r\n", b"x" * MAX_START)


def test_interim_responses_for_ever_fill_it_up() -> None:
    answer = Answer()
    for _ in range(MAX_ANSWER // len(INTERIM)):
        answer.read(INTERIM)
        assert not answer.full
    answer.read(INTERIM)
    assert answer.full


def test_it_is_full_when_the_limit_is_reached() -> None:
    answer = Answer()
    answer.read(FINAL)
    answer.read(b"x" * (MAX_ANSWER - len(FINAL) - 1))
    assert not answer.full
    answer.read(b"x")
    assert answer.full
