"""Whatever clients and servers say, in whatever order: requests and responses stay who they are.

Clients ask, pipeline, upload, upgrade, stop in the middle, and go; servers answer, half-answer, break,
and die; servers come and go, connections are cut, and time passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lbtwist.model.plane import EVERYTHING, Rotation, Scope
from tests.net.bench import GROUP, WEB, Bench, closed, member
from tests.net.http.stage import (
    CHUNKED,
    SWITCHED,
    TIMEOUTS,
    UPGRADE,
    Said,
    Stage,
    chunks,
    read,
    request,
    response,
)
from tests.net.recorder import HalfCloseable

SERVERS = (1, 2, 3)
CAPACITY = 400
CHUNK = 150
WHICH = st.integers(0, 30)
REPEATABLE = ("GET", "PUT")


class Client(HalfCloseable):
    """Asks; what it asks for says which client it is and which of its requests."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.asked: list[str] = []
        """Method and target of each request, in order."""
        self.owed = b""
        """The rest of a request of which the beginning was sent."""
        self.upgraded = False
        self.gone = False

    def ask(self, method: str, body: bytes, framing: str, part: bool) -> None:
        if self.gone or self.upgraded:
            return
        self.finish()
        target = f"/{self.number}.{len(self.asked)}"
        self.asked.append(f"{method} {target}")
        data = request(method, target, body=body)
        if framing == "chunked" and body:
            data = request(method, target, CHUNKED) + chunks(body[:1], body[1:] or b"x")
        self._send(data, part)

    def upgrade(self) -> None:
        if not (self.gone or self.upgraded):
            self.finish()
            self.upgraded = True
            target = f"/{self.number}.{len(self.asked)}"
            self.asked.append(f"GET {target}")
            self.transport.write(UPGRADE.replace(b"/chat", target.encode()))

    def finish(self) -> None:
        self.transport.write(self.owed)
        self.owed = b""

    def _send(self, data: bytes, part: bool) -> None:
        half = len(data) // 2 if part else len(data)
        self.transport.write(data[:half])
        self.owed = data[half:]

    def answers(self) -> list[Said]:
        """The responses that came, the last perhaps in part; of interim ones and a tunnel nothing."""
        found: list[Said] = []
        data = bytes(self.received)
        while b"\r\n\r\n" in data:
            said = read(data)
            data = said.rest
            if said.status >= 200 or said.status == 101:
                found.append(said)
            if said.status == 101 or not said.framed:
                break
        return found


class Server(HalfCloseable):
    """Hears requests, one after the other, and says what it is told to."""

    def __init__(self, number: int, heard: Callable[[Said], object]) -> None:
        super().__init__()
        self.number = number
        self.open: Said | None = None
        """The request that it has not answered yet."""
        self.rest = b""
        """What is left to be said of a response."""
        self.tunnel = False
        self._buffer = b""
        self._begun = False
        self._on_request = heard
        self.on_data = self._take

    def _take(self, data: bytes) -> None:
        if self.tunnel:
            return
        self._buffer += data
        if b"\r\n\r\n" not in self._buffer:
            return
        said = read(self._buffer)
        if not self._begun:
            assert self.open is None, "one at a time"
            self._begun = True
            self.open = said
            self._on_request(said)
        if said.framed:
            self.open = said
            self._begun = False
            self._buffer = said.rest

    def answer(self, how: str) -> None:
        if self.open is None or self.tunnel:
            return
        if self.rest:
            self._say(self.rest, done=True)
            return
        name = self.open.first.split()[1]
        whole = {
            "chunked": response(chunks(name, b"x" * 500), CHUNKED, length=False),
            "broken": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "interim": response(b"", status=103, length=False),
            "until close": response(name, length=False),
        }.get(how, response(name + b"y" * 200))
        if how == "half":
            self.rest = whole[-150:]
            self.transport.write(whole[:-150])
        elif how == "upgrade":
            if b"upgrade" in self.open.fields:
                self.tunnel = True
                self.transport.write(SWITCHED)
        else:
            self._say(whole, done=how not in ("interim", "until close"))
        if how in ("until close", "broken"):
            self.transport.loseConnection()

    def _say(self, data: bytes, done: bool) -> None:
        self.transport.write(data)
        if done:
            self.rest = b""
            if not self._begun:
                self.open = None


