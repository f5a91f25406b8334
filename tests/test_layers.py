"""Imports point down: tap → console, status → service → net → model, wire → errors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lbtwist

ROOT = Path(lbtwist.__file__).parent
LAYERS = [
    {"__init__", "__version__", "errors", "interfaces"},
    {"model", "wire"},
    {"net"},
    {"service"},
    {"console", "status"},
    {"assembly", "preflight"},
    {"demo"},
    {"tap"},
]
HEIGHT = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}
IMPURE = {"twisted", "socket", "time", "select", "random", "os", "asyncio", "threading", "subprocess"}
FILES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The modules that `path` imports, inside functions and under TYPE_CHECKING too."""
    package = ["lbtwist", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield from (f"{module}.{name.name}" for name in node.names)


def ours(path: Path) -> set[str]:
    """The rooms of lbtwist that `path` imports from: `net` for `lbtwist.net.relay`."""
    return {[*name.split("."), "__init__"][1] for name in imports(path) if name.split(".")[0] == "lbtwist"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    room = path.relative_to(ROOT).with_suffix("").parts[0]
    below = (
        {"model", "errors"} if room == "interfaces" else {to for to in HEIGHT if HEIGHT[to] <= HEIGHT[room]}
    )
    assert ours(path) - below == set()


@pytest.mark.parametrize("room", ["model", "wire"])
def test_decisions_and_parsers_are_pure(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        assert {name for name in imports(path) if name.split(".")[0] in IMPURE} == set()


def test_the_seam_knows_twisted_only_by_its_interfaces() -> None:
    modules = {name.rpartition(".")[0] for name in imports(ROOT / "interfaces.py")}
    twisted = {module for module in modules if module.startswith("twisted")}
    assert twisted <= {"twisted.internet.defer", "twisted.internet.interfaces"}
