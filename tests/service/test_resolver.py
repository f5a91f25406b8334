from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.names import dns

from lbtwist.service.nameservers import NotResolved, Server
from lbtwist.service.resolver import (
    HOSTS_TTL,
    MAX_ALIASES,
    Addresses,
    Family,
    Resolver,
    Service,
    addresses_in,
    known_addresses,
    system_nameservers,
)
from tests.service.nameserver import serving
from tests.service.still import reactor

V4, V6 = Family.IPV4, Family.IPV6


def record(name: str, payload: Any, ttl: int = 300) -> dns.RRHeader:
    return dns.RRHeader(name, payload.TYPE, dns.IN, ttl, payload)


def a(name: str, ip: str, ttl: int = 300) -> dns.RRHeader:
    return record(name, dns.Record_A(ip), ttl)


def cname(name: str, target: str, ttl: int = 300) -> dns.RRHeader:
    return record(name, dns.Record_CNAME(target), ttl)


@pytest.fixture
def unserved(tmp_path: Path) -> Path:
    """A resolv.conf whose name server is asked in vain."""
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 255.255.255.255\n")
    return path


def test_the_addresses_of_a_name_and_of_no_other() -> None:
    records = [a("a.example", "10.0.0.1", 60), a("b.example", "10.0.0.2", 1), a("A.Example", "10.0.0.3")]
    assert addresses_in(records, "a.example", V4) == Addresses(("10.0.0.1", "10.0.0.3"), 60)
    assert addresses_in(records, "a.example", V6) == Addresses((), math.inf)


def test_addresses_of_another_class_are_none() -> None:
    chaos = dns.RRHeader("a.example", dns.A, dns.CH, 60, dns.Record_A("10.0.0.1"))
    assert addresses_in([chaos], "a.example", V4).found == ()
    assert known_addresses([chaos]) == {}


def test_aliases_are_followed_and_their_ttl_counts() -> None:
    records = [
        cname("b.example", "c.example", 30),
        a("c.example", "10.0.0.1"),
        cname("a.example", "B.example"),
    ]
    assert addresses_in(records, "a.example", V4) == Addresses(("10.0.0.1",), 30)


def test_aliases_in_a_circle_end() -> None:
    records = [cname("a.example", "b.example"), cname("b.example", "a.example"), a("x.example", "10.0.0.1")]
    assert addresses_in(records, "a.example", V4).found == ()


def test_a_long_way_of_aliases_is_not_followed() -> None:
    def chain(length: int) -> list[dns.RRHeader]:
        return [cname(f"{n}.example", f"{n + 1}.example") for n in range(length)]

    far = MAX_ALIASES
    assert addresses_in([*chain(far), a(f"{far}.example", "10.0.0.1")], "0.example", V4).found
    far += 1
    assert not addresses_in([*chain(far), a(f"{far}.example", "10.0.0.1")], "0.example", V4).found


def test_known_addresses() -> None:
    records = [
        a("A.example", "10.0.0.1", 60),
        a("a.example", "10.0.0.2", 30),
        record("a.example", dns.Record_AAAA("2001:db8::1")),
        record("a.example", dns.Record_TXT(b"no address")),
    ]
    assert known_addresses(records) == {
        ("a.example", V4): Addresses(("10.0.0.1", "10.0.0.2"), 30),
        ("a.example", V6): Addresses(("2001:db8::1",), 300),
    }


def test_name_servers_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_bytes(
        b"# nameserver 192.0.2.9\nsearch example\nnameserver 192.0.2.1\nnameserver\n nameserver x\xff\n"
        b"nameserver 2001:DB8::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.4\n"
    )
    assert system_nameservers(path) == [("192.0.2.1", 53), ("2001:db8::1", 53), ("fe80::1%eth0", 53)]
    path.write_text("options ndots:5\n")
    assert system_nameservers(path) == [("127.0.0.1", 53)]
    assert system_nameservers(tmp_path / "none") == [("127.0.0.1", 53)]


@pytest_twisted.ensureDeferred
async def test_a_name_in_the_hosts_file_is_not_asked_for(tmp_path: Path, unserved: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.0.1 app App.internal # ours\n10.0.0.2\tapp.internal\n10.0.0.1 app.internal\n")
    resolver = Resolver(reactor, hosts=hosts, resolv_conf=unserved)
    expected = Addresses(("10.0.0.1", "10.0.0.2"), HOSTS_TTL)
    assert await resolver.addresses("app.internal", V4) == expected
    # Where it has IPv4 addresses there, it has no others.
    assert await resolver.addresses("app.internal", V6) == Addresses((), HOSTS_TTL)
    hosts.write_text("::1 app.internal\n")
    assert (await resolver.addresses("app.internal", V6)).found == ("::1",)
    with pytest.raises(NotResolved):
        await resolver.addresses("other.internal", V4)


@pytest_twisted.ensureDeferred
async def test_a_given_name_server_alone_is_asked(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.0.9 a.example\n")
    async with serving() as (zone, _, where):
        zone.put("a.example", dns.Record_CNAME("b.example"), ttl=20)
        zone.put("b.example", dns.Record_A("10.0.0.1"), dns.Record_AAAA("2001:db8::1"))
        resolver = Resolver(reactor, where, hosts)
        assert await resolver.addresses("a.example", V4) == Addresses(("10.0.0.1",), 20)
        assert await resolver.addresses("A.Example", V6) == Addresses(("2001:db8::1",), 20)
        assert await resolver.addresses("b.example", V4) == Addresses(("10.0.0.1",), 300)
        with pytest.raises(NotResolved, match="NXDOMAIN"):
            await resolver.addresses("c.example", V4)


@pytest_twisted.ensureDeferred
async def test_services_and_what_came_with_them() -> None:
    async with serving() as (zone, _, where):
        zone.put(
            "_http._tcp.app", dns.Record_SRV(1, 5, 8080, "A.example"), dns.Record_SRV(2, 0, 81, ""), ttl=30
        )
        zone.add("a.example", dns.Record_A("10.0.0.1"), ttl=7)
        services = await Resolver(reactor, where).services("_http._tcp.app")
    assert services.found == (Service(1, 5, 8080, "a.example"), Service(2, 0, 81, ""))
    assert services.ttl == 30
    assert services.known == {("a.example", V4): Addresses(("10.0.0.1",), 7)}


@pytest_twisted.ensureDeferred
async def test_a_target_that_is_no_text_is_a_problem() -> None:
    async with serving() as (zone, _, where):
        target = dns.Record_SRV(1, 5, 8080, "a")
        target.target.name = b"\xff.example"
        zone.put("_http._tcp.app", target)
        with pytest.raises(NotResolved, match="not one"):
            await Resolver(reactor, where).services("_http._tcp.app")


@pytest_twisted.ensureDeferred
async def test_the_system_is_asked_as_its_files_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as (zone, _, where):
        zone.put("a.example", dns.Record_A("10.0.0.1"))
        asked: list[Path] = []

        def read(path: Path) -> list[Server]:
            asked.append(path)
            return [where]

        monkeypatch.setattr("lbtwist.service.resolver.system_nameservers", read)
        resolver = Resolver(reactor, hosts=tmp_path / "none", resolv_conf=tmp_path / "resolv.conf")
        assert (await resolver.addresses("a.example", V4)).found == ("10.0.0.1",)
        await resolver.addresses("a.example", V4)
    assert asked == [tmp_path / "resolv.conf"] * 2
