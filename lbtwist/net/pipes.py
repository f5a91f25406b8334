"""Pipes for bulk data: so many at the most, and some kept for the next who needs one."""

from __future__ import annotations

import fcntl
import os
from typing import NamedTuple

SIZE = 1024 * 1024
"""Bytes of one pipe: what the kernel allows every user (`fs.pipe-max-size`)."""
LIMIT = 64
"""Pipes at once: as many of this SIZE as the kernel allows a user (`fs.pipe-user-pages-soft`)."""
SPARE = 16
"""Empty ones that are kept."""
PATIENCE = 64
"""So many times a pipe is not even tried for after one could not be made."""


class Pipe(NamedTuple):
    """Both descriptors, non-blocking."""

    exit: int
    """Where bytes come out."""
    entry: int

    def close(self) -> None:
        os.close(self.exit)
        os.close(self.entry)


class Pipes:
    """The pipes of one data plane."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.busy = 0
        """Those that were taken and not given back."""
        self._spare: list[Pipe] = []
        self._patience = 0

    def take(self) -> Pipe | None:
        """An empty pipe; None where there are as many as there may be, or none can be made now (no
        descriptors, or the user has too many pipes)."""
        if self.busy >= self.limit:
            return None
        pipe = self._spare.pop() if self._spare else self._made()
        if pipe is not None:
            self.busy += 1
        return pipe

    def give_back(self, pipe: Pipe, *, empty: bool) -> None:
        """It is used no more. One with bytes in it, which nobody gets, is closed."""
        self.busy -= 1
        if empty and len(self._spare) < SPARE and self.busy + len(self._spare) < self.limit:
            self._spare.append(pipe)
        else:
            pipe.close()

    def allow(self, limit: int) -> None:
        """So many from now on, those that are taken included; 0: none are kept either."""
        self.limit = limit
        while self._spare and self.busy + len(self._spare) > limit:
            self._spare.pop().close()

    def _made(self) -> Pipe | None:
        if self._patience:
            self._patience -= 1
            return None
        try:
            return made()
        except OSError:  # EMFILE, ENFILE; EPERM: pipes of this size are used up
            self._patience = PATIENCE
            return None


def made() -> Pipe:
    """A new pipe of SIZE. Raises OSError."""
    pipe = Pipe(*os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))
    try:
        fcntl.fcntl(pipe.entry, fcntl.F_SETPIPE_SZ, SIZE)
    except OSError:
        pipe.close()
        raise
    return pipe
