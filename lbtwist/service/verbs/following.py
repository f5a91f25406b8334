"""The verb that tells what happened lately, and goes on telling."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lbtwist.errors import Refused, UsageError
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.events import Event, Events
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Progress, Result, Role, Verb

COLUMNS = ("time", "kind", "subject", "event", "who")


def events(call: Call, since: float | None = None, follow: bool = False) -> Result | Deferred[Result]:
    """The last events, the oldest first; with `--follow` each new one, until the caller has enough."""
    balancer: LoadBalancer = call.balancer
    if follow:
        return _followed(call, since)
    oldest = balancer.wall() - since if since is not None else 0.0
    return Result([event_row(each) for each in balancer.events if each.time >= oldest])


def event_row(event: Event) -> rows.Row:
    return {
        "time": rows.instant(event.time),
        "kind": event.kind,
        "subject": event.subject,
        "event": event.text,
        "who": event.who,
    }


def _followed(call: Call, since: float | None) -> Deferred[Result]:
    if since is not None:
        raise UsageError("events takes --since or --follow, not both")
    if call.progress is None:
        raise Refused("events are followed at the prompt, or by: ssh HOST events --follow")
    return _follow(call.balancer.events, call.progress)


def _follow(events: Events, tell: Progress) -> Deferred[Result]:
    """Ends when it is cancelled, well, or when `tell` refuses because nobody reads."""

    def heard(event: Event) -> None:
        try:
            tell(event_row(event))
        except Refused:
            stop()
            following.errback(Failure())

    def cancelled(waiting: Deferred[Result]) -> None:
        stop()
        waiting.callback(Result(None))

    stop = events.follow(heard)
    following: Deferred[Result] = Deferred(cancelled)
    return following


VERBS = (
    Verb(
        "events",
        events,
        "What happened lately, the oldest first.",
        Role.READ,
        (
            Parameter("since", Kind.DURATION, "only what happened in this time up to now", option=True),
            Parameter("follow", Kind.FLAG, "go on with what happens, a line each", option=True),
        ),
        COLUMNS,
    ),
)
