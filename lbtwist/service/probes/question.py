"""What an HTTP check asks, and which answers are good."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from lbtwist.model.address import Address

CodeRange = tuple[int, int]
"""The lowest and the highest of a range of status codes."""

_PATH = re.compile(r'/[!-"$-~]*')  # RFC 9112, 3.2.1: a fragment is no part of what is asked for
_HOST = re.compile(r"((?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)?")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]*")  # RFC 9110, 5.6.2


@dataclass(frozen=True, slots=True)
class Question:
    """The request of an HTTP check and the judgement of its answer. Raises ValueError for what is no HTTP."""

    method: str = "GET"
    path: str = "/"
    host: str = ""
    """For the Host field and, over TLS, the certificate; empty: the server's address."""
    expected: Collection[CodeRange] = ((200, 399),)
    drain_header: str = ""
    """A field by which the server asks to be drained (rule 31); empty: none."""
    drain_codes: Collection[CodeRange] = ()
    """Status codes by which it does."""

    def __post_init__(self) -> None:
        for name, form, value in (
            ("method", re.compile("GET|HEAD"), self.method),
            ("path", _PATH, self.path),
            ("host", _HOST, self.host),
            ("drain_header", _TOKEN, self.drain_header),
        ):
            if not form.fullmatch(value):
                raise ValueError(f"{value!r} can't be the {name} of a check")

    def url(self, scheme: str, address: Address) -> bytes:
        """What is asked of the server at `address`."""
        return f"{scheme}://{self.host or authority(address)}{self.path}".encode("ascii")

    def drains(self, status: int, has_field: Callable[[str], bool]) -> bool:
        """Whether an answer of that status, with such fields, asks for a drain (rule 31)."""
        return _within(status, self.drain_codes) or (self.drain_header != "" and has_field(self.drain_header))

    def accepts(self, status: int) -> bool:
        """Whether an answer of that status is a pass."""
        return _within(status, self.expected)

    def reason(self, status: int, drains: bool = False) -> str:
        """The outcome in words, as `status 503 not in 200-399`."""
        if drains:
            return f"status {status}, asks to be drained"
        return (
            f"status {status}" if self.accepts(status) else f"status {status} not in {_said(self.expected)}"
        )


def authority(address: Address) -> str:
    """Who is asked at `address`, where nobody said: its address and port, for a Unix socket `localhost`."""
    if address.is_unix:
        return "localhost"
    return str(Address(address.host.partition("%")[0], address.port))  # a zone is nobody else's (RFC 6874, 4)


def _within(status: int, ranges: Collection[CodeRange]) -> bool:
    return any(low <= status <= high for low, high in ranges)


def _said(ranges: Collection[CodeRange]) -> str:
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges)
