"""Servers from the DNS: the SRV records of a service, or the addresses of a name."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from zope.interface import implementer

from lbtwist.interfaces import IServerSource, IServerSourceMaker
from lbtwist.model.address import Address, parse_address
from lbtwist.model.hostname import parse_domain
from lbtwist.model.listing import DEFAULT_WEIGHT, gather
from lbtwist.service.nameservers import NotResolved, Server
from lbtwist.service.resolver import Addresses, Family, Resolver, Resolves, Service
from lbtwist.service.sources.asked import AskedSource, Found, SourceFailed
from lbtwist.service.sources.settings import check_keys, read_interval, read_text

T = TypeVar("T")

SOONEST = 1.0
"""Seconds between two questions at least, whatever the TTL says."""

_SERVICE = re.compile(r"_[^.]+\._[^.]+\..+")


class AddressQuestion:
    """The IPv4 and IPv6 addresses of a name are the servers, all with the group's port."""

    def __init__(self, name: str, port: int, interval: float, resolver: Resolves) -> None:
        self._name = name
        self._port = port
        self._interval = interval
        self._resolver = resolver

    async def ask(self) -> Found:
        """Both families; an answer about one alone would remove the servers of the other."""
        try:
            answers = await both_families(self._resolver, self._name)
            servers = gather((address, DEFAULT_WEIGHT) for address in at_port(answers, self._port))
        except (NotResolved, ValueError) as error:
            raise SourceFailed(f"{self._name}: {error}") from None
        return Found(servers, again(self._interval, answers))


class ServiceQuestion:
    """The services of the lowest priority there is are the servers (RFC 2782)."""

    def __init__(self, name: str, interval: float, resolver: Resolves) -> None:
        self._name = name
        self._interval = interval
        self._resolver = resolver

    async def ask(self) -> Found:
        """The SRV records, then the addresses of those targets that did not come with them."""
        try:
            services = await self._resolver.services(self._name)
            chosen = preferred(services.found)
            targets = sorted({service.target for service in chosen})
            found = await all_of([self._addresses(target, services.known) for target in targets])
            servers = gather(weighed(chosen, dict(zip(targets, found, strict=True))))
        except (NotResolved, ValueError) as error:
            raise SourceFailed(f"{self._name}: {error}") from None
        answers = [answer for answers in found for answer in answers]
        return Found(servers, min(again(self._interval, answers), max(services.ttl, SOONEST)))

    async def _addresses(
        self, target: str, known: Mapping[tuple[str, Family], Addresses]
    ) -> Sequence[Addresses]:
        """A server may leave out what does not fit (RFC 2181, section 9): what is missing is asked for."""
        try:
            parse_domain(target)
            answers = [
                known[target, family]
                if (target, family) in known
                else await self._resolver.addresses(target, family)
                for family in Family
            ]
        except NotResolved as error:
            raise NotResolved(f"{target}: {error}") from None
        if not any(answer.found for answer in answers):
            raise NotResolved(f"{target}: the name has no address")
        return answers


async def both_families(resolver: Resolves, name: str) -> Sequence[Addresses]:
    """The IPv4 and the IPv6 addresses of `name`. Raises NotResolved when either can't be told."""
    return await all_of([resolver.addresses(name, family) for family in Family])


async def all_of(coroutines: Sequence[Coroutine[Deferred[Any], Any, T]]) -> list[T]:
    """What each of them gives, asked at once. When all have ended, raises as the first that failed."""
    asked = [Deferred.fromCoroutine(coroutine) for coroutine in coroutines]
    ended: list[tuple[bool, Any]] = await DeferredList(asked, consumeErrors=True)
    for succeeded, outcome in ended:
        if not succeeded:
            outcome.raiseException()
    return [outcome for _, outcome in ended]


def at_port(answers: Sequence[Addresses], port: int) -> Iterator[Address]:
    """Their addresses. Raises ValueError for what is no server's, as `0.0.0.0` or port 0."""
    for answer in answers:
        for ip in answer.found:
            yield parse_address(f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}")


def preferred(services: Sequence[Service]) -> list[Service]:
    """Those of the lowest priority. A service of the target `.` says that there is none (RFC 2782)."""
    offered = [service for service in services if service.target]
    lowest = min((service.priority for service in offered), default=0)
    return [service for service in offered if service.priority == lowest]


def weighed(
    services: Sequence[Service], addresses: Mapping[str, Sequence[Addresses]]
) -> Iterator[tuple[Address, int]]:
    """Each address of each service, with its share: the heaviest has 100, and none less than 1."""
    heaviest = max((service.weight for service in services), default=0)
    for service in services:
        weight = max(1, round(service.weight * 100 / heaviest)) if heaviest else DEFAULT_WEIGHT
        for address in at_port(addresses[service.target], service.port):
            yield address, weight


def again(interval: float, answers: Sequence[Addresses]) -> float:
    """Seconds until the next question: by the shortest TTL, but not later than `interval`."""
    return max(SOONEST, min([interval, *(answer.ttl for answer in answers)]))


@implementer(IServerSourceMaker)
class DnsMaker:
    """`{ type = "dns", name, resolver = "", interval = 10 }`."""

    name = "dns"

    def make(self, settings: Mapping[str, Any], port: int | None, reactor: Any) -> IServerSource:
        """A source that asks for `name`. Raises ValueError for what is not allowed."""
        check_keys(settings, "name", "resolver", "interval")
        interval = read_interval(settings)
        name = parse_domain(read_text(settings, "name"))
        resolver = Resolver(reactor, _server(read_text(settings, "resolver", "")))
        if _SERVICE.fullmatch(name):
            return AskedSource(ServiceQuestion(name, interval, resolver), interval, reactor)
        if port is None:
            raise ValueError(f"the addresses of {name} have no port: set the group's port")
        return AskedSource(AddressQuestion(name, port, interval, resolver), interval, reactor)


def _server(text: str) -> Server | None:
    """The name server in `resolver`; None for those of the system."""
    if not text:
        return None
    try:
        address = parse_address(text, 53)
    except ValueError:
        address = Address(text)
    if address.port is None:
        raise ValueError(f"resolver: {text!r} is not the IP address of a name server, with a port or without")
    return address.host, address.port
