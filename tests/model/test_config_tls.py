"""What TLS has in the file: protocols of listeners, certificates, and what clients have to show."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from lbtwist.errors import ConfigurationError
from lbtwist.model.config import Config, ListenerSettings, parse, plain, warnings
from lbtwist.model.listener_tls import CIPHER_SUITES, CIPHERS, ClientAuth

CERTIFICATES = 'certificates = [{ certificate = "a.pem", key = "a.key" }]\n'
WEB = f'[listeners.web]\nendpoint = 8443\nprotocol = "https"\n{CERTIFICATES}'
MAIL = f'[listeners.mail]\nendpoint = 8465\nprotocol = "tls"\n{CERTIFICATES}'
PLAIN = '[listeners.plain]\nendpoint = 8080\nprotocol = "http"\n'
APP = "[server_groups.app]\n"


def read(toml: str) -> Config:
    return parse(tomllib.loads(toml), "lb.toml", Path("/etc/lb"))


def web(toml: str = "") -> ListenerSettings:
    return read(WEB + toml + APP).listeners["web"]


def wrong(toml: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(toml)
    return [str(problem).removeprefix("lb.toml: ") for problem in caught.value.problems]


def test_defaults_of_a_listener_with_tls() -> None:
    listener = web()
    assert (listener.client_auth, listener.client_ca) == (ClientAuth.NONE, None)
    assert (listener.handshake_timeout, listener.tls_min_version) == (10, "1.2")
    assert (listener.ciphers, listener.cipher_suites) == (CIPHERS, CIPHER_SUITES)


def test_all_that_a_listener_with_tls_may_say() -> None:
    listener = web(
        "client_auth = 'require'\nclient_ca = 'ca.pem'\nhandshake_timeout = '5s'\ntls_min_version = '1.3'\n"
        "ciphers = ['ECDHE-RSA-AES128-GCM-SHA256']\ncipher_suites = ['TLS_AES_256_GCM_SHA384']\n"
    )
    assert (listener.client_auth, listener.client_ca) == (ClientAuth.REQUIRE, Path("/etc/lb/ca.pem"))
    assert (listener.handshake_timeout, listener.tls_min_version) == (5, "1.3")
    assert listener.ciphers == ("ECDHE-RSA-AES128-GCM-SHA256",)
    assert listener.cipher_suites == ("TLS_AES_256_GCM_SHA384",)


def test_paths_of_certificates_are_relative_to_the_file() -> None:
    [one] = web().certificates
    assert (one.certificate, one.key) == (Path("/etc/lb/a.pem"), Path("/etc/lb/a.key"))
    inherited = read(f"[defaults.listener]\n{CERTIFICATES}{PLAIN.replace('http', 'https')}{APP}")
    assert inherited.listeners["plain"].certificates == web().certificates


@pytest.mark.parametrize(("listener", "protocol"), [(MAIL, "tcp"), (WEB, "http"), (WEB + PLAIN, "http")])
def test_a_group_of_a_listener_with_tls_speaks_without(listener: str, protocol: str) -> None:
    assert read(listener + APP).server_groups["app"].protocol == protocol


def test_listeners_with_tls_have_the_idle_timeouts_of_those_without() -> None:
    config = read(f"{WEB}server_group = 'app'\n{MAIL}server_group = 'mail'\n{APP}[server_groups.mail]\n")
    assert (config.listeners["web"].idle_timeout, config.listeners["mail"].idle_timeout) == (60, 1800)


def test_groups_of_other_kinds_are_refused() -> None:
    assert wrong(f"{WEB}{APP}protocol = 'tcp'\n") == [
        "server_groups.app.protocol: 'tcp' differs from \"http\", the protocol of listeners.web"
    ]
    assert wrong(f"{MAIL}{WEB}{APP}") == [
        "server_groups.app: is used by listeners.mail (tcp) and listeners.web (http): "
        "a group has one protocol"
    ]
    assert wrong(f"{WEB}{APP}protocol = 'https'\n") == [
        'server_groups.app.protocol: \'https\' is not one of "tcp", "http"'
    ]


@pytest.mark.parametrize(
    "line",
    [
        CERTIFICATES,
        "client_auth = 'none'\n",
        "client_ca = 'ca.pem'\n",
        "handshake_timeout = 5\n",
        "tls_min_version = '1.2'\n",
        f"ciphers = ['{CIPHERS[0]}']\n",
        f"cipher_suites = ['{CIPHER_SUITES[0]}']\n",
    ],
)
def test_keys_that_only_tls_has_are_refused_of_others_and_not_used_where_inherited(line: str) -> None:
    key = line.partition(" ")[0]
    assert wrong(PLAIN + line + APP) == [
        f'listeners.plain.{key}: is not a known key of protocol "http": it is for "tls", "https"'
    ]
    default = read(PLAIN + APP)
    assert read(f"[defaults.listener]\n{line}{PLAIN}{APP}").listeners == default.listeners


def test_http_keys_are_for_https_and_not_for_tls() -> None:
    assert web("request_timeout = 7\n").request_timeout == 7
    assert wrong(f"{MAIL}request_timeout = 7\n{APP}") == [
        'listeners.mail.request_timeout: is not a known key of protocol "tls": it is for "http", "https"'
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("client_auth = 'require'", "client_ca: is required with client_auth = 'require'"),
        ("client_auth = 'optional'", "client_ca: is required with client_auth = 'optional'"),
        ("client_auth = true", 'client_auth: True is not one of "none", "optional", "require"'),
        ("handshake_timeout = 0", "handshake_timeout: 0 is not in 0.1–300 s"),
        ("tls_min_version = '1.1'", 'tls_min_version: \'1.1\' is not one of "1.2", "1.3"'),
        ("cipher_suites = []", "cipher_suites: [] is not a list of some of"),
        ("ciphers = 'HIGH'", "ciphers: 'HIGH' is not a list of some of"),
        ("ciphers = ['RC4-SHA']", "ciphers: 'RC4-SHA' is not one of \"ECDHE-ECDSA-AES128-GCM-SHA256\""),
    ],
)
def test_wrong_values(line: str, message: str) -> None:
    [found] = wrong(f"{WEB}{line}\n{APP}")
    assert found.startswith(f"listeners.web.{message}")


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        (None, ['certificates: is required: [{ certificate = "site.pem", key = "site.key" }]']),
        ("[]", ['certificates: is required: [{ certificate = "site.pem", key = "site.key" }]']),
        ("[{ key = 'a' }]", ["certificates[0].certificate: is required (path of a file)"]),
        ("[{ certificate = 'a', key = 7 }]", ["certificates[0].key: 7 is not the path of a file"]),
    ],
)
def test_certificates_are_required(value: str | None, messages: list[str]) -> None:
    line = "" if value is None else f"certificates = {value}\n"
    assert wrong(WEB.replace(CERTIFICATES, line) + APP) == [f"listeners.web.{m}" for m in messages]


def test_what_the_defaults_leave_out_is_told_of_them() -> None:
    defaults = "[defaults.listener]\ncertificates = []\nclient_auth = 'require'\nclient_ca = ''\n"
    assert wrong(defaults + WEB.replace(CERTIFICATES, "") + APP) == [
        'defaults.listener.certificates: is required: [{ certificate = "site.pem", key = "site.key" }]',
        "defaults.listener.client_ca: is required with client_auth = 'require'",
    ]


def test_a_client_ca_that_nobody_needs_is_warned_about() -> None:
    told = warnings(read(f"{WEB}client_ca = 'ca.pem'\n{APP}servers = ['10.0.0.1:80']\n"))
    assert [line for line in told if "client_ca" in line] == [
        'listeners.web.client_ca: is not used: client_auth is "none"'
    ]


def test_everything_of_tls_reads_back_to_the_same() -> None:
    config = read(f"{WEB}client_auth = 'optional'\nclient_ca = 'ca.pem'\n{APP}servers = ['10.0.0.1:80']\n")
    written: dict[str, Any] = plain(config)
    assert parse(written) == config
    assert "certificates" not in plain(read(PLAIN + APP))["listeners"]["plain"]
