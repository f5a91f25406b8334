"""A server that answers as it is told: in pieces, with too much, too little, or something else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from tests.hostile.sending import PAUSE, Pieces

HOST = "127.0.0.1"


class Answer(NamedTuple):
    """What a target is answered with."""

    pieces: Pieces
    closes: bool


class HostileServer:
    """Answers a target as `answers` has it, and any other one, a canary's, as it should."""

    def __init__(self, answers: Mapping[bytes, Answer]) -> None:
        self.port = 0
        self._answers = answers
        self._under_way = set[asyncio.Task[None]]()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[HostileServer]:
        server = await asyncio.start_server(self._accepted, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            while await self._answer(await reader.readuntil(b"\r\n\r\n"), writer):
                pass
            writer.write_eof()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._under_way.discard(task)
            writer.transport.abort()

    async def _answer(self, head: bytes, writer: asyncio.StreamWriter) -> bool:
        """False where the connection is to be closed."""
        target = head.split(b" ", 2)[1]
        answer = self._answers.get(target)
        if answer is None:
            content = b"GET " + target
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content))
            return True
        for piece in answer.pieces:
            writer.write(piece)
            await writer.drain()
            if len(answer.pieces) > 1:
                await asyncio.sleep(PAUSE)
        return not answer.closes
