"""Where a connection goes by what its client's TLS asks for: the first rule that matches counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lbtwist.model.routing import is_at


@dataclass(frozen=True, slots=True)
class NameRule:
    """A condition on the ClientHello of a connection, and what becomes of it."""

    server_name: bytes = b""
    """In small letters; `*.example.com` stands for each name below. Empty: any, and none."""
    alpn: tuple[bytes, ...] = ()
    """Protocols of which the client offers one. Empty: any, and none."""
    group: str = ""
    """The server group that it goes to. Empty: it is refused."""

    def matches(self, server_name: bytes, alpn: Collection[bytes]) -> bool:
        """Whether a client that asks for `server_name`, in small letters, and offers `alpn`, meets it."""
        return self.has_name(server_name) and (not self.alpn or any(each in alpn for each in self.alpn))

    def has_name(self, server_name: bytes) -> bool:
        """Whether it is for that name."""
        return is_at(self.server_name, server_name)


def first_by_name(rules: Iterable[NameRule], server_name: bytes, alpn: Collection[bytes]) -> NameRule | None:
    """The rule that such a connection goes by; None where it goes to the listener's own group."""
    return next((rule for rule in rules if rule.matches(server_name, alpn)), None)
