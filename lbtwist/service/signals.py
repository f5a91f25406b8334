"""SIGTERM and SIGINT leave, the second one at once; SIGHUP reloads, SIGUSR1 is for logs, SIGUSR2 upgrades."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger
from twisted.python.failure import Failure

from lbtwist.errors import LBError
from lbtwist.service.balancer import LoadBalancer

LEAVING = (signal.SIGTERM, signal.SIGINT)
ASKING = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""There is nothing to do for them any more when the reactor has ended."""


class Signals(Service):
    """Installed once the reactor runs, over its own: a second SIGTERM would only be logged by that."""

    log = Logger()

    def __init__(self, balancer: LoadBalancer, reactor: Any) -> None:
        self._balancer = balancer
        self._reactor = reactor
        self._leaving = False
        self._rotate_log: Any = None
        balancer.end_process = self._end

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._install)

    def _install(self) -> None:
        for number in LEAVING:
            signal.signal(number, self._from_signal(self._leave))
        signal.signal(signal.SIGHUP, self._from_signal(self._reload))
        signal.signal(signal.SIGUSR2, self._from_signal(self._upgrade))
        # twistd has its own for the log that it writes to a file: both rotate.
        self._rotate_log = signal.getsignal(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, self._reopen_logs)
        self._reactor.addSystemEventTrigger("after", "shutdown", self._ignore)

    def _ignore(self) -> None:
        """The interpreter takes handlers out as it ends: one of these would be its death in the place of its
        exit status."""
        for number in ASKING:
            signal.signal(number, signal.SIG_IGN)

    def _from_signal(self, call: Any) -> Any:
        """A handler that does nothing in the interrupted code but wake the reactor."""

        def handler(number: int, frame: FrameType | None) -> None:
            self._reactor.callFromThread(call, signal.Signals(number).name)

        return handler

    def _reopen_logs(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._balancer.reopen_logs)
        if callable(self._rotate_log):
            self._rotate_log(number, frame)

    def _leave(self, name: str) -> None:
        if self._leaving or self._balancer.leaving:
            self.log.info("{name} again: what is left is cut", name=name)
            self._balancer.hurry()
        else:
            self.log.info("{name}: leaving", name=name)
            self._end()

    def _end(self) -> None:
        if not self._leaving:
            self._leaving = True
            self._reactor.stop()

    def _reload(self, name: str) -> None:
        self.log.info("{name}: reloading", name=name)
        self._balancer.reload().addErrback(self._reload_failed)

    def _upgrade(self, name: str) -> None:
        self.log.info("{name}: upgrading", name=name)
        self._balancer.upgrade().addErrback(self._upgrade_failed)

    def _upgrade_failed(self, failure: Failure) -> None:
        if failure.check(LBError):
            self.log.error("no upgrade: {why}", why=failure.getErrorMessage())
        else:
            self.log.failure("the upgrade failed", failure)

    def _reload_failed(self, failure: Failure) -> None:
        if failure.check(LBError):
            self.log.error("the reload was refused: {why}", why=failure.getErrorMessage())
        else:
            self.log.failure("the reload failed", failure)
