"""The status page as a service: it opens its endpoint, and closes its connections when it stops."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.web.server import Request

from lbtwist.model.config import StatusSettings
from lbtwist.net.opening import open_face
from lbtwist.net.sockaddr import shown
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.readiness import Readiness
from lbtwist.status.assets import assets, index
from lbtwist.status.exposition import format_for
from lbtwist.status.hosts import guard, own_names
from lbtwist.status.pages import Answer, Page, Pages, said
from lbtwist.status.picture import document
from lbtwist.status.scrapes import Scrapes
from lbtwist.status.site import StatusSite
from lbtwist.status.slices import Slices
from lbtwist.status.stream import Stream

PRIVILEGED = range(1, 1024)

log = Logger()


class StatusService(MultiService):
    """`curl http://127.0.0.1:8404/metrics`, or a browser.

    Starting it raises BindError where the endpoint can't be opened, so that the whole start fails.
    """

    name = "status"

    def __init__(self, settings: StatusSettings, balancer: LoadBalancer, reactor: Any) -> None:
        super().__init__()
        self._endpoint = settings.endpoint
        self._balancer = balancer
        self._reactor = reactor
        self._readiness = Readiness(balancer, reactor)
        self._readiness.setServiceParent(self)
        self._slices = Slices(reactor)
        in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        self._scrapes = Scrapes(balancer, lambda: self._readiness.problem, self._slices, in_thread)
        self._stream = Stream(balancer, reactor, self._slices)
        pages = Pages(self._pages(), guard(self._endpoint, own_names()), assets())
        self._site = StatusSite(pages, reactor)
        self._port: IListeningPort | None = None

    @property
    def address(self) -> Any:
        """Where it listens; None while it doesn't."""
        return self._port.getHost() if self._port is not None else None

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        if self._endpoint.port in PRIVILEGED:
            self._open()

    def startService(self) -> None:
        self._open()
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop listening and close what is connected; fires when the endpoint is free. Where a newer
        generation listens there, whoever has come to this one is answered first (rule 76)."""
        super().stopService()
        port, self._port = self._port, None
        self._stream.stop()
        stopped: Deferred[Any] = maybeDeferred(port.stopListening) if port is not None else succeed(None)
        if self._balancer.superseded:
            return stopped.addCallback(lambda _: self._site.leave())
        self._site.close()
        return stopped

    def _open(self) -> None:
        if self._port is None:
            self._port = open_face("status", self._endpoint, self._site, self._reactor)
            log.info("status: on {endpoint}", endpoint=shown(self._port.getHost()))

    def _pages(self) -> dict[bytes, Page]:
        return {
            b"/": index,
            b"/metrics": self._metrics,
            b"/healthz": lambda request: said(200, "it runs"),
            b"/readyz": self._ready,
            b"/status.json": self._status,
            b"/events": self._stream.page,
        }

    def _metrics(self, request: Request) -> Deferred[Answer]:
        accept = request.requestHeaders.getRawHeaders("accept", [])
        format = format_for(",".join(accept))
        return self._scrapes.text(format).addCallback(lambda text: Answer(text, format.content_type))

    def _ready(self, request: Request) -> Answer:
        problem = self._readiness.problem
        return said(503, problem) if problem else said(200, "ready")

    def _status(self, request: Request) -> Deferred[Answer]:
        made = self._slices.join(document(self._balancer))
        return made.addCallback(lambda text: Answer(text, "application/json"))
