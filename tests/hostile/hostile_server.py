"""A server that answers as it is told: in pieces, with too much, too little, or something else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from tests.hostile.sending import PAUSE, Pieces
from tests.hostile.serving import Serving


class Answer(NamedTuple):
    """What a target is answered with."""

    pieces: Pieces
    closes: bool


class HostileServer(Serving):
    """Answers a target as `answers` has it, and any other one, a canary's, as it should."""

    def __init__(self, answers: Mapping[bytes, Answer]) -> None:
        super().__init__()
        self._answers = answers

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._answer(await reader.readuntil(b"\r\n\r\n"), writer):
            pass
        writer.write_eof()
        await reader.read()

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
