"""haproxy and nginx, before a load balancer and behind it, speaking the PROXY protocol."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.functional.http_harness import program
from tests.functional.peers import Address
from tests.functional.waiting import eventually

HOST = "127.0.0.1"
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

_HAPROXY = """
global
    maxconn 100
defaults
    mode {mode}
    timeout connect 10s
    timeout client 30s
    timeout server 30s
frontend f
    bind {bind}
    {frontend}
"""
_NGINX = """
{modules}
daemon off;
master_process {master};
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
{blocks}
"""
_NGINX_HTTP = """
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen unix:{folder}/nginx.sock proxy_protocol;
        location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port"; }}
    }}
}}
"""
_NGINX_STREAM = """
stream {{
    server {{
        listen {host}:{port};
        proxy_pass {behind};
        proxy_protocol on;
    }}
}}
"""
TELLS = '"%[src] %[src_port] %[dst_port]"'


@contextlib.contextmanager
def _running(
    *command: str, inherit: int | None = None, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    fds = () if inherit is None else (inherit,)
    with subprocess.Popen(command, pass_fds=fds, env={**os.environ, **(environ or {})}) as process:
        try:
            yield
        finally:
            process.terminate()  # not killed: a master of nginx takes its worker with it


def _haproxy(
    folder: Path, *, mode: str, bind: str, frontend: str, inherit: int | None = None
) -> contextlib.AbstractContextManager[None]:
    file = folder / f"haproxy-{mode}.cfg"
    file.write_text(_HAPROXY.format(mode=mode, bind=bind, frontend=frontend))
    return _running(program("haproxy"), "-q", "-f", str(file), inherit=inherit)


@contextlib.contextmanager
def haproxy_behind(folder: Path, tls: Path | None = None) -> Iterator[str]:
    """The address of one that needs a header, and answers with what it was told."""
    path = folder / "haproxy.sock"
    bind = f"unix@{path} accept-proxy" + (f" ssl crt {tls}" if tls else "")
    answer = f"http-request return status 200 content-type text/plain lf-string {TELLS}"
    with _haproxy(folder, mode="http", bind=bind, frontend=answer):
        eventually(path.exists)
        yield f"unix:{path}"


@contextlib.contextmanager
def nginx_behind(folder: Path) -> Iterator[str]:
    """The same of nginx."""
    path = folder / "nginx.sock"
    file = folder / "nginx.conf"
    file.write_text(
        _NGINX.format(folder=folder, master="off", modules="", blocks=_NGINX_HTTP.format(folder=folder))
    )
    with _running(program("nginx"), "-c", str(file)):
        eventually(path.exists)
        yield f"unix:{path}"


@contextlib.contextmanager
def haproxy_before(folder: Path, behind: Address, sends: str) -> Iterator[Address]:
    """Where clients of one connect that sends headers to `behind`; `sends` are words of its server line."""
    with socket.create_server((HOST, 0)) as listening:
        listening.set_inheritable(True)
        frontend = f"default_backend b\nbackend b\n    server s {behind[0]}:{behind[1]} {sends}"
        fd = listening.fileno()
        with _haproxy(folder, mode="tcp", bind=f"fd@{fd}", frontend=frontend, inherit=fd):
            yield listening.getsockname()


@contextlib.contextmanager
def nginx_before(folder: Path, behind: Address) -> Iterator[Address]:
    """The same of nginx, which sends version 1."""
    if not STREAM_MODULE.exists():
        pytest.skip("nginx has no stream module")
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
        file = folder / "nginx-before.conf"
        blocks = _NGINX_STREAM.format(host=HOST, port=port, behind=f"{behind[0]}:{behind[1]}")
        # Without a master one that has inherited its socket ends with a fault.
        modules = f"load_module {STREAM_MODULE};"
        file.write_text(_NGINX.format(folder=folder, master="on", modules=modules, blocks=blocks))
        fd = listening.fileno()
        with _running(program("nginx"), "-c", str(file), inherit=fd, environ={"NGINX": f"{fd};"}):
            yield HOST, port
