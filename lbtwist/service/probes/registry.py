"""The check that a group's settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from lbtwist.interfaces import IHealthCheck
from lbtwist.net.dialing import IDialer
from lbtwist.service.probes.http import HTTPCheck
from lbtwist.service.probes.question import CodeRange, Question
from lbtwist.service.probes.tcp import TCPCheck
from lbtwist.service.probes.trust import Trust


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
    settings: Settings, dialer: IDialer, clock: IReactorTime, authorities: bytes | None = None
) -> IHealthCheck:
    """A check for all servers of a group, by its type.

    `authorities` are the certificates, in PEM, that `https` trusts instead of the system's. Raises
    ValueError where they are none, or for what can't be asked by HTTP, and KeyError for another type.
    """
    return CHECKS[settings.type](settings, dialer, clock, authorities)


def _tcp(settings: Settings, dialer: IDialer, clock: IReactorTime, authorities: bytes | None) -> IHealthCheck:
    return TCPCheck(dialer, clock, settings.timeout, settings.port)


def _http(
    settings: Settings, dialer: IDialer, clock: IReactorTime, authorities: bytes | None
) -> IHealthCheck:
    return HTTPCheck(_question(settings), dialer, clock, settings.timeout, settings.port)


def _https(
    settings: Settings, dialer: IDialer, clock: IReactorTime, authorities: bytes | None
) -> IHealthCheck:
    trust = Trust(authorities)
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


CHECKS: Mapping[str, Callable[[Settings, IDialer, IReactorTime, bytes | None], IHealthCheck]] = {
    "tcp": _tcp,
    "http": _http,
    "https": _https,
}
"""How each type of check is made."""
