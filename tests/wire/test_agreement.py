"""What we accept, h11 and httptools read as we do; what we send on, they read as it was routed on."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, event, given
from hypothesis import strategies as st

from lbtwist.wire.body import body_reader, chunk, last_chunk
from lbtwist.wire.connection import NO_OPTIONS
from lbtwist.wire.forwarded import Hop
from lbtwist.wire.framing import Framing, Kind
from lbtwist.wire.onward import client_framing, onward_request, onward_response
from lbtwist.wire.request_head import parse_request_head
from lbtwist.wire.response_head import parse_response_head
from lbtwist.wire.trailers import passed_trailers
from tests.wire.cuttings import parsed, read
from tests.wire.readers import Reading, by_h11, by_httptools, ours

HOP = Hop(b"lbtwist", "192.0.2.1", False, b"http", b"203.0.113.1:80", 80)
NEXT = b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n"
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"]
ASKED = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def spelled(name: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from([name, name.lower(), name.upper(), name.title()]).map(str.encode)


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12)
VALUES = TEXT.filter(lambda text: not any("\x7f" <= letter < "\xa0" for letter in text)).map(
    lambda text: text.strip(" ").encode("latin-1")
)
NAMES = st.from_regex(rb"X-[a-zA-Z0-9!#$%&'*+.^`|~-]{0,8}", fullmatch=True).filter(
    lambda name: not name.lower().startswith(b"x-forwarded-")
)
SPACES = st.sampled_from([b"", b" ", b"\t", b"  \t"])
TARGETS = st.one_of(
    st.from_regex(rb"/[!$-.0->@-\[\]-~/]{0,20}(\?[!$-~]{0,10})?", fullmatch=True),
    st.sampled_from([b"http://a.example/b?c", b"HTTP://A.Example", b"/"]),
)


@st.composite
def lines(draw: st.DrawFn, fields: list[tuple[bytes, bytes]]) -> bytes:
    """The lines of `fields` and of some that mean nothing here."""
    others = draw(st.lists(st.tuples(NAMES, VALUES), max_size=4))
    every = draw(st.permutations([*fields, *others]))
    return b"".join(b"%b:%b%b%b\r\n" % (n, draw(SPACES), v, draw(SPACES)) for n, v in every)


@st.composite
def bodies(draw: st.DrawFn, chunked: bool) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The fields that frame a body, and the body as it is framed by them."""
    content = draw(st.binary(max_size=30))
    kinds = [b"none", b"length", b"chunked"] if chunked else [b"none", b"length"]
    kind = draw(st.sampled_from(kinds))
    if kind == b"none":
        return [], b""
    if kind == b"length":
        zeros = draw(st.integers(0, 3))
        return [(draw(spelled("Content-Length")), b"0" * zeros + b"%d" % len(content))], content
    cut = draw(st.integers(0, len(content)))
    trailers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=2))
    body = chunk(content[:cut]) + chunk(content[cut:]) + last_chunk(trailers)
    return [(draw(spelled("Transfer-Encoding")), draw(spelled("chunked")))], body


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    fields, body = draw(bodies(chunked=version == b"1.1"))
    fields.append((draw(spelled("Host")), b"a.example"))
    if draw(st.booleans()):
        fields.append((b"Connection", draw(st.sampled_from([b"close", b"keep-alive", b"close, x-a"]))))
    first = b"%b %b HTTP/%b\r\n" % (draw(st.sampled_from(METHODS)), draw(TARGETS), version)
    return first + draw(lines(fields)) + b"\r\n" + body


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    fields, body = draw(bodies(chunked=True))
    status = draw(
        st.sampled_from([b"200 OK", b"404 Not Found", b"204 ", b"304 Not Modified", b"103 Early", b"500"])
    )
    return b"HTTP/1.1 " + status + b"\r\n" + draw(lines(fields)) + b"\r\n" + body


