"""What an older generation hands on, made our own (rule 75)."""

from __future__ import annotations

import math
from base64 import b64decode
from collections.abc import Callable, Iterator

from twisted.logger import Logger

from lbtwist.errors import LBError
from lbtwist.model.address import parse_address
from lbtwist.model.drain import Because, Cause, Drain, State
from lbtwist.model.figures import Figures
from lbtwist.model.generations import HandedDrain, HandedGeneration, HandedListener, HandedServer, Handover
from lbtwist.model.plane import Scope, ScopeKind, Tally
from lbtwist.model.registration import Origin
from lbtwist.model.state.receipts import read_receipt_line
from lbtwist.net.channel import IChannel
from lbtwist.net.generations import Generations
from lbtwist.net.mirror import Mirror, ended
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.inherited import InheritedServer
from lbtwist.service.upgrade.dropped import Dropped, same

log = Logger()


class Adoption:
    """One handover. Whatever it names gets a number of ours."""

    def __init__(self, balancer: LoadBalancer, plane: Generations, handover: Handover) -> None:
        self._balancer = balancer
        self._plane = plane
        self._handover = handover
        seats = {seat: None for server in handover.servers for seat in server.seats}
        for drain in handover.drains:
            seats |= dict.fromkeys(drain.numbers if drain.scope == "registration" else ())
        self.numbers = {theirs: balancer.next_number() for theirs in seats}
        """Ours, by its own."""
        self.numbers |= {each.number: self._listener(each) for each in handover.listeners}

    def mirrors(
        self, pid: int, channel: IChannel, older: Callable[[HandedGeneration], IChannel | None]
    ) -> Iterator[tuple[Mirror, bytes]]:
        """Of the one that hands on, and of those that are older still, each with what of its words was read
        already."""
        handover, ids, clock = self._handover, self._plane.ids, self._balancer.clock
        elsewhere = {number for each in handover.older for number in each.numbers}
        names = {each.number: each.name for each in handover.listeners}
        elsewhere -= names.keys()
        own = {theirs: ours for theirs, ours in self.numbers.items() if theirs not in elsewhere}
        yield Mirror(pid, channel, own, names, handover.report, ids, clock), b""
        for each in handover.older:
            its = older(each)
            if its is not None:
                numbers = {theirs: self.numbers[n] for n, theirs in each.numbers.items() if n in self.numbers}
                mirror = Mirror(each.pid, its, numbers, each.listeners, each.report, ids, clock)
                yield mirror, b64decode(each.unread)

    def take(self) -> None:
        """Registrations, drains and receipts. The mirrors are in the data plane by now."""
        drains = {each.server: each for each in self._handover.drains if each.server is not None}
        by_group: dict[str, list[InheritedServer]] = {}
        for server in self._handover.servers:
            by_group.setdefault(server.group, []).append(self._server(server, drains.get(server.number)))
        for name, servers in by_group.items():
            if group := self._balancer.groups.get(name):
                group.inherit(servers)
            else:
                self._drain_alone(name, servers)
        for drain in self._handover.drains:
            if drain.server is None:
                self._go_on(drain)
        self._take_past()
        self._drain_dropped()
        self._take_receipts()

    def _listener(self, handed: HandedListener) -> int:
        listener = self._balancer.listeners.get(handed.name)
        if listener is not None and same(listener, handed):
            return listener.number
        return self._balancer.next_number()

    def _drain_dropped(self) -> None:
        """Listeners that are not there any more; one that is disabled has drained, or does."""
        balancer = self._balancer
        for handed in self._handover.listeners:
            current = same(balancer.listeners.get(handed.name), handed)
            if handed.name and not current and not handed.disabled:
                Dropped(balancer, self._plane, handed, self.numbers[handed.number]).drain()

    def _server(self, server: HandedServer, drain: HandedDrain | None) -> InheritedServer:
        return InheritedServer(
            server.number,
            server.name,
            parse_address(server.address),
            tuple(self.numbers[seat] for seat in server.seats),
            server.past,
            server.past_failures,
            server.leaving,
            Origin(server.removed_by) if server.removed_by else None,
            self._drain(drain) if drain else None,
            drain.spread if drain else 0.0,
            math.inf if server.timeout is None else server.timeout,
            server.waits_for,
        )

    def _drain(self, handed: HandedDrain) -> Drain:
        now = self._balancer.clock.seconds()
        return Drain(
            subject=handed.subject,
            scope=Scope(
                ScopeKind(handed.scope), tuple(self.numbers[n] for n in handed.numbers if n in self.numbers)
            ),
            started=now - handed.started,
            started_at=handed.started_at,
            deadline=math.inf if handed.left is None else now + handed.left,
            before=handed.before,
            causes={Cause(each.cause): Because(each.who, each.why) for each in handed.causes},
            state=State.CUTTING if handed.cutting else State.RUNNING,
            resumes=handed.resumes,
        )

    def _go_on(self, handed: HandedDrain) -> None:
        drain = self._drain(handed)
        scope = drain.scope
        drains = self._balancer.drains
        drains.resume(drain, lambda receipt: self._plane.forget(scope), scope, handed.spread).begin()

    def _drain_alone(self, name: str, servers: list[InheritedServer]) -> None:
        """The group is in the configuration no more."""
        drains = self._balancer.drains
        for server in servers:
            scope = Scope.registration(*server.seats)
            if server.drain is not None:
                drains.resume(server.drain, lambda receipt: None, scope, server.spread).begin()
            elif self._plane.tally(scope).live:
                because = Because("upgrade", f"there is no server group {name} any more")
                subject = f"{name}/{server.name}"
                drains.open(subject, scope, Cause.REMOVAL, because, server.timeout).begin()

    def _take_past(self) -> None:
        """What those before had counted: sums go on, and none falls (rule 75)."""
        past, numbers = self._handover.past, self.numbers
        listeners = {numbers[n]: tally for n, tally in past.listeners.items() if n in numbers}
        figures = (past.figures or Figures()).renumbered(numbers)
        self._plane.past.add(listeners, past.everything or Tally(), figures)
        self._balancer.drains.totals.inherit(self._handover.totals)

    def _take_receipts(self) -> None:
        drains = self._balancer.drains
        known = {(receipt.subject, receipt.start) for receipt in drains.receipts}
        receipts = map(read_receipt_line, self._handover.receipts)
        drains.inherited([each for each in receipts if (each.subject, each.start) not in known])


def release(balancer: LoadBalancer, plane: Generations, mirror: Mirror) -> None:
    """That generation is gone: its counters stay with the registrations, and what it still had is lost.

    A drain of nothing else is interrupted. In one that goes on with connections of others the lost ones
    count as cut: they did not end by themselves.
    """
    for running in balancer.drains:
        scope = running.drain.scope
        lost = mirror.tally(scope).live if scope.kind is not ScopeKind.ALL else 0
        if lost and lost == running.live():
            running.interrupt()
    seats, failures = set(mirror.numbers.values()), mirror.figures().failures
    for registration in balancer.registrations():
        for seat in seats.intersection(registration.seats):
            counted = ended(mirror.tally(Scope.registration(seat)))
            registration.seats.remove(seat)
            registration.past += counted
            registration.past_failures.update(failures.get(seat, {}))
            if registration.drain is not None and seat in registration.drain.scope.numbers:
                registration.drain.narrow(seat, counted)
    plane.remove(mirror)


def problem_of(error: Exception) -> str:
    """Why a handover can't be followed."""
    return str(error) if isinstance(error, LBError | ValueError) else f"{type(error).__name__}: {error}"
