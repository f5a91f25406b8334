"""Targets: addresses, PROXY headers, hellos of TLS, messages between generations, and configurations."""

from __future__ import annotations

import tomllib

from fuzz.cutting import Pieces, cuttings
from lbtwist.errors import BadMessage, BadProxyHeader, ConfigurationError
from lbtwist.model.config import Config, Part, parse_parts, plain, warnings
from lbtwist.wire.client_hello import MAX_HELLO, BadHello, HelloReader
from lbtwist.wire.forwarded import client_address
from lbtwist.wire.frames import FrameReader
from lbtwist.wire.handshake_size import HandshakeSize, HelloTooLarge
from lbtwist.wire.proxy_binary import MAX_BINARY
from lbtwist.wire.proxy_header import proxy_header, read_proxy_header
from lbtwist.wire.target import parse_host, parse_target


def forwarded(data: bytes) -> None:
    """X-Forwarded-For, whatever stands in it, tells an address or leaves the one that is known."""
    known = {b"x-forwarded-for": data.split(b"\n")}
    assert client_address(known, "192.0.2.1", lambda address: False) == "192.0.2.1"
    told = client_address(known, "192.0.2.1", lambda address: True)
    assert client_address({b"x-forwarded-for": [told.encode()]}, told, lambda address: True) == told


def target(data: bytes) -> None:
    """A target or a host is read or refused."""
    for method in (b"GET", b"OPTIONS"):
        try:
            found = parse_target(method, data)
            assert found.onward.startswith((b"/", b"*"))
        except BadMessage as bad:
            assert bad.status == 400
    try:
        host = parse_host(data)
        assert host == host.lower()
        assert not set(host) & set(b"@,/\\#?% \t\r\n\0")
    except BadMessage as bad:
        assert bad.status == 400


def proxy(data: bytes) -> None:
    """A header is read alike however it is cut; what we write of it is read as the same."""
    outcomes = {_proxy(pieces) for pieces in cuttings(data)}
    assert len(outcomes) == 1, outcomes


def _proxy(pieces: Pieces) -> object:
    come = b""
    for piece in pieces:
        come += piece
        try:
            found = read_proxy_header(come)
        except BadProxyHeader:
            return "refused"
        if found is not None:
            ends, size = found
            if ends is not None:
                written = proxy_header(2, ends)
                again = read_proxy_header(written)
                assert again is not None
                assert again[1] == len(written)
            return found[0], size
        assert len(come) <= MAX_BINARY
    return None


def client_hello(data: bytes) -> None:
    """A hello is read alike however its bytes are cut, and a bounded part of them is held."""
    outcomes = {_hello(pieces) for pieces in cuttings(data)}
    assert len(outcomes) == 1, outcomes


def _hello(pieces: Pieces) -> object:
    reader = HelloReader()
    for piece in pieces:
        before = len(reader.received)
        try:
            found = reader.feed(piece)
        except BadHello:
            return "refused"
        if found is not None:
            return found
        assert before <= MAX_HELLO
    return None


def handshake_size(data: bytes) -> None:
    """What a client sends is measured alike however it is cut, and next to none of it is held."""
    outcomes = {_measured(pieces) for pieces in cuttings(data)}
    assert len(outcomes) == 1, outcomes


def _measured(pieces: Pieces) -> object:
    size = HandshakeSize()
    for piece in pieces:
        try:
            size.feed(piece)
        except HelloTooLarge:
            return "refused"
    return size.received


def generation(data: bytes) -> None:
    """Messages between generations: the same ones however they are cut, or a ValueError."""
    outcomes = {repr(_messages(pieces)) for pieces in cuttings(data)}
    assert len(outcomes) == 1, outcomes


def _messages(pieces: Pieces) -> object:
    reader = FrameReader()
    found: list[object] = []
    for piece in pieces:
        try:
            # One by one: those before a bad one have been given.
            for message in reader.feed(piece):
                found.append(message)
        except ValueError:
            return found, "refused"
    return found, reader.unread


def configuration(data: bytes) -> None:
    """A file is a configuration or has problems; a configuration is one that says all of itself again."""
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    try:
        config = parse_parts((Part(document, "lb.toml", text=text),))
    except ConfigurationError as error:
        assert error.problems
        assert all(str(problem) for problem in error.problems)
        return
    assert isinstance(config, Config)
    assert all(warnings(config))
    assert parse_parts((Part(plain(config)),)) == config
