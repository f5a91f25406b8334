"""Keeps what operators want in the state file: seldom, in a thread, and whatever becomes of the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.state.files import StateFiles
from lbtwist.service.state.recall import Recalled
from lbtwist.service.state.restoring import restore
from lbtwist.service.state.snapshot import snapshot

INTERVAL = 1.0
"""Seconds from one writing to the next, at least."""
InThread = Callable[[Callable[[], None]], Deferred[None]]
"""Calls something that blocks. Fires when it has returned; fails as it does."""


class StateKeeper(Service):
    """Restores what was kept, and keeps what changes until the service is stopped."""

    log = Logger()

    def __init__(self, balancer: LoadBalancer, path: Path, recalled: Recalled, in_thread: InThread) -> None:
        """To be made before `balancer` is started. `recalled` is what is kept at `path`."""
        self._balancer = balancer
        self._in_thread = in_thread
        self._files = StateFiles(path, recalled, balancer.wall())
        self._found = self._files.problems
        """What was wrong at the start."""
        self._written = balancer.drains.ended - restore(balancer, recalled)
        """How many drains had ended when the receipts were last written."""
        self._turn = DeferredLock()
        self._timer: IDelayedCall | None = None
        self._next = 0.0
        self._problem = ""
        for problem in self._found:
            self.log.error("{problem}", problem=problem)
        self._tell()

    def startService(self) -> None:
        """Write soon, whatever is the same: what was damaged is set aside, and what was interrupted runs no
        more."""
        super().startService()
        self._balancer.changed = self._changed
        self._changed()

    def stopService(self) -> Deferred[None]:
        """Fires when what holds at the end is written."""
        super().stopService()
        self._balancer.changed = lambda: None
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        return self._turn.run(self._write)

    def _changed(self) -> None:
        if self._timer is None:
            clock = self._balancer.clock
            self._timer = clock.callLater(max(0.0, self._next - clock.seconds()), self._due)

    def _due(self) -> None:
        self._timer = None
        self._next = self._balancer.clock.seconds() + INTERVAL
        self._turn.run(self._write)

    def _write(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._keep())

    async def _keep(self) -> None:
        if not self._balancer.in_charge:
            return  # the files are a newer generation's (rule 76)
        drains = self._balancer.drains
        state, receipts = snapshot(self._balancer), tuple(drains.receipts)
        new, self._written = drains.ended - self._written, drains.ended
        try:
            await self._in_thread(lambda: self._files.write(state, receipts, new))
        except (OSError, ValueError, TypeError) as error:
            self._failed(error)
        else:
            self._succeeded()

    def _failed(self, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        problem = f"state file {self._files.path}: it can't be written: {reason}"
        if problem != self._problem:
            self.log.error("{problem}", problem=problem)
        self._problem = problem
        self._tell()

    def _succeeded(self) -> None:
        if self._problem:
            self.log.info("state file {path}: it is written again", path=self._files.path)
        self._problem = ""
        self._tell()

    def _tell(self) -> None:
        self._balancer.state_problems = (*self._found, *filter(None, [self._problem]))
