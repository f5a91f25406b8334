"""The files of state: read with a bound, written whole or not at all, readable by their owner alone.

Everything here blocks on the disk.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def read_whole(path: Path, bound: int) -> bytes | None:
    """At most `bound` bytes and one more of the file; None where there is none. Raises OSError."""
    try:
        with _opened(path) as file:
            return file.read(bound + 1)
    except FileNotFoundError:
        return None


def read_end(path: Path, bound: int) -> tuple[bytes, bool]:
    """The last `bound` bytes of the file, and whether that is all of it. Raises OSError."""
    try:
        with _opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - bound))
            return file.read(bound), size <= bound
    except FileNotFoundError:
        return b"", True


def write_whole(path: Path, content: bytes) -> None:
    """The file is as before or as `content`, whatever happens. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(_create(new, os.O_TRUNC), "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # one that is left from before may have another mode
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    _sync_directory(path.parent)


def append(path: Path, content: bytes) -> None:
    """More at the end of the file, which is made where there is none. Raises OSError."""
    with os.fdopen(_create(path, os.O_APPEND), "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def set_aside(path: Path, to: Path) -> None:
    """Rename the file, where there is one. Raises OSError."""
    if os.path.lexists(path):
        os.rename(path, to)
        _sync_directory(path.parent)


def _opened(path: Path) -> BinaryIO:
    # O_NONBLOCK: a FIFO must not hold up the start.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is not a file")
    return file


def _create(path: Path, how: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | how | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
