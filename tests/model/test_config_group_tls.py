"""TLS to the servers of a group: what its keys become, and what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from lbtwist.errors import ConfigurationError
from lbtwist.model.config import GroupSettings, parse, plain

GROUP = "[server_groups.app]\n"
DEFAULTS = "[defaults.server_group]\n"
WHOLE = """
tls = true
tls_verify = false
tls_ca = "ca.pem"
tls_name = "App.Internal"
tls_certificate = "own.pem"
tls_key = "own.key"
"""


def group(toml: str) -> GroupSettings:
    return parse(tomllib.loads(toml)).server_groups["app"]


def wrong(toml: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(tomllib.loads(toml))
    return [str(problem) for problem in caught.value.problems]


def tls_of(settings: GroupSettings) -> tuple[Any, ...]:
    return (
        settings.tls,
        settings.tls_verify,
        settings.tls_ca,
        settings.tls_name,
        settings.tls_certificate,
        settings.tls_key,
    )


def test_a_group_has_no_tls_unless_it_says_so_and_verifies_unless_it_says_not() -> None:
    assert tls_of(group(GROUP)) == (False, True, None, "", None, None)
    assert tls_of(group(GROUP + "tls = true")) == (True, True, None, "", None, None)


@pytest.mark.parametrize("protocol", ["tcp", "http"])
def test_every_key_is_for_both_protocols(protocol: str) -> None:
    expected = (True, False, Path("ca.pem"), "app.internal", Path("own.pem"), Path("own.key"))
    assert tls_of(group(GROUP + f'protocol = "{protocol}"\n' + WHOLE)) == expected


def test_what_is_written_is_read_again_as_it_was() -> None:
    for text in (GROUP, GROUP + WHOLE, DEFAULTS + WHOLE.replace("tls = true", "") + GROUP):
        found = parse(tomllib.loads(text))
        assert parse(plain(found)).server_groups == found.server_groups


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("", ""),
        ("APP.internal", "app.internal"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
    ],
)
def test_a_name_or_an_address(name: str, becomes: str) -> None:
    assert group(GROUP + f'tls = true\ntls_name = "{name}"').tls_name == becomes


@pytest.mark.parametrize(
    "name", ['"a b"', '"app.internal:443"', '"*.internal"', '"10.0.0.300"', "7", '"::g"']
)
def test_what_is_neither_is_refused(name: str) -> None:
    (problem,) = wrong(GROUP + f"tls = true\ntls_name = {name}")
    assert problem.startswith("server_groups.app.tls_name: ")
    assert problem.endswith('is not the name of a host, as app.internal, or an IP address, nor ""')


@pytest.mark.parametrize(
    "line", [line for line in WHOLE.split("\n") if line and not line.startswith("tls =")]
)
def test_keys_without_tls_are_told_for_the_servers_would_be_spoken_to_without(line: str) -> None:
    problems = wrong(GROUP + line)
    key = line.partition(" ")[0]
    assert f"server_groups.app.{key}: is for servers that are spoken to over TLS: set tls = true" in problems


def test_what_is_inherited_for_groups_with_tls_is_not_minded() -> None:
    found = group(DEFAULTS + 'tls_ca = "ca.pem"\ntls_key = "own.key"\n' + GROUP)
    assert not found.tls
    assert group(DEFAULTS + 'tls_ca = "ca.pem"\n' + GROUP + "tls = true").tls_ca == Path("ca.pem")


def test_a_key_needs_its_certificate() -> None:
    expected = ["server_groups.app.tls_key: stands without tls_certificate: it is its key"]
    assert wrong(GROUP + 'tls = true\ntls_key = "own.key"') == expected
    expected = ["defaults.server_group.tls_key: stands without tls_certificate: it is its key"]
    assert wrong(DEFAULTS + 'tls_key = "own.key"\n' + GROUP + "tls = true") == expected
