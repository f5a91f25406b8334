"""WebSockets through an http listener: the handshake, bytes both ways, and how they are cut."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.plane import EVERYTHING, Scope
from tests.net.bench import WEB, member
from tests.net.http.stage import (
    KEY,
    MASK,
    SWITCHED,
    TIMEOUTS,
    UPGRADE,
    Stage,
    answers,
    http,
    read,
    request,
    response,
)
from tests.net.test_plane_contract import outcome
from tests.wire.frames import CLOSE, TEXT, frame

FIRST = Scope.registration(1)
CODE = (1001).to_bytes(2, "big")
TO_CLIENT = frame(CLOSE, CODE)
"""Our Close frame, as the client gets it."""
TO_SERVER = frame(CLOSE, bytes(a ^ b for a, b in zip(CODE, MASK, strict=False)), mask=MASK)
"""And as the server gets it: masked."""
ANSWERS = {"client": frame(CLOSE, CODE, mask=b"abcd"), "server": frame(CLOSE, CODE)}
MESSAGES = {"client": frame(TEXT, b"hello", mask=b"abcd"), "server": frame(TEXT, b"hello")}
SIDES = ("client", "server")
side = pytest.mark.parametrize("side", SIDES)


class Sides(dict[str, Any]):
    """Both ends of a tunnel, by name."""

    def __init__(self, stage: Stage) -> None:
        client, server = stage.tunnel()
        super().__init__(client=client, server=server)

    def other(self, side: str) -> Any:
        return self["server" if side == "client" else "client"]

    @property
    def ends(self) -> list[str]:
        return [self[name].end for name in SIDES]


def cut(stage: Stage, scope: Scope = FIRST) -> int:
    done = stage.plane.cut(scope)
    stage.settle()
    return done


def endings(stage: Stage) -> tuple[int, int, int]:
    """Cut, and of these closed and aborted; the same for the listener and the registration."""
    tally = stage.tally(1)
    assert tally == stage.tally()
    assert tally.live == 0
    return tally.cut, tally.closed, tally.aborted


def test_a_handshake_and_messages_both_ways() -> None:
    stage = http()
    client, server = stage.asks(UPGRADE)
    asked = read(server.hear())
    assert asked.fields[b"connection"] == [b"Upgrade"]
    assert asked.field("upgrade") == b"websocket"
    assert asked.field("sec-websocket-key") == KEY
    server.say(SWITCHED + MESSAGES["server"])
    said = read(client.hear())
    assert (said.status, said.rest) == (101, MESSAGES["server"])
    assert said.field("connection") == b"Upgrade"
    assert said.field("upgrade") == b"websocket"
    assert said.field("via") == b"1.1 lbtwist"
    client.say(MESSAGES["client"])
    assert server.hear() == MESSAGES["client"]
    assert stage.tally(1).live == stage.tally().live == 1


def test_what_a_client_sends_with_its_request_goes_on_after_the_answer() -> None:
    stage = http()
    client, server = stage.asks(UPGRADE + MESSAGES["client"])
    client.say(MESSAGES["client"])
    server.hear()
    server.say(SWITCHED)
    assert server.hear() == MESSAGES["client"] * 2
    client.say(MESSAGES["client"])
    assert server.hear() == MESSAGES["client"]


@pytest.mark.parametrize("status", [200, 403, 426])
def test_any_other_answer_is_an_ordinary_response(status: int) -> None:
    stage = http()
    client, server = stage.asks(UPGRADE)
    server.say(response(b"no", status=status))
    assert client.said().status == status
    client.say(request())
    assert read(stage.accepted[2][0].hear()).first == b"GET / HTTP/1.1"


@pytest.mark.parametrize(
    "bad",
    [
        SWITCHED.replace(b"Accept: ", b"Accept: x"),
        SWITCHED.replace(b"Sec-WebSocket-Accept", b"Sec-WebSocket-Other"),
        SWITCHED.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        SWITCHED.replace(b"Connection: Upgrade\r\n", b""),
    ],
)
def test_a_101_that_does_not_answer_the_request_is_502(bad: bytes) -> None:
    stage = http()
    client, server = stage.asks(UPGRADE)
    server.say(bad)
    assert client.said().status == 502
    assert server.end == "fin"
    assert stage.ledger.live == {}


def test_another_upgrade_is_as_if_it_had_never_been_there() -> None:
    stage = http()
    fields = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    client, server = stage.asks(request("POST", "/", *fields, body=b"abc"))
    asked = read(server.hear())
    assert asked.body == b"abc"
    assert not {b"connection", b"upgrade", b"http2-settings"} & set(asked.fields)
    server.say(response(b"ok"))
    assert client.said().body == b"ok"


@side
def test_a_half_close_goes_on_and_the_other_direction_stays(side: str) -> None:
    stage = http()
    ends = Sides(stage)
    ends[side].shut()
    assert ends.other(side).end == "fin"
    ends.other(side).say(b"still")
    assert ends[side].hear() == b"still"
    assert stage.view().activity == "half-closed"
    ends.other(side).shut()
    assert ends.ends == ["fin", "fin"]
    assert endings(stage) == (0, 0, 0)
    assert stage.empty()


def test_who_shuts_its_sending_side_before_the_answer_has_shut_it_in_the_tunnel() -> None:
    stage = http()
    client, server = stage.asks(UPGRADE + MESSAGES["client"])
    client.shut()
    server.hear()
    server.say(SWITCHED)
    assert (server.hear(), server.end) == (MESSAGES["client"], "fin")
    server.close()
    assert client.end == "fin"
    assert stage.empty()


@side
@pytest.mark.parametrize("how", ["close", "reset"])
def test_when_one_side_goes_the_other_sees_the_same_end(side: str, how: str) -> None:
    stage = http()
    ends = Sides(stage)
    getattr(ends[side], how)()
    assert ends.other(side).end == ("fin" if how == "close" else "reset")
    ends.other(side).close()
    assert stage.empty()
    assert endings(stage) == (0, 0, 0)


@side
def test_a_side_that_does_not_read_holds_the_other_one_up(side: str) -> None:
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    ends = Sides(stage)
    ends[side].deaf()
    ends.other(side).say(bytes(10_000))
    assert len(ends[side].transport.far.queue) <= 1000
    ends[side].listen()
    assert ends[side].hear() == bytes(10_000)


def test_rule_52_the_request_timeout_applies_no_more_and_the_tunnel_timeout_does() -> None:
    """Rule 52."""
    stage = http()
    ends = Sides(stage)
    stage.pass_time(TIMEOUTS["tunnel_timeout"] - 1)
    ends["server"].say(MESSAGES["server"])
    stage.pass_time(TIMEOUTS["tunnel_timeout"] - 0.1)
    assert ends.ends == ["", ""]
    stage.pass_time(0.3)
    assert ends.ends == ["fin", "fin"]
    assert endings(stage) == (0, 0, 0)
    assert ends["client"].hear() == MESSAGES["server"], "no Close frame"


def test_rule_14_the_tunnel_timeout_still_counts_during_a_drain() -> None:
    """Rule 14."""
    stage = http()
    ends = Sides(stage)
    stage.pass_time(40)
    stage.rotate(member(2))
    stage.pass_time(10.2)
    assert ends.ends == ["fin", "fin"]


def test_a_new_tunnel_timeout_counts_for_old_tunnels() -> None:
    stage = http()
    ends = Sides(stage)
    stage.listen(**{**TIMEOUTS, "tunnel_timeout": 5.0})
    stage.pass_time(5.2)
    assert ends.ends == ["fin", "fin"]


def test_rule_50_during_the_drain_messages_go_both_ways() -> None:
    """Rule 50; and idle connections alone are closed (rule 15)."""
    stage = http()
    ends = Sides(stage)
    stage.rotate(member(2))
    stage.settle()
    for name in SIDES:
        ends[name].say(MESSAGES[name])
        assert ends.other(name).hear() == MESSAGES[name]


def test_rule_53_who_reconnects_during_the_drain_lands_on_another_server() -> None:
    """Rule 53."""
    stage = http()
    ends = Sides(stage)
    stage.rotate(member(2))
    cut(stage)
    stage.pass_time(1.1)
    assert all(ends.ends)
    client, server = stage.tunnel(server=2)
    client.say(MESSAGES["client"])
    assert server.hear() == MESSAGES["client"]
    assert (stage.tally(1).total, stage.tally(2).total) == (1, 1)


def test_rule_51_both_sides_get_a_close_frame_and_are_closed_when_both_have_answered() -> None:
    """Rules 51 and 80: the frame comes with the cut, masked towards the server alone."""
    stage = http()
    ends = Sides(stage)
    assert cut(stage) == 1
    assert ends["client"].hear() == TO_CLIENT
    assert ends["server"].hear() == TO_SERVER
    assert stage.view().activity == "closing"
    ends["client"].say(ANSWERS["client"])
    assert ends.ends == ["", ""], "together"
    ends["server"].say(ANSWERS["server"])
    assert ends.ends == ["fin", "fin"]
    assert [ends[name].hear() for name in SIDES] == [b"", b""], "answers go no further"
    assert endings(stage) == (1, 1, 0)
    assert stage.empty()


@pytest.mark.parametrize("answering", [(), ("client",), ("server",)])
def test_rule_51_who_does_not_answer_is_closed_within_a_second(answering: tuple[str, ...]) -> None:
    """Rule 51: both in the same moment, at the latest 1 s after the deadline."""
    stage = http()
    ends = Sides(stage)
    cut(stage)
    for name in answering:
        ends[name].say(ANSWERS[name])
    stage.pass_time(0.85)
    assert ends.ends == ["", ""]
    stage.pass_time(0.2)
    assert ends.ends == ["fin", "fin"]
    assert endings(stage) == (1, 1, 0)
    assert stage.empty()


@side
@pytest.mark.parametrize("rest", ["at once", "in pieces"])
def test_rule_51_in_the_middle_of_a_frame_the_close_frame_comes_after_it(side: str, rest: str) -> None:
    """Rule 51: the other direction gets its own at once; what follows the frame goes no further."""
    stage = http()
    ends = Sides(stage)
    message = MESSAGES[side]
    ends[side].say(message[:4])
    cut(stage)
    taker = ends.other(side)
    assert taker.hear() == message[:4]
    ours = {"client": TO_SERVER, "server": TO_CLIENT}[side]
    assert ends[side].hear() == {"client": TO_CLIENT, "server": TO_SERVER}[side]
    more = message[4:] + MESSAGES[side]
    stage.pass_time(0.5)
    if rest == "at once":
        ends[side].say(more)
    else:
        ends[side].say(*(more[at : at + 1] for at in range(len(more))))
    assert taker.hear() == message[4:] + ours
    ends[side].say(ANSWERS[side])
    taker.say(ANSWERS["server" if side == "client" else "client"])
    assert ends.ends == ["fin", "fin"]
    assert endings(stage) == (1, 1, 0)


@side
@pytest.mark.parametrize("begun", [1, 4])
def test_rule_51_a_frame_that_never_ends_is_a_reset_for_who_got_a_part_of_it(side: str, begun: int) -> None:
    """Rules 5 and 51: within a second, and without a Close frame in the frame."""
    stage = http()
    ends = Sides(stage)
    ends[side].say(MESSAGES[side][:begun])
    cut(stage)
    taker = ends.other(side)
    ends[side].say(ANSWERS[side][:0])
    stage.pass_time(1.1)
    assert taker.hear() == MESSAGES[side][:begun]
    assert taker.end == "reset"
    assert ends[side].end == "fin"
    assert endings(stage) == (1, 0, 1)
    assert stage.empty()


@side
def test_rule_51_after_its_close_frame_nothing_more_is_relayed_to_a_side(side: str) -> None:
    """Rule 51."""
    stage = http()
    ends = Sides(stage)
    cut(stage)
    ends.other(side).hear()
    ends[side].say(MESSAGES[side] * 3)
    assert ends.other(side).hear() == b""
    ends[side].say(MESSAGES[side][:3])
    ends[side].say(MESSAGES[side][3:] + ANSWERS[side])
    assert ends.ends == ["", ""]
    ends.other(side).say(ANSWERS["server" if side == "client" else "client"])
    assert ends.ends == ["fin", "fin"], "an answer is found behind other frames"


@side
def test_rule_51_who_had_sent_its_close_frame_gets_one_and_the_other_side_no_second_one(side: str) -> None:
    """Rule 51, in the middle of a closing handshake."""
    stage = http()
    ends = Sides(stage)
    ends[side].say(ANSWERS[side])
    other = "server" if side == "client" else "client"
    assert ends[other].hear() == ANSWERS[side]
    cut(stage)
    assert ends[other].hear() == b"", "it has had one"
    assert ends[side].hear() == {"client": TO_CLIENT, "server": TO_SERVER}[side]
    ends[other].say(ANSWERS[other])
    assert ends.ends == ["fin", "fin"]
    assert endings(stage) == (1, 1, 0)


@side
def test_rule_51_where_there_are_no_frames_nothing_is_put_between_the_bytes(side: str) -> None:
    """Rule 51: nobody knows where a frame would begin; the other direction is told."""
    stage = http()
    ends = Sides(stage)
    ends[side].say(b"\xff\xff no frame")
    ends.other(side).hear()
    cut(stage)
    ends[side].say(b"more")
    stage.pass_time(1.1)
    assert ends.other(side).hear() == b""
    assert ends.other(side).end == "reset"
    assert ends[side].hear() == {"client": TO_CLIENT, "server": TO_SERVER}[side]
    assert endings(stage) == (1, 0, 1)


@side
def test_rule_51_a_side_gets_what_is_held_for_it_and_then_its_close_frame(side: str) -> None:
    """Rule 51."""
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    ends = Sides(stage)
    long = frame(payload=bytes(1500), mask=b"" if side == "client" else b"abcd")
    ends[side].deaf()
    ends.other(side).say(long)
    cut(stage)
    ends[side].listen()
    assert ends[side].hear() == long + {"client": TO_CLIENT, "server": TO_SERVER}[side]
    for name in SIDES:
        ends[name].say(ANSWERS[name])
    assert ends.ends == ["fin", "fin"]
    assert endings(stage) == (1, 1, 0)


@side
def test_rule_51_a_side_that_does_not_read_is_reset_within_a_second(side: str) -> None:
    """Rules 5 and 51: a Close frame that it did not take was not sent to it."""
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    ends = Sides(stage)
    ends[side].deaf()
    ends.other(side).say(frame(payload=bytes(1500), mask=b"" if side == "client" else b"abcd"))
    cut(stage)
    ends.other(side).say(ANSWERS["server" if side == "client" else "client"])
    stage.pass_time(1.1)
    ends[side].listen()
    assert ends[side].end == "reset"
    assert ends.other(side).end == "fin"
    assert endings(stage) == (1, 0, 1)
    assert stage.empty()


@side
@pytest.mark.parametrize("how", ["shut", "close", "reset"])
def test_rule_51_who_goes_after_the_cut_needs_not_answer(side: str, how: str) -> None:
    """Rule 51: and the other one still may."""
    stage = http()
    ends = Sides(stage)
    cut(stage)
    getattr(ends[side], how)()
    assert ends.other(side).end == ""
    ends.other(side).say(ANSWERS["server" if side == "client" else "client"])
    assert ends.other(side).end == "fin"
    ends[side].close()
    assert endings(stage) == (1, 1, 0)
    assert stage.empty()


@side
@pytest.mark.parametrize("how", ["shut", "close"])
def test_rule_51_who_ends_last_ends_the_waiting(side: str, how: str) -> None:
    """Rule 51: nobody is waited for who sends nothing any more."""
    stage = http()
    ends = Sides(stage)
    cut(stage)
    ends.other(side).say(ANSWERS["server" if side == "client" else "client"])
    assert ends.ends == ["", ""]
    getattr(ends[side], how)()
    assert ends.other(side).end == "fin"


@side
@pytest.mark.parametrize("held", [False, True])
def test_rule_51_answers_are_heard_though_one_side_does_not_read(side: str, held: bool) -> None:
    """Rule 51: both are closed when both have answered, and who did not take its frame sees a reset."""
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    ends = Sides(stage)
    other = "server" if side == "client" else "client"
    ends[side].deaf()
    size = 1500 if held else 1000
    mask = b"" if side == "client" else b"abcd"
    ends[other].say(frame(payload=bytes(size - 4 - len(mask)), mask=mask))
    assert bool(ends[side].transport.far.queue) is held
    cut(stage)
    for name in SIDES:
        ends[name].say(ANSWERS[name])
    ends[side].listen()
    assert ends[side].end == "reset"
    assert ends[other].end == "fin"
    assert endings(stage) == (1, 0, 1)


@pytest.mark.parametrize("frame_under_way", [False, True])
def test_rule_51_when_both_go_after_the_cut_it_is_counted_as_cut(frame_under_way: bool) -> None:
    """Rules 51 and 64."""
    stage = http()
    ends = Sides(stage)
    if frame_under_way:
        ends["client"].say(MESSAGES["client"][:3])
    cut(stage)
    for name in SIDES:
        ends[name].transport.abortConnection()
    stage.settle()
    assert endings(stage) == ((1, 0, 1) if frame_under_way else (1, 1, 0))
    assert stage.empty()


@side
def test_rule_51_a_side_that_is_half_closed_gets_its_close_frame_and_has_answered(side: str) -> None:
    """Rule 51: into a direction that has ended nothing can be put."""
    stage = http()
    ends = Sides(stage)
    other = "server" if side == "client" else "client"
    ends[side].shut()
    cut(stage)
    assert ends[side].hear() == {"client": TO_CLIENT, "server": TO_SERVER}[side]
    assert ends[other].hear() == b""
    ends[other].say(ANSWERS[other])
    assert ends.ends == ["fin", "fin"]
    assert endings(stage) == (1, 0, 1), "one side could not be told"
    assert stage.empty()


def test_rule_51_without_a_code_both_are_closed_at_once() -> None:
    """Rule 51: websocket_close = 0 sends no frame."""
    stage = http()
    stage.rotate(member(1), websocket_close=0)
    ends = Sides(stage)
    cut(stage)
    assert [ends[name].hear() for name in SIDES] == [b"", b""]
    assert ends.ends == ["fin", "fin"]
    assert endings(stage) == (1, 0, 1)
    assert stage.empty()


@pytest.mark.parametrize("code", [1012, 4000])
def test_rule_51_the_code_is_that_of_the_group(code: int) -> None:
    """Rule 51: websocket_close."""
    stage = http()
    stage.rotate(member(1), websocket_close=code)
    client, _ = stage.tunnel()
    cut(stage)
    assert client.hear() == frame(CLOSE, code.to_bytes(2, "big"))


def test_rule_51_a_second_cut_and_a_new_policy_move_nothing() -> None:
    """Rule 51, and rule 3: what runs is not touched by an edit."""
    stage = http()
    ends = Sides(stage)
    cut(stage)
    stage.pass_time(0.4)
    assert cut(stage) == 0
    stage.listen(**{**TIMEOUTS, "tunnel_timeout": 100.0})
    assert ends["client"].hear() == TO_CLIENT
    stage.pass_time(0.65)
    assert ends.ends == ["fin", "fin"]


@pytest.mark.parametrize("scope", [Scope.listener(WEB), EVERYTHING, FIRST])
def test_a_cut_of_each_scope_and_what_waits_for_it(scope: Scope) -> None:
    """Rules 4 and 51."""
    stage = http()
    ends = Sides(stage)
    waiting = outcome(stage.plane.when_empty(scope))
    assert cut(stage, scope) == 1
    assert waiting == []
    for name in SIDES:
        ends[name].say(ANSWERS[name])
    assert waiting == [None]


def test_one_tunnel_is_cut() -> None:
    stage = http()
    ends, others = Sides(stage), stage.asks(UPGRADE, server=2)
    assert stage.plane.cut_connection(stage.ledger.live[1].id)
    stage.settle()
    assert ends["client"].hear() == TO_CLIENT
    assert others[0].hear() == b""


def test_a_tunnel_that_still_flushes_after_its_client_has_gone_is_cut_at_once() -> None:
    """Rule 5: what is held for a slow peer is dropped."""
    stage = Stage(capacity=1000)
    stage.servers(1)
    stage.listen(**TIMEOUTS)
    ends = Sides(stage)
    ends["server"].deaf()
    ends["client"].say(bytes(1500))
    ends["client"].close()
    stage.settle()
    assert stage.tally().live == 1
    cut(stage)
    stage.pass_time(1.1)
    ends["server"].listen()
    assert ends["server"].end == "reset"
    assert endings(stage) == (1, 0, 1)
    assert stage.empty()


def test_a_tunnel_is_shown_with_the_request_that_began_it() -> None:
    stage = http()
    client, server = stage.tunnel()
    stage.pass_time(2)
    client.say(MESSAGES["client"])
    stage.pass_time(1)
    server.say(MESSAGES["server"])
    view = stage.view()
    assert (view.id, view.protocol, view.activity, view.server) == (1, "websocket", "relaying", "app/s1#1")
    assert (view.method, view.host, view.path) == ("GET", "a.example", "/chat")
    assert (round(view.age), round(view.idle)) == (3, 0)
    assert view.received == len(UPGRADE) + len(MESSAGES["client"])
    assert view.sent == len(client.received)


def test_a_tunnel_is_one_client_of_its_listener_until_it_ends() -> None:
    stage = http(max_connections=1)
    client, server = stage.tunnel()
    assert stage.client().said().status == 503
    client.close()
    server.close()
    stage.pass_time(1.1)
    assert stage.guests == 0


def test_a_request_after_an_early_one_may_become_a_tunnel() -> None:
    stage = http()
    stage.servers(1)
    client, server = stage.asks(request())
    server.say(response(b"1"))
    server.hear()
    client.say(UPGRADE)
    assert stage.accepted[1] == [server], "on a connection that was kept"
    server.say(SWITCHED)
    assert [each.status for each in answers(client.hear())] == [200, 101]
    server.say(MESSAGES["server"])
    assert client.hear() == MESSAGES["server"]
    stage.pass_time(10)
    assert (client.end, server.end) == ("", ""), "its old timeouts are over"
