"""Who may come in, as the file says it."""

from __future__ import annotations

import tomllib

import pytest

from lbtwist.errors import ConfigurationError
from lbtwist.model.config import Config, parse, plain, warnings
from lbtwist.model.network import parse_network

WEB = '[listeners.web]\nendpoint = 8080\nprotocol = "http"\n'
MAIL = '[listeners.mail]\nendpoint = 8025\nprotocol = "tcp"\n'
APP = "[server_groups.app]\n"
A_NUMBER = "0, or 0.01–1000000 a second"


def read(toml: str) -> Config:
    return parse(tomllib.loads(toml))


@pytest.mark.parametrize("listener", [WEB, MAIL], ids=["http", "tcp"])
def test_everyone_may_come_where_nothing_is_said(listener: str) -> None:
    (settings,) = read(listener + APP).listeners.values()
    assert (settings.allow, settings.deny, settings.max_connections_per_client) == ((), (), 0)
    assert (settings.rate.per_client, settings.rate.total) == (0.0, 0.0)
    assert (settings.rate.per_client_burst, settings.rate.total_burst) == (0, 0)


@pytest.mark.parametrize("listener", [WEB, MAIL], ids=["http", "tcp"])
def test_what_is_said_is_read_and_written_back(listener: str) -> None:
    config = read(
        f"{listener}allow = ['10.0.0.0/8']\ndeny = ['::ffff:10.0.0.0/104']\nmax_connections_per_client = 3\n"
        f"rate = {{ per_client = 0.5, per_client_burst = 2, total = 1000 }}\n{APP}"
    )
    (settings,) = config.listeners.values()
    assert settings.allow == settings.deny == (parse_network("10.0.0.0/8"),)
    assert (settings.rate.per_client, settings.rate.total) == (0.5, 1000.0)
    (written,) = plain(config)["listeners"].values()
    assert (written["deny"], written["max_connections_per_client"]) == (["10.0.0.0/8"], 3)
    assert repr(written["rate"]["total"]) == "1000"
    assert parse(plain(config)) == config


@pytest.mark.parametrize(
    ("rate", "unused"),
    [
        ("per_client_burst = 5", ["per_client"]),
        ("total_burst = 5, per_client = 1", ["total"]),
        ("per_client = 1, per_client_burst = 5, total = 9, total_burst = 9", []),
    ],
)
def test_a_burst_of_no_rate_is_warned_about(rate: str, unused: list[str]) -> None:
    told = warnings(read(f"{WEB}rate = {{ {rate} }}\n{APP}servers = ['10.0.0.1:80']\n"))
    assert [line for line in told if "_burst" in line] == [
        f"listeners.web.rate.{whose}_burst: is not used: {whose} is 0, which is no limit" for whose in unused
    ]


def test_rates_are_inherited_key_by_key() -> None:
    config = read(f"[defaults.listener.rate]\nper_client = 5\ntotal = 7\n{MAIL}rate.total = 9\n{APP}")
    rate = config.listeners["mail"].rate
    assert (rate.per_client, rate.total) == (5.0, 9.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("deny = ['10.0.0.1']", "deny: '10.0.0.1' is not a network, as 10.0.0.0/8 or 2001:db8::/32"),
        ("max_connections_per_client = -1", "max_connections_per_client: -1 is not 0 or more"),
        ("rate = 5", "rate: 5 is not a table"),
        ("rate.per_client = 0.001", f"rate.per_client: 0.001 is not {A_NUMBER}"),
        ("rate.total = 1000001", f"rate.total: 1000001 is not {A_NUMBER}"),
        ("rate.total = -1", f"rate.total: -1 is not {A_NUMBER}"),
        ("rate.total = nan", f"rate.total: nan is not a number ({A_NUMBER})"),
        ("rate.total = '5/s'", f"rate.total: '5/s' is not a number ({A_NUMBER})"),
        ("rate.total = true", f"rate.total: True is not a number ({A_NUMBER})"),
        ("rate.total_burst = 1.5", "rate.total_burst: 1.5 is not a whole number (0–1000000)"),
    ],
)
def test_wrong_values(line: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(f"{MAIL}{line}\n{APP}")
    assert [str(problem) for problem in caught.value.problems] == [f"listeners.mail.{message}"]
