"""The kinds of value of one purpose: their ends, and the whole message of each refusal."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.address import Address
from lbtwist.model.config import rate, rules
from lbtwist.model.config.http import CODES, HOST, URL
from lbtwist.model.config.kinds import DOMAIN, PATTERNS, RESOLVER, TARGET, TLS_NAME
from lbtwist.model.config.quorum import Quorum, parse_quorum
from lbtwist.model.config.secret import Secret
from lbtwist.model.hostname import HostName

HOST_FORM = "a host as app.internal, 10.0.0.1 or [::1], with a port or without"
RESOLVER_FORM = 'an IP address as 10.0.0.53 or [::1]:5353, nor ""'
URL_FORM = "http://host/path or https://host/path, without a user and a fragment"


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (CODES, [100, 599, "200-399"], ((100, 100), (599, 599), (200, 399))),
        (HOST, "", ""),
        (HOST, "App.internal:8080", "App.internal:8080"),
        (HOST, "[::1]:80", "[::1]:80"),
        (URL, "http://10.0.0.1/a", "http://10.0.0.1/a"),
        (URL, "https://[::1]:8443/", "https://[::1]:8443/"),
        (TARGET, "10.0.0.1:80", Address("10.0.0.1", 80)),
        (TARGET, "a.b:80", HostName("a.b", 80)),
        (TARGET, Address("10.0.0.1", 80), Address("10.0.0.1", 80)),
        (DOMAIN, "_http._tcp.A", "_http._tcp.a"),
        (RESOLVER, "10.0.0.53", "10.0.0.53"),
        (RESOLVER, "", ""),
        (PATTERNS, ["a", "*.toml"], ("a", "*.toml")),
        (TLS_NAME, "0::1", "::1"),
        (rules.HOST, "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:7:8]"),
        (rules.ALPN, "h2", ("h2",)),
        (rate._PER_SECOND, 0.01, 0.01),
        (rate._PER_SECOND, 1_000_000, 1e6),
        (rate._PER_SECOND, 0, 0.0),
    ],
)
def test_what_is_allowed_is_read(kind: Any, value: object, read: object) -> None:
    assert kind.read(value) == read


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (CODES, [600], '600 is not a status code, 100–599, or a range as "200-399"'),
        (CODES, [99], '99 is not a status code, 100–599, or a range as "200-399"'),
        (CODES, ["399-200"], "'399-200' is a range that ends before it begins"),
        (HOST, "a b", f"'a b' is not {HOST_FORM}, nor \"\""),
        (HOST, 1, f'1 is not {HOST_FORM}, nor ""'),
        (URL, "http:///a", f"is not {URL_FORM}"),
        (URL, "http://10.0.0.256/", f"is not {URL_FORM}"),
        (URL, "http://a b/", f"is not {URL_FORM}"),
        (TARGET, 1, "1 is not an address: 10.0.0.1:8080, [::1]:8080, unix:/path or app1.internal:8080"),
        (DOMAIN, 1, "1 is not a name, as app.internal or _http._tcp.app.internal"),
        (RESOLVER, "unix:/a", f"'unix:/a' is not {RESOLVER_FORM}"),
        (PATTERNS, [1], '[1] is not a list of file names, as ["conf.d/*.toml"]'),
        (PATTERNS, ["a\n"], "['a\\n'] is not a list of file names, as [\"conf.d/*.toml\"]"),
        (TLS_NAME, 1, '1 is not the name of a host, as app.internal, or an IP address, nor ""'),
        (rules.ALPN, [], '[] is not the name of a protocol, as "h2", or a list of some'),
        (rules.ALPN, ["a b"], "['a b'] is not the name of a protocol, as \"h2\", or a list of some"),
        (rate._PER_SECOND, 0.009, "0.009 is not 0, or 0.01–1000000 a second"),
        (rate._PER_SECOND, 1_000_001, "1000001 is not 0, or 0.01–1000000 a second"),
        (rate._PER_SECOND, float("inf"), "inf is not a number (0, or 0.01–1000000 a second)"),
    ],
)
def test_what_is_not_is_refused_with_what_is(kind: Any, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        kind.read(value)
    assert str(caught.value) == message


def test_a_quorum_is_a_number_or_a_percentage_that_rounds_up() -> None:
    """rule 66"""
    assert [parse_quorum(value) for value in (0, 3, "0%", "100%")] == [
        Quorum(0),
        Quorum(3),
        Quorum(0, percentage=True),
        Quorum(100, percentage=True),
    ]
    assert [Quorum(50, percentage=True).needed(total) for total in (0, 1, 2, 3)] == [0, 1, 1, 2]
    assert [Quorum(100, percentage=True).needed(200), Quorum(1, percentage=True).needed(101)] == [200, 2]
    assert Quorum(7).needed(3) == 7
    assert [str(Quorum(50)), str(Quorum(50, percentage=True))] == ["50", "50%"]
    with pytest.raises(ValueError, match=r"^-1 is not 0 or more, or \"0%\"–\"100%\"$"):
        parse_quorum(-1)


def test_secrets_are_equal_by_what_they_hold_and_never_shown() -> None:
    one, same, other = Secret("0123456789abcdef"), Secret("0123456789abcdef"), Secret("another secret 16")
    assert one == same
    assert one != other
    assert one != "0123456789abcdef"
    assert len({one, same, other}) == 2
    assert hash(one) != hash(other)
    assert (repr(one), str(one), f"{one}") == ("***", "***", "***")
