"""What the files of a group's TLS settings hold at present."""

from __future__ import annotations

from pathlib import Path

from lbtwist.model.config import GroupSettings
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.tls.trust import BadCredentials, trust_of


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


def _read(key: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCredentials(key, f"{path} can't be read: {error.strerror}") from None


def _file(settings: GroupSettings, key: str) -> Path:
    path = getattr(settings, key) or settings.tls_certificate
    assert isinstance(path, Path)
    return path
