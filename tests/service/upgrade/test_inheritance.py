"""What a process is given: listening sockets, and what an older generation hands on."""

from __future__ import annotations

import os
import socket

from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.state.document import State, write_state
from lbtwist.net.sockets import LENT, Descriptor, name_of
from lbtwist.service.upgrade.inheritance import CHANNEL, OLDER, STATE, inherit
from lbtwist.service.upgrade.launching import environment


def listening() -> tuple[int, int]:
    """A descriptor, and the port it listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return os.dup(server.fileno()), server.getsockname()[1]


def memory(content: bytes) -> int:
    fd = os.memfd_create("state")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def test_nothing_is_given() -> None:
    inheritance = inherit([])
    assert (inheritance.succeeds, inheritance.state) == (False, None)


def test_rule_74_each_descriptor_is_what_its_name_says() -> None:
    own, lent = parse_endpoint("127.0.0.1:0"), parse_endpoint("127.0.0.2:0")
    (first, port), (second, _) = listening(), listening()
    near, far = socket.socketpair()
    older, other = socket.socketpair()
    given = [
        (first, name_of(own)),
        (second, LENT + name_of(lent)),
        (near.detach(), CHANNEL),
        (memory(write_state(State())), STATE),
        (older.detach(), f"{OLDER}7"),
    ]
    inheritance = inherit(given)
    assert inheritance.channel is not None
    with far, other, inheritance.channel, inheritance.older[f"{OLDER}7"]:
        assert (inheritance.succeeds, inheritance.state) == (True, State())
        taken, borrowed = inheritance.sockets.take(own), inheritance.sockets.take(lent)
        assert taken is not None
        assert borrowed is not None
        with taken, borrowed:
            assert taken.getsockname()[1] == port
            for endpoint, each in ((own, taken), (lent, borrowed)):
                inheritance.sockets.hold(endpoint, each.fileno())
            names = [each.name for each in inheritance.sockets.held()]
            assert names == [name_of(own), LENT + name_of(lent)]
            assert inheritance.sockets.release(taken.fileno()), "it is the older one's still"
            inheritance.sockets.hold(own, taken.fileno())
            inheritance.sockets.own()
            assert not inheritance.sockets.release(taken.fileno())
            assert inheritance.sockets.release(borrowed.fileno())
        inheritance.sockets._taken[0][1].close()


def test_the_next_process_is_told_what_it_is_given() -> None:
    given = [Descriptor("127.0.0.1%3A80", 9), Descriptor(CHANNEL, 4)]
    told = environment(given, {"PATH": "/bin", "WATCHDOG_PID": "1", "LISTEN_FDS": "7"}, 42)
    assert told == {
        "PATH": "/bin",
        "LISTEN_PID": "42",
        "LISTEN_FDS": "2",
        "LISTEN_FDNAMES": f"127.0.0.1%3A80:{CHANNEL}",
        "WATCHDOG_PID": "42",
    }
