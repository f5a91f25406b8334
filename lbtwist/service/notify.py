"""What a service manager is told: sd_notify(3) in a dozen lines."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.task import LoopingCall

from lbtwist.model.plane import EVERYTHING
from lbtwist.service.balancer import LoadBalancer

STATUS_INTERVAL = 5.0
EXTENSION = 2 * STATUS_INTERVAL
"""Seconds that the manager is asked to wait on while it leaves, with each status."""


def notify(address: str, *lines: str) -> None:
    """Send `lines` to the socket at `address`; a manager that does not listen is no error."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.send("\n".join(lines).encode())


class Notifier(Service):
    """READY once it listens and its servers were checked (rule 30), STATUS while it runs, STOPPING when
    it leaves.

    Does nothing without NOTIFY_SOCKET in the environment.
    """

    def __init__(self, balancer: LoadBalancer, reactor: Any, environ: Mapping[str, str] = os.environ) -> None:
        self._balancer = balancer
        self._reactor = reactor
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._beat = LoopingCall(self._status)
        self._beat.clock = reactor

    def startService(self) -> None:
        super().startService()
        if self._address:
            self._reactor.callWhenRunning(self._ready)
            self._reactor.addSystemEventTrigger("before", "shutdown", self._stopping)

    def stopService(self) -> None:
        super().stopService()
        if self._beat.running:
            self._beat.stop()

    def _ready(self) -> None:
        listening = self._balancer.listening()
        listening.addCallback(lambda _: self._balancer.checked()).addCallback(self._checked)

    def _checked(self, _: object) -> None:
        if not self._balancer.leaving:
            notify(self._address, "READY=1", f"MAINPID={os.getpid()}")
        if self.running:
            self._beat.start(STATUS_INTERVAL)

    def _stopping(self) -> None:
        notify(self._address, "STOPPING=1")

    def _status(self) -> None:
        balancer = self._balancer
        live = balancer.plane.tally(EVERYTHING).live
        lines = [f"STATUS={live} connections, {len(list(balancer.drains))} drains"]
        if balancer.leaving:
            lines.append(f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1_000_000)}")
        notify(self._address, *lines)
