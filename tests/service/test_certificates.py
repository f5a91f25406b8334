"""The files of listeners with TLS: read, judged, warned about, and read again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from lbtwist.errors import ConfigurationError, Refused
from lbtwist.model.listener_tls import KeyPair
from lbtwist.service.certificates import MAX_BYTES, warnings
from lbtwist.service.loading import Loaded
from lbtwist.service.reload import Reloader
from lbtwist.service.switching import disable, enable
from lbtwist.service.verbs import filing
from lbtwist.service.verbs.verb import Result
from tests.certificates import DAY, WEAK, Issued, authority, issue
from tests.service.bench import ADA, Bench, config

OURS = authority()
SITE = issue(OURS, ["example.com"])
APP = '[server_groups.app]\nservers = ["10.0.0.1:80"]\n'
PLACE = "listeners.web.certificates[0]"


class Site:
    """A balancer with one https listener whose files stand in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.certificate, self.key = SITE.write(directory, "site")

    def toml(self, more: str = "") -> str:
        return (
            '[listeners.web]\nendpoint = "127.0.0.1:8443"\nprotocol = "https"\n'
            f'certificates = [{{ certificate = "{self.certificate}", key = "{self.key}" }}]\n{more}{APP}'
        )

    def refused(self, more: str = "") -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            Bench(self.toml(more))
        return [str(problem) for problem in caught.value.problems]

    def warned(self) -> list[str]:
        return list(warnings(config(self.toml()).listeners, datetime.now(UTC)))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def served(bench: Bench) -> tuple[KeyPair, ...]:
    """What the data plane proves itself with."""
    (policy,) = bench.plane.policies.values()
    return policy.tls.certificates if policy.tls else ()


def pair(issued: Issued) -> tuple[KeyPair]:
    return (KeyPair(issued.pem, issued.key_pem),)


def test_the_data_plane_gets_what_stands_in_the_files(site: Site) -> None:
    bench = Bench(site.toml())
    (policy,) = bench.plane.policies.values()
    assert served(bench) == pair(SITE)
    assert (policy.protocol, policy.handshake_timeout) == ("https", 10)
    assert policy.tls is not None
    assert policy.tls.alpn == (b"http/1.1",)


def test_what_a_tls_listener_speaks_is_not_told_by_us(site: Site) -> None:
    bench = Bench(site.toml().replace("https", "tls"))
    (policy,) = bench.plane.policies.values()
    assert policy.tls is not None
    assert policy.tls.alpn == ()


def test_keys_are_not_shown(site: Site) -> None:
    (policy,) = Bench(site.toml()).plane.policies.values()
    assert "PRIVATE" not in repr(policy)


def test_a_file_that_is_missing_is_told_with_its_place(site: Site) -> None:
    site.certificate.unlink()
    site.key.unlink()
    assert site.refused() == [
        f"{PLACE}.certificate: {site.certificate} can't be read: No such file or directory",
        f"{PLACE}.key: {site.key} can't be read: No such file or directory",
    ]


def test_what_is_no_certificate_is_refused(site: Site) -> None:
    site.certificate.write_text("nonsense")
    assert site.refused() == [f"{PLACE}.certificate: {site.certificate} has no certificate in PEM"]


def test_what_is_too_large_is_refused(site: Site) -> None:
    site.certificate.write_bytes(SITE.pem + b"\n" * MAX_BYTES)
    assert site.refused() == [f"{PLACE}.certificate: {site.certificate} is larger than {MAX_BYTES} bytes"]


def test_what_is_no_key_is_refused_and_not_shown(site: Site) -> None:
    site.key.write_bytes(SITE.pem)
    assert site.refused() == [f"{PLACE}.key: {site.key} has no private key in PEM"]


def test_a_key_with_a_passphrase_is_refused(site: Site) -> None:
    encrypted = SITE.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    site.key.write_bytes(encrypted)
    assert site.refused() == [f"{PLACE}.key: {site.key} is encrypted: a key without a passphrase is needed"]


def test_a_key_of_another_certificate_is_refused(site: Site) -> None:
    site.key.write_bytes(issue(OURS, ["example.com"]).key_pem)
    assert site.refused() == [f"{PLACE}.key: {site.key} is not the key of the certificate"]


def test_a_key_that_is_too_weak_is_refused(site: Site) -> None:
    issue(OURS, ["example.com"], curve=WEAK).write(site.directory, "site")
    assert site.refused() == [f"{PLACE}.certificate: {site.certificate} is not usable: ee key too small"]


