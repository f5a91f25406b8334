"""A name server as a program, which says what it is told: a service and where it is offered.

It prints its port. Each line that it reads is a JSON list of `[host, port]`, from then on the answer for
the SRV records of SERVICE.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType

SERVICE = "_app._tcp.example"
TTL = 1
"""Seconds: it is asked again as soon as a resolver may."""


class NameServerProcess:
    """This program in a process of its own, from entering it until it is left."""

    def __enter__(self) -> NameServerProcess:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.functional.name_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = f"127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def say(self, offered: list[tuple[str, int]]) -> None:
        """SERVICE is offered there from now on."""
        assert self._process.stdin is not None
        print(json.dumps(offered), file=self._process.stdin, flush=True)


def main() -> None:
    from twisted.internet.defer import Deferred
    from twisted.names import dns

    from tests.service.nameserver import Zone, serving
    from tests.service.still import reactor

    def follow(zone: Zone) -> None:
        for line in sys.stdin:
            reactor.callFromThread(put, zone, json.loads(line))

    def put(zone: Zone, offered: list[tuple[str, int]]) -> None:
        hosts = {f"host{number}.example": each for number, each in enumerate(offered)}
        zone.put(SERVICE, *(dns.Record_SRV(1, 1, port, name) for name, (_, port) in hosts.items()), ttl=TTL)
        for name, (host, _) in hosts.items():
            zone.put(name, dns.Record_A(host), ttl=TTL)

    async def serve() -> None:
        async with serving() as (zone, _, address):
            reactor.callInThread(follow, zone)
            print(address[1], flush=True)
            await end

    end: Deferred[None] = Deferred()
    Deferred.fromCoroutine(serve())
    reactor.run()


if __name__ == "__main__":
    main()
