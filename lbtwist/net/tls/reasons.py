"""Why there is no TLS with a server, in words of which there are not many: they are counted by."""

from __future__ import annotations

from OpenSSL import SSL

CLOSED = "no TLS: closed in the handshake"
EXPIRED = "certificate has expired"

# openssl-verification-options(1) and x509_vfy.h
_VALIDITY = {9: "certificate is not valid yet", 10: EXPIRED}
_TRUST = {
    7: "bad signature",
    18: "self-signed",
    19: "self-signed in its chain",
    20: "issued by nobody known",
    21: "issued by nobody known",
    22: "chain too long",
    23: "revoked",
    26: "not for a server",
    66: "key too weak",
    67: "key of an issuer too weak",
    68: "digest too weak",
    79: "an issuer that is none",
}


def reason_of(error: SSL.Error) -> str:
    """What OpenSSL says was wrong, without its codes; empty where it says nothing."""
    return str(error.args[0][-1][-1]).lower() if error.args and error.args[0] else ""


def of_certificate(code: int) -> str:
    """What is wrong with a certificate, by OpenSSL's code for it."""
    if code in _VALIDITY:
        return _VALIDITY[code]
    return f"certificate is not trusted: {_TRUST.get(code, f'OpenSSL error {code}')}"


def of_problem(problem: BaseException | None) -> str:
    """Why a handshake ended that no certificate has ended."""
    reason = reason_of(problem) if isinstance(problem, SSL.Error) else ""
    return f"no TLS: {reason}" if reason else CLOSED


def of_name(name: str) -> str:
    """A certificate is believed, and is somebody else's than `name`."""
    return f"certificate is not for {name}"