def test_what_is_no_authority_of_clients_is_refused(site: Site, tmp_path: Path) -> None:
    lines = f"client_auth = 'require'\nclient_ca = '{tmp_path}/ca.pem'\n"
    assert site.refused(lines) == [
        f"listeners.web.client_ca: {tmp_path}/ca.pem can't be read: No such file or directory"
    ]
    (tmp_path / "ca.pem").write_text("nonsense")
    assert site.refused(lines) == [f"listeners.web.client_ca: {tmp_path}/ca.pem has no certificate in PEM"]


@pytest.mark.parametrize(
    ("valid", "told"),
    [((-2 * DAY, -DAY), "has expired on "), ((DAY, 2 * DAY), "is not valid before "), ((-DAY, DAY), "")],
)
def test_certificates_out_of_their_time_are_used_and_warned_about(
    valid: tuple[object, object], told: str, site: Site
) -> None:
    issued = issue(OURS, ["example.com"], valid)  # type: ignore[arg-type]
    issued.write(site.directory, "site")
    assert served(Bench(site.toml())) == pair(issued)
    assert [line.startswith(f"{PLACE}.certificate: {site.certificate} {told}") for line in site.warned()] == (
        [True] if told else []
    )


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o604, True)])
def test_a_key_that_others_may_read_is_warned_about(mode: int, warned: bool, site: Site) -> None:
    site.key.chmod(mode)
    assert site.warned() == (
        [f"{PLACE}.key: {site.key} can be read by others: its mode is {mode:o}, and should be 600"]
        if warned
        else []
    )


def test_files_that_are_gone_warn_of_nothing_more(site: Site) -> None:
    site.certificate.unlink()
    site.key.unlink()
    assert site.warned() == []


# Read again.


def reload(bench: Bench, toml: str) -> Deferred[list[str]]:
    return Reloader(bench.balancer, lambda: succeed(Loaded(config(toml)))).reload()


def renew(bench: Bench, *, dry_run: bool = False) -> list[str]:
    done: list[Result] = []
    filing.reload(bench.call(), "certificates", dry_run).addCallback(done.append)
    return list(done[0].data)


def test_a_reload_takes_up_what_was_renewed_and_touches_no_connection(site: Site) -> None:
    bench = Bench(site.toml())
    (connection,) = bench.connect("app/10.0.0.1:80#2")
    renewed = issue(OURS, ["example.com"])
    renewed.write(site.directory, "site")
    done: list[list[str]] = []
    reload(bench, site.toml()).addCallback(done.append)
    assert done == [["listener web has other certificates"]]
    assert served(bench) == pair(renewed)
    assert (connection.live, connection.closing) == (True, False)


def test_a_reload_with_a_bad_file_changes_nothing(
    site: Site, flush_logged_errors: Callable[..., list[Failure]]
) -> None:
    bench = Bench(site.toml())
    site.key.write_bytes(issue(OURS, ["example.com"]).key_pem)
    caught: list[object] = []
    reload(bench, site.toml("request_timeout = 7\n")).addErrback(lambda f: caught.append(f.value))
    assert [str(error) for error in caught] == [f"{PLACE}.key: {site.key} is not the key of the certificate"]
    (policy,) = bench.plane.policies.values()
    assert (served(bench), policy.request_timeout) == (pair(SITE), 60)
    assert len(flush_logged_errors()) == 1


def test_the_verb_takes_up_what_was_renewed(site: Site) -> None:
    bench = Bench(site.toml())
    assert renew(bench) == ["nothing has changed"]
    renewed = issue(OURS, ["example.com"])
    renewed.write(site.directory, "site")
    assert renew(bench, dry_run=True) == ["listener web has other certificates"]
    assert served(bench) == pair(SITE)
    assert renew(bench) == ["listener web has other certificates"]
    assert served(bench) == pair(renewed)
    assert [(event.kind, event.text) for event in bench.balancer.events][-1] == (
        "reload",
        "listener web has other certificates",
    )


def test_the_verb_refuses_a_bad_file_and_changes_nothing(site: Site) -> None:
    bench = Bench(site.toml())
    site.certificate.write_text("nonsense")
    caught: list[object] = []
    filing.reload(bench.call(), "certificates").addErrback(lambda f: caught.append(f.value))
    assert [type(error) for error in caught] == [Refused]
    assert [str(error) for error in caught] == [
        f"{PLACE}.certificate: {site.certificate} has no certificate in PEM"
    ]
    assert served(bench) == pair(SITE)


def test_a_disabled_listener_has_what_was_renewed_when_it_is_enabled(site: Site) -> None:
    bench = Bench(site.toml())
    disable(bench.balancer, "web", ADA)
    renewed = issue(OURS, ["example.com"])
    renewed.write(site.directory, "site")
    assert renew(bench) == ["listener web has other certificates"]
    enable(bench.balancer, "web")
    assert [policy.tls.certificates for policy in bench.plane.policies.values() if policy.tls][-1] == pair(
        renewed
    )
