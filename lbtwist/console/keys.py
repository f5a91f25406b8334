"""Who may log in: the public keys of the role files, read at each login."""

# mypy: allow-untyped-calls

from __future__ import annotations

import hashlib
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG, S_IWOTH
from typing import Any, BinaryIO

from twisted.conch.checkers import IAuthorizedKeysDB, SSHPublicKeyChecker
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.keys import Key
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from zope.interface import implementer

from lbtwist.console.text import escape
from lbtwist.service.verbs.verb import Role

log = Logger()

SIGNATURES = (
    b"ssh-ed25519",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"rsa-sha2-512",
    b"rsa-sha2-256",
)
"""The algorithms that a client may sign with (RFC 8332 for RSA); no SHA-1."""
MAX_FILE = 1 << 20
"""Bytes of a role file that are read."""
MIN_RSA = 2048
"""Bits of an RSA key, as sshd's RequiredRSASize would have it by NIST SP 800-131A."""
_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
_IGNORED = "console: {path}: line {number} is ignored: {error}"
_LINE = re.compile(rf"({'|'.join(_TYPES)})[ \t]+([A-Za-z0-9+/=]+)(?:[ \t]+(.*))?")


@dataclass(frozen=True, slots=True)
class Identity:
    """One key that may log in."""

    role: Role
    blob: bytes
    """The public key as in RFC 4253, section 6.6."""
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def name(self) -> str:
        """The fingerprint, and the comment where there is one."""
        return f"{self.fingerprint} {self.comment}".rstrip()


def fingerprint(blob: bytes) -> str:
    """The SHA-256 fingerprint of a public key, as ssh-keygen shows it."""
    return "SHA256:" + b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def read_line(line: str, role: Role) -> Identity:
    """One line of a role file: type, key, comment. Raises ValueError with what is wrong.

    A line with options is refused: they would not be honoured.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        if any(kind in line for kind in _TYPES):
            raise ValueError("options before the key are not supported")
        raise ValueError(f"it is not a public key of a type in {', '.join(_TYPES)}")
    try:
        blob = b64decode(match[2], validate=True)
        key = Key.fromString(blob, "blob")
    except Exception as error:  # Conch raises whatever comes of a broken key
        raise ValueError(f"it is not a public key ({type(error).__name__})") from None
    if key.sshType() != match[1].encode():
        raise ValueError(f"it says {match[1]} and is not")
    if key.type() == "RSA" and key.size() < MIN_RSA:
        raise ValueError(f"an RSA key has at least {MIN_RSA} bits")
    return Identity(role, blob, escape((match[3] or "").strip()))


def read_lines(text: str, role: Role) -> Iterator[tuple[int, Identity | ValueError]]:
    """Each line of a role file that is neither empty nor a comment, by its number: whose it is, or what is
    wrong with it."""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            try:
                yield number, read_line(line, role)
            except ValueError as error:
                yield number, error


class RoleFile:
    """The keys of one file, read again whenever it has changed."""

    def __init__(self, path: Path, role: Role) -> None:
        self._path = path
        self._role = role
        self._stamp: object = None
        self._identities: dict[bytes, Identity] = {}

    def find(self, blob: bytes) -> Identity | None:
        """The identity of a public key. A file that can't be read has none, which is logged once."""
        try:
            with _open(self._path) as file:
                status = os.fstat(file.fileno())
                stamp = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
                if stamp != self._stamp:
                    self._stamp, self._identities = stamp, {}
                    self._identities = self._parsed(_text(file, status.st_mode))
        except (OSError, ValueError) as error:
            self._fail(error)
        return self._identities.get(blob)

    def check(self, *, lines: bool) -> Iterator[str]:
        """Why the file as it is now can't be read; with `lines` also what is wrong in which line."""
        try:
            with _open(self._path) as file:
                text = _text(file, os.fstat(file.fileno()).st_mode)
        except (OSError, ValueError) as error:
            yield f"{self._path}: {_reason(error)}"
            return
        for number, read in read_lines(text, self._role):
            if lines and isinstance(read, ValueError):
                yield f"{self._path}: line {number}: {read}"

    def _parsed(self, text: str) -> dict[bytes, Identity]:
        identities: dict[bytes, Identity] = {}
        for number, read in read_lines(text, self._role):
            if isinstance(read, ValueError):
                log.error(_IGNORED, path=self._path, number=number, error=read)
            else:
                identities.setdefault(read.blob, read)
        return identities

    def _fail(self, error: Exception) -> None:
        if isinstance(error, OSError):
            self._identities = {}
            if self._stamp == str(error):
                return
            self._stamp = str(error)
        log.error("console: no key in {path} may log in: {error}", path=self._path, error=_reason(error))


class RoleFiles:
    """The role files: whose key it is, by the highest role that a file gives it."""

    def __init__(self, paths: Mapping[Role, Path]) -> None:
        self._files = [RoleFile(paths[role], role) for role in sorted(paths, reverse=True)]

    def read(self) -> None:
        """Read them now, so that the log tells at the start which lines are ignored."""
        self.find(b"")

    def find(self, blob: bytes) -> Identity | None:
        """The identity of a public key; None for one that no file has."""
        return next(filter(None, (file.find(blob) for file in self._files)), None)


def _open(path: Path) -> BinaryIO:
    """A FIFO in its place holds nothing up."""
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC))


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _text(file: BinaryIO, mode: int) -> str:
    """Raises ValueError where the file is not to be trusted."""
    if not S_ISREG(mode):
        raise ValueError("it is not a file")
    if mode & S_IWOTH:
        raise ValueError("anyone may write to it")
    data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ValueError(f"it has more than {MAX_FILE} bytes")
    return data.decode("utf-8", "replace")


@implementer(IAuthorizedKeysDB)
class _OneKey:
    """What Twisted's checker asks, once the key has been looked up."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob

    def getAuthorizedKeys(self, username: bytes) -> list[Key]:
        return [Key.fromString(self._blob, "blob")]


@implementer(ICredentialsChecker)
class RoleChecker:
    """Checks a client's key against the role files; its avatar ID is an Identity.

    The name that the client gives is of no consequence. A key that no file has is refused before the
    client is asked to sign, so that one with several keys comes to the right one.
    """

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self, files: RoleFiles) -> None:
        self._files = files

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """Fails with UnauthorizedLogin, or with ValidPublicKey where the signature is still to come."""
        identity = self._files.find(credentials.blob)
        if identity is None:
            return fail(UnauthorizedLogin("no file has this key"))
        if not _acceptable(credentials.algName, credentials.signature):
            return fail(UnauthorizedLogin("the signature's algorithm is not accepted"))
        checked: Deferred[object] = SSHPublicKeyChecker(_OneKey(identity.blob)).requestAvatarId(credentials)
        return checked.addCallback(lambda _: identity)


def _acceptable(algorithm: bytes, signature: bytes | None) -> bool:
    """RFC 8332, section 3.2: the signature is made with the algorithm that was named."""
    return algorithm in SIGNATURES and (signature is None or getNS(signature)[0] == algorithm)
