"""Writing files so that whatever happens, each is there as it was or as it is to be."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from lbtwist.errors import Refused
from lbtwist.service.configfile import read_text
from lbtwist.service.textdiff import Rewritten

BACKUP = "~"
"""What the name of the file that was there before ends with."""


def check_unchanged(files: Sequence[Rewritten]) -> None:
    """Raises Refused where one is not as it was when it was last read. Blocks on the disk."""
    for file in files:
        if read_text(file.source) != file.before:
            raise Refused(
                f"{file.source} was changed since it was last read: reload first; where it has changed the "
                "same key as an operator, it wins"
            )


def write_all(files: Sequence[Rewritten]) -> list[str]:
    """Write each file at once: a new one beside it takes its place, with its mode and owner, and the one
    before is kept beside it. Blocks on the disk. Returns what was written, a line each.

    Raises Refused where one may not be written, or was changed since it was read: nothing is written
    then, or the error says what was.
    """
    places = [os.path.realpath(file.source) for file in files]
    fresh: list[str] = []
    written: list[str] = []
    try:
        for file, place in zip(files, places, strict=True):
            fresh.append(_beside(place, file.after))
        check_unchanged(files)
        for place in places:
            _keep(place)
        for name, place in zip(fresh, places, strict=True):
            os.replace(name, place)
            written.append(f"{place} written, the one before is {place}{BACKUP}")
        for directory in {os.path.dirname(place) for place in places}:
            _sync(directory)
    except OSError as error:
        raise _refused(error, places, written) from error
    finally:
        for name in fresh:
            with suppress(OSError):
                os.unlink(name)
    return written


def _refused(error: OSError, places: Sequence[str], written: Sequence[str]) -> Refused:
    place = places[min(len(written), len(places) - 1)]
    done = f" ({'; '.join(written)})" if written else ""
    return Refused(f"{place} can't be written: {error.strerror or error}{done}")


def _beside(place: str, text: str) -> str:
    """A new file in the directory of the other, with its mode and owner, on the disk."""
    there = os.stat(place)
    descriptor, name = tempfile.mkstemp(prefix=f".{os.path.basename(place)}.", dir=os.path.dirname(place))
    try:
        with open(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            if (there.st_uid, there.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), there.st_uid, there.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(there.st_mode))
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(name)
        raise
    return name


def _keep(place: str) -> None:
    """The file stays under a second name, which always is a whole file."""
    directory = tempfile.mkdtemp(prefix=f".{os.path.basename(place)}.", dir=os.path.dirname(place))
    name = os.path.join(directory, "before")
    try:
        os.link(place, name)
        os.replace(name, place + BACKUP)
    finally:
        with suppress(OSError):
            os.unlink(name)  # it is still there where both were the same file
        with suppress(OSError):
            os.rmdir(directory)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
