"""Who may log in."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.common import NS
from twisted.conch.ssh.keys import Key
from twisted.cred.credentials import SSHPrivateKey
from twisted.cred.error import UnauthorizedLogin
from twisted.python.failure import Failure

from lbtwist.console.keys import Identity, RoleChecker, RoleFiles, fingerprint, read_line
from lbtwist.service.verbs.verb import Role
from tests.console.recorder import logged

KEY = Key(Ed25519PrivateKey.generate())
OTHER = Key(Ed25519PrivateKey.generate())
EC = Key(ec.generate_private_key(ec.SECP256R1()))
RSA = Key(rsa.generate_private_key(65537, 2048))
SHORT = Key(rsa.generate_private_key(65537, 1024))
LOG = "lbtwist.console.keys"


def line(key: Key, comment: str = "") -> str:
    return " ".join(filter(None, [key.sshType().decode(), b64encode(key.public().blob()).decode(), comment]))


def files(tmp_path: Path, **texts: str) -> RoleFiles:
    paths = {}
    for name, text in texts.items():
        path = paths[Role[name.upper()]] = tmp_path / name
        path.write_text(text)
        path.chmod(0o644)
    return RoleFiles(paths)


def found(held: RoleFiles, key: Key = KEY) -> Identity | None:
    return held.find(key.public().blob())


def ask(held: RoleFiles, key: Key, algorithm: bytes | None = None, signature: bytes | None = None) -> Any:
    results: list[Any] = []
    credentials = SSHPrivateKey(
        b"anyone", algorithm or key.sshType(), key.public().blob(), b"signed", signature
    )
    RoleChecker(held).requestAvatarId(credentials).addBoth(results.append)
    return results[0]


def refused(result: Any) -> bool:
    return isinstance(result, Failure) and result.check(UnauthorizedLogin) is not None


def test_a_fingerprint_is_as_ssh_keygen_shows_it() -> None:
    assert fingerprint(b"") == "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"


@pytest.mark.parametrize("key", [KEY, EC, RSA])
def test_a_line_is_a_key_and_its_comment(key: Key) -> None:
    identity = read_line(line(key, "ops\x1b laptop "), Role.OPERATE)
    assert identity == Identity(Role.OPERATE, key.public().blob(), "ops\\x1b laptop")
    assert identity.name == f"{fingerprint(key.public().blob())} ops\\x1b laptop"
    assert read_line(line(key), Role.READ).name == fingerprint(key.public().blob())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'command="x" {line(KEY)}', "options"),
        (f"no-pty {line(KEY)}", "options"),
        (f'from="10.0.0.1" {line(RSA)}', "options"),
        ("ssh-dss AAAA", "not a public key of a type"),
        ("garbage", "not a public key of a type"),
        ("ssh-ed25519 AAAA", "not a public key"),
        ("ssh-ed25519 AAA", "not a public key"),
        (line(KEY).replace("ssh-ed25519", "ssh-rsa", 1), "says ssh-rsa and is not"),
        (line(SHORT), "at least 2048 bits"),
    ],
    # The keys are made anew each time, and tests that run side by side must be called the same.
    ids=["command", "no-pty", "from", "dss", "garbage", "short", "cut", "of another type", "weak"],
)
def test_any_other_line_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_line(text, Role.READ)


def test_a_key_has_the_role_of_its_file(tmp_path: Path) -> None:
    held = files(tmp_path, read=f"# comment\n\n{line(KEY, 'me')}\n", admin=line(OTHER))
    identity = found(held)
    assert identity is not None
    assert (identity.role, identity.comment) == (Role.READ, "me")
    assert found(held, EC) is None


def test_a_key_in_several_files_has_the_highest_role(tmp_path: Path) -> None:
    held = files(tmp_path, read=line(KEY), admin=line(KEY), operate=line(KEY))
    identity = found(held)
    assert identity is not None
    assert identity.role is Role.ADMIN


def test_a_line_with_options_is_ignored_and_logged_with_its_number_once(
    tmp_path: Path, flush_logged_errors: Any
) -> None:
    with logged(LOG) as lines:
        held = files(tmp_path, admin=f"# first\nno-pty {line(KEY)}\n{line(OTHER)}\n")
        assert found(held) is None
        assert found(held, OTHER) is not None
    assert len(lines) == 1
    assert lines[0].endswith("line 2 is ignored: options before the key are not supported")
    flush_logged_errors()


def test_the_files_are_read_at_each_login(tmp_path: Path) -> None:
    held = files(tmp_path, read="")
    assert found(held) is None
    (tmp_path / "read").write_text(line(KEY))
    assert found(held) is not None
    (tmp_path / "read").write_text(line(OTHER))
    assert found(held) is None


def test_a_file_that_is_not_there_has_no_keys(tmp_path: Path, flush_logged_errors: Any) -> None:
    held = files(tmp_path, read=line(KEY))
    assert found(held) is not None
    (tmp_path / "read").unlink()
    with logged(LOG) as lines:
        assert found(held) is None
        assert found(held) is None
    assert len(lines) == 1
    (tmp_path / "read").write_text(line(KEY))
    assert found(held) is not None
    flush_logged_errors()


def test_a_file_that_anyone_may_write_to_has_no_keys(tmp_path: Path, flush_logged_errors: Any) -> None:
    held = files(tmp_path, read=line(KEY))
    os.chmod(tmp_path / "read", 0o666)
    assert found(held) is None
    flush_logged_errors()


def test_a_key_is_asked_to_sign_only_if_a_file_has_it(tmp_path: Path) -> None:
    held = files(tmp_path, read=line(KEY))
    assert ask(held, KEY).check(ValidPublicKey)
    assert refused(ask(held, OTHER))


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(KEY, b"ssh-ed25519"), (EC, b"ecdsa-sha2-nistp256"), (RSA, b"rsa-sha2-256"), (RSA, b"rsa-sha2-512")],
)
def test_a_signature_logs_in(tmp_path: Path, key: Key, algorithm: bytes) -> None:
    held = files(tmp_path, operate=line(key, "me"))
    identity = ask(held, key, algorithm, key.sign(b"signed", algorithm))
    assert identity == Identity(Role.OPERATE, key.public().blob(), "me")


def test_a_signature_by_another_key_or_of_something_else_is_refused(tmp_path: Path) -> None:
    held = files(tmp_path, read=line(KEY))
    for signature in (OTHER.sign(b"signed"), KEY.sign(b"other"), NS(b"ssh-ed25519") + NS(b"\0" * 64)):
        assert refused(ask(held, KEY, signature=signature))


def test_sha1_is_refused_and_so_is_another_algorithm_than_named(tmp_path: Path) -> None:
    held = files(tmp_path, read=line(RSA))
    sha1 = RSA.sign(b"signed", b"ssh-rsa")
    assert refused(ask(held, RSA, b"ssh-rsa"))
    assert refused(ask(held, RSA, b"ssh-rsa", sha1))
    assert refused(ask(held, RSA, b"rsa-sha2-512", sha1))
    assert refused(ask(held, RSA, b"rsa-sha2-512", RSA.sign(b"signed", b"rsa-sha2-256")))
