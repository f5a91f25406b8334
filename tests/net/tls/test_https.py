"""What an https listener tells that an http one does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from lbtwist.model.plane import EVERYTHING, Member, Rotation
from tests.net.bench import GROUP, WEB, closed
from tests.net.http.stage import read, request, response
from tests.net.recorder import HalfCloseable
from tests.net.secure_world import SecureWorld

pytestmark = pytest.mark.limit(60)


async def asked(world: SecureWorld, *fields: str, **policy: Any) -> tuple[Any, Any]:
    """A client that has asked, and the end of the server that has heard it."""
    server = world.server()
    far = server.expect(HalfCloseable())
    member = Member(1, "app/s1#1", server.address, 1, cookie=b"00ff")
    world.plane.rotate(GROUP, Rotation((member,), cookie=b"SID", persistence=60.0))
    await world.listen(protocol="http", **policy)
    client = await world.client()
    client.transport.write(request("GET", "/", *fields))
    await far.until(lambda: far.received.endswith(b"\r\n\r\n"))
    return client, far


@pytest_twisted.ensureDeferred
async def test_servers_are_told_of_https(tmp_path: Path) -> None:
    world = SecureWorld("tls-tcp", tmp_path)
    _, far = await asked(world, "X-Forwarded-Proto: http", "X-Forwarded-Port: 80")
    port = world.plane.address(WEB).rpartition(":")[2]
    head = bytes(far.received)
    assert b"\r\nX-Forwarded-Proto: https\r\n" in head
    assert b"\r\nX-Forwarded-Port: %b\r\n" % port.encode() in head
    await world.close()


@pytest_twisted.ensureDeferred
async def test_the_cookie_that_ties_a_client_comes_back_over_tls_alone(tmp_path: Path) -> None:
    world = SecureWorld("tls-tcp", tmp_path)
    client, far = await asked(world)
    far.transport.write(response(b"hello"))
    await client.until(lambda: client.received.endswith(b"hello"))
    cookie = read(bytes(client.received)).field("set-cookie")
    assert cookie == b"SID=00ff; Path=/; HttpOnly; Max-Age=60; Secure"
    await world.close()


@pytest_twisted.ensureDeferred
async def test_a_client_too_many_is_told_so(tmp_path: Path) -> None:
    world = SecureWorld("tls-tcp", tmp_path)
    await asked(world, max_connections=1)
    second = await world.client()
    await second.until(lambda: closed(second))
    assert second.received.startswith(b"HTTP/1.1 503 ")
    await world.close()


@pytest_twisted.ensureDeferred
async def test_rule_7_a_response_short_of_its_length_ends_without_close_notify(tmp_path: Path) -> None:
    world = SecureWorld("tls-tcp", tmp_path)
    client, far = await asked(world)
    far.transport.write(response(b"hello", "Content-Length: 99", length=False))
    await client.until(lambda: client.received.endswith(b"hello"))
    assert world.plane.cut(EVERYTHING) == 1
    await client.until_heard("lost")
    assert closed(client) == "reset"
    await world.close()
