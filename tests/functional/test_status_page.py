"""The status page in a browser: a drain is seen, a lost connection is told, 500 servers are no burden."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.browser import CHROMIUM, Browser
from tests.functional.peers import Server, Watch, talking
from tests.functional.waiting import eventually

pytestmark = [
    pytest.mark.functional,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to look at the page with"),
]

Pair = tuple[Server, Server]
STATUS_HOST = "127.0.0.3"
LONG = 50
"""Milliseconds from which on a task is felt, and browsers call it long."""
_BAR = "document.querySelector('.drain .connections span')"
_SCALE = f"Number({_BAR}.style.transform.slice('scaleX('.length, -1))"
_LIVE = "document.getElementById('live').dataset.live == 'live'"
_LOST = "document.getElementById('live').dataset.live == 'lost'"
_EACH = "[...document.querySelectorAll('#group-list tbody tr')]"
_ROWS = f"{_EACH}.length"


def status(port: int = 0) -> str:
    return f'[status]\nendpoint = "{STATUS_HOST}:{port}"\n'


def url(lb: Balancer) -> str:
    return f"http://{STATUS_HOST}:{lb.port(STATUS_HOST)}/"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path) as browser:
        yield browser


@contextmanager
def clients(watch: Watch, lb: Balancer, count: int) -> Iterator[list[socket.socket]]:
    """Connections of so many clients, each of which has been greeted."""
    sides = [watch.connect(lb.address) for _ in range(count)]
    for side in sides:
        side.hear("hello")
    yield [side.socket for side in sides]
    for side in sides:
        if side.end is None:
            side.leave()
    eventually(lambda: all(side.end for side in sides))


def test_a_drain_is_a_bar_that_empties_and_leaves_a_receipt(
    tmp_path: Path, pair: Pair, watch: Watch, browser: Browser
) -> None:
    """Rule 64, as it is seen: what was begun with is what the receipt adds up to."""
    why = "<img src=x onerror=alert(1)>"
    with Balancer(tmp_path, app({"ecs01": str(pair[0])}) + status()) as lb:
        browser.open(url(lb))
        browser.wait(_LIVE)
        assert browser.wait("document.querySelector('#no-drain').innerText") == "No drain is running."
        with clients(watch, lb, 4) as sockets:
            lb.ask("drain", "app/ecs01", "--timeout", "50", "--force", "--reason", why)
            browser.wait(f"{_BAR} && {_SCALE} == 1")
            drain = browser.read("document.querySelector('.drain').innerText")
            assert "4 connections left of 4" in drain
            assert why in drain
            left = browser.read("parseFloat(document.querySelector('.drain .time').innerText)")
            assert 30 < left <= 50
            sockets[0].shutdown(socket.SHUT_WR)
            browser.wait(f"{_SCALE} == 0.75")
            browser.wait(f"{_BAR}.getBoundingClientRect().width < 0.9 * {_BAR}.parentNode.clientWidth")
            browser.wait(f"parseFloat(document.querySelector('.drain .time').innerText) < {left}")
            assert "draining" in browser.read("document.querySelector('#group-list tbody').innerText")
        browser.wait("!document.querySelector('.drain')")
        receipt = browser.wait("document.querySelector('#receipts tbody tr').innerText").split("\t")
        assert [receipt[n].strip() for n in (0, 1, 5, 6, 7, 8)] == [
            "app/ecs01#2", "completed", "4", "4", "0", "0",
        ]  # fmt: skip
        assert why in receipt[-1]
        assert "has ended" in browser.read("document.getElementById('said').innerText")
        assert browser.complaints == []


def test_figures_and_lines_move_while_there_is_traffic(
    tmp_path: Path, pair: Pair, watch: Watch, browser: Browser
) -> None:
    with Balancer(tmp_path, app({server.name: str(server) for server in pair}) + status()) as lb:
        browser.open(url(lb))
        browser.wait(_LIVE)
        with talking(watch, lb.address, pair[0]) as talk:
            browser.wait("document.querySelector('.figure').innerText == '1'")
            browser.wait(
                "document.querySelectorAll('.tile .line')[0].getAttribute('d').split('L').length > 2"
            )
            cells = browser.read("document.querySelector('#listeners tbody tr').innerText").split("\t")
            assert (cells[0], cells[4].strip(), cells[5]) == ("app", "listening", "1")
            talk.leave()
        browser.wait("document.querySelector('.figure').innerText == '0'")


def test_a_lost_connection_is_told_and_found_again(tmp_path: Path, pair: Pair, browser: Browser) -> None:
    with closing(socket.create_server((STATUS_HOST, 0))) as free:
        port = free.getsockname()[1]
    lb = Balancer(tmp_path, app({"ecs01": str(pair[0])}) + status(port))
    with lb:
        browser.open(url(lb))
        browser.wait(_LIVE)
        lb.signal(signal.SIGKILL)
        browser.wait(_LOST)
        assert "connection lost" in browser.text()
        lb.wait()
    lb.forget()
    lb.configure(app({"ecs02": str(pair[1])}) + status(port))
    with lb:
        browser.wait(_LIVE)
        assert "connection lost" not in browser.text()
        rows = browser.wait("document.querySelector('#group-list tbody').innerText.includes('ecs02') && "
                            "document.querySelector('#group-list tbody').innerText")  # fmt: skip
        assert "ecs01" not in rows


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_is_read_on_a_phone_and_by_keyboard(tmp_path: Path, pair: Pair, watch: Watch, dark: bool) -> None:
    with (
        Balancer(tmp_path, app({server.name: str(server) for server in pair}) + status()) as lb,
        Browser(tmp_path, 360, 740, dark=dark) as browser,
        clients(watch, lb, 2),
    ):
        lb.ask("drain", "app/ecs01", "--timeout", "never", "--reason", "x" * 60)
        browser.open(url(lb))
        browser.wait("!!document.querySelector('.drain')")
        assert browser.read("document.documentElement.scrollWidth") <= 360
        scheme = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
        assert (browser.read(scheme) < 128) is dark
        names = "['header', 'main', 'footer'].map((name) => document.querySelectorAll(name).length)"
        assert browser.read(names) == [1, 1, 1]
        heads = "[...document.querySelectorAll('th')].every((head) => ['col', 'row'].includes(head.scope))"
        assert browser.read(heads)
        reached = []
        for _ in range(4):
            for kind in ("keyDown", "keyUp"):
                browser.call(
                    "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
                )
            reached.append(browser.read("document.activeElement.id || document.activeElement.tagName"))
            assert browser.read("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert reached == ["A", "filter", "SUMMARY", "SUMMARY"]


def test_no_task_of_500_busy_servers_takes_50_ms(tmp_path: Path, watch: Watch, browser: Browser) -> None:
    servers = [Server(f"s{n}", watch) for n in range(500)]
    text = app({server.name: str(server) for server in servers}) + status()
    with Balancer(tmp_path, text) as lb, browser.measured() as tasks:
        browser.open(url(lb))
        browser.wait("!!document.querySelector('#group-list summary')")
        assert browser.read(_ROWS) == 0, "so large a group is folded"
        browser.read("document.querySelector('#group-list summary').click()")
        browser.wait(f"{_ROWS} == 500")
        with clients(watch, lb, 500), clients(watch, lb, 500), clients(watch, lb, 500):
            browser.wait("document.querySelector('.figure').innerText == '1,500'")
            browser.wait(f"{_EACH}.every((row) => row.cells[4].textContent == '3')")
            browser.read("document.getElementById('filter').value = 'S49'")
            browser.read("document.getElementById('filter').dispatchEvent(new Event('input'))")
            browser.wait(f"{_EACH}.filter((row) => !row.hidden).length == 11")
        browser.wait("document.querySelector('.figure').innerText == '0'")
    assert 5 < max(tasks) < LONG
