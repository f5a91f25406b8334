"""`twistd -n lb --demo`: everything on loopback, nothing to prepare, nothing left behind."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThreadPool

from lbtwist.assembly import in_process
from lbtwist.demo.key import make_key
from lbtwist.demo.server import Answers
from lbtwist.model.config import parse
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.filing import Filing
from lbtwist.service.reload import Reloader

HOST = "127.0.0.1"
SERVERS = ("ecs01", "ecs02")
LISTENER, CONSOLE, STATUS = 8080, 2222, 8404


def demo(reactor: Any) -> LoadBalancer:
    """A load balancer with servers of its own, that says what to type next."""
    directory = Path(tempfile.mkdtemp(prefix="lbtwist-demo-"))
    private, public = make_key(directory)
    ports = [reactor.listenTCP(0, Answers(name), interface=HOST) for name in SERVERS]
    listener, console, status = _free(LISTENER), _free(CONSOLE), _free(STATUS)
    document = {
        "load_balancer": {"name": "demo", "shutdown_timeout": 5},
        "console": {
            "endpoint": f"{HOST}:{console}",
            "admin_keys": str(public),
            "host_key": str(directory / "host_key"),
        },
        "status": {"endpoint": f"{HOST}:{status}"},
        "listeners": {"web": {"endpoint": f"{HOST}:{listener}", "protocol": "tcp"}},
        "server_groups": {
            "app": {
                "servers": {
                    name: f"{HOST}:{port.getHost().port}" for name, port in zip(SERVERS, ports, strict=True)
                }
            }
        },
    }
    balancer = in_process(parse(document), reactor)
    in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    Reloader(balancer, None, in_thread)
    balancer.filing = Filing(balancer, None, in_thread)
    _Stage(ports, directory, _steps(listener, console, status, private), reactor).setServiceParent(balancer)
    return balancer


class _Stage(Service):
    """What the demo has beside the load balancer, and takes away with it."""

    def __init__(self, ports: list[IListeningPort], directory: Path, steps: str, reactor: Any) -> None:
        self._ports = ports
        self._directory = directory
        self._steps = steps
        self._reactor = reactor

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._tell)

    def stopService(self) -> None:
        super().stopService()
        for port in self._ports:
            port.stopListening()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _tell(self) -> None:
        # Not through twistd's standard output, which is a log: this is to be copied from.
        print(self._steps, file=sys.__stdout__, flush=True)


def _free(port: int) -> int:
    """`port`, or one that the system gives where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _steps(listener: int, console: int, status: int, private: Path) -> str:
    client = f"{os.path.relpath(sys.executable)} -m lbtwist.demo.client {listener}"
    ssh = (
        f"ssh -p {console} -i {private} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no"
        f" -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR {HOST}"
    )
    return f"""
A load balancer on {HOST}:{listener} over two servers, ecs01 and ecs02. To see one drain:

1. In a second terminal, a client that sends a line each second and prints who answers:

     {client}

2. In a third terminal, remove the server that answers, with 15 seconds for what it has:

     {ssh} remove app/ecs01 --timeout 15 --wait

   The conversation goes on; a new client gets the other server. After 15 s both ends see
   the end of the connection, and the receipt says so (end the client earlier, and so does
   the drain).

3. Look around:

     {ssh} status
     {ssh} receipts
     {ssh}                    # the prompt: help, tab, and Python (lb.groups["app"])
     curl http://{HOST}:{status}/metrics

Ctrl-C ends it: what is connected may finish within 5 seconds, a second Ctrl-C cuts.

"""
