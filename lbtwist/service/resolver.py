"""What the names of hosts and services stand for: the system's hosts file first, then its name servers."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Coroutine, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.names import dns
from twisted.names.hosts import searchFileForAll
from twisted.python.filepath import FilePath

from lbtwist.model.address import parse_ipv4, parse_ipv6
from lbtwist.service.nameservers import Nameservers, NotResolved, Server

HOSTS = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")
MAX_SERVERS = 3
"""Of the name servers in resolv.conf(5) the C library asks the first three."""
HOSTS_TTL = 10.0
"""Seconds until the hosts file is looked at again."""
MAX_ALIASES = 16
"""A name that leads on further is not followed."""


class Family(IntEnum):
    """Which addresses of a name; the number is the type of their records."""

    IPV4 = dns.A
    IPV6 = dns.AAAA


_FAMILIES = frozenset(Family)


class Addresses(NamedTuple):
    """What a name stands for."""

    found: tuple[str, ...]
    """IP addresses as the server ordered them; empty when the name has none of that family."""
    ttl: float
    """Seconds for which it holds; infinite when it was not said."""


class Service(NamedTuple):
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


class Services(NamedTuple):
    """The SRV records of a name."""

    found: tuple[Service, ...]
    ttl: float
    """Seconds for which it holds; infinite when it was not said."""
    known: Mapping[tuple[str, Family], Addresses]
    """Addresses of the targets that came with it."""


class Resolves(Protocol):
    """What can tell addresses and services by name."""

    def addresses(self, name: str, family: Family) -> Coroutine[Deferred[Any], Any, Addresses]:
        """The addresses of `name`. Raises NotResolved. Cancelling leaves nothing behind."""

    def services(self, name: str) -> Coroutine[Deferred[Any], Any, Services]:
        """The services at `name`. Raises NotResolved. Cancelling leaves nothing behind."""


class Resolver:
    """Asks one name server, or as the system does: a name in its hosts file is not asked for elsewhere."""

    def __init__(
        self,
        reactor: Any,
        server: Server | None = None,
        hosts: Path = HOSTS,
        resolv_conf: Path = RESOLV_CONF,
    ) -> None:
        """With a `server`, that one alone is asked, and no file is read."""
        self._hosts = None if server else FilePath(str(hosts))
        self._nameservers = Nameservers(
            reactor, lambda: [server] if server else system_nameservers(resolv_conf)
        )

    async def addresses(self, name: str, family: Family) -> Addresses:
        """The addresses of `name`, by way of its aliases (CNAME). Raises NotResolved."""
        if listed := self._in_hosts(name):
            return Addresses(tuple(a for a in listed if (":" in a) == (family is Family.IPV6)), HOSTS_TTL)
        reply = await self._nameservers.ask(name, family)
        return addresses_in(reply.answers, name, family)

    async def services(self, name: str) -> Services:
        """The SRV records of `name`, and what was said of the addresses of their targets.

        Raises NotResolved, also for a record that can't be meant.
        """
        reply = await self._nameservers.ask(name, dns.SRV)
        records, ttl = records_of(reply.answers, name, dns.SRV)
        return Services(tuple(map(_service, records)), ttl, known_addresses(reply.additional))

    def _in_hosts(self, name: str) -> tuple[str, ...]:
        listed = searchFileForAll(self._hosts, name.encode("ascii")) if self._hosts else ()
        return tuple(dict.fromkeys(listed))


def records_of(records: Sequence[dns.RRHeader], name: str, type: int) -> tuple[list[Any], float]:
    """The payloads of `type` that `name` has, itself or by its aliases, and the least TTL on that way."""
    owner, ttl = dns.Name(name), math.inf
    aliases = [record for record in records if record.type == dns.CNAME and record.cls == dns.IN]
    for _ in range(MAX_ALIASES):
        alias = next((record for record in aliases if record.name == owner), None)
        if alias is None:
            break
        payload: Any = alias.payload
        owner, ttl = payload.name, min(ttl, alias.ttl)
    found = [r for r in records if r.type == type and r.cls == dns.IN and r.name == owner]
    return [record.payload for record in found], min([ttl, *(record.ttl for record in found)])


def addresses_in(records: Sequence[dns.RRHeader], name: str, family: Family) -> Addresses:
    """The addresses that `name` has among `records`."""
    found, ttl = records_of(records, name, family)
    return Addresses(tuple(map(_text, found)), ttl)


def known_addresses(records: Sequence[dns.RRHeader]) -> dict[tuple[str, Family], Addresses]:
    """All addresses among `records`, by name in small letters and family."""
    known: dict[tuple[str, Family], Addresses] = {}
    for record in records:
        if record.type in _FAMILIES and record.cls == dns.IN:
            key = record.name.name.decode("ascii", "replace").lower(), Family(record.type)
            found, ttl = known.get(key, Addresses((), math.inf))
            known[key] = Addresses((*found, _text(record.payload)), min(ttl, record.ttl))
    return known


def _text(record: Any) -> str:
    return str(ipaddress.ip_address(record.address))


def _service(record: dns.Record_SRV) -> Service:
    try:
        target = record.target.name.decode("ascii").lower()
    except UnicodeDecodeError:
        raise NotResolved("the answer has a name that is not one") from None
    return Service(record.priority, record.weight, record.port, target)


def system_nameservers(path: Path) -> list[Server]:
    """The name servers in resolv.conf(5); the one of this machine where it names none."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError:
        lines = []
    named = [words[1] for words in map(str.split, lines) if len(words) > 1 and words[0] == "nameserver"]
    return [(host, dns.PORT) for host in map(_ip, named) if host][:MAX_SERVERS] or [("127.0.0.1", dns.PORT)]


def _ip(text: str) -> str:
    """`text` as an IP address; empty when it is none."""
    try:
        return parse_ipv6(text) if ":" in text else parse_ipv4(text)
    except ValueError:
        return ""
