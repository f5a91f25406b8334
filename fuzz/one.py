"""`python -m fuzz.one TARGET OPTIONS …`: one target under libFuzzer, until it is told to end."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["lbtwist"]):
    from fuzz.targets import TARGETS

if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()
