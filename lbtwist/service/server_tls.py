"""What the files of a group's TLS settings hold at present."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config import GroupSettings
from lbtwist.model.config.words import dotted
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.tls.trust import BadCredentials, trust_of
from lbtwist.service.certificates import expired, exposed


def read_server_tls(settings: GroupSettings) -> ServerTLS | None:
    """How the servers of the group are spoken to over TLS; None: as it is. The key may be in the file of
    the certificate.

    Raises BadCredentials where a file can't be read, or has not what it should.
    """
    if not settings.tls:
        return None
    certificate, key = settings.tls_certificate, settings.tls_key or settings.tls_certificate
    tls = ServerTLS(
        settings.tls_verify,
        _read("tls_ca", settings.tls_ca) if settings.tls_ca else None,
        settings.tls_name,
        _read("tls_certificate", certificate) if certificate else b"",
        _read("tls_key", key) if key else b"",
    )
    try:
        trust_of(tls)
    except BadCredentials as bad:
        raise BadCredentials(bad.key, f"{_file(settings, bad.key)} {bad}") from None
    return tls


def check_server_tls(groups: Mapping[str, GroupSettings]) -> None:
    """Raises ConfigurationError with each group that has a bad file. Blocks on the disk."""
    problems = [problem for name, settings in groups.items() for problem in problems_of(name, settings)]
    if problems:
        raise ConfigurationError(problems)


def problems_of(
    name: str,
    settings: GroupSettings,
    reading: Callable[[GroupSettings], ServerTLS | None] = read_server_tls,
) -> Iterator[Problem]:
    """What is wrong with the files of the group of that name, read by `reading`."""
    try:
        reading(settings)
    except BadCredentials as bad:
        yield Problem(dotted(("server_groups", name, bad.key)), str(bad))


def warnings(groups: Mapping[str, GroupSettings], now: datetime) -> Iterator[str]:
    """What is wrong with our own certificates for servers, though they can be used. Blocks on the disk."""
    for name, settings in groups.items():
        certificate, key = settings.tls_certificate, settings.tls_key or settings.tls_certificate
        if not settings.tls or certificate is None or key is None:
            continue
        where = dotted(("server_groups", name))
        if why := expired(certificate, now):
            yield f"{where}.tls_certificate: {certificate} {why}"
        if why := exposed(key):
            yield f"{where}.{'tls_key' if settings.tls_key else 'tls_certificate'}: {key} {why}"


def _read(key: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCredentials(key, f"{path} can't be read: {error.strerror}") from None


def _file(settings: GroupSettings, key: str) -> Path:
    path = getattr(settings, key) or settings.tls_certificate
    assert isinstance(path, Path)
    return path
