"""What the PROXY protocol has in the file: who may tell of clients, and which servers are told."""

from __future__ import annotations

import tomllib

import pytest

from lbtwist.errors import ConfigurationError
from lbtwist.model.config import Config, parse
from lbtwist.model.network import parse_networks

WEB = '[listeners.web]\nendpoint = 8080\nprotocol = "tcp"\n'
TRUSTED = 'trusted_proxies = ["10.0.0.0/8"]\n'
APP = "[server_groups.app]\n"


def read(toml: str) -> Config:
    return parse(tomllib.loads(toml), "lb.toml")


def wrong(toml: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(toml)
    return [str(problem).removeprefix("lb.toml: ") for problem in caught.value.problems]


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_a_listener_behind_proxies(protocol: str) -> None:
    web = read(WEB.replace("tcp", protocol) + "proxy_protocol = true\n" + TRUSTED + APP).listeners["web"]
    assert (web.proxy_protocol, web.trusted_proxies) == (True, parse_networks(["10.0.0.0/8"]))


def test_without_a_word_nothing_is_read_and_nothing_is_sent() -> None:
    config = read(WEB + APP)
    assert (config.listeners["web"].proxy_protocol, config.server_groups["app"].send_proxy) == (False, 0)


@pytest.mark.parametrize("nobody", ["", "trusted_proxies = []\n"])
def test_somebody_has_to_be_trusted(nobody: str) -> None:
    message = "proxy_protocol: needs trusted_proxies: the networks of those whose headers are believed"
    assert wrong(f"{WEB}proxy_protocol = true\n{nobody}{APP}") == [f"listeners.web.{message}"]
    assert wrong(f"[defaults.listener]\nproxy_protocol = true\n{WEB}{nobody}{APP}") == [
        f"defaults.listener.{message}"
    ]
    assert not read(f"{WEB}proxy_protocol = false\n{nobody}{APP}").listeners["web"].proxy_protocol


def test_who_is_at_a_unix_socket_is_trusted() -> None:
    web = WEB.replace("8080", '"unix:/run/lb.sock"')
    assert read(f"{web}proxy_protocol = true\n{APP}").listeners["web"].proxy_protocol


def test_trusted_proxies_may_be_inherited() -> None:
    config = read(f"[defaults.listener]\n{TRUSTED}{WEB}proxy_protocol = true\n{APP}")
    assert config.listeners["web"].trusted_proxies == parse_networks(["10.0.0.0/8"])


@pytest.mark.parametrize("version", [0, 1, 2])
def test_the_version_that_servers_are_sent(version: int) -> None:
    assert read(f"{WEB}{APP}send_proxy = {version}\n").server_groups["app"].send_proxy == version


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (f"{WEB}proxy_protocol = 2\n{APP}", "listeners.web.proxy_protocol: 2 is not one of true, false"),
        (f"{WEB}{APP}send_proxy = 3\n", "server_groups.app.send_proxy: 3 is not in 0–2"),
        (f"{WEB}{APP}send_proxy = true\n", "server_groups.app.send_proxy: True is not a whole number (0–2)"),
    ],
)
def test_wrong_values(toml: str, message: str) -> None:
    assert wrong(toml) == [message]
