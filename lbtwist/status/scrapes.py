"""Scrapes: the text of all metrics, made once for all who ask while it is made."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client.core import Metric
from twisted.internet.defer import Deferred

from lbtwist.service.balancer import LoadBalancer
from lbtwist.status.collector import readings
from lbtwist.status.exposition import Format, written
from lbtwist.status.process_metrics import ProcessMetrics
from lbtwist.status.slices import Slices

InThread = Callable[[Callable[[], list[Metric]]], Deferred[list[Metric]]]
"""Calls something that blocks. Fires with what it returns; fails as it does."""


class Scrapes:
    """Answers /metrics."""

    def __init__(
        self, balancer: LoadBalancer, unready: Callable[[], str], slices: Slices, in_thread: InThread
    ) -> None:
        self._balancer = balancer
        self._unready = unready
        self._slices = slices
        self._in_thread = in_thread
        self._process = ProcessMetrics()
        self._waiting: dict[str, list[Deferred[bytes]]] = {}

    def text(self, format: Format) -> Deferred[bytes]:
        """All metrics now."""
        asked: Deferred[bytes] = Deferred()
        waiting = self._waiting.setdefault(format.content_type, [])
        waiting.append(asked)
        if len(waiting) == 1:
            made = Deferred.fromCoroutine(self._make(format))
            made.addBoth(self._tell, format)
        return asked

    async def _make(self, format: Format) -> bytes:
        process = await self._in_thread(self._process)
        return await self._slices.join(written(format, process, readings(self._balancer, self._unready)))

    def _tell(self, result: object, format: Format) -> None:
        for asked in self._waiting.pop(format.content_type):
            asked.callback(result)  # type: ignore[arg-type]
