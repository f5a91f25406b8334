"""The check that a group's settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from lbtwist.interfaces import IHealthCheck
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.dialing import IDialer
from lbtwist.net.tls.trust import Trust, trust_of
from lbtwist.service.probes.http import HTTPCheck
from lbtwist.service.probes.question import CodeRange, Question
from lbtwist.service.probes.tcp import TCPCheck


class Settings(Protocol):
    """What `[server_groups.NAME.health_check]` says, of what concerns one check."""

    @property
    def type(self) -> str:
        """One of CHECKS."""

    @property
    def timeout(self) -> float:
        """Seconds for the whole check."""

    @property
    def port(self) -> int:
        """0: the server's own."""

    @property
    def path(self) -> str: ...

    @property
    def host(self) -> str:
        """Empty: the server's address."""

    @property
    def method(self) -> str: ...

    @property
    def expected_codes(self) -> Collection[CodeRange]: ...

    @property
    def drain_header(self) -> str: ...

    @property
    def drain_codes(self) -> Collection[CodeRange]: ...


def make_check(
    settings: Settings,
    dialer: IDialer,
    clock: IReactorTime,
    authorities: bytes | None = None,
    tls: ServerTLS | None = None,
) -> IHealthCheck:
    """A check for all servers of a group, by its type; with the group's `tls` each is over TLS.

    `authorities` are the certificates, in PEM, that `https` trusts instead of the group's or the system's.
    Raises ValueError where they are none, or for what can't be asked by HTTP, and KeyError for another
    type.
    """
    if settings.type == "https":
        tls = _of_https(settings, authorities, tls)
    return CHECKS[settings.type](settings, dialer, clock, trust_of(tls) if tls else None)


def _of_https(settings: Settings, authorities: bytes | None, tls: ServerTLS | None) -> ServerTLS:
    if tls is None:
        return ServerTLS(authorities=authorities, name=_without_port(settings.host))
    return tls if authorities is None else replace(tls, authorities=authorities)


def _without_port(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _tcp(settings: Settings, dialer: IDialer, clock: IReactorTime, trust: Trust | None) -> IHealthCheck:
    return TCPCheck(dialer, clock, settings.timeout, settings.port, trust)


def _http(settings: Settings, dialer: IDialer, clock: IReactorTime, trust: Trust | None) -> IHealthCheck:
    return HTTPCheck(_question(settings), dialer, clock, settings.timeout, settings.port, trust)


def _question(settings: Settings) -> Question:
    return Question(
        method=settings.method,
        path=settings.path,
        host=settings.host,
        expected=settings.expected_codes,
        drain_header=settings.drain_header,
        drain_codes=settings.drain_codes,
    )


CHECKS: Mapping[str, Callable[[Settings, IDialer, IReactorTime, Trust | None], IHealthCheck]] = {
    "tcp": _tcp,
    "http": _http,
    "https": _http,
}
"""How each type of check is made."""
