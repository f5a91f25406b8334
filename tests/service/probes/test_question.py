"""What an HTTP check asks, and which answers are good."""

from __future__ import annotations

import pytest

from lbtwist.model.address import Address
from lbtwist.service.probes.question import Question


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("192.0.2.1", 8080), b"http://192.0.2.1:8080/"),
        (Address("2001:db8::1", 80), b"http://[2001:db8::1]:80/"),
        (Address("fe80::1%eth0", 80), b"http://[fe80::1]:80/"),
        (Address("/run/server"), b"http://localhost/"),
    ],
)
def test_a_server_is_asked_by_its_address(address: Address, url: bytes) -> None:
    assert Question().url("http", address) == url


@pytest.mark.parametrize("host", ["www.example.com", "www.example.com:8443", "[2001:db8::1]", "192.0.2.9"])
def test_or_by_the_name_that_is_set(host: str) -> None:
    question = Question(path="/health?full=1", host=host)
    assert question.url("https", Address("192.0.2.1", 443)) == f"https://{host}/health?full=1".encode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "POST"},
        {"method": "get"},
        {"path": "health"},
        {"path": ""},
        {"path": "/a b"},
        {"path": "/\r\nX: y"},
        {"path": "/ä"},
        {"path": "/a#b"},
        {"host": "a b"},
        {"host": "a\r\nX: y"},
        {"host": "user@host"},
        {"host": "host/path"},
        {"host": "::1"},
        {"host": "a" * 254},
        {"drain_header": "no field"},
        {"drain_header": "a:b"},
    ],
)
def test_what_can_not_be_asked_is_refused_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=f"can't be the {next(iter(wrong))} of a check"):
        Question(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expected", "status", "passes", "reason"),
    [
        (((200, 399),), 200, True, "status 200"),
        (((200, 399),), 399, True, "status 399"),
        (((200, 399),), 400, False, "status 400 not in 200-399"),
        (((200, 299), (401, 401)), 401, True, "status 401"),
        (((200, 299), (401, 401)), 300, False, "status 300 not in 200-299, 401"),
    ],
)
def test_the_status_is_judged_by_the_ranges(
    expected: tuple[tuple[int, int], ...], status: int, passes: bool, reason: str
) -> None:
    question = Question(expected=expected)
    assert (question.accepts(status), question.reason(status)) == (passes, reason)


def test_rule_31_a_status_or_a_field_asks_for_a_drain() -> None:
    question = Question(drain_header="X-Drain", drain_codes=((503, 503),))
    assert question.drains(503, lambda name: False)
    assert question.drains(200, lambda name: name == "X-Drain")
    assert not question.drains(200, lambda name: False)
    assert not Question().drains(503, lambda name: True)
