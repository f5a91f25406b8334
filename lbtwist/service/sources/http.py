"""Servers from a web service that answers with JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import treq
from OpenSSL.SSL import Error as TLSError
from service_identity import VerificationError
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed, DNSLookupError
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, ResponseFailed
from twisted.web.http import NOT_MODIFIED, OK
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS, IResponse
from zope.interface import implementer

from lbtwist.interfaces import IServerSource, IServerSourceMaker
from lbtwist.model.address import Address, parse_ipv4, parse_ipv6
from lbtwist.model.hostname import parse_host
from lbtwist.model.listing import servers_in_json
from lbtwist.model.shown import shown
from lbtwist.service.sources.asked import LONGEST, AskedSource, Found, SourceFailed
from lbtwist.service.sources.connection import OneConnection
from lbtwist.service.sources.settings import check_keys, read_interval, read_text

MAX_ETAG = 256
"""Bytes of an ETag that is sent back."""

_URL = re.compile(r"https?://[!-~]+")


class HttpQuestion:
    """GET of one URL, each time on a connection of its own: redirects are not followed, nothing is decoded.

    What treq would add to Twisted's agent is not wanted here: a gzip body of a kilobyte that becomes a
    megabyte, cookies, and redirects.
    """

    def __init__(
        self, url: str, port: int | None, interval: float, reactor: Any, policy: IPolicyForHTTPS
    ) -> None:
        self._url = url.encode("ascii")
        self._port = port
        self._interval = interval
        self._reactor = reactor
        self._policy = policy
        self._etag = b""
        self._servers: dict[Address, int] = {}
        """What the service said when it sent that ETag."""

    async def ask(self) -> Found:
        """The servers; those it said last when it says that nothing has changed (RFC 9110, 15.4.5)."""
        connection = OneConnection(self._reactor, self._policy, min(self._interval, LONGEST))
        try:
            return Found(await self._get(connection), self._interval)
        except ValueError as error:
            raise SourceFailed(f"the answer {error}") from None
        except (CancelledError, SourceFailed):
            raise
        except Exception as error:  # of the resolver, the sockets, TLS and HTTP, some not public
            raise _failed(connection, error) from None
        finally:
            await connection.close()

    async def _get(self, connection: OneConnection) -> dict[Address, int]:
        agent = Agent.usingEndpointFactory(self._reactor, connection)
        response = await agent.request(b"GET", self._url, self._headers())
        if response.code == NOT_MODIFIED and self._etag:
            return self._servers
        self._etag = b""
        if response.code != OK:
            raise SourceFailed(f"status {response.code} is not 200")
        chunks: list[bytes] = []
        await treq.collect(response, chunks.append)
        self._servers = _servers(b"".join(chunks), self._port)
        self._etag = _etag(response)
        return self._servers

    def _headers(self) -> Headers:
        headers = {b"User-Agent": [b"lbtwist"], b"Accept": [b"application/json"]}
        return Headers(headers | ({b"If-None-Match": [self._etag]} if self._etag else {}))


def _servers(content: bytes, port: int | None) -> dict[Address, int]:
    servers = servers_in_json(content, port)
    for address in servers:
        if address.is_unix:
            raise ValueError(f"names {address}: a socket of this machine is not its to give")
    return servers


def _etag(response: IResponse) -> bytes:
    values = response.headers.getRawHeaders(b"ETag") or [b""]
    etag: bytes = values[0]
    return etag if len(values) == 1 and len(etag) <= MAX_ETAG else b""


def _failed(connection: OneConnection, error: Exception) -> Exception:
    if isinstance(error, ResponseFailed) and error.reasons:
        return _failed(connection, error.reasons[0].value)
    if isinstance(error, CancelledError | ConnectingCancelledError):
        return CancelledError()
    if connection.flooded:
        return SourceFailed("the answer is too large")
    return SourceFailed(_words(error))


def _words(error: Exception) -> str:
    if isinstance(error, ConnectError | ConnectionClosed | DNSLookupError):
        return str(error).rstrip(".")
    if isinstance(error, VerificationError):
        return "its certificate is for another name"
    if isinstance(error, TLSError):
        return f"TLS failed: {_reasons(error)}"
    return f"{type(error).__name__}: {shown(str(error))}"


def _reasons(error: TLSError) -> str:
    """`certificate verify failed` and the like of OpenSSL's list of library, function and reason."""
    stack = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return ", ".join(str(reason) for *_, reason in stack) or type(error).__name__


@implementer(IServerSourceMaker)
class HttpMaker:
    """`{ type = "http", url, interval = 10 }`."""

    name = "http"

    def make(self, settings: Mapping[str, Any], port: int | None, reactor: Any) -> IServerSource:
        """A source that asks the service at `url`. Raises ValueError for what is not allowed."""
        check_keys(settings, "url", "interval")
        url = parse_url(read_text(settings, "url"))
        interval = read_interval(settings)
        policy = BrowserLikePolicyForHTTPS()
        return AskedSource(HttpQuestion(url, port, interval, reactor, policy), interval, reactor)


def parse_url(text: str) -> str:
    """A URL of http or https without a user, a password or a fragment; else ValueError."""
    try:
        parts = urlsplit(text)
        sound = _URL.fullmatch(text) and not parts.fragment and "@" not in parts.netloc and parts.port != 0
        _check_host(parts.hostname or "")
    except ValueError:
        sound = None
    if not sound:
        # The text is not shown: it may have a password.
        raise ValueError("url: is not http://host/path or https://host/path, without a user and a fragment")
    return text


def _check_host(host: str) -> None:
    if ":" in host:
        parse_ipv6(host)
    elif re.fullmatch(r"[0-9.]+", host):
        parse_ipv4(host)
    else:
        parse_host(host)
