from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.endpoint import Endpoint, EndpointKind, parse_endpoint

TCP, UNIX, TWISTED = EndpointKind.TCP, EndpointKind.UNIX, EndpointKind.TWISTED


@pytest.mark.parametrize(
    ("value", "endpoint"),
    [
        (8080, Endpoint(TCP, ":8080", None, 8080)),
        (0, Endpoint(TCP, ":0", None, 0)),
        (65535, Endpoint(TCP, ":65535", None, 65535)),
        ("8080", Endpoint(TCP, ":8080", None, 8080)),
        (":8080", Endpoint(TCP, ":8080", None, 8080)),
        ("10.0.0.1:80", Endpoint(TCP, "10.0.0.1:80", "10.0.0.1", 80)),
        ("[0::1]:80", Endpoint(TCP, "[::1]:80", "::1", 80)),
        ("[::ffff:10.0.0.1]:80", Endpoint(TCP, "10.0.0.1:80", "10.0.0.1", 80)),
        ("unix:/run/lb", Endpoint(UNIX, "unix:/run/lb", "/run/lb")),
        ("unix:/run/lb:mode=660", Endpoint(TWISTED, "unix:/run/lb:mode=660", "/run/lb")),
        ("tcp:80", Endpoint(TWISTED, "tcp:80", "0.0.0.0", 80)),
        ("tcp:80:127.0.0.1", Endpoint(TWISTED, "tcp:80:127.0.0.1", "127.0.0.1", 80)),
        (
            "tcp:port=80:interface=127.0.0.1",
            Endpoint(TWISTED, "tcp:port=80:interface=127.0.0.1", "127.0.0.1", 80),
        ),
        (r"tcp6:80:interface=\:\:1", Endpoint(TWISTED, r"tcp6:80:interface=\:\:1", "::1", 80)),
        (r"tcp6:80:interface=0\:\:1", Endpoint(TWISTED, r"tcp6:80:interface=0\:\:1", "::1", 80)),
        ("tcp6:80", Endpoint(TWISTED, "tcp6:80", "::", 80)),
        ("tcp:0", Endpoint(TWISTED, "tcp:0", "0.0.0.0", 0)),
        ("tcp:80:backlog=a=b", Endpoint(TWISTED, "tcp:80:backlog=a=b", "0.0.0.0", 80)),
        ("unix:address=/run/a=b:mode=660", Endpoint(TWISTED, "unix:address=/run/a=b:mode=660", "/run/a=b")),
        ("tls:/etc/certs", Endpoint(TWISTED, "tls:/etc/certs", "::", 443)),
        ("systemd:domain=INET:name=web", Endpoint(TWISTED, "systemd:domain=INET:name=web")),
        ("onion:80", Endpoint(TWISTED, "onion:80")),
    ],
)
def test_forms(value: object, endpoint: Endpoint) -> None:
    assert parse_endpoint(value) == endpoint


@pytest.mark.parametrize(
    "value",
    [
        True,
        80.0,
        None,
        -1,
        65536,
        pytest.param(10**5000, id="a number without repr"),
        "",
        ":",
        ":65536",
        ":08080",
        ":8０",
        "٨٠",
        "10.0.0.1",
        "10.0.0.1:80\n",
        "10.0.0:80",
        "[10.0.0.1]:80",
        "::1:80",
        "localhost:80",
        "app.internal:80",
        "unix:run/lb",
        "unix:",
        "unix:/a\nb",
        "tcp:http",
        "tcp:80\n",
        "systemd:a\0",
        "tcp:80:interface=1\\",
        "TCP:80",
        "1" * 10_000,
    ],
)
def test_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not") as caught:
        parse_endpoint(value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_a_name_is_told_to_be_no_address() -> None:
    with pytest.raises(ValueError, match=r" endpoint string; a name is no address$"):
        parse_endpoint("localhost:80")


@pytest.mark.parametrize("value", [80.5, "10.0.0.256:80", "[::g]:80"])
def test_what_is_none_is_repeated_beside_the_forms_alone(value: object) -> None:
    with pytest.raises(
        ValueError, match=rf"^{re.escape(repr(value))} is not an endpoint: .* endpoint string$"
    ):
        parse_endpoint(value)


def test_a_port_that_is_none_is_repeated() -> None:
    with pytest.raises(ValueError, match=r"^port 65536 is not in 0–65535$"):
        parse_endpoint(65536)


@pytest.mark.parametrize("text", ["tcp:interface=127.0.0.1", "tcp6:interface=a"])
def test_a_port_is_needed_but_for_tls(text: str) -> None:
    with pytest.raises(ValueError, match=r"^port '' is not in 0–65535$"):
        parse_endpoint(text)


def test_a_socket_needs_a_path() -> None:
    with pytest.raises(ValueError, match=r"^'unix:' is not unix:/path "):
        parse_endpoint("unix:mode=660")


def test_haproxy_is_refused_because_it_loses_headers() -> None:
    with pytest.raises(
        ValueError, match=r"^'haproxy:tcp:8080': .* drops a header that comes in two segments"
    ):
        parse_endpoint("haproxy:tcp:8080")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (":80", ":80"),
        (":80", "10.0.0.1:80"),
        (":80", "[::1]:80"),
        ("0.0.0.0:80", "10.0.0.1:80"),
        ("[::]:80", "[::1]:80"),
        ("[::]:80", "10.0.0.1:80"),
        ("10.0.0.1:80", "tcp:80"),
        ("127.0.0.1:80", "tcp:80:interface=127.0.0.1"),
        ("unix:/a", "unix:/a:mode=660"),
        ("systemd:domain=INET:index=0", "systemd:domain=INET:index=0"),
    ],
)
def test_overlap(one: str, other: str) -> None:
    assert parse_endpoint(one).overlaps(parse_endpoint(other))
    assert parse_endpoint(other).overlaps(parse_endpoint(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (":80", ":81"),
        (":0", ":0"),
        ("10.0.0.1:80", "10.0.0.2:80"),
        ("0.0.0.0:80", "[::1]:80"),
        ("unix:/a", "unix:/b"),
        (":80", "unix:/a"),
        ("unix:/a", "systemd:domain=INET:index=0"),
        ("systemd:domain=INET:index=0", "systemd:domain=INET:index=1"),
        (":80", "onion:80"),
    ],
)
def test_no_overlap(one: str, other: str) -> None:
    assert not parse_endpoint(one).overlaps(parse_endpoint(other))
    assert not parse_endpoint(other).overlaps(parse_endpoint(one))


@given(st.one_of(st.none(), st.ip_addresses()), st.integers(0, 65535))
def test_reads_what_it_shows(host: object, port: int) -> None:
    shown = "" if host is None else f"[{host}]" if ":" in str(host) else str(host)
    endpoint = parse_endpoint(f"{shown}:{port}")
    assert endpoint.port == port
    assert parse_endpoint(endpoint.text) == endpoint
    assert endpoint.overlaps(endpoint) == (port != 0)


@given(st.one_of(st.text(), st.from_regex(r"[a-z0-9:\\=/.]{0,40}", fullmatch=True)))
def test_anything_else_is_a_value_error(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except UnicodeError as error:
        pytest.fail(f"the words of a codec: {error}")
    except ValueError:
        pass
    else:
        assert parse_endpoint(endpoint.text) == endpoint
        assert endpoint.text.isprintable()
