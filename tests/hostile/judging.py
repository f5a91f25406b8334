"""Whether readers agree on what was sent on: on the number of messages, and on each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.hostile import client_readers
from tests.hostile.messages import Message, Reading
from tests.hostile.readers import READERS, Reader
from tests.hostile.strict import Illegal, strict_requests, strict_responses

NEXT = b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n"
MOST_REFUSED = 0.15
"""Of what is sent on, as a part: some readers know few methods, or no trailers."""


def judge_requests(streams: Sequence[bytes], readers: Mapping[str, Reader] = READERS) -> Counter[str]:
    """Fail unless each stream is legal, and read alike by all, whole and message by message.

    A reader may refuse what others read: that is no ambiguity. Returns how often each did.
    """
    cut = [strict_requests(stream) for stream in streams]
    (following,) = strict_requests(NEXT).messages
    single = {piece: message for one in cut for piece, message in zip(one.pieces, one.messages, strict=True)}
    given = [*streams, *(piece + NEXT for piece in single), *{one.rest for one in cut}]
    wanted: list[Sequence[Message]] = [one.messages for one in cut]
    wanted += [[message, following] for message in single.values()]
    wanted += [[] for _ in range(len(given) - len(wanted))]
    refusals: Counter[str] = Counter()
    for name, reader in readers.items():
        for stream, reading, messages in zip(given, reader(given), wanted, strict=True):
            _agree(name, stream, reading, messages)
            refusals[name] += bool(reading.refused)
    assert all(count <= MOST_REFUSED * len(given) for count in refusals.values()), refusals
    return refusals


def judge_responses(asked: client_readers.Asked) -> Counter[str]:
    """Fail unless what each client received is one response, after any 1xx, or the beginning of one.

    All readers must find the same. Returns how often each refused.
    """
    wanted = [_one_response(stream, method) for stream, method in asked]
    refusals: Counter[str] = Counter()
    for name, reader in client_readers.READERS.items():
        for (stream, _), reading, messages in zip(asked, reader(asked), wanted, strict=True):
            _agree(name, stream, reading, messages)
            refusals[name] += bool(reading.refused) and _is_whole(messages)
    assert all(count <= MOST_REFUSED * len(asked) for count in refusals.values()), refusals
    return refusals


def _one_response(stream: bytes, method: str) -> Sequence[Message]:
    cut = strict_responses(stream, method)
    finals = [number for number, message in enumerate(cut.messages) if not message.first[0].startswith("1")]
    if finals and (finals != [len(cut.messages) - 1] or cut.rest):
        raise Illegal(f"bytes behind a response: {stream!r}")
    return cut.messages


def _is_whole(messages: Sequence[Message]) -> bool:
    return bool(messages) and not messages[-1].first[0].startswith("1")


def _agree(name: str, stream: bytes, reading: Reading, messages: Sequence[Message]) -> None:
    read = [message._replace(first=as_compared(message.first)) for message in reading.messages]
    expected = [message._replace(first=as_compared(message.first)) for message in messages]
    if reading.refused:
        del expected[len(read) :]
    assert read == expected, f"{name} reads {read} and {reading.refused!r} in {stream!r}, which is {expected}"


def as_compared(first: tuple[str, ...]) -> tuple[str, ...]:
    """Some readers take `get` for GET. Those that frame by their name are not sent on so spelled."""
    method, *others = first
    return (method if method.upper() == "HEAD" else method.upper(), *others)
