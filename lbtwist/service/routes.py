"""Which way a request goes through a listener: the rule that it meets, and why none before it counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import NamedTuple

from lbtwist.errors import BadMessage, UsageError
from lbtwist.model.routing import Rule, climbs
from lbtwist.model.shown import shown
from lbtwist.wire.target import parse_host, parse_target, refuse_climbing

_FORMS = "http://host/path, host/path or /path, as a request may have them"


class Request(NamedTuple):
    """What of a request decides where it goes."""

    host: bytes
    """In small letters and without the port; empty for one without Host, which HTTP/1.0 allows."""
    path: bytes
    """As it was sent, without the query."""
    target: bytes
    """Path and query."""


class Way(NamedTuple):
    """What becomes of a request: it goes to `group`, or is answered with `status`."""

    rule: int | None = None
    """Which rule it goes by, counted from 1; None where it meets none, or is refused before."""
    group: str = ""
    """The server group that it goes to."""
    location: bytes = b""
    """Where its client is sent."""
    status: int | None = None
    refused: str = ""
    """Why no rule is asked."""


class Passed(NamedTuple):
    """One rule that was asked."""

    number: int
    """Counted from 1."""
    rule: Rule
    differs: str
    """What of the request does not meet it, `host` or `path`; empty for the one that it goes by."""


def read_url(url: str) -> Request:
    """The request that asks for `http://host/path?query`, `host/path`, or `/path` without Host.

    Raises UsageError for what no request line, or no Host, may have.
    """
    try:
        target = parse_target(b"GET", _absolute(url).encode("ascii"))
    except (UnicodeEncodeError, BadMessage):
        raise UsageError(f"{shown(url)} is not {_FORMS}") from None
    host = b"" if url.startswith("/") else parse_host(target.authority)
    return Request(host, target.path, target.onward)


def _absolute(url: str) -> str:
    """The target in absolute form that has all of `url` in it; of a path, with any host."""
    if url.startswith("/"):
        return f"http://any{url}"
    return url if url.lower().startswith(("http://", "https://")) else f"http://{url}"


def way(rules: Sequence[Rule], group: str, request: Request) -> Way:
    """Where a listener with these rules sends `request`; `group` is its own, for one that meets none."""
    if climbs(rules):
        try:
            refuse_climbing(request.path)
        except BadMessage as refusal:
            return Way(status=refusal.status, refused=refusal.reason)
    for number, rule, differs in passed(rules, request):
        if not differs:
            return _by_rule(number, rule, request)
    return Way(group=group)


def passed(rules: Sequence[Rule], request: Request) -> Iterator[Passed]:
    """The rules that are asked, up to and with the one that `request` goes by."""
    for number, rule in enumerate(rules, 1):
        differs = _differs(rule, request)
        yield Passed(number, rule, differs)
        if not differs:
            return


def goes(rule: Rule) -> str:
    """What becomes of those that meet `rule`, in words: as in the file."""
    if rule.group:
        return f"server_group {rule.group}"
    return f"redirect {rule.redirect.decode('latin-1')}" if rule.redirect else f"respond {rule.respond}"


def _by_rule(number: int, rule: Rule, request: Request) -> Way:
    if rule.group:
        return Way(number, rule.group)
    if rule.redirect:
        return Way(number, location=rule.location(request.host, request.target), status=HTTPStatus.FOUND)
    return Way(number, status=rule.respond)


def _differs(rule: Rule, request: Request) -> str:
    if rule.matches(request.host, request.path):
        return ""
    return "path" if replace(rule, path_prefix=b"").matches(request.host, request.path) else "host"
