"""`python -m fuzz.again FILE …`: what was found once more, without atheris. A name begins with its target."""

from __future__ import annotations

import sys
from pathlib import Path

from fuzz.targets import TARGETS

if __name__ == "__main__":
    for name in sys.argv[1:]:
        file = Path(name)
        TARGETS[file.name.partition("-")[0]](file.read_bytes())
