"""The files of listeners with TLS, read and judged: before anything is changed, and never by a connection."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config import ListenerSettings
from lbtwist.model.config.words import dotted
from lbtwist.model.listener_tls import KeyPair, ListenerTLS
from lbtwist.net.tls.contexts import Unfit, contexts_of
from lbtwist.net.tls.key_pair import BadPEM, read_certificates

MAX_BYTES = 1024 * 1024
"""A file that is larger is no certificate."""
_ALPN = (b"http/1.1",)


def read_tls(
    listeners: Mapping[str, ListenerSettings], known: Mapping[str, ListenerTLS | None]
) -> dict[str, ListenerTLS]:
    """What each listener with TLS has in its files now. Blocks on the disk.

    What is `known`, as it was read before, is not judged again. Raises ConfigurationError with every file
    that can't be read, or is not what it should be.
    """
    problems: list[Problem] = []
    found = {
        name: tls
        for name, settings in listeners.items()
        if (tls := _Reading(name, settings, problems).read(known.get(name))) is not None
    }
    if problems:
        raise ConfigurationError(problems)
    return found


def warnings(listeners: Mapping[str, ListenerSettings], now: datetime) -> Iterator[str]:
    """What is wrong with the files of listeners though they can be used: certificates that are expired, or
    not valid yet, and keys that others may read. Blocks on the disk."""
    for name, settings in listeners.items():
        for index, pair in enumerate(settings.certificates):
            where = dotted(("listeners", name, "certificates", index))
            if why := expired(pair.certificate, now):
                yield f"{where}.certificate: {pair.certificate} {why}"
            if why := exposed(pair.key):
                yield f"{where}.key: {pair.key} {why}"


class _Reading:
    """The files of one listener."""

    def __init__(self, name: str, settings: ListenerSettings, problems: list[Problem]) -> None:
        """What is wrong is added to `problems`."""
        self._name = name
        self._settings = settings
        self._problems = problems

    def read(self, known: ListenerTLS | None) -> ListenerTLS | None:
        """None for a listener without TLS, or with a problem."""
        settings = self._settings
        if not settings.has_tls:
            return None
        before = len(self._problems)
        tls = ListenerTLS(
            certificates=tuple(self._pairs()),
            client_auth=settings.client_auth,
            client_ca=self._file("client_ca", path=settings.client_ca) if settings.client_ca else b"",
            min_version=settings.tls_min_version,
            ciphers=settings.ciphers,
            cipher_suites=settings.cipher_suites,
            alpn=_ALPN if settings.speaks_http else (),
        )
        if len(self._problems) == before and tls != known:
            self._judge(tls)
        return tls if len(self._problems) == before else None

    def _pairs(self) -> Iterator[KeyPair]:
        for index, pair in enumerate(self._settings.certificates):
            certificate = self._file("certificates", index, "certificate", path=pair.certificate)
            yield KeyPair(certificate, self._file("certificates", index, "key", path=pair.key))

    def _file(self, *key: str | int, path: Path) -> bytes:
        try:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
        except OSError as error:
            self._tell(*key, why=f"{path} can't be read: {error.strerror}")
            return b""
        if len(content) > MAX_BYTES:
            self._tell(*key, why=f"{path} is larger than {MAX_BYTES} bytes")
        return content

    def _judge(self, tls: ListenerTLS) -> None:
        settings = self._settings
        try:
            contexts_of(tls)
        except Unfit as unfit:
            if unfit.index is None:
                self._tell("client_ca", why=f"{settings.client_ca} {unfit}")
            else:
                pair = settings.certificates[unfit.index]
                key, path = ("key", pair.key) if unfit.of_key else ("certificate", pair.certificate)
                self._tell("certificates", unfit.index, key, why=f"{path} {unfit}")

    def _tell(self, *key: str | int, why: str) -> None:
        self._problems.append(Problem(dotted(("listeners", self._name, *key)), why))


def expired(path: Path, now: datetime) -> str:
    """Why the certificate at `path` is not to be used at that time; empty for one that is."""
    try:
        first = read_certificates(path.read_bytes())[0]
    except (OSError, BadPEM):
        return ""
    if now > first.not_valid_after_utc:
        return f"has expired on {first.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if now < first.not_valid_before_utc:
        return f"is not valid before {first.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def exposed(path: Path) -> str:
    """Why the key at `path` is no secret; empty for one that is."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""
    return f"can be read by others: its mode is {mode:o}, and should be 600" if mode & stat.S_IROTH else ""
