from __future__ import annotations

import contextlib
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred, DeferredQueue, maybeDeferred
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from lbtwist.model.address import Address
from lbtwist.model.source import SourceAnswer
from lbtwist.service.sources.asked import AskedSource
from lbtwist.service.sources.connection import MAX_RECEIVED
from lbtwist.service.sources.http import HttpMaker, HttpQuestion, parse_url
from tests.certificates import Issued, authority, issue
from tests.service.still import StillReactor, reactor, turns

ONE = Address("10.0.0.1", 80)


class Page(Resource):
    """Answers as a test says, and keeps what it was asked."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.content: bytes | Callable[[Request], int] = b'["10.0.0.1:80"]'
        self.headers: dict[bytes, bytes] = {}
        self.asked: list[dict[bytes, bytes]] = []

    def render_GET(self, request: Request) -> bytes | int:
        self.asked.append(request.getAllHeaders())
        request.setResponseCode(self.status)
        for name, value in self.headers.items():
            request.setHeader(name, value)
        return self.content(request) if callable(self.content) else self.content


class World:
    """A web service on loopback, and a source that asks it."""

    def __init__(self, port: Any, page: Page, scheme: str, host: str, policy: Any = None) -> None:
        self.page = page
        self.clock = StillReactor()
        self.heard: DeferredQueue[SourceAnswer] = DeferredQueue()
        self.url = f"{scheme}://{host}:{port.getHost().port}/servers?all"
        question = HttpQuestion(self.url, 8080, 20, self.clock, policy or BrowserLikePolicyForHTTPS())
        self.source = AskedSource(question, 20, self.clock)

    def watch(self) -> None:
        self.source.watch(self.heard.put)

    async def answer(self) -> SourceAnswer:
        """The next answer; the next question is planned then."""
        answer = await self.heard.get()
        await turns()
        return answer

    async def again(self) -> SourceAnswer:
        self.clock.advance(20)
        return await self.answer()


class QuietSite(Site):
    noisy = False


class Hanging:
    """Answers nothing, or the beginning of a list, and sees the connection go."""

    def __init__(self, begun: bool) -> None:
        self.begun = begun
        self.asked: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def __call__(self, request: Request) -> int:
        request.notifyFinish().addErrback(self.closed)
        if self.begun:
            request.write(b"[")
        self.asked.callback(None)
        return NOT_DONE_YET

    def closed(self, reason: Failure) -> None:
        self.gone.callback(None)


class EndlessHeader:
    """Begins an answer, and sends fields for as long as the connection is there."""

    sent = 0

    def __call__(self, request: Request) -> int:
        self.transport: Any = request.transport
        request.notifyFinish().addErrback(self.closed)
        self.transport.write(b"HTTP/1.1 200 OK\r\n")
        self.more()
        return NOT_DONE_YET

    def more(self) -> None:
        self.sent += 100_000
        self.transport.write((b"X: " + b"x" * 9_995 + b"\r\n") * 10)
        self.call = reactor.callLater(0, self.more)

    def closed(self, reason: Failure) -> None:
        self.call.cancel()


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[World]:
    page = Page()
    port = reactor.listenTCP(0, QuietSite(page), interface="127.0.0.1")
    world = World(port, page, "http", "127.0.0.1")
    try:
        yield world
    finally:
        await world.source.stop()
        await maybeDeferred(port.stopListening)
        assert world.clock.getDelayedCalls() == []


@contextlib.asynccontextmanager
async def serving_securely(issued: Issued, trusted: Issued, host: str) -> AsyncIterator[World]:
    page = Page()
    port = reactor.listenSSL(0, QuietSite(page), issued.options(), interface="127.0.0.1")
    roots = trustRootFromCertificates([Certificate.loadPEM(trusted.pem)])
    world = World(port, page, "https", host, BrowserLikePolicyForHTTPS(roots))
    try:
        yield world
    finally:
        await world.source.stop()
        await maybeDeferred(port.stopListening)


@pytest_twisted.ensureDeferred
async def test_servers_of_a_web_service_as_they_change_rule_18() -> None:
    async with serving() as world:
        world.watch()
        assert await world.answer() == SourceAnswer({ONE: 100})
        world.page.content = b'[{"address": "[::1]", "weight": 7}]'
        assert await world.again() == SourceAnswer({Address("::1", 8080): 7})
        world.page.content = b"[]"
        assert await world.again() == SourceAnswer({})
        assert world.page.asked[0][b"accept"] == b"application/json"


@pytest_twisted.ensureDeferred
async def test_what_has_not_changed_is_not_sent_again() -> None:
    async with serving() as world:
        world.page.headers = {b"etag": b'"one"'}
        world.watch()
        await world.answer()
        assert b"if-none-match" not in world.page.asked[0]
        world.page.status, world.page.content = 304, b""
        assert await world.again() == SourceAnswer({ONE: 100})
        assert world.page.asked[1][b"if-none-match"] == b'"one"'


@pytest_twisted.ensureDeferred
async def test_the_etag_of_rubbish_is_not_kept() -> None:
    """Or `304` would stand for the list before the rubbish."""
    async with serving() as world:
        world.page.headers = {b"etag": b'"one"'}
        world.watch()
        await world.answer()
        world.page.content = b"rubbish"
        assert (await world.again()).servers is None
        await world.again()
        assert b"if-none-match" not in world.page.asked[2]


@pytest_twisted.ensureDeferred
async def test_unchanged_without_having_been_asked_is_a_problem() -> None:
    async with serving() as world:
        world.page.status, world.page.content = 304, b""
        world.watch()
        assert await world.answer() == SourceAnswer(None, "status 304 is not 200")


@pytest_twisted.ensureDeferred
async def test_an_etag_that_is_too_long_is_not_sent_back() -> None:
    async with serving() as world:
        world.page.headers = {b"etag": b'"' + b"x" * 300 + b'"'}
        world.watch()
        await world.answer()
        await world.again()
        assert b"if-none-match" not in world.page.asked[1]


@pytest.mark.parametrize("status", [201, 204, 301, 302, 401, 404, 500, 503])
@pytest_twisted.ensureDeferred
async def test_another_status_is_a_problem_and_redirects_are_not_followed(status: int) -> None:
    async with serving() as world:
        world.page.status, world.page.headers = status, {b"location": b"/elsewhere"}
        world.watch()
        assert await world.answer() == SourceAnswer(None, f"status {status} is not 200")
        assert len(world.page.asked) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>", "the answer is not JSON"),
        (b'["10.0.0.1:80"', "the answer is not JSON"),
        (b'{"servers": []}', "the answer is not a JSON list"),
        (b'["10.0.0.1:80", "10.0.0.1:80"]', "the answer entry 2: 10.0.0.1:80 stands twice"),
        (b'["unix:/run/docker.sock"]', "the answer names unix:/run/docker.sock"),
        (gzip.compress(b'["10.0.0.1:80"]'), "the answer is not UTF-8"),
        (b" " * (1024 * 1024 + 1), "the answer is larger than 1048576 bytes"),
        (b" " * (MAX_RECEIVED + 1), "the answer is too large"),
    ],
    ids=["html", "half", "object", "twice", "unix", "gzip", "large", "flood"],
)
@pytest_twisted.ensureDeferred
async def test_rubbish_is_a_problem(content: bytes, words: str) -> None:
    async with serving() as world:
        world.page.content = content
        if content.startswith(b"\x1f"):
            world.page.headers = {b"content-encoding": b"gzip"}
        world.watch()
        answer = await world.answer()
        assert answer.servers is None
        assert answer.problem.startswith(words)
        world.page.content, world.page.headers = b"[]", {}
        assert await world.again() == SourceAnswer({})


@pytest_twisted.ensureDeferred
async def test_an_endless_header_is_cut_off() -> None:
    async with serving() as world:
        world.page.content = endless = EndlessHeader()
        world.watch()
        assert await world.answer() == SourceAnswer(None, "the answer is too large")
        await turns()
    assert MAX_RECEIVED < endless.sent < 20 * MAX_RECEIVED


@pytest.mark.parametrize("begun", [False, True], ids=["nothing", "half"])
@pytest_twisted.ensureDeferred
async def test_an_answer_that_does_not_come_is_a_problem(begun: bool) -> None:
    async with serving() as world:
        world.page.content = hanging = Hanging(begun)
        world.watch()
        await hanging.asked
        await turns(3)
        world.clock.advance(10)
        assert await world.answer() == SourceAnswer(None, "no answer within 10 s")
        await hanging.gone


@pytest.mark.parametrize("begun", [False, True], ids=["nothing", "half"])
@pytest_twisted.ensureDeferred
async def test_stop_closes_the_connection(begun: bool) -> None:
    async with serving() as world:
        world.page.content = hanging = Hanging(begun)
        world.watch()
        await hanging.asked
        await turns(3)
        await world.source.stop()
        await hanging.gone
        assert world.heard.pending == []


@pytest_twisted.ensureDeferred
async def test_no_keeping_of_cookies_or_connections() -> None:
    async with serving() as world:
        world.page.headers = {b"set-cookie": b"a=b"}
        world.watch()
        await world.answer()
        await world.again()
        assert b"cookie" not in world.page.asked[1]
        assert world.page.asked[1][b"connection"] == b"close"


@pytest_twisted.ensureDeferred
async def test_a_port_where_nobody_listens_is_a_problem() -> None:
    async with serving() as world:
        settings = {"url": world.url}
    heard: DeferredQueue[SourceAnswer] = DeferredQueue()
    source = HttpMaker().make(
        settings, None, reactor
    )  # its clock too: a host may have other addresses to try
    source.watch(heard.put)
    assert (await heard.get()).problem.startswith("Connection was refused")
    await source.stop()


@pytest_twisted.ensureDeferred
async def test_what_is_no_http_is_a_problem(flush_logged_errors: Callable[..., list[Any]]) -> None:
    async with serving() as world:

        def other(request: Request) -> int:
            request.notifyFinish().addErrback(lambda _: None)
            request.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            return NOT_DONE_YET

        world.page.content = other
        world.watch()
        answer = await world.answer()
        assert answer.servers is None
        assert answer.problem.startswith("ParseError")


@pytest_twisted.ensureDeferred
async def test_https_with_a_certificate_that_is_trusted() -> None:
    ca = authority()
    async with serving_securely(issue(ca, ["127.0.0.1"]), ca, "127.0.0.1") as world:
        world.watch()
        assert await world.answer() == SourceAnswer({ONE: 100})


@pytest.mark.parametrize(
    ("trusted", "name", "words"),
    [
        (False, "127.0.0.1", "TLS failed: "),
        (True, "192.0.2.1", "its certificate is for another name"),
    ],
    ids=["issuer", "name"],
)
@pytest_twisted.ensureDeferred
async def test_https_is_verified(trusted: bool, name: str, words: str) -> None:
    ca = authority()
    async with serving_securely(issue(ca, [name]), ca if trusted else authority(), "127.0.0.1") as world:
        world.watch()
        answer = await world.answer()
        assert answer.servers is None
        assert answer.problem.startswith(words)
        assert "[" not in answer.problem
        assert world.page.asked == []


@pytest.mark.parametrize(
    "url",
    ["http://a", "https://a.example:8443/x/y?z=1", "http://10.0.0.1/", "http://[::1]:80/", "http://a:65535/"],
)
def test_urls(url: str) -> None:
    assert parse_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "ftp://a/",
        "file:///etc/passwd",
        "http:///x",
        "http://",
        "http://user@a/",
        "http://user:secret@a/",
        "http://a/#x",
        "http://a b/",
        "http://a/\r\nX: y",
        "http://a:0/",
        "http://a:65536/",
        "http://a:b/",
        "http://[::1/",
        "http://[x]/",
        "http://1.2.3/",
        "http://ä/",
        "HTTP:/a",
    ],
)
def test_no_urls(url: str) -> None:
    with pytest.raises(ValueError, match=r"url: is not http://host/path") as caught:
        parse_url(url)
    assert "secret" not in str(caught.value)


def test_settings_are_strict() -> None:
    with pytest.raises(ValueError, match="url is missing"):
        HttpMaker().make({}, 80, Clock())
    with pytest.raises(ValueError, match="'token' is not a key of it"):
        HttpMaker().make({"url": "http://a", "token": "x"}, 80, Clock())
    assert HttpMaker().make({"url": "http://a", "interval": "5s"}, None, Clock())
