"""What this process was given at its start: listening sockets, and what an older generation hands on."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import NamedTuple

from twisted.logger import Logger

from lbtwist.model.state.document import MAX_BYTES, State, read_state
from lbtwist.net.inherited import listening_of
from lbtwist.net.sockets import LENT, ListeningSockets

CHANNEL = "lbtwist-channel"
"""To the generation that started this one."""
STATE = "lbtwist-state"
"""What operators want, as a state file has it."""
STDERR = "lbtwist-stderr"
"""Standard error, once this one is ready: until then the older one reads what is said there."""
OLDER = "lbtwist-older-"
"""Begins the names of the channels to generations that are older still."""
_SPECIAL = (CHANNEL, STATE, STDERR)

log = Logger()


class Inheritance(NamedTuple):
    """What was given."""

    sockets: ListeningSockets
    channel: socket.socket | None = None
    state: State | None = None
    stderr: int | None = None
    older: dict[str, socket.socket] = {}

    @property
    def succeeds(self) -> bool:
        """An older generation runs, and waits for this one."""
        return self.channel is not None

    def restore_stderr(self) -> None:
        """What is said on standard error goes where it went before the upgrade."""
        if self.stderr is not None:
            os.dup2(self.stderr, 2)


def inherit(given: Iterable[tuple[int, str]]) -> Inheritance:
    """What these descriptors are, by their names."""
    special: dict[str, int] = {}
    others: list[tuple[int, str]] = []
    for fileno, name in given:
        if name in _SPECIAL or name.startswith(OLDER):
            os.set_inheritable(fileno, False)
            special[name] = fileno
        else:
            others.append((fileno, name))
    found = list(listening_of(others))
    if CHANNEL not in special:
        return Inheritance(ListeningSockets(lent=found))
    own = [each for each in found if not each.name.startswith(LENT)]
    lent = [(each.name.removeprefix(LENT), each.socket) for each in found if each not in own]
    return Inheritance(
        ListeningSockets(own, lent, borrowed=True),
        socket.socket(fileno=special[CHANNEL]),
        _state(special[STATE]) if STATE in special else None,
        special.get(STDERR),
        {name: socket.socket(fileno=fd) for name, fd in special.items() if name.startswith(OLDER)},
    )


def _state(fd: int) -> State | None:
    with os.fdopen(fd, "rb") as file:
        try:
            return read_state(file.read(MAX_BYTES + 1))
        except ValueError as error:
            log.error("what the older generation handed on of its state can't be read: {error}", error=error)
            return None
