"""The console's host key: one ed25519, made at the first start."""

# mypy: allow-untyped-calls

from __future__ import annotations

import os
import stat
from errno import ENOENT
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.conch.ssh.keys import EncryptedKeyError, Key

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.service.secret_file import make_once

MAX_FILE = 65536
_PATH = "console.host_key"


def load_host_key(path: Path) -> Key:
    """The key in `path`, which is made where there is none, readable by its owner alone.

    Raises ConfigurationError where it can't be read or made, is no ed25519 key, or others may read it.
    """
    try:
        make_once(path, _new_key)
        return _parsed(path, _read(path))
    except OSError as error:
        raise _wrong(path, error.strerror or str(error)) from None


def check_host_key(path: Path) -> None:
    """Raise ConfigurationError where `load_host_key` would; nothing is made."""
    try:
        if path.exists():
            _parsed(path, _read(path))
        elif not path.parent.is_dir():
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT))
    except OSError as error:
        raise _wrong(path, error.strerror or str(error)) from None


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _read(path: Path) -> bytes:
    # O_NONBLOCK: a FIFO must not hold up the start.
    with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise _wrong(path, "it is not a file")
        if mode & 0o077:
            raise _wrong(path, f"others may read it (mode {stat.S_IMODE(mode):04o}, at most 0600 is allowed)")
        return file.read(MAX_FILE)


def _parsed(path: Path, data: bytes) -> Key:
    try:
        key: Key = Key.fromString(data)
    except EncryptedKeyError:
        raise _wrong(path, "it is encrypted") from None
    except Exception:  # Conch raises whatever comes of a broken file
        raise _wrong(path, "it is not a private key") from None
    # An RSA key would be offered with SHA-1 as well.
    if key.isPublic() or key.type() != "Ed25519":
        raise _wrong(path, "it is not a private ed25519 key")
    return key


def _wrong(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(_PATH, f"{path}: {message}")])
