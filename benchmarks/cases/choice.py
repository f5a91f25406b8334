"""What it takes a scheduler to choose; ours alone, in this process."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Sequence

from benchmarks.cases.setting import Setting
from benchmarks.figures import US
from benchmarks.results import Figure, Limit, Measured
from lbtwist.interfaces import IIncremental, IScheduler
from lbtwist.model.address import Address
from lbtwist.model.plane import Member
from lbtwist.model.schedule import BUILT_IN

SIZES = (10, 100, 1_000, 10_000)
RUNS, CHOICES = 15, 1_000
LIMIT = Limit(3.0)


class Choice:
    """A new connection is given a server and the oldest ends: each server has two at a time."""

    name = "choice"
    title = "time of a choice, by scheduler and number of servers"
    needs: Sequence[str] = ()

    def run(self, setting: Setting) -> Measured:
        """Of the built-in schedulers."""
        return Measured(
            self.name,
            self.title,
            [
                Figure(f"{name}, {size:,} servers", "µs", {US: cost(name, size)}, LIMIT)
                for name in BUILT_IN
                for size in SIZES
            ],
        )


def cost(name: str, size: int) -> float:
    """Microseconds of CPU for one choice, the least of some runs: what others do here only adds to it."""
    scheduler = BUILT_IN[name].make(random.Random(1).random)
    scheduler.update([_member(number) for number in range(1, size + 1)])
    if IIncremental.providedBy(scheduler):
        for _ in IIncremental(scheduler).rebuild():
            pass
    clients = [f"198.18.{number // 256}.{number % 256}" for number in range(CHOICES)]
    live: deque[int] = deque()
    for number in range(2 * size):
        _choose(scheduler, clients[number % CHOICES], live)
    return min(_run(scheduler, clients, live) for _ in range(RUNS))


def _run(scheduler: IScheduler, clients: Sequence[str], live: deque[int]) -> float:
    begin = time.thread_time()
    for client in clients:
        _choose(scheduler, client, live)
        if scheduler.counting:
            scheduler.released(live.popleft())
    return (time.thread_time() - begin) / len(clients) * 1e6


def _choose(scheduler: IScheduler, client: str, live: deque[int]) -> None:
    number = next(scheduler.order(client)).number
    if scheduler.counting:
        scheduler.taken(number)
        live.append(number)


def _member(number: int) -> Member:
    address = Address(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}", 8080)
    return Member(number, f"app/s{number}#{number}", address, 1 + number % 100)
