"""The seam between the control plane and a data plane.

The control plane knows membership, admin state and deadlines. A data plane knows connections. Only
the plain values of `lbtwist.model.plane` pass between them, so that one control plane can drive
other data planes: an old generation during an upgrade, worker processes, the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from zope.interface import Interface

from lbtwist.model.endpoint import Endpoint
from lbtwist.model.plane import ConnectionView, ListenerPolicy, Rotation, Scope, Tally


class IDataPlaneObserver(Interface):
    """What a data plane reports by itself; the control plane provides it."""

    def connect_failed(number: int, reason: str) -> None:
        """Connecting to registration `number` failed, or it ended before any byte was passed."""


class IDataPlane(Interface):
    """Relays connections as it is told. It makes no decision about membership or time of drains."""

    def observe(observer: IDataPlaneObserver) -> None:
        """Report to `observer` from now on."""

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

        Its connections go on. Fires when the endpoint is free.
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

    def when_empty(scope: Scope) -> Deferred[None]:
        """Fires when `scope` has no live connection: at once where it has none.

        Cancelling it ends the waiting and nothing else.
        """

    def cut(scope: Scope, count: int | None = None) -> int:
        """Close live connections of `scope` on both sides (rule 5): all, or the `count` longest idle.

        Returns how many. They count as live until they are closed.
        """

    def cut_connection(id: int) -> bool:
        """Close one connection as `cut` does; False if there is none of that id."""

    def connections(scope: Scope) -> Iterable[ConnectionView]:
        """A snapshot of the live connections of `scope`, those still being dispatched included."""

    def forget(scope: Scope) -> None:
        """Drop the counters of a registration or listener that is gone and empty."""

    def close() -> None:
        """Let go of everything: what is still live is closed."""
