"""A file with a secret that is made once, and that its owner alone may read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def make_once(path: Path, secret: Callable[[], bytes]) -> None:
    """Write what `secret` gives, unless there is something at `path`. Raises OSError, and leaves no half."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(secret())
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        path.unlink()
        raise
