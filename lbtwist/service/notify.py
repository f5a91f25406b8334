"""What a service manager is told: sd_notify(3) in a dozen lines, and its watchdog."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from lbtwist.model.plane import EVERYTHING
from lbtwist.service.balancer import LoadBalancer

STATUS_INTERVAL = 5.0
EXTENSION = 2 * STATUS_INTERVAL
"""Seconds that the manager is asked to wait on while it leaves, with each status."""
_MORE_TIME = f"EXTEND_TIMEOUT_USEC={int(EXTENSION * 1_000_000)}"


def notify(address: str, *lines: str) -> None:
    """Send `lines` to the socket at `address`; a manager that does not listen is no error."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.send("\n".join(lines).encode())


def watchdog_seconds(environ: Mapping[str, str], pid: int) -> float:
    """How long the manager waits for a sign of life of the process `pid`; 0 where it waits for none."""
    usec, whose = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", str(pid))
    return int(usec) / 1_000_000 if usec.isascii() and usec.isdigit() and whose == str(pid) else 0.0


class Notifier(Service):
    """READY once it listens and its servers were checked (rule 30), STATUS while it runs, RELOADING while
    the file is read again, STOPPING when it leaves, and WATCHDOG as long as the reactor turns. Of several
    generations, only the newest says anything (rule 76).

    Does nothing without NOTIFY_SOCKET in the environment.
    """

    def __init__(self, balancer: LoadBalancer, reactor: Any, environ: Mapping[str, str] = os.environ) -> None:
        self._balancer = balancer
        self._reactor = reactor
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._beat = LoopingCall(self._status)
        self._beat.clock = reactor
        self._alive = LoopingCall(self._lives)
        self._alive.clock = reactor
        self._watchdog = watchdog_seconds(environ, os.getpid())

    def startService(self) -> None:
        super().startService()
        if self._address:
            self._balancer.reload = self._telling(self._balancer.reload)
            self._reactor.callWhenRunning(self._begin)
            self._reactor.addSystemEventTrigger("before", "shutdown", self._stopping)

    def stopService(self) -> None:
        super().stopService()
        for call in (self._beat, self._alive):
            if call.running:
                call.stop()

    def _begin(self) -> None:
        if self._watchdog:
            self._alive.start(self._watchdog / 2)
        listening = self._balancer.listening()
        listening.addCallback(lambda _: self._balancer.checked()).addCallback(self._checked)

    def _checked(self, _: object) -> None:
        if not self._balancer.leaving:
            self._say("READY=1", f"MAINPID={os.getpid()}")
        if self.running:
            self._beat.start(STATUS_INTERVAL)

    def _stopping(self) -> None:
        self._say("STOPPING=1", _MORE_TIME)

    def _lives(self) -> None:
        self._say("WATCHDOG=1")

    def _telling(self, reload: Callable[[], Deferred[list[str]]]) -> Callable[[], Deferred[list[str]]]:
        """`reload`, of which the manager is told when it begins and when it is over."""

        def told() -> Deferred[list[str]]:
            self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            return reload().addBoth(over)

        def over(result: Any) -> Any:
            self._say("READY=1")
            return result

        return told

    def _status(self) -> None:
        balancer = self._balancer
        live = balancer.plane.tally(EVERYTHING).live
        lines = [f"STATUS={live} connections, {len(list(balancer.drains))} drains"]
        if balancer.leaving:
            lines.append(_MORE_TIME)
        self._say(*lines)

    def _say(self, *lines: str) -> None:
        if self._balancer.in_charge:
            notify(self._address, *lines)
