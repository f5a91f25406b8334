"""What reading and writing a head costs, beside httptools, and what of bad heads httptools lets through.

`python -m benchmarks.heads` in the root of a clone, with what `pip install -e '.[test]'` brings. Times are
microseconds of CPU for one head, each the median of many runs, so that a busy machine matters little.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import httptools

from benchmarks import by_httptools
from benchmarks.by_httptools import Gathered, lets_through
from benchmarks.messages import BROWSER, NGINX, REFUSED, WRK
from lbtwist.errors import BadMessage
from lbtwist.wire.forwarded import Hop
from lbtwist.wire.onward import onward_request, onward_response
from lbtwist.wire.request_head import RequestHead, parse_request_head
from lbtwist.wire.response_head import ResponseHead, parse_response_head

HOP = Hop(b"lbtwist", "192.0.2.1", port=8080)
DATE = b"Sat, 21 Nov 2026 11:30:00 GMT"
COOKIE = b"SERVERID"
COLUMNS = ("read", "written", "httptools", "the same by httptools")


def request(data: bytes) -> RequestHead:
    parsed = parse_request_head(data)
    assert parsed is not None
    return parsed[0]


def response(data: bytes) -> ResponseHead:
    parsed = parse_response_head(data, b"GET")
    assert parsed is not None
    return parsed[0]


def of_request(data: bytes) -> list[float]:
    """The costs of each column for a request."""
    head, gathered = request(data), Gathered(httptools.HttpRequestParser)
    assert by_httptools.request(gathered.feed(data)) == head
    return costs(
        lambda: parse_request_head(data),
        lambda: onward_request(head, HOP, COOKIE),
        lambda: gathered.feed(data),
        lambda: by_httptools.request(gathered.feed(data)),
    )


def of_response(data: bytes) -> list[float]:
    """The costs of each column for a response to a small request, without its body."""
    head, gathered = response(data), Gathered(httptools.HttpResponseParser)
    whole = data + bytes(head.framing.length)
    assert by_httptools.response(gathered.feed(whole)) == head
    return costs(
        lambda: parse_response_head(data, b"GET"),
        lambda: onward_response(head, b"1.1", b"lbtwist", DATE, True),
        lambda: gathered.feed(whole),
        lambda: by_httptools.response(gathered.feed(whole)),
    )


def costs(*calls: Callable[[], object], runs: int = 51) -> list[float]:
    """Microseconds of CPU that each of `calls` takes. They take turns: all have the same disturbances."""
    every = [[_run(call) for call in calls] for _ in range(runs)]
    return [statistics.median(of_one) for of_one in zip(*every, strict=True)]


def _run(call: Callable[[], object], times: int = 2000) -> float:
    start = time.thread_time()
    for _ in range(times):
        call()
    return (time.thread_time() - start) / times * 1e6


def is_refused(data: bytes) -> bool:
    try:
        return parse_request_head(data) is None
    except BadMessage:
        return True


def main() -> None:
    rows = {"a request of wrk": of_request(WRK), "a response of nginx": of_response(NGINX)}
    rows["a request of a browser"] = of_request(BROWSER)
    print(f"{'microseconds':24}", *(f"{title:>{len(title) + 3}}" for title in COLUMNS), sep="")
    for name, costs in rows.items():
        shown = (f"{cost:{len(title) + 3}.1f}" for title, cost in zip(COLUMNS, costs, strict=True))
        print(f"{name:24}", *shown, sep="")
    both = sum(rows["a request of wrk"][:2]) + sum(rows["a response of nginx"][:2])
    print(f"\nRead and written, a request of wrk with the response of nginx: {both:.1f}\n")
    print("Refused by lbtwist; does httptools let it through?")
    for name, data in REFUSED.items():
        assert is_refused(data), name
        print(f"  {'yes' if lets_through(data) else 'no':5}{name}")


if __name__ == "__main__":
    main()
