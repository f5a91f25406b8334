"""Clients that ask again and again at a steady rate, while something is done to what they ask."""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time

from torture.client import Address, Client
from torture.fates import Asked

KINDS = ("/small",) * 12 + ("/chunked", "/large", "/slow/100")
"""What is asked for by GET, each as often as it stands here."""
POSTS = 5
"""One in so many requests is a POST."""
POSTED = ("/post", "/post/100")
"""Where to: the second is answered some time after it was delivered."""
CHUNKED = 0.3
"""The share of POSTs that are sent in chunks."""
BODY = bytes(range(256)) * 80


class Crowd:
    """`kept` clients on connections that are kept and `closing` ones, `rate` requests a second in all."""

    def __init__(
        self,
        address: Address,
        rate: float,
        kept: int = 32,
        closing: int = 16,
        body: bytes = BODY,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """POSTs have some of `body`."""
        self.asked: list[Asked] = []
        self._body = body
        self._pause = (kept + closing) / rate
        self._clients = [(Client(address, tls), number < kept) for number in range(kept + closing)]
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def idle_cuts(self) -> int:
        """Kept connections that were closed while nothing was asked on them."""
        return sum(client.idle_cuts for client, _ in self._clients)

    def start(self) -> None:
        """Begin to ask."""
        self._tasks = [
            asyncio.create_task(self._run(client, keep, random.Random(number)))
            for number, (client, keep) in enumerate(self._clients)
        ]

    async def stop(self) -> None:
        """Ask nothing more, and wait for what is under way. Raises what a client should not meet."""
        self._over.set()
        await asyncio.gather(*self._tasks)
        for client, _ in self._clients:
            client.close()

    async def _run(self, client: Client, keep: bool, chance: random.Random) -> None:
        due = time.monotonic() + chance.random() * self._pause
        while not await self._over_within(due - time.monotonic()):
            due = max(due + self._pause, time.monotonic())
            if chance.randrange(POSTS):
                asked = await client.ask(chance.choice(KINDS), keep=keep)
            else:
                body = self._body[: chance.randrange(len(self._body))]
                path, chunked = chance.choice(POSTED), chance.random() < CHUNKED
                asked = await client.ask(path, body, chunked=chunked, keep=keep)
            self.asked.append(asked)

    async def _over_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._over.wait()
        return self._over.is_set()
