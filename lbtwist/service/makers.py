"""What a group's settings name, made: its checks, its source of servers, what resolves its names."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.interfaces import IHealthCheck, IScheduler, ISchedulerMaker, IServerSource, IServerSourceMaker
from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings
from lbtwist.model.hostname import HostName
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.dialing import IDialer
from lbtwist.net.introducing import IntroducingDialer
from lbtwist.net.tls.trust import trust_of
from lbtwist.service.checks import Checks
from lbtwist.service.plugins import scheduler_makers, source_makers
from lbtwist.service.probes.registry import make_check
from lbtwist.service.probes.tcp import TCPCheck
from lbtwist.service.resolver import Resolver
from lbtwist.service.resolving import Resolving
from lbtwist.service.server_tls import problems_of, read_server_tls
from lbtwist.service.sources.registry import BUILT_IN

PROBE_TIMEOUT = 3.0
"""Seconds of a check that nobody has configured: the default of those that are."""


class Makers(NamedTuple):
    """How a group gets what its settings name; tests give others."""

    checks: Callable[[GroupSettings], Checks | None]
    """Health checks; None where the settings ask for none."""
    probe: Callable[[GroupSettings], IHealthCheck]
    """One check by the settings; where they ask for none, whether it can be connected."""
    source: Callable[[GroupSettings], IServerSource | None]
    """The source of a discovered group."""
    resolving: Callable[[HostName, Callable[[Address | None, str], None]], Resolving]
    """What finds the address of a server that is given by name."""
    secret: Callable[[GroupSettings], bytes]
    """What the persistence cookies of a group are made with; empty for a group without them."""
    tls: Callable[[GroupSettings], ServerTLS | None] = read_server_tls
    """How the servers of a group are spoken to over TLS, by what its files hold now; None: as it is."""

    def check(self, groups: Mapping[str, GroupSettings]) -> None:
        """Raises ConfigurationError with whatever can't be made of the settings of `groups`: certificates
        that can't be read, keys that a plugin does not take. Nothing of what was made is used."""
        problems = [
            problem for name, settings in groups.items() for problem in self._problems(name, settings)
        ]
        if problems:
            raise ConfigurationError(problems)

    def _problems(self, group: str, settings: GroupSettings) -> Iterator[Problem]:
        if found := list(problems_of(group, settings, self.tls)):
            yield from found
            return
        making: tuple[tuple[str, Callable[[GroupSettings], object]], ...] = (
            ("health_check", self.checks),
            ("discovery", self.source),
            ("session_persistence", self.secret),
        )
        for key, make in making:
            try:
                make(settings)
            except (OSError, ValueError) as error:
                yield Problem(f"server_groups.{group}.{key}", str(error))


def makers(reactor: Any, dialer: IDialer, secret: Callable[[], bytes]) -> Makers:
    """Those of a running load balancer: checks connect by `dialer`, everything lives in `reactor`, and
    cookies are made with `secret` where their group has none of its own."""
    return Makers(
        checks=partial(_checks, dialer=dialer, reactor=reactor),
        probe=partial(_probe, dialer=dialer, reactor=reactor),
        source=partial(_source, reactor=reactor),
        resolving=partial(_resolving, reactor=reactor, resolver=Resolver(reactor)),
        secret=partial(_secret, made=secret),
    )


def make_scheduler(name: str) -> IScheduler:
    """A scheduler of that kind, built in or a plugin's."""
    return scheduler_kinds()[name].make(random.random)


@cache
def scheduler_kinds() -> Mapping[str, ISchedulerMaker]:
    """The kinds of schedulers by name: plugins are looked for once."""
    return scheduler_makers()


@cache
def source_kinds() -> Mapping[str, IServerSourceMaker]:
    """The kinds of sources by name: plugins are looked for once."""
    return source_makers(BUILT_IN)


def _checks(settings: GroupSettings, *, dialer: IDialer, reactor: Any) -> Checks | None:
    wanted = settings.health_check
    if wanted is None or wanted.type == "none":
        return None
    return Checks(_probe(settings, dialer=dialer, reactor=reactor), wanted.interval, reactor)


def _probe(settings: GroupSettings, *, dialer: IDialer, reactor: Any) -> IHealthCheck:
    wanted, tls = settings.health_check, read_server_tls(settings)
    dialer = _introducing(settings, dialer)
    if wanted is None or wanted.type == "none":
        return TCPCheck(dialer, reactor, PROBE_TIMEOUT, trust=trust_of(tls) if tls else None)
    authorities = Path(wanted.ca).read_bytes() if wanted.ca else None
    return make_check(wanted, dialer, reactor, authorities, tls)


def _introducing(settings: GroupSettings, dialer: IDialer) -> IDialer:
    """What checks connect by: on another port there may be someone who knows nothing of PROXY headers."""
    elsewhere = settings.health_check is not None and settings.health_check.port
    return IntroducingDialer(dialer, settings.send_proxy) if settings.send_proxy and not elsewhere else dialer


def _source(settings: GroupSettings, *, reactor: Any) -> IServerSource | None:
    wanted = settings.discovery
    if wanted is None:
        return None
    return source_kinds()[wanted.type].make(wanted.options, settings.port, reactor)


def _secret(settings: GroupSettings, *, made: Callable[[], bytes]) -> bytes:
    persistence = settings.session_persistence
    if not persistence.by_cookie:
        return b""
    return persistence.secret.value if persistence.secret else made()


def _resolving(
    name: HostName,
    heard: Callable[[Address | None, str], None],
    *,
    reactor: Any,
    resolver: Resolver,
) -> Resolving:
    return Resolving(name, reactor, resolver, heard)
