"""What is there to read, by path; nothing can be written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

METHODS = (b"GET", b"HEAD")
REASONS = {421: b"Misdirected Request"}
"""What Twisted does not know: RFC 9110, 15.5.20."""
PLAIN = "text/plain; charset=utf-8"
HEADERS = {
    b"Server": b"lbtwist",
    b"Cache-Control": b"no-store",
    b"X-Content-Type-Options": b"nosniff",
    b"Referrer-Policy": b"no-referrer",
    b"Content-Security-Policy": (
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
"""Of every response. Nothing is said of other origins (CORS), which therefore read nothing."""


class Answer(NamedTuple):
    """A whole response."""

    body: bytes
    content_type: str = PLAIN
    status: int = 200


def said(status: int, text: str) -> Answer:
    """One line of text."""
    return Answer(f"{text}\n".encode(), PLAIN, status)


Page = Callable[[Request], "Answer | Deferred[Answer] | None"]
"""Answers a request; None where it goes on by itself."""


class Pages(Resource):
    """All pages."""

    isLeaf = True
    log = Logger()

    def __init__(
        self,
        pages: Mapping[bytes, Page],
        is_ours: Callable[[str], bool],
        parts: Mapping[bytes, Page] = MappingProxyType({}),
    ) -> None:
        """`is_ours` judges what a request calls this machine; `parts` are of a page, and not listed."""
        super().__init__()
        self._pages = pages
        self._all = {**pages, **parts}
        self._is_ours = is_ours

    def render(self, request: Request) -> int:
        for name, value in HEADERS.items():
            request.setHeader(name, value)
        page = self._page(request)
        gone = request.notifyFinish()
        gone.addErrback(lambda failure: None)
        if isinstance(page, Answer):
            _send(request, page)
        else:
            asked: Callable[[], Any] = partial(page, request)
            answer: Deferred[Answer | None] = maybeDeferred(asked)
            answer.addErrback(self._failed, request.path)
            answer.addCallback(lambda answer: _send(request, answer) if not gone.called else None)
        return NOT_DONE_YET

    def _page(self, request: Request) -> Page | Answer:
        if request.method not in METHODS:
            request.setHeader(b"Allow", b", ".join(METHODS))
            return said(405, "this is read-only: GET and HEAD")
        hosts = request.requestHeaders.getRawHeaders("host", [])
        if len(hosts) != 1 and (hosts or request.clientproto != b"HTTP/1.0"):
            return said(400, "one Host is needed")
        if not all(map(self._is_ours, hosts)):
            return said(421, "on loopback, this machine is called by an address, localhost or its own name")
        known = ", ".join(path.decode() for path in self._pages)
        return self._all.get(request.path) or said(404, f"there are {known}")

    def _failed(self, failure: Failure, path: bytes) -> Answer:
        self.log.failure("status: {path} failed", failure=failure, path=path)
        return said(500, "it failed; the log says why")


def _send(request: Request, answer: Answer | None) -> None:
    if answer is None:
        return
    request.setResponseCode(answer.status, REASONS.get(answer.status))
    request.setHeader(b"Content-Type", answer.content_type.encode())
    request.setHeader(b"Content-Length", b"%d" % len(answer.body))
    request.write(answer.body)
    request.finish()
