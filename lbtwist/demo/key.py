"""A key pair to log in to the demo's console with, made for one run."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

_COMMENT = b" demo"


def make_key(directory: Path) -> tuple[Path, Path]:
    """Write an ed25519 key pair into `directory`; returns the paths of the private and public key."""
    key = Ed25519PrivateKey.generate()
    private, public = directory / "key", directory / "key.pub"
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + _COMMENT + b"\n"
    )
    return private, public
