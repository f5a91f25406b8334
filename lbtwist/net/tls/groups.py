"""The groups of a key exchange: those of Mozilla's intermediate profile."""

from __future__ import annotations

from typing import Any, cast

from OpenSSL import SSL

GROUPS = (b"X25519MLKEM768:X25519:P-256:P-384", b"X25519:P-256:P-384")
"""In the order in which they are tried: an OpenSSL before 3.5 does not know the first group."""


def choose_groups(context: SSL.Context) -> None:
    """Have no others than these. pyOpenSSL can choose one group alone; below it there is a call for several,
    and an OpenSSL without that keeps its own groups, which are more and as good."""
    lib = cast(Any, SSL)._lib
    choose = getattr(lib, "SSL_CTX_set1_curves_list", None)
    if choose is not None and not any(choose(cast(Any, context)._context, groups) for groups in GROUPS):
        raise ValueError(f"OpenSSL knows none of {GROUPS}")
    lib.ERR_clear_error()  # of one that it does not know: the next call would find it and take it for its own
