"""Messages between generations: cut into any pieces they come whole, and nothing else is believed."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.figures import BOUNDS, CLASSES, Distribution, Figures, GroupFigures, ListenerFigures
from lbtwist.model.generations import (
    Accepting,
    Cut,
    CutConnection,
    HandedCause,
    HandedDrain,
    HandedServer,
    HandedTotals,
    Handover,
    Hello,
    InRotation,
    Look,
    Message,
    Ready,
    Report,
    Views,
)
from lbtwist.model.plane import ConnectionView, Tally
from lbtwist.wire.frames import MAX_BYTES, FrameReader, frame

numbers = st.integers(0, 2**40)
tallies = st.builds(Tally, *[numbers] * len(dataclasses.fields(Tally)))
seconds = st.floats(0, 1e9)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
views = st.builds(
    ConnectionView, numbers, words, words, words, words, seconds, seconds, numbers, numbers, words
)
by_number = st.dictionaries(numbers, tallies, max_size=3)
listener_figures = st.builds(ListenerFigures, numbers, st.tuples(*[numbers] * len(CLASSES)))
distributions = st.builds(Distribution, st.tuples(*[numbers] * (len(BOUNDS) + 1)), seconds)
group_figures = st.builds(GroupFigures, retries=numbers, connect=distributions, response=distributions)
figures = st.builds(
    Figures,
    st.dictionaries(numbers, listener_figures, max_size=2),
    st.dictionaries(words, group_figures, max_size=2),
    st.dictionaries(numbers, st.dictionaries(words, numbers, max_size=2), max_size=2),
)
reports = st.builds(
    Report,
    registrations=by_number,
    listeners=by_number,
    everything=st.none() | tallies,
    figures=st.none() | figures,
)
totals = st.builds(
    HandedTotals,
    st.lists(st.tuples(words, words, numbers), max_size=2).map(tuple),
    st.dictionaries(words, numbers, max_size=3),
)
drains = st.builds(
    HandedDrain,
    words,
    st.sampled_from(["registration", "listener"]),
    st.lists(numbers, max_size=3).map(tuple),
    st.none() | numbers,
    st.lists(st.builds(HandedCause, numbers, words, words), max_size=3).map(tuple),
    seconds,
    seconds,
    st.none() | seconds,
    tallies,
)
servers = st.builds(HandedServer, numbers, words, words, words, st.lists(numbers, max_size=2).map(tuple))
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, pid=numbers),
    st.just(Ready()),
    st.builds(Accepting, left=st.lists(words, max_size=3).map(tuple)),
    reports,
    st.builds(
        Handover,
        servers=st.lists(servers, max_size=2).map(tuple),
        drains=st.lists(drains, max_size=2).map(tuple),
        report=reports,
        past=reports,
        totals=totals,
    ),
    st.builds(
        Cut,
        scope=st.sampled_from(["registration", "listener", "all"]),
        numbers=st.lists(numbers, max_size=3).map(tuple),
        count=st.none() | numbers,
    ),
    st.builds(CutConnection, numbers),
    st.builds(InRotation, words, st.lists(words, max_size=3).map(tuple)),
    st.just(Look()),
    st.builds(
        Views,
        registrations=st.dictionaries(numbers, st.lists(views, max_size=2).map(tuple), max_size=2),
        others=st.lists(views, max_size=2).map(tuple),
    ),
)


def framed(text: str) -> bytes:
    return len(text.encode()).to_bytes(4, "big") + text.encode()


@given(st.lists(messages, max_size=4), st.integers(1, 50))
def test_messages_come_as_they_were_sent_in_any_pieces(sent: list[Message], piece: int) -> None:
    data = b"".join(map(frame, sent))
    reader = FrameReader()
    heard = [message for at in range(0, len(data), piece) for message in reader.feed(data[at : at + piece])]
    assert heard == sent
    assert reader.unread == b""


@given(messages, st.data())
def test_what_is_not_whole_is_read_on_by_another(message: Message, data: st.DataObject) -> None:
    whole = frame(message)
    at = data.draw(st.integers(0, len(whole) - 1))
    first = FrameReader()
    assert list(first.feed(whole[:at])) == []
    assert list(FrameReader(first.unread).feed(whole[at:])) == [message]


def test_what_a_later_version_adds_is_passed_over() -> None:
    reader = FrameReader()
    later = framed('{"kind": "song", "verses": 7}') + framed('{"kind": "look", "why": "curious"}')
    assert list(reader.feed(later)) == [Look()]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", r"^message: \[\] is not a table$"),
        ("{", "Expecting"),
        ('{"kind": "look", "kind": "look"}', "twice"),
        ('{"kind": "cut_connection", "id": "7"}', "id"),
        ('{"kind": "cut_connection", "id": true}', "id"),
        ('{"kind": "cut_connection"}', "id"),
        ('{"kind": "cut", "scope": "some"}', "scope"),
        ('{"kind": "report", "everything": {"live": 1.5}}', r"^report\.everything\.live: "),
        ("[" * 100_000, "nested"),
    ],
)
def test_what_is_no_message_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        list(FrameReader().feed(framed(text)))


def test_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="longer than"):
        list(FrameReader().feed((MAX_BYTES + 1).to_bytes(4, "big")))
    sent = frame(Hello())
    size = len(sent) - 4
    monkeypatch.setattr("lbtwist.wire.frames.MAX_BYTES", size)
    assert frame(Hello()) == sent
    assert list(FrameReader().feed(sent)) == [Hello()]
    monkeypatch.setattr("lbtwist.wire.frames.MAX_BYTES", size - 1)
    with pytest.raises(ValueError, match=f"^a message of {size} bytes is longer than {size - 1}$"):
        frame(Hello())
    with pytest.raises(ValueError, match=f"^a message of {size} bytes is longer than {size - 1}$"):
        list(FrameReader().feed(sent))


def test_the_form_is_plain_json() -> None:
    assert json.loads(frame(CutConnection(7))[4:]) == {"kind": "cut_connection", "id": 7}
