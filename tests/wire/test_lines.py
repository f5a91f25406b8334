"""Lines of fields: written as they go on, and cut by what is understood of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lbtwist.wire.connection import without_named
from lbtwist.wire.grammar import folded
from lbtwist.wire.head import Field
from lbtwist.wire.lines import checked_fields, line, sort_fields, understood
from lbtwist.wire.request_head import parse_request_head

NAMES = frozenset({b"te", b"trailer", b"host", b"keep-alive", b"http2-settings"})
BESIDE = [b"", b"t", b"e", b"-", b"-a", b"x-", b"_", b"."]
NEAR = st.builds(
    lambda before, name, after: before + name + after,
    st.sampled_from(BESIDE),
    st.sampled_from([*NAMES, b"x-forwarded-", b"x-forwarded-for", b"x-forwarde", b"accept"]),
    st.sampled_from(BESIDE),
)
VALUES = st.sampled_from([b"a", b"Host: b", b"te: trailers", b"\xff_-", b""])


@st.composite
def spelled(draw: st.DrawFn) -> bytes:
    name = draw(NEAR)
    shape = draw(st.sampled_from([bytes.lower, bytes.upper, bytes.title, bytes.swapcase]))
    return shape(name).replace(b"-", draw(st.sampled_from([b"-", b"_"])))


@given(st.lists(st.tuples(spelled(), VALUES), max_size=8))
def test_fields_are_sorted_by_their_folded_names(fields: list[Field]) -> None:
    known: dict[bytes, list[bytes]] = {}
    plain = []
    for name, value in fields:
        if folded(name) in NAMES or folded(name).startswith(b"x-forwarded-"):
            known.setdefault(folded(name), []).append(value)
        else:
            plain.append((name, value))
    lines = b"".join(map(line, fields))
    assert sort_fields(lines, understood(NAMES)) == (known, b"".join(map(line, plain)))


def test_only_white_space_is_taken_off_a_value() -> None:
    lines = b"\r\nA:Xb X \t\r\nB: \xa0c\xa0"
    assert checked_fields(lines) == [(b"A", b"Xb X"), (b"B", b"\xa0c\xa0")]


def test_lines_that_connection_names_are_left_out_and_the_others_stay() -> None:
    lines = b"\r\nA: b\r\nc: d\r\nE: f"
    assert without_named(lines, frozenset({b"c"})) == b"\r\nA: b\r\nE: f"
    assert without_named(lines, frozenset({b"close", b"upgrade"})) == lines


WHITE = st.text(" \t", max_size=3).map(str.encode)
INNER = st.sampled_from([b"a", b"a b", b"a\t b", b":", b": a :", b"\xa0", b""])


@given(st.lists(st.tuples(WHITE, INNER, WHITE), max_size=6))
def test_fields_are_the_same_however_much_white_space_is_around_their_values(
    values: list[tuple[bytes, bytes, bytes]],
) -> None:
    lines = b"".join(b"\r\nA:%b%b%b" % value for value in values)
    fields = [(b"A", value) for _, value, _ in values]
    assert checked_fields(lines) == fields
    answer = parse_request_head(b"GET / HTTP/1.1\r\nHost: a" + lines + b"\r\n\r\n")
    assert answer is not None
    assert answer[0].fields == [(b"Host", b"a"), *fields]
    assert answer[0].plain_lines == b"".join(map(line, fields))
