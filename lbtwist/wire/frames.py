"""Messages between generations as bytes: a length of four bytes, and as much JSON (RFC 8259)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, get_args

from pydantic import Field, TypeAdapter, ValidationError

from lbtwist.model.generations import Message
from lbtwist.model.state.reading import parse_json, table

MAX_BYTES = 64 * 1024 * 1024
"""Of one message: 50,000 servers with their counters take 30 MB."""
_LENGTH = 4
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])
_KINDS = {kind.__dataclass_fields__["kind"].default for kind in get_args(Message)}


def frame(message: Message) -> bytes:
    """`message` as it is sent. Raises ValueError where it is too long."""
    body = _MESSAGE.dump_json(message)
    if len(body) > MAX_BYTES:
        raise ValueError(f"a message of {len(body)} bytes is longer than {MAX_BYTES}")
    return len(body).to_bytes(_LENGTH, "big") + body


class FrameReader:
    """Gets bytes in any pieces and gives messages."""

    def __init__(self, unread: bytes = b"") -> None:
        self._held = bytearray(unread)

    @property
    def unread(self) -> bytes:
        """What is not a whole message yet."""
        return bytes(self._held)

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole now, but those of a kind that is not known. Raises ValueError for
        what is none: nothing that follows can be read then."""
        self._held += data
        while (body := self._next()) is not None:
            message = _read(body)
            if message is not None:
                yield message

    def _next(self) -> bytes | None:
        if len(self._held) < _LENGTH:
            return None
        length = int.from_bytes(self._held[:_LENGTH], "big")
        if length > MAX_BYTES:
            raise ValueError(f"a message of {length} bytes is longer than {MAX_BYTES}")
        end = _LENGTH + length
        if len(self._held) < end:
            return None
        body = bytes(self._held[_LENGTH:end])
        del self._held[:end]
        return body


def _read(body: bytes) -> Message | None:
    values: Any = table(parse_json(body.decode()), "message")
    if values.get("kind") not in _KINDS:
        return None
    try:
        return _MESSAGE.validate_json(body, strict=True)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"]))
        raise ValueError(f"{where}: {problem['msg']}") from None
