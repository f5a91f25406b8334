"""The access log as a part of a load balancer."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.access import Told
from lbtwist.model.config import AccessLogSettings
from lbtwist.service.access_log.haproxy_line import haproxy_lines
from lbtwist.service.access_log.json_line import json_lines
from lbtwist.service.access_log.logfile import LogFile
from lbtwist.service.access_log.worker import Worker
from lbtwist.service.access_log.writer import Writer
from lbtwist.service.balancer import LoadBalancer

FORMATS: dict[str, Callable[[Sequence[Told], float], str]] = {"json": json_lines, "haproxy": haproxy_lines}


class AccessLog(Service):
    """Has the data plane's lines written from its start to its end, which is the last of all."""

    name = "access_log"

    def __init__(self, settings: AccessLogSettings, balancer: LoadBalancer, reactor: Any) -> None:
        """To be made before the balancer is started. Raises ConfigurationError where the file can't be
        had."""
        self._balancer = balancer
        self._worker = Worker(reactor, "access log")
        self._file = LogFile(settings.path)
        self.writer = Writer(
            FORMATS[settings.format], self._file, balancer.clock, self._worker, balancer.wall
        )
        check_file(settings.path)
        balancer.plane.log_access(self.writer)
        balancer.reopen_logs = self.writer.reopen
        balancer.dropped_lines = lambda: self.writer.dropped
        balancer.log_problem = lambda: self.writer.problem

    def startService(self) -> None:
        super().startService()
        self.writer.start()

    def stopService(self) -> Deferred[None]:
        """Fires when all is written."""
        super().stopService()
        self._balancer.reopen_logs = lambda: None
        return self.writer.stop().addCallback(lambda _: self._worker.stop())


def check_file(path: Path) -> None:
    """Raises ConfigurationError where lines can't be written there. Nothing is made: that is for who runs
    it, when privileges are dropped."""
    if str(path) == "-":
        return
    try:
        if not path.exists():
            check_room(path.parent)
            return
        file = LogFile(path)
        file.open()
        file.close()
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise ConfigurationError(
            [Problem("access_log.path", f"{path} can't be written: {problem}")]
        ) from None


def check_room(directory: Path) -> None:
    """Raises OSError where no file can be made in it."""
    if not directory.is_dir():
        raise OSError(errno.ENOENT, f"{directory} is no directory")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
