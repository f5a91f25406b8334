"""`python -m torture [SCENARIO…]`: lbtwist, haproxy and nginx under load and fault; docs/torture.md.

Every scenario prints a line for each load balancer, and beneath it what was named or must not be. It ends
with 1 where lbtwist did what it must not.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Coroutine, Sequence

from benchmarks.processes import Failed
from benchmarks.programs import program
from torture.network import enter
from torture.proxies import KINDS, Ours, Proxy, available
from torture.run import Outcome, Stir, performed
from torture.scenarios import ALL, BRIEF
from torture.scenarios.scenario import Scenario
from torture.sizes import FULL, SHORT, STIRRED, Sizes
from torture.stirring import STIRS

LIMIT = 550
"""Seconds after which nothing more is begun: what is under way may take some forty more."""
STIRRED_LETTER = "J"
TOGETHER = 6
"""Scenarios of lbtwist alone at the same time: they wait more than they work."""
SHOWN = 10
"""Faults of an outcome that are told."""

Once = Coroutine[None, None, tuple[bool, list[str]]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 where lbtwist did what it must not."""
    options = parsed(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for kind in KINDS[1:]:
        if not options.short and program(kind.name) is None:
            print(f"{kind.name} is not installed: it is not compared (Debian: apt install {kind.name})")
    began = time.monotonic()
    well = asyncio.run(run(options.scenarios, options.short, began + options.limit))
    print(f"{'all is well' if well else 'NOT WELL'}, after {time.monotonic() - began:.0f} s")
    return int(not well)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; an unknown scenario is told, with those that there are."""
    names = {kind.letter: kind for kind in [*ALL, *BRIEF]}
    listed = ", ".join([*names, STIRRED_LETTER])
    parser = argparse.ArgumentParser(prog="python -m torture", description=str(__doc__).partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", help=f"of {listed} (default: all)")
    parser.add_argument("--short", action="store_true", help="a minute of it, and lbtwist alone")
    parser.add_argument(
        "--limit", type=int, default=LIMIT, help=f"seconds after which nothing is begun (default: {LIMIT})"
    )
    options = parser.parse_args(arguments)
    if unknown := [word for word in options.scenarios if word not in {*names, STIRRED_LETTER}]:
        parser.error(f"no scenario {', '.join(unknown)}: there are {listed}")
    if not options.scenarios:
        options.scenarios = [kind.letter for kind in (BRIEF if options.short else ALL)]
        options.scenarios += [] if options.short else [STIRRED_LETTER]
    return options


async def run(words: Sequence[str], short: bool, until: float) -> bool:
    """Those scenarios; whether all was well."""
    names = {kind.letter: kind for kind in [*ALL, *BRIEF]}
    kinds = [names[word] for word in words if word != STIRRED_LETTER]
    well = await compared(kinds, short, until)
    return (await stirred(until) if STIRRED_LETTER in words else True) and well


async def compared(kinds: Sequence[type[Scenario]], short: bool, until: float) -> bool:
    """Each, with every load balancer that it is for; whether all was well."""
    well = True
    for some in batches(kinds, short):
        runs = [_compared(kind, short, until) for kind in some]
        well = all(await asyncio.gather(*runs)) and well
    return well


def batches(kinds: Sequence[type[Scenario]], short: bool) -> list[list[type[Scenario]]]:
    """Those that are run together: not with haproxy and nginx, and not what is done to the network."""
    made: list[list[type[Scenario]]] = []
    shared: list[type[Scenario]] = []
    for kind in sorted(kinds, key=lambda each: each.apart):
        if kind.apart or (kind.peers and not short):
            made.append([kind])
            continue
        if not shared or len(shared) == TOGETHER:
            shared = []
            made.append(shared)
        shared.append(kind)
    return made


async def _compared(kind: type[Scenario], short: bool, until: float) -> bool:
    proxies = available() if kind.peers and not short else [Ours]
    runs = [_once(kind, proxy, SHORT if short else FULL) for proxy in proxies]
    return await _told(f"{kind.letter}: {kind.title}", kind, runs, until)


async def stirred(until: float) -> bool:
    """J: those that can be, with each of what may be done at the same time; lbtwist alone."""
    well = True
    for kind in ALL:
        if kind.stirred:
            title = f"{STIRRED_LETTER}: {', '.join(STIRS)} during {kind.letter}, {kind.title}"
            runs = [_once(kind, Ours, STIRRED, stir) for stir in STIRS.items()]
            well = await _told(title, kind, runs, until) and well
    return well


async def _told(title: str, kind: type[Scenario], runs: Sequence[Once], until: float) -> bool:
    """Print what `runs` of a scenario come to: run together, or one by one where they share a network."""
    why = kind().lacking()
    if why or time.monotonic() > until:
        print(f"{title}\n    skipped: {why or 'the time is over'}", flush=True)
        for each in runs:
            each.close()
        return True
    if kind.apart:
        results = [await each for each in runs]
    else:
        results = await asyncio.gather(*runs)
    print("\n    ".join([title, *(line for _, told in results for line in told)]), flush=True)
    return all(well for well, _ in results)


async def _once(
    kind: type[Scenario], proxy: type[Proxy], sizes: Sizes, stir: tuple[str, Stir] | None = None
) -> tuple[bool, list[str]]:
    """Whether it was well, and what is told of it."""
    name = f"{stir[0]}: " if stir else ""
    try:
        outcome = await performed(kind(), proxy, sizes, stir[1] if stir else None)
    except Failed as failure:
        return proxy is not Ours, [f"{name}{proxy.name}: {failure}"]
    return not (outcome.faults and proxy is Ours), lines(outcome, name)


def lines(outcome: Outcome, name: str) -> list[str]:
    """What is told of it: its figures in a line, then each request that was named, then each fault."""
    named = [f"  named: {asked}: {why}" for asked, why in outcome.tally.named if why.endswith("was killed")]
    faults = [f"  FAULT: {fault}" for fault in outcome.faults]
    more = len(faults) - SHOWN
    return [f"{name}{outcome}", *named, *faults[:SHOWN], *([f"  and {more} more"] if more > 0 else [])]


if __name__ == "__main__":
    enter("torture", sys.argv[1:])
    sys.exit(main())
