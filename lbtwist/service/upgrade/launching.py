"""Starting the next generation: fork and exec of the same command line, with descriptors handed on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.channel import Channel, IChannel
from lbtwist.net.sockets import Descriptor
from lbtwist.service.upgrade.inheritance import CHANNEL, STATE, STDERR

FIRST = 3
"""sd_listen_fds(3): so many descriptors from this one on are for that process, under these names."""
PID, COUNT, NAMES = "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"
KEPT_LINES = 20
_STDERR = 2
_NOT_STARTED = 127


class ILaunched(Protocol):
    """A process that is to be the next generation."""

    channel: IChannel
    pid: int

    def last_words(self) -> str:
        """What it has said last on its standard error, some lines; empty when it said nothing."""

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens where it is gone."""

    def gone(self) -> Deferred[None]:
        """Fires when it has ended; to be asked once, and never fires after `let_go`."""

    def let_go(self) -> None:
        """It is on its own."""


class Launched:
    """A real one. What it says on its standard error is passed on to ours."""

    def __init__(self, pid: int, channel: IChannel, words: LastWords, reactor: Any) -> None:
        self.pid = pid
        self.channel = channel
        self._words = words
        self._pidfd = os.pidfd_open(pid)
        self._end = End(self._pidfd, reactor)

    def last_words(self) -> str:
        self._words.doRead()
        return "\n".join(self._words.lines)

    def signal(self, number: signal.Signals) -> None:
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def gone(self) -> Deferred[None]:
        return self._end.wait()

    def let_go(self) -> None:
        self._words.close()
        if self._pidfd >= 0:
            self._end.forget()
            os.close(self._pidfd)
            self._pidfd = -1


@implementer(IReadDescriptor)
class End:
    """Of the process of a pidfd: pidfd_open(2) has that readable from then on."""

    def __init__(self, pidfd: int, reactor: Any) -> None:
        self._pidfd = pidfd
        self._reactor = reactor
        self._ended: Deferred[None] = Deferred()

    def wait(self) -> Deferred[None]:
        self._reactor.addReader(self)
        return self._ended

    def forget(self) -> None:
        self._reactor.removeReader(self)

    def fileno(self) -> int:
        return self._pidfd

    def logPrefix(self) -> str:
        return "upgrade"

    def doRead(self) -> None:
        self.forget()
        self._ended.callback(None)

    def connectionLost(self, reason: Failure) -> None:
        self.forget()


@implementer(IReadDescriptor)
class LastWords:
    """Reads lines from a pipe, keeps the last, and passes all on to standard error."""

    def __init__(self, fd: int, reactor: Any) -> None:
        self.lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._fd = fd
        self._reactor = reactor
        self._rest = b""
        os.set_blocking(fd, False)
        reactor.addReader(self)

    def fileno(self) -> int:
        return self._fd

    def logPrefix(self) -> str:
        return "upgrade"

    def doRead(self) -> None:
        while self._fd >= 0:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return
            if not data:
                self.close()
                return
            with contextlib.suppress(OSError):
                os.write(_STDERR, data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            self.lines.extend(line.decode(errors="replace") for line in lines)

    def connectionLost(self, reason: Failure) -> None:
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            self._reactor.removeReader(self)
            os.close(self._fd)
            self._fd = -1


def launch(reactor: Any, descriptors: Sequence[Descriptor], state: bytes) -> Launched:
    """The same command line again, with `descriptors`, and what operators want as `state`. Raises OSError."""
    ours, theirs = socket.socketpair()
    read, write = os.pipe()
    memory = os.memfd_create(STATE)
    try:
        with theirs, os.fdopen(memory, "wb", closefd=False) as file:
            file.write(state)
            file.flush()
            os.lseek(memory, 0, os.SEEK_SET)
            own = [
                Descriptor(CHANNEL, theirs.fileno()),
                Descriptor(STATE, memory),
                Descriptor(STDERR, _STDERR),
            ]
            pid = _spawn([*descriptors, *own], write)
    except OSError:
        ours.close()
        os.close(read)
        raise
    finally:
        os.close(memory)
        os.close(write)
    return Launched(pid, Channel(ours, reactor), LastWords(read, reactor), reactor)


def environment(descriptors: Sequence[Descriptor], environ: Mapping[str, str], pid: int) -> dict[str, str]:
    """That of process `pid`, which is given `descriptors`."""
    given = {
        **environ,
        PID: str(pid),
        COUNT: str(len(descriptors)),
        NAMES: ":".join(descriptor.name for descriptor in descriptors),
    }
    if "WATCHDOG_PID" in given:
        given["WATCHDOG_PID"] = str(pid)
    return given


def _spawn(descriptors: Sequence[Descriptor], stderr: int) -> int:
    """Its pid. It is nobody's child but the service manager's, which hears when it ends: were it ours,
    nobody would while we are the older generation."""
    read, write = os.pipe()
    middle = os.fork()
    if middle == 0:
        _fork_again(descriptors, stderr, write)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(middle, 0)
    if not told:
        raise OSError("it could not be forked")
    return int(told)


def _fork_again(descriptors: Sequence[Descriptor], stderr: int, write: int) -> NoReturn:
    with contextlib.suppress(OSError):
        pid = os.fork()
        if pid == 0:
            _become(descriptors, stderr)
        os.write(write, str(pid).encode())
    os._exit(0)


def _become(descriptors: Sequence[Descriptor], stderr: int) -> NoReturn:
    """Be the next generation. Only what is open and inheritable goes on."""
    try:
        after = FIRST + len(descriptors)
        # Out of the way first: a place may be another one's source.
        copies = [fcntl.fcntl(each.fileno, fcntl.F_DUPFD_CLOEXEC, after) for each in descriptors]
        errors = fcntl.fcntl(stderr, fcntl.F_DUPFD_CLOEXEC, after)
        for place, copy in enumerate(copies, FIRST):
            os.dup2(copy, place)
        os.dup2(errors, _STDERR)
        arguments = [sys.executable, *sys.orig_argv[1:]]
        own = environment(descriptors, os.environ, os.getpid())
        os.execve(sys.executable, arguments, own)  # noqa: S606 - as this one was started
    except BaseException as error:
        os.write(_STDERR, f"{sys.executable}: {error}\n".encode())
    os._exit(_NOT_STARTED)
