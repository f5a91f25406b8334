"""Chromium without a window, as far as tests of pages ask it, over the DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import websocket

from tests.functional.waiting import eventually

CHROMIUM = shutil.which("chromium")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--remote-debugging-port=0",
)
_BETWEEN = 0.05
"""Seconds between two looks, which take the page's time."""
_TASKS = "disabled-by-default-devtools.timeline"
PATIENCE = 20.0
"""Seconds for the browser to start, and for each answer."""


class Browser:
    """A browser with one tab, which notes what the page complains of."""

    def __init__(
        self, directory: Path, width: int = 1280, height: int = 900, *, dark: bool = False, option: str = ""
    ) -> None:
        """With `option` it is started besides."""
        self.complaints: list[str] = []
        self._options = [*OPTIONS, option] if option else OPTIONS
        self._profile = directory / "chromium"
        self._size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._scheme = "dark" if dark else "light"
        self._asked = 0
        self._traced: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        assert CHROMIUM is not None
        self._profile.mkdir(parents=True)
        self._process = subprocess.Popen(
            [CHROMIUM, *self._options, f"--user-data-dir={self._profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._attach()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._tab.close()
        self._end()

    def open(self, url: str) -> None:
        """Go to `url`, and wait for all that belongs to it."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState == 'complete'")

    def read(self, expression: str) -> Any:
        """What a JavaScript expression is, waited for where it is a promise. Fails where it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = PATIENCE) -> Any:
        """What it is once it is true."""
        found: list[Any] = []

        def true() -> bool:
            found[:] = [self.read(expression)]
            if not found[0]:
                time.sleep(_BETWEEN)
            return bool(found[0])

        eventually(true, seconds, lambda: f"{expression}; the page says:\n{self.text()}")
        return found[0]

    def text(self) -> str:
        """All that can be read."""
        return str(self.read("document.body.innerText"))

    def screenshot(self, path: Path) -> None:
        """What can be seen, as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    @contextmanager
    def measured(self) -> Iterator[list[float]]:
        """Milliseconds of CPU of each task of the page meanwhile, known at the end: what others on this
        machine do makes none longer."""
        tasks: list[float] = []
        self.call("Tracing.start", traceConfig={"includedCategories": [_TASKS]}, transferMode="ReportEvents")
        yield tasks
        self._traced.clear()
        self.call("Tracing.end")
        while not self._traced or self._traced[-1]["method"] != "Tracing.tracingComplete":
            self._note(json.loads(self._tab.recv()))
        tasks += _tasks(event for part in self._traced for event in part["params"].get("value", ()))

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its answer."""
        self._asked += 1
        self._tab.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            message = json.loads(self._tab.recv())
            if message.get("id") == self._asked:
                assert "error" not in message, message
                return dict(message["result"])
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif message.get("method") in ("Tracing.dataCollected", "Tracing.tracingComplete"):
            self._traced.append(message)

    def _attach(self) -> None:
        port_file = self._profile / "DevToolsActivePort"
        eventually(
            lambda: port_file.exists() and "\n" in port_file.read_text(), PATIENCE, lambda: "chromium's port"
        )
        port = port_file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=PATIENCE) as response:
            (tab,) = [each for each in json.load(response) if each["type"] == "page"]
        url = tab["webSocketDebuggerUrl"]
        self._tab = websocket.create_connection(url, suppress_origin=True, timeout=PATIENCE)
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", **self._size)
        self.call(
            "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": self._scheme}]
        )

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _tasks(events: Iterable[dict[str, Any]]) -> Iterator[float]:
    """Of what was traced: the tasks of the threads that run pages."""
    traced = list(events)
    pages = {
        (each["pid"], each["tid"])
        for each in traced
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    for each in traced:
        if each["name"] == "RunTask" and (each["pid"], each["tid"]) in pages:
            yield each.get("tdur", 0) / 1000
