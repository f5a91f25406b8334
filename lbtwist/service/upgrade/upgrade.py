"""Starting the next generation, and leaving to it what it takes over (rule 74)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.model.generations import MAJOR, Accepting, Hello, Message, Ready
from lbtwist.model.plane import EVERYTHING
from lbtwist.model.state.document import write_state
from lbtwist.net.generations import Generations
from lbtwist.net.reporting import Reporting
from lbtwist.net.sockets import Descriptor, ListeningSockets
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.state.snapshot import snapshot
from lbtwist.service.upgrade.handing import handover, name_of, own_numbers
from lbtwist.service.upgrade.launching import ILaunched

READY_WITHIN = 30.0
"""Seconds that the next generation has until it accepts."""
END_WITHIN = 5.0
"""Seconds that one which is not ready has to end after SIGTERM."""
Launch = Callable[[Sequence[Descriptor], bytes], ILaunched]
"""Starts a process with these descriptors and what operators want. Raises OSError."""


class Upgrade:
    """One at a time. Until the next generation accepts, this one goes on as if nothing were; then only
    its connections are left, which are counted and cut by the next."""

    log = Logger()

    def __init__(
        self, balancer: LoadBalancer, plane: Generations, sockets: ListeningSockets, launch: Launch
    ) -> None:
        self._balancer = balancer
        self._plane = plane
        self._sockets = sockets
        self._launch = launch
        self._next: ILaunched | None = None
        self._handed = False
        self._timer: IDelayedCall | None = None
        self._outcome: Deferred[int] | None = None
        self._reporting: Reporting | None = None
        balancer.upgrade = self.begin
        balancer.abort_upgrade = self._fail

    def begin(self) -> Deferred[int]:
        """IUpgrade of the balancer: fires with the pid of the new generation when that has taken over."""
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> int:
        balancer = self._balancer
        if balancer.superseded:
            raise Refused("a newer generation has taken over")
        if balancer.leaving:
            raise Refused("it is shutting down")
        if balancer.upgrading:
            raise Refused("an upgrade is under way")
        balancer.upgrading = True
        await balancer.turn.acquire()
        try:
            pid = await self._start()
        except BaseException:
            balancer.upgrading = False
            balancer.turn.release()
            raise
        balancer.clock.callLater(0, balancer.supersede, balancer.config.load_balancer.upgrade_timeout)
        return pid

    def _start(self) -> Deferred[int]:
        balancer = self._balancer
        if balancer.leaving:
            raise Refused("it is shutting down")
        older = [Descriptor(name_of(mirror), mirror.channel.fileno()) for mirror in self._plane.mirrors]
        try:
            launched = self._launch([*self._sockets.held(), *older], write_state(snapshot(balancer)))
        except OSError as error:
            raise Refused(f"the new generation can't be started: {error}") from error
        self._next, self._handed = launched, False
        self.log.info("upgrade: the new generation starts, process {pid}", pid=launched.pid)
        balancer.events.add("upgrade", "", f"begins: process {launched.pid}")
        self._timer = balancer.clock.callLater(READY_WITHIN, self._too_late)
        outcome: Deferred[int] = Deferred()
        self._outcome = outcome
        launched.channel.listen(self._heard, self._lost)
        launched.channel.send(Hello(pid=os.getpid()))
        return outcome

    def _heard(self, message: Message) -> None:
        match message:
            case Hello(major=major) if major != MAJOR:
                self._fail(f"it speaks version {major} of the protocol of upgrades, and this one {MAJOR}")
            case Ready() if not self._handed:
                self._hand_over()
            case Accepting(left=left) if self._handed:
                self._leave(left)
            case _ if self._reporting is not None:
                self._reporting.heard(message)

    def _hand_over(self) -> None:
        assert self._next is not None
        balancer, channel = self._balancer, self._next.channel
        self._handed = True
        self._reporting = Reporting(self._plane, channel, balancer.clock, *own_numbers(balancer, self._plane))
        channel.send(handover(balancer, self._plane, self._reporting))
        self._reporting.start()

    def _leave(self, left: Sequence[str]) -> None:
        assert self._next is not None
        launched = self._next
        self.log.info("upgrade: process {pid} has taken over", pid=launched.pid)
        self._stop_timer()
        self._sockets.hand_on(left)
        self._balancer.superseded = True  # before a listener is closed, which would tell that it isn't ready
        self._balancer.drains.hand_over()
        for listener in self._balancer.listeners.values():
            listener.stop_accepting()
        for mirror in self._plane.mirrors:
            mirror.channel.close()
        self._plane.mirrors.clear()
        if self._reporting is not None:
            self._plane.farewell = self._reporting.stop
            self._reporting.report(wholly=True)  # what was accepted since the handover
        if self._balancer.turn.waiting:  # a reload: the other one may have read the file too early
            launched.signal(signal.SIGHUP)
        launched.let_go()
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            outcome.callback(launched.pid)

    def _lost(self, why: str) -> None:
        if self._outcome is not None:
            self._fail("it has ended")
        elif self._plane.tally(EVERYTHING).live:
            self.log.warn("upgrade: the newer generation is gone; what is connected here drains on")

    def _too_late(self) -> None:
        self._timer = None
        self._fail(f"it is not ready after {READY_WITHIN:g} s")

    def _fail(self, why: str) -> Deferred[None]:
        """End the next generation, and go on as before; nothing happens where none is on its way.

        Fires when it is gone: until then clients may still reach its copies of the listening sockets.
        """
        launched, outcome = self._next, self._outcome
        if launched is None or outcome is None:
            return succeed(None)
        self._next = self._outcome = None
        self._stop_timer()
        if self._reporting is not None:
            self._reporting.stop()
            self._reporting = None
        words = launched.last_words()
        gone = self._ended(launched)
        if self._handed:
            for mirror in self._plane.mirrors:
                mirror.resume()
        told = f"the new generation did not take over: {why}" + (f"\n{words}" if words else "")
        self.log.error("upgrade: {told}", told=told)
        self._balancer.events.add("upgrade", "", told)
        outcome.errback(Refused(told))
        return gone

    def _ended(self, launched: ILaunched) -> Deferred[None]:
        """Politely, then not. The channel stays until then: its end would have the other one begin."""
        launched.channel.pause()
        launched.signal(signal.SIGTERM)
        kill = self._balancer.clock.callLater(END_WITHIN, launched.signal, signal.SIGKILL)

        def gone(_: None) -> None:
            if kill.active():
                kill.cancel()
            launched.channel.close()
            launched.let_go()

        return launched.gone().addCallback(gone)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
