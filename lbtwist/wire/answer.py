"""Our own responses: whole, small, and without a byte of what a peer sent."""

from __future__ import annotations

import re
from email.utils import formatdate
from http import HTTPStatus

from lbtwist.wire.connection import connection_field
from lbtwist.wire.grammar import TEXT
from lbtwist.wire.head import Field

ALLOWED = b"GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"
"""What Allow says with a 405: whatever is usual but TRACE and CONNECT."""

_TEXT = re.compile(TEXT)
_OTHER_REASONS = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large",
    HTTPStatus.REQUEST_URI_TOO_LONG: "URI Too Long",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Content",
}
"""Where RFC 9110, section 15, has another name than the standard library."""


def http_date(now: float) -> bytes:
    """`now`, in seconds since 1970, as Date has it: RFC 9110, section 5.6.7."""
    return formatdate(now, usegmt=True).encode()


def answer(
    status: int,
    name: bytes,
    date: bytes,
    *,
    version: bytes = b"1.1",
    method: bytes = b"GET",
    keep_alive: bool = False,
    retry_after: int | None = None,
    location: bytes | None = None,
) -> bytes:
    """A whole response of `status`, 200–599, from the proxy `name` to a client of HTTP `version`.

    `method` is that of the request: HEAD gets no content. A 405 has Allow; `retry_after` is in seconds.
    `location` is where a redirection leads. Raises ValueError for a location with control bytes, and
    for a status that no final response has.
    """
    if not 200 <= status <= 599:
        raise ValueError(f"{status} is not the status of a final response")
    reason = reason_of(status)
    content = b"" if status in (204, 304) else _page(status, reason)
    fields = [(b"Date", date), (b"Via", b"1.1 " + name)]
    if content:
        fields.append((b"Content-Type", b"text/html; charset=utf-8"))
        fields.append((b"Content-Length", b"%d" % len(content)))
    fields += _about(status, retry_after, location)
    connection = connection_field(version, keep_alive)
    fields += [connection] if connection else []
    first = b"HTTP/1.1 %d %b" % (status, reason)
    return b"\r\n".join([first, *map(b": ".join, fields), b"", b"" if method == b"HEAD" else content])


def reason_of(status: int) -> bytes:
    """The reason phrase of `status`; of one that is not registered, nothing."""
    try:
        known = HTTPStatus(status)
    except ValueError:
        return b""
    return _OTHER_REASONS.get(known, known.phrase).encode()


def _page(status: int, reason: bytes) -> bytes:
    title = b"%d %b" % (status, reason) if reason else b"%d" % status
    return b"<!DOCTYPE html>\n<html><head><title>%b</title></head>\n<body><h1>%b</h1></body></html>\n" % (
        title,
        title,
    )


def _about(status: int, retry_after: int | None, location: bytes | None) -> list[Field]:
    fields = []
    if status >= 400:
        fields.append((b"Cache-Control", b"no-store"))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        fields.append((b"Allow", ALLOWED))
    if retry_after is not None:
        fields.append((b"Retry-After", b"%d" % retry_after))
    if location is not None:
        if not _TEXT.fullmatch(location):
            raise ValueError("a location with control bytes")
        fields.append((b"Location", location))
    return fields
