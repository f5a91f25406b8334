"""Servers that nobody here wrote: what they answer comes through as it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.functional.balancer import HOST, Balancer
from tests.functional.http_harness import curl, http_app, output, program, url
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

HERE = Path(__file__).parent
LARGE = os.urandom(1 << 20)
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen unix:{folder}/nginx.sock;
        root {folder}/files;
    }}
}}
"""


@contextlib.contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def printing(*command: str) -> Iterator[str]:
    """The address of a server that prints its port."""
    with running(*command) as process:
        assert process.stdout is not None
        yield f"{HOST}:{int(process.stdout.readline())}"


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """At a Unix socket: it can't be told to take a port that the system chooses."""
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder))
    with running(program("nginx"), "-c", str(configuration)):
        eventually((folder / "nginx.sock").exists)
        yield f"unix:{folder}/nginx.sock"


def started(kind: str, folder: Path) -> contextlib.AbstractContextManager[str]:
    """A server of the files in `folder`/files; its address."""
    files = str(folder / "files")
    if kind == "nginx":
        return nginx(folder)
    if kind == "node":
        return printing(program("node"), str(HERE / "http_files.js"), files, HOST)
    return printing(sys.executable, str(HERE / "http_files.py"), kind, files, HOST)


@pytest.fixture(params=["nginx", "http.server", "aiohttp", "tornado", "node"])
def lb(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Balancer]:
    files = tmp_path / "files"
    files.mkdir()
    (files / "small").write_text("small\n")
    (files / "large").write_bytes(LARGE)
    with started(request.param, tmp_path) as address, Balancer(tmp_path, http_app({"ecs01": address})) as lb:
        yield lb


def test_files_come_through(lb: Balancer, tmp_path: Path) -> None:
    """Also in parallel, with HEAD and HTTP/1.0, and where there is none."""
    assert curl("-w", "%{num_connects}\n", url(lb, "/small"), url(lb, "/small")) == "small\n1\nsmall\n0\n"
    assert curl("-0", url(lb, "/small")) == "small\n"
    assert "Content-Length: 6\r\n" in curl("-I", url(lb, "/small"))
    assert curl("-o", "/dev/null", "-w", "%{http_code}", url(lb, "/none")) == "404"
    assert_parallel(lb, tmp_path, range(20))


def assert_parallel(lb: Balancer, folder: Path, numbers: Sequence[int]) -> None:
    """The large file, so many times at once."""
    names = [str(folder / f"got{number}") for number in numbers]
    wanted = [word for name in names for word in ("-o", name, url(lb, "/large"))]
    output("curl", "-sS", "--parallel", "--max-time", "20", *wanted)
    hashes = {hashlib.blake2b(Path(name).read_bytes()).digest() for name in names}
    assert hashes == {hashlib.blake2b(LARGE).digest()}
