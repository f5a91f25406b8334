"""The whole load balancer, as one service that any Twisted application can start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from itertools import count
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredLock, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from lbtwist.errors import Refused
from lbtwist.interfaces import IDataPlane, IDataPlaneObserver
from lbtwist.model.address import Address
from lbtwist.model.config import Config, GroupSettings, ListenerSettings, Part
from lbtwist.model.drain import Because
from lbtwist.model.listener_tls import ListenerTLS
from lbtwist.model.network import within
from lbtwist.model.reference import Reference
from lbtwist.model.registration import Registration
from lbtwist.net.assembly import data_plane
from lbtwist.net.budget import Budget
from lbtwist.net.pipes import Pipes
from lbtwist.net.sockets import ListeningSockets
from lbtwist.service.capacity import capacity, pipe_limit
from lbtwist.service.certificates import read_tls
from lbtwist.service.cookie_secret import CookieSecret
from lbtwist.service.departure import Departure
from lbtwist.service.draining import Drains
from lbtwist.service.events import Events
from lbtwist.service.group import ServerGroup
from lbtwist.service.hooks import Hooks
from lbtwist.service.listener import Listener
from lbtwist.service.live import LiveSettings, is_written, parts_of
from lbtwist.service.loading import judge
from lbtwist.service.makers import Makers, make_scheduler, makers
from lbtwist.service.reloads import Reloads
from lbtwist.service.shares import Shares
from lbtwist.service.surroundings import Surroundings
from lbtwist.service.unserved import Unserved


@implementer(IDataPlaneObserver)
class LoadBalancer(MultiService, Hooks):
    """Listeners, server groups and their drains. It leaves in its own order (rule 70)."""

    log = Logger()
    name: str

    @classmethod
    def from_config(
        cls,
        config: Config,
        reactor: Any,
        sockets: ListeningSockets | None = None,
        *,
        held: bool = False,
    ) -> LoadBalancer:
        """A load balancer with a data plane of its own in `reactor`, ready to be started. It listens on
        `sockets` where it was given some, and accepts nothing while it is `held`."""
        net = data_plane(reactor, make_scheduler, sockets, held=held)
        state_file = config.load_balancer.state_file
        secret = CookieSecret(state_file.parent if state_file else None, os.urandom)
        return cls(
            config,
            net.plane,
            reactor,
            makers(reactor, net.dialer, secret),
            budget=net.budget,
            pipes=net.pipes,
        )

    def __init__(
        self,
        config: Config,
        plane: IDataPlane,
        clock: IReactorTime,
        makers: Makers,
        wall: Callable[[], float] = time.time,
        budget: Budget | None = None,
        pipes: Pipes | None = None,
    ) -> None:
        """Raises ConfigurationError where what the groups' settings name can't be made, or files of
        listeners are not what they should be."""
        MultiService.__init__(self)
        Hooks.__init__(self)
        makers.check(config.server_groups)
        tls = read_tls(config.listeners, {})
        self.makers = makers
        self.config = config
        """The settings in force: the file's, and over them what was set live."""
        self.filed = config
        """What the file said when it was last read."""
        self.parts: Sequence[Part] = parts_of(config, ())
        """That, as it stands in the files."""
        self.live = LiveSettings(judge)
        self.name = config.load_balancer.name
        self.plane = plane
        self.budget = budget or Budget(clock.seconds)
        self.pipes = pipes or Pipes()
        self.descriptors = 0
        """How many the process may open; 0 where nobody has looked."""
        self.follow_limits(config)
        self.clock = clock
        self.wall = wall
        self.started = clock.seconds()
        self.events = Events(wall)
        self.drains = Drains(plane, clock, wall, self.events)
        self.groups: dict[str, ServerGroup] = {}
        self.listeners: dict[str, Listener] = {}
        self.state_problems: tuple[str, ...] = ()
        """What is wrong with the state file."""
        self.drains.changed = self._changed
        self.problems: tuple[str, ...] = ()
        """What the last reload refused; empty when it was applied."""
        self.reloads = Reloads(wall())
        self.turn = DeferredLock()
        """Whoever changes settings waits for it: one change after the other."""
        self._group_services = _room("server_groups", self)
        self._listener_services = _room("listeners", self)
        self._numbers = count(1)
        self.shares = Shares(plane, clock)
        self.shares.setServiceParent(self)
        self._around = Surroundings(
            plane, self.drains, self._numbers, clock, makers, self.check_network, self._changed
        )
        self.leaving = False
        """It is shutting down."""
        self.upgrading = False
        """The next generation starts: nothing may be changed that it would not know of."""
        self.in_charge = True
        """This is the newest generation that accepts: console, status and state file are its (rule 76)."""
        self.superseded = False
        """A newer generation has taken over: this one has only connections left."""
        self._departure = Departure(self.drains, clock)
        self._unserved = Unserved(plane, clock, wall)
        plane.observe(self)
        for name, group in config.server_groups.items():
            self.add_group(name, group)
        for name, listener in config.listeners.items():
            self.adopt(self.listener(name, listener, tls.get(name)))

    def add_group(self, name: str, settings: GroupSettings) -> ServerGroup:
        """A server group; it registers its servers when it is started, at once in a running balancer."""
        group = self.groups[name] = ServerGroup(name, settings, self._around)
        group.setServiceParent(self._group_services)
        return group

    def retire_group(self, group: ServerGroup, because: Because) -> None:
        """Remove all its servers by the rules; with the last of them it is gone."""

        def emptied() -> None:
            del self.groups[group.name]
            group.disownServiceParent()

        group.retire(because, emptied)

    def listener(self, name: str, settings: ListenerSettings, tls: ListenerTLS | None) -> Listener:
        """A listener that is not yet one of ours, so that it can be bound before anything is changed; `tls`
        is what its files hold."""
        number = next(self._numbers)
        return Listener(number, name, settings, self.plane, self.drains, lambda: self.name, tls)

    def adopt(self, listener: Listener) -> None:
        """Make it ours; it starts at once in a running balancer."""
        self.listeners[listener.name] = listener
        listener.setServiceParent(self._listener_services)

    def retire(self, listener: Listener, because: Because) -> Deferred[None]:
        """Stop accepting there and drain its connections for its group's timeout, the longest where its
        rules have others (rule 72)."""
        if self.listeners.get(listener.name) is listener:
            del self.listeners[listener.name]
        if listener.parent is None:
            return succeed(None)  # it was disabled, and its connections drained
        groups = (self.groups.get(name) for name in listener.settings.groups)
        timeout = max((g.settings.connection_draining.timeout for g in groups if g), default=0.0)
        freed = listener.retire(because, timeout)
        listener.disownServiceParent()
        return freed

    def registrations(self) -> Iterator[Registration]:
        """Every registration that is not gone, group by group."""
        for group in self.groups.values():
            yield from group.members

    def find(self, reference: Reference, *, leaving: bool = False) -> tuple[ServerGroup, Registration]:
        """The registration meant by `reference`: without a number the current one, or with `leaving`
        the one that is leaving, where there is one. Raises Refused when there is none."""
        group = self.group(reference.group)
        if reference.number is not None:
            found = group.members.get(reference.number)
            if found is not None and found.name != reference.server:
                found = None
        else:
            current = group.members.current(reference.server)
            gone = group.members.leaving(reference.server)
            found = (gone or current) if leaving else (current or gone)
        if found is None:
            known = [r.name for r in group.members]
            raise Refused(f"there is no server {reference}{_near(reference.server, known)}")
        return group, found

    def group(self, name: str) -> ServerGroup:
        """The server group of that name. Raises Refused when there is none."""
        group = self.groups.get(name)
        if group is None:
            raise Refused(f"there is no server group {name}{_near(name, list(self.groups))}")
        return group

    def written(self, path: Sequence[str]) -> bool:
        """The file says something at that key path."""
        return any(is_written(part.document, path) for part in self.parts)

    def follow_limits(self, config: Config) -> None:
        """So many clients and pipes as `config` and the descriptors allow, from now on."""
        self.budget.allow(*capacity(config, self.descriptors))
        self.pipes.allow(pipe_limit(config, self.descriptors))

    def check_network(self, address: Address) -> None:
        """Raises Refused when a server may not be there."""
        networks = self.config.load_balancer.server_networks
        if not within(address, networks):
            allowed = ", ".join(map(str, networks))
            raise Refused(f"{address} is not in load_balancer.server_networks: {allowed}")

    def connect_failed(self, number: int, reason: str) -> None:
        for group in self.groups.values():
            if registration := group.members.seated(number):
                group.health.connect_failed(registration, reason)
                return

    def no_server(self, group: str, tried: int, reason: str) -> None:
        self._unserved.tell(group, self.groups.get(group), tried, reason)

    def listening(self) -> Deferred[None]:
        """Fires when every listener accepts, or has failed to and said so."""
        waiting = gatherResults([listener.serving for listener in self.listeners.values()])
        return waiting.addCallback(lambda _: None)

    def checked(self) -> Deferred[None]:
        """Fires when each server has been checked once, where that does not take too long (rule 30)."""
        waiting = gatherResults([group.health.first_results() for group in self.groups.values()])
        return waiting.addCallback(lambda _: None)

    def _changed(self) -> None:
        self.changed()

    def shut_down(self, timeout: float, because: Because) -> None:
        """Leave, and the process with it; connections may finish within `timeout` seconds. While it leaves
        already that is another deadline, from now. Raises Refused when the rest is being cut."""
        self._departure.extend(timeout)
        self._departure.allow(timeout, because)
        if self.leaving:
            self._departure.lame_duck.end()
        else:
            self.end_process()

    def supersede(self, timeout: float) -> None:
        """A newer generation has taken over. What is connected here may finish within `timeout` seconds
        (rule 74); all else is that one's."""
        self.superseded, self.in_charge = True, False
        self.drains.hand_over()
        for service in [self._group_services, *map(self.namedServices.get, _FACES)]:
            if service is not None:
                self._departure.part(service)
        self._departure.allow(timeout, Because("upgrade"))
        self.end_process()

    def next_number(self) -> int:
        """A number that no registration and no listener has."""
        return next(self._numbers)

    def hurry(self) -> None:
        """Cut at once what a shutdown still waits for: the second SIGTERM (rule 70)."""
        self._departure.hurry()

    def stopService(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._leave())

    async def _leave(self) -> None:
        """Listeners, then connections, then the rest: whoever looks sees the drain to its end."""
        self.leaving = True
        aborted = self.abort_upgrade("the load balancer is shutting down")
        if not self.superseded:
            await self._departure.lame_duck.wait(self.config.load_balancer.lame_duck)
        await aborted
        for listener in list(self.listeners.values()):
            await listener.stop_accepting()
        timeout = self.config.load_balancer.shutdown_timeout
        await self._departure.drain(f"load balancer {self.name}", timeout)
        await _stopped(super().stopService())
        self.plane.close()


_FACES = ("console", "status")
"""Services that belong to the newest generation alone (rule 76)."""


def _room(name: str, parent: MultiService) -> MultiService:
    room = MultiService()
    room.setName(name)
    room.setServiceParent(parent)
    return room


async def _stopped(stopping: Any) -> None:
    """MultiService answers with a Deferred or nothing, as its children do."""
    if stopping is not None:
        await stopping


def _near(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, 1)
    return f"; did you mean {near[0]}?" if near else ""
