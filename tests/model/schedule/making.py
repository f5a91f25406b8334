"""Members to choose among, and choices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lbtwist.interfaces import IIncremental, IScheduler
from lbtwist.model.address import Address
from lbtwist.model.plane import Member

CLIENTS = [f"198.{18 + i // 65536}.{i // 256 % 256}.{i % 256}" for i in range(20_000)]


def member(number: int, weight: int = 100, ramp: int = 100) -> Member:
    address = Address(f"10.0.{number // 256}.{number % 256}", 8080)
    return Member(number, f"app/s{number}#{number}", address, weight, ramp)


def members(weights: Iterable[int], first: int = 1) -> list[Member]:
    """One of each weight, numbered from `first`."""
    return [member(number, weight) for number, weight in enumerate(weights, first)]


def without(everyone: Iterable[Member], *numbers: int) -> list[Member]:
    return [each for each in everyone if each.number not in numbers]


def rebuilt(scheduler: IScheduler) -> None:
    """Do the work that an update has left."""
    if IIncremental.providedBy(scheduler):
        for _ in IIncremental(scheduler).rebuild():
            pass


def chosen(scheduler: IScheduler, client: str = "") -> int:
    """The number of the choice, which is counted as a connection where that counts."""
    number = next(scheduler.order(client)).number
    if scheduler.counting:
        scheduler.taken(number)
    return number


def order(scheduler: IScheduler, client: str = "") -> list[int]:
    return [each.number for each in scheduler.order(client)]


def numbers(of: Sequence[Member]) -> list[int]:
    return [each.number for each in of]
