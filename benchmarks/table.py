"""Results as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.figures import BEST, US
from benchmarks.results import Compared, Figure, Limit, Measured, Results

COLUMNS = {
    "per_second": "per second",
    "cpu_us": "CPU µs",
    "user_us": "user",
    "system_us": "system",
    "busy": "busy",
    "p50_us": "p50 µs",
    "p99_us": "p99 µs",
}


def shown(result: Compared | Measured) -> str:
    """The tables of one case, and whether it is within its limits."""
    lines = compared(result) if isinstance(result, Compared) else measured(result)
    return "\n".join([f"{result.case}: {result.title}", *lines, ""])


def compared(result: Compared) -> Iterator[str]:
    """A line for each proxy. The ratio is how many times a proxy's CPU ours is."""
    yield from aligned([["", *COLUMNS.values(), "ratio"], *_rows(result)])
    for limit, ours in result.verdicts():
        yield f"  {verdict(limit, ours)}"
    for name in result.proxies:
        if errors := result.medians(name)["errors"]:
            yield f"  {name}: {errors:.0f} errors"


def _rows(result: Compared) -> Iterator[list[str]]:
    for name in result.proxies:
        found = result.medians(name)
        cells = [cell(column, found[column]) for column in COLUMNS]
        times = result.ratio(name) if name != US else None
        yield [name, *cells, "" if times is None else f"{times:.2f}"]


def measured(result: Measured) -> Iterator[str]:
    """A line for each figure."""
    proxies = list(dict.fromkeys(name for each in result.figures for name in each.values))
    rows = [
        [each.what, *(_value(each, name) for name in proxies), each.unit, _judged(each)]
        for each in result.figures
    ]
    yield from aligned([["", *proxies, "", ""], *rows])


def _value(figure: Figure, proxy: str) -> str:
    value = figure.values.get(proxy)
    return "" if value is None else number(value)


def _judged(figure: Figure) -> str:
    return "; ".join(verdict(*each) for each in figure.verdicts())


def verdict(limit: Limit, ours: float) -> str:
    """`1.13 times haproxy, at most 1.25: met`."""
    peer = "the better" if limit.peer == BEST else limit.peer
    have = f"{number(ours)} times {peer}, " if peer else f"{number(ours)}, "
    return f"{have}at most {limit.value:g}: {'met' if ours <= limit.value else 'not met'}"


def cell(column: str, value: float | None) -> str:
    """One value of a column of COLUMNS."""
    if value is None:
        return ""
    return f"{value:.0%}" if column == "busy" else number(value)


def number(value: float) -> str:
    """With as many digits as mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column and the last to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *middle = (
            text.ljust(width) if index in (0, len(row) - 1) else text.rjust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(["", first, *middle]).rstrip()


def summary(results: Results) -> str:
    """Each limit of a case with the worst that is under it, and what was left out."""
    worst: dict[tuple[str, Limit], float] = {}
    for each in results.cases:
        for limit, ours in each.verdicts():
            worst[each.case, limit] = max(ours, worst.get((each.case, limit), ours))
    rows = [[case, verdict(limit, ours)] for (case, limit), ours in worst.items()]
    lines = list(aligned(rows)) if rows else []
    lines += [f"  {case}: left out: {why}" for case, why in results.left_out.items()]
    return "\n".join(["What is wanted", *lines]) if lines else ""