PIECES = st.one_of(
    st.sampled_from([bytes([byte]) for byte in b'\r\n\t\0\x0b\x7f\x80 :;,#@\\/.0159afx+-_"']),
    st.sampled_from([b"\r\n", b"\n ", b"\r\n ", b"chunked", b"gzip", b"Host: b\r\n", b"0\r\n\r\n"]),
    st.sampled_from([b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"]),
    st.binary(max_size=2),
)


@st.composite
def changed(draw: st.DrawFn, messages: st.SearchStrategy[bytes]) -> bytes:
    """A message with one to three changes: bytes put in, put in for others, taken out, or doubled."""
    data = draw(messages)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.sampled_from([0, 0, 1, 2, 6]))
        doubled = data[at : at + draw(st.integers(0, 20))]
        data = data[:at] + draw(st.one_of(PIECES, st.just(b""), st.just(doubled))) + data[end:]
    return data


def agree_on_request(stream: bytes) -> None:
    """Fail unless h11 and httptools read the request that we have accepted, and as we do."""
    reading = ours(stream)
    assert reading is not None
    # RFC 9112, section 2.2, wants an empty line passed over; h11 does not.
    assert by_h11(stream.removeprefix(b"\r\n")) == reading
    if httptools_reads(reading, stream):
        assert by_httptools(stream) == reading._replace(rest=b"")


def httptools_reads(reading: Reading, stream: bytes) -> bool:
    """False for what httptools refuses, or reads otherwise, on its own: none of it goes on as it came.

    It knows some methods, takes no tab after `chunked`, no framing among trailers, and whatever has
    Upgrade for one.
    """
    if reading.first[0] not in METHODS or b"upgrade" in dict(reading.fields):
        return False
    if b"chunked\t" in stream.lower().replace(b" ", b""):
        return False
    return passed_trailers(reading.trailers, NO_OPTIONS) == reading.trailers


def goes_on_as_routed(stream: bytes) -> None:
    """Fail unless what a server gets of an accepted request is that request, and nothing more."""
    answer = parse_request_head(stream)
    assert answer is not None
    head, rest = answer
    body = read(body_reader(head.framing), [rest])
    assume(body.done)
    trailers = passed_trailers(body.trailers, head.options)
    sent = onward_request(head, HOP) + framed(head.framing, body.content, trailers)
    again = parse_request_head(sent)
    assert again is not None
    there = again[0]
    assert (there.method, there.target, there.path) == (head.method, head.onward, head.path)
    assert there.authority == (head.authority or HOP.authority)
    assert (there.framing, there.upgrade) == (head.framing, head.upgrade)
    kept = [field for field in head.plain if field[0].lower() not in head.options]
    assert list(there.plain) == kept
    assert there.known[b"x-forwarded-for"] == [b"192.0.2.1"]
    reading = by_h11(sent + NEXT)
    assert reading is not None
    assert (reading.complete, reading.rest) == (True, NEXT)
    assert (reading.first, reading.body) == ((head.method, head.onward), body.content)
    assert reading.trailers == [(name.lower(), value) for name, value in trailers]


def framed(framing: Framing, content: bytes, trailers: list[tuple[bytes, bytes]]) -> bytes:
    return chunk(content) + last_chunk(trailers) if framing.kind is Kind.CHUNKED else content


@given(requests())
def test_valid_requests_are_read_by_all_and_go_on(data: bytes) -> None:
    reading = ours(data + NEXT)
    assert reading is not None
    assert (reading.complete, reading.rest) == (True, NEXT)
    agree_on_request(data + NEXT)
    goes_on_as_routed(data + NEXT)


@given(changed(requests()))
def test_changed_requests_that_are_accepted_are_read_by_all_and_go_on(data: bytes) -> None:
    accepted = ours(data + NEXT) is not None
    event("accepted" if accepted else "refused")
    if accepted:
        agree_on_request(data + NEXT)
        goes_on_as_routed(data + NEXT)


@given(st.one_of(requests(), changed(requests())), st.lists(st.integers(0, 400), max_size=5))
def test_requests_are_read_alike_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert outcome(pieces) == outcome([data])


def outcome(pieces: list[bytes]) -> object:
    """What comes of `pieces`: a head and the rest, or the status of a refusal."""
    try:
        return parsed(parse_request_head, pieces)
    except Exception as error:
        return type(error), getattr(error, "status", None)


@given(responses(), st.sampled_from([b"GET", b"HEAD"]))
def test_valid_responses_are_read_by_h11_too(data: bytes, method: bytes) -> None:
    reading = ours(data, method)
    assert reading is not None
    assert reading == by_h11(data, method)


@given(changed(responses()), st.sampled_from([b"GET", b"HEAD"]))
def test_changed_responses_that_are_accepted_are_read_by_h11_too(data: bytes, method: bytes) -> None:
    reading = ours(data, method)
    event("accepted" if reading else "refused")
    if reading:
        assert reading == by_h11(data, method)


@given(st.one_of(responses(), changed(responses())), st.sampled_from([b"GET", b"HEAD"]))
def test_responses_go_on_as_they_came(data: bytes, method: bytes) -> None:
    assume(ours(data, method) is not None)
    request = parse_request_head(ASKED.replace(b"GET", method))
    answer = parse_response_head(data, method)
    assert request is not None
    assert answer is not None
    head, rest = answer
    assume(not head.interim)
    body = read(body_reader(head.framing, 502), [rest])
    assume(body.done or head.framing.kind is Kind.UNTIL_CLOSE)
    framing = client_framing(head.framing, b"1.1")
    trailers = passed_trailers(body.trailers, head.options)
    sent = onward_response(head, request[0].version, b"lbtwist", b"now", keep_alive=True)
    reading = by_h11(sent + framed(framing, body.content, trailers), method)
    assert reading is not None
    assert reading.complete
    assert (reading.first, reading.body) == ((b"%d" % head.status,), body.content)
    assert reading.rest == b""
