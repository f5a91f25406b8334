"""The data plane of this process and those of older generations, as one (rule 75)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.interfaces import IAccessObserver, IDataPlane, IDataPlaneObserver
from lbtwist.model.endpoint import Endpoint
from lbtwist.model.figures import Figures
from lbtwist.model.plane import ConnectionView, CutBy, ListenerPolicy, Rotation, Scope, Tally
from lbtwist.net.mirror import Mirror
from lbtwist.net.past import Past


@implementer(IDataPlane)
class Generations:
    """What is new is the own plane's; what is live is that of all. Accepts nothing while it is held."""

    def __init__(self, own: IDataPlane, ids: Iterator[int] | None = None, *, held: bool = False) -> None:
        """`ids` are what the own plane knows its connections by."""
        self.own = own
        self.ids: Iterator[int] = count(1) if ids is None else ids
        """What connections of all generations are known by."""
        self.mirrors: list[Mirror] = []
        """Of older generations, the youngest first."""
        self._held: dict[int, _Held] | None = {} if held else None
        """What is to be served when it is released, by the listener's number; None when it was."""
        self._rotations: dict[str, Rotation] = {}
        self.past = Past()
        self.farewell: Callable[[], None] = lambda: None
        """Called when it closes: nothing more is counted here."""

    def add(self, mirror: Mirror) -> None:
        """What that generation has counts from now on."""
        self.mirrors.append(mirror)
        for group, rotation in self._rotations.items():
            _keep(mirror, group, rotation)

    def remove(self, mirror: Mirror) -> None:
        """That generation is gone: what it still had is lost, and nothing of it is live. What it counted
        stays in the sums, but that of its registrations."""
        mirror.end()
        self.mirrors.remove(mirror)
        listeners = {n: mirror.tally(Scope.listener(n)) for n in mirror.listener_numbers()}
        self.past.add(listeners, mirror.everything, mirror.figures())

    def release(self) -> None:
        """Accept from now on."""
        held, self._held = self._held or {}, None
        for each in held.values():
            self.own.serve(each.policy).addBoth(each.tell)

    def keep_to(self, group: str, addresses: Iterable[str]) -> None:
        """Of the members of `group` only these take anything new."""
        allowed = set(addresses)
        before = self._rotations.get(group, Rotation())
        members = tuple(member for member in before.members if str(member.address) in allowed)
        self.own.rotate(group, replace(before, members=members))

    def observe(self, observer: IDataPlaneObserver) -> None:
        self.own.observe(observer)

    def log_access(self, observer: IAccessObserver | None) -> None:
        """Older generations have an access log of their own."""
        self.own.log_access(observer)

    def bind(self, number: int, endpoint: Endpoint) -> None:
        self.own.bind(number, endpoint)

    def serve(self, policy: ListenerPolicy) -> Deferred[None]:
        if self._held is None:
            return self.own.serve(policy)
        held = self._held.setdefault(policy.number, _Held(policy))
        held.policy = policy
        return held.wait()

    def stop_accepting(self, number: int) -> Deferred[None]:
        if self._held is not None and number in self._held:
            self._held.pop(number).tell(None)
        return self.own.stop_accepting(number)

    def address(self, number: int) -> str:
        return self.own.address(number)

    def rotate(self, group: str, rotation: Rotation) -> None:
        self._rotations[group] = rotation
        self.own.rotate(group, rotation)
        for mirror in self.mirrors:
            _keep(mirror, group, rotation)

    def tally(self, scope: Scope) -> Tally:
        whole = self.own.tally(scope)
        for mirror in self.mirrors:
            whole += mirror.tally(scope)
        return whole + self.past.tally(scope)

    def totals(self) -> Mapping[int, int]:
        """Of our own alone: new connections are established nowhere else."""
        return self.own.totals()

    def figures(self) -> Figures:
        """Those of an older generation are a second old at most, and all that it counted before the
        upgrade is among them."""
        return sum((mirror.figures() for mirror in self.mirrors), self.own.figures() + self.past.figures)

    def turned_away(self, number: int) -> Mapping[str, int]:
        known = [each.turned_away(number) for each in (self.own, self.past)]
        known += [mirror.turned_away(number) for mirror in self.mirrors]
        return sum(map(Counter, known), Counter[str]())

    def when_empty(self, scope: Scope) -> Deferred[None]:
        return Deferred.fromCoroutine(self._emptiness(scope))

    def cut(self, scope: Scope, count: int | None = None, why: CutBy = CutBy.DEADLINE) -> int:
        done = 0
        for mirror in self.mirrors:
            done += mirror.cut(scope, self._share(mirror, scope, count), why)
        return done + self.own.cut(scope, None if count is None else max(0, count - done), why)

    def cut_connection(self, id: int) -> bool:
        return self.own.cut_connection(id) or any(mirror.cut_connection(id) for mirror in self.mirrors)

    def connections(self, scope: Scope) -> Iterable[ConnectionView]:
        return chain(self.own.connections(scope), *(mirror.connections(scope) for mirror in self.mirrors))

    def refreshed(self) -> Deferred[None]:
        looking = [self.own.refreshed(), *(mirror.refreshed() for mirror in self.mirrors)]
        return gatherResults(looking).addCallback(lambda _: None)

    def preview(self, group: str, client: str, cookie: bytes = b"") -> Sequence[int]:
        return self.own.preview(group, client, cookie)

    def tied(self, group: str, client: str, cookie: bytes = b"") -> int | None:
        return self.own.tied(group, client, cookie)

    def forget(self, scope: Scope) -> None:
        self.own.forget(scope)
        for mirror in self.mirrors:
            mirror.forget(scope)
        self.past.forget(scope)

    def close(self) -> None:
        self.own.close()
        self.farewell()
        for mirror in self.mirrors:
            mirror.channel.close()

    def _share(self, mirror: Mirror, scope: Scope, count: int | None) -> int | None:
        """Of so many cuts, those that are an older generation's by its part of what is live."""
        if count is None:
            return None
        live = self.tally(scope).live
        theirs = mirror.tally(scope).live
        return min(count, -(-count * theirs // live)) if live else 0

    async def _emptiness(self, scope: Scope) -> None:
        while busy := next(self._occupied(scope), None):
            await busy

    def _occupied(self, scope: Scope) -> Iterator[Deferred[None]]:
        """What there is to wait for until `scope` is empty."""
        own = self.own.when_empty(scope)
        if not own.called:
            yield own
        for mirror in self.mirrors:
            if mirror.tally(scope).live:
                yield mirror.when_empty(scope)


class _Held:
    """A listener that does not accept yet, and whoever waits for it."""

    def __init__(self, policy: ListenerPolicy) -> None:
        self.policy = policy
        self._waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        return waiter

    def tell(self, outcome: Failure | None) -> None:
        for waiter in self._waiting:
            waiter.callback(outcome)  # a Failure is an errback


def _keep(mirror: Mirror, group: str, rotation: Rotation) -> None:
    mirror.keep_to(group, (str(member.address) for member in rotation.members))
