"""Everything at once, and in the end everything accounted for."""

from __future__ import annotations

import itertools
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.functional.accounts import LOG, Line, Scrape, assert_counted, lines_of
from tests.functional.balancer import Balancer, section
from tests.functional.checked import health_check, named
from tests.functional.http_harness import Worker, workers
from tests.functional.mixed import CLOSED, LEFT, PAGE, POSTED, SHORT, TOLD, WHOLE, Crowd, Seen
from tests.functional.process import PATIENCE
from tests.functional.real_servers import ServerProcess, processes
from tests.functional.scale import MIB, scaled, told
from tests.functional.test_status import STATUS, get
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

SECONDS = scaled(600, 12)
GROWTH = 12 * MIB
"""By which resident memory may grow after the first tenth: what is remembered is bounded."""
WEB, RAW = "127.0.0.1", "127.0.0.4"
CUTS = {"drain_deadline", "operator_cut"}
SERVED = {
    (WHOLE, 200): {"done"},
    (WHOLE, 500): CUTS,
    (WHOLE, 502): {"connect_failed", "server_abort"},
    (WHOLE, 503): {"no_server"},
    (WHOLE, 504): {"connect_timeout", "server_timeout"},
    (SHORT, 200): {"server_abort", *CUTS},
    (CLOSED, 101): {"done", *CUTS},
    (TOLD, 1001): CUTS,
    (SHORT, 101): {"server_abort", *CUTS},
}
"""How a line ends of what a client saw."""
LEFT_ENDS = {"client_abort", "connect_failed", "server_abort", "no_server", *CUTS}
"""And of what it left: something else may have ended it just before."""


def configuration(web: Sequence[Worker], raw: Sequence[ServerProcess], number: int) -> str:
    """The `number`th edit of the file."""
    timeout = f"timeout = {2 + number % 2}"
    app = health_check('type = "http"', unhealthy_threshold=2)
    tcp = health_check('type = "tcp"', "raw", unhealthy_threshold=2)
    scheduler = ("wlc", "lc")[number % 2]
    http = section(
        {server.name: str(server) for server in web},
        listener=f"idle_timeout = {60 + number % 3}",
        group=f"keepalive_timeout = 0.5\n{app}",
        draining=timeout,
        endpoint=f"{WEB}:0",
    ).replace('protocol = "tcp"', 'protocol = "http"')
    other = section(
        named(raw),
        name="raw",
        group=f'scheduler = "{scheduler}"\n{tcp}',
        draining=timeout,
        endpoint=f"{RAW}:0",
    )
    top = '[load_balancer]\nstate_file = "state.json"\n'
    return f"{top}{LOG}{STATUS}{http}{other}"


def changes(
    lb: Balancer, web: Sequence[Worker], raw: Sequence[ServerProcess]
) -> Iterator[Callable[[], object]]:
    """What is done to the servers, a step each second: the last of `web` is added and removed."""
    extra = web[-1]
    return itertools.cycle(
        [
            lambda: lb.ask("drain", "app/ecs02", "--timeout", "1", "--force"),
            lambda: lb.ask("add", "app", "extra", str(extra)),
            web[0].kill,
            lambda: lb.ask("ready", "app/ecs02"),
            raw[0].kill,
            web[0].start,
            lambda: lb.ask("maint", "raw/tcp02", "--now", "--force"),
            lambda: lb.ask("remove", "app/extra", "--timeout", "1", "--force"),
            raw[0].start,
            lambda: lb.ask("ready", "raw/tcp02"),
            lambda: lb.ask("maint", "app/ecs03", "--now", "--force"),
            lambda: lb.ask("ready", "app/ecs03"),
        ]
    )


def go_on(lb: Balancer, web: Sequence[Worker], raw: Sequence[ServerProcess]) -> list[int]:
    """Change something each second; returns the resident memory at each."""
    resident: list[int] = []
    began = time.monotonic()
    for number, change in enumerate(changes(lb, web, raw), 1):
        if time.monotonic() - began >= SECONDS:
            break
        lb.configure(configuration(web[:-1], raw, number))
        lb.signal(signal.SIGHUP)
        change()
        resident.append(lb.rss())
        time.sleep(max(0.0, began + number - time.monotonic()))
    for server in (web[0], raw[0]):
        server.kill()
        server.start()
    return resident


