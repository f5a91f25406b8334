"""Which way a request goes through a listener, told for people, and as the wire would read it."""

from __future__ import annotations

import pytest

from lbtwist.errors import UsageError
from lbtwist.model.routing import Rule
from lbtwist.service.routes import Request, Way, goes, passed, read_url, way
from lbtwist.wire.request_head import parse_request_head

API = Rule(host=b"*.example.com", path_prefix=b"/api", group="api")
OLD = Rule(path_prefix=b"/old", redirect=b"https://{host}/new{target}")
GONE = Rule(host=b"gone.test", respond=410)
RULES = (API, OLD, GONE)


def differs(url: str, rules: tuple[Rule, ...] = RULES) -> list[tuple[int, str]]:
    return [(each.number, each.differs) for each in passed(rules, read_url(url))]


@pytest.mark.parametrize(
    ("url", "host", "path", "target"),
    [
        ("/", b"", b"/", b"/"),
        ("/a?b=c", b"", b"/a", b"/a?b=c"),
        ("/a?to=http://b/", b"", b"/a", b"/a?to=http://b/"),
        ("//a/b", b"", b"//a/b", b"//a/b"),
        ("example.com", b"example.com", b"/", b"/"),
        ("Example.COM:8080/a?b", b"example.com", b"/a", b"/a?b"),
        ("http://example.com", b"example.com", b"/", b"/"),
        ("http://example.com?b", b"example.com", b"/", b"/?b"),
        ("HTTPS://[::1]:443/A/", b"[::1]", b"/A/", b"/A/"),
        ("example.com/a?to=http://b/", b"example.com", b"/a", b"/a?to=http://b/"),
        ("10.0.0.1/%2e", b"10.0.0.1", b"/%2e", b"/%2e"),
    ],
)
def test_a_url_is_read_as_the_request_that_asks_for_it(
    url: str, host: bytes, path: bytes, target: bytes
) -> None:
    request = read_url(url)
    assert request == Request(host, path, target)
    fields = b"Host: %b\r\n" % host if host else b""
    version = b"1.1" if host else b"1.0"
    read = parse_request_head(b"GET %b HTTP/%b\r\n%b\r\n" % (target, version, fields))
    assert read is not None
    assert (read[0].host, read[0].path, read[0].onward) == request


@pytest.mark.parametrize(
    "url",
    [
        "",
        "*",
        "?a",
        "ftp://example.com/",
        "http:///a",
        "http://user@example.com/",
        "http://a,b/",
        "example.com:99999999/",
        "/a b",
        "/a#b",
        "/a\\b",
        "/a\x1b[2J",
        "/ä",
        "example.com/\r\nHost: other",
    ],
)
def test_what_no_request_may_have_is_refused_with_what_it_may(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_url(url)
    assert (
        str(refused.value)
        == f"{url!r} is not http://host/path, host/path or /path, as a request may have them"
    )


def test_a_rule_that_does_not_count_says_what_differs_and_none_is_asked_after_the_one_that_does() -> None:
    assert differs("a.example.com/api/v1") == [(1, "")]
    assert differs("a.example.com/apis") == [(1, "path"), (2, "path"), (3, "host")]
    assert differs("example.com/api") == [(1, "host"), (2, "path"), (3, "host")]
    assert differs("gone.test/old/a") == [(1, "host"), (2, "")]
    assert differs("GONE.test:80/") == [(1, "host"), (2, "path"), (3, "")]


def test_a_request_goes_by_the_first_rule_that_it_meets_or_to_the_listener_s_own_group() -> None:
    assert way(RULES, "app", read_url("a.example.com/api")) == Way(rule=1, group="api")
    assert way(RULES, "app", read_url("gone.test/")) == Way(rule=3, status=410)
    assert way(RULES, "app", read_url("gone.test/old/a?b")) == Way(
        rule=2, location=b"https://gone.test/new/old/a?b", status=302
    )
    assert way(RULES, "app", read_url("other.test/")) == Way(group="app")
    assert way((), "app", read_url("/")) == Way(group="app")


@pytest.mark.parametrize("url", ["/api/../x", "example.com/a/%2e%2e/", "/a%2fb"])
def test_a_path_that_climbs_is_refused_where_paths_are_routed_on(url: str) -> None:
    assert way(RULES, "app", read_url(url)) == Way(status=400, refused="a path that climbs")
    assert way((GONE,), "app", read_url(url)) == Way(group="app")


def test_a_rule_is_told_as_in_the_file() -> None:
    assert [goes(rule) for rule in RULES] == [
        "server_group api",
        "redirect https://{host}/new{target}",
        "respond 410",
    ]
