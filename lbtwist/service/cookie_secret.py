"""What persistence cookies are made with where the file says no secret: made once, and kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from twisted.logger import Logger

from lbtwist.service.secret_file import make_once

NAME = "cookie_secret"
SIZE = 32
"""Bytes: as many as SHA-256 has (RFC 2104, section 3)."""

log = Logger()


class CookieSecret:
    """The secret of this load balancer, made when it is first asked for."""

    def __init__(self, directory: Path | None, random: Callable[[int], bytes]) -> None:
        """It is kept in `directory`, without one until the process ends. `random` gives so many bytes."""
        self._directory = directory
        self._random = random
        self._secret = b""

    def __call__(self) -> bytes:
        """Raises OSError where it can't be kept or read, ValueError for a file that is none of ours."""
        if not self._secret:
            self._secret = self._kept(self._directory / NAME) if self._directory else self._forgotten()
        return self._secret

    def _kept(self, path: Path) -> bytes:
        make_once(path, lambda: self._random(SIZE))
        return _read(path)

    def _forgotten(self) -> bytes:
        log.warn(
            "there is neither a state_file nor a secret of session_persistence:"
            " cookies do not survive a restart"
        )
        return self._random(SIZE)


def _read(path: Path) -> bytes:
    # O_NONBLOCK: a FIFO must not hold up the start.
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"{path}: it is not a file")
        if mode & 0o077:
            raise ValueError(
                f"{path}: others may read it (mode {stat.S_IMODE(mode):04o}, at most 0600 is allowed)"
            )
        secret = file.read(SIZE + 1)
    if len(secret) != SIZE:
        raise ValueError(f"{path}: it has not {SIZE} bytes; without it a new one is made")
    return secret
