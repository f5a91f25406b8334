"""The page at /: what it is made of, and that nothing from elsewhere gets into it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lbtwist import status
from lbtwist.status.assets import POLICY, TYPES, assets
from lbtwist.status.pages import HEADERS
from tests.status.bench import Scene

FOLDER = Path(status.__file__).parent / "page"
FILES = sorted(FOLDER.iterdir())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
INDEX = (FOLDER / "index.html").read_text(encoding="utf-8")
_REFERENCE = re.compile(r'(?:src|href)="([^#"]+)"')
_IMPORT = re.compile(r'from "\./([\w.]+)"')
_MAKES_HTML = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTML|DOMParser|srcdoc|eval\(|Function\("
)
_INLINE = re.compile(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]* src=)")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_page_has_a_policy_of_its_own(scene: Scene) -> None:
    response = scene.get("/")
    assert (response.status, response.body.decode()) == (200, INDEX)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"] == POLICY.decode()
    others = {name.decode().lower(): value.decode() for name, value in HEADERS.items()}
    del others["content-security-policy"]
    assert others.items() <= response.headers.items()


def test_the_policy_allows_files_from_here_and_no_text_as_html() -> None:
    rules = dict(rule.split(" ", 1) for rule in POLICY.decode().split("; "))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("require-trusted-types-for") == "'script'"
    assert set(rules.values()) == {"'none'", "'self'"}
    assert rules["script-src"] == rules["style-src"] == "'self'"


@pytest.mark.parametrize("path", [path for path in FILES if path.name != "index.html"], ids=lambda p: p.name)
def test_a_part_is_served_as_it_is(scene: Scene, path: Path) -> None:
    response = scene.get(f"/page/{path.name}")
    assert (response.status, response.body) == (200, path.read_bytes())
    assert response.headers["content-type"] == TYPES[path.suffix]
    assert response.headers["content-security-policy"] == HEADERS[b"Content-Security-Policy"].decode()


@pytest.mark.parametrize(
    "path", ["/page/", "/page/index.html", "/page/../assets.py", "/page/%2e%2e/assets.py"]
)
def test_nothing_else_is_served(scene: Scene, path: str) -> None:
    assert scene.get(path).status == 404


def test_what_the_page_asks_for_is_there(scene: Scene) -> None:
    asked = _REFERENCE.findall(INDEX)
    assert {"/page/main.js", "/page/style.css", "/page/icon.svg"} <= set(asked)
    assert {path for path in asked if scene.get(path).status != 200} == set()


def test_every_script_is_used_and_every_import_is_there() -> None:
    imported = {name for path in SCRIPTS for name in _IMPORT.findall(path.read_text(encoding="utf-8"))}
    assert {path.name for path in SCRIPTS} == imported | {"main.js"}
    assert {path.name for path in FILES} - {"index.html"} == {
        path.decode().removeprefix("/page/") for path in assets()
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"\w+://|@import|url\(", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_html_of_text(path: Path) -> None:
    assert not _MAKES_HTML.findall(path.read_text(encoding="utf-8"))


def test_nothing_that_runs_or_colours_stands_in_the_page() -> None:
    assert not _INLINE.findall(INDEX)
    assert _INLINE.findall('<b onclick="x" style="y"><script>')
