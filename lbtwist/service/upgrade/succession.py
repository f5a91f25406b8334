"""Taking over from an older generation: ready first, then all that it has, and only then clients."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from twisted.application.service import Service
from twisted.logger import Logger

from lbtwist.model.drain import State as Outcome
from lbtwist.model.generations import MAJOR, Accepting, HandedGeneration, Handover, Hello, Message, Ready
from lbtwist.model.state.document import State
from lbtwist.net.channel import IChannel
from lbtwist.net.generations import Generations
from lbtwist.net.mirror import Mirror
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.upgrade.adoption import Adoption, release
from lbtwist.service.upgrade.inheritance import Inheritance

MakeChannel = Callable[[socket.socket], IChannel]


class Succession(Service):
    """Of one process that was started as the next generation. Without the older one it begins alone."""

    log = Logger()
    name = "succession"

    def __init__(
        self,
        balancer: LoadBalancer,
        plane: Generations,
        inheritance: Inheritance,
        make_channel: MakeChannel,
    ) -> None:
        self.faces: list[Service] = []
        """These begin with clients: console, status and state file belong to the newest generation
        (rule 76)."""
        self._balancer = balancer
        self._plane = plane
        self._inheritance = inheritance
        self._make_channel = make_channel
        self._pid = 0
        self._mirror: Mirror | None = None
        self._over = False
        balancer.in_charge = False
        assert inheritance.channel is not None
        self._channel = make_channel(inheritance.channel)

    def startService(self) -> None:
        super().startService()
        self._channel.listen(self._heard, self._lost)
        self._channel.send(Hello(pid=os.getpid()))
        self._balancer.checked().addCallback(lambda _: self._channel.send(Ready()))

    def _heard(self, message: Message) -> None:
        match message:
            case Hello(major=major) if major != MAJOR:
                self.log.critical("the older generation speaks version {version} of upgrades", version=major)
                self._balancer.end_process()
            case Hello(pid=pid):
                self._pid = pid
            case Handover() if self._mirror is None:
                self._take(message)
            case _ if self._mirror is not None:
                self._mirror.heard(message)

    def _take(self, handover: Handover) -> None:
        adoption = Adoption(self._balancer, self._plane, handover)
        labels = self._label_of
        for mirror, unread in list(adoption.mirrors(self._pid, self._channel, self._older)):
            mirror.label_of = labels
            self._plane.add(mirror)
            if mirror.channel is self._channel:
                self._mirror = mirror
                mirror.lost = partial(self._gone, mirror)
            else:
                mirror.listen(partial(self._gone, mirror), unread)
        adoption.take()
        # Before anybody is told that this is the newest one: the older one has nothing to go back to then.
        self._channel.send(Accepting(left=tuple(self._inheritance.sockets.close_rest())))
        self._begin()
        self.log.info(
            "upgrade: this process has taken over from {pid}, with {live} connections there",
            pid=self._pid,
            live=self._mirror.everything.live if self._mirror else 0,
        )

    def _older(self, handed: HandedGeneration) -> IChannel | None:
        connection = self._inheritance.older.get(handed.name)
        return self._make_channel(connection) if connection is not None else None

    def _label_of(self, seat: int) -> str:
        return next((each.label for each in self._balancer.registrations() if seat in each.seats), "")

    def _begin(self) -> None:
        """Accept, and be the one that is spoken to."""
        self._over = True
        self._balancer.in_charge = True
        self._inheritance.sockets.own()
        self._inheritance.restore_stderr()
        self._plane.release()
        for face in self.faces:
            face.setServiceParent(self._balancer)

    def _lost(self, why: str) -> None:
        if self._mirror is not None:
            self._gone(self._mirror, why)
        elif not self._over and not self._balancer.leaving:
            self.log.warn("upgrade: the older generation is gone before it has handed over")
            state = self._inheritance.state or State()
            self._balancer.drains.inherited(
                [replace(receipt, outcome=Outcome.INTERRUPTED.value) for receipt in state.drains]
            )
            self._begin()

    def _gone(self, mirror: Mirror, why: str) -> None:
        lost = mirror.everything.live
        release(self._balancer, self._plane, mirror)
        if lost:
            self.log.error("older generation {pid} is gone, with {n} connections", pid=mirror.pid, n=lost)
        else:
            self.log.info("older generation {pid} has no connection left, and is gone", pid=mirror.pid)
