"""A real OpenSSH client, in a thread so that the console can answer it."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.keys import Key
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

SSH = "/usr/bin/ssh"
LIMIT = 20.0
"""Seconds until a client that doesn't answer fails the test."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Account:
    """A key of one kind in a file, and its line for a role file."""

    path: Path
    line: str


def make_account(directory: Path, name: str, kind: str) -> Account:
    """A new key, with `name` as its comment."""
    private = {
        "ed25519": Ed25519PrivateKey.generate,
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    }[kind]()
    key = Key(private)
    path = directory / name
    path.touch(0o600)
    path.write_bytes(key.toString("openssh"))
    return Account(path, key.public().toString("openssh", comment=name.encode()).decode() + "\n")


@dataclass(frozen=True)
class Client:
    """How to reach a console at `port`, knowing its host key."""

    port: int
    known_hosts: Path

    def words(self, account: Account, *words: str) -> list[str]:
        options = [
            f"UserKnownHostsFile={self.known_hosts}",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "BatchMode=yes",
            "LogLevel=ERROR",
        ]
        settings = [word for option in options for word in ("-o", option)]
        given = ["-F", "none", "-p", str(self.port), "-i", str(account.path), *settings]
        return [SSH, *given, *words]

    def run(
        self, account: Account, command: str, *options: str, given: str = ""
    ) -> Deferred[subprocess.CompletedProcess[str]]:
        """`ssh host COMMAND` with `given` on standard input, to its end."""
        words = self.words(account, *options, "127.0.0.1", *([command] if command else []))
        return deferToThread(
            subprocess.run, words, input=given, capture_output=True, text=True, timeout=LIMIT
        )

    def begin(self, account: Account, *words: str) -> subprocess.Popen[bytes]:
        """A client that goes on until it is ended."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self.words(account, *words), stdin=pipe, stdout=pipe, stderr=pipe)

    def at_terminal(self, account: Account, play: Callable[[Terminal], _T], *words: str) -> Deferred[_T]:
        """Run `ssh -tt` on a terminal of 80 columns, and `play` on it."""

        def session() -> _T:
            with Terminal(self.words(account, "-tt", "127.0.0.1", *words)) as terminal:
                return play(terminal)

        return deferToThread(session)


class Terminal:
    """A program on a pseudo terminal. Nothing sleeps: what is typed follows what is seen."""

    def __init__(self, words: list[str]) -> None:
        self._master, slave = os.openpty()
        self._size(80, slave)
        environment = {**os.environ, "TERM": "xterm"}
        self._process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment
        )
        os.close(slave)
        self._seen = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, text: str) -> str:
        """Read until `text` comes: what came before it, and `text`."""
        deadline = time.monotonic() + LIMIT
        while text not in self._seen:
            assert time.monotonic() < deadline, f"{text!r} does not come, only {self._seen!r}"
            if select.select([self._master], [], [], 0.2)[0]:
                self._seen += os.read(self._master, 65536).decode()
        before, found, self._seen = self._seen.partition(text)
        return before + found

    def resize(self, columns: int) -> None:
        self._size(columns, self._master)
        self._process.send_signal(signal.SIGWINCH)

    def status(self) -> int:
        """The exit status, once the program has ended."""
        return self._process.wait(LIMIT)

    def _size(self, columns: int, descriptor: int) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
