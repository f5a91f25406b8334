"""The configurations that are compared, and the frames, are what they should be."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from benchmarks.cases.checks import COUNT, GROUP
from benchmarks.cases.many import address, for_haproxy, for_lbtwist
from benchmarks.cases.tail import GROUP as DRAINING
from benchmarks.ground import CONFIGURATIONS, Ground, filled
from benchmarks.load.frames import ECHO, MASK, MESSAGE, TEXT
from benchmarks.proxies import TEMPLATES, WHERE
from lbtwist.model.config import parse

PORTS = {where: str(9001 + index) for index, where in enumerate(WHERE)}


@pytest.fixture
def values(tmp_path: Path) -> dict[str, str]:
    """What every configuration may be filled with."""
    ground = Ground(tmp_path, 0, 1, backend=8001, echo=8002, iperf=8003)
    more = {"DIRECTORY": str(tmp_path), "MODULE": "", "STREAM": "", "MORE": ""}
    return {**ground.values, **PORTS, **more, "PROTOCOL": "http", "GROUP": "", "SERVERS": ""}


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGURATIONS.iterdir()))
def test_every_place_of_a_configuration_is_filled(values: dict[str, str], name: str) -> None:
    assert not re.search("@[A-Z]+@", filled(name, values))


@pytest.mark.parametrize("template", TEMPLATES.values())
def test_every_proxy_listens_for_all_that_is_compared(values: dict[str, str], template: str) -> None:
    text = filled(template, values)
    if template == "nginx.conf":
        text += filled("nginx-stream.conf", values)
    assert set(re.findall(r"127\.0\.0\.1:(90\d\d)", text)) == set(PORTS.values())


def test_each_location_of_nginx_adds_the_client(values: dict[str, str]) -> None:
    """One that sets any field inherits none."""
    locations = re.findall(r"location / {(.*?)}", filled("nginx.conf", values), re.DOTALL)
    assert [text.count("proxy_set_header X-Forwarded-For") for text in locations] == [1, 1]


def test_a_place_that_nothing_is_known_for_is_an_error(values: dict[str, str]) -> None:
    del values["ECHO"]
    with pytest.raises(KeyError, match="ECHO"):
        filled("lb.toml", values)


def test_ours_is_valid(values: dict[str, str]) -> None:
    config = parse(tomllib.loads(filled("lb.toml", values)))
    assert {name: listener.protocol for name, listener in config.listeners.items()} == {
        "http": "http", "websocket": "http", "tcp": "tcp", "bulk": "tcp",
    }  # fmt: skip


@pytest.mark.parametrize(("protocol", "group"), [("http", ""), ("http", GROUP), ("tcp", DRAINING)])
def test_ours_with_many_servers_is_valid(values: dict[str, str], protocol: str, group: str) -> None:
    values |= {"PROTOCOL": protocol, "GROUP": group, "SERVERS": for_lbtwist(range(COUNT), 80)}
    config = parse(tomllib.loads(filled("lb-many.toml", values)))
    assert len(config.server_groups["app"].servers) == COUNT


def test_servers_have_addresses_of_their_own_on_loopback() -> None:
    addresses = {address(number) for number in range(70_000)}
    assert len(addresses) == 70_000
    assert all(each.startswith("127.") for each in addresses)
    assert for_lbtwist([257], 80) == 's257 = "127.1.1.1:80"'
    assert for_haproxy([3, 4], 80).split() == [
        "server", "s3", "127.1.0.3:80", "server", "s4", "127.1.0.4:80",
    ]  # fmt: skip


def test_the_message_unmasked_is_the_text_of_its_echo() -> None:
    assert MESSAGE[:6] == b"\x81\xa0" + MASK
    assert bytes(byte ^ MASK[index % 4] for index, byte in enumerate(MESSAGE[6:])) == TEXT
    assert ECHO == b"\x81\x20" + TEXT
