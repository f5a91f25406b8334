"""The cookie that keeps a client on its server, among those that are the server's own: RFC 6265."""

from __future__ import annotations

from collections.abc import Sequence


def cookie(values: Sequence[bytes], name: bytes) -> bytes | None:
    """What the cookie `name` has in the Cookie fields of a request; the first, where it stands twice."""
    for pair in b";".join(values).split(b";"):
        key, _, value = pair.partition(b"=")
        if key.strip(b" \t") == name:
            return value.strip(b" \t")
    return None


def without_cookie(value: bytes, name: bytes) -> bytes:
    """A value of Cookie without each cookie `name`; empty when it has no other."""
    if name not in value:
        return value
    pairs = (pair.strip(b" \t") for pair in value.split(b";"))
    return b"; ".join(pair for pair in pairs if pair and pair.partition(b"=")[0].rstrip(b" \t") != name)


def tying_cookie(name: bytes, value: bytes, max_age: float, *, secure: bool = False) -> bytes:
    """The value of the Set-Cookie that ties a client to its server for `max_age` seconds; a `secure` one
    comes back over TLS alone."""
    only = b"; Secure" if secure else b""
    return b"%b=%b; Path=/; HttpOnly; Max-Age=%d%b" % (name, value, max_age, only)
