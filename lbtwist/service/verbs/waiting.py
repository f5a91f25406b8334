"""Waiting for drains to end, with word of how far they are."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import LoopingCall

from lbtwist.errors import Refused
from lbtwist.model.drain import State
from lbtwist.model.receipt import Receipt
from lbtwist.model.reference import Reference, parse_reference
from lbtwist.model.registration import Admin
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.running_drain import RunningDrain
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.choosing import Found
from lbtwist.service.verbs.verb import Call, Exit, Kind, Parameter, Progress, Result, Role, Verb

PROGRESS_INTERVAL = 1.0
"""Seconds between two words of progress."""


def wait(call: Call, server: str, limit: float | None = None, **for_: str) -> Result | Deferred[Result]:
    """Until the server is empty. A drain that has ended answers from its receipt (rule 63). With
    `--for healthy`, until it takes new connections."""
    balancer: LoadBalancer = call.balancer
    reference = parse_reference(server)
    if for_.get("for") == "healthy":
        return until_taking(call, [balancer.find(reference)], limit, fresh=False)
    running = _running(balancer, reference)
    if running is not None:
        return wait_for(call, [running], limit)
    receipt = _last_receipt(balancer, reference)
    if receipt is None:
        raise Refused(f"{reference} is not draining, and no receipt is left of a drain of it")
    return _told([receipt])


def wait_for(call: Call, running: Sequence[RunningDrain], limit: float | None) -> Deferred[Result]:
    """Until every one of these drains has ended, at most `limit` seconds. Losing the caller ends the
    waiting, never a drain (rule 63)."""
    return Deferred.fromCoroutine(_ended(call, running, limit))


def until_taking(call: Call, found: list[Found], limit: float | None, *, fresh: bool) -> Deferred[Result]:
    """Until each takes new connections; with `fresh` and checks, after one that began now has passed."""
    return Deferred.fromCoroutine(_taken(call, found, limit, fresh))


async def _taken(call: Call, found: list[Found], limit: float | None, fresh: bool) -> Result:
    registrations = [registration for _, registration in found]
    waiting = Deferred.fromCoroutine(_all_take(found, fresh))
    if limit is not None:
        waiting.addTimeout(limit, call.balancer.clock)
    try:
        await waiting
    except DeferredTimeout:
        return rows.servers_result(call.balancer, registrations, Exit.LIMIT)
    return rows.servers_result(call.balancer, registrations)


async def _all_take(found: list[Found], fresh: bool) -> None:
    for group, registration in found:
        check = group.health.fresh(registration) if fresh else None
        while check is not None and not (await check).well:
            check = group.health.next(registration)
        await group.when_taking(registration)


async def _ended(call: Call, running: Sequence[RunningDrain], limit: float | None) -> Result:
    clock = call.balancer.clock
    word = _Word(running, call.progress)
    beat = LoopingCall(word.give)
    beat.clock = clock
    beat.start(PROGRESS_INTERVAL, now=True)
    ended = Deferred.fromCoroutine(_receipts(running))
    if limit is not None:
        ended.addTimeout(limit, clock)
    try:
        return _told(await ended)
    except DeferredTimeout:
        left = [rows.drain_row(each) for each in running if not each.drain.ended]
        return Result(left, Exit.LIMIT, rows.DRAIN_COLUMNS)
    finally:
        beat.stop()


async def _receipts(running: Sequence[RunningDrain]) -> list[Receipt]:
    return [await each.done() for each in running]


class _Word:
    """How many connections are left, told for each drain with their rate since the last time."""

    def __init__(self, running: Sequence[RunningDrain], progress: Progress | None) -> None:
        self._running = running
        self._progress = progress
        self._before = [each.live() for each in running]

    def give(self) -> None:
        if self._progress is None:
            return
        for index, each in enumerate(self._running):
            if not each.drain.ended:
                left = each.live()
                rate = max(0.0, (self._before[index] - left) / PROGRESS_INTERVAL)
                self._before[index] = left
                self._progress(
                    {
                        "server": each.drain.subject,
                        "left": left,
                        "seconds": rows.seconds_or_never(each.left(), 0),
                        "rate": rate,
                    }
                )


def _running(balancer: LoadBalancer, reference: Reference) -> RunningDrain | None:
    try:
        group, registration = balancer.find(reference, leaving=True)
    except Refused:
        return None
    running = group.drain_of(registration)
    if running is None and registration.registered and registration.admin is Admin.READY:
        raise Refused(f"{registration.label} is not draining")
    return running


def _last_receipt(balancer: LoadBalancer, reference: Reference) -> Receipt | None:
    """The newest one of that server, or of that registration where its number is given."""
    subject = str(reference) if reference.number is not None else f"{reference}#"
    for receipt in reversed(balancer.drains.receipts):
        if receipt.subject == subject or (reference.number is None and receipt.subject.startswith(subject)):
            return receipt
    return None


def _told(receipts: Sequence[Receipt]) -> Result:
    if any(receipt.outcome in _UNFINISHED for receipt in receipts):
        exit = Exit.CANCELLED
    elif any(receipt.cut for receipt in receipts):
        exit = Exit.CUT
    else:
        exit = Exit.DONE
    return rows.receipts_result(receipts, exit)


_UNFINISHED = (State.CANCELLED.value, State.INTERRUPTED.value)

LIMIT = Parameter("limit", Kind.DURATION, "wait no longer; the drain goes on", option=True)

VERBS = (
    Verb(
        "wait",
        wait,
        "Waits until a draining server is empty and says how it ended, or until it takes traffic.",
        Role.READ,
        (
            Parameter("server", Kind.SERVER, required=True),
            Parameter("for", Kind.TEXT, "(empty)", option=True, choices=("empty", "healthy")),
            LIMIT,
        ),
    ),
)
