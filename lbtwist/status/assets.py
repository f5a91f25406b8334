"""The page at / and what it is made of, read from the package once."""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePosixPath

from twisted.web.server import Request

from lbtwist.status.pages import Answer, Page

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX = "index.html"
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Files from here alone, nothing that stands in the page itself, and no text ever becomes HTML."""


def index(request: Request) -> Answer:
    """Answers /."""
    request.setHeader(b"Content-Security-Policy", POLICY)
    return _ANSWERS[INDEX]


def assets() -> dict[bytes, Page]:
    """What the page asks for, by path."""
    return {f"/page/{name}".encode(): _page(answer) for name, answer in _ANSWERS.items() if name != INDEX}


def _page(answer: Answer) -> Page:
    return lambda request: answer


def _read() -> dict[str, Answer]:
    found = files("lbtwist.status").joinpath("page").iterdir()
    return {each.name: Answer(each.read_bytes(), TYPES[PurePosixPath(each.name).suffix]) for each in found}


_ANSWERS = _read()
