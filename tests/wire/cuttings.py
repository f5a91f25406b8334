"""Every way in which bytes may come, and what a parser makes of them then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from lbtwist.errors import BadMessage
from lbtwist.wire.body import BodyReader
from lbtwist.wire.head import Field

T = TypeVar("T")
Pieces = Sequence[bytes]
Parse = Callable[[bytes], "tuple[T, bytes] | None"]


def one_by_one(data: bytes) -> Pieces:
    return [data[at : at + 1] for at in range(len(data))]


def cuttings(data: bytes) -> Iterator[Pieces]:
    """Whole, cut in two at every position, and one byte at a time."""
    yield [data]
    for position in range(1, len(data)):
        yield [data[:position], data[position:]]
    yield one_by_one(data)


def parsed(parse: Parse[T], pieces: Pieces) -> tuple[T, bytes] | None:
    """The first answer of `parse`, asked with all that has come after each piece; the rest is complete."""
    come = b""
    for number, piece in enumerate(pieces, 1):
        come += piece
        if (answer := parse(come)) is not None:
            return answer[0], answer[1] + b"".join(pieces[number:])
    return None


def refusal(parse: Parse[T], pieces: Pieces) -> int | None:
    """The status that `pieces` are refused with; None where they are not."""
    try:
        parsed(parse, pieces)
    except BadMessage as bad:
        return bad.status
    return None


def refusals(parse: Parse[T], data: bytes) -> set[int | None]:
    """What `data` is refused with, over all cuttings."""
    return {refusal(parse, pieces) for pieces in cuttings(data)}


class Read(NamedTuple):
    """What a body reader made of all that came."""

    content: bytes
    rest: bytes
    done: bool
    trailers: Sequence[Field]


def read(reader: BodyReader, pieces: Pieces) -> Read:
    """Feed `pieces` until the body is done."""
    content = []
    for number, piece in enumerate(pieces, 1):
        fed = reader.feed(piece)
        content.append(fed.content)
        if fed.done:
            return Read(b"".join(content), fed.rest + b"".join(pieces[number:]), True, reader.trailers)
        assert fed.rest == b""
    return Read(b"".join(content), b"", False, reader.trailers)
