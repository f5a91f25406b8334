"""The host key is made once, and nobody else reads it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.conch.ssh.keys import Key

from lbtwist.console.hostkey import load_host_key
from lbtwist.errors import ConfigurationError


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_host_key(path)
    assert caught.value.problems[0].path == "console.host_key"
    return str(caught.value)


def write(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_it_is_made_at_the_first_start_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        key = load_host_key(tmp_path / "key")
    finally:
        os.umask(before)
    assert key.type() == "Ed25519"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_it_is_the_same_at_the_next(tmp_path: Path) -> None:
    first = load_host_key(tmp_path / "key")
    assert load_host_key(tmp_path / "key") == first


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_one_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    load_host_key(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    assert f"mode {mode:04o}" in refusal(tmp_path / "key")


@pytest.mark.parametrize(
    "key",
    [
        Key(rsa.generate_private_key(65537, 2048)),
        Key(ec.generate_private_key(ec.SECP256R1())),
        Key(Ed25519PrivateKey.generate()).public(),
    ],
    ids=["rsa", "ecdsa", "public"],
)
def test_any_other_kind_is_refused(tmp_path: Path, key: Key) -> None:
    path = write(tmp_path / "key", key.toString("openssh"))
    assert "not a private ed25519 key" in refusal(path)


def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path) -> None:
    for data in (b"", b"hunter2", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"):
        said = refusal(write(tmp_path / "key", data))
        assert "not a private key" in said
        assert "hunter2" not in said


def test_one_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    key = Key(Ed25519PrivateKey.generate()).toString("openssh", passphrase=b"secret")
    assert "encrypted" in refusal(write(tmp_path / "key", key))


def test_a_place_where_it_can_not_be_made_is_named(tmp_path: Path) -> None:
    assert "No such file or directory" in refusal(tmp_path / "none" / "key")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert "not a file" in refusal(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "missing")
    refusal(tmp_path / "link")
    assert not (tmp_path / "missing").exists()