def assert_seen(seen: Iterable[Seen], lines: Sequence[Line]) -> None:
    """Each request is one line, which says what its client saw, and there are no others."""
    by_target = {line["target"]: line for line in lines if line["target"]}
    assert len(by_target) == sum(bool(line["target"]) for line in lines)
    nameless = [line for line in lines if not line["target"]]
    assert {(line["status"], line["end"]) for line in nameless} <= {(None, "client_abort")}
    wrong = []
    for each in seen:
        line = by_target.pop(each.target, None)
        if each.how == LEFT:
            sent = {"done"} if each.target.startswith(PAGE) else set()  # all of it, to its kernel
            right = not line or line["end"] in LEFT_ENDS | sent
        else:
            status = 101 if each.how == TOLD else each.status
            ends = SERVED.get((each.how, each.status), set())
            right = line is not None and line["status"] == status and line["end"] in ends
        if not right:
            wrong.append((each, line and (line["status"], line["end"], line["server"])))
    assert wrong == []
    assert by_target == {}
    assert len(nameless) <= sum(each.how == LEFT and not each.target for each in seen)


def assert_receipts_add_up(
    receipts: Sequence[Mapping[str, Any]], lines: Sequence[Line], scrape: Scrape
) -> None:
    """Rule 64, each and in sum."""
    for each in receipts:
        assert each["connections"] == each["finished"] + each["cut"] + each["kept"], each
    for result in ("finished", "cut", "kept"):
        counted = scrape.value("drained_connections_total", result=result)
        assert counted == sum(each[result] for each in receipts), result
    assert scrape.value("drains_total") == len(receipts)
    assert sum(each["cut"] for each in receipts) == sum(line["end"] in CUTS for line in lines)


def test_rule_64_mixed_load_is_accounted_for_to_the_last_request(tmp_path: Path) -> None:
    """Rules 1, 7 and 73 under it: what no rule names happens to no client, and no POST is sent twice."""
    with (
        workers(tmp_path, "ecs01", "ecs02", "ecs03", "extra") as web,
        processes("tcp01", "tcp02", "tcp03") as raw,
    ):
        with Balancer(tmp_path, configuration(web[:-1], raw, 0)) as lb:
            ports = {host: (host, lb.port(host)) for host in (WEB, RAW)}
            assert get(lb, "/readyz")[0] == 200
            descriptors = lb.descriptors()
            with Crowd(ports[WEB], ports[RAW]) as crowd:
                resident = go_on(lb, web, raw)
                crowd.ends()
            assert crowd.mistakes == []
            eventually(lambda: lb.ask("drains") == [], what=lambda: "no drain")
            eventually(
                lambda: not any(row["connections"] for row in lb.ask("listeners")), what=lambda: "the end"
            )
            eventually(lambda: Scrape(lb).value("listener_clients") == 0, what=lambda: "no client")
            eventually(lambda: lb.descriptors() <= descriptors, PATIENCE, lambda: f"{lb.descriptors()} open")
            scrape, receipts = Scrape(lb), lb.ask("receipts")
            assert json.loads((tmp_path / "state.json").read_text())
            lb.signal(signal.SIGTERM)
            assert lb.wait() == 0
        posts = Counter(each.target for server in web for each in server.requests if each.method == "POST")
    lines = lines_of(tmp_path / "access.log")
    seen, talks = crowd.seen, crowd.conversations
    told(f"{len(lines)} lines: {dict(Counter(line['end'] for line in lines))}")
    told(f"{dict(Counter((each.how, each.status) for each in seen))}, {len(receipts)} receipts")
    told(f"tcp: {dict(Counter(each.how for each in talks))}")
    told(f"resident MiB: {[size // MIB for size in resident[:: max(1, len(resident) // 20)]]}")
    asked = [line for line in lines if line["listener"] == "app"]
    connected = [line for line in lines if line["listener"] == "raw"]
    assert_seen(seen, asked)
    assert len(connected) == len(talks)
    assert_counted(asked, scrape, "app")
    assert_counted(connected, scrape, "raw")
    assert_receipts_add_up(receipts, lines, scrape)
    assert [target for target, times in posts.items() if times > 1] == []
    answered = {each.target for each in seen if each.target.startswith(POSTED) and each.status == 200}
    assert answered <= posts.keys()
    assert max(resident) - max(resident[: 1 + len(resident) // 10]) <= GROWTH
