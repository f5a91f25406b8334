"""The seam between the control plane and a data plane.

The control plane knows membership, admin state and deadlines. A data plane knows connections. Only
the plain values of `lbtwist.model.plane` pass between them, so that one control plane can drive
other data planes: an old generation during an upgrade, worker processes, the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from lbtwist.model.access import Told
from lbtwist.model.address import Address
from lbtwist.model.endpoint import Endpoint
from lbtwist.model.figures import Figures
from lbtwist.model.health import CheckResult
from lbtwist.model.plane import ConnectionView, CutBy, ListenerPolicy, Member, Rotation, Scope, Tally
from lbtwist.model.source import SourceAnswer


class IDataPlaneObserver(Interface):
    """What a data plane reports by itself; the control plane provides it."""

    def connect_failed(number: int, reason: str) -> None:
        """Connecting to registration `number` failed, or it ended before any byte was passed."""

    def no_server(group: str, tried: int, reason: str) -> None:
        """A client of `group` has ended without a server, of which so many were `tried`.

        `reason` is what this process is short of; empty where it is the servers'. Nothing may be done
        about it here: the client is not done with yet.
        """


class IAccessObserver(Interface):
    """What is told of each request, tunnel and connection, and of each client that was refused."""

    def over(record: Told) -> None:
        """One has ended. It is told in the midst of that: this must take microseconds, and must neither
        raise nor call back."""


class IDataPlane(Interface):
    """Relays connections as it is told. It makes no decision about membership or time of drains."""

    def observe(observer: IDataPlaneObserver) -> None:
        """Report to `observer` from now on."""

    def log_access(observer: IAccessObserver | None) -> None:
        """Tell `observer` of what begins from now on, when it ends; None: nobody."""

    def bind(number: int, endpoint: Endpoint) -> None:
        """Take the listening endpoint for listener `number`; nothing is accepted yet.

        Raises BindError. An endpoint string of Twisted's is only opened by `serve`.
        """

    def serve(policy: ListenerPolicy) -> Deferred[None]:
        """Accept by `policy` on the endpoint that was bound for its number.

        A listener that is served already has new limits and another group from now on: established
        connections are not touched, but the idle timeout of the new policy holds for them too.
        Fires when it accepts; fails with BindError where it can't.
        """

    def stop_accepting(number: int) -> Deferred[None]:
        """Close the endpoint of listener `number`, after accepting what is in its backlog (rule 70).

        Its connections go on; on an http listener, clients are told to make no further requests on
        theirs, and those without one are closed soon (rule 71). Fires when the endpoint is free.
        """

    def address(number: int) -> str:
        """Where listener `number` listens, with the port that the system gave; empty when nowhere."""

    def rotate(group: str, rotation: Rotation) -> None:
        """From the return of this call, new connections of `group` go to these members alone.

        A connection that is still being dispatched to a registration that is no longer a member is
        given to another (rule 9). Established ones are not touched.
        """

    def tally(scope: Scope) -> Tally:
        """The counters of `scope` now. An unknown scope has an empty tally."""

    def totals() -> Mapping[int, int]:
        """Connections that were ever established, by the number of each registration it knows."""

    def figures() -> Figures:
        """What it has counted beside the tallies, of each listener, group and registration that it knows."""

    def turned_away(number: int) -> Mapping[str, int]:
        """Clients that the entrance of that listener has turned away, by the reason; none where it is not
        known."""

    def when_empty(scope: Scope) -> Deferred[None]:
        """Fires when `scope` has no live connection: at once where it has none.

        A listener that has stopped accepting also has to be rid of clients without a request.

        Cancelling it ends the waiting and nothing else.
        """

    def cut(scope: Scope, count: int | None = None, why: CutBy = CutBy.DEADLINE) -> int:
        """Close live connections of `scope` on both sides (rules 5–7, 51): all, or the `count` longest idle.

        `why` is for the access log. With a `count`, requests in flight are left alone. Returns how many.
        They count as live until they are closed.
        """

    def cut_connection(id: int) -> bool:
        """Close one connection as `cut` does for an operator; False if there is none of that id."""

    def connections(scope: Scope) -> Iterable[ConnectionView]:
        """A snapshot of the live connections of `scope`, those still being dispatched included.

        Where it has to ask others for them, it is as old as the last `refreshed`.
        """

    def refreshed() -> Deferred[None]:
        """Fires when `connections` can tell of this moment, or when that takes too long; never fails."""

    def preview(group: str, client: str, cookie: bytes = b"") -> Sequence[int]:
        """The members that a new connection of `client` would be offered now, in order of preference.

        `cookie` is what its persistence cookie says. At most 100, and nothing changes by it.
        """

    def tied(group: str, client: str, cookie: bytes = b"") -> int | None:
        """The member that session persistence gives such a client, be it full; None where it gives none.

        Never one that takes nothing new (rule 10). Nothing changes by it.
        """

    def forget(scope: Scope) -> None:
        """Drop the counters of a registration or listener that is gone and empty."""

    def close() -> None:
        """Let go of everything: what is still live is closed."""


class IScheduler(Interface):
    """Chooses among the members of one server group; each group has one of its own.

    Pure: no clock, no sockets. Its calls are made for every new connection and have to cost
    microseconds, whatever the number of members.
    """

    counting = Attribute("True when `taken` and `released` are to be called; else they never are.")

    def update(members: Sequence[Member]) -> None:
        """From the return of this call choose among `members`, all of a weight above 0."""

    def order(client: str) -> Iterator[Member]:
        """Members in order of preference for a new connection from the IP address `client`.

        `client` is in its canonical form and without the port; empty for one that has none (a Unix
        socket). Each is yielded at most once, lazily, and only while it is a member. The first one is
        the choice; the others are for when it can't be connected, or is full.
        """

    def taken(number: int) -> None:
        """A connection is given to member `number`, which may have ceased to be one.

        Told before it is connected, or many that arrive at once would all be given to the same one.
        A scheduler that takes over from another is told of each connection that there is.
        """

    def released(number: int) -> None:
        """A connection that was `taken` has ended, or was not made. The member may be one no more."""


class IChoosing(Interface):
    """A scheduler that has its first choice at less than what it takes to go on from there."""

    def choose(client: str) -> Member | None:
        """What `next(order(client), None)` would be, with all that it changes."""


class IIncremental(Interface):
    """Provided by a scheduler whose `update` leaves work that is too long to be done at once."""

    def rebuild() -> Iterator[None]:
        """The work that is left, at most 10 ms of it with each `next`.

        After each `update` the owner takes a step now and then, between other events, until the
        iterator ends: `twisted.internet.task.cooperate(scheduler.rebuild())` does just that. An earlier
        iterator may be dropped or run on; they do the same work. Until it is done, `order` yields
        the members of the last `update`, though perhaps not those that are new.
        """


class ISchedulerMaker(Interface):
    """A kind of scheduler, found by its name: `twisted.plugin.getPlugins(ISchedulerMaker)`."""

    name = Attribute("What a group's `scheduler` says to have it, a str.")

    def make(chance: Callable[[], float]) -> IScheduler:
        """A scheduler without members. Chance, where it needs any, is `chance()`, uniform in [0, 1)."""


class IHealthCheck(Interface):
    """One way to ask a server whether it is well; each group has one of its own."""

    def check(address: Address) -> Deferred[CheckResult]:
        """Ask the server at `address` once.

        Fires within the check's timeout with a result, in any case; never fails. Cancelling it leaves
        no connection behind.
        """


class IServerSource(Interface):
    """Where the members of an availability group come from (rule 18)."""

    def watch(heard: Callable[[SourceAnswer], None]) -> None:
        """Ask now, and again as the source's own interval says; `heard` gets each answer."""

    def stop() -> Deferred[None]:
        """Ask no more; `heard` is not called again. Fires when nothing is left of it."""


class IServerSourceMaker(Interface):
    """A kind of source, found by its name: `twisted.plugin.getPlugins(IServerSourceMaker)`."""

    name = Attribute("What `discovery.type` says to have it, a str.")

    def make(settings: Mapping[str, Any], port: int | None, reactor: Any) -> IServerSource:
        """A source by the keys of `discovery` but `type`, `empty_ok` and `max_removal`.

        `port` is the group's, for servers that are told without one. Raises ValueError, in words for
        people, for a key that is unknown or has a value that is not allowed.
        """