class Requests(RuleBasedStateMachine):
    """One http listener, one group, three servers."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(CAPACITY, CHUNK)
        self.stage.make_end = self.make_server
        self.clients: list[Client] = []
        self.servers: list[Server] = []
        self.sent: Counter[bytes] = Counter()
        """How often servers have heard the first line of each request."""
        self.rotation = Rotation()
        self.out: dict[int, int] = {}
        """The registrations out of rotation, each with the requests that it has had until then."""
        for number in SERVERS:
            self.serve(number)
        self.stage.listen(**TIMEOUTS)
        self.rotate(dict.fromkeys(SERVERS, 0), "rr", 2, 0, 4)

    def make_server(self) -> Server:
        raise AssertionError("servers are made by `serve`")

    def serve(self, number: int, after: float = 0.0) -> None:
        def accept() -> Server:
            self.servers.append(Server(number, self.hear))
            return self.servers[-1]

        self.stage.dialer.answer(member(number).address, accept, after)

    def hear(self, said: Said) -> None:
        line = said.first.rsplit(b" ", 1)[0]
        self.sent[line] += 1
        method = line.split()[0].decode()
        empty = not {b"content-length", b"transfer-encoding"} & set(said.fields)
        assert self.sent[line] == 1 or (method in REPEATABLE and empty), "nothing else is sent twice"

    def client(self, which: int) -> Client:
        return self.clients[which % len(self.clients)]

    @property
    def group(self) -> Any:
        return self.stage.plane._groups[GROUP]

    @rule()
    def connect(self) -> None:
        client = Client(len(self.clients))
        self.stage.make_end = lambda: client
        Bench.client(self.stage)
        self.clients.append(client)
        self.stage.settle()

    @precondition(lambda self: self.clients)
    @rule(
        which=WHICH,
        method=st.sampled_from(["GET", "GET", "PUT", "POST"]),
        body=st.sampled_from([b"", b"", b"abc", bytes(2 * CAPACITY)]),
        framing=st.sampled_from(["length", "chunked"]),
        part=st.booleans(),
        times=st.sampled_from([1, 1, 3]),
    )
    def ask(self, which: int, method: str, body: bytes, framing: str, part: bool, times: int) -> None:
        for at in range(times):
            self.client(which).ask(method, body, framing, part and at == times - 1)

    @precondition(lambda self: self.clients)
    @rule(which=WHICH)
    def upgrade(self, which: int) -> None:
        self.client(which).upgrade()

    @precondition(lambda self: self.clients)
    @rule(which=WHICH)
    def finish(self, which: int) -> None:
        if not self.client(which).gone:
            self.client(which).finish()

    @precondition(lambda self: self.servers)
    @rule(
        which=WHICH,
        how=st.sampled_from(
            ["answer", "answer", "answer", "chunked", "half", "until close", "broken", "interim", "upgrade"]
        ),
    )
    def answer(self, which: int, how: str) -> None:
        self.stage.settle()
        waiting = [each for each in self.servers if each.open is not None and not each.reason]
        if waiting:
            waiting[which % len(waiting)].answer(how)

    @precondition(lambda self: self.servers)
    @rule(which=WHICH, how=st.sampled_from(["loseConnection", "abortConnection", "loseWriteConnection"]))
    def die(self, which: int, how: str) -> None:
        getattr(self.servers[-1 - which % len(self.servers)].transport, how)()

    @precondition(lambda self: self.servers)
    @rule(which=WHICH)
    def speak_unasked(self, which: int) -> None:
        server = self.servers[which % len(self.servers)]
        if server.open is None and not server._begun:
            server.transport.write(b"!")

    @precondition(lambda self: self.clients)
    @rule(which=WHICH, how=st.sampled_from(["loseConnection", "abortConnection", "loseWriteConnection"]))
    def leave(self, which: int, how: str) -> None:
        client = self.client(which)
        client.gone = True
        getattr(client.transport, how)()

    @precondition(lambda self: self.clients)
    @rule(which=WHICH, how=st.sampled_from(["pauseProducing", "resumeProducing"]))
    def pace(self, which: int, how: str) -> None:
        peers: list[Any] = [*self.clients, *self.servers]
        getattr(peers[which % len(peers)].transport, how)()

    @rule(seconds=st.sampled_from([0.0, 0.0, 0.0, 0.1, 1.2, 4.5, 8.0, 21.0]))
    def wait(self, seconds: float) -> None:
        self.stage.settle()
        self.stage.pass_time(seconds, 0.1)

    @rule(number=st.sampled_from(SERVERS), count=st.sampled_from([None, 1]))
    def cut_registration(self, number: int, count: int | None) -> None:
        self.stage.plane.cut(Scope.registration(number), count)

    @rule()
    def cut_all(self) -> None:
        self.stage.plane.cut(EVERYTHING)

    @rule(which=WHICH)
    def cut_one(self, which: int) -> None:
        ids = [view.id for view in self.stage.plane.connections(EVERYTHING)]
        if ids:
            assert self.stage.plane.cut_connection(ids[which % len(ids)])

    @rule(
        limits=st.dictionaries(st.sampled_from(SERVERS), st.sampled_from([0, 0, 1])),
        scheduler=st.sampled_from(["rr", "lc"]),
        retries=st.integers(0, 2),
        max_queue=st.integers(0, 2),
        keepalive=st.sampled_from([0, 1, 4]),
    )
    def rotate(
        self, limits: dict[int, int], scheduler: str, retries: int, max_queue: int, keepalive: int
    ) -> None:
        members = tuple(member(number, max_connections=limit) for number, limit in limits.items())
        self.rotation = Rotation(
            members, scheduler, retries, max_queue=max_queue, queue_timeout=2.0, keepalive=keepalive
        )
        self.stage.plane.rotate(GROUP, self.rotation)
        self.out = {number: self.stage.tally(number).total for number in SERVERS if number not in limits}

    @rule(number=st.sampled_from(SERVERS), how=st.sampled_from(["serve", "serve", "slow", "refuse"]))
    def change_server(self, number: int, how: str) -> None:
        if how == "refuse":
            self.stage.refuse(number)
        else:
            self.serve(number, 1.0 if how == "slow" else 0.0)

    @rule(idle=st.sampled_from([5.0, 7.0]), limit=st.sampled_from([0, 0, 2]))
    def change_policy(self, idle: float, limit: int) -> None:
        self.stage.listen(**{**TIMEOUTS, "idle_timeout": idle}, max_connections=limit)

    @rule()
    def leave_and_come_back(self) -> None:
        self.stage.plane.stop_accepting(WEB)
        self.stage.pass_time(0.5, 0.1)
        self.stage.listen(**TIMEOUTS)

    @invariant()
    def rule_1_who_is_out_of_rotation_gets_nothing_new(self) -> None:
        """Rule 1."""
        assert {number: self.stage.tally(number).total for number in self.out} == self.out

    @invariant()
    def places_are_counted(self) -> None:
        live = [self.stage.tally(number).live for number in SERVERS]
        on_the_way = Counter(dispatch.number for dispatch in self.group.under_way)
        for number, count in zip(SERVERS, live, strict=True):
            assert self.group._busy.get(number, 0) == count + on_the_way[number]

    @invariant()
    def little_is_held(self) -> None:
        for peer in [*self.clients, *self.servers]:
            assert len(peer.transport.far.queue) <= 3 * CHUNK + 400

    @invariant()
    def responses_belong_to_their_requests(self) -> None:
        for client in self.clients:
            for asked, said in zip(client.asked, client.answers(), strict=False):
                target = asked.split()[1].encode()
                own = said.body.startswith(b"<!DOCTYPE") or not said.body
                start = said.body.rstrip(b"xy")
                assert own or start == target or (not said.framed and target.startswith(start))

    def teardown(self) -> None:
        self.stage.plane.cut(EVERYTHING)
        self.stage.pass_time(1.2, 0.1)
        for peer in [*self.clients, *self.servers]:
            peer.transport.resumeProducing()
        self.stage.pass_time(25, 0.5)
        assert all(closed(client) for client in self.clients)
        assert self.stage.empty()
        assert self.group._busy == {}
        assert not self.group.under_way
        assert not self.group.waiting
        self.counters_add_up()
        self.responses_belong_to_their_requests()

    def counters_add_up(self) -> None:
        tallies = [self.stage.tally(), *(self.stage.tally(number) for number in SERVERS)]
        for tally in tallies:
            assert tally.live == 0
            assert tally.cut == tally.answered + tally.truncated + tally.closed + tally.aborted
        total, *servers = tallies
        assert sum(tally.failed for tally in servers) == len(self.stage.observer.heard)
        assert total.total <= sum(len(client.asked) for client in self.clients)
        assert sum(tally.cut for tally in servers) <= total.cut


Requests.TestCase.settings = settings(stateful_step_count=50)
TestRequests = Requests.TestCase
