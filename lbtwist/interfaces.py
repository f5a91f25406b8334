"""The seam between the control plane and a data plane.

The control plane knows membership, admin state and deadlines. A data plane knows connections. Only
the plain values of `lbtwist.model.plane` pass between them, so that one control plane can drive
other data planes: an old generation during an upgrade, worker processes, the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from zope.interface import Interface

from lbtwist.model.plane import ConnectionView, ListenerPolicy, Rotation, Scope, Tally


class IDataPlaneObserver(Interface):
    """What a data plane reports by itself; the control plane provides it."""

    def connect_failed(number: int, reason: str) -> None:
        """Connecting to registration `number` failed, or it ended before any byte was passed."""


class IDataPlane(Interface):
    """Relays connections as it is told. It makes no decision about membership or time of drains."""

    def observe(observer: IDataPlaneObserver) -> None:
        """Report to `observer` from now on."""

    def serve(policy: ListenerPolicy) -> IProtocolFactory:
        """Begin a listener, or give a running one (the same number) new limits and group.

        Returns the factory for what it accepts. Established connections are not touched, but the
        idle timeout of the new policy holds for them from now on.
        """

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
