"""/events: figures each second and what happens, as server-sent events, while somebody listens.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request

from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.events import Event
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.following import event_row
from lbtwist.service.verbs.looking import facts
from lbtwist.status.pages import Answer, said
from lbtwist.status.picture import TABLES, Picture, changed, encoded, table_rows
from lbtwist.status.reader import Reader
from lbtwist.status.slices import Slices

MAX_READERS = 32
INTERVAL = 1.0
"""Seconds from one picture to the next."""
RECENT = 50
"""Events that a reader is told who has none yet."""
RECEIPTS = 20
"""Receipts in a picture: the last ones."""


class Stream:
    """All readers, and the picture that they were shown last."""

    log = Logger()

    def __init__(self, balancer: LoadBalancer, clock: IReactorTime, slices: Slices) -> None:
        self._balancer = balancer
        self._clock = clock
        self._slices = slices
        self._epoch = f"{balancer.wall():.0f}"
        """Tells the numbers of this process' events from those of another one."""
        self._readers: set[Reader] = set()
        self._shown: Picture = {}
        self._taking = False
        """A picture is being taken, or the next is waited for."""
        self._timer: IDelayedCall | None = None
        self._unfollow = lambda: None

    def __len__(self) -> int:
        return len(self._readers)

    def page(self, request: Request) -> Answer | None:
        """Answers /events; 503 where there are as many readers as may be."""
        if request.method == b"HEAD":
            return Answer(b"", "text/event-stream")
        if len(self._readers) >= MAX_READERS:
            return said(503, f"there are {MAX_READERS} readers already")
        request.setHeader(b"Content-Type", b"text/event-stream")
        reader = Reader(request, self._clock.seconds, self._after(request.getHeader("last-event-id") or ""))
        request.notifyFinish().addBoth(lambda _: self._leave(reader))
        self._enter(reader)
        return None

    def stop(self) -> None:
        """Show no more. The connections are the site's to close."""
        for reader in list(self._readers):
            self._leave(reader)

    def _after(self, last: str) -> int:
        """The number of the last event that a client has, by its Last-Event-ID."""
        epoch, _, number = last.partition("-")
        if not last:
            return max(0, self._balancer.events.added - RECENT)
        return int(number) if epoch == self._epoch and number.isascii() and number.isdecimal() else 0

    def _enter(self, reader: Reader) -> None:
        self._readers.add(reader)
        reader.begin()
        self._tell(reader)
        if len(self._readers) == 1:
            self._unfollow = self._balancer.events.follow(self._heard)
        if not self._taking:
            self._take()
        elif self._timer is not None:
            self._timer.reset(0)

    def _leave(self, reader: Reader) -> None:
        self._readers.discard(reader)
        if not self._readers:
            self._unfollow()
            timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
                self._taking = False

    def _heard(self, event: Event) -> None:
        for reader in list(self._readers):
            self._tell(reader)

    def _tell(self, reader: Reader) -> None:
        """The events that it has not got."""
        for number, event in self._balancer.events.after(reader.after):
            if reader.held:
                return
            reader.send("event", encoded(event_row(event)), f"{self._epoch}-{number}")
            reader.after = number

    def _take(self) -> None:
        """A picture, and then the next. A reader that comes meanwhile has its first one soon."""
        self._timer = None
        self._taking = True
        picture: Picture = {name: {} for name in TABLES}
        taken = self._slices.join(self._drawn(picture))
        taken.addCallback(lambda _: self._show(picture)).addErrback(self._failed).addCallback(self._again)

    def _drawn(self, picture: Picture) -> Iterator[bytes]:
        for name, row in table_rows(self._balancer):
            picture[name][next(iter(row.values()))] = row
            yield b""
        picture["load_balancer"] = facts(self._balancer)
        picture["drains"] = [rows.drain_row(running) for running in self._balancer.drains]
        receipts = list(self._balancer.drains.receipts)[-RECEIPTS:]
        picture["receipts"] = [rows.receipt_row(receipt) for receipt in receipts]

    def _show(self, picture: Picture) -> None:
        news, self._shown = changed(self._shown, picture), picture
        whole, part = encoded(picture), encoded(news)
        for reader in list(self._readers):
            if reader.slow:
                reader.drop()
            elif reader.held:
                reader.behind = True
            else:
                self._tell(reader)
                reader.send(*(("snapshot", whole) if reader.behind else ("figures", part)))
                reader.behind = False

    def _failed(self, failure: object) -> None:
        self.log.error("status: the figures can't be shown: {failure}", failure=failure)

    def _again(self, _: object) -> None:
        self._taking = bool(self._readers)
        if self._taking:
            self._timer = self._clock.callLater(INTERVAL, self._take)
