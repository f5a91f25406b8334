"""TLS before a server that has none, by Python's ssl."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path
from typing import Any, NamedTuple

from tests.certificates import Issued
from tests.functional.peers import BACKLOG, Address


class Met(NamedTuple):
    """One handshake that was finished."""

    name: str | None
    """What the server was called, if it was told."""
    resumed: bool
    subject: str
    """Of the client's certificate; empty where it has shown none."""


class TLSFront:
    """Takes TLS off, and relays to `behind`, from entering it until it is left."""

    def __init__(
        self, issued: Issued, files: Path, behind: Address, host: str = "127.0.0.1", asks: Path | None = None
    ) -> None:
        """Its certificate is written to `files`. With `asks`, a file of authorities, clients need one."""
        self.met: list[Met] = []
        self._names: dict[object, str | None] = {}
        self._behind = behind
        self._host = host
        self._address: Address = host, 0
        self._context = context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*issued.write(files, f"front-{issued.certificate.serial_number}"))
        context.sni_callback = self._named
        if asks is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(asks)
        self._writers: list[asyncio.StreamWriter] = []
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> TLSFront:
        self._thread.start()
        self._listens.wait()
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def __str__(self) -> str:
        return f"{self._address[0]}:{self._address[1]}"

    @property
    def port(self) -> int:
        return self._address[1]

    def _named(self, connection: object, name: str | None, context: object) -> None:
        self._names[connection] = name

    def _run(self) -> None:
        asyncio.run(self._listen())

    async def _listen(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        # Those who end in the handshake, or by a reset, are of no concern.
        self._loop.set_exception_handler(lambda loop, context: None)
        server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._context, backlog=BACKLOG)
        self._address = server.sockets[0].getsockname()
        self._listens.set()
        await self._over.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection: Any = writer.get_extra_info("ssl_object")
        name = self._names.pop(connection, None)
        self.met.append(Met(name, connection.session_reused, _subject(connection.getpeercert())))
        server = await asyncio.open_connection(*self._behind)
        self._writers += [writer, server[1]]
        await asyncio.gather(_relay(reader, server[1]), _relay(server[0], writer))


async def _relay(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()


def _subject(certificate: Any) -> str:
    return str(dict(each[0] for each in certificate["subject"])["commonName"]) if certificate else ""
